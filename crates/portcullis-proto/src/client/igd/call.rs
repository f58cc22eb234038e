//! One action, from its arguments to what its answer means.

use crate::Time;
use crate::client::device::ControlPoint;
use crate::client::error::Failure;
use crate::client::exchange::{self, Request};
use crate::igd::description::ServiceKind;
use crate::igd::error_code::UpnpErrorCode;
use crate::igd::wan_connection::Action;
use crate::wire::soap::{self, Arguments, Reply, SoapError};
use crate::wire::{http, url::RequestTarget};
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

/// How long the reply to an action may take when nothing presses; the operation's deadline still holds.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a gateway that has just described itself may take to accept a connection: on a bad link it is
/// worth more patience than a stranger.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);

/// The answer to an action, or why there is none.
pub(in crate::client) type CallResult = Result<Arguments, Failure>;

/// An action that is ready to be sent.
#[derive(Clone, Debug)]
pub(in crate::client) struct Call {
    pub(in crate::client) remote: SocketAddr,
    local: IpAddr,
    target: RequestTarget,
    service_type: String,
    pub(in crate::client) action: &'static str,
    body: String,
    /// Whether it changes something at the gateway.
    pub(in crate::client) changes: bool,
    repeatable: bool,
    patience: Duration,
}

impl Call {
    /// An action for a control point. One that changes something is sent once; any other may be repeated
    /// when its reply is late.
    pub(in crate::client) fn new<A: Action>(point: &ControlPoint, action: &A) -> Self {
        let arguments = action.arguments();
        let arguments: Vec<(&str, &str)> =
            arguments.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Self {
            remote: point.remote,
            local: point.local_address,
            target: point.control_url.target().clone(),
            service_type: point.service_type.clone(),
            action: A::NAME,
            body: soap::encode_request(&point.service_type, A::NAME, &arguments),
            changes: A::CHANGES,
            repeatable: !A::CHANGES,
            patience: PATIENCE,
        }
    }

    /// Marks a command whose repetition changes nothing more.
    pub(in crate::client) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// Gives up earlier than usual on the reply.
    pub(in crate::client) fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub(in crate::client) fn request(&self, deadline: Time) -> Request {
        let soap_action = format!("{}#{}", self.service_type, self.action);
        Request {
            remote: self.remote,
            local: Some(self.local),
            bytes: http::encode_post(self.remote, &self.target, &soap_action, &self.body),
            terminator: "Envelope",
            repeatable: self.repeatable,
            connect_patience: CONNECT_PATIENCE,
            patience: self.patience,
            deadline,
        }
    }
}

/// What the outcome of an exchange means as the answer to an action of a service: the body decides where
/// there is one, the HTTP status where there is none (UPnP Device Architecture 1.1 section 3.2.2).
pub(in crate::client) fn interpret(
    service: ServiceKind,
    action: &str,
    outcome: exchange::Outcome,
) -> CallResult {
    let reply = outcome.map_err(Failure::Exchange)?;
    let success = (200..300).contains(&reply.response.status);
    match soap::decode_reply(&reply.response.body, action) {
        Ok(Reply::Fault(fault)) => {
            let code = fault.code.map_or(UpnpErrorCode::Unknown(0), |code| UpnpErrorCode::of(service, code));
            Err(Failure::Fault(code, fault.description))
        }
        // Whoever tells what was asked for has done it, whatever the status says.
        Ok(Reply::Success(arguments)) if success || arguments.iter().next().is_some() => Ok(arguments),
        // Neither a yes nor a no: whoever added something reads it back.
        Ok(Reply::Success(_)) => Err(Failure::Unconfirmed(reply.response.status)),
        Err(SoapError::Empty) if success => Err(Failure::Soap(SoapError::Empty)),
        Err(_) if !success => Err(Failure::HttpStatus(reply.response.status)),
        Err(error) => Err(Failure::Soap(error)),
    }
}
