//! The named enums of the classes.
//!
//! `#[constant]` registers numbers without the name of an enum, so this goes through what that attribute itself uses.
//! It is no public interface: the `godot` crate is pinned, and a test in the engine reads the names back.

use crate::device::{ExternalAddressKind, PortcullisUpnpDevice};
use crate::forwarder::{ForwarderState, PortForwarder, ProtocolFlag};
use crate::upnp::PortcullisUpnp;
use godot::obj::GodotClass;
use godot::register::private::constant::{ConstantKind, ExportConstant, IntegerConstant};
use portcullis::upnp::{IgdStatus, UpnpResult};

pub(crate) fn register() {
    let results = UpnpResult::ALL.iter().map(|&result| (result.name(), i32::from(result)));
    register_enum::<PortcullisUpnp>("UPNPResult", results);
    let statuses = IgdStatus::ALL.iter().map(|&status| (status.name(), i32::from(status)));
    register_enum::<PortcullisUpnpDevice>("IGDStatus", statuses);
    let kinds = ExternalAddressKind::ALL.into_iter().map(|kind| (kind.name(), kind as i32));
    register_enum::<PortcullisUpnpDevice>("ExternalAddressKind", kinds);
    let states = ForwarderState::ALL.into_iter().map(|state| (state.name(), state as i32));
    register_enum::<PortForwarder>("State", states);
    let protocols = ProtocolFlag::ALL.into_iter().map(|flag| (flag.name(), flag as i32));
    let flags = protocols.map(constant).collect();
    register_kind::<PortForwarder>(ConstantKind::Bitfield { name: "Protocol".into(), flags });
}

fn register_enum<T: GodotClass>(name: &str, constants: impl Iterator<Item = (&'static str, i32)>) {
    let enumerators = constants.map(constant).collect();
    register_kind::<T>(ConstantKind::Enum { name: name.into(), enumerators });
}

fn register_kind<T: GodotClass>(kind: ConstantKind) {
    ExportConstant::new(T::class_id(), kind).register();
}

fn constant((name, value): (&'static str, i32)) -> IntegerConstant {
    IntegerConstant::new(name, value)
}
