//! Declaring, binding and deleting, with RabbitMQ's order of checks.

use std::sync::Arc;

use broker::arguments::{QueueDeclaration, alternate_exchange, dead_letter_exchange};
use broker::exchange::{Destination, ExchangeKind, ExchangeSpec};
use broker::limits::check_queues;
use broker::permission::Authority;
use broker::queue::Queue;
use broker::record::{Definition, DurableQueue};
use broker::{
    Action, ExchangeName, QueueKind, QueueName, Refusal, Resource, ResourceKind, Timestamp,
};
use connection::{Bind, DeclareError, Durable, ExchangeDeclare, QueueDeclare, QueueDeclared};
use mutants::Mutant;

use super::Client;
use crate::exchange_cell::ExchangeCell;
use crate::node::{ConnectionId, Shared};
use crate::outbox::ClientEvent;
use crate::queue_cell::QueueCell;
use crate::totals::count as count_one;
use crate::vhost::Vhost;
use crate::vhost::policies::Effective;

/// A declare that waits until the silent owner of an exclusive queue is heard or gone.
#[derive(Debug)]
pub(super) struct Waiting {
    queue: QueueName,
    since: Timestamp,
}

/// The longest that a declare waits for a silent owner.
const WAIT_MS_MAX: u64 = 20_000;

/// What begins the names that only the broker gives.
const RESERVED: &str = "amq.";

/// Nobody declares what only the broker gives a name.
///
/// # Errors
/// [`Refusal::ReservedName`].
pub(crate) fn refuse_reserved(kind: ResourceKind, name: &str) -> Result<(), Refusal> {
    if name.starts_with(RESERVED) {
        return Err(Refusal::ReservedName { kind, name: name.to_owned() });
    }
    Ok(())
}

impl Client {
    pub(super) fn authorize(&self, action: Action, resource: Resource) -> Result<(), Refusal> {
        self.authority().authorize_on(action, &resource)
    }

    /// Checks what a passive declaration needs.
    fn authorize_any(&self, kind: ResourceKind, name: &str) -> Result<(), Refusal> {
        self.authority().authorize_any(kind, name)
    }

    /// Checks a key with which something is published or bound, if the exchange is there and goes by topics.
    pub(super) fn authorize_topic(
        &self,
        action: Action,
        exchange: &str,
        key: &[u8],
    ) -> Result<(), Refusal> {
        match self.opened().exchange(exchange) {
            Some(found) if found.spec.kind == ExchangeKind::Topic => {
                self.authority().authorize_topic(action, &found.spec.name, key)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn authority(&self) -> &Authority {
        self.authority.as_ref().expect("a session asks for this only after it has opened the vhost")
    }

    /// A queue that is there and not another connection's own.
    pub(super) fn accessible_queue(&self, name: &str) -> Result<Arc<QueueCell>, Refusal> {
        let vhost = self.opened();
        let queue = vhost.queue(name).ok_or_else(|| vhost.no_such_queue(name))?;
        self.check_owner(&queue)?;
        Ok(queue)
    }

    fn check_owner(&self, queue: &QueueCell) -> Result<(), Refusal> {
        match queue.owner {
            Some(owner) if owner != self.id => Err(self.locked(queue)),
            _ => Ok(()),
        }
    }

    fn locked(&self, queue: &QueueCell) -> Refusal {
        let vhost = self.opened().name.clone();
        Refusal::ResourceLocked { queue: queue.name.clone(), vhost }
    }

    // Exchanges.

    pub(super) fn declare_exchange(
        &self,
        request: &ExchangeDeclare<'_>,
    ) -> Result<Durable, Refusal> {
        let vhost = self.opened();
        if request.passive {
            refuse_default(request.exchange)?;
            self.authorize_any(ResourceKind::Exchange, request.exchange)?;
            return match vhost.exchange(request.exchange) {
                Some(_) => Ok(().into()),
                None => Err(vhost.no_such_exchange(request.exchange)),
            };
        }
        let kind = ExchangeKind::parse(request.kind)?;
        refuse_default(request.exchange)?;
        let name = ExchangeName::from(request.exchange);
        self.authorize(Action::Configure, Resource::exchange(&vhost.name, &name))?;
        let spec = ExchangeSpec {
            name,
            kind,
            durable: request.durable,
            auto_delete: request.auto_delete,
            internal: request.internal,
            arguments: request.arguments.to_owned(),
        };
        if let Some(there) = vhost.exchange(&spec.name) {
            return redeclare_exchange(vhost, &there, &spec);
        }
        refuse_reserved(ResourceKind::Exchange, &spec.name)?;
        if let Some((_, extra)) = alternate_exchange(&spec.arguments, &vhost.name, &spec.name)? {
            for (action, resource) in extra.needed {
                self.authorize(action, resource)?;
            }
        }
        match vhost.add_exchange(spec.clone())? {
            Ok(after) => {
                self.shared.tell_exchange_created(self.effects.by.as_ref(), &vhost.name, &spec);
                Ok(Durable { value: (), after })
            }
            Err(there) => redeclare_exchange(vhost, &there, &spec),
        }
    }

    pub(super) fn delete_exchange(&self, name: &str, if_unused: bool) -> Result<Durable, Refusal> {
        let vhost = self.opened();
        refuse_default(name)?;
        let resource = Resource::exchange(&vhost.name, &name.into());
        if name.starts_with(RESERVED) {
            return Err(Refusal::SystemExchange { resource });
        }
        self.authorize(Action::Configure, resource)?;
        let after = vhost.remove_exchange(name, if_unused, self.effects.by.as_ref())?;
        Ok(Durable { value: (), after })
    }

    pub(super) fn bind_exchange(&mut self, request: &Bind<'_>) -> Result<Durable, Refusal> {
        self.check_binding(request, ResourceKind::Exchange)?;
        self.bind(request, &Destination::Exchange(request.destination.into()))
    }

    pub(super) fn unbind_exchange(&mut self, request: &Bind<'_>) -> Result<Durable, Refusal> {
        self.check_binding(request, ResourceKind::Exchange)?;
        Ok(self.unbind(request, &Destination::Exchange(request.destination.into())))
    }

    pub(super) fn bind_queue(&mut self, request: &Bind<'_>) -> Result<Durable, Refusal> {
        self.check_binding(request, ResourceKind::Queue)?;
        let vhost = self.opened();
        if vhost.exchange(request.source).is_none() {
            return Err(vhost.no_such_exchange(request.source));
        }
        self.accessible_queue(request.destination)?;
        self.bind(request, &Destination::Queue(request.destination.into()))
    }

    pub(super) fn unbind_queue(&mut self, request: &Bind<'_>) -> Result<Durable, Refusal> {
        self.check_binding(request, ResourceKind::Queue)?;
        if let Some(queue) = self.opened().queue(request.destination) {
            self.check_owner(&queue)?;
        }
        Ok(self.unbind(request, &Destination::Queue(request.destination.into())))
    }

    /// The destination may be written, neither end is the default exchange, the source may be read.
    fn check_binding(&self, request: &Bind<'_>, destination: ResourceKind) -> Result<(), Refusal> {
        let vhost = &self.opened().name;
        let written = match destination {
            ResourceKind::Queue => Resource::queue(vhost, &request.destination.into()),
            ResourceKind::Exchange => Resource::exchange(vhost, &request.destination.into()),
        };
        self.authorize(Action::Write, written)?;
        if destination == ResourceKind::Exchange {
            refuse_default(request.destination)?;
        }
        refuse_default(request.source)?;
        self.authorize(Action::Read, Resource::exchange(vhost, &request.source.into()))?;
        self.authorize_topic(Action::Read, request.source, request.binding_key.as_bytes())
    }

    fn bind(&mut self, request: &Bind<'_>, destination: &Destination) -> Result<Durable, Refusal> {
        let vhost = Arc::clone(self.opened());
        let arguments = request.arguments.to_owned();
        let identity = (request.binding_key.as_bytes(), &arguments);
        let after =
            vhost.bind(self.now, request.source, destination, identity, &mut self.effects)?;
        Ok(Durable { value: (), after })
    }

    fn unbind(&self, request: &Bind<'_>, destination: &Destination) -> Durable {
        let arguments = request.arguments.to_owned();
        let identity = (request.binding_key.as_bytes(), &arguments);
        let by = self.effects.by.as_ref();
        let after = self.opened().unbind(request.source, destination, identity, by);
        Durable { value: (), after }
    }

    // Queues.

    pub(super) fn declare_queue(
        &mut self,
        request: &QueueDeclare<'_>,
    ) -> Result<Durable<QueueDeclared>, DeclareError> {
        let vhost = Arc::clone(self.opened());
        if request.passive {
            self.authorize_any(ResourceKind::Queue, request.queue)?;
            let queue =
                vhost.queue(request.queue).ok_or_else(|| vhost.no_such_queue(request.queue))?;
            self.check_owner_or_wait(&queue)?;
            return Ok(self.declared(&vhost, &queue)?);
        }
        let arguments = request.arguments.to_owned();
        let name = QueueName::from(request.queue);
        let mut declaration = QueueDeclaration {
            vhost: &vhost.name,
            name: &name,
            durable: request.durable,
            exclusive: request.exclusive,
            auto_delete: request.auto_delete,
            arguments: &arguments,
        };
        let generated;
        if name.is_empty() {
            declaration.check_server_named(vhost.default_queue_type())?;
            generated = QueueName::from(self.shared.random.name("amq.gen-"));
            declaration.name = &generated;
        }
        self.authorize(Action::Configure, Resource::queue(&vhost.name, declaration.name))?;
        loop {
            match vhost.queue(declaration.name) {
                Some(there) => match self.redeclare(&vhost, &there, &declaration)? {
                    Some(declared) => return Ok(declared),
                    // It was deleted in this moment.
                    None => continue,
                },
                None => {
                    refuse_reserved(ResourceKind::Queue, &name)?;
                    if let Some(queue) = self.create_queue(&vhost, &declaration)? {
                        return Ok(self.declared(&vhost, &queue)?);
                    }
                }
            }
        }
    }

    /// The queue is there: it has to be what is asked for. `None` if it is being deleted.
    fn redeclare(
        &mut self,
        vhost: &Arc<Vhost>,
        queue: &Arc<QueueCell>,
        declaration: &QueueDeclaration<'_>,
    ) -> Result<Option<Durable<QueueDeclared>>, DeclareError> {
        self.check_owner_or_wait(queue)?;
        let is_owner = queue.owner.is_some() == declaration.exclusive;
        let (default, compat) = (vhost.default_queue_type(), self.shared.options.compat);
        declaration.check_equivalent(&queue.definition, is_owner, default, compat)?;
        let now = self.now;
        let counts = queue.visit(vhost, now, &mut self.effects, |machine, _| {
            machine.touch(now);
            counts(machine)
        });
        Ok(counts.map(|counts| declared(&self.shared, queue, counts)))
    }

    /// Makes a queue; `None` if somebody else was quicker.
    fn create_queue(
        &mut self,
        vhost: &Arc<Vhost>,
        declaration: &QueueDeclaration<'_>,
    ) -> Result<Option<Arc<QueueCell>>, Refusal> {
        // As in RabbitMQ: of those who come at the same time, one or the other may exceed it.
        let limits = self.node.rights.read().vhost_limits_of(&vhost.name);
        check_queues(&limits, vhost.queues.len() as u64, &vhost.name, declaration.name)?;
        let named = dead_letter_exchange(declaration.arguments, &vhost.name, declaration.name)?;
        if let Some((_, extra)) = named {
            for (action, resource) in extra.needed {
                self.authorize(action, resource)?;
            }
        }
        let compat = self.shared.options.compat;
        let definition = declaration.define(vhost.default_queue_type(), compat)?;
        let owner = declaration.exclusive.then_some(self.id);
        let policies = vhost.policies();
        let policy = policies.of_queue(declaration.name, definition.settings.kind);
        let make = || {
            let settings = Effective::settings_of(policy.as_deref(), &definition);
            let pool = self.shared.pool.clone();
            let machine = Queue::new(declaration.name.clone(), settings, pool, self.now);
            let outlives = definition.settings.durable && owner.is_none();
            let logged = outlives.then(|| {
                vhost.define(|| {
                    Definition::Queue(DurableQueue {
                        vhost: vhost.name.clone(),
                        name: declaration.name.clone(),
                        auto_delete: definition.settings.auto_delete,
                        arguments: definition.arguments.clone(),
                    })
                })
            });
            QueueCell::new(machine, definition, owner, vhost, logged.flatten(), policy)
        };
        let Ok(queue) = vhost.add_queue(make, declaration.name) else { return Ok(None) };
        if vhost.is_deleted() {
            vhost.remove_queue_anyway(&queue, &mut self.effects);
            return Err(vhost.is_down());
        }
        count_one(&self.shared.totals.churn.queues_created);
        let place = (&vhost.name, &queue.name);
        let owner = owner.is_some().then_some(&*self.entry);
        let by = self.effects.by.as_ref();
        self.shared.tell_queue_created(by, place, &queue.definition, owner);
        if queue.owner.is_some() {
            self.own(&queue);
        }
        let now = self.now;
        if !Arc::ptr_eq(&policies, &vhost.policies()) {
            vhost.apply_policies_to_queue(now, &queue, &mut self.effects);
        }
        // The time that it may live unused begins now.
        queue.visit(vhost, now, &mut self.effects, |machine, _| machine.touch(now));
        Ok(Some(queue))
    }

    /// Notes an exclusive queue that goes with this connection; those that went before it are forgotten now and then.
    fn own(&mut self, queue: &Arc<QueueCell>) {
        if self.exclusive_queues.len() == self.exclusive_queues.capacity() {
            self.exclusive_queues.retain(|own| !own.is_deleted());
        }
        self.exclusive_queues.push(Arc::clone(queue));
    }

    fn declared(
        &mut self,
        vhost: &Arc<Vhost>,
        queue: &Arc<QueueCell>,
    ) -> Result<Durable<QueueDeclared>, Refusal> {
        let now = self.now;
        let counts = queue
            .visit(vhost, now, &mut self.effects, |machine, _| {
                machine.touch(now);
                counts(machine)
            })
            .ok_or_else(|| vhost.no_such_queue(&queue.name))?;
        Ok(declared(&self.shared, queue, counts))
    }

    /// Refuses a queue of another connection, but not before that one was given time to show that it lives.
    fn check_owner_or_wait(&mut self, queue: &QueueCell) -> Result<(), DeclareError> {
        let Some(owner) = queue.owner.filter(|&owner| owner != self.id) else {
            self.waiting = None;
            return Ok(());
        };
        let since = match &self.waiting {
            Some(waiting) if waiting.queue == queue.name => waiting.since,
            _ => self.now,
        };
        if self.may_be_dead(owner, self.now.ms_since(since)) {
            let queue = queue.name.clone();
            self.waiting = Some(Waiting { queue, since });
            return Err(DeclareError::Wait);
        }
        self.waiting = None;
        Err(self.locked(queue).into())
    }

    /// Whether an owner has been silent for long enough to be asked for a sign of life, and not asked for too long.
    fn may_be_dead(&self, owner: ConnectionId, waited_ms: u64) -> bool {
        let Some(entry) = self.node.connections.get(&owner).map(|entry| Arc::clone(&entry)) else {
            // It is ending; its queues go in a moment.
            return waited_ms < 1000;
        };
        let heartbeat_ms = entry.heartbeat_ms();
        let is_silent = heartbeat_ms > 0 && entry.silent_ms(self.now) >= heartbeat_ms;
        let may_wait = waited_ms <= WAIT_MS_MAX.min(2 * heartbeat_ms);
        if is_silent && may_wait {
            entry.tell(ClientEvent::Probe);
        }
        is_silent && may_wait
    }

    pub(super) fn purge_queue(&mut self, name: &str) -> Result<Durable<u32>, Refusal> {
        let vhost = Arc::clone(self.opened());
        self.authorize(Action::Read, Resource::queue(&vhost.name, &name.into()))?;
        let queue = self.accessible_queue(name)?;
        let purged = queue
            .visit(&vhost, self.now, &mut self.effects, |queue, _| queue.purge())
            .ok_or_else(|| vhost.no_such_queue(name))?;
        let after = queue.release_remains(&self.shared, purged.remains);
        Ok(Durable { value: count(purged.count), after })
    }

    pub(super) fn delete_queue(
        &mut self,
        name: &str,
        if_unused: bool,
        if_empty: bool,
    ) -> Result<Durable<u32>, Refusal> {
        let vhost = Arc::clone(self.opened());
        let resource = Resource::queue(&vhost.name, &name.into());
        self.authorize(Action::Configure, resource.clone())?;
        let Some(queue) = vhost.queue(name) else { return Ok(0.into()) };
        self.check_owner(&queue)?;
        if queue.definition.settings.kind == QueueKind::Quorum {
            refuse_conditions(&vhost, &queue, if_unused, if_empty)?;
        }
        let permit = |machine: &Queue| {
            if if_unused && machine.consumer_count() > 0 {
                return Err(Refusal::InUse { resource: resource.clone() });
            }
            if if_empty && machine.ready() > 0 {
                return Err(Refusal::NotEmpty { resource: resource.clone() });
            }
            Ok(())
        };
        self.effects.logged_at = None;
        let removed = vhost.remove_queue(&queue, &mut self.effects, permit);
        let value = count(removed.unwrap_or(Ok(0))?);
        Ok(Durable { value, after: self.effects.logged_at })
    }

    pub(super) fn delete_exclusive_queues(&mut self) {
        let Some(vhost) = self.vhost.clone() else { return };
        for queue in std::mem::take(&mut self.exclusive_queues) {
            vhost.remove_queue_anyway(&queue, &mut self.effects);
        }
    }
}

/// An exchange is there already: it has to be what is asked for. Who asks waits for its definition like who made it.
fn redeclare_exchange(
    vhost: &Vhost,
    there: &ExchangeCell,
    asked: &ExchangeSpec,
) -> Result<Durable, Refusal> {
    there.exchange.read().check_equivalent(asked, &vhost.name)?;
    Ok(Durable { value: (), after: vhost.shared.unflushed(there.logged) })
}

/// The answer to a declare; it waits for the definition, also if somebody else has just made it.
fn declared(
    shared: &Shared,
    queue: &QueueCell,
    (message_count, consumer_count): (u32, u32),
) -> Durable<QueueDeclared> {
    count_one(&shared.totals.churn.queues_declared);
    let value = QueueDeclared { queue: queue.name.clone(), message_count, consumer_count };
    let is_awaited = !mutants::is_planted(Mutant::DeclaredBeforeFlush);
    Durable { value, after: shared.unflushed(queue.logged).filter(|_| is_awaited) }
}

/// What a `declare-ok` counts: ready messages and consumers.
fn counts(queue: &Queue) -> (u32, u32) {
    (count(queue.ready()), queue.consumer_count())
}

/// A count as the protocol carries it.
fn count(messages: u64) -> u32 {
    u32::try_from(messages).unwrap_or(u32::MAX)
}

fn refuse_default(exchange: &str) -> Result<(), Refusal> {
    if exchange.is_empty() { Err(Refusal::DefaultExchange) } else { Ok(()) }
}

/// Quorum queues are deleted without conditions.
fn refuse_conditions(
    vhost: &Vhost,
    queue: &QueueCell,
    if_unused: bool,
    if_empty: bool,
) -> Result<(), Refusal> {
    let flag = match (if_unused, if_empty) {
        (true, _) => "if-unused",
        (false, true) => "if-empty",
        (false, false) => return Ok(()),
    };
    let vhost = vhost.name.clone();
    Err(Refusal::ConditionalQuorumDelete { queue: queue.name.clone(), vhost, flag })
}
