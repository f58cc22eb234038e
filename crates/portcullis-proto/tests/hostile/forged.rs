//! Answers to a search in the gateway's name: whoever is on the link can send a datagram with its address as the sender's.

use crate::budget::{MOST_HEAP, NEIGHBOUR, TARGET};
use crate::pair::{Accept, Pair, Record, Scripted, Tcp, description, network, reply, search_answer, udp};
use core::time::Duration;
use portcullis_proto::client::SearchOptions;
use portcullis_sim::{Quirk, Scenario};

const GATEWAY: &str = "192.168.1.1";
const TRUE_LOCATION: &str = "http://192.168.1.1:5000/d.xml";
/// The gateway takes its time to answer, and the liar none.
const LATE: Duration = Duration::from_millis(300);

/// How connections to the ports end that false answers name.
#[derive(Clone, Copy, Debug)]
enum DeadEnd {
    Refused,
    BlackHole,
    Silent,
}

const DEAD_ENDS: [DeadEnd; 3] = [DeadEnd::Refused, DeadEnd::BlackHole, DeadEnd::Silent];

/// A gateway that answers late, after so many false answers in its name, and the search for it.
fn found(false_answers: u16, dead_end: DeadEnd) -> (Option<Duration>, Record) {
    let answers = move |search: &str| {
        if !search.contains(TARGET) {
            return Vec::new();
        }
        let lie = |n| search_answer(TARGET, &format!("http://{GATEWAY}:{}/x.xml", 7_000 + n));
        let lies = (0..false_answers).map(|n| (Duration::ZERO, lie(n)));
        lies.chain([(LATE, search_answer(TARGET, TRUE_LOCATION))]).collect()
    };
    let gateway = Scripted::new(GATEWAY)
        .on_search(answers)
        .on_request(|request| {
            if request.starts_with("GET /d.xml") {
                vec![(Duration::ZERO, Tcp::Send(reply(200, &description("/ctl"))))]
            } else {
                Vec::new()
            }
        })
        .on_connect(move |to| {
            let accept = match dead_end {
                _ if to.port() == 5_000 => Accept::Accepted,
                DeadEnd::Refused => Accept::Refused,
                DeadEnd::BlackHole => Accept::BlackHole,
                // Accepted, and never read.
                DeadEnd::Silent => Accept::Accepted,
            };
            (accept, Vec::new())
        });
    let mut pair = alone();
    pair.add(gateway);
    let mut options = SearchOptions::default();
    options.timeout = Duration::from_secs(5);
    options.ask_status = false;
    let _ = pair.discover(options);
    let found = crate::pair::found(&pair.record.events);
    let at = found.iter().find(|(_, device)| device.is_usable()).map(|(at, _)| at.since_start());
    (at, pair.record)
}

/// A client whose default gateway is whoever is added there.
fn alone() -> Pair {
    let silent = "silent".parse().unwrap();
    Pair::at("192.168.1.250:5000".parse().unwrap(), silent, Default::default(), network())
}

/// A13
#[test]
fn false_answers_do_not_lock_the_gateway_out() {
    let (honest, _) = found(0, DeadEnd::Refused);
    let honest = honest.expect("nobody lies");
    for dead_end in DEAD_ENDS {
        for (false_answers, most) in [(3, 1), (4, 1_050), (8, 2_050), (16, 4_000)] {
            let at = found(false_answers, dead_end).0.unwrap_or(Duration::MAX);
            let most = honest + Duration::from_millis(most);
            assert!(at <= most, "{false_answers} {dead_end:?}: found after {at:?}, not {most:?}");
        }
    }
}

/// A13: a neighbour that lies ten times a millisecond, each time otherwise, before the gateway answers and on and on.
#[test]
fn a_flood_in_the_gateways_name_neither_hides_it_nor_makes_us_ask_without_end() {
    let heap = allocation_counter::measure(|| {
        let mut pair = Pair::new(Scenario::igd1().with(Quirk::SearchDelay(LATE)));
        let mut sent = 0;
        let liar = Scripted::new(NEIGHBOUR).source("192.168.1.1:1900").floods(move |now| {
            let lie =
                |n: u32| search_answer(TARGET, &format!("http://{GATEWAY}:{}/x.xml", 6_000 + n % 3_000));
            sent += 10;
            Some((now + Duration::from_millis(1), (sent - 10..sent).map(lie).collect()))
        });
        pair.add(liar);
        pair.map(udp(7777)).expect("the gateway is found");
        let took = pair.now.since_start();
        assert!(took < Duration::from_secs(2), "{took:?}");
        // Sixteen at once, four a second, and the mapping itself.
        let asked = pair.record.connects().len();
        assert!(asked <= 16 + 4 * 2 + 8, "{asked} connections");
        assert!(pair.record.connects().iter().all(|remote| remote.ip().to_string() == GATEWAY));
    });
    assert!(heap.bytes_max <= MOST_HEAP, "{} bytes of heap", heap.bytes_max);
}

/// A13: devices that are there and no gateways, as those of a router that shares its disk, keep nobody out either.
#[test]
fn devices_that_are_no_gateways_do_not_keep_the_gateway_out() {
    let mut pair = alone();
    let answers = |search: &str| {
        let printers = (0..6).map(|n| {
            (
                Duration::ZERO,
                search_answer("upnp:rootdevice", &format!("http://{GATEWAY}:{}/p.xml", 7_000 + n)),
            )
        });
        let all = printers.chain([(LATE, search_answer(TARGET, TRUE_LOCATION))]);
        if search.contains(TARGET) { all.collect() } else { Vec::new() }
    };
    pair.add(Scripted::new(GATEWAY).on_search(answers).on_request(|request| {
        let printer =
            "<root><device><deviceType>urn:schemas-upnp-org:device:Printer:1</deviceType></device></root>";
        let body = if request.starts_with("GET /d.xml") { description("/ctl") } else { printer.to_owned() };
        vec![(Duration::ZERO, Tcp::Send(reply(200, &body)))]
    }));
    let mut options = SearchOptions::default();
    options.ask_status = false;
    let devices = pair.discover(options).unwrap();
    assert!(devices[0].is_usable(), "{devices:?}");
    assert_eq!(devices.len(), 4, "what is known of one address is bounded");
}
