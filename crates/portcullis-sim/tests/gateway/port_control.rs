//! What NAT-PMP and PCP share: the port, the table, and which of them answers. And the means to ask.

use crate::home::{Add, Home, key};
use portcullis_proto::wire::natpmp::{Body, MapRequest, MapResponse};
use portcullis_proto::wire::pcp::{Map, Nonce, Opcode, PcpOption, ResultCode};
use portcullis_proto::wire::port_control::Answer;
use portcullis_proto::wire::{natpmp, pcp};
use portcullis_proto::{Lifetime, Protocol};
use portcullis_sim::{PortControlDatagram, Quirk, Scenario};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;

pub(crate) const PORT_7777: NonZeroU16 = NonZeroU16::new(7_777).unwrap();
pub(crate) const NONCE: Nonce = Nonce([7; 12]);

pub(crate) fn nat_pmp() -> Scenario {
    Scenario::igd1().with(Quirk::NatPmp)
}

pub(crate) fn pcp() -> Scenario {
    Scenario::igd2().with(Quirk::Pcp)
}

pub(crate) fn map_request(lifetime: u32) -> natpmp::Request {
    natpmp::Request::Map(MapRequest {
        protocol: Protocol::Udp,
        internal_port: PORT_7777,
        suggested_external_port: Some(PORT_7777),
        lifetime,
    })
}

pub(crate) fn map() -> Map {
    Map {
        nonce: NONCE,
        protocol: Protocol::Udp,
        internal_port: PORT_7777,
        external_port: Some(PORT_7777),
        external_address: [0; 4].into(),
    }
}

/// The ways to ask on the port of NAT-PMP and PCP.
impl Home {
    /// What leaves at once for these bytes.
    pub(crate) fn ask_raw(&mut self, source: SocketAddr, request: &[u8]) -> Vec<PortControlDatagram> {
        self.gateway.handle_port_control(self.now, source, request);
        std::iter::from_fn(|| self.gateway.poll_port_control(self.now)).collect()
    }

    /// The one answer, which comes from where it was asked.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Answer {
        let client = self.client;
        let mut datagrams = self.ask_raw(client, request);
        datagrams.retain(|datagram| datagram.destination == client);
        let [datagram] = <[_; 1]>::try_from(datagrams).unwrap();
        assert_eq!(datagram.source, self.gateway.port_control_address(client.ip()));
        Answer::decode(&datagram.payload).unwrap()
    }

    pub(crate) fn ask_nat_pmp(&mut self, request: natpmp::Request) -> Body {
        let Answer::NatPmp(response) = self.ask(&request.encode()) else { panic!() };
        response.body
    }

    pub(crate) fn ask_pcp(
        &mut self,
        opcode: Opcode,
        lifetime: u32,
        options: Vec<PcpOption>,
    ) -> pcp::Response {
        let client_address = self.client.ip();
        let request = pcp::Request { client_address, lifetime, opcode, options };
        let Answer::Pcp(response) = self.ask(&request.encode()) else { panic!() };
        assert_eq!(response.opcode_number, opcode.number());
        response
    }

    /// The mapping that was made and its lifetime, or the code of the refusal.
    pub(crate) fn map_pcp(&mut self, map: Map, lifetime: u32) -> Result<(Map, u32), ResultCode> {
        let response = self.ask_pcp(Opcode::Map(map), lifetime, Vec::new());
        match (response.result_code, response.opcode) {
            (ResultCode::Success, Some(Opcode::Map(map))) => Ok((map, response.lifetime)),
            (result_code, _) => Err(result_code),
        }
    }

    /// Where a packet from somewhere to this external port ends up.
    pub(crate) fn inbound(&mut self, port: u16, remote: &str) -> Option<SocketAddr> {
        let destination = "81.2.69.142".parse::<IpAddr>().unwrap();
        self.gateway.inbound(self.now, Protocol::Udp, (destination, port).into(), remote.parse().unwrap())
    }
}

pub(crate) const REMOTE: &str = "198.51.100.7:5000";

#[test]
fn a_gateway_speaks_upnp_only_unless_its_scenario_says_more() {
    for scenario in [Scenario::igd1(), Scenario::igd2()] {
        let mut home = Home::new(scenario);
        assert!(!home.gateway.is_port_control_open());
        let client = home.client;
        assert!(home.ask_raw(client, &natpmp::Request::ExternalAddress.encode()).is_empty());
        assert!(home.ask_raw(client, &[2, 0, 0, 0]).is_empty());
        home.gateway.reboot(home.now);
        assert_eq!(home.gateway.poll_timeout(), None);
    }
}

#[test]
fn a_gateway_without_upnp_hears_no_search_and_no_connection() {
    let mut home = Home::new(Scenario::igd1().with(Quirk::NoUpnp).with(Quirk::NatPmp));
    assert!(home.search("ssdp:all").is_empty());
    assert_eq!(home.gateway.accept(home.now, home.client), portcullis_sim::Accept::Refused);
    assert!(matches!(home.ask_nat_pmp(natpmp::Request::ExternalAddress), Body::ExternalAddress(_)));
}

#[test]
fn all_protocols_share_one_table() {
    let mut home = Home::new(Scenario::igd1().with(Quirk::NatPmp).with(Quirk::Pcp));
    let Body::Map(first) = home.ask_nat_pmp(map_request(3_600)) else { panic!() };
    assert_eq!(first.assigned_external_port, Some(PORT_7777));
    let listed = home.call("GetSpecificPortMappingEntry", &key("7777")).unwrap();
    assert_eq!(listed.get("NewInternalClient"), Some("192.168.1.7"));
    assert_eq!(listed.get("NewLeaseDuration"), Some("3600"));

    // The same port of the same host by PCP is the same mapping, and by UPnP it is deleted.
    assert_eq!(home.map_pcp(map(), 600).unwrap().0.external_port, Some(PORT_7777));
    assert_eq!(home.gateway.mappings()[0].lifetime(home.now), Lifetime::from_seconds(600));
    assert_eq!(home.gateway.mappings().len(), 1);
    home.call("DeletePortMapping", &key("7777")).unwrap();
    assert!(home.gateway.mappings().is_empty());

    // What another host has by UPnP is not given away by the others.
    home.client = "192.168.1.8:40000".parse().unwrap();
    home.add(&Add { internal_client: "192.168.1.8", ..Add::default() }).unwrap();
    home.client = "192.168.1.7:40000".parse().unwrap();
    let Body::Map(MapResponse { assigned_external_port, .. }) = home.ask_nat_pmp(map_request(3_600)) else {
        panic!()
    };
    assert_eq!(assigned_external_port.unwrap().get(), 7_778);
    assert_eq!(home.map_pcp(map(), 600).unwrap().0.external_port.unwrap().get(), 7_778);
    assert_eq!(home.add(&Add::default()), Err(718));
}

#[test]
fn counts_what_it_is_asked() {
    let mut home = Home::new(nat_pmp().with(Quirk::Pcp));
    home.ask_nat_pmp(map_request(3_600));
    home.map_pcp(map(), 600).unwrap();
    home.map_pcp(map(), 600).unwrap();
    assert_eq!((home.gateway.counters().nat_pmp, home.gateway.counters().pcp), (1, 2));
}

#[test]
fn responses_and_noise_are_ignored() {
    let mut home = Home::new(nat_pmp().with(Quirk::Pcp));
    let client = home.client;
    let noise: [&[u8]; 8] =
        [&[], &[0], &[2], &[0, 128, 0, 0], &[2, 129, 0, 0], &[9, 255], &[0, 1], &[0, 1, 0, 0, 0, 80]];
    for bytes in noise {
        assert!(home.ask_raw(client, bytes).is_empty(), "{bytes:?}");
    }
}

#[test]
fn either_protocol_says_that_it_does_not_know_the_other() {
    let mut home = Home::new(nat_pmp());
    let client = home.client;
    let answers = home.ask_raw(client, &[2, 1, 0, 0]);
    assert_eq!(answers[0].payload, [0, 0, 0, 1, 0, 1, 0x51, 0x80]);

    let mut home = Home::new(pcp());
    let Answer::Pcp(response) = home.ask(&map_request(3_600).encode()) else { panic!() };
    assert_eq!((response.version, response.result_code), (2, ResultCode::UnsuppVersion));
    let Answer::Pcp(response) = home.ask(&[1, 1, 0, 0]) else { panic!() };
    assert_eq!((response.version, response.result_code), (2, ResultCode::UnsuppVersion));
}
