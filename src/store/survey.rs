//! What lives in a log, found without opening it: nothing is changed, also if it belongs to somebody who runs.

use std::collections::BTreeMap;

use crate::recovery::{Note, Progress, Recovery};
use crate::replay::Replay;
use crate::scan::{BatchAt, RecordAt, Scan, SegmentAt, Visitor, scan};
use crate::state::State;
use crate::{Damage, Disk, OpenError, Record};

/// What lives in a log.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// The log as it was read.
    pub scan: Scan,
    /// How many contents live.
    pub contents: u64,
    /// How many of them each owner has.
    pub owned: BTreeMap<u64, u64>,
    /// The newest note of each owner on each content that it has.
    pub notes: Vec<Note>,
}

/// Reads all of a log as [`scan`] does, and tells in the end what an open log would hold.
///
/// # Errors
/// [`OpenError`].
pub fn survey<D: Disk>(disk: &D, visitor: &mut impl Visitor) -> Result<Survey, OpenError> {
    let mut nobody = |_: Progress| {};
    let mut both = Both { replay: Replay::new(&mut nobody), visitor };
    let scan = scan(disk, &mut both)?;
    let (mut state, mut recovery) = (State::<D::File>::new(1, 0), Recovery::default());
    both.replay.finish(&mut state, &mut recovery);
    let mut owned = BTreeMap::new();
    for (_, place) in state.index.range(0, u64::MAX) {
        for owner in state.owners.owners(place.owners) {
            *owned.entry(*owner).or_default() += 1;
        }
    }
    Ok(Survey { scan, contents: recovery.contents, owned, notes: recovery.notes })
}

/// What is found is told to both.
struct Both<'b, V> {
    replay: Replay<'b>,
    visitor: &'b mut V,
}

impl<V: Visitor> Visitor for Both<'_, V> {
    fn segment(&mut self, segment: &SegmentAt<'_>) {
        self.replay.segment(segment);
        self.visitor.segment(segment);
    }

    fn batch(&mut self, batch: &BatchAt<'_>) {
        self.replay.batch(batch);
        self.visitor.batch(batch);
    }

    fn record(&mut self, at: &RecordAt<'_>, record: &Record<'_>) {
        self.replay.record(at, record);
        self.visitor.record(at, record);
    }

    fn unsound(&mut self, at: &RecordAt<'_>, record: &Record<'_>) {
        self.visitor.unsound(at, record);
    }

    fn damage(&mut self, damage: Damage) {
        self.visitor.damage(damage);
    }

    fn cut(&mut self, cut: Damage) {
        self.visitor.cut(cut);
    }

    fn progress(&mut self, read: u64, all: u64) {
        self.visitor.progress(read, all);
    }
}
