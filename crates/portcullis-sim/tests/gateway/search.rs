use crate::home::Home;
use portcullis_proto::Time;
use portcullis_proto::wire::ssdp::Message;
use portcullis_sim::{Accept, DeadLocation, Quirk, Scenario, hostile};
use std::time::Duration;

const IGD_1: &str = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";
const IGD_2: &str = "urn:schemas-upnp-org:device:InternetGatewayDevice:2";
const WAN_IP_1: &str = "urn:schemas-upnp-org:service:WANIPConnection:1";

#[test]
fn answers_for_what_it_has_in_the_words_of_the_search() {
    for (scenario, target, answers) in [
        (Scenario::igd1(), "upnp:rootdevice", 1),
        (Scenario::igd1(), IGD_1, 1),
        (Scenario::igd1(), IGD_2, 0),
        (Scenario::igd1(), WAN_IP_1, 1),
        (Scenario::igd1(), "urn:schemas-upnp-org:device:WANDevice:1", 1),
        (Scenario::igd1(), "urn:schemas-upnp-org:service:WANPPPConnection:1", 0),
        (Scenario::igd2(), IGD_1, 1),
        (Scenario::igd2(), IGD_2, 1),
        (Scenario::igd2(), "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1", 1),
    ] {
        let mut home = Home::new(scenario);
        let responses = home.search(target);
        assert_eq!(responses.len(), answers, "{target}");
        for response in responses {
            assert_eq!(response.search_target, target);
            assert_eq!(response.location, "http://192.168.1.1:5000/rootDesc.xml");
            assert!(response.usn.starts_with("uuid:") && response.usn.ends_with(target), "{}", response.usn);
            assert_eq!(response.boot_id, Some(1));
        }
        assert_eq!(home.gateway.counters().m_searches, 1);
    }
}

#[test]
fn all_gives_each_device_and_service_once() {
    let responses = Home::new(Scenario::igd1()).search("ssdp:all");
    let mut names: Vec<_> =
        responses.iter().map(|response| (&response.search_target, &response.usn)).collect();
    // The root, three UUIDs, three devices, three services.
    assert_eq!(names.len(), 10);
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 10);
}

#[test]
fn answers_for_each_of_its_uuids() {
    let mut home = Home::new(Scenario::igd1());
    let udn = home.description().udn;
    let responses = home.search(&udn);
    assert_eq!(responses.len(), 1);
    assert_eq!(responses[0].usn, udn);
}

#[test]
fn ignores_what_is_no_search() {
    let mut home = Home::new(Scenario::igd1());
    for datagram in
        [&b""[..], b"\0", b"NOTIFY * HTTP/1.1\r\n\r\n", b"M-SEARCH * HTTP/1.1\r\n\r\n", &[0xff; 3_000]]
    {
        home.gateway.handle_datagram(Time::ZERO, home.client, datagram);
    }
    assert_eq!(home.gateway.poll_timeout(), None);
}

#[test]
fn answers_only_the_targets_it_knows() {
    let mut home = Home::new(Scenario::igd1().with(Quirk::AnswersOnly(&[WAN_IP_1])));
    assert!(home.search("ssdp:all").is_empty());
    assert!(home.search("upnp:rootdevice").is_empty());
    assert_eq!(home.search(WAN_IP_1).len(), 1);
}

#[test]
fn all_may_give_the_first_only() {
    let mut home = Home::new(Scenario::igd1().with(Quirk::AllGivesFirstOnly));
    assert_eq!(home.search("ssdp:all").len(), 1);
}

#[test]
fn answers_after_its_delay() {
    let delay = Duration::from_millis(1_500);
    let mut home = Home::new(Scenario::igd1().with(Quirk::SearchDelay(delay)));
    assert_eq!(home.search(IGD_1).len(), 1);
    assert_eq!(home.now, Time::ZERO + delay);
}

#[test]
fn odd_answers_are_as_odd_as_asked() {
    for (quirk, part) in [
        (Quirk::LocationHeader("AL"), "\r\nAL: http://"),
        (Quirk::Location("http://10.0.0.1/"), "\r\nLOCATION: http://10.0.0.1/\r\n"),
        (Quirk::SearchLfOnly, "200 OK\nCACHE"),
        (Quirk::SearchLine("EXT"), "\r\nEXT\r\nSERVER: "),
        (Quirk::SearchUnfinished, "CONFIGID.UPNP.ORG: 1\r\n"),
    ] {
        let answers = Home::new(Scenario::igd1().with(quirk)).search_raw(IGD_1);
        let text = String::from_utf8(answers[0].clone()).unwrap();
        assert!(text.contains(part), "{quirk:?}: {text}");
        assert_eq!(
            text.ends_with("\r\n\r\n"),
            !matches!(quirk, Quirk::SearchLfOnly | Quirk::SearchUnfinished)
        );
    }
}

#[test]
fn junk_goes_before_the_answer() {
    let answers = Home::new(Scenario::igd1().with(Quirk::SearchJunk(b"\0\0"))).search_raw(IGD_1);
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0], b"\0\0");
}

#[test]
fn a_flood_names_a_new_device_each_time() {
    let flood = Quirk::AnswerFlood { count: 500, interval: Duration::from_micros(100), distinct: true };
    let mut home = Home::new(Scenario::igd1().with(flood));
    let responses = home.search(IGD_1);
    assert_eq!(responses.len(), 501);
    assert_eq!(home.now, Time::ZERO + Duration::from_millis(50));
    let mut locations: Vec<_> =
        responses.iter().map(|response| (&response.location, &response.usn)).collect();
    locations.sort_unstable();
    locations.dedup();
    assert_eq!(locations.len(), 501);
}

#[test]
fn dead_neighbours_answer_first_and_lead_nowhere() {
    for (kind, accept) in [
        (DeadLocation::BlackHole, Some(Accept::BlackHole)),
        (DeadLocation::Refused, Some(Accept::Refused)),
        (DeadLocation::Silent, None),
        (DeadLocation::Drip, None),
    ] {
        let mut home = Home::new(Scenario::igd1().with(Quirk::AlsoAnnounces(kind)));
        let responses = home.search(IGD_1);
        assert_eq!(responses.len(), 2);
        assert_ne!(responses[0].usn, responses[1].usn);
        let decoy = home.gateway.decoys()[0];
        assert_eq!(responses[0].location, format!("http://{}/rootDesc.xml", decoy.address));
        assert_eq!(responses[1].location, home.gateway.location());
        let outcome = home.gateway.connect(home.now, decoy.address, home.client);
        match accept {
            Some(accept) => assert_eq!(outcome, accept),
            None => assert!(matches!(outcome, Accept::Accepted(_))),
        }
        // The real one is as it was.
        assert!(home.description().is_gateway());
    }
}

#[test]
fn its_own_location_may_lead_nowhere() {
    let home = Home::new(Scenario::igd1().with(Quirk::AnnouncesOnly(DeadLocation::Refused)));
    assert_eq!(home.gateway.location(), format!("http://{}/rootDesc.xml", home.gateway.decoys()[0].address));
}

#[test]
fn a_reboot_forgets_and_says_so() {
    let mut home = Home::new(Scenario::igd1());
    home.add(&crate::home::Add::default()).unwrap();
    home.pass(Duration::from_secs(60));
    home.gateway.reboot(home.now);
    assert!(home.gateway.mappings().is_empty());
    assert_eq!(home.search(IGD_1)[0].boot_id, Some(2));
    let status = home.call("GetStatusInfo", &[]).unwrap();
    assert_eq!(status.get("NewUptime"), Some("0"));
}

#[test]
fn two_gateways_have_two_names() {
    let scenario = Scenario::igd1();
    let name = |http: &str| {
        let mut home = Home::new(scenario.clone());
        home.http = http.parse().unwrap();
        home.gateway = portcullis_sim::Gateway::new(scenario.clone(), home.http);
        home.search(IGD_1)[0].usn.clone()
    };
    assert_ne!(name("192.168.1.1:5000"), name("192.168.1.2:5000"));
    assert_ne!(name("192.168.1.1:5000"), name("192.168.1.1:5001"));
    assert_ne!(name("[fe80::1]:5000"), name("[fe80::2]:5000"));
}

#[test]
fn encoded_answers_are_read_by_the_core() {
    for scenario in Scenario::all() {
        let name = scenario.name();
        for datagram in Home::new(scenario).search_raw("ssdp:all") {
            let is_farewell = name == "farewell" && datagram == hostile::FAREWELL;
            let message = Message::decode(&datagram);
            assert!(is_farewell || matches!(message, Ok(Message::Response(_))), "{name}: {message:?}");
        }
    }
}
