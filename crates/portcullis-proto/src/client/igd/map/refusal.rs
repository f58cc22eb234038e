//! What a gateway refuses, and the known ways round it.

use super::super::Next;
use super::super::call::{Call, CallResult};
use super::{Adding, Entry, LONGEST_LEASE, Map, PLAIN_DESCRIPTION, State, in_the_way};
use crate::Lifetime;
use crate::client::device::ControlPoint;
use crate::client::error::{Failure, Step};
use crate::client::request::OnConflict;
use crate::igd::error_code::UpnpErrorCode;
use crate::igd::wan_connection::{Action, AddPortMapping, DeletePortMapping};

impl Map {
    pub(super) fn refused(&mut self, point: &ControlPoint, failure: Failure) -> Next<Entry> {
        let code = match &failure {
            Failure::Fault(code, _) => Some(*code),
            _ => None,
        };
        let again = match code {
            Some(UpnpErrorCode::OnlyPermanentLeasesSupported) => self.make_permanent(),
            Some(UpnpErrorCode::InvalidArgs) => self.change_lease() || self.plain_description(),
            Some(UpnpErrorCode::StringArgumentTooLong) => self.plain_description(),
            Some(UpnpErrorCode::SamePortValuesRequired) => {
                if self.external_port == self.request.internal_port {
                    return Next::fail(Step::Action(AddPortMapping::NAME), failure);
                }
                self.external_port = self.request.internal_port;
                if self.request.on_conflict == OnConflict::Overwrite {
                    // It is another port that was to be taken from whoever has it.
                    self.request.on_conflict = OnConflict::Fail;
                }
                return self.add_unless_taken(point, Adding::This, failure);
            }
            // Ports below 1,024 are not given to everybody (quirk 52).
            Some(UpnpErrorCode::ActionNotAuthorized)
                if self.request.on_conflict == OnConflict::AnyPort && self.external_port.get() < 1_024 =>
            {
                return self.add_spare(point, failure);
            }
            Some(UpnpErrorCode::ConflictInMappingEntry | UpnpErrorCode::ConflictWithOtherMechanisms) => {
                self.state = State::Inspecting(failure);
                return Next::Call(Call::new(point, &self.specific()));
            }
            // Some gateways say 501 for a port that is taken (quirk 49).
            Some(code) if code.says_nothing() => {
                self.state = State::Inspecting(failure);
                return Next::Call(Call::new(point, &self.specific()));
            }
            _ => false,
        };
        if again { self.add(point, failure) } else { Next::fail(Step::Action(AddPortMapping::NAME), failure) }
    }

    /// Looks at what is to be deleted and made anew, as if it were in the way.
    pub(super) fn inspect(&mut self, point: &ControlPoint) -> Next<Entry> {
        let in_the_way = Failure::Fault(UpnpErrorCode::ConflictInMappingEntry, String::new());
        self.state = State::Inspecting(in_the_way);
        Next::Call(Call::new(point, &self.specific()))
    }

    /// It said yes and has nothing: some keep permanent leases only, and do not say so (quirk 98).
    pub(super) fn not_kept(&mut self, point: &ControlPoint) -> Next<Entry> {
        if self.request.stands.is_none() && !self.lease_changed && self.make_permanent() {
            self.add(point, Failure::NotConfirmed)
        } else {
            Next::fail(Step::ReadBack, Failure::NotConfirmed)
        }
    }

    fn make_permanent(&mut self) -> bool {
        if self.request.only_finite {
            return false;
        }
        let finite = self.lifetime != Lifetime::Permanent;
        self.lifetime = Lifetime::Permanent;
        self.lease_changed = true;
        finite
    }

    /// 402 has been seen for a finite lease and for a permanent one (quirk 47), and codes that say nothing (97).
    fn change_lease(&mut self) -> bool {
        if self.lease_changed {
            return false;
        }
        self.lease_changed = true;
        self.lifetime = match self.lifetime {
            Lifetime::Permanent => LONGEST_LEASE,
            Lifetime::Seconds(_) if self.request.only_finite => return false,
            Lifetime::Seconds(_) => Lifetime::Permanent,
        };
        true
    }

    fn plain_description(&mut self) -> bool {
        let plain: String = self
            .description
            .chars()
            .filter(|character| {
                character.is_ascii_alphanumeric() || matches!(character, ' ' | '-' | '_' | '.')
            })
            .take(PLAIN_DESCRIPTION)
            .collect();
        let next = if self.description_plain || plain == self.description { String::new() } else { plain };
        let changed = next != self.description;
        self.description = next;
        self.description_plain = true;
        // It was the description, then: the lease is the caller's again.
        if changed && self.lifetime != self.request.lifetime {
            self.lifetime = self.request.lifetime;
            self.lease_changed = false;
        }
        changed
    }

    pub(super) fn inspected(
        &mut self,
        point: &ControlPoint,
        failure: Failure,
        result: CallResult,
    ) -> Next<Entry> {
        let entry = result.ok().and_then(|arguments| self.specific().decode(&arguments).ok());
        let said = match &failure {
            Failure::Fault(code, _) => Some(*code),
            _ => None,
        };
        let is_vague = said.is_some_and(UpnpErrorCode::says_nothing);
        if self.request.stands.is_some() && is_vague {
            // What failed says nothing of the mapping that is to be renewed: it is better than none.
            return Next::fail(Step::Action(AddPortMapping::NAME), failure);
        }
        if let Some(entry) = entry.as_ref().filter(|entry| self.is_ours(point, entry)) {
            // It may be a refusal of the moment.
            let lasts = |least| entry.lifetime.duration().is_none_or(|left| left > least);
            if self.request.stands.is_some_and(lasts) {
                return Next::fail(Step::Action(AddPortMapping::NAME), failure);
            }
            // Ours from before: some gateways want it gone before they take it again.
            let (external_port, lifetime, stood) =
                (self.external_port, entry.lifetime, self.is_anothers(entry));
            let ours = Entry { external_port, lifetime, replaces: false, unheard: false, stood };
            return if self.cleared { Next::Done(Ok(ours)) } else { self.clear(point, Some(ours)) };
        }
        let mut conflict = match &entry {
            Some(entry) => in_the_way(entry),
            // Nothing is there to be deleted.
            None if self.request.anew && self.adds == 0 => return self.add(point, failure),
            // Nobody is in the way: it may be the lease (quirk 97).
            None if is_vague && self.change_lease() => return self.add(point, failure),
            None if is_vague => {
                return Next::fail(Step::Action(AddPortMapping::NAME), failure);
            }
            None => Failure::Conflict { code: None, holder: None, description: String::new() },
        };
        if let Failure::Conflict { code, .. } = &mut conflict {
            *code = said;
        }
        self.conflict(point, conflict)
    }

    /// The port is another's.
    pub(super) fn conflict(&mut self, point: &ControlPoint, conflict: Failure) -> Next<Entry> {
        match self.request.on_conflict {
            OnConflict::AnyPort if !self.spare_ports.is_empty() => {
                // One far from the wanted one: what is next to that may be another program's of this host, which a
                // gateway that looks for a free port would replace.
                self.external_port = self.spare_ports.remove(0);
                let may_choose = point.is_version_2() && !self.asked_any;
                let adding = if may_choose { Adding::Any } else { Adding::This };
                self.add_unless_taken(point, adding, conflict)
            }
            OnConflict::Overwrite if !self.cleared => self.clear(point, None),
            _ => Next::fail(Step::Action(AddPortMapping::NAME), conflict),
        }
    }

    fn clear(&mut self, point: &ControlPoint, ours: Option<Entry>) -> Next<Entry> {
        self.cleared = true;
        self.state = State::Clearing { ours };
        let action = DeletePortMapping {
            remote_host: None,
            external_port: self.external_port,
            protocol: self.request.protocol,
        };
        Next::Call(Call::new(point, &action).repeatable())
    }

    pub(super) fn cleared(
        &mut self,
        point: &ControlPoint,
        ours: Option<Entry>,
        result: CallResult,
    ) -> Next<Entry> {
        match (result, ours) {
            (Ok(_) | Err(Failure::Fault(UpnpErrorCode::NoSuchEntryInArray, _)), ours) => {
                self.replaced = ours.map(|ours| ours.external_port);
                self.add(point, Failure::NotConfirmed)
            }
            // It may be gone.
            (Err(failure), Some(_)) if failure.is_doubtful() => {
                Next::fail(Step::Action(DeletePortMapping::NAME), failure)
            }
            // It can be neither replaced nor removed, and it leads to us: it will do.
            (Err(_), Some(ours)) => Next::Done(Ok(ours)),
            (Err(failure), None) => Next::fail(Step::Action(DeletePortMapping::NAME), failure),
        }
    }
}
