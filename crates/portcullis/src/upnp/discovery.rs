//! What a search asks for, which of its devices match, and what is said of them.

use super::device::{State, UpnpDevice};
use super::igd_status::IgdStatus;
use super::lazy_client::LazyClient;
use super::result::UpnpResult;
use crate::{Client, Device, Error, Failure, GATEWAY_TARGETS, SearchTarget};
use core::time::Duration;
use portcullis_proto::igd::description::DescriptionError;

/// What gateways are searched by; any of them asks for gateways of every kind.
const GATEWAY_WORDS: [&str; 4] =
    ["InternetGatewayDevice", "WANIPConnection", "WANPPPConnection", "rootdevice"];
/// A device that answered in time may use this much more to be described.
const LONGEST_GRACE: Duration = Duration::from_millis(500);
/// How long a search that has its gateway waits for another answer.
pub(super) const QUIET: Duration = Duration::from_millis(100);

/// The `device_filter` of a search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter<'a>(pub(super) &'a str);

impl Filter<'_> {
    /// Whether it asks for gateways: then a gateway is enough.
    pub(super) fn is_for_gateways(self) -> bool {
        self.0.is_empty() || GATEWAY_WORDS.iter().any(|word| self.0.contains(word))
    }

    pub(super) fn targets(self) -> Vec<SearchTarget> {
        let all = (!self.is_for_gateways()).then_some(SearchTarget::All);
        GATEWAY_TARGETS.into_iter().chain(all).collect()
    }

    pub(super) fn matches(self, device: &Device) -> bool {
        // A device without a target was named by a person.
        let is_gateway = || {
            device.is_gateway()
                || device.search_targets.is_empty()
                || device.search_targets.iter().any(|target| is_gateway_target(target))
        };
        self.0.is_empty() || self.target_of(device).is_some() || (self.is_for_gateways() && is_gateway())
    }

    /// The search target of the device that the filter asked for. Of several versions it is the first, which is
    /// the only one that the engine asks for.
    fn target_of(self, device: &Device) -> Option<&String> {
        let matching = device.search_targets.iter().filter(|target| target.contains(self.0));
        matching.min_by_key(|target| !target.ends_with(":1"))
    }
}

/// Whether only a gateway answers to it.
fn is_gateway_target(target: &str) -> bool {
    let [first_three @ .., _rootdevice] = GATEWAY_WORDS;
    first_three.iter().any(|word| target.contains(word))
}

/// The time beyond the deadline in which a device may be described that answered before it.
pub(super) fn grace(timeout: Duration) -> Duration {
    timeout.min(LONGEST_GRACE)
}

pub(super) fn listed(device: &Device, filter: Filter<'_>, client: &Client) -> UpnpDevice {
    let status = status(device);
    let found = device.control_points.first().cloned();
    let our_addr = found.as_ref().map(|point| point.local_address).or(device.local_address);
    let description = device.description.as_ref().ok();
    let service_type = filter
        .target_of(device)
        .or(device.search_targets.first())
        .or(description.map(|description| &description.device_type));
    UpnpDevice::from_state(State {
        description_url: device.location.to_string(),
        service_type: service_type.cloned().unwrap_or_default(),
        igd_control_url: found.as_ref().map(|point| point.control_url.to_string()).unwrap_or_default(),
        igd_service_type: found.as_ref().map(|point| point.service_type.clone()).unwrap_or_default(),
        igd_our_addr: our_addr.map(|address| address.to_string()).unwrap_or_default(),
        igd_status: status.into(),
        status_note: note(device),
        friendly_name: description.map(|description| description.friendly_name.clone()).unwrap_or_default(),
        external_address: device.status.external_address,
        found,
        client: LazyClient::Started(client.clone()),
        last_error: None,
    })
}

/// The engine's word for what is known of a device.
fn status(device: &Device) -> IgdStatus {
    match &device.description {
        Err(Failure::Description(DescriptionError::Empty)) => IgdStatus::HttpEmpty,
        Err(Failure::Description(_)) => IgdStatus::UnknownDevice,
        Err(_) => IgdStatus::HttpError,
        Ok(_) if device.is_usable() && device.says_disconnected() => IgdStatus::Disconnected,
        Ok(_) if device.is_usable() => IgdStatus::Ok,
        Ok(description) => {
            // It has the service, and a control URL that leads nowhere.
            if description.services.iter().any(|service| service.kind.is_wan_connection()) {
                IgdStatus::InvalidControl
            } else if description.is_gateway() {
                IgdStatus::UnknownDevice
            } else {
                IgdStatus::NoIgd
            }
        }
    }
}

fn note(device: &Device) -> String {
    let silent = device.is_usable() && device.status.connection.is_none();
    device
        .note()
        .or_else(|| silent.then(|| "it does not say whether it is connected".into()))
        .unwrap_or_default()
}

/// What a search came to that found no device at all.
pub(super) fn failed(error: &Error) -> UpnpResult {
    let is = |wanted: fn(&Failure) -> bool| error.attempts().iter().any(|attempt| wanted(&attempt.failure));
    // Who answered with nonsense is no device either; one interface may be dead while others are asked.
    if is(|failure| matches!(failure, Failure::NoAnswer | Failure::AnswerIgnored(_) | Failure::Url(_))) {
        UpnpResult::NoDevices
    } else {
        UpnpResult::from(error)
    }
}
