//! How long the messages of a queue wait, and how long until they are acked.
//!
//! There is a histogram of each only while the queue has traffic, and for an hour after: a queue at rest takes no memory
//! for it. All of them together take no more than [`BYTES_MAX`]; when that is nearly used up, those go whose queues have been
//! quiet for the longest.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use broker::Timestamp;
use broker::queue::SAMPLE_EVERY_MS;

use crate::histogram::{Durations, Histogram};

/// What the histograms of all queues may take together.
const BYTES_MAX: usize = 64 << 20;

const COUNT_MAX: usize = BYTES_MAX / size_of::<Histograms>();

/// How long the histograms of a quiet queue are kept.
const KEPT_MS: u64 = 3_600_000;

/// The same, if there are far too many queues for that.
const KEPT_MS_MIN: u64 = 5_000;

/// How many queues have histograms, and how long these are kept.
#[derive(Debug)]
pub(crate) struct TimingsBudget {
    count: Arc<AtomicUsize>,
    kept_ms: AtomicU64,
}

/// What is known of one queue.
#[derive(Debug, Default)]
pub(super) struct Timings {
    histograms: Option<Box<Histograms>>,
    /// How long the last sample had waited.
    last_wait_ms: u64,
    /// No ack is a sample before.
    ack_again_at: Timestamp,
    /// How many messages were acked since the last sample, and how long that took.
    acks: u64,
    last_ack_ms: u64,
}

#[derive(Debug)]
struct Histograms {
    wait: Histogram,
    ack: Histogram,
    used_at: Timestamp,
    _seat: Seat,
}

/// The histograms of one queue among those of all.
#[derive(Debug)]
struct Seat(Arc<AtomicUsize>);

impl Default for TimingsBudget {
    fn default() -> Self {
        Self { count: Arc::default(), kept_ms: AtomicU64::new(KEPT_MS) }
    }
}

impl TimingsBudget {
    fn take(&self) -> Option<Seat> {
        let seat = Seat(Arc::clone(&self.count));
        // Given back as the seat is dropped, if there was none.
        (self.count.fetch_add(1, Relaxed) < COUNT_MAX).then_some(seat)
    }

    /// Every queue was looked at: those of the next round go sooner, if there are still too many.
    pub(crate) fn adjust(&self) {
        let kept_ms = self.kept_ms.load(Relaxed);
        let is_short = self.count.load(Relaxed) > COUNT_MAX / 8 * 7;
        let kept_ms = if is_short { kept_ms / 2 } else { kept_ms * 2 };
        self.kept_ms.store(kept_ms.clamp(KEPT_MS_MIN, KEPT_MS), Relaxed);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Timings {
    /// A message that stands for so many has waited so long.
    pub(super) fn add_wait(
        &mut self,
        budget: &TimingsBudget,
        now: Timestamp,
        ms: u64,
        messages: u64,
    ) {
        self.last_wait_ms = ms;
        if let Some(histograms) = self.histograms(budget, now) {
            histograms.wait.add(now, ms, messages);
        }
    }

    /// Messages were acked, the first of which was delivered then.
    #[inline]
    pub(super) fn add_acks(
        &mut self,
        budget: &TimingsBudget,
        now: Timestamp,
        delivered_at: Timestamp,
        messages: usize,
    ) {
        self.acks += messages as u64;
        if now >= self.ack_again_at {
            self.sample_ack(budget, now, now.ms_since(delivered_at));
        }
    }

    #[cold]
    fn sample_ack(&mut self, budget: &TimingsBudget, now: Timestamp, ms: u64) {
        self.ack_again_at = now.plus_ms(SAMPLE_EVERY_MS);
        self.last_ack_ms = ms;
        let messages = std::mem::take(&mut self.acks);
        if let Some(histograms) = self.histograms(budget, now) {
            histograms.ack.add(now, ms, messages);
        }
    }

    fn histograms(&mut self, budget: &TimingsBudget, now: Timestamp) -> Option<&mut Histograms> {
        if self.histograms.is_none() {
            let seat = budget.take()?;
            let (wait, ack) = (Histogram::new(now), Histogram::new(now));
            self.histograms = Some(Box::new(Histograms { wait, ack, used_at: now, _seat: seat }));
        }
        let histograms = self.histograms.as_deref_mut()?;
        histograms.used_at = now;
        Some(histograms)
    }

    /// Counts those for which no sample stands yet: they are as the last one was.
    pub(super) fn settle(&mut self, now: Timestamp, waited: u64) {
        let acked = std::mem::take(&mut self.acks);
        let Some(histograms) = &mut self.histograms else { return };
        for (histogram, ms, messages) in [
            (&mut histograms.wait, self.last_wait_ms, waited),
            (&mut histograms.ack, self.last_ack_ms, acked),
        ] {
            if messages > 0 {
                histogram.add(now, ms, messages);
                histograms.used_at = now;
            }
        }
    }

    /// How long messages waited, and until they were acked; `None` if the queue had no traffic.
    pub(super) fn read(&mut self, now: Timestamp) -> Option<(Durations, Durations)> {
        let histograms = self.histograms.as_deref_mut()?;
        Some((histograms.wait.read(now), histograms.ack.read(now)))
    }

    /// Forgets everything if the queue has been quiet for long.
    pub(super) fn forget_if_quiet(&mut self, budget: &TimingsBudget, now: Timestamp) {
        let kept_ms = budget.kept_ms.load(Relaxed);
        let is_quiet = |known: &Histograms| now.ms_since(known.used_at) >= kept_ms;
        if self.histograms.as_deref().is_some_and(is_quiet) {
            self.histograms = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    #[test]
    fn a_queue_at_rest_takes_next_to_nothing() {
        assert!(size_of::<Histograms>() <= 8 << 10 && size_of::<Timings>() <= 64);
        let (mut timings, budget) = (Timings::default(), TimingsBudget::default());
        assert!(timings.read(NOW).is_none());
        timings.add_wait(&budget, NOW, 7, 1);
        assert!(timings.read(NOW).is_some() && budget.count.load(Relaxed) == 1);
        timings.forget_if_quiet(&budget, NOW.plus_ms(KEPT_MS - 1));
        assert!(timings.read(NOW).is_some());
        timings.forget_if_quiet(&budget, NOW.plus_ms(KEPT_MS));
        assert!(timings.read(NOW).is_none() && budget.count.load(Relaxed) == 0);
    }

    #[test]
    fn each_message_is_counted_though_few_are_looked_at() {
        let (mut timings, budget) = (Timings::default(), TimingsBudget::default());
        for ms in 0..20 {
            let now = NOW.plus_ms(ms);
            timings.add_acks(&budget, now, Timestamp(now.0 - 5), 10);
        }
        let (_, acks) = timings.read(NOW).unwrap();
        assert_eq!((acks.count, acks.p50_ms), (170, 5));
        timings.settle(NOW, 3);
        let (waits, acks) = timings.read(NOW).unwrap();
        assert_eq!((acks.count, waits.count), (200, 3));
    }

    #[test]
    fn all_together_are_bounded_and_the_quiet_ones_go_first() {
        let budget = TimingsBudget::default();
        let mut queues: Vec<Timings> = Vec::new();
        for number in 0..COUNT_MAX + 10 {
            let mut timings = Timings::default();
            timings.add_wait(&budget, NOW.plus_ms(number as u64), 1, 1);
            queues.push(timings);
        }
        let count = |queues: &[Timings]| queues.iter().filter(|it| it.histograms.is_some()).count();
        assert_eq!(count(&queues), COUNT_MAX);
        let now = NOW.plus_ms(queues.len() as u64);
        for _ in 0..12 {
            budget.adjust();
            queues.iter_mut().for_each(|queue| queue.forget_if_quiet(&budget, now));
        }
        let kept = count(&queues);
        assert!(kept <= COUNT_MAX / 8 * 7 && kept > 0, "{kept}");
        assert!(queues[COUNT_MAX - 1].histograms.is_some() && queues[0].histograms.is_none());
        assert_eq!(budget.count.load(Relaxed), kept);
    }
}
