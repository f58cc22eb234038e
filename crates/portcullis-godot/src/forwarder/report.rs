//! What a node tells of itself.

use super::port_mapping::Phase;
use super::{ForwarderState, PortForwarder};
use godot::builtin::{Array, GString, PackedStringArray, VarDictionary, vdict};
use godot::register::godot_api;

#[godot_api(secondary)]
impl PortForwarder {
    /// The gateway's external address, as it was told last; empty while it is not known. Does not wait.
    #[func]
    fn get_external_address(&self) -> GString {
        GString::from(&self.external_address)
    }

    /// How things stand, as a [enum State].
    #[func]
    fn get_state(&self) -> i64 {
        self.state() as i64
    }

    /// All there is to know, for a log or a bug report, with the keys `state`,
    /// `external_address`, `gateway`, `mappings` (an array of dictionaries),
    /// `message` (why the last call failed, for a person) and `attempts` (what was tried
    /// then).
    #[func]
    fn get_report(&self) -> VarDictionary {
        let mappings: Array<VarDictionary> = self
            .mappings
            .iter()
            .map(|mapping| {
                let mapping = mapping.bind();
                let granted = mapping.granted();
                let port = granted
                    .map_or(mapping.request.external_port_or_internal(), |granted| granted.external_port);
                vdict! {
                    "active" => matches!(mapping.phase, Phase::Active(_)),
                    "protocol" => mapping.request.protocol().as_str(),
                    "internal_port" => i64::from(mapping.request.internal_port().get()),
                    "external_port" => i64::from(port.get()),
                    "lifetime" => granted.map_or(0, |granted| i64::from(granted.told_lifetime().as_seconds())),
                    "method" => granted.map(|granted| granted.method().as_str()).unwrap_or_default(),
                }
            })
            .collect();
        let attempts: PackedStringArray = self
            .last_error
            .iter()
            .flat_map(portcullis::Error::attempts)
            .map(|attempt| GString::from(&attempt.to_string()))
            .collect();
        let message = self.last_error.as_ref().map(ToString::to_string).unwrap_or_default();
        vdict! {
            "state" => self.get_state(),
            "external_address" => self.external_address.as_str(),
            "gateway" => self.gateway_name.as_str(),
            "mappings" => &mappings,
            "message" => message.as_str(),
            "attempts" => &attempts,
        }
    }

    fn state(&self) -> ForwarderState {
        let any =
            |wanted: fn(&Phase) -> bool| self.mappings.iter().any(|mapping| wanted(&mapping.bind().phase));
        if any(|phase| matches!(phase, Phase::Active(_))) {
            ForwarderState::Mapped
        } else if any(|phase| matches!(phase, Phase::Pending | Phase::Lost(_))) {
            ForwarderState::Searching
        } else if self.has_failed {
            ForwarderState::Failed
        } else {
            ForwarderState::Idle
        }
    }
}
