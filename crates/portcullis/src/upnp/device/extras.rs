//! What the engine cannot ask of a device.

use super::super::arguments;
use super::super::result::UpnpResult;
use super::UpnpDevice;
use crate::block_on::block_on;
use crate::igd::wan_connection::{GetSpecificPortMappingEntry, PortMappingEntry};
use crate::{AddressKind, Client, ControlPoint, Error, Failure, MappingRequest, OnConflict};
use core::future::Future;
use core::num::NonZeroU16;
use portcullis_proto::igd::error_code::UpnpErrorCode;
use portcullis_proto::igd::wan_connection::Action;

/// What the engine cannot ask of a device. Each call takes five seconds at most, or the timeout of the
/// [`Config`](crate::Config).
impl UpnpDevice {
    /// Does from now on what it does through this client.
    pub fn set_client(&self, client: Client) {
        self.lock().client = super::LazyClient::Started(client);
    }

    /// Whether it has a service that ports can be mapped with, whatever it says of its connection.
    pub fn is_usable(&self) -> bool {
        self.control_point().is_some()
    }

    /// What its external address is worth, as far as a search or
    /// [`query_external_address`](Self::query_external_address) have found out; `None` where neither has.
    ///
    /// ```
    /// # use portcullis::upnp::Upnp;
    /// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
    /// # let upnp = Upnp::with_config(portcullis::Config::new().gateway(gateway.ssdp_address()));
    /// use portcullis::AddressKind;
    ///
    /// # let _ =
    /// upnp.discover(2000, 2, "InternetGatewayDevice");
    /// let device = upnp.get_gateway().unwrap();
    /// assert_eq!(device.external_address_kind(), Some(AddressKind::Public));
    /// ```
    pub fn external_address_kind(&self) -> Option<AddressKind> {
        self.lock().external_address.map(AddressKind::of)
    }

    /// The gateway's own number for why the last call failed, such as 718; 0 where it gave none. It is told as the gateway
    /// wrote it, which may be a negative one.
    pub fn last_upnp_error(&self) -> i64 {
        let error = self.last_error();
        match error.as_ref().and_then(Error::decisive_attempt).map(|attempt| &attempt.failure) {
            Some(Failure::Fault(code, _)) => code.code(),
            Some(Failure::Conflict { code, .. }) => {
                code.unwrap_or(UpnpErrorCode::ConflictInMappingEntry).code()
            }
            _ => 0,
        }
    }

    /// All mappings of the gateway, whosever they are (at most 512).
    ///
    /// # Errors
    ///
    /// [`HttpError`](UpnpResult::HttpError) where its control URL is of no use; else what the gateway says.
    ///
    /// ```
    /// # use portcullis::upnp::Upnp;
    /// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
    /// # let upnp = Upnp::with_config(portcullis::Config::new().gateway(gateway.ssdp_address()));
    /// # let _ =
    /// upnp.discover(2000, 2, "InternetGatewayDevice");
    /// let device = upnp.get_gateway().unwrap();
    /// # let _ =
    /// device.add_port_mapping(7777, 0, "my game", "UDP", 0);
    /// assert_eq!(device.port_mappings()?[0].description, "my game");
    /// # Ok::<(), portcullis::upnp::UpnpResult>(())
    /// ```
    pub fn port_mappings(&self) -> Result<Vec<PortMappingEntry>, UpnpResult> {
        block_on(self.port_mappings_async())
    }

    /// [`port_mappings`](Self::port_mappings) that is awaited.
    ///
    /// # Errors
    ///
    /// As [`port_mappings`](Self::port_mappings).
    pub fn port_mappings_async(
        &self,
    ) -> impl Future<Output = Result<Vec<PortMappingEntry>, UpnpResult>> + Send + use<> {
        let device = self.clone();
        async move {
            let (client, point) = device.line()?;
            let answer = client.mappings_at(point).await;
            device.keep(answer)
        }
    }

    /// The mapping of `port`, whosever it is.
    ///
    /// # Errors
    ///
    /// [`InvalidPort`](UpnpResult::InvalidPort), [`InvalidProtocol`](UpnpResult::InvalidProtocol), or
    /// [`HttpError`](UpnpResult::HttpError) where its control URL is of no use, as
    /// [`delete_port_mapping`](Self::delete_port_mapping);
    /// [`NoSuchEntryInArray`](UpnpResult::NoSuchEntryInArray) where there is none; else what the gateway says.
    pub fn specific_port_mapping(&self, port: i32, proto: &str) -> Result<PortMappingEntry, UpnpResult> {
        block_on(self.specific_port_mapping_async(port, proto))
    }

    /// [`specific_port_mapping`](Self::specific_port_mapping) that is awaited.
    ///
    /// # Errors
    ///
    /// As [`specific_port_mapping`](Self::specific_port_mapping).
    pub fn specific_port_mapping_async(
        &self,
        port: i32,
        proto: &str,
    ) -> impl Future<Output = Result<PortMappingEntry, UpnpResult>> + Send + use<> {
        let key = arguments::external_port(port)
            .and_then(|port| arguments::protocol(proto).map(|protocol| (port, protocol)));
        let device = self.clone();
        async move {
            let (external_port, protocol) = key?;
            let (client, point) = device.line()?;
            let action = GetSpecificPortMappingEntry { remote_host: None, external_port, protocol };
            let answer = client.call(point, action.clone(), client.timeout()).await;
            let answer = device.keep(answer)?;
            action.decode(&answer).map_err(|_| UpnpResult::InvalidResponse)
        }
    }

    /// Maps `port` of the gateway, or another one where that is taken, and gives the port that it is. The arguments
    /// are those of [`add_port_mapping`](Self::add_port_mapping), with `port` for a wish.
    ///
    /// # Errors
    ///
    /// As [`add_port_mapping`](Self::add_port_mapping), but for a port that is taken.
    ///
    /// ```
    /// # use portcullis::upnp::Upnp;
    /// # let gateway = portcullis_sim::Server::start("conflict".parse().unwrap(), [127, 0, 0, 1].into()).unwrap();
    /// # let upnp = Upnp::with_config(portcullis::Config::new().gateway(gateway.ssdp_address()));
    /// # let _ =
    /// upnp.discover(2000, 2, "InternetGatewayDevice");
    /// let device = upnp.get_gateway().unwrap();
    /// // Another computer has port 7777.
    /// assert_ne!(device.add_any_port_mapping(7777, 0, "my game", "UDP", 3600)?.get(), 7777);
    /// # Ok::<(), portcullis::upnp::UpnpResult>(())
    /// ```
    pub fn add_any_port_mapping(
        &self,
        port: i32,
        port_internal: i32,
        desc: &str,
        proto: &str,
        duration: i32,
    ) -> Result<NonZeroU16, UpnpResult> {
        block_on(self.add_any_port_mapping_async(port, port_internal, desc, proto, duration))
    }

    /// [`add_any_port_mapping`](Self::add_any_port_mapping) that is awaited. Dropped before its end, it deletes what
    /// it may have mapped.
    ///
    /// # Errors
    ///
    /// As [`add_any_port_mapping`](Self::add_any_port_mapping).
    pub fn add_any_port_mapping_async(
        &self,
        port: i32,
        port_internal: i32,
        desc: &str,
        proto: &str,
        duration: i32,
    ) -> impl Future<Output = Result<NonZeroU16, UpnpResult>> + Send + use<> {
        let request = if self.is_valid_gateway() {
            arguments::mapping_request(port, port_internal, desc, proto, duration)
        } else {
            Err(UpnpResult::InvalidGateway)
        };
        let device = self.clone();
        async move {
            let request: MappingRequest = request?.on_conflict(OnConflict::AnyPort);
            let (client, mut point) = device.line()?;
            // The internal client of the mapping, for whoever sets it.
            point.local_address = device.get_igd_our_addr().parse().map_err(|_| UpnpResult::InvalidArgs)?;
            let answer = client.map_at(point, request).await;
            device.keep(answer).map(|mapping| mapping.leave_open().external_port)
        }
    }

    /// Where a call goes, and through whom.
    fn line(&self) -> Result<(Client, ControlPoint), UpnpResult> {
        let point = self.control_point().ok_or_else(|| self.unusable())?;
        let client = {
            let mut state = self.lock();
            state.last_error = None;
            state.client.get().map_err(|_| UpnpResult::SocketError)?
        };
        Ok((client, point))
    }

    /// Keeps the error of an answer.
    fn keep<T>(&self, answer: Result<T, Error>) -> Result<T, UpnpResult> {
        self.lock().last_error = answer.as_ref().err().cloned();
        answer.map_err(|error| UpnpResult::from(&error))
    }
}
