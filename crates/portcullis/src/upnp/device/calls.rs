//! What can be asked of a device.

use super::super::arguments::{self, MappingArguments};
use super::super::result::UpnpResult;
use super::UpnpDevice;
use crate::driver::clock::Clock;
use core::net::IpAddr;
use core::time::Duration;
use portcullis_proto::Time;
use portcullis_proto::igd::wan_connection::{
    Action, AddPortMapping, DeletePortMapping, GetExternalIpAddress,
};
use portcullis_proto::wire::soap::Arguments;

/// When a call of several actions is to be over.
#[derive(Debug)]
struct Deadline(Clock);

impl Deadline {
    fn start() -> Self {
        Self(Clock::start())
    }

    /// What is left of `timeout`, counted from the start.
    fn left(&self, timeout: Duration) -> Duration {
        timeout.saturating_sub(self.0.now() - Time::ZERO)
    }
}

impl UpnpDevice {
    /// Asks the gateway for its external address, for five seconds at most (or the timeout of the
    /// [`Config`](crate::Config)). Empty where the device is no
    /// [valid gateway](Self::is_valid_gateway), or does not give an IP address.
    ///
    /// The address may be a private or shared one: see [`AddressKind`](crate::AddressKind).
    ///
    /// ```
    /// # use portcullis::upnp::Upnp;
    /// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
    /// # let upnp = Upnp::with_config(portcullis::Config::new().gateway(gateway.ssdp_address()));
    /// # let _ =
    /// upnp.discover(2000, 2, "InternetGatewayDevice");
    /// let device = upnp.get_gateway().unwrap();
    /// assert_eq!(device.query_external_address(), "81.2.69.142");
    /// ```
    pub fn query_external_address(&self) -> String {
        if !self.is_valid_gateway() {
            return String::new();
        }
        self.call(GetExternalIpAddress, &Deadline::start())
            .ok()
            .and_then(|arguments| GetExternalIpAddress.decode(&arguments).ok())
            .map(|address| address.to_string())
            .unwrap_or_default()
    }

    /// Maps `port` of the gateway to `port_internal` of this computer (0: the same port), for `duration`
    /// seconds (0: until it is deleted), under the description `desc` (empty: `portcullis`; its first 256
    /// characters are sent). Five seconds at most, or the timeout of the [`Config`](crate::Config).
    ///
    /// A mapping of this computer is renewed; one of another computer is left alone.
    ///
    /// # Errors
    ///
    /// Checked in this order, before anything is sent: [`InvalidGateway`](UpnpResult::InvalidGateway) where
    /// the device is no [valid gateway](Self::is_valid_gateway); [`InvalidPort`](UpnpResult::InvalidPort)
    /// where `port` is not 1 to 65535 or `port_internal` not 0 to 65535;
    /// [`InvalidProtocol`](UpnpResult::InvalidProtocol) where `proto` is not exactly `"UDP"` or `"TCP"`;
    /// [`InvalidDuration`](UpnpResult::InvalidDuration) where `duration` is negative. Then what the gateway
    /// says.
    ///
    /// ```
    /// # use portcullis::upnp::{Upnp, UpnpResult};
    /// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
    /// # let upnp = Upnp::with_config(portcullis::Config::new().gateway(gateway.ssdp_address()));
    /// # let _ =
    /// upnp.discover(2000, 2, "InternetGatewayDevice");
    /// let device = upnp.get_gateway().unwrap();
    /// assert_eq!(device.add_port_mapping(7777, 0, "Tom & Jerry", "UDP", 3600), UpnpResult::Success);
    /// ```
    pub fn add_port_mapping(
        &self,
        port: i32,
        port_internal: i32,
        desc: &str,
        proto: &str,
        duration: i32,
    ) -> UpnpResult {
        if !self.is_valid_gateway() {
            return UpnpResult::InvalidGateway;
        }
        match MappingArguments::check(port, port_internal, desc, proto, duration) {
            Ok(arguments) => self.add(&arguments, &Deadline::start()),
            Err(result) => result,
        }
    }

    /// Deletes the mapping of `port`, whosever it is. Five seconds at most, or the timeout of the
    /// [`Config`](crate::Config).
    ///
    /// # Errors
    ///
    /// [`InvalidPort`](UpnpResult::InvalidPort) where `port` is not 1 to 65535, then
    /// [`InvalidProtocol`](UpnpResult::InvalidProtocol) where `proto` is not exactly `"UDP"` or `"TCP"`;
    /// then, whatever the device's status, [`HttpError`](UpnpResult::HttpError) where its control URL is of
    /// no use, and what the gateway says.
    ///
    /// ```
    /// # use portcullis::upnp::{Upnp, UpnpResult};
    /// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
    /// # let upnp = Upnp::with_config(portcullis::Config::new().gateway(gateway.ssdp_address()));
    /// # let _ =
    /// upnp.discover(2000, 2, "InternetGatewayDevice");
    /// let device = upnp.get_gateway().unwrap();
    /// assert_eq!(device.delete_port_mapping(7777, "UDP"), UpnpResult::NoSuchEntryInArray);
    /// ```
    pub fn delete_port_mapping(&self, port: i32, proto: &str) -> UpnpResult {
        self.delete_within(port, proto, &Deadline::start())
    }

    /// [`add_port_mapping`](Self::add_port_mapping) that deletes what is in the way of its port, and of
    /// nothing but its port, and adds once more.
    pub(in crate::upnp) fn overwrite_port_mapping(
        &self,
        port: i32,
        port_internal: i32,
        desc: &str,
        proto: &str,
        duration: i32,
    ) -> UpnpResult {
        let arguments = match MappingArguments::check(port, port_internal, desc, proto, duration) {
            Ok(arguments) => arguments,
            Err(result) => return result,
        };
        let deadline = Deadline::start();
        let conflict = self.add(&arguments, &deadline);
        if conflict != UpnpResult::ConflictWithOtherMapping {
            return conflict;
        }
        let failure = self.last_error();
        match self.delete_within(port, proto, &deadline) {
            // It may have ended meanwhile.
            UpnpResult::Success | UpnpResult::NoSuchEntryInArray => self.add(&arguments, &deadline),
            // The conflict is what the caller can do something about.
            _ => {
                self.lock().last_error = failure;
                conflict
            }
        }
    }

    fn add(&self, arguments: &MappingArguments, deadline: &Deadline) -> UpnpResult {
        if self.control_point().is_none() {
            return self.unusable();
        }
        let Ok(internal_client) = self.get_igd_our_addr().parse::<IpAddr>() else {
            // What a gateway would say to it.
            self.lock().last_error = None;
            return UpnpResult::InvalidArgs;
        };
        let action = AddPortMapping {
            remote_host: None,
            external_port: arguments.port,
            protocol: arguments.protocol,
            internal_port: arguments.port_internal,
            internal_client,
            enabled: true,
            description: arguments.description.clone(),
            lifetime: arguments.lifetime,
        };
        result(self.call(action, deadline))
    }

    fn delete_within(&self, port: i32, proto: &str, deadline: &Deadline) -> UpnpResult {
        let external_port = match arguments::external_port(port) {
            Ok(port) => port,
            Err(result) => return result,
        };
        match arguments::protocol(proto) {
            Ok(protocol) => {
                let action = DeletePortMapping { remote_host: None, external_port, protocol };
                result(self.call(action, deadline))
            }
            Err(result) => result,
        }
    }

    /// Sends one action, with no lock held, and keeps its error.
    fn call<A: Action + Send + 'static>(
        &self,
        action: A,
        deadline: &Deadline,
    ) -> Result<Arguments, UpnpResult> {
        let point = self.control_point().ok_or_else(|| self.unusable())?;
        let client = {
            let mut state = self.lock();
            // Nothing has been sent; what an earlier call was told is not why this one fails.
            state.last_error = None;
            state.client.get().map_err(|_| UpnpResult::SocketError)?
        };
        let answer = client.call(point, action, deadline.left(client.timeout())).wait();
        self.lock().last_error = answer.as_ref().err().cloned();
        answer.map_err(|error| UpnpResult::from(&error))
    }

    /// The control URL or the service type leads nowhere.
    fn unusable(&self) -> UpnpResult {
        self.lock().last_error = None;
        UpnpResult::HttpError
    }
}

fn result(answer: Result<Arguments, UpnpResult>) -> UpnpResult {
    answer.err().unwrap_or(UpnpResult::Success)
}
