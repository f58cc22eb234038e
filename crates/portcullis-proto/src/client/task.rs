//! A conversation with one gateway, whatever it is for: what to ask it next, and what came of it.

use super::device::ControlPoint;
use super::error::{Failure, Step};
use super::event::{Closed, Outcome};
use super::granted::{Granted, Grantor, Stood};
use super::igd::address::Address;
use super::igd::call::{Call, CallResult};
use super::igd::close::Close;
use super::igd::list::List;
use super::igd::map::{Entry, Map};
use super::igd::pinhole::add::{Add, Opened};
use super::igd::pinhole::check::{Check, Condition};
use super::igd::pinhole::delete::Delete;
use super::igd::pinhole::update::{Renewal, Update};
use super::igd::{Next, Procedure, Stop};
use super::request::MappingRequest;
use crate::Time;
use crate::igd::ipv6_firewall::{CheckPinholeWorking, UpdatePinhole};
use crate::igd::wan_connection::Action;
use crate::wire::soap::Arguments;
use core::net::IpAddr;
use core::num::NonZeroU16;
use core::time::Duration;

/// How long a mapping that stands waits for the address to show with it.
const ADDRESS_PATIENCE: Duration = Duration::from_secs(2);

/// A conversation with one gateway on behalf of an operation.
#[derive(Debug)]
pub(super) enum Task {
    Map(Mapping),
    Close(Close),
    OpenPinhole(Pinhole),
    RenewPinhole(Granted, Update),
    ClosePinhole(Delete),
    /// Whether the gateway still has it.
    CheckPinhole(Check),
    List(List),
    Address,
    /// One action, and its answer as it is.
    Call(Option<Call>),
}

/// Adding a mapping, and asking for the external address beside it: a round trip less to wait for.
#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) request: MappingRequest,
    pub(super) map: Map,
    pub(super) added: Option<Entry>,
    /// The answer; `None` until there is one. The mapping stands whether or not the gateway tells its address.
    address: Option<Option<IpAddr>>,
    /// Whether the answer was that it has none.
    has_no_address: bool,
}

impl Mapping {
    /// The gateway's external address, as far as it has told.
    pub(super) fn external_address(&self) -> Option<IpAddr> {
        self.address.flatten()
    }

    /// A refusal with the reason for it that the gateway has told beside.
    pub(super) fn explained(&self, refusal: Failure) -> Failure {
        if self.has_no_address {
            refusal.without_address()
        } else {
            refusal.where_it_has(self.external_address())
        }
    }

    pub(super) fn new(request: MappingRequest, spare_ports: Vec<NonZeroU16>) -> Self {
        let map = Map::new(request.clone(), spare_ports);
        Self { request, map, added: None, address: None, has_no_address: false }
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
            default_gateway: None,
            behind_nat: false,
            local: None,
            third_party: None,
            peer: None,
            entry: None,
            leased: entry.lifetime,
            told: entry.lifetime,
            replaces: entry.replaces,
            stood: entry.stood.then_some(Stood::Table),
            unheard: entry.unheard,
            since: Time::ZERO,
        }))
    }
}

/// Opening a pinhole.
#[derive(Debug)]
pub(super) struct Pinhole {
    pub(super) request: MappingRequest,
    pub(super) add: Add,
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
            default_gateway: None,
            behind_nat: false,
            local: None,
            third_party: None,
            peer: None,
            entry: None,
            leased: opened.lifetime,
            told: opened.lifetime,
            replaces: false,
            stood: None,
            unheard: false,
            since: Time::ZERO,
        })
    }
}

fn renewed(granted: &Granted, renewal: Next<Renewal>) -> TaskNext {
    match renewal {
        Next::Call(call) => TaskNext::Call(call),
        Next::Done(Ok(Renewal::Renewed(lifetime))) => TaskNext::Done(Outcome::Mapped(Granted {
            lifetime,
            leased: lifetime,
            told: lifetime,
            ..granted.clone()
        })),
        Next::Done(Ok(Renewal::Gone)) => {
            let step = Step::Action(UpdatePinhole::NAME);
            TaskNext::Fail(Stop { step, failure: Failure::NotConfirmed })
        }
        Next::Done(Err(stop)) => TaskNext::Fail(stop),
    }
}

/// That packets come through is not asked for: none may have been sent yet (quirk 83).
fn checked(next: Next<Condition>) -> TaskNext {
    match next {
        Next::Call(call) => TaskNext::Call(call),
        Next::Done(Ok(Condition::Gone)) => {
            let step = Step::Action(CheckPinholeWorking::NAME);
            TaskNext::Fail(Stop { step, failure: Failure::NotConfirmed })
        }
        Next::Done(Ok(Condition::Working | Condition::Blocked | Condition::Unused)) => {
            TaskNext::Done(Outcome::Called(Arguments::default()))
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
            Self::ClosePinhole(delete) => TaskNext::from(delete.start(point), deleted),
            Self::CheckPinhole(check) => checked(check.start(point)),
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
            Self::ClosePinhole(delete) => TaskNext::from(delete.resume(point, result), deleted),
            Self::CheckPinhole(check) => checked(check.resume(point, result)),
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
        let told = Address.resume(point, result);
        mapping.has_no_address =
            matches!(&told, Next::Done(Err(stop)) if stop.failure == Failure::NoExternalAddress(None));
        mapping.address = Some(match told {
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
            Self::Address
            | Self::Call(_)
            | Self::RenewPinhole(..)
            | Self::ClosePinhole(_)
            | Self::CheckPinhole(_) => {}
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

fn deleted(existed: bool) -> Outcome {
    Outcome::Closed(Closed::of_table(existed))
}

fn told(address: IpAddr, gateway: &str) -> Outcome {
    Outcome::Address { address, gateway: gateway.into() }
}
