//! `portcullis discover`: which devices there are, and what they are good for.

use super::device_report::DeviceReport;
use crate::argument::method::MappingProtocol;
use crate::argument::number::parse_number;
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output::Report;
use crate::output::progress::Progress;
use crate::session::{Purpose, Session};
use clap::{Args, ValueHint};
use portcullis::{Device, Error, ErrorKind, SearchOptions, SearchTarget};
use serde::Serialize;
use std::io::{self, Write};
use std::time::Duration;

/// A search that is content with one gateway waits this long for others beside it.
const QUIET: Duration = Duration::from_millis(100);

const EXAMPLES: &str = "\
Examples:
  portcullis discover                      the gateway, as soon as it is found
  portcullis discover --all --timeout 3000 every UPnP device that answers within 3 s
  portcullis discover --gateway 192.168.1.1";

/// Searches for UPnP gateways and tells what they say of themselves
///
/// Gateways that speak nothing but NAT-PMP or PCP answer no search: 'open' and 'address' ask them all the same. Ends as
/// soon as a usable gateway is found, and 100 ms have brought no other; --all and --filter wait the whole timeout.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DiscoverArgs {
    /// Ask every device, list those that are no gateways too, and wait the whole timeout
    #[arg(long)]
    all: bool,
    /// Only devices with this text in their search target, USN, server or name, in any case
    #[arg(long, value_name = "TEXT", value_hint = ValueHint::Other)]
    filter: Option<String>,
    /// How many routers the multicast search may cross
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 2, value_parser = parse_ttl, value_hint = ValueHint::Other)]
    ttl: u8,
    /// Search over IPv6 in place of IPv4
    #[arg(long)]
    ipv6: bool,
    /// Local UDP port to search from: 0 for any, 1 for the SSDP port 1900
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0,
        value_parser = parse_local_port, value_hint = ValueHint::Other)]
    local_port: u16,
}

#[derive(Debug, Serialize)]
struct DiscoverReport {
    devices: Vec<DeviceReport>,
    elapsed_ms: u64,
}

impl Report for DiscoverReport {
    fn write_for_people(&self, out: &mut dyn Write) -> io::Result<()> {
        for (index, device) in self.devices.iter().enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            device.write_for_people(out)?;
        }
        Ok(())
    }
}

fn parse_ttl(text: &str) -> Result<u8, String> {
    parse_number(text, 1..=u8::MAX.into())
        .and_then(|ttl| u8::try_from(ttl).map_err(|error| error.to_string()))
}

fn parse_local_port(text: &str) -> Result<u16, String> {
    parse_number(text, 0..=u16::MAX.into())
        .and_then(|port| u16::try_from(port).map_err(|error| error.to_string()))
}

pub(crate) fn run(arguments: DiscoverArgs, context: &Context) -> Result<(), Failure> {
    if !context.network.allows(MappingProtocol::Igd) {
        return Err(Failure::usage("'discover' searches by UPnP: '--protocol <LIST>' has to have igd in it"));
    }
    let mut options = SearchOptions::default();
    options.timeout = context.network.timeout();
    options.ttl = arguments.ttl;
    options.ipv6 = arguments.ipv6;
    options.local_port = arguments.local_port;
    if arguments.all {
        options.targets.push(SearchTarget::All);
    } else if arguments.filter.is_none() {
        options.quiet = Some(QUIET);
    }
    let session = Session::start(Purpose::Ask, context)?;
    let progress = Progress::start(&context.output, "searching");
    let result = session.client.discover_with(options).wait();
    drop(progress);
    session.finish(Duration::ZERO);
    let found = result?;
    let filter = arguments.filter.map(|text| text.to_lowercase());
    let passing: Vec<_> =
        found.iter().filter(|device| filter.as_deref().is_none_or(|text| matches(device, text))).collect();
    let devices: Vec<_> = passing
        .iter()
        .filter(|device| arguments.all || device.is_gateway())
        .map(|device| DeviceReport::from(*device))
        .collect();
    if devices.is_empty() {
        return Err(if filter.is_some() {
            nothing_passes(&passing, found.len())
        } else {
            Failure::from(Error::no_gateway(&found))
                .advise(ExitCode::NoGateway, "--all, which lists the devices that are none")
        });
    }
    context.output.report(&DiscoverReport { devices, elapsed_ms: context.started.elapsed_ms() })
}

/// Why a search with a filter lists nothing: nothing that answered passes, or what passes is no gateway.
fn nothing_passes(passing: &[&Device], answered: usize) -> Failure {
    let devices = |count: usize| if count == 1 { "1 device".to_owned() } else { format!("{count} devices") };
    if passing.is_empty() {
        let what = format!("{} answered, and none passes --filter", devices(answered));
        return Failure::new(ErrorKind::NoGateway, &what)
            .and_so("without it the gateways are listed, with --all the other devices too");
    }
    let what = match passing.len() {
        1 => "1 device passed --filter, and is no gateway".to_owned(),
        count => format!("{} passed --filter, and none is a gateway", devices(count)),
    };
    let passing: Vec<_> = passing.iter().map(|&device| device.clone()).collect();
    Failure::from(Error::no_gateway(&passing))
        .about(&what)
        .advise(ExitCode::NoGateway, "--all, which lists the devices that are none")
}

/// Whether a device has this lower-case text in one of the words it is known by.
fn matches(device: &Device, text: &str) -> bool {
    let name = device.description.as_ref().map_or("", |description| &description.friendly_name);
    let words = device.search_targets.iter().map(String::as_str);
    words.chain([&*device.usn, &*device.server, name]).any(|word| word.to_lowercase().contains(text))
}
