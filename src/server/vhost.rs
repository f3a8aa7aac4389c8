//! A vhost that tasks share: its directories of queues and exchanges, and how messages get from one to the other.

mod deletion;
mod gone;
mod letters;
pub(crate) mod policies;
mod settings;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use amqp::{FieldTable, RawProperties};
use broker::exchange::{Binding, Destination, Exchange, ExchangeSpec, RoutesBy, RoutingInput};
use broker::message::{Arrival, Message, Sequence};
use broker::queue::{Admission, DeadLetter, Queue};
use broker::record::{BindingDefinition, Definition};
use broker::routing::{ExchangeDirectory, Route};
use broker::vhost::{event_exchange, predeclared_exchanges};
use broker::{ExchangeName, LogPosition, QueueName, Refusal, Timestamp, UserName, VhostName};
use dashmap::DashMap;
use mutants::Mutant;
use parking_lot::{Mutex, RwLock};

use self::policies::Current;
use self::settings::Described;
use crate::events;
use crate::exchange_cell::ExchangeCell;
use crate::exchange_traffic::ExchangeTraffic;
use crate::journal::{Logged, Owner, Owners};
use crate::node::Shared;
use crate::queue_cell::{Effects, QueueCell};
use crate::trace::Tracing;

/// A logged message that a copy replaces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Original {
    /// The queue or exchange that it is taken from.
    pub(crate) owner: Owner,
    pub(crate) sequence: Sequence,
}

/// Why a message is published from within the broker.
#[derive(Clone, Copy)]
struct Copied<'a> {
    letter: Option<&'a DeadLetter>,
    replaces: Option<Original>,
}

/// A vhost.
///
/// Looking up takes no lock for longer than the look; every change of exchanges and bindings, and every deletion, holds
/// `changes`. Lock order: `changes`, then one exchange or one queue. The lock of `policies` is held while the log is
/// written, and with none of these but `changes` while they are read.
#[derive(Debug)]
pub(crate) struct Vhost {
    pub(crate) name: VhostName,
    pub(crate) shared: Arc<Shared>,
    pub(crate) queues: DashMap<QueueName, Arc<QueueCell>, ahash::RandomState>,
    pub(crate) exchanges: DashMap<ExchangeName, Arc<ExchangeCell>, ahash::RandomState>,
    /// What is published to the default exchange.
    pub(crate) default_traffic: ExchangeTraffic,
    pub(crate) tracing: Tracing,
    described: RwLock<Described>,
    policies: Current,
    deleted: AtomicBool,
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
            let of_events = (name.as_str() == events::VHOST).then(event_exchange);
            for spec in predeclared_exchanges().chain(of_events) {
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
                default_traffic: ExchangeTraffic::default(),
                tracing: Tracing::default(),
                described: RwLock::default(),
                policies: Current::default(),
                deleted: AtomicBool::new(false),
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

    /// Nothing new comes into a vhost that is being deleted.
    pub(crate) fn is_down(&self) -> Refusal {
        Refusal::InternalError { explanation: format!("vhost '{}' is down", self.name) }
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

    /// Publishes one message from within the broker, in the place of the one that `replaces` names. Whether it was routed
    /// and every queue accepted it.
    pub(crate) fn publish_message(
        &self,
        now: Timestamp,
        message: &Message,
        replaces: Option<Original>,
        effects: &mut Effects,
    ) -> bool {
        let blind: Vec<&[u8]> = broker::message::short_strings(&message.blind_keys).collect();
        self.publish_copy(now, message, &blind, Copied { letter: None, replaces }, effects)
    }

    /// Routes a message by its own key and `extra_keys`, and publishes it to every queue found.
    fn publish_copy(
        &self,
        now: Timestamp,
        message: &Message,
        extra_keys: &[&[u8]],
        copied: Copied<'_>,
        effects: &mut Effects,
    ) -> bool {
        let properties = RawProperties::from_bytes(&message.properties);
        let input = RoutingInput {
            routing_key: &message.routing_key,
            extra_keys,
            headers: properties.headers().ok().flatten(),
            properties,
            seed: self.shared.random.next(),
        };
        let (mut queues, _) = self.route(&message.exchange, &input);
        let accepted = !queues.is_empty();
        if let Some(letter) = copied.letter {
            queues.retain(|queue| !letter.would_cycle(&queue.name));
        }
        let arrival = message.arrival(Sequence(0));
        accepted & self.publish(now, &arrival, &queues, copied.replaces, effects).0
    }

    /// Publishes a message to queues that are found; whether every one accepted it, and what its confirm waits for.
    ///
    /// The message is in the log before what it `replaces` is released: a crash between them leaves both or the original
    /// alone.
    pub(crate) fn publish(
        &self,
        now: Timestamp,
        arrival: &Arrival<'_>,
        queues: &[Arc<QueueCell>],
        replaces: Option<Original>,
        effects: &mut Effects,
    ) -> (bool, Option<LogPosition>) {
        self.shared.note_time(now);
        let (sequence, after) = self.log_message(now, arrival, &Owners::of(queues), replaces);
        effects.note_logged(after);
        let mut accepted = true;
        for queue in queues {
            let logged = queue.logs(arrival.persistent);
            let arrival = Arrival { sequence, logged, ..*arrival };
            let admission =
                queue.visit(self, now, effects, |queue, sink| queue.publish(now, &arrival, sink));
            if admission.is_none() && logged {
                queue.forget_in_log(&self.shared, &[sequence.0]);
            }
            accepted &= admission == Some(Admission::Accepted);
        }
        (accepted, after)
    }

    /// Writes a message into the log for those who own it, and that its original is no more; its sequence, and what waits
    /// for it.
    fn log_message(
        &self,
        now: Timestamp,
        arrival: &Arrival<'_>,
        owners: &Owners,
        replaces: Option<Original>,
    ) -> (Sequence, Option<LogPosition>) {
        let owners = owners.of_message(arrival.persistent);
        let Some(journal) =
            self.shared.journal().filter(|_| !owners.is_empty() || replaces.is_some())
        else {
            return (self.shared.take_sequences(1), None);
        };
        if mutants::is_planted(Mutant::OriginalReleasedFirst)
            && let Some(Original { owner, sequence }) = replaces
        {
            let mut alone = journal.append();
            alone.release(owner, &[sequence.0]);
            let at = alone.position();
            drop(alone);
            while journal.unflushed(at).is_some() {
                std::thread::yield_now();
            }
        }
        let mut entry = journal.append();
        let sequence = entry.take_sequences(1);
        if !owners.is_empty() {
            entry.message(&Arrival { sequence, ..*arrival }, owners, now);
        }
        if let Some(original) = replaces
            && !mutants::is_planted(Mutant::OriginalNotReleased)
        {
            entry.release(original.owner, &[original.sequence.0]);
        }
        (sequence, Some(entry.position()))
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
        let changes = self.changes.lock();
        let deleted = match queue.delete(self, effects, permit)? {
            Ok(deleted) => deleted,
            Err(refusal) => return Some(Err(refusal)),
        };
        let mut gone: Vec<Owner> = queue.log_id().into_iter().collect();
        let sources = std::mem::take(&mut *queue.bound_to.lock());
        if !sources.is_empty() {
            let destination = Destination::Queue(queue.name.clone());
            self.forget_destination(&destination, sources, &mut gone);
        }
        self.shared.tell_queue_deleted(effects.by.as_ref(), &self.name, &queue.name);
        if mutants::is_planted(Mutant::BindingOutlivesQueue) {
            gone.truncate(1);
        }
        effects.note_logged(self.undefine(&gone));
        // Not before: whoever finds the name free defines another queue, and a log that ends between the two must never
        // have both.
        self.queues.remove_if(&queue.name, |_, there| Arc::ptr_eq(there, queue));
        drop(changes);
        queue.forget_remains(&self.shared, deleted.remains);
        Some(Ok(deleted.ready))
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

    /// Adds an exchange unless there is one of that name: then gives that one. Otherwise what its definition waits for.
    pub(crate) fn add_exchange(
        self: &Arc<Self>,
        spec: ExchangeSpec,
    ) -> Result<Result<Option<LogPosition>, Arc<ExchangeCell>>, Refusal> {
        let _changes = self.changes.lock();
        if let Some(there) = self.exchange(&spec.name) {
            return Ok(Err(there));
        }
        if self.is_deleted() {
            return Err(self.is_down());
        }
        let name = spec.name.clone();
        let mut exchange = ExchangeCell::new(spec, self)?;
        if exchange.spec.durable {
            exchange.logged = self.define(|| Definition::Exchange {
                vhost: self.name.clone(),
                spec: exchange.spec.clone(),
            });
        }
        exchange.follow_policy(self.policies().of_exchange(&name));
        let after = exchange.logged.map(|logged| logged.at);
        self.exchanges.insert(name, Arc::new(exchange));
        // An alternate exchange may have waited for it.
        self.move_epoch();
        Ok(Ok(after))
    }

    fn binding_definition(&self, source: &str, binding: &Binding) -> BindingDefinition {
        BindingDefinition {
            vhost: self.name.clone(),
            source: source.into(),
            destination: binding.destination.clone(),
            key: binding.key.clone(),
            arguments: binding.arguments(),
        }
    }

    /// Writes a definition into the log, if there is one.
    pub(crate) fn define(&self, definition: impl FnOnce() -> Definition) -> Option<Logged> {
        self.shared.journal().map(|journal| journal.define(&definition()))
    }

    /// Writes into the log that definitions are no more.
    fn undefine(&self, gone: &[Owner]) -> Option<LogPosition> {
        let journal = self.shared.journal().filter(|_| !gone.is_empty())?;
        Some(journal.undefine(gone))
    }

    /// Deletes an exchange, its bindings, and every auto-delete exchange that loses its last binding by that.
    ///
    /// # Errors
    /// [`Refusal::InUse`] with `if_unused` if something is bound to it.
    pub(crate) fn remove_exchange(
        &self,
        name: &str,
        if_unused: bool,
        by: Option<&UserName>,
    ) -> Result<Option<LogPosition>, Refusal> {
        let _changes = self.changes.lock();
        let Some(cell) = self.exchange(name) else { return Ok(None) };
        if if_unused && !cell.exchange.read().is_unused() {
            let resource = broker::Resource::exchange(&self.name, &cell.spec.name);
            return Err(Refusal::InUse { resource });
        }
        let mut gone = Vec::new();
        self.forget_exchanges(vec![cell.spec.name.clone()], by, &mut gone);
        Ok(self.undefine(&gone))
    }

    /// Binds a queue or exchange to `source`; what the binding waits for.
    pub(crate) fn bind(
        &self,
        now: Timestamp,
        source: &str,
        destination: &Destination,
        (key, arguments): (&[u8], &FieldTable),
        effects: &mut Effects,
    ) -> Result<Option<LogPosition>, Refusal> {
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
        let Some(binding) = from.exchange.read().binding(destination, key, arguments).cloned()
        else {
            return Ok(None);
        };
        if !is_new {
            // Whoever bound first may still wait for it as well.
            let logged = from.logged_bindings.lock().get(&binding).copied();
            return Ok(self.shared.unflushed(logged));
        }
        let (bound_to, is_durable) = match (&queue, &exchange) {
            (Some(queue), _) => (&queue.bound_to, queue.log_id().is_some()),
            (None, Some(exchange)) => (&exchange.bound_to, exchange.spec.durable),
            (None, None) => return Ok(None),
        };
        bound_to.lock().insert(from.spec.name.clone());
        if source == events::EXCHANGE {
            self.shared.events.watch();
        }
        let place = (&self.name, source);
        self.shared.tell_binding("binding.created", effects.by.as_ref(), place, &binding);
        let mut after = None;
        if is_durable
            && from.spec.durable
            && let Some(logged) =
                self.define(|| Definition::Binding(self.binding_definition(source, &binding)))
        {
            after = Some(logged.at);
            from.logged_bindings.lock().insert(binding, logged);
        }
        self.move_epoch();
        drop(changes);
        if let Some(queue) = &queue {
            let queues = [Arc::clone(queue)];
            for message in from.remembered() {
                let arrival = message.arrival(Sequence(0));
                self.publish(now, &arrival, &queues, None, effects);
            }
        }
        Ok(after)
    }

    /// Binds as it was before a restart; `false` if an end is not there.
    pub(crate) fn restore_binding(
        &self,
        source: &ExchangeName,
        destination: &Destination,
        (key, arguments): (&[u8], &FieldTable),
        logged: Logged,
    ) -> Result<bool, Refusal> {
        let Some(from) = self.exchange(source) else { return Ok(false) };
        let kind = match destination {
            Destination::Queue(name) => {
                let Some(queue) = self.queue(name) else { return Ok(false) };
                queue.bound_to.lock().insert(source.clone());
                Some(queue.definition.settings.kind)
            }
            Destination::Exchange(name) => {
                let Some(exchange) = self.exchange(name) else { return Ok(false) };
                exchange.bound_to.lock().insert(source.clone());
                None
            }
        };
        let mut exchange = from.exchange.write();
        exchange.bind(destination.clone(), kind, key, arguments)?;
        if let Some(binding) = exchange.binding(destination, key, arguments) {
            from.logged_bindings.lock().insert(Arc::clone(binding), logged);
        }
        if *source == events::EXCHANGE {
            self.shared.events.watch();
        }
        Ok(true)
    }

    /// Takes a binding back; it need not exist. What that waits for.
    pub(crate) fn unbind(
        &self,
        source: &str,
        destination: &Destination,
        (key, arguments): (&[u8], &FieldTable),
        by: Option<&UserName>,
    ) -> Option<LogPosition> {
        let _changes = self.changes.lock();
        let from = self.exchange(source)?;
        let (binding, is_last_of_destination) = {
            let mut exchange = from.exchange.write();
            let binding = exchange.binding(destination, key, arguments).cloned()?;
            exchange.unbind(destination, key, arguments);
            (binding, exchange.bindings_to(destination).next().is_none())
        };
        let mut gone = Vec::new();
        gone.extend(from.logged_bindings.lock().remove(&binding).map(|logged| logged.id));
        if is_last_of_destination {
            self.unlink(destination, &from.spec.name);
        }
        self.move_epoch();
        self.shared.tell_binding("binding.deleted", by, (&self.name, source), &binding);
        if from.spec.auto_delete && from.exchange.read().is_unused() {
            self.forget_exchanges(vec![from.spec.name.clone()], None, &mut gone);
        }
        self.undefine(&gone)
    }
}

#[cfg(test)]
mod tests;
