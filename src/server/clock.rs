//! The time, read once where it comes in.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use broker::Timestamp;

/// The wall time at the start plus the monotonic time since: a clock step neither expires nor revives anything.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    started_at_ms: u64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let started_at_ms = u64::try_from(wall.as_millis()).unwrap_or(0);
        Self { started: Instant::now(), started_at_ms }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let since_start = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Timestamp(self.started_at_ms.saturating_add(since_start))
    }

    /// The moment at which [`now`](Self::now) reaches `at`; now, if that has passed.
    pub(crate) fn instant(&self, at: Timestamp) -> tokio::time::Instant {
        let wait = at.ms_since(self.now()).min(LONGEST_WAIT_MS);
        tokio::time::Instant::now() + std::time::Duration::from_millis(wait)
    }
}

/// Timers are armed for at most a day, and then again: they cannot hold a deadline years away.
const LONGEST_WAIT_MS: u64 = 24 * 60 * 60 * 1000;
