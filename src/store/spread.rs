//! How values are spread: counted by powers of four, by one thread or many.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many powers of four there are, from 4⁰; what is larger than the last counts besides.
const POWERS: usize = 13;

/// Counts values by their size.
#[derive(Debug, Default)]
pub struct Spread {
    counts: [AtomicU64; POWERS + 1],
    sum: AtomicU64,
}

/// A [`Spread`], read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpreadCounts {
    /// How many values were at most 4⁰, 4¹, …, 4¹² and more than their neighbour to the left allows; the last are all
    /// that were larger still.
    pub counts: [u64; POWERS + 1],
    /// The sum of all values.
    pub sum: u64,
}

impl Spread {
    /// Counts a value.
    pub fn add(&self, value: u64) {
        if let Some(count) = self.counts.get(place_of(value)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub fn read(&self) -> SpreadCounts {
        SpreadCounts {
            counts: std::array::from_fn(|place| {
                self.counts.get(place).map_or(0, |count| count.load(Ordering::Relaxed))
            }),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

impl SpreadCounts {
    /// Counts a value so many times.
    pub fn add(&mut self, value: u64, times: u64) {
        if let Some(count) = self.counts.get_mut(place_of(value)) {
            *count += times;
        }
        self.sum = self.sum.saturating_add(value.saturating_mul(times));
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many values are no larger than each power of four.
    pub fn up_to(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut below = 0;
        self.counts.iter().take(POWERS).zip(0..).map(move |(count, power)| {
            below += count;
            (4_u64.pow(power), below)
        })
    }
}

/// Where a value is counted.
fn place_of(value: u64) -> usize {
    let bits = u64::BITS - value.saturating_sub(1).leading_zeros();
    (bits.div_ceil(2) as usize).min(POWERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_up_to_the_power_that_it_does_not_exceed() {
        for (value, place) in [(0, 0), (1, 0), (2, 1), (4, 1), (5, 2), (16, 2), (17, 3)] {
            assert_eq!(place_of(value), place, "{value}");
        }
        assert_eq!((place_of(4_u64.pow(12)), place_of(4_u64.pow(12) + 1)), (12, 13));
        assert_eq!(place_of(u64::MAX), 13);
    }

    #[test]
    fn what_is_read_is_what_was_counted() {
        let spread = Spread::default();
        let mut expected = SpreadCounts::default();
        for value in [0, 3, 3, 1000, u64::from(u32::MAX)] {
            spread.add(value);
            expected.add(value, 1);
        }
        let read = spread.read();
        assert_eq!(read, expected);
        assert_eq!((read.count(), read.sum), (5, 1006 + u64::from(u32::MAX)));
        let up_to: Vec<(u64, u64)> = read.up_to().collect();
        assert_eq!(up_to[..3], [(1, 1), (4, 3), (16, 3)]);
        assert_eq!((up_to.len(), up_to[12]), (13, (16_777_216, 4)));
    }
}
