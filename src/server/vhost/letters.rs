//! What is published from within the broker: dead letters, what an operator moves, and what the broker tells of itself.

use amqp::RawProperties;
use broker::Timestamp;
use broker::exchange::RoutingInput;
use broker::message::{Message, Sequence};
use broker::queue::DeadLetter;

use super::{Copied, Original, Vhost};
use crate::queue_cell::{Effects, QueueCell};

impl Vhost {
    /// Routes dead letters until none is left.
    pub(crate) fn carry_out(&self, now: Timestamp, effects: &mut Effects) {
        // A letter may push another one out of the queue it enters; the rule against cycles ends such chains.
        while let Some((source, letter)) = effects.letters.pop_front() {
            let accepted = self.publish_letter(now, &source, &letter, effects);
            if let Some(slot) = letter.hold {
                source.visit(self, now, effects, |queue, sink| {
                    queue.settle_dead_letter(now, slot, accepted, sink);
                });
            }
        }
    }

    fn publish_letter(
        &self,
        now: Timestamp,
        source: &QueueCell,
        letter: &DeadLetter,
        effects: &mut Effects,
    ) -> bool {
        let replaces = source.log_id().zip(letter.settles);
        let replaces = replaces.map(|(owner, sequence)| Original { owner, sequence });
        let keys: Vec<&[u8]> = letter.routing_keys.iter().map(|key| &key[..]).collect();
        let copied = Copied { letter: Some(letter), replaces };
        self.publish_from_within(now, &letter.message, &keys, copied, effects)
    }

    /// Publishes a message that somebody moves, by its routing key alone; whether it was routed and every queue accepted
    /// it. Its original stays in the log.
    pub(crate) fn publish_moved(
        &self,
        now: Timestamp,
        message: &Message,
        effects: &mut Effects,
    ) -> bool {
        let copied = Copied { letter: None, replaces: None };
        self.publish_from_within(now, message, &[], copied, effects)
    }

    /// Publishes what the broker tells of itself. Queues that hold too much do without, as there is nobody to slow down;
    /// whether there were none of these.
    pub(crate) fn publish_told(
        &self,
        now: Timestamp,
        message: &Message,
        effects: &mut Effects,
    ) -> bool {
        let properties = RawProperties::from_bytes(&message.properties);
        let input = RoutingInput {
            headers: properties.headers().ok().flatten(),
            properties,
            seed: self.shared.random.next(),
            ..RoutingInput::of_key(&message.routing_key)
        };
        let (mut queues, _) = self.route(&message.exchange, &input);
        let routed = queues.len();
        queues.retain(|queue| !queue.is_crowded());
        self.publish(now, &message.arrival(Sequence(0)), &queues, None, effects);
        queues.len() == routed
    }

    /// Publishes a message as if a client did: its exchange may hold it back, or remember it.
    fn publish_from_within(
        &self,
        now: Timestamp,
        message: &Message,
        extra_keys: &[&[u8]],
        copied: Copied<'_>,
        effects: &mut Effects,
    ) -> bool {
        let exchange = self.exchange(&message.exchange);
        if let Some(exchange) = exchange.filter(|exchange| exchange.keeps_messages()) {
            match exchange.delay_of(&message.properties).ok().flatten() {
                Some(delay_ms) => {
                    let arrival = message.arrival(Sequence(0));
                    effects.note_logged(exchange.delay(now, delay_ms, &arrival, copied.replaces));
                    return true;
                }
                None => exchange.remember(&message.arrival(Sequence(0))),
            }
        }
        self.publish_copy(now, message, extra_keys, copied, effects)
    }
}
