//! Deliveries like the one before: in a run of messages for one consumer only the delivery tag changes, and then
//! comparing is cheaper than decoding.

use std::ops::Range;

use amqp::basic;

/// The payload of the last `basic.deliver` frame.
///
/// ```text
/// class u16 │ method u16 │ consumer tag │ delivery tag u64 │ redelivered u8 │ exchange │ routing key
/// ╰────────────── the same ─────────────╯                                   ╰───── the same ───────╯
/// ```
#[derive(Debug, Default)]
pub(crate) struct Repeated {
    /// 0 as long as there is none: no delivery comes on channel 0.
    channel: u16,
    /// The consumer's place among those of its channel.
    pub(crate) place: usize,
    payload: Vec<u8>,
    /// Where the delivery tag begins.
    tag_at: usize,
    pub(crate) exchange: Range<usize>,
    pub(crate) routing_key: Range<usize>,
}

/// Octets of the delivery tag and the flag behind it.
const CHANGING: usize = 9;

impl Repeated {
    /// Remembers a delivery, and whom it went to.
    pub(crate) fn remember(
        &mut self,
        channel: u16,
        payload: &[u8],
        deliver: &basic::Deliver<'_>,
        place: usize,
    ) {
        // Class and method, then each string with its length in front.
        let tag_at = 4 + 1 + deliver.consumer_tag.len();
        let exchange_at = tag_at + CHANGING + 1;
        let exchange = exchange_at..exchange_at + deliver.exchange.len();
        let routing_key = exchange.end + 1..payload.len();
        self.payload.clear();
        self.payload.extend_from_slice(payload);
        (self.channel, self.place, self.tag_at) = (channel, place, tag_at);
        (self.exchange, self.routing_key) = (exchange, routing_key);
    }

    /// Consumers may have changed their places.
    pub(crate) const fn forget(&mut self) {
        self.channel = 0;
    }

    /// The delivery tag and whether it is redelivered, if `payload` differs in nothing else.
    #[inline]
    pub(crate) fn recognise(&self, channel: u16, payload: &[u8]) -> Option<(u64, bool)> {
        if channel != self.channel || payload.len() != self.payload.len() {
            return None;
        }
        let (before, rest) = payload.split_at_checked(self.tag_at)?;
        let (tag, rest) = rest.split_first_chunk::<8>()?;
        let (&redelivered, after) = rest.split_first()?;
        let same_after = self.tag_at + CHANGING;
        let is_same =
            before == &self.payload[..self.tag_at] && after == &self.payload[same_after..];
        is_same.then(|| (u64::from_be_bytes(*tag), redelivered & 1 != 0))
    }
}

#[cfg(test)]
mod tests {
    use amqp::Method;

    use super::*;

    fn payload(deliver: basic::Deliver<'_>) -> Vec<u8> {
        let mut frame = Vec::new();
        Method::BasicDeliver(deliver).try_encode(7, &mut frame).unwrap();
        frame[7..frame.len() - 1].to_vec()
    }

    #[test]
    fn only_tag_and_flag_may_differ() {
        let first = basic::Deliver {
            consumer_tag: b"consumer-1",
            delivery_tag: 1,
            redelivered: false,
            exchange: b"amq.topic",
            routing_key: b"a.b",
        };
        let mut repeated = Repeated::default();
        assert_eq!(repeated.recognise(7, &payload(first)), None);
        repeated.remember(7, &payload(first), &first, 3);
        let check = |deliver, expected| {
            assert_eq!(repeated.recognise(7, &payload(deliver)), expected, "{deliver:?}");
        };
        check(first, Some((1, false)));
        check(basic::Deliver { delivery_tag: 1 << 40, ..first }, Some((1 << 40, false)));
        check(basic::Deliver { redelivered: true, ..first }, Some((1, true)));
        check(basic::Deliver { consumer_tag: b"consumer-2", ..first }, None);
        check(basic::Deliver { exchange: b"amq.topix", ..first }, None);
        check(basic::Deliver { routing_key: b"a.c", ..first }, None);
        // The same octets, but for the lengths between them.
        check(basic::Deliver { exchange: b"amq.topi", routing_key: b"ca.b", ..first }, None);
        let payload = payload(first);
        assert_eq!(repeated.recognise(8, &payload), None);
        assert_eq!(payload[repeated.exchange.clone()], *b"amq.topic");
        assert_eq!(payload[repeated.routing_key.clone()], *b"a.b");
        repeated.forget();
        assert_eq!(repeated.recognise(7, &payload), None);
    }
}
