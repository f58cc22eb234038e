//! The gateway on real sockets: those of the loopback interface, unless told otherwise.

mod dead_end;
mod event_loop;
mod network;
mod port_control;

use crate::gateway::Gateway;
use crate::quirk::DeadLocation;
use crate::scenario::Scenario;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use dead_end::DeadEnd;
use event_loop::EventLoop;
use mio::net::{TcpListener, UdpSocket};
use mio::{Poll, Waker};
use port_control::PortControl;
use portcullis_proto::Time;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

/// A gateway on sockets, run by a thread of its own until it is dropped.
///
/// From [`start`](Self::start) it is on loopback: SSDP is answered on a UDP port, to unicast searches only, NAT-PMP
/// and PCP on another, and HTTP on a TCP port; all ports are the operating system's choice.
/// From [`start_on_network`](Self::start_on_network) everybody on a network finds it, as they would a real one.
///
/// # Examples
///
/// ```
/// use portcullis_sim::{Scenario, Server};
/// use std::net::Ipv4Addr;
///
/// let server = Server::start(Scenario::igd1(), Ipv4Addr::LOCALHOST.into())?;
/// assert!(server.location().starts_with("http://127.0.0.1:"));
/// assert!(server.with_gateway(|gateway| gateway.mappings().is_empty()));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    ssdp: SocketAddr,
    port_control: SocketAddr,
    thread: Option<JoinHandle<()>>,
    /// Kept bound for as long as it is named.
    _dead_ends: Vec<DeadEnd>,
}

/// What the thread and the handle have in common.
#[derive(Debug)]
struct Shared {
    gateway: Mutex<Gateway>,
    /// Who gets the announcements of NAT-PMP and PCP.
    announcement_listener: Mutex<Option<SocketAddr>>,
    stop: AtomicBool,
    waker: Waker,
    start: Instant,
}

impl Shared {
    /// A panic of another thread, such as a failed assertion, leaves the gateway as good as it was.
    fn gateway(&self) -> MutexGuard<'_, Gateway> {
        self.gateway.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announcement_listener(&self) -> Option<SocketAddr> {
        *self.announcement_listener.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Time {
        #[expect(clippy::disallowed_methods, reason = "this is the driver of the gateway")]
        let now = Instant::now();
        Time::from_start(now.saturating_duration_since(self.start))
    }
}

impl Server {
    /// Starts a gateway on `address`, a loopback address.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] where `address` is not a loopback address, and what the operating
    /// system says to binding sockets and starting a thread.
    pub fn start(scenario: Scenario, address: IpAddr) -> io::Result<Self> {
        if !address.is_loopback() {
            let message = "a simulated gateway is bound to a loopback address only";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let udp = UdpSocket::bind(SocketAddr::new(address, 0))?;
        Self::run(scenario, address, udp, None)
    }

    /// Starts a gateway on `address`, an address of this machine's, where searches sent to the multicast group
    /// are answered as well: for a network that was made for tests, such as a Linux network namespace.
    ///
    /// Programs that search the network take it for a real gateway, whose mappings lead nowhere. So it does not
    /// start where the network may be a real one: on an address that is neither private nor link-local, and on a
    /// machine that has a route to the internet.
    ///
    /// # Errors
    ///
    /// - [`io::ErrorKind::InvalidInput`]: `address` is neither private nor link-local.
    /// - [`io::ErrorKind::PermissionDenied`]: there is a route to the internet.
    /// - [`io::ErrorKind::Unsupported`]: not on this operating system, such as Windows.
    /// - What the operating system says to binding sockets and starting a thread.
    pub fn start_on_network(scenario: Scenario, address: Ipv4Addr) -> io::Result<Self> {
        let searches = network::bind(address)?;
        searches.unicast.set_nonblocking(true)?;
        searches.multicast.set_nonblocking(true)?;
        let group = UdpSocket::from_std(searches.multicast);
        Self::run(scenario, address.into(), UdpSocket::from_std(searches.unicast), Some(group))
    }

    /// `udp` gets searches and sends answers; `group` gets searches only.
    fn run(
        scenario: Scenario,
        address: IpAddr,
        udp: UdpSocket,
        group: Option<UdpSocket>,
    ) -> io::Result<Self> {
        let any_port = SocketAddr::new(address, 0);
        let http = TcpListener::bind(any_port)?;
        let ssdp = udp.local_addr()?;
        let mut gateway = Gateway::new(scenario, http.local_addr()?);
        let port_control = PortControl::bind(address, gateway.is_port_control_open())?;
        let port_control_address = port_control.address();
        gateway.set_port_control_address(port_control_address);

        let (mut listeners, mut dead_ends) = (vec![http], Vec::new());
        // An address that this machine does not have leads nowhere.
        listeners.extend(gateway.second_http_address().and_then(|second| TcpListener::bind(second).ok()));
        for (index, decoy) in gateway.decoys().to_vec().into_iter().enumerate() {
            let address = match decoy.kind {
                DeadLocation::BlackHole | DeadLocation::Refused => {
                    let dead_end = DeadEnd::bind(decoy.kind, any_port)?;
                    let address = dead_end.address()?;
                    dead_ends.push(dead_end);
                    address
                }
                DeadLocation::Silent | DeadLocation::Drip => {
                    let listener = TcpListener::bind(any_port)?;
                    let address = listener.local_addr()?;
                    listeners.push(listener);
                    address
                }
            };
            gateway.set_decoy_address(index, address);
        }

        let poll = Poll::new()?;
        #[expect(clippy::disallowed_methods, reason = "this is the driver of the gateway")]
        let start = Instant::now();
        let shared = Arc::new(Shared {
            gateway: Mutex::new(gateway),
            announcement_listener: Mutex::new(None),
            stop: AtomicBool::new(false),
            waker: Waker::new(poll.registry(), event_loop::WAKER)?,
            start,
        });
        let event_loop = EventLoop::new(poll, udp, group, port_control, listeners, Arc::clone(&shared))?;
        let thread =
            std::thread::Builder::new().name("portcullis-sim".to_owned()).spawn(|| event_loop.run())?;
        let port_control = port_control_address;
        Ok(Self { shared, ssdp, port_control, thread: Some(thread), _dead_ends: dead_ends })
    }

    /// Where unicast searches are answered.
    pub const fn ssdp_address(&self) -> SocketAddr {
        self.ssdp
    }

    /// Where NAT-PMP and PCP are spoken, in place of port 5351. Of a scenario that speaks neither, requests are refused
    /// there (ICMP).
    pub const fn port_control_address(&self) -> SocketAddr {
        self.port_control
    }

    /// Sends the announcements of NAT-PMP and PCP, which loopback cannot multicast, to this address from now on.
    pub fn announce_to(&self, listener: SocketAddr) {
        let mut own = self.shared.announcement_listener.lock().unwrap_or_else(PoisonError::into_inner);
        *own = Some(listener);
    }

    /// Where HTTP is spoken.
    pub fn http_address(&self) -> SocketAddr {
        self.shared.gateway().http_address()
    }

    /// The URL of the device description, as announced.
    pub fn location(&self) -> String {
        self.shared.gateway().location()
    }

    /// The time of the gateway, for those of its methods that want it.
    pub fn now(&self) -> Time {
        self.shared.now()
    }

    /// Looks at the gateway, or changes it, while it is held still.
    pub fn with_gateway<R>(&self, with: impl FnOnce(&mut Gateway) -> R) -> R {
        let mut gateway = self.shared.gateway();
        gateway.handle_timeout(self.shared.now());
        let result = with(&mut gateway);
        drop(gateway);
        self.wake();
        result
    }

    /// A thread that cannot be woken has ended.
    fn wake(&self) {
        let _ = self.shared.waker.wake();
    }
}

impl Drop for Server {
    /// Stops the gateway at once; its connections are closed.
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
