//! The client: what a program talks to.

use crate::config::Config;
use crate::driver::{Link, Start};
use crate::event::Events;
use crate::external_address::ExternalAddress;
use crate::kept_mapping::KeptMapping;
use crate::mapping::Mapping;
use crate::pending::{Discovery, Pending};
use crate::standing_request::StandingRequest;
use core::num::NonZeroU16;
use core::time::Duration;
use portcullis_proto::client::{Closed, ControlPoint, MappingRequest, Outcome, SearchOptions};
use portcullis_proto::igd::wan_connection::{Action, PortMappingEntry};
use portcullis_proto::wire::soap::Arguments;
use portcullis_proto::{Protocol, Time};
use std::io;
use std::sync::Arc;

/// Finds gateways and opens ports on them.
///
/// A client owns one background thread; its methods start an operation there and return at once with
/// a handle to wait on or to await. Clones share the thread. When the client and all its handles are
/// gone (mappings and pending operations; events do not count), the thread finishes what is under way
/// (five seconds at most) and ends.
///
/// A forked process has a copy of the client and not its thread: every operation ends with
/// [`Closed`](crate::ErrorKind::Closed) there, dropping a copied [`Mapping`] leaves it open, and copied
/// [`Events`] wait for ever. It can make a client of its own.
///
/// # Examples
///
/// ```
/// use portcullis::{Client, MappingRequest, Protocol};
/// use std::num::NonZeroU16;
///
/// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
/// # let config = portcullis::Config::new().gateway(gateway.ssdp_address());
/// // `Client::new()` searches the network; this one was told where its gateway is.
/// let client = Client::with_config(config)?;
/// let port = NonZeroU16::new(7777).unwrap();
/// let mapping = client.map(MappingRequest::new(Protocol::Udp, port)).wait()?;
/// println!("reachable at {:?}, port {}", mapping.external_address(), mapping.external_port());
/// mapping.close().wait()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    link: Arc<Link>,
    timeout: Duration,
    interface: Option<String>,
}

impl Client {
    /// A client with the default configuration: it searches every interface.
    ///
    /// # Errors
    ///
    /// When the operating system gives no thread or no poller.
    pub fn new() -> io::Result<Self> {
        Self::with_config(Config::new())
    }

    /// A client that is set up by hand.
    ///
    /// # Errors
    ///
    /// When the operating system gives no thread or no poller, or when the journal that is asked for cannot be had.
    pub fn with_config(config: Config) -> io::Result<Self> {
        let timeout = config.total_timeout();
        let interface = config.search_interface().map(str::to_owned);
        let journal = config.open_journal()?;
        let link = Link::start(config.into_proto(), journal)?;
        Ok(Self { link, timeout, interface })
    }

    /// Searches for gateways for the whole timeout, and asks each for its status and external address.
    pub fn discover(&self) -> Discovery {
        let mut options = SearchOptions::default();
        options.timeout = self.timeout;
        self.discover_with(options)
    }

    /// Searches for devices as told.
    pub fn discover_with(&self, mut options: SearchOptions) -> Discovery {
        if options.interface.is_none() {
            options.interface.clone_from(&self.interface);
        }
        let started = self.link.operation(Box::new(|client, now| client.discover(now, options)));
        Discovery::new(Pending::new(&self.link, started, |outcome, _| match outcome {
            Outcome::Devices(devices) => Some(devices),
            _ => None,
        }))
    }

    /// Maps a port: finds a gateway if none is known yet, and asks one after the other until one grants it.
    ///
    /// # Errors
    ///
    /// [`NoGateway`](crate::ErrorKind::NoGateway) when none was found, [`Conflict`](crate::ErrorKind::Conflict)
    /// when the port is another host's, [`Refused`](crate::ErrorKind::Refused),
    /// [`Unsupported`](crate::ErrorKind::Unsupported) or [`Timeout`](crate::ErrorKind::Timeout) by what the
    /// gateways said; [`Error::attempts`](crate::Error::attempts) has every one of them.
    pub fn map(&self, request: MappingRequest) -> Pending<Mapping> {
        let timeout = self.timeout;
        self.start(Box::new(move |client, now| client.map(now, request, timeout)), |outcome, link| {
            match outcome {
                Outcome::Mapped(granted) => Some(Mapping::new(granted, link)),
                _ => None,
            }
        })
    }

    /// Maps a port as [`map`](Self::map) does, and keeps it open: it is renewed by the lifetime that was granted, and
    /// made again when the gateway restarts or forgets it, when the network changes, or after sleep.
    /// [`Event::Changed`](crate::Event::Changed) tells of everything that happens to it.
    ///
    /// # Errors
    ///
    /// As [`map`](Self::map): for the first time it has to be granted within the timeout.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::{Client, MappingRequest, Protocol};
    /// use std::num::NonZeroU16;
    ///
    /// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
    /// # let config = portcullis::Config::new().gateway(gateway.ssdp_address());
    /// # let client = Client::with_config(config)?;
    /// let port = NonZeroU16::new(7777).unwrap();
    /// let mapping = client.keep(MappingRequest::new(Protocol::Udp, port)).wait()?;
    /// println!("reachable at {:?}", mapping.granted().external_address);
    /// mapping.close().wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn keep(&self, request: MappingRequest) -> Pending<KeptMapping> {
        let timeout = self.timeout;
        self.start(Box::new(move |client, now| client.keep(now, request, timeout)), |outcome, link| {
            match outcome {
                Outcome::Kept { mapping, granted } => {
                    Some(KeptMapping::new(StandingRequest::new(mapping, link), granted))
                }
                _ => None,
            }
        })
    }

    /// Asks for a port for as long as it takes, and keeps it as [`keep`](Self::keep) does: it does not fail, be there a
    /// gateway by now or not. The handle is there at once; [`Event::Changed`](crate::Event::Changed) tells the rest.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) when the client was shut down.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::{ChangeKind, Client, Event, MappingRequest, Protocol};
    /// use std::num::NonZeroU16;
    ///
    /// # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
    /// # let config = portcullis::Config::new().gateway(gateway.ssdp_address());
    /// # let client = Client::with_config(config)?;
    /// let mut events = client.events();
    /// let port = NonZeroU16::new(7777).unwrap();
    /// let request = client.keep_asking(MappingRequest::new(Protocol::Udp, port)).wait()?;
    /// let is_mapped = |event: &Event| matches!(event, Event::Changed(change) if change.kind == ChangeKind::Mapped);
    /// assert!(events.any(|event| is_mapped(&event)));
    /// assert!(request.is_open());
    /// request.close().wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn keep_asking(&self, request: MappingRequest) -> Pending<StandingRequest> {
        self.start(Box::new(|client, now| client.begin_asking(now, request)), |outcome, link| match outcome {
            Outcome::Asking(mapping) => Some(StandingRequest::new(mapping, link)),
            _ => None,
        })
    }

    /// [`map`](Self::map) at this control point and no other.
    ///
    /// # Errors
    ///
    /// As [`map`](Self::map), but for `NoGateway`.
    pub fn map_at(&self, point: ControlPoint, request: MappingRequest) -> Pending<Mapping> {
        let timeout = self.timeout;
        self.start(
            Box::new(move |client, now| client.map_at(now, &point, request, timeout)),
            |outcome, link| match outcome {
                Outcome::Mapped(granted) => Some(Mapping::new(granted, link)),
                _ => None,
            },
        )
    }

    /// Closes a port for this host, whichever program opened it: all that the [journal](crate::Config::journal) knows of
    /// it, and what the gateway's table shows of it. What came of it is in [`Closed`].
    ///
    /// # Errors
    ///
    /// [`Conflict`](crate::ErrorKind::Conflict) when it leads to another host,
    /// [`Refused`](crate::ErrorKind::Refused) when the gateway does not tell; else as [`map`](Self::map).
    pub fn close(&self, protocol: Protocol, external_port: NonZeroU16) -> Pending<Closed> {
        self.delete(protocol, external_port, false)
    }

    /// Closes what earlier processes have left open behind a port, and nothing else: what a process that lives keeps by
    /// now stays ([`Closed::StillKept`]).
    ///
    /// # Errors
    ///
    /// As [`close`](Self::close).
    pub fn close_left_open(&self, protocol: Protocol, external_port: NonZeroU16) -> Pending<Closed> {
        let timeout = self.timeout;
        let start: Start =
            Box::new(move |client, now| client.close_left_open(now, protocol, external_port, timeout));
        self.closing((protocol, external_port), start)
    }

    /// Closes the pinholes for IPv6 that are known of a port, here or in the [journal](crate::Config::journal), and leaves
    /// every mapping alone. No gateway lists its pinholes: [`Closed::NotOpen`] says that none is known.
    ///
    /// # Errors
    ///
    /// As [`map`](Self::map).
    pub fn close_pinholes(&self, protocol: Protocol, external_port: NonZeroU16) -> Pending<Closed> {
        let timeout = self.timeout;
        let start: Start =
            Box::new(move |client, now| client.close_pinholes(now, protocol, external_port, timeout));
        self.closing((protocol, external_port), start)
    }

    /// Closes a port, whosever it is.
    ///
    /// # Errors
    ///
    /// As [`map`](Self::map).
    pub fn close_by_force(&self, protocol: Protocol, external_port: NonZeroU16) -> Pending<Closed> {
        self.delete(protocol, external_port, true)
    }

    /// Reads the gateway's whole table of port mappings (at most 512 entries).
    ///
    /// # Errors
    ///
    /// As [`map`](Self::map).
    pub fn mappings(&self) -> Pending<Vec<PortMappingEntry>> {
        let timeout = self.timeout;
        self.start(Box::new(move |client, now| client.list(now, timeout)), |outcome, _| match outcome {
            Outcome::Mappings(entries) => Some(entries),
            _ => None,
        })
    }

    /// [`mappings`](Self::mappings) of this control point and no other.
    ///
    /// # Errors
    ///
    /// As [`map_at`](Self::map_at).
    pub fn mappings_at(&self, point: ControlPoint) -> Pending<Vec<PortMappingEntry>> {
        let timeout = self.timeout;
        self.start(Box::new(move |client, now| client.list_at(now, &point, timeout)), |outcome, _| {
            match outcome {
                Outcome::Mappings(entries) => Some(entries),
                _ => None,
            }
        })
    }

    /// Asks the gateway for its external address.
    ///
    /// # Errors
    ///
    /// As [`map`](Self::map); [`Malformed`](crate::ErrorKind::Malformed) when the gateway gives none.
    pub fn external_address(&self) -> Pending<ExternalAddress> {
        let timeout = self.timeout;
        self.start(Box::new(move |client, now| client.external_address(now, timeout)), |outcome, _| {
            match outcome {
                Outcome::Address { address, gateway } => Some(ExternalAddress { address, gateway }),
                _ => None,
            }
        })
    }

    /// Sends one action to one service and gives its answer as it is.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) with the gateway's code in the error's attempt, or as
    /// [`map`](Self::map).
    pub fn call<A: Action + Send + 'static>(
        &self,
        point: ControlPoint,
        action: A,
        timeout: Duration,
    ) -> Pending<Arguments> {
        self.start(Box::new(move |client, now| client.call(now, &point, &action, timeout)), |outcome, _| {
            match outcome {
                Outcome::Called(arguments) => Some(arguments),
                _ => None,
            }
        })
    }

    /// Deletes what processes that died have left at gateways, by the [journal](crate::Config::journal): at once, and
    /// not only when an operation begins. [`shutdown`](Self::shutdown) waits for it.
    pub fn clean_up(&self) {
        self.link.perform(|client, now| {
            client.clean_up(now);
        });
    }

    /// The moment it is by the client's clock, which counts the time that the machine sleeps: what
    /// [`Change::expires`](crate::Change::expires) is told in.
    pub fn now(&self) -> Time {
        self.link.now()
    }

    /// Everything that happens in this client from now on.
    pub fn events(&self) -> Events {
        Events::new(self.link.subscribe())
    }

    /// Finishes what is under way, within `timeout`, and ends the background thread. Operations that are
    /// not over by then end with [`Closed`](crate::ErrorKind::Closed), as do those of other clones. Of
    /// several calls the earliest deadline holds, and each returns when the thread has ended; only on that
    /// thread itself, from a waker that runs its task at once, it returns without waiting.
    ///
    /// A [`Mapping`] that is dropped afterwards stays open: nobody is left to delete it.
    pub fn shutdown(self, timeout: Duration) {
        self.link.shutdown(timeout);
    }

    /// How long an operation may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    fn delete(&self, protocol: Protocol, external_port: NonZeroU16, force: bool) -> Pending<Closed> {
        let timeout = self.timeout;
        let start: Start =
            Box::new(move |client, now| client.close(now, protocol, external_port, force, timeout));
        self.closing((protocol, external_port), start)
    }

    fn closing(&self, port: (Protocol, NonZeroU16), start: Start) -> Pending<Closed> {
        let started = self.link.closing(port, start);
        Pending::new(&self.link, started, |outcome, _| match outcome {
            Outcome::Closed(closed) => Some(closed),
            _ => None,
        })
    }

    fn start<T>(&self, start: Start, convert: fn(Outcome, &Arc<Link>) -> Option<T>) -> Pending<T> {
        Pending::new(&self.link, self.link.operation(start), convert)
    }
}
