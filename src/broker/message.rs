//! Messages on their way into queues and out of them: borrowed as an [`Arrival`], or owned as a [`Message`].

use bytes::Bytes;

use crate::ExchangeName;

/// From this size on a body is worth sharing instead of copying: see [`Body::Shared`].
pub const SHARED_BODY_BYTES_MIN: usize = 8 * 1024;

/// The place of a message in the order of everything that a node accepted.
///
/// Given once, never changed or reused, the same in every queue of a fanout. A queue holds each at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// A message's body, borrowed.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// Small: whoever keeps it copies it.
    Inline(&'a [u8]),
    /// At least [`SHARED_BODY_BYTES_MIN`], or on its way to many queues: whoever keeps it keeps a reference.
    Shared(&'a Bytes),
}

impl<'a> Body<'a> {
    /// The bytes themselves.
    #[inline]
    pub fn as_bytes(self) -> &'a [u8] {
        match self {
            Self::Inline(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }

    /// The body to keep: a copy, or one more reference.
    pub fn to_bytes(self) -> Bytes {
        match self {
            Self::Inline(bytes) => Bytes::copy_from_slice(bytes),
            Self::Shared(bytes) => bytes.clone(),
        }
    }
}

/// Where a message comes from, which decides what of its headers can be believed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// A client published it: an `x-death` header is only text.
    #[default]
    Client,
    /// A queue dead-lettered it: its `x-death` header is its history.
    DeadLetter {
        /// Whether it goes by a dead-letter routing key alone, so that its `CC` header no longer routes.
        rekeyed: bool,
    },
}

/// A message on its way into queues, borrowed from wherever it lies.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// Its place in the order of the node.
    pub sequence: Sequence,
    /// The exchange that it was published to.
    pub exchange: &'a str,
    /// The routing key that it was published with; at most 255 bytes.
    pub routing_key: &'a [u8],
    /// The flags and property list as on the wire, `BCC` header removed.
    pub properties: &'a [u8],
    /// The body.
    pub body: Body<'a>,
    /// The keys of its former `BCC` header, each as a shortstr: length byte, then bytes. Mostly empty.
    pub blind_keys: &'a [u8],
    /// Whether it survives a restart in a durable queue.
    pub persistent: bool,
    /// The priority property; `None` if it has none.
    pub priority: Option<u8>,
    /// The expiration property, checked; `None` if it has none.
    pub expiration_ms: Option<u64>,
    /// Client or dead letter.
    pub origin: Origin,
    /// Whether its content is in the log, with this queue among its owners: the queue then tells its
    /// [`Sink`](crate::queue::Sink) what becomes of it, also if it refuses it.
    pub logged: bool,
}

/// A message that owns its content: delayed, dead-lettered, held by a transaction or kept for latecomers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The exchange that it was, or is to be, published to.
    pub exchange: ExchangeName,
    /// Its routing key.
    pub routing_key: Bytes,
    /// The flags and property list as on the wire, `BCC` header removed.
    pub properties: Bytes,
    /// The body.
    pub body: Bytes,
    /// The keys of its former `BCC` header, each as a shortstr.
    pub blind_keys: Bytes,
    /// Whether it survives a restart in a durable queue.
    pub persistent: bool,
    /// The priority property.
    pub priority: Option<u8>,
    /// The expiration property.
    pub expiration_ms: Option<u64>,
    /// Client or dead letter.
    pub origin: Origin,
}

impl Message {
    /// Copies what is only borrowed; a shared body stays shared.
    pub fn from_arrival(arrival: &Arrival<'_>) -> Self {
        Self {
            exchange: ExchangeName::from(arrival.exchange),
            routing_key: Bytes::copy_from_slice(arrival.routing_key),
            properties: Bytes::copy_from_slice(arrival.properties),
            body: arrival.body.to_bytes(),
            blind_keys: Bytes::copy_from_slice(arrival.blind_keys),
            persistent: arrival.persistent,
            priority: arrival.priority,
            expiration_ms: arrival.expiration_ms,
            origin: arrival.origin,
        }
    }

    /// The message as it enters queues, not logged. A large body is shared with them.
    pub fn arrival(&self, sequence: Sequence) -> Arrival<'_> {
        Arrival {
            sequence,
            exchange: &self.exchange,
            routing_key: &self.routing_key,
            properties: &self.properties,
            body: if self.body.len() >= SHARED_BODY_BYTES_MIN {
                Body::Shared(&self.body)
            } else {
                Body::Inline(&self.body)
            },
            blind_keys: &self.blind_keys,
            persistent: self.persistent,
            priority: self.priority,
            expiration_ms: self.expiration_ms,
            origin: self.origin,
            logged: false,
        }
    }
}

/// Walks over keys that lie one after another as shortstrs, as in [`Arrival::blind_keys`].
pub fn short_strings(mut list: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = usize::from(*list.split_off_first()?);
        list.split_off(..length)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &'static [u8]) -> Message {
        Message {
            exchange: "orders".into(),
            routing_key: Bytes::from_static(b"eu.new"),
            properties: Bytes::from_static(&[0x10, 0, 2]),
            body: Bytes::from_static(body),
            blind_keys: Bytes::from_static(b"\x01a\x02bc"),
            persistent: true,
            priority: Some(3),
            expiration_ms: Some(60_000),
            origin: Origin::Client,
        }
    }

    #[test]
    fn a_message_survives_the_way_through_an_arrival() {
        let message = message(b"hello");
        let arrival = message.arrival(Sequence(7));
        assert_eq!(arrival.sequence, Sequence(7));
        assert_eq!(Message::from_arrival(&arrival), message);
    }

    #[test]
    fn only_a_large_body_is_shared() {
        assert!(matches!(message(b"small").arrival(Sequence(1)).body, Body::Inline(b"small")));
        let large = message(&[b'x'; SHARED_BODY_BYTES_MIN]);
        let Body::Shared(body) = large.arrival(Sequence(1)).body else { panic!("copied") };
        assert_eq!(body.as_ptr(), large.body.as_ptr());
    }

    #[test]
    fn shortstrs_are_walked_up_to_the_first_that_is_cut() {
        let keys = |list| short_strings(list).collect::<Vec<_>>();
        assert_eq!(keys(b"\x01a\x00\x02bc"), [&b"a"[..], b"", b"bc"]);
        assert_eq!(keys(b"\x01a\x05bc"), [b"a"]);
        assert!(keys(b"").is_empty());
    }
}
