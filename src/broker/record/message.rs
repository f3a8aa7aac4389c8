//! How a message lies in the log, and where a queue spills it to.

use super::{RecordError, VERSION, check_version};
use crate::{
    Timestamp,
    message::{Arrival, Body, Message, Origin, Sequence},
};

const HEAD_BYTES: usize = 21;

const PERSISTENT: u8 = 1;
const PRIORITY: u8 = 1 << 1;
const EXPIRATION: u8 = 1 << 2;
const BLIND_KEYS: u8 = 1 << 3;
const DEAD_LETTER: u8 = 1 << 4;
const REKEYED: u8 = 1 << 5;
const DUE: u8 = 1 << 6;
const UNKNOWN: u8 = 1 << 7;

const RECORD: &str = "a message";

/// A message as it was written, borrowed from its payload. Numbers are little-endian; what is in brackets is there if
/// its flag is set.
///
/// ```text
/// 0        1      2         3             4        5              9         13            21
/// version  flags  priority  exchange len  key len  properties len  body len  arrived at ms
/// [expiration ms:8] │ [due ms:8] │ [blind keys len:4] │ exchange │ key │ properties │ blind keys │ body
///
/// flags: 1 PERSISTENT  2 PRIORITY  4 EXPIRATION  8 BLIND_KEYS  16 DEAD_LETTER  32 REKEYED  64 DUE
/// ```
///
/// The lengths add up to the payload's. Without PRIORITY that byte is 0. Exchange and key are shortstrs' contents, the
/// properties are as on the wire, the blind keys each a shortstr.
#[derive(Debug, Clone, Copy)]
pub struct MessageRecord<'a> {
    /// The exchange that it was published to.
    pub exchange: &'a str,
    /// The routing key that it was published with.
    pub routing_key: &'a [u8],
    /// The flags and property list as on the wire.
    pub properties: &'a [u8],
    /// The body.
    pub body: &'a [u8],
    /// The keys of its former `BCC` header, each as a shortstr.
    pub blind_keys: &'a [u8],
    /// Whether it was published as persistent.
    pub persistent: bool,
    /// The priority property.
    pub priority: Option<u8>,
    /// The expiration property.
    pub expiration_ms: Option<u64>,
    /// Client or dead letter.
    pub origin: Origin,
    /// When the broker took it, from which its time to live counts.
    pub arrived_at: Timestamp,
    /// Until when an exchange holds it back.
    pub due: Option<Timestamp>,
}

/// A message to be written: first its exact size, then the bytes.
#[derive(Debug, Clone, Copy)]
pub struct MessageDraft<'a> {
    arrival: &'a Arrival<'a>,
    arrived_at: Timestamp,
    due: Option<Timestamp>,
    bytes: usize,
}

impl<'a> MessageDraft<'a> {
    /// A message that arrived at this time; with `due`, one that an exchange holds back until then.
    #[inline]
    pub fn new(arrival: &'a Arrival<'a>, arrived_at: Timestamp, due: Option<Timestamp>) -> Self {
        let optional = 8 * usize::from(arrival.expiration_ms.is_some())
            + 8 * usize::from(due.is_some())
            + if arrival.blind_keys.is_empty() { 0 } else { 4 + arrival.blind_keys.len() };
        let bytes = HEAD_BYTES
            + optional
            + arrival.exchange.len()
            + arrival.routing_key.len()
            + arrival.properties.len()
            + arrival.body.as_bytes().len();
        Self { arrival, arrived_at, due, bytes }
    }

    /// How many bytes [`write`](Self::write) takes.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes the record to `out`, which has exactly its size.
    #[inline]
    pub fn write(&self, out: &mut [u8]) {
        let Arrival { exchange, routing_key: key, properties, blind_keys, .. } = *self.arrival;
        let body = self.arrival.body.as_bytes();
        let [p0, p1, p2, p3] = length(properties);
        let [b0, b1, b2, b3] = length(body);
        let [t0, t1, t2, t3, t4, t5, t6, t7] = self.arrived_at.0.to_le_bytes();
        let (exchange_len, key_len) = (short_length(exchange.as_bytes()), short_length(key));
        let (flags, priority) = (self.flags(), self.arrival.priority.unwrap_or(0));
        let head: [u8; HEAD_BYTES] = [
            VERSION,
            flags,
            priority,
            exchange_len,
            key_len,
            p0,
            p1,
            p2,
            p3,
            b0,
            b1,
            b2,
            b3,
            t0,
            t1,
            t2,
            t3,
            t4,
            t5,
            t6,
            t7,
        ];
        let mut out = put(out, &head);
        if let Some(ms) = self.arrival.expiration_ms {
            out = put(out, &ms.to_le_bytes());
        }
        if let Some(due) = self.due {
            out = put(out, &due.0.to_le_bytes());
        }
        if !blind_keys.is_empty() {
            out = put(out, &length(blind_keys));
        }
        let out = put(out, exchange.as_bytes());
        let out = put(out, key);
        let out = put(out, properties);
        let out = put(out, blind_keys);
        let out = put(out, body);
        debug_assert!(out.is_empty(), "the size was right");
    }

    #[inline]
    fn flags(&self) -> u8 {
        let set = |flag, on: bool| if on { flag } else { 0 };
        set(PERSISTENT, self.arrival.persistent)
            | set(PRIORITY, self.arrival.priority.is_some())
            | set(EXPIRATION, self.arrival.expiration_ms.is_some())
            | set(BLIND_KEYS, !self.arrival.blind_keys.is_empty())
            | set(DUE, self.due.is_some())
            | match self.arrival.origin {
                Origin::Client => 0,
                Origin::DeadLetter { rekeyed } => DEAD_LETTER | set(REKEYED, rekeyed),
            }
    }
}

#[inline]
fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len())
        .expect("a header frame is far below 4 GiB, and so is a body")
        .to_le_bytes()
}

#[inline]
fn short_length(bytes: &[u8]) -> u8 {
    u8::try_from(bytes.len()).expect("exchange and key came as shortstrs")
}

/// Copies `bytes` to the front and returns what is behind them.
#[inline]
fn put<'a>(out: &'a mut [u8], bytes: &[u8]) -> &'a mut [u8] {
    let (front, rest) = out.split_at_mut(bytes.len());
    front.copy_from_slice(bytes);
    rest
}

impl<'a> MessageRecord<'a> {
    /// Reads a payload.
    ///
    /// # Errors
    /// [`RecordError`] if it is of another version, or not laid out so.
    pub fn read(payload: &'a [u8]) -> Result<Self, RecordError> {
        check_version(RECORD, payload)?;
        let malformed = |fault| RecordError::Malformed { record: RECORD, fault };
        let cut = malformed("it is cut");
        let (head, mut rest) = payload.split_first_chunk::<HEAD_BYTES>().ok_or(cut)?;
        let [_, flags, priority, exchange_len, key_len, p0, p1, p2, p3, b0, b1, b2, b3, at @ ..] =
            *head;
        if flags & UNKNOWN != 0 || flags & (DEAD_LETTER | REKEYED) == REKEYED {
            return Err(malformed("it has flags that it cannot have"));
        }
        let mut number = |flag| -> Result<Option<u64>, RecordError> {
            if flags & flag == 0 {
                return Ok(None);
            }
            let (number, behind) = rest.split_first_chunk().ok_or(cut)?;
            rest = behind;
            Ok(Some(u64::from_le_bytes(*number)))
        };
        let expiration_ms = number(EXPIRATION)?;
        let due = number(DUE)?.map(Timestamp);
        let mut blind_len = 0;
        if flags & BLIND_KEYS != 0 {
            let (number, behind) = rest.split_first_chunk().ok_or(cut)?;
            rest = behind;
            blind_len = u32::from_le_bytes(*number) as usize;
        }
        let mut take = |len: usize| rest.split_off(..len).ok_or(cut);
        let exchange = take(usize::from(exchange_len))?;
        let routing_key = take(usize::from(key_len))?;
        let properties = take(u32::from_le_bytes([p0, p1, p2, p3]) as usize)?;
        let blind_keys = take(blind_len)?;
        let body = take(u32::from_le_bytes([b0, b1, b2, b3]) as usize)?;
        if !rest.is_empty() {
            return Err(malformed("something follows it"));
        }
        let exchange = std::str::from_utf8(exchange)
            .map_err(|_| malformed("its exchange's name is not UTF-8"))?;
        let origin = match flags & DEAD_LETTER != 0 {
            true => Origin::DeadLetter { rekeyed: flags & REKEYED != 0 },
            false => Origin::Client,
        };
        Ok(Self {
            exchange,
            routing_key,
            properties,
            body,
            blind_keys,
            persistent: flags & PERSISTENT != 0,
            priority: (flags & PRIORITY != 0).then_some(priority),
            expiration_ms,
            origin,
            arrived_at: Timestamp(u64::from_le_bytes(at)),
            due,
        })
    }

    /// The message as it comes into a queue out of the log.
    pub fn arrival(&self, sequence: Sequence) -> Arrival<'a> {
        Arrival {
            sequence,
            exchange: self.exchange,
            routing_key: self.routing_key,
            properties: self.properties,
            body: Body::Inline(self.body),
            blind_keys: self.blind_keys,
            persistent: self.persistent,
            priority: self.priority,
            expiration_ms: self.expiration_ms,
            origin: self.origin,
            logged: true,
        }
    }

    /// A copy of the message, as an exchange keeps it that holds it back.
    pub fn to_message(&self) -> Message {
        Message::from_arrival(&self.arrival(Sequence(0)))
    }
}
