//! Messages from the broker: borrowed from the read buffer, or owned.

use std::{borrow::Cow, fmt, sync::Arc};

use amqp::{Method, RawProperties, basic};
use bytes::Bytes;

use crate::{Error, Properties, PropertyError, channel::ChannelShared};

/// Contents up to this size are copied out of what was read, so that keeping one does not keep 64 KiB.
const COPIED_BYTES_MAX: usize = 4096;

/// A delivery as it lies in the read buffer: for a [`ConsumerHandler`](crate::ConsumerHandler).
#[derive(Clone, Copy, Debug)]
pub struct DeliveryRef<'a> {
    /// What an ack names.
    pub delivery_tag: u64,
    /// Whether somebody may have seen it before.
    pub redelivered: bool,
    /// Where it was published.
    pub exchange: &'a [u8],
    /// With which routing key.
    pub routing_key: &'a [u8],
    /// Its properties, not yet looked at.
    pub properties: RawProperties<'a>,
    /// Its body.
    pub body: &'a [u8],
    /// What all of these are a part of, unless it was put together from several reads.
    pub(crate) origin: &'a Bytes,
}

/// A message, delivered to a consumer or fetched with `get`.
///
/// Unless it came with `no_ack`, the broker waits for [`ack`](Self::ack), [`nack`](Self::nack) or
/// [`reject`](Self::reject). Dropping it does nothing: the broker gives it to somebody else when the channel ends.
#[derive(Clone)]
pub struct Delivery {
    /// What an ack names.
    pub delivery_tag: u64,
    /// Whether somebody may have seen it before.
    pub redelivered: bool,
    exchange: Bytes,
    routing_key: Bytes,
    properties: Bytes,
    /// Its body.
    pub body: Bytes,
    channel: Arc<ChannelShared>,
}

impl DeliveryRef<'_> {
    pub(crate) fn to_delivery(self, channel: Arc<ChannelShared>) -> Delivery {
        let parts = [self.exchange, self.routing_key, self.properties.as_bytes(), self.body];
        let [exchange, routing_key, properties, body] = owned(parts, self.origin);
        let Self { delivery_tag, redelivered, .. } = self;
        Delivery { delivery_tag, redelivered, exchange, routing_key, properties, body, channel }
    }
}

/// Slices of `origin` where the content is large and inside it; slices of one copy otherwise.
pub(crate) fn owned<const N: usize>(parts: [&[u8]; N], origin: &Bytes) -> [Bytes; N] {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let whole = origin.as_ptr_range();
    let is_inside = |part: &[u8]| {
        part.is_empty() || whole.contains(&part.as_ptr()) && part.len() <= origin.len()
    };
    if len > COPIED_BYTES_MAX && parts.iter().all(|part| is_inside(part)) {
        return parts.map(|part| origin.slice_ref(part));
    }
    let copy = Bytes::from(parts.concat());
    let mut at = 0;
    parts.map(|part| {
        let slice = copy.slice(at..at + part.len());
        at += part.len();
        slice
    })
}

impl Delivery {
    /// The exchange it was published to; empty for the default exchange.
    #[must_use]
    pub fn exchange(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.exchange)
    }

    /// The routing key it was published with.
    #[must_use]
    pub fn routing_key(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.routing_key)
    }

    /// The properties and headers.
    ///
    /// # Errors
    /// [`PropertyError`] if the broker sent malformed ones.
    pub fn properties(&self) -> Result<Properties, PropertyError> {
        Properties::decode(RawProperties::from_bytes(&self.properties))
    }

    /// Tells the broker that the message is done with.
    ///
    /// # Errors
    /// The error that ended the channel or the connection, if it has ended.
    pub fn ack(&self) -> Result<(), Error> {
        let ack = basic::Ack { delivery_tag: self.delivery_tag, multiple: false };
        self.channel.send(&Method::BasicAck(ack))
    }

    /// Tells the broker that this message, and every earlier one of its channel, is done with.
    ///
    /// # Errors
    /// As [`ack`](Self::ack).
    pub fn ack_multiple(&self) -> Result<(), Error> {
        let ack = basic::Ack { delivery_tag: self.delivery_tag, multiple: true };
        self.channel.send(&Method::BasicAck(ack))
    }

    /// Gives the message back, to be delivered again if `requeue`, else dropped or dead-lettered.
    ///
    /// # Errors
    /// As [`ack`](Self::ack).
    pub fn nack(&self, requeue: bool) -> Result<(), Error> {
        let nack = basic::Nack { delivery_tag: self.delivery_tag, multiple: false, requeue };
        self.channel.send(&Method::BasicNack(nack))
    }

    /// As [`nack`](Self::nack), in the words of the specification.
    ///
    /// # Errors
    /// As [`ack`](Self::ack).
    pub fn reject(&self, requeue: bool) -> Result<(), Error> {
        let reject = basic::Reject { delivery_tag: self.delivery_tag, requeue };
        self.channel.send(&Method::BasicReject(reject))
    }

    /// How many octets of memory it holds on to.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>() + self.body.len() + self.properties.len() + self.routing_key.len()
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("delivery_tag", &self.delivery_tag)
            .field("redelivered", &self.redelivered)
            .field("exchange", &self.exchange)
            .field("routing_key", &self.routing_key)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_contents_share_and_small_ones_are_copied() {
        let origin = Bytes::from(vec![7; 10_000]);
        let [key, body] = owned([&origin[..3], &origin[3..9000]], &origin);
        assert_eq!((key.as_ptr(), body.len()), (origin.as_ptr(), 8997));
        let [key, body] = owned([&origin[..3], &origin[3..9]], &origin);
        assert_ne!(key.as_ptr(), origin.as_ptr());
        assert_eq!((&key[..], &body[..]), (&[7; 3][..], &[7; 6][..]));
    }

    #[test]
    fn what_lies_elsewhere_is_copied() {
        let (origin, other) = (Bytes::from(vec![1; 5000]), vec![2; 9]);
        let [empty, large, small] = owned([&[], &origin[..], &other], &origin);
        assert!(empty.is_empty());
        assert_eq!(large, origin);
        assert_ne!(large.as_ptr(), origin.as_ptr());
        assert_eq!(small, other);
    }
}
