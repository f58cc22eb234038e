//! The port that NAT-PMP and PCP share: which of them answers, and in what shape the answer leaves.

mod announce;
pub(crate) mod assign;
mod gateway;
mod inbound;
mod oddity;
mod outbox;
mod state;

use crate::counters::Counters;
use crate::device::Device;
use crate::quirk::{Quirk, parameter};
use crate::{natpmp, pcp};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use oddity::Answered;
use portcullis_proto::Time;
use portcullis_proto::wire::pcp::{ResultCode, encode_refusal};

pub(crate) use inbound::inbound;
pub use oddity::{EchoedPort, Forgery, PortControlOddity, VersionAnswer};
pub(crate) use outbox::Outbox;
pub use outbox::PortControlDatagram;
pub(crate) use state::{Peer, State};

use PortControlOddity as Oddity;

/// The version of NAT-PMP in the first byte.
const NAT_PMP: u8 = 0;
/// The bit of the second byte that makes a response.
const RESPONSE_BIT: u8 = 0x80;

/// Whether anybody hears what comes to the port; ICMP says so where not.
pub(crate) fn is_open(device: &Device) -> bool {
    [Quirk::NatPmp, Quirk::Pcp, Quirk::PortControl(Oddity::Silent)].into_iter().any(|quirk| device.has(quirk))
}

/// A datagram came to the port.
pub(crate) fn handle(
    device: &mut Device,
    counters: &mut Counters,
    outbox: &mut Outbox,
    now: Time,
    source: SocketAddr,
    request: &[u8],
) {
    let (Some(&version), Some(&opcode)) = (request.first(), request.get(1)) else { return };
    let counter = if version == NAT_PMP { &mut counters.nat_pmp } else { &mut counters.pcp };
    *counter = counter.saturating_add(1);
    let copies = device.port_control.count(source, request);
    let ignored = parameter!(device.quirks, Quirk::PortControl(Oddity::IgnoresFirst(count)) => count);
    let is_silent = device.has(Quirk::PortControl(Oddity::Silent));
    if is_silent || opcode & RESPONSE_BIT != 0 || ignored.is_some_and(|count| copies < count) {
        return;
    }
    if let Some(answer) = answer(device, now, source, version, request) {
        send(device, outbox, now, source, request, answer);
    }
}

/// Takes a datagram that is due.
pub(crate) fn poll(device: &mut Device, outbox: &mut Outbox, now: Time) -> Option<PortControlDatagram> {
    for announcement in announce::due(device, now) {
        outbox.push(now, announcement, (0, Duration::ZERO));
    }
    outbox.poll(now)
}

pub(crate) fn poll_timeout(device: &Device, outbox: &Outbox) -> Option<Time> {
    let own = [announce::next(device), outbox.poll_timeout(), device.port_control.next_expiry()];
    own.into_iter().flatten().min()
}

/// Announces from now on, as a gateway does that has lost its state or changed its address.
pub(crate) fn begin_to_announce(device: &mut Device, now: Time) {
    device.port_control.announcing = Some((now, 0));
}

/// It has just been made; only a flood begins by itself.
pub(crate) fn begin(device: &mut Device) {
    if announce::flood(device).is_some() {
        begin_to_announce(device, Time::ZERO);
    }
}

/// What was about to be sent is lost.
pub(crate) fn lose_answers(outbox: &mut Outbox) {
    outbox.clear();
}

/// The epoch time that is told.
pub(crate) fn epoch_time(device: &Device, now: Time) -> u32 {
    parameter!(device.quirks, Quirk::PortControl(Oddity::EpochAlways(epoch_time)) => epoch_time)
        .unwrap_or_else(|| device.port_control.epoch_time(now))
}

fn answer(
    device: &mut Device,
    now: Time,
    source: SocketAddr,
    version: u8,
    request: &[u8],
) -> Option<Vec<u8>> {
    let client = device.seen(source.ip());
    let (nat_pmp, pcp) = (device.has(Quirk::NatPmp), device.has(Quirk::Pcp));
    if version != NAT_PMP && pcp {
        return other_version(device, now, request).or_else(|| pcp::answer(device, now, client, request));
    }
    match client {
        IpAddr::V4(client) if version == NAT_PMP && nat_pmp => natpmp::answer(device, now, client, request),
        _ if nat_pmp || pcp => unsupported_version(device, now, request),
        _ => None,
    }
}

/// UNSUPP_VERSION, with one version after the other, where the scenario wants it.
fn other_version(device: &mut Device, now: Time, request: &[u8]) -> Option<Vec<u8>> {
    let versions =
        parameter!(device.quirks, Quirk::PortControl(Oddity::OtherVersions(versions)) => versions)?;
    let version = versions.iter().cycle().nth(device.port_control.version_answers)?;
    device.port_control.version_answers =
        device.port_control.version_answers.saturating_add(1).checked_rem(versions.len()).unwrap_or(0);
    let mut answer = pcp::refusal(device, now, request, ResultCode::UnsuppVersion);
    if let Some(byte) = answer.first_mut() {
        *byte = *version;
    }
    let most = parameter!(device.quirks, Quirk::PortControl(Oddity::OtherVersionsCut(most)) => most);
    answer.truncate(most.unwrap_or(usize::MAX));
    Some(answer)
}

/// Of one that speaks the other protocol only: 8 bytes by RFC 6886 section 3.5, a header by RFC 6887 section 9.
fn unsupported_version(device: &Device, now: Time, request: &[u8]) -> Option<Vec<u8>> {
    let form = parameter!(device.quirks, Quirk::PortControl(Oddity::VersionAnswer(form)) => form);
    let epoch_time = epoch_time(device, now);
    let mut nat_pmp = vec![0, 0, 0, 1];
    nat_pmp.extend(epoch_time.to_be_bytes());
    match form {
        Some(VersionAnswer::None) => return None,
        Some(VersionAnswer::NatPmpLayout) => {}
        _ if device.has(Quirk::Pcp) => {
            let header = request.get(..2).unwrap_or_default();
            let lifetime = ResultCode::UnsuppVersion.error_lifetime();
            return Some(encode_refusal(header, ResultCode::UnsuppVersion, lifetime, epoch_time));
        }
        Some(VersionAnswer::ResponseBit) => {
            if let (Some(opcode), Some(asked)) = (nat_pmp.get_mut(1), request.get(1)) {
                *opcode = asked | RESPONSE_BIT;
            }
        }
        Some(VersionAnswer::Length(length)) => nat_pmp.resize(length, 0),
        None => {}
    }
    Some(nat_pmp)
}

/// Sends an answer in the shape that the scenario wants.
fn send(
    device: &mut Device,
    outbox: &mut Outbox,
    now: Time,
    client: SocketAddr,
    request: &[u8],
    answer: Vec<u8>,
) {
    let own = device.port_control.address(client.is_ipv6());
    let due = now
        + parameter!(device.quirks, Quirk::PortControl(Oddity::Delay(delay)) => delay).unwrap_or_default();
    let repeat = parameter!(device.quirks, Quirk::PortControl(Oddity::Repeats { count, interval })
        => (count, interval))
    .unwrap_or_default();
    let [last, before] = &mut device.port_control.answers;
    if last.as_ref() != Some(&answer) {
        *before = last.replace(answer.clone());
    }
    let previous = before.as_deref();
    let answered = Answered { request, answer: &answer, previous };
    let forged = |forgery: Forgery| {
        let source = match forgery {
            Forgery::WrongAddress => stranger(own),
            Forgery::WrongPort => SocketAddr::new(own.ip(), own.port().wrapping_add(1)),
            _ => own,
        };
        let payload = forgery.payload(&answered)?;
        Some(PortControlDatagram { source, destination: client, payload })
    };
    let mut is_replaced = false;
    for quirk in device.quirks.iter() {
        let forgery = match quirk {
            Quirk::PortControl(Oddity::Preceded(forgery)) => forgery,
            Quirk::PortControl(Oddity::Replaced(forgery)) => {
                is_replaced = true;
                forgery
            }
            _ => continue,
        };
        if let Some(datagram) = forged(forgery) {
            outbox.push(due, datagram, repeat);
        }
    }
    if !is_replaced {
        outbox.push(due, PortControlDatagram { source: own, destination: client, payload: answer }, repeat);
    }
}

/// Another host of the same network, which sends from the same port.
fn stranger(own: SocketAddr) -> SocketAddr {
    let address = match own.ip() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            Ipv4Addr::new(a, b, c, 253).into()
        }
        IpAddr::V6(_) => "fe80::bad".parse().unwrap_or(own.ip()),
    };
    SocketAddr::new(address, own.port())
}
