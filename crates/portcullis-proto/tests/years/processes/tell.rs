//! A schedule that is run alone tells what happens in it.

use super::directory::tell;
use super::home::Home;
use super::router::Number;
use portcullis_proto::client::io::Output;
use portcullis_proto::client::journal::Record;
use portcullis_proto::wire::{natpmp, pcp, port_control};

impl Home {
    #[expect(clippy::disallowed_macros, reason = "a schedule that is run alone tells what happens in it")]
    pub(crate) fn tell(&self, what: impl FnOnce() -> String) {
        if self.tells {
            eprintln!("{:>12.6} {}", self.now.since_start().as_secs_f64(), what());
        }
    }

    pub(crate) fn tell_output(&self, number: Number, output: &Output) {
        let text = || match output {
            Output::Datagram { destination, payload, .. } if destination.port() == port_control::PORT => {
                Some(match pcp::Request::decode(payload) {
                    Ok(request) => format!("PCP {}", asked_by_pcp(&request)),
                    Err(_) => format!("NAT-PMP {}", asked_by_nat_pmp(payload)),
                })
            }
            Output::Send { bytes, .. } => {
                let text = String::from_utf8_lossy(bytes);
                let action = text.lines().find(|line| line.starts_with("SOAPAction"));
                let action = action.and_then(|line| line.trim_end_matches('"').rsplit_once('#'));
                Some(format!("UPnP {}", action.map_or("GET", |(_, action)| action)))
            }
            Output::Journal(Record::Put(entry)) => Some(format!("writes {:x}: {}", entry.id.0, tell(entry))),
            Output::Journal(Record::Erase(id)) => Some(format!("erases {:x}", id.0)),
            _ => None,
        };
        if self.tells {
            if let Some(text) = text() {
                self.tell(|| format!("    {number}: {text}"));
            }
        }
    }
}

fn asked_by_pcp(request: &pcp::Request) -> String {
    let pcp::Opcode::Map(map) = request.opcode else { return format!("{:?}", request.opcode) };
    let exactly = if request.options.is_empty() { "" } else { " exactly" };
    let [first, second, ..] = map.nonce.0;
    format!(
        "MAP {} {}:{}{exactly}, {} s, nonce {first:02x}{second:02x}",
        map.protocol,
        map.external_port.map_or(0, |port| port.get()),
        map.internal_port,
        request.lifetime
    )
}

fn asked_by_nat_pmp(payload: &[u8]) -> String {
    match natpmp::Request::decode(payload) {
        Ok(natpmp::Request::Map(map)) => format!(
            "MAP {} {}:{}, {} s",
            map.protocol,
            map.suggested_external_port.map_or(0, |port| port.get()),
            map.internal_port,
            map.lifetime
        ),
        other => format!("{other:?}"),
    }
}
