//! Randomness: names that cannot be guessed, and seeds for exchanges that choose by chance.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// A keyed pseudo-random function over a counter; the key is the operating system's randomness.
#[derive(Debug, Default)]
pub(crate) struct Random {
    key: RandomState,
    drawn: AtomicU64,
}

impl Random {
    pub(crate) fn next(&self) -> u64 {
        self.key.hash_one(self.drawn.fetch_add(1, Ordering::Relaxed))
    }

    /// `prefix` and 22 url-safe base64 characters, as RabbitMQ's generated names have them.
    pub(crate) fn name(&self, prefix: &str) -> String {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut bits = u128::from(self.next()) << 64 | u128::from(self.next());
        let mut name = String::with_capacity(prefix.len() + 22);
        name.push_str(prefix);
        for _ in 0..22 {
            let digit = usize::try_from(bits & 63).unwrap_or(0);
            name.push(char::from(DIGITS[digit]));
            bits >>= 6;
        }
        name
    }
}

/// A number that nothing else in the world has.
pub(crate) fn identity() -> u128 {
    let random = Random::default();
    u128::from(random.next()) << 64 | u128::from(random.next())
}

/// What makes two hashes of one password differ: 16 octets at most.
pub(crate) fn salt<const N: usize>() -> [u8; N] {
    *identity().to_le_bytes().first_chunk().expect("a salt is no longer than an identity")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_look_like_rabbitmqs_and_never_repeat() {
        let random = Random::default();
        let names: std::collections::HashSet<_> =
            (0..1000).map(|_| random.name("amq.gen-")).collect();
        assert_eq!(names.len(), 1000);
        assert!(names.iter().all(|name| name.len() == 30));
    }
}
