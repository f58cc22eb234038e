//! When the network may have changed: a snapshot taken before that is stale.

use std::time::Duration;
pub(crate) use system::Watch;

/// How often to take a snapshot where the system does not tell of changes.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// rtnetlink(7): the kernel tells of each change of links, addresses and routes. Android refuses that to
/// applications, and a sandbox may, so polling remains where the socket cannot be had.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use super::POLL_INTERVAL;
    use mio::unix::SourceFd;
    use mio::{Interest, Registry, Token};
    use rustix::io::Errno;
    use rustix::net::netlink::SocketAddrNetlink;
    use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recvfrom, socket_with};
    use std::io;
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::time::Duration;

    /// `RTMGRP_*` of linux/rtnetlink.h: link, ipv4-ifaddr, ipv4-route, ipv4-rule, ipv6-ifaddr, ipv6-route.
    const GROUPS: u32 = 0x001 | 0x010 | 0x040 | 0x080 | 0x100 | 0x400;
    /// Messages read in one turn. Whatever is left tells of changes that the next snapshot sees as well.
    const TURN: usize = 1_024;

    /// Tells when interfaces, addresses or routes may have changed.
    #[derive(Debug)]
    pub(crate) struct Watch {
        socket: Option<OwnedFd>,
    }

    impl Watch {
        pub(crate) fn open() -> Self {
            Self { socket: subscribe().ok() }
        }

        /// Has the poll say when to [`drain`](Self::drain). Where it cannot, polling remains.
        pub(crate) fn register(&mut self, registry: &Registry, token: Token) {
            let Some(socket) = &self.socket else { return };
            if registry.register(&mut SourceFd(&socket.as_raw_fd()), token, Interest::READABLE).is_err() {
                self.socket = None;
            }
        }

        /// Reads what has been told; whether a snapshot is due.
        pub(crate) fn drain(&mut self) -> bool {
            let Some(socket) = &self.socket else { return false };
            let mut changed = false;
            for _ in 0..TURN {
                // That something changed is all that matters: the rest of the message is cut off.
                match recvfrom(socket, &mut [0_u8; 16], RecvFlags::DONTWAIT) {
                    // Anybody on the machine with the right to may send one; only the kernel knows.
                    Ok((_, _, sender)) => {
                        let sender = sender.and_then(|sender| SocketAddrNetlink::try_from(sender).ok());
                        changed |= sender.is_some_and(|sender| sender.pid() == 0);
                    }
                    // More has changed than fits.
                    Err(Errno::NOBUFS) => changed = true,
                    Err(Errno::INTR) => {}
                    Err(Errno::AGAIN) => break,
                    Err(_) => {
                        // It will tell no more.
                        self.socket = None;
                        return true;
                    }
                }
            }
            changed
        }

        /// How often to take a snapshot in any case; `None` where changes are told.
        pub(crate) fn poll_interval(&self) -> Option<Duration> {
            self.socket.is_none().then_some(POLL_INTERVAL)
        }
    }

    fn subscribe() -> io::Result<OwnedFd> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        // Protocol 0 is NETLINK_ROUTE.
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
        Ok(socket)
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use mio::{Events, Poll};
        use std::process::Command;

        #[test]
        fn a_quiet_network_is_drained_without_a_word_of_change_for_ever() {
            let mut watch = Watch::open();
            assert_eq!(watch.poll_interval(), None);
            // The machine's own network may be changing: once it is quiet is enough.
            assert!((0..1_000).any(|_| !watch.drain()));
        }

        #[test]
        fn where_the_socket_is_lost_polling_remains() {
            let mut watch = Watch { socket: Some(std::fs::File::open("/dev/null").unwrap().into()) };
            assert!(watch.drain());
            assert!(!watch.drain());
            assert_eq!(watch.poll_interval(), Some(POLL_INTERVAL));
        }

        #[test]
        fn a_message_that_is_not_the_kernels_is_no_change() {
            in_own_namespace(|| {
                let mut watch = Watch::open();
                let own = rustix::net::getsockname(watch.socket.as_ref().unwrap()).unwrap();
                let own = SocketAddrNetlink::try_from(own).unwrap().pid();
                let sender = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None);
                let to = SocketAddrNetlink::new(own, 0);
                rustix::net::sendto(sender.unwrap(), &[0; 16], rustix::net::SendFlags::empty(), &to).unwrap();
                assert!(!watch.drain());
            });
        }

        #[test]
        fn a_change_is_told_through_the_poll_and_an_overflow_is_one() {
            in_own_namespace(|| {
                let mut poll = Poll::new().unwrap();
                let mut watch = Watch::open();
                watch.register(poll.registry(), Token(7));
                assert!(!watch.drain());
                ip(&["link", "set", "lo", "up"]);
                let mut events = Events::with_capacity(4);
                poll.poll(&mut events, Some(Duration::from_secs(10))).unwrap();
                assert!(events.iter().any(|event| event.token() == Token(7)));
                assert!(watch.drain());
                assert!(!watch.drain());

                rustix::net::sockopt::set_socket_recv_buffer_size(watch.socket.as_ref().unwrap(), 1).unwrap();
                for _ in 0..4 {
                    ip(&["link", "set", "lo", "down"]);
                    ip(&["link", "set", "lo", "up"]);
                }
                poll.poll(&mut events, Some(Duration::from_secs(10))).unwrap();
                assert!(watch.drain());
                assert!(!watch.drain());
                assert_eq!(watch.poll_interval(), None);
            });
        }

        fn ip(arguments: &[&str]) {
            assert!(Command::new("ip").args(arguments).status().unwrap().success());
        }

        /// In a network namespace of a thread's own, where only the test changes anything. Needs root, as an
        /// ordinary user may not have one.
        fn in_own_namespace(test: impl FnOnce() + Send) {
            if !rustix::process::geteuid().is_root() {
                return;
            }
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    #[expect(
                        deprecated,
                        reason = "what replaces it is unsafe, for flags other than this one"
                    )]
                    let entered = rustix::thread::unshare(rustix::thread::UnshareFlags::NEWNET);
                    if entered.is_ok() {
                        test();
                    }
                });
            });
        }
    }
}

/// No such socket, or none that safe code can open.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use super::POLL_INTERVAL;
    use mio::{Registry, Token};
    use std::time::Duration;

    /// Tells that a snapshot is to be taken regularly.
    #[derive(Debug)]
    pub(crate) struct Watch;

    impl Watch {
        pub(crate) fn open() -> Self {
            Self
        }

        /// There is nothing to register.
        pub(crate) fn register(&mut self, _: &Registry, _: Token) {}

        /// Nothing is ever told.
        pub(crate) fn drain(&mut self) -> bool {
            false
        }

        /// How often to take a snapshot.
        pub(crate) fn poll_interval(&self) -> Option<Duration> {
            Some(POLL_INTERVAL)
        }
    }
}
