//! Every SSDP datagram of the device corpus decodes to what the corpus says of it, or to a named error.

use portcullis_proto::Time;
use portcullis_proto::client::io::{Input, Output};
use portcullis_proto::client::{Client, Config, Interface, InterfaceAddress, Network, SearchOptions};
use portcullis_proto::wire::ssdp::{Message, NotifyKind, SsdpError};
use portcullis_proto::wire::url::HttpUrl;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

fn corpus() -> PathBuf {
    match std::env::var_os("PORTCULLIS_CORPUS") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"),
    }
}

/// A template as the machine that answers would fill it.
fn filled(text: Vec<u8>) -> Vec<u8> {
    let Ok(text) = String::from_utf8(text.clone()) else { return text };
    text.replace("{{listenAddr}}", "192.168.1.1:5000")
        .replace("!ADDR!", "192.168.1.1:5000")
        .replace("%s:%d", "192.168.1.1:5000")
        .replace("{port}", "5000")
        .into_bytes()
}

#[test]
fn decodes_every_datagram_of_the_corpus() {
    let corpus = corpus();
    let Ok(index) = std::fs::read_to_string(corpus.join("INDEX.tsv")) else {
        writeln!(std::io::stdout(), "skipped: corpus not found at {}", corpus.display()).unwrap();
        return;
    };
    let mut count = 0;
    for row in index.lines().filter(|row| row.starts_with("ssdp/")) {
        let columns: Vec<&str> = row.split('\t').collect();
        let (file, notes) = (columns[0], columns[5]);
        let tags: Vec<&str> = columns.last().unwrap().split(',').collect();
        let datagram = filled(std::fs::read(corpus.join(file)).unwrap());
        check(file, notes, &tags, Message::decode(&datagram));
        if !tags.contains(&"st-not-igd") && tags.contains(&"search-reply") {
            asks_for_the_description(file, &datagram);
        }
        count += 1;
    }
    let files = std::fs::read_dir(corpus.join("ssdp")).unwrap().count();
    assert_eq!(count, files, "every file has a row");
}

/// Where real gateways announce their descriptions is where a search looks: no rule about that loses one.
fn asks_for_the_description(file: &str, datagram: &[u8]) {
    let Ok(Message::Response(response)) = Message::decode(datagram) else { return };
    let url = HttpUrl::parse(&response.location).expect("a url");
    let address = |address: &str| InterfaceAddress {
        address: address.parse().expect("an address"),
        prefix_length: 24,
        deprecated: false,
        temporary: false,
    };
    let interface = Interface {
        name: "eth0".into(),
        index: 2,
        multicast: true,
        loopback: false,
        addresses: vec![address("192.168.1.7")],
    };
    let mut client =
        Client::new(Config::default(), Network { interfaces: vec![interface], ..Network::default() });
    client.discover(Time::ZERO, SearchOptions::default());
    let Output::Bind(bind) = client.poll_output() else { panic!("{file}: no socket") };
    while !matches!(client.poll_output(), Output::Timeout(_)) {}
    // Whatever its own address was.
    let source = SocketAddr::from(([192, 168, 1, 1], 1900));
    client.handle_input(Time::ZERO, Input::Datagram { socket: bind.socket, source, payload: datagram });
    let Output::Connect { remote, .. } = client.poll_output() else { panic!("{file}: {url} is not asked") };
    assert_eq!(remote.to_string(), format!("192.168.1.1:{}", url.port()), "{file}");
}

fn check(file: &str, notes: &str, tags: &[&str], decoded: Result<Message, SsdpError>) {
    if notes.contains("cut in the middle") {
        assert_eq!(decoded, Err(SsdpError::Incomplete), "{file}");
        return;
    }
    let message = decoded.unwrap_or_else(|error| panic!("{file}: {error}"));
    let (target, usn, location, server) = match message {
        Message::Response(response) => {
            assert!(tags.contains(&"search-reply"), "{file}");
            (response.search_target, response.usn, Some(response.location), response.server)
        }
        Message::Notify(notify) => {
            assert!(tags.contains(&"notify"), "{file}");
            let is_byebye = notes.contains("byebye");
            assert_eq!(notify.kind, if is_byebye { NotifyKind::ByeBye } else { NotifyKind::Alive }, "{file}");
            (notify.notification_type, notify.usn, notify.location, notify.server)
        }
        Message::Search(search) => panic!("{file}: {search:?}"),
    };
    assert!(usn.starts_with("uuid:"), "{file}");
    assert_eq!(server.is_empty(), tags.contains(&"server-blank-or-absent"), "{file}");
    let is_gateway_target = target.contains(":InternetGatewayDevice:") || target == "upnp:rootdevice";
    assert_eq!(
        !is_gateway_target,
        tags.contains(&"st-not-igd") || target.contains("WANConnection"),
        "{file}"
    );
    assert_eq!(location.is_none(), tags.contains(&"no-location"), "{file}");

    let Some(location) = location else { return };
    let url = HttpUrl::parse(&location).unwrap_or_else(|error| panic!("{file}: {error}"));
    let is_usable = match url.ip() {
        Some(std::net::IpAddr::V4(address)) => address.is_private(),
        // A link-local address means nothing without its zone.
        Some(std::net::IpAddr::V6(_)) => url.zone().is_some(),
        None => false,
    };
    assert_eq!(!is_usable, tags.contains(&"location-not-usable"), "{file}: {location}");
}
