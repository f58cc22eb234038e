//! Opens a port, shows where it is, and closes it again.
//!
//! `cargo run --example open [GATEWAY]`, where GATEWAY is an address such as 192.168.1.1 or 127.0.0.1:40001;
//! without one, the network is searched.

use portcullis::{Client, Config, Lifetime, MappingRequest, Protocol};
use std::error::Error;
use std::io::{self, Write};
use std::num::NonZeroU16;

fn main() -> Result<(), Box<dyn Error>> {
    let mut config = Config::new();
    if let Some(gateway) = std::env::args().nth(1) {
        config = config.gateway(gateway.parse::<portcullis::GatewayAddress>()?);
    }
    let client = Client::with_config(config)?;

    let port = NonZeroU16::new(7777).ok_or("not a port")?;
    let request = MappingRequest::new(Protocol::Udp, port)
        .description("example")
        .lifetime(Lifetime::from_seconds(3_600));
    let mapping = client.map(request).wait()?;

    let mut out = io::stdout();
    match mapping.external_address() {
        Some(address) => writeln!(out, "open: {address}, UDP port {}", mapping.external_port())?,
        None => writeln!(out, "open: UDP port {}, the gateway does not tell where", mapping.external_port())?,
    }
    let existed = mapping.close().wait()?.existed();
    writeln!(out, "{}", if existed { "closed" } else { "it was gone already" })?;
    Ok(())
}
