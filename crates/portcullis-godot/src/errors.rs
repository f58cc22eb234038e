//! The lines that the engine prints for a programmer's mistakes, in its own words. Nothing else is printed: a network
//! that fails is a result.

use godot::global::godot_error;
use portcullis::upnp::UpnpResult;

/// Prints the engine's line where an argument is to blame, and gives the result as a script sees it.
pub(crate) fn told_search(result: UpnpResult, timeout: i32) -> i32 {
    if result == UpnpResult::InvalidParam {
        if timeout < 0 {
            godot_error!("The response's wait time can't be negative.");
        } else {
            godot_error!("The time-to-live must be set between 0 and 255 (inclusive).");
        }
    }
    result.into()
}

/// The same for the arguments of a mapping; `port` is the external one.
pub(crate) fn told_mapping(result: UpnpResult, port: i32) -> i32 {
    match result {
        UpnpResult::InvalidPort if (1..=65_535).contains(&port) => {
            godot_error!("The port number must be set between 0 and 65535 (inclusive).");
        }
        UpnpResult::InvalidPort => {
            godot_error!("The port number must be set between 1 and 65535 (inclusive).");
        }
        UpnpResult::InvalidProtocol => godot_error!("The protocol must be either TCP or UDP."),
        UpnpResult::InvalidDuration => godot_error!("The port mapping's lease duration can't be negative."),
        _ => {}
    }
    result.into()
}

pub(crate) fn bad_index(index: i32, count: i32) {
    godot_error!("Index index = {index} is out of bounds (devices.size() = {count}).");
}

pub(crate) fn null_device() {
    godot_error!("Condition \"device.is_null()\" is true.");
}

pub(crate) fn bad_gateway(text: &str) {
    godot_error!(
        "The gateway must be an IP address, with a port or without, or an http URL, not \"{text}\"."
    );
}

pub(crate) fn bad_url() {
    godot_error!("The URL must be an http URL whose host is an IP address.");
}
