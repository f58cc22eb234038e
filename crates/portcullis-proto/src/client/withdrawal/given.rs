//! What a server gave in place of another external port: whether it is given back, which deletes by the internal port.

use super::{Asking, Withdrawal};
use crate::Time;
use crate::client::Client;
use crate::client::device::Device;
use crate::client::error::Error;
use crate::client::event::Outcome;
use crate::client::granted::Method;
use crate::client::igd::list::List;
use crate::client::operation::{OperationId, Task};
use crate::igd::wan_connection::PortMappingEntry;
use core::net::IpAddr;
use core::num::NonZeroU16;

impl Client {
    /// Begins to give back what was given in place of another external port, where that was another's. Where it is free,
    /// it may be what the server had before for the same internal port (RFC 6886 section 3.3), of another program: it is not
    /// deleted, and stays until its lease is over.
    pub(in crate::client) fn withdraw_unless_free(
        &mut self,
        now: Time,
        withdrawal: Withdrawal,
        wanted: NonZeroU16,
    ) {
        let gateway = withdrawal.gateway().filter(|&gateway| self.may_show_table(gateway));
        let Some(gateway) = gateway else {
            self.withdraw(now, withdrawal);
            return;
        };
        let id = OperationId(self.transport.out.next_id());
        let task = Task::List(List::new());
        let operation = self.begin_seeking(now, task, withdrawal.deadline - now);
        if let Some(operation) = self.operations.get_mut(&operation) {
            operation.only_at = Some(gateway);
        }
        self.withdrawals.0.insert(id, Withdrawal { asking: Asking::Wanted(operation, wanted), ..withdrawal });
        self.settle(now, operation);
    }

    /// Whether the table of a gateway can be looked into, as far as is known by now.
    pub(in crate::client) fn may_show_table(&self, gateway: IpAddr) -> bool {
        let speaks_upnp = self.config.preference(Method::Igd).is_some() && self.config.names_upnp();
        let is_it = |device: &Device| device.is_usable() && device.address.ip() == gateway;
        let search = self.gateway_searches.get(&false).and_then(|id| self.searches.get(id));
        let is_expected = search.is_some_and(|search| !search.has_ended() && search.has_candidates());
        speaks_upnp && (is_expected || self.gateways.iter().any(is_it))
    }

    pub(super) fn wanted_seen(
        &mut self,
        now: Time,
        id: OperationId,
        port: NonZeroU16,
        result: &Result<Outcome, Error>,
    ) {
        let Ok(Outcome::Mappings(entries)) = result else { return self.ask_grantors(now, id) };
        let Some(withdrawal) = self.withdrawals.0.get(&id) else { return };
        let Some(granted) = withdrawal.known.first().map(|known| &known.granted) else { return };
        let behind = |port: NonZeroU16| {
            let is_it = |entry: &&PortMappingEntry| {
                (entry.protocol, entry.external_port) == (granted.protocol, port.get())
            };
            entries.iter().find(is_it)
        };
        let is_ours = |entry: &PortMappingEntry| {
            entry.internal_address() == Some(granted.internal_address)
                && entry.internal_port == granted.internal_port.get()
        };
        let entry = granted.entry;
        // A gateway may keep what NAT-PMP and PCP make in a table of its own.
        let is_seen = behind(granted.external_port).is_some_and(is_ours);
        let is_anothers = behind(port).is_some_and(|entry| !is_ours(entry));
        if !is_seen || is_anothers {
            return self.ask_grantors(now, id);
        }
        // Whoever asks for all to be closed that was left open means this, too.
        if let Some(entry) = entry {
            self.ledger.leave_open(entry, &mut self.transport.out);
        }
        self.withdrawals.0.remove(&id);
    }
}
