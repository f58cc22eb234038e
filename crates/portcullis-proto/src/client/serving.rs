//! Serving an operation: which gateway, which of its services, what next, and when to give up.

use super::device::Device;
use super::error::ErrorKind;
use super::event::{Closed, Event, Outcome};
use super::granted::Method;
use super::igd::Stop;
use super::igd::call::interpret;
use super::journal::{Custody, Entry, EntryId};
use super::leftovers::Coming;
use super::operation::{Operation, OperationId, Stage, Task, TaskNext};
use super::race::{HEDGE, Phase, Turn};
use super::request::OnConflict;
use super::search::SearchId;
use super::timer::Timer;
use super::transport::Owner;
use super::{Client, Failure, SearchOptions, exchange};
use crate::Time;
use crate::igd::error_code::UpnpErrorCode;
use crate::igd::wan_connection::{Action, DeletePortMapping, GetExternalIpAddress};
use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use core::num::NonZeroU16;
use core::time::Duration;

/// A search for a gateway ends this long after it has found one.
const QUIET: Duration = Duration::from_millis(100);
/// Mappings that are kept make a gateway be sought at most this often: a server may grant leases of seconds.
const BETWEEN_SEARCHES: Duration = Duration::from_secs(5);
/// For how long the preferred gateway is not sought again where another one is known.
const SOUGHT: Duration = Duration::from_secs(60);
/// Usable gateways that are remembered: no more than one search finds.
const MOST_GATEWAYS: usize = 24;
/// External ports tried where the wanted one is taken.
const SPARE_PORTS: u8 = 4;

impl Client {
    /// A search knows a device as well as it will.
    pub(super) fn found(&mut self, now: Time, id: SearchId, device: Option<Device>) {
        let Some(device) = device else { return };
        if device.is_usable() || device.has_firewall() {
            self.remember(device.clone());
        }
        // A search that several operations wait for is told of once.
        let owner = self.operations.iter().find(|(_, operation)| match operation.stage {
            Stage::Searching(search) => search == id,
            Stage::Seeking | Stage::Working { .. } => {
                operation.searched && self.gateway_searches.get(&operation.is_ipv6()) == Some(&id)
            }
        });
        if let Some((&operation, _)) = owner {
            self.transport.out.push_event(Event::Found { operation, device });
        }
        self.seekers(now);
    }

    /// Keeps a usable gateway for operations to come, in place of the one that has been known for longest
    /// where there are too many: neighbours may come and go for ever.
    fn remember(&mut self, device: Device) {
        self.gateways.retain(|known| known.address != device.address);
        if self.gateways.len() >= MOST_GATEWAYS {
            let is_default = |known: &Device| self.network.is_default_gateway(known.address.ip());
            let oldest = self.gateways.iter().position(|known| !is_default(known)).unwrap_or(0);
            self.gateways.remove(oldest);
        }
        self.gateways.push(device);
    }

    /// Lets every operation that has no gateway look again.
    pub(super) fn seekers(&mut self, now: Time) {
        let seeking: Vec<_> = self
            .operations
            .iter()
            .filter(|(_, operation)| operation.wants_igd && !operation.igd_over)
            .filter(|(_, operation)| matches!(operation.stage, Stage::Seeking))
            .map(|(&id, _)| id)
            .collect();
        for id in seeking {
            self.choose_gateway(now, id);
        }
    }

    /// Takes the best gateway not yet tried, or waits for one, or gives up.
    pub(super) fn choose_gateway(&mut self, now: Time, id: OperationId) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let ipv6 = operation.is_ipv6();
        let search = self.gateway_searches.get(&ipv6).and_then(|id| self.searches.get(id));
        let has_searched = operation.searched;
        operation.searched |= search.is_some_and(|search| !search.has_ended());
        let Some(operation) = self.operations.get(&id) else { return };
        if let Some(device) = self.best_gateway(now, operation) {
            match self.gives_way_until(operation, device.address.ip()).filter(|&until| now < until) {
                Some(until) => self.transport.out.timers.set_by(Timer::Choice(id), until),
                None => self.work_at(now, id, &device),
            }
            return;
        }
        let (deadline, is_kept) = (operation.deadline, operation.keeper.is_some());
        let next_search = self.sought_at.get(&ipv6).map(|&at| at + BETWEEN_SEARCHES);
        let search = self.gateway_searches.get(&ipv6).and_then(|id| self.searches.get_mut(id));
        if let Some(search) = search.filter(|search| !search.has_ended()) {
            search.extend(deadline);
        } else if has_searched {
            self.igd_gives_up(now, id);
        } else if let Some(at) = next_search.filter(|&at| is_kept && now < at) {
            self.transport.out.timers.set_by(Timer::Choice(id), at);
        } else {
            self.search_for(now, id, ipv6, deadline - now);
        }
    }

    /// The best gateway that is known and has not been tried. One that is only known from before is second best to what a
    /// search may find by now.
    fn best_gateway(&self, now: Time, operation: &Operation) -> Option<Device> {
        let ipv6 = operation.is_ipv6();
        let suits = |device: &&Device| if ipv6 { device.has_firewall() } else { device.is_usable() };
        let to_ask = |device: &&Device| operation.is_for(device) && !operation.has_tried(device);
        let may_be_bettered = |device: &&Device| {
            let preferred = self.preferred_to(operation, device.address.ip());
            let sought_at = self.sought_at.get(&ipv6);
            let is_sought = operation.searched || sought_at.is_some_and(|&at| now - at < SOUGHT);
            preferred.is_some_and(|own| !is_sought && !operation.has_tried_at(own))
        };
        let untried = self.gateways.iter().filter(suits).filter(to_ask);
        let best = untried.max_by_key(|device| {
            let ip = device.address.ip();
            let is_preferred = self.preferred_to(operation, ip).is_none();
            // Reached over IPv6, a gateway has no IPv4 port to map to.
            let is_default = self.network.is_default_gateway(ip);
            (device.address.is_ipv4(), is_preferred, is_default, !device.says_disconnected())
        });
        best.filter(|device| !may_be_bettered(device)).cloned()
    }

    /// Begins to talk to a gateway, unless it is another protocol's turn.
    fn work_at(&mut self, now: Time, id: OperationId, device: &Device) {
        let Some(operation) = self.operations.get(&id) else { return };
        let (ipv6, only_from) = (operation.is_ipv6(), operation.only_from);
        if operation.is_mapping() {
            match self.turn_of_igd(now, id, device.address.ip()) {
                Turn::Now => {}
                Turn::At(at) => return self.transport.out.timers.set_by(Timer::Choice(id), at),
                Turn::After => return,
            }
        }
        let points = if ipv6 {
            let mut own = self.own_ipv6(device);
            match only_from {
                Some(IpAddr::V6(only)) if !self.config.gateways.is_empty() => own = vec![only],
                only_from => own.retain(|&own| only_from.is_none_or(|only| only == own)),
            }
            device.firewall_points(own)
        } else {
            device.control_points.clone()
        };
        let Some(operation) = self.operations.get_mut(&id) else { return };
        operation.tried.push(device.address);
        operation.working_since = Some(now);
        if operation.contenders.iter().any(|contender| contender.phase == Phase::Ready) {
            self.transport.out.timers.set_by(Timer::Choice(id), now + HEDGE);
        }
        operation.stage = Stage::Working { gateway: device.label(), points, point: 0, action: "" };
        self.start_task(now, id);
    }

    fn search_for(&mut self, now: Time, id: OperationId, ipv6: bool, timeout: Duration) {
        let options = SearchOptions {
            timeout,
            quiet: Some(QUIET),
            interface: self.config.interface.clone(),
            ask_status: false,
            ipv6,
            ..SearchOptions::default()
        };
        let search = self.start_search(now, options);
        self.gateway_searches.insert(ipv6, search);
        self.sought_at.insert(ipv6, now);
        if let Some(operation) = self.operations.get_mut(&id) {
            operation.searched = true;
        }
    }

    pub(super) fn start_task(&mut self, now: Time, id: OperationId) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let (Stage::Working { gateway, points, point, .. }, Some(task)) =
            (&operation.stage, &mut operation.task)
        else {
            return;
        };
        let Some(point) = points.get(*point) else {
            // A device without the service, or a host without an address to open.
            return self.next_gateway(now, id);
        };
        if let Task::Map(mapping) = task {
            mapping.map.lengthen(self.inherited.no_less(now, point.remote.ip(), &mapping.request));
        }
        let next = task.start(point, gateway);
        let beside = task.beside(point).filter(|_| matches!(next, TaskNext::Call(_)));
        self.proceed(now, id, next);
        if let (Some(call), Some(operation)) = (beside, self.operations.get(&id)) {
            self.transport.call(now, Owner::Address(id), call, operation.deadline);
        }
    }

    pub(super) fn answered(&mut self, now: Time, id: OperationId, outcome: exchange::Outcome) {
        if self.operations.get(&id).is_some_and(|operation| operation.abandoned) {
            if let Some(mut operation) = self.operations.remove(&id) {
                operation.abandoned_answer(outcome);
                self.forget(now, id, &operation);
                self.leave(now, &operation);
            }
            return;
        }
        let known_ports = self.known_ports(now, id);
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let (Stage::Working { gateway, points, point, action }, Some(task)) =
            (&operation.stage, &mut operation.task)
        else {
            return;
        };
        let Some(point) = points.get(*point) else { return };
        if let (Task::Map(mapping), Some(known_ports)) = (&mut *task, known_ports) {
            mapping.map.sparing(known_ports);
        }
        let next = task.resume(point, gateway, action, interpret(point.kind, action, outcome));
        self.proceed(now, id, next);
    }

    /// The external ports of ours at the gateway in whose table an operation looks for what it has added.
    fn known_ports(&self, now: Time, id: OperationId) -> Option<Vec<NonZeroU16>> {
        let operation = self.operations.get(&id)?;
        let Some(Task::Map(mapping)) = &operation.task else { return None };
        let gateway = operation.remote().filter(|_| mapping.map.looks_for_port())?;
        Some(self.external_ports_of_ours(now, gateway.ip(), mapping.request.protocol))
    }

    pub(super) fn answered_beside(&mut self, now: Time, id: OperationId, outcome: exchange::Outcome) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let (Stage::Working { gateway, points, point, .. }, Some(task)) =
            (&operation.stage, &mut operation.task)
        else {
            return;
        };
        let Some(point) = points.get(*point) else { return };
        let next =
            task.answered_beside(point, gateway, interpret(point.kind, GetExternalIpAddress::NAME, outcome));
        self.proceed(now, id, next);
    }

    fn proceed(&mut self, now: Time, id: OperationId, next: TaskNext) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        match next {
            TaskNext::Call(call) => {
                if let Stage::Working { action, .. } = &mut operation.stage {
                    *action = call.action;
                }
                let deadline = operation.deadline;
                let is_adding = operation.is_adding();
                if self.would_harm_our_own(now, id) {
                    return self.port_is_taken(now, id);
                }
                if is_adding {
                    self.write_down_igd(now, id);
                }
                if call.action == DeletePortMapping::NAME {
                    self.is_about_to_delete(now, id);
                }
                self.transport.call(now, Owner::Operation(id), call, deadline);
            }
            TaskNext::Wait => {}
            TaskNext::Done(outcome) => {
                let is_where_it_was = operation.entry.is_some_and(|entry| {
                    operation.remote().is_some_and(|remote| self.ledger.is_at(entry, remote.ip()))
                });
                if outcome == Outcome::Closed(Closed::NotOpen) && !operation.fixed && !is_where_it_was {
                    // It may be another gateway that has it.
                    operation.absent = true;
                    self.next_gateway(now, id);
                } else if let Some(operation) = self.operations.remove(&id) {
                    if let (Some(remote), Stage::Working { gateway, .. }) =
                        (operation.remote(), &operation.stage)
                    {
                        if matches!(outcome, Outcome::Mappings(_) | Outcome::Address { .. }) {
                            self.tell_if_another(&operation, remote.ip(), gateway);
                        }
                    }
                    self.forget(now, id, &operation);
                    self.done(now, id, operation, outcome);
                }
            }
            TaskNext::Fail(stop) => self.next_point(now, id, stop),
        }
    }

    /// After a failure: the gateway's next control point, else the next gateway, else the end.
    fn next_point(&mut self, now: Time, id: OperationId, stop: Stop) {
        let spare_ports = self.spare_ports();
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let is_final = stop.failure.kind() == ErrorKind::Conflict;
        let unreachable = matches!(stop.failure, Failure::Exchange(_));
        let leftover = operation.leftover();
        let is_clean = leftover.is_none() && operation.is_mapping();
        operation.left.extend(leftover);
        operation.failed_at_point(stop);
        operation.asked_at = None;
        let deadline = operation.deadline;
        let (entry, renews) = (operation.entry.filter(|_| is_clean), operation.renews);
        if operation.is_mapping() && !renews {
            // What is in doubt keeps its entry: the next gateway's is another.
            operation.entry = None;
        }
        match entry {
            Some(entry) if renews => self.ledger.not_extended(entry, &mut self.transport.out),
            Some(entry) => self.ledger.refused(entry, &mut self.transport.out),
            None => {}
        }
        self.transport.cancel(now, |owner| owner == Owner::Address(id));
        let Some(operation) = self.operations.get_mut(&id) else { return };
        if is_final {
            operation.stage = Stage::Seeking;
            self.give_up(now, id);
            return;
        }
        if now >= deadline {
            // Its timer is due as well: what is asked now would only be broken off.
            operation.stage = Stage::Seeking;
            return;
        }
        if let Some(task) = &mut operation.task {
            task.restart(|| spare_ports);
        }
        if let Stage::Working { points, point, .. } = &mut operation.stage {
            *point = point.saturating_add(1);
            if points.get(*point).is_some() {
                self.start_task(now, id);
                return;
            }
        }
        if operation.fixed {
            self.igd_gives_up(now, id);
            return;
        }
        if unreachable {
            // It may have come back under another port: only a search can tell (quirk 45).
            let gone = operation.tried.last().copied();
            self.gateways.retain(|device| Some(device.address) != gone);
        }
        self.next_gateway(now, id);
    }

    fn next_gateway(&mut self, now: Time, id: OperationId) {
        let spare_ports = self.spare_ports();
        let Some(operation) = self.operations.get_mut(&id) else { return };
        if let Some(task) = &mut operation.task {
            task.restart(|| spare_ports);
        }
        operation.stage = Stage::Seeking;
        operation.working_since = None;
        self.settle(now, id);
    }

    /// Our addresses that a gateway may open: the global ones; towards a gateway that a person named, whichever it
    /// is reached from.
    fn own_ipv6(&self, device: &Device) -> Vec<Ipv6Addr> {
        match (device.address, device.local_address) {
            (_, Some(IpAddr::V6(local))) if !self.config.gateways.is_empty() => vec![local],
            (SocketAddr::V6(address), _) => {
                let chosen = self.config.interface.as_deref();
                self.network.chosen_global_ipv6(chosen, Some(address.scope_id()))
            }
            _ => Vec::new(),
        }
    }

    /// UPnP has nobody left to ask: another protocol may have.
    fn igd_gives_up(&mut self, now: Time, id: OperationId) {
        let failures = self.search_failures();
        let Some(operation) = self.operations.get_mut(&id) else { return };
        operation.igd_over = true;
        // A gateway that has been asked to close a port has had its say.
        let is_closed = matches!(operation.task, Some(Task::Close(_))) && !operation.tried.is_empty();
        for contender in operation.contenders.iter_mut().filter(|_| is_closed) {
            contender.phase = Phase::Failed;
        }
        operation.search_failures = failures;
        operation.stage = Stage::Seeking;
        operation.working_since = None;
        self.settle(now, id);
    }

    /// Whether the external port is that of another mapping of ours, which a gateway would take the request to refresh;
    /// or whether somebody else keeps what is about to be deleted to be made anew.
    fn would_harm_our_own(&self, now: Time, id: OperationId) -> bool {
        let Some(operation) = self.operations.get(&id) else { return false };
        let (Stage::Working { points, point, .. }, Some(request), Some(external_port)) =
            (&operation.stage, operation.request(), operation.external_port())
        else {
            return false;
        };
        let Some(point) = points.get(*point) else { return false };
        let key = (point.remote.ip(), request.protocol, external_port);
        if operation.is_clearing() {
            // NAT-PMP or PCP may have been granted it just now.
            let mut contenders = self.operations.values().flat_map(|operation| &operation.contenders);
            return self.is_kept(&key, operation.keeper)
                || (operation.keeper.is_none() && self.inherited.has_living(now, &key))
                || contenders.any(|contender| contender.may_be_granted(key.0, request));
        }
        operation.is_adding()
            && !request.ipv6
            && request.on_conflict != OnConflict::Overwrite
            && self.held.internal_port(now, &key).is_some_and(|port| port != request.internal_port)
    }

    /// What is behind the external port of an entry that is deleted now is doubted, but for what it makes room for.
    fn is_about_to_delete(&mut self, now: Time, id: OperationId) {
        let Some(operation) = self.operations.get(&id) else { return };
        let Stage::Working { points, point, .. } = &operation.stage else { return };
        let (Some(point), Some((protocol, port))) = (points.get(*point), operation.deletes()) else { return };
        let key = (point.remote.ip(), protocol, port);
        let keeper = operation.keeper;
        self.deletions.note(now, key);
        self.doubt_behind(now, &key, keeper);
    }

    /// As if the gateway had said so.
    fn port_is_taken(&mut self, now: Time, id: OperationId) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let (Stage::Working { gateway, points, point, action }, Some(task)) =
            (&operation.stage, &mut operation.task)
        else {
            return;
        };
        let Some(point) = points.get(*point) else { return };
        let taken = Failure::Fault(UpnpErrorCode::ConflictInMappingEntry, String::new());
        let next = task.resume(point, gateway, action, Err(taken));
        self.proceed(now, id, next);
    }

    /// What UPnP is about to be asked for goes into the journal first.
    fn write_down_igd(&mut self, now: Time, id: OperationId) {
        let Some(operation) = self.operations.get(&id) else { return };
        let (Stage::Working { gateway, points, point, .. }, Some(request), Some(external_port)) =
            (&operation.stage, operation.request(), operation.external_port())
        else {
            return;
        };
        let Some(point) = points.get(*point) else { return };
        let method = if request.ipv6 { Method::IgdPinhole } else { Method::Igd };
        let request = request.clone();
        let asked = request.clone().external_port(external_port);
        let known = || {
            let is_ours = |address| self.network.may_be_own(address, Some(point.local_address));
            self.ledger.known(method, point.remote, is_ours, &asked).map(|entry| entry.id)
        };
        // An entry that others are written down by too stays theirs where this asks for another port.
        let is_own = |&entry: &EntryId| {
            let mut others = self.operations.iter().filter(|&(&other, _)| other != id);
            let is_shared =
                others.any(|(_, other)| other.is_written_as(entry)) || self.held.is_written_as(Some(entry));
            !is_shared || self.ledger.is_about(entry, external_port)
        };
        let entry_id =
            operation.entry.filter(is_own).or_else(known).unwrap_or_else(|| EntryId(self.random.next_u64()));
        let expires = request.lifetime.duration().map(|lifetime| now + lifetime);
        let entry = Entry {
            id: entry_id,
            method,
            gateway: gateway.clone(),
            remote: point.remote,
            control: Some((point.service_type.clone(), point.control_url.to_string())),
            protocol: request.protocol,
            internal_address: point.local_address,
            internal_port: request.internal_port,
            external_address: None,
            external_port,
            nonce: None,
            unique_id: None,
            description: request.description.clone(),
            lifetime: request.lifetime,
            // Many gateways know permanent entries alone, whatever they are asked for.
            expires: if self.ledger.is_leased(entry_id) { expires } else { None },
            granted: false,
            custody: Custody::Kept,
        };
        let is_again = operation.entry == Some(entry_id);
        let before = operation.entry.filter(|_| !is_again && operation.leftover().is_none());
        if let Some(operation) = self.operations.get_mut(&id) {
            operation.entry = Some(entry_id);
            operation.asked_at.get_or_insert(now);
        }
        let coming = Coming {
            gateway: entry.remote.ip(),
            protocol: entry.protocol,
            internal_port: entry.internal_port,
            external_port,
        };
        self.supersede(now, &coming);
        self.inherited.spare(entry_id);
        if let Some(before) = before {
            // The gateway has refused that port.
            self.ledger.refused(before, &mut self.transport.out);
        }
        if is_again {
            self.ledger.put(entry, &mut self.transport.out);
        } else {
            self.ledger.asked(entry, &mut self.transport.out);
        }
    }

    /// External ports to try where the wanted one is taken, from the dynamic range (RFC 6335 section 6).
    pub(super) fn spare_ports(&mut self) -> Vec<NonZeroU16> {
        (0..SPARE_PORTS).filter_map(|_| self.random.dynamic_port()).collect()
    }
}
