//! What is known of a log that is open: who keeps what, and where it lies.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::Waker;

use crate::batch::{Batch, Contents, Copied};
use crate::hash::FastHash;
use crate::index::{Index, Place};
use crate::owners::{OwnerSet, OwnerSets};
use crate::prepared::Prepared;
use crate::segments::{Segment, Segments, Spare};
use crate::{Fault, Options};

/// Everything under the one lock of a log.
///
/// Invariants
/// - A live content is in exactly one of: the filling batch, the batch that is being written (from `indexed` on), the
///   index. A lookup asks them in this order. A copy of a content does not count: until it is written, the content is
///   where it was.
/// - [`Tally`](crate::segments::Tally) counts what the index and `notes` say of a segment.
/// - Whatever is released in a batch, the batch's segment refers to the content's, or is the same.
#[derive(Debug)]
pub(crate) struct State<F> {
    pub(crate) filling: Batch,
    /// The number of the filling batch.
    pub(crate) number: u64,
    pub(crate) writing: Option<Writing>,
    /// What a batch takes that waits for room on the disk.
    pub(crate) waiting_bytes: usize,
    /// Why a batch could not be written the last time it was tried.
    pub(crate) refusal: Option<Arc<Fault>>,
    /// An empty batch to fill next, kept for its memory.
    pub(crate) emptied: Option<Batch>,
    pub(crate) index: Index,
    pub(crate) owners: OwnerSets,
    /// The newest note of each owner on each live content that has one.
    pub(crate) notes: HashMap<(u64, u64), NotePlace, FastHash>,
    pub(crate) segments: Segments<F>,
    pub(crate) spares: Vec<Spare<F>>,
    /// Room for the time when the disk is full.
    pub(crate) reserve: Vec<Spare<F>>,
    /// Segments that were dropped: their files are to be removed or to become spares.
    pub(crate) retired: Vec<Segment<F>>,
    /// How large the next segment should be.
    pub(crate) segment_bytes: u64,
    /// A segment was filled: another will be needed soon.
    pub(crate) wants_spare: bool,
    /// The number of the next segment.
    pub(crate) next_segment: u32,
    /// The number of the next file that is no segment.
    pub(crate) next_scratch: u64,
    /// The highest sequence that a content has had.
    pub(crate) sequence: u64,
    pub(crate) room_waiters: Vec<Waker>,
    /// The log's thread waits for something to do.
    pub(crate) is_asleep: bool,
    /// There may be a segment that nothing needs any more.
    pub(crate) may_drop: bool,
    /// There may be something to be tidied up.
    pub(crate) may_tidy: bool,
    pub(crate) is_closing: bool,
    pub(crate) fault: Option<Arc<Fault>>,
}

/// A batch that is being written: its contents are found here until the index has them.
#[derive(Debug)]
pub(crate) struct Writing {
    pub(crate) contents: Contents,
    pub(crate) copies: Vec<Copied>,
    /// How many of its contents the index has.
    pub(crate) indexed: usize,
    /// One of them was released since it is being written.
    pub(crate) is_released: bool,
    /// Its bytes, unless they are being made.
    pub(crate) prepared: Option<Arc<Prepared>>,
}

/// Where the newest note of an owner on a content lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotePlace {
    /// `None`: not yet on the disk.
    pub(crate) segment: Option<u32>,
    pub(crate) len: u32,
}

impl<F> State<F> {
    pub(crate) fn new(number: u64, segment_bytes: u64) -> Self {
        Self {
            filling: Batch::new(),
            number,
            writing: None,
            waiting_bytes: 0,
            refusal: None,
            emptied: None,
            index: Index::default(),
            owners: OwnerSets::new(),
            notes: HashMap::default(),
            segments: Segments::default(),
            spares: Vec::new(),
            reserve: Vec::new(),
            retired: Vec::new(),
            segment_bytes,
            wants_spare: false,
            next_segment: 1,
            next_scratch: 1,
            sequence: 0,
            room_waiters: Vec::new(),
            is_asleep: false,
            may_drop: true,
            may_tidy: true,
            is_closing: false,
            fault: None,
        }
    }

    /// How much memory takes what nobody is writing.
    #[inline]
    pub(crate) fn unwritten_bytes(&self) -> usize {
        self.filling.len() + self.waiting_bytes
    }

    pub(crate) fn has_room(&self, options: &Options) -> bool {
        self.unwritten_bytes() < options.buffer_bytes_max || self.fault.is_some()
    }

    /// Appends a content that is not there yet.
    #[inline]
    pub(crate) fn content(
        &mut self,
        sequence: u64,
        owners: &[u64],
        payload_len: usize,
        write: impl FnOnce(&mut [u8]),
    ) {
        let set = self.owners.take(owners);
        self.filling.content(sequence, (owners, set), payload_len, write);
    }

    /// Gives a content that may be there already further owners; `false`: it is not there.
    #[cold]
    pub(crate) fn share(&mut self, sequence: u64, owners: &[u64]) -> bool {
        let Some(before) = self.owners_of(sequence) else { return false };
        let mut all = self.owners.owners(before).to_vec();
        for owner in owners {
            if !all.contains(owner) {
                all.push(*owner);
            }
        }
        let after = self.owners.take(&all);
        self.owners.give_back(before);
        if let Some(position) = self.filling.contents.position(sequence) {
            self.filling.set_owners(position, after);
        } else if let Some(writing) = &mut self.writing
            && let Some(position) = writing.position(sequence)
            && let Some(content) = writing.contents.get_mut(position)
        {
            content.owners = after;
        } else {
            self.index.change_owners(sequence, |_| after);
        }
        true
    }

    /// An owner gives a content up; whether that is to be written, since the content is or will be on the disk.
    #[inline]
    pub(crate) fn release(&mut self, owner: u64, sequence: u64) -> bool {
        if !self.notes.is_empty() {
            self.forget_note(owner, sequence);
        }
        let Self { filling, owners, .. } = self;
        if let Some(position) = filling.contents.position(sequence) {
            let Some(content) = filling.contents.get(position) else { return false };
            let before = content.owners;
            let rest = owners.without(before, owner);
            if rest != before {
                filling.set_owners(position, rest);
            }
            return rest != before && rest != OwnerSet::NONE;
        }
        if let Some(writing) = &mut self.writing
            && let Some(position) = writing.position(sequence)
            && let Some(content) = writing.contents.get_mut(position)
        {
            let rest = owners.without(content.owners, owner);
            let has_changed = rest != content.owners;
            content.owners = rest;
            writing.is_released |= has_changed;
            return has_changed;
        }
        let change = |before| owners.without(before, owner);
        let Some((place, rest)) = self.index.change_owners(sequence, change) else { return false };
        if rest == place.owners {
            return false;
        }
        self.filling.refer_to(place.segment);
        if rest == OwnerSet::NONE {
            self.leave(&place);
            let number = self.number;
            if let Some(segment) = self.segments.get_mut(place.segment) {
                segment.tally.left_in = number;
            }
        }
        true
    }

    /// An owner notes something of a content that it has.
    pub(crate) fn note(&mut self, owner: u64, sequence: u64, note: &[u8]) {
        if self.holds(owner, sequence) {
            self.forget_note(owner, sequence);
            let len = crate::format::length_u32(crate::format::note_len(note));
            self.notes.insert((owner, sequence), NotePlace { segment: None, len });
            self.filling.note(owner, sequence, note, false);
        }
    }

    /// The owners of a content.
    #[inline]
    pub(crate) fn owners_of(&self, sequence: u64) -> Option<OwnerSet> {
        let owners = if let Some(position) = self.filling.contents.position(sequence) {
            self.filling.contents.get(position)?.owners
        } else if let Some(writing) = &self.writing
            && let Some(position) = writing.position(sequence)
        {
            writing.contents.get(position)?.owners
        } else {
            self.index.find(sequence)?.owners
        };
        (owners != OwnerSet::NONE).then_some(owners)
    }

    /// Whether an owner has a content.
    pub(crate) fn holds(&self, owner: u64, sequence: u64) -> bool {
        self.owners_of(sequence).is_some_and(|owners| self.owners.has(owners, owner))
    }

    /// The content at a place of the index is not there any more.
    #[inline]
    pub(crate) fn leave(&mut self, place: &Place) {
        if let Some(segment) = self.segments.get_mut(place.segment) {
            segment.tally.leave(place.length);
            if Segments::is_worth_a_look(segment) {
                self.may_drop |= segment.tally.live == 0;
                self.may_tidy = true;
            }
        }
    }

    /// An owner's note is of no use any more.
    #[cold]
    fn forget_note(&mut self, owner: u64, sequence: u64) {
        if let Some(NotePlace { segment: Some(segment), len }) =
            self.notes.remove(&(owner, sequence))
            && let Some(segment) = self.segments.get_mut(segment)
        {
            segment.tally.notes -= 1;
            segment.tally.left_in = self.number;
            segment.tally.note_bytes -= u64::from(len);
            self.may_drop |= segment.tally.notes == 0;
        }
    }

    /// A note of the batch that was written lies in a segment, if it is still of use.
    pub(crate) fn place_note(&mut self, owner: u64, sequence: u64, segment: u32) {
        let Some(place) = self.notes.get_mut(&(owner, sequence)) else { return };
        let (before, len) = (place.segment.replace(segment), u64::from(place.len));
        if let Some(before) = before.and_then(|before| self.segments.get_mut(before)) {
            before.tally.notes -= 1;
            before.tally.note_bytes -= len;
        }
        if let Some(segment) = self.segments.get_mut(segment) {
            segment.tally.notes += 1;
            segment.tally.note_bytes += len;
        }
    }

    /// Takes the filling batch to be written, and begins another.
    pub(crate) fn swap(&mut self) -> (Batch, u64) {
        let next = self.emptied.take().unwrap_or_else(Batch::new);
        let mut batch = std::mem::replace(&mut self.filling, next);
        let number = self.number;
        self.number += 1;
        self.writing = Some(Writing {
            contents: std::mem::take(&mut batch.contents),
            copies: std::mem::take(&mut batch.copies),
            indexed: 0,
            is_released: false,
            prepared: None,
        });
        (batch, number)
    }

    /// Gives some contents of the batch that was written their places; whether there are more.
    pub(crate) fn index_some(&mut self, segment: u32, at: u64, count: usize) -> bool {
        let Self { writing: Some(writing), segments, index, .. } = self else { return false };
        let Some(prepared) = &writing.prepared else { return false };
        let Some(found) = segments.get_mut(segment) else { return false };
        let end = writing.contents.len().min(writing.indexed + count);
        while writing.indexed < end {
            let Some(content) = writing.contents.get(writing.indexed) else { break };
            found.tally.saw(content.sequence);
            if content.owners != OwnerSet::NONE {
                let place = Place {
                    segment,
                    offset: offset_in_segment(at, prepared.offset_of(content.offset)),
                    length: crate::index::LengthCode::new(content.len),
                    owners: content.owners,
                };
                found.tally.enter(place.length);
                let before = index.insert(content.sequence, place);
                debug_assert_eq!(before, None, "a content is in one place");
            }
            writing.indexed += 1;
        }
        end < writing.contents.len()
    }

    /// A content was written again; if it still is where it was copied from, it is there from now on.
    pub(crate) fn move_content(&mut self, copy: &Copied, to: (u32, u32)) {
        let Some(target) = self.segments.get_mut(to.0) else { return };
        target.tally.saw(copy.sequence);
        if copy.from.0 != to.0 {
            target.tally.copied_from.insert(copy.from.0);
        }
        let Some(place) = self.index.find(copy.sequence) else {
            // It was released since, perhaps behind the copy.
            return self.filling.refer_to(to.0);
        };
        if place.owners != copy.owners {
            self.filling.refer_to(to.0);
        }
        if (place.segment, place.offset) == copy.from {
            target.tally.enter(copy.length);
            let ((segment, offset), length, owners) = (to, copy.length, place.owners);
            self.index.insert(copy.sequence, Place { segment, offset, length, owners });
            self.leave(&place);
        }
    }
}

impl Writing {
    /// The position of a content that the index does not have yet.
    #[inline]
    fn position(&self, sequence: u64) -> Option<usize> {
        self.contents.position(sequence).filter(|position| *position >= self.indexed)
    }

    /// The bytes of a content's record, if the index does not have it yet; `None` as well while they are being made.
    pub(crate) fn find(&self, sequence: u64) -> Option<Option<(Arc<Prepared>, u32, u32)>> {
        let content = self.contents.get(self.position(sequence)?)?;
        let found = |prepared: &Arc<Prepared>| {
            (Arc::clone(prepared), prepared.offset_of(content.offset), content.len)
        };
        (content.owners != OwnerSet::NONE).then(|| self.prepared.as_ref().map(found))
    }
}

/// Where in its segment something lies that is at an offset of a batch.
pub(crate) fn offset_in_segment(batch_at: u64, offset: u32) -> u32 {
    u32::try_from(batch_at + u64::from(offset)).expect("a segment is smaller than 4 GiB")
}
