//! A control point, and answers to feed.

use crate::Time;
use crate::client::device::ControlPoint;
use crate::client::error::{Failure, Step};
use crate::client::exchange::ExchangeError;
use crate::client::igd::call::{Call, CallResult};
use crate::client::igd::{Next, Stop};
use crate::igd::description::ServiceKind;
use crate::igd::error_code::UpnpErrorCode;
use crate::wire::url::HttpUrl;
use core::fmt;

pub(super) const OURS: &str = "2a02:ff0::7";

/// The firewall of a gateway that we reach from this address.
pub(super) fn from(local: &str) -> ControlPoint {
    let url = HttpUrl::parse("http://[2a02:ff0::1]:5000/ctl/IP6FCtl").unwrap();
    let service_type = "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1";
    ControlPoint::new(service_type, url, local.parse().unwrap()).unwrap()
}

pub(super) fn point() -> ControlPoint {
    from(OURS)
}

pub(super) fn says(arguments: &[(&str, &str)]) -> CallResult {
    Ok(arguments.iter().copied().collect())
}

pub(super) fn refuses(code: i64) -> CallResult {
    Err(Failure::Fault(UpnpErrorCode::of(ServiceKind::WanIpv6FirewallControl, code), String::new()))
}

pub(super) fn silence() -> CallResult {
    Err(Failure::Exchange(ExchangeError::NoReply))
}

/// The action that is asked for, and the whole request.
pub(super) fn asks<T: fmt::Debug>(next: Next<T>) -> (&'static str, String) {
    let call = call(next);
    (call.action, String::from_utf8(call.request(Time::ZERO).bytes).unwrap())
}

pub(super) fn call<T: fmt::Debug>(next: Next<T>) -> Call {
    match next {
        Next::Call(call) => call,
        Next::Done(result) => panic!("{result:?}"),
    }
}

pub(super) fn done<T>(next: Next<T>) -> Result<T, Stop> {
    match next {
        Next::Call(call) => panic!("{call:?}"),
        Next::Done(result) => result,
    }
}

pub(super) fn stopped(action: &'static str, failure: Failure) -> Stop {
    Stop { step: Step::Action(action), failure }
}
