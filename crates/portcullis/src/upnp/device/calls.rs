//! What can be asked of a device.

use super::UpnpDevice;
use crate::block_on::block_on;
use crate::upnp::UpnpResult;

/// The engine's calls, which block. Each has a twin in `_async` that gives a future of the same.
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
        block_on(self.query_external_address_async()).unwrap_or_default()
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
        block_on(self.add_port_mapping_async(port, port_internal, desc, proto, duration))
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
        block_on(self.delete_port_mapping_async(port, proto))
    }
}
