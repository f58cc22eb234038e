//! The client's own randomness: repeatable for a test that knows the seed, and for nobody else.

use crate::Protocol;
use crate::wire::pcp::Nonce;
use core::net::SocketAddr;
use core::num::NonZeroU16;

/// Numbers that follow from a seed and that nobody can guess without it (SipHash is a keyed function).
#[derive(Clone, Debug)]
pub(super) struct Random {
    seed: [u64; 2],
    count: u64,
}

impl Random {
    pub(super) fn new(seed: [u64; 2]) -> Self {
        Self { seed, count: 0 }
    }

    #[expect(deprecated, reason = "the standard library's other hashers promise no algorithm")]
    pub(super) fn next_u64(&mut self) -> u64 {
        use core::hash::{Hasher, SipHasher};
        self.count = self.count.wrapping_add(1);
        let [first, second] = self.seed;
        let mut hasher = SipHasher::new_with_keys(first, second);
        hasher.write_u64(self.count.to_le());
        hasher.finish()
    }

    pub(super) fn next_u32(&mut self) -> u32 {
        let [a, b, c, d, ..] = self.next_u64().to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// The nonce of the mappings of one port at one server: always the same, however often it is asked for, so that the
    /// server knows it again whatever answers were lost (RFC 6887 section 11.2).
    #[expect(deprecated, reason = "as above")]
    pub(super) fn nonce_for(
        &self,
        server: SocketAddr,
        protocol: Protocol,
        internal_port: NonZeroU16,
    ) -> Nonce {
        use core::hash::{Hash, SipHasher};
        let [first, second] = self.seed;
        let part = |number: u64| {
            let mut hasher = SipHasher::new_with_keys(first, second);
            // Longer than what the other numbers follow from.
            (number, server, protocol, internal_port).hash(&mut hasher);
            core::hash::Hasher::finish(&hasher).to_be_bytes()
        };
        let mut nonce = [0; 12];
        for (to, from) in nonce.iter_mut().zip(part(0).into_iter().chain(part(1))) {
            *to = from;
        }
        Nonce(nonce)
    }

    /// A port of the dynamic range (RFC 6335 section 6).
    pub(super) fn dynamic_port(&mut self) -> Option<NonZeroU16> {
        let [high, low, ..] = self.next_u64().to_be_bytes();
        NonZeroU16::new(0xc000 | u16::from_be_bytes([high, low]) & 0x3fff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_does_not() {
        let numbers = |seed| {
            let mut random = Random::new(seed);
            (random.next_u64(), random.next_u32(), random.dynamic_port().unwrap())
        };
        assert_eq!(numbers([1, 2]), numbers([1, 2]));
        assert_ne!(numbers([1, 2]).0, numbers([1, 3]).0);
        assert!(numbers([1, 2]).2.get() >= 49_152);
    }

    #[test]
    fn a_nonce_is_of_one_port_at_one_server() {
        let port = |port: u16| NonZeroU16::new(port).unwrap();
        let server = |address: &str| address.parse().unwrap();
        let (one, other) = (server("192.168.1.1:5351"), server("192.168.1.2:5351"));
        let nonce = |seed, server, protocol, number| {
            let mut random = Random::new(seed);
            random.next_u64();
            random.nonce_for(server, protocol, port(number))
        };
        let first = nonce([1, 2], one, Protocol::Udp, 7777);
        assert_eq!(first, Random::new([1, 2]).nonce_for(one, Protocol::Udp, port(7777)));
        for another in [
            nonce([1, 3], one, Protocol::Udp, 7777),
            nonce([1, 2], other, Protocol::Udp, 7777),
            nonce([1, 2], one, Protocol::Tcp, 7777),
            nonce([1, 2], one, Protocol::Udp, 7778),
        ] {
            assert_ne!(first, another);
        }
    }
}
