//! What passes between a queue and whoever serves it: ids, decisions and effects.

use std::ops::AddAssign;

use crate::{
    Timestamp,
    message::{Arrival, Body, Sequence},
    queue::{DeadLetter, DeathReason, Remains},
};

/// A consumer of one queue, as a dense index that the queue gives out.
///
/// Not reused while the consumer still has unacked messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerId(pub u32);

/// An unacked message of one queue, as a dense index. Valid until it is settled, then reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

/// What a consumer asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConsumerSettings {
    /// Its deliveries count as settled at once; no prefetch limits them.
    pub no_ack: bool,
    /// It wants to be the only one.
    pub exclusive: bool,
    /// `x-priority`: higher is served first.
    pub priority: i64,
    /// How many unacked messages it may hold; 0 is any number.
    pub prefetch: u32,
}

/// What a consumer of a queue does, and what it has got so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumerStatus {
    /// Which one.
    pub id: ConsumerId,
    /// What it asked for.
    pub settings: ConsumerSettings,
    /// Why it gets nothing, if it gets nothing.
    pub waits_for: ConsumerWait,
    /// How many unacked messages it holds.
    pub unacked: u32,
    /// When it last got a message.
    pub delivered_at: Option<Timestamp>,
    /// When it last acked one.
    pub acked_at: Option<Timestamp>,
}

/// What a consumer waits for before it can get a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsumerWait {
    /// Only for a message.
    Message,
    /// For credit: it holds as many unacked messages as it may.
    Credit,
    /// For room where its deliveries go.
    Room,
    /// For its turn to be the single active consumer.
    Activity,
}

/// A message on its way to one consumer.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// What settles it; `None` if nothing needs to.
    pub slot: Option<Slot>,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// The exchange that it was published to, UTF-8.
    pub exchange: &'a [u8],
    /// The routing key that it was published with.
    pub routing_key: &'a [u8],
    /// The flags and property list as on the wire.
    pub properties: &'a [u8],
    /// The body.
    pub body: Body<'a>,
}

/// Takes what a queue decides, while the queue is locked: it must not call back into the queue.
pub trait Sink {
    /// Whether the consumer can take one more delivery now. `false` parks it as starved until
    /// [`Queue::resume`](super::Queue::resume).
    fn admit(&mut self, consumer: ConsumerId) -> bool;

    /// The consumer gets this message. Called only after `admit` said yes.
    fn deliver(&mut self, consumer: ConsumerId, delivery: &Delivery<'_>);

    /// A message leaves for other queues; it is routed after this queue's lock is dropped.
    fn dead_letter(&mut self, letter: DeadLetter);

    /// The queue has no more use for what `backing` keeps of this message.
    ///
    /// For each [`Arrival`] that is logged the queue calls this exactly once, unless the message leaves as a
    /// [`DeadLetter`] that [`settles`](DeadLetter::settles) it, or among [`Remains`]. For each that was spilled likewise.
    fn settled(&mut self, sequence: Sequence, backing: Backing);

    /// What the queue has to know of a logged message after a restart has changed. The newest note counts.
    fn noted(&mut self, sequence: Sequence, note: &[u8]);

    /// Keeps the content of a message that is not logged outside of memory, if it can: `true` if it did. It is asked for
    /// with [`want`](Self::want).
    fn spill(&mut self, arrival: &Arrival<'_>) -> bool;

    /// The queue will soon need this content: it is to be read, and given to [`Queue::page_in`](super::Queue::page_in).
    ///
    /// Asked once; again only after [`Queue::page_failed`](super::Queue::page_failed), or if the queue gave up the
    /// content, or had no use for it, in between. Those of one call follow each other in the order in which they are needed.
    fn want(&mut self, sequence: Sequence, backing: Backing);

    /// A message goes to somebody for the first time. It has waited since its number was given to it, or if there is none
    /// it goes as it came; and it stands for the last `messages` that did so, itself included.
    fn sample_wait(&mut self, _sequence: Option<Sequence>, _messages: u64) {}
}

/// Where the content of a message is besides the queue's memory, or instead of there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backing {
    /// In the log, from which it survives a restart.
    Log,
    /// Where [`Sink::spill`] put it.
    Spill,
}

/// What came of fetching a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Got {
    /// It was handed over.
    Delivered,
    /// There is none.
    Empty,
    /// Its content is not in memory. It has been asked for: to be tried again once something was paged in.
    Wait,
}

/// What a purge took out of a queue.
#[derive(Debug)]
pub struct Purged {
    /// How many messages.
    pub count: u64,
    /// Those that somebody else keeps the content of.
    pub remains: Remains,
}

/// What a deleted queue leaves behind.
#[derive(Debug)]
pub struct Closed {
    /// Everyone who is to be told.
    pub consumers: Vec<ConsumerId>,
    /// The messages that somebody else keeps the content of.
    pub remains: Remains,
}

/// What became of a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The queue took responsibility for it.
    Accepted,
    /// The queue is full and refuses more: a confirming publisher gets a nack.
    Rejected,
}

/// How a consumer settles a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// Done: it is gone.
    Ack,
    /// Back into the queue.
    Requeue {
        /// Whether it counts towards a quorum queue's delivery limit: `basic.reject` and the end of a channel do,
        /// `basic.nack` and `basic.recover` do not.
        counted: bool,
    },
    /// Refused: dead-lettered as `rejected`, or dropped.
    Reject,
}

/// What a cancel leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled {
    /// The last consumer of an auto-delete queue is gone: the queue is to be deleted.
    pub queue_unused: bool,
}

/// What became of a queue as time passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It lives on.
    Alive,
    /// Nobody used it for as long as `x-expires` says: it is to be deleted, without dead letters.
    Expired,
}

/// What a queue did since it was made, in the management API's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages offered to it, refused ones included.
    pub publish: u64,
    /// Deliveries to consumers that ack.
    pub deliver: u64,
    /// Deliveries to consumers that do not.
    pub deliver_no_ack: u64,
    /// Messages fetched one by one, to be acked.
    pub get: u64,
    /// Messages fetched one by one, settled at once.
    pub get_no_ack: u64,
    /// Fetches that found nothing.
    pub get_empty: u64,
    /// Deliveries and fetches of messages that had been delivered before.
    pub redeliver: u64,
    /// Messages acked.
    pub ack: u64,
    /// Messages that died because their time was up, whether they are dead-lettered or not.
    pub died_expired: u64,
    /// Messages that died because a consumer refused them.
    pub died_rejected: u64,
    /// Messages that died because the queue was full.
    pub died_maxlen: u64,
    /// Messages that died because they were delivered in vain too often.
    pub died_delivery_limit: u64,
}

impl Counters {
    /// A message died.
    pub(super) fn count_death(&mut self, reason: DeathReason) {
        let count = match reason {
            DeathReason::Expired => &mut self.died_expired,
            DeathReason::Rejected => &mut self.died_rejected,
            DeathReason::MaxLen => &mut self.died_maxlen,
            DeathReason::DeliveryLimit => &mut self.died_delivery_limit,
        };
        *count += 1;
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.publish += other.publish;
        self.deliver += other.deliver;
        self.deliver_no_ack += other.deliver_no_ack;
        self.get += other.get;
        self.get_no_ack += other.get_no_ack;
        self.get_empty += other.get_empty;
        self.redeliver += other.redeliver;
        self.ack += other.ack;
        self.died_expired += other.died_expired;
        self.died_rejected += other.died_rejected;
        self.died_maxlen += other.died_maxlen;
        self.died_delivery_limit += other.died_delivery_limit;
    }
}
