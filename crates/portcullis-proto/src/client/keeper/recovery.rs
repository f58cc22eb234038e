//! A mapping that is in doubt, or gone: why, and when it is asked for again.

use super::{ChangeKind, KeeperTimer, MappingId, Phase, Reason};
use crate::Time;
use crate::client::Client;
use crate::client::error::{Attempt, Error, Failure};
use crate::client::event::Outcome;
use crate::client::granted::{Grantor, Method};
use crate::client::port_control::Pace;
use crate::client::retry;
use crate::client::transport::Owner;
use crate::igd::error_code::UpnpErrorCode;
use crate::igd::wan_connection::{Action, GetSpecificPortMappingEntry};
use core::net::IpAddr;
use core::time::Duration;

/// How long all protocols and gateways together may take to grant a mapping again.
const MAP_TIMEOUT: Duration = Duration::from_secs(15);
/// Between two attempts after failures: doubling, give or take a tenth.
const FIRST_BACK_OFF: Duration = Duration::from_secs(5);
const LAST_BACK_OFF: Duration = Duration::from_secs(300);
/// A network that changes does so in steps.
const SETTLING: Duration = Duration::from_millis(200);
/// How long reading an entry may have taken.
const READING: Duration = Duration::from_secs(15);
/// The mappings of a gateway are made again at most this often.
const MOST_OFTEN: Duration = Duration::from_secs(5);

impl Client {
    /// Asks for a mapping, of whoever will grant it; where it was granted before, for the same again.
    pub(super) fn map_again(&mut self, now: Time, id: MappingId) {
        if self.clear_former(now, id) {
            return;
        }
        let random = self.random.next_u32();
        let left = self.port_left(id);
        let Some(kept) = self.keeper.mappings.get_mut(&id) else { return };
        (kept.retry_at, kept.lost_meanwhile) = (None, false);
        // The lease that UPnP granted is told by the table alone.
        let mut request = kept.request.clone().read_back();
        // Some gateways want it gone before they take it again: then it is made anew when it is nearly over.
        let lifetime = kept.granted.as_ref().and_then(|granted| granted.lifetime.duration());
        request.stands = kept.stands.then(|| lifetime.unwrap_or_default().checked_div(8).unwrap_or_default());
        let pace = match (kept.failures, kept.expires()) {
            (0, _) => Pace::FirstContact,
            // To its own server it is a renewal (RFC 6887 section 11.2.1).
            (_, Some(at)) if at > now => Pace::Renewal,
            _ => Pace::patient(random),
        };
        if let Some(granted) = &kept.granted {
            request = request.external_port(left.unwrap_or(granted.external_port));
            if !kept.stands {
                self.port_control.doubt(granted.grantor.remote().ip());
            }
        }
        let request = self.as_long_as_kept(request);
        let operation = self.prepare_map(now, &request, MAP_TIMEOUT);
        self.belongs(id, operation, Phase::Mapping(operation));
        self.enter_map(now, operation, &request, &pace);
        self.settle(now, operation);
    }

    /// A renewal failed: what was granted stands until it runs out, but it is time to look further.
    pub(super) fn not_renewed(&mut self, now: Time, id: MappingId, error: Error) {
        let random = self.random.next_u32();
        let Some(kept) = self.keeper.mappings.get_mut(&id) else { return };
        kept.failures = kept.failures.saturating_add(1);
        if kept.is_by(Method::Igd) && leads_elsewhere(&error) {
            self.is_proven_gone(id);
        }
        let Some(kept) = self.keeper.mappings.get_mut(&id) else { return };
        // A server that is silent is asked again in the next window; one that refuses, or a service that
        // cannot be reached, may have moved.
        let is_silent = error.attempts().iter().all(|attempt| is_silence(&attempt.failure));
        if !is_silent || (!kept.stands && kept.retry_at.is_none()) {
            // The windows of a lease that ends come ever sooner: they do not put it off.
            let at = now + back_off(kept.failures, random);
            kept.retry_at = Some(kept.retry_at.map_or(at, |known| known.min(at)));
        }
        if is_silent && kept.renewed_in_doubt() {
            kept.reassure_at = Some(now + back_off(kept.failures, random));
        }
        let waits = kept.retry_at.is_some_and(|at| at > now);
        self.degrade(id, Reason::Failed(error));
        if is_silent && waits && self.may_renew_meanwhile(now, id) {
            self.renew(now, id);
        } else {
            self.schedule(now, id);
        }
    }

    /// Nobody grants it.
    pub(super) fn not_mapped(&mut self, now: Time, id: MappingId, error: Error) {
        let random = self.random.next_u32();
        let Some(kept) = self.keeper.mappings.get_mut(&id) else { return };
        kept.failures = kept.failures.saturating_add(1);
        kept.retry_at = Some(now + back_off(kept.failures, random));
        if let Some(at) = self.unblocked_at(now, id) {
            // It may be our own that is in the way.
            let kept = self.keeper.mappings.get_mut(&id);
            kept.into_iter().for_each(|kept| kept.retry_at = kept.retry_at.map(|retry_at| retry_at.min(at)));
        }
        let is_refused = |attempt: &Attempt| matches!(attempt.failure, Failure::Pcp(_) | Failure::NatPmp(_));
        let is_refused = error.attempts().iter().any(is_refused);
        self.degrade(id, Reason::Failed(error));
        if !is_refused && self.may_renew_meanwhile(now, id) {
            self.renew(now, id);
        } else {
            self.schedule(now, id);
        }
    }

    /// Whether the time until the next attempt is spent on renewing: what was granted has not run out, and its
    /// server may only be hard to hear. Between the half of a lease and its end no request is one too many.
    pub(super) fn may_renew_meanwhile(&self, now: Time, id: MappingId) -> bool {
        let Some(kept) = self.keeper.mappings.get(&id) else { return false };
        let (Some(granted), Some(expires)) = (&kept.granted, kept.expires()) else { return false };
        let is_talk = matches!(granted.grantor, Grantor::Pcp(..) | Grantor::NatPmp(_));
        let is_late = now - kept.granted_at >= expires - now;
        // From another address of ours it would be another mapping.
        let is_same =
            granted.third_party.is_some() || self.network.may_be_own(granted.internal_address, None);
        let is_written = granted.entry.is_none_or(|entry| self.ledger.has(entry));
        is_talk && is_late && is_same && is_written && now < expires && kept.reason != Reason::NetworkChanged
    }

    /// What the gateway said of it, asked whether it is there.
    pub(super) fn verified(&mut self, now: Time, id: MappingId, result: Result<Outcome, Error>) {
        let Some(kept) = self.keeper.mappings.get_mut(&id) else { return };
        let Some(granted) = kept.granted.clone() else { return };
        kept.verified_at = now;
        let action = GetSpecificPortMappingEntry {
            remote_host: None,
            external_port: granted.external_port,
            protocol: granted.protocol,
        };
        let entry = match &result {
            Ok(Outcome::Called(arguments)) => action.decode(arguments).ok(),
            _ => None,
        };
        let told = entry.as_ref().and_then(|entry| entry.internal_address());
        // Another of our ports may have taken its place.
        let leads_elsewhere = told.is_some_and(|address| address != granted.internal_address)
            || entry.as_ref().is_some_and(|entry| entry.internal_port != granted.internal_port.get());
        let ours = entry.as_ref().filter(|_| !leads_elsewhere);
        if let Some((lifetime, told)) =
            ours.and_then(|entry| Some((entry.lifetime, entry.lifetime.duration()?)))
        {
            // Another protocol, or another program, may have given it another lease.
            if kept.expires().is_none_or(|at| now + told < at) {
                if let Some(own) = &mut kept.granted {
                    (own.lifetime, own.told) = (lifetime, lifetime);
                    let reading = READING.min(told.checked_div(2).unwrap_or_default());
                    kept.granted_at = Time::from_start(now.since_start().saturating_sub(reading));
                    (kept.renewals, kept.renewed_at) = (0, Duration::ZERO);
                }
            }
        }
        let failure = result.as_ref().err().and_then(|error| error.attempts().last());
        match failure.map(|attempt| &attempt.failure) {
            Some(Failure::Fault(UpnpErrorCode::NoSuchEntryInArray, _) | Failure::NotConfirmed) => {
                self.forgotten(now, id);
                // Whoever has forgotten one may have forgotten all.
                self.verify_soon(now, granted.grantor.remote().ip());
            }
            Some(Failure::Exchange(_)) => match result {
                Err(error) => self.not_renewed(now, id, error),
                Ok(_) => self.schedule(now, id),
            },
            _ if leads_elsewhere => self.forgotten(now, id),
            // A gateway that cannot be asked is believed.
            _ => self.schedule(now, id),
        }
    }

    fn forgotten(&mut self, now: Time, id: MappingId) {
        self.is_proven_gone(id);
        if let Some(kept) = self.keeper.mappings.get_mut(&id) {
            kept.reason = Reason::Forgotten;
            let gateway = kept.granted.as_ref().map(|granted| granted.grantor.remote().ip());
            if let Some(watch) = gateway.and_then(|gateway| self.keeper.watches.get_mut(&gateway)) {
                watch.restarted();
            }
            self.degrade(id, Reason::Forgotten);
            self.map_again(now, id);
        }
    }

    /// The gateway's table has something else in its place, or nothing.
    fn is_proven_gone(&mut self, id: MappingId) {
        let Some(kept) = self.keeper.mappings.get_mut(&id) else { return };
        kept.stands = false;
        if let Some(entry) = kept.granted.as_ref().and_then(|granted| granted.entry) {
            self.ledger.ungranted(entry, &mut self.transport.out);
        }
    }

    /// A gateway has lost its mappings, or has another external address (`address`, where it told): they are made again,
    /// after a random time, since everybody else's clients have heard it too (RFC 6886 section 3.7, RFC 6887 sections 8.5
    /// and 14.1.3).
    pub(in crate::client) fn state_lost(&mut self, now: Time, gateway: IpAddr, address: Option<IpAddr>) {
        let wait = retry::recreate_wait(self.random.next_u32());
        let Some(watch) = self.keeper.watches.get_mut(&gateway) else { return };
        let begin = match watch.recreated_at {
            Some(at) if at > now => at,
            Some(at) => now.max(at + MOST_OFTEN),
            None => now,
        };
        watch.recreated_at = Some(begin);
        watch.restarted();
        let is_told = watch.changed_at == Some(now);
        // What was granted this very moment was granted by the gateway as it is now.
        let lost = self.ids(|kept| kept.is_at(gateway) && kept.confirmed_at < now);
        for id in lost {
            let Some(kept) = self.keeper.mappings.get_mut(&id) else { continue };
            if let Phase::Mapping(operation) = kept.phase {
                // That is begun anew once, since its answer may be one of before. Then it goes on, or a gateway that
                // says so often enough would keep it from ever being granted.
                let is_adding = self.transport.has_sent(Owner::Operation(operation));
                if is_adding || core::mem::replace(&mut kept.begun_anew, true) {
                    kept.lost_meanwhile = true;
                    continue;
                }
            }
            let reason = match why_lost(kept.external_address(), address) {
                // The answer that counts anew has told it.
                Reason::GatewayRestarted if is_told => Reason::AddressChanged,
                reason => reason,
            };
            self.mistrust(now, id, reason, (begin - now).saturating_add(wait));
        }
    }

    /// This machine is in another network, or its network is in another shape.
    pub(in crate::client) fn network_changed(&mut self, now: Time) {
        if self.keeper.is_empty() {
            return;
        }
        self.listen_again();
        if !self.config.gateways.is_empty() {
            return;
        }
        let network = &self.network;
        let moved: Vec<_> = self
            .keeper
            .mappings
            .iter()
            .filter(|(_, kept)| match &kept.granted {
                None => true,
                Some(granted) if kept.stands => {
                    let gateway = granted.grantor.remote().ip();
                    let is_there = match granted.grantor {
                        Grantor::Pcp(..) | Grantor::NatPmp(_) => network.is_default_gateway(gateway),
                        _ => network.is_on_link(gateway) || network.is_default_gateway(gateway),
                    };
                    // The gateway that leads to the internet now is the one to have the mapping.
                    let leads = network.default_gateways.is_empty()
                        || network.is_default_gateway(gateway)
                        || !granted.grantor.remote().is_ipv4();
                    let is_leaving = network.has_better(granted.internal_address);
                    !is_there || !leads || is_leaving || !network.is_own(granted.internal_address)
                }
                Some(_) => true,
            })
            .map(|(&id, _)| id)
            .collect();
        for id in moved {
            if let Some(kept) = self.keeper.mappings.get_mut(&id) {
                kept.failures = 0;
            }
            self.left_address(id);
            self.mistrust(now, id, Reason::NetworkChanged, SETTLING);
        }
    }

    /// The gateway may not have a mapping any more: it is asked for again after `wait`.
    pub(super) fn mistrust(&mut self, now: Time, id: MappingId, reason: Reason, wait: Duration) {
        let releasing = |phase| matches!(phase, Phase::Releasing(_));
        if self.keeper.mappings.get(&id).is_none_or(|kept| releasing(kept.phase)) {
            return;
        }
        self.stop_work(now, id);
        let Some(kept) = self.keeper.mappings.get_mut(&id) else { return };
        // One that is already about to be asked for is not put off by more bad news.
        let is_due = kept.retry_at.filter(|_| !kept.stands);
        kept.stands = false;
        kept.retry_at = Some(is_due.map_or(now + wait, |at| at.min(now + wait)));
        kept.reason = reason.clone();
        self.degrade(id, reason);
        self.schedule(now, id);
    }

    /// Something is wrong: that is told once, until it is well again.
    pub(super) fn degrade(&mut self, id: MappingId, reason: Reason) {
        let Some(kept) = self.keeper.mappings.get_mut(&id) else { return };
        if !kept.degraded && !kept.lost {
            kept.degraded = true;
            self.tell_change(id, ChangeKind::Degraded, reason);
        }
    }

    /// Reads the entries of a gateway's mappings as soon as may be.
    pub(super) fn verify_soon(&mut self, now: Time, gateway: IpAddr) {
        let doubtful = self.ids(|kept| kept.is_at(gateway) && kept.stands && kept.phase == Phase::Resting);
        for id in doubtful {
            if self.is_verifiable(id) {
                self.verify(now, id);
            }
        }
    }

    pub(super) fn ids(&self, which: impl Fn(&super::Kept) -> bool) -> Vec<MappingId> {
        self.keeper.mappings.iter().filter(|(_, kept)| which(kept)).map(|(&id, _)| id).collect()
    }

    /// A timer of the keeper's has come.
    pub(in crate::client) fn keeper_due(&mut self, now: Time, timer: KeeperTimer) {
        match timer {
            KeeperTimer::Mapping(id) => self.mapping_due(now, id),
            KeeperTimer::Watch(gateway) => self.watch_due(now, gateway),
            KeeperTimer::Left(entry) => self.left_is_over(now, entry),
        }
    }
}

/// Whether a table shows another mapping behind the external port.
fn leads_elsewhere(error: &Error) -> bool {
    let shows = |failure: &Failure| matches!(failure, Failure::Conflict { holder: Some(_), .. });
    error.attempts().iter().any(|attempt| shows(&attempt.failure))
}

/// Why a gateway counts anew that had this external address for a mapping, and now has `told`.
pub(super) fn why_lost(had: Option<IpAddr>, told: Option<IpAddr>) -> Reason {
    match (had, told) {
        // Over IPv6 nothing is translated.
        (Some(IpAddr::V6(_)), _) => Reason::GatewayRestarted,
        (Some(had), Some(told)) if had != told => Reason::AddressChanged,
        (Some(_), Some(_)) => Reason::GatewayRestarted,
        _ => Reason::StateLost,
    }
}

/// Whether nobody has said anything that counts.
fn is_silence(failure: &Failure) -> bool {
    matches!(failure, Failure::NoAnswer | Failure::NoReply | Failure::AnswerIgnored(_))
}

/// Doubling from five seconds to five minutes, give or take a tenth.
fn back_off(failures: u32, random: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(6);
    let base = FIRST_BACK_OFF.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX));
    retry::about(base.min(LAST_BACK_OFF), random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_doubles_to_five_minutes_give_or_take_a_tenth() {
        for (failures, seconds) in [(1, 5), (2, 10), (3, 20), (4, 40), (5, 80), (6, 160), (7, 300), (99, 300)]
        {
            let base = Duration::from_secs(seconds);
            assert_eq!(back_off(failures, 0), base - base / 10);
            assert_eq!(back_off(failures, 1 << 31), base);
            assert!(back_off(failures, u32::MAX) <= base + base / 10);
        }
    }
}
