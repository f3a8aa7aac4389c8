//! What passes between a queue and whoever serves it: ids, decisions and effects.

use crate::message::Body;
use crate::queue::DeadLetter;

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
}
