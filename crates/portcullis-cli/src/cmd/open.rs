//! `portcullis open`: maps ports, all of them or none.

use super::address::warn_unless_public;
use super::shortfall::{self, Asked};
use crate::argument::duration::{lifetime_in_words, parse_lifetime};
use crate::argument::port::{BOTH, PortPair, protocol_name};
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::join::{Ended, join};
use crate::output::Report;
use crate::output::progress::Progress;
use crate::output::text::Text;
use crate::session::{Session, TIDY};
use crate::termination::Termination;
use clap::{Args, ValueHint};
use portcullis::{Error, ErrorKind, Granted, Lifetime, Mapping, MappingRequest, OnConflict, Protocol, Step};
use serde::Serialize;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  portcullis open 7777                         UDP and TCP port 7777, for an hour
  portcullis open 7777/udp --lifetime 2h
  portcullis open 80:8080/tcp --keep           external port 80 to port 8080 here, until Ctrl-C
  portcullis open 7777 --any-port              another external port if 7777 is taken
  portcullis open 7777 --simulate              without any real gateway";

/// Opens ports: the gateway sends what arrives there to this host
///
/// All ports are opened, or none: when one fails, those that were opened are closed again. Without --keep
/// they stay open when the command ends, until their lifetime is over. The lifetime that is printed is the one
/// asked for, unless --verify or --keep read back what the gateway granted.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct OpenArgs {
    /// External port, and the port of this host where it is another; without a protocol both are opened
    #[arg(required = true, value_name = "PORT[:INTERNAL][/PROTOCOL]", allow_negative_numbers = true,
        value_hint = ValueHint::Other)]
    ports: Vec<PortPair>,
    /// Open UDP for the ports without a protocol
    #[arg(long)]
    udp: bool,
    /// Open TCP for the ports without a protocol
    #[arg(long)]
    tcp: bool,
    /// How long: seconds, a duration such as 90s or 2h, or permanent (also 0). The gateway may grant another
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_lifetime,
        allow_hyphen_values = true, value_hint = ValueHint::Other)]
    lifetime: Lifetime,
    /// What the gateway shows beside the mapping
    #[arg(long, value_name = "TEXT", default_value = portcullis::DEFAULT_DESCRIPTION, value_hint = ValueHint::Other)]
    description: String,
    /// Take another external port where this one belongs to another host; not with --overwrite
    #[arg(long, conflicts_with = "overwrite")]
    any_port: bool,
    /// Take the port away from another host; not with --any-port
    #[arg(long)]
    overwrite: bool,
    /// Read every new mapping back: a gateway that says yes and does not have it is an error. Implied by --keep
    #[arg(long)]
    verify: bool,
    /// Stay until SIGINT or SIGTERM, then close the ports within 2 s (a second signal leaves at once). The
    /// lifetime is not renewed: choose one that is long enough
    #[arg(long)]
    keep: bool,
}

#[derive(Debug, Serialize)]
struct OpenReport {
    mappings: Vec<Opened>,
}

#[derive(Debug, Serialize)]
struct Opened {
    method: &'static str,
    protocol: &'static str,
    internal_address: IpAddr,
    internal_port: u16,
    external_address: Option<IpAddr>,
    external_port: u16,
    lifetime_s: u32,
    gateway: Text,
    elapsed_ms: u64,
}

impl Opened {
    fn new(granted: &Granted, elapsed_ms: u64) -> Self {
        Self {
            method: granted.method().as_str(),
            protocol: protocol_name(granted.protocol),
            internal_address: granted.internal_address,
            internal_port: granted.internal_port.get(),
            external_address: granted.external_address,
            external_port: granted.external_port.get(),
            lifetime_s: granted.lifetime.as_seconds(),
            gateway: Text::from(granted.gateway.as_str()),
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
            let internal = SocketAddr::new(opened.internal_address, opened.internal_port);
            let lifetime = lifetime_in_words(Lifetime::from_seconds(opened.lifetime_s));
            writeln!(
                out,
                "{} {external} -> {internal}, {lifetime}, by {} in {} ms",
                opened.protocol, opened.gateway, opened.elapsed_ms
            )?;
        }
        Ok(())
    }
}

pub(crate) fn run(arguments: OpenArgs, context: &Context) -> Result<(), Failure> {
    let requests = requests(&arguments)?;
    let names: Vec<_> = requests.iter().map(name).collect();
    let asked: Vec<_> = requests.iter().map(|request| asked(request, &arguments)).collect();
    let termination = if arguments.keep { Some(Termination::install()?) } else { None };
    let stop = || termination.as_ref().is_some_and(Termination::is_requested);
    let session = Session::start(context)?;
    let progress = Progress::start(&context.output, "opening");
    let pending = requests.into_iter().map(|request| session.client.map(request)).collect();
    let ended = join(pending, context.started, stop);
    drop(progress);

    let Attempted { mappings, opened, failed } = Attempted::of(ended, &names);
    let may_advise = !(arguments.any_port || arguments.overwrite)
        && failed.first().is_some_and(|(_, error)| is_about_the_port(error));
    if let Some(failure) = Failure::of_mappings(failed, names.len() > 1) {
        close_again(mappings, session, context);
        return Err(if may_advise {
            failure.advise(ExitCode::Conflict, "--any-port or --overwrite")
        } else {
            failure
        });
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
    warn_of(&asked, &mappings, context);
    let Some(termination) = termination else {
        mappings.into_iter().for_each(|mapping| drop(mapping.leave_open()));
        session.finish(Duration::ZERO);
        return Ok(());
    };
    termination.wait();
    context.output.note("closing what was opened");
    close(mappings, session).map_or(Ok(()), Err)
}

/// How a mapping is called in messages.
fn name(request: &MappingRequest) -> String {
    format!("{} {}", protocol_name(request.protocol()), request.external_port_or_internal())
}

/// Whether it was the asking for this very port that failed, so that another may do.
fn is_about_the_port(error: &Error) -> bool {
    error
        .decisive_attempt()
        .is_some_and(|attempt| matches!(attempt.step, Step::Action("AddPortMapping" | "AddAnyPortMapping")))
}

fn asked(request: &MappingRequest, arguments: &OpenArgs) -> Asked {
    let external_port = (!arguments.any_port).then(|| request.external_port_or_internal());
    Asked { external_port, lifetime: arguments.lifetime }
}

/// Warns of what is not as it was asked for, or as it may be expected. Every request has its mapping here.
fn warn_of(asked: &[Asked], mappings: &[Mapping], context: &Context) {
    shortfall::warn(asked.iter().copied().zip(mappings.iter().map(Mapping::granted)), context);
    if let Some(address) = mappings.iter().find_map(|mapping| mapping.granted().external_address) {
        warn_unless_public(address, context);
    }
}

/// A request for each port and protocol, each once.
fn requests(arguments: &OpenArgs) -> Result<Vec<MappingRequest>, Failure> {
    let on_conflict = match (arguments.any_port, arguments.overwrite) {
        (true, _) => OnConflict::AnyPort,
        (_, true) => OnConflict::Overwrite,
        _ => OnConflict::Fail,
    };
    let mut requests: Vec<MappingRequest> = Vec::new();
    for pair in &arguments.ports {
        for protocol in protocols(arguments, pair) {
            let known = requests.iter().find(|known| {
                known.protocol() == protocol && known.external_port_or_internal() == pair.external
            });
            match known {
                Some(known) if known.internal_port() == pair.internal => continue,
                Some(_) => {
                    let (name, port) = (protocol_name(protocol), pair.external);
                    return Err(Failure::usage(&format!(
                        "'{name} {port}' is asked for twice in '<PORT[:INTERNAL][/PROTOCOL]>...', with different internal ports"
                    )));
                }
                None => {}
            }
            let request = MappingRequest::new(protocol, pair.internal)
                .external_port(pair.external)
                .lifetime(arguments.lifetime)
                .description(&arguments.description)
                .on_conflict(on_conflict);
            requests.push(if arguments.verify || arguments.keep { request.read_back() } else { request });
        }
    }
    Ok(requests)
}

fn protocols(arguments: &OpenArgs, pair: &PortPair) -> impl Iterator<Item = Protocol> {
    let any = arguments.udp == arguments.tcp;
    let (only, udp) = (pair.protocol, arguments.udp);
    BOTH.into_iter().filter(move |&protocol| match only {
        Some(only) => protocol == only,
        None => any || (protocol == Protocol::Udp) == udp,
    })
}

/// What came of the requests.
#[derive(Debug, Default)]
struct Attempted {
    mappings: Vec<Mapping>,
    opened: Vec<Opened>,
    failed: Vec<(String, Error)>,
}

impl Attempted {
    fn of(ended: Vec<Ended<Mapping>>, names: &[String]) -> Self {
        let mut attempted = Self::default();
        for (Ended { result, elapsed_ms }, name) in ended.into_iter().zip(names) {
            match result {
                Ok(mapping) => {
                    attempted.opened.push(Opened::new(mapping.granted(), elapsed_ms));
                    attempted.mappings.push(mapping);
                }
                Err(error) => attempted.failed.push((name.clone(), error)),
            }
        }
        attempted
    }
}

/// Closes what was opened by a command that failed: all or nothing. Whether that succeeded.
fn close_again(mappings: Vec<Mapping>, session: Session, context: &Context) -> bool {
    let left = close(mappings, session);
    if let Some(left) = &left {
        context.output.warn(left.message.as_str());
    }
    left.is_none()
}

/// Closes mappings, all at once; says which of them could not be closed.
fn close(mappings: Vec<Mapping>, session: Session) -> Option<Failure> {
    let closing: Vec<_> = mappings
        .into_iter()
        .map(|mapping| {
            let name = format!("{} {}", protocol_name(mapping.protocol()), mapping.external_port());
            (name, mapping.close())
        })
        .collect();
    // Returns when the last of them has ended, and ends those that take longer.
    session.finish(TIDY);
    let mut failure = None;
    for (name, pending) in closing {
        if let Err(error) = pending.wait() {
            let left = format!("{name} may still be open");
            failure.get_or_insert_with(|| match error.kind() {
                ErrorKind::Closed => Failure::new(ErrorKind::Timeout, &format!("{left}: no answer in time")),
                _ => Failure::from(error).about(&left),
            });
        }
    }
    failure
}
