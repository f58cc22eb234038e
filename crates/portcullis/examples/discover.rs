//! Shows every gateway as soon as it is known.
//!
//! `cargo run --example discover [GATEWAY]`, where GATEWAY is an address such as 192.168.1.1 or
//! 127.0.0.1:40001; without one, the network is searched.

use portcullis::{AddressKind, Client, Config};
use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let mut config = Config::new().timeout(Duration::from_secs(2));
    if let Some(gateway) = std::env::args().nth(1) {
        config = config.gateway(gateway.parse::<portcullis::GatewayAddress>()?);
    }
    let client = Client::with_config(config)?;

    let mut out = io::stdout();
    let mut search = client.discover();
    while let Some(device) = search.next_device() {
        write!(out, "{device}")?;
        if let Some(address) = device.status.external_address {
            write!(out, ", external address {address} ({})", AddressKind::of(address))?;
        }
        match device.note() {
            Some(note) => writeln!(out, "; {note}")?,
            None => writeln!(out)?,
        }
    }
    // The error says what was tried where nobody answered.
    let devices = search.wait()?;
    writeln!(out, "devices: {}", devices.len())?;
    Ok(())
}
