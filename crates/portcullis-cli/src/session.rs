//! A client set up by the command line, and the simulated gateway beside it where one was asked for.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use crate::output::inside::inside;
use portcullis::{Client, Config, Event, Events, GatewayAddress, JournalPlace};
use portcullis_sim::{Scenario, Server};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long tidying up may take once the program is to end.
pub(crate) const TIDY: Duration = Duration::from_millis(1_800);
/// How long a command that has said what it did waits for what it does in passing, which is to delete what was left
/// behind: a gateway that is there answers sooner, and the next command tries again.
pub(crate) const AFTERWARDS: Duration = Duration::from_millis(500);

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To ask: nothing is written down.
    Ask,
    /// To map ports or to close them.
    Map,
    /// The same over IPv6.
    MapIpv6,
    /// To delete what the journal has: without it there is nothing to do.
    CleanUp,
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    /// Everything that has happened and nobody has looked at yet.
    pub(crate) events: Events,
    narrator: Option<JoinHandle<()>>,
    output: Output,
    keeps_journal: bool,
    /// Ends with the session.
    _simulation: Option<Server>,
}

impl Session {
    pub(crate) fn start(purpose: Purpose, context: &Context) -> Result<Self, Failure> {
        let network = &context.network;
        if purpose == Purpose::MapIpv6 {
            network.leads_over_ipv6().map_err(Failure::usage)?;
        }
        let mut config = Config::new().timeout(network.timeout()).methods(network.methods());
        for gateway in &network.gateway {
            config = config.gateway(gateway.clone());
        }
        if let Some(interface) = &network.interface {
            config = config.interface(interface);
        }
        let simulation = match &network.simulate {
            Some(scenario) => Some(simulate(scenario.clone(), purpose, &context.output)?),
            None => None,
        };
        if let Some(server) = &simulation {
            config = config
                .gateway(server.ssdp_address())
                .gateway(GatewayAddress::PortControl(server.port_control_address()));
        }
        let journal = if purpose == Purpose::Ask { JournalPlace::Off } else { context.journal.clone() };
        let (client, keeps_journal) = start_client(config, journal, purpose, &context.output)?;
        let events = client.events();
        let narrator = context.output.verbose.then(|| narrate(&client, context));
        let output = context.output;
        Ok(Self { client, events, narrator, output, keeps_journal, _simulation: simulation })
    }

    /// Lets what is under way end, for at most `timeout`, and gives what has happened in the meantime.
    pub(crate) fn finish(self, timeout: Duration) -> Vec<Event> {
        // With nothing under way and nobody telling of it, the end of the process is soon enough.
        if timeout.is_zero() && self.narrator.is_none() && !self.keeps_journal {
            while let Some(event) = self.events.try_next() {
                warn_of_trouble(&event, &self.output);
            }
            return Vec::new();
        }
        self.client.shutdown(timeout);
        if let Some(narrator) = self.narrator {
            let _ = narrator.join();
        }
        let events: Vec<_> = self.events.collect();
        events.iter().for_each(|event| warn_of_trouble(event, &self.output));
        events
    }
}

/// A journal that cannot be had is no reason to leave a port closed, unless that very one was asked for.
fn start_client(
    config: Config,
    journal: JournalPlace,
    purpose: Purpose,
    output: &Output,
) -> Result<(Client, bool), Failure> {
    let cannot_start = |error: &io::Error| Failure::io("cannot start the network thread", error);
    let keeps_journal = journal != JournalPlace::Off;
    let with_journal = match Client::with_config(config.clone().journal(journal.clone())) {
        Ok(client) => return Ok((client, keeps_journal)),
        Err(error) if !keeps_journal => return Err(cannot_start(&error)),
        Err(error) => error,
    };
    if let JournalPlace::Directory(directory) = journal {
        let what = format!("invalid value '{}' for '--journal <DIR>'", directory.display());
        return Err(Failure::io(&what, &with_journal));
    }
    if purpose == Purpose::CleanUp {
        return Err(Failure::io("cannot use the journal", &with_journal));
    }
    let client = Client::with_config(config).map_err(|error| cannot_start(&error))?;
    output.warn(&format!(
        "no journal is kept, so later commands will not find what this one opens: {with_journal} (--no-journal does \
         without, --journal DIR names another place)"
    ));
    Ok((client, false))
}

/// What is wrong with the journal, or with the way that was taken, is said, and stands in nobody's way.
pub(crate) fn warn_of_trouble(event: &Event, output: &Output) {
    match event {
        Event::JournalTrouble(trouble) => output.warn(trouble),
        Event::OtherGateway { gateway, preferred } => output.warn(&format!(
            "{gateway} is not this host's default gateway: {preferred}, which leads to the internet, did not answer, or refused"
        )),
        Event::OtherWayOut { gateway, interface } => output.warn(&format!(
            "packets to the internet leave by {interface}, and {gateway} is not on that way: answers to what comes in there \
             may get lost"
        )),
        _ => {}
    }
}

/// Starts the gateway that takes the place of a real one.
fn simulate(scenario: Scenario, purpose: Purpose, output: &Output) -> Result<Server, Failure> {
    let name = scenario.name();
    let address: IpAddr = match purpose {
        Purpose::MapIpv6 => Ipv6Addr::LOCALHOST.into(),
        _ => Ipv4Addr::LOCALHOST.into(),
    };
    let server = start_simulation(scenario, address)?;
    output.note(&format!("simulation of a gateway ({name}): no real gateway is asked, no port is opened"));
    Ok(server)
}

pub(crate) fn start_simulation(scenario: Scenario, address: IpAddr) -> Result<Server, Failure> {
    Server::start(scenario, address)
        .map_err(|error| Failure::io(&format!("cannot start the simulated gateway on {address}"), &error))
}

/// Tells what happens, on a thread of its own.
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
                    "{} mapped {} port {} to {} by {}",
                    granted.gateway,
                    granted.protocol,
                    granted.external_port,
                    inside(
                        (!granted.behind_nat).then_some(granted.internal_address),
                        granted.internal_port.get()
                    ),
                    granted.method()
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
