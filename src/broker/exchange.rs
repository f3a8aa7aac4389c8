//! Exchanges: what is bound to them, and where a message goes from there.
//!
//! An exchange keeps its bindings in one ordered set, which is at once their identity, the index by destination and
//! the order in which they are listed. Its type keeps whatever index routing needs, told of each binding that comes
//! and goes. The default exchange is none of these: it is the directory of queues itself.

mod binding;
mod consistent_hash;
mod delayed;
mod destinations;
mod direct;
mod fanout;
mod headers;
mod kind;
mod local_random;
mod mismatch;
mod modulus_hash;
mod random;
mod recent_history;
mod stable_hash;
mod topic;

use std::{collections::BTreeSet, fmt, sync::Arc};

use amqp::{FieldTable, FieldValue, RawProperties, RawTable};

pub use self::{
    binding::{Binding, Destination},
    delayed::DelayedMessages,
    kind::ExchangeKind,
    mismatch::Mismatch,
    recent_history::RecentHistory,
};
use crate::{
    ExchangeName, QueueKind, Refusal, Resource, VhostName,
    arguments::{alternate_exchange, assert_argument_equivalence, assert_property_equivalence},
};

/// What an exchange was declared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeSpec {
    /// Its name; never the empty one.
    pub name: ExchangeName,
    /// Its type.
    pub kind: ExchangeKind,
    /// Whether it survives a restart.
    pub durable: bool,
    /// Whether it goes with its last binding, if it ever had one.
    pub auto_delete: bool,
    /// Whether only other exchanges may publish to it.
    pub internal: bool,
    /// As received.
    pub arguments: FieldTable,
}

/// What a message is routed by.
#[derive(Debug, Clone, Copy)]
pub struct RoutingInput<'a> {
    /// The routing key of the publish.
    pub routing_key: &'a [u8],
    /// Further keys, from the headers `CC` and `BCC`.
    pub extra_keys: &'a [&'a [u8]],
    /// The headers, if there are any.
    pub headers: Option<RawTable<'a>>,
    /// All properties, as they came; they were validated.
    pub properties: RawProperties<'a>,
    /// A random number, for exchanges that leave it to chance.
    pub seed: u64,
}

impl<'a> RoutingInput<'a> {
    /// A message of which only the routing key matters.
    pub const fn of_key(routing_key: &'a [u8]) -> Self {
        Self {
            routing_key,
            extra_keys: &[],
            headers: None,
            properties: RawProperties::EMPTY,
            seed: 0,
        }
    }

    /// All routing keys, that of the publish first.
    pub fn keys(&self) -> impl Iterator<Item = &'a [u8]> {
        std::iter::once(self.routing_key).chain(self.extra_keys.iter().copied())
    }
}

/// What decides where an exchange sends a message. The greater includes the lesser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoutesBy {
    /// The routing keys alone: the same keys always go the same way, until a binding changes.
    Key,
    /// Headers or other properties too.
    Properties,
    /// Chance, or something that is remembered: no two messages need go the same way.
    Chance,
}

/// The index of one exchange type over the bindings of one exchange.
///
/// A binding is added and removed once; what is removed was added before.
trait ExchangeType: fmt::Debug + Send + Sync {
    /// Whether the type takes such a binding.
    fn check_binding(&self, _binding: &Binding) -> Result<(), Refusal> {
        Ok(())
    }

    /// A binding that was not there before.
    fn add(&mut self, binding: &Arc<Binding>);

    /// A binding that is there no more.
    fn remove(&mut self, binding: &Arc<Binding>);

    /// Appends where the message goes; the same destination may be appended more than once.
    fn route(&self, input: &RoutingInput<'_>, out: &mut Vec<Destination>);

    /// What [`route`](Self::route) looks at.
    fn routes_by(&self) -> RoutesBy;
}

/// An exchange and its bindings.
///
/// - `bindings` holds exactly the bindings that `index` was told of and that were not taken back.
#[derive(Debug)]
pub struct Exchange {
    spec: ExchangeSpec,
    alternate: Option<ExchangeName>,
    /// The alternate that a policy gives it, which counts if it was declared without one.
    policy_alternate: Option<ExchangeName>,
    bindings: BTreeSet<Arc<Binding>>,
    index: Box<dyn ExchangeType>,
}

impl Exchange {
    /// An exchange without bindings.
    ///
    /// # Errors
    /// [`Refusal::ArgumentType`] or [`Refusal::PreconditionFailed`] if an argument of its type is bad.
    pub fn new(spec: ExchangeSpec, vhost: &VhostName) -> Result<Self, Refusal> {
        let alternate =
            alternate_exchange(&spec.arguments, vhost, &spec.name)?.map(|(name, _)| name);
        let index = spec.kind.index(&spec.arguments)?;
        let bindings = BTreeSet::new();
        Ok(Self { spec, alternate, policy_alternate: None, bindings, index })
    }

    /// What it was declared with.
    pub fn spec(&self) -> &ExchangeSpec {
        &self.spec
    }

    /// Where messages go that it sends nowhere.
    pub fn alternate(&self) -> Option<&ExchangeName> {
        self.alternate.as_ref().or(self.policy_alternate.as_ref())
    }

    /// Follows a policy, of which `alternate-exchange` is what matters here. Whether messages may go elsewhere by that.
    pub fn change(&mut self, policy: &FieldTable) -> bool {
        let alternate = policy.get("alternate-exchange").and_then(FieldValue::as_long_string);
        let alternate = alternate.map(|name| ExchangeName::from(&*String::from_utf8_lossy(name)));
        let before = self.alternate().cloned();
        self.policy_alternate = alternate;
        self.alternate() != before.as_ref()
    }

    /// What decides where it sends a message.
    pub fn routes_by(&self) -> RoutesBy {
        self.index.routes_by()
    }

    /// Whether a declaration asks for this exchange. Of the arguments only `alternate-exchange` counts.
    ///
    /// # Errors
    /// [`Refusal::Inequivalent`] with the first difference.
    pub fn check_equivalent(&self, asked: &ExchangeSpec, vhost: &VhostName) -> Result<(), Refusal> {
        let resource = || Resource::exchange(vhost, &self.spec.name);
        let (is, asks) = (&self.spec, asked);
        assert_property_equivalence(&is.kind, &asks.kind, "type", resource)?;
        assert_property_equivalence(&is.durable, &asks.durable, "durable", resource)?;
        assert_property_equivalence(&is.auto_delete, &asks.auto_delete, "auto_delete", resource)?;
        assert_property_equivalence(&is.internal, &asks.internal, "internal", resource)?;
        assert_argument_equivalence(&is.arguments, &asks.arguments, "alternate-exchange", resource)
    }

    /// Binds `destination`. Returns whether the binding is new; repeating one changes nothing.
    ///
    /// `queue_kind` is that of the destination, if it is a queue.
    ///
    /// # Errors
    /// [`Refusal::PreconditionFailed`] if the type does not take such a binding.
    pub fn bind(
        &mut self,
        destination: Destination,
        queue_kind: Option<QueueKind>,
        binding_key: &[u8],
        arguments: &FieldTable,
    ) -> Result<bool, Refusal> {
        let binding = Binding::new(destination, binding_key, arguments);
        self.index.check_binding(&binding)?;
        if self.spec.kind == ExchangeKind::LocalRandom {
            local_random::check_queue_kind(queue_kind)?;
        }
        if self.bindings.contains(&binding) {
            return Ok(false);
        }
        let binding = Arc::new(binding);
        self.index.add(&binding);
        self.bindings.insert(binding);
        Ok(true)
    }

    /// Takes one binding back. Returns whether it was there.
    pub fn unbind(
        &mut self,
        destination: &Destination,
        binding_key: &[u8],
        arguments: &FieldTable,
    ) -> bool {
        let binding = Binding::new(destination.clone(), binding_key, arguments);
        let Some(binding) = self.bindings.take(&binding) else { return false };
        self.index.remove(&binding);
        true
    }

    /// Takes back every binding of a queue or exchange that is gone, and returns how many there were. The cost does
    /// not grow with the bindings of others.
    pub fn remove_destination(&mut self, destination: &Destination) -> usize {
        let removed: Vec<_> = self.bindings_to(destination).cloned().collect();
        for binding in &removed {
            self.bindings.remove(binding);
            self.index.remove(binding);
        }
        removed.len()
    }

    /// All bindings, ordered by destination, key and arguments.
    pub fn bindings(&self) -> impl Iterator<Item = &Arc<Binding>> {
        self.bindings.iter()
    }

    /// The bindings of one destination, in the same order.
    pub fn bindings_to(&self, destination: &Destination) -> impl Iterator<Item = &Arc<Binding>> {
        self.bindings
            .range(Binding::first_to(destination.clone())..)
            .take_while(move |binding| binding.destination == *destination)
    }

    /// One binding, if it is there.
    pub fn binding(
        &self,
        destination: &Destination,
        binding_key: &[u8],
        arguments: &FieldTable,
    ) -> Option<&Arc<Binding>> {
        self.bindings.get(&Binding::new(destination.clone(), binding_key, arguments))
    }

    /// How many bindings it has as a source.
    pub fn binding_count(&self) -> usize {
        self.bindings.len()
    }

    /// Whether nothing is bound to it: what `if-unused` asks, and what ends an auto-delete exchange once its last
    /// binding went.
    pub fn is_unused(&self) -> bool {
        self.bindings.is_empty()
    }

    /// Appends where the message goes from here. Alternates and exchanges among them are the business of
    /// [`crate::routing`]; the same destination may be appended more than once.
    pub fn route(&self, input: &RoutingInput<'_>, out: &mut Vec<Destination>) {
        self.index.route(input, out);
    }
}

#[cfg(test)]
mod tests;
