//! What a caller asked for: which gateways have been tried, and what is being done at one.

use super::device::{ControlPoint, Device};
use super::error::{Attempt, Error, ErrorKind, Failure, Step};
use super::event::Outcome;
use super::exchange;
use super::granted::{Granted, Grantor, Method};
use super::igd::address::Address;
use super::igd::call::{Call, CallResult, interpret};
use super::igd::close::{Close, Mark};
use super::igd::list::List;
use super::igd::map::{Entry, Map};
use super::igd::pinhole::add::{Add, Opened};
use super::igd::pinhole::delete::Delete;
use super::igd::pinhole::update::{Renewal, Update};
use super::igd::{Next, Procedure, Stop};
use super::journal::EntryId;
use super::keeper::MappingId;
use super::port_control::Way;
use super::port_control::talk::Wish;
use super::race::{Contender, Phase};
use super::request::{MappingRequest, OnConflict};
use super::search::SearchId;
use crate::igd::ipv6_firewall::{UniqueId, UpdatePinhole};
use crate::igd::wan_connection::Action;
use crate::{Protocol, Time};
use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU16;
use core::time::Duration;

/// How long a mapping that stands waits for the address to show with it.
const ADDRESS_PATIENCE: Duration = Duration::from_secs(2);

/// Names an operation; never used twice in the life of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub(super) u64);

/// A conversation with one gateway on behalf of an operation.
#[derive(Debug)]
pub(super) enum Task {
    Map(Mapping),
    Close(Close),
    OpenPinhole(Pinhole),
    RenewPinhole(Granted, Update),
    ClosePinhole(Delete),
    List(List),
    Address,
    /// One action, and its answer as it is.
    Call(Option<Call>),
}

/// Adding a mapping, and asking for the external address beside it: a round trip less to wait for.
#[derive(Debug)]
pub(super) struct Mapping {
    request: MappingRequest,
    map: Map,
    added: Option<Entry>,
    /// The answer; `None` until there is one. The mapping stands whether or not the gateway tells its address.
    address: Option<Option<IpAddr>>,
}

impl Mapping {
    pub(super) fn new(request: MappingRequest, spare_ports: Vec<NonZeroU16>) -> Self {
        let map = Map::new(request.clone(), spare_ports);
        Self { request, map, added: None, address: None }
    }

    fn added(&mut self, point: &ControlPoint, gateway: &str, next: Next<Entry>) -> TaskNext {
        match next {
            Next::Call(call) => TaskNext::Call(call),
            Next::Done(Err(stop)) => TaskNext::Fail(stop),
            Next::Done(Ok(entry)) => {
                self.added = Some(entry);
                self.granted(point, gateway)
            }
        }
    }

    fn granted(&self, point: &ControlPoint, gateway: &str) -> TaskNext {
        let (Some(entry), Some(external_address)) = (self.added, self.address) else { return TaskNext::Wait };
        TaskNext::Done(Outcome::Mapped(Granted {
            protocol: self.request.protocol,
            internal_address: point.local_address,
            internal_port: self.request.internal_port,
            external_address,
            external_port: entry.external_port,
            lifetime: entry.lifetime,
            gateway: gateway.into(),
            grantor: Grantor::ControlPoint(point.clone()),
            third_party: None,
            peer: None,
            entry: None,
            since: Time::ZERO,
        }))
    }
}

/// Opening a pinhole.
#[derive(Debug)]
pub(super) struct Pinhole {
    request: MappingRequest,
    add: Add,
}

impl Pinhole {
    pub(super) fn new(request: MappingRequest) -> Self {
        let add = Add::new(request.protocol, request.internal_port, request.lifetime);
        Self { request, add }
    }

    fn granted(&self, point: &ControlPoint, gateway: &str, opened: Opened) -> Outcome {
        Outcome::Mapped(Granted {
            protocol: self.request.protocol,
            internal_address: opened.internal_client.into(),
            internal_port: self.request.internal_port,
            external_address: Some(opened.internal_client.into()),
            external_port: self.request.internal_port,
            lifetime: opened.lifetime,
            gateway: gateway.into(),
            grantor: Grantor::Pinhole(point.clone(), opened.unique_id),
            third_party: None,
            peer: None,
            entry: None,
            since: Time::ZERO,
        })
    }
}

fn renewed(granted: &Granted, renewal: Next<Renewal>) -> TaskNext {
    match renewal {
        Next::Call(call) => TaskNext::Call(call),
        Next::Done(Ok(Renewal::Renewed(lifetime))) => {
            TaskNext::Done(Outcome::Mapped(Granted { lifetime, ..granted.clone() }))
        }
        Next::Done(Ok(Renewal::Gone)) => {
            let step = Step::Action(UpdatePinhole::NAME);
            TaskNext::Fail(Stop { step, failure: Failure::NotConfirmed })
        }
        Next::Done(Err(stop)) => TaskNext::Fail(stop),
    }
}

/// What a task wants next.
#[derive(Debug)]
pub(super) enum TaskNext {
    Call(Call),
    /// Nothing: another answer is on its way.
    Wait,
    Done(Outcome),
    Fail(Stop),
}

impl Task {
    pub(super) fn start(&mut self, point: &ControlPoint, gateway: &str) -> TaskNext {
        match self {
            Self::Map(mapping) => {
                let next = mapping.map.start(point);
                mapping.added(point, gateway, next)
            }
            Self::Close(close) => TaskNext::from(close.start(point), Outcome::Closed),
            Self::OpenPinhole(pinhole) => {
                let next = pinhole.add.start(point);
                TaskNext::from(next, |opened| pinhole.granted(point, gateway, opened))
            }
            Self::RenewPinhole(granted, update) => renewed(granted, update.start(point)),
            Self::ClosePinhole(delete) => TaskNext::from(delete.start(point), Outcome::Closed),
            Self::List(list) => TaskNext::from(list.start(point), Outcome::Mappings),
            Self::Address => TaskNext::from(Address.start(point), |address| told(address, gateway)),
            Self::Call(call) => match call.take() {
                Some(call) => TaskNext::Call(call),
                None => TaskNext::Fail(Stop { step: Step::Search, failure: Failure::NotAsked }),
            },
        }
    }

    pub(super) fn resume(
        &mut self,
        point: &ControlPoint,
        gateway: &str,
        action: &'static str,
        result: CallResult,
    ) -> TaskNext {
        match self {
            Self::Map(mapping) => {
                let next = mapping.map.resume(point, result);
                mapping.added(point, gateway, next)
            }
            Self::Close(close) => TaskNext::from(close.resume(point, result), Outcome::Closed),
            Self::OpenPinhole(pinhole) => {
                let next = pinhole.add.resume(point, result);
                TaskNext::from(next, |opened| pinhole.granted(point, gateway, opened))
            }
            Self::RenewPinhole(granted, update) => renewed(granted, update.resume(point, result)),
            Self::ClosePinhole(delete) => TaskNext::from(delete.resume(point, result), Outcome::Closed),
            Self::List(list) => TaskNext::from(list.resume(point, result), Outcome::Mappings),
            Self::Address => TaskNext::from(Address.resume(point, result), |address| told(address, gateway)),
            Self::Call(_) => match result {
                Ok(arguments) => TaskNext::Done(Outcome::Called(arguments)),
                Err(failure) => TaskNext::Fail(Stop { step: Step::Action(action), failure }),
            },
        }
    }

    /// A question that goes out beside the task's first action.
    pub(super) fn beside(&self, point: &ControlPoint) -> Option<Call> {
        match (self, Address.start(point)) {
            (Self::Map(_), Next::Call(call)) => Some(call.within(ADDRESS_PATIENCE)),
            _ => None,
        }
    }

    /// The answer to that question.
    pub(super) fn answered_beside(
        &mut self,
        point: &ControlPoint,
        gateway: &str,
        result: CallResult,
    ) -> TaskNext {
        let Self::Map(mapping) = self else { return TaskNext::Wait };
        mapping.address = Some(match Address.resume(point, result) {
            Next::Done(Ok(address)) => Some(address),
            _ => None,
        });
        mapping.granted(point, gateway)
    }

    /// What stands when the time is up: a mapping whose gateway has not told its address yet.
    pub(super) fn out_of_time(&mut self, point: &ControlPoint, gateway: &str) -> Option<Outcome> {
        let Self::Map(mapping) = self else { return None };
        mapping.address.get_or_insert(None);
        match mapping.granted(point, gateway) {
            TaskNext::Done(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Back to the beginning, for another gateway.
    pub(super) fn restart(&mut self, spare_ports: impl FnOnce() -> Vec<NonZeroU16>) {
        match self {
            Self::Map(mapping) => *mapping = Mapping::new(mapping.request.clone(), spare_ports()),
            Self::List(list) => *list = List::new(),
            Self::Close(close) => close.restart(),
            Self::OpenPinhole(pinhole) => *pinhole = Pinhole::new(pinhole.request.clone()),
            Self::Address | Self::Call(_) | Self::RenewPinhole(..) | Self::ClosePinhole(_) => {}
        }
    }
}

impl TaskNext {
    fn from<T>(next: Next<T>, outcome: impl FnOnce(T) -> Outcome) -> Self {
        match next {
            Next::Call(call) => Self::Call(call),
            Next::Done(Ok(value)) => Self::Done(outcome(value)),
            Next::Done(Err(stop)) => Self::Fail(stop),
        }
    }
}

fn told(address: IpAddr, gateway: &str) -> Outcome {
    Outcome::Address { address, gateway: gateway.into() }
}

/// A mapping that may be at a gateway, although nobody will hear of it.
#[derive(Clone, Debug)]
pub(super) struct Leftover {
    pub(super) gateway: String,
    pub(super) protocol: Protocol,
    pub(super) external_port: NonZeroU16,
    pub(super) entry: Option<EntryId>,
    pub(super) remains: Remains,
}

/// What it is deleted by.
#[derive(Clone, Debug)]
pub(super) enum Remains {
    /// An entry of a WAN connection's table.
    Entry {
        point: ControlPoint,
        mark: Mark,
    },
    Pinhole {
        point: ControlPoint,
        unique_id: UniqueId,
    },
    /// A mapping of NAT-PMP or PCP.
    Talk {
        method: Method,
        way: Way,
        wish: Wish,
    },
    /// The same where the server has never answered, and may not be there.
    Farewell {
        method: Method,
        way: Way,
        wish: Wish,
    },
}

impl Leftover {
    /// Whether both are deleted by the same request.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.key() == other.key()
            && match (&self.remains, &other.remains) {
                (Remains::Entry { point, .. }, Remains::Entry { point: others, .. }) => point == others,
                (
                    Remains::Pinhole { point, unique_id },
                    Remains::Pinhole { point: others, unique_id: other_id },
                ) => (point, unique_id) == (others, other_id),
                (
                    Remains::Talk { method, way, wish } | Remains::Farewell { method, way, wish },
                    Remains::Talk { method: other_method, way: other_way, wish: other_wish }
                    | Remains::Farewell { method: other_method, way: other_way, wish: other_wish },
                ) => {
                    (method, way, wish.internal_port, wish.nonce)
                        == (other_method, other_way, other_wish.internal_port, other_wish.nonce)
                }
                _ => false,
            }
    }

    /// What a grant leaves at its gateway.
    pub(super) fn of(granted: &Granted, description: &str) -> Self {
        let server = granted.grantor.remote();
        let local = server.is_ipv6().then_some(granted.internal_address);
        Self {
            gateway: granted.gateway.clone(),
            protocol: granted.protocol,
            external_port: granted.external_port,
            entry: granted.entry,
            remains: match &granted.grantor {
                Grantor::ControlPoint(point) => Remains::Entry {
                    point: point.clone(),
                    mark: Mark { internal_port: granted.internal_port, description: description.into() },
                },
                Grantor::Pinhole(point, unique_id) => {
                    Remains::Pinhole { point: point.clone(), unique_id: *unique_id }
                }
                Grantor::NatPmp(_) | Grantor::Pcp(..) => {
                    Remains::Talk { method: granted.method(), way: (server, local), wish: Wish::of(granted) }
                }
            },
        }
    }

    /// Our own port; of a pinhole, it is the external one.
    pub(super) fn internal_port(&self) -> NonZeroU16 {
        match &self.remains {
            Remains::Entry { mark, .. } => mark.internal_port,
            Remains::Talk { wish, .. } | Remains::Farewell { wish, .. } => wish.internal_port,
            Remains::Pinhole { .. } => self.external_port,
        }
    }

    pub(super) fn key(&self) -> Key {
        let remote = match &self.remains {
            Remains::Entry { point, .. } | Remains::Pinhole { point, .. } => point.remote,
            Remains::Talk { way, .. } | Remains::Farewell { way, .. } => way.0,
        };
        (remote.ip(), self.protocol, self.external_port)
    }
}

/// What names an entry of a gateway's table: the gateway, and the external side.
pub(super) type Key = (IpAddr, Protocol, NonZeroU16);

#[derive(Debug)]
pub(super) enum Stage {
    /// A search of the caller's own.
    Searching(SearchId),
    /// Waiting for a gateway, or about to choose one.
    Seeking,
    /// Talking to a gateway's control point.
    Working { gateway: String, points: Vec<ControlPoint>, point: usize, action: &'static str },
}

#[derive(Debug)]
pub(super) struct Operation {
    /// `None` for a search.
    pub(super) task: Option<Task>,
    pub(super) stage: Stage,
    pub(super) deadline: Time,
    /// When it began, where anybody may have to wait for anybody.
    pub(super) started: Time,
    /// Whether this operation has had a search since it began.
    pub(super) searched: bool,
    /// Until when it waits for a better gateway than the ones known.
    pub(super) choose_at: Option<Time>,
    /// Whether only the control points it began with will do.
    pub(super) fixed: bool,
    /// Gateways that have been chosen for it.
    pub(super) tried: Vec<SocketAddr>,
    pub(super) attempts: Vec<Attempt>,
    /// What it may have left at gateways whose answers stayed in doubt.
    pub(super) left: Vec<Leftover>,
    /// Whether a gateway had nothing to delete.
    pub(super) absent: bool,
    /// Whether it waits only for the answer to what it has sent, to take that back.
    pub(super) abandoned: bool,
    /// Tidying up by itself: nobody is told.
    pub(super) silent: bool,
    /// The mapping that the keeper does it for: the keeper is told.
    pub(super) keeper: Option<MappingId>,
    /// What is to be kept, once it is granted.
    pub(super) keeps: Option<MappingRequest>,
    /// NAT-PMP and PCP servers that take part.
    pub(super) contenders: Vec<Contender>,
    /// Whether UPnP takes part.
    pub(super) wants_igd: bool,
    /// Whether a server of NAT-PMP or PCP has said no, or is there for the last resort.
    pub(super) somebody_is_there: bool,
    /// Whether UPnP has nobody left to ask, and what its search came to.
    pub(super) igd_over: bool,
    pub(super) search_failures: Vec<Attempt>,
    /// Since when UPnP has been asked for a mapping.
    pub(super) working_since: Option<Time>,
    /// When the first protocol could have begun.
    pub(super) first_ready: Option<Time>,
    /// What the journal holds of what UPnP was asked for at the gateway at hand.
    pub(super) entry: Option<EntryId>,
    /// Whether a mapping that stands is renewed: a refusal does not undo it.
    pub(super) renews: bool,
    /// When UPnP was first asked for the mapping at the gateway at hand.
    pub(super) asked_at: Option<Time>,
}

impl Operation {
    pub(super) fn new(task: Option<Task>, stage: Stage, deadline: Time) -> Self {
        Self {
            task,
            stage,
            deadline,
            started: Time::ZERO,
            searched: false,
            choose_at: None,
            fixed: false,
            tried: Vec::new(),
            attempts: Vec::new(),
            left: Vec::new(),
            absent: false,
            abandoned: false,
            silent: false,
            keeper: None,
            keeps: None,
            contenders: Vec::new(),
            wants_igd: false,
            somebody_is_there: false,
            igd_over: false,
            search_failures: Vec::new(),
            working_since: None,
            first_ready: None,
            entry: None,
            renews: false,
            asked_at: None,
        }
    }

    /// What was asked for, where it is a mapping.
    pub(super) fn request(&self) -> Option<&MappingRequest> {
        match &self.task {
            Some(Task::Map(mapping)) => Some(&mapping.request),
            Some(Task::OpenPinhole(pinhole)) => Some(&pinhole.request),
            _ => None,
        }
    }

    pub(super) fn description(&self) -> String {
        self.request().map(|request| request.description.clone()).unwrap_or_default()
    }

    /// Whether no other port will do, and the one that is wanted is not to be taken from whoever has it.
    pub(super) fn insists(&self) -> bool {
        self.request().is_some_and(|request| request.on_conflict == OnConflict::Fail)
    }

    /// Whether UPnP takes part, and has somebody left to ask.
    pub(super) fn igd_is_open(&self) -> bool {
        self.wants_igd && !self.igd_over
    }

    pub(super) fn is_mapping(&self) -> bool {
        self.request().is_some()
    }

    /// Whether it is about this host's IPv6 addresses.
    pub(super) fn is_ipv6(&self) -> bool {
        self.request().is_some_and(|request| request.ipv6)
    }

    /// Whether anybody may still grant what is wanted.
    pub(super) fn has_hope(&self) -> bool {
        self.igd_is_open() || self.contenders.iter().any(|contender| contender.phase != Phase::Failed)
    }

    /// Whether it asks for a mapping of this port of ours.
    pub(super) fn asks_for(&self, protocol: Protocol, internal_port: NonZeroU16) -> bool {
        let contenders = self.contenders.iter().filter(|contender| contender.phase != Phase::Failed);
        let by_talk = contenders.filter_map(|contender| contender.talk.wanted());
        let by_talk = by_talk.map(|wish| (wish.protocol, wish.internal_port));
        let asked = self.request().map(|request| (request.protocol, request.internal_port));
        asked.into_iter().chain(by_talk).any(|own| own == (protocol, internal_port))
    }

    pub(super) fn has_tried(&self, device: &Device) -> bool {
        self.tried.contains(&device.address)
    }

    /// Records why the control point at hand is of no use.
    pub(super) fn failed_at_point(&mut self, stop: Stop) {
        if let Stage::Working { gateway, .. } = &self.stage {
            self.attempts.push(Attempt { gateway: gateway.clone(), step: stop.step, failure: stop.failure });
        }
    }

    /// Whether the answer that is waited for is that of an action which adds a mapping.
    pub(super) fn is_adding(&self) -> bool {
        match &self.task {
            Some(Task::Map(mapping)) => mapping.added.is_none() && mapping.map.is_adding(),
            Some(Task::OpenPinhole(pinhole)) => pinhole.add.is_adding(),
            _ => false,
        }
    }

    /// The external port that is being asked for.
    pub(super) fn external_port(&self) -> Option<NonZeroU16> {
        match &self.task {
            Some(Task::Map(mapping)) => Some(mapping.map.external_port()),
            Some(Task::OpenPinhole(pinhole)) => Some(pinhole.request.internal_port),
            _ => None,
        }
    }

    /// Whether there may be a pinhole of which nobody knows the number.
    pub(super) fn is_in_doubt(&self) -> bool {
        matches!(&self.task, Some(Task::OpenPinhole(pinhole)) if pinhole.add.may_have_added())
    }

    /// What it would leave at the gateway at hand if it ended now.
    pub(super) fn leftover(&self) -> Option<Leftover> {
        let (Stage::Working { gateway, points, point, .. }, Some(Task::Map(mapping))) =
            (&self.stage, &self.task)
        else {
            return None;
        };
        let external_port = mapping.added.map_or(mapping.map.external_port(), |entry| entry.external_port);
        (mapping.added.is_some() || mapping.map.may_have_added()).then_some(Leftover {
            gateway: gateway.clone(),
            protocol: mapping.request.protocol,
            external_port,
            entry: self.entry,
            remains: Remains::Entry { point: points.get(*point)?.clone(), mark: mapping.map.mark() },
        })
    }

    /// What it would leave in gateways' tables if it ended now.
    pub(super) fn leftovers(&self) -> Vec<Leftover> {
        self.left.iter().cloned().chain(self.leftover()).collect()
    }

    /// The answer that an abandoned operation waited for.
    pub(super) fn abandoned_answer(&mut self, outcome: exchange::Outcome) {
        let (Stage::Working { gateway, points, point, action }, Some(task)) = (&self.stage, &mut self.task)
        else {
            return;
        };
        let Some(point) = points.get(*point) else { return };
        let result = interpret(point.kind, action, outcome);
        match task {
            Task::Map(mapping) => mapping.map.abandoned(point, result),
            Task::OpenPinhole(pinhole) => {
                if let Some(unique_id) = pinhole.add.abandoned(point, result) {
                    self.left.push(Leftover {
                        gateway: gateway.clone(),
                        protocol: pinhole.request.protocol,
                        external_port: pinhole.request.internal_port,
                        entry: self.entry,
                        remains: Remains::Pinhole { point: point.clone(), unique_id },
                    });
                }
            }
            _ => {}
        }
    }

    /// The result of an operation whose time is up.
    pub(super) fn out_of_time(
        &mut self,
        unanswered: Vec<Attempt>,
        search_failures: Vec<Attempt>,
        named: bool,
    ) -> Result<Outcome, Error> {
        if let Stage::Working { gateway, action, points, point } = &self.stage {
            let point = points.get(*point);
            let outcome =
                self.task.as_mut().zip(point).and_then(|(task, point)| task.out_of_time(point, gateway));
            if let Some(outcome) = outcome {
                return Ok(outcome);
            }
            let failure = Failure::Exchange(exchange::ExchangeError::NoReply);
            self.attempts.push(Attempt { gateway: gateway.clone(), step: Step::Action(action), failure });
        }
        self.attempts.extend(unanswered);
        Err(self.out_of_gateways(search_failures, named))
    }

    /// The error of an operation that has nobody left to ask.
    pub(super) fn out_of_gateways(&mut self, search_failures: Vec<Attempt>, named: bool) -> Error {
        let mut attempts = core::mem::take(&mut self.attempts);
        // That nobody is at a port says nothing where somebody is at another.
        let nobody = |attempt: &Attempt| attempt.failure.kind() == ErrorKind::NoGateway;
        if attempts.iter().all(nobody) {
            attempts.extend(search_failures);
            Error::without_gateway(attempts, named)
        } else {
            Error::from_attempts(attempts)
        }
    }
}
