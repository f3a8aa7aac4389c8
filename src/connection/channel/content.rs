//! A content that did not arrive in one piece: method, header and body put together frame by frame.
//!
//! ```text
//! Idle ──publish──▶ AwaitHeader ──header──▶ AwaitBody ──last octet of the body──▶ Idle
//!                        └──header of an empty body──▶ Idle
//! ```
//!
//! A content that lies complete in the input never comes here.

use ::broker::message::{Body, SHARED_BODY_BYTES_MIN};
use amqp::{ContentHeader, ReplyCode, basic};
use bytes::Bytes;

use crate::{
    Settings,
    failure::{Failure, Outcome},
};

/// How far the content of a channel has come.
#[derive(Debug, Default)]
pub(crate) enum Content {
    /// There is none; the next frame is a method.
    #[default]
    Idle,
    /// The method is there.
    AwaitHeader(Publish),
    /// The method and the header are there.
    AwaitBody(Assembly),
}

/// `basic.publish`, kept until its content is complete.
#[derive(Debug)]
pub(crate) struct Publish {
    /// The exchange, and behind it the routing key.
    names: Box<[u8]>,
    exchange_len: usize,
    pub(crate) mandatory: bool,
    pub(crate) immediate: bool,
}

/// A body that grows with what arrives of it, never by what was announced.
#[derive(Debug)]
pub(crate) struct Assembly {
    pub(crate) publish: Publish,
    pub(crate) properties: Box<[u8]>,
    body: Vec<u8>,
    body_size: u64,
}

impl Publish {
    pub(crate) fn new(method: &basic::Publish<'_>) -> Self {
        let names = [method.exchange, method.routing_key].concat().into_boxed_slice();
        let (mandatory, immediate) = (method.mandatory, method.immediate);
        Self { names, exchange_len: method.exchange.len(), mandatory, immediate }
    }

    pub(crate) fn exchange(&self) -> &[u8] {
        &self.names[..self.exchange_len]
    }

    pub(crate) fn routing_key(&self) -> &[u8] {
        &self.names[self.exchange_len..]
    }
}

/// Checks what is known of a content when its header is there: what it is, and how large it will be.
pub(crate) fn check_header(
    header: &ContentHeader<'_>,
    immediate: bool,
    settings: &Settings,
) -> Outcome {
    let unexpected = |what| Failure::new(ReplyCode::UnexpectedFrame, what);
    if header.weight != 0 {
        return Err(unexpected(NOT_A_HEADER));
    }
    if header.class_id != basic::CLASS_ID {
        let got = header.class_id;
        let text = format!("expected content header for class 60, got one for class {got} instead");
        return Err(unexpected(text.as_str()));
    }
    if immediate {
        return Err(Failure::new(ReplyCode::NotImplemented, "immediate=true"));
    }
    let (size, max) = (header.body_size, settings.message_bytes_max);
    if size > max {
        // RabbitMQ says so only when it has the whole body.
        return Err(::broker::Refusal::MessageTooLarge { size, max }.into());
    }
    Ok(())
}

/// Instead of a header there is something else.
pub(crate) const NOT_A_HEADER: &str =
    "expected content header for class 60, got non content header frame instead";

/// Instead of a body there is something else.
pub(crate) const NOT_A_BODY: &str = "expected content body, got non content body frame instead";

/// Instead of a method there is something else.
pub(crate) const NOT_A_METHOD: &str = "expected method frame, got non method frame instead";

impl Assembly {
    pub(crate) fn new(publish: Publish, header: &ContentHeader<'_>) -> Self {
        let properties = header.properties.as_bytes().into();
        Self { publish, properties, body: Vec::new(), body_size: header.body_size }
    }

    /// How many octets of the body are still to come.
    pub(crate) fn missing(&self) -> u64 {
        self.body_size - self.body.len() as u64
    }

    /// Appends what has arrived of a body frame; the caller has checked that it is not more than is missing.
    pub(crate) fn append(&mut self, part: &[u8]) {
        if self.body.capacity() - self.body.len() < part.len() {
            // Twice as much as there is, but never more than there will be, so that no room stays unused at the end.
            let missing = usize::try_from(self.missing()).unwrap_or(usize::MAX);
            self.body.reserve_exact(part.len().max(self.body.len()).min(missing).max(part.len()));
        }
        self.body.extend_from_slice(part);
    }

    /// What it keeps in memory that is not yet in any queue.
    pub(crate) fn held_bytes(&self) -> u64 {
        (self.properties.len() + self.body.len()) as u64
    }

    /// The method, the properties and the body of a complete content.
    pub(crate) fn into_parts(self) -> (Publish, Box<[u8]>, Bytes) {
        debug_assert_eq!(self.missing(), 0, "the body is complete");
        (self.publish, self.properties, Bytes::from(self.body))
    }
}

/// A body that has its own place: shared from the size on where a copy costs more than a reference.
pub(crate) fn body(bytes: &Bytes) -> Body<'_> {
    if bytes.len() >= SHARED_BODY_BYTES_MIN { Body::Shared(bytes) } else { Body::Inline(bytes) }
}

#[cfg(test)]
mod tests {
    use amqp::RawProperties;

    use super::*;

    fn assembly(body_size: u64) -> Assembly {
        let method = basic::Publish { exchange: b"x", routing_key: b"key", ..Default::default() };
        let properties = RawProperties::EMPTY;
        let header = ContentHeader { class_id: 60, weight: 0, body_size, properties };
        Assembly::new(Publish::new(&method), &header)
    }

    #[test]
    fn names_are_told_apart() {
        let assembly = assembly(0);
        assert_eq!(assembly.publish.exchange(), b"x");
        assert_eq!(assembly.publish.routing_key(), b"key");
    }

    #[test]
    fn a_body_takes_no_more_room_than_it_has() {
        let mut assembly = assembly(100_000);
        for _ in 0..100 {
            assembly.append(&[7; 999]);
            assert!(assembly.body.capacity() <= assembly.body.len().max(999) * 2);
        }
        assembly.append(&[7; 100]);
        assert_eq!(assembly.missing(), 0);
        let (_, _, body) = assembly.into_parts();
        assert_eq!(body.len(), 100_000);
    }

    #[test]
    fn a_huge_claim_allocates_nothing() {
        assert_eq!(assembly(u64::MAX).body.capacity(), 0);
    }
}
