//! A mapping that another gateway has than the default one goes back to that as soon as it grants it: what comes in by
//! another one may find no way back, and whoever is not asked may not be what it says it is.

use super::renewal::LEAST;
use super::{Kept, MappingId, Phase};
use crate::Time;
use crate::client::Client;
use crate::client::granted::Granted;
use crate::client::port_control::Pace;
use core::time::Duration;

/// How long after it was granted elsewhere the default gateway is asked again; then twice as long each time.
const SOON: Duration = Duration::from_secs(60);
/// Each time costs a search.
const LATEST: Duration = Duration::from_secs(1_800);
/// How long it is asked.
const TIMEOUT: Duration = Duration::from_secs(5);

impl Kept {
    /// A grant may be of another gateway's than it is to be.
    pub(super) fn is_away(&mut self, now: Time, granted: &Granted) {
        if granted.default_gateway == Some(false) {
            let wait = SOON.saturating_mul(2_u32.saturating_pow(self.returns)).min(LATEST);
            // What is renewed meanwhile puts it off no further.
            self.return_at.get_or_insert(now + wait);
        } else {
            (self.return_at, self.returns) = (None, 0);
        }
    }

    /// When the default gateway is asked for it: that is a renewal as any other, and no sooner than one.
    pub(super) fn returns_at(&self) -> Option<Time> {
        Some(self.return_at?.max(self.confirmed_at + LEAST))
    }
}

impl Client {
    /// Asks the default gateway, and nobody else, for a mapping that stands elsewhere.
    pub(super) fn return_home(&mut self, now: Time, id: MappingId) {
        let preferred = self.network.preferred_gateway(self.config.interface.as_deref());
        let Some(kept) = self.keeper.mappings.get_mut(&id) else { return };
        kept.return_at = None;
        let Some(preferred) = preferred else { return self.schedule(now, id) };
        let mut request = kept.request.clone().read_back();
        if let Some(granted) = kept.granted.as_ref().filter(|_| request.any_external_port) {
            // Others know it by now.
            request = request.external_port(granted.external_port);
        }
        let request = self.as_long_as_kept(request);
        let operation = self.prepare_map(now, &request, TIMEOUT);
        if let Some(own) = self.operations.get_mut(&operation) {
            own.only_at = Some(preferred);
        }
        self.belongs(id, operation, Phase::Returning(operation));
        self.enter_map(now, operation, &request, &Pace::FirstContact);
        self.settle(now, operation);
    }

    /// It is not to be had there.
    pub(super) fn not_returned(&mut self, now: Time, id: MappingId) {
        if let Some(kept) = self.keeper.mappings.get_mut(&id) {
            kept.returns = kept.returns.saturating_add(1);
            if let Some(granted) = kept.granted.clone() {
                kept.is_away(now, &granted);
            }
        }
        self.schedule(now, id);
    }
}
