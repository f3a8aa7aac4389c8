//! What a transaction holds back until `tx.commit`.
//!
//! Only messages are here; settlements are held where the deliveries are, behind
//! [`Broker::hold_settlement`](crate::Broker::hold_settlement).

use ::broker::message::Body;
use bytes::Bytes;

use super::{
    content,
    inspect::Inspected,
    publish_run::{Messages, PublishRun, RunMessage},
};
use crate::ChannelNumber;

/// The messages of a transaction, in their order.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    pub(crate) messages: Vec<HeldMessage>,
    held_bytes: u64,
}

/// A message that waits for its commit.
#[derive(Debug)]
pub(crate) struct HeldMessage {
    exchange: Box<str>,
    routing_key: Box<[u8]>,
    mandatory: bool,
    properties: Bytes,
    body: Bytes,
    inspected: Inspected,
}

/// What a held message costs beside its content, so that empty ones count as well.
const HELD_MESSAGE_OVERHEAD: u64 = 256;

impl Transaction {
    /// Holds a message; its properties are the inspected ones, changed where that was needed.
    pub(crate) fn hold(
        &mut self,
        (exchange, routing_key): (&str, &[u8]),
        mandatory: bool,
        (properties, body): (&[u8], Body<'_>),
        mut inspected: Inspected,
    ) {
        let changed = inspected.special.as_mut().and_then(|special| special.properties.take());
        let message = HeldMessage {
            exchange: exchange.into(),
            routing_key: routing_key.into(),
            mandatory,
            properties: changed.map_or_else(|| Bytes::copy_from_slice(properties), Bytes::from),
            body: body.to_bytes(),
            inspected,
        };
        self.held_bytes += message.held_bytes();
        self.messages.push(message);
    }

    /// What it keeps in memory that is not yet in any queue.
    pub(crate) const fn held_bytes(&self) -> u64 {
        self.held_bytes
    }
}

impl HeldMessage {
    /// What a message of this content will take.
    pub(crate) const fn bytes_of(properties: &[u8], body: Body<'_>) -> u64 {
        let body_len = match body {
            Body::Inline(bytes) => bytes.len(),
            Body::Shared(bytes) => bytes.len(),
        };
        HELD_MESSAGE_OVERHEAD + properties.len() as u64 + body_len as u64
    }

    fn held_bytes(&self) -> u64 {
        Self::bytes_of(&self.properties, content::body(&self.body))
    }

    /// The message as a run of its own.
    pub(crate) fn run(&self, channel: ChannelNumber) -> PublishRun<'_> {
        let Inspected { persistent, priority, expiration_ms, ref special } = self.inspected;
        let properties = &self.properties;
        let body = content::body(&self.body);
        let message = RunMessage { properties, body, persistent, priority, expiration_ms };
        PublishRun {
            channel,
            exchange: &self.exchange,
            routing_key: &self.routing_key,
            mandatory: self.mandatory,
            carbon_keys: special.as_ref().map_or(&[], |special| &special.carbon_keys),
            blind_keys: special.as_ref().map_or(&[], |special| &special.blind_keys),
            messages: Messages::Single(message),
        }
    }
}
