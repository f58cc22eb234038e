//! The session: what to send next, and what an answer meant.
//!
//! A [`Client`] is a state machine without sockets, clock or threads. Whoever drives it follows one
//! contract: **mutate, then drain**. After every call that takes `now`, call [`Client::poll_output`]
//! until it gives [`Output::Timeout`] and do what each output says; then wait for something to happen or
//! for that moment, tell the client with [`Client::handle_input`], and drain again. Events are fetched
//! with [`Client::poll_event`] whenever it suits.
//!
//! ```text
//! discover ─► search ─► description ─► probe ─► Event::Found … Event::Finished
//! map, close, list, external_address ─► a gateway (known, or by a search) ─► actions ─► Event::Finished
//! ```

mod closing;
mod config;
mod deletions;
mod device;
mod ending;
pub mod epoch;
mod error;
mod event;
mod exchange;
mod granted;
mod held;
mod igd;
mod inherited;
mod inputs;
pub mod io;
pub mod journal;
mod keeper;
mod ledger;
mod leftovers;
mod network;
mod operation;
mod outbox;
mod port_control;
mod race;
mod random;
mod request;
pub mod retry;
mod search;
mod serving;
mod task;
mod timer;
mod transport;
mod withdrawal;

pub use config::{Config, GATEWAY_TARGETS, GatewayAddress, InvalidGatewayAddress, SearchOptions};
pub use device::{ControlPoint, Device, Status};
pub use error::{Attempt, Error, ErrorKind, Failure, Ignored, Step};
pub use event::{Closed, Event, Outcome};
pub use exchange::ExchangeError;
pub use granted::{Granted, Grantor, Method, UnknownMethod};
pub use keeper::{Change, ChangeKind, MappingId, Reason};
pub use network::{DefaultGateway, Interface, InterfaceAddress, Network};
pub use operation::OperationId;
pub use request::{DEFAULT_DESCRIPTION, DEFAULT_LIFETIME, MappingRequest, OnConflict};

use crate::Time;
use crate::igd::wan_connection::Action;
use core::time::Duration;
use deletions::Deletions;
use held::Held;
use igd::call::Call;
use igd::list::List;
use inherited::Inherited;
use io::Output;
use keeper::Keeper;
use ledger::Ledger;
use leftovers::Leftover;
use operation::{Mapping, Operation, Pinhole, Stage, Task};
use port_control::{Pace, PortControl};
use race::Phase;
use random::Random;
use search::{Search, SearchId};
use std::collections::BTreeMap;
use timer::Timer;
use transport::Transport;
use withdrawal::Withdrawals;

/// A session with the gateways of a network. See the [module](self) for how to drive it.
#[derive(Debug)]
pub struct Client {
    config: Config,
    network: Network,
    transport: Transport,
    port_control: PortControl,
    searches: BTreeMap<SearchId, Search>,
    /// The searches that operations without a gateway wait for: over IPv4 (`false`) and over IPv6.
    gateway_searches: BTreeMap<bool, SearchId>,
    /// When a gateway of this network was last sought, over IPv4 and over IPv6.
    sought_at: BTreeMap<bool, Time>,
    operations: BTreeMap<OperationId, Operation>,
    /// Gateways known to be usable.
    gateways: Vec<Device>,
    /// What this client has been granted.
    held: Held,
    deletions: Deletions,
    /// What is to be deleted once it is known whether what is being asked for now stands in its place.
    undecided: Vec<Leftover>,
    keeper: Keeper,
    ledger: Ledger,
    journal_is_broken: bool,
    inherited: Inherited,
    withdrawals: Withdrawals,
    random: Random,
}

impl Client {
    /// A client that knows its configuration and the machine's place in the network.
    pub fn new(config: Config, network: Network) -> Self {
        let random = Random::new(config.seed);
        let ledger = Ledger::new(config.journal);
        Self {
            config,
            network,
            transport: Transport::default(),
            port_control: PortControl::default(),
            searches: BTreeMap::new(),
            gateway_searches: BTreeMap::new(),
            sought_at: BTreeMap::new(),
            operations: BTreeMap::new(),
            gateways: Vec::new(),
            held: Held::default(),
            deletions: Deletions::default(),
            undecided: Vec::new(),
            keeper: Keeper::default(),
            ledger,
            journal_is_broken: false,
            inherited: Inherited::default(),
            withdrawals: Withdrawals::default(),
            random,
        }
    }

    /// Tells that the machine's interfaces or default gateways may have changed. Gateways found from
    /// another place in the network are forgotten, and mappings that are kept are made again where they led
    /// through it.
    pub fn set_network(&mut self, now: Time, network: Network) {
        if network != self.network {
            self.gateways.clear();
            self.sought_at.clear();
            self.network = network;
            let network = &self.network;
            let out = &mut self.transport.out;
            let asked_again = self.port_control.network_changed(|own| network.is_own(own), out);
            for &(asker, before) in &asked_again {
                self.asked_from(asker, before);
            }
            self.network_changed(now);
            for (asker, _) in asked_again {
                self.write_down_again(now, asker);
            }
            self.run(now);
        }
    }

    /// Searches for devices: [`Event::Found`] for each, then [`Event::Finished`] with all of them.
    pub fn discover(&mut self, now: Time, options: SearchOptions) -> OperationId {
        let deadline = now + options.timeout.saturating_add(options.grace);
        let search = self.start_search(now, options);
        let operation = self.add_operation(Operation::new(None, Stage::Searching(search), deadline));
        self.run(now);
        operation
    }

    /// Maps a port by the first protocol and gateway that grant it: [`Outcome::Mapped`].
    ///
    /// Where it fails and a gateway may have the mapping all the same, it is looked for and deleted after
    /// [`Event::Finished`]; [`is_idle`](Self::is_idle) tells when that is over.
    pub fn map(&mut self, now: Time, request: MappingRequest, timeout: Duration) -> OperationId {
        let request = self.as_long_as_kept(request);
        let id = self.prepare_map(now, &request, timeout);
        self.enter_map(now, id, &request, &Pace::FirstContact);
        self.settle(now, id);
        self.run(now);
        id
    }

    /// Tells that the journal could not be written: from now on no permanent mapping is made in place of one that
    /// ends, since nobody would know to delete it.
    pub fn journal_failed(&mut self) {
        self.journal_is_broken = true;
    }

    fn prepare_map(&mut self, now: Time, request: &MappingRequest, timeout: Duration) -> OperationId {
        let mut request = request.clone();
        request.only_finite |= self.journal_is_broken;
        let wants_igd = self.config.preference(Method::Igd).is_some() && !request.needs_pcp();
        let only_from = request.own.map(Into::into);
        let task = if request.ipv6 {
            Task::OpenPinhole(Pinhole::new(request))
        } else {
            Task::Map(Mapping::new(request, self.spare_ports()))
        };
        let id = self.begin_seeking(now, task, timeout);
        if let Some(operation) = self.operations.get_mut(&id) {
            operation.wants_igd = wants_igd;
            operation.only_from = only_from;
        }
        id
    }

    /// [`map`](Self::map) at this control point and no other.
    pub fn map_at(
        &mut self,
        now: Time,
        point: &ControlPoint,
        request: MappingRequest,
        timeout: Duration,
    ) -> OperationId {
        let task = Task::Map(Mapping::new(request, self.spare_ports()));
        self.work(now, task, point.remote.ip().to_string(), vec![point.clone()], timeout)
    }

    /// Reads the gateway's whole table: [`Outcome::Mappings`].
    pub fn list(&mut self, now: Time, timeout: Duration) -> OperationId {
        self.seek(now, Task::List(List::new()), timeout)
    }

    /// [`list`](Self::list) of this control point and no other.
    pub fn list_at(&mut self, now: Time, point: &ControlPoint, timeout: Duration) -> OperationId {
        self.work(now, Task::List(List::new()), point.remote.ip().to_string(), vec![point.clone()], timeout)
    }

    /// Asks for the external address: [`Outcome::Address`].
    pub fn external_address(&mut self, now: Time, timeout: Duration) -> OperationId {
        let id = self.begin_seeking(now, Task::Address, timeout);
        self.enter_address(now, id);
        self.settle(now, id);
        self.run(now);
        id
    }

    /// Sends one action to a control point and reports its answer as it is: [`Outcome::Called`].
    pub fn call<A: Action>(
        &mut self,
        now: Time,
        point: &ControlPoint,
        action: &A,
        timeout: Duration,
    ) -> OperationId {
        let call = Call::new(point, action);
        let name = point.remote.ip().to_string();
        self.work(now, Task::Call(Some(call)), name, vec![point.clone()], timeout)
    }

    /// Forgets an operation: nothing more is reported of it. A mapping that it may already have made is
    /// deleted, where the gateway says that it is the one.
    pub fn cancel(&mut self, now: Time, id: OperationId) {
        if !self.cancel_withdrawal(now, id) {
            if let Some(operation) = self.operations.remove(&id) {
                self.abandon(now, id, operation, None);
            }
        }
        self.run(now);
    }

    /// Whether gateways may be asked by this protocol.
    pub fn may_ask_by(&self, method: Method) -> bool {
        self.config.preference(method).is_some()
    }

    /// Whether nothing is under way any more, but for what a server that was never heard is to be told as soon as it may be
    /// sent something again: nobody need wait for that.
    ///
    /// A client that is not idle wants something done now, or to be called at a moment: [`Output::Timeout`] has one.
    pub fn is_idle(&self) -> bool {
        self.operations.iter().all(|(&id, operation)| self.is_only_a_farewell(id, operation))
            && self.searches.is_empty()
            && self.undecided.is_empty()
            && self.withdrawals.is_empty()
            && self.keeper.is_empty()
    }

    fn is_only_a_farewell(&self, id: OperationId, operation: &Operation) -> bool {
        let mut contenders = operation.contenders.iter().enumerate();
        let waits = |(index, contender): (usize, &race::Contender)| {
            matches!(contender.pace, Pace::Farewell) && !self.port_control.has_sent((id, index))
        };
        operation.silent && !operation.contenders.is_empty() && contenders.all(waits)
    }

    /// The next thing to do; [`Output::Timeout`] when there is nothing left for now.
    pub fn poll_output(&mut self) -> Output {
        self.transport.out.pop().unwrap_or_else(|| Output::Timeout(self.transport.out.timers.next()))
    }

    /// The next event, or `None` when there is none for now.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.transport.out.pop_event()
    }

    fn add_operation(&mut self, operation: Operation) -> OperationId {
        let id = OperationId(self.transport.out.next_id());
        self.transport.out.timers.set(Timer::Operation(id), operation.deadline);
        self.operations.insert(id, operation);
        id
    }

    /// An operation for whichever gateway will do, by UPnP if that is spoken at all.
    fn begin_seeking(&mut self, now: Time, task: Task, timeout: Duration) -> OperationId {
        let mut operation = Operation::new(Some(task), Stage::Seeking, now + timeout);
        operation.started = now;
        operation.wants_igd = self.config.preference(Method::Igd).is_some() && self.config.names_upnp();
        self.add_operation(operation)
    }

    fn seek(&mut self, now: Time, task: Task, timeout: Duration) -> OperationId {
        let id = self.begin_seeking(now, task, timeout);
        self.settle(now, id);
        self.update(now);
        id
    }

    fn work(
        &mut self,
        now: Time,
        task: Task,
        gateway: String,
        points: Vec<ControlPoint>,
        timeout: Duration,
    ) -> OperationId {
        let id = self.work_as(now, task, gateway, points, timeout, |_| {});
        self.update(now);
        id
    }

    /// [`work`](Self::work) as an operation that is more than that.
    fn work_as(
        &mut self,
        now: Time,
        task: Task,
        gateway: String,
        points: Vec<ControlPoint>,
        timeout: Duration,
        adorn: impl FnOnce(&mut Operation),
    ) -> OperationId {
        let stage = Stage::Working { gateway, points, point: 0, action: "" };
        let mut operation = Operation::new(Some(task), stage, now + timeout);
        // Nobody else will do: it is this control point's mapping.
        operation.fixed = true;
        operation.wants_igd = true;
        adorn(&mut operation);
        let id = self.add_operation(operation);
        self.start_task(now, id);
        id
    }

    /// Closes the lines to NAT-PMP and PCP servers that nobody needs: a mapping that is kept needs its own, since
    /// it knows the server's epoch, and so does whoever has asked and waits for his turn.
    fn close_lines(&mut self) {
        let (keeper, operations) = (&self.keeper, &self.operations);
        let takes_part = |way| {
            let mut contenders = operations.values().flat_map(|operation| &operation.contenders);
            contenders.any(|contender| contender.way == way && contender.phase != Phase::Failed)
        };
        let wanted = |way| keeper.needs_line(way) || takes_part(way);
        self.port_control.close_lines(wanted, &mut self.transport.out);
    }

    fn start_search(&mut self, now: Time, options: SearchOptions) -> SearchId {
        let id = SearchId(self.transport.out.next_id());
        let search = Search::start(id, options, &self.config, &self.network, now, &mut self.transport);
        self.searches.insert(id, search);
        id
    }
}
