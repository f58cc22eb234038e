use crate::home::Home;
use crate::port_control::{map, map_request, nat_pmp, pcp};
use portcullis_proto::Time;
use portcullis_proto::client::epoch::{Epoch, Verdict};
use portcullis_proto::wire::natpmp::Body;
use portcullis_proto::wire::port_control::Answer;
use portcullis_sim::{PortControlDatagram, PortControlOddity, Quirk, Scenario};
use std::time::Duration;

/// All that leaves by itself, and when.
fn announcements(home: &mut Home) -> Vec<(Duration, PortControlDatagram)> {
    let began = home.now;
    let mut announcements = Vec::new();
    loop {
        while let Some(datagram) = home.gateway.poll_port_control(home.now) {
            announcements.push((home.now - began, datagram));
        }
        match home.gateway.poll_timeout() {
            Some(due) => home.now = due,
            None => return announcements,
        }
    }
}

#[test]
fn a_reboot_is_announced_ten_times() {
    let mut home = Home::new(nat_pmp());
    home.ask_nat_pmp(map_request(3_600));
    home.pass(Duration::from_secs(60));
    home.gateway.reboot(home.now);
    assert!(home.gateway.mappings().is_empty());
    let announcements = announcements(&mut home);
    let offsets: Vec<_> = announcements.iter().map(|(offset, _)| offset.as_millis()).collect();
    assert_eq!(offsets, [0, 250, 750, 1_750, 3_750, 7_750, 15_750, 31_750, 63_750, 127_750]);

    let mut epoch = Epoch::nat_pmp();
    for (index, (offset, datagram)) in announcements.iter().enumerate() {
        assert_eq!(datagram.source, "192.168.1.1:5351".parse().unwrap());
        assert_eq!(datagram.destination, "224.0.0.1:5350".parse().unwrap());
        let Ok(Answer::NatPmp(response)) = Answer::decode(&datagram.payload) else { panic!() };
        assert_eq!(response.body, Body::ExternalAddress([81, 2, 69, 142].into()));
        // Each tells the time of its own sending.
        let verdict = epoch.update(Time::from_start(*offset), response.epoch_time.unwrap());
        assert_eq!(verdict, Verdict::Valid, "{index}");
    }
}

#[test]
fn pcp_announces_to_both_families() {
    let mut home = Home::new(pcp());
    home.gateway.reboot(home.now);
    let announcements = announcements(&mut home);
    assert_eq!(announcements.len(), 20);
    let destinations = ["224.0.0.1:5350", "[ff02::1]:5350"];
    for ((_, datagram), destination) in announcements.iter().zip(destinations.iter().cycle()) {
        assert_eq!(datagram.destination, destination.parse().unwrap());
        assert_eq!(datagram.source.is_ipv6(), datagram.destination.is_ipv6());
        assert!(matches!(Answer::decode(&datagram.payload), Ok(Answer::Pcp(_))));
    }
}

#[test]
fn a_changed_address_is_announced_and_mappings_stay() {
    for (quirks, epoch_time) in [(None, 0), (Some(PortControlOddity::EpochOutlivesAddress), 86_460)] {
        let scenario = pcp().with(Quirk::NatPmp);
        let mut home = Home::new(match quirks {
            Some(oddity) => scenario.with(Quirk::PortControl(oddity)),
            None => scenario,
        });
        home.map_pcp(map(), 7_200).unwrap();
        home.pass(Duration::from_secs(60));
        home.gateway.change_external_address(home.now, "81.2.69.1");
        assert_eq!(home.gateway.epoch_time(home.now), epoch_time);
        let first = home.gateway.poll_port_control(home.now).unwrap();
        let Ok(Answer::NatPmp(response)) = Answer::decode(&first.payload) else { panic!() };
        assert_eq!(response.body, Body::ExternalAddress([81, 2, 69, 1].into()));
        assert_eq!(home.map_pcp(map(), 7_200).unwrap().0.external_address.to_string(), "81.2.69.1");
    }
}

#[test]
fn a_reboot_that_keeps_its_state_is_none_for_nat_pmp_and_pcp() {
    let mut home = Home::new(pcp().with(Quirk::NatPmp));
    home.map_pcp(map(), 7_200).unwrap();
    home.pass(Duration::from_secs(60));
    home.gateway.reboot_keeping_state(home.now);
    assert_eq!(home.gateway.mappings().len(), 1);
    assert_eq!(home.gateway.epoch_time(home.now), 86_460);
    assert_eq!(home.gateway.poll_port_control(home.now), None);
}

#[test]
fn a_reboot_may_pass_in_silence() {
    let mut home = Home::new(pcp().with(Quirk::PortControl(PortControlOddity::NoAnnouncements)));
    home.gateway.reboot(home.now);
    assert!(announcements(&mut home).is_empty());
    assert_eq!(home.gateway.epoch_time(home.now), 0);
}

#[test]
fn the_epoch_time_is_as_wrong_as_it_is_told_to_be() {
    let mut home = Home::new(pcp());
    home.gateway.set_epoch_time(home.now, u32::MAX);
    home.pass(Duration::from_secs(2));
    assert_eq!(home.gateway.epoch_time(home.now), 1);
    let home = Home::new(pcp().with(Quirk::PortControl(PortControlOddity::EpochAlways(7))));
    assert_eq!(home.gateway.epoch_time(home.now + Duration::from_secs(99)), 7);
}

#[test]
fn strangers_may_flood_with_announcements() {
    let flood =
        PortControlOddity::AnnouncementFlood { count: 100, interval: Duration::from_millis(1), forged: true };
    let mut home = Home::new(Scenario::igd1().with(Quirk::NatPmp).with(Quirk::PortControl(flood)));
    let announcements = announcements(&mut home);
    assert_eq!(announcements.len(), 100);
    for (_, datagram) in announcements {
        assert_eq!(datagram.source, "192.168.1.253:5351".parse().unwrap());
        assert_eq!(Answer::decode(&datagram.payload).unwrap().epoch_time(), Some(0));
    }
}
