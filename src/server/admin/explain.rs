//! Which way a message would go: the same routing as that of a message, without one.

use std::collections::BTreeSet;

use amqp::{Properties, RawProperties};
use broker::QueueName;
use broker::exchange::RoutingInput;
use broker::message::short_strings;
use broker::permission::Authority;
use broker::routing::{self, Explanation};
use connection::{NotPublished, further_routing_keys};

use super::topology::check_length;
use super::{Admin, AdminError};
use crate::client::Client;

/// How many bindings are looked at for one explanation.
const BINDINGS_MAX: usize = 1000;

/// Where a message would go, and why not elsewhere.
#[derive(Debug)]
pub struct Explained {
    /// The way.
    pub explanation: Explanation,
    /// Queues that its keys name, and that do not exist.
    pub missing: BTreeSet<QueueName>,
    /// For how long the exchange would hold it back before.
    pub delay_ms: Option<u64>,
    /// The exchange takes messages from other exchanges only.
    pub is_internal: bool,
    /// It answers a request: it goes to a client that waits for it, if that is still there, and not to a queue.
    pub is_reply: bool,
}

impl Admin {
    /// Explains where a message would go that is published to an exchange. Nothing is published or counted.
    ///
    /// # Errors
    /// [`AdminError`]; refused also if a client could not publish a message with these properties.
    pub fn explain(
        &self,
        authority: &Authority,
        (exchange, routing_key): (&str, &str),
        properties: &Properties,
    ) -> Result<Explained, AdminError> {
        let client = self.act_for(authority)?;
        check_length("routing key", routing_key)?;
        let vhost = client.entered();
        let cell = vhost.exchange(exchange);
        if cell.is_none() && !exchange.is_empty() {
            return Err(vhost.no_such_exchange(exchange).into());
        }
        let properties = properties.to_bytes();
        let properties = RawProperties::from_bytes(&properties);
        let further = further_routing_keys(properties).map_err(refused)?;
        let extra_keys: Vec<&[u8]> = short_strings(&further).collect();
        let input = RoutingInput {
            routing_key: routing_key.as_bytes(),
            extra_keys: &extra_keys,
            headers: properties.headers().ok().flatten(),
            properties,
            seed: self.node.shared.random.next(),
        };
        let explanation = routing::explain(&**vhost, &exchange.into(), &input, BINDINGS_MAX);
        let named = explanation.queues.iter().map(|(queue, _)| queue);
        let missing = named.filter(|queue| vhost.queue(queue).is_none()).cloned().collect();
        let delay_ms = match &cell {
            Some(cell) => cell.delay_of(properties.as_bytes())?,
            None => None,
        };
        let is_internal = cell.is_some_and(|cell| cell.spec.internal);
        let is_reply = exchange.is_empty() && Client::is_reply_address(routing_key.as_bytes());
        Ok(Explained { explanation, missing, delay_ms, is_internal, is_reply })
    }
}

fn refused(error: NotPublished) -> AdminError {
    match error {
        NotPublished::Refused(refusal) => AdminError::Refused(refusal),
        NotPublished::Properties { text } => AdminError::Invalid { reason: text },
    }
}

impl Explained {
    /// The queues that it would reach.
    pub fn reached(&self) -> impl Iterator<Item = &QueueName> {
        let queues = self.explanation.queues.iter().map(|(queue, _)| queue);
        queues.filter(|queue| !self.is_reply && !self.missing.contains(*queue))
    }
}
