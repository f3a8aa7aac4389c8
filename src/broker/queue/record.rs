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

/// The body of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoredBody<'a> {
    /// Its bytes.
    Inline(&'a [u8]),
    /// Which of the queue's shared bodies it is.
    Shared(u32),
}

/// A message in a segment. Numbers are little-endian; what is in brackets is there if its flag is set.
///
/// ```text
/// 0      1             2        3      4                8         12
/// flags  exchange len  key len  level  properties len   body len  [deadline:8] [blind keys len:4]
/// exchange │ key │ properties │ body, or with SHARED_BODY its number:4 │ [blind keys]
///
/// flags: 1 PERSISTENT  2 SHARED_BODY  4 DEADLINE  8 BLIND_KEYS  16 DEAD_LETTER  32 REKEYED
/// ```
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    /// The priority level that it waits in.
    pub(super) level: u8,
    pub(super) persistent: bool,
    pub(super) origin: Origin,
    /// When it expires.
    pub(super) deadline: Option<Timestamp>,
    pub(super) exchange: &'a [u8],
    pub(super) routing_key: &'a [u8],
    pub(super) properties: &'a [u8],
    pub(super) body: StoredBody<'a>,
    pub(super) blind_keys: &'a [u8],
    /// How much of the segment it takes.
    pub(super) bytes: u32,
}

impl<'a> Record<'a> {
    /// A record of `arrival` with this body.
    #[inline]
    pub(super) fn new(
        arrival: &Arrival<'a>,
        body: StoredBody<'a>,
        level: u8,
        deadline: Option<Timestamp>,
    ) -> Self {
        let exchange = arrival.exchange.as_bytes();
        debug_assert!(
            exchange.len() <= 255 && arrival.routing_key.len() <= 255,
            "both are shortstrs"
        );
        let mut record = Self {
            level,
            persistent: arrival.persistent,
            origin: arrival.origin,
            deadline,
            exchange: &exchange[..exchange.len().min(255)],
            routing_key: &arrival.routing_key[..arrival.routing_key.len().min(255)],
            properties: arrival.properties,
            body,
            blind_keys: arrival.blind_keys,
            bytes: 0,
        };
        record.bytes = u32::try_from(record.size()).expect("a header frame is far below 4 GiB");
        record
    }

    #[inline]
    fn size(&self) -> usize {
        let body = match self.body {
            StoredBody::Inline(bytes) => bytes.len(),
            StoredBody::Shared(_) => 4,
        };
        let blind = if self.blind_keys.is_empty() { 0 } else { 4 + self.blind_keys.len() };
        let deadline = if self.deadline.is_some() { 8 } else { 0 };
        HEAD_BYTES
            + deadline
            + blind
            + self.exchange.len()
            + self.routing_key.len()
            + self.properties.len()
            + body
    }

    fn flags(&self) -> u8 {
        let mut flags = 0;
        let mut set = |flag, on: bool| flags |= if on { flag } else { 0 };
        set(PERSISTENT, self.persistent);
        set(SHARED_BODY, matches!(self.body, StoredBody::Shared(_)));
        set(DEADLINE, self.deadline.is_some());
        set(BLIND_KEYS, !self.blind_keys.is_empty());
        set(DEAD_LETTER, self.origin != Origin::Client);
        set(REKEYED, self.origin == Origin::DeadLetter { rekeyed: true });
        flags
    }

    /// Appends the record. The caller has seen to it that it fits.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "new() cut or checked every length")]
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let (body_len, number) = match self.body {
            StoredBody::Inline(bytes) => (bytes.len() as u32, None),
            StoredBody::Shared(number) => (0, Some(number)),
        };
        let [p0, p1, p2, p3] = (self.properties.len() as u32).to_le_bytes();
        let [b0, b1, b2, b3] = body_len.to_le_bytes();
        let (exchange_len, key_len) = (self.exchange.len() as u8, self.routing_key.len() as u8);
        out.extend_from_slice(&[
            self.flags(),
            exchange_len,
            key_len,
            self.level,
            p0,
            p1,
            p2,
            p3,
            b0,
            b1,
            b2,
            b3,
        ]);
        if let Some(deadline) = self.deadline {
            out.extend_from_slice(&deadline.0.to_le_bytes());
        }
        if !self.blind_keys.is_empty() {
            out.extend_from_slice(&(self.blind_keys.len() as u32).to_le_bytes());
        }
        out.extend_from_slice(self.exchange);
        out.extend_from_slice(self.routing_key);
        out.extend_from_slice(self.properties);
        match (self.body, number) {
            (StoredBody::Inline(bytes), _) => out.extend_from_slice(bytes),
            (StoredBody::Shared(number), _) => out.extend_from_slice(&number.to_le_bytes()),
        }
        out.extend_from_slice(self.blind_keys);
    }

    /// Reads the record that begins here.
    #[inline]
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        const WHOLE: &str = "a record lies whole in its segment";
        let (head, mut rest) = bytes.split_first_chunk::<HEAD_BYTES>().expect(WHOLE);
        let [flags, exchange_len, key_len, level, p0, p1, p2, p3, b0, b1, b2, b3] = *head;
        let mut deadline = None;
        if flags & DEADLINE != 0 {
            let (ms, after) = rest.split_first_chunk::<8>().expect(WHOLE);
            deadline = Some(Timestamp(u64::from_le_bytes(*ms)));
            rest = after;
        }
        let mut blind_len = 0;
        if flags & BLIND_KEYS != 0 {
            let (len, after) = rest.split_first_chunk::<4>().expect(WHOLE);
            blind_len = u32::from_le_bytes(*len) as usize;
            rest = after;
        }
        let (exchange, rest) = rest.split_at(usize::from(exchange_len));
        let (routing_key, rest) = rest.split_at(usize::from(key_len));
        let (properties, rest) = rest.split_at(u32::from_le_bytes([p0, p1, p2, p3]) as usize);
        let (body, rest) = if flags & SHARED_BODY != 0 {
            let (number, rest) = rest.split_first_chunk::<4>().expect(WHOLE);
            (StoredBody::Shared(u32::from_le_bytes(*number)), rest)
        } else {
            let (body, rest) = rest.split_at(u32::from_le_bytes([b0, b1, b2, b3]) as usize);
            (StoredBody::Inline(body), rest)
        };
        let (blind_keys, rest) = rest.split_at(blind_len);
        let origin = match (flags & DEAD_LETTER != 0, flags & REKEYED != 0) {
            (true, rekeyed) => Origin::DeadLetter { rekeyed },
            (false, _) => Origin::Client,
        };
        let size = bytes.len() - rest.len();
        Self {
            level,
            persistent: flags & PERSISTENT != 0,
            origin,
            deadline,
            exchange,
            routing_key,
            properties,
            body,
            blind_keys,
            bytes: u32::try_from(size).expect("it was written with less than 4 GiB"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Body, Sequence};

    fn check(arrival: &Arrival<'_>, body: StoredBody<'_>, deadline: Option<Timestamp>) {
        let record = Record::new(arrival, body, 7, deadline);
        let mut out = b"before".to_vec();
        record.write(&mut out);
        assert_eq!(out.len() - 6, record.bytes as usize);
        out.extend_from_slice(b"the next record");
        let read = Record::read(&out[6..]);
        assert_eq!(read.bytes, record.bytes);
        assert_eq!(read.level, 7);
        assert_eq!((read.persistent, read.origin), (arrival.persistent, arrival.origin));
        assert_eq!(read.deadline, deadline);
        assert_eq!(read.exchange, arrival.exchange.as_bytes());
        assert_eq!(read.routing_key, arrival.routing_key);
        assert_eq!(read.properties, arrival.properties);
        assert_eq!(read.body, body);
        assert_eq!(read.blind_keys, arrival.blind_keys);
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
        };
        check(&plain, StoredBody::Inline(b""), None);
        check(&plain, StoredBody::Shared(u32::MAX), Some(Timestamp(u64::MAX)));
        let rich = Arrival {
            exchange: "orders",
            routing_key: &[b'k'; 255],
            properties: &[0x55; 70_000],
            blind_keys: b"\x01a\x02bc",
            persistent: true,
            origin: Origin::DeadLetter { rekeyed: true },
            ..plain
        };
        check(&rich, StoredBody::Inline(b"hello"), Some(Timestamp(5)));
        let kept = Arrival { origin: Origin::DeadLetter { rekeyed: false }, ..rich };
        check(&kept, StoredBody::Shared(0), None);
    }
}
