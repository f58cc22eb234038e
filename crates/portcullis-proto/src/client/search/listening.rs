//! Whose answers count, how many of them, and what is told of those that do not.

use super::Search;
use crate::client::error::{Attempt, Failure, Ignored};
use crate::client::network::{self, Network};
use crate::wire::ssdp::Message;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Answers read from each source, and from all, after each time that the questions went out: beyond that it is a flood.
/// Those of default gateways are all read, as whoever floods in their name would drown them.
const MOST_ANSWERS: u16 = 1_024;
const MOST_ANSWERS_PER_SOURCE: u16 = 64;
/// Sources whose answers are counted.
const MOST_SOURCES: usize = 256;
/// Answers that are told to have been ignored.
const MOST_IGNORED: usize = 4;

impl Search {
    pub(super) fn may_answer(&self, source: SocketAddr, network: &Network) -> bool {
        if !self.named.is_empty() {
            return self.named.contains(&source.ip());
        }
        let canonical = source.ip().to_canonical();
        !is_nobody(source, network)
            && (network.is_on_link(canonical) || network.is_default_gateway(canonical))
    }

    /// Somebody who may not answer has answered as a gateway does: nobody is asked for anything by that, but it is not
    /// silence either.
    pub(super) fn note_stranger(&mut self, source: SocketAddr, payload: &[u8], network: &Network) {
        if is_nobody(source, network) || !self.may_note_ignored(source) {
            return;
        }
        if let Ok(Message::Response(answer)) = Message::decode(payload) {
            if is_gateway_target(&answer.search_target) {
                let is_named = self.is_named();
                self.note_ignored(source, if is_named { Ignored::NotNamed } else { Ignored::OtherNetwork });
            }
        }
    }

    /// One answer of a sender, and a few in all, are worth a word.
    fn may_note_ignored(&self, source: SocketAddr) -> bool {
        let gateway = source.ip().to_string();
        let is_ignored = |failure: &&Attempt| matches!(failure.failure, Failure::AnswerIgnored(_));
        let mut ignored = self.failures.iter().filter(is_ignored);
        ignored.clone().count() < MOST_IGNORED && !ignored.any(|failure| failure.gateway == gateway)
    }

    pub(super) fn note_ignored(&mut self, source: SocketAddr, why: Ignored) {
        if self.may_note_ignored(source) {
            self.note_failure(source.ip().to_string(), Failure::AnswerIgnored(why));
        }
    }

    /// Default gateways, and those that a person named, have places and counts of their own.
    pub(super) fn is_privileged(&self, source: IpAddr, network: &Network) -> bool {
        network.is_default_gateway(source) || !self.named.is_empty()
    }

    pub(super) fn count_answer(&mut self, source: IpAddr, network: &Network) -> bool {
        if self.is_privileged(source, network) {
            return true;
        }
        let is_new = !self.answers.contains_key(&source);
        if self.answers_read >= MOST_ANSWERS || (is_new && self.answers.len() >= MOST_SOURCES) {
            return false;
        }
        let count = self.answers.entry(source).or_default();
        if *count >= MOST_ANSWERS_PER_SOURCE {
            return false;
        }
        *count = count.saturating_add(1);
        self.answers_read = self.answers_read.saturating_add(1);
        true
    }
}

/// Whether an address is none that anybody could have, or one of ours.
fn is_nobody(source: SocketAddr, network: &Network) -> bool {
    let canonical = source.ip().to_canonical();
    // A link-local address without a scope does not say on which link it could be dialled.
    let nowhere = match source {
        SocketAddr::V6(v6) => v6.scope_id() == 0 && network::is_unicast_link_local(source.ip()),
        SocketAddr::V4(_) => false,
    };
    nowhere
        || canonical.is_loopback()
        || canonical.is_unspecified()
        || canonical.is_multicast()
        || canonical == IpAddr::V4(Ipv4Addr::BROADCAST)
        || network.is_own(canonical)
}

/// What a gateway, or a device that may hide one, answers for.
pub(super) fn is_gateway_target(target: &str) -> bool {
    [
        ":InternetGatewayDevice:",
        ":WANIPConnection:",
        ":WANPPPConnection:",
        ":WANConnectionDevice:",
        ":WANDevice:",
    ]
    .iter()
    .any(|part| target.contains(part))
        || target.eq_ignore_ascii_case("upnp:rootdevice")
}
