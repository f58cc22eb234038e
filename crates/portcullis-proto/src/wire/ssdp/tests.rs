use super::*;

const REPLY: &str = "HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nUSN: uuid:1::upnp:rootdevice\r\nEXT:\r\n\
    SERVER: a/1 UPnP/1.1 b/2\r\nLOCATION: http://192.168.1.1:5000/d.xml\r\nBOOTID.UPNP.ORG: 7\r\n\
    CONFIGID.UPNP.ORG: 1337\r\n\r\n";

fn reply() -> SearchResponse {
    SearchResponse {
        search_target: "upnp:rootdevice".into(),
        usn: "uuid:1::upnp:rootdevice".into(),
        location: "http://192.168.1.1:5000/d.xml".into(),
        server: "a/1 UPnP/1.1 b/2".into(),
        boot_id: Some(7),
        config_id: Some(1337),
    }
}

fn decode(text: &str) -> Result<Message, SsdpError> {
    Message::decode(text.as_bytes())
}

#[test]
fn encodes_search() {
    let text = encode_search((MULTICAST_V4, PORT).into(), &SearchTarget::InternetGatewayDevice1, 2);
    assert_eq!(
        String::from_utf8(text).unwrap(),
        "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 2\r\n\
         ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n"
    );
}

#[test]
fn brackets_ipv6_host_and_drops_its_zone() {
    let host = core::net::SocketAddrV6::new(LINK_LOCAL_V6, PORT, 0, 3).into();
    let text = String::from_utf8(encode_search(host, &SearchTarget::All, 0)).unwrap();
    assert!(text.contains("\r\nHOST: [ff02::c]:1900\r\n"), "{text}");
    assert!(text.contains("\r\nMX: 1\r\n"), "{text}");
}

#[test]
fn search_target_cannot_add_a_line() {
    let target = SearchTarget::Other("a:b\r\nX: y".into());
    let datagram = encode_search((MULTICAST_V4, PORT).into(), &target, 1);
    let search = Search { search_target: "a:bX:y".into(), mx: Some(1) };
    assert_eq!(Message::decode(&datagram), Ok(Message::Search(search)));
}

#[test]
fn search_targets_round_trip() {
    for target in [
        SearchTarget::InternetGatewayDevice1,
        SearchTarget::InternetGatewayDevice2,
        SearchTarget::WanIpConnection1,
        SearchTarget::WanIpConnection2,
        SearchTarget::WanPppConnection1,
        SearchTarget::RootDevice,
        SearchTarget::All,
        SearchTarget::Other("uuid:1".into()),
    ] {
        assert_eq!(SearchTarget::parse(target.as_str()), target);
        let datagram = encode_search((MULTICAST_V4, PORT).into(), &target, 3);
        let search = Search { search_target: target.to_string(), mx: Some(3) };
        assert_eq!(Message::decode(&datagram), Ok(Message::Search(search)));
    }
}

#[test]
fn decodes_reply_in_every_tolerated_form() {
    for text in [
        REPLY.to_owned(),
        REPLY.replace("\r\n", "\n"),
        REPLY.replace("\r\n", " \t\r\n"),
        REPLY.replace(": ", ":"),
        REPLY.replace(": ", " :  "),
        REPLY.replace("LOCATION", "Location").replace("USN", "usn"),
        REPLY.replace("LOCATION", "AL"),
        REPLY.replace("ST:", "NT:"),
        REPLY.replace("HTTP/1.1 200 OK", "HTTP/1.0  200"),
        REPLY.replace("EXT:", "LOCATION: http://192.168.1.1:5000/d.xml"),
        REPLY.trim_end().to_owned() + "\r\n",
        REPLY.to_owned() + "\0\0\0",
        // One line that is no header, or has a value that cannot be one.
        REPLY.replace("EXT:", "EXT"),
        REPLY.replace("EXT:", ": x"),
        REPLY.replace("EXT:", "E X\u{e4}T: x"),
        REPLY.replace("EXT:", "LOCATION: http://192.168.1.1:5000/\u{e4}"),
        REPLY.replace("EXT:", "USN: \u{1b}[31m"),
        REPLY.to_owned() + "\r\nbody without colon",
    ] {
        assert_eq!(decode(&text), Ok(Message::Response(reply())), "{text:?}");
    }
}

#[test]
fn missing_usn_and_server_are_empty() {
    let text = "HTTP/1.1 200 OK\r\nST: a\r\nLOCATION: x\r\nSERVER: \r\nBOOTID.UPNP.ORG: -1\r\n\r\n";
    let Ok(Message::Response(response)) = decode(text) else { panic!() };
    assert_eq!((response.usn.as_str(), response.server.as_str(), response.boot_id), ("", "", None));
}

#[test]
fn server_is_made_printable() {
    let mut datagram =
        b"HTTP/1.1 200 OK\r\nST: a\r\nLOCATION: x\r\nSERVER: Ger\xe4t\x1b[31m\r\n\r\n".to_vec();
    let Ok(Message::Response(response)) = Message::decode(&datagram) else { panic!() };
    assert_eq!(response.server, "Ger\u{fffd}t[31m");
    datagram.truncate(datagram.len() - 1);
    assert_eq!(Message::decode(&datagram), Err(SsdpError::Incomplete));
}

#[test]
fn refuses_what_is_no_usable_message() {
    for (text, error) in [
        (String::new(), SsdpError::Empty),
        ("\0".into(), SsdpError::Empty),
        ("\r\n\0\0".into(), SsdpError::Empty),
        ("x".into(), SsdpError::Incomplete),
        ("x\n".into(), SsdpError::StartLine),
        ("a".repeat(MAX_DATAGRAM + 1), SsdpError::TooLong),
        (REPLY.replace("1.1 200", "9.9 200"), SsdpError::StartLine),
        (REPLY.replace("HTTP/1.1 200", "HTTP/1.1 2000"), SsdpError::StartLine),
        (REPLY.replace("200 OK", "500 Error"), SsdpError::Status(500)),
        (REPLY.replace("EXT:", "E\0T:"), SsdpError::Header),
        (REPLY.replace("http://", "http\r://"), SsdpError::Header),
        (REPLY.replace("http://", "http://\u{e4}"), SsdpError::MissingLocation),
        (REPLY.replace("http://", "http\t://"), SsdpError::MissingLocation),
        (REPLY.replace("EXT:", "LOCATION: http://192.168.1.1/other"), SsdpError::Ambiguous),
        (REPLY.replace("EXT:", "st: ssdp:all"), SsdpError::Ambiguous),
        (REPLY.replace("EXT:", "USN: uuid:2"), SsdpError::Ambiguous),
        (REPLY.replace("EXT:", " folded"), SsdpError::Ambiguous),
        (REPLY.replace("ST:", "X:"), SsdpError::MissingSearchTarget),
        (REPLY.replace("LOCATION:", "X:"), SsdpError::MissingLocation),
        (REPLY.replace("http://192.168.1.1:5000/d.xml", ""), SsdpError::MissingLocation),
    ] {
        assert_eq!(decode(&text), Err(error), "{:.300}", text.escape_debug());
    }
}

#[test]
fn decodes_notifications() {
    for (nts, location, kind) in [
        ("ssdp:alive", "LOCATION: http://192.168.1.1/d\r\n", Ok(NotifyKind::Alive)),
        ("ssdp:update", "LOCATION: http://192.168.1.1/d\r\n", Ok(NotifyKind::Update)),
        ("ssdp:byebye", "", Ok(NotifyKind::ByeBye)),
        ("ssdp:alive", "", Err(SsdpError::MissingLocation)),
        ("ssdp:other", "", Err(SsdpError::NotificationSubType)),
    ] {
        let text = format!("NOTIFY * HTTP/1.1 \r\nNT: a:b\r\nNTS: {nts}\r\n{location}USN: u\r\n\r\n");
        match decode(&text) {
            Ok(Message::Notify(notify)) => {
                assert_eq!(Ok(notify.kind), kind);
                assert_eq!((notify.notification_type.as_str(), notify.usn.as_str()), ("a:b", "u"));
                assert_eq!(notify.location.is_some(), !location.is_empty());
            }
            other => assert_eq!(other.map(|_| NotifyKind::Alive), kind),
        }
    }
}

#[test]
fn search_needs_man_and_bounds_mx() {
    for (headers, result) in [
        ("MAN: \"ssdp:discover\"\r\nMX: 4000\r\nST: a\r\n", Ok(Some(120))),
        ("MAN: ssdp:discover\r\nMX: soon\r\nST: a\r\n", Ok(None)),
        ("MAN: \"ssdp:discover\"\r\nST: a\r\n", Ok(None)),
        ("MX: 1\r\nST: a\r\n", Err(SsdpError::Man)),
        ("MAN: \"ssdp:discover\"\r\nNT: a\r\n", Err(SsdpError::MissingSearchTarget)),
    ] {
        let decoded = decode(&format!("M-SEARCH * HTTP/1.1\r\n{headers}\r\n"));
        let mx = decoded.map(|message| match message {
            Message::Search(search) => search.mx,
            other => panic!("{other:?}"),
        });
        assert_eq!(mx, result, "{headers}");
    }
}

#[test]
fn every_prefix_is_an_error_or_a_shorter_truth() {
    for end in 0..REPLY.len() {
        if let Ok(message) = decode(&REPLY[..end]) {
            let Message::Response(response) = message else { panic!() };
            // Cut between two lines: later headers are missing, but what is there is whole.
            assert_eq!(
                (response.location, response.search_target),
                (reply().location, reply().search_target)
            );
        }
    }
}
