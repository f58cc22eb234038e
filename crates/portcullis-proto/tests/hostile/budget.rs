//! The budgets that no device in the network may break, checked for whoever is hostile in a test.
//!
//! [`survives`] lets the client meet the devices of a test several times: in a search, in a mapping, in a
//! mapping with a good gateway beside them, and in operations that are cancelled at one moment after the
//! other. The heap is counted for the test's own thread, by a counting allocator, so tests that run side by
//! side do not disturb each other; what the harness itself allocates is in the count.

use crate::pair::{Pair, Peer, Record, Scripted, Tcp, search_answer, udp};
use core::net::IpAddr;
use core::time::Duration;
use portcullis_proto::Time;
use portcullis_proto::client::io::Output;
use portcullis_proto::client::{Client, Device, Error, Event, Failure, OperationId, Outcome, SearchOptions};
use portcullis_sim::{Quirk, Scenario};

/// A device beside the default gateway.
pub(crate) const NEIGHBOUR: &str = "192.168.1.66";
/// The target that most rows answer to.
pub(crate) const TARGET: &str = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";
/// How long the client searches, longer than anything it asks of one device may take.
pub(crate) const SEARCH: Duration = Duration::from_secs(15);
/// How long mapping a port may take.
pub(crate) const MAP: Duration = Duration::from_secs(6);

/// What the client may have in memory at once, with all of the harness.
pub(crate) const MOST_HEAP: u64 = 8 << 20;
/// All that a search or a mapping may want done.
const MOST_OUTPUTS: usize = 512;
/// Devices that are talked to at once: 16, and 8 for default gateways.
const MOST_CONNECTIONS: usize = 24;
/// The same where there is but one device.
const MOST_CONNECTIONS_TO_ONE: usize = 8;
/// Tidying up after a cancelled mapping.
pub(crate) const TIDY: Duration = Duration::from_secs(6);

/// One operation, from beginning to end.
pub(crate) struct Run {
    pub(crate) result: Result<Outcome, Error>,
    pub(crate) took: Duration,
    pub(crate) record: Record,
}

/// How the client fared alone with the hostile devices.
pub(crate) struct Verdict {
    pub(crate) search: Run,
    pub(crate) map: Run,
}

/// Checks every budget and tells what came of it.
#[track_caller]
pub(crate) fn survives(devices: impl Fn() -> Vec<Scripted>) -> Verdict {
    let mut verdict = None;
    let heap = allocation_counter::measure(|| verdict = Some(meets(&devices)));
    assert!(heap.bytes_max <= MOST_HEAP, "{} bytes of heap", heap.bytes_max);
    verdict.unwrap()
}

fn meets(devices: &impl Fn() -> Vec<Scripted>) -> Verdict {
    let (searched, mapped) = (run(devices, SEARCH, search), run(devices, MAP, map));
    let gateway: IpAddr = "192.168.1.1".parse().unwrap();
    let is_default = devices().iter().any(|device| device.address() == gateway);
    if !is_default {
        leaves_the_good_gateway_alone(devices, Scenario::igd1());
        // Whoever comes first and looks right is taken; else a slow gateway is waited for.
        if !searched.devices().iter().any(Device::is_usable) {
            let slow = Quirk::SearchDelay(Duration::from_millis(800));
            leaves_the_good_gateway_alone(devices, Scenario::igd1().with(slow));
        }
    }
    for steps in (0..16).chain([20, 26, 34, 44, 60, 90]) {
        ends_when_cancelled(devices, steps, search, false);
        ends_when_cancelled(devices, steps, map, true);
    }
    Verdict { search: searched, map: mapped }
}

type Start = fn(&mut Client, Time) -> OperationId;

fn search(client: &mut Client, now: Time) -> OperationId {
    let mut options = SearchOptions::default();
    options.timeout = SEARCH;
    client.discover(now, options)
}

fn map(client: &mut Client, now: Time) -> OperationId {
    client.map(now, udp(7777), MAP)
}

/// The client with the hostile devices and a default gateway that answers nothing.
fn alone(devices: &impl Fn() -> Vec<Scripted>) -> Pair {
    let silent = "silent".parse().unwrap();
    let network = crate::pair::network();
    let mut pair = Pair::at("192.168.1.250:5000".parse().unwrap(), silent, Default::default(), network);
    devices().into_iter().for_each(|device| pair.add(device));
    pair
}

fn run(devices: &impl Fn() -> Vec<Scripted>, timeout: Duration, start: Start) -> Run {
    let mut pair = alone(devices);
    let began = pair.now;
    let operation = pair.start(start);
    let result = pair.drive_until_finished(operation);
    let took = pair.now - began;
    assert!(took <= timeout + timeout / 5, "took {took:?}");
    // What a doubtful answer may have left is looked for, and a server that has said nothing is told that it is not
    // wanted; nobody waits for either.
    if !pair.client.is_idle() {
        pair.drive_for(TIDY);
    }
    pair.assert_idle();
    let addresses: Vec<_> = devices().iter().flat_map(Scripted::addresses).collect();
    keeps_within_bounds(&pair.record, &addresses);
    if let Err(error) = &result {
        tells_what_happened(error);
    }
    Run { result, took, record: pair.record }
}

/// Rule 1: a connection goes to where a datagram came from, and questions go to the group and the gateway.
pub(crate) fn keeps_within_bounds(record: &Record, devices: &[IpAddr]) {
    assert!(record.outputs.len() <= MOST_OUTPUTS, "{} outputs", record.outputs.len());
    let most = if devices.len() > 1 { MOST_CONNECTIONS } else { MOST_CONNECTIONS_TO_ONE };
    assert!(record.most_connections <= most, "{} connections", record.most_connections);
    for (_, output) in &record.outputs {
        match output {
            Output::Connect { remote, .. } => assert!(devices.contains(&remote.ip()), "dials {remote}"),
            Output::Datagram { destination, .. } => {
                let wanted = ["239.255.255.250:1900", "192.168.1.1:1900", "192.168.1.1:5351"];
                assert!(wanted.contains(&destination.to_string().as_str()), "asks {destination}");
            }
            _ => {}
        }
    }
}

/// At most 256 bytes that a terminal can show, naming the step.
pub(crate) fn tells_what_happened(error: &Error) {
    let texts = error.attempts().iter().map(ToString::to_string).chain([error.to_string()]);
    for text in texts {
        assert!(text.len() <= 256, "{} bytes: {text}", text.len());
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
    let attempt = error.decisive_attempt().expect("something was tried");
    assert!(error.to_string().contains(&attempt.step.to_string()), "{error}");
}

fn leaves_the_good_gateway_alone(devices: &impl Fn() -> Vec<Scripted>, good: Scenario) {
    let took = |hostile: Vec<Scripted>| {
        let mut pair = Pair::new(good.clone());
        let mut addresses: Vec<_> = hostile.iter().flat_map(Scripted::addresses).collect();
        addresses.push("192.168.1.1".parse().unwrap());
        hostile.into_iter().for_each(|device| pair.add(device));
        let began = pair.now;
        pair.map(udp(7777)).expect("the good gateway maps");
        assert_eq!(pair.gateway.mappings().len(), 1, "mapped elsewhere");
        pair.assert_idle();
        keeps_within_bounds(&pair.record, &addresses);
        pair.now - began
    };
    let (without, with) = (took(Vec::new()), took(devices()));
    assert!(with <= without + Duration::from_millis(1), "{with:?} instead of {without:?}");
}

fn ends_when_cancelled(devices: &impl Fn() -> Vec<Scripted>, steps: usize, start: Start, may_map: bool) {
    let mut pair = alone(devices);
    let operation = pair.start(start);
    for _ in 0..steps {
        pair.step();
    }
    if pair.record.result(operation).is_some() {
        return;
    }
    pair.start(|client, now| client.cancel(now, operation));
    // What may have been mapped is unmapped, which nobody waits for.
    if !pair.client.is_idle() {
        assert!(may_map, "nothing to tidy up after a search");
        pair.drive_for(TIDY);
    }
    pair.assert_idle();
    let outputs = pair.record.outputs.len();
    pair.drive_for(Duration::from_secs(2));
    assert_eq!(pair.record.outputs.len(), outputs, "outputs after the end");
    assert!(pair.record.result(operation).is_none(), "reported after it was cancelled");
    pair.assert_idle();
}

impl Run {
    /// The devices of a search, none where it found none.
    pub(crate) fn devices(&self) -> &[Device] {
        match &self.result {
            Ok(Outcome::Devices(devices)) => devices,
            _ => &[],
        }
    }

    /// Why the only device's description cannot be used.
    pub(crate) fn failure(&self) -> &Failure {
        match self.devices() {
            [Device { description: Err(failure), .. }] => failure,
            other => panic!("{other:?}"),
        }
    }

    /// When the client had done with the first device.
    pub(crate) fn found_after(&self) -> Duration {
        let found = self.record.events.iter().find(|(_, event)| matches!(event, Event::Found { .. }));
        found.expect("a device was found").0 - Time::ZERO
    }

    /// Why the first attempt failed.
    pub(crate) fn first_failure(&self) -> &Failure {
        &self.result.as_ref().expect_err("nothing good in the network").attempts()[0].failure
    }
}

/// A neighbour that answers one of the searches with this URL.
pub(crate) fn announcing(location: &str) -> Scripted {
    let answer = search_answer(TARGET, location);
    Scripted::new(NEIGHBOUR).on_search(move |search| {
        if search.contains(TARGET) { vec![(Duration::ZERO, answer.clone())] } else { Vec::new() }
    })
}

/// A neighbour whose description can be fetched, in one way or another.
pub(crate) fn serving(answer: impl FnMut(&str) -> Vec<(Duration, Tcp)> + 'static) -> Scripted {
    announcing("http://192.168.1.66:5000/d.xml").on_request(answer)
}

/// Writes these bytes and ends the connection.
pub(crate) fn once(bytes: impl Into<Vec<u8>>) -> Vec<(Duration, Tcp)> {
    vec![(Duration::ZERO, Tcp::Send(bytes.into())), (Duration::ZERO, Tcp::Finish)]
}
