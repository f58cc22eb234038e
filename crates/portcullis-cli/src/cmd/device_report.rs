//! The device object that `discover` and `inspect` print.

use crate::output::text::Text;
use portcullis::igd::description::{Description, Service};
use portcullis::igd::saved::SavedDescription;
use portcullis::{AddressKind, Device, HttpUrl};
use serde::Serialize;
use std::io::{self, Write};
use std::net::IpAddr;

/// Texts are empty where the device does not say; addresses are `null` where they are not known.
#[derive(Debug, Serialize)]
pub(crate) struct DeviceReport {
    location: Text,
    /// The same description, of the same UDN, at other addresses.
    also_at: Vec<Text>,
    search_target: Text,
    usn: Text,
    server: Text,
    friendly_name: Text,
    manufacturer: Text,
    model_name: Text,
    gateway: bool,
    usable: bool,
    note: Option<Text>,
    status: String,
    services: Vec<ServiceReport>,
    local_address: Option<IpAddr>,
    external_address: Option<IpAddr>,
    external_address_kind: &'static str,
}

#[derive(Debug, Serialize)]
struct ServiceReport {
    service_type: Text,
    control_url: Text,
}

const UNKNOWN: &str = "unknown";

impl From<&Device> for DeviceReport {
    fn from(device: &Device) -> Self {
        let description = device.description.as_ref().ok();
        let external_address = device.status.external_address;
        Self {
            location: Text::from(device.location.to_string().as_str()),
            also_at: device.also_at.iter().map(|url| Text::from(url.to_string().as_str())).collect(),
            search_target: device
                .search_targets
                .first()
                .map(|target| Text::from(target.as_str()))
                .unwrap_or_default(),
            usn: Text::from(device.usn.as_str()),
            server: Text::from(device.server.as_str()),
            gateway: device.is_gateway(),
            usable: device.is_usable(),
            note: device.note().map(|note| Text::from(note.as_str())),
            status: device.status.connection.map_or(UNKNOWN.to_owned(), |status| status.to_string()),
            services: device
                .control_urls()
                .map(|(service, url)| ServiceReport::new(service, &url.to_string()))
                .collect(),
            local_address: device.local_address,
            external_address,
            external_address_kind: external_address
                .map_or(UNKNOWN, |address| AddressKind::of(address).as_str()),
            ..Self::named(description)
        }
    }
}

impl DeviceReport {
    /// A device known by its saved description only.
    pub(crate) fn saved(saved: &SavedDescription, location: Option<&HttpUrl>) -> Self {
        let description = &saved.description;
        Self {
            location: Text::from(location.map(HttpUrl::to_string).unwrap_or_default().as_str()),
            server: Text::from(saved.server.as_str()),
            gateway: description.is_gateway(),
            usable: description.wan_connections().next().is_some(),
            note: description.note().map(Text::from),
            services: saved.control_urls().map(|(service, url)| ServiceReport::new(service, &url)).collect(),
            ..Self::named(Some(description))
        }
    }

    /// What the description itself says of a device of which nothing else is known.
    fn named(description: Option<&Description>) -> Self {
        let text = |field: fn(&Description) -> &String| {
            description.map(|description| Text::from(field(description).as_str())).unwrap_or_default()
        };
        Self {
            location: Text::default(),
            also_at: Vec::new(),
            search_target: Text::default(),
            usn: Text::default(),
            server: Text::default(),
            friendly_name: text(|description| &description.friendly_name),
            manufacturer: text(|description| &description.manufacturer),
            model_name: text(|description| &description.model_name),
            gateway: false,
            usable: false,
            note: None,
            status: UNKNOWN.to_owned(),
            services: Vec::new(),
            local_address: None,
            external_address: None,
            external_address_kind: UNKNOWN,
        }
    }

    /// A block of lines: the name, then whatever is known.
    pub(crate) fn write_for_people(&self, out: &mut dyn Write) -> io::Result<()> {
        let name = [&self.friendly_name, &self.location, &self.usn]
            .into_iter()
            .find(|text| !text.as_str().is_empty());
        let what = match (self.gateway, self.usable) {
            (true, true) => "gateway",
            (true, false) => "gateway, not usable",
            (false, _) => "not a gateway",
        };
        writeln!(out, "{} ({what})", name.map_or("device without a name", Text::as_str))?;
        let mut line = |name: &str, value: &str| {
            if value.is_empty() { Ok(()) } else { writeln!(out, "  {name:<18}{value}") }
        };
        line("location", self.location.as_str())?;
        for location in &self.also_at {
            line("also at", location.as_str())?;
        }
        line("model", format!("{} {}", self.manufacturer, self.model_name).trim())?;
        line("server", self.server.as_str())?;
        line("search target", self.search_target.as_str())?;
        line("usn", self.usn.as_str())?;
        if self.gateway {
            line("status", &self.status)?;
        }
        if let Some(address) = self.external_address {
            line("external address", &format!("{address} ({})", self.external_address_kind))?;
        }
        if let Some(address) = self.local_address {
            line("local address", &address.to_string())?;
        }
        for service in &self.services {
            line("service", service.service_type.as_str())?;
            line("", &format!("  {}", service.control_url))?;
        }
        line("note", self.note.as_ref().map_or("", Text::as_str))
    }
}

impl ServiceReport {
    fn new(service: &Service, control_url: &str) -> Self {
        Self { service_type: Text::from(service.service_type.as_str()), control_url: Text::from(control_url) }
    }
}
