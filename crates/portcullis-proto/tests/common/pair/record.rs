//! What a client did and said, for assertions.

use core::net::{IpAddr, SocketAddr};
use portcullis_proto::Time;
use portcullis_proto::client::io::{Bind, Output};
use portcullis_proto::client::journal::Entry;
use portcullis_proto::client::journal::Record::{Erase, Put};
use portcullis_proto::client::{Error, Event, OperationId, Outcome};

/// Every output and event, with the moment of it.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) outputs: Vec<(Time, Output)>,
    pub(crate) events: Vec<(Time, Event)>,
    /// The most connections that were open or being opened at once.
    pub(crate) most_connections: usize,
}

impl Record {
    pub(super) fn output(&mut self, now: Time, output: Output) {
        self.outputs.push((now, output));
    }

    pub(super) fn event(&mut self, now: Time, event: Event) {
        self.events.push((now, event));
    }

    pub(super) fn open(&mut self, connections: usize) {
        self.most_connections = self.most_connections.max(connections);
    }

    /// How an operation ended; it does so once.
    pub(crate) fn result(&self, operation: OperationId) -> Option<&Result<Outcome, Error>> {
        self.finished(operation).map(|(_, result)| result)
    }

    /// When an operation ended.
    pub(crate) fn finished_at(&self, operation: OperationId) -> Option<Time> {
        self.finished(operation).map(|(at, _)| at)
    }

    /// The sockets that were bound.
    pub(crate) fn binds(&self) -> Vec<&Bind> {
        let binds = self.outputs.iter().filter_map(|(_, output)| match output {
            Output::Bind(bind) => Some(bind),
            _ => None,
        });
        binds.collect()
    }

    /// The datagrams sent: when, where to and what.
    pub(crate) fn datagrams(&self) -> Vec<(Time, SocketAddr, String)> {
        let datagrams = self.outputs.iter().filter_map(|(at, output)| match output {
            Output::Datagram { destination, payload, .. } => {
                Some((*at, *destination, String::from_utf8_lossy(payload).into_owned()))
            }
            _ => None,
        });
        datagrams.collect()
    }

    /// The requests of NAT-PMP and PCP: when, where to and what.
    pub(crate) fn port_control(&self) -> Vec<(Time, SocketAddr, Vec<u8>)> {
        let requests = self.outputs.iter().filter_map(|(at, output)| match output {
            Output::Datagram { destination, payload, .. } if destination.port() == 5351 => {
                Some((*at, *destination, payload.clone()))
            }
            _ => None,
        });
        requests.collect()
    }

    /// What the journal holds by now.
    pub(crate) fn journal(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for (_, output) in &self.outputs {
            match output {
                Output::Journal(Put(entry)) => {
                    entries.retain(|other| other.id != entry.id);
                    entries.push(entry.clone());
                }
                Output::Journal(Erase(id)) => entries.retain(|other| other.id != *id),
                _ => {}
            }
        }
        entries
    }

    /// Where connections were opened to, in order.
    pub(crate) fn connects(&self) -> Vec<SocketAddr> {
        let connects = self.outputs.iter().filter_map(|(_, output)| match output {
            Output::Connect { remote, .. } => Some(*remote),
            _ => None,
        });
        connects.collect()
    }

    /// Which of our own addresses connections were opened from, in order.
    pub(crate) fn locals(&self) -> Vec<Option<IpAddr>> {
        let locals = self.outputs.iter().filter_map(|(_, output)| match output {
            Output::Connect { local, .. } => Some(*local),
            _ => None,
        });
        locals.collect()
    }

    /// The requests sent over connections: when and what.
    pub(crate) fn requests(&self) -> Vec<(Time, String)> {
        let requests = self.outputs.iter().filter_map(|(at, output)| match output {
            Output::Send { bytes, .. } => Some((*at, String::from_utf8_lossy(bytes).into_owned())),
            _ => None,
        });
        requests.collect()
    }

    /// The actions asked for, in order, each as often as it was sent.
    pub(crate) fn actions(&self) -> Vec<String> {
        let name = |request: &str| {
            let line = request.lines().find(|line| line.starts_with("SOAPAction:"))?;
            Some(line.trim_end_matches('"').rsplit_once('#')?.1.to_owned())
        };
        self.requests().iter().filter_map(|(_, request)| name(request)).collect()
    }

    fn finished(&self, operation: OperationId) -> Option<(Time, &Result<Outcome, Error>)> {
        let mut ends = self.events.iter().filter_map(|(at, event)| match event {
            Event::Finished { operation: ended, result } if *ended == operation => Some((*at, result)),
            _ => None,
        });
        let end = ends.next();
        assert!(ends.next().is_none(), "finished twice: {operation:?}");
        end
    }
}
