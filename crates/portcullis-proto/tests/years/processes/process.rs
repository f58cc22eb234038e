//! One process of a host: a client that does what one command wants, as the command line does it.

use super::command::{Command, What};
use super::directory::{Given, Others};
use super::router::{Key, Line, Number, Router, Slot};
use crate::pair::Pair;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use portcullis_proto::Time;
use portcullis_proto::client::journal::{Custody, Entry, EntryId};
use portcullis_proto::client::{
    Client, Closed, Config, Event, Granted, MappingId, Network, OperationId, Outcome,
};
use portcullis_sim::{LinkConfig, Scenario};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// As the library and the command line have them.
const TIMEOUT: Duration = Duration::from_secs(10);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
const ADOPTION: Duration = Duration::from_millis(100);
const AFTERWARDS: Duration = Duration::from_millis(500);
const TIDY: Duration = Duration::from_millis(1_800);

/// Each has so many ports for its sockets.
const SOCKETS: u16 = 700;

/// How far a process has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Working,
    /// It keeps what it has opened, until it is told to stop.
    Keeping,
    /// It has said what it did, and ends when nothing is under way, or when its patience does.
    Ending,
    /// It is gone; what it sent may still be on its way.
    Gone,
}

/// What an operation is for.
#[derive(Clone, Debug)]
enum Task {
    Open,
    Close(Key),
    /// What was opened is closed, by whoever opened it.
    Release(Box<Granted>),
}

/// What a process says it has done.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// All that was wanted is open, and left so.
    LeftOpen(Vec<Granted>),
    /// All that was wanted is open, and kept.
    Kept,
    Failed(String),
    /// An external port of this host is closed, or was not open.
    Closed(Key, String),
    NotClosed(Key, String),
    /// The gateway was asked to close it, and nobody can tell whether it has.
    Unproven(Key, String),
    /// Others of this host keep it, or want it open: it is theirs from now on.
    LeftToOthers(Key),
    /// It stays open, for somebody else or for a while.
    StaysOpen(Box<Granted>, String),
    /// What was opened is closed by whoever opened it.
    Released(Box<Granted>),
    NotReleased(Box<Granted>, String),
    /// Something happened to what is kept.
    Changed(String),
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |granted: &Granted| {
            let Granted { protocol, external_port, internal_port, lifetime, .. } = granted;
            let lifetime = lifetime.as_seconds();
            format!("{protocol} {external_port}:{internal_port} by {}, {lifetime} s", granted.method())
        };
        match self {
            Self::LeftOpen(granted) => {
                f.write_str("opened:")?;
                granted.iter().try_for_each(|granted| write!(f, " {};", name(granted)))
            }
            Self::Kept => f.write_str("all is open, and kept"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::Closed((protocol, port), how) => write!(f, "closed: {protocol} {port} ({how})"),
            Self::Unproven((protocol, port), how) => write!(f, "asked to close {protocol} {port} ({how})"),
            Self::LeftToOthers((protocol, port)) => write!(f, "left to others: {protocol} {port}"),
            Self::StaysOpen(granted, why) => write!(f, "stays open: {}: {why}", name(granted)),
            Self::NotClosed((protocol, port), why) => write!(f, "not closed: {protocol} {port}: {why}"),
            Self::Released(granted) => write!(f, "closed: {}", name(granted)),
            Self::NotReleased(granted, why) => write!(f, "not closed: {}: {why}", name(granted)),
            Self::Changed(what) => write!(f, "{what}"),
        }
    }
}

pub(crate) struct Process {
    pub(crate) number: Number,
    pub(crate) host: usize,
    pub(crate) command: Command,
    pub(crate) pair: Pair,
    pub(crate) stage: Stage,
    pending: BTreeMap<OperationId, Task>,
    /// What it has opened, as long as it has not left it open or closed it.
    granted: Vec<Granted>,
    kept: Vec<MappingId>,
    /// What it had opened, and has closed again.
    pub(crate) released: Vec<Granted>,
    pub(crate) has_failed: bool,
    /// Whether it has left open what it opened: from then on that is not its own any more.
    pub(crate) has_left_open: bool,
    /// Rows of what was left open that it has asked for once more, and not heard of yet.
    pub(crate) asked_again: BTreeSet<EntryId>,
    errors: Vec<String>,
    clean_up_at: Option<Time>,
    ends_at: Option<Time>,
}

impl Process {
    /// Starts a process, which is told what the journal holds and begins to do what the command wants.
    pub(crate) fn start(
        (number, host): (Number, usize),
        (network, link, seed): (Network, LinkConfig, u64),
        router: &Rc<RefCell<Router>>,
        now: Time,
        command: Command,
        given: Given,
    ) -> Self {
        let own_address = network.interfaces[1].addresses[0].address;
        let config = Config {
            methods: command.methods.clone(),
            journal: true,
            seed: [seed, number.into()],
            ..Config::default()
        };
        // The gateway that a pair has of its own is nowhere to be found.
        let nowhere = (IpAddr::V4(Ipv4Addr::new(192, 168, 1, 250)), 5_000).into();
        let mut pair = Pair::at(nowhere, Scenario::igd1(), config, network);
        pair.gateway.is_off = true;
        pair = pair.linked(seed.wrapping_add(u64::from(number).wrapping_mul(1_000_003)), link);
        pair.own_address = own_address;
        pair.leaves_heirs_to_the_test = true;
        pair.add(Line::new(router, number));
        pair.binds_from(10_000 + u16::try_from(number % 70).unwrap() * SOCKETS);
        pair.set_time(now);
        let mut process = Self {
            number,
            host,
            command,
            pair,
            stage: Stage::Working,
            pending: BTreeMap::new(),
            granted: Vec::new(),
            kept: Vec::new(),
            released: Vec::new(),
            has_failed: false,
            has_left_open: false,
            asked_again: BTreeSet::new(),
            errors: Vec::new(),
            clean_up_at: Some(now + ADOPTION),
            ends_at: None,
        };
        process.begin(given);
        process
    }

    fn begin(&mut self, given: Given) {
        let Given { stale, others } = given;
        let left_open: Vec<_> =
            others.left_open.iter().map(|entry| (entry.protocol, entry.external_port)).collect();
        self.pair.start(|client, _| {
            client.restore(stale, others.left_open.clone());
            client.others(others.left_open, others.living);
        });
        match self.command.what.clone() {
            What::Open { ports, keeps } => {
                for wanted in ports {
                    let request = wanted.request();
                    let id = self.pair.start(|client, now| {
                        if keeps {
                            client.keep(now, request, TIMEOUT)
                        } else {
                            client.map(now, request, TIMEOUT)
                        }
                    });
                    self.pending.insert(id, Task::Open);
                }
            }
            What::Close(keys) => {
                for key in keys {
                    self.close(key);
                }
            }
            What::CleanUp { left_open: wants_all } => {
                self.pair.start(Client::clean_up);
                for (protocol, port) in left_open {
                    if wants_all {
                        let key = (protocol, port.get());
                        let close =
                            |client: &mut Client, now| client.close_left_open(now, protocol, port, TIMEOUT);
                        let id = self.pair.start(close);
                        self.pending.insert(id, Task::Close(key));
                    }
                }
                self.go_on();
            }
        }
    }

    fn close(&mut self, key: Key) {
        let port = key.1.try_into().unwrap();
        let id = self.pair.start(|client, now| client.close(now, key.0, port, false, TIMEOUT));
        self.pending.insert(id, Task::Close(key));
    }

    /// It has written a row of the journal.
    pub(crate) fn writes(&mut self, entry: &Entry) {
        if entry.custody == Custody::LeftOpen && !self.has_left_open {
            self.asked_again.insert(entry.id);
        } else {
            self.asked_again.remove(&entry.id);
        }
    }

    /// When it does something by itself, or something reaches it or its gateway.
    pub(crate) fn next(&self) -> Option<Time> {
        let clean_up = self.clean_up_at.filter(|_| self.is_alive() && self.pair.client.has_stale());
        [self.pair.next(), clean_up, self.ends_at].into_iter().flatten().min()
    }

    /// Does what is due.
    pub(crate) fn step(&mut self, now: Time) {
        self.pair.set_time(now);
        self.pair.step_to(now);
        if !self.is_alive() {
            return;
        }
        let is_ending = self.stage == Stage::Ending;
        if self.pair.client.has_stale() && (is_ending || self.clean_up_at.is_some_and(|at| at <= now)) {
            self.pair.start(Client::clean_up);
        }
    }

    /// Whether it has ended by itself.
    pub(crate) fn is_over(&self, now: Time) -> bool {
        self.stage == Stage::Ending
            && (self.pair.client.is_idle() || self.ends_at.is_some_and(|at| at <= now))
    }

    /// It is killed, or has ended: it does no more.
    pub(crate) fn end(&mut self) {
        self.stage = Stage::Gone;
        self.pair.die();
        self.ends_at = None;
        self.granted.clear();
        self.kept.clear();
        self.pending.clear();
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.stage != Stage::Gone
    }

    /// What was told since the last time; it goes on with what that allows.
    pub(crate) fn hear(&mut self) -> Vec<Said> {
        let mut said = Vec::new();
        for (_, event) in core::mem::take(&mut self.pair.record.events) {
            match event {
                Event::Finished { operation, result } => {
                    let Some(task) = self.pending.remove(&operation) else { continue };
                    let result = result.map_err(|error| error.to_string());
                    match (task, result) {
                        (Task::Open, Ok(Outcome::Mapped(granted))) => self.granted.push(granted),
                        (Task::Open, Ok(Outcome::Kept { mapping, .. })) => self.kept.push(mapping),
                        (Task::Open, result) => {
                            self.has_failed = true;
                            self.errors.extend(result.err());
                        }
                        (Task::Close(key), Ok(Outcome::Closed(closed))) => {
                            let how = closed.as_str().to_owned();
                            said.push(match closed {
                                Closed::Deleted | Closed::NotOpen => Said::Closed(key, how),
                                // It is said to be open, for somebody else.
                                Closed::StillKept => Said::LeftToOthers(key),
                                _ => Said::Unproven(key, how),
                            });
                        }
                        (Task::Close(key), result) => said.push(Said::NotClosed(key, told(result))),
                        (Task::Release(granted), Ok(Outcome::Closed(closed))) => {
                            said.push(match closed {
                                Closed::Deleted | Closed::NotOpen => Said::Released(granted),
                                _ => Said::StaysOpen(granted, closed.as_str().to_owned()),
                            });
                        }
                        (Task::Release(granted), result) => {
                            said.push(Said::NotReleased(granted, told(result)));
                        }
                    }
                }
                Event::Changed(change) => {
                    said.push(Said::Changed(format!("{:?} ({})", change.kind, change.reason)));
                }
                _ => {}
            }
        }
        if self.stage == Stage::Working && self.pending.is_empty() {
            said.extend(self.go_on());
        }
        said
    }

    /// Everything that was asked for has ended: all is well, or all is undone.
    fn go_on(&mut self) -> Option<Said> {
        let What::Open { keeps, .. } = self.command.what else {
            let patience = if let What::CleanUp { .. } = self.command.what { TIMEOUT } else { AFTERWARDS };
            self.end_within(patience);
            return None;
        };
        if self.has_failed {
            let has_opened = !self.granted.is_empty() || !self.kept.is_empty();
            self.undo();
            self.end_within(if has_opened { TIDY } else { AFTERWARDS });
            return Some(Said::Failed(self.errors.join("; ")));
        }
        if keeps {
            self.stage = Stage::Keeping;
            return Some(Said::Kept);
        }
        let granted = core::mem::take(&mut self.granted);
        for granted in &granted {
            self.pair.start(|client, _| client.leave_open(granted));
        }
        self.end_within(AFTERWARDS);
        Some(Said::LeftOpen(granted))
    }

    fn end_within(&mut self, patience: Duration) {
        self.stage = Stage::Ending;
        self.ends_at = Some(self.pair.now + patience);
    }

    /// The person who started it presses Ctrl-C.
    pub(crate) fn interrupt(&mut self) {
        match self.stage {
            Stage::Working => {
                self.has_failed = true;
                for id in core::mem::take(&mut self.pending).into_keys() {
                    self.pair.start(|client, now| client.cancel(now, id));
                }
                self.undo();
                self.end_within(TIDY);
            }
            Stage::Keeping => {
                self.release();
                self.end_within(TIDY);
            }
            Stage::Ending | Stage::Gone => {}
        }
    }

    /// It takes over what others have left that ended meanwhile.
    pub(crate) fn inherit(&mut self, stale: Vec<Entry>) {
        self.pair.start(|client, _| client.inherit(stale));
    }

    /// It looks at what other processes have by now, before it does what it is told.
    pub(crate) fn read(&mut self, Others { left_open, living }: Others) {
        self.pair.start(|client, _| client.others(left_open, living));
    }

    /// Closes what it keeps.
    fn release(&mut self) {
        for mapping in core::mem::take(&mut self.kept) {
            self.end_keeping(mapping, |client, now| client.stop_keeping(now, mapping, CLOSE_TIMEOUT));
        }
    }

    fn end_keeping(&mut self, mapping: MappingId, end: impl FnOnce(&mut Client, Time) -> OperationId) {
        let granted = self.pair.client.kept(mapping).map(|(granted, _)| granted.clone());
        let id = self.pair.start(end);
        if let Some(granted) = granted {
            self.released.push(granted.clone());
            self.pending.insert(id, Task::Release(Box::new(granted)));
        }
    }

    /// Undoes what it has done.
    fn undo(&mut self) {
        for granted in core::mem::take(&mut self.granted) {
            let id = self.pair.start(|client, now| client.undo(now, &granted, CLOSE_TIMEOUT));
            self.released.push(granted.clone());
            self.pending.insert(id, Task::Release(Box::new(granted)));
        }
        for mapping in core::mem::take(&mut self.kept) {
            self.end_keeping(mapping, |client, now| client.undo_keeping(now, mapping, CLOSE_TIMEOUT));
        }
    }

    /// What it has open, and is to close or to leave open.
    pub(crate) fn holdings(&self) -> impl Iterator<Item = &Granted> {
        let kept = self.kept.iter().filter_map(|&id| Some(self.pair.client.kept(id)?.0));
        self.granted.iter().chain(kept)
    }

    /// Whether it has this open.
    pub(crate) fn holds(&self, slot: Slot, internal_port: u16) -> bool {
        self.holdings().any(|granted| is_at(granted, slot, internal_port))
    }

    /// Whether it had this open, and has closed it.
    pub(crate) fn has_held(&self, slot: Slot, internal_port: u16) -> bool {
        self.released.iter().any(|granted| is_at(granted, slot, internal_port))
    }
}

/// Whether this is where a mapping was granted: behind this external port, by this protocol where that matters.
fn is_at(granted: &Granted, (key, method): Slot, internal_port: u16) -> bool {
    (granted.protocol, granted.external_port.get()) == key
        && granted.internal_port.get() == internal_port
        && method.is_none_or(|method| granted.method() == method)
}

fn told(result: Result<Outcome, String>) -> String {
    result.map_or_else(|error| error, |outcome| format!("{outcome:?}"))
}
