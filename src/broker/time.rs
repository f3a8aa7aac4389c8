//! The wall clock as a value: it comes in as an argument, nothing here reads it.

/// Milliseconds since 1970-01-01 00:00 UTC.
///
/// The caller makes it from the wall time at its start plus the monotonic time since, so it never runs backwards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The time `ms` milliseconds later; the last representable time if that lies beyond it.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` until this time; 0 if it is not earlier.
    pub fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whole milliseconds since 1970.
    pub fn as_ms(self) -> u64 {
        self.0
    }

    /// Whole seconds since 1970, the unit of AMQP's timestamps.
    pub fn as_secs(self) -> u64 {
        self.0 / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Timestamp(1_500).plus_ms(600), Timestamp(2_100));
        assert_eq!(Timestamp(1).plus_ms(u64::MAX), Timestamp(u64::MAX));
        assert_eq!(Timestamp(5).ms_since(Timestamp(7)), 0);
        assert_eq!(Timestamp(2_999).as_secs(), 2);
    }
}
