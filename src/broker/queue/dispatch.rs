//! From the publisher to a consumer: at once if one is ready, else through the order of what waits.

use super::{
    Admission, Backing, ConsumerId, Delivery, Got, Queue, Sink, Slot,
    entry::{Entry, Mark},
    quorum,
    ready::Line,
    unacked::{Holder, Unacked, narrow},
};
use crate::{QueueKind, Refusal, Timestamp, VhostName, message::Arrival};

impl Queue {
    /// Takes a message: gives it to a consumer, or stores it.
    pub fn publish(
        &mut self,
        now: Timestamp,
        arrival: &Arrival<'_>,
        sink: &mut impl Sink,
    ) -> Admission {
        self.counters.publish += 1;
        if self.is_closed {
            if arrival.logged {
                sink.settled(arrival.sequence, Backing::Log);
            }
            return Admission::Accepted;
        }
        if self.refuses(arrival) {
            self.refuse(now, arrival, sink);
            return Admission::Rejected;
        }
        let deadline = self.deadline(now, arrival.expiration_ms);
        if self.ready.is_empty()
            && let Some((id, no_ack)) = self.next_admitted(sink)
        {
            self.deliver_arrival(now, arrival, deadline, (id, no_ack), sink);
            return Admission::Accepted;
        }
        let level = self.level(arrival.priority);
        let entry = self.store(arrival, level, deadline, sink);
        if arrival.logged {
            self.persistent.add(arrival.body.as_bytes().len() as u64);
        }
        self.newest = self.newest.max(arrival.sequence);
        self.ready.push(level, entry);
        self.ready_bytes += arrival.body.as_bytes().len() as u64;
        self.drop_overflow(now, sink);
        if deadline.is_some_and(|deadline| deadline <= now) {
            self.expire(Line::Level(level), now, sink);
        }
        if self.consumers.next().is_some() {
            self.dispatch(now, sink);
        }
        Admission::Accepted
    }

    /// Hands out messages while there are any and a consumer is ready.
    #[inline]
    pub fn dispatch(&mut self, now: Timestamp, sink: &mut impl Sink) {
        while let Some(line) = self.ready.first_line()
            && self.consumers.next().is_some()
        {
            if self.has_deadlines() && self.expire(line, now, sink) > 0 {
                continue;
            }
            if self.is_head_paged(line) {
                break;
            }
            let Some((id, no_ack)) = self.next_admitted(sink) else { break };
            let Some(entry) = self.ready.pop(line) else { break };
            let holder = if no_ack {
                self.counters.deliver_no_ack += 1;
                None
            } else {
                self.counters.deliver += 1;
                Some(Holder::Consumer(id))
            };
            self.hand_over(now, entry, holder, sink, |sink, delivery| sink.deliver(id, delivery));
            self.consumers.delivered(id, now);
        }
        if self.paging.is_some() {
            self.ask_ahead(self.consumers.count() > 0, sink);
        }
        self.tidy();
    }

    /// Whether messages can be fetched one by one.
    ///
    /// # Errors
    /// [`Refusal::SingleActiveConsumerGet`] on a quorum queue with a single active consumer.
    pub fn check_get(&self, vhost: &VhostName) -> Result<(), Refusal> {
        if self.settings.kind == QueueKind::Quorum && self.settings.single_active_consumer {
            let (queue, vhost) = (self.name.clone(), vhost.clone());
            return Err(Refusal::SingleActiveConsumerGet { queue, vhost });
        }
        Ok(())
    }

    /// Fetches the message at the head, if any: `deliver` gets it, and how many ready ones remain. If its content is not
    /// in memory it is asked for.
    pub fn get(
        &mut self,
        now: Timestamp,
        no_ack: bool,
        sink: &mut impl Sink,
        deliver: impl FnOnce(&Delivery<'_>, u64),
    ) -> Got {
        self.used_at = now;
        while let Some(line) = self.ready.first_line() {
            if self.has_deadlines() && self.expire(line, now, sink) > 0 {
                continue;
            }
            if self.is_head_paged(line) {
                self.ask_ahead(true, sink);
                return Got::Wait;
            }
            let Some(entry) = self.ready.pop(line) else { break };
            let remaining = self.ready();
            let holder = if no_ack {
                self.counters.get_no_ack += 1;
                None
            } else {
                self.counters.get += 1;
                Some(Holder::Getter)
            };
            self.hand_over(now, entry, holder, sink, |_, delivery| deliver(delivery, remaining));
            if self.paging.is_some() {
                self.ask_ahead(true, sink);
            }
            self.tidy();
            return Got::Delivered;
        }
        self.counters.get_empty += 1;
        Got::Empty
    }

    /// Keeps the content of a message that is going to wait.
    #[inline]
    fn store(
        &mut self,
        arrival: &Arrival<'_>,
        level: u8,
        deadline: Option<Timestamp>,
        sink: &mut impl Sink,
    ) -> Entry {
        let goes_elsewhere =
            self.content.is_over() || self.paging.is_some() && self.ready.has_paged(level);
        if goes_elsewhere && let Some(entry) = self.store_elsewhere(arrival, level, deadline, sink)
        {
            return entry;
        }
        self.content.store(arrival, level, deadline).0
    }

    /// The level that a message waits in.
    #[inline]
    pub(super) fn level(&self, priority: Option<u8>) -> u8 {
        match (self.settings.kind, self.settings.max_priority) {
            (QueueKind::Classic, None) => 0,
            (QueueKind::Classic, Some(max)) => priority.unwrap_or(0).min(max),
            (QueueKind::Quorum, _) => {
                priority.unwrap_or(quorum::PRIORITY_DEFAULT).min(quorum::PRIORITY_MAX)
            }
        }
    }

    /// The consumer whose turn it is, once those whose outbox is full are out of the way.
    #[inline]
    fn next_admitted(&mut self, sink: &mut impl Sink) -> Option<(ConsumerId, bool)> {
        loop {
            let (id, no_ack) = self.consumers.next()?;
            if sink.admit(id) {
                return Some((id, no_ack));
            }
            self.consumers.starve(id);
        }
    }

    /// Delivers a message that nothing waits in front of. Without acks it never lies in the queue at all.
    #[inline]
    fn deliver_arrival(
        &mut self,
        now: Timestamp,
        arrival: &Arrival<'_>,
        deadline: Option<Timestamp>,
        (id, no_ack): (ConsumerId, bool),
        sink: &mut impl Sink,
    ) {
        let slot = if no_ack {
            self.counters.deliver_no_ack += 1;
            None
        } else {
            self.counters.deliver += 1;
            let level = self.level(arrival.priority);
            let (entry, bytes) =
                if arrival.logged && self.content.is_over() && self.content.is_still_over() {
                    (self.paged_entry(arrival, level, deadline, Backing::Log), 0)
                } else {
                    self.content.store(arrival, level, deadline)
                };
            let body_bytes = arrival.body.as_bytes().len() as u64;
            if arrival.logged {
                self.persistent.add(body_bytes);
            }
            let (body_bytes, holder) = (narrow(body_bytes), Holder::Consumer(id));
            Some(self.unacked.insert(Unacked { entry, bytes, body_bytes, holder }))
        };
        let delivery = Delivery {
            slot,
            redelivered: false,
            exchange: arrival.exchange.as_bytes(),
            routing_key: arrival.routing_key,
            properties: arrival.properties,
            body: arrival.body,
        };
        sink.deliver(id, &delivery);
        if self.sampling.is_due(now) {
            self.sample(now, None, sink);
        }
        self.consumers.delivered(id, now);
        if no_ack && arrival.logged {
            sink.settled(arrival.sequence, Backing::Log);
        }
    }

    /// Gives a message that left the order to someone, who holds it or keeps it for good.
    // A call would cost each delivery an instruction in a hundred.
    #[inline(always)]
    fn hand_over<S: Sink>(
        &mut self,
        now: Timestamp,
        entry: Entry,
        holder: Option<Holder>,
        sink: &mut S,
        deliver: impl FnOnce(&mut S, &Delivery<'_>),
    ) {
        let record = self.content.read(entry);
        let (bytes, body) = (record.bytes(), self.content.body(&record));
        let body_bytes = record.body_bytes();
        self.ready_bytes -= body_bytes;
        let slot: Option<Slot> = holder.map(|holder| {
            let body_bytes = narrow(body_bytes);
            self.unacked.insert(Unacked { entry, bytes, body_bytes, holder })
        });
        let redelivered = entry.is(Mark::Returned);
        let counted;
        let mut properties = record.properties();
        if redelivered {
            self.counters.redeliver += 1;
            if let Some(returns) = self.returns.get(&entry.sequence) {
                counted = returns.add_to(properties);
                properties = &counted;
            }
        }
        let (exchange, routing_key) = (record.exchange(), record.routing_key());
        let delivery = Delivery { slot, redelivered, exchange, routing_key, properties, body };
        deliver(sink, &delivery);
        if !redelivered && self.sampling.is_due(now) {
            self.sample(now, Some(entry.sequence), sink);
        }
        match slot {
            None => self.forget(entry, bytes, sink),
            Some(slot) if entry.is(Mark::Logged) && self.content.is_over() => {
                self.page_out_unacked(slot);
            }
            Some(_) => {}
        }
    }
}
