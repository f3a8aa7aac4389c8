//! A hash that is the same on every machine, in every version and after every restart: where a key goes may not
//! change because the broker did.

/// FNV-1a over length-prefixed pieces, mixed at the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct StableHash(u64);

impl StableHash {
    pub(super) const fn new() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        for &byte in len.to_be_bytes().iter().chain(bytes) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    pub(super) fn finish(self) -> u64 {
        mix(self.0)
    }
}

/// Spreads every bit of `number` over all of them (the finalizer of `SplitMix64`).
pub(super) const fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_never_changes() {
        let hash = |pieces: &[&[u8]]| {
            let mut hash = StableHash::new();
            pieces.iter().for_each(|piece| hash.write(piece));
            hash.finish()
        };
        assert_eq!(mix(0), 0xE220_A839_7B1D_CDAF);
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
        assert_eq!(hash(&[b"orders.eu"]), 2_829_815_854_419_372_237);
    }
}
