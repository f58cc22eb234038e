//! Announcements: what a gateway multicasts after it lost its state, or changed its address.

use super::PortControlOddity as Oddity;
use super::outbox::PortControlDatagram;
use crate::device::Device;
use crate::natpmp;
use crate::quirk::{Quirk, parameter};
use core::net::SocketAddr;
use core::time::Duration;
use portcullis_proto::Time;
use portcullis_proto::client::retry;
use portcullis_proto::wire::pcp;
use portcullis_proto::wire::port_control::{ANNOUNCE_GROUP, ANNOUNCE_GROUP_V6, ANNOUNCE_PORT};

/// The announcements that are due now; each tells the epoch time of now.
pub(super) fn due(device: &mut Device, now: Time) -> Vec<PortControlDatagram> {
    if next(device).is_none_or(|due| due > now) {
        return Vec::new();
    }
    if let Some((_, sent)) = &mut device.port_control.announcing {
        *sent = sent.saturating_add(1);
    }
    let is_forged = flood(device).is_some_and(|(_, _, forged)| forged);
    datagrams(device, now, is_forged)
}

/// When the next announcement is due.
pub(super) fn next(device: &Device) -> Option<Time> {
    let (began, sent) = device.port_control.announcing?;
    if !device.has(Quirk::NatPmp) && !device.has(Quirk::Pcp) {
        return None;
    }
    match flood(device) {
        Some((count, interval, _)) => (sent < count).then(|| began + interval.saturating_mul(sent)),
        None if device.has(Quirk::PortControl(Oddity::NoAnnouncements)) => None,
        None => retry::announcement(sent).map(|offset| began + offset),
    }
}

pub(super) fn flood(device: &Device) -> Option<(u32, Duration, bool)> {
    parameter!(device.quirks, Quirk::PortControl(Oddity::AnnouncementFlood { count, interval, forged })
        => (count, interval, forged))
}

fn datagrams(device: &Device, now: Time, is_forged: bool) -> Vec<PortControlDatagram> {
    let source = |is_ipv6| {
        let own = device.port_control.address(is_ipv6);
        if is_forged { super::stranger(own) } else { own }
    };
    let datagram = |group: core::net::IpAddr, payload| PortControlDatagram {
        source: source(group.is_ipv6()),
        destination: SocketAddr::new(group, ANNOUNCE_PORT),
        payload,
    };
    let epoch_time = if is_forged { 0 } else { super::epoch_time(device, now) };
    let mut datagrams = Vec::new();
    if device.has(Quirk::NatPmp) {
        let announcement = natpmp::announcement(device, epoch_time);
        datagrams.extend(announcement.map(|payload| datagram(ANNOUNCE_GROUP.into(), payload)));
    }
    if device.has(Quirk::Pcp) {
        let payload = pcp::announcement(epoch_time).encode();
        datagrams.push(datagram(ANNOUNCE_GROUP.into(), payload.clone()));
        datagrams.push(datagram(ANNOUNCE_GROUP_V6.into(), payload));
    }
    datagrams
}
