//! Who guesses passwords: from where too many logins were refused, the next ones are not looked at for a while.
//!
//! That is counted for each address, but not for this machine's own, which all of its programs share: a worker with a
//! wrong password must not keep the others out.

use std::net::IpAddr;

use ahash::AHashMap;
use broker::Timestamp;
use parking_lot::Mutex;

/// So many refused logins cost nothing: somebody mistyped, or a setting is being changed.
const FREE: u32 = 10;

/// How long the first wait is; each further refusal doubles it.
const WAIT_MS_MIN: u64 = 100;

/// The longest wait.
const WAIT_MS_MAX: u64 = 5000;

/// After so long without a refused login an address is forgotten.
const FORGOTTEN_AFTER_MS: u64 = 60_000;

/// How many addresses are remembered; of more, the ones that are not do not wait.
const ADDRESSES_MAX: usize = 10_000;

/// The refused logins by address.
#[derive(Debug, Default)]
pub(crate) struct Guesses(Mutex<AHashMap<IpAddr, Refused>>);

#[derive(Clone, Copy, Debug)]
struct Refused {
    count: u32,
    last: Timestamp,
}

impl Guesses {
    /// How long a login from there is not to be looked at, if it is so, in milliseconds.
    pub(crate) fn wait_ms(&self, peer: IpAddr, now: Timestamp) -> Option<u64> {
        let refused = *self.0.lock().get(&peer.to_canonical())?;
        let beyond = refused.count.checked_sub(FREE)?;
        let wait_ms = WAIT_MS_MIN.saturating_mul(1 << beyond.min(16)).min(WAIT_MS_MAX);
        wait_ms.checked_sub(now.ms_since(refused.last)).filter(|&ms| ms > 0)
    }

    /// A login from there was refused.
    pub(crate) fn refused(&self, peer: IpAddr, now: Timestamp) {
        let peer = peer.to_canonical();
        if peer.is_loopback() {
            return;
        }
        let mut addresses = self.0.lock();
        if addresses.len() >= ADDRESSES_MAX {
            addresses.retain(|_, refused| !refused.is_forgotten(now));
        }
        if addresses.len() >= ADDRESSES_MAX && !addresses.contains_key(&peer) {
            return;
        }
        let known = addresses.entry(peer).or_insert(Refused { count: 0, last: now });
        if known.is_forgotten(now) {
            known.count = 0;
        }
        known.count = known.count.saturating_add(1);
        known.last = now;
    }

    /// Somebody from there got in.
    pub(crate) fn accepted(&self, peer: IpAddr) {
        self.0.lock().remove(&peer.to_canonical());
    }
}

impl Refused {
    fn is_forgotten(self, now: Timestamp) -> bool {
        now.ms_since(self.last) >= FORGOTTEN_AFTER_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    fn at(ms: u64) -> Timestamp {
        Timestamp(1_000_000 + ms)
    }

    fn refuse(guesses: &Guesses, peer: IpAddr, count: u32) {
        (0..count).for_each(|_| guesses.refused(peer, at(0)));
    }

    #[test]
    fn each_refusal_beyond_the_first_ones_doubles_the_wait() {
        let guesses = Guesses::default();
        refuse(&guesses, PEER, FREE - 1);
        assert_eq!(guesses.wait_ms(PEER, at(0)), None);
        for expected in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            guesses.refused(PEER, at(0));
            assert_eq!(guesses.wait_ms(PEER, at(0)), Some(expected));
            assert_eq!(guesses.wait_ms(PEER, at(expected - 1)), Some(1));
            assert_eq!(guesses.wait_ms(PEER, at(expected)), None);
        }
        refuse(&guesses, PEER, 1000);
        assert_eq!(guesses.wait_ms(PEER, at(0)), Some(WAIT_MS_MAX));
        let mapped = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(guesses.wait_ms(mapped, at(0)), Some(WAIT_MS_MAX), "it is the same one");
    }

    #[test]
    fn who_gets_in_or_waits_long_enough_begins_anew() {
        let guesses = Guesses::default();
        refuse(&guesses, PEER, FREE + 5);
        guesses.accepted(PEER);
        assert_eq!(guesses.wait_ms(PEER, at(0)), None);
        refuse(&guesses, PEER, FREE + 5);
        guesses.refused(PEER, at(FORGOTTEN_AFTER_MS));
        assert_eq!(guesses.wait_ms(PEER, at(FORGOTTEN_AFTER_MS)), None);
    }

    #[test]
    fn nobody_else_waits_and_this_machine_never_does() {
        let guesses = Guesses::default();
        let here = "::ffff:127.0.0.1".parse().unwrap();
        refuse(&guesses, PEER, 100);
        refuse(&guesses, here, 100);
        assert_eq!(guesses.wait_ms(here, at(0)), None);
        assert_eq!(guesses.wait_ms("10.0.0.2".parse().unwrap(), at(0)), None);
    }

    #[test]
    fn no_more_addresses_are_remembered_than_may() {
        let guesses = Guesses::default();
        let peer = |number: u32| IpAddr::V4((0x0A00_0000 + number).into());
        let count = u32::try_from(ADDRESSES_MAX).unwrap();
        (0..=count).for_each(|number| guesses.refused(peer(number), at(0)));
        assert_eq!(guesses.0.lock().len(), ADDRESSES_MAX);
        guesses.refused(peer(count), at(FORGOTTEN_AFTER_MS));
        assert_eq!(guesses.0.lock().len(), 1);
    }
}
