//! What a schedule is made of: the gateway, the link, and how much happens.

use crate::random::Random;
use core::time::Duration;
use portcullis_proto::client::Method;
use portcullis_sim::{LinkConfig, PortControlOddity, Quirk, Scenario};

/// What a gateway that shortens leases grants, in seconds.
const SHORT_LEASES: [u32; 2] = [120, 600];

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) scenario: Scenario,
    /// The protocols that the gateway speaks.
    pub(crate) speaks: Vec<Method>,
    pub(crate) link: LinkConfig,
    /// How often something is done: a command, or something that happens to them.
    pub(crate) steps: u64,
    /// The longest pause between two of them.
    pub(crate) pause: Duration,
}

impl Plan {
    /// A gateway, and a link that loses nothing.
    pub(crate) fn calm(scenario: Scenario) -> Self {
        let link = LinkConfig { delay: Duration::from_millis(1), ..LinkConfig::default() };
        Self { speaks: speaks(&scenario), scenario, link, steps: 0, pause: Duration::ZERO }
    }

    pub(crate) fn new(random: &mut Random) -> Self {
        let scenario = scenario(random);
        Self {
            speaks: speaks(&scenario),
            scenario,
            link: link(random),
            steps: 6 + random.below(25),
            pause: random.one_of(&[1, 20, 200, 1_000].map(Duration::from_secs)),
        }
    }
}

impl Plan {
    /// What may make a promise hard to keep.
    pub(crate) fn sort(&self) -> &'static str {
        let has_separate_tables = self.scenario.has(Quirk::SeparateTables) && self.speaks.len() > 1;
        match (has_separate_tables, is_good(self.link)) {
            (false, true) => "one table, good link",
            (false, false) => "one table, bad link",
            (true, true) => "several tables, good link",
            (true, false) => "several tables, bad link",
        }
    }

    /// Whether UPnP grants less than is asked for, and does not say so.
    pub(crate) fn shortens_leases(&self) -> bool {
        SHORT_LEASES.into_iter().any(|lease| self.scenario.has(Quirk::LeaseAtMost(lease)))
    }
}

/// Whether nothing is lost on it, and all arrives soon.
pub(crate) fn is_good(link: LinkConfig) -> bool {
    link.loss == 0 && link.jitter < Duration::from_millis(100)
}

fn speaks(scenario: &Scenario) -> Vec<Method> {
    let quirks = [(Method::Pcp, Quirk::Pcp), (Method::NatPmp, Quirk::NatPmp)];
    let by_port_control = quirks.into_iter().filter(|(_, quirk)| scenario.has(*quirk));
    let mut speaks: Vec<_> = by_port_control.map(|(method, _)| method).collect();
    if !scenario.has(Quirk::NoUpnp) {
        speaks.push(Method::Igd);
    }
    speaks
}

fn scenario(random: &mut Random) -> Scenario {
    let (nat_pmp, pcp) = (Quirk::NatPmp, Quirk::Pcp);
    let speaks: &[&[Quirk]] = &[
        &[Quirk::NoUpnp, pcp],
        &[Quirk::NoUpnp, nat_pmp],
        &[Quirk::NoUpnp, pcp, nat_pmp],
        &[],
        &[nat_pmp],
        &[pcp],
        &[pcp, nat_pmp],
        &[pcp, nat_pmp],
    ];
    let speaks = random.one_of(speaks);
    let mut scenario = if random.percent(50) { Scenario::igd1() } else { Scenario::igd2() };
    for &quirk in speaks {
        scenario = scenario.with(quirk);
    }
    let quirk = match random.below(100) {
        0..15 => Some(Quirk::SeparateTables),
        15..20 => Some(Quirk::LeaseAtMost(random.one_of(&SHORT_LEASES))),
        20..25 => Some(Quirk::PermanentLeaseOnly),
        25..29 => Some(Quirk::RefreshRefused),
        29..32 => Some(Quirk::SamePortOnly),
        32..36 => Some(Quirk::PortControl(PortControlOddity::NoAnnouncements)),
        36..44 => Some(Quirk::PortControl(PortControlOddity::DeletesItsOwnAlone)),
        44..48 => Some(Quirk::PortControl(PortControlOddity::NothingToDelete(8))),
        // Where nobody else can delete anything, there is nothing to be promised.
        48..52 if !speaks.contains(&Quirk::NoUpnp) => {
            Some(Quirk::PortControl(PortControlOddity::DeletionRefused))
        }
        _ => None,
    };
    match quirk {
        Some(quirk) => scenario.with(quirk),
        None => scenario,
    }
}

fn link(random: &mut Random) -> LinkConfig {
    if random.percent(60) {
        return LinkConfig { delay: random.milliseconds(0, 5), ..LinkConfig::default() };
    }
    crate::schedule::link(random)
}
