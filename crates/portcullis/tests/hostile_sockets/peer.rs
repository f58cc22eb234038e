//! Peers on loopback whose every byte the test chooses.

use crate::budget::{PATIENCE, location, now};
use portcullis::HttpUrl;
use socket2::Socket;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Something that runs in a thread until the test is over.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    /// Does this with each connection, one after the other, each in a thread of its own.
    pub(crate) fn tcp(talk: impl Fn(TcpStream, &AtomicBool) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let (talk, ended) = (Arc::new(talk), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            let mut talks = Vec::new();
            // The test connects once more when it is over.
            while let Ok((stream, _)) = listener.accept() {
                if ended.load(Ordering::SeqCst) || talks.len() >= 64 {
                    break;
                }
                stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
                stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
                let (talk, ended) = (Arc::clone(&talk), Arc::clone(&ended));
                talks.push(std::thread::spawn(move || talk(stream, &ended)));
            }
            talks.into_iter().for_each(|talk| talk.join().unwrap());
        });
        Self { address, over, thread: Some(thread) }
    }

    /// Does this with each datagram.
    pub(crate) fn udp(mut answer: impl FnMut(&UdpSocket, SocketAddr, &AtomicBool) + Send + 'static) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 2_048];
            while !ended.load(Ordering::SeqCst) {
                if let Ok((_, source)) = socket.recv_from(&mut buffer) {
                    answer(&socket, source, &ended);
                }
            }
        });
        Self { address, over, thread: Some(thread) }
    }

    pub(crate) fn location(&self) -> HttpUrl {
        location(self.address)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_millis(100));
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "a peer panicked");
        }
    }
}

/// Reads until the client goes or the test is over.
pub(crate) fn read_on(stream: &mut TcpStream, over: &AtomicBool) {
    let mut buffer = [0; 4_096];
    while !over.load(Ordering::SeqCst) {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if is_timeout(&error) => {}
            Err(_) => return,
        }
    }
}

/// Reads one whole request without a body, or the head of one that has a body.
pub(crate) fn read_head(stream: &mut TcpStream) -> Vec<u8> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    let began = now();
    while !head.ends_with(b"\r\n\r\n") && began.elapsed() < PATIENCE {
        match stream.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => head.push(byte[0]),
            Err(error) if is_timeout(&error) => {}
            Err(_) => break,
        }
    }
    head
}

/// What a read timeout is called depends on the system.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Resets the connection instead of ending it in order.
pub(crate) fn reset(stream: TcpStream) {
    Socket::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}
