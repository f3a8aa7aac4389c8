//! What is on its way to one client: bytes, events, and per channel the deliveries that it has yet to settle.

use std::mem;
use std::sync::Arc;

use amqp::{DeliverTemplate, Method, ReplyCode, basic};
use broker::message::Body;
use broker::queue::{ConsumerId, Delivery, Slot};
use broker::{ConsumerTag, Timestamp};
use connection::{ChannelFigures, ChannelNumber, Deliveries, Event, Next, Session};
use slab::Slab;
use wake::{Buffer, Outbox};

use crate::client::{Client, Followed};
use crate::message_counts::MessageCounts;
use crate::outgoing::Outgoing;
use crate::queue_cell::QueueCell;
use crate::window::Window;

/// The outbox of one client's connection.
pub(crate) type ClientOutbox = Outbox<OutboxBuffer, Starved>;

/// A consumer that found no room: in the outbox, or in its channel's window.
#[derive(Debug)]
pub(crate) struct Starved {
    pub(crate) queue: Arc<QueueCell>,
    pub(crate) consumer: ConsumerId,
}

/// Above this many octets that wait to be written, a client's consumers count as without credit.
const OUTBOX_BYTES_MAX: usize = 256 * 1024;

/// Above this many octets beyond its deliveries, a client that does not read is not read either.
const UNREAD_REPLIES_BYTES_MAX: usize = OUTBOX_BYTES_MAX + (1 << 20);

/// Where a channel's deliveries are counted, as a dense index into the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChannelIndex(pub(crate) u32);

/// A consumer's place in its channel's outbox, as a dense index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConsumerIndex(pub(crate) u32);

/// Which queue a delivery came from, as an index into the links of the channel that settles it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LinkIndex(pub(crate) u32);

/// What settles a delivery.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeliveryLink {
    pub(crate) link: LinkIndex,
    pub(crate) slot: Slot,
}

/// What other tasks tell a client's task.
#[derive(Debug)]
pub(crate) enum ClientEvent {
    /// A consumer is gone with its queue.
    ConsumerCancelled { channel: ChannelNumber, consumer_tag: ConsumerTag },
    /// Direct replies to a channel, as the frames of their deliveries.
    Replied { channel: ChannelNumber, frames: Vec<u8> },
    /// The connection is to end.
    Shutdown { explanation: Arc<str> },
    /// The client has not taken its close: nobody waits for it any more.
    Abandoned,
    /// Somebody waits for a sign of life: the client is sent a heartbeat.
    Probe,
    /// An alarm was raised or has ended.
    AlarmChanged,
    /// The login that the client waits for has been checked.
    LoginChecked,
    /// What the client's user is or may do has changed, or what there is of vhosts.
    RightsChanged,
}

impl ClientEvent {
    /// Tells the client's session, if the client is to learn it from there; what to do next.
    pub(crate) fn tell(&self, session: &mut Session<Client>, now: Timestamp) -> Option<Next> {
        let event = match self {
            Self::ConsumerCancelled { channel, consumer_tag } => {
                if !session.broker_mut().forget_consumer(*channel, consumer_tag) {
                    return None;
                }
                let (channel, consumer_tag) = (*channel, consumer_tag.as_str());
                Event::ConsumerCancelled { channel, consumer_tag }
            }
            Self::Replied { channel, frames } => Event::Replied { channel: *channel, frames },
            Self::Shutdown { explanation } => {
                Event::Shutdown { code: ReplyCode::ConnectionForced, explanation }
            }
            Self::RightsChanged => return follow_rights(session, now),
            Self::Abandoned | Self::Probe | Self::AlarmChanged | Self::LoginChecked => {
                return None;
            }
        };
        Some(session.handle_event(now, event))
    }
}

/// Has a client look at its rights again: it may have to end, or to do without some of its consumers.
fn follow_rights(session: &mut Session<Client>, now: Timestamp) -> Option<Next> {
    match session.broker_mut().follow_rights() {
        Followed::Ends { explanation } => {
            let code = ReplyCode::ConnectionForced;
            Some(session.handle_event(now, Event::Shutdown { code, explanation: &explanation }))
        }
        Followed::GoesOn { cancelled } => cancelled
            .into_iter()
            .map(|(channel, tag)| {
                let event = Event::ConsumerCancelled { channel, consumer_tag: &tag };
                session.handle_event(now, event)
            })
            .last(),
    }
}

/// The buffer of a [`ClientOutbox`].
#[derive(Debug)]
pub(crate) struct OutboxBuffer {
    pub(crate) outgoing: Outgoing,
    pub(crate) frame_max: u32,
    events: Vec<ClientEvent>,
    /// What the direct replies among the events take.
    replies_len: usize,
    channels: Slab<Box<OutboxChannel>>,
    closed: bool,
}

/// What is on its way to one channel.
#[derive(Debug)]
pub(crate) struct OutboxChannel {
    pub(crate) number: ChannelNumber,
    pub(crate) deliveries: Deliveries<DeliveryLink>,
    /// What a new consumer may hold unacked; 0 is any number.
    pub(crate) prefetch: u32,
    /// What its session tells of it.
    pub(crate) figures: Arc<ChannelFigures>,
    pub(crate) window: Window<MessageCounts>,
    delivered: Delivered,
    /// Consumers for which the channel's window was full.
    pub(crate) window_starved: Vec<Starved>,
    consumers: Slab<OutboxConsumer>,
}

/// How many messages a channel was given, and how.
#[derive(Debug, Default)]
struct Delivered {
    deliver: u64,
    deliver_no_ack: u64,
    get: u64,
    get_no_ack: u64,
    redeliver: u64,
}

/// How deliveries to one consumer begin.
#[derive(Debug)]
struct OutboxConsumer {
    tag: ConsumerTag,
    template: Option<Box<Addressed>>,
}

/// The method frame for the exchange and routing key of the last delivery.
#[derive(Debug)]
struct Addressed {
    exchange: Box<[u8]>,
    routing_key: Box<[u8]>,
    frame: DeliverTemplate,
}

impl Buffer for OutboxBuffer {
    fn has_room(&self) -> bool {
        self.outgoing.len() < OUTBOX_BYTES_MAX
    }
}

impl OutboxBuffer {
    pub(crate) fn new(frame_max: u32) -> Self {
        Self {
            outgoing: Outgoing::default(),
            frame_max,
            events: Vec::new(),
            replies_len: 0,
            channels: Slab::new(),
            closed: false,
        }
    }

    /// The client is gone: nothing is delivered any more.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.outgoing = Outgoing::default();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether the client leaves more unread than a client may.
    pub(crate) fn is_congested(&self) -> bool {
        self.outgoing.len() + self.replies_len > UNREAD_REPLIES_BYTES_MAX
    }

    /// Leaves something for the client's task, which has to be scheduled then.
    pub(crate) fn tell(&mut self, event: ClientEvent) {
        self.events.push(event);
    }

    /// What the client's task was told since the last time.
    pub(crate) fn take_events(&mut self) -> Vec<ClientEvent> {
        self.replies_len = 0;
        mem::take(&mut self.events)
    }

    pub(crate) fn open_channel(
        &mut self,
        number: ChannelNumber,
        figures: &Arc<ChannelFigures>,
    ) -> ChannelIndex {
        let channel = OutboxChannel {
            number,
            deliveries: Deliveries::new(),
            window_starved: Vec::new(),
            consumers: Slab::new(),
            prefetch: 0,
            figures: Arc::clone(figures),
            window: Window::default(),
            delivered: Delivered::default(),
        };
        ChannelIndex(index(self.channels.insert(Box::new(channel))))
    }

    /// What the channel has done, if it was open.
    pub(crate) fn close_channel(&mut self, index: ChannelIndex) -> Option<MessageCounts> {
        Some(self.channels.try_remove(index.0 as usize)?.counts())
    }

    /// The channel behind an index; it is there until its consumers are cancelled and it is closed.
    #[inline]
    pub(crate) fn channel_mut(&mut self, index: ChannelIndex) -> Option<&mut OutboxChannel> {
        self.channels.get_mut(index.0 as usize).map(Box::as_mut)
    }

    pub(crate) fn channels(&self) -> impl Iterator<Item = &OutboxChannel> {
        self.channels.iter().map(|(_, channel)| channel.as_ref())
    }

    pub(crate) fn channels_mut(&mut self) -> impl Iterator<Item = &mut OutboxChannel> {
        self.channels.iter_mut().map(|(_, channel)| channel.as_mut())
    }

    /// Numbers a delivery, keeps it until it is settled if it needs to be, and appends its frames.
    #[inline]
    pub(crate) fn deliver(
        &mut self,
        now: Timestamp,
        (channel, consumer, link): (ChannelIndex, ConsumerIndex, LinkIndex),
        delivery: &Delivery<'_>,
    ) {
        let Some(channel) = self.channels.get_mut(channel.0 as usize) else { return };
        let tag = match delivery.slot {
            Some(slot) => {
                channel.delivered.deliver += 1;
                channel.deliveries.push(DeliveryLink { link, slot }, now, true)
            }
            None => {
                channel.delivered.deliver_no_ack += 1;
                channel.deliveries.next_tag()
            }
        };
        channel.delivered.redeliver += u64::from(delivery.redelivered);
        let number = channel.number;
        let Some(consumer) = channel.consumers.get_mut(consumer.0 as usize) else { return };
        let frame = consumer.address(number, delivery.exchange, delivery.routing_key);
        self.outgoing.append_delivery(
            frame,
            self.frame_max,
            (tag.0, delivery.redelivered),
            delivery.properties,
            delivery.body,
        );
    }

    /// Leaves direct replies for the client's task, each with its properties and body, as far as they are not too much
    /// for a client that does not read them.
    pub(crate) fn reply<'a>(
        &mut self,
        (channel, consumer): (ChannelIndex, ConsumerIndex),
        exchange: &str,
        routing_key: &[u8],
        contents: impl Iterator<Item = (&'a [u8], Body<'a>)>,
    ) {
        let mut frames = Vec::new();
        let Some(channel) = self.channels.get_mut(channel.0 as usize) else { return };
        let number = channel.number;
        let Some(consumer) = channel.consumers.get_mut(consumer.0 as usize) else { return };
        let template = consumer.address(number, exchange.as_bytes(), routing_key);
        for (properties, body) in contents {
            if self.closed
                || self.outgoing.len() + self.replies_len + frames.len() > UNREAD_REPLIES_BYTES_MAX
            {
                break;
            }
            let tag = channel.deliveries.next_tag();
            template.append_content(
                &mut frames,
                self.frame_max,
                (tag.0, false),
                properties,
                body.as_bytes(),
            );
        }
        if frames.is_empty() {
            return;
        }
        self.replies_len += frames.len();
        self.tell(ClientEvent::Replied { channel: number, frames });
    }

    /// Answers a `basic.get`: the delivery, and how many messages remain ready.
    pub(crate) fn deliver_got(
        &mut self,
        now: Timestamp,
        (channel, link): (ChannelIndex, LinkIndex),
        delivery: &Delivery<'_>,
        remaining: u64,
    ) {
        let Some(channel) = self.channels.get_mut(channel.0 as usize) else { return };
        let tag = match delivery.slot {
            Some(slot) => {
                channel.delivered.get += 1;
                channel.deliveries.push(DeliveryLink { link, slot }, now, false)
            }
            None => {
                channel.delivered.get_no_ack += 1;
                channel.deliveries.next_tag()
            }
        };
        channel.delivered.redeliver += u64::from(delivery.redelivered);
        let number = channel.number.0;
        let ok = Method::BasicGetOk(basic::GetOk {
            delivery_tag: tag.0,
            redelivered: delivery.redelivered,
            exchange: delivery.exchange,
            routing_key: delivery.routing_key,
            message_count: u32::try_from(remaining).unwrap_or(u32::MAX),
        });
        ok.encode(number, self.outgoing.bytes_mut());
        self.outgoing.append_content(number, self.frame_max, delivery.properties, delivery.body);
    }

    /// Gives the memory of an idle connection back.
    pub(crate) fn free_when_idle(&mut self) {
        self.outgoing.free_when_empty();
    }

    /// Swaps what is to be written with an empty buffer.
    pub(crate) fn take_outgoing(&mut self, empty: &mut Outgoing) {
        debug_assert!(empty.is_empty(), "what was taken before is written first");
        mem::swap(&mut self.outgoing, empty);
    }
}

impl OutboxChannel {
    pub(crate) fn consumer_count(&self) -> usize {
        self.consumers.len()
    }

    /// What it has done so far.
    pub(crate) fn counts(&self) -> MessageCounts {
        let figures = self.figures.read();
        MessageCounts {
            publish: figures.publish,
            confirm: figures.confirm,
            return_unroutable: figures.return_unroutable,
            drop_unroutable: figures.drop_unroutable,
            ack: figures.ack,
            get_empty: figures.get_empty,
            deliver: self.delivered.deliver,
            deliver_no_ack: self.delivered.deliver_no_ack,
            get: self.delivered.get,
            get_no_ack: self.delivered.get_no_ack,
            redeliver: self.delivered.redeliver,
            ..MessageCounts::default()
        }
    }

    pub(crate) fn add_consumer(&mut self, tag: ConsumerTag) -> ConsumerIndex {
        ConsumerIndex(index(self.consumers.insert(OutboxConsumer { tag, template: None })))
    }

    pub(crate) fn remove_consumer(&mut self, index: ConsumerIndex) {
        self.consumers.try_remove(index.0 as usize);
    }
}

impl OutboxConsumer {
    #[inline]
    fn address(
        &mut self,
        channel: ChannelNumber,
        exchange: &[u8],
        routing_key: &[u8],
    ) -> &DeliverTemplate {
        let known = self.template.as_ref().is_some_and(|known| {
            is_equal(&known.routing_key, routing_key) && is_equal(&known.exchange, exchange)
        });
        if !known {
            let frame = DeliverTemplate::new(channel.0, self.tag.as_bytes(), exchange, routing_key)
                .expect("tags, names and keys came as short strings");
            self.template = Some(Box::new(Addressed {
                exchange: exchange.into(),
                routing_key: routing_key.into(),
                frame,
            }));
        }
        &self.template.as_ref().expect("it was built above").frame
    }
}

/// Compares without a look at what is empty: an empty box points to no memory, and processors take long over a vector
/// instruction that loads nothing from there.
#[inline]
fn is_equal(known: &[u8], other: &[u8]) -> bool {
    known.len() == other.len() && (known.is_empty() || known == other)
}

fn index(place: usize) -> u32 {
    u32::try_from(place).expect("channels and consumers are limited to far fewer")
}
