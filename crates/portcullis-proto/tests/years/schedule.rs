//! What a schedule is made of: the gateways, the link, the client, and how long it lasts.

use crate::random::Random;
use core::time::Duration;
use portcullis_proto::client::{MappingRequest, Method, OnConflict};
use portcullis_proto::{Lifetime, Protocol};
use portcullis_sim::{LinkConfig, PortControlOddity, Quirk, Scenario};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

#[derive(Debug)]
pub(crate) struct Schedule {
    pub(crate) seed: u64,
    pub(crate) span: Duration,
    pub(crate) scenario: Scenario,
    /// Of the gateway of the other network.
    pub(crate) other: Scenario,
    pub(crate) methods: Vec<Method>,
    pub(crate) link: LinkConfig,
    /// The least that is asked for. A gateway that grants more than it is asked for leaves more than anybody knows of,
    /// where its answer is lost.
    least: u32,
    /// Whether mappings may be so short-lived that they are renewed every few seconds.
    is_hasty: bool,
    /// The mean time between two troubles.
    pub(crate) calm: Duration,
}

impl Schedule {
    pub(crate) fn new(seed: u64, random: &mut Random) -> Self {
        let is_hasty = random.percent(20);
        let (scenario, speaks_upnp, least) = scenario(random, is_hasty);
        let (other, other_speaks_upnp, other_least) = self::scenario(random, is_hasty);
        let methods: &[&[Method]] = &[
            &[],
            &[],
            &[],
            &[Method::NatPmp, Method::Pcp, Method::Igd],
            &[Method::Igd, Method::NatPmp],
            &[Method::Igd],
            &[Method::Pcp],
            &[Method::NatPmp],
        ];
        let methods = random.one_of(methods).to_vec();
        // Each look at a gateway by UPnP, and each search for one, costs what a hundred requests of the others do.
        let may_use_upnp = methods.is_empty() || methods.contains(&Method::Igd);
        let span = if may_use_upnp && (speaks_upnp || other_speaks_upnp || !methods.is_empty()) {
            random.seconds(30 * MINUTE, 8 * HOUR)
        } else {
            random.seconds(2 * HOUR, 7 * DAY)
        };
        let span = if is_hasty { span / 8 } else { span };
        let troubles = 4 + random.below(40);
        Self {
            seed,
            span,
            scenario,
            other,
            methods,
            link: link(random),
            least: least.max(other_least),
            is_hasty,
            calm: span / u32::try_from(troubles).unwrap(),
        }
    }
}

fn scenario(random: &mut Random, is_hasty: bool) -> (Scenario, bool, u32) {
    let (nat_pmp, pcp) = (Quirk::NatPmp, Quirk::Pcp);
    let speaks: &[&[Quirk]] = &[
        &[Quirk::NoUpnp, pcp],
        &[Quirk::NoUpnp, nat_pmp],
        &[Quirk::NoUpnp, pcp, nat_pmp],
        &[],
        &[nat_pmp],
        &[pcp],
        &[pcp, nat_pmp],
    ];
    let speaks = random.one_of(speaks);
    let mut scenario = if random.percent(50) { Scenario::igd1() } else { Scenario::igd2() };
    for &quirk in speaks {
        scenario = scenario.with(quirk);
    }
    let odd = Quirk::PortControl;
    let lease: &[u32] =
        if is_hasty { &[1, 3, 5, 9, 20, 60] } else { &[120, 600, 1_000, 7_200, 86_400, u32::MAX] };
    let quirk = match random.below(16) {
        0 => Some(Quirk::LeaseAtMost(random.one_of(lease))),
        1 => Some(Quirk::LeaseAlways(random.one_of(lease))),
        2 => Some(Quirk::PermanentLeaseOnly),
        3 => Some(odd(PortControlOddity::NoAnnouncements)),
        4 => Some(odd(PortControlOddity::EpochOutlivesAddress)),
        5 => Some(odd(PortControlOddity::Delay(random.milliseconds(1, 900)))),
        6 => Some(odd(PortControlOddity::Repeats { count: 3, interval: random.milliseconds(1, 2_000) })),
        7 => Some(odd(PortControlOddity::IgnoresFirst(2))),
        8 => Some(Quirk::SamePortOnly),
        9 => Some(Quirk::AnyPortNeverTheAsked),
        10 => Some(Quirk::ForeignMapping(Protocol::Udp, 7_001)),
        11 => Some(Quirk::RefreshRefused),
        _ => None,
    };
    if let Some(quirk) = quirk {
        scenario = scenario.with(quirk);
    }
    let least = if let Some(Quirk::LeaseAlways(lease)) = quirk { lease } else { 0 };
    (scenario, !speaks.contains(&Quirk::NoUpnp), least)
}

pub(crate) fn link(random: &mut Random) -> LinkConfig {
    LinkConfig {
        loss: random.one_of(&[0, 0, 0, 2, 5, 10, 20, 30, 50]),
        duplicate: random.one_of(&[0, 0, 5, 20]),
        delay: random.milliseconds(0, 40),
        jitter: Duration::from_millis(random.one_of(&[0, 0, 5, 300])),
        // A deletion that overtakes the request that it takes back leaves a mapping which only its lease ends.
        keeps_order: true,
    }
}

impl Schedule {
    /// One of few ports, so that mappings meet.
    pub(crate) fn request(&self, random: &mut Random) -> MappingRequest {
        let port = u16::try_from(7_000 + random.below(4)).unwrap();
        let protocol = if random.percent(70) { Protocol::Udp } else { Protocol::Tcp };
        let lifetimes: &[u32] = if self.is_hasty {
            &[0, 1, 20, 120, 600, 3_600]
        } else {
            &[0, 120, 600, 600, 3_600, 3_600, 3_600, 7_200, 86_400, u32::MAX]
        };
        let lifetime =
            Lifetime::from_seconds(random.one_of(lifetimes)).max(Lifetime::from_seconds(self.least.max(1)));
        let request = MappingRequest::new(protocol, port.try_into().unwrap()).lifetime(lifetime);
        if random.percent(50) { request.on_conflict(OnConflict::AnyPort) } else { request }
    }
}
