//! One pass over a description, keeping a few bounded fields.

use super::url_base::Bases;
use super::{Description, DescriptionError, Service, ServiceKind, service_type};
use crate::wire::url::{HttpUrl, UrlError};
use crate::wire::xml::{XmlError, XmlEvent, XmlReader, printable};

/// Most services that are kept. An IGD has some ten, a TR-064 device some forty.
pub(super) const MAX_SERVICES: usize = 64;
/// Most devices that are told apart; an IGD with two lines has five.
const MAX_DEVICES: usize = 64;
/// Longest name of the root device that is kept, in bytes.
const MAX_NAME: usize = 256;
/// Longest URL that is looked at, in bytes; one more than any URL may have.
const MAX_URL: usize = 4_096;

pub(super) fn parse(document: &[u8], location: &HttpUrl) -> Result<Description, DescriptionError> {
    if document.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
        return Err(DescriptionError::Empty);
    }
    let mut reader = XmlReader::new(document)?;
    let mut walk = Walk::default();
    loop {
        match reader.next_event() {
            Ok(Some(XmlEvent::Start(name))) => walk.start(name),
            Ok(Some(XmlEvent::Text(text))) => walk.text(text.trim()),
            Ok(Some(XmlEvent::End(_))) => walk.end(),
            Ok(None) => break,
            Err(XmlError::UnexpectedEnd) if walk.root_device_complete => break,
            Err(error) => return Err(error.into()),
        }
    }
    walk.finish(location)
}

#[derive(Debug)]
struct Device {
    parent: Option<usize>,
    is_wan_device: bool,
}

/// A service as far as read.
#[derive(Debug, Default)]
struct Draft {
    service_type: Field,
    control_url: Field,
    device: Option<usize>,
}

/// A text that may be given once, or again if it is the same.
#[derive(Debug, Default)]
enum Field {
    #[default]
    Missing,
    Given(String),
    Contradictory,
}

impl Field {
    fn give(&mut self, text: &str) {
        // Cut to a length that is refused later on.
        let text: String = text.chars().take(MAX_URL).collect();
        match self {
            Self::Missing => *self = Self::Given(text),
            Self::Given(known) if *known == text => {}
            _ => *self = Self::Contradictory,
        }
    }

    fn get(&self) -> Option<&str> {
        match self {
            Self::Given(text) => Some(text),
            Self::Missing | Self::Contradictory => None,
        }
    }
}

#[derive(Debug, Default)]
struct Walk {
    /// Names of the open elements.
    open: Vec<String>,
    devices: Vec<Device>,
    /// Indices into `devices` of those that are open, outermost first.
    open_devices: Vec<usize>,
    root_device_complete: bool,
    draft: Option<Draft>,
    drafts: Vec<Draft>,
    url_base: Option<String>,
    device_type: String,
    friendly_name: String,
    manufacturer: String,
    model_name: String,
    udn: String,
}

impl Walk {
    fn start(&mut self, name: String) {
        match name.as_str() {
            "device" => {
                let parent = self.open_devices.last().copied();
                let index = self.devices.len();
                if index < MAX_DEVICES {
                    self.devices.push(Device { parent, is_wan_device: false });
                }
                // Devices beyond the limit count as the last one.
                self.open_devices.push(index.min(MAX_DEVICES.saturating_sub(1)));
            }
            "service" => {
                self.finish_draft();
                self.draft = Some(Draft { device: self.open_devices.last().copied(), ..Draft::default() });
            }
            _ => {}
        }
        self.open.push(name);
    }

    /// Only the innermost element and the device or service around it count, so that an element which is
    /// never closed does not hide what follows (Technicolor TG789).
    fn text(&mut self, text: &str) {
        let Some(element) = self.open.last() else { return };
        if text.is_empty() {
            return;
        }
        if let Some(draft) = &mut self.draft {
            match element.as_str() {
                "serviceType" => draft.service_type.give(text),
                "controlURL" => draft.control_url.give(text),
                _ => {}
            }
            return;
        }
        if element == "URLBase" {
            self.url_base.get_or_insert_with(|| printable(text, MAX_URL));
            return;
        }
        let Some(&device) = self.open_devices.last() else { return };
        if element == "deviceType" {
            let is_wan_device = text.split(':').skip(2).take(2).eq(["device", "WANDevice"]);
            if let Some(device) = self.devices.get_mut(device) {
                device.is_wan_device |= is_wan_device;
            }
        }
        if device != 0 {
            return;
        }
        let field = match element.as_str() {
            "deviceType" => &mut self.device_type,
            "friendlyName" => &mut self.friendly_name,
            "manufacturer" => &mut self.manufacturer,
            "modelName" => &mut self.model_name,
            "UDN" => &mut self.udn,
            _ => return,
        };
        if field.is_empty() {
            *field = printable(text, MAX_NAME);
        }
    }

    fn end(&mut self) {
        match self.open.pop().as_deref() {
            Some("device") => {
                self.finish_draft();
                self.open_devices.pop();
                self.root_device_complete |= self.open_devices.is_empty();
            }
            Some("service") => self.finish_draft(),
            _ => {}
        }
    }

    fn finish_draft(&mut self) {
        let Some(draft) = self.draft.take() else { return };
        let is_other =
            |draft: &Draft| draft.service_type.get().map(ServiceKind::of) == Some(ServiceKind::Other);
        if !draft.service_type.get().is_some_and(service_type::is_sound) {
            return;
        }
        if self.drafts.len() >= MAX_SERVICES {
            // A crowd of others must not keep out the services we are here for.
            let Some(index) = self.drafts.iter().rposition(is_other) else { return };
            if is_other(&draft) {
                return;
            }
            self.drafts.remove(index);
        }
        self.drafts.push(draft);
    }

    fn finish(mut self, location: &HttpUrl) -> Result<Description, DescriptionError> {
        self.finish_draft();
        if self.devices.is_empty() {
            return Err(DescriptionError::NotADescription);
        }
        let bases = Bases::new(location, self.url_base.as_deref());
        let services = self.drafts.iter().filter_map(|draft| {
            let service_type = draft.service_type.get()?;
            let (control_url, alternate_control_url) = match draft.control_url.get() {
                Some(control_url) => bases.resolve(control_url),
                None => (Err(UrlError::Empty), None),
            };
            Some(Service {
                kind: ServiceKind::of(service_type),
                service_type: service_type.to_owned(),
                control_url,
                alternate_control_url,
                wan_device: self.wan_device(draft.device),
                dslforum: service_type::is_dslforum(service_type),
            })
        });
        let services = services.collect();
        Ok(Description {
            device_type: self.device_type,
            friendly_name: self.friendly_name,
            manufacturer: self.manufacturer,
            model_name: self.model_name,
            udn: self.udn,
            url_base: self.url_base,
            services,
        })
    }

    /// The number of the WANDevice which this device is, or is in.
    fn wan_device(&self, device: Option<usize>) -> u8 {
        let mut candidate = device;
        while let Some((index, device)) = candidate.and_then(|index| Some((index, self.devices.get(index)?)))
        {
            if device.is_wan_device {
                let before = self.devices.iter().take(index).filter(|device| device.is_wan_device).count();
                return u8::try_from(before).unwrap_or(u8::MAX);
            }
            candidate = device.parent;
        }
        0
    }
}
