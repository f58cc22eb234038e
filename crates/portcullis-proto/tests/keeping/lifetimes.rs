//! Every lifetime that a gateway can grant is lived with: no busy loop, no silence, no word that is not true.

use crate::asked::{asked, lifetime, of_one_protocol, seconds};
use crate::pair::{Pair, udp};
use portcullis_proto::Time;
use portcullis_proto::client::io::Output;
use portcullis_proto::client::{ChangeKind, Method};
use portcullis_sim::{Quirk, Scenario};

/// The moments at which a mapping was granted.
fn grants(pair: &Pair) -> Vec<Time> {
    let granted = pair.changes().into_iter().filter(|(_, change)| {
        matches!(change.kind, ChangeKind::Mapped | ChangeKind::Renewed | ChangeKind::Recovered)
    });
    granted.map(|(at, _)| at).collect()
}

#[test]
fn no_lifetime_makes_a_busy_loop() {
    for (method, scenario) in of_one_protocol() {
        for granted in [1, 2, 3, 4, 5, 7, 8, 9, 20, 60, 120, 86_400, u32::MAX - 1, u32::MAX] {
            let mut pair = Pair::every_protocol(scenario.clone().with(Quirk::LeaseAlways(granted)));
            let (mapping, _) = pair.keep(udp(7777)).unwrap();
            pair.drive_for(seconds(600));
            let grants = grants(&pair);
            for two in grants.windows(2) {
                let apart = (two[1] - two[0]).as_secs_f64();
                assert!(apart >= 4.0, "{method}, {granted}: {apart}");
            }
            // Nor is it forgotten.
            let least = (600 / granted.max(22)).saturating_sub(2) as usize;
            assert!(grants.len() >= least.min(40), "{method}, {granted}: {} grants", grants.len());
            assert!(asked(&pair).len() <= 300, "{method}, {granted}: {}", asked(&pair).len());
            if granted >= 20 {
                assert!(pair.is_well(mapping), "{method}, {granted}: {:?}", pair.kinds(mapping));
            }
            assert!(pair.stop_keeping(mapping).is_ok());
            assert!(pair.gateway.mappings().is_empty());
        }
    }
}

#[test]
fn leases_of_seconds_make_upnp_be_looked_for_every_few_seconds() {
    let scenario = Scenario::igd1().with(Quirk::NoUpnp).with(Quirk::NatPmp).with(Quirk::LeaseAlways(3));
    let mut pair = Pair::every_protocol(scenario);
    for port in [7777, 7778, 7779] {
        pair.keep(udp(port)).unwrap();
        pair.drive_for(seconds(1));
    }
    let begin = pair.now;
    pair.drive_for(seconds(100));
    let questions = pair.record.outputs.iter().filter(|(at, output)| {
        *at >= begin && matches!(output, Output::Datagram { destination, .. } if destination.port() == 1900)
    });
    // Each search asks for six targets, of the gateway and of everybody.
    let searches = questions.count() / 12;
    assert!((10..=21).contains(&searches), "{searches}");
}

#[test]
fn a_lease_that_is_over_before_it_can_be_renewed_is_lost_on_time() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = Pair::every_protocol(scenario.with(Quirk::LeaseAlways(3)));
        let (mapping, granted) = pair.keep(udp(7777)).unwrap();
        assert_eq!(granted.lifetime, lifetime(3), "{method}");
        let mapped = pair.now;
        let (lost, _) = pair.drive_until("lost");
        assert!((lost - mapped).as_secs_f64() <= 3.0, "{method}: {:?}", lost - mapped);
        let (again, _) = pair.drive_until("recovered");
        assert!((again - mapped).as_secs_f64() < 21.0, "{method}: {:?}", again - mapped);
        assert_eq!(pair.kinds(mapping), ["mapped", "lost", "recovered"]);
    }
}

#[test]
fn a_lease_that_igd_shortens_is_renewed_by_what_it_granted() {
    let mut pair = Pair::new(Scenario::igd1().with(Quirk::LeaseAtMost(600)));
    let (mapping, granted) = pair.keep(udp(7777).lifetime(lifetime(1_787))).unwrap();
    assert_eq!(granted.lifetime, lifetime(600));
    pair.drive_for(seconds(6_000));
    let kinds = pair.kinds(mapping);
    assert!(kinds.len() >= 16 && kinds[1..].iter().all(|kind| *kind == "renewed"), "{kinds:?}");
}

#[test]
fn a_gateway_that_extends_nothing_is_learned_to_be_one() {
    let mut pair = Pair::new(Scenario::igd1().with(Quirk::RefreshRefused));
    let (mapping, _) = pair.keep(udp(7777).lifetime(lifetime(3_600))).unwrap();
    // The first time, what stands is better than what may be refused: it is replaced when it is nearly over.
    let (degraded, change) = pair.drive_until("degraded");
    assert!((seconds(1_800)..=seconds(2_250)).contains(&(degraded - Time::ZERO)), "{degraded:?}");
    assert!(change.reason.to_string().contains("718"), "{}", change.reason);
    let (recovered, _) = pair.drive_until("recovered");
    assert!((seconds(3_100)..seconds(3_600)).contains(&(recovered - Time::ZERO)), "{recovered:?}");
    // From then on it is deleted and made again whenever it is due.
    pair.drive_for(seconds(36_000));
    let kinds = pair.kinds(mapping);
    assert_eq!(kinds[..3], ["mapped", "degraded", "recovered"]);
    assert!(kinds.len() >= 15 && kinds[3..].iter().all(|kind| *kind == "renewed"), "{kinds:?}");
}

/// Quirk 88 (miniupnp#131, miniupnp#199): what says yes to a renewal and extends nothing.
#[test]
fn what_a_renewal_does_not_extend_is_made_anew_before_it_ends() {
    for (method, scenario) in of_one_protocol() {
        for asked_for in [40, 600, 3_600] {
            let mut pair = Pair::every_protocol(scenario.clone().with(Quirk::RefreshIgnored));
            let (mapping, granted) = pair.keep(udp(7777).lifetime(lifetime(asked_for))).unwrap();
            let end = pair.now + granted.lifetime.duration().unwrap() * 10;
            let mut closed = core::time::Duration::ZERO;
            while pair.now < end {
                let before = pair.now;
                let is_open = !pair.gateway.mappings().is_empty();
                if !pair.step_to(end) {
                    break;
                }
                closed = closed.saturating_add(if is_open {
                    core::time::Duration::ZERO
                } else {
                    pair.now - before
                });
            }
            // A round trip or two, some fifteen times.
            assert!(closed <= core::time::Duration::from_millis(60), "{method}, {asked_for}: {closed:?}");
            let kinds = pair.kinds(mapping);
            assert!(kinds[1..].iter().all(|kind| *kind == "renewed"), "{method}, {asked_for}: {kinds:?}");
            assert!(kinds.len() >= 12, "{method}, {asked_for}: {kinds:?}");
            assert!(pair.stop_keeping(mapping).unwrap());
            assert!(pair.gateway.mappings().is_empty(), "{method}, {asked_for}");
        }
    }
}

#[test]
fn a_mapping_that_is_lost_is_asked_for_at_once() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = Pair::every_protocol(scenario.with(Quirk::LeaseAlways(5)));
        pair.keep(udp(7777)).unwrap();
        pair.drive_for(seconds(60));
        let changes = pair.changes();
        for two in changes.windows(2).filter(|two| two[0].1.kind == ChangeKind::Lost) {
            assert_eq!(two[1].1.kind, ChangeKind::Recovered, "{method}");
            assert!(two[1].0 - two[0].0 <= seconds(1), "{method}: {:?}", two[1].0 - two[0].0);
        }
    }
}

#[test]
fn a_permanent_lease_is_read_every_ten_minutes_and_never_renewed() {
    let mut pair = Pair::new(Scenario::igd1().with(Quirk::PermanentLeaseOnly));
    let (mapping, granted) = pair.keep(udp(7777)).unwrap();
    assert_eq!(granted.lifetime.as_seconds(), 0);
    let adds =
        |pair: &Pair| pair.record.actions().iter().filter(|action| *action == "AddPortMapping").count();
    let reads = |pair: &Pair| {
        pair.record.actions().iter().filter(|action| *action == "GetSpecificPortMappingEntry").count()
    };
    let before = (adds(&pair), reads(&pair));
    pair.drive_for(seconds(6_030));
    assert_eq!(adds(&pair), before.0);
    assert_eq!(reads(&pair), before.1 + 10);
    assert_eq!(pair.kinds(mapping), ["mapped"]);
    // The gateway forgets it, and says nothing.
    pair.gateway.clear_mappings();
    let forgotten = pair.now;
    let (again, _) = pair.drive_until("recovered");
    assert!((again - forgotten).as_secs() <= 600);
    assert_eq!(pair.gateway.mappings().len(), 1);
    assert!(pair.stop_keeping(mapping).unwrap());
}

#[test]
fn what_nat_pmp_and_pcp_grant_for_centuries_is_believed_for_a_day() {
    for (method, scenario) in of_one_protocol() {
        if method == Method::Igd {
            continue;
        }
        let mut pair = Pair::every_protocol(scenario.with(Quirk::LeaseAlways(u32::MAX)));
        let (mapping, granted) = pair.keep(udp(7777)).unwrap();
        assert_eq!(granted.lifetime, lifetime(86_400));
        pair.drive_for(seconds(86_400));
        assert!(pair.kinds(mapping).contains(&"renewed"));
    }
}

#[test]
fn a_permanent_lease_that_another_protocol_may_have_touched_is_read() {
    // NAT-PMP is asked at the same time, and answers when UPnP has granted.
    let late =
        Quirk::PortControl(portcullis_sim::PortControlOddity::Delay(core::time::Duration::from_millis(300)));
    let scenario = Scenario::igd1().with(Quirk::NatPmp).with(Quirk::PermanentLeaseOnly).with(late);
    for seed in 0..20 {
        let mut pair = Pair::every_protocol(scenario.clone()).lossy(seed, 30);
        let Ok((mapping, _)) = pair.keep(udp(7777)) else { continue };
        pair.drive_for(seconds(100));
        assert!(pair.record.outputs.len() < 2_000, "{}", pair.record.outputs.len());
        assert!(pair.client.kept(mapping).is_some());
    }
}
