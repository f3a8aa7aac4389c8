//! Policies: arguments that queues and exchanges get by their names, and keep only for as long as the policy is there.
//!
//! One policy of the users and one of the operators count for each thing, the one with the highest priority of those
//! that match it. Of the users' the values are wishes, of the operators' bounds; what a queue works by is made of both
//! and of the arguments that it was declared with, by [`QueueDefinition::under`](crate::arguments::QueueDefinition::under).
//!
//! RabbitMQ: `rabbit_policy` and `rabbit_policies`.

mod choice;
mod keys;
mod merge;
mod mirroring;

use std::fmt;

use amqp::FieldTable;
use regex::{Regex, RegexBuilder};
use thiserror::Error;

pub(crate) use self::merge::stricter_delivery_limit;
pub use self::{
    choice::{Chosen, Policies},
    merge::merge,
};
use crate::{PolicyName, QueueKind};

/// The most memory that the pattern of a policy takes once compiled.
const PATTERN_BYTES_MAX: usize = 64 * 1024;

/// Whose policies they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PolicyKind {
    /// Of whoever may set policies in a vhost.
    User,
    /// Of the operators: bounds for the others.
    Operator,
}

/// What a policy is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ApplyTo {
    /// Queues and exchanges.
    #[default]
    All,
    /// Queues of any type.
    Queues,
    /// Classic queues.
    ClassicQueues,
    /// Quorum queues.
    QuorumQueues,
    /// Streams.
    Streams,
    /// Exchanges.
    Exchanges,
}

impl ApplyTo {
    const ALL: [Self; 6] = [
        Self::All,
        Self::Queues,
        Self::ClassicQueues,
        Self::QuorumQueues,
        Self::Streams,
        Self::Exchanges,
    ];

    /// As RabbitMQ's definitions spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Queues => "queues",
            Self::ClassicQueues => "classic_queues",
            Self::QuorumQueues => "quorum_queues",
            Self::Streams => "streams",
            Self::Exchanges => "exchanges",
        }
    }

    /// # Errors
    /// [`PolicyFault`] if nothing is spelt so.
    pub fn parse(text: &str) -> Result<Self, PolicyFault> {
        Self::ALL.into_iter().find(|known| known.as_str() == text).ok_or_else(|| {
            // With the two spaces that RabbitMQ has there.
            PolicyFault::new(format!(
                "apply-to '{text}' unrecognised; should be one of: 'queues', 'classic_queues',  \
                 'quorum_queues', 'streams', 'exchanges', or 'all'"
            ))
        })
    }

    fn includes(self, kind: QueueKind) -> bool {
        match self {
            Self::All | Self::Queues => true,
            Self::ClassicQueues => kind == QueueKind::Classic,
            Self::QuorumQueues => kind == QueueKind::Quorum,
            Self::Streams | Self::Exchanges => false,
        }
    }
}

/// Why a policy is refused, in RabbitMQ's words. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("Validation failed\n\n{fault}\n")]
pub struct PolicyFault {
    fault: String,
}

impl PolicyFault {
    /// With what is wrong.
    pub fn new(fault: impl Into<String>) -> Self {
        Self { fault: fault.into() }
    }
}

/// A policy of a vhost.
#[derive(Clone)]
pub struct Policy {
    name: PolicyName,
    pattern: Regex,
    apply_to: ApplyTo,
    priority: i64,
    definition: FieldTable,
}

impl Policy {
    /// A policy, whose definition is checked as one of this kind.
    ///
    /// # Errors
    /// [`PolicyFault`] in RabbitMQ's order: the pattern, then the definition.
    pub fn new(
        kind: PolicyKind,
        (name, pattern): (PolicyName, &str),
        apply_to: ApplyTo,
        priority: i64,
        definition: FieldTable,
    ) -> Result<Self, PolicyFault> {
        let policy =
            Self::with_limit((name, pattern), apply_to, priority, definition, PATTERN_BYTES_MAX)?;
        keys::check(kind, &policy.definition)?;
        Ok(policy)
    }

    /// A policy that was checked when it was set. What took little memory then may take some more by now.
    ///
    /// # Errors
    /// [`PolicyFault`] if its pattern is none, or takes far too much memory.
    pub fn restored(
        place: (PolicyName, &str),
        apply_to: ApplyTo,
        priority: i64,
        definition: FieldTable,
    ) -> Result<Self, PolicyFault> {
        Self::with_limit(place, apply_to, priority, definition, 4 * PATTERN_BYTES_MAX)
    }

    fn with_limit(
        (name, pattern): (PolicyName, &str),
        apply_to: ApplyTo,
        priority: i64,
        mut definition: FieldTable,
        bytes_max: usize,
    ) -> Result<Self, PolicyFault> {
        let mut builder = RegexBuilder::new(pattern);
        builder.size_limit(bytes_max).dfa_size_limit(bytes_max);
        let pattern = builder.build().map_err(|error| {
            PolicyFault::new(format!(
                "pattern should be regular expression but is invalid: {error}"
            ))
        })?;
        definition.sort_and_dedup();
        Ok(Self { name, pattern, apply_to, priority, definition })
    }

    /// Its name, of which there is one for each kind in a vhost.
    pub fn name(&self) -> &PolicyName {
        &self.name
    }

    /// The names that it matches: those in which this regular expression is found.
    pub fn pattern(&self) -> &str {
        self.pattern.as_str()
    }

    /// What it is for.
    pub fn apply_to(&self) -> ApplyTo {
        self.apply_to
    }

    /// The greatest counts.
    pub fn priority(&self) -> i64 {
        self.priority
    }

    /// What it sets, ordered by the keys.
    pub fn definition(&self) -> &FieldTable {
        &self.definition
    }

    /// Whether it can count for a queue; not if it sets what queues of this type do not have.
    fn matches_queue(&self, name: &str, kind: QueueKind) -> bool {
        self.apply_to.includes(kind)
            && self.pattern.is_match(name)
            && !self.definition.iter().any(|(key, _)| keys::is_foreign(key.as_bytes(), kind))
    }

    fn matches_exchange(&self, name: &str) -> bool {
        matches!(self.apply_to, ApplyTo::All | ApplyTo::Exchanges) && self.pattern.is_match(name)
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("name", &self.name)
            .field("pattern", &self.pattern())
            .field("apply_to", &self.apply_to)
            .field("priority", &self.priority)
            .field("definition", &self.definition)
            .finish()
    }
}

impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        let of = |policy: &Self| (policy.name.clone(), policy.apply_to, policy.priority);
        of(self) == of(other)
            && self.pattern() == other.pattern()
            && self.definition == other.definition
    }
}

#[cfg(test)]
mod tests;
