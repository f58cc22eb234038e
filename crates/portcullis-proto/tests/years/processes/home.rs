//! Two hosts with some processes each, behind one gateway, in one virtual time.

use super::command::Command;
use super::directory::{Directory, Given, Row};
use super::invariant::{Invariant, Violation};
use super::plan::{Plan, is_good};
use super::process::{Process, Said, Stage};
use super::router::{Key, Number, Router, Slot};
use super::standing::{ROUND_TRIP, Standing};
use crate::pair::network;
use crate::random::Random;
use core::net::IpAddr;
use core::time::Duration;
use portcullis_proto::Time;
use portcullis_proto::client::io::Output;
use portcullis_proto::client::journal::{Custody, Entry, EntryId, Record};
use portcullis_proto::client::{Method, Network};
use portcullis_sim::{LinkConfig, Mapping, Scenario};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// How many processes a host has at once.
pub(crate) const MOST_ALIVE: usize = 3;
/// More than a schedule takes.
const MOST_STEPS: u64 = 2_000_000;

/// A host, and what its processes have written.
pub(crate) struct Host {
    pub(crate) address: IpAddr,
    pub(crate) directory: Directory,
    /// Entries whose mappings the gateway lost, or somebody else took, and nobody of this host has asked since.
    pub(crate) excused: BTreeSet<EntryId>,
    /// When another process of this host did that to a living one's: what that writes in the next moments may be what it was
    /// granted before.
    pub(crate) taken: BTreeMap<EntryId, Time>,
    /// Processes that could not hear what came of what they asked for last.
    pub(crate) unsure: BTreeSet<Number>,
}

pub(crate) struct Home {
    pub(crate) seed: u64,
    pub(crate) random: Random,
    pub(crate) plan: Plan,
    pub(crate) link: LinkConfig,
    pub(crate) now: Time,
    pub(crate) router: Rc<RefCell<Router>>,
    pub(crate) hosts: [Host; 2],
    /// Those that are alive, and those whose last words are on their way.
    pub(crate) processes: Vec<Process>,
    next_number: Number,
    pub(crate) standings: BTreeMap<Slot, Standing>,
    /// What an operation did to what stood before it: it is its own where it succeeds.
    pub(crate) doubts: Vec<(Number, Slot, Violation)>,
    /// What was said to be closed, by whom and when.
    pub(crate) closed: Vec<(Number, Key, Time)>,
    /// What could not be closed, and by whom.
    pub(crate) not_closed: Vec<(Number, Key)>,
    /// What was said to be closed by those who had opened it.
    pub(crate) released: Vec<(Number, Slot, Time)>,
    /// When the gateway lost something, or somebody took it.
    pub(crate) disturbed: Option<Time>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) counts: BTreeMap<&'static str, u64>,
    steps: u64,
    pub(crate) tells: bool,
}

impl Home {
    pub(crate) fn new(seed: u64, tells: bool) -> Self {
        let mut random = Random::new(seed ^ 0x7072_6f63_6573_7365);
        let plan = Plan::new(&mut random);
        Self::with(plan, random, (seed, tells))
    }

    /// A home where only that happens which a test makes happen.
    pub(crate) fn calm(scenario: Scenario) -> Self {
        Self::with(Plan::calm(scenario), Random::new(0), (0, true))
    }

    fn with(plan: Plan, random: Random, (seed, tells): (u64, bool)) -> Self {
        let host = |last| Host {
            address: IpAddr::from([192, 168, 1, last]),
            directory: Directory::default(),
            excused: BTreeSet::new(),
            taken: BTreeMap::new(),
            unsure: BTreeSet::new(),
        };
        let home = Self {
            seed,
            random,
            link: plan.link,
            now: Time::ZERO,
            router: Rc::new(RefCell::new(Router::new(plan.scenario.clone()))),
            plan,
            hosts: [host(7), host(8)],
            processes: Vec::new(),
            next_number: 1,
            standings: BTreeMap::new(),
            doubts: Vec::new(),
            closed: Vec::new(),
            not_closed: Vec::new(),
            released: Vec::new(),
            disturbed: None,
            violations: Vec::new(),
            counts: BTreeMap::new(),
            steps: 0,
            tells,
        };
        home.tell(|| format!("{:?}", home.plan));
        home
    }

    /// Somebody types a command at a host.
    pub(crate) fn start(&mut self, host: usize, command: Command) -> Number {
        let number = self.next_number;
        self.next_number += 1;
        self.count("commands");
        let given = self.hosts[host].directory.begin(self.now, number, &command);
        self.tell(|| format!("process {number} of host {host}: {command}; is given {given}"));
        let whose = (number, host);
        let with = (self.network(host), self.link, self.seed);
        let process = Process::start(whose, with, &self.router, self.now, command, given);
        self.processes.push(process);
        self.look(self.processes.len() - 1);
        number
    }

    /// A host's place in the network.
    fn network(&self, host: usize) -> Network {
        let mut network = network();
        network.interfaces[1].addresses[0].address = self.hosts[host].address;
        network
    }

    /// Lets one moment pass in which something happens, if there is one until then.
    pub(crate) fn step(&mut self, until: Time) -> bool {
        let next = self.processes.iter().filter_map(Process::next).min();
        let Some(next) = next.filter(|&next| next <= until) else { return false };
        self.now = self.now.max(next);
        self.steps += 1;
        assert!(self.steps < MOST_STEPS, "no end of steps at {:?}", self.now);
        for index in 0..self.processes.len() {
            if self.processes[index].next().is_some_and(|next| next <= self.now) {
                self.read(index);
                self.processes[index].step(self.now);
                self.look(index);
            }
        }
        self.bury();
        true
    }

    /// A process that keeps something looks at the journal whenever it wakes.
    fn read(&mut self, index: usize) {
        let process = &self.processes[index];
        if process.stage == Stage::Keeping {
            let others = self.hosts[process.host].directory.others(self.now, process.number);
            self.processes[index].pair.set_time(self.now);
            self.processes[index].read(others);
        }
    }

    /// Lets time pass.
    pub(crate) fn live(&mut self, until: Time) {
        while self.step(until) {}
        self.now = self.now.max(until);
        self.router.borrow_mut().gateway.handle_timeout(self.now);
        self.forget_what_is_gone();
    }

    /// Lets time pass until this holds, but not longer than that.
    pub(crate) fn live_until(&mut self, most: Duration, mut holds: impl FnMut(&Self) -> bool) {
        let until = self.now + most;
        while !holds(self) && self.step(until) {}
    }

    /// Whether nobody does anything but to keep what he has, and nothing is on its way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.processes.iter().all(|process| process.stage == Stage::Keeping && process.pair.is_still())
    }

    pub(crate) fn process(&self, number: Number) -> Option<&Process> {
        self.processes.iter().find(|process| process.number == number)
    }

    /// Those of a host that are alive.
    pub(crate) fn alive(&self, host: usize) -> impl Iterator<Item = &Process> {
        self.processes.iter().filter(move |process| process.host == host && process.is_alive())
    }

    /// The process is killed.
    pub(crate) fn kill(&mut self, number: Number) {
        let Some(index) = self.processes.iter().position(|process| process.number == number) else { return };
        if self.processes[index].is_alive() {
            self.tell(|| format!("process {number} is killed"));
            let host = self.processes[index].host;
            self.hosts[host].unsure.insert(number);
            self.excuse_what_is_being_closed(index);
            self.excuse_what_nobody_hears_of(index);
            self.end(index);
        }
    }

    /// The person at the process wants it to end.
    pub(crate) fn interrupt(&mut self, number: Number) {
        let Some(index) = self.processes.iter().position(|process| process.number == number) else { return };
        self.tell(|| format!("process {number} is told to stop"));
        let (now, host) = (self.now, self.processes[index].host);
        let process = &mut self.processes[index];
        let Given { stale, others } = self.hosts[host].directory.look_again(now, number, &process.command);
        process.pair.set_time(now);
        process.inherit(stale);
        process.read(others);
        if self.processes[index].stage == Stage::Working {
            self.excuse_what_is_being_closed(index);
        }
        self.processes[index].interrupt();
        self.look(index);
    }

    /// Reads what a process has done and said, until it has no more to say.
    fn look(&mut self, index: usize) {
        loop {
            let changes = core::mem::take(&mut self.router.borrow_mut().changes);
            for change in changes {
                self.changed(&change);
            }
            let process = &mut self.processes[index];
            let (number, host) = (process.number, process.host);
            let outputs = core::mem::take(&mut process.pair.record.outputs);
            for (_, output) in &outputs {
                self.tell_output(number, output);
                match output {
                    Output::Journal(record) => {
                        self.hosts[host].directory.record(number, record);
                        if let Record::Put(entry) = record {
                            let Host { excused, taken, .. } = &mut self.hosts[host];
                            let was_taken =
                                taken.get(&entry.id).is_some_and(|&at| self.now <= at + ROUND_TRIP);
                            if !was_taken {
                                excused.remove(&entry.id);
                            }
                            self.processes[index].writes(entry);
                        }
                    }
                    Output::HandOver(entry) => {
                        let to_another = self.hosts[host].directory.hand_over(self.now, number, *entry);
                        self.tell(|| format!("    {number}: hands over {:x}: {to_another}", entry.0));
                        self.processes[index].pair.tell_of_heir(*entry, to_another);
                    }
                    _ => {}
                }
            }
            let said = self.processes[index].hear();
            if outputs.is_empty() && said.is_empty() {
                break;
            }
            for said in said {
                self.said(index, said);
            }
        }
        self.forget_what_is_gone();
        if self.processes[index].is_over(self.now) {
            self.tell(|| format!("process {} has ended", self.processes[index].number));
            self.judge(index);
            self.end(index);
        }
    }

    fn said(&mut self, index: usize, said: Said) {
        let (number, host, now) = {
            let process = &self.processes[index];
            (process.number, process.host, self.now)
        };
        self.tell(|| format!("process {number} says {said}"));
        match said {
            Said::LeftOpen(granted) => {
                self.count("left open");
                for granted in granted {
                    let slot = self.slot_of(&granted);
                    let until = self.router.borrow().find(slot).and_then(|mapping| mapping.expires);
                    let left_open = Some((number, until));
                    self.standings.entry(slot).and_modify(|standing| standing.left_open = left_open);
                }
                self.processes[index].has_left_open = true;
                self.judge_doubts(number, false);
            }
            Said::Kept => {
                self.count("kept");
                let holdings = self.processes[index].holdings();
                let slots: Vec<_> = holdings.map(|granted| self.slot_of(granted)).collect();
                for slot in slots {
                    self.standings.entry(slot).and_modify(|standing| standing.left_open = None);
                }
                self.judge_doubts(number, false);
            }
            Said::Closed(key, _) => {
                self.count("closed");
                self.closed.push((number, key, now));
                self.is_known_again(host, index, Some(key));
            }
            Said::NotClosed(key, _) => {
                self.count("not closed");
                self.not_closed.push((number, key));
                self.is_known_again(host, index, Some(key));
                if self.link.loss > 0 {
                    self.excuse(host, key, None);
                }
            }
            Said::Released(granted) => {
                self.count("released");
                let slot = self.slot_of(&granted);
                self.released.push((number, slot, now));
            }
            Said::Unproven(key, _) => {
                self.count("unproven");
                self.excuse(host, key, None);
                let is_provable = self.plan.speaks.contains(&Method::Igd)
                    && self.processes[index].command.methods.is_empty()
                    && is_good(self.link);
                if is_provable {
                    let what = format!("process {number} does not say whether {key:?} is closed");
                    self.violated(Invariant::Proven, what);
                }
            }
            Said::LeftToOthers(key) => self.is_left_to_others(host, key),
            Said::StaysOpen(..) => self.count("stays open"),
            Said::Failed(_) => self.count("failed"),
            Said::NotReleased(..) => self.count("not released"),
            Said::Changed(_) => self.count("changes"),
        }
    }

    /// What was left open on purpose is not any more, where nobody's row says so: those who keep it may close it.
    fn is_left_to_others(&mut self, host: usize, key: Key) {
        let rows = self.hosts[host].directory.status(self.now);
        let is_it = |entry: &Entry| (entry.protocol, entry.external_port.get()) == key;
        if rows.iter().any(|row| is_it(row.entry) && row.entry.custody == Custody::LeftOpen) {
            return;
        }
        for slot in self.slots_of(host, key) {
            self.standings.entry(slot).and_modify(|standing| standing.left_open = None);
        }
    }

    /// Where this external port leads to this host.
    fn slots_of(&self, host: usize, key: Key) -> Vec<Slot> {
        let router = self.router.borrow();
        let there = router.gateway.mappings().iter().filter(|mapping| self.host_of(mapping) == Some(host));
        there.map(|mapping| router.slot(mapping)).filter(|slot| slot.0 == key).collect()
    }

    /// Somebody has looked after this port, so that the journal has to know what is with it.
    fn is_known_again(&mut self, host: usize, index: usize, key: Option<Key>) {
        if self.link.loss > 0 || !self.processes[index].command.methods.is_empty() {
            return;
        }
        let Host { directory, excused, .. } = &mut self.hosts[host];
        for Row { entry, alive, .. } in directory.status(self.now) {
            let is_it = key.is_none_or(|key| key == (entry.protocol, entry.external_port.get()));
            // A living process's own is for that to look after.
            if is_it && !alive {
                excused.remove(&entry.id);
            }
        }
    }

    /// What is being closed, and whether it is, is not known to whoever breaks it off.
    fn excuse_what_is_being_closed(&mut self, index: usize) {
        let Process { host, command, .. } = &self.processes[index];
        let host = *host;
        let rows = self.hosts[host].directory.status(self.now);
        let keys = rows.iter().map(|row| (row.entry.protocol, row.entry.external_port.get()));
        let keys: Vec<_> =
            keys.filter(|&key| command.closes(key) || command.is_for_all_left_open()).collect();
        for key in keys {
            self.excuse(host, key, None);
        }
    }

    /// What a process that is killed has asked for once more, or was about to overwrite: whether it stands, and for how long,
    /// only the answer would have told.
    fn excuse_what_nobody_hears_of(&mut self, index: usize) {
        let Process { host, command, stage, asked_again, .. } = &self.processes[index];
        let (host, mut ids) = (*host, asked_again.clone());
        let rows = self.hosts[host].directory.status(self.now);
        let is_overwritten =
            |row: &&Row<'_>| command.overwrites((row.entry.protocol, row.entry.external_port.get()));
        let overwritten = rows.iter().filter(is_overwritten).filter(|_| *stage == Stage::Working);
        ids.extend(overwritten.map(|row| row.entry.id));
        self.hosts[host].excused.extend(ids);
    }

    fn end(&mut self, index: usize) {
        let process = &mut self.processes[index];
        let (number, host) = (process.number, process.host);
        if !is_good(self.link) {
            self.hosts[host].unsure.insert(number);
        }
        process.end();
        self.hosts[host].directory.end(number);
        self.doubts.retain(|(own, ..)| *own != number);
        self.closed.retain(|(own, ..)| *own != number);
        self.not_closed.retain(|(own, _)| *own != number);
        self.released.retain(|(own, ..)| *own != number);
    }

    /// Forgets those of whom nothing is on its way any more.
    fn bury(&mut self) {
        self.processes.retain(|process| process.is_alive() || !process.pair.is_still());
    }

    /// Which of our hosts a mapping leads to.
    pub(crate) fn host_of(&self, mapping: &Mapping) -> Option<usize> {
        let client: IpAddr = mapping.internal_client.parse().ok()?;
        self.hosts.iter().position(|host| host.address == client)
    }

    pub(crate) fn violated(&mut self, invariant: Invariant, what: String) {
        let violation = self.violation(invariant, what);
        self.add(violation);
    }

    pub(crate) fn violation(&self, invariant: Invariant, what: String) -> Violation {
        let commands = self.counts.get("commands").copied().unwrap_or_default();
        Violation { invariant, at: self.now, commands, what }
    }

    pub(crate) fn add(&mut self, violation: Violation) {
        let is_same =
            |known: &Violation| (known.invariant, &known.what) == (violation.invariant, &violation.what);
        if !self.violations.iter().any(is_same) {
            self.tell(|| format!("*** {:?}: {}", violation.invariant, violation.what));
            self.violations.push(violation);
        }
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }
}
