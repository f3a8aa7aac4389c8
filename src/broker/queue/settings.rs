//! What a queue was declared with, as typed values.
//!
//! [`crate::arguments`] makes them from a declaration; a queue reads them and never sees a field table.

use bytes::Bytes;

use crate::ExchangeName;

/// What kind of queue it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum QueueKind {
    /// The general one: exclusive, transient, auto-delete and priorities as declared.
    #[default]
    Classic,
    /// Every message durable, a delivery limit, strict priorities 0–31; never exclusive or transient.
    Quorum,
}

impl QueueKind {
    /// As `x-queue-type` spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Quorum => "quorum",
        }
    }

    /// The type that `x-queue-type` spells so.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Classic, Self::Quorum].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What happens to a publish that would exceed the queue's length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// The oldest ready messages go (dead-lettered as `maxlen`), the new one stays.
    #[default]
    DropHead,
    /// The new one is refused; a confirming publisher gets a nack.
    RejectPublish,
    /// As `RejectPublish`, and the refused one is dead-lettered as `maxlen`.
    RejectPublishDlx,
}

/// How surely a dead letter reaches its target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum DeadLetterStrategy {
    /// It leaves the queue as it is published onwards.
    #[default]
    AtMostOnce,
    /// It stays in the queue until every target has accepted it.
    AtLeastOnce,
}

/// Where a queue's dead letters go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterTarget {
    /// The exchange they are published to; it need not exist.
    pub exchange: ExchangeName,
    /// Their new routing key; `None`: they keep all of their own.
    pub routing_key: Option<Bytes>,
    /// Only ever `AtLeastOnce` on a quorum queue with [`Overflow::RejectPublish`].
    pub strategy: DeadLetterStrategy,
}

/// How many failed deliveries a quorum queue's message survives.
pub const DELIVERY_LIMIT_DEFAULT: u64 = 20;

/// Everything that a queue's behaviour depends on.
///
/// The default is a plain durable classic queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSettings {
    /// Classic or quorum.
    pub kind: QueueKind,
    /// Whether it survives a restart. An exclusive queue never does, whatever it was declared with.
    pub durable: bool,
    /// Whether only the declaring connection may use it, and takes it along when it ends.
    pub exclusive: bool,
    /// Whether it goes with its last consumer, if it ever had one.
    pub auto_delete: bool,
    /// `x-message-ttl`: how long a message may stay ready.
    pub message_ttl_ms: Option<u64>,
    /// `x-expires`: how long the queue lives unused; at least 1.
    pub expires_ms: Option<u64>,
    /// `x-max-length`: how many messages may be ready.
    pub max_length: Option<u64>,
    /// `x-max-length-bytes`: how many body bytes may be ready.
    pub max_length_bytes: Option<u64>,
    /// `x-overflow`.
    pub overflow: Overflow,
    /// `x-dead-letter-exchange` and its companions; `None`: dead letters are dropped.
    pub dead_letter: Option<DeadLetterTarget>,
    /// `x-max-priority`: the highest level of a classic queue; `None`: it has no levels (0 is one level too).
    pub max_priority: Option<u8>,
    /// `x-single-active-consumer`.
    pub single_active_consumer: bool,
    /// `x-delivery-limit` of a quorum queue; `None`: no limit. Always `None` on a classic queue.
    pub delivery_limit: Option<u64>,
    /// `x-consumer-timeout`: how long a delivery may stay unacked; `None`: as the node says.
    pub consumer_timeout_ms: Option<u64>,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            kind: QueueKind::Classic,
            durable: true,
            exclusive: false,
            auto_delete: false,
            message_ttl_ms: None,
            expires_ms: None,
            max_length: None,
            max_length_bytes: None,
            overflow: Overflow::DropHead,
            dead_letter: None,
            max_priority: None,
            single_active_consumer: false,
            delivery_limit: None,
            consumer_timeout_ms: None,
        }
    }
}

impl QueueSettings {
    /// A quorum queue with nothing else asked for.
    pub fn quorum() -> Self {
        Self {
            kind: QueueKind::Quorum,
            delivery_limit: Some(DELIVERY_LIMIT_DEFAULT),
            ..Self::default()
        }
    }
}
