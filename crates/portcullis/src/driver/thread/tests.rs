//! Events in an order that this system's poller may not give them in.

use super::datagrams::Datagrams;
use super::*;
use mio::net::UdpSocket;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc::channel;

fn driver() -> Driver {
    let config = crate::Config::new().gateway(std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 9)));
    Driver::new(
        config.into_proto(),
        None,
        Poll::new().unwrap(),
        channel().1,
        Clock::start(),
        Register::default(),
    )
}

#[test]
fn what_came_before_the_connection_was_seen_to_be_there_is_read_after() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut driver = driver();
    let (connection, token) = (ConnectionId(1), token(1));
    driver.connect(connection, listener.local_addr().unwrap(), None);
    let _peer = listener.accept().unwrap();
    driver.readable.insert(token);
    driver.read_ready();
    assert!(driver.readable.is_empty());
    driver.writable(token);
    assert!(driver.readable.contains(&token));
}

#[cfg(unix)]
#[test]
fn a_socket_that_cannot_receive_is_given_up() {
    // What listens for connections receives nothing.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let socket = std::net::UdpSocket::from(std::os::fd::OwnedFd::from(listener));
    let mut driver = driver();
    let socket = UdpSocket::from_std(socket);
    driver.sockets.insert(SocketId(1), Datagrams { socket, is_connected: false });
    driver.readable.insert(token(1));
    driver.read_ready();
    assert!(driver.sockets.is_empty() && driver.readable.is_empty());
}
