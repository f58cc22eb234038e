use crate::home::{Add, Home, WAN_IP_1, key};
use portcullis_proto::wire::soap::{self, Reply, SoapError};
use portcullis_proto::wire::ssdp::{Message, NotifyKind};
use portcullis_proto::{Protocol, Time};
use portcullis_sim::{Accept, HttpOddity, ListEnd, Mapping, On, Quirk, Scenario};
use std::time::Duration;

fn with(quirk: Quirk) -> Home {
    Home::new(Scenario::igd1().with(quirk))
}

#[test]
fn refuses_additions_by_its_rules() {
    let ok = Add::default();
    let short = Quirk::DescriptionRefused { code: 605, at_most: 4, any_alphabet: true };
    let plain = Quirk::DescriptionRefused { code: 402, at_most: 100, any_alphabet: false };
    for (quirk, add, outcome) in [
        (Quirk::SamePortOnly, Add { internal_port: "1", ..ok }, Err(724)),
        (Quirk::SamePortOnly, ok, Ok(())),
        (Quirk::WildcardRemoteHostOnly, Add { remote_host: "81.2.69.9", ..ok }, Err(726)),
        (Quirk::WildcardRemoteHostOnly, ok, Ok(())),
        (Quirk::NoWildcardRemoteHost, ok, Err(715)),
        (Quirk::WildcardExternalPortOnly, ok, Err(727)),
        (Quirk::PrivilegedPortsRefused, Add { external_port: "1023", ..ok }, Err(606)),
        (Quirk::PrivilegedPortsRefused, Add { external_port: "1024", ..ok }, Ok(())),
        (Quirk::OtherMechanism(7_777), ok, Err(718)),
        (Quirk::TableSize(0), ok, Err(728)),
        (Quirk::InsecureMode, Add { internal_client: "192.168.1.9", ..ok }, Ok(())),
        (Quirk::Fault("AddPortMapping", 501), ok, Err(501)),
        (short, Add { description: "games", ..ok }, Err(605)),
        (short, Add { description: "gam\u{e9}", ..ok }, Err(605)),
        (short, Add { description: "g&m\"", ..ok }, Ok(())),
        (plain, Add { description: "Tom & Jerry", ..ok }, Err(402)),
        (plain, Add { description: "Tom and Jerry", ..ok }, Ok(())),
    ] {
        assert_eq!(with(quirk).add(&add), outcome, "{quirk:?}");
    }
}

#[test]
fn says_501_for_conflicts_if_told_to() {
    let mut home = with(Quirk::ActionFailedForConflict);
    home.gateway.add_mapping(Mapping::new(Protocol::Udp, 7_777, [192, 168, 1, 8].into()));
    assert_eq!(home.add(&Add::default()), Err(501));
    assert_eq!(home.add(&Add { external_port: "0", ..Add::default() }), Err(501));
    assert_eq!(home.call("GetSpecificPortMappingEntry", &key("1")), Err(501));
}

#[test]
fn takes_a_mapping_once_if_told_to() {
    let mut home = with(Quirk::RefreshRefused);
    home.add(&Add::default()).unwrap();
    assert_eq!(home.add(&Add::default()), Err(718));
    home.call("DeletePortMapping", &key("7777")).unwrap();
    home.add(&Add::default()).unwrap();
}

#[test]
fn success_may_mean_nothing() {
    let mut home = with(Quirk::AddIgnored);
    home.add(&Add::default()).unwrap();
    assert!(home.gateway.mappings().is_empty());

    let mut home = with(Quirk::DeleteIgnored);
    home.add(&Add::default()).unwrap();
    home.call("DeletePortMapping", &key("7777")).unwrap();
    assert_eq!(home.gateway.mappings().len(), 1);
}

#[test]
fn stores_another_client_if_told_to() {
    let mut home = with(Quirk::InternalClientReplaced("192.168.1.1"));
    home.add(&Add::default()).unwrap();
    assert_eq!(home.gateway.mappings()[0].internal_client, "192.168.1.1");
    home.add(&Add::default()).unwrap();
}

#[test]
fn out_arguments_say_what_they_are_told() {
    for (action, name, value) in [
        ("GetStatusInfo", "NewConnectionStatus", "Up"),
        ("GetStatusInfo", "NewUptime", "-1"),
        ("GetExternalIPAddress", "NewExternalIPAddress", ""),
    ] {
        let mut home = with(Quirk::OutArgument(name, value));
        assert_eq!(home.call(action, &[]).unwrap().get(name), Some(value));
    }
}

#[test]
fn specific_entries_may_come_with_a_wrong_protocol() {
    let mut home = with(Quirk::SpecificEchoesProtocol("TCP"));
    home.add(&Add::default()).unwrap();
    let entry = home.call("GetSpecificPortMappingEntry", &key("7777")).unwrap();
    assert_eq!(entry.get("NewProtocol"), Some("TCP"));
    assert_eq!(entry.get("NewExternalPort"), Some("7777"));
}

#[test]
fn the_list_ends_as_told() {
    let port_at = |end, index| {
        let mut home = with(Quirk::ListEnd(end));
        home.add(&Add::default()).unwrap();
        home.add(&Add { external_port: "8000", ..Add::default() }).unwrap();
        let entry = home.call("GetGenericPortMappingEntry", &[("NewPortMappingIndex", index)])?;
        Ok::<_, i64>(entry.get("NewExternalPort").unwrap().to_owned())
    };
    for code in [402, 501, 714] {
        assert_eq!(port_at(ListEnd::Fault(code), "2"), Err(code));
    }
    assert_eq!(port_at(ListEnd::Cycle, "4"), Ok("7777".to_owned()));
    assert_eq!(port_at(ListEnd::RepeatLast, "4"), Ok("8000".to_owned()));
    assert_eq!(port_at(ListEnd::Invented, "65535"), Ok("65535".to_owned()));
}

#[test]
fn faults_may_be_bare_or_hold_garbage() {
    for quirk in [Quirk::BareFaults, Quirk::GarbageInFaults] {
        let mut home = with(quirk);
        let body = home.post("Reboot", &[]).body;
        assert_eq!(std::str::from_utf8(&body).is_ok(), quirk == Quirk::BareFaults);
        let Ok(Reply::Fault(fault)) = soap::decode_reply(&body, "Reboot") else { panic!("{quirk:?}") };
        assert_eq!(fault.code, Some(401));
    }
}

#[test]
fn faults_may_be_written_in_other_ways() {
    for (quirk, written) in [
        (Quirk::FaultsInCdata, "<errorCode><![CDATA[401]]></errorCode>"),
        (
            Quirk::FaultsPrefixed,
            "<e:UPnPError xmlns:e=\"urn:schemas-upnp-org:control-1-0\"><e:errorCode>401</e:errorCode>",
        ),
    ] {
        let body = String::from_utf8(with(quirk).post("Reboot", &[]).body).unwrap();
        assert!(body.contains(written), "{body}");
        let Ok(Reply::Fault(fault)) = soap::decode_reply(body.as_bytes(), "Reboot") else {
            panic!("{quirk:?}")
        };
        assert_eq!(fault.code, Some(401));
    }
}

#[test]
fn maps_nothing_until_its_user_has_approved() {
    let mut home = with(Quirk::ApprovedAfter(403, Duration::from_secs(9)));
    home.pass(Duration::from_secs(60));
    assert_eq!(home.add(&Add::default()), Err(403));
    home.pass(Duration::from_secs(8));
    assert_eq!(home.add(&Add::default()), Err(403));
    home.pass(Duration::from_secs(1));
    assert_eq!(home.add(&Add::default()), Ok(()));
}

#[test]
fn an_internal_client_may_have_to_speak_ipv4() {
    let add = Add { internal_client: "2a02:ff0::7", ..Add::default() };
    for (quirk, outcome) in [(Quirk::InsecureMode, Ok(())), (Quirk::Ipv6ClientRefused, Err(402))] {
        let mut home = Home {
            service_type: WAN_IP_1,
            target: "/ctl/IPConn",
            ..Home::ipv6(Scenario::igd1().with(quirk))
        };
        assert_eq!(home.add(&add), outcome, "{quirk:?}");
    }
    assert_eq!(with(Quirk::Ipv6ClientRefused).add(&Add::default()), Ok(()));
}

#[test]
fn may_announce_itself_at_another_address_and_is_there_too() {
    let mut home = Home::new("ipv6-location".parse().unwrap());
    assert_eq!(home.gateway.location(), "http://[fd99::1]:5000/rootDesc.xml");
    for (address, accepted) in
        [("[fd99::1]:5000", true), ("[fd99::1]:5001", false), ("[fd99::2]:5000", false)]
    {
        let outcome = home.gateway.connect(home.now, address.parse().unwrap(), home.client);
        assert_eq!(matches!(outcome, Accept::Accepted(_)), accepted, "{address}");
    }
}

#[test]
fn a_farewell_is_one() {
    let mut home = Home::new("farewell".parse().unwrap());
    let datagrams = home.search_raw("upnp:rootdevice");
    let messages: Vec<_> = datagrams.iter().map(|datagram| Message::decode(datagram).unwrap()).collect();
    let [Message::Notify(notify), Message::Response(_)] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(notify.kind, NotifyKind::ByeBye);
}

#[test]
fn may_answer_as_another_action() {
    let mut home = with(Quirk::AnswersAs("AddPortMapping", "DeletePortMapping"));
    let body = home.post("AddPortMapping", &Add::default().arguments()).body;
    assert_eq!(soap::decode_reply(&body, "AddPortMapping"), Err(SoapError::WrongAction));
    assert_eq!(home.gateway.mappings().len(), 1);
}

#[test]
fn likes_requests_of_its_own_form_only() {
    let status = |quirk: Quirk, change: fn(String) -> String| {
        let mut home = with(quirk);
        let request = change(String::from_utf8(home.post_request("GetStatusInfo", &[])).unwrap());
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let head = head.lines().map(|line| {
            if line.starts_with("Content-Length") {
                format!("Content-Length: {}", body.len())
            } else {
                line.to_owned()
            }
        });
        let request = format!("{}\r\n\r\n{body}", head.collect::<Vec<_>>().join("\r\n"));
        let (reply, _) = home.exchange(&[request.as_bytes()]);
        String::from_utf8(reply[9..12].to_vec()).unwrap()
    };
    for quirk in [Quirk::ExactSoapActionCase, Quirk::QuotedSoapAction, Quirk::CompactEnvelopeOnly] {
        assert_eq!(status(quirk, |request| request), "200", "{quirk:?}");
    }
    assert_eq!(
        status(Quirk::ExactSoapActionCase, |request| request.replace("SOAPAction", "Soapaction")),
        "501"
    );
    assert_eq!(status(Quirk::QuotedSoapAction, |request| request.replace(": \"urn", ": urn")), "400");
    assert_eq!(
        status(Quirk::CompactEnvelopeOnly, |request| request.replace("><s:Body", ">\n<s:Body")),
        "400"
    );
}

#[test]
fn reads_one_segment_only_if_told_to() {
    let mut home = with(Quirk::OneReadOnly);
    let request = home.post_request("GetStatusInfo", &[]);
    assert!(home.exchange(&[&request]).0.starts_with(b"HTTP/1.1 200"));
    let (head, body) = request.split_at(request.len() - 10);
    assert!(home.exchange(&[head, body]).0.starts_with(b"HTTP/1.1 400"));
    // The others do not mind.
    assert!(Home::new(Scenario::igd1()).exchange(&[head, body]).0.starts_with(b"HTTP/1.1 200"));
}

#[test]
fn oddities_hit_the_requests_they_are_meant_for() {
    let delay = HttpOddity::Delay(Duration::from_secs(2));
    for (on, slow) in [
        (On::Any, [true, true, true]),
        (On::Description, [true, false, false]),
        (On::Control, [false, true, true]),
        (On::Action("GetStatusInfo"), [false, true, false]),
    ] {
        let took = |request: &dyn Fn(&mut Home)| {
            let mut home = with(Quirk::Http(on, delay));
            request(&mut home);
            home.now > Time::ZERO
        };
        let took = [
            took(&|home| drop(home.get("/rootDesc.xml"))),
            took(&|home| drop(home.call("GetStatusInfo", &[]))),
            took(&|home| drop(home.call("GetExternalIPAddress", &[]))),
        ];
        assert_eq!(took, slow, "{on:?}");
    }
}
