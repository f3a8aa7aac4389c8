//! Consumers, deliveries and what settles them.

use std::sync::Arc;

use ahash::AHashMap;
use amqp::{Method, basic};
use broker::arguments::ConsumerArguments;
use broker::queue::{self, ConsumerSettings, Settlement};
use broker::{Action, ConsumerTag, Refusal, Resource};
use connection::{Broker, ChannelNumber, Consume, DeliveryTag, Got, Unacked, UnknownDeliveryTag};

use super::channel::{ClientConsumer, Held, Replies};
use super::{Client, generated_tag};
use crate::events::Consuming;
use crate::node::ReplyConsumer;
use crate::outbox::{DeliveryLink, LinkIndex, Starved};
use crate::queue_cell::{ConsumerLink, QueueCell};
use crate::totals::count;
use crate::trace::{Copies, Party};

/// A delivery that its consumer has kept for too long.
#[derive(Debug)]
pub(crate) struct Overdue {
    pub(crate) channel: ChannelNumber,
    pub(crate) consumer_tag: ConsumerTag,
    pub(crate) timeout_ms: u64,
}

impl Client {
    pub(super) fn add_consumer(
        &mut self,
        channel: ChannelNumber,
        request: &Consume<'_>,
    ) -> Result<(), Refusal> {
        let vhost = Arc::clone(self.opened());
        self.authorize(Action::Read, Resource::queue(&vhost.name, &request.queue.into()))?;
        let queue = self.accessible_queue(request.queue)?;
        let kind = queue.definition.settings.kind;
        let given = request.arguments.to_owned();
        let arguments = ConsumerArguments::parse(&given, kind, &vhost.name, &queue.name)?;
        let tag = match request.consumer_tag {
            "" => generated_tag(&self.shared),
            tag => ConsumerTag::from(tag),
        };
        let Self { entry, channels, outbox, effects, .. } = self;
        let Some(open) = channels.get_mut(&channel) else { return Ok(()) };
        let settings = ConsumerSettings {
            no_ack: request.no_ack,
            exclusive: request.exclusive,
            priority: arguments.priority,
            prefetch: open.prefetch,
        };
        let mut placed = None;
        let added = queue.add_consumer(&vhost, self.now, effects, settings, || {
            let mut guard = outbox.lock();
            let unacked = guard.channel_mut(open.index).map(|unacked| &*unacked);
            let link = open.add_link(&queue, unacked);
            let consumer = guard
                .channel_mut(open.index)
                .expect("a channel stays in the outbox for as long as it is open")
                .add_consumer(tag.clone());
            if !request.nowait {
                let ok = Method::BasicConsumeOk(basic::ConsumeOk { consumer_tag: &tag });
                ok.encode(channel.0, guard.outgoing.bytes_mut());
            }
            placed = Some((consumer, link));
            ConsumerLink {
                outbox: Arc::clone(outbox),
                channel: open.index,
                channel_number: channel,
                consumer,
                link,
                tag: tag.clone(),
                no_ack: request.no_ack,
                timeout_ms: arguments.timeout_ms,
                entry: Arc::clone(entry),
                arguments: request.arguments.to_owned(),
            }
        });
        let Some(added) = added else { return Err(vhost.no_such_queue(request.queue)) };
        let id = added?;
        let (place, link) = placed.expect("the link was asked for before the consumer was added");
        let consuming = Consuming {
            vhost: &vhost.name,
            queue: &queue.name,
            tag: &tag,
            connection: entry,
            channel,
        };
        self.shared.tell_consumer_created(effects.by.as_ref(), &consuming, settings, &given);
        let (timeout_ms, no_ack) = (arguments.timeout_ms, request.no_ack);
        let consumer = ClientConsumer { queue, id, place, link, timeout_ms, no_ack };
        let ms = look_every_ms(consumer.timeout_ms(&self.shared.options));
        open.consumers.insert(tag, consumer);
        if !no_ack {
            self.look_within_ms = Some(self.look_within_ms.map_or(ms, |known| known.min(ms)));
        }
        Ok(())
    }

    /// Removes a consumer from its queue and from the outbox; what it has not acked stays with the channel.
    pub(super) fn remove_consumer(&mut self, channel: ChannelNumber, tag: &str) {
        let vhost = Arc::clone(self.opened());
        let Some(open) = self.channels.get_mut(&channel) else { return };
        if open.replies.as_ref().is_some_and(|replies| replies.tag == *tag) {
            self.remove_reply_consumer(channel);
            return;
        }
        let Some(consumer) = open.consumers.remove(tag) else { return };
        let ClientConsumer { queue, id, place, .. } = consumer;
        let unused = queue.remove_consumer(&vhost, self.now, &mut self.effects, id);
        if let Some(outboxed) = self.outbox.lock().channel_mut(open.index) {
            outboxed.remove_consumer(place);
        }
        self.tell_consumer_gone(channel, tag, &queue);
        if unused {
            vhost.delete_unused_queue(&queue, &mut self.effects);
        }
    }

    /// Forgets a consumer whose queue is gone.
    pub(crate) fn forget_consumer(&mut self, channel: ChannelNumber, tag: &str) -> bool {
        let Some(open) = self.channels.get_mut(&channel) else { return false };
        let gone = |consumer: &ClientConsumer| consumer.queue.is_deleted();
        if !open.consumers.get(tag).is_some_and(gone) {
            return false;
        }
        let consumer = open.consumers.remove(tag).expect("it was found above");
        if let Some(outboxed) = self.outbox.lock().channel_mut(open.index) {
            outboxed.remove_consumer(consumer.place);
        }
        self.tell_consumer_gone(channel, tag, &consumer.queue);
        true
    }

    fn tell_consumer_gone(&self, channel: ChannelNumber, tag: &str, queue: &QueueCell) {
        let consuming = Consuming {
            vhost: &self.opened().name,
            queue: &queue.name,
            tag: &tag.into(),
            connection: &self.entry,
            channel,
        };
        self.shared.tell_consumer_deleted(self.effects.by.as_ref(), &consuming);
    }

    /// Cancels a consumer and requeues what it has not acked.
    pub(super) fn requeue_consumer(&mut self, channel: ChannelNumber, tag: &str) {
        let Some(open) = self.channels.get(&channel) else { return };
        let Some(link) = open.consumers.get(tag).map(|consumer| consumer.link) else { return };
        let index = open.index;
        self.remove_consumer(channel, tag);
        let mut taken = Vec::new();
        if let Some(outboxed) = self.outbox.lock().channel_mut(index) {
            outboxed.deliveries.drain_matching(|unacked| unacked.link.link == link, &mut taken);
        }
        self.settle_taken(channel, &taken, Settlement::Requeue { counted: true });
    }

    pub(super) fn get_message(
        &mut self,
        channel: ChannelNumber,
        name: &str,
        no_ack: bool,
    ) -> Result<Got, Refusal> {
        let vhost = Arc::clone(self.opened());
        self.authorize(Action::Read, Resource::queue(&vhost.name, &name.into()))?;
        let queue = self.accessible_queue(name)?;
        let Self { channels, outbox, effects, now, entry, user, .. } = self;
        let Some(open) = channels.get_mut(&channel) else { return Ok(Got::Empty) };
        let now = *now;
        let is_traced = vhost.tracing.is_on();
        let mut copies = Copies::default();
        let got = queue.visit(&vhost, now, effects, |machine, sink| {
            machine.check_get(&vhost.name)?;
            Ok(machine.get(now, no_ack, sink, |delivery, remaining| {
                let mut guard = outbox.lock();
                let unacked = guard.channel_mut(open.index).map(|unacked| &*unacked);
                let link = open.link_to(&queue, unacked);
                guard.deliver_got(now, (open.index, link), delivery, remaining);
                if is_traced {
                    let user = user.as_ref().map_or("", |user| user.name.as_str());
                    let party = Party { vhost: &vhost.name, connection: entry, user, channel };
                    copies.delivered(party, &queue.name, delivery);
                }
            }))
        });
        if !copies.is_empty() {
            effects.copies = copies;
            vhost.publish_copies(now, effects);
        }
        Ok(match got.unwrap_or_else(|| Err(vhost.no_such_queue(name)))? {
            queue::Got::Delivered => Got::Delivered,
            queue::Got::Empty => {
                open.figures.add_get_empty();
                Got::Empty
            }
            queue::Got::Wait => Got::Wait,
        })
    }

    pub(super) fn settle_deliveries(
        &mut self,
        channel: ChannelNumber,
        delivery_tag: DeliveryTag,
        multiple: bool,
        settlement: Settlement,
    ) -> Result<(), UnknownDeliveryTag> {
        let Some(open) = self.channels.get(&channel) else { return Ok(()) };
        let mut taken = std::mem::take(&mut self.taken);
        let found = match self.outbox.lock().channel_mut(open.index) {
            Some(outboxed) => outboxed.deliveries.take(delivery_tag, multiple, &mut taken),
            None => Ok(()),
        };
        if found.is_ok() {
            if settlement == Settlement::Ack {
                open.figures.add_acks(taken.len());
            }
            self.settle_taken(channel, &taken, settlement);
        }
        taken.clear();
        self.taken = taken;
        found
    }

    /// Settles deliveries that were taken from the outbox, each at its queue; one visit for neighbours.
    fn settle_taken(
        &mut self,
        channel: ChannelNumber,
        taken: &[Unacked<DeliveryLink>],
        settlement: Settlement,
    ) {
        let vhost = Arc::clone(self.opened());
        let Some(open) = self.channels.get(&channel) else { return };
        let now = self.now;
        for neighbours in taken.chunk_by(|a, b| a.link.link == b.link.link) {
            let Some(queue) = open.queue(neighbours[0].link.link) else { continue };
            let slots = &mut self.slots;
            slots.clear();
            slots.extend(neighbours.iter().map(|unacked| unacked.link.slot));
            queue.visit(&vhost, now, &mut self.effects, |queue, sink| {
                queue.settle(now, slots, settlement, sink);
                if settlement == Settlement::Ack {
                    sink.acked(neighbours[0].delivered_at, neighbours.len());
                }
            });
        }
        self.resume_window_starved(channel);
    }

    /// Serves the consumers that waited for room in their channel's window, as long as there is any.
    fn resume_window_starved(&mut self, channel: ChannelNumber) {
        let Some(open) = self.channels.get(&channel) else { return };
        let starved = match self.outbox.lock().channel_mut(open.index) {
            Some(outboxed)
                if !outboxed.window_starved.is_empty() && outboxed.deliveries.has_room() =>
            {
                std::mem::take(&mut outboxed.window_starved)
            }
            _ => return,
        };
        for consumer in starved {
            self.resume(consumer);
        }
    }

    /// A starved consumer has room again.
    pub(crate) fn resume(&mut self, Starved { queue, consumer }: Starved) {
        let Self { vhost: Some(vhost), now, effects, .. } = self else { return };
        let now = *now;
        queue.visit(vhost, now, effects, |queue, sink| queue.resume(consumer, now, sink));
    }

    pub(super) fn hold_deliveries(
        &mut self,
        channel: ChannelNumber,
        delivery_tag: DeliveryTag,
        multiple: bool,
        settlement: Settlement,
    ) -> Result<(), UnknownDeliveryTag> {
        let Some(open) = self.channels.get_mut(&channel) else { return Ok(()) };
        let mut deliveries = Vec::new();
        if let Some(outboxed) = self.outbox.lock().channel_mut(open.index) {
            outboxed.deliveries.hold(delivery_tag, multiple, &mut deliveries)?;
        }
        open.held.push(Held { settlement, deliveries });
        open.show_held();
        Ok(())
    }

    pub(super) fn commit_held(&mut self, channel: ChannelNumber) {
        let Some(open) = self.channels.get_mut(&channel) else { return };
        let (index, held) = (open.index, std::mem::take(&mut open.held));
        open.show_held();
        let acked = held.iter().filter(|held| held.settlement == Settlement::Ack);
        open.figures.add_acks(acked.map(|held| held.deliveries.len()).sum());
        for Held { settlement, deliveries } in held {
            if let Some(outboxed) = self.outbox.lock().channel_mut(index) {
                outboxed.deliveries.release(&deliveries);
            }
            self.settle_taken(channel, &deliveries, settlement);
        }
    }

    pub(super) fn roll_back_held(&mut self, channel: ChannelNumber) {
        let Some(open) = self.channels.get_mut(&channel) else { return };
        let held = std::mem::take(&mut open.held);
        open.show_held();
        if let Some(outboxed) = self.outbox.lock().channel_mut(open.index) {
            let deliveries = held.into_iter().flat_map(|held| held.deliveries);
            outboxed.deliveries.put_back(deliveries);
        }
    }

    /// Takes back everything that the channel has not acked.
    pub(super) fn requeue_all(&mut self, channel: ChannelNumber, settlement: Settlement) {
        let Some(open) = self.channels.get(&channel) else { return };
        let mut taken = Vec::new();
        if let Some(outboxed) = self.outbox.lock().channel_mut(open.index) {
            outboxed.deliveries.drain(&mut taken);
        }
        // The same queue's deliveries together: one visit for each queue, and in the order they were delivered.
        taken.sort_by_key(|unacked| unacked.link.link.0);
        self.settle_taken(channel, &taken, settlement);
    }

    pub(super) fn end_channel(&mut self, channel: ChannelNumber) {
        self.roll_back_held(channel);
        self.remove_reply_consumer(channel);
        let Some(open) = self.channels.get(&channel) else { return };
        let index = open.index;
        let tags: Vec<_> = open.consumers.keys().cloned().collect();
        // The deliveries go back before the consumers go: the last consumer may take an auto-delete queue along, and
        // nothing of it is to be delivered to the others of this channel.
        for tag in &tags {
            self.detach_consumer(channel, tag);
        }
        self.requeue_all(channel, Settlement::Requeue { counted: true });
        for tag in tags {
            self.remove_consumer(channel, &tag);
        }
        if let Some(counts) = self.outbox.lock().close_channel(index) {
            self.shared.totals.add_channel(&counts);
        }
        count(&self.shared.totals.churn.channels_closed);
        self.shared.tell_channel_closed(self.effects.by.as_ref(), &self.entry, channel);
        self.channels.remove(&channel);
    }

    /// From now on a consumer takes no delivery; it is still its queue's consumer.
    fn detach_consumer(&mut self, channel: ChannelNumber, tag: &str) {
        let consumer = self.channels.get(&channel).and_then(|open| open.consumers.get(tag));
        if let Some(consumer) = consumer {
            consumer.queue.detach_consumer(consumer.id);
        }
    }

    pub(super) fn set_qos(&mut self, channel: ChannelNumber, prefetch_count: u16, global: bool) {
        let Some(open) = self.channels.get_mut(&channel) else { return };
        let global = global && !self.shared.options.deny_global_prefetch;
        // A limit for each consumer ends the one that they share, as in RabbitMQ.
        let window = if global { prefetch_count } else { 0 };
        if let Some(outboxed) = self.outbox.lock().channel_mut(open.index) {
            outboxed.deliveries.set_window(window);
            if !global {
                outboxed.prefetch = u32::from(prefetch_count);
            }
        }
        if !global {
            open.prefetch = u32::from(prefetch_count);
        }
        if !global && self.live_prefetch {
            self.update_prefetch(channel);
        }
        self.resume_window_starved(channel);
    }

    /// Lets the consumers that are already there have the prefetch of the next ones.
    fn update_prefetch(&mut self, channel: ChannelNumber) {
        let (vhost, now) = (Arc::clone(self.opened()), self.now);
        let Some(open) = self.channels.get(&channel) else { return };
        for consumer in open.consumers.values() {
            consumer.queue.visit(&vhost, now, &mut self.effects, |queue, sink| {
                queue.set_prefetch(consumer.id, open.prefetch, now, sink);
            });
        }
    }

    pub(super) fn add_reply_consumer(&mut self, channel: ChannelNumber, tag: &str, nowait: bool) {
        let tag = match tag {
            "" => generated_tag(&self.shared),
            tag => ConsumerTag::from(tag),
        };
        let address: Box<str> = self.shared.random.name("amq.rabbitmq.reply-to.").into();
        let Some(open) = self.channels.get_mut(&channel) else { return };
        let place = match self.outbox.lock().channel_mut(open.index) {
            Some(outboxed) => outboxed.add_consumer(tag.clone()),
            None => return,
        };
        let target = ReplyConsumer {
            outbox: Arc::clone(&self.outbox),
            channel: open.index,
            consumer: place,
        };
        self.node.reply_consumers.insert(address.clone(), target);
        open.replies = Some(Replies { tag: tag.clone(), place, address });
        if !nowait {
            let ok = basic::ConsumeOk { consumer_tag: &tag };
            self.send(channel, &Method::BasicConsumeOk(ok));
        }
    }

    fn remove_reply_consumer(&mut self, channel: ChannelNumber) {
        let Some(open) = self.channels.get_mut(&channel) else { return };
        let Some(replies) = open.replies.take() else { return };
        self.node.reply_consumers.remove(&replies.address);
        if let Some(outboxed) = self.outbox.lock().channel_mut(open.index) {
            outboxed.remove_consumer(replies.place);
        }
    }

    /// The consumers that have kept a delivery for longer than they may, and when to look again.
    pub(crate) fn overdue(&self) -> (Vec<Overdue>, Option<u64>) {
        let mut overdue: Vec<Overdue> = Vec::new();
        let mut within: Option<u64> = None;
        let outbox = self.outbox.lock();
        for outboxed in outbox.channels() {
            let Some(open) = self.channels.get(&outboxed.number) else { continue };
            let options = &self.shared.options;
            let acking = open.consumers.iter().filter(|(_, consumer)| !consumer.no_ack);
            let mut timed: AHashMap<LinkIndex, _> = AHashMap::new();
            for (tag, consumer) in acking {
                let timeout_ms = consumer.timeout_ms(options);
                let look_ms = look_every_ms(timeout_ms);
                within = Some(within.map_or(look_ms, |known: u64| known.min(look_ms)));
                timed.extend(timeout_ms.map(|timeout_ms| (consumer.link, (tag, timeout_ms))));
            }
            for unacked in outboxed.deliveries.iter() {
                // The first delivery of a consumer that is still unacked is its oldest.
                let Some((tag, timeout_ms)) = timed.remove(&unacked.link.link) else { continue };
                if self.now.ms_since(unacked.delivered_at) > timeout_ms {
                    let (channel, consumer_tag) = (outboxed.number, tag.clone());
                    overdue.push(Overdue { channel, consumer_tag, timeout_ms });
                }
            }
        }
        (overdue, within)
    }
}

/// How often consumers are looked at that may keep a delivery for `timeout_ms`. Also those that may keep one for ever: a
/// policy may say something else by then.
fn look_every_ms(timeout_ms: Option<u64>) -> u64 {
    const LOOK_EVERY_MS_MAX: u64 = 60_000;
    const LOOK_EVERY_MS_MIN: u64 = 100;
    let quarter_ms = timeout_ms.map_or(u64::MAX, |timeout_ms| timeout_ms / 4);
    quarter_ms.clamp(LOOK_EVERY_MS_MIN, LOOK_EVERY_MS_MAX)
}
