//! What a client's own task knows of one of its channels.

use std::sync::Arc;

use ahash::AHashMap;
use broker::ConsumerTag;
use broker::queue::{ConsumerId, Settlement};
use connection::{ChannelFigures, Unacked};
use slab::Slab;

use crate::options::Options;
use crate::outbox::{ChannelIndex, ConsumerIndex, DeliveryLink, LinkIndex, OutboxChannel};
use crate::queue_cell::QueueCell;

/// A channel: its consumers, where its deliveries came from, what its transaction holds.
#[derive(Debug)]
pub(crate) struct ClientChannel {
    pub(super) index: ChannelIndex,
    /// What a new consumer may hold unacked; 0 is any number.
    pub(super) prefetch: u32,
    pub(super) consumers: AHashMap<ConsumerTag, ClientConsumer>,
    pub(super) held: Vec<Held>,
    pub(super) replies: Option<Replies>,
    pub(super) figures: Arc<ChannelFigures>,
    /// The queue behind each [`LinkIndex`]; one for every consumer and for every queue that was fetched from.
    links: Slab<Link>,
    /// How many links there may be before unused ones are looked for.
    links_max: usize,
}

/// Where deliveries come from.
#[derive(Debug)]
struct Link {
    queue: Arc<QueueCell>,
    /// They are fetched by `basic.get`, rather than sent to a consumer.
    is_fetched: bool,
}

/// A consumer on a queue.
#[derive(Debug)]
pub(super) struct ClientConsumer {
    pub(super) queue: Arc<QueueCell>,
    pub(super) id: ConsumerId,
    pub(super) place: ConsumerIndex,
    pub(super) link: LinkIndex,
    /// How long it may keep a delivery by its own arguments; `None`: as its queue says.
    pub(super) timeout_ms: Option<u64>,
    /// It keeps none.
    pub(super) no_ack: bool,
}

impl ClientConsumer {
    /// How long it may keep a delivery, as of now; `None`: for ever.
    pub(super) fn timeout_ms(&self, options: &Options) -> Option<u64> {
        let timeout_ms = self.queue.consumer_timeout_ms(self.timeout_ms, options);
        timeout_ms.filter(|_| !self.no_ack)
    }
}

/// The consumer of direct replies.
#[derive(Debug)]
pub(super) struct Replies {
    pub(super) tag: ConsumerTag,
    pub(super) place: ConsumerIndex,
    pub(super) address: Box<str>,
}

/// Settlements of a transaction that is not committed.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) settlement: Settlement,
    pub(super) deliveries: Vec<Unacked<DeliveryLink>>,
}

const LINKS_MAX_AT_FIRST: usize = 16;

impl ClientChannel {
    pub(super) fn new(index: ChannelIndex, figures: &Arc<ChannelFigures>) -> Self {
        Self {
            index,
            prefetch: 0,
            consumers: AHashMap::new(),
            held: Vec::new(),
            replies: None,
            figures: Arc::clone(figures),
            links: Slab::new(),
            links_max: LINKS_MAX_AT_FIRST,
        }
    }

    pub(super) fn has_consumer(&self, tag: &str) -> bool {
        self.consumers.contains_key(tag)
            || self.replies.as_ref().is_some_and(|replies| replies.tag == *tag)
    }

    /// Shows how many settlements its transaction holds.
    pub(super) fn show_held(&self) {
        let held = self.held.iter().map(|held| held.deliveries.len());
        self.figures.set_acks_uncommitted(held.sum());
    }

    pub(super) fn reply_address(&self) -> Option<&str> {
        self.replies.as_ref().map(|replies| &*replies.address)
    }

    /// The queue that a delivery came from.
    #[inline]
    pub(super) fn queue(&self, link: LinkIndex) -> Option<&Arc<QueueCell>> {
        self.links.get(link.0 as usize).map(|link| &link.queue)
    }

    /// A link for a new consumer. `unacked` tells which links are still in use.
    pub(super) fn add_link(
        &mut self,
        queue: &Arc<QueueCell>,
        unacked: Option<&OutboxChannel>,
    ) -> LinkIndex {
        self.insert_link(Link { queue: Arc::clone(queue), is_fetched: false }, unacked)
    }

    fn insert_link(&mut self, link: Link, unacked: Option<&OutboxChannel>) -> LinkIndex {
        if self.links.len() >= self.links_max {
            self.drop_unused_links(unacked);
        }
        let place = self.links.insert(link);
        LinkIndex(u32::try_from(place).expect("far fewer consumers than this fit in memory"))
    }

    /// The link of a queue that is fetched from.
    pub(super) fn link_to(
        &mut self,
        queue: &Arc<QueueCell>,
        unacked: Option<&OutboxChannel>,
    ) -> LinkIndex {
        let is_known = |link: &Link| link.is_fetched && Arc::ptr_eq(&link.queue, queue);
        match self.links.iter().find(|(_, link)| is_known(link)) {
            Some((known, _)) => LinkIndex(u32::try_from(known).expect("it was made from a u32")),
            None => self.insert_link(Link { queue: Arc::clone(queue), is_fetched: true }, unacked),
        }
    }

    fn drop_unused_links(&mut self, unacked: Option<&OutboxChannel>) {
        let mut used = vec![false; self.links.capacity()];
        let mut mark = |link: LinkIndex| {
            if let Some(used) = used.get_mut(link.0 as usize) {
                *used = true;
            }
        };
        self.consumers.values().for_each(|consumer| mark(consumer.link));
        self.held.iter().flat_map(|held| &held.deliveries).for_each(|d| mark(d.link.link));
        unacked.iter().flat_map(|ch| ch.deliveries.iter()).for_each(|d| mark(d.link.link));
        self.links.retain(|place, _| used[place]);
        self.links_max = LINKS_MAX_AT_FIRST.max(2 * self.links.len());
    }
}
