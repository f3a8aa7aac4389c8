//! A batch that is being filled, and what of it lives.

use mutants::Mutant;

use crate::format::{
    self, BATCH_HEADER, Released, content_len, length_u32, note_len, put_content, put_note,
};
use crate::index::LengthCode;
use crate::owners::OwnerSet;

/// Bytes that grow, and are zeroed only once: what was written for one batch is written over by the next.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    len: usize,
}

impl Buffer {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Room for so many more bytes, in which anything may lie.
    #[inline]
    pub(crate) fn extend(&mut self, len: usize) -> &mut [u8] {
        let start = self.len;
        let end = start + len;
        if end > self.bytes.len() {
            self.grow(end);
        }
        self.len = end;
        self.bytes.get_mut(start..end).expect("it was made that long")
    }

    #[cold]
    fn grow(&mut self, end: usize) {
        self.bytes.resize(end.next_power_of_two().max(4 << 10), 0);
    }

    #[inline]
    pub(crate) fn get(&self, start: usize, len: usize) -> &[u8] {
        self.bytes.get(start..start + len).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, start: usize, len: usize) -> &mut [u8] {
        self.bytes.get_mut(start..start + len).unwrap_or_default()
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        self.get(0, self.len)
    }

    /// Moves bytes to the front, over others that are not needed.
    pub(crate) fn move_down(&mut self, from: usize, to: usize, len: usize) {
        self.bytes.copy_within(from..from + len, to);
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

/// A content that has no place on disk yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pending {
    pub(crate) sequence: u64,
    /// Where in the batch its record began before any was taken out.
    pub(crate) offset: u32,
    /// How long its record is.
    pub(crate) len: u32,
    /// Who keeps it by now.
    pub(crate) owners: OwnerSet,
}

/// A content that is written again, so that the segment where it lies can go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copied {
    pub(crate) sequence: u64,
    pub(crate) offset: u32,
    /// How long its record is here: longer than it was if owners have come since.
    pub(crate) length: LengthCode,
    /// The owners that are written with it.
    pub(crate) owners: OwnerSet,
    /// Where it lay, by segment and offset: if it does not any more, the copy is of no use.
    pub(crate) from: (u32, u32),
}

/// Contents without a place, by sequence.
#[derive(Debug, Default)]
pub(crate) struct Contents(Vec<Pending>);

/// What will be written together. The room for the header is in front.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Contents and notes, in the order in which they came.
    pub(crate) records: Buffer,
    pub(crate) contents: Contents,
    pub(crate) copies: Vec<Copied>,
    /// Written behind everything else, in order and in ranges.
    pub(crate) releases: Vec<Released>,
    /// Releases that are written again.
    pub(crate) releases_again: Vec<Released>,
    /// The segments of contents that are released here.
    pub(crate) refers_to: Vec<u32>,
    /// Owner and sequence of what was noted here.
    pub(crate) notes: Vec<(u64, u64)>,
    pub(crate) has_withdrawn: bool,
}

impl Batch {
    pub(crate) fn new() -> Self {
        let mut batch = Self {
            records: Buffer::default(),
            contents: Contents::default(),
            copies: Vec::new(),
            releases: Vec::new(),
            releases_again: Vec::new(),
            refers_to: Vec::new(),
            notes: Vec::new(),
            has_withdrawn: false,
        };
        batch.clear(usize::MAX);
        batch
    }

    /// Empties it, but keeps its memory for the next one, unless that is more than most need.
    pub(crate) fn clear(&mut self, kept_bytes_max: usize) {
        if self.records.bytes.len() > kept_bytes_max {
            *self = Self::new();
            return;
        }
        self.records.truncate(0);
        self.records.extend(BATCH_HEADER);
        self.contents.clear();
        self.copies.clear();
        self.releases.clear();
        self.releases_again.clear();
        self.refers_to.clear();
        self.notes.clear();
        self.has_withdrawn = false;
    }

    /// How much memory it takes.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.records.len()
            + (self.releases.len() + self.releases_again.len()) * size_of::<Released>()
    }

    /// Whether nothing was appended.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == BATCH_HEADER
    }

    /// Appends a content; `write` fills its payload in.
    #[inline]
    pub(crate) fn content(
        &mut self,
        sequence: u64,
        (owners, set): (&[u64], OwnerSet),
        payload_len: usize,
        write: impl FnOnce(&mut [u8]),
    ) {
        let (start, len) = (self.records.len(), content_len(owners.len(), payload_len));
        write(put_content(self.records.extend(len), sequence, owners, false));
        let (offset, len) = (length_u32(start), length_u32(len));
        self.contents.insert(Pending { sequence, offset, len, owners: set });
    }

    /// Appends a content that lies on disk already.
    pub(crate) fn copy(
        &mut self,
        sequence: u64,
        (owners, set): (&[u64], OwnerSet),
        payload: &[u8],
        from: (u32, u32),
    ) {
        let (start, len) = (self.records.len(), content_len(owners.len(), payload.len()));
        put_content(self.records.extend(len), sequence, owners, true).copy_from_slice(payload);
        let (offset, length) = (length_u32(start), LengthCode::new(length_u32(len)));
        self.copies.push(Copied { sequence, offset, length, owners: set, from });
    }

    /// Appends a note.
    pub(crate) fn note(&mut self, owner: u64, sequence: u64, note: &[u8], is_copy: bool) {
        put_note(self.records.extend(note_len(note)), owner, sequence, note, is_copy);
        self.notes.push((owner, sequence));
    }

    /// Appends that an owner has released a content.
    #[inline]
    pub(crate) fn release(&mut self, owner: u64, sequence: u64) {
        if let Some(last) = self.releases.last_mut()
            && last.owner == owner
            && last.last.checked_add(1) == Some(sequence)
        {
            last.last = sequence;
        } else {
            self.releases.push(Released { owner, first: sequence, last: sequence });
        }
    }

    /// What is released here lies in `segment`.
    #[inline]
    pub(crate) fn refer_to(&mut self, segment: u32) {
        if self.refers_to.last() != Some(&segment) && !self.refers_to.contains(&segment) {
            self.refers_to.push(segment);
        }
    }

    /// A content has other owners now; one that has none will not be written.
    #[inline]
    pub(crate) fn set_owners(&mut self, position: usize, owners: OwnerSet) {
        if let Some(content) = self.contents.0.get_mut(position) {
            content.owners = owners;
            if owners == OwnerSet::NONE && !mutants::is_planted(Mutant::WithdrawnContentWritten) {
                let (offset, len) = (content.offset as usize, content.len as usize);
                format::withdraw(self.records.get_mut(offset, len));
                self.has_withdrawn = true;
            }
        }
    }
}

impl Contents {
    /// Adds one, mostly behind all others. One that was there and withdrawn leaves its place to it.
    #[inline]
    fn insert(&mut self, content: Pending) {
        if self.0.last().is_none_or(|last| last.sequence < content.sequence) {
            self.0.push(content);
        } else {
            let at = self.0.partition_point(|other| other.sequence < content.sequence);
            match self.0.get_mut(at) {
                Some(there) if there.sequence == content.sequence => *there = content,
                Some(_) | None => self.0.insert(at, content),
            }
        }
    }

    /// Takes all of another batch over, whose records were moved.
    pub(crate) fn append(&mut self, others: &mut Self, moved: u32) {
        for content in others.0.drain(..) {
            self.insert(Pending { offset: content.offset + moved, ..content });
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, position: usize) -> Option<&Pending> {
        self.0.get(position)
    }

    pub(crate) fn get_mut(&mut self, position: usize) -> Option<&mut Pending> {
        self.0.get_mut(position)
    }

    /// The position of a content.
    #[inline]
    pub(crate) fn position(&self, sequence: u64) -> Option<usize> {
        let first = self.0.first()?.sequence;
        // Where every sequence has a content, it lies where it would be looked for first.
        let guess = usize::try_from(sequence.checked_sub(first)?).ok()?;
        if self.0.get(guess).is_some_and(|content| content.sequence == sequence) {
            return Some(guess);
        }
        self.0.binary_search_by_key(&sequence, |content| content.sequence).ok()
    }
}
