//! Every gateway that has a name is mapped on, or refused with the right kind of error: in bounded
//! time, with a bounded number of questions, and with nothing left open.

use crate::pair::{Pair, TIMEOUT, udp};
use core::time::Duration;
use portcullis_proto::client::ErrorKind;
use portcullis_sim::{Quirk, Scenario};

/// The gateways on which nothing can be mapped, and why. A device whose description cannot be read may be
/// anything.
const HOPELESS: &[(&str, ErrorKind)] = &[
    ("silent", ErrorKind::NoGateway),
    ("dead", ErrorKind::NoGateway),
    ("loopback-location", ErrorKind::NoGateway),
    ("control-refused", ErrorKind::Refused),
    ("no-connection-service", ErrorKind::NoService),
    ("not-a-gateway", ErrorKind::NoGateway),
    ("conflict", ErrorKind::Conflict),
    ("always-conflict", ErrorKind::Conflict),
    ("conflict-501", ErrorKind::Conflict),
    ("full", ErrorKind::Refused),
    ("not-authorized", ErrorKind::Refused),
    ("approval", ErrorKind::Refused),
    ("approval-403", ErrorKind::Refused),
    ("forgetful", ErrorKind::Malformed),
    ("page-404", ErrorKind::Refused),
    ("page-500", ErrorKind::Refused),
    ("other-client", ErrorKind::Conflict),
    ("length-too-short", ErrorKind::NoGateway),
    ("accepts-silently", ErrorKind::NoGateway),
    ("dripping", ErrorKind::NoGateway),
    ("endless", ErrorKind::NoGateway),
    ("endless-chunks", ErrorKind::NoGateway),
    ("huge", ErrorKind::NoGateway),
    ("reset", ErrorKind::NoGateway),
    ("redirect", ErrorKind::NoGateway),
    ("gzip", ErrorKind::NoGateway),
    ("login-page", ErrorKind::NoGateway),
    ("billion-laughs", ErrorKind::NoGateway),
];

/// The gateways on which UPnP alone can map nothing.
const HOPELESS_FOR_UPNP: &[(&str, ErrorKind)] = &[("nested-nat", ErrorKind::Conflict)];

#[test]
fn maps_wherever_it_is_possible_and_says_why_elsewhere() {
    for scenario in Scenario::all() {
        let name = scenario.name();
        // Those that speak NAT-PMP or PCP only are no gateways to who speaks UPnP only.
        let unheard = scenario.has(Quirk::NoUpnp).then_some(ErrorKind::NoGateway);
        let mut pair = Pair::new(scenario);
        let result = pair.map(udp(7777).read_back());
        let mut hopeless = HOPELESS_FOR_UPNP.iter().chain(HOPELESS);
        let expected = hopeless.find(|(hopeless, _)| *hopeless == name).map(|(_, kind)| *kind);
        let expected = expected.or(unheard);
        assert_eq!(result.as_ref().err().map(|error| error.kind()), expected, "{name}: {result:?}");
        if result.is_ok() {
            assert_eq!(pair.gateway.mappings().len(), 1, "{name}");
            assert!(pair.now.since_start() < Duration::from_secs(4), "{name}: {:?}", pair.now);
        } else {
            assert!(pair.now.since_start() <= TIMEOUT, "{name}: {:?}", pair.now);
        }
        let adds = pair.gateway.counters().posts("AddPortMapping");
        assert!(adds <= 6 && pair.record.actions().len() <= 12, "{name}: {:?}", pair.record.actions());
        // What was still under way ends by itself.
        pair.drive_for(Duration::from_secs(10));
        pair.assert_idle();
    }
}

/// The gateways on which nothing can be mapped by any protocol, where that is told by another kind of error than to a
/// client that speaks UPnP alone, or only to one that speaks them all.
const HOPELESS_FOR_ALL: &[(&str, ErrorKind)] = &[
    ("no-protocol", ErrorKind::NoGateway),
    ("nat-pmp-refused", ErrorKind::Refused),
    // Its answers are believed only where a person has named it.
    ("vpn", ErrorKind::Timeout),
    ("pcp-nested-nat", ErrorKind::Refused),
    ("pcp-error-storm", ErrorKind::Refused),
    ("pcp-other-port", ErrorKind::Conflict),
];

#[test]
fn maps_by_every_protocol_wherever_it_is_possible() {
    for scenario in Scenario::all() {
        let name = scenario.name();
        let mut pair = Pair::every_protocol(scenario);
        let result = pair.map(udp(7777).read_back());
        let mut hopeless = HOPELESS_FOR_ALL.iter().chain(HOPELESS);
        let expected = hopeless.find(|(hopeless, _)| *hopeless == name).map(|(_, kind)| *kind);
        assert_eq!(result.as_ref().err().map(|error| error.kind()), expected, "{name}: {result:?}");
        if result.is_ok() {
            assert_eq!(pair.gateway.mappings().len(), 1, "{name}");
            assert!(pair.now.since_start() < Duration::from_secs(4), "{name}: {:?}", pair.now);
        } else {
            assert!(pair.now.since_start() <= TIMEOUT, "{name}: {:?}", pair.now);
        }
        let sent = pair.record.port_control().len();
        assert!(sent <= 16, "{name}: {sent} datagrams");
        pair.drive_for(Duration::from_secs(10));
        pair.assert_idle();
        if let Ok(granted) = result {
            let operation = pair.start(|client, now| client.release(now, &granted, TIMEOUT));
            let result = pair.drive_until_finished(operation);
            assert!(result.is_ok(), "{name}: {result:?}");
            assert!(pair.gateway.mappings().is_empty(), "{name}");
        }
    }
}

#[test]
fn every_hopeless_gateway_exists() {
    for (name, _) in HOPELESS.iter().chain(HOPELESS_FOR_ALL).chain(HOPELESS_FOR_UPNP) {
        assert!(name.parse::<Scenario>().is_ok(), "{name}");
    }
}

#[test]
fn closes_what_it_opened_wherever_it_could_open() {
    for scenario in Scenario::all() {
        let name = scenario.name();
        let mut pair = Pair::new(scenario);
        let Ok(granted) = pair.map(udp(7777).read_back()) else { continue };
        let operation = pair.start(|client, now| client.release(now, &granted, TIMEOUT));
        let result = pair.drive_until_finished(operation);
        assert!(result.is_ok(), "{name}: {result:?}");
        assert!(pair.gateway.mappings().is_empty(), "{name}");
    }
}
