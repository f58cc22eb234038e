//! The list of devices and what is done with its gateway, as the engine's `UPNP` does it.

use super::device::UpnpDevice;
use super::igd_status::IgdStatus;
use super::lazy_client::LazyClient;
use super::result::UpnpResult;
use crate::block_on::block_on;
use crate::{Client, Config, Error};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) client: LazyClient,
    pub(super) devices: Vec<UpnpDevice>,
    pub(super) discover_multicast_if: String,
    pub(super) discover_local_port: i32,
    pub(super) discover_ipv6: bool,
    pub(super) discover_full_wait: bool,
    pub(super) last_error: Option<Error>,
}

/// Finds gateways, and maps ports on the first of them: the engine's `UPNP`.
///
/// It is a handle: clones are the same object. Methods take `&self` and may be called from any thread; a call
/// that waits for the network holds up no other, and has a twin in `_async` that gives a future of the same. The background thread of its [`Client`] starts with the first search.
///
/// # Examples
///
/// ```
/// use portcullis::upnp::{Upnp, UpnpResult};
///
/// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
/// # let upnp = Upnp::with_config(portcullis::Config::new().gateway(gateway.ssdp_address()));
/// # const _: &str = stringify!(
/// let upnp = Upnp::new();
/// # );
/// assert_eq!(upnp.discover(2000, 2, "InternetGatewayDevice"), UpnpResult::Success);
/// assert_eq!(upnp.add_port_mapping(7777, 0, "my game", "UDP", 3600), UpnpResult::Success);
/// assert_eq!(upnp.query_external_address(), "81.2.69.142");
/// assert_eq!(upnp.delete_port_mapping(7777, "UDP"), UpnpResult::Success);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Upnp {
    state: Arc<Mutex<State>>,
}

impl Upnp {
    /// An empty list of devices; searches use every interface.
    ///
    /// ```
    /// assert_eq!(portcullis::upnp::Upnp::new().get_device_count(), 0);
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// One whose client is set up by hand: which gateway, which interface, and how long a call may take.
    ///
    /// ```
    /// # use portcullis::upnp::{Upnp, UpnpResult};
    /// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
    /// # let address = gateway.ssdp_address();
    /// let upnp = Upnp::with_config(portcullis::Config::new().gateway(address));
    /// assert_eq!(upnp.discover(2000, 2, ""), UpnpResult::Success);
    /// ```
    pub fn with_config(config: Config) -> Self {
        Self::from_client(LazyClient::Planned(config))
    }

    /// One that shares a client with others, and is idle once that is [shut down](Client::shutdown).
    ///
    /// ```
    /// # use portcullis::upnp::{Upnp, UpnpResult};
    /// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
    /// # let config = portcullis::Config::new().gateway(gateway.ssdp_address());
    /// let client = portcullis::Client::with_config(config)?;
    /// let upnp = Upnp::with_client(client.clone());
    /// assert_eq!(upnp.discover(2000, 2, ""), UpnpResult::Success);
    /// client.shutdown(std::time::Duration::from_millis(500));
    /// assert_eq!(upnp.query_external_address(), "");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn with_client(client: Client) -> Self {
        Self::from_client(LazyClient::Started(client))
    }

    fn from_client(client: LazyClient) -> Self {
        Self { state: Arc::new(Mutex::new(State { client, ..State::default() })) }
    }

    /// Does from now on what it does through this client; devices that are listed keep theirs. The engine has no
    /// such thing.
    pub fn set_client(&self, client: Client) {
        self.lock().client = LazyClient::Started(client);
    }

    /// Searches for devices, for `timeout` milliseconds at most, and lists those that match. Multicast
    /// packets pass `ttl` routers less one.
    ///
    /// `device_filter` is what the search target of a device must contain. A filter for gateways (empty, or
    /// with `InternetGatewayDevice`, `WANIPConnection`, `WANPPPConnection` or `rootdevice` in it) matches
    /// gateways of every kind; such a search ends 100 ms after it has a gateway to use, unless
    /// [`discover_full_wait`](Self::set_discover_full_wait) is set. A device that answered shortly before
    /// the end has up to half a second more to be described.
    ///
    /// # Errors
    ///
    /// [`InvalidParam`](UpnpResult::InvalidParam) for a negative `timeout`, then for a `ttl` outside 0 to
    /// 255; the list stays as it is then. Else it is emptied, and stays empty with
    /// [`NoDevices`](UpnpResult::NoDevices) where nothing matches,
    /// [`SocketError`](UpnpResult::SocketError) where nothing can be sent, and
    /// [`UnknownError`](UpnpResult::UnknownError) where there is no such interface.
    ///
    /// ```
    /// # use portcullis::upnp::{Upnp, UpnpResult};
    /// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
    /// # let upnp = Upnp::with_config(portcullis::Config::new().gateway(gateway.ssdp_address()));
    /// assert_eq!(upnp.discover(2000, 2, "InternetGatewayDevice"), UpnpResult::Success);
    /// assert_eq!(upnp.discover(-1, 2, "InternetGatewayDevice"), UpnpResult::InvalidParam);
    /// assert_eq!(upnp.get_device_count(), 1);
    /// ```
    pub fn discover(&self, timeout: i32, ttl: i32, device_filter: &str) -> UpnpResult {
        block_on(self.discover_async(timeout, ttl, device_filter))
    }

    /// Why the last search found nobody, in full. The engine has no such thing.
    pub fn last_error(&self) -> Option<Error> {
        self.lock().last_error.clone()
    }

    /// The client that searches, for what only it can do. The engine has no such thing.
    ///
    /// # Errors
    ///
    /// When there is none yet and the operating system gives no thread or no poller.
    ///
    /// ```
    /// # use portcullis::upnp::Upnp;
    /// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
    /// # let upnp = Upnp::with_config(portcullis::Config::new().gateway(gateway.ssdp_address()));
    /// assert!(upnp.client()?.mappings().wait()?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn client(&self) -> io::Result<Client> {
        self.lock().client.get()
    }

    /// The first device whose status is [`IgdStatus::Ok`], else the first that says it is not connected;
    /// `None` where the list has no gateway. (The engine prints a line where the list is empty.)
    ///
    /// ```
    /// # use portcullis::upnp::Upnp;
    /// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
    /// # let upnp = Upnp::with_config(portcullis::Config::new().gateway(gateway.ssdp_address()));
    /// assert!(upnp.get_gateway().is_none());
    /// # let _ =
    /// upnp.discover(2000, 2, "InternetGatewayDevice");
    /// assert!(upnp.get_gateway().unwrap().is_valid_gateway());
    /// ```
    pub fn get_gateway(&self) -> Option<UpnpDevice> {
        let state = self.lock();
        [IgdStatus::Ok, IgdStatus::Disconnected]
            .into_iter()
            .find_map(|status| state.devices.iter().find(|device| device.get_igd_status() == status).cloned())
    }

    /// Asks the [gateway](Self::get_gateway) for its external address, as
    /// [`UpnpDevice::query_external_address`] does; empty where there is no gateway.
    ///
    /// ```
    /// # use portcullis::upnp::Upnp;
    /// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
    /// # let upnp = Upnp::with_config(portcullis::Config::new().gateway(gateway.ssdp_address()));
    /// # let _ =
    /// upnp.discover(2000, 2, "InternetGatewayDevice");
    /// assert_eq!(upnp.query_external_address(), "81.2.69.142");
    /// ```
    pub fn query_external_address(&self) -> String {
        self.get_gateway().map(|gateway| gateway.query_external_address()).unwrap_or_default()
    }

    /// Maps a port on the [gateway](Self::get_gateway), as [`UpnpDevice::add_port_mapping`] does; where it
    /// is mapped to another computer, tries to delete that mapping and maps it then.
    ///
    /// # Errors
    ///
    /// [`NoGateway`](UpnpResult::NoGateway) where there is none, whatever the arguments are; else as
    /// [`UpnpDevice::add_port_mapping`].
    ///
    /// ```
    /// # use portcullis::upnp::{Upnp, UpnpResult};
    /// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
    /// # let upnp = Upnp::with_config(portcullis::Config::new().gateway(gateway.ssdp_address()));
    /// assert_eq!(upnp.add_port_mapping(7777, 0, "", "UDP", 0), UpnpResult::NoGateway);
    /// # let _ =
    /// upnp.discover(2000, 2, "InternetGatewayDevice");
    /// assert_eq!(upnp.add_port_mapping(7777, 0, "", "UDP", 0), UpnpResult::Success);
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

    /// Deletes a mapping on the [gateway](Self::get_gateway), as [`UpnpDevice::delete_port_mapping`] does.
    ///
    /// # Errors
    ///
    /// [`NoGateway`](UpnpResult::NoGateway) where there is none, whatever the arguments are; else as
    /// [`UpnpDevice::delete_port_mapping`].
    ///
    /// ```
    /// # use portcullis::upnp::{Upnp, UpnpResult};
    /// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
    /// # let upnp = Upnp::with_config(portcullis::Config::new().gateway(gateway.ssdp_address()));
    /// # let _ =
    /// upnp.discover(2000, 2, "InternetGatewayDevice");
    /// # let _ =
    /// upnp.add_port_mapping(7777, 0, "", "TCP", 0);
    /// assert_eq!(upnp.delete_port_mapping(7777, "TCP"), UpnpResult::Success);
    /// ```
    pub fn delete_port_mapping(&self, port: i32, proto: &str) -> UpnpResult {
        self.get_gateway().map_or(UpnpResult::NoGateway, |gateway| gateway.delete_port_mapping(port, proto))
    }

    /// Held for a moment only, never during a call; a panic elsewhere leaves the list as good as it was.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
