//! One device that answered from several addresses.
//!
//! A gateway has a link-local address and a global one, a neighbour one for each of its interfaces, and each of them
//! answers a search. That is one device to a person: where the same description names the same UDN, it is told once.
//!
//! A UDN is nobody's: whoever is on the link can serve the description of another under its own address. So nothing is
//! lost by it: every address is told beside the one that the device is told by, and what a default gateway says is told by
//! its own address, whoever else says the same. Where the client itself asks for a mapping, each address stands alone.

use crate::client::device::Device;
use crate::igd::description::Description;
use core::mem;

/// Each device once, in the order of the first of its addresses.
pub(super) fn merged(devices: Vec<Device>, is_default: impl Fn(&Device) -> bool) -> Vec<Device> {
    let mut merged: Vec<Device> = Vec::new();
    for device in devices {
        let is_it =
            |known: &&mut Device| is_one(known, &device) && !(is_default(known) && is_default(&device));
        match merged.iter_mut().find(is_it) {
            Some(known) if is_default(&device) => {
                let other = mem::replace(known, device);
                known.also_at.extend([other.location].into_iter().chain(other.also_at));
            }
            Some(known) => known.also_at.push(device.location),
            None => merged.push(device),
        }
    }
    merged
}

fn is_one(one: &Device, other: &Device) -> bool {
    match (&one.description, &other.description) {
        (Ok(first), Ok(second)) => {
            one.address.ip() != other.address.ip() && !first.udn.is_empty() && says_the_same(first, second)
        }
        _ => false,
    }
}

/// Whether two descriptions differ in nothing but the host and port that they were fetched from.
fn says_the_same(one: &Description, other: &Description) -> bool {
    let names = |of: &Description| {
        [&of.udn, &of.device_type, &of.friendly_name, &of.manufacturer, &of.model_name].map(Clone::clone)
    };
    let services = |of: &Description| -> Vec<_> {
        let target = |service: &crate::igd::description::Service| {
            service.control_url.as_ref().ok().map(|url| url.target().clone())
        };
        of.services.iter().map(|service| (service.service_type.clone(), target(service))).collect()
    };
    names(one) == names(other) && services(one) == services(other)
}
