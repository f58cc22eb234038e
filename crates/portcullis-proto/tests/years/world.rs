//! One schedule: a client, two gateways and the links between them, from the first request to the last deletion.

use crate::gateways::{Gateways, SECOND};
use crate::observer::{Observer, State};
use crate::pair::{Pair, SimPeer, network};
use crate::random::Random;
use crate::schedule::Schedule;
use crate::trouble::Trouble;
use core::time::Duration;
use portcullis_proto::Time;
use portcullis_proto::client::journal::Custody;
use portcullis_proto::client::{Client, Config, MappingId, Network, OperationId};
use portcullis_sim::{Gateway, Quirk};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// How many mappings are kept at once.
const MOST_KEPT: usize = 4;
/// More than a schedule of a week takes.
const MOST_STEPS: u64 = 5_000_000;
const TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) schedule: Schedule,
    pub(crate) pair: Pair,
    pub(crate) gateways: Gateways,
    pub(crate) observer: Observer,
    /// What is to happen by itself: the end of a trouble.
    pub(crate) ends: BTreeMap<(Time, u64), Trouble>,
    pub(crate) network: Network,
    pub(crate) refusal: Option<Quirk>,
    kept: Vec<MappingId>,
    asking: Vec<OperationId>,
    count: u64,
    steps: u64,
    pub(crate) tells: bool,
}

impl World {
    pub(crate) fn new(seed: u64, tells: bool) -> Self {
        let mut random = Random::new(seed);
        let schedule = Schedule::new(seed, &mut random);
        let second = Gateway::new(schedule.other.clone(), format!("{SECOND}:5000").parse().unwrap());
        let second = Rc::new(RefCell::new(SimPeer::new(second)));
        second.borrow_mut().set_port_control_address(format!("{SECOND}:5351").parse().unwrap());
        let mut pair = Pair::with(schedule.scenario.clone(), config(&schedule, 0), network())
            .linked(seed, schedule.link);
        pair.add(Rc::clone(&second));
        let observer = Observer::new(tells);
        let gateways = Gateways::new(second, &schedule, tells);
        Self {
            random,
            schedule,
            pair,
            gateways,
            observer,
            ends: BTreeMap::new(),
            network: network(),
            refusal: None,
            kept: Vec::new(),
            asking: Vec::new(),
            count: 0,
            steps: 0,
            tells,
        }
    }

    /// Runs the schedule to its end.
    pub(crate) fn run(&mut self) {
        self.begin_keeping();
        let end = Time::ZERO + self.schedule.span;
        while self.pair.now < end {
            let wait = self.schedule.calm.mul_f64(0.02 + 0.0198 * self.random.below(100) as f64);
            self.live(self.pair.now + wait);
            let trouble = Trouble::any(&mut self.random);
            self.make(&trouble);
        }
        self.end();
    }

    /// Lets time pass.
    pub(crate) fn live(&mut self, until: Time) {
        loop {
            let next = self.ends.keys().next().map(|(at, _)| *at).filter(|&at| at <= until);
            while self.pair.step_to(next.unwrap_or(until)) {
                self.steps += 1;
                assert!(self.steps < MOST_STEPS, "no end of steps at {:?}", self.pair.now);
                self.look();
            }
            let Some(at) = next else { break };
            self.pair.now = self.pair.now.max(at);
            if let Some((_, trouble)) = self.ends.pop_first() {
                self.make(&trouble);
            }
        }
        self.pair.now = self.pair.now.max(until);
    }

    pub(crate) fn look(&mut self) {
        self.observer.look(&mut self.pair, &mut self.gateways);
    }

    /// Something is to happen after a while.
    pub(crate) fn after(&mut self, wait: Duration, trouble: Trouble) {
        self.count += 1;
        self.ends.insert((self.pair.now + wait, self.count), trouble);
    }

    /// Wants one more mapping, where there are not enough.
    pub(crate) fn begin_keeping(&mut self) {
        let known: Vec<_> = self.observer.mappings.keys().copied().collect();
        self.kept.extend(known.into_iter().filter(|id| self.pair.client.kept(*id).is_some()));
        self.kept.sort_unstable();
        self.kept.dedup();
        if self.kept.len() + self.asking.len() >= MOST_KEPT {
            return;
        }
        let request = self.schedule.request(&mut self.random);
        if self.random.percent(60) {
            let id = self.pair.start(|client, now| client.keep_asking(now, request));
            self.observer
                .mappings
                .insert(id, crate::observer::Seen { state: State::Asking, granted_at: None });
            self.kept.push(id);
        } else {
            let id = self.pair.start(|client, now| client.keep(now, request, TIMEOUT));
            self.asking.push(id);
        }
        self.look();
    }

    /// Ends the keeping of a mapping, or breaks off what asks for one.
    pub(crate) fn end_keeping(&mut self) {
        self.adopt();
        if let Some(id) = self.asking.pop() {
            self.pair.start(|client, now| client.cancel(now, id));
        } else if !self.kept.is_empty() {
            let at = usize::try_from(self.random.below(self.kept.len() as u64)).unwrap();
            self.stop(at);
        }
        self.look();
    }

    fn stop(&mut self, at: usize) {
        let id = self.kept.remove(at);
        self.observer.mappings.remove(&id);
        self.pair.start(|client, now| client.stop_keeping(now, id, TIMEOUT));
    }

    /// What was asked for and is kept by now.
    fn adopt(&mut self) {
        let finished = &self.observer.finished;
        self.asking.retain(|operation| !finished.contains_key(operation));
        let known = self.observer.mappings.keys().copied();
        self.kept.extend(known);
        self.kept.sort_unstable();
        self.kept.dedup();
    }

    /// The process is killed, and the next one begins with what the journal holds.
    pub(crate) fn kill(&mut self) {
        let left: Vec<_> = self.observer.journal.values().cloned().collect();
        self.count += 1;
        let client = Client::new(config(&self.schedule, self.count), self.network.clone());
        self.pair.kill(client);
        self.observer.next_process();
        self.kept.clear();
        self.asking.clear();
        let (open, stale): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|entry| entry.custody == Custody::LeftOpen);
        self.pair.start(|client, _| client.restore(stale, open));
        for _ in 0..2 {
            self.begin_keeping();
        }
        self.pair.start(|client, now| client.clean_up(now));
        self.look();
    }

    /// All is well again, everything is stopped, and nothing may be left.
    fn end(&mut self) {
        while let Some((_, trouble)) = self.ends.pop_first() {
            self.make(&trouble);
        }
        self.look();
        self.live(self.pair.now + Duration::from_secs(20));
        self.adopt();
        for id in core::mem::take(&mut self.asking) {
            self.pair.start(|client, now| client.cancel(now, id));
        }
        while !self.kept.is_empty() {
            self.stop(0);
        }
        self.look();
        self.live(self.pair.now + Duration::from_secs(200));
        self.observer.nothing_is_left(&self.pair, &self.gateways);
        self.pair.assert_idle();
    }
}

fn config(schedule: &Schedule, process: u64) -> Config {
    Config {
        methods: schedule.methods.clone(),
        journal: true,
        seed: [schedule.seed, process],
        ..Config::default()
    }
}
