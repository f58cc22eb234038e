//! One gateway for several processes, which sees who changes what in its table.

use crate::pair::{Accept, Datagram, GATEWAY, Peer, Wire};
use core::net::{IpAddr, SocketAddr};
use portcullis_proto::client::Method;
use portcullis_proto::client::io::ConnectionId;
use portcullis_proto::{Protocol, Time};
use portcullis_sim::{ConnectionKey, Gateway, Mapping, Quirk, Scenario, Step};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Numbers a process; none is ever used again.
pub(crate) type Number = u32;

/// The external side of a mapping.
pub(crate) type Key = (Protocol, u16);

/// What a table knows a mapping by: its external side and, where each protocol has a table of its own, which it is.
pub(crate) type Slot = (Key, Option<Method>);

/// What one request did to one entry of the table.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) by: Number,
    /// Whether it was asked for by NAT-PMP or PCP.
    pub(crate) by_talk: bool,
    pub(crate) slot: Slot,
    pub(crate) before: Option<Mapping>,
    pub(crate) after: Option<Mapping>,
}

/// The gateway, and what it has sent to whom.
pub(crate) struct Router {
    pub(crate) gateway: Gateway,
    has_separate_tables: bool,
    /// Whether its cable is out.
    pub(crate) is_off: bool,
    /// Whose a port of a host is: the process that sent from it last.
    whose: BTreeMap<SocketAddr, Number>,
    mail: BTreeMap<Number, Vec<Datagram>>,
    pub(crate) changes: Vec<Change>,
}

impl Router {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let has_separate_tables = scenario.has(Quirk::SeparateTables);
        Self {
            gateway: Gateway::new(scenario, GATEWAY.parse().unwrap()),
            has_separate_tables,
            is_off: false,
            whose: BTreeMap::new(),
            mail: BTreeMap::new(),
            changes: Vec::new(),
        }
    }

    /// A request of a process's: what it changes is the process's doing.
    fn ask(&mut self, now: Time, (by, by_talk): (Number, bool), request: impl FnOnce(&mut Gateway)) {
        // What runs out in this moment is nobody's doing.
        self.gateway.handle_timeout(now);
        let before = self.gateway.mappings().to_vec();
        request(&mut self.gateway);
        let after = self.gateway.mappings();
        if before == after {
            return;
        }
        let separate = self.has_separate_tables;
        let find = |mappings: &[Mapping], slot: Slot| {
            mappings.iter().find(|mapping| slot_in(mapping, separate) == slot).cloned()
        };
        let slots: BTreeSet<_> =
            before.iter().chain(after).map(|mapping| slot_in(mapping, separate)).collect();
        for slot in slots {
            let (before, after) = (find(&before, slot), find(after, slot));
            if before != after {
                self.changes.push(Change { by, by_talk, slot, before, after });
            }
        }
    }

    /// What the tables know this mapping by.
    pub(crate) fn slot(&self, mapping: &Mapping) -> Slot {
        slot_in(mapping, self.has_separate_tables)
    }

    /// Where a mapping that was made in this way stands.
    pub(crate) fn slot_of(&self, key: Key, method: Method) -> Slot {
        (key, self.has_separate_tables.then_some(method))
    }

    pub(crate) fn find(&self, slot: Slot) -> Option<&Mapping> {
        self.gateway.mappings().iter().find(|mapping| self.slot(mapping) == slot)
    }

    /// Puts what the gateway has to say where its receivers find it.
    fn sort(&mut self, now: Time) {
        let ssdp = SocketAddr::new(self.gateway.http_address().ip(), 1900);
        while let Some((to, payload)) = self.gateway.poll_datagram(now) {
            self.post(Datagram { from: ssdp, to, payload });
        }
        while let Some(datagram) = self.gateway.poll_port_control(now) {
            let (from, to) = (datagram.source, datagram.destination);
            self.post(Datagram { from, to, payload: datagram.payload });
        }
    }

    fn post(&mut self, datagram: Datagram) {
        if self.is_off {
            return;
        }
        if datagram.to.ip().is_multicast() {
            self.mail.values_mut().for_each(|letters| letters.push(datagram.clone()));
        } else if let Some(letters) = self.whose.get(&datagram.to).and_then(|own| self.mail.get_mut(own)) {
            letters.push(datagram);
        }
    }
}

/// The way of one process to the gateway.
pub(crate) struct Line {
    router: Rc<RefCell<Router>>,
    number: Number,
    keys: BTreeMap<ConnectionId, ConnectionKey>,
}

impl Line {
    pub(crate) fn new(router: &Rc<RefCell<Router>>, number: Number) -> Self {
        router.borrow_mut().mail.insert(number, Vec::new());
        Self { router: Rc::clone(router), number, keys: BTreeMap::new() }
    }

    fn pump(&mut self, now: Time, wire: &mut Wire) {
        let router = &mut *self.router.borrow_mut();
        router.sort(now);
        for letter in router.mail.get_mut(&self.number).map(core::mem::take).unwrap_or_default() {
            wire.datagram(now, letter.from, letter.to, letter.payload);
        }
        let gateway = &mut router.gateway;
        self.keys.retain(|&connection, &mut key| {
            loop {
                match gateway.poll_connection(now, key) {
                    Step::Send(bytes) => wire.write(now, connection, bytes),
                    Step::Finish => {
                        wire.finish(now, connection);
                        return false;
                    }
                    Step::Reset => {
                        wire.reset(now, connection);
                        return false;
                    }
                    Step::Wait => return true,
                }
            }
        });
    }
}

impl Peer for Line {
    fn address(&self) -> IpAddr {
        self.router.borrow().gateway.http_address().ip()
    }

    fn datagram(&mut self, now: Time, datagram: &Datagram, wire: &mut Wire) {
        {
            let router = &mut *self.router.borrow_mut();
            if router.is_off {
                return;
            }
            router.whose.insert(datagram.from, self.number);
            if datagram.to.port() == router.gateway.port_control_address(datagram.from.ip()).port() {
                if !router.gateway.is_port_control_open() {
                    wire.refuse(now, datagram);
                    return;
                }
                router.ask(now, (self.number, true), |gateway| {
                    gateway.handle_port_control(now, datagram.from, &datagram.payload);
                });
            } else {
                router.gateway.handle_datagram(now, datagram.from, &datagram.payload);
            }
        }
        self.pump(now, wire);
    }

    fn connect(
        &mut self,
        now: Time,
        connection: ConnectionId,
        from: SocketAddr,
        to: SocketAddr,
        _: &mut Wire,
    ) -> Accept {
        let router = &mut *self.router.borrow_mut();
        if router.is_off {
            return Accept::BlackHole;
        }
        match router.gateway.connect(now, to, from) {
            portcullis_sim::Accept::Accepted(key) => {
                self.keys.insert(connection, key);
                Accept::Accepted
            }
            portcullis_sim::Accept::Refused => Accept::Refused,
            portcullis_sim::Accept::BlackHole => Accept::BlackHole,
        }
    }

    fn bytes(&mut self, now: Time, connection: ConnectionId, bytes: &[u8], wire: &mut Wire) {
        if let Some(&key) = self.keys.get(&connection) {
            let router = &mut *self.router.borrow_mut();
            if !router.is_off {
                router.ask(now, (self.number, false), |gateway| gateway.handle_bytes(now, key, bytes));
            }
        }
        self.pump(now, wire);
    }

    fn closed(&mut self, _: Time, connection: ConnectionId) {
        if let Some(key) = self.keys.remove(&connection) {
            self.router.borrow_mut().gateway.handle_close(key);
        }
    }

    fn wakes_at(&self) -> Option<Time> {
        let router = self.router.borrow();
        let has_mail = router.mail.get(&self.number).is_some_and(|letters| !letters.is_empty());
        if has_mail { Some(Time::ZERO) } else { router.gateway.poll_timeout() }
    }

    fn wake(&mut self, now: Time, wire: &mut Wire) {
        self.router.borrow_mut().gateway.handle_timeout(now);
        self.pump(now, wire);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let router = &mut *self.router.borrow_mut();
        self.keys.values().for_each(|&key| router.gateway.handle_close(key));
        router.mail.remove(&self.number);
        router.whose.retain(|_, number| *number != self.number);
    }
}

fn slot_in(mapping: &Mapping, has_separate_tables: bool) -> Slot {
    let key = (mapping.protocol, mapping.external_port);
    (key, has_separate_tables.then_some(mapping.method))
}
