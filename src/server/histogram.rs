//! Durations of messages: how long they wait in a queue, and how long until they are acked.
//!
//! Two things are kept of each. How many there were since the histogram began, by powers of four: that is for Prometheus,
//! which compares it with what it read before. And those of the last one to two minutes, more finely: of these an
//! operator is told the median and what few exceed.

use broker::Timestamp;
use store::SpreadCounts;

/// How long the finer counts go on before they begin anew; those before them are kept as long.
const RECENT_MS: u64 = 60_000;

/// Up to here each millisecond has a bucket of its own.
const EXACT_MS: u64 = 16;

/// Each further power of two is divided by so many.
const PARTS: u64 = 8;

/// Up to 2³¹ ms, or 24 days; what takes longer counts as if it had taken so long.
const BUCKETS: usize = 16 + (31 - 4) * 8;

/// Durations in milliseconds.
#[derive(Debug)]
pub(crate) struct Histogram {
    all: SpreadCounts,
    recent: Counts,
    before: Counts,
    /// When `recent` began.
    began: Timestamp,
}

#[derive(Clone, Debug)]
struct Counts([u32; BUCKETS]);

/// What is said of durations, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// Of how many messages in the last one to two minutes this is said.
    pub count: u64,
    /// Half of them took no longer.
    pub p50_ms: u64,
    /// 95 % took no longer.
    pub p95_ms: u64,
    /// 99 % took no longer.
    pub p99_ms: u64,
    /// How many there were in all since they are counted, by powers of four.
    pub all: SpreadCounts,
}

impl Histogram {
    pub(crate) fn new(now: Timestamp) -> Self {
        let (recent, before) = (Counts::default(), Counts::default());
        Self { all: SpreadCounts::default(), recent, before, began: now }
    }

    /// So many messages took so long.
    pub(crate) fn add(&mut self, now: Timestamp, ms: u64, messages: u64) {
        self.turn(now);
        self.all.add(ms, messages);
        if let Some(count) = self.recent.0.get_mut(bucket_of(ms)) {
            *count = count.saturating_add(u32::try_from(messages).unwrap_or(u32::MAX));
        }
    }

    /// Forgets what is not recent any more.
    fn turn(&mut self, now: Timestamp) {
        let ms = now.ms_since(self.began);
        if ms < RECENT_MS {
            return;
        }
        self.before = std::mem::take(&mut self.recent);
        if ms >= 2 * RECENT_MS {
            self.before = Counts::default();
        }
        self.began = now;
    }

    pub(crate) fn read(&mut self, now: Timestamp) -> Durations {
        self.turn(now);
        let counts = || self.before.0.iter().zip(&self.recent.0);
        let each = || counts().map(|(&before, &recent)| u64::from(before) + u64::from(recent));
        let count = each().sum::<u64>();
        let reached = |percent: u64| {
            let rank = (count * percent).div_ceil(100);
            let mut below = 0;
            let found = each().position(|messages| {
                below += messages;
                below >= rank.max(1)
            });
            found.map_or(0, middle_of)
        };
        Durations {
            count,
            p50_ms: reached(50),
            p95_ms: reached(95),
            p99_ms: reached(99),
            all: self.all,
        }
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

/// Where a duration is counted.
fn bucket_of(ms: u64) -> usize {
    let ms = ms.min((1 << 31) - 1);
    if ms < EXACT_MS {
        return usize::try_from(ms).unwrap_or(0);
    }
    let power = u64::from(ms.ilog2());
    let part = ms >> (power - 3) & (PARTS - 1);
    usize::try_from(EXACT_MS + (power - 4) * PARTS + part).unwrap_or(BUCKETS)
}

/// The duration in the middle of a bucket.
fn middle_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < EXACT_MS {
        return bucket;
    }
    let (power, part) = ((bucket - EXACT_MS) / PARTS + 4, (bucket - EXACT_MS) % PARTS);
    let width = 1 << (power - 3);
    (PARTS + part) * width + width / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    #[test]
    fn a_bucket_is_an_eighth_wide_at_most() {
        let mut last = 0;
        for ms in (0..100_000).chain([1 << 20, (1 << 31) - 1]) {
            let bucket = bucket_of(ms);
            assert!(bucket >= last && bucket < BUCKETS, "{ms}");
            last = bucket;
            assert!(middle_of(bucket).abs_diff(ms) <= ms / 16, "{ms}: {}", middle_of(bucket));
        }
        assert_eq!((bucket_of((1 << 31) - 1), bucket_of(u64::MAX)), (BUCKETS - 1, BUCKETS - 1));
    }

    #[test]
    fn percentiles_are_of_the_last_minutes_and_sums_of_all() {
        let mut histogram = Histogram::new(NOW);
        histogram.add(NOW, 3, 90);
        histogram.add(NOW, 1000, 8);
        histogram.add(NOW, 60_000, 2);
        let read = histogram.read(NOW);
        assert_eq!((read.count, read.p50_ms), (100, 3));
        assert!(read.p95_ms.abs_diff(1000) <= 63 && read.p99_ms.abs_diff(60_000) <= 3750);
        assert_eq!((read.all.count(), read.all.sum), (100, 270 + 8000 + 120_000));
        let later = NOW.plus_ms(RECENT_MS);
        histogram.add(later, 5, 1);
        assert_eq!(histogram.read(later).count, 101);
        let later = later.plus_ms(RECENT_MS);
        assert_eq!((histogram.read(later).count, histogram.read(later).p99_ms), (1, 5));
        let later = later.plus_ms(2 * RECENT_MS);
        let read = histogram.read(later);
        assert_eq!((read.count, read.p50_ms, read.all.count()), (0, 0, 101));
    }
}
