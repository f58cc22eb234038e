//! Asks every WAN connection of a gateway for its state, so that the one that works is used.
//!
//! Two WANDevices of which the first is down, a PPP connection listed beside the IP connection that
//! carries it, a URLBase that may or may not be right: only the answers tell (quirks 18 and 30).

use super::call::{Call, CallResult};
use super::{Next, Procedure};
use crate::AddressKind;
use crate::client::device::{ControlPoint, Status};
use crate::client::error::Failure;
use crate::igd::wan_connection::{Action, ConnectionStatus, GetExternalIpAddress, GetStatusInfo};
use core::time::Duration;

/// A gateway that does not answer a question about its state maps ports all the same.
const PATIENCE: Duration = Duration::from_secs(2);

/// What one control point answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::client) struct Answer {
    /// Whether anything came back at all, a refusal included.
    pub(in crate::client) alive: bool,
    pub(in crate::client) status: Status,
}

impl Answer {
    /// Connected and public before connected, before whatever answers, before silence.
    pub(in crate::client) fn rank(&self) -> u8 {
        let connected = matches!(self.status.connection, Some(ConnectionStatus::Connected));
        let down = matches!(self.status.connection, Some(ConnectionStatus::Disconnected));
        let kind = self.status.external_address.map(AddressKind::of);
        match (self.alive, connected, kind) {
            (true, true, Some(AddressKind::Public)) => 5,
            (true, true, Some(_)) => 4,
            (true, true, None) => 3,
            (true, false, Some(AddressKind::Public)) if !down => 3,
            (true, false, _) if !down => 2,
            (true, ..) => 1,
            (false, ..) => 0,
        }
    }
}

#[derive(Debug, Default)]
pub(in crate::client) struct Probe {
    answer: Answer,
    asked_address: bool,
}

impl Probe {
    /// The action whose answer it waits for.
    pub(in crate::client) fn action(&self) -> &'static str {
        if self.asked_address { GetExternalIpAddress::NAME } else { GetStatusInfo::NAME }
    }
}

impl Procedure for Probe {
    type Output = Answer;

    fn start(&mut self, point: &ControlPoint) -> Next<Answer> {
        Next::Call(Call::new(point, &GetStatusInfo).within(PATIENCE))
    }

    fn resume(&mut self, point: &ControlPoint, result: CallResult) -> Next<Answer> {
        self.answer.alive |= !matches!(result, Err(Failure::Exchange(_) | Failure::HttpStatus(404)));
        if self.asked_address {
            let address = result.ok().and_then(|arguments| GetExternalIpAddress.decode(&arguments).ok());
            self.answer.status.external_address = address;
            return Next::Done(Ok(self.answer));
        }
        if let Ok(info) = result.map(|arguments| GetStatusInfo.decode(&arguments)) {
            self.answer.status.connection = info.ok().map(|info| info.connection_status);
        }
        self.asked_address = true;
        Next::Call(Call::new(point, &GetExternalIpAddress).within(PATIENCE))
    }
}
