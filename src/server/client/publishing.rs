//! From a run of messages to the queues it goes to.

use std::sync::Arc;

use amqp::RawProperties;
use broker::exchange::{RoutesBy, RoutingInput};
use broker::message::{Arrival, Body, Origin, SHARED_BODY_BYTES_MIN, Sequence, short_strings};
use broker::queue::Admission;
use broker::{Action, ExchangeName, LogPosition, Refusal, Resource};
use bytes::Bytes;
use connection::{ChannelNumber, PublishOutcome, PublishRun, RunMessage};

use super::Client;
use super::routes::Route;
use crate::admin::name_of;
use crate::exchange_cell::ExchangeCell;
use crate::exchange_traffic::ExchangeTraffic;
use crate::journal::Owners;
use crate::queue_cell::QueueCell;
use crate::trace::Party;
use crate::unroutable::{BODY_BYTES_MAX, Unroutable, UnroutableMessage};

/// A message on its way to more queues than this is shared rather than copied into each.
const COPIES_MAX: usize = 16;

/// A message of more owners than this is appended for itself.
const OWNERS_MANY: usize = 4096;

/// How the address of a direct reply begins.
pub(super) const REPLY_PREFIX: &[u8] = b"amq.rabbitmq.reply-to.";

impl Client {
    /// Whether this client may publish to the exchange, and whether it exists and takes messages from clients.
    pub(super) fn check_publishing(&mut self, exchange: &str) -> Result<(), Refusal> {
        let epoch = self.opened().epoch();
        let known = self.routes.permitted.as_ref();
        if known.is_some_and(|(since, known)| *since == epoch && **known == *exchange) {
            return Ok(());
        }
        let vhost = Arc::clone(self.opened());
        let name = ExchangeName::from(exchange);
        self.authorize(Action::Write, Resource::exchange(&vhost.name, &name))?;
        if !exchange.is_empty() {
            let found = vhost.exchange(exchange).ok_or_else(|| vhost.no_such_exchange(exchange))?;
            if found.spec.internal {
                return Err(Refusal::InternalExchange {
                    exchange: name,
                    vhost: vhost.name.clone(),
                });
            }
        }
        self.routes.permitted = Some((epoch, exchange.into()));
        Ok(())
    }

    /// Whether this client may publish with these keys: most may publish with any.
    #[inline]
    pub(super) fn check_publishing_topics(
        &self,
        exchange: &str,
        routing_key: &[u8],
        other_keys: [&[u8]; 2],
    ) -> Result<(), Refusal> {
        let is_any = self.authority.as_ref().is_none_or(|may| may.topics.of(exchange).is_none());
        if is_any {
            return Ok(());
        }
        let others = other_keys.into_iter().flat_map(short_strings);
        let mut keys = std::iter::once(routing_key).chain(others);
        keys.try_for_each(|key| self.authorize_topic(Action::Write, exchange, key))
    }

    #[inline]
    pub(super) fn publish_run(
        &mut self,
        run: &PublishRun<'_>,
        outcome: &mut PublishOutcome,
    ) -> Result<(), Refusal> {
        self.has_published = true;
        if run.exchange.is_empty() && run.routing_key.starts_with(REPLY_PREFIX) {
            self.publish_reply(run, outcome);
            return Ok(());
        }
        let route = self.route(run);
        match &route.queues {
            Some(queues) if run.carbon_keys.is_empty() && run.blind_keys.is_empty() => {
                if self.opened().tracing.is_on() {
                    self.trace(run, None, &names_of(queues));
                }
                if self.publish_to(queues, &route.owners, run, outcome) {
                    self.note_traffic(&route, run, queues.len());
                    return Ok(());
                }
                // The queues that the cache knew are gone, and the cache is empty now; another may have their name.
                let route = self.route(run);
                let queues = route.queues.as_deref().unwrap_or_default();
                if !self.publish_to(queues, &route.owners, run, outcome) {
                    outcome.unroutable.extend(0..length_of(run));
                    self.note_traffic(&route, run, 0);
                } else {
                    self.note_traffic(&route, run, queues.len());
                }
            }
            _ => self.publish_each(&route, run, outcome)?,
        }
        Ok(())
    }

    /// Counts a run at the exchange that it came to.
    #[inline]
    fn note_traffic(&self, route: &Route, run: &PublishRun<'_>, queues: usize) {
        if let Some(traffic) = self.traffic(route, run) {
            traffic.add(run.len(), queues);
            if queues == 0 && traffic.kept.is_on() {
                self.keep_unroutable(&traffic.kept, run, run.messages());
            }
        }
    }

    /// Keeps messages that no queue was found for, where somebody asked for that.
    #[cold]
    fn keep_unroutable<'a>(
        &self,
        kept: &Unroutable,
        run: &PublishRun<'_>,
        messages: impl Iterator<Item = RunMessage<'a>>,
    ) {
        let has_channel = run.channel != ChannelNumber::CONNECTION;
        let channel = has_channel.then(|| (name_of(&self.entry), run.channel));
        for message in messages {
            let body = message.body.as_bytes();
            kept.add(UnroutableMessage {
                at: self.now,
                user: self.user().to_owned(),
                channel: channel.clone(),
                routing_key: Bytes::copy_from_slice(run.routing_key),
                properties: Bytes::copy_from_slice(message.properties),
                body: Bytes::copy_from_slice(&body[..body.len().min(BODY_BYTES_MAX)]),
                body_bytes: body.len() as u64,
            });
        }
    }

    /// Copies a run, or one message of it, to the exchange of the trace.
    #[cold]
    fn trace(&mut self, run: &PublishRun<'_>, index: Option<usize>, queues: &[&str]) {
        let vhost = Arc::clone(self.opened());
        let Self { entry, user, effects, now, .. } = self;
        let user = user.as_ref().map_or("", |user| user.name.as_str());
        let party = Party { vhost: &vhost.name, connection: entry, user, channel: run.channel };
        match index {
            None => effects.copies.published(party, run, queues),
            Some(index) => effects.copies.published_one(party, run, index, queues),
        }
        vhost.publish_copies(*now, effects);
    }

    /// Where what comes to an exchange is counted; `None` if it is gone.
    #[inline]
    fn traffic<'a>(
        &'a self,
        route: &'a Route,
        run: &PublishRun<'_>,
    ) -> Option<&'a ExchangeTraffic> {
        match (&route.exchange, &self.vhost) {
            (Some(exchange), _) => Some(&exchange.traffic),
            (None, Some(vhost)) if run.exchange.is_empty() => Some(&vhost.default_traffic),
            (None, _) => None,
        }
    }

    /// Where the run goes, from the cache or found anew.
    #[inline]
    fn route(&mut self, run: &PublishRun<'_>) -> Arc<Route> {
        let epoch = self.opened().epoch();
        if let Some(route) = self.routes.cache.find(epoch, run.exchange, run.routing_key) {
            return route;
        }
        let vhost = self.opened();
        let exchange = vhost.exchange(run.exchange);
        let keeps_messages = exchange.as_ref().is_some_and(|exchange| exchange.keeps_messages());
        let (queues, routes_by) = vhost.route(run.exchange, &RoutingInput::of_key(run.routing_key));
        let queues = (routes_by == RoutesBy::Key && !keeps_messages).then_some(queues);
        // A queue of this name may be declared at any time, without moving the epoch.
        let is_lasting = !run.exchange.is_empty() || queues.as_ref().is_some_and(|q| !q.is_empty());
        let owners = queues.as_deref().map(Owners::of).unwrap_or_default();
        let queues = queues.map(Vec::into_boxed_slice);
        let route = Arc::new(Route { exchange, queues, owners });
        if is_lasting {
            self.routes.cache.insert(&route);
        }
        route
    }

    /// Publishes a run to queues that are known, one visit each; whether any is still there.
    #[inline]
    fn publish_to(
        &mut self,
        queues: &[Arc<QueueCell>],
        owners: &Owners,
        run: &PublishRun<'_>,
        outcome: &mut PublishOutcome,
    ) -> bool {
        self.shared.note_time(self.now);
        let first = match self.log_run(owners, run) {
            Some((first, after)) => {
                self.has_logged = true;
                outcome.after = outcome.after.max(Some(after));
                first
            }
            None => self.shared.take_sequences(run.len()),
        };
        let mut reached = false;
        match queues {
            [queue] => reached = self.publish_run_to(queue, run, first, None, outcome),
            _ => {
                let shared = share_bodies(run, queues.len());
                for queue in queues {
                    reached |= self.publish_run_to(queue, run, first, shared.as_deref(), outcome);
                }
                outcome.rejected.sort_unstable();
                outcome.rejected.dedup();
            }
        }
        reached
    }

    /// Writes the run into the log, if any of it is to outlive the process: the sequence of its first message, and what
    /// its confirms wait for.
    #[inline]
    fn log_run(&self, owners: &Owners, run: &PublishRun<'_>) -> Option<(Sequence, LogPosition)> {
        if owners.is_empty() {
            return None;
        }
        let journal = self.shared.journal()?;
        if owners.want_persistent_only() && !run.messages().any(|message| message.persistent) {
            return None;
        }
        let mut entry = journal.append();
        let first = entry.take_sequences(run.len());
        for (sequence, message) in (first.0..).map(Sequence).zip(run.messages()) {
            let owners = owners.of_message(message.persistent);
            if owners.len() > OWNERS_MANY {
                // The owners of a whole run may be more than a batch can hold: this waits where the log wants it.
                drop(entry);
                entry = journal.append();
            }
            if !owners.is_empty() {
                entry.message(&arrival_of(run, &message, sequence, message.body), owners, self.now);
            }
        }
        Some((first, entry.position()))
    }

    /// Publishes a run to one queue; whether the queue is still there.
    #[inline]
    fn publish_run_to(
        &mut self,
        queue: &Arc<QueueCell>,
        run: &PublishRun<'_>,
        first: Sequence,
        shared: Option<&[Option<Bytes>]>,
        outcome: &mut PublishOutcome,
    ) -> bool {
        let Self { vhost: Some(vhost), now, effects, .. } = self else { return false };
        let now = *now;
        let (logs_transient, logs_persistent) = (queue.logs(false), queue.logs(true));
        let reached = queue.visit(vhost, now, effects, |queue, sink| {
            for (index, message) in (0..).zip(run.messages()) {
                let sequence = Sequence(first.0 + u64::from(index));
                let own;
                let body = match (shared.and_then(|s| s[index as usize].as_ref()), message.body) {
                    (Some(shared), _) => Body::Shared(shared),
                    (None, Body::Inline(body)) if body.len() >= SHARED_BODY_BYTES_MIN => {
                        own = Bytes::copy_from_slice(body);
                        Body::Shared(&own)
                    }
                    (None, body) => body,
                };
                let logged = if message.persistent { logs_persistent } else { logs_transient };
                let arrival = Arrival { logged, ..arrival_of(run, &message, sequence, body) };
                if queue.publish(now, &arrival, sink) == Admission::Rejected {
                    outcome.rejected.push(index);
                }
            }
        });
        if queue.is_crowded() {
            self.is_slowed = true;
        }
        if reached.is_none() {
            self.routes.cache.forget();
            if logs_persistent {
                let sequences: Vec<u64> = (first.0..).take(run.len()).collect();
                queue.forget_in_log(&self.shared, &sequences);
            }
        }
        reached.is_some()
    }

    /// Publishes a run whose messages may each go another way.
    fn publish_each(
        &mut self,
        route: &Route,
        run: &PublishRun<'_>,
        outcome: &mut PublishOutcome,
    ) -> Result<(), Refusal> {
        let vhost = Arc::clone(self.opened());
        let extra_keys: Vec<&[u8]> =
            short_strings(run.carbon_keys).chain(short_strings(run.blind_keys)).collect();
        for (index, message) in (0..).zip(run.messages()) {
            let own = match message.body {
                Body::Inline(body) if body.len() >= SHARED_BODY_BYTES_MIN => {
                    Some(Bytes::copy_from_slice(body))
                }
                Body::Inline(_) | Body::Shared(_) => None,
            };
            let body = own.as_ref().map_or(message.body, Body::Shared);
            let arrival = arrival_of(run, &message, Sequence(0), body);
            if let Some(exchange) = &route.exchange
                && self.keep(exchange, &arrival, outcome)?
            {
                if vhost.tracing.is_on() {
                    self.trace(run, Some(index as usize), &[]);
                }
                continue;
            }
            let properties = RawProperties::from_bytes(message.properties);
            let input = RoutingInput {
                routing_key: run.routing_key,
                extra_keys: &extra_keys,
                headers: properties.headers().ok().flatten(),
                properties,
                seed: self.shared.random.next(),
            };
            let (queues, _) = vhost.route(run.exchange, &input);
            if queues.is_empty() {
                outcome.unroutable.push(index);
            }
            if let Some(traffic) = self.traffic(route, run) {
                traffic.add(1, queues.len());
                if queues.is_empty() && traffic.kept.is_on() {
                    self.keep_unroutable(&traffic.kept, run, std::iter::once(message));
                }
            }
            if vhost.tracing.is_on() {
                self.trace(run, Some(index as usize), &names_of(&queues));
            }
            let (accepted, after) =
                vhost.publish(self.now, &arrival, &queues, None, &mut self.effects);
            outcome.after = outcome.after.max(after);
            self.has_logged |= after.is_some();
            self.is_slowed |= queues.iter().any(|queue| queue.is_crowded());
            if !accepted {
                outcome.rejected.push(index);
            }
        }
        Ok(())
    }

    /// Lets an exchange that keeps messages see one; whether it holds it back.
    fn keep(
        &mut self,
        exchange: &Arc<ExchangeCell>,
        arrival: &Arrival<'_>,
        outcome: &mut PublishOutcome,
    ) -> Result<bool, Refusal> {
        if !exchange.keeps_messages() {
            return Ok(false);
        }
        if let Some(delay_ms) = exchange.delay_of(arrival.properties)? {
            let after = exchange.delay(self.now, delay_ms, arrival, None);
            outcome.after = outcome.after.max(after);
            self.has_logged |= after.is_some();
            return Ok(true);
        }
        exchange.remember(arrival);
        Ok(false)
    }

    /// Publishes to the consumer of direct replies that the routing key names.
    fn publish_reply(&mut self, run: &PublishRun<'_>, outcome: &mut PublishOutcome) {
        let target = std::str::from_utf8(run.routing_key)
            .ok()
            .and_then(|address| self.node.reply_consumers.get(address).map(|found| found.clone()));
        let Some(target) = target else {
            outcome.unroutable.extend(0..length_of(run));
            return;
        };
        let contents = run.messages().map(|message| (message.properties, message.body));
        let to = (target.channel, target.consumer);
        let mut outbox = target.outbox.lock();
        outbox.reply(to, run.exchange, run.routing_key, contents);
        self.effects.wakers.extend(outbox.schedule());
        drop(outbox);
        if self.opened().tracing.is_on() {
            let address = String::from_utf8_lossy(run.routing_key);
            self.trace(run, None, &[&address]);
        }
    }
}

#[inline]
fn arrival_of<'a>(
    run: &PublishRun<'a>,
    message: &RunMessage<'a>,
    sequence: Sequence,
    body: Body<'a>,
) -> Arrival<'a> {
    Arrival {
        sequence,
        exchange: run.exchange,
        routing_key: run.routing_key,
        properties: message.properties,
        body,
        blind_keys: run.blind_keys,
        persistent: message.persistent,
        logged: false,
        priority: message.priority,
        expiration_ms: message.expiration_ms,
        origin: Origin::Client,
    }
}

fn names_of(queues: &[Arc<QueueCell>]) -> Vec<&str> {
    queues.iter().map(|queue| queue.name.as_str()).collect()
}

/// The bodies that are worth sharing between `queues` queues; `None` if none is.
fn share_bodies(run: &PublishRun<'_>, queues: usize) -> Option<Vec<Option<Bytes>>> {
    let is_worth = |body: Body<'_>| match body {
        Body::Inline(body) => queues > COPIES_MAX || body.len() >= SHARED_BODY_BYTES_MIN,
        Body::Shared(_) => false,
    };
    run.messages().any(|message| is_worth(message.body)).then(|| {
        let share =
            |message: RunMessage<'_>| is_worth(message.body).then(|| message.body.to_bytes());
        run.messages().map(share).collect()
    })
}

/// The number of messages of a run, as outcomes count them.
fn length_of(run: &PublishRun<'_>) -> u32 {
    u32::try_from(run.len()).expect("a run lies in one read buffer")
}
