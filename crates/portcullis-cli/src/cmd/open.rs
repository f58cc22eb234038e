//! `portcullis open`: maps ports, all of them or none.

use super::address::warn_unless_public;
use super::keep::{self, Held, NoticeArgs, Notices, View, failure_to_close};
use super::ports::{PortArgs, name};
use super::shortfall;
use crate::argument::duration::lifetime_in_words;
use crate::argument::method::MappingProtocol;
use crate::argument::port::protocol_name;
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::join::{Ended, join};
use crate::output::Report;
use crate::output::inside::inside;
use crate::output::progress::Progress;
use crate::output::text::Text;
use crate::session::{AFTERWARDS, Session, TIDY};
use crate::termination::Termination;
use clap::Args;
use portcullis::{
    Client, Closed, Error, GatewayAddress, Granted, KeptMapping, Lifetime, Mapping, MappingRequest, Pending,
    Step,
};
use serde::Serialize;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

const EXAMPLES: &str = "\
Examples:
  portcullis open 7777                         UDP and TCP port 7777, for an hour
  portcullis open 7777/udp --lifetime 2h
  portcullis open 80:8080/tcp --keep           external port 80 to port 8080 here, until Ctrl-C
  portcullis open 7777 --any-port              another external port if 7777 is taken
  portcullis open 0:6881/udp --keep            to port 6881 here, from the port that the gateway chooses
  portcullis open 7777 --ipv6                  port 7777 of this host's own IPv6 address
  portcullis open 7777 --simulate              without any real gateway";

/// Opens ports: the gateway sends what arrives there to this host
///
/// By PCP, NAT-PMP or UPnP, whichever the gateway speaks. Opens all ports or none: if one fails, the command closes those
/// that it opened itself. Ports that were open before stay open. Without --keep, ports stay open after the command ends,
/// until their lifetime ends; 'close', 'list' and 'status' find them in the journal. The lifetime printed is the one
/// that the gateway granted; by UPnP it is the one requested, unless --verify or --keep read it back.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct OpenArgs {
    #[command(flatten)]
    ports: PortArgs,
    /// Read every new mapping back, and fail if the gateway does not have it. Implied by --keep
    #[arg(long)]
    verify: bool,
    /// Keep the ports open until SIGINT or SIGTERM: renew them, open them again when the gateway restarts or the network
    /// changes, and print a line for each change. At the end, close within 2 s what this command opened; what was
    /// open before, or is kept by another program, stays open. A second signal ends the command at once
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    notices: NoticeArgs,
}

#[derive(Debug, Serialize)]
struct OpenReport {
    mappings: Vec<Opened>,
}

#[derive(Debug, Serialize)]
struct Opened {
    method: &'static str,
    protocol: &'static str,
    /// `null` where the gateway maps to another NAT, in front of this host.
    internal_address: Option<IpAddr>,
    internal_port: u16,
    external_address: Option<IpAddr>,
    external_port: u16,
    lifetime_s: u32,
    gateway: Text,
    /// `null` where no default gateway is known, and over IPv6.
    default_gateway: Option<bool>,
    behind_nat: bool,
    elapsed_ms: u64,
}

impl Opened {
    fn new(granted: &Granted, elapsed_ms: u64) -> Self {
        Self {
            method: granted.method().as_str(),
            protocol: protocol_name(granted.protocol),
            internal_address: (!granted.behind_nat).then_some(granted.internal_address),
            internal_port: granted.internal_port.get(),
            external_address: granted.external_address,
            external_port: granted.external_port.get(),
            lifetime_s: granted.told_lifetime().as_seconds(),
            gateway: Text::from(granted.gateway.as_str()),
            default_gateway: granted.default_gateway,
            behind_nat: granted.behind_nat,
            elapsed_ms,
        }
    }
}

impl Report for OpenReport {
    fn write_for_people(&self, out: &mut dyn Write) -> io::Result<()> {
        for opened in &self.mappings {
            let external = match opened.external_address {
                Some(address) => SocketAddr::new(address, opened.external_port).to_string(),
                None => format!("port {} (address not known)", opened.external_port),
            };
            let internal = inside(opened.internal_address, opened.internal_port);
            let lifetime = lifetime_in_words(Lifetime::from_seconds(opened.lifetime_s));
            writeln!(
                out,
                "{} {external} -> {internal}, {lifetime}, by {} from {} in {} ms",
                opened.protocol, opened.method, opened.gateway, opened.elapsed_ms
            )?;
        }
        Ok(())
    }
}

/// What opening gives.
trait Opens: Sized {
    fn granted(&self) -> Granted;
    fn undo(self) -> Pending<Closed>;
}

impl Opens for Mapping {
    fn granted(&self) -> Granted {
        self.granted().clone()
    }

    fn undo(self) -> Pending<Closed> {
        self.undo()
    }
}

impl Opens for KeptMapping {
    fn granted(&self) -> Granted {
        self.granted()
    }

    fn undo(self) -> Pending<Closed> {
        self.undo()
    }
}

pub(crate) fn run(arguments: &OpenArgs, context: &Context) -> Result<ExitCode, Failure> {
    let mut requests = arguments.ports.requests(context)?;
    if arguments.verify || arguments.keep {
        requests = requests.into_iter().map(MappingRequest::read_back).collect();
    }
    if let (false, Some(option)) = (arguments.keep, arguments.notices.first_given()) {
        let why = "without it, nobody is there to see what changes";
        return Err(Failure::usage(&format!("the argument '{option}' needs '--keep': {why}")));
    }
    if !arguments.keep {
        let (session, mappings) = open(requests, Client::map, None, arguments, context)?;
        let is_behind_nat = mappings.iter().any(|mapping| mapping.granted().behind_nat);
        mappings.into_iter().for_each(|mapping| drop(mapping.leave_open()));
        session.finish(AFTERWARDS);
        return Ok(if is_behind_nat { ExitCode::BehindNat } else { ExitCode::Done });
    }
    let termination = Termination::install()?;
    let notices = Notices::prepare(&arguments.notices, arguments.ports.names_one(), false)?;
    let (session, mappings) = open(requests.clone(), Client::keep, Some(&termination), arguments, context)?;
    let held = requests.into_iter().zip(mappings).map(|(request, mapping)| Held::kept(request, mapping));
    let view = View::beside_report(context.output);
    keep::until_told(held.collect(), session, (view, notices), &termination, context).map(|()| ExitCode::Done)
}

/// Opens all and tells of it, or nothing.
fn open<M: Opens>(
    requests: Vec<MappingRequest>,
    start: fn(&Client, MappingRequest) -> Pending<M>,
    termination: Option<&Termination>,
    arguments: &OpenArgs,
    context: &Context,
) -> Result<(Session, Vec<M>), Failure> {
    let names: Vec<_> = requests.iter().map(name).collect();
    let asked: Vec<_> = requests.iter().map(|request| arguments.ports.asked(request)).collect();
    let stop = || termination.is_some_and(Termination::is_requested);
    let session = Session::start(arguments.ports.purpose(), context)?;
    let progress = Progress::start(&context.output, "opening");
    let pending = requests.into_iter().map(|request| start(&session.client, request)).collect();
    let ended = join(pending, context.started, stop);
    drop(progress);

    let Attempted { mappings, granted, opened, failed } = Attempted::of(ended, &names);
    let may_advise = arguments.ports.leaves_conflicts_open()
        && failed.first().is_some_and(|(_, error)| is_about_the_port(error));
    // NAT-PMP and PCP take no port away from anybody.
    let network = &context.network;
    let names_no_upnp = !network.gateway.is_empty()
        && network.gateway.iter().all(|gateway| matches!(gateway, GatewayAddress::PortControl(_)));
    let may_overwrite = network.allows(MappingProtocol::Igd) && !names_no_upnp;
    let advice = if may_overwrite { "--any-port or --overwrite" } else { "--any-port" };
    if let Some(failure) = Failure::of_mappings(failed, names.len() > 1) {
        close_again(mappings, session, context);
        return Err(if may_advise { failure.advise(ExitCode::Conflict, advice) } else { failure });
    }
    let report = OpenReport { mappings: opened };
    let printed = match termination {
        // Whoever starts the program and does not stay to read has no use for what it keeps open.
        Some(_) => context.output.report_to_reader(&report),
        None => context.output.report(&report),
    };
    if let Err(unread) = printed {
        // A port that nobody was told of is not left open.
        let is_closed = close_again(mappings, session, context);
        return Err(if is_closed { unread.and_so("what was opened is closed again") } else { unread });
    }
    shortfall::warn(asked.into_iter().zip(&granted), context);
    if let Some(address) = granted.iter().find_map(translated_to) {
        warn_unless_public(address, context);
    }
    Ok((session, mappings))
}

/// The external address of a mapping that is no pinhole: that one's is our own.
fn translated_to(granted: &Granted) -> Option<IpAddr> {
    granted.external_address.filter(|&address| address != granted.internal_address)
}

/// Whether it was the asking for this very port that failed, so that another may do.
fn is_about_the_port(error: &Error) -> bool {
    error.decisive_attempt().is_some_and(|attempt| attempt.step != Step::ReadBack)
}

/// What came of the requests.
#[derive(Debug)]
struct Attempted<M> {
    mappings: Vec<M>,
    granted: Vec<Granted>,
    opened: Vec<Opened>,
    failed: Vec<(String, Error)>,
}

impl<M: Opens> Attempted<M> {
    fn of(ended: Vec<Ended<M>>, names: &[String]) -> Self {
        let (mut mappings, mut all_granted) = (Vec::new(), Vec::new());
        let (mut opened, mut failed) = (Vec::new(), Vec::new());
        for (Ended { result, elapsed_ms }, name) in ended.into_iter().zip(names) {
            match result {
                Ok(mapping) => {
                    let granted = mapping.granted();
                    opened.push(Opened::new(&granted, elapsed_ms));
                    all_granted.push(granted);
                    mappings.push(mapping);
                }
                Err(error) => failed.push((name.clone(), error)),
            }
        }
        Self { mappings, granted: all_granted, opened, failed }
    }
}

/// Closes what was opened by a command that failed, and leaves what was open before: all or nothing. Whether that
/// succeeded.
fn close_again<M: Opens>(mappings: Vec<M>, session: Session, context: &Context) -> bool {
    // Whoever waits for the reason of a failure does not wait long for what is only done in passing.
    let patience = if mappings.is_empty() { AFTERWARDS } else { TIDY };
    let closing: Vec<_> = mappings
        .into_iter()
        .map(|mapping| {
            let Granted { protocol, external_port, .. } = mapping.granted();
            (format!("{} {external_port}", protocol_name(protocol)), mapping.undo())
        })
        .collect();
    // Returns when the last of them has ended, and ends those that take longer.
    session.finish(patience);
    let left = failure_to_close(closing);
    if let Some(left) = &left {
        context.output.warn(left.message.as_str());
    }
    left.is_none()
}
