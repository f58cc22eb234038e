//! A client set up by the command line, and the simulated gateway beside it where one was asked for.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use portcullis::{Client, Config, Event};
use portcullis_sim::{Scenario, Server};
use std::net::Ipv4Addr;
use std::thread::JoinHandle;
use std::time::Duration;

/// How long tidying up may take once the program is to end.
pub(crate) const TIDY: Duration = Duration::from_millis(1_800);

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    narrator: Option<JoinHandle<()>>,
    /// Ends with the session.
    _simulation: Option<Server>,
}

impl Session {
    pub(crate) fn start(context: &Context) -> Result<Self, Failure> {
        let network = &context.network;
        let mut config = Config::new().timeout(network.timeout());
        for gateway in &network.gateway {
            config = config.gateway(gateway.clone());
        }
        if let Some(interface) = &network.interface {
            config = config.interface(interface);
        }
        let simulation = match &network.simulate {
            Some(scenario) => Some(simulate(scenario.clone(), &context.output)?),
            None => None,
        };
        if let Some(server) = &simulation {
            config = config.gateway(server.ssdp_address());
        }
        let client = Client::with_config(config)
            .map_err(|error| Failure::io("cannot start the network thread", &error))?;
        let narrator = context.output.verbose.then(|| narrate(&client, context));
        Ok(Self { client, narrator, _simulation: simulation })
    }

    /// Lets what is under way end, for at most `timeout`.
    pub(crate) fn finish(self, timeout: Duration) {
        // With nothing under way and nobody telling of it, the end of the process is soon enough.
        if timeout.is_zero() && self.narrator.is_none() {
            return;
        }
        self.client.shutdown(timeout);
        if let Some(narrator) = self.narrator {
            let _ = narrator.join();
        }
    }
}

/// Starts the gateway that takes the place of a real one.
fn simulate(scenario: Scenario, output: &Output) -> Result<Server, Failure> {
    let name = scenario.name();
    let server = start_simulation(scenario)?;
    output.note(&format!("simulation of a gateway ({name}): no real gateway is asked, no port is opened"));
    Ok(server)
}

pub(crate) fn start_simulation(scenario: Scenario) -> Result<Server, Failure> {
    Server::start(scenario, Ipv4Addr::LOCALHOST.into())
        .map_err(|error| Failure::io("cannot start the simulated gateway on 127.0.0.1", &error))
}

/// Tells everything that happens, on a thread of its own.
fn narrate(client: &Client, context: &Context) -> JoinHandle<()> {
    let (events, output, started) = (client.events(), context.output, context.started);
    std::thread::spawn(move || {
        for event in events {
            let what = match event {
                Event::Found(device) => {
                    let note = device.note().map(|note| format!(": {note}")).unwrap_or_default();
                    format!("found {device} at {}{note}", device.location)
                }
                Event::Mapped(granted) => format!(
                    "{} mapped {} port {} to {}:{}",
                    granted.gateway,
                    granted.protocol,
                    granted.external_port,
                    granted.internal_address,
                    granted.internal_port
                ),
                Event::Closed { protocol, external_port } => {
                    format!("{protocol} port {external_port} closed")
                }
                Event::Failed(error) => format!("failed: {error}"),
                _ => continue,
            };
            output.note(&format!("{} ms: {what}", started.elapsed_ms()));
        }
    })
}
