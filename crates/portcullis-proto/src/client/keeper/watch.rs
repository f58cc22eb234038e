//! A look at each gateway that has mappings of ours: once a minute, and where something was heard of it.

use super::heed::{Boots, Heed, udn};
use super::{ChangeKind, KeeperTimer, Kept, MappingId, Phase, Reason};
use crate::Time;
use crate::client::Client;
use crate::client::epoch::{Epoch, Verdict};
use crate::client::error::{Error, Failure};
use crate::client::event::Outcome;
use crate::client::exchange::ExchangeError;
use crate::client::granted::{Granted, Grantor, Method};
use crate::client::operation::OperationId;
use crate::client::port_control::Pace;
use crate::client::port_control::talk::Goal;
use crate::client::timer::Timer;
use crate::igd::ipv6_firewall::GetFirewallStatus;
use crate::igd::wan_connection::{Action, GetExternalIpAddress, GetStatusInfo};
use core::net::IpAddr;
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

/// An uptime is told in whole seconds, and was taken a moment ago.
const IN_SECONDS: Duration = Duration::from_secs(2);

/// How long the external address of a PCP server is asked for by NAT-PMP: not all who speak the one speak the other.
const BESIDE: Duration = Duration::from_secs(2);

/// What is known of a gateway that has mappings which are kept.
#[derive(Debug)]
pub(super) struct Watch {
    looking: Vec<OperationId>,
    failures: u32,
    /// The uptime of its connection goes on as an epoch does.
    uptime: Epoch,
    /// Since when it is up at least.
    up_since: Time,
    /// What it is called in its announcements, where it was found by a search.
    udn: Option<String>,
    pub(super) boots: Boots,
    pub(super) heed: Heed,
    pub(super) recreated_at: Option<Time>,
    pub(super) changed_at: Option<Time>,
    pub(super) beside: Beside,
}

/// The external address of a PCP server, which PCP tells with a mapping only: NAT-PMP is asked for it.
#[derive(Debug, Default)]
pub(super) struct Beside {
    asking: Option<OperationId>,
    /// Whether NAT-PMP is not spoken there.
    is_silent: bool,
    /// The address that was told last and that our mappings do not have.
    doubted: Option<IpAddr>,
    /// Whether it may be another, by what was announced.
    pub(super) is_doubtful: bool,
}

impl Watch {
    fn new(now: Time, udn: Option<String>) -> Self {
        let mut uptime = Epoch::nat_pmp();
        // From here on it is known what it must be at least.
        uptime.update(now, 0);
        Self {
            looking: Vec::new(),
            failures: 0,
            uptime,
            up_since: now,
            udn,
            boots: Boots::default(),
            heed: Heed::default(),
            recreated_at: None,
            changed_at: None,
            beside: Beside::default(),
        }
    }

    /// Whether this is the device's name.
    pub(super) fn is_called(&self, udn: &str) -> bool {
        !udn.is_empty() && self.udn.as_deref() == Some(udn)
    }

    /// Whether its uptime says that it has started since: by less than an epoch may fall behind, so soon after it was found.
    fn has_started_since(&mut self, now: Time, uptime: u32) -> bool {
        let started = Time::from_start(now.since_start().saturating_sub(Duration::from_secs(uptime.into())));
        let is_younger = self.up_since + IN_SECONDS < started;
        if is_younger {
            self.up_since = started;
        }
        is_younger
    }

    /// It may be another by now.
    pub(super) fn restarted(&mut self) {
        self.heed.found();
        self.beside.is_silent = false;
    }
}

impl Client {
    /// A mapping stands at this gateway: it is looked at from now on.
    pub(super) fn watch(&mut self, now: Time, granted: &Granted) {
        let gateway = granted.grantor.remote().ip();
        if let Entry::Vacant(vacant) = self.keeper.watches.entry(gateway) {
            let device = self.gateways.iter().find(|device| device.address.ip() == gateway);
            vacant.insert(Watch::new(now, device.map(|device| udn(&device.usn).to_owned())));
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
            let Some(watch) = self.keeper.watches.remove(&gateway) else { continue };
            for operation in watch.looking.into_iter().chain(watch.beside.asking) {
                self.cancel(now, operation);
            }
        }
        if self.keeper.is_empty() {
            self.stop_listening();
            self.await_left(false);
        }
    }

    /// It is time to look at a gateway.
    pub(super) fn watch_due(&mut self, now: Time, gateway: IpAddr) {
        self.transport.out.timers.set(Timer::Keeper(KeeperTimer::Watch(gateway)), now + INTERVAL);
        self.heed_now(now, gateway);
        let preference = |kept: &Kept| kept.granted.as_ref().map(Granted::method);
        let sample = self
            .keeper
            .mappings
            .iter()
            .filter(|(_, kept)| kept.is_at(gateway) && kept.stands)
            .min_by_key(|(_, kept)| preference(kept))
            .and_then(|(&id, kept)| Some((id, kept.granted.clone()?)));
        let is_looking = self.keeper.watches.get(&gateway).is_none_or(|watch| !watch.looking.is_empty());
        let Some((id, granted)) = sample.filter(|_| !is_looking) else { return };
        let looking = match &granted.grantor {
            Grantor::NatPmp(server) => {
                vec![self.talk_with(now, Method::NatPmp, granted.way_to(*server), Goal::Address, PATIENCE)]
            }
            Grantor::Pcp(server, _) => {
                let way = granted.way_to(*server);
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

    /// Heeds what was heard of a gateway, where it is time to.
    fn heed_now(&mut self, now: Time, gateway: IpAddr) {
        // What was sent before the word came, says nothing of it: then the gateway is asked once more afterwards.
        let is_asked = self.keeper.mappings.values().any(|kept| kept.is_at(gateway) && kept.is_asked_for());
        let Some(watch) = self.keeper.watches.get_mut(&gateway).filter(|watch| watch.heed.waits) else {
            return;
        };
        let is_due = watch.heed.at(now) <= now;
        if is_due {
            watch.heed.asked(now);
            watch.heed.waits = is_asked || !watch.looking.is_empty();
        }
        if watch.heed.waits {
            let at = watch.heed.at(now);
            self.transport.out.timers.set_by(Timer::Keeper(KeeperTimer::Watch(gateway)), at);
        }
        if is_due {
            self.verify_soon(now, gateway);
        }
    }

    /// Whether an operation that has ended was a look at a gateway; what it brought is dealt with.
    pub(super) fn watch_done(
        &mut self,
        now: Time,
        id: MappingId,
        operation: OperationId,
        result: &Result<Outcome, Error>,
    ) -> bool {
        if self.address_beside(now, operation, result) {
            return true;
        }
        let found = self.keeper.watches.iter_mut().find(|(_, watch)| watch.looking.contains(&operation));
        let Some((&gateway, watch)) = found else { return false };
        watch.looking.retain(|&other| other != operation);
        match result {
            Ok(outcome) => {
                watch.failures = 0;
                self.looked(now, gateway, id, outcome);
            }
            Err(error) => self.look_failed(now, gateway, error),
        }
        true
    }

    /// What a look at a gateway brought.
    fn looked(&mut self, now: Time, gateway: IpAddr, id: MappingId, outcome: &Outcome) {
        let Some(watch) = self.keeper.watches.get_mut(&gateway) else { return };
        let mut told = None;
        let mut restarted = false;
        match outcome {
            Outcome::Address { address, .. } => told = Some(*address),
            Outcome::Called(arguments) => {
                told = GetExternalIpAddress.decode(arguments).ok();
                let uptime = GetStatusInfo.decode(arguments).ok().and_then(|status| status.uptime);
                restarted = uptime.is_some_and(|uptime| {
                    let is_younger = watch.has_started_since(now, uptime);
                    watch.uptime.update(now, uptime) == Verdict::StateLost || is_younger
                });
            }
            _ => self.look_beside(now, gateway, id),
        }
        if let Some(address) = told {
            self.address_told(now, gateway, address);
        }
        if restarted {
            // The line was down: that may be all, or the gateway was.
            self.verify_soon(now, gateway);
        }
    }

    fn look_failed(&mut self, now: Time, gateway: IpAddr, error: &Error) {
        let Some(watch) = self.keeper.watches.get_mut(&gateway) else { return };
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

    /// A PCP server is there. Its external address is asked for by NAT-PMP, where it speaks that; else a mapping that
    /// stands is renewed, whose answer tells it, and that only where something was announced: RFC 6887 section 11.2.1 has
    /// renewals wait, and a server whose address has changed counts anew (section 8.5).
    fn look_beside(&mut self, now: Time, gateway: IpAddr, id: MappingId) {
        let may_ask = self.config.preference(Method::NatPmp).is_some();
        let granted = self.keeper.mappings.get(&id).and_then(|kept| kept.granted.as_ref());
        let Some((granted, &Grantor::Pcp(server, _))) = granted.map(|granted| (granted, &granted.grantor))
        else {
            return;
        };
        let way = granted.way_to(server);
        let Some(watch) = self.keeper.watches.get_mut(&gateway).filter(|_| server.is_ipv4()) else { return };
        if watch.beside.asking.is_some() {
            return;
        }
        if !may_ask || watch.beside.is_silent {
            if core::mem::take(&mut watch.beside.is_doubtful) {
                self.reassure(now, id);
            }
            return;
        }
        let pace = (BESIDE, Pace::FirstContact);
        let operation = self.talk_at(now, Method::NatPmp, way, Goal::Address, pace);
        if let Some(operation) = self.operations.get_mut(&operation) {
            operation.keeper = Some(id);
        }
        if let Some(watch) = self.keeper.watches.get_mut(&gateway) {
            watch.beside.asking = Some(operation).filter(|id| self.operations.contains_key(id));
        }
    }

    /// Whether an operation that has ended has asked a PCP server for its address. Where NAT-PMP tells another one than
    /// PCP did, PCP is asked again by renewing the mappings: a server with several addresses may mean both.
    fn address_beside(&mut self, now: Time, operation: OperationId, result: &Result<Outcome, Error>) -> bool {
        let asked = |watch: &Watch| watch.beside.asking == Some(operation);
        let Some((&gateway, watch)) = self.keeper.watches.iter_mut().find(|(_, watch)| asked(watch)) else {
            return false;
        };
        watch.beside.asking = None;
        let is_doubtful = core::mem::take(&mut watch.beside.is_doubtful);
        let told = match result {
            Ok(Outcome::Address { address, .. }) => Some(*address),
            _ => None,
        };
        watch.beside.is_silent = told.is_none();
        let is_new = told.is_some() && watch.beside.doubted != told;
        let stands = |kept: &Kept| kept.is_at(gateway) && kept.stands && kept.is_by(Method::Pcp);
        let others = self.ids(|kept| stands(kept) && kept.external_address() != told);
        if told.is_none() && is_doubtful {
            let any = self.ids(stands).into_iter().next();
            any.into_iter().for_each(|id| self.reassure(now, id));
        } else if is_new && !others.is_empty() {
            if let Some(watch) = self.keeper.watches.get_mut(&gateway) {
                watch.beside.doubted = told;
            }
            others.into_iter().for_each(|id| self.reassure(now, id));
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
                !matches!(granted.method(), Method::IgdPinhole | Method::Pcp)
                    && granted.external_address != Some(address)
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
}
