//! A vhost that tasks share: its directories of queues and exchanges, and how messages get from one to the other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use amqp::{FieldTable, RawProperties};
use broker::exchange::{Destination, Exchange, ExchangeSpec, RoutesBy, RoutingInput};
use broker::message::{Arrival, Message};
use broker::queue::{Admission, DeadLetter, Queue};
use broker::routing::{ExchangeDirectory, Route};
use broker::vhost::predeclared_exchanges;
use broker::{ExchangeName, QueueName, Refusal, Timestamp, VhostName};
use dashmap::DashMap;
use parking_lot::Mutex;

use crate::exchange_cell::ExchangeCell;
use crate::node::Shared;
use crate::queue_cell::{Effects, QueueCell};

/// A vhost.
///
/// Looking up takes no lock for longer than the look; every change of exchanges and bindings, and every deletion, holds
/// `changes`. Lock order: `changes`, then one exchange or one queue.
#[derive(Debug)]
pub(crate) struct Vhost {
    pub(crate) name: VhostName,
    pub(crate) shared: Arc<Shared>,
    pub(crate) queues: DashMap<QueueName, Arc<QueueCell>, ahash::RandomState>,
    pub(crate) exchanges: DashMap<ExchangeName, Arc<ExchangeCell>, ahash::RandomState>,
    changes: Mutex<()>,
    /// Moves whenever a message with the same key might go elsewhere than before. Declaring a queue does not move it.
    epoch: AtomicU64,
}

impl ExchangeDirectory for Vhost {
    fn visit(&self, name: &str, visitor: &mut dyn FnMut(&Exchange)) -> bool {
        let Some(found) = self.exchange(name) else { return false };
        visitor(&found.exchange.read());
        true
    }
}

impl Vhost {
    /// A vhost with the standard exchanges.
    pub(crate) fn new(name: VhostName, shared: &Arc<Shared>) -> Arc<Self> {
        Arc::new_cyclic(|own: &Weak<Self>| {
            let exchanges = DashMap::default();
            for spec in predeclared_exchanges() {
                let exchange = spec.name.clone();
                let cell = ExchangeCell::in_vhost(spec, own.clone(), &name)
                    .expect("the predeclared exchanges have no arguments that could be bad");
                exchanges.insert(exchange, Arc::new(cell));
            }
            Self {
                name,
                shared: Arc::clone(shared),
                queues: DashMap::default(),
                exchanges,
                changes: Mutex::new(()),
                epoch: AtomicU64::new(0),
            }
        })
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    fn move_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn queue(&self, name: &str) -> Option<Arc<QueueCell>> {
        self.queues.get(name).map(|found| Arc::clone(&found))
    }

    pub(crate) fn exchange(&self, name: &str) -> Option<Arc<ExchangeCell>> {
        self.exchanges.get(name).map(|found| Arc::clone(&found))
    }

    pub(crate) fn no_such_queue(&self, name: &str) -> Refusal {
        Refusal::NoSuchQueue { queue: name.into(), vhost: self.name.clone() }
    }

    pub(crate) fn no_such_exchange(&self, name: &str) -> Refusal {
        Refusal::NoSuchExchange { exchange: name.into(), vhost: self.name.clone() }
    }

    // Routing.

    /// The queues that a message goes to, each once, and what decided that.
    pub(crate) fn route(
        &self,
        exchange: &str,
        input: &RoutingInput<'_>,
    ) -> (Vec<Arc<QueueCell>>, RoutesBy) {
        let mut route = Route::default();
        let routes_by = route.find(self, &exchange.into(), input);
        (route.queues().iter().filter_map(|name| self.queue(name)).collect(), routes_by)
    }

    /// Publishes one message from within the broker. Whether it was routed and every queue accepted it.
    pub(crate) fn publish_message(
        &self,
        now: Timestamp,
        message: &Message,
        effects: &mut Effects,
    ) -> bool {
        let arrival = message.arrival(self.shared.take_sequences(1));
        let blind: Vec<&[u8]> = broker::message::short_strings(&message.blind_keys).collect();
        self.publish_arrival(now, &arrival, &blind, None, effects)
    }

    /// Routes a message by its own key and `extra_keys`, and publishes it to every queue found.
    fn publish_arrival(
        &self,
        now: Timestamp,
        arrival: &Arrival<'_>,
        extra_keys: &[&[u8]],
        letter: Option<&DeadLetter>,
        effects: &mut Effects,
    ) -> bool {
        let properties = RawProperties::from_bytes(arrival.properties);
        let input = RoutingInput {
            routing_key: arrival.routing_key,
            extra_keys,
            headers: properties.headers().ok().flatten(),
            properties,
            seed: self.shared.random.next(),
        };
        let (queues, _) = self.route(arrival.exchange, &input);
        let mut accepted = !queues.is_empty();
        for queue in queues {
            if letter.is_some_and(|letter| letter.would_cycle(&queue.name)) {
                continue;
            }
            let admission =
                queue.visit(self, now, effects, |queue, sink| queue.publish(now, arrival, sink));
            accepted &= admission == Some(Admission::Accepted);
        }
        accepted
    }

    /// Routes dead letters until none is left.
    pub(crate) fn carry_out(&self, now: Timestamp, effects: &mut Effects) {
        // A letter may push another one out of the queue it enters; the rule against cycles ends such chains.
        while let Some((source, letter)) = effects.letters.pop_front() {
            let accepted = self.publish_letter(now, &letter, effects);
            if let Some(slot) = letter.hold {
                source.visit(self, now, effects, |queue, sink| {
                    queue.settle_dead_letter(now, slot, accepted, sink);
                });
            }
        }
    }

    fn publish_letter(&self, now: Timestamp, letter: &DeadLetter, effects: &mut Effects) -> bool {
        let arrival = letter.message.arrival(self.shared.take_sequences(1));
        let keys: Vec<&[u8]> = letter.routing_keys.iter().map(|key| &key[..]).collect();
        let exchange = self.exchange(&letter.target_exchange);
        if let Some(exchange) = exchange.filter(|exchange| exchange.keeps_messages()) {
            match exchange.delay_of(arrival.properties).ok().flatten() {
                Some(delay_ms) => {
                    exchange.delay(now, delay_ms, &arrival);
                    return true;
                }
                None => exchange.remember(&arrival),
            }
        }
        self.publish_arrival(now, &arrival, &keys, Some(letter), effects)
    }

    // Queues.

    /// Adds a queue unless there is one of that name: then gives that one.
    pub(crate) fn add_queue(
        self: &Arc<Self>,
        queue: impl FnOnce() -> QueueCell,
        name: &QueueName,
    ) -> Result<Arc<QueueCell>, Arc<QueueCell>> {
        match self.queues.entry(name.clone()) {
            dashmap::Entry::Occupied(there) => Err(Arc::clone(there.get())),
            dashmap::Entry::Vacant(free) => {
                let queue = Arc::new(queue());
                free.insert(Arc::clone(&queue));
                Ok(queue)
            }
        }
    }

    /// Deletes a queue and its bindings if `permit` allows it. The answer is `permit`'s refusal, or how many messages were
    /// ready; `None` if it was deleted before.
    pub(crate) fn remove_queue<E>(
        &self,
        queue: &Arc<QueueCell>,
        effects: &mut Effects,
        permit: impl FnOnce(&Queue) -> Result<(), E>,
    ) -> Option<Result<u64, E>> {
        let _changes = self.changes.lock();
        let ready = match queue.delete(self, effects, permit)? {
            Ok(ready) => ready,
            refused => return Some(refused),
        };
        self.queues.remove_if(&queue.name, |_, there| Arc::ptr_eq(there, queue));
        let sources = std::mem::take(&mut *queue.bound_to.lock());
        if !sources.is_empty() {
            self.forget_destination(&Destination::Queue(queue.name.clone()), sources);
        }
        Some(Ok(ready))
    }

    /// Deletes an auto-delete queue whose last consumer is gone.
    pub(crate) fn delete_unused_queue(&self, queue: &Arc<QueueCell>, effects: &mut Effects) {
        let still_unused =
            |queue: &Queue| if queue.consumer_count() == 0 { Ok(()) } else { Err(()) };
        let _: Option<Result<u64, ()>> = self.remove_queue(queue, effects, still_unused);
    }

    /// Deletes a queue whatever it holds: it has expired, or its owner is gone.
    pub(crate) fn remove_queue_anyway(&self, queue: &Arc<QueueCell>, effects: &mut Effects) {
        let _: Option<Result<u64, ()>> = self.remove_queue(queue, effects, |_| Ok(()));
    }

    // Exchanges and bindings.

    /// Adds an exchange unless there is one of that name: then gives that one.
    pub(crate) fn add_exchange(
        self: &Arc<Self>,
        spec: ExchangeSpec,
    ) -> Result<Option<Arc<ExchangeCell>>, Refusal> {
        let _changes = self.changes.lock();
        if let Some(there) = self.exchange(&spec.name) {
            return Ok(Some(there));
        }
        let name = spec.name.clone();
        self.exchanges.insert(name, Arc::new(ExchangeCell::new(spec, self)?));
        // An alternate exchange may have waited for it.
        self.move_epoch();
        Ok(None)
    }

    /// Deletes an exchange, its bindings, and every auto-delete exchange that loses its last binding by that.
    ///
    /// # Errors
    /// [`Refusal::InUse`] with `if_unused` if something is bound to it.
    pub(crate) fn remove_exchange(&self, name: &str, if_unused: bool) -> Result<(), Refusal> {
        let _changes = self.changes.lock();
        let Some(cell) = self.exchange(name) else { return Ok(()) };
        if if_unused && !cell.exchange.read().is_unused() {
            let resource = broker::Resource::exchange(&self.name, &cell.spec.name);
            return Err(Refusal::InUse { resource });
        }
        self.forget_exchanges(vec![cell.spec.name.clone()]);
        Ok(())
    }

    /// Binds a queue or exchange to `source`; whether the binding is new.
    pub(crate) fn bind(
        &self,
        now: Timestamp,
        source: &str,
        destination: &Destination,
        (key, arguments): (&[u8], &FieldTable),
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let changes = self.changes.lock();
        let from = self.exchange(source).ok_or_else(|| self.no_such_exchange(source))?;
        let (queue, exchange) = match destination {
            Destination::Queue(name) => {
                (Some(self.queue(name).ok_or_else(|| self.no_such_queue(name))?), None)
            }
            Destination::Exchange(name) => {
                (None, Some(self.exchange(name).ok_or_else(|| self.no_such_exchange(name))?))
            }
        };
        let kind = queue.as_ref().map(|queue| queue.definition.settings.kind);
        let is_new = from.exchange.write().bind(destination.clone(), kind, key, arguments)?;
        if !is_new {
            return Ok(());
        }
        let bound_to = match (&queue, &exchange) {
            (Some(queue), _) => &queue.bound_to,
            (None, Some(exchange)) => &exchange.bound_to,
            (None, None) => return Ok(()),
        };
        bound_to.lock().insert(from.spec.name.clone());
        self.move_epoch();
        drop(changes);
        for message in from.remembered() {
            let arrival = message.arrival(self.shared.take_sequences(1));
            if let Some(queue) = &queue {
                queue.visit(self, now, effects, |queue, sink| queue.publish(now, &arrival, sink));
            }
        }
        Ok(())
    }

    /// Takes a binding back; it need not exist.
    pub(crate) fn unbind(
        &self,
        source: &str,
        destination: &Destination,
        (key, arguments): (&[u8], &FieldTable),
    ) {
        let _changes = self.changes.lock();
        let Some(from) = self.exchange(source) else { return };
        let (was_there, is_last_of_destination) = {
            let mut exchange = from.exchange.write();
            let was_there = exchange.unbind(destination, key, arguments);
            (was_there, exchange.bindings_to(destination).next().is_none())
        };
        if !was_there {
            return;
        }
        if is_last_of_destination {
            self.unlink(destination, &from.spec.name);
        }
        self.move_epoch();
        if from.spec.auto_delete && from.exchange.read().is_unused() {
            self.forget_exchanges(vec![from.spec.name.clone()]);
        }
    }

    /// Notes at a destination that `source` has no more bindings to it.
    fn unlink(&self, destination: &Destination, source: &ExchangeName) {
        match destination {
            Destination::Queue(name) => {
                if let Some(queue) = self.queue(name) {
                    queue.bound_to.lock().remove(source);
                }
            }
            Destination::Exchange(name) => {
                if let Some(exchange) = self.exchange(name) {
                    exchange.bound_to.lock().remove(source);
                }
            }
        }
    }

    /// Takes back every binding to a destination that is gone.
    fn forget_destination(
        &self,
        destination: &Destination,
        sources: impl IntoIterator<Item = ExchangeName>,
    ) {
        let mut unused = Vec::new();
        for source in sources {
            let Some(from) = self.exchange(&source) else { continue };
            let mut exchange = from.exchange.write();
            exchange.remove_destination(destination);
            if from.spec.auto_delete && exchange.is_unused() {
                unused.push(source);
            }
        }
        self.move_epoch();
        self.forget_exchanges(unused);
    }

    /// Deletes exchanges, and those that go with them; `changes` is held.
    fn forget_exchanges(&self, mut names: Vec<ExchangeName>) {
        while let Some(name) = names.pop() {
            let Some((_, gone)) = self.exchanges.remove(&name) else { continue };
            gone.close();
            let destinations: Vec<Destination> = gone
                .exchange
                .read()
                .bindings()
                .map(|binding| binding.destination.clone())
                .collect();
            destinations.iter().for_each(|destination| self.unlink(destination, &name));
            let sources = std::mem::take(&mut *gone.bound_to.lock());
            for source in sources {
                let Some(from) = self.exchange(&source) else { continue };
                let mut exchange = from.exchange.write();
                exchange.remove_destination(&Destination::Exchange(name.clone()));
                if from.spec.auto_delete && exchange.is_unused() {
                    names.push(source);
                }
            }
            self.move_epoch();
        }
    }
}
