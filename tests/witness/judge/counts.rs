//! How much there was to judge.

use std::fmt;

/// Numbers to tell a run that tried much from one that tried little.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that were published.
    pub published: u64,
    /// Those that were confirmed or committed.
    pub confirmed: u64,
    /// Those that the broker did not take.
    pub refused: u64,
    /// Deliveries to consumers.
    pub delivered: u64,
    /// Those that somebody may have seen before.
    pub redelivered: u64,
    /// Deliveries that a consumer settled.
    pub settled: u64,
    /// Messages that came again although an ack was on its way, or settled as dead letters twice.
    pub back_again: u64,
    /// Messages that went twice to where they were dead-lettered or held back for, because of a crash in between.
    pub moved_again: u64,
    /// Messages that were left in the end.
    pub drained: u64,
    /// How often the broker ended.
    pub ended: u64,
}

impl Counts {
    /// Adds those of another run.
    pub const fn add(&mut self, other: &Self) {
        self.published += other.published;
        self.confirmed += other.confirmed;
        self.refused += other.refused;
        self.delivered += other.delivered;
        self.redelivered += other.redelivered;
        self.settled += other.settled;
        self.back_again += other.back_again;
        self.moved_again += other.moved_again;
        self.drained += other.drained;
        self.ended += other.ended;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { published, confirmed, refused, delivered, redelivered, settled, .. } = self;
        let Self { back_again, moved_again, drained, ended, .. } = self;
        write!(
            f,
            "{ended} ends, {published} published, {confirmed} confirmed, {refused} refused, \
             {delivered} delivered ({redelivered} redelivered), {settled} settled, {back_again} back again, \
             {moved_again} moved again, {drained} drained"
        )
    }
}
