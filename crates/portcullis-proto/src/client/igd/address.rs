//! Asks for the external address.

use super::call::{Call, CallResult};
use super::{Next, Procedure};
use crate::client::device::ControlPoint;
use crate::client::error::{Failure, Step};
use crate::igd::wan_connection::{Action, GetExternalIpAddress};
use core::net::IpAddr;

#[derive(Debug)]
pub(in crate::client) struct Address;

impl Procedure for Address {
    type Output = IpAddr;

    fn start(&mut self, point: &ControlPoint) -> Next<IpAddr> {
        Next::Call(Call::new(point, &GetExternalIpAddress))
    }

    fn resume(&mut self, _: &ControlPoint, result: CallResult) -> Next<IpAddr> {
        if result.as_ref().is_ok_and(GetExternalIpAddress::is_none) {
            return Next::fail(Step::Action(GetExternalIpAddress::NAME), Failure::NoExternalAddress(None));
        }
        let address =
            result.and_then(|arguments| GetExternalIpAddress.decode(&arguments).map_err(Failure::Decode));
        match address {
            Ok(address) => Next::Done(Ok(address)),
            Err(failure) => Next::fail(Step::Action(GetExternalIpAddress::NAME), failure),
        }
    }
}
