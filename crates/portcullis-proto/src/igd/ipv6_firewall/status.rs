//! What the firewall lets its clients do, and what it does by itself.

use super::{Action, DecodeError, Flow, value};
use crate::wire::soap::Arguments;

const FIREWALL_ENABLED: &str = "FirewallEnabled";
const INBOUND_PINHOLE_ALLOWED: &str = "InboundPinholeAllowed";
const OUTBOUND_PINHOLE_TIMEOUT: &str = "OutboundPinholeTimeout";

/// Asks whether there is a firewall, and whether it may be opened (section 2.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetFirewallStatus;

/// The answer to [`GetFirewallStatus`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FirewallStatus {
    /// Whether the firewall is on. Where it is off everything passes, and there are no pinholes
    /// (section 2.4.2).
    pub firewall_enabled: bool,
    /// Whether clients may let packets in (section 2.4.3).
    pub inbound_pinhole_allowed: bool,
}

impl Action for GetFirewallStatus {
    const NAME: &'static str = "GetFirewallStatus";
    const CHANGES: bool = false;
    type Response = FirewallStatus;

    fn arguments(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn decode(&self, arguments: &Arguments) -> Result<FirewallStatus, DecodeError> {
        Ok(FirewallStatus {
            firewall_enabled: value::flag(arguments, FIREWALL_ENABLED)?,
            inbound_pinhole_allowed: value::flag(arguments, INBOUND_PINHOLE_ALLOWED)?,
        })
    }

    fn from_arguments(_arguments: &Arguments) -> Result<Self, DecodeError> {
        Ok(Self)
    }

    fn response_arguments(response: &FirewallStatus) -> Vec<(&'static str, String)> {
        vec![
            (FIREWALL_ENABLED, value::write_boolean(response.firewall_enabled)),
            (INBOUND_PINHOLE_ALLOWED, value::write_boolean(response.inbound_pinhole_allowed)),
        ]
    }
}

/// Asks how long the firewall remembers a flow that goes out and is silent, in seconds (section 2.6.2).
///
/// That is how often a host has to say something to keep hearing from a peer; it has nothing to do with the
/// leases of pinholes. Optional: miniupnpd has it and always answers 501.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetOutboundPinholeTimeout(pub Flow);

impl Action for GetOutboundPinholeTimeout {
    const NAME: &'static str = "GetOutboundPinholeTimeout";
    const CHANGES: bool = false;
    type Response = u32;

    fn arguments(&self) -> Vec<(&'static str, String)> {
        self.0.arguments()
    }

    fn decode(&self, arguments: &Arguments) -> Result<u32, DecodeError> {
        let text = value::required(arguments, OUTBOUND_PINHOLE_TIMEOUT)?;
        value::number(text).ok_or(DecodeError::Invalid(OUTBOUND_PINHOLE_TIMEOUT))
    }

    fn from_arguments(arguments: &Arguments) -> Result<Self, DecodeError> {
        Flow::read(arguments).map(Self)
    }

    fn response_arguments(response: &u32) -> Vec<(&'static str, String)> {
        vec![(OUTBOUND_PINHOLE_TIMEOUT, response.to_string())]
    }
}
