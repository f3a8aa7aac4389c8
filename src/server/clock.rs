//! The time, read once where it comes in.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use broker::Timestamp;

/// The wall time at the start plus the monotonic time since: a clock step neither expires nor revives anything.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    started_at_ms: u64,
    /// In a simulation the time is what it was set to.
    #[cfg(feature = "simulation")]
    by_hand: Option<std::sync::atomic::AtomicU64>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let started_at_ms = u64::try_from(wall.as_millis()).unwrap_or(0);
        Self {
            started: Instant::now(),
            started_at_ms,
            #[cfg(feature = "simulation")]
            by_hand: None,
        }
    }

    /// A clock that stands still until it is [set](Self::set).
    #[cfg(feature = "simulation")]
    pub(crate) fn standing_at(now: Timestamp) -> Self {
        Self { by_hand: Some(now.as_ms().into()), ..Self::start() }
    }

    /// Sets a clock that stands still.
    #[cfg(feature = "simulation")]
    pub(crate) fn set(&self, now: Timestamp) {
        if let Some(by_hand) = &self.by_hand {
            by_hand.store(now.as_ms(), std::sync::atomic::Ordering::Relaxed);
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        #[cfg(feature = "simulation")]
        if let Some(by_hand) = &self.by_hand {
            return Timestamp(by_hand.load(std::sync::atomic::Ordering::Relaxed));
        }
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
