//! A device, as the engine's `UPNPDevice` shows it.

mod background;
mod calls;
mod extras;

use super::igd_status::IgdStatus;
use super::lazy_client::LazyClient;
use crate::{Client, ControlPoint, Error, HttpUrl};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a device is, apart from its identity.
#[derive(Debug)]
pub(super) struct State {
    pub(super) description_url: String,
    pub(super) service_type: String,
    pub(super) igd_control_url: String,
    pub(super) igd_service_type: String,
    pub(super) igd_our_addr: String,
    /// A number, for whoever sets it may set any.
    pub(super) igd_status: i32,
    pub(super) status_note: String,
    pub(super) friendly_name: String,
    /// As it was told last.
    pub(super) external_address: Option<IpAddr>,
    /// Where the control URL leads to, as the search found it: it knows the interface as well.
    pub(super) found: Option<ControlPoint>,
    pub(super) client: LazyClient,
    pub(super) last_error: Option<Error>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            description_url: String::new(),
            service_type: String::new(),
            igd_control_url: String::new(),
            igd_service_type: String::new(),
            igd_our_addr: String::new(),
            igd_status: IgdStatus::UnknownError.into(),
            status_note: String::new(),
            friendly_name: String::new(),
            external_address: None,
            found: None,
            client: LazyClient::default(),
            last_error: None,
        }
    }
}

/// A device that a search found, or that was put together by hand: the engine's `UPNPDevice`.
///
/// It is a handle: clones are the same device, and a property set through one is seen through all, from
/// any thread. Setters store what they are given, unchecked. Calls take a copy of what they need and then
/// go their way, so nothing waits for them but their caller.
///
/// # Examples
///
/// ```
/// use portcullis::upnp::{IgdStatus, Upnp, UpnpResult};
///
/// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
/// # let upnp = Upnp::with_config(portcullis::Config::new().gateway(gateway.ssdp_address()));
/// assert_eq!(upnp.discover(2000, 2, "InternetGatewayDevice"), UpnpResult::Success);
/// let device = upnp.get_device(0).unwrap();
/// assert_eq!(device.get_igd_status(), IgdStatus::Ok);
/// assert_eq!(device.get_igd_service_type(), "urn:schemas-upnp-org:service:WANIPConnection:1");
/// assert!(device.get_igd_control_url().starts_with("http://127.0.0.1:"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct UpnpDevice {
    state: Arc<Mutex<State>>,
}

impl UpnpDevice {
    /// A device of which nothing is known: all texts are empty, and its status is
    /// [`IgdStatus::UnknownError`].
    ///
    /// ```
    /// use portcullis::upnp::{IgdStatus, UpnpDevice};
    ///
    /// let device = UpnpDevice::new();
    /// assert_eq!(device.get_igd_status(), IgdStatus::UnknownError);
    /// assert_eq!(device.get_igd_control_url(), "");
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// A device like [`new`](Self::new) whose calls go through this client, rather than one of its own.
    ///
    /// ```
    /// # let client = portcullis::Client::new()?;
    /// let device = portcullis::upnp::UpnpDevice::with_client(client);
    /// # drop(device);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn with_client(client: Client) -> Self {
        Self::from_state(State { client: LazyClient::Started(client), ..State::default() })
    }

    pub(super) fn from_state(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Whether both are handles to the same device, whatever their properties are.
    ///
    /// ```
    /// use portcullis::upnp::UpnpDevice;
    ///
    /// let device = UpnpDevice::new();
    /// assert!(device.is_same(&device.clone()));
    /// assert!(!device.is_same(&UpnpDevice::new()));
    /// ```
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
    }

    /// Whether ports can be mapped on it, as far as is known: its status is [`IgdStatus::Ok`], or
    /// [`IgdStatus::Disconnected`], which some gateways say and map all the same.
    ///
    /// ```
    /// use portcullis::upnp::{IgdStatus, UpnpDevice};
    ///
    /// let device = UpnpDevice::new();
    /// assert!(!device.is_valid_gateway());
    /// device.set_igd_status(IgdStatus::Ok);
    /// assert!(device.is_valid_gateway());
    /// ```
    pub fn is_valid_gateway(&self) -> bool {
        matches!(self.get_igd_status(), IgdStatus::Ok | IgdStatus::Disconnected)
    }

    /// The URL of its description.
    pub fn get_description_url(&self) -> String {
        self.lock().description_url.clone()
    }

    /// Sets the URL of its description.
    pub fn set_description_url(&self, url: &str) {
        self.lock().description_url = url.into();
    }

    /// The search target that it answered to: the one that the filter of the search asked for, else the
    /// one that says most.
    pub fn get_service_type(&self) -> String {
        self.lock().service_type.clone()
    }

    /// Sets the search target that it answered to.
    pub fn set_service_type(&self, service_type: &str) {
        self.lock().service_type = service_type.into();
    }

    /// Where its port mapping service is controlled, an `http` URL; empty where it has none.
    pub fn get_igd_control_url(&self) -> String {
        self.lock().igd_control_url.clone()
    }

    /// Sets where its port mapping service is controlled. Calls want an `http` URL whose host is an IP
    /// address, and end with [`HttpError`](super::UpnpResult::HttpError) for any other text.
    pub fn set_igd_control_url(&self, url: &str) {
        self.lock().igd_control_url = url.into();
    }

    /// The type of its port mapping service, e.g. `urn:schemas-upnp-org:service:WANIPConnection:1`.
    pub fn get_igd_service_type(&self) -> String {
        self.lock().igd_service_type.clone()
    }

    /// Sets the type of its port mapping service. Calls end with
    /// [`HttpError`](super::UpnpResult::HttpError) for what cannot stand in a request.
    pub fn set_igd_service_type(&self, service_type: &str) {
        self.lock().igd_service_type = service_type.into();
    }

    /// This computer's address towards the device, to which ports are mapped.
    pub fn get_igd_our_addr(&self) -> String {
        self.lock().igd_our_addr.clone()
    }

    /// Sets the address to which ports are mapped. [`add_port_mapping`](Self::add_port_mapping) ends with
    /// [`InvalidArgs`](super::UpnpResult::InvalidArgs) for what is no IP address.
    pub fn set_igd_our_addr(&self, addr: &str) {
        self.lock().igd_our_addr = addr.into();
    }

    /// What is known of it; [`IgdStatus::UnknownError`] where the number that was set is none of a status.
    pub fn get_igd_status(&self) -> IgdStatus {
        IgdStatus::from_i32(self.get_igd_status_number()).unwrap_or(IgdStatus::UnknownError)
    }

    /// The number of its status, as it was set.
    pub fn get_igd_status_number(&self) -> i32 {
        self.lock().igd_status
    }

    /// Sets its status: an [`IgdStatus`], or any number.
    ///
    /// ```
    /// use portcullis::upnp::{IgdStatus, UpnpDevice};
    ///
    /// let device = UpnpDevice::new();
    /// device.set_igd_status(77);
    /// assert_eq!(device.get_igd_status_number(), 77);
    /// assert_eq!(device.get_igd_status(), IgdStatus::UnknownError);
    /// ```
    pub fn set_igd_status(&self, status: impl Into<i32>) {
        self.lock().igd_status = status.into();
    }

    /// What is unusual about it, for a person: why its description was of no use, that it says it is not
    /// connected, what its external address is worth. Empty where nothing is. The engine has no such thing.
    ///
    /// ```
    /// # use portcullis::upnp::Upnp;
    /// # let scenario = "private-address".parse().unwrap();
    /// # let gateway = portcullis_sim::Server::start(scenario, [127, 0, 0, 1].into()).unwrap();
    /// # let upnp = Upnp::with_config(portcullis::Config::new().gateway(gateway.ssdp_address()));
    /// // A gateway behind another one:
    /// # let _ =
    /// upnp.discover(2000, 2, "InternetGatewayDevice");
    /// let device = upnp.get_gateway().unwrap();
    /// assert_eq!(device.status_note(), "its external address is private: it is behind another NAT");
    /// ```
    pub fn status_note(&self) -> String {
        self.lock().status_note.clone()
    }

    /// What a person calls it, from its description; may be empty. The engine has no such thing.
    pub fn friendly_name(&self) -> String {
        self.lock().friendly_name.clone()
    }

    /// Why the last call on this device failed, in full: the gateway's own code and words are in it. `None`
    /// where it succeeded or was not sent. The engine has no such thing.
    pub fn last_error(&self) -> Option<Error> {
        self.lock().last_error.clone()
    }

    /// Where its calls go, for [`Client::call`] and actions of one's own; `None` where its control URL and
    /// service type are of no use. The engine has no such thing.
    pub fn control_point(&self) -> Option<ControlPoint> {
        let state = self.lock();
        let control_url = HttpUrl::parse(&state.igd_control_url).ok()?;
        // A script may name any address as ours; it need not be one that a socket can be bound to.
        let any = match control_url.ip()? {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let mut point = ControlPoint::new(&state.igd_service_type, control_url, any)?;
        if let Some(found) = state.found.as_ref().filter(|found| found.control_url == point.control_url) {
            point.remote = found.remote;
            point.local_address = found.local_address;
        }
        Some(point)
    }

    /// Held for a moment only, never during a call; a panic elsewhere leaves texts as good as they were.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
