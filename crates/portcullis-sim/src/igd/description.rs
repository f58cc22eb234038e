//! The device description (UPnP Device Architecture 1.1 section 2.3) and the service descriptions.

use crate::device::{DecoyRole, Device};
use crate::quirk::{ControlUrl, Quirk, Topology, parameter};
use crate::scenario::IgdVersion;

/// A device of the description.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) device_type: String,
    pub(crate) udn: String,
    pub(crate) services: Vec<Service>,
    pub(crate) devices: Vec<Self>,
}

/// A service of the description.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) service_type: String,
    /// The last part of its URLs, different for each.
    name: &'static str,
    /// Whether this is a connection that is not up.
    pub(crate) down: bool,
}

/// The devices and services as the scenario has them.
pub(crate) fn tree(device: &Device) -> Node {
    let topology = parameter!(device.quirks, Quirk::Topology(topology) => topology);
    if topology == Some(Topology::NotAGateway) {
        let services = vec![service(device, "ContentDirectory", 1, "CDir", false)];
        return node(device, "MediaServer", 0, services, Vec::new());
    }
    let version = device.version.number();
    let up = |index| {
        let mut services = match topology {
            Some(Topology::NoConnectionService) => Vec::new(),
            Some(Topology::WanPppOnly) => vec![service(device, "WANPPPConnection", 1, "PPPConn", false)],
            _ => vec![service(device, "WANIPConnection", version, "IPConn", false)],
        };
        if device.version == IgdVersion::Two && !device.has(Quirk::NoFirewallControl) {
            services.push(service(device, "WANIPv6FirewallControl", 1, "IP6FCtl", false));
        }
        node(device, "WANConnectionDevice", index, services, Vec::new())
    };
    let down = |index| {
        let services = vec![service(device, "WANIPConnection", version, "IPConnDown", true)];
        node(device, "WANConnectionDevice", index, services, Vec::new())
    };
    let wan = |index, name, connections| {
        let mut services = Vec::new();
        if !device.has(Quirk::NoWanCommonInterfaceConfig) {
            services.push(service(device, "WANCommonInterfaceConfig", 1, name, false));
        }
        node(device, "WANDevice", index, services, connections)
    };
    let wans = match topology {
        Some(Topology::FirstWanDeviceDown) => {
            vec![wan(1, "CmnIfDown", vec![down(2)]), wan(3, "CmnIfCfg", vec![up(4)])]
        }
        Some(Topology::FirstConnectionDown) => vec![wan(1, "CmnIfCfg", vec![down(2), up(3)])],
        Some(Topology::SecondOfThreeUp) => vec![wan(1, "CmnIfCfg", vec![down(2), up(3), down(4)])],
        _ => vec![wan(1, "CmnIfCfg", vec![up(2)])],
    };
    let services = vec![service(device, "Layer3Forwarding", 1, "L3F", false)];
    node(device, "InternetGatewayDevice", 0, services, wans)
}

fn node(device: &Device, kind: &str, index: u16, services: Vec<Service>, devices: Vec<Node>) -> Node {
    let version = if kind == "MediaServer" { 1 } else { device.version.number() };
    Node { device_type: urn(device, "device", kind, version), udn: device.udn(index), services, devices }
}

fn service(device: &Device, kind: &str, version: u8, name: &'static str, down: bool) -> Service {
    Service { service_type: urn(device, "service", kind, version), name, down }
}

fn urn(device: &Device, what: &str, kind: &str, version: u8) -> String {
    let domain = if what == "service" {
        parameter!(device.quirks, Quirk::Domain(domain) => domain)
    } else {
        parameter!(device.quirks, Quirk::DeviceDomain(domain) => domain)
    };
    let domain = domain.unwrap_or("schemas-upnp-org");
    format!("urn:{domain}:{what}:{kind}:{version}")
}

impl Service {
    /// What a control request's line names.
    fn control_target(&self, device: &Device) -> String {
        if device.has(Quirk::ControlUrl(ControlUrl::Query)) {
            format!("/control?{}", self.name)
        } else {
            format!("/ctl/{}", self.name)
        }
    }

    /// What stands in the description.
    fn control_url(&self, device: &Device) -> String {
        let target = self.control_target(device);
        match parameter!(device.quirks, Quirk::ControlUrl(form) => form) {
            None | Some(ControlUrl::Query) => target,
            Some(ControlUrl::Relative) => target.trim_start_matches('/').to_owned(),
            Some(ControlUrl::Absolute) => format!("http://{}{target}", device.http),
            Some(ControlUrl::RefusedPort) => {
                format!("http://{}{target}", device.decoy(DecoyRole::Control).unwrap_or(device.http))
            }
            Some(ControlUrl::Literal(text)) => text.to_owned(),
        }
    }
}

/// All services, in document order.
fn services(root: Node) -> Vec<Service> {
    let mut services = root.services;
    for device in root.devices {
        services.extend(self::services(device));
    }
    services
}

/// The service that is controlled at this request target.
pub(crate) fn service_at(device: &Device, target: &str) -> Option<Service> {
    services(tree(device)).into_iter().find(|service| service.control_target(device) == target)
}

/// The description of a service, for those who ask: empty, for nothing of ours reads more of it.
pub(crate) fn service_description(device: &Device, target: &str) -> Option<String> {
    let known = services(tree(device)).iter().any(|service| target == format!("/{}.xml", service.name));
    known.then(|| {
        "<?xml version=\"1.0\"?>\n<scpd xmlns=\"urn:schemas-upnp-org:service-1-0\"><specVersion><major>1</major>\
         <minor>1</minor></specVersion><actionList></actionList><serviceStateTable></serviceStateTable></scpd>\n"
            .to_owned()
    })
}

/// The description of the device.
pub(crate) fn document(device: &Device) -> String {
    let space = parameter!(device.quirks, Quirk::LeadingSpace(space) => space).unwrap_or_default();
    let encoding =
        parameter!(device.quirks, Quirk::DeclaredEncoding(encoding) => encoding).unwrap_or("utf-8");
    let mut text = format!(
        "{space}<?xml version=\"1.0\" encoding=\"{encoding}\"?>\n<root xmlns=\"urn:schemas-upnp-org:device-1-0\">\n\
         <specVersion><major>1</major><minor>1</minor></specVersion>\n"
    );
    if let Some(base) = parameter!(device.quirks, Quirk::UrlBase(base) => base) {
        text.push_str(&format!("<URLBase>{base}</URLBase>\n"));
    }
    write_device(&mut text, device, &tree(device));
    text.push_str("</root>\n");
    text
}

/// Recursive as the description is: three levels.
fn write_device(text: &mut String, device: &Device, node: &Node) {
    let name = parameter!(device.quirks, Quirk::FriendlyName(name) => name).unwrap_or("Simulated gateway");
    let (device_type, udn) = (&node.device_type, &node.udn);
    text.push_str(&format!(
        "<device>\n<deviceType>{device_type}</deviceType>\n<friendlyName>{name}</friendlyName>\n\
         <manufacturer>Portcullis</manufacturer>\n<modelName>portcullis-sim</modelName>\n<UDN>{udn}</UDN>\n"
    ));
    if !node.services.is_empty() {
        text.push_str("<serviceList>\n");
        for service in &node.services {
            write_service(text, device, service);
        }
        text.push_str("</serviceList>\n");
    }
    if !node.devices.is_empty() {
        text.push_str("<deviceList>\n");
        for child in &node.devices {
            write_device(text, device, child);
        }
        text.push_str("</deviceList>\n");
    }
    text.push_str("</device>\n");
}

fn write_service(text: &mut String, device: &Device, service: &Service) {
    let Service { service_type, name, .. } = service;
    let control = service.control_url(device);
    text.push_str(&format!(
        "<service>\n<serviceType>{service_type}</serviceType>\n<serviceId>urn:upnp-org:serviceId:{name}</serviceId>\n\
         <SCPDURL>/{name}.xml</SCPDURL>\n<controlURL>{control}</controlURL>\n<eventSubURL>/evt/{name}</eventSubURL>\n\
         </service>\n"
    ));
}
