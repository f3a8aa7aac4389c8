//! A hash for tables whose keys are numbers that the broker itself has given out: nobody can choose them to collide.

use std::hash::{BuildHasher, Hasher};

/// Makes [`FastHasher`]s.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FastHash;

/// Multiplies and folds, a word at a time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FastHasher(u64);

impl BuildHasher for FastHash {
    type Hasher = FastHasher;

    fn build_hasher(&self) -> FastHasher {
        FastHasher::default()
    }
}

impl Hasher for FastHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.write_u64(u64::from_le_bytes(*word)));
        rest.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, word: u64) {
        let product = (self.0.rotate_left(29) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = product ^ product >> 32;
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn neighbours_are_spread() {
        let buckets: HashSet<u64> =
            (0..1000_u64).map(|n| FastHash.hash_one((7_u64, n)) % 4096).collect();
        assert!(buckets.len() > 800, "{}", buckets.len());
    }
}
