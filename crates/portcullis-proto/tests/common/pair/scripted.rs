//! A device whose every datagram and byte the test chooses.

use super::peer::{Accept, Peer};
use super::wire::{Datagram, Wire};
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use portcullis_proto::Time;
use portcullis_proto::client::io::ConnectionId;
use std::collections::BTreeMap;

/// What a scripted device does on a connection.
#[derive(Clone, Debug)]
pub(crate) enum Tcp {
    /// Writes.
    Send(Vec<u8>),
    /// Ends the connection in order.
    Finish,
    /// Resets the connection.
    Reset,
}

type OnSearch = Box<dyn FnMut(&str) -> Vec<(Duration, Vec<u8>)>>;
type OnConnect = Box<dyn FnMut(SocketAddr) -> (Accept, Vec<(Duration, Tcp)>)>;
type OnRequest = Box<dyn FnMut(&str) -> Vec<(Duration, Tcp)>>;
type Emission = Box<dyn FnMut(Time) -> Option<(Time, Vec<Vec<u8>>)>>;

/// A device that does what closures say. Without any it answers nothing, and connections to it never end.
pub(crate) struct Scripted {
    address: IpAddr,
    /// Where its datagrams come from.
    source: SocketAddr,
    on_search: OnSearch,
    on_connect: OnConnect,
    on_request: OnRequest,
    requests: BTreeMap<ConnectionId, String>,
    /// Who searched last: the one that gets what is sent unasked.
    client: Option<SocketAddr>,
    emission: Option<(Time, Emission)>,
}

impl Scripted {
    pub(crate) fn new(address: &str) -> Self {
        let address = address.parse().unwrap();
        Self {
            address,
            source: SocketAddr::new(address, 1900),
            on_search: Box::new(|_| Vec::new()),
            on_connect: Box::new(|_| (Accept::BlackHole, Vec::new())),
            on_request: Box::new(|_| Vec::new()),
            requests: BTreeMap::new(),
            client: None,
            emission: None,
        }
    }

    /// Its datagrams come from here, whatever its address is.
    pub(crate) fn source(mut self, source: &str) -> Self {
        self.source = source.parse().unwrap();
        self
    }

    /// What it answers to a search (the whole datagram, as text), and how long after it.
    pub(crate) fn on_search(
        mut self,
        answer: impl FnMut(&str) -> Vec<(Duration, Vec<u8>)> + 'static,
    ) -> Self {
        self.on_search = Box::new(answer);
        self
    }

    /// What it does with a connection to one of its ports, and does on it before any request.
    pub(crate) fn on_connect(
        mut self,
        answer: impl FnMut(SocketAddr) -> (Accept, Vec<(Duration, Tcp)>) + 'static,
    ) -> Self {
        self.on_connect = Box::new(answer);
        self
    }

    /// What it does each time bytes came in, given all that came on this connection so far. Accepts
    /// every connection, unless [`on_connect`](Self::on_connect) says otherwise afterwards.
    pub(crate) fn on_request(mut self, answer: impl FnMut(&str) -> Vec<(Duration, Tcp)> + 'static) -> Self {
        self.on_request = Box::new(answer);
        self.on_connect(|_| (Accept::Accepted, Vec::new()))
    }

    /// What it sends unasked to whoever searched last: called from the first search on, it gives the
    /// datagrams of this moment and the next moment to be called.
    pub(crate) fn floods(
        mut self,
        emission: impl FnMut(Time) -> Option<(Time, Vec<Vec<u8>>)> + 'static,
    ) -> Self {
        self.emission = Some((Time::from_start(Duration::MAX), Box::new(emission)));
        self
    }

    /// Where it is, and where its datagrams come from.
    pub(crate) fn addresses(&self) -> [IpAddr; 2] {
        [self.address, self.source.ip()]
    }

    fn act(&self, now: Time, connection: ConnectionId, actions: Vec<(Duration, Tcp)>, wire: &mut Wire) {
        for (after, action) in actions {
            match action {
                Tcp::Send(bytes) => wire.write(now + after, connection, bytes),
                Tcp::Finish => wire.finish(now + after, connection),
                Tcp::Reset => wire.reset(now + after, connection),
            }
        }
    }
}

impl Peer for Scripted {
    fn address(&self) -> IpAddr {
        self.address
    }

    fn datagram(&mut self, now: Time, datagram: &Datagram, wire: &mut Wire) {
        if let (None, Some((at, _))) = (self.client, &mut self.emission) {
            *at = now;
        }
        self.client = Some(datagram.from);
        for (after, payload) in (self.on_search)(&String::from_utf8_lossy(&datagram.payload)) {
            wire.datagram(now + after, self.source, datagram.from, payload);
        }
    }

    fn connect(
        &mut self,
        now: Time,
        connection: ConnectionId,
        _: SocketAddr,
        to: SocketAddr,
        wire: &mut Wire,
    ) -> Accept {
        let (accept, actions) = (self.on_connect)(to);
        self.act(now, connection, actions, wire);
        accept
    }

    fn bytes(&mut self, now: Time, connection: ConnectionId, bytes: &[u8], wire: &mut Wire) {
        let request = self.requests.entry(connection).or_default();
        request.push_str(&String::from_utf8_lossy(bytes));
        let actions = (self.on_request)(request);
        self.act(now, connection, actions, wire);
    }

    fn closed(&mut self, _: Time, connection: ConnectionId) {
        self.requests.remove(&connection);
    }

    fn wakes_at(&self) -> Option<Time> {
        self.emission.as_ref().map(|&(at, _)| at)
    }

    fn wake(&mut self, now: Time, wire: &mut Wire) {
        let Some((_, mut emission)) = self.emission.take() else { return };
        let Some((next, datagrams)) = emission(now) else { return };
        for payload in datagrams {
            if let Some(client) = self.client {
                wire.datagram(now, self.source, client, payload);
            }
        }
        self.emission = Some((next, emission));
    }
}

/// An answer to a search, as a device should write it.
pub(crate) fn search_answer(target: &str, location: &str) -> Vec<u8> {
    let uuid = "uuid:3d3cec3a-8cf0-11e0-98ee-001a6bd2d07b";
    format!(
        "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: {target}\r\nUSN: {uuid}::{target}\r\nEXT:\r\n\
         SERVER: Scripted/1.0 UPnP/1.1 test/1\r\nLOCATION: {location}\r\n\r\n"
    )
    .into_bytes()
}

/// A whole HTTP reply with a right length.
pub(crate) fn reply(status: u16, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Status\r\nContent-Type: text/xml; charset=\"utf-8\"\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The description of a version 1 gateway with one service, controlled at this URL.
pub(crate) fn description(control_url: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<root xmlns=\"urn:schemas-upnp-org:device-1-0\"><device>\
         <deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>\
         <friendlyName>Scripted</friendlyName><deviceList><device>\
         <deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType><deviceList><device>\
         <deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType><serviceList><service>\
         <serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>\
         <serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId><SCPDURL>/x.xml</SCPDURL>\
         <controlURL>{control_url}</controlURL><eventSubURL>/evt</eventSubURL></service></serviceList>\
         </device></deviceList></device></deviceList></device></root>\n"
    )
}
