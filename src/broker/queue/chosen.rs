//! Messages that somebody chose, taken out of the middle of what waits: to be dropped, or to go elsewhere.
//!
//! One that goes elsewhere is taken first, as if it had been fetched, so that no consumer gets it while its copy is
//! published; it is dropped once the copy is accepted, and put back if it is not.

use super::{
    Queue, Sink, Slot,
    browse::ReadySpot,
    entry::{Entry, Mark},
    unacked::{Holder, Unacked, narrow},
};
use crate::{Overflow, Timestamp, message::Sequence};

impl Queue {
    /// Drops a message that waits, as an ack does; whether it was there. Call [`dispatch`](Self::dispatch) after the last.
    pub fn drop_chosen(
        &mut self,
        sequence: Sequence,
        spot: ReadySpot,
        sink: &mut impl Sink,
    ) -> bool {
        let Some((entry, bytes, _)) = self.take_chosen(sequence, spot) else { return false };
        self.forget(entry, bytes, sink);
        true
    }

    /// Takes a message that waits, if it still does: until [`drop_taken`](Self::drop_taken) or
    /// [`put_back`](Self::put_back) it counts as unacked. After the last of these [`after_taken`](Self::after_taken) is called.
    pub fn take(&mut self, sequence: Sequence, spot: ReadySpot) -> Option<Slot> {
        let (entry, bytes, body_bytes) = self.take_chosen(sequence, spot)?;
        let (body_bytes, holder) = (narrow(body_bytes), Holder::Getter);
        Some(self.unacked.insert(Unacked { entry, bytes, body_bytes, holder }))
    }

    /// A message that was taken is elsewhere now, and no more here.
    pub fn drop_taken(&mut self, slot: Slot, sink: &mut impl Sink) {
        if let Some(Unacked { entry, bytes, .. }) = self.unacked.remove(slot) {
            self.forget(entry, bytes, sink);
        }
    }

    /// A message that was taken stays: it waits in its old place, and nobody is told that it was away. One that had come
    /// back to a quorum queue waits where it would if it came back now; and without a delivery limit, where those stand at
    /// the end of all, another may change places with them.
    pub fn put_back(&mut self, slot: Slot) {
        let Some(Unacked { entry, .. }) = self.unacked.remove(slot) else { return };
        let (level, body_bytes) = self.weigh(entry);
        match (self.returns.contains_key(&entry.sequence), self.settings.delivery_limit) {
            (false, _) => self.ready.restore(level, entry),
            (true, Some(_)) => self.ready.push_returned(entry),
            (true, None) => self.ready.push(level, entry),
        }
        self.ready_bytes += body_bytes;
        if entry.is(Mark::Paged) {
            self.paging.get_or_insert_default().entered_ready(entry);
        }
    }

    /// Goes on with what messages that were taken have left, or come back to.
    pub fn after_taken(&mut self, now: Timestamp, sink: &mut impl Sink) {
        self.drop_overflow(now, sink);
        self.expire_all(now, sink);
        self.dispatch(now, sink);
    }

    /// Whether it would refuse one more message with so large a body.
    #[inline]
    pub fn is_full_for(&self, body_bytes: u64) -> bool {
        self.settings.overflow != Overflow::DropHead && self.exceeds(1, body_bytes)
    }

    /// Takes a message out of its line: its entry, what its record takes, and the length of its body.
    fn take_chosen(&mut self, sequence: Sequence, spot: ReadySpot) -> Option<(Entry, u32, u64)> {
        let (place, entry) = self.ready.find(spot.0, sequence)?;
        self.ready.take_out(place);
        let (bytes, body_bytes) = if entry.is(Mark::Paged) {
            self.left_ready(entry);
            // Its place is not its own any more: what was asked for would be looked for there.
            self.forget_wish(entry);
            (0, entry.paged_body_bytes())
        } else {
            let record = self.content.read(entry);
            (record.bytes(), record.body_bytes())
        };
        self.ready_bytes -= body_bytes;
        Some((entry, bytes, body_bytes))
    }
}
