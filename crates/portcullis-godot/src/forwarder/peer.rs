//! Which port a multiplayer peer listens on.

use godot::builtin::{Variant, VariantType};
use godot::classes::{Object, RefCounted};
use godot::meta::error::ConvertError;
use godot::meta::shape::GodotShape;
use godot::meta::{FromGodot, GodotConvert};
use godot::obj::Gd;
use godot::register::info::{ParamMetadata, PropertyHintInfo, PropertyUsageFlags};

/// A `MultiplayerPeer` or null, as an argument: the `godot` crate has that class only where it has all of them.
#[derive(Debug)]
pub(super) struct Peer(Option<Gd<RefCounted>>);

impl GodotConvert for Peer {
    type Via = Option<Gd<RefCounted>>;

    fn godot_shape() -> GodotShape {
        GodotShape::Custom {
            variant_type: VariantType::OBJECT,
            var_hint: PropertyHintInfo::none(),
            export_hint: PropertyHintInfo::none(),
            class_name: Some("MultiplayerPeer".into()),
            usage_flags: PropertyUsageFlags::NONE,
            metadata: ParamMetadata::NONE,
        }
    }
}

impl FromGodot for Peer {
    fn try_from_godot(via: Self::Via) -> Result<Self, ConvertError> {
        Ok(Self(via))
    }
}

/// The port and protocol of a peer that is a server, or what to tell the programmer.
pub(super) fn listening(peer: Peer, port: i32) -> Result<(i32, &'static str), &'static str> {
    let mut peer = peer.0.ok_or("Condition \"peer.is_null()\" is true.")?;
    if peer.is_class("ENetMultiplayerPeer") {
        // Its connection is its own, and there while it is a server or client.
        const STATUS_DISCONNECTED: i64 = 0;
        let status = peer.call("get_connection_status", &[]).try_to::<i64>().unwrap_or(STATUS_DISCONNECTED);
        let is_server = status != STATUS_DISCONNECTED
            && peer.call("get_unique_id", &[]).try_to::<i64>().is_ok_and(|id| id == SERVER_ID);
        if !is_server {
            return Err("The peer is no server: call its create_server() first.");
        }
        let connection: Variant = peer.call("get_host", &[]);
        return connection
            .try_to::<Gd<Object>>()
            .ok()
            .and_then(|mut connection| connection.call("get_local_port", &[]).try_to::<i32>().ok())
            .map(|port| (port, "UDP"))
            .ok_or("The peer does not tell its port: use forward().");
    }
    if peer.is_class("WebSocketMultiplayerPeer") {
        if port == 0 {
            return Err("A WebSocketMultiplayerPeer does not tell its port: give it, too.");
        }
        return Ok((port, "TCP"));
    }
    Err("The peer is neither an ENetMultiplayerPeer nor a WebSocketMultiplayerPeer: use forward().")
}

/// The unique id of a server among the peers (`MultiplayerPeer.TARGET_PEER_SERVER`).
const SERVER_ID: i64 = 1;
