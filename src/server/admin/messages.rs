//! Messages that an operator publishes, or takes out of a queue.

use std::sync::Arc;
use std::time::Duration;

use amqp::{Properties, RawProperties};
use broker::permission::Authority;
use broker::queue::{Delivery, Got, Settlement, Slot};
use bytes::Bytes;
use connection::{LoneMessage, NotPublished, PublishOutcome, publish_alone};

use super::topology::check_length;
use super::{Admin, AdminError};
use crate::client::Client;
use crate::message_counts::MessageCounts;
use crate::queue_cell::QueueCell;

/// How much is taken out of a queue at once, in bytes; one message at least.
const FETCHED_BYTES_MAX: usize = 64 << 20;

/// What a message is counted with beyond its content.
const OVERHEAD_BYTES: usize = 512;

/// How many messages are fetched before it is somebody else's turn.
const FETCHED_IN_A_ROW: usize = 100;

/// How many messages are settled before the queue is somebody else's.
const SETTLED_AT_ONCE: usize = 1_000;

/// How long a publisher waits whose queue holds too much.
const SLOWED: Duration = Duration::from_millis(10);

/// How long to wait before asking again for a message that is read from disk.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(2);

/// How often it is asked for again.
const TRIES_MAX: u32 = 2_500;

/// What becomes of messages that were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckMode {
    /// They go back to their places, marked as redelivered: `ack_requeue_true`.
    Requeue,
    /// They are gone: `ack_requeue_false`.
    Ack,
    /// They go back as if a consumer had failed, which a quorum queue counts: `reject_requeue_true`.
    RejectRequeue,
    /// They are refused, and dead-lettered where the queue says so: `reject_requeue_false`.
    Reject,
}

impl AckMode {
    fn settlement(self) -> Settlement {
        match self {
            Self::Requeue => Settlement::Requeue { counted: false },
            Self::RejectRequeue => Settlement::Requeue { counted: true },
            Self::Ack => Settlement::Ack,
            Self::Reject => Settlement::Reject,
        }
    }
}

/// A message that was taken out of a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchedMessage {
    /// The exchange that it was published to; empty is the default exchange.
    pub exchange: String,
    /// The routing key that it was published with, which need not be UTF-8.
    pub routing_key: Bytes,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// How many messages were ready behind it.
    pub remaining: u64,
    /// Its properties.
    pub properties: Properties,
    /// Its body.
    pub body: Bytes,
}

impl Admin {
    /// Publishes a message, and waits until what has to be flushed for it is; whether a queue was found for it.
    ///
    /// # Errors
    /// [`AdminError`]; [`Denied`](AdminError::Denied) while publishers are blocked, or if a queue is full and refuses it.
    pub async fn publish(
        &self,
        authority: &Authority,
        (exchange, routing_key): (&str, &str),
        properties: &Properties,
        body: Bytes,
    ) -> Result<bool, AdminError> {
        let mut client = self.act_for(authority)?;
        check_length("routing key", routing_key)?;
        self.check_alarms()?;
        let shared = &self.node.shared;
        let message = LoneMessage {
            exchange,
            routing_key: routing_key.as_bytes(),
            properties: &properties.to_bytes(),
            body: &body,
        };
        let mut outcome = PublishOutcome::default();
        let bytes_max = shared.options.message_bytes_max;
        let published = publish_alone(&mut client, bytes_max, &message, &mut outcome);
        client.finish();
        published.map_err(|error| match error {
            NotPublished::Refused(refusal) => AdminError::Refused(refusal),
            NotPublished::Properties { text } => AdminError::Invalid { reason: text },
        })?;
        let is_routed = outcome.unroutable.is_empty();
        shared.totals.add_channel(&MessageCounts {
            publish: 1,
            return_unroutable: u64::from(!is_routed),
            ..MessageCounts::default()
        });
        self.flushed(outcome.after).await?;
        if client.is_slowed {
            tokio::time::sleep(SLOWED).await;
        }
        if outcome.rejected.is_empty() {
            return Ok(is_routed);
        }
        let reason = "Unable to publish message. Check queue limits.".to_owned();
        Err(AdminError::Denied { reason })
    }

    /// Takes up to `count` messages out of a queue, or fewer if they are large, and does with them what `mode` says.
    ///
    /// They are gone from the queue until the last of them was fetched; a caller who does not wait for that leaves them
    /// there.
    ///
    /// # Errors
    /// [`AdminError`]; [`Denied`](AdminError::Denied) if the disk does not give back what lies there.
    pub async fn get_messages(
        &self,
        authority: &Authority,
        queue: &str,
        count: usize,
        mode: AckMode,
    ) -> Result<Vec<FetchedMessage>, AdminError> {
        let client = self.act_for(authority)?;
        let queue = client.readable_queue(queue)?;
        let mut fetch = Fetch::new(client, queue);
        let mut tries = 0;
        while fetch.messages.len() < count && fetch.bytes < FETCHED_BYTES_MAX {
            fetch.client.now = self.now();
            match fetch.take_one()? {
                Got::Delivered => {
                    tries = 0;
                    if fetch.messages.len().is_multiple_of(FETCHED_IN_A_ROW) {
                        tokio::task::yield_now().await;
                    }
                }
                Got::Empty => break,
                Got::Wait if tries < TRIES_MAX => {
                    tries += 1;
                    tokio::time::sleep(ASK_AGAIN_AFTER).await;
                }
                Got::Wait if fetch.messages.is_empty() => {
                    let reason = "the next message cannot be read from the disk".to_owned();
                    return Err(AdminError::Denied { reason });
                }
                Got::Wait => break,
            }
        }
        fetch.settle(mode.settlement());
        Ok(std::mem::take(&mut fetch.messages))
    }
}

/// Messages that are being fetched. Dropped before its time, it puts them back.
pub(super) struct Fetch {
    client: Client,
    queue: Arc<QueueCell>,
    messages: Vec<FetchedMessage>,
    slots: Vec<Slot>,
    bytes: usize,
}

impl Fetch {
    pub(super) fn new(client: Client, queue: Arc<QueueCell>) -> Self {
        Self { client, queue, messages: Vec::new(), slots: Vec::new(), bytes: 0 }
    }

    pub(super) fn take_one(&mut self) -> Result<Got, AdminError> {
        let Self { client, queue, messages, slots, bytes } = self;
        let (vhost, now) = (Arc::clone(client.entered()), client.now);
        let got = queue.visit(&vhost, now, client.effects_mut(), |machine, sink| {
            machine.check_get(&vhost.name)?;
            Ok(machine.get(now, false, sink, |delivery, remaining| {
                slots.extend(delivery.slot);
                let message = FetchedMessage::copy(delivery, remaining);
                *bytes += OVERHEAD_BYTES + delivery.properties.len() + message.body.len();
                messages.push(message);
            }))
        });
        client.finish();
        Ok(got.unwrap_or_else(|| Err(vhost.no_such_queue(&queue.name)))?)
    }

    fn settle(&mut self, settlement: Settlement) {
        let Self { client, queue, slots, .. } = self;
        let (vhost, now) = (Arc::clone(client.entered()), client.now);
        for portion in slots.chunks(SETTLED_AT_ONCE) {
            queue.visit(&vhost, now, client.effects_mut(), |machine, sink| {
                machine.settle(now, portion, settlement, sink);
            });
        }
        slots.clear();
        client.finish();
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        if !self.slots.is_empty() {
            self.settle(Settlement::Requeue { counted: false });
        }
    }
}

impl FetchedMessage {
    fn copy(delivery: &Delivery<'_>, remaining: u64) -> Self {
        let properties = RawProperties::from_bytes(delivery.properties);
        Self {
            exchange: String::from_utf8_lossy(delivery.exchange).into_owned(),
            routing_key: Bytes::copy_from_slice(delivery.routing_key),
            redelivered: delivery.redelivered,
            remaining,
            properties: Properties::decode(properties).unwrap_or_default(),
            body: delivery.body.to_bytes(),
        }
    }
}
