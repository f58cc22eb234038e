//! Hearing of gateways: what they announce, and a look at each of them once a minute.

use super::{ChangeKind, KeeperTimer, Kept, Phase, Reason};
use crate::Time;
use crate::client::Client;
use crate::client::epoch::{Epoch, Verdict};
use crate::client::error::{Error, Failure};
use crate::client::event::Outcome;
use crate::client::exchange::ExchangeError;
use crate::client::granted::{Granted, Grantor, Method};
use crate::client::io::{Bind, Group, Output, SocketId};
use crate::client::operation::OperationId;
use crate::client::port_control::Heard;
use crate::client::port_control::talk::Goal;
use crate::client::timer::Timer;
use crate::igd::ipv6_firewall::GetFirewallStatus;
use crate::igd::wan_connection::{Action, GetExternalIpAddress, GetStatusInfo};
use crate::wire::natpmp;
use crate::wire::port_control::{self, Answer};
use crate::wire::ssdp::{self, Message, NotifyKind};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::collections::btree_map::Entry;

/// How often a gateway is looked at: a new external address is noticed within this time.
const INTERVAL: Duration = Duration::from_secs(60);
/// After a look that failed.
const AGAIN: Duration = Duration::from_secs(5);
/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(8);
/// Looks in a row that fail before the gateway is given up.
const MOST_FAILURES: u32 = 3;
/// An address that comes and goes is told at most this often.
const DEBOUNCE: Duration = Duration::from_secs(10);
/// An announcement, of which there are many, makes a gateway be looked at at most this often.
const HEARD: Duration = Duration::from_secs(60);

/// A socket that announcements come in on.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) socket: SocketId,
    is_ssdp: bool,
}

/// What is known of a gateway that has mappings which are kept.
#[derive(Debug)]
pub(super) struct Watch {
    looking: Vec<OperationId>,
    failures: u32,
    /// The uptime of its connection goes on as an epoch does.
    uptime: Epoch,
    boot_id: Option<u32>,
    pub(super) recreated_at: Option<Time>,
    changed_at: Option<Time>,
    heard_at: Option<Time>,
}

impl Watch {
    fn new(now: Time) -> Self {
        let mut uptime = Epoch::nat_pmp();
        // From here on it is known what it must be at least.
        uptime.update(now, 0);
        Self {
            looking: Vec::new(),
            failures: 0,
            uptime,
            boot_id: None,
            recreated_at: None,
            changed_at: None,
            heard_at: None,
        }
    }
}

impl Client {
    /// Listens for announcements, where strangers can be heard at all.
    pub(super) fn listen(&mut self) {
        let loopback = |ip: IpAddr| ip.is_loopback();
        let named: Vec<_> = self.config.gateways.iter().filter_map(|gateway| gateway.ip()).collect();
        if !self.keeper.listeners.is_empty() || (!named.is_empty() && named.iter().copied().all(loopback)) {
            return;
        }
        let port_control = (port_control::ANNOUNCE_PORT, false);
        let ssdp = (ssdp::PORT, true);
        let channels = [
            (port_control, IpAddr::from(port_control::ANNOUNCE_GROUP)),
            (port_control, port_control::ANNOUNCE_GROUP_V6.into()),
            (ssdp, ssdp::MULTICAST_V4.into()),
            (ssdp, ssdp::LINK_LOCAL_V6.into()),
        ];
        for ((port, is_ssdp), address) in channels {
            let interfaces = self.network.interfaces.iter().filter(|interface| {
                let has_family =
                    if address.is_ipv4() { interface.ipv4().next().is_some() } else { interface.has_ipv6() };
                interface.multicast && !interface.loopback && has_family
            });
            let groups: Vec<_> =
                interfaces.map(|interface| Group { address, interface: interface.index }).collect();
            if groups.is_empty() {
                continue;
            }
            let any: IpAddr =
                if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
            let socket = self.transport.out.next_socket();
            self.transport.out.push(Output::Bind(Bind {
                socket,
                local: SocketAddr::new(any, port),
                multicast_interface: None,
                multicast_ttl: 1,
                peer: None,
                groups,
            }));
            self.keeper.listeners.push(Listener { socket, is_ssdp });
        }
    }

    /// Other interfaces are there to listen on.
    pub(super) fn listen_again(&mut self) {
        self.stop_listening();
        self.listen();
    }

    fn stop_listening(&mut self) {
        for listener in self.keeper.listeners.drain(..) {
            self.transport.out.push(Output::Unbind(listener.socket));
        }
    }

    /// A mapping stands at this gateway: it is looked at from now on.
    pub(super) fn watch(&mut self, now: Time, granted: &Granted) {
        let gateway = granted.grantor.remote().ip();
        if let Entry::Vacant(vacant) = self.keeper.watches.entry(gateway) {
            vacant.insert(Watch::new(now));
            self.transport.out.timers.set(Timer::Keeper(KeeperTimer::Watch(gateway)), now + INTERVAL);
        }
    }

    /// Forgets gateways without mappings, and stops listening when nothing is kept.
    pub(super) fn unwatch(&mut self, now: Time) {
        let mappings = &self.keeper.mappings;
        let gone: Vec<_> = self
            .keeper
            .watches
            .keys()
            .copied()
            .filter(|&gateway| !mappings.values().any(|kept| kept.is_at(gateway)))
            .collect();
        for gateway in gone {
            self.transport.out.timers.clear(Timer::Keeper(KeeperTimer::Watch(gateway)));
            let looking = self.keeper.watches.remove(&gateway).map(|watch| watch.looking);
            for operation in looking.into_iter().flatten() {
                self.cancel(now, operation);
            }
        }
        if self.keeper.is_empty() {
            self.stop_listening();
        }
    }

    /// It is time to look at a gateway.
    pub(super) fn watch_due(&mut self, now: Time, gateway: IpAddr) {
        let preference = |kept: &Kept| kept.granted.as_ref().map(Granted::method);
        let sample = self
            .keeper
            .mappings
            .iter()
            .filter(|(_, kept)| kept.is_at(gateway) && kept.stands)
            .min_by_key(|(_, kept)| preference(kept))
            .and_then(|(&id, kept)| Some((id, kept.granted.clone()?)));
        self.transport.out.timers.set(Timer::Keeper(KeeperTimer::Watch(gateway)), now + INTERVAL);
        let is_looking = self.keeper.watches.get(&gateway).is_none_or(|watch| !watch.looking.is_empty());
        let Some((id, granted)) = sample.filter(|_| !is_looking) else { return };
        let looking = match &granted.grantor {
            Grantor::NatPmp(server) => {
                vec![self.talk_with(now, Method::NatPmp, (*server, None), Goal::Address, PATIENCE)]
            }
            Grantor::Pcp(server, _) => {
                let way = self.way_of(&granted, *server);
                vec![self.talk_with(now, Method::Pcp, way, Goal::Presence, PATIENCE)]
            }
            Grantor::ControlPoint(point) => vec![
                self.ask_for(now, id, point, &GetStatusInfo),
                self.ask_for(now, id, point, &GetExternalIpAddress),
            ],
            Grantor::Pinhole(point, _) => vec![self.ask_for(now, id, point, &GetFirewallStatus)],
        };
        for operation in &looking {
            if let Some(operation) = self.operations.get_mut(operation) {
                operation.keeper = Some(id);
            }
        }
        let operations = &self.operations;
        if let Some(watch) = self.keeper.watches.get_mut(&gateway) {
            watch.looking = looking.into_iter().filter(|id| operations.contains_key(id)).collect();
        }
    }

    /// Whether an operation that has ended was a look at a gateway; what it brought is dealt with.
    pub(super) fn watch_done(
        &mut self,
        now: Time,
        operation: OperationId,
        result: &Result<Outcome, Error>,
    ) -> bool {
        let found = self.keeper.watches.iter_mut().find(|(_, watch)| watch.looking.contains(&operation));
        let Some((&gateway, watch)) = found else { return false };
        watch.looking.retain(|&other| other != operation);
        match result {
            Ok(outcome) => {
                watch.failures = 0;
                let mut told = None;
                let mut restarted = false;
                match outcome {
                    Outcome::Address { address, .. } => told = Some(*address),
                    Outcome::Called(arguments) => {
                        told = GetExternalIpAddress.decode(arguments).ok();
                        let uptime = GetStatusInfo.decode(arguments).ok().and_then(|status| status.uptime);
                        let verdict = uptime.map(|uptime| watch.uptime.update(now, uptime));
                        restarted = verdict == Some(Verdict::StateLost);
                    }
                    _ => {}
                }
                if let Some(address) = told {
                    self.address_told(now, gateway, address);
                }
                if restarted {
                    // The line was down: that may be all, or the gateway was.
                    self.verify_soon(now, gateway);
                }
            }
            Err(error) => {
                watch.failures = watch.failures.saturating_add(1);
                let is_gone = error.attempts().iter().any(|attempt| {
                    matches!(
                        attempt.failure,
                        Failure::Exchange(ExchangeError::Connect(_))
                            | Failure::Unreachable(_)
                            | Failure::UnsupportedVersion
                    )
                });
                let answers = error.attempts().iter().any(|attempt| {
                    matches!(attempt.failure, Failure::Fault(..) | Failure::NatPmp(_) | Failure::Pcp(_))
                });
                if answers {
                    watch.failures = 0;
                } else if is_gone || watch.failures >= MOST_FAILURES {
                    watch.failures = 0;
                    self.gateway_gone(now, gateway, error);
                } else {
                    let timer = Timer::Keeper(KeeperTimer::Watch(gateway));
                    self.transport.out.timers.set(timer, now + AGAIN);
                }
            }
        }
        true
    }

    /// A gateway does not answer any more: another way is sought for its mappings.
    fn gateway_gone(&mut self, now: Time, gateway: IpAddr, error: &Error) {
        for id in self.ids(|kept| kept.is_at(gateway) && kept.phase == Phase::Resting) {
            self.mistrust(now, id, Reason::Failed(error.clone()), Duration::ZERO);
        }
    }

    /// A gateway told its external address.
    fn address_told(&mut self, now: Time, gateway: IpAddr, address: IpAddr) {
        let Some(watch) = self.keeper.watches.get_mut(&gateway) else { return };
        if address.is_unspecified() || watch.changed_at.is_some_and(|at| now - at < DEBOUNCE) {
            return;
        }
        let others = self.ids(|kept| {
            let translates = |granted: &Granted| {
                granted.method() != Method::IgdPinhole && granted.external_address != Some(address)
            };
            kept.is_at(gateway) && kept.stands && kept.granted.as_ref().is_some_and(translates)
        });
        if others.is_empty() {
            return;
        }
        if let Some(watch) = self.keeper.watches.get_mut(&gateway) {
            watch.changed_at = Some(now);
        }
        for id in others {
            let granted = self.keeper.mappings.get_mut(&id).and_then(|kept| kept.granted.as_mut());
            let Some(granted) = granted else { continue };
            let from = granted.external_address.replace(address);
            let kind = ChangeKind::ExternalAddressChanged { from, to: Some(address) };
            self.tell_change(id, kind, Reason::GatewayTold);
        }
    }

    /// A datagram for everybody. It counts only where it comes from a gateway that has mappings of ours.
    pub(in crate::client) fn announced(
        &mut self,
        now: Time,
        socket: SocketId,
        source: SocketAddr,
        payload: &[u8],
    ) {
        let gateway = source.ip();
        let is_ssdp = self.keeper.listeners.iter().any(|own| own.socket == socket && own.is_ssdp);
        if !self.keeper.watches.contains_key(&gateway) {
            return;
        }
        if is_ssdp {
            self.notified(now, gateway, payload);
            return;
        }
        if source.port() != port_control::PORT {
            return;
        }
        let Ok(answer) = Answer::decode(payload) else { return };
        let address = match &answer {
            Answer::NatPmp(response) => match response.body {
                natpmp::Body::ExternalAddress(address) => Some(address),
                _ => return,
            },
            Answer::Pcp(response) if response.opcode_number == 0 => None,
            Answer::Pcp(_) => return,
        };
        let heard = self.port_control.announced(now, gateway, &answer);
        self.heard(now, gateway, heard);
        if let Some(address) = address {
            self.address_told(now, gateway, address.into());
        }
        if heard != Heard::StateLost {
            self.look_soon(now, gateway);
        }
    }

    /// Who announces itself may have restarted, even if this does not show it: an epoch says nothing where the one
    /// before is not known, as PCP's where a mapping is UPnP's or NAT-PMP's.
    fn look_soon(&mut self, now: Time, gateway: IpAddr) {
        let Some(watch) = self.keeper.watches.get_mut(&gateway) else { return };
        if watch.heard_at.is_none_or(|at| now - at >= HEARD) {
            watch.heard_at = Some(now);
            self.verify_soon(now, gateway);
            self.watch_due(now, gateway);
        }
    }

    /// SSDP: a gateway that says goodbye or that has rebooted has lost its mappings; one that is merely alive may
    /// have, where it does not tell its boots apart.
    fn notified(&mut self, now: Time, gateway: IpAddr, payload: &[u8]) {
        let Ok(Message::Notify(notify)) = Message::decode(payload) else { return };
        let Some(watch) = self.keeper.watches.get_mut(&gateway) else { return };
        let (is_known, rebooted) = match (notify.boot_id, watch.boot_id) {
            (Some(new), Some(old)) => (new == old, new != old),
            _ => (false, false),
        };
        watch.boot_id = notify.boot_id.or(watch.boot_id);
        match notify.kind {
            // It will be back; until then there is nobody to ask.
            NotifyKind::ByeBye => {}
            _ if rebooted => {
                watch.heard_at = Some(now);
                self.port_control.forget_epochs(gateway);
                self.state_lost(now, gateway);
            }
            NotifyKind::Alive | NotifyKind::Update if is_known => {}
            NotifyKind::Alive | NotifyKind::Update => self.look_soon(now, gateway),
        }
    }

    /// A gateway is known to have restarted: that it counts its boots on is no other restart.
    pub(in crate::client) fn forget_boot(&mut self, gateway: IpAddr) {
        if let Some(watch) = self.keeper.watches.get_mut(&gateway) {
            watch.boot_id = None;
        }
    }
}
