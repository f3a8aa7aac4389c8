//! How long messages wait: said of one message every few milliseconds, for all that went before it.
//!
//! A queue delivers far more messages than anybody can look at; so it says of one that it goes, and of how many since the
//! last one it is to stand for.

use super::{Queue, Sink};
use crate::{Timestamp, message::Sequence};

/// How often a queue gives a sample, at most.
pub const SAMPLE_EVERY_MS: u64 = 8;

/// When the last sample was given, and of how many messages.
#[derive(Debug, Default)]
pub(super) struct Sampling {
    /// The next one is not before.
    again_at: Timestamp,
    /// How many messages had been delivered for the first time by then.
    delivered: u64,
}

impl Sampling {
    /// Whether a message that goes now is a sample.
    #[inline]
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        now >= self.again_at
    }
}

impl Queue {
    /// A message goes for the first time, and is a sample: `sequence` says which, if it has waited at all.
    #[cold]
    pub(super) fn sample(
        &mut self,
        now: Timestamp,
        sequence: Option<Sequence>,
        sink: &mut impl Sink,
    ) {
        let messages = self.take_unsampled();
        self.sampling.again_at = now.plus_ms(SAMPLE_EVERY_MS);
        sink.sample_wait(sequence, messages);
    }

    /// How many messages went since the last sample, for which none stands yet; from now on one does.
    pub fn take_unsampled(&mut self) -> u64 {
        let counters = &self.counters;
        let given = counters.deliver + counters.deliver_no_ack + counters.get + counters.get_no_ack;
        let delivered = given - counters.redeliver;
        delivered - std::mem::replace(&mut self.sampling.delivered, delivered)
    }

    /// The message that has been ready for the longest. Of those that came back to a quorum queue, that is the one that
    /// goes next.
    pub fn oldest_ready(&self) -> Option<Sequence> {
        let heads = self.ready.lines().filter_map(|line| self.ready.front(line));
        heads.map(|head| head.sequence).min()
    }
}
