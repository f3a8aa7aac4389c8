//! Looking into a queue: nothing moves, nothing is marked, nothing is counted.
//!
//! Whoever looks holds the queue's lock, so a look is a portion: it goes on from where the last one ended.

use amqp::RawProperties;

use super::{
    Backing, ConsumerId, Queue, Slot,
    entry::{Entry, Mark},
    ready::{Cursor, Place},
    unacked::Holder,
};
use crate::{
    QueueKind, Timestamp, arguments,
    message::{Message, Sequence},
};

/// Where a look begins, and where the next one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bookmark {
    /// Among what waits; `None` is the head.
    Ready(Option<Cursor>),
    /// Among what is delivered and not settled.
    Unacked(u32),
}

/// How much one look may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookLimits {
    /// Of how many messages no more than the entry is looked at.
    pub passed_max: usize,
    /// How many are shown.
    pub seen_max: usize,
    /// How large they may be together; one at least is shown.
    pub bytes_max: u64,
}

/// What one look has found.
#[derive(Debug)]
pub struct Look {
    /// The messages, in the order in which they go out.
    pub seen: Vec<Seen>,
    /// How many there were, with those that are not shown.
    pub passed: u64,
    /// Where to go on, if there is more.
    pub next: Option<Bookmark>,
}

/// A message in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its place in the order of the node, by which it is known for as long as it is in the queue.
    pub sequence: Sequence,
    /// How many were passed before it in this look.
    pub nth: u64,
    /// Whether it was delivered before.
    pub redelivered: bool,
    /// How often a quorum queue has given it out and got it back; and how often in vain.
    pub returns: Option<(u32, u32)>,
    /// The priority level that it waits in, where there are levels.
    pub level: Option<u8>,
    /// When it expires.
    pub deadline: Option<Timestamp>,
    /// What it carries.
    pub content: SeenContent,
    /// Besides or instead of memory.
    pub backing: Option<Backing>,
    /// Where it is.
    pub spot: Spot,
}

/// The content of a message that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeenContent {
    /// In memory; a large body is shared.
    Here(Box<Message>),
    /// To be read from its backing: so large a body.
    Elsewhere(u64),
}

/// Where a message was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spot {
    /// It waits.
    Ready(ReadySpot),
    /// A consumer has it; `None`: somebody who fetched it.
    Unacked(Option<ConsumerId>),
}

/// Where a message waits. It finds the message quickly, and nothing else if the message has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadySpot(pub(super) Place);

impl Queue {
    /// Looks at messages from `from` on, passing over the first `offset` and those that are not `wanted`.
    pub fn look(
        &self,
        from: Bookmark,
        offset: u64,
        limits: LookLimits,
        mut wanted: impl FnMut(Sequence) -> bool,
    ) -> Look {
        let mut look = Look { seen: Vec::new(), passed: 0, next: None };
        let mut bytes = 0;
        for (entry, spot, behind) in self.entries_from(from) {
            let here = look.next.replace(behind);
            let is_shown = look.passed >= offset && wanted(entry.sequence);
            if is_shown {
                let size = self.weigh(entry).1;
                let is_full = !look.seen.is_empty() && bytes + size > limits.bytes_max;
                if is_full || look.seen.len() >= limits.seen_max {
                    look.next = here.or(Some(from));
                    return look;
                }
                bytes += size;
                let nth = look.passed;
                look.seen.push(self.seen(entry, nth, spot));
            }
            look.passed += 1;
            if look.passed >= limits.passed_max as u64 {
                return look;
            }
        }
        look.next = None;
        look
    }

    fn entries_from(
        &self,
        from: Bookmark,
    ) -> Box<dyn Iterator<Item = (Entry, Spot, Bookmark)> + '_> {
        match from {
            Bookmark::Ready(cursor) => Box::new(self.ready.walk(cursor).map(|waiting| {
                let spot = Spot::Ready(ReadySpot(waiting.place));
                (waiting.entry, spot, Bookmark::Ready(Some(waiting.next)))
            })),
            Bookmark::Unacked(first) => {
                Box::new(self.unacked.from(Slot(first)).filter_map(|(slot, unacked)| {
                    let consumer = match unacked.holder {
                        Holder::Consumer(id) => Some(id),
                        Holder::Getter => None,
                        Holder::DeadLetter => return None,
                    };
                    Some((unacked.entry, Spot::Unacked(consumer), Bookmark::Unacked(slot.0 + 1)))
                }))
            }
        }
    }

    fn seen(&self, entry: Entry, nth: u64, spot: Spot) -> Seen {
        let has_levels =
            self.settings.kind == QueueKind::Quorum || self.settings.max_priority.is_some();
        let returns = self.returns.get(&entry.sequence);
        Seen {
            sequence: entry.sequence,
            nth,
            redelivered: entry.is(Mark::Returned),
            returns: returns.map(|returns| (returns.acquired, returns.failed)),
            level: has_levels.then(|| self.weigh(entry).0),
            deadline: self.deadline_of(entry),
            content: self.content_of(entry),
            backing: entry.backing(),
            spot,
        }
    }

    fn content_of(&self, entry: Entry) -> SeenContent {
        if entry.is(Mark::Paged) {
            return SeenContent::Elsewhere(entry.paged_body_bytes());
        }
        let mut message = Message::from_arrival(&self.arrival(entry));
        // Both were checked as the message came in, and are not kept beside its properties.
        if let Ok(peek) = RawProperties::from_bytes(&message.properties).peek() {
            let (priority, expiration) = (peek.priority, peek.expiration);
            let expiration_ms = expiration.and_then(|text| arguments::expiration_ms(text).ok());
            (message.priority, message.expiration_ms) = (priority, expiration_ms);
        }
        SeenContent::Here(Box::new(message))
    }

    fn deadline_of(&self, entry: Entry) -> Option<Timestamp> {
        if !entry.is(Mark::Deadline) {
            return None;
        }
        if entry.is(Mark::Paged) {
            return self.paging.as_ref()?.deadlines.get(entry.sequence);
        }
        self.content.read(entry).deadline()
    }
}
