//! The calls that wait for the network, as futures.

use super::device::UpnpDevice;
use super::discovery::{self, Filter};
use super::result::UpnpResult;
use super::upnp::Upnp;
use crate::block_on::block_on;
use crate::{Client, Discovery, Error, GatewayAddress, HttpUrl, SearchOptions};
use core::future::Future;
use core::time::Duration;

/// The calls that wait for the network, as futures for any executor. A future that is dropped cancels its call
/// within a moment; what was sent before may have taken effect at the gateway.
impl Upnp {
    /// [`discover`](Self::discover) that is awaited. The search begins with this call.
    ///
    /// ```
    /// # use portcullis::upnp::{Upnp, UpnpResult};
    /// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
    /// # let upnp = Upnp::with_config(portcullis::Config::new().gateway(gateway.ssdp_address()));
    /// # let _ =
    /// async move {
    ///     assert_eq!(upnp.discover_async(2000, 2, "InternetGatewayDevice").await, UpnpResult::Success);
    /// };
    /// ```
    pub fn discover_async(
        &self,
        timeout: i32,
        ttl: i32,
        device_filter: &str,
    ) -> impl Future<Output = UpnpResult> + Send + use<> {
        let started = self.start_search(timeout, ttl, device_filter);
        let (upnp, filter) = (self.clone(), device_filter.to_owned());
        async move {
            match started {
                Ok((client, search)) => upnp.searched(search.await, Filter(&filter), &client),
                Err(result) => result,
            }
        }
    }

    /// [`add_port_mapping`](Self::add_port_mapping) that is awaited; the gateway is chosen by this call.
    pub fn add_port_mapping_async(
        &self,
        port: i32,
        port_internal: i32,
        desc: &str,
        proto: &str,
        duration: i32,
    ) -> impl Future<Output = UpnpResult> + Send + use<> {
        let call = self
            .get_gateway()
            .map(|gateway| gateway.overwrite_port_mapping(port, port_internal, desc, proto, duration));
        async move {
            match call {
                Some(call) => call.await,
                None => UpnpResult::NoGateway,
            }
        }
    }

    /// [`delete_port_mapping`](Self::delete_port_mapping) that is awaited; the gateway is chosen by this call.
    pub fn delete_port_mapping_async(
        &self,
        port: i32,
        proto: &str,
    ) -> impl Future<Output = UpnpResult> + Send + use<> {
        let call = self.get_gateway().map(|gateway| gateway.delete_port_mapping_async(port, proto));
        async move {
            match call {
                Some(call) => call.await,
                None => UpnpResult::NoGateway,
            }
        }
    }

    /// [`query_external_address`](Self::query_external_address) that is awaited, and says why there is none.
    ///
    /// # Errors
    ///
    /// [`NoGateway`](UpnpResult::NoGateway) where there is none; else as
    /// [`UpnpDevice::query_external_address_async`].
    pub fn query_external_address_async(
        &self,
    ) -> impl Future<Output = Result<String, UpnpResult>> + Send + use<> {
        let call = self.get_gateway().map(|gateway| gateway.query_external_address_async());
        async move {
            match call {
                Some(call) => call.await,
                None => Err(UpnpResult::NoGateway),
            }
        }
    }

    /// Adds the device whose description is at `url` to the end of the list, without a search. The engine has no
    /// such thing.
    ///
    /// The host of the URL is an IP address; the caller answers for it, so it may be on loopback. Takes five
    /// seconds at most, or the timeout of the [`Config`](crate::Config).
    ///
    /// # Errors
    ///
    /// [`InvalidParam`](UpnpResult::InvalidParam) where `url` is none;
    /// [`HttpError`](UpnpResult::HttpError) or [`InvalidResponse`](UpnpResult::InvalidResponse) where there is no
    /// description. The list stays as it is then.
    ///
    /// ```
    /// # use portcullis::upnp::{Upnp, UpnpResult};
    /// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
    /// # let url = gateway.location().to_string();
    /// let upnp = Upnp::new();
    /// assert_eq!(upnp.add_device_from_url(&url), UpnpResult::Success);
    /// assert_eq!(upnp.get_gateway().unwrap().get_description_url(), url);
    /// ```
    pub fn add_device_from_url(&self, url: &str) -> UpnpResult {
        block_on(self.add_device_from_url_async(url))
    }

    /// [`add_device_from_url`](Self::add_device_from_url) that is awaited.
    pub fn add_device_from_url_async(&self, url: &str) -> impl Future<Output = UpnpResult> + Send + use<> {
        let started = self.start_fetch(url);
        let upnp = self.clone();
        async move {
            let (client, search) = match started {
                Ok(started) => started,
                Err(result) => return result,
            };
            match search.await {
                Ok(devices) => upnp.add_described(&devices, &client),
                Err(error) => upnp.failed(error),
            }
        }
    }

    /// Checks the arguments, empties the list, and begins.
    fn start_search(
        &self,
        timeout: i32,
        ttl: i32,
        device_filter: &str,
    ) -> Result<(Client, Discovery), UpnpResult> {
        let (Ok(timeout), Ok(ttl)) = (u64::try_from(timeout), u8::try_from(ttl)) else {
            return Err(UpnpResult::InvalidParam);
        };
        let (client, options) = {
            let mut state = self.lock();
            state.devices.clear();
            state.last_error = None;
            let client = state.client.get().map_err(|_| UpnpResult::SocketError)?;
            (client, state.options(Duration::from_millis(timeout), ttl, Filter(device_filter)))
        };
        let search = client.discover_with(options);
        Ok((client, search))
    }

    fn searched(
        &self,
        found: Result<Vec<crate::Device>, Error>,
        filter: Filter<'_>,
        client: &Client,
    ) -> UpnpResult {
        match found {
            Ok(devices) => {
                let mut state = self.lock();
                state.devices = devices
                    .iter()
                    .filter(|device| filter.matches(device))
                    .map(|device| discovery::listed(device, filter, client))
                    .collect();
                if state.devices.is_empty() { UpnpResult::NoDevices } else { UpnpResult::Success }
            }
            Err(error) => self.failed(error),
        }
    }

    fn start_fetch(&self, url: &str) -> Result<(Client, Discovery), UpnpResult> {
        let location = HttpUrl::parse(url).ok().filter(|url| url.ip().is_some());
        let location = location.ok_or(UpnpResult::InvalidParam)?;
        let client = {
            let mut state = self.lock();
            state.last_error = None;
            state.client.get().map_err(|_| UpnpResult::SocketError)?
        };
        let mut options = SearchOptions::default();
        options.timeout = client.timeout();
        options.gateways = vec![GatewayAddress::Location(location)];
        let search = client.discover_with(options);
        Ok((client, search))
    }

    fn add_described(&self, devices: &[crate::Device], client: &Client) -> UpnpResult {
        let mut result = UpnpResult::NoDevices;
        for device in devices {
            result = match &device.description {
                Ok(_) => {
                    let device: UpnpDevice = discovery::listed(device, Filter(""), client);
                    self.add_device(device);
                    UpnpResult::Success
                }
                Err(failure) => UpnpResult::from(failure),
            };
        }
        result
    }

    fn failed(&self, error: Error) -> UpnpResult {
        let result = discovery::failed(&error);
        self.lock().last_error = Some(error);
        result
    }
}
