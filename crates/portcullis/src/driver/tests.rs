//! The way to the thread, and its end.

use super::*;
use crate::pending::Pending;
use portcullis_proto::Protocol;
use portcullis_proto::client::{ErrorKind, MappingRequest};
use portcullis_sim::{Scenario, Server};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::thread::park_timeout;

/// A link whose gateway is silent: the port of the discard service.
fn link() -> Arc<Link> {
    let gateway = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    Link::start(crate::Config::new().gateway(gateway).into_proto(), None).unwrap()
}

/// Whether it comes to hold within ten seconds.
fn soon(holds: impl Fn() -> bool) -> bool {
    (0..2_000).any(|_| {
        park_timeout(Duration::from_millis(5));
        holds()
    })
}

/// An operation that is over as soon as the thread sees it.
fn fail_at_once(link: &Link) {
    let slot = link.operation(Box::new(|client, now| client.external_address(now, Duration::ZERO)));
    assert!(slot.wait().is_err());
}

#[test]
fn the_thread_ends_with_the_last_link() {
    let threads: Vec<_> = (0..50)
        .map(|_| {
            let link = link();
            // By now, most are asleep.
            fail_at_once(&link);
            link.thread.lock().unwrap().take().unwrap()
        })
        .collect();
    assert!(soon(|| threads.iter().all(JoinHandle::is_finished)));
}

#[test]
fn what_a_panic_interrupts_is_closed() {
    let link = link();
    let waiting = link.operation(Box::new(|client, now| client.external_address(now, Duration::MAX)));
    let events = link.subscribe();
    let panicking = link.operation(Box::new(|_, _| panic!("as a test wants it")));
    let late = link.operation(Box::new(|client, now| client.external_address(now, Duration::MAX)));
    for slot in [panicking, waiting, late] {
        assert_eq!(slot.wait().unwrap_err().kind(), ErrorKind::Closed);
    }
    assert_eq!(events.wait(None), None);
}

#[test]
fn who_comes_after_the_end_does_not_wait() {
    let link = link();
    link.shutdown(Duration::ZERO);
    let slot = link.operation(Box::new(|client, now| client.external_address(now, Duration::MAX)));
    assert_eq!(slot.wait().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(link.subscribe().wait(None), None);
}

#[test]
fn a_mapping_that_nobody_fetches_is_deleted() {
    let server = Server::start(Scenario::igd1(), Ipv4Addr::LOCALHOST.into()).unwrap();
    let link = Link::start(crate::Config::new().gateway(server.ssdp_address()).into_proto(), None).unwrap();
    let request = MappingRequest::new(Protocol::Udp, NonZeroU16::new(7_777).unwrap());
    let slot = link.operation(Box::new(|client, now| client.map(now, request, Duration::from_secs(5))));
    // As if the word of it came late.
    assert_eq!(slot.abandon(), None);
    link.shutdown(Duration::from_secs(5));
    server.with_gateway(|gateway| {
        assert_eq!(gateway.counters().posts("AddPortMapping"), 1);
        assert_eq!(gateway.mappings().len(), 0);
    });
}

#[test]
fn every_shutdown_waits_for_the_end() {
    let link = link();
    let slot = link.operation(Box::new(|client, now| client.external_address(now, Duration::MAX)));
    std::thread::scope(|scope| {
        for timeout in [Duration::from_millis(50), Duration::MAX] {
            let link = &link;
            scope.spawn(move || {
                link.shutdown(timeout);
                assert_eq!(Arc::strong_count(&link.waker), 1, "the thread has let go of it");
            });
        }
    });
    assert_eq!(slot.wait().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn a_later_shutdown_gives_no_more_time() {
    let link = link();
    let slot = link.operation(Box::new(|client, now| client.external_address(now, Duration::MAX)));
    link.send(Command::Shutdown(Duration::from_millis(50)));
    link.send(Command::Shutdown(Duration::MAX));
    assert!(soon(|| slot.is_ended()));
}

#[test]
fn in_a_forked_process_everything_is_closed() {
    let mut link = link();
    let owner = link.process;
    // As in a child: nobody there has taken the commands.
    Arc::get_mut(&mut link).unwrap().process = owner.wrapping_add(1);
    let start: Start = Box::new(|client, now| client.external_address(now, Duration::MAX));
    let pending = Pending::new(&link, link.operation(start), |_, _| Some(()));
    assert!(pending.is_done());
    assert_eq!(pending.wait().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(link.subscribe().wait(None), None);
    link.shutdown(Duration::MAX);

    Arc::get_mut(&mut link).unwrap().process = owner;
    link.shutdown(Duration::ZERO);
}
