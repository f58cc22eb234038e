//! One HTTP connection: a request comes in, a reply goes out, and then it ends in one way or another.

use crate::gateway::Step;
use crate::http::{End, Request, RequestReader, Transmission};
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use portcullis_proto::Time;

/// What an endless reply consists of, and how much of it comes each millisecond: 64 MB/s.
static ENDLESS: [u8; 65_536] = [b'A'; 65_536];
const ENDLESS_INTERVAL: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(crate) struct Connection {
    peer: IpAddr,
    state: State,
}

#[derive(Debug)]
enum State {
    Reading(RequestReader),
    Replying {
        /// When the next byte may go.
        due: Time,
        transmission: Transmission,
        sent: usize,
    },
}

impl Connection {
    pub(crate) fn new(peer: SocketAddr) -> Self {
        Self { peer: peer.ip().to_canonical(), state: State::Reading(RequestReader::default()) }
    }

    pub(crate) const fn peer(&self) -> IpAddr {
        self.peer
    }

    /// The request, when these bytes complete it. What comes after it is nobody's.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Option<Result<Request, u16>> {
        match &mut self.state {
            State::Reading(reader) => reader.push(bytes),
            State::Replying { .. } => None,
        }
    }

    pub(crate) fn reply(&mut self, now: Time, transmission: Transmission) {
        self.state = State::Replying { due: now + transmission.delay, transmission, sent: 0 };
    }

    pub(crate) fn poll(&mut self, now: Time) -> Step {
        let State::Replying { due, transmission, sent } = &mut self.state else { return Step::Wait };
        if *due > now {
            return Step::Wait;
        }
        let left = transmission.bytes.get(*sent..).unwrap_or_default();
        if let (Some(interval), Some(byte)) = (transmission.drip, left.first()) {
            *due = *due + interval;
            *sent = sent.saturating_add(1);
            return Step::Send(vec![*byte]);
        }
        if !left.is_empty() {
            *sent = transmission.bytes.len();
            return Step::Send(left.to_vec());
        }
        match transmission.end {
            End::Finish => Step::Finish,
            End::Reset => Step::Reset,
            End::StayOpen => Step::Wait,
            End::Endless => {
                *due = now + ENDLESS_INTERVAL;
                Step::Send(ENDLESS.to_vec())
            }
            End::EndlessChunks => {
                *due = now + ENDLESS_INTERVAL;
                let size = format!("{:x}\r\n", ENDLESS.len());
                Step::Send([size.as_bytes(), &ENDLESS, b"\r\n"].concat())
            }
        }
    }

    /// When there is something to poll for.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        let State::Replying { due, transmission, sent } = &self.state else { return None };
        let over = *sent >= transmission.bytes.len() && transmission.end == End::StayOpen;
        (!over).then_some(*due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replying(transmission: Transmission) -> Connection {
        let mut connection = Connection::new("192.168.1.7:40000".parse().unwrap());
        connection.reply(Time::ZERO, transmission);
        connection
    }

    fn transmission(end: End) -> Transmission {
        Transmission { bytes: b"ab".to_vec(), end, ..Transmission::SILENCE }
    }

    #[test]
    fn sends_all_and_finishes() {
        let mut connection = replying(transmission(End::Finish));
        assert_eq!(connection.poll(Time::ZERO), Step::Send(b"ab".to_vec()));
        assert_eq!(connection.poll(Time::ZERO), Step::Finish);
    }

    #[test]
    fn waits_before_the_first_byte() {
        let delay = Duration::from_secs(3);
        let mut connection = replying(Transmission { delay, ..transmission(End::Finish) });
        assert_eq!(connection.poll(Time::ZERO), Step::Wait);
        assert_eq!(connection.poll_timeout(), Some(Time::ZERO + delay));
        assert_eq!(connection.poll(Time::ZERO + delay), Step::Send(b"ab".to_vec()));
    }

    #[test]
    fn drips_one_byte_per_interval() {
        let second = Duration::from_secs(1);
        let mut connection = replying(Transmission { drip: Some(second), ..transmission(End::Reset) });
        assert_eq!(connection.poll(Time::ZERO), Step::Send(b"a".to_vec()));
        assert_eq!(connection.poll(Time::ZERO), Step::Wait);
        assert_eq!(connection.poll(Time::ZERO + second), Step::Send(b"b".to_vec()));
        assert_eq!(connection.poll(Time::ZERO + second * 2), Step::Reset);
    }

    #[test]
    fn says_no_more_where_it_stays_open() {
        let mut connection = replying(transmission(End::StayOpen));
        assert_eq!(connection.poll(Time::ZERO), Step::Send(b"ab".to_vec()));
        assert_eq!(connection.poll(Time::ZERO), Step::Wait);
        assert_eq!(connection.poll_timeout(), None);
    }

    #[test]
    fn endless_is_bounded_in_time() {
        let mut connection = replying(transmission(End::Endless));
        connection.poll(Time::ZERO);
        assert!(matches!(connection.poll(Time::ZERO), Step::Send(bytes) if bytes.len() == 65_536));
        assert_eq!(connection.poll(Time::ZERO), Step::Wait);
        assert!(connection.poll_timeout().is_some());

        let mut connection = replying(transmission(End::EndlessChunks));
        connection.poll(Time::ZERO);
        let Step::Send(chunk) = connection.poll(Time::ZERO) else { panic!() };
        assert!(chunk.starts_with(b"10000\r\nA") && chunk.ends_with(b"A\r\n") && chunk.len() == 65_545);
        assert_eq!(connection.poll(Time::ZERO), Step::Wait);
    }
}
