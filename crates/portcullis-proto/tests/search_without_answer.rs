//! A search that nobody answers: whether anybody was asked decides what is said.

use portcullis_proto::Time;
use portcullis_proto::client::io::{Input, Output};
use portcullis_proto::client::{
    Client, Config, Error, ErrorKind, Event, Failure, Interface, InterfaceAddress, Network, SearchOptions,
};
use std::io;

fn interface(index: u32) -> Interface {
    let [.., last] = index.to_be_bytes();
    Interface {
        name: format!("eth{index}"),
        index,
        multicast: true,
        loopback: false,
        addresses: vec![InterfaceAddress {
            address: [10, 99, last, 2].into(),
            prefix_length: 24,
            deprecated: false,
            temporary: false,
        }],
    }
}

/// Two interfaces, of which `sending` can send; the others fail when they are bound, or with each datagram.
fn search(sending: &[u32], fail_at_bind: bool) -> Error {
    let network = Network { interfaces: vec![interface(1), interface(2)], ..Network::default() };
    let mut client = Client::new(Config::default(), network);
    let mut now = Time::ZERO;
    let mut dead = Vec::new();
    client.discover(now, SearchOptions::default());
    loop {
        let wake_at = loop {
            match client.poll_output() {
                Output::Bind(bind) if !sending.contains(&bind.multicast_interface.unwrap_or(0)) => {
                    dead.push(bind.socket);
                    if fail_at_bind {
                        let error = io::ErrorKind::AddrNotAvailable;
                        client.handle_input(now, Input::SocketFailed { socket: bind.socket, error });
                    }
                }
                Output::Datagram { socket, .. } if !fail_at_bind && dead.contains(&socket) => {
                    let error = io::ErrorKind::PermissionDenied;
                    client.handle_input(now, Input::SendFailed { socket, error });
                }
                Output::Timeout(at) => break at,
                _ => {}
            }
        };
        if let Some(Event::Finished { result, .. }) = client.poll_event() {
            return result.expect_err("nobody answered");
        }
        now = wake_at.expect("a search ends");
        client.handle_input(now, Input::Timeout);
    }
}

#[test]
fn one_interface_that_cannot_send_does_not_speak_for_the_other() {
    for fail_at_bind in [false, true] {
        let error = search(&[2], fail_at_bind);
        assert_eq!(error.kind(), ErrorKind::NoGateway);
        assert!(error.attempts().iter().any(|attempt| attempt.failure == Failure::NoAnswer), "{error}");
        assert!(error.attempts().iter().any(|attempt| attempt.failure != Failure::NoAnswer), "{error}");
    }
}

#[test]
fn where_nothing_could_be_sent_nobody_was_asked() {
    for fail_at_bind in [false, true] {
        let error = search(&[], fail_at_bind);
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.attempts().iter().all(|attempt| attempt.failure != Failure::NoAnswer), "{error}");
    }
}

#[test]
fn silence_is_silence() {
    assert_eq!(search(&[1, 2], true).kind(), ErrorKind::NoGateway);
}
