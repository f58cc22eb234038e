//! The whole session under arbitrary datagrams of NAT-PMP and PCP, and arbitrary calls: mappings that are made, kept,
//! released, left open and cancelled, while servers answer anything at all and the network changes.

use crate::bare::Bare;
use crate::pair::{network, udp};
use crate::random::Random;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::num::NonZeroU16;
use core::time::Duration;
use portcullis_proto::Protocol;
use portcullis_proto::client::io::{Input, SocketId};
use portcullis_proto::client::{Network, OnConflict};
use portcullis_proto::wire::{natpmp, pcp};
use std::io;

const SERVER: &str = "192.168.1.1:5351";
const TIMEOUT: Duration = Duration::from_secs(8);
/// Datagrams to one server: bursts of a dozen, and then one a second, and one for each answer.
const BURST: usize = 12;

fn seconds(random: &mut Random) -> u32 {
    *random.pick(&[0, 1, 4, 20, 120, 3_600, 86_400, u32::MAX]).unwrap()
}

fn port(random: &mut Random) -> Option<NonZeroU16> {
    *random.pick(&[NonZeroU16::new(7777), NonZeroU16::new(7778), None, NonZeroU16::MAX.into()]).unwrap()
}

fn epoch(bare: &Bare, random: &mut Random) -> u32 {
    let true_one = 10_000 + u32::try_from(bare.now.since_start().as_secs()).unwrap();
    *random.pick(&[true_one, true_one, true_one, true_one, 0, true_one / 2, u32::MAX]).unwrap()
}

/// What a server could answer to a request, truly or not.
fn answer(bare: &Bare, random: &mut Random, request: &[u8]) -> Vec<u8> {
    let epoch_time = epoch(bare, random);
    let is_refusal = random.below(6) == 0;
    if let Ok(request) = natpmp::Request::decode(request) {
        let body = match request {
            natpmp::Request::ExternalAddress if !is_refusal => {
                natpmp::Body::ExternalAddress(Ipv4Addr::from_bits(u32::from_be_bytes([
                    81,
                    random.byte(),
                    0,
                    1,
                ])))
            }
            natpmp::Request::Map(map) if !is_refusal => natpmp::Body::Map(natpmp::MapResponse {
                protocol: map.protocol,
                internal_port: Some(map.internal_port),
                assigned_external_port: if random.below(3) > 0 {
                    map.suggested_external_port
                } else {
                    port(random)
                },
                lifetime: if map.lifetime == 0 || random.below(2) == 0 {
                    map.lifetime
                } else {
                    seconds(random)
                },
            }),
            request => natpmp::Body::Refused {
                opcode: request.opcode(),
                internal_port: None,
                result_code: natpmp::ResultCode::from(u16::from(random.byte() % 8)),
            },
        };
        return natpmp::Response { epoch_time: Some(epoch_time), body }.encode();
    }
    let Ok(request) = pcp::Request::decode(request) else { return vec![random.byte(); 24] };
    let result_code =
        if is_refusal { pcp::ResultCode::from(random.byte() % 16) } else { pcp::ResultCode::Success };
    let mut opcode = request.opcode;
    if let pcp::Opcode::Map(map) = &mut opcode {
        map.external_address = IpAddr::V4(Ipv4Addr::new(81, random.byte(), 69, 142));
        if random.below(3) == 0 {
            map.external_port = port(random);
        }
    }
    pcp::Response {
        version: pcp::VERSION,
        opcode_number: opcode.number(),
        result_code,
        lifetime: if request.lifetime == 0 || random.below(2) == 0 {
            request.lifetime
        } else {
            seconds(random)
        },
        epoch_time,
        opcode: Some(opcode),
        options: Vec::new(),
    }
    .encode()
}

fn somebody_answers(bare: &mut Bare, random: &mut Random) {
    let requests: Vec<_> = bare.requests.iter().cloned().collect();
    let Some((socket, request)) = random.pick(&requests).cloned() else { return };
    let true_answer = answer(bare, random, &request);
    let payload = match random.below(8) {
        0 => random.damaged(&[true_answer, request]),
        1 => vec![0, 0, 0, 1, 0, 0, 0, 9],
        2 => pcp::encode_refusal(&request, pcp::ResultCode::UnsuppVersion, 0, 5),
        _ => true_answer,
    };
    let source = *random
        .pick(&[SERVER, SERVER, SERVER, SERVER, SERVER, "192.168.1.66:5351", "192.168.1.1:5352"])
        .unwrap();
    for _ in 0..=random.below(3) / 2 {
        bare.input(Input::Datagram { socket, source: source.parse().unwrap(), payload: &payload });
    }
}

/// Something comes in on any socket: an announcement, a search's answer, noise.
fn something_is_announced(bare: &mut Bare, random: &mut Random) {
    let sockets: Vec<SocketId> = bare.sockets.clone();
    let Some(&socket) = random.pick(&sockets) else { return };
    let epoch_time = epoch(bare, random);
    let announcements = [
        natpmp::Response {
            epoch_time: Some(epoch_time),
            body: natpmp::Body::ExternalAddress(Ipv4Addr::new(81, 2, random.byte(), 142)),
        }
        .encode(),
        pcp::announcement(epoch_time).encode(),
        b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNT: upnp:rootdevice\r\nNTS: ssdp:byebye\r\nUSN: uuid:1::upnp:rootdevice\r\n\r\n".to_vec(),
    ];
    let payload = random.damaged(&announcements);
    let source: SocketAddr =
        random.pick(&[SERVER, "192.168.1.1:1900", "192.168.1.9:5351"]).unwrap().parse().unwrap();
    bare.input(Input::Datagram { socket, source, payload: &payload });
}

fn somebody_calls(bare: &mut Bare, random: &mut Random) {
    let now = bare.now;
    let request = || {
        let port = *[7777, 7777, 7778].get(usize::from(now.since_start().subsec_nanos() % 3 == 0)).unwrap();
        udp(port)
    };
    let granted = random.pick(&bare.granted.clone()).cloned();
    let kept = random.pick(&bare.kept.clone()).copied();
    let choice = random.below(14);
    let port = NonZeroU16::new(7777).unwrap();
    let client = &mut bare.client;
    match (choice, granted, kept) {
        (0..=1, ..) => drop(client.map(now, request().on_conflict(OnConflict::AnyPort), TIMEOUT)),
        (2, ..) => drop(client.map(now, request(), TIMEOUT)),
        (3..=4, ..) => drop(client.keep(now, request().on_conflict(OnConflict::AnyPort), TIMEOUT)),
        (5, ..) => bare.kept.push(client.keep_asking(now, request())),
        (6, ..) => drop(client.external_address(now, TIMEOUT)),
        (7, ..) => drop(client.close(now, Protocol::Udp, port, false, TIMEOUT)),
        (8, Some(granted), _) => drop(client.release(now, &granted, TIMEOUT)),
        (9, Some(granted), _) => client.leave_open(&granted),
        (10, _, Some(mapping)) => drop(client.stop_keeping(now, mapping, TIMEOUT)),
        (11, _, Some(mapping)) => client.stop_keeping_open(now, mapping),
        (12, ..) => {
            let operation = client.map(now, request(), TIMEOUT);
            client.cancel(now, operation);
        }
        (13, ..) => {
            client.set_network(now, if random.below(2) == 0 { Network::default() } else { network() })
        }
        _ => {}
    }
    bare.drain();
}

fn something_fails(bare: &mut Bare, random: &mut Random) {
    let sockets: Vec<SocketId> = bare.sockets.clone();
    let Some(&socket) = random.pick(&sockets) else { return };
    if random.below(6) == 0 {
        bare.input(Input::SocketFailed { socket, error: io::ErrorKind::NetworkDown });
    } else {
        bare.input(Input::SendFailed { socket, error: io::ErrorKind::ConnectionRefused });
    }
}

fn time_passes(bare: &mut Bare, random: &mut Random) {
    let longest = *random.pick(&[1, 30, 300, 5_000, 400_000]).unwrap();
    let until = bare.now + Duration::from_millis(random.next() % longest);
    // Sometimes the machine sleeps through what was due.
    let sleeps = random.below(40) == 0;
    bare.now = if sleeps { until } else { bare.timeout.map_or(until, |at| at.min(until)) };
    bare.input(Input::Timeout);
}

#[test]
fn survives_arbitrary_lives_of_mappings() {
    let (mut mapped, mut kept) = (0, 0);
    for seed in 0..3_000 {
        let mut random = Random(seed);
        let mut bare = Bare::new(seed);
        let mut answered = 0;
        for _ in 0..20 + random.below(200) {
            match random.below(16) {
                0..=1 => somebody_calls(&mut bare, &mut random),
                2..=8 => {
                    somebody_answers(&mut bare, &mut random);
                    answered += 2;
                }
                9 => something_is_announced(&mut bare, &mut random),
                10 => something_fails(&mut bare, &mut random),
                _ => time_passes(&mut bare, &mut random),
            }
        }
        mapped += bare.mapped;
        kept += bare.kept.len();
        for mapping in bare.kept.clone() {
            bare.client.stop_keeping(bare.now, mapping, TIMEOUT);
            bare.drain();
        }
        bare.finish_within(Duration::from_secs(60));
        // A line that is bound anew begins with a burst; each call may open one.
        let lines = 1 + bare.opened;
        let most = BURST * lines + answered + usize::try_from(bare.now.since_start().as_secs()).unwrap();
        assert!(bare.sent <= most, "seed {seed}: {} datagrams, {most} allowed", bare.sent);
    }
    // Else the inputs were not worth much.
    assert!(mapped >= 1_000 && kept >= 1_000, "only {mapped} mappings, {kept} kept");
}
