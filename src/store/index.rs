//! Where every live content lies, in 16 bytes each.

use std::collections::BTreeMap;

use crate::owners::OwnerSet;

/// How many sequences share a chunk.
const CHUNK_SEQUENCES: u64 = 1024;
/// A chunk of fewer slots is not worth making smaller.
const SLOTS_MIN: usize = 16;

/// Where a content lies on disk, and who keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
    pub(crate) length: LengthCode,
    pub(crate) owners: OwnerSet,
}

/// The length of a record in two bytes: eleven bits, shifted by five. Up to a thousandth more than the true one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LengthCode(u16);

impl LengthCode {
    const MANTISSA_BITS: u32 = 11;

    #[inline]
    pub(crate) fn new(length: u32) -> Self {
        let bits = u32::BITS - length.leading_zeros();
        let shift = bits.saturating_sub(Self::MANTISSA_BITS);
        let mantissa = (length >> shift) + u32::from(length >> shift << shift < length);
        // Rounding up may have made it a bit longer.
        let longer = mantissa >> Self::MANTISSA_BITS;
        let code = (shift + longer) << Self::MANTISSA_BITS | mantissa >> longer;
        Self(u16::try_from(code).expect("5 + 11 bits"))
    }

    #[inline]
    pub(crate) fn bytes(self) -> u64 {
        u64::from(self.0 & ((1 << Self::MANTISSA_BITS) - 1)) << (self.0 >> Self::MANTISSA_BITS)
    }
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    low: u16,
    length: LengthCode,
    segment: u32,
    offset: u32,
    owners: OwnerSet,
}

/// The contents of up to [`CHUNK_SEQUENCES`] neighbours, by sequence; a dead one keeps its slot for a while.
#[derive(Debug, Default)]
struct Chunk {
    key: u64,
    slots: Vec<Slot>,
    live: usize,
}

/// Every live content that is on disk, by its sequence.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// The places of chunks in `chunks`.
    keys: BTreeMap<u64, usize>,
    chunks: Vec<Chunk>,
    vacant: Vec<usize>,
    /// The chunk that was looked for last.
    last: usize,
    live: u64,
}

const KNOWN: &str = "a chunk is where its key says";

impl Index {
    /// How many contents live.
    pub(crate) fn len(&self) -> u64 {
        self.live
    }

    /// Adds a content, or gives one that is there another place; what it had before.
    pub(crate) fn insert(&mut self, sequence: u64, place: Place) -> Option<Place> {
        let slot = Slot::new(sequence, place);
        let chunk = self.chunk_for(sequence / CHUNK_SEQUENCES);
        let before = chunk.insert(slot);
        if before.is_none() {
            self.live += 1;
        }
        before
    }

    #[inline]
    pub(crate) fn find(&self, sequence: u64) -> Option<Place> {
        let slot = self.chunk(sequence / CHUNK_SEQUENCES)?.find(low(sequence))?;
        (slot.owners != OwnerSet::NONE).then(|| slot.place())
    }

    /// Gives a content other owners, with none it is gone; the place it had with those that it had before.
    #[inline]
    pub(crate) fn change_owners(
        &mut self,
        sequence: u64,
        change: impl FnOnce(OwnerSet) -> OwnerSet,
    ) -> Option<(Place, OwnerSet)> {
        let key = sequence / CHUNK_SEQUENCES;
        let number = self.locate(key)?;
        self.last = number;
        let chunk = self.chunks.get_mut(number).expect(KNOWN);
        let position = chunk.position(low(sequence))?;
        let slot = chunk.slots.get_mut(position)?;
        if slot.owners == OwnerSet::NONE {
            return None;
        }
        let place = slot.place();
        slot.owners = change(place.owners);
        let owners = slot.owners;
        if owners == OwnerSet::NONE {
            chunk.live -= 1;
            self.live -= 1;
            if chunk.live == 0 {
                *chunk = Chunk::default();
                self.keys.remove(&key);
                self.vacant.push(number);
            } else {
                chunk.shrink();
            }
        }
        Some((place, owners))
    }

    /// The live contents with sequences from `first` to `last`, however many numbers lie between.
    pub(crate) fn range(&self, first: u64, last: u64) -> impl Iterator<Item = (u64, Place)> {
        let keys = first / CHUNK_SEQUENCES..=last / CHUNK_SEQUENCES;
        let chunks = self.keys.range(keys).filter_map(|(_, number)| self.chunks.get(*number));
        let live = chunks.flat_map(|chunk| {
            let live = chunk.slots.iter().filter(|slot| slot.owners != OwnerSet::NONE);
            live.map(|slot| (chunk.key * CHUNK_SEQUENCES + u64::from(slot.low), slot.place()))
        });
        live.filter(move |(sequence, _)| (first..=last).contains(sequence))
    }

    #[inline]
    fn locate(&self, key: u64) -> Option<usize> {
        match self.chunks.get(self.last) {
            Some(last) if last.key == key && last.live > 0 => Some(self.last),
            _ => self.keys.get(&key).copied(),
        }
    }

    #[inline]
    fn chunk(&self, key: u64) -> Option<&Chunk> {
        self.chunks.get(self.locate(key)?)
    }

    fn chunk_for(&mut self, key: u64) -> &mut Chunk {
        let number = match self.locate(key) {
            Some(number) => number,
            None => self.add_chunk(key),
        };
        self.last = number;
        self.chunks.get_mut(number).expect(KNOWN)
    }

    fn add_chunk(&mut self, key: u64) -> usize {
        // What comes in order is complete now.
        if let Some(complete) = self.chunks.get_mut(self.last) {
            complete.slots.shrink_to_fit();
        }
        let chunk = Chunk { key, ..Chunk::default() };
        let number = match self.vacant.pop() {
            Some(number) => {
                *self.chunks.get_mut(number).expect(KNOWN) = chunk;
                number
            }
            None => {
                self.chunks.push(chunk);
                self.chunks.len() - 1
            }
        };
        self.keys.insert(key, number);
        number
    }
}

impl Chunk {
    #[inline]
    fn position(&self, low: u16) -> Option<usize> {
        // Where every sequence has a content, it lies where it would be looked for first.
        let first = self.slots.first()?.low;
        let guess = usize::from(low.checked_sub(first)?);
        if self.slots.get(guess).is_some_and(|slot| slot.low == low) {
            return Some(guess);
        }
        self.slots.binary_search_by_key(&low, |slot| slot.low).ok()
    }

    #[inline]
    fn find(&self, low: u16) -> Option<&Slot> {
        self.slots.get(self.position(low)?)
    }

    fn insert(&mut self, slot: Slot) -> Option<Place> {
        if self.slots.last().is_none_or(|last| last.low < slot.low) {
            self.slots.push(slot);
            self.live += 1;
            return None;
        }
        let at = self.slots.partition_point(|other| other.low < slot.low);
        match self.slots.get_mut(at) {
            Some(found) if found.low == slot.low => {
                let before = std::mem::replace(found, slot);
                if before.owners != OwnerSet::NONE {
                    return Some(before.place());
                }
            }
            _ => self.slots.insert(at, slot),
        }
        self.live += 1;
        None
    }

    /// Gives memory back once most of it is dead.
    #[inline]
    fn shrink(&mut self) {
        if self.slots.len() >= SLOTS_MIN && self.live <= self.slots.len() / 4 {
            self.slots.retain(|slot| slot.owners != OwnerSet::NONE);
            self.slots.shrink_to_fit();
        }
    }
}

impl Slot {
    #[inline]
    fn new(sequence: u64, place: Place) -> Self {
        let Place { segment, offset, length, owners } = place;
        Self { low: low(sequence), length, segment, offset, owners }
    }

    #[inline]
    fn place(&self) -> Place {
        let &Self { segment, offset, length, owners, .. } = self;
        Place { segment, offset, length, owners }
    }
}

#[inline]
fn low(sequence: u64) -> u16 {
    u16::try_from(sequence % CHUNK_SEQUENCES).expect("a remainder below 1024")
}

#[cfg(test)]
impl Index {
    /// About how much memory it takes, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let slots: usize = self.chunks.iter().map(|chunk| chunk.slots.capacity()).sum();
        // A node of the tree is at least half full.
        let keys = self.keys.len() * size_of::<(u64, usize)>() * 2;
        slots * size_of::<Slot>() + self.chunks.capacity() * size_of::<Chunk>() + keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owners::OwnerSets;

    #[test]
    fn lengths_are_kept_within_a_thousandth_and_never_less() {
        for length in (0..5000).chain([1 << 20, (1 << 20) + 1, 16 << 20, u32::MAX - 5, u32::MAX]) {
            let kept = LengthCode::new(length).bytes();
            assert!(kept >= u64::from(length), "{length} became {kept}");
            assert!(kept <= u64::from(length) + u64::from(length) / 1000 + 1, "{length}: {kept}");
        }
    }

    fn place(offset: u32, owners: OwnerSet) -> Place {
        Place { segment: 1, offset, length: LengthCode::new(9), owners }
    }

    #[test]
    fn contents_come_go_and_move() {
        assert_eq!(size_of::<Slot>(), 16);
        let owners = OwnerSets::new().take(&[7]);
        let place = |offset| place(offset, owners);
        let mut index = Index::default();
        for sequence in [5, 6, 9, 5000, 7] {
            assert_eq!(index.insert(sequence, place(u32::try_from(sequence).unwrap())), None);
        }
        assert_eq!(index.len(), 5);
        assert_eq!(index.find(7), Some(place(7)));
        assert_eq!(index.find(8), None);
        assert_eq!(index.insert(7, place(70)), Some(place(7)));
        let gone = index.change_owners(5, |_| OwnerSet::NONE);
        assert_eq!(gone, Some((place(5), OwnerSet::NONE)));
        assert_eq!(index.change_owners(5, |_| OwnerSet::NONE), None);
        index.change_owners(5000, |_| OwnerSet::NONE);
        let all: Vec<_> = index.range(0, u64::MAX).map(|(sequence, _)| sequence).collect();
        assert_eq!(all, [6, 7, 9]);
        assert_eq!(index.range(7, 8).count(), 1);
        assert_eq!((index.len(), index.find(5)), (3, None));
        assert_eq!(index.insert(5, place(1)), None);
        assert_eq!(index.find(5), Some(place(1)));
        assert_eq!(index.insert(9999, place(2)), None);
        assert_eq!(index.find(5000), None);
    }

    #[test]
    fn a_few_survivors_take_little_memory() {
        let owners = OwnerSets::new().take(&[7]);
        let mut index = Index::default();
        for sequence in 0..100_000 {
            index.insert(sequence, place(0, owners));
        }
        assert!(index.memory() <= 100_000 * 17, "{} bytes", index.memory());
        for sequence in (0..100_000).filter(|sequence| sequence % 500 != 0) {
            index.change_owners(sequence, |_| OwnerSet::NONE);
        }
        assert!(index.memory() <= 100 * (SLOTS_MIN * 16 + 100), "{} bytes", index.memory());
        assert_eq!(index.range(0, u64::MAX).count(), 200);
    }
}
