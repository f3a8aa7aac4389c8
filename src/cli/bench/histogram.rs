//! Times, counted in buckets that are at most 1.6 % wide.
//!
//! A value's bucket is its highest bit and the six bits after it, so that all of `u64` fits into 3,776 counters.

const SUB_BITS: u32 = 6;
const SUB_BUCKETS: usize = 1 << SUB_BITS;
const BUCKETS: usize = (64 - SUB_BITS as usize + 1) * SUB_BUCKETS;

/// How often each time was seen, in nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    counts: Box<[u64]>,
    total: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS].into_boxed_slice(), total: 0, max: 0 }
    }
}

impl Histogram {
    pub(super) fn record(&mut self, nanos: u64) {
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
        self.max = self.max.max(nanos);
    }

    /// Moves everything out of `other`.
    pub(super) fn take_from(&mut self, other: &mut Self) {
        if other.total == 0 {
            return;
        }
        for (count, taken) in self.counts.iter_mut().zip(&mut other.counts) {
            *count += std::mem::take(taken);
        }
        self.total += std::mem::take(&mut other.total);
        self.max = self.max.max(std::mem::take(&mut other.max));
    }

    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    pub(super) const fn max(&self) -> u64 {
        self.max
    }

    /// The time that a share of all were below or at, 0.5 for the median: the upper end of its bucket.
    pub(super) fn quantile(&self, share: f64) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a count is a count"
        )]
        let rank = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return upper_end(index).min(self.max);
            }
        }
        self.max
    }
}

fn bucket(value: u64) -> usize {
    let bits = u64::BITS - value.leading_zeros();
    let shift = bits.saturating_sub(SUB_BITS + 1);
    // Values below 128 are counted exactly.
    let within = usize::try_from(value >> shift).unwrap_or(usize::MAX);
    shift as usize * SUB_BUCKETS + within
}

fn upper_end(index: usize) -> u64 {
    if index < 2 * SUB_BUCKETS {
        return index as u64;
    }
    let shift = index / SUB_BUCKETS - 1;
    let within = (index % SUB_BUCKETS + SUB_BUCKETS) as u64;
    // The last bucket ends where the type does.
    ((u128::from(within) + 1) << shift).saturating_sub(1).try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket() {
        let values = (0..300).chain([1_000, 65_535, 65_536, 1 << 40, u64::MAX - 1, u64::MAX]);
        let mut last = 0;
        for value in values {
            let index = bucket(value);
            assert!(index < BUCKETS && index >= last, "{value}");
            last = index;
            let end = upper_end(index);
            assert!(end >= value && end - value <= value / 64, "{value} ends at {end}");
            assert!(index == 0 || upper_end(index - 1) < value, "{value}");
        }
    }

    #[test]
    fn quantiles() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.quantile(0.5), histogram.max()), (0, 0));
        (1..=100).for_each(|nanos| histogram.record(nanos));
        let quantiles = [0.5, 0.9, 0.99, 0.999, 1.0].map(|share| histogram.quantile(share));
        assert_eq!(quantiles, [50, 90, 99, 100, 100]);
        let mut sum = Histogram::default();
        sum.take_from(&mut histogram);
        assert_eq!((sum.total(), sum.max(), histogram.total()), (100, 100, 0));
    }
}
