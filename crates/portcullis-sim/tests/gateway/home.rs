//! A network with one client, who asks and waits in virtual time.

use portcullis_proto::igd::description::Description;
use portcullis_proto::wire::http::{self, HttpError, Response, ResponseReader};
use portcullis_proto::wire::soap::{self, Arguments, Reply};
use portcullis_proto::wire::ssdp::{self, Message, SearchResponse, SearchTarget};
use portcullis_proto::wire::url::{HttpUrl, RequestTarget};
use portcullis_proto::{Protocol, Time};
use portcullis_sim::{Accept, Gateway, Scenario, Step};
use std::net::SocketAddr;
use std::time::Duration;

pub(crate) const WAN_IP_1: &str = "urn:schemas-upnp-org:service:WANIPConnection:1";
pub(crate) const FIREWALL: &str = "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1";
pub(crate) const WAN_IP_2: &str = "urn:schemas-upnp-org:service:WANIPConnection:2";

/// Virtual time enough for any reply that has an end.
const PATIENCE: Duration = Duration::from_secs(3_600);

pub(crate) struct Home {
    pub(crate) gateway: Gateway,
    pub(crate) now: Time,
    pub(crate) http: SocketAddr,
    pub(crate) client: SocketAddr,
    pub(crate) service_type: &'static str,
    pub(crate) target: &'static str,
}

impl Home {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let http = "192.168.1.1:5000".parse().unwrap();
        Self {
            gateway: Gateway::new(scenario, http),
            now: Time::ZERO,
            http,
            client: "192.168.1.7:40000".parse().unwrap(),
            service_type: WAN_IP_1,
            target: "/ctl/IPConn",
        }
    }

    /// The same network over IPv6, whose gateway has a firewall.
    pub(crate) fn ipv6(scenario: Scenario) -> Self {
        let http = "[2a02:ff0::1]:5000".parse().unwrap();
        Self {
            gateway: Gateway::new(scenario, http),
            http,
            client: "[2a02:ff0::7]:40000".parse().unwrap(),
            service_type: FIREWALL,
            target: "/ctl/IP6FCtl",
            ..Self::new(Scenario::igd2())
        }
    }

    pub(crate) fn search(&mut self, target: &str) -> Vec<SearchResponse> {
        let datagrams = self.search_raw(target);
        let decoded = datagrams.iter().map(|datagram| Message::decode(datagram).unwrap());
        decoded
            .map(|message| match message {
                Message::Response(response) => response,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    pub(crate) fn search_raw(&mut self, target: &str) -> Vec<Vec<u8>> {
        let target = SearchTarget::parse(target);
        let search = ssdp::encode_search("239.255.255.250:1900".parse().unwrap(), &target, 1);
        self.gateway.handle_datagram(self.now, self.client, &search);
        let mut answers = Vec::new();
        loop {
            while let Some((destination, payload)) = self.gateway.poll_datagram(self.now) {
                assert_eq!(destination, self.client);
                answers.push(payload);
            }
            match self.gateway.poll_timeout() {
                Some(due) => self.now = due,
                None => return answers,
            }
        }
    }

    /// All that comes back for these pieces of a request, and how it ended; [`Step::Wait`] where it did not.
    pub(crate) fn exchange(&mut self, pieces: &[&[u8]]) -> (Vec<u8>, Step) {
        let Accept::Accepted(key) = self.gateway.accept(self.now, self.client) else {
            panic!("not accepted")
        };
        for piece in pieces {
            self.gateway.handle_bytes(self.now, key, piece);
        }
        let (mut received, until) = (Vec::new(), self.now + PATIENCE);
        loop {
            match self.gateway.poll_connection(self.now, key) {
                Step::Send(bytes) => received.extend(bytes),
                Step::Wait => match self.gateway.poll_timeout() {
                    Some(due) if due < until && received.len() < 1 << 20 => self.now = self.now.max(due),
                    _ => return (received, Step::Wait),
                },
                end => return (received, end),
            }
        }
    }

    pub(crate) fn get_raw(&mut self, target: &str) -> (Vec<u8>, Step) {
        let request = http::encode_get(self.http, &RequestTarget::new(target).unwrap());
        self.exchange(&[&request])
    }

    pub(crate) fn get(&mut self, target: &str) -> Result<Response, HttpError> {
        read(&self.get_raw(target).0, "root")
    }

    pub(crate) fn description(&mut self) -> Description {
        let location = HttpUrl::parse(&self.gateway.location()).unwrap();
        let body = self.get(location.target().as_str()).unwrap().body;
        Description::parse(&body, &location).unwrap()
    }

    pub(crate) fn post_request(&self, action: &str, arguments: &[(&str, &str)]) -> Vec<u8> {
        let body = soap::encode_request(self.service_type, action, arguments);
        let soap_action = format!("{}#{action}", self.service_type);
        http::encode_post(self.http, &RequestTarget::new(self.target).unwrap(), &soap_action, &body)
    }

    pub(crate) fn post_raw(&mut self, action: &str, arguments: &[(&str, &str)]) -> (Vec<u8>, Step) {
        let request = self.post_request(action, arguments);
        self.exchange(&[&request])
    }

    pub(crate) fn post(&mut self, action: &str, arguments: &[(&str, &str)]) -> Response {
        read(&self.post_raw(action, arguments).0, "Envelope").unwrap()
    }

    /// The out-arguments, or the code of the fault.
    pub(crate) fn call(&mut self, action: &str, arguments: &[(&str, &str)]) -> Result<Arguments, i64> {
        let response = self.post(action, arguments);
        match soap::decode_reply(&response.body, action).unwrap() {
            Reply::Success(arguments) => {
                assert_eq!(response.status, 200);
                Ok(arguments)
            }
            Reply::Fault(fault) => {
                assert_eq!(response.status, 500);
                Err(fault.code.unwrap())
            }
        }
    }

    pub(crate) fn add(&mut self, mapping: &Add<'_>) -> Result<(), i64> {
        let out = self.call("AddPortMapping", &mapping.arguments())?;
        assert_eq!(out.iter().count(), 0);
        Ok(())
    }

    pub(crate) fn external_ports(&self) -> Vec<(Protocol, u16)> {
        self.gateway.mappings().iter().map(|mapping| (mapping.protocol, mapping.external_port)).collect()
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.gateway.handle_timeout(self.now);
    }
}

pub(crate) fn read(bytes: &[u8], terminator: &'static str) -> Result<Response, HttpError> {
    let mut reader = ResponseReader::new(terminator);
    match reader.push(bytes)? {
        Some(response) => Ok(response),
        None => reader.finish(),
    }
}

/// The in-arguments of AddPortMapping.
#[derive(Clone, Copy)]
pub(crate) struct Add<'a> {
    pub(crate) remote_host: &'a str,
    pub(crate) external_port: &'a str,
    pub(crate) protocol: &'a str,
    pub(crate) internal_port: &'a str,
    pub(crate) internal_client: &'a str,
    pub(crate) enabled: &'a str,
    pub(crate) description: &'a str,
    pub(crate) lease: &'a str,
}

impl Default for Add<'_> {
    fn default() -> Self {
        Self {
            remote_host: "",
            external_port: "7777",
            protocol: "UDP",
            internal_port: "7777",
            internal_client: "192.168.1.7",
            enabled: "1",
            description: "game",
            lease: "3600",
        }
    }
}

impl<'a> Add<'a> {
    pub(crate) fn arguments(&self) -> [(&'static str, &'a str); 8] {
        [
            ("NewRemoteHost", self.remote_host),
            ("NewExternalPort", self.external_port),
            ("NewProtocol", self.protocol),
            ("NewInternalPort", self.internal_port),
            ("NewInternalClient", self.internal_client),
            ("NewEnabled", self.enabled),
            ("NewPortMappingDescription", self.description),
            ("NewLeaseDuration", self.lease),
        ]
    }
}

/// The key of a mapping.
pub(crate) fn key(port: &str) -> [(&'static str, &str); 3] {
    [("NewRemoteHost", ""), ("NewExternalPort", port), ("NewProtocol", "UDP")]
}
