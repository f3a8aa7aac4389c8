//! When a message was sent, written into its body.
//!
//! ```text
//! run u64 │ Unix time in ns u64, 0 if it bears none │ zeros
//! ```
//!
//! The wall clock, so that producers and consumers may be different processes of one machine.

use std::time::{SystemTime, UNIX_EPOCH};

/// The smallest body that can bear a time.
pub(super) const STAMP_LEN: usize = 16;

/// Tells the messages of one run from those that lay in a queue before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RunId(u64);

impl RunId {
    /// One for consumers that take the messages of every run.
    pub(super) const ANY: Self = Self(0);

    pub(super) fn new() -> Self {
        Self(now() | 1)
    }

    /// Writes a time into a body; nothing if it is too short.
    pub(super) fn write(self, body: &mut [u8], nanos: u64) {
        if let Some((run, rest)) = body.split_first_chunk_mut::<8>()
            && let Some((time, _)) = rest.split_first_chunk_mut::<8>()
        {
            *run = self.0.to_le_bytes();
            *time = nanos.to_le_bytes();
        }
    }

    /// How long ago a body was sent, if it bears a time of this run.
    #[inline]
    pub(super) fn age(self, body: &[u8]) -> Option<u64> {
        let (run, rest) = body.split_first_chunk::<8>()?;
        let sent = u64::from_le_bytes(*rest.first_chunk::<8>()?);
        let is_ours = self == Self::ANY || u64::from_le_bytes(*run) == self.0;
        if sent == 0 || !is_ours {
            return None;
        }
        now().checked_sub(sent)
    }
}

/// Unix time in nanoseconds.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_times_of_this_run_count() {
        let (ours, mut body) = (RunId::new(), [0; 20]);
        assert_eq!(ours.age(&body), None);
        ours.write(&mut body, now());
        assert!(ours.age(&body).is_some());
        assert!(RunId::ANY.age(&body).is_some());
        assert_eq!(RunId(2).age(&body), None);
        ours.write(&mut body, 0);
        assert_eq!(ours.age(&body), None);
        assert_eq!(ours.age(&body[..15]), None);
    }
}
