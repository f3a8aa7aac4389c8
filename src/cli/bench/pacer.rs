//! Wakes producers that publish at a rate.
//!
//! The runtime's timers tick in milliseconds, too coarse for 20,000 messages a second one by one; a thread of its own
//! sleeps as exactly as the kernel lets it.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::Notify;

/// Ends its thread when it is dropped.
#[derive(Debug)]
pub(super) struct Pacer {
    tick: Arc<Notify>,
    has_ended: Arc<AtomicBool>,
}

impl Pacer {
    /// Ticks at this interval, or never.
    pub(super) fn start(interval: Option<Duration>) -> Self {
        let tick = Arc::new(Notify::new());
        let has_ended = Arc::new(AtomicBool::new(false));
        if let Some(interval) = interval {
            let (tick, has_ended) = (Arc::downgrade(&tick), Arc::clone(&has_ended));
            thread::spawn(move || beat(interval, &tick, &has_ended));
        }
        Self { tick, has_ended }
    }

    /// Waits for the next tick.
    pub(super) async fn tick(&self) {
        self.tick.notified().await;
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.has_ended.store(true, Ordering::Relaxed);
    }
}

fn beat(interval: Duration, tick: &Weak<Notify>, has_ended: &AtomicBool) {
    while !has_ended.load(Ordering::Relaxed) {
        thread::sleep(interval);
        let Some(tick) = tick.upgrade() else { return };
        tick.notify_waiters();
    }
}

/// What a producer or consumer with a rate owes.
#[derive(Debug)]
pub(super) struct Schedule {
    rate: f64,
    begun: Instant,
    done: u64,
}

impl Schedule {
    pub(super) fn begin(rate: f64) -> Self {
        Self { rate, begun: Instant::now(), done: 0 }
    }

    /// How many messages are due now. What a slow broker delayed is caught up on for a tenth of a second at most.
    pub(super) fn due(&mut self) -> u64 {
        self.due_after(self.begun.elapsed())
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate times a duration is a count, and saturates"
    )]
    fn due_after(&mut self, elapsed: Duration) -> u64 {
        let planned = (elapsed.as_secs_f64() * self.rate) as u64;
        let backlog_max = (self.rate / 10.0) as u64 + 1;
        self.done = self.done.max(planned.saturating_sub(backlog_max));
        planned - self.done.min(planned)
    }

    pub(super) fn advance(&mut self, messages: u64) {
        self.done += messages;
    }

    /// When the next message is due.
    pub(super) fn next(&self) -> Instant {
        #[expect(clippy::cast_precision_loss, reason = "a run has less than 2^52 messages")]
        let at = (self.done + 1) as f64 / self.rate;
        self.begun + Duration::from_secs_f64(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_follows_the_clock_and_forgets_long_stalls() {
        let mut schedule = Schedule::begin(1000.0);
        assert_eq!(schedule.due_after(Duration::from_micros(2500)), 2);
        schedule.advance(2);
        assert_eq!(schedule.due_after(Duration::from_micros(2900)), 0);
        assert_eq!(schedule.due_after(Duration::from_millis(50)), 48);
        assert_eq!(schedule.due_after(Duration::from_secs(10)), 101);
    }
}
