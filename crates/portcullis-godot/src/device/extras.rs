//! What `UPNPDevice` does not have.

use super::{ExternalAddressKind, PortcullisUpnpDevice};
use crate::errors;
use crate::number::int32;
use godot::builtin::{Array, GString, VarDictionary, vdict};
use godot::register::godot_api;
use portcullis::igd::wan_connection::PortMappingEntry;

#[godot_api(secondary)]
impl PortcullisUpnpDevice {
    /// All mappings of the gateway, whosever they are (at most 512), each as
    /// [method get_specific_port_mapping] gives it; empty where there are none, and where the call failed (see
    /// [member last_error_message]). Not in [UPNPDevice].
    #[func]
    fn get_port_mappings(&self) -> Array<VarDictionary> {
        self.device().port_mappings().unwrap_or_default().iter().map(dictionary).collect()
    }

    /// The mapping of [param port], whosever it is, with the keys `remote_host`,
    /// `external_port`, `protocol`, `internal_port`,
    /// `internal_client`, `enabled`, `description` and
    /// `lease_duration` (seconds, 0: no end); empty where there is none, and where the call failed. Not
    /// in [UPNPDevice].
    #[func]
    fn get_specific_port_mapping(&self, port: i64, #[opt(default = "UDP")] proto: GString) -> VarDictionary {
        let port = int32(port);
        match self.device().specific_port_mapping(port, &proto.to_string()) {
            Ok(entry) => dictionary(&entry),
            Err(result) => {
                errors::told_mapping(result, port);
                VarDictionary::new()
            }
        }
    }

    /// Maps [param port], or another one where that is taken, and gives the external port that it is; 0 where none
    /// could be mapped (see [member last_error_message]). The arguments are those of [method add_port_mapping]. Not
    /// in [UPNPDevice].
    #[func]
    fn add_any_port_mapping(
        &self,
        port: i64,
        #[opt(default = 0)] port_internal: i64,
        #[opt(default = "")] desc: GString,
        #[opt(default = "UDP")] proto: GString,
        #[opt(default = 0)] duration: i64,
    ) -> i32 {
        let port = int32(port);
        let (desc, proto) = (desc.to_string(), proto.to_string());
        let added =
            self.device().add_any_port_mapping(port, int32(port_internal), &desc, &proto, int32(duration));
        match added {
            Ok(port) => port.get().into(),
            Err(result) => {
                errors::told_mapping(result, port);
                0
            }
        }
    }

    /// Whether the device has a service that ports can be mapped with, whatever it says of its connection. Not in
    /// [UPNPDevice].
    #[func]
    fn is_usable(&self) -> bool {
        self.inner.is_usable()
    }

    /// What the external address is worth, as far as the search or [method query_external_address] have found out,
    /// as a [enum ExternalAddressKind]. From the internet, only a public one can be reached. Not in [UPNPDevice].
    #[func]
    fn get_external_address_kind(&self) -> i32 {
        ExternalAddressKind::from(self.inner.external_address_kind()) as i32
    }
}

fn dictionary(entry: &PortMappingEntry) -> VarDictionary {
    vdict! {
        "remote_host" => entry.remote_host.as_str(),
        "external_port" => i64::from(entry.external_port),
        "protocol" => entry.protocol.as_str(),
        "internal_port" => i64::from(entry.internal_port),
        "internal_client" => entry.internal_client.as_str(),
        "enabled" => entry.enabled,
        "description" => entry.description.as_str(),
        "lease_duration" => i64::from(entry.lifetime.as_seconds()),
    }
}
