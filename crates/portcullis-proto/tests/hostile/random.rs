//! Numbers that look random and follow from a seed.

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(most.max(1)).unwrap()).unwrap()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let index = self.below(from.len());
        from.get(index)
    }

    /// One of these texts, damaged more or less, or no text at all.
    pub(crate) fn damaged(&mut self, texts: &[Vec<u8>]) -> Vec<u8> {
        if self.below(8) == 0 {
            let length = self.below(600);
            return (0..length).map(|_| self.byte()).collect();
        }
        let mut bytes = self.pick(texts).unwrap().clone();
        for _ in 0..self.below(4) {
            let (at, to) = (self.below(bytes.len()), self.below(bytes.len()));
            match self.below(4) {
                0 => bytes.truncate(at),
                1 if at < bytes.len() => bytes[at] = self.byte(),
                2 if at < to => drop(bytes.drain(at..to)),
                3 if at < to => bytes.splice(to..to, bytes[at..to].to_vec()).for_each(drop),
                _ => {}
            }
        }
        bytes
    }
}
