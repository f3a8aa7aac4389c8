//! How fast something counts: what it counted a few seconds ago, to be compared with now.
//!
//! The sampler calls [`Window::sample`] every [`SAMPLE_EVERY_MS`]; the last two samples are kept, so that there is always
//! one that is old enough to compare with. What never counted anything has no samples and takes no memory for them.

use broker::Timestamp;

/// How often samples are taken.
pub(crate) const SAMPLE_EVERY_MS: u64 = 2_500;

/// The last samples of the counts of one object.
#[derive(Debug, Default)]
pub(crate) struct Window<C>(Option<Box<Samples<C>>>);

#[derive(Debug)]
struct Samples<C> {
    older: (Timestamp, C),
    newer: (Timestamp, C),
}

/// What to compare with: the counts of some seconds ago.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Base<C> {
    /// What was counted then.
    pub(crate) counts: C,
    secs: f64,
}

impl<C: Copy + Default + PartialEq> Window<C> {
    /// Remembers what is counted now.
    pub(crate) fn sample(&mut self, now: Timestamp, counts: C) {
        match &mut self.0 {
            Some(samples) => samples.older = std::mem::replace(&mut samples.newer, (now, counts)),
            None if counts == C::default() => {}
            None => {
                // There was nothing yet when the last sample was taken.
                let before = Timestamp(now.as_ms().saturating_sub(SAMPLE_EVERY_MS));
                let (older, newer) = ((before, C::default()), (now, counts));
                self.0 = Some(Box::new(Samples { older, newer }));
            }
        }
    }

    /// Forgets what was counted before now.
    pub(crate) fn begin_anew(&mut self, now: Timestamp, counts: C) {
        // As if it had rested since the sample before, so that the first rate is not made of a moment.
        let before = Timestamp(now.as_ms().saturating_sub(SAMPLE_EVERY_MS));
        let samples = || Samples { older: (before, counts), newer: (now, counts) };
        self.0 = (counts != C::default()).then(|| Box::new(samples()));
    }

    /// What to compare the counts of `now` with.
    pub(crate) fn base(&self, now: Timestamp) -> Base<C> {
        match &self.0 {
            Some(samples) => {
                let (at, counts) = samples.older;
                Base { counts, secs: secs(now.ms_since(at).max(1)) }
            }
            None => Base { counts: C::default(), secs: secs(SAMPLE_EVERY_MS) },
        }
    }
}

impl<C> Base<C> {
    /// By how much something grows or shrinks in a second that was `before` and is `now`.
    #[expect(clippy::cast_precision_loss, reason = "a rate is shown with a few digits")]
    pub(crate) fn change(&self, now: u64, before: u64) -> f64 {
        (now as f64 - before as f64) / self.secs
    }
}

#[expect(clippy::cast_precision_loss, reason = "no window is as long as that")]
fn secs(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(window: &Window<u64>, now: u64, counted: u64) -> f64 {
        let base = window.base(Timestamp(now));
        base.change(counted, base.counts)
    }

    #[test]
    fn what_never_counted_takes_no_memory() {
        let mut window = Window::<u64>::default();
        window.sample(Timestamp(10_000), 0);
        assert!(window.0.is_none());
        assert_eq!(rate(&window, 12_000, 0), 0.0);
        assert_eq!(rate(&window, 12_000, 5), 2.0, "it began since the last sample");
    }

    #[test]
    fn the_rate_follows_within_two_samples() {
        let mut window = Window::default();
        window.sample(Timestamp(10_000), 100);
        assert_eq!(rate(&window, 10_000, 100), 40.0);
        window.sample(Timestamp(12_500), 100);
        assert_eq!(rate(&window, 12_500, 100), 0.0);
        assert_eq!(rate(&window, 14_500, 145), 10.0);
        window.sample(Timestamp(15_000), 150);
        assert_eq!(rate(&window, 17_500, 150), 10.0);
        window.sample(Timestamp(17_500), 150);
        assert_eq!(rate(&window, 17_500, 150), 0.0);
    }

    #[test]
    fn what_is_forgotten_has_no_rate() {
        let mut window = Window::default();
        window.sample(Timestamp(10_000), 100);
        window.begin_anew(Timestamp(11_000), 150);
        assert_eq!(rate(&window, 11_000, 150), 0.0);
        assert_eq!(rate(&window, 11_500, 180), 10.0);
        window.sample(Timestamp(12_500), 200);
        assert_eq!(rate(&window, 13_500, 200), 20.0);
    }

    #[test]
    fn what_shrinks_has_a_rate_below_zero() {
        let mut window = Window::default();
        window.sample(Timestamp(10_000), 100);
        window.sample(Timestamp(12_500), 100);
        assert_eq!(rate(&window, 15_000, 50), -10.0);
    }
}
