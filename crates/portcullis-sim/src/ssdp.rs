//! What the gateway answers to a search (UPnP Device Architecture 1.1 section 1.3.3).

use crate::device::{Decoy, DecoyRole, Device};
use crate::igd::description::{self, Node};
use crate::outbox::Pending;
use crate::quirk::{Quirk, parameter};
use core::net::SocketAddr;
use core::time::Duration;
use portcullis_proto::wire::ssdp::Message;

/// SERVER of all answers, and of HTTP replies.
pub(crate) const SERVER: &str = "Simulated/1.0 UPnP/1.1 portcullis-sim/0.1";

const ALL: &str = "ssdp:all";
const ROOT_DEVICE: &str = "upnp:rootdevice";

/// The answers to a datagram, each with the time to wait before it goes out.
pub(crate) fn answers(device: &Device, source: SocketAddr, datagram: &[u8]) -> Vec<(Duration, Pending)> {
    let Ok(Message::Search(search)) = Message::decode(datagram) else { return Vec::new() };
    let wanted = search.search_target.as_str();
    if parameter!(device.quirks, Quirk::AnswersOnly(known) => known)
        .is_some_and(|known| !known.contains(&wanted))
    {
        return Vec::new();
    }
    let mut names = matching(&description::tree(device), wanted);
    if wanted == ALL && device.has(Quirk::AllGivesFirstOnly) {
        names.truncate(1);
    }
    let once = |payload| Pending {
        destination: source,
        payload,
        repeat: 0,
        interval: Duration::ZERO,
        distinct: false,
    };
    let mut answers = Vec::new();
    // The dead ones are quick: that is what makes them harmful.
    for decoy in device.decoys.iter().filter(|decoy| decoy.role == DecoyRole::OtherDevice) {
        answers.extend(names.iter().map(|name| (Duration::ZERO, once(encode_decoy(device, decoy, name)))));
    }
    let delay = parameter!(device.quirks, Quirk::SearchDelay(delay) => delay).unwrap_or_default();
    for name in &names {
        if let Some(junk) = parameter!(device.quirks, Quirk::SearchJunk(junk) => junk) {
            answers.push((delay, once(junk.to_vec())));
        }
        let mut pending = once(encode(device, name));
        if let Some((count, every, distinct)) = parameter!(device.quirks, Quirk::AnswerFlood { count, interval, distinct } => (count, interval, distinct))
        {
            pending = Pending { repeat: count, interval: every, distinct, ..pending };
        }
        answers.push((delay, pending));
    }
    answers
}

/// A search target, and the device that has it.
struct Name {
    target: String,
    udn: String,
}

impl Name {
    fn usn(&self, udn: &str) -> String {
        if self.target.starts_with("uuid:") { udn.to_owned() } else { format!("{udn}::{}", self.target) }
    }
}

/// What of the device answers to `wanted`, in the order of the description.
fn matching(root: &Node, wanted: &str) -> Vec<Name> {
    let mut names = Vec::new();
    if wanted == ALL || wanted == ROOT_DEVICE {
        names.push(Name { target: ROOT_DEVICE.to_owned(), udn: root.udn.clone() });
    }
    let mut devices = vec![root];
    while let Some(node) = devices.pop() {
        let types = node.services.iter().map(|service| &service.service_type);
        for advertised in core::iter::once(&node.udn).chain([&node.device_type]).chain(types) {
            if wanted == ALL || answers_to(advertised, wanted) {
                // The target as it was asked for: version 2 devices answer for version 1 (section 1.3.2).
                let target = if wanted == ALL { advertised } else { wanted };
                names.push(Name { target: target.to_owned(), udn: node.udn.clone() });
            }
        }
        devices.extend(node.devices.iter().rev());
    }
    names
}

/// Whether a device or service of the type `advertised` is one of the type `wanted`, or a later version of it.
pub(crate) fn answers_to(advertised: &str, wanted: &str) -> bool {
    if advertised == wanted {
        return true;
    }
    let version = |text: &str| text.parse::<u8>().ok();
    match (advertised.rsplit_once(':'), wanted.rsplit_once(':')) {
        (Some((advertised, have)), Some((wanted, want)))
            if advertised == wanted && advertised.starts_with("urn:") =>
        {
            matches!((version(have), version(want)), (Some(have), Some(want)) if have >= want && want > 0)
        }
        _ => false,
    }
}

fn encode(device: &Device, name: &Name) -> Vec<u8> {
    let header = parameter!(device.quirks, Quirk::LocationHeader(header) => header).unwrap_or("LOCATION");
    let usn = name.usn(&name.udn);
    let mut text = head(&name.target, &usn, header, &device.location());
    text.push_str(&format!("BOOTID.UPNP.ORG: {}\r\nCONFIGID.UPNP.ORG: 1\r\n", device.boot_id));
    if let Some(line) = parameter!(device.quirks, Quirk::SearchLine(line) => line) {
        text = text.replacen("EXT:\r\n", &format!("{line}\r\n"), 1);
    }
    if !device.has(Quirk::SearchUnfinished) {
        text.push_str("\r\n");
    }
    if device.has(Quirk::SearchLfOnly) {
        text = text.replace("\r\n", "\n");
    }
    text.into_bytes()
}

fn encode_decoy(device: &Device, decoy: &Decoy, name: &Name) -> Vec<u8> {
    let udn = format!("uuid:dead0000-0000-4000-8000-{:012x}", decoy.address.port());
    let location = format!("http://{}{}", decoy.address, crate::device::DESCRIPTION_PATH);
    let mut text = head(&name.target, &name.usn(&udn), "LOCATION", &location);
    text.push_str(&format!("BOOTID.UPNP.ORG: {}\r\n\r\n", device.boot_id));
    text.into_bytes()
}

fn head(target: &str, usn: &str, location_header: &str, location: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: {target}\r\nUSN: {usn}\r\nEXT:\r\n\
         SERVER: {SERVER}\r\n{location_header}: {location}\r\n"
    )
}

/// The same answer for the `number`th other device, at another location.
pub(crate) fn of_another_device(answer: &[u8], number: u32) -> Vec<u8> {
    let text = String::from_utf8_lossy(answer);
    let mut lines: Vec<String> = Vec::new();
    for line in text.split("\r\n") {
        lines.push(match line.split_once(": ") {
            // The first group of the UUID: eight digits.
            Some(("USN", usn)) => format!("USN: uuid:{number:08x}{}", usn.get(13..).unwrap_or_default()),
            Some(("LOCATION", location)) => {
                format!("LOCATION: {}?{number}", location.split('?').next().unwrap_or_default())
            }
            _ => line.to_owned(),
        });
    }
    lines.join("\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_versions_answer_for_earlier_ones() {
        let (one, two) = ("urn:x:service:WANIPConnection:1", "urn:x:service:WANIPConnection:2");
        assert!(answers_to(two, one));
        assert!(answers_to(two, two));
        assert!(!answers_to(one, two));
        assert!(!answers_to(two, "urn:x:service:WANIPConnection:0"));
        assert!(!answers_to(two, "urn:x:service:WANIPConnection"));
        assert!(!answers_to("uuid:1:2", "uuid:1:1"));
    }

    #[test]
    fn another_device_has_another_name_and_location() {
        let answer = head("st", "uuid:5c1e8a4e-7d2b::st", "LOCATION", "http://192.168.1.1:5000/rootDesc.xml");
        let other = String::from_utf8(of_another_device(answer.as_bytes(), 0xabc)).unwrap();
        assert!(other.contains("\r\nUSN: uuid:00000abc-7d2b::st\r\n"), "{other}");
        assert!(other.contains("\r\nLOCATION: http://192.168.1.1:5000/rootDesc.xml?2748\r\n"), "{other}");
    }
}
