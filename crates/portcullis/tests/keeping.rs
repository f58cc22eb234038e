//! Mappings that are kept, and the journal, on real sockets against the simulated gateway.

use portcullis::{
    ChangeKind, Client, Config, Event, GatewayAddress, JournalPlace, MappingRequest, Method, Protocol,
    read_journal,
};
use portcullis_sim::Server;
use std::net::Ipv4Addr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const METHODS: [(&str, Method); 3] =
    [("pcp-only", Method::Pcp), ("nat-pmp-only", Method::NatPmp), ("igd2", Method::Igd)];

/// A directory that is gone with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("portcullis-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory for the test");
        Self(directory)
    }

    fn journal(&self) -> JournalPlace {
        JournalPlace::Directory(self.0.join("journal"))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn gateway(scenario: &str) -> Server {
    Server::start(scenario.parse().expect("a scenario"), Ipv4Addr::LOCALHOST.into()).expect("a gateway")
}

fn config(server: &Server) -> Config {
    Config::new()
        .gateway(server.ssdp_address())
        .gateway(GatewayAddress::PortControl(server.port_control_address()))
}

fn request(port: u16) -> MappingRequest {
    MappingRequest::new(Protocol::Udp, NonZeroU16::new(port).expect("a port"))
}

fn mapped(server: &Server) -> usize {
    server.with_gateway(|gateway| gateway.mappings().len())
}

#[test]
fn every_protocol_opens_keeps_and_closes() {
    for (scenario, method) in METHODS {
        let server = gateway(scenario);
        let client = Client::with_config(config(&server)).unwrap();
        let events = client.events();
        let mapping = client.keep(request(7777)).wait().unwrap();
        assert_eq!(mapping.granted().method(), method, "{scenario}");
        assert_eq!(mapped(&server), 1, "{scenario}");
        assert!(mapping.is_open());
        let change = mapping.next_change().unwrap();
        assert_eq!((change.kind, change.mapping), (ChangeKind::Mapped, mapping.id()));
        assert!(mapping.close().wait().unwrap().existed(), "{scenario}");
        assert_eq!(mapped(&server), 0, "{scenario}");
        client.shutdown(Duration::from_secs(5));
        let kinds: Vec<_> = events
            .filter_map(|event| match event {
                Event::Changed(change) => Some(change.kind),
                _ => None,
            })
            .collect();
        assert_eq!(kinds, [ChangeKind::Mapped, ChangeKind::Released], "{scenario}");
    }
}

#[test]
fn a_kept_mapping_that_is_dropped_is_deleted() {
    let server = gateway("pcp-only");
    let client = Client::with_config(config(&server)).unwrap();
    drop(client.keep(request(7777)).wait().unwrap());
    client.shutdown(Duration::from_secs(5));
    assert_eq!(mapped(&server), 0);
}

/// How long ending the client takes.
#[expect(clippy::disallowed_methods, reason = "that it takes no longer than it must is what is tested")]
fn end(client: Client) -> Duration {
    let begun = Instant::now();
    client.shutdown(Duration::from_secs(20));
    begun.elapsed()
}

#[test]
fn what_is_being_closed_is_deleted_whoever_waits_for_it() {
    for (scenario, _) in METHODS {
        let server = gateway(scenario);
        let client = Client::with_config(config(&server)).unwrap();
        let mapping = client.map(request(7777)).wait().unwrap();
        let kept = client.keep(request(7778)).wait().unwrap();
        let asked = client.keep_asking(request(7779)).wait().unwrap();
        while !asked.is_open() {
            std::thread::yield_now();
        }
        assert_eq!(mapped(&server), 3, "{scenario}");
        drop((mapping.close(), kept.close(), asked.close()));
        let took = end(client);
        assert_eq!(mapped(&server), 0, "{scenario}");
        assert!(took < Duration::from_secs(10), "{scenario}: it ends when nothing is left to do");
    }
}

#[test]
fn many_mappings_are_closed_at_once() {
    for (scenario, _) in METHODS {
        let server = gateway(scenario);
        let client = Client::with_config(config(&server)).unwrap();
        let asked: Vec<_> = (7777..7797).map(|port| client.map(request(port))).collect();
        let mappings: Vec<_> = asked.into_iter().map(|asked| asked.wait().unwrap()).collect();
        drop(mappings);
        let took = end(client);
        assert_eq!(mapped(&server), 0, "{scenario}");
        // Where PCP and NAT-PMP are not spoken, nobody waits until they may be asked.
        assert!(took < Duration::from_secs(2), "{scenario}: {took:?}");
    }
}

#[test]
fn the_journal_has_what_is_open_and_nothing_else() {
    for (scenario, method) in METHODS {
        let (server, directory) = (gateway(scenario), Directory::new(scenario));
        let client = Client::with_config(config(&server).journal(directory.journal())).unwrap();
        let mapping = client.map(request(7777)).wait().unwrap();
        let (entries, warnings) = read_journal(&directory.journal()).unwrap();
        assert!(warnings.is_empty(), "{warnings:?}");
        let found: Vec<_> = entries
            .iter()
            .filter(|entry| entry.is_granted)
            .map(|entry| (entry.method, entry.external_port.get(), entry.is_alive, entry.is_left_open))
            .collect();
        assert_eq!(found, [(method, 7777, true, false)], "{scenario}");
        mapping.close().wait().unwrap();
        client.shutdown(Duration::from_secs(5));
        let (entries, _) = read_journal(&directory.journal()).unwrap();
        assert!(entries.is_empty(), "{scenario}: {entries:?}");
    }
}

#[test]
fn what_is_left_open_is_closed_by_a_later_client() {
    for (scenario, _) in METHODS {
        let (server, directory) = (gateway(scenario), Directory::new(&format!("left-{scenario}")));
        let config = config(&server).journal(directory.journal());
        let client = Client::with_config(config.clone()).unwrap();
        client.map(request(7777)).wait().unwrap().leave_open();
        client.shutdown(Duration::from_secs(5));
        let (entries, _) = read_journal(&directory.journal()).unwrap();
        let left: Vec<_> = entries.iter().map(|entry| (entry.is_alive, entry.is_left_open)).collect();
        assert_eq!(left, [(false, true)], "{scenario}");
        let client = Client::with_config(config).unwrap();
        assert!(
            client.close(Protocol::Udp, NonZeroU16::new(7777).unwrap()).wait().unwrap().existed(),
            "{scenario}"
        );
        client.shutdown(Duration::from_secs(5));
        assert_eq!(mapped(&server), 0, "{scenario}");
        let (entries, _) = read_journal(&directory.journal()).unwrap();
        assert!(entries.is_empty(), "{scenario}: {entries:?}");
    }
}

#[test]
fn all_protocols_are_asked_at_once_and_the_preferred_one_wins() {
    let server = gateway("all-protocols");
    for methods in [[Method::Pcp, Method::NatPmp], [Method::NatPmp, Method::Pcp]] {
        let client = Client::with_config(config(&server).methods(methods)).unwrap();
        let mapping = client.map(request(7777)).wait().unwrap();
        assert_eq!(mapping.granted().method(), methods[0]);
        mapping.close().wait().unwrap();
        client.shutdown(Duration::from_secs(5));
        assert_eq!(mapped(&server), 0);
    }
}
