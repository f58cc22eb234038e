//! `portcullis simulate`: a gateway to try things on, on loopback or on a network made for tests.

use crate::argument::scenario::{self, ScenarioParser};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::text::Text;
use crate::output::{Report, table};
use crate::session::start_simulation;
use crate::termination::Termination;
use clap::Args;
use portcullis_sim::{Scenario, Server};
use serde::Serialize;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};

const EXAMPLES: &str = "\
Examples:
  portcullis simulate --scenario conflict
  portcullis open 7777 --gateway 127.0.0.1:PORT         with the port that it prints
  portcullis open 7777 --gateway pcp://127.0.0.1:PORT   by NAT-PMP or PCP alone";

/// Runs a simulated gateway on loopback until it is stopped
///
/// It answers searches sent to the address it prints, and to no other, and NAT-PMP and PCP at another where its scenario
/// speaks them; no port is really opened. With --on everybody on a test network finds it by multicast: programs that
/// cannot be told where it is are tried so.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SimulateArgs {
    /// Which gateway
    #[arg(long, value_name = "NAME", default_value = scenario::DEFAULT, value_parser = ScenarioParser, hide_possible_values = true)]
    scenario: Scenario,
    /// Be on the test network of this private address, such as a network namespace's; refused where there is a route
    /// to the internet, because programs there would take it for a real gateway
    #[arg(long, value_name = "ADDRESS")]
    on: Option<Ipv4Addr>,
    /// Name all scenarios, and run none
    #[arg(long, conflicts_with_all = ["scenario", "on"])]
    list_scenarios: bool,
}

#[derive(Debug, Serialize)]
struct SimulateReport {
    scenario: &'static str,
    ssdp_address: SocketAddr,
    /// Where PCP or NAT-PMP is spoken, if either is.
    port_control_address: Option<SocketAddr>,
    location: Text,
}

impl Report for SimulateReport {
    fn write_for_people(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "scenario             {}", self.scenario)?;
        writeln!(out, "ssdp address         {}", self.ssdp_address)?;
        if let Some(address) = self.port_control_address {
            writeln!(out, "pcp, nat-pmp server  pcp://{address}")?;
        }
        writeln!(out, "location             {}", self.location)
    }
}

#[derive(Debug, Serialize)]
struct ScenariosReport {
    scenarios: Vec<ScenarioReport>,
}

#[derive(Debug, Serialize)]
struct ScenarioReport {
    name: &'static str,
    summary: &'static str,
}

impl Report for ScenariosReport {
    fn write_for_people(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows = self.scenarios.iter().map(|scenario| vec![scenario.name.into(), scenario.summary.into()]);
        table::write(out, &["SCENARIO", "GATEWAY"], rows)
    }
}

pub(crate) fn run(arguments: SimulateArgs, context: &Context) -> Result<(), Failure> {
    if arguments.list_scenarios {
        let scenarios = Scenario::all()
            .map(|scenario| ScenarioReport { name: scenario.name(), summary: scenario.summary() });
        return context.output.report(&ScenariosReport { scenarios: scenarios.collect() });
    }
    let termination = Termination::install()?;
    let scenario = arguments.scenario.name();
    let server = match arguments.on {
        None => start_simulation(arguments.scenario, Ipv4Addr::LOCALHOST.into())?,
        Some(address) => Server::start_on_network(arguments.scenario, address).map_err(|error| {
            Failure::io(&format!("cannot start the simulated gateway on {address}"), &error)
        })?,
    };
    context.output.report(&SimulateReport {
        scenario,
        ssdp_address: server.ssdp_address(),
        port_control_address: server
            .with_gateway(|gateway| gateway.is_port_control_open())
            .then(|| server.port_control_address()),
        location: Text::from(server.location().as_str()),
    })?;
    termination.wait();
    Ok(())
}
