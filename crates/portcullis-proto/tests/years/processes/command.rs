//! What a person types: the commands of the command line, as far as gateways hear of them.

use super::plan::Plan;
use super::router::Key;
use crate::random::Random;
use core::fmt;
use core::num::NonZeroU16;
use core::str::FromStr;
use portcullis_proto::client::{MappingRequest, Method, OnConflict};
use portcullis_proto::{Lifetime, Protocol};

/// Few ports, so that what different processes want meets.
const FIRST_PORT: u64 = 7_000;
const PORTS: u64 = 4;

#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) what: What,
    /// The protocols it may use; empty for all.
    pub(crate) methods: Vec<Method>,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    /// Maps ports, all or none, and leaves them open, or keeps them until it is told to stop.
    Open { ports: Vec<Wanted>, keeps: bool },
    /// Closes external ports that lead to this host.
    Close(Vec<Key>),
    /// Deletes what dead processes have left, and what was left open on purpose where that is wanted.
    CleanUp { left_open: bool },
}

/// A port that is to be opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) protocol: Protocol,
    pub(crate) internal_port: u16,
    pub(crate) external_port: u16,
    pub(crate) lifetime: u32,
    pub(crate) on_conflict: OnConflict,
    pub(crate) verify: bool,
}

impl Command {
    /// Whether it may use a protocol.
    pub(crate) fn may_ask_by(&self, method: Method) -> bool {
        let method = if method == Method::IgdPinhole { Method::Igd } else { method };
        self.methods.is_empty() || self.methods.contains(&method)
    }

    pub(crate) fn any(random: &mut Random, plan: &Plan) -> Self {
        let what = match random.below(100) {
            0..55 => Self::open(random, plan),
            55..88 => What::Close(any_keys(random)),
            _ => What::CleanUp { left_open: random.percent(40) },
        };
        let methods: &[Method] = match random.below(10) {
            0 => &[Method::Igd],
            1 => &[Method::Pcp],
            2 => &[Method::NatPmp],
            _ => &[],
        };
        // Who closes or cleans up uses whatever there is, but for few.
        let is_narrow = matches!(what, What::Open { .. }) || random.percent(20);
        Self { what, methods: if is_narrow { methods.to_vec() } else { Vec::new() } }
    }

    fn open(random: &mut Random, plan: &Plan) -> What {
        let keeps = random.percent(35);
        let lifetime = random.one_of(&[0, 120, 600, 3_600, 3_600, 3_600, 7_200]);
        let on_conflict = match random.below(10) {
            0..=5 => OnConflict::Fail,
            6..=7 => OnConflict::AnyPort,
            _ => OnConflict::Overwrite,
        };
        // Whoever does not ask how long a lease is does not know.
        let verify = keeps || random.percent(20) || plan.shortens_leases();
        let mut ports = Vec::new();
        let pairs = if random.percent(15) { 2 } else { 1 };
        let first = any_port(random);
        for offset in 0..pairs {
            // Two that are opened at once are two, and may lead to one port.
            let external_port = if offset == 0 { first } else { next_port(first) };
            let internal_port = if random.percent(25) { any_port(random) } else { external_port };
            ports.extend(any_protocols(random).iter().map(|&protocol| Wanted {
                protocol,
                internal_port,
                external_port,
                lifetime,
                on_conflict,
                verify,
            }));
        }
        What::Open { ports, keeps }
    }

    /// Whether it asks for this external port.
    pub(crate) fn asks_for(&self, key: Key) -> bool {
        matches!(&self.what, What::Open { ports, .. } if ports.iter().any(|wanted| wanted.key() == key))
    }

    /// Whether it asks for a mapping of this port of ours behind whichever external one.
    pub(crate) fn asks_for_any(&self, protocol: Protocol, internal_port: u16) -> bool {
        let is_it = |wanted: &Wanted| {
            (wanted.protocol, wanted.internal_port) == (protocol, internal_port)
                && matches!(wanted.on_conflict, OnConflict::AnyPort)
        };
        matches!(&self.what, What::Open { ports, .. } if ports.iter().any(is_it))
    }

    /// The external ports that it asks for with this port inside.
    pub(crate) fn keys_of(&self, protocol: Protocol, internal_port: u16) -> Vec<Key> {
        let What::Open { ports, .. } = &self.what else { return Vec::new() };
        let inside = |wanted: &&Wanted| (wanted.protocol, wanted.internal_port) == (protocol, internal_port);
        ports.iter().filter(inside).map(Wanted::key).collect()
    }

    /// Whether it may take this external port from whoever has it.
    pub(crate) fn overwrites(&self, key: Key) -> bool {
        let is_it =
            |wanted: &Wanted| wanted.key() == key && matches!(wanted.on_conflict, OnConflict::Overwrite);
        matches!(&self.what, What::Open { ports, .. } if ports.iter().any(is_it))
    }

    pub(crate) fn closes(&self, key: Key) -> bool {
        matches!(&self.what, What::Close(keys) if keys.contains(&key))
    }

    /// Whether it is about this port, as far as NAT-PMP and PCP can tell: by the port inside. Of what is to be closed, and
    /// is in no journal, that is taken to be the same as the one outside.
    pub(crate) fn is_about(&self, protocol: Protocol, internal_port: u16) -> bool {
        match &self.what {
            What::Open { ports, .. } => {
                let inside = |wanted: &Wanted| (wanted.protocol, wanted.internal_port);
                ports.iter().any(|wanted| inside(wanted) == (protocol, internal_port))
            }
            What::Close(keys) => keys.contains(&(protocol, internal_port)),
            What::CleanUp { .. } => false,
        }
    }

    pub(crate) fn is_for_all_left_open(&self) -> bool {
        matches!(self.what, What::CleanUp { left_open: true })
    }
}

impl Wanted {
    pub(crate) fn key(&self) -> Key {
        (self.protocol, self.external_port)
    }

    pub(crate) fn request(&self) -> MappingRequest {
        let port = |port| NonZeroU16::new(port).unwrap();
        let request = MappingRequest::new(self.protocol, port(self.internal_port))
            .external_port(port(self.external_port))
            .lifetime(Lifetime::from_seconds(self.lifetime))
            .on_conflict(self.on_conflict);
        if self.verify { request.read_back() } else { request }
    }
}

impl fmt::Display for Command {
    /// As a person would type it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Open { ports, keeps } => {
                f.write_str("open")?;
                ports.iter().try_for_each(|wanted| write!(f, " {wanted}"))?;
                let Some(first) = ports.first() else { return Ok(()) };
                write!(f, " --lifetime {}", first.lifetime)?;
                f.write_str(match first.on_conflict {
                    OnConflict::AnyPort => " --any-port",
                    OnConflict::Overwrite => " --overwrite",
                    _ => "",
                })?;
                f.write_str(match (keeps, first.verify) {
                    (true, _) => " --keep",
                    (false, true) => " --verify",
                    (false, false) => "",
                })?;
            }
            What::Close(keys) => {
                f.write_str("close")?;
                keys.iter().try_for_each(|(protocol, port)| write!(f, " {port}/{protocol}"))?;
            }
            What::CleanUp { left_open } => {
                f.write_str(if *left_open { "cleanup --left-open" } else { "cleanup" })?;
            }
        }
        self.methods.iter().try_for_each(|method| write!(f, " --protocol {method}"))
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { protocol, internal_port, external_port, .. } = self;
        if internal_port == external_port {
            write!(f, "{external_port}/{protocol}")
        } else {
            write!(f, "{external_port}:{internal_port}/{protocol}")
        }
    }
}

impl FromStr for Command {
    type Err = String;

    /// Reads what a person would type, as it is shown.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let verb = words.next().ok_or("no command")?;
        let mut methods = Vec::new();
        let (mut lifetime, mut on_conflict, mut verify) = (3_600, OnConflict::Fail, false);
        let (mut keeps, mut left_open) = (false, false);
        let mut names = Vec::new();
        while let Some(word) = words.next() {
            match word {
                "--keep" => keeps = true,
                "--verify" => verify = true,
                "--any-port" => on_conflict = OnConflict::AnyPort,
                "--overwrite" => on_conflict = OnConflict::Overwrite,
                "--left-open" => left_open = true,
                "--lifetime" => {
                    let value = words.next().and_then(|value| value.parse().ok());
                    lifetime = value.ok_or("no lifetime")?;
                }
                "--protocol" => {
                    let value = words.next().and_then(|value| value.parse().ok());
                    methods.push(value.ok_or("no protocol")?);
                }
                name => names.extend(ports_of(name)?),
            }
        }
        let verify = verify || keeps;
        let wanted = |(protocol, external_port, internal_port)| Wanted {
            protocol,
            internal_port,
            external_port,
            lifetime,
            on_conflict,
            verify,
        };
        let what = match verb {
            "open" => What::Open { ports: names.into_iter().map(wanted).collect(), keeps },
            "close" => What::Close(names.into_iter().map(|(protocol, port, _)| (protocol, port)).collect()),
            "cleanup" => What::CleanUp { left_open },
            other => return Err(format!("no such command: {other}")),
        };
        Ok(Self { what, methods })
    }
}

/// `7002:7001/udp`: the protocols, and the ports outside and inside.
fn ports_of(name: &str) -> Result<Vec<(Protocol, u16, u16)>, String> {
    let (ports, protocols) = match name.split_once('/') {
        Some((ports, "udp" | "UDP")) => (ports, vec![Protocol::Udp]),
        Some((ports, "tcp" | "TCP")) => (ports, vec![Protocol::Tcp]),
        Some(_) => return Err(format!("no such protocol: {name}")),
        None => (name, vec![Protocol::Udp, Protocol::Tcp]),
    };
    let (external, internal) = ports.split_once(':').unwrap_or((ports, ports));
    let number = |text: &str| text.parse::<u16>().map_err(|_| format!("no port: {name}"));
    let (external, internal) = (number(external)?, number(internal)?);
    Ok(protocols.into_iter().map(|protocol| (protocol, external, internal)).collect())
}

pub(crate) fn any_port(random: &mut Random) -> u16 {
    u16::try_from(FIRST_PORT + random.below(PORTS)).unwrap()
}

fn next_port(port: u16) -> u16 {
    let offset = (u64::from(port) - FIRST_PORT + 1) % PORTS;
    u16::try_from(FIRST_PORT + offset).unwrap()
}

/// As `open 7000` and `open 7000/udp` do.
fn any_protocols(random: &mut Random) -> &'static [Protocol] {
    match random.below(10) {
        0..=3 => &[Protocol::Udp, Protocol::Tcp],
        4..=7 => &[Protocol::Udp],
        _ => &[Protocol::Tcp],
    }
}

fn any_keys(random: &mut Random) -> Vec<Key> {
    let port = any_port(random);
    any_protocols(random).iter().map(|&protocol| (protocol, port)).collect()
}
