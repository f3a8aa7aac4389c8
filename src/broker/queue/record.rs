//! How a message lies in a segment.

use crate::{
    Timestamp,
    message::{Arrival, Origin},
};

const HEAD_BYTES: usize = 12;

const PERSISTENT: u8 = 1;
const SHARED_BODY: u8 = 1 << 1;
const DEADLINE: u8 = 1 << 2;
const BLIND_KEYS: u8 = 1 << 3;
const DEAD_LETTER: u8 = 1 << 4;
const REKEYED: u8 = 1 << 5;

const WHOLE: &str = "a record lies whole in its segment";

/// The body of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoredBody<'a> {
    /// Its bytes.
    Inline(&'a [u8]),
    /// Which of the queue's shared bodies it is.
    Shared(u32),
}

/// A message in a segment, read lazily. Numbers are little-endian; what is in brackets is there if its flag is set.
///
/// ```text
/// 0      1             2        3      4                8         12
/// flags  exchange len  key len  level  properties len   body len
/// exchange │ key │ properties │ body, or with SHARED_BODY its number:4 │ [deadline:8] │ [blind keys len:4 │ blind keys]
///
/// flags: 1 PERSISTENT  2 SHARED_BODY  4 DEADLINE  8 BLIND_KEYS  16 DEAD_LETTER  32 REKEYED
/// ```
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    flags: u8,
    exchange_len: u8,
    /// The priority level that it waits in.
    pub(super) level: u8,
    key_len: u8,
    properties_len: u32,
    body_len: u32,
    /// What follows the head, and whatever else lies behind it.
    rest: &'a [u8],
}

/// A record to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draft<'a> {
    arrival: &'a Arrival<'a>,
    shared_body: Option<u32>,
    level: u8,
    deadline: Option<Timestamp>,
    body_len: u32,
    /// How much of a segment it takes.
    pub(super) bytes: u32,
}

impl<'a> Draft<'a> {
    /// A record of `arrival`; its body lies in it unless it is the shared one of this number.
    #[inline]
    pub(super) fn new(
        arrival: &'a Arrival<'a>,
        shared_body: Option<u32>,
        level: u8,
        deadline: Option<Timestamp>,
    ) -> Self {
        let (exchange, key) = address(arrival);
        let body_len = arrival.body.as_bytes().len();
        let body = if shared_body.is_some() { 4 } else { body_len };
        let mut bytes = HEAD_BYTES + exchange.len() + key.len() + arrival.properties.len() + body;
        if deadline.is_some() {
            bytes += 8;
        }
        if !arrival.blind_keys.is_empty() {
            bytes += arrival.blind_keys.len() + 4;
        }
        let fits = "a header frame is far below 4 GiB, and so is a body";
        let (bytes, body_len) =
            (u32::try_from(bytes).expect(fits), u32::try_from(body_len).expect(fits));
        Self { arrival, shared_body, level, deadline, body_len, bytes }
    }

    /// Writes the record to `out`, which has its size.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "new() checked every length")]
    pub(super) fn write(&self, out: &mut [u8]) {
        let arrival = self.arrival;
        let (exchange, key) = address(arrival);
        let [p0, p1, p2, p3] = (arrival.properties.len() as u32).to_le_bytes();
        let [b0, b1, b2, b3] = self.body_len.to_le_bytes();
        let (exchange_len, key_len) = (exchange.len() as u8, key.len() as u8);
        let (flags, level) = (self.flags(), self.level);
        let head = [flags, exchange_len, key_len, level, p0, p1, p2, p3, b0, b1, b2, b3];
        let out = put(out, &head);
        let out = put(out, exchange);
        let out = put(out, key);
        let out = put(out, arrival.properties);
        let mut out = match self.shared_body {
            None => put(out, arrival.body.as_bytes()),
            Some(number) => put(out, &number.to_le_bytes()),
        };
        if let Some(deadline) = self.deadline {
            out = put(out, &deadline.0.to_le_bytes());
        }
        if !arrival.blind_keys.is_empty() {
            out = put(out, &(arrival.blind_keys.len() as u32).to_le_bytes());
            out = put(out, arrival.blind_keys);
        }
        debug_assert!(out.is_empty(), "the size was right");
    }

    #[inline]
    fn flags(&self) -> u8 {
        let set = |flag, on: bool| if on { flag } else { 0 };
        set(PERSISTENT, self.arrival.persistent)
            | set(SHARED_BODY, self.shared_body.is_some())
            | set(DEADLINE, self.deadline.is_some())
            | set(BLIND_KEYS, !self.arrival.blind_keys.is_empty())
            | match self.arrival.origin {
                Origin::Client => 0,
                Origin::DeadLetter { rekeyed } => DEAD_LETTER | set(REKEYED, rekeyed),
            }
    }
}

/// Exchange and routing key. Both came as shortstrs, so nothing is ever cut.
#[inline]
fn address<'a>(arrival: &Arrival<'a>) -> (&'a [u8], &'a [u8]) {
    let (exchange, key) = (arrival.exchange.as_bytes(), arrival.routing_key);
    debug_assert!(exchange.len() <= 255 && key.len() <= 255, "both are shortstrs");
    (&exchange[..exchange.len().min(255)], &key[..key.len().min(255)])
}

/// Copies `bytes` to the front and returns what is behind them.
#[inline]
fn put<'a>(out: &'a mut [u8], bytes: &[u8]) -> &'a mut [u8] {
    let (front, rest) = out.split_at_mut(bytes.len());
    front.copy_from_slice(bytes);
    rest
}

impl<'a> Record<'a> {
    /// The record that begins here. More may follow it.
    #[inline]
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>().expect(WHOLE);
        let [flags, exchange_len, key_len, level, p0, p1, p2, p3, b0, b1, b2, b3] = *head;
        Self {
            flags,
            exchange_len,
            level,
            key_len,
            properties_len: u32::from_le_bytes([p0, p1, p2, p3]),
            body_len: u32::from_le_bytes([b0, b1, b2, b3]),
            rest,
        }
    }

    pub(super) fn persistent(&self) -> bool {
        self.flags & PERSISTENT != 0
    }

    pub(super) fn origin(&self) -> Origin {
        match (self.flags & DEAD_LETTER != 0, self.flags & REKEYED != 0) {
            (true, rekeyed) => Origin::DeadLetter { rekeyed },
            (false, _) => Origin::Client,
        }
    }

    #[inline]
    pub(super) fn exchange(&self) -> &'a [u8] {
        &self.rest[..usize::from(self.exchange_len)]
    }

    #[inline]
    pub(super) fn routing_key(&self) -> &'a [u8] {
        &self.rest[usize::from(self.exchange_len)..self.properties_at()]
    }

    #[inline]
    pub(super) fn properties(&self) -> &'a [u8] {
        &self.rest[self.properties_at()..self.body_at()]
    }

    #[inline]
    pub(super) fn body(&self) -> StoredBody<'a> {
        let body = &self.rest[self.body_at()..];
        if self.flags & SHARED_BODY == 0 {
            return StoredBody::Inline(&body[..self.body_len as usize]);
        }
        StoredBody::Shared(u32::from_le_bytes(*body.first_chunk().expect(WHOLE)))
    }

    /// The length of the body, wherever it lies.
    #[inline]
    pub(super) fn body_bytes(&self) -> u64 {
        u64::from(self.body_len)
    }

    /// When the message expires.
    #[inline]
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        if self.flags & DEADLINE == 0 {
            return None;
        }
        let ms = self.rest[self.body_end()..].first_chunk().expect(WHOLE);
        Some(Timestamp(u64::from_le_bytes(*ms)))
    }

    /// The keys of the message's former `BCC` header.
    pub(super) fn blind_keys(&self) -> &'a [u8] {
        if self.flags & BLIND_KEYS == 0 {
            return &[];
        }
        let (len, keys) = self.rest[self.deadline_end()..].split_first_chunk().expect(WHOLE);
        &keys[..u32::from_le_bytes(*len) as usize]
    }

    /// How much of the segment it takes.
    #[inline]
    pub(super) fn bytes(&self) -> u32 {
        let mut end = self.deadline_end();
        if self.flags & BLIND_KEYS != 0 {
            end += 4 + self.blind_keys().len();
        }
        u32::try_from(HEAD_BYTES + end).expect("it was written with less than 4 GiB")
    }

    #[inline]
    fn properties_at(&self) -> usize {
        usize::from(self.exchange_len) + usize::from(self.key_len)
    }

    #[inline]
    fn body_at(&self) -> usize {
        self.properties_at() + self.properties_len as usize
    }

    #[inline]
    fn body_end(&self) -> usize {
        let body = if self.flags & SHARED_BODY == 0 { self.body_len as usize } else { 4 };
        self.body_at() + body
    }

    #[inline]
    fn deadline_end(&self) -> usize {
        self.body_end() + if self.flags & DEADLINE == 0 { 0 } else { 8 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Body, Sequence};

    fn check(arrival: &Arrival<'_>, shared_body: Option<u32>, deadline: Option<Timestamp>) {
        let draft = Draft::new(arrival, shared_body, 7, deadline);
        let mut out = vec![0; draft.bytes as usize];
        draft.write(&mut out);
        out.extend_from_slice(b"the next record");
        let record = Record::read(&out);
        assert_eq!(record.bytes(), draft.bytes);
        assert_eq!(record.level, 7);
        assert_eq!((record.persistent(), record.origin()), (arrival.persistent, arrival.origin));
        assert_eq!(record.deadline(), deadline);
        assert_eq!(record.exchange(), arrival.exchange.as_bytes());
        assert_eq!(record.routing_key(), arrival.routing_key);
        assert_eq!(record.properties(), arrival.properties);
        let body = arrival.body.as_bytes();
        assert_eq!(record.body(), shared_body.map_or(StoredBody::Inline(body), StoredBody::Shared));
        assert_eq!(record.body_bytes(), body.len() as u64);
        assert_eq!(record.blind_keys(), arrival.blind_keys);
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let plain = Arrival {
            sequence: Sequence(1),
            exchange: "",
            routing_key: b"q",
            properties: &[0, 0],
            body: Body::Inline(b""),
            blind_keys: b"",
            persistent: false,
            priority: None,
            expiration_ms: None,
            origin: Origin::Client,
            logged: false,
        };
        check(&plain, None, None);
        check(&plain, Some(u32::MAX), Some(Timestamp(u64::MAX)));
        let rich = Arrival {
            exchange: "orders",
            routing_key: &[b'k'; 255],
            properties: &[0x55; 70_000],
            body: Body::Inline(b"hello"),
            blind_keys: b"\x01a\x02bc",
            persistent: true,
            origin: Origin::DeadLetter { rekeyed: true },
            ..plain
        };
        check(&rich, None, Some(Timestamp(5)));
        check(&rich, Some(3), None);
        let kept = Arrival { origin: Origin::DeadLetter { rekeyed: false }, ..rich };
        check(&kept, Some(0), Some(Timestamp(0)));
    }
}
