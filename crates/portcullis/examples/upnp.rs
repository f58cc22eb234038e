//! What a Godot game does with its `UPNP` class, in Rust.
//!
//! `cargo run --example upnp [GATEWAY]`, where GATEWAY is an address such as 192.168.1.1 or 127.0.0.1:40001;
//! without one, the network is searched.

use portcullis::Config;
use portcullis::upnp::{Upnp, UpnpResult};
use std::error::Error;
use std::io::{self, Write};

const PORT: i32 = 7777;

fn main() -> Result<(), Box<dyn Error>> {
    let upnp = match std::env::args().nth(1) {
        Some(gateway) => {
            Upnp::with_config(Config::new().gateway(gateway.parse::<portcullis::GatewayAddress>()?))
        }
        None => Upnp::new(),
    };
    let mut out = io::stdout();
    let mut result = upnp.discover(2_000, 2, "InternetGatewayDevice");
    if let Some(gateway) = upnp.get_gateway() {
        writeln!(out, "{}: {}", gateway.friendly_name(), gateway.get_igd_status())?;
        result = upnp.add_port_mapping(PORT, 0, "example", "UDP", 3_600);
        if result == UpnpResult::OnlyPermanentLeaseSupported {
            result = upnp.add_port_mapping(PORT, 0, "example", "UDP", 0);
        }
    }
    if result != UpnpResult::Success {
        return Err(result.to_string().into());
    }
    writeln!(out, "join {}, UDP port {PORT}", upnp.query_external_address())?;
    upnp.delete_port_mapping(PORT, "UDP");
    Ok(())
}
