//! What was granted where something else was asked for.

use crate::argument::duration::lifetime_in_words;
use crate::argument::port::protocol_name;
use crate::context::Context;
use portcullis::{Granted, Lifetime};
use std::num::NonZeroU16;

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// `None` where any would do.
    pub(super) external_port: Option<NonZeroU16>,
    pub(super) lifetime: Lifetime,
}

/// Warns of everything that somebody may rely on and has not got. What holds for several mappings is said once.
pub(super) fn warn<'a>(granted: impl IntoIterator<Item = (Asked, &'a Granted)>, context: &Context) {
    let mut said: Vec<(String, Vec<String>)> = Vec::new();
    for (asked, granted) in granted {
        let name = format!("{} {}", protocol_name(granted.protocol), granted.external_port);
        for shortfall in shortfalls(asked, granted) {
            match said.iter_mut().find(|(known, _)| *known == shortfall) {
                Some((_, names)) => names.push(name.clone()),
                None => said.push((shortfall, vec![name.clone()])),
            }
        }
    }
    for (shortfall, names) in said {
        context.output.warn(&format!("{}: {shortfall}", names.join(", ")));
    }
}

fn shortfalls(asked: Asked, granted: &Granted) -> impl Iterator<Item = String> {
    let other_port = asked.external_port.filter(|&port| port != granted.external_port).map(|port| {
        let why = if granted.external_port == granted.internal_port {
            "the gateway maps equal ports only"
        } else {
            "the gateway chose another port"
        };
        format!("{why}: {} instead of {port}", granted.external_port)
    });
    let lifetime = match (asked.lifetime, granted.told_lifetime()) {
        (Lifetime::Permanent, Lifetime::Seconds(_)) => Some(format!(
            "the gateway does not map permanently: this lasts {}",
            lifetime_in_words(granted.told_lifetime())
        )),
        (Lifetime::Seconds(_), Lifetime::Permanent) => {
            Some("the gateway maps permanently only: this lasts until it is closed".to_owned())
        }
        _ => None,
    };
    let address = granted.external_address.is_none().then(|| {
        "the gateway did not tell its external address: is its connection to the internet up?".to_owned()
    });
    let nat = granted.behind_nat.then(|| {
        "opened for the NAT in front of this host, not for this host: forward the port there too, or use the network of \
         the host that has it"
            .to_owned()
    });
    [other_port, lifetime, address, nat].into_iter().flatten()
}
