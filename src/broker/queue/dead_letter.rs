//! Dead letters.

use bytes::Bytes;

use super::Slot;
use crate::{ExchangeName, QueueName, message::Message};

/// Why a message is a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeathReason {
    /// Its time was up.
    Expired,
    /// A consumer refused it without requeue.
    Rejected,
    /// The queue was full.
    MaxLen,
    /// A quorum queue delivered it in vain too often.
    DeliveryLimit,
}

/// A message that leaves a queue for its dead-letter exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The queue it comes from.
    pub queue: QueueName,
    /// Where it is published to: the same as its message's exchange. It need not exist; then the letter is dropped.
    pub target_exchange: ExchangeName,
    /// The message as it goes on: history written, expiration removed, key replaced.
    pub message: Message,
    /// What it is routed by: the dead-letter key, or all of its own with `CC` and `BCC`.
    pub routing_keys: Vec<Bytes>,
    /// Why.
    pub reason: DeathReason,
    /// The queue keeps the message until [`Queue::settle_dead_letter`](super::Queue::settle_dead_letter) says what
    /// became of this letter.
    pub hold: Option<Slot>,
}

impl DeadLetter {
    /// Whether `queue` had this message before and only automatic deaths lie between: such a copy is dropped.
    pub fn would_cycle(&self, queue: &QueueName) -> bool {
        let _ = queue;
        todo!()
    }
}
