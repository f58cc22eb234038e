//! Why one attempt failed, in the words of whoever said no, and what can be done about it.

use super::{ErrorKind, Step};
use crate::AddressKind;
use crate::client::exchange::ExchangeError;
use crate::igd::description::DescriptionError;
use crate::igd::error_code::UpnpErrorCode;
use crate::igd::ipv6_firewall::AddPinhole;
use crate::igd::wan_connection::{Action, DecodeError};
use crate::wire::soap::SoapError;
use crate::wire::ssdp::SsdpError;
use crate::wire::url::UrlError;
use crate::wire::{natpmp, pcp};
use core::fmt;
use core::net::{IpAddr, Ipv6Addr};
use core::num::NonZeroU16;
use std::io;

/// Why one attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// It was not tried.
    NotAsked,
    /// Nobody answered the search.
    NoAnswer,
    /// An answer to the search came, and was not listened to.
    AnswerIgnored(Ignored),
    /// No datagram could be sent at all.
    CannotSend(io::ErrorKind),
    /// The local port that was asked for cannot be had.
    LocalPort {
        /// The port.
        port: u16,
        /// Why.
        error: io::ErrorKind,
    },
    /// No interface that is up has this name or address.
    NoInterface(String),
    /// A NAT-PMP or PCP server that is known to be there did not answer.
    NoReply,
    /// The gateway's host says that nobody is at the port of NAT-PMP and PCP.
    Unreachable(io::ErrorKind),
    /// Only PCP can do what is wanted, and it is not among the protocols to use.
    NeedsPcp,
    /// A peer without a port has no connection.
    NoPeerPort,
    /// No default gateway is known to ask, or no address of ours that the internet could reach through it.
    NoDefaultGateway,
    /// The route to the internet names no gateway, as those of tunnels do: by NAT-PMP and PCP nobody could be asked.
    NoNextHop {
        /// The interface that it leads out by.
        interface: String,
    },
    /// The default gateway did not answer the search, while others did.
    GatewaySilent,
    /// The gateway does not speak this version of NAT-PMP or PCP, that is: speaks the other of the two, or neither.
    UnsupportedVersion,
    /// The gateway said no, by NAT-PMP.
    NatPmp(natpmp::ResultCode),
    /// The gateway said no, by PCP.
    Pcp(pcp::ResultCode),
    /// HTTP brought no reply.
    Exchange(ExchangeError),
    /// The reply has an HTTP status that is no success, and no body that says why.
    HttpStatus(u16),
    /// The reply has the body of a success and an HTTP status that is none.
    Unconfirmed(u16),
    /// The reply is not the SOAP that was asked for.
    Soap(SoapError),
    /// The reply lacks an argument, or has one that cannot be.
    Decode(DecodeError),
    /// The gateway said no, with the code of its specification and its own words.
    Fault(UpnpErrorCode, String),
    /// The gateway said no, and has no address of the internet to map ports on.
    NotOnInternet {
        /// Its external address.
        address: IpAddr,
        /// How it said no.
        refusal: Box<Self>,
    },
    /// The gateway has no external address, as where its connection is down; so it said no to this, if it did.
    NoExternalAddress(Option<Box<Self>>),
    /// The description cannot be used.
    Description(DescriptionError),
    /// The URL that a device announces cannot be used.
    Url(UrlError),
    /// The device is no gateway.
    NotAGateway,
    /// The gateway has no service that maps ports.
    NoService,
    /// The gateway said yes, but its table does not have the mapping.
    NotConfirmed,
    /// The port belongs to another host's mapping.
    Conflict {
        /// What the gateway said, where it said no; `None` where its table showed the other mapping.
        code: Option<UpnpErrorCode>,
        /// The internal client of the mapping in the way, where the gateway tells.
        holder: Option<String>,
        /// The description of the mapping in the way.
        description: String,
    },
    /// The gateway gives another external port than the one that was insisted on.
    OtherPort {
        /// The port that it gives.
        offered: NonZeroU16,
    },
    /// A port that the gateway gave in place of the wanted one stays open until its lease is over: to give it back would
    /// close another port of this host, since the gateway knows both by their internal port alone.
    NotGivenBack {
        /// The port that stays open.
        external_port: NonZeroU16,
    },
    /// It is not deleted, since another port of this host would be deleted with it: the gateway knows both by their
    /// internal port alone.
    NotAlone {
        /// The external port of the other one.
        other: NonZeroU16,
    },
    /// It leads to an address that this host has no more, from which alone it could be deleted.
    FormerAddress {
        /// That address.
        address: IpAddr,
    },
    /// Another process of this host has it open for longer than the protocol grants, which would be shortened.
    WouldShorten,
    /// PCP deletes what it has mapped by the nonce alone, which whoever mapped it has (RFC 6887 section 11.1).
    NoNonce,
    /// The mapping belongs to another host, and it was not to be deleted by force.
    NotOurs {
        /// Its internal client.
        holder: String,
    },
    /// The gateway does not tell whose mapping it is.
    OwnerUnknown,
    /// Ports of an IPv6 host are not mapped but opened (pinholes), which this gateway's service is not for.
    NotIpv4,
    /// Only ports of an IPv6 host are opened, and this gateway was reached over IPv4.
    NotIpv6,
    /// Our own address towards the gateway is not one that the internet reaches, so there is nothing to open.
    NotGlobal(Ipv6Addr),
    /// This machine has no address that the internet reaches, so there is nothing to open.
    NoGlobalAddress,
    /// The gateway makes no pinholes for anybody.
    NoPinholes {
        /// How it refused this one.
        code: UpnpErrorCode,
        /// Whether its firewall for IPv6 is on. Where it is off, it keeps nothing out, and there is nothing to
        /// open; where it is on, somebody has to allow pinholes in the gateway's settings.
        firewall_enabled: bool,
    },
}

impl Failure {
    /// What kind of error this failure makes.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotAsked
            | Self::NoAnswer
            | Self::AnswerIgnored(_)
            | Self::NotAGateway
            | Self::NoDefaultGateway
            | Self::NoNextHop { .. }
            | Self::GatewaySilent
            | Self::Unreachable(_) => ErrorKind::NoGateway,
            Self::NeedsPcp => ErrorKind::Unsupported,
            Self::NoReply => ErrorKind::Timeout,
            // It is there, and only not what was hoped for.
            Self::UnsupportedVersion => ErrorKind::NoService,
            Self::NatPmp(natpmp::ResultCode::UnsupportedOpcode)
            | Self::Pcp(
                pcp::ResultCode::UnsuppOpcode
                | pcp::ResultCode::UnsuppOption
                | pcp::ResultCode::UnsuppProtocol,
            ) => ErrorKind::Unsupported,
            Self::Pcp(pcp::ResultCode::CannotProvideExternal) => ErrorKind::Conflict,
            Self::NatPmp(_) | Self::Pcp(_) => ErrorKind::Refused,
            Self::CannotSend(_) | Self::LocalPort { .. } | Self::NoGlobalAddress => ErrorKind::Io,
            Self::Exchange(ExchangeError::ConnectTimeout | ExchangeError::NoReply) => ErrorKind::Timeout,
            Self::Exchange(ExchangeError::Http(_)) => ErrorKind::Malformed,
            // The other end is there, and hangs up: nothing of this machine's is to blame.
            Self::Exchange(
                ExchangeError::Connect(io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset)
                | ExchangeError::Broken(_),
            ) => ErrorKind::Refused,
            Self::Exchange(ExchangeError::Connect(_)) => ErrorKind::Io,
            Self::HttpStatus(_) => ErrorKind::Refused,
            Self::Unconfirmed(_)
            | Self::Soap(_)
            | Self::Decode(_)
            | Self::Description(_)
            | Self::Url(_)
            | Self::NotConfirmed => ErrorKind::Malformed,
            Self::NoInterface(_) | Self::NoPeerPort => ErrorKind::InvalidInput,
            Self::Fault(UpnpErrorCode::InvalidAction | UpnpErrorCode::OptionalActionNotImplemented, _)
            | Self::NotIpv4
            | Self::NotIpv6
            | Self::NotGlobal(_) => ErrorKind::Unsupported,
            Self::Fault(..) => ErrorKind::Refused,
            Self::NotOnInternet { refusal, .. } | Self::NoExternalAddress(Some(refusal)) => refusal.kind(),
            Self::NoExternalAddress(None) => ErrorKind::Refused,
            Self::NoService => ErrorKind::NoService,
            Self::Conflict { .. } | Self::OtherPort { .. } | Self::NotOurs { .. } | Self::WouldShorten => {
                ErrorKind::Conflict
            }
            Self::NotGivenBack { .. }
            | Self::NotAlone { .. }
            | Self::FormerAddress { .. }
            | Self::NoNonce => ErrorKind::Refused,
            Self::OwnerUnknown | Self::NoPinholes { .. } => ErrorKind::Refused,
        }
    }

    /// With the reason that a gateway has which says no and does not say why: one whose own address the internet does not
    /// reach maps nothing (miniupnpd).
    pub(in crate::client) fn where_it_has(self, address: Option<IpAddr>) -> Self {
        let says_nothing = self.says_nothing();
        match address.filter(|&address| says_nothing && AddressKind::of(address) != AddressKind::Public) {
            Some(address) => Self::NotOnInternet { address, refusal: Box::new(self) },
            None => self,
        }
    }

    /// The same of one that has no address.
    pub(in crate::client) fn without_address(self) -> Self {
        if self.says_nothing() { Self::NoExternalAddress(Some(Box::new(self))) } else { self }
    }

    /// Whether it is a no without a reason.
    fn says_nothing(&self) -> bool {
        match self {
            Self::Fault(code, _) => code.says_nothing(),
            Self::NatPmp(natpmp::ResultCode::NetworkFailure)
            | Self::Pcp(pcp::ResultCode::NetworkFailure | pcp::ResultCode::NoResources) => true,
            _ => false,
        }
    }

    /// Whether a server will not give the port, which it may deny to this host as well as have given to another one: its
    /// answer does not tell (RFC 6887 section 11.3).
    pub(in crate::client) fn is_unprovidable(&self) -> bool {
        *self == Self::Pcp(pcp::ResultCode::CannotProvideExternal)
    }

    /// Whether the gateway's rules do not permit it.
    pub(super) fn is_denial(&self) -> bool {
        matches!(
            self,
            Self::Fault(UpnpErrorCode::ActionNotAuthorized, _)
                | Self::NatPmp(natpmp::ResultCode::NotAuthorized)
                | Self::Pcp(pcp::ResultCode::NotAuthorized)
        )
    }

    /// Whether PCP says that another NAT is between this host and the gateway (RFC 6887 section 7.4).
    pub(in crate::client) fn is_nat_between(&self) -> bool {
        *self == Self::Pcp(pcp::ResultCode::AddressMismatch)
    }

    /// Whether nothing could be sent by a socket.
    pub(in crate::client) const fn is_of_a_socket(&self) -> bool {
        matches!(self, Self::CannotSend(_) | Self::LocalPort { .. })
    }

    /// Whether the action may have taken effect all the same: nobody knows until the table is looked at.
    pub(in crate::client) fn is_doubtful(&self) -> bool {
        matches!(
            self,
            Self::Exchange(ExchangeError::NoReply | ExchangeError::Broken(_) | ExchangeError::Http(_))
                | Self::Soap(SoapError::Empty | SoapError::Xml(_) | SoapError::NotSoap)
                | Self::Unconfirmed(_)
        )
    }

    /// What a person can do about it, where there is something.
    pub(super) fn advice(&self, step: Step) -> Option<&'static str> {
        Some(match self {
            Self::NoAnswer | Self::GatewaySilent => {
                "is UPnP, NAT-PMP or PCP switched on in the gateway? some need it enabled by hand"
            }
            Self::LocalPort { error: io::ErrorKind::AddrInUse, .. } => {
                "end that program, or take another local port: 0 is any that is free"
            }
            Self::LocalPort { .. } => "take another local port: 0 is any that is free",
            Self::CannotSend(io::ErrorKind::QuotaExceeded)
            | Self::Exchange(ExchangeError::Connect(io::ErrorKind::QuotaExceeded)) => MORE_FILES,
            Self::AnswerIgnored(Ignored::OtherNetwork | Ignored::NotNamed) => {
                "if that is the gateway, name it by this address"
            }
            Self::CannotSend(_) => "is the network up, and may this program use it?",
            Self::NoNextHop { .. } => "name the gateway: a VPN that gives out ports tells its address",
            Self::NotOnInternet { .. } => "the network in front of the gateway has to map the port too",
            Self::Pcp(pcp::ResultCode::AddressMismatch) => {
                "another NAT is between this host and the gateway: forward the port there, or use its network"
            }
            Self::NoExternalAddress(_)
            | Self::NatPmp(natpmp::ResultCode::NetworkFailure)
            | Self::Pcp(pcp::ResultCode::NetworkFailure) => {
                "is its connection to the internet up, with an address that the internet reaches?"
            }
            Self::Pcp(pcp::ResultCode::CannotProvideExternal) => {
                "it is another's, or not permitted: choose another port"
            }
            Self::NoService => "does another device connect this network to the internet?",
            Self::Fault(UpnpErrorCode::ActionNotAuthorized, _) if step == Step::Action(AddPinhole::NAME) => {
                "it may open only the address that asks, and no port below 1024"
            }
            Self::Fault(UpnpErrorCode::PinholeSpaceExhausted, _) => "the gateway's table is full: restart it",
            Self::NoPinholes { firewall_enabled: true, .. } => "allow pinholes in the gateway's settings",
            Self::NotGlobal(_) | Self::NoGlobalAddress => {
                "does the provider give this network IPv6 addresses?"
            }
            Self::NatPmp(natpmp::ResultCode::NotAuthorized)
                if step == Step::Action("NAT-PMP external address") =>
            {
                "mapping is switched off in it, or not permitted to this host"
            }
            _ if self.is_denial() => {
                "its rules do not permit it: choose another port, or permit this one to this host there"
            }
            Self::Fault(UpnpErrorCode::NoPortMapsAvailable, _) => {
                "the gateway's table is full: remove old mappings"
            }
            Self::Conflict { .. } if step == Step::ReadBack => "the gateway put another host in: restart it",
            Self::Conflict { .. } => "choose another port, or let the gateway choose one",
            Self::NotAlone { .. } => "close both, or wait until its lease is over",
            Self::FormerAddress { .. } => "it stays open until its lease is over",
            Self::NoNonce => "close it with the program that opened it, or allow the other protocols",
            Self::OtherPort { .. } => "accept any port, or choose another one",
            Self::NotOurs { .. } | Self::OwnerUnknown => "force the deletion if it is yours",
            Self::NotConfirmed => "the gateway's table may be full or broken: restart it",
            Self::Exchange(ExchangeError::NoReply | ExchangeError::ConnectTimeout) => {
                "is the gateway overloaded, or a firewall in between?"
            }
            _ => return None,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.write_str("not asked"),
            Self::NoAnswer => f.write_str("nobody answered"),
            Self::AnswerIgnored(why) => write!(f, "an answer came and was ignored: {why}"),
            Self::CannotSend(error) => write!(f, "cannot send: {}", told(*error)),
            Self::LocalPort { port, error: error @ io::ErrorKind::AddrInUse } => {
                write!(f, "another program has udp port {port}: {}", told(*error))
            }
            Self::LocalPort { port, error } => {
                write!(f, "this program may not use udp port {port}: {}", told(*error))
            }
            Self::NoReply => f.write_str("no reply"),
            Self::Unreachable(error) => write!(f, "nobody is there: {}", told(*error)),
            Self::NeedsPcp => f.write_str("only pcp can do that"),
            Self::NoPeerPort => f.write_str("a peer has a port, and 0 is none"),
            Self::NoDefaultGateway => f.write_str("no default gateway that leads to the internet is known"),
            Self::NoNextHop { interface } => {
                write!(
                    f,
                    "the default route names no gateway ({interface}): nobody to ask by nat-pmp and pcp"
                )
            }
            Self::GatewaySilent => f.write_str("no answer"),
            Self::NotOnInternet { address, refusal } => {
                let kind = match AddressKind::of(*address) {
                    AddressKind::Shared => "shared among customers of the provider",
                    AddressKind::Private => "private",
                    AddressKind::Public | AddressKind::Reserved => "not one of the internet",
                };
                write!(f, "{refusal}: its own address {address} is {kind}, and it maps nothing then")
            }
            Self::NoExternalAddress(refusal) => {
                if let Some(refusal) = refusal {
                    write!(f, "{refusal}: ")?;
                }
                f.write_str("it has no external address")
            }
            Self::UnsupportedVersion => f.write_str("not spoken by the gateway"),
            Self::NatPmp(code) => code.fmt(f),
            Self::Pcp(code) => code.fmt(f),
            Self::NoInterface(name) => write!(f, "no interface that is up is called {name:?}"),
            Self::Exchange(error) => error.fmt(f),
            Self::HttpStatus(status) => write!(f, "http status {status}"),
            Self::Unconfirmed(status) => write!(f, "http status {status} over a body that says yes"),
            Self::Soap(error) => error.fmt(f),
            Self::Decode(error) => error.fmt(f),
            Self::Fault(code, text) if text.is_empty() || text.eq_ignore_ascii_case(code.name()) => {
                code.fmt(f)
            }
            Self::Fault(code, text) => write!(f, "{code} \"{text}\""),
            Self::Description(error) => error.fmt(f),
            Self::Url(error) => error.fmt(f),
            Self::NotAGateway => f.write_str("not an internet gateway"),
            Self::NoService => f.write_str("no service that maps ports"),
            Self::NotConfirmed => f.write_str("the gateway accepted the mapping but does not have it"),
            Self::Conflict { code, holder, description } => {
                if let Some(code) = code {
                    write!(f, "{code}: ")?;
                }
                match holder {
                    None => f.write_str("the gateway does not say whose mapping it is"),
                    Some(holder) if description.is_empty() => write!(f, "the port is mapped to {holder}"),
                    Some(holder) => write!(f, "the port is mapped to {holder} (\"{description}\")"),
                }
            }
            Self::OtherPort { offered } => write!(f, "the gateway offers port {offered} instead"),
            Self::NotGivenBack { external_port } => {
                write!(f, "port {external_port}, which was given instead, stays open until its lease is over")
            }
            Self::NotAlone { other } => write!(f, "the gateway would close port {other} with it"),
            Self::FormerAddress { address } => {
                write!(f, "it leads to {address}, which this host has no more")
            }
            Self::WouldShorten => {
                f.write_str("another process has it open for longer than this protocol grants")
            }
            Self::NoNonce => f.write_str("only the program that opened it can close it by pcp"),
            Self::NotOurs { holder } => write!(f, "the mapping belongs to {holder}"),
            Self::OwnerUnknown => f.write_str("the gateway does not say whose mapping it is"),
            Self::NotIpv4 => f.write_str("reached over IPv6, where ports are not mapped"),
            Self::NotIpv6 => f.write_str("reached over IPv4, where there are no pinholes"),
            Self::NotGlobal(address) => write!(f, "the internet does not reach {address}"),
            Self::NoGlobalAddress => f.write_str("this host has no global IPv6 address"),
            Self::NoPinholes { code, firewall_enabled: true } => {
                write!(f, "{code}: pinholes are not allowed")
            }
            Self::NoPinholes { code, firewall_enabled: false } => {
                write!(f, "{code}: the firewall is off, and keeps nothing out")
            }
        }
    }
}

impl std::error::Error for Failure {}

/// Why an answer to the search was not listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ignored {
    /// It is not the message that it should be.
    Malformed(SsdpError),
    /// It came from beyond the networks that this host is in, and not from a default gateway.
    OtherNetwork,
    /// It came from another address than those that a person named.
    NotNamed,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => error.fmt(f),
            Self::OtherNetwork => f.write_str("from none of the networks of this host"),
            Self::NotNamed => f.write_str("from another address than the one that was named"),
        }
    }
}

/// What to do where the system has no more sockets to give.
const MORE_FILES: &str = "close some, or raise the limit: ulimit -n";

/// An error of the operating system's. The driver has this kind for a limit of open files, of which a socket is one: the
/// standard library calls that uncategorized.
pub(in crate::client) fn told(kind: io::ErrorKind) -> String {
    match kind {
        io::ErrorKind::QuotaExceeded => "too many open files, and sockets are among them".into(),
        kind => kind.to_string(),
    }
}
