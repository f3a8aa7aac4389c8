//! How large a log is, and what it has done.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::state::State;
use crate::{Spread, SpreadCounts};

/// How large a log is, and what it has done since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// How many segments there are.
    pub segments: u64,
    /// What their files take, in bytes.
    pub bytes: u64,
    /// How much of that is written.
    pub used_bytes: u64,
    /// What live contents take of that.
    pub live_bytes: u64,
    /// How many contents live on the disk.
    pub live_contents: u64,
    /// How many spare segments there are.
    pub spares: u64,
    /// What they take, in bytes.
    pub spare_bytes: u64,
    /// What was appended and is not being written yet, in bytes.
    pub filling_bytes: u64,
    /// How many batches were written.
    pub batches: u64,
    /// How many bytes were written in batches.
    pub written_bytes: u64,
    /// How many times the disk was asked to flush a batch.
    pub flushes: u64,
    /// How many segments were begun.
    pub segments_begun: u64,
    /// How many segments were emptied because they were mostly dead.
    pub segments_emptied: u64,
    /// How many times there was no room on the disk for another segment.
    pub full_disk: u64,
    /// How many contents were appended for each batch, with those that were released before it was written.
    pub batch_contents: SpreadCounts,
    /// How many bytes were written in each batch.
    pub batch_bytes: SpreadCounts,
}

/// What only grows.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) batches: AtomicU64,
    pub(crate) written_bytes: AtomicU64,
    pub(crate) flushes: AtomicU64,
    pub(crate) segments_begun: AtomicU64,
    pub(crate) segments_emptied: AtomicU64,
    pub(crate) full_disk: AtomicU64,
    pub(crate) batch_contents: Spread,
    pub(crate) batch_bytes: Spread,
}

pub(crate) fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn stats<F>(&self, state: &State<F>) -> Stats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut stats = Stats {
            segments: state.segments.len() as u64,
            live_contents: state.index.len(),
            spares: state.spares.len() as u64,
            spare_bytes: state.spares.iter().map(|spare| spare.size).sum(),
            filling_bytes: state.filling.len() as u64,
            batches: get(&self.batches),
            written_bytes: get(&self.written_bytes),
            flushes: get(&self.flushes),
            segments_begun: get(&self.segments_begun),
            segments_emptied: get(&self.segments_emptied),
            full_disk: get(&self.full_disk),
            batch_contents: self.batch_contents.read(),
            batch_bytes: self.batch_bytes.read(),
            ..Stats::default()
        };
        for segment in state.segments.iter() {
            stats.bytes += segment.size;
            stats.used_bytes += segment.used;
            stats.live_bytes += segment.tally.live_bytes;
        }
        stats
    }
}
