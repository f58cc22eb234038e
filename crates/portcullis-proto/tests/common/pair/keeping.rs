//! Mappings that are kept, and what can happen to them.

use super::{FOR_EVER, Pair, TIMEOUT};
use core::net::SocketAddr;
use core::time::Duration;
use portcullis_proto::Time;
use portcullis_proto::client::io::{Input, Output};
use portcullis_proto::client::journal::Record;
use portcullis_proto::client::{
    Change, ChangeKind, Client, Config, Error, Event, Granted, MappingId, MappingRequest, Network, Outcome,
};
use portcullis_sim::LinkConfig;
use std::collections::BTreeMap;

impl Pair {
    /// Keeps a mapping and waits until it is granted.
    pub(crate) fn keep(&mut self, request: MappingRequest) -> Result<(MappingId, Granted), Error> {
        let operation = self.start(|client, now| client.keep(now, request, TIMEOUT));
        match self.drive_until_finished(operation)? {
            Outcome::Kept { mapping, granted } => Ok((mapping, granted)),
            other => panic!("{other:?}"),
        }
    }

    /// Ends the keeping, and waits until the mapping is deleted or cannot be.
    pub(crate) fn stop_keeping(&mut self, mapping: MappingId) -> Result<bool, Error> {
        let operation = self.start(|client, now| client.stop_keeping(now, mapping, TIMEOUT));
        match self.drive_until_finished(operation)? {
            Outcome::Closed(closed) => Ok(closed.existed()),
            other => panic!("{other:?}"),
        }
    }

    /// All that happened to mappings that are kept, and when.
    pub(crate) fn changes(&self) -> Vec<(Time, Change)> {
        let changes = self.record.events.iter().filter_map(|(at, event)| match event {
            Event::Changed(change) => Some((*at, change.clone())),
            _ => None,
        });
        changes.collect()
    }

    /// The kinds of the changes of one mapping, in order.
    pub(crate) fn kinds(&self, mapping: MappingId) -> Vec<&'static str> {
        let own = self.changes().into_iter().filter(|(_, change)| change.mapping == mapping);
        own.map(|(_, change)| change.kind.as_str()).collect()
    }

    /// Waits for a change of some kind, from now on; gives its moment.
    pub(crate) fn drive_until(&mut self, kind: &str) -> (Time, Change) {
        let until = self.now + FOR_EVER * 48;
        let mut known = self.record.events.len();
        loop {
            for (at, event) in &self.record.events[known..] {
                match event {
                    Event::Changed(change) if change.kind.as_str() == kind => return (*at, change.clone()),
                    _ => {}
                }
            }
            known = self.record.events.len();
            assert!(self.step_until(until), "never {kind}: {:?}", self.changes().last());
        }
    }

    /// Waits until something is sent that asks for a mapping, from now on.
    pub(crate) fn drive_until_asked(&mut self) {
        let until = self.now + FOR_EVER * 48;
        let mut known = self.record.outputs.len();
        loop {
            for (_, output) in &self.record.outputs[known..] {
                match output {
                    // Neither a question for the address nor one for anything else.
                    Output::Datagram { destination, payload, .. }
                        if destination.port() == 5351 && payload.get(1) != Some(&0) =>
                    {
                        return;
                    }
                    Output::Send { bytes, .. }
                        if String::from_utf8_lossy(bytes).contains("#AddPortMapping") =>
                    {
                        return;
                    }
                    _ => {}
                }
            }
            known = self.record.outputs.len();
            assert!(self.step_until(until), "never asked");
        }
    }

    /// The process is killed, and another one begins in its place: its sockets and connections are gone.
    pub(crate) fn kill(&mut self, next: Client) {
        self.client = next;
        self.sockets.clear();
        self.listeners.clear();
        for connection in core::mem::take(&mut self.connections).into_keys() {
            self.wire.disconnect(self.now, connection);
        }
        self.timeout = None;
        self.record.events.clear();
    }

    /// The process is killed, and none takes its place: what it has sent arrives, and nobody hears the answers.
    pub(crate) fn die(&mut self) {
        self.client = Client::new(Config::default(), Network::default());
        self.sockets.clear();
        self.listeners.clear();
        self.connections.clear();
        self.bound.clear();
        self.owes_answers = 0;
        self.timeout = None;
    }

    /// The operating system gives its sockets ports from here on, so that no two processes of a host have one.
    pub(crate) fn binds_from(&mut self, port: u16) {
        self.next_port = port;
    }

    /// When something happens here.
    pub(crate) fn next(&self) -> Option<Time> {
        [self.timeout, self.next_of_others()].into_iter().flatten().min()
    }

    /// It is so late by now, by a clock that others share.
    pub(crate) fn set_time(&mut self, now: Time) {
        if now > self.now {
            self.now = now;
            self.turns = 0;
        }
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_still(&self) -> bool {
        self.wire.next().is_none()
    }

    /// Whether the last that was told of a mapping is that it is as it should be.
    pub(crate) fn is_well(&self, mapping: MappingId) -> bool {
        let own = self.changes().into_iter().filter(|(_, change)| change.mapping == mapping);
        let states = own.map(|(_, change)| change.kind);
        let mut last = states.filter(|kind| {
            !matches!(kind, ChangeKind::ExternalAddressChanged { .. } | ChangeKind::PortChanged { .. })
        });
        matches!(last.next_back(), Some(ChangeKind::Mapped | ChangeKind::Renewed | ChangeKind::Recovered))
    }

    /// The machine sleeps: time passes, and nothing that happens reaches the client.
    pub(crate) fn suspend(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(next) = self.next_of_others().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            self.turn_of_others();
            self.wire.lose_arrivals(self.now);
        }
        self.now = end;
        self.turns = 0;
        self.input(Input::Timeout);
    }

    /// How many datagrams came from each source since the last call.
    pub(crate) fn take_heard(&mut self) -> BTreeMap<SocketAddr, u32> {
        core::mem::take(&mut self.heard)
    }

    /// One step, if there is one until then.
    pub(crate) fn step_to(&mut self, until: Time) -> bool {
        self.step_until(until)
    }

    /// The links are others from now on; what is on its way arrives as it would have.
    pub(crate) fn set_link(&mut self, link: LinkConfig) {
        self.wire.set_config(link);
    }

    /// The machine's place in the network is another one.
    pub(crate) fn set_network(&mut self, network: Network) {
        self.start(|client, now| client.set_network(now, network));
    }

    /// What the device that was found last calls itself.
    pub(crate) fn found_usn(&self) -> String {
        let (_, device) = super::found(&self.record.events).pop().unwrap();
        device.usn.split("::").next().unwrap().to_owned()
    }

    /// Somebody multicasts this.
    pub(crate) fn multicast(&mut self, from: &str, to: &str, payload: &str) {
        let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
        self.wire.datagram(self.now, from, to, payload.into());
    }

    /// What was written to the journal, with the moment of it.
    pub(crate) fn journal(&self) -> Vec<(Time, Record)> {
        let records = self.record.outputs.iter().filter_map(|(at, output)| match output {
            Output::Journal(record) => Some((*at, record.clone())),
            _ => None,
        });
        records.collect()
    }
}
