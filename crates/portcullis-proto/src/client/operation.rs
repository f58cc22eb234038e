//! What a caller asked for: which gateways have been tried, and what is being done at one.

use super::device::{ControlPoint, Device};
use super::error::{Attempt, Error, ErrorKind, Failure, Step};
use super::event::Outcome;
use super::exchange;
use super::igd::Stop;
use super::igd::call::interpret;
use super::igd::close::Mark;
use super::journal::EntryId;
use super::keeper::MappingId;
use super::leftovers::{Leftover, Remains};
use super::race::{Contender, Phase};
use super::request::{MappingRequest, OnConflict};
use super::search::SearchId;
pub(super) use super::task::{Mapping, Pinhole, Task, TaskNext};
use crate::{Protocol, Time};
use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU16;

/// Names an operation; never used twice in the life of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub(super) u64);

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
    /// Whether only the control points it began with will do.
    pub(super) fixed: bool,
    /// The one gateway that it is for, where it is for one.
    pub(super) only_at: Option<IpAddr>,
    /// The only address of ours that is to be opened, where it is one.
    pub(super) only_from: Option<IpAddr>,
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
            fixed: false,
            only_at: None,
            only_from: None,
            tried: Vec::new(),
            attempts: Vec::new(),
            left: Vec::new(),
            absent: false,
            abandoned: false,
            silent: false,
            keeper: None,
            asked_at: None,
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
        let by_talk = self.contenders.iter().filter_map(|contender| contender.talk.wanted());
        let by_talk = by_talk.map(|wish| (wish.protocol, wish.internal_port));
        let asked = self.request().map(|request| (request.protocol, request.internal_port));
        asked.into_iter().chain(by_talk).any(|own| own == (protocol, internal_port))
    }

    /// Whether this is the journal's entry of what it asks for.
    pub(super) fn is_written_as(&self, entry: EntryId) -> bool {
        self.entry == Some(entry) || self.contenders.iter().any(|contender| contender.entry == Some(entry))
    }

    pub(super) fn has_tried(&self, device: &Device) -> bool {
        self.tried.contains(&device.address)
    }

    /// Whether the gateway at this address has been chosen for it.
    pub(super) fn has_tried_at(&self, gateway: IpAddr) -> bool {
        self.tried.iter().any(|tried| tried.ip() == gateway)
    }

    /// Whether a gateway is one to ask.
    pub(super) fn is_for(&self, device: &Device) -> bool {
        self.only_at.is_none_or(|gateway| gateway == device.address.ip())
    }

    /// Records why the control point at hand is of no use.
    pub(super) fn failed_at_point(&mut self, stop: Stop) {
        if let Stage::Working { gateway, .. } = &self.stage {
            let failure = match &self.task {
                Some(Task::Map(mapping)) => mapping.explained(stop.failure),
                _ => stop.failure,
            };
            self.attempts.push(Attempt { gateway: gateway.clone(), step: stop.step, failure });
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

    /// Whether it deletes what is to be made anew.
    pub(super) fn is_clearing(&self) -> bool {
        matches!(&self.task, Some(Task::Map(mapping)) if mapping.map.is_clearing())
    }

    /// The external port of the entry that it is about to delete, deletes, or has deleted to add it again.
    pub(super) fn deletes(&self) -> Option<(Protocol, NonZeroU16)> {
        match &self.task {
            Some(Task::Map(mapping)) if mapping.map.has_cleared() => {
                self.request().map(|request| (request.protocol, mapping.map.external_port()))
            }
            Some(Task::Close(close)) => Some((close.protocol(), close.external_port())),
            _ => None,
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

    /// Whom it is talking with by UPnP.
    pub(super) fn remote(&self) -> Option<SocketAddr> {
        let Stage::Working { points, point, .. } = &self.stage else { return None };
        points.get(*point).map(|point| point.remote)
    }

    /// The external port whose entry is deleted.
    pub(super) fn deleted_port(&self) -> Option<NonZeroU16> {
        match &self.task {
            Some(Task::Close(close)) => Some(close.external_port()),
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
        let has_added = mapping.added.is_some_and(|entry| !entry.stood);
        (has_added || mapping.map.may_have_added()).then_some(Leftover {
            gateway: gateway.clone(),
            protocol: mapping.request.protocol,
            external_port,
            entry: self.entry,
            remains: Remains::Entry { point: points.get(*point)?.clone(), mark: mapping.map.mark() },
        })
    }

    /// What is left of an entry that may be behind any port, where one port was looked at.
    pub(super) fn left_elsewhere(&self, mark: Mark) -> Option<Leftover> {
        let (Stage::Working { gateway, points, point, .. }, Some(Task::Close(close))) =
            (&self.stage, &self.task)
        else {
            return None;
        };
        (mark.anywhere && !close.is_anywhere()).then_some(Leftover {
            gateway: gateway.clone(),
            protocol: close.protocol(),
            external_port: close.external_port(),
            entry: self.entry,
            remains: Remains::Entry { point: points.get(*point)?.clone(), mark },
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
