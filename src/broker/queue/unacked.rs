//! Messages that left the order but not the queue: delivered and not settled, or held as dead letters.

use super::{
    ConsumerId, Slot,
    entry::{Entry, Mark},
};

/// An emptied table keeps room for no more than this.
const KEPT_PLACES_MAX: usize = 256;

/// Who has a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// A consumer, whose prefetch counts it.
    Consumer(ConsumerId),
    /// Someone who fetched it alone.
    Getter,
    /// The queue itself, until the message's dead letter is accepted elsewhere.
    DeadLetter,
}

/// A message that someone has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unacked {
    pub(super) entry: Entry,
    /// What its record takes of a segment; 0 if it is paged out.
    pub(super) bytes: u32,
    /// The length of its body.
    pub(super) body_bytes: u32,
    pub(super) holder: Holder,
}

#[derive(Debug)]
enum Place {
    Taken(Unacked),
    Vacant { next: Option<Slot> },
}

/// The length of a body, as [`Unacked`] keeps it.
#[inline]
pub(super) fn narrow(body_bytes: u64) -> u32 {
    u32::try_from(body_bytes).expect("a body is far below 4 GiB")
}

/// A table by slot; the slot that was freed last is given out first.
#[derive(Debug, Default)]
pub(super) struct UnackedTable {
    places: Vec<Place>,
    vacant: Option<Slot>,
    len: usize,
    body_bytes: u64,
}

impl UnackedTable {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The bodies of its messages, in bytes.
    pub(super) fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// The memory it holds, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.places.capacity() * size_of::<Place>()
    }

    // Left to the compiler it becomes a call, which costs each delivery two instructions in a hundred.
    #[inline(always)]
    pub(super) fn insert(&mut self, unacked: Unacked) -> Slot {
        self.len += 1;
        self.body_bytes += u64::from(unacked.body_bytes);
        if let Some(slot) = self.vacant {
            let place = &mut self.places[slot.0 as usize];
            if let Place::Vacant { next } = *place {
                self.vacant = next;
            }
            *place = Place::Taken(unacked);
            return slot;
        }
        let slot = Slot(u32::try_from(self.places.len()).expect("memory holds fewer messages"));
        self.places.push(Place::Taken(unacked));
        slot
    }

    pub(super) fn get(&self, slot: Slot) -> Option<Unacked> {
        match self.places.get(slot.0 as usize)? {
            Place::Taken(unacked) => Some(*unacked),
            Place::Vacant { .. } => None,
        }
    }

    /// Takes a message out, if `slot` holds one.
    #[inline]
    pub(super) fn remove(&mut self, slot: Slot) -> Option<Unacked> {
        let place = self.places.get_mut(slot.0 as usize)?;
        let Place::Taken(unacked) = *place else { return None };
        *place = Place::Vacant { next: self.vacant };
        self.vacant = Some(slot);
        self.len -= 1;
        self.body_bytes -= u64::from(unacked.body_bytes);
        if self.len == 0 && self.places.len() > KEPT_PLACES_MAX {
            *self = Self::default();
        }
        Some(unacked)
    }

    /// The message of a slot that holds one.
    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Unacked> {
        match self.places.get_mut(slot.0 as usize)? {
            Place::Taken(unacked) => Some(unacked),
            Place::Vacant { .. } => None,
        }
    }

    /// Every message.
    pub(super) fn iter(&self) -> impl Iterator<Item = Entry> {
        self.places.iter().filter_map(|place| match place {
            Place::Taken(unacked) => Some(unacked.entry),
            Place::Vacant { .. } => None,
        })
    }

    /// Every message of this slot or a later one.
    pub(super) fn from(&self, first: Slot) -> impl Iterator<Item = (Slot, Unacked)> {
        let places = self.places.get(first.0 as usize..).unwrap_or_default();
        (first.0..).zip(places).filter_map(|(slot, place)| match place {
            Place::Taken(unacked) => Some((Slot(slot), *unacked)),
            Place::Vacant { .. } => None,
        })
    }

    /// Takes any message out.
    pub(super) fn pop(&mut self) -> Option<Entry> {
        loop {
            if let Place::Taken(unacked) = self.places.pop()? {
                self.len -= 1;
                self.body_bytes -= u64::from(unacked.body_bytes);
                return Some(unacked.entry);
            }
        }
    }

    /// Every entry whose content is in memory.
    pub(super) fn resident_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.places.iter_mut().filter_map(|place| match place {
            Place::Taken(unacked) => (!unacked.entry.is(Mark::Paged)).then_some(&mut unacked.entry),
            Place::Vacant { .. } => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Sequence;

    fn unacked(sequence: u64) -> Unacked {
        let entry = Entry::new(Sequence(sequence), 0, 0);
        Unacked { entry, bytes: 9, body_bytes: 3, holder: Holder::Getter }
    }

    #[test]
    fn slots_are_dense_and_the_last_freed_is_the_next_given() {
        assert_eq!(size_of::<Place>(), 32);
        let mut table = UnackedTable::default();
        let slots: Vec<_> = (0..3).map(|n| table.insert(unacked(n))).collect();
        assert_eq!(slots, [Slot(0), Slot(1), Slot(2)]);
        assert_eq!(table.remove(Slot(0)), Some(unacked(0)));
        assert_eq!(table.remove(Slot(2)), Some(unacked(2)));
        assert_eq!(table.remove(Slot(2)), None);
        assert_eq!(table.remove(Slot(7)), None);
        assert_eq!((table.insert(unacked(3)), table.insert(unacked(4))), (Slot(2), Slot(0)));
        assert_eq!(table.insert(unacked(5)), Slot(3));
        assert_eq!((table.len(), table.resident_mut().count(), table.body_bytes()), (4, 4, 12));
        assert!(table.pop().is_some());
        assert_eq!(table.body_bytes(), 9);
    }

    #[test]
    fn an_emptied_table_keeps_little() {
        let mut table = UnackedTable::default();
        let slots: Vec<_> = (0..10_000).map(|n| table.insert(unacked(n))).collect();
        for slot in slots {
            assert!(table.remove(slot).is_some());
        }
        assert_eq!(table.memory_bytes(), 0);
        assert_eq!(table.insert(unacked(1)), Slot(0));
    }
}
