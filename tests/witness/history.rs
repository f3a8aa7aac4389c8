//! What the clients did and learnt, in the order in which it happened.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use crate::{message::MessageId, topology::QueueIndex};

/// A channel of a client; numbers are never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(pub u32);

/// What a client does with a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It is done with it.
    Ack,
    /// Away with it, or on to the dead letters.
    Reject,
    /// It gives it back.
    Requeue,
}

/// Something that a client did, just before it was sent, or learnt, just after it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message was published; in a transaction it counts once that is committed.
    Published {
        /// The message.
        message: MessageId,
        /// On which channel.
        channel: ChannelId,
        /// Whether it waits for a commit.
        in_transaction: bool,
    },
    /// The broker took responsibility for a message.
    Confirmed(MessageId),
    /// The broker did not take a message, or not into all queues.
    Refused(MessageId),
    /// The broker had no queue for a message.
    Unroutable(MessageId),
    /// A consumer got a message.
    Delivered {
        /// The message.
        message: MessageId,
        /// From which queue.
        queue: QueueIndex,
        /// On which channel.
        channel: ChannelId,
        /// Whether the broker says that somebody may have seen it.
        redelivered: bool,
    },
    /// A client got something that it did not recognize.
    Changed {
        /// From which queue.
        queue: QueueIndex,
        /// What was wrong.
        what: String,
    },
    /// A consumer settled a delivery; in a transaction it counts once that is committed.
    Settled {
        /// The message.
        message: MessageId,
        /// From which queue.
        queue: QueueIndex,
        /// On which channel.
        channel: ChannelId,
        /// In which way.
        how: How,
        /// Whether it waits for a commit.
        in_transaction: bool,
    },
    /// A transaction is about to be committed.
    Committing(ChannelId),
    /// A transaction was committed: all of it must last.
    Committed(ChannelId),
    /// A channel is about to send something that will be confirmed.
    FenceSent(ChannelId),
    /// It was confirmed: what the channel settled before the fence must last.
    FencePassed(ChannelId),
    /// The broker has ended; nothing that it sent is unread any more.
    Ended,
    /// A message was taken out of a queue for good, in the end.
    Drained {
        /// The message.
        message: MessageId,
        /// From which queue.
        queue: QueueIndex,
        /// Whether the broker says that somebody may have seen it.
        redelivered: bool,
    },
}

/// Where the world stands when something happens, such as how much a disk has written; never falls.
pub type Clock = Box<dyn Fn() -> u64 + Send + Sync>;

/// The events so far, each with what the clock said.
pub struct History {
    events: Mutex<Vec<(u64, Event)>>,
    clock: Clock,
    sessions: AtomicU32,
    channels: AtomicU32,
}

impl History {
    /// An empty history. The clock is asked for each event, before what is done and after what is learnt.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let (sessions, channels) = (AtomicU32::new(1), AtomicU32::new(1));
        Self { events: Mutex::default(), clock, sessions, channels }
    }

    /// A history without a clock.
    #[must_use]
    pub fn timeless() -> Self {
        Self::new(Box::new(|| 0))
    }

    fn events(&self) -> MutexGuard<'_, Vec<(u64, Event)>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something happens.
    pub fn record(&self, event: Event) {
        let mut events = self.events();
        let now = (self.clock)();
        events.push((now, event));
    }

    /// What the clock says.
    #[must_use]
    pub fn now(&self) -> u64 {
        (self.clock)()
    }

    /// A number for a publisher that nobody had.
    pub fn next_session(&self) -> u32 {
        self.sessions.fetch_add(1, Ordering::Relaxed)
    }

    /// A number for a channel that nobody had.
    pub fn next_channel(&self) -> ChannelId {
        ChannelId(self.channels.fetch_add(1, Ordering::Relaxed))
    }

    /// Everything so far, and the history begins anew; sessions and channels go on.
    #[must_use]
    pub fn take(&self) -> Vec<Event> {
        let events = std::mem::take(&mut *self.events());
        events.into_iter().map(|(_, event)| event).collect()
    }

    /// What surely happened before the clock went beyond `position`, or may have.
    #[must_use]
    pub fn until(&self, position: u64) -> Vec<Event> {
        let events = self.events();
        let before = events.iter().filter(|(at, _)| *at <= position);
        before.map(|(_, event)| event.clone()).collect()
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events().len()
    }

    /// Whether nothing has happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").field("events", &self.len()).finish_non_exhaustive()
    }
}
