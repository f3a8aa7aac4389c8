//! A message that comes by another way than a client's frames, published as if it had come in them.

use ::broker::{Refusal, message::Body};
use amqp::RawProperties;
use bytes::Bytes;

use crate::{
    Broker, ChannelNumber, PublishOutcome, PublishRun, RunMessage,
    channel::{
        Messages, content,
        inspect::{Inspected, inspect, inspect_routing_headers},
    },
};

/// A message without a channel.
#[derive(Clone, Copy, Debug)]
pub struct LoneMessage<'a> {
    /// The exchange; empty is the default exchange.
    pub exchange: &'a str,
    /// The routing key, up to 255 octets.
    pub routing_key: &'a [u8],
    /// The property flags and the list behind them, as on the wire.
    pub properties: &'a [u8],
    /// The body.
    pub body: &'a Bytes,
}

/// Why a [`LoneMessage`] was not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPublished {
    /// As the broker refuses it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A client's channel or connection would close for its properties.
    #[error("{text}")]
    Properties {
        /// The reply text.
        text: String,
    },
}

/// Publishes a message with the checks, and in their order, that one from a client undergoes.
///
/// It is as if the message were mandatory: `outcome`, which is empty, tells whether it is unroutable.
///
/// # Errors
/// [`NotPublished`]; then it is in no queue.
pub fn publish_alone<B: Broker>(
    broker: &mut B,
    message_bytes_max: u64,
    message: &LoneMessage<'_>,
    outcome: &mut PublishOutcome,
) -> Result<(), NotPublished> {
    let &LoneMessage { exchange, routing_key, properties, body } = message;
    let (size, max) = (body.len() as u64, message_bytes_max);
    if size > max {
        return Err(Refusal::MessageTooLarge { size, max }.into());
    }
    let channel = ChannelNumber::CONNECTION;
    broker.check_publish(channel, exchange, routing_key)?;
    let inspected = inspect(RawProperties::from_bytes(properties), channel, broker)
        .map_err(|failure| NotPublished::Properties { text: failure.text })?;
    let Inspected { persistent, priority, expiration_ms, special } = inspected;
    let special = special.map(|special| *special).unwrap_or_default();
    let properties = special.properties.as_deref().unwrap_or(properties);
    let body: Body<'_> = content::body(body);
    let message = RunMessage { properties, body, persistent, priority, expiration_ms };
    let run = PublishRun {
        channel,
        exchange,
        routing_key,
        mandatory: true,
        carbon_keys: &special.carbon_keys,
        blind_keys: &special.blind_keys,
        messages: Messages::Single(message),
    };
    Ok(broker.publish(&run, outcome)?)
}

/// The routing keys that a message has besides its own, from its headers `CC` and `BCC`, each as a shortstr.
///
/// # Errors
/// [`NotPublished::Properties`] if a client could not publish it with these.
pub fn further_routing_keys(properties: RawProperties<'_>) -> Result<Vec<u8>, NotPublished> {
    let Ok(Some(headers)) = properties.headers() else { return Ok(Vec::new()) };
    let mut inspected = Inspected::default();
    inspect_routing_headers(headers, properties, &mut inspected)
        .map_err(|failure| NotPublished::Properties { text: failure.text })?;
    let special = inspected.special.map(|special| *special).unwrap_or_default();
    Ok([special.carbon_keys, special.blind_keys].concat())
}
