//! The client's own randomness: repeatable for a test that knows the seed, and for nobody else.

use crate::wire::pcp::Nonce;
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

    /// A mapping nonce (RFC 6887 section 11.2).
    pub(super) fn nonce(&mut self) -> Nonce {
        let mut nonce = [0; 12];
        let bytes = [self.next_u64(), self.next_u64()].map(u64::to_be_bytes);
        for (to, from) in nonce.iter_mut().zip(bytes.iter().flatten()) {
            *to = *from;
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
            (random.nonce(), random.next_u32(), random.dynamic_port().unwrap())
        };
        assert_eq!(numbers([1, 2]), numbers([1, 2]));
        assert_ne!(numbers([1, 2]).0, numbers([1, 3]).0);
        assert!(numbers([1, 2]).2.get() >= 49_152);
    }
}
