//! What happens at home, drawn by seed.

use super::command::{Command, What, any_port};
use super::home::{Home, MOST_ALIVE};
use super::process::Stage;
use super::router::Number;
use super::standing::{Standing, short};
use core::net::IpAddr;
use core::time::Duration;
use portcullis_proto::Protocol;
use portcullis_proto::client::Method;
use portcullis_proto::wire::pcp::Nonce;
use portcullis_sim::{IgdVersion, LinkConfig, Mapping};

/// A command ends within this time, or has lost its bounds.
const LONGEST: Duration = Duration::from_secs(120);
/// So long after a trouble, what is kept stands again.
const RECOVERY: Duration = Duration::from_secs(200);

impl Home {
    /// Runs the schedule to its end.
    pub(crate) fn run(&mut self) {
        for _ in 0..self.plan.steps {
            match self.random.below(100) {
                0..66 => self.any_command(),
                66..78 => self.stop_one(),
                78..82 => self.kill_one(),
                82..87 => self.gateway_restarts(),
                87..94 => self.foreign_mapping(),
                94..97 => self.other_link(),
                _ => {}
            }
            if self.random.percent(40) {
                self.compare_when_quiet();
            }
            let pause = self.plan.pause.mul_f64(self.random.below(1_000) as f64 / 1_000.0);
            self.live(self.now + pause);
        }
        self.finish();
    }

    fn any_command(&mut self) {
        let host = usize::from(self.random.percent(40));
        while self.alive(host).count() >= MOST_ALIVE {
            let oldest = self.alive(host).next().map(|process| process.number);
            if let Some(oldest) = oldest {
                self.leave(oldest);
            }
        }
        let command = Command::any(&mut self.random, &self.plan);
        let number = self.begin(host, command);
        let fate = self.random.below(100);
        let soon = if self.random.percent(50) {
            self.random.milliseconds(0, 20)
        } else {
            self.random.milliseconds(0, 3_000)
        };
        match fate {
            // Others may start meanwhile.
            0..15 => self.live(self.now + soon),
            15..25 => {
                self.live(self.now + soon);
                self.kill(number);
                self.count("killed early");
            }
            25..30 => {
                self.live(self.now + soon);
                self.interrupt(number);
            }
            _ => self.wait_for(number),
        }
    }

    /// Starts a process when nothing that dead ones have sent is on its way: it could not be told from what is sent later.
    pub(crate) fn begin(&mut self, host: usize, command: Command) -> Number {
        self.live_until(LONGEST, |home| home.processes.iter().all(super::process::Process::is_alive));
        self.start(host, command)
    }

    /// Waits until a process has done what it was started for.
    pub(crate) fn wait_for(&mut self, number: Number) {
        let is_done = |home: &Self| {
            home.process(number).is_none_or(|own| matches!(own.stage, Stage::Keeping | Stage::Gone))
        };
        self.live_until(LONGEST, is_done);
        assert!(is_done(self), "process {number} does not end");
    }

    fn any_alive(&mut self) -> Option<Number> {
        let alive: Vec<_> =
            self.processes.iter().filter(|own| own.is_alive()).map(|own| own.number).collect();
        if alive.is_empty() { None } else { Some(self.random.one_of(&alive)) }
    }

    fn stop_one(&mut self) {
        if let Some(number) = self.any_alive() {
            self.leave(number);
        }
    }

    /// Ends a process in order.
    pub(crate) fn leave(&mut self, number: Number) {
        self.interrupt(number);
        self.wait_for(number);
    }

    fn kill_one(&mut self) {
        if let Some(number) = self.any_alive() {
            self.kill(number);
            self.count("killed");
        }
    }

    fn gateway_restarts(&mut self) {
        self.count("gateway restarts");
        let forgets = self.random.percent(70);
        let gone = self.random.milliseconds(3_000, 30_000);
        self.restart_gateway(forgets, gone);
    }

    /// The gateway restarts; one that forgets is gone for a while.
    pub(crate) fn restart_gateway(&mut self, forgets: bool, gone: Duration) {
        self.tell(|| format!("the gateway restarts, and {}", if forgets { "forgets" } else { "remembers" }));
        let now = self.now;
        if !forgets {
            self.router.borrow_mut().gateway.reboot_keeping_state(now);
            return;
        }
        self.router.borrow_mut().is_off = true;
        self.live(now + gone);
        self.router.borrow_mut().is_off = false;
        self.router.borrow_mut().gateway.reboot(self.now);
        self.disturbed = Some(self.now);
        // What dead processes left there is gone, and nobody looks; what living ones keep is made again. Whoever ended
        // meanwhile was not heard.
        for host in &mut self.hosts {
            let rows = host.directory.status(self.now);
            let dead: Vec<_> = rows.iter().filter(|row| !row.alive).map(|row| row.entry.id).collect();
            host.unsure.extend(rows.iter().map(|row| row.number));
            host.excused.extend(dead);
        }
        self.forget_what_is_gone();
    }

    /// A program that is none of ours maps a port: on a third host, or on one of ours.
    fn foreign_mapping(&mut self) {
        let address = match self.random.below(3) {
            0 => self.hosts[0].address,
            _ => IpAddr::from([192, 168, 1, 50]),
        };
        let protocol = if self.random.percent(60) { Protocol::Udp } else { Protocol::Tcp };
        let port = any_port(&mut self.random);
        let internal_port = if self.random.percent(70) { port } else { any_port(&mut self.random) };
        let methods = self.plan.speaks.clone();
        let method = self.random.one_of(&methods);
        let nonce = Nonce(core::array::from_fn(|_| self.random.next().to_le_bytes()[0]));
        let mapping = Mapping {
            internal_port,
            description: "somebody else's".into(),
            method,
            nonce: (method == Method::Pcp).then_some(nonce),
            ..Mapping::new(protocol, port, address)
        };
        self.count("foreign mappings");
        self.map_as_foreigner(mapping);
    }

    /// A program that is none of ours has a mapping made, if nothing is in its way.
    pub(crate) fn map_as_foreigner(&mut self, mut mapping: Mapping) {
        // Nothing lasts for ever but by UPnP's first version (WANIPConnection:2 section 2.3.8, RFC 6887 section 15).
        let longest = match mapping.method {
            Method::Igd if self.plan.scenario.version() == IgdVersion::One => None,
            Method::Igd => Some(604_800),
            _ => Some(86_400),
        };
        mapping.expires = longest.map(|seconds| self.now + Duration::from_secs(seconds));
        let Mapping { protocol, external_port, internal_port, method, .. } = mapping;
        let slot = self.router.borrow().slot_of((protocol, external_port), method);
        let has_one = |other: &Mapping| {
            other.protocol == protocol
                && other.internal_port == internal_port
                && other.internal_client == mapping.internal_client
        };
        let is_taken = {
            let router = self.router.borrow();
            // NAT-PMP and PCP have one mapping of a port, not two.
            let mut others = router.gateway.mappings().iter().filter(|other| router.slot(other).1 == slot.1);
            router.find(slot).is_some() || method != Method::Igd && others.any(has_one)
        };
        if is_taken {
            return;
        }
        self.tell(|| format!("a program that is none of ours makes {}", short(Some(&mapping))));
        self.router.borrow_mut().gateway.add_mapping(mapping);
        let changed_at = self.now;
        self.standings.insert(slot, Standing { is_foreign: true, left_open: None, changed_at });
    }

    fn other_link(&mut self) {
        self.link = if self.random.percent(50) {
            crate::schedule::link(&mut self.random)
        } else {
            LinkConfig { delay: self.random.milliseconds(0, 5), ..LinkConfig::default() }
        };
        self.tell(|| format!("the link is {:?}", self.link));
        let link = self.link;
        self.processes.iter_mut().for_each(|process| process.pair.set_link(link));
    }

    /// Lets everything come to rest, and compares the journal with the gateway.
    pub(crate) fn compare_when_quiet(&mut self) {
        self.live_until(LONGEST, Self::is_quiet);
        if let Some(at) = self.disturbed.take() {
            self.live((at + RECOVERY).max(self.now));
        }
        self.live(self.now + Duration::from_secs(5));
        self.live_until(LONGEST, Self::is_quiet);
        self.count("comparisons");
        self.tell(|| "all is quiet: the journal and the gateway are compared".into());
        self.compare();
    }

    /// Everybody ends, what is left is cleaned up, and nothing remains.
    fn finish(&mut self) {
        self.compare_when_quiet();
        self.tell(|| "everybody ends".into());
        while let Some(number) = self.processes.iter().find(|own| own.is_alive()).map(|own| own.number) {
            self.leave(number);
        }
        self.compare_when_quiet();
        self.link = LinkConfig { delay: Duration::from_millis(1), ..LinkConfig::default() };
        for host in 0..self.hosts.len() {
            let what = What::CleanUp { left_open: true };
            let number = self.begin(host, Command { what, methods: Vec::new() });
            self.wait_for(number);
            self.hosts[host].excused.clear();
        }
        self.live(self.now + Duration::from_secs(5));
        self.nothing_is_left();
    }
}
