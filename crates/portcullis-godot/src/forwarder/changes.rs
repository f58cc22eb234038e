//! What happens to a mapping that is kept, as signals of its node.

use super::PortForwarder;
use super::open::emit;
use super::port_mapping::{Phase, PortMapping};
use crate::pump;
use godot::meta::ToGodot;
use godot::obj::Gd;
use portcullis::upnp::UpnpResult;
use portcullis::{Change, ChangeKind, Reason};

/// Tells what happens to a mapping for as long as its node holds it.
pub(super) fn follow(node: &Gd<PortForwarder>, mapping: Gd<PortMapping>) {
    let watch = node.bind().held.watch();
    let (node, owner) = (node.instance_id(), mapping.instance_id().to_i64());
    pump::adopt(move || {
        let Some(changes) = watch.changes(owner) else { return true };
        for change in changes {
            let Ok(node) = Gd::<PortForwarder>::try_from_instance_id(node) else { return true };
            tell(node, mapping.clone(), &change);
        }
        false
    });
}

fn tell(mut node: Gd<PortForwarder>, mut mapping: Gd<PortMapping>, change: &Change) {
    if matches!(mapping.bind().phase, Phase::Released) {
        return;
    }
    let Some(granted) = change.granted.clone() else { return };
    let port = i64::from(granted.external_port.get());
    let address = granted.external_address.map(|address| address.to_string()).unwrap_or_default();
    let object = mapping.to_variant();
    match &change.kind {
        ChangeKind::Lost => {
            mapping.bind_mut().phase = Phase::Lost(granted);
            let result = match &change.reason {
                Reason::Failed(error) => UpnpResult::from(error),
                _ => UpnpResult::NoSuchEntryInArray,
            };
            emit(&mut node, "mapping_lost", &[object, i64::from(i32::from(result)).to_variant()]);
        }
        ChangeKind::Renewed | ChangeKind::Recovered => {
            node.bind_mut().gateway_name.clone_from(&granted.gateway);
            mapping.bind_mut().phase = Phase::Active(granted);
            emit(&mut node, "mapping_renewed", &[object]);
        }
        ChangeKind::ExternalAddressChanged { .. } => {
            mapping.bind_mut().phase = Phase::Active(granted);
            let is_new = node.bind().external_address != address;
            if is_new {
                node.bind_mut().external_address.clone_from(&address);
                emit(&mut node, "external_address_changed", &[address.to_variant()]);
            }
            // Who joins has to be told the new address.
            emit(&mut node, "ready_to_host", &[address.to_variant(), port.to_variant()]);
        }
        ChangeKind::PortChanged { .. } => {
            mapping.bind_mut().phase = Phase::Active(granted);
            emit(&mut node, "ready_to_host", &[address.to_variant(), port.to_variant()]);
        }
        _ => {}
    }
}
