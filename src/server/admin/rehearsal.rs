//! Trying out what is to be declared, without declaring any of it: so that a long document can be refused as a whole.
//!
//! What would be made is kept in mind, and counts for what is tried after it. Nothing is locked meanwhile: who declares
//! at the same time can still come in between.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use broker::arguments::{QueueDeclaration, QueueDefinition};
use broker::exchange::{Destination, Exchange, ExchangeKind, ExchangeSpec};
use broker::limits::{Limits, check_queues};
use broker::vhost::predeclared_exchanges;
use broker::{ExchangeName, QueueKind, QueueName, Refusal, ResourceKind, VhostName};

use super::topology::{Arguments, check_length, check_name};
use super::{Admin, AdminError, BindingKey, NewExchange, NewQueue};
use crate::client::refuse_reserved;

/// What there would be.
#[derive(Debug)]
pub struct Rehearsal<'a> {
    admin: &'a Admin,
    vhosts: HashMap<VhostName, Stage>,
}

/// What there would be in a vhost, besides what there is.
#[derive(Debug)]
struct Stage {
    vhost: VhostName,
    default_queue_type: QueueKind,
    limits: Limits,
    queues: HashMap<QueueName, QueueDefinition>,
    /// How many of them are not there yet.
    new_queues: u64,
    /// Without the bindings that are there.
    exchanges: HashMap<ExchangeName, Exchange>,
}

impl Admin {
    /// Begins with what there is.
    pub fn rehearse(&self) -> Rehearsal<'_> {
        Rehearsal { admin: self, vhosts: HashMap::new() }
    }
}

impl Rehearsal<'_> {
    /// A vhost as it will be. What is not said of one that is there stays.
    pub fn add_vhost(&mut self, name: &str, default_queue_type: Option<QueueKind>) {
        let stage = self.stage_of(name);
        if let Some(kind) = default_queue_type {
            stage.default_queue_type = kind;
        }
    }

    /// The limits that a vhost will have.
    pub fn set_limits(&mut self, vhost: &str, limits: Limits) {
        self.stage_of(vhost).limits = limits;
    }

    /// Whether a queue could be declared.
    ///
    /// # Errors
    /// As of [`Admin::declare_queue`].
    pub fn declare_queue(&mut self, vhost: &str, queue: &NewQueue<'_>) -> Result<(), AdminError> {
        check_name("queue", queue.name)?;
        Arguments::of(queue.arguments)?;
        let compat = self.admin.node.shared.options.compat;
        let there = self.admin.node.vhost(vhost).and_then(|vhost| vhost.queue(queue.name));
        let stored = self.admin.node.vhost(vhost).map_or(0, |vhost| vhost.queues.len() as u64);
        let stage = self.stage_of(vhost);
        let name = QueueName::from(queue.name);
        let declaration = QueueDeclaration {
            vhost: &stage.vhost,
            name: &name,
            durable: queue.durable,
            exclusive: false,
            auto_delete: queue.auto_delete,
            arguments: queue.arguments,
        };
        let default = stage.default_queue_type;
        if let Some(there) = there {
            let is_free = there.owner.is_none();
            declaration.check_equivalent(&there.definition, is_free, default, compat)?;
            stage.queues.insert(name, there.definition.as_ref().clone());
            return Ok(());
        }
        if let Some(brought) = stage.queues.get(queue.name) {
            return Ok(declaration.check_equivalent(brought, true, default, compat)?);
        }
        refuse_reserved(ResourceKind::Queue, queue.name)?;
        check_queues(&stage.limits, stored + stage.new_queues, &stage.vhost, &name)?;
        let definition = declaration.define(default, compat)?;
        stage.queues.insert(name, definition);
        stage.new_queues += 1;
        Ok(())
    }

    /// Whether an exchange could be declared.
    ///
    /// # Errors
    /// As of [`Admin::declare_exchange`].
    pub fn declare_exchange(
        &mut self,
        vhost: &str,
        exchange: &NewExchange<'_>,
    ) -> Result<(), AdminError> {
        check_name("exchange", exchange.name)?;
        Arguments::of(exchange.arguments)?;
        let spec = ExchangeSpec {
            name: exchange.name.into(),
            kind: ExchangeKind::parse(exchange.kind)?,
            durable: exchange.durable,
            auto_delete: exchange.auto_delete,
            internal: exchange.internal,
            arguments: exchange.arguments.clone(),
        };
        let name = spec.name.clone();
        if let Some(there) = self.exchange(vhost, &name)? {
            let vhost = VhostName::from(vhost);
            return Ok(there.check_equivalent(&spec, &vhost)?);
        }
        refuse_reserved(ResourceKind::Exchange, &name)?;
        let stage = self.stage_of(vhost);
        let made = Exchange::new(spec, &stage.vhost)?;
        stage.exchanges.insert(name, made);
        Ok(())
    }

    /// Whether something could be bound.
    ///
    /// # Errors
    /// As of [`Admin::bind`].
    pub fn bind(&mut self, vhost: &str, binding: &BindingKey<'_>) -> Result<(), AdminError> {
        check_length("routing key", binding.routing_key)?;
        Arguments::of(binding.arguments)?;
        let is_default = |exchange: &str| exchange.is_empty();
        if is_default(binding.source) {
            return Err(Refusal::DefaultExchange.into());
        }
        let kind = match binding.destination {
            Destination::Queue(name) => Some(self.queue_kind(vhost, name)?),
            Destination::Exchange(name) if is_default(name) => {
                return Err(Refusal::DefaultExchange.into());
            }
            Destination::Exchange(name) => {
                self.exchange(vhost, name)?.ok_or_else(|| no_such_exchange(vhost, name))?;
                None
            }
        };
        let source = self.exchange(vhost, binding.source)?;
        let source = source.ok_or_else(|| no_such_exchange(vhost, binding.source))?;
        let (destination, key) = (binding.destination.clone(), binding.routing_key.as_bytes());
        source.bind(destination, kind, key, binding.arguments)?;
        Ok(())
    }

    fn queue_kind(&mut self, vhost: &str, name: &str) -> Result<QueueKind, Refusal> {
        let there = self.admin.node.vhost(vhost).and_then(|vhost| vhost.queue(name));
        let stage = self.stage_of(vhost);
        let brought = stage.queues.get(name).map(|definition| definition.settings.kind);
        let kind = there.map(|queue| queue.definition.settings.kind).or(brought);
        kind.ok_or_else(|| Refusal::NoSuchQueue { queue: name.into(), vhost: vhost.into() })
    }

    /// An exchange that is there or would be.
    fn exchange(&mut self, vhost: &str, name: &str) -> Result<Option<&mut Exchange>, Refusal> {
        let there = self.admin.node.vhost(vhost).and_then(|vhost| vhost.exchange(name));
        let stage = self.stage_of(vhost);
        match stage.exchanges.entry(name.into()) {
            Entry::Occupied(known) => Ok(Some(known.into_mut())),
            Entry::Vacant(place) => {
                let spec = match there {
                    Some(cell) => Some(cell.spec.clone()),
                    // Every vhost begins with these, also one that is to be made.
                    None => predeclared_exchanges().find(|spec| *spec.name == *name),
                };
                let made = spec.map(|spec| Exchange::new(spec, &stage.vhost)).transpose()?;
                Ok(made.map(|made| place.insert(made)))
            }
        }
    }

    fn stage_of(&mut self, vhost: &str) -> &mut Stage {
        let node = &self.admin.node;
        self.vhosts.entry(vhost.into()).or_insert_with(|| {
            let default = node.shared.options.default_queue_type;
            let there = node.vhost(vhost);
            Stage {
                vhost: vhost.into(),
                default_queue_type: there.map_or(default, |vhost| vhost.default_queue_type()),
                limits: node.rights.read().vhost_limits_of(vhost),
                queues: HashMap::new(),
                new_queues: 0,
                exchanges: HashMap::new(),
            }
        })
    }
}

fn no_such_exchange(vhost: &str, name: &str) -> Refusal {
    Refusal::NoSuchExchange { exchange: name.into(), vhost: vhost.into() }
}
