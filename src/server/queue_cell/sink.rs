//! What a locked queue decides, on its way to its consumers, the log and other queues.

use std::sync::Arc;

use broker::Timestamp;
use broker::message::{Arrival, Sequence};
use broker::queue::{Backing, ConsumerId, DeadLetter, Delivery, Sink};
use wake::{Buffer, OutboxGuard};

use super::timings::Timings;
use super::{ConsumerLink, Effects, QueueCell};
use crate::node::Shared;
use crate::outbox::{OutboxBuffer, Starved};
use crate::spill::Put;
use crate::trace::Party;

/// Takes what a locked queue decides into the outboxes of its consumers.
///
/// One outbox stays locked from one delivery to the next, for as long as they go to the same client.
pub(crate) struct ServerSink<'a> {
    pub(super) cell: &'a Arc<QueueCell>,
    pub(super) shared: &'a Shared,
    pub(super) links: &'a [Option<ConsumerLink>],
    pub(super) timings: &'a mut Timings,
    pub(super) now: Timestamp,
    pub(super) open: Option<OpenOutbox<'a>>,
    /// The name of the vhost, if deliveries are traced.
    pub(super) traced_in: Option<&'a str>,
    pub(super) effects: &'a mut Effects,
}

/// The outbox that is locked, and for which consumer.
pub(super) struct OpenOutbox<'a> {
    consumer: ConsumerId,
    link: &'a ConsumerLink,
    guard: OutboxGuard<'a, OutboxBuffer, Starved>,
    appended: bool,
}

impl<'a> ServerSink<'a> {
    /// Locks the outbox of `consumer`, unless it is the one that is locked.
    #[inline]
    fn open(&mut self, consumer: ConsumerId) -> Option<&mut OpenOutbox<'a>> {
        if self.open.as_ref().is_none_or(|open| open.consumer != consumer) {
            let link = self.links.get(consumer.0 as usize)?.as_ref()?;
            match &mut self.open {
                Some(open) if Arc::ptr_eq(&open.link.outbox, &link.outbox) => {
                    open.consumer = consumer;
                    open.link = link;
                }
                _ => {
                    self.close();
                    let guard = link.outbox.lock();
                    self.open = Some(OpenOutbox { consumer, link, guard, appended: false });
                }
            }
        }
        self.open.as_mut()
    }

    fn close(&mut self) {
        if let Some(mut open) = self.open.take()
            && open.appended
        {
            self.effects.wakers.extend(open.guard.schedule());
        }
    }
}

impl ServerSink<'_> {
    /// Messages of the queue were acked, the first of which was delivered then.
    #[inline]
    pub(crate) fn acked(&mut self, delivered_at: Timestamp, messages: usize) {
        self.timings.add_acks(&self.shared.timings, self.now, delivered_at, messages);
    }

    /// What was just delivered is traced.
    #[cold]
    fn trace(&mut self, delivery: &Delivery<'_>) {
        let (Some(vhost), Some(open)) = (self.traced_in, &self.open) else { return };
        let link = open.link;
        let user = link.entry.facts.introduction.get().map_or("", |known| known.user.as_str());
        let (connection, channel) = (&*link.entry, link.channel_number);
        let party = Party { vhost, connection, user, channel };
        self.effects.copies.delivered(party, &self.cell.name, delivery);
    }
}

impl Sink for ServerSink<'_> {
    #[inline]
    fn admit(&mut self, consumer: ConsumerId) -> bool {
        let cell = self.cell;
        let Some(OpenOutbox { link, guard, .. }) = self.open(consumer) else { return false };
        if guard.is_closed() {
            return false;
        }
        if !guard.has_room() {
            guard.starve(Starved { queue: Arc::clone(cell), consumer });
            return false;
        }
        if link.no_ack {
            return true;
        }
        let Some(channel) = guard.channel_mut(link.channel) else { return false };
        let has_room = channel.deliveries.has_room();
        if !has_room {
            channel.window_starved.push(Starved { queue: Arc::clone(cell), consumer });
        }
        has_room
    }

    #[inline]
    fn deliver(&mut self, consumer: ConsumerId, delivery: &Delivery<'_>) {
        let now = self.now;
        if let Some(open) = self.open(consumer) {
            let to = (open.link.channel, open.link.consumer, open.link.link);
            open.guard.deliver(now, to, delivery);
            open.appended = true;
        }
        if self.traced_in.is_some() {
            self.trace(delivery);
        }
    }

    fn dead_letter(&mut self, letter: DeadLetter) {
        self.effects.letters.push_back((Arc::clone(self.cell), letter));
    }

    #[inline]
    fn settled(&mut self, sequence: Sequence, backing: Backing) {
        self.effects.notes.settled.push(sequence, backing);
    }

    fn noted(&mut self, sequence: Sequence, note: &[u8]) {
        self.effects.notes.noted.push((sequence.0, note.to_owned()));
    }

    /// What cannot be spilled stays in memory, where the limits of a queue bound it.
    fn spill(&mut self, arrival: &Arrival<'_>) -> bool {
        let put = self.shared.spill().map_or(Put::Refused, |spill| spill.put(self.cell, arrival));
        self.effects.is_too_fast |= put == Put::DoneTooFast;
        let is_spilled = put != Put::Refused;
        self.effects.spilled += usize::from(is_spilled);
        is_spilled
    }

    fn want(&mut self, sequence: Sequence, backing: Backing) {
        self.effects.notes.wanted.push(sequence, backing);
    }

    fn sample_wait(&mut self, sequence: Option<Sequence>, messages: u64) {
        let came = match sequence {
            Some(sequence) => self.shared.arrivals.of(sequence),
            None => Some(self.now),
        };
        if let Some(came) = came {
            let ms = self.now.ms_since(came);
            self.timings.add_wait(&self.shared.timings, self.now, ms, messages);
        }
    }
}

impl Drop for ServerSink<'_> {
    fn drop(&mut self) {
        self.close();
    }
}
