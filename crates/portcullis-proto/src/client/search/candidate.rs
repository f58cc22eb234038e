//! A device that answered: its turn, its description, then what it says of its state.

use super::super::device::{ControlPoint, Device};
use super::super::error::Failure;
use super::super::exchange::{self, ExchangeError, Request};
use super::super::igd::call::{Call, interpret};
use super::super::igd::probe::{Answer, Probe};
use super::super::igd::{Next, Procedure};
use super::places::Place;
use crate::Time;
use crate::igd::description::Description;
use crate::wire::http;
use crate::wire::ssdp::SearchResponse;
use core::cmp::Reverse;
use core::mem;
use core::net::IpAddr;
use core::time::Duration;

/// Nothing that runs a web server on a local network needs longer to accept a connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug)]
enum Stage {
    /// It has had no turn yet.
    Waiting,
    /// The description is on its way.
    Fetching,
    /// Its control points are asked for their state, one after the other.
    Probing { probe: Probe, answers: Vec<(Answer, ControlPoint)> },
    /// Nothing more will be learnt.
    Known,
}

#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) device: Device,
    stage: Stage,
    /// When its description was first, or at last, asked for.
    since: Time,
    /// How often it has answered.
    answers: u32,
    is_privileged: bool,
    retried: bool,
}

impl Candidate {
    pub(super) fn new(device: Device, is_privileged: bool) -> Self {
        let stage = Stage::Waiting;
        Self { device, stage, since: Time::ZERO, answers: 1, is_privileged, retried: false }
    }

    /// What it is to the others, where it waits or is under way.
    pub(super) fn place(&self, number: usize) -> Option<Place> {
        Some(Place {
            number,
            sender: self.sender(),
            is_privileged: self.is_privileged,
            since: match self.stage {
                Stage::Known => return None,
                Stage::Waiting => None,
                Stage::Fetching | Stage::Probing { .. } => Some(self.since),
            },
            is_fetching: matches!(self.stage, Stage::Fetching),
            answers: self.answers,
            is_retried: self.retried,
        })
    }

    pub(super) fn sender(&self) -> IpAddr {
        self.device.address.ip()
    }

    pub(super) fn is_privileged(&self) -> bool {
        self.is_privileged
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Waiting)
    }

    /// It is its turn.
    pub(super) fn begin(&mut self, now: Time) {
        self.stage = Stage::Fetching;
        self.since = now;
    }

    /// What it is worth, the least first, where not all can be remembered.
    pub(super) fn worth(&self) -> u8 {
        match &self.device.description {
            Err(_) => 0,
            Ok(_) if self.device.is_usable() || self.device.has_firewall() => 3,
            Ok(_) => 1_u8.saturating_add(u8::from(self.device.is_gateway())),
        }
    }

    pub(super) fn is_known(&self) -> bool {
        matches!(self.stage, Stage::Known)
    }

    pub(super) fn request(&self, deadline: Time, local: Option<IpAddr>) -> Request {
        Request {
            remote: self.device.address,
            local: local.filter(|local| local.is_ipv4() == self.device.address.is_ipv4()),
            bytes: http::encode_get(self.device.address, self.device.location.target()),
            terminator: "root",
            repeatable: true,
            connect_patience: CONNECT_PATIENCE,
            patience: Duration::MAX,
            deadline,
        }
    }

    /// It has answered again; whether it waits for another turn, since it could not be reached before.
    pub(super) fn answered(&mut self, answer: &SearchResponse) -> bool {
        self.device.answered(answer);
        self.answers = self.answers.saturating_add(1);
        // What did come and was refused, a redirect perhaps, would be refused again.
        let unreachable = match &self.device.description {
            Err(Failure::Exchange(error)) => !matches!(error, ExchangeError::Http(_)),
            _ => false,
        };
        let again = self.is_known() && unreachable && !self.retried;
        if again {
            self.retried = true;
            self.stage = Stage::Waiting;
        }
        again
    }

    /// An exchange is over; what to ask next, or nothing when all is known.
    pub(super) fn exchange_ended(&mut self, outcome: exchange::Outcome, ask_status: bool) -> Option<Call> {
        match &mut self.stage {
            Stage::Known | Stage::Waiting => None,
            Stage::Fetching => {
                match description(&self.device, outcome) {
                    Ok((description, local)) => self.device.described(description, local),
                    Err(failure) => self.device.description = Err(failure),
                }
                // With one way to go there is nothing to choose by asking.
                let ways = self.device.control_points.len();
                if ways > 1 || (ways == 1 && ask_status) {
                    self.stage = Stage::Probing { probe: Probe::default(), answers: Vec::new() };
                    return self.ask();
                }
                self.stage = Stage::Known;
                None
            }
            Stage::Probing { probe, answers } => {
                let point = self.device.control_points.get(answers.len())?;
                match probe.resume(point, interpret(point.kind, probe.action(), outcome)) {
                    Next::Call(call) => Some(call),
                    Next::Done(answer) => {
                        answers.push((answer.unwrap_or_default(), point.clone()));
                        self.ask()
                    }
                }
            }
        }
    }

    /// Nothing more is waited for.
    pub(super) fn conclude(&mut self) {
        match mem::replace(&mut self.stage, Stage::Known) {
            Stage::Known | Stage::Waiting => {}
            Stage::Fetching => self.device.description = Err(Failure::Exchange(ExchangeError::NoReply)),
            Stage::Probing { mut answers, .. } => {
                // The sort is stable: among equals the document's order stands.
                answers.sort_by_key(|(answer, _)| Reverse(answer.rank()));
                if let Some((best, _)) = answers.first() {
                    self.device.status = best.status;
                }
                let points = &mut self.device.control_points;
                let unasked = points.split_off(answers.len().min(points.len()));
                *points = answers.into_iter().map(|(_, point)| point).chain(unasked).collect();
            }
        }
    }

    /// The first question to the next control point; after the last one, they are ranked.
    fn ask(&mut self) -> Option<Call> {
        if let Stage::Probing { probe, answers } = &mut self.stage {
            if let Some(point) = self.device.control_points.get(answers.len()) {
                *probe = Probe::default();
                if let Next::Call(call) = probe.start(point) {
                    return Some(call);
                }
            }
        }
        self.conclude();
        None
    }
}

fn description(device: &Device, outcome: exchange::Outcome) -> Result<(Description, IpAddr), Failure> {
    let reply = outcome.map_err(Failure::Exchange)?;
    match Description::parse(&reply.response.body, &device.location) {
        // Some gateways serve a good description with a status of 500.
        Ok(description) => Ok((description, reply.local)),
        Err(_) if !(200..300).contains(&reply.response.status) => {
            Err(Failure::HttpStatus(reply.response.status))
        }
        Err(error) => Err(Failure::Description(error)),
    }
}
