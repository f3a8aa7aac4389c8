//! The exchange types, by name.

use std::fmt;

use amqp::FieldTable;

use super::{
    ExchangeType, consistent_hash::ConsistentHash, direct::Direct, fanout::Fanout,
    headers::Headers, local_random::LocalRandom, modulus_hash::ModulusHash, random::Random,
    recent_history, topic::Topic,
};
use crate::Refusal;

/// A type of exchange; it shows as its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ExchangeKind {
    /// To whoever is bound with the routing key.
    Direct,
    /// To everybody.
    Fanout,
    /// To whoever is bound with a pattern that matches the routing key.
    Topic,
    /// To whoever is bound with arguments that match the headers.
    Headers,
    /// To one, by a hash that moves few keys when destinations come and go.
    ConsistentHash,
    /// To one at random.
    Random,
    /// To one queue of this node at random.
    LocalRandom,
    /// To one, by the remainder of a hash.
    ModulusHash,
    /// To everybody; who binds later gets the last messages too.
    RecentHistory,
    /// As another type, but later.
    Delayed,
}

impl ExchangeKind {
    /// Every type.
    pub const ALL: [Self; 10] = [
        Self::Direct,
        Self::Fanout,
        Self::Topic,
        Self::Headers,
        Self::ConsistentHash,
        Self::Random,
        Self::LocalRandom,
        Self::ModulusHash,
        Self::RecentHistory,
        Self::Delayed,
    ];

    /// The type's name in `exchange.declare`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Fanout => "fanout",
            Self::Topic => "topic",
            Self::Headers => "headers",
            Self::ConsistentHash => "x-consistent-hash",
            Self::Random => "x-random",
            Self::LocalRandom => "x-local-random",
            Self::ModulusHash => "x-modulus-hash",
            Self::RecentHistory => "x-recent-history",
            Self::Delayed => "x-delayed-message",
        }
    }

    /// The type of that name: the first check of `exchange.declare`.
    ///
    /// # Errors
    /// [`Refusal::UnknownExchangeType`], or [`Refusal::PreconditionFailed`] for no name.
    pub fn parse(name: &str) -> Result<Self, Refusal> {
        if name.is_empty() {
            let explanation = "invalid exchange type ''".to_owned();
            return Err(Refusal::PreconditionFailed { explanation });
        }
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or_else(|| Refusal::UnknownExchangeType { kind: name.to_owned() })
    }

    /// An empty index of this type, after a check of the arguments that it reads.
    pub(super) fn index(self, arguments: &FieldTable) -> Result<Box<dyn ExchangeType>, Refusal> {
        Ok(match self {
            Self::Direct => Box::new(Direct::default()),
            Self::Fanout => Box::new(Fanout::default()),
            Self::Topic => Box::new(Topic::default()),
            Self::Headers => Box::new(Headers::default()),
            Self::ConsistentHash => Box::new(ConsistentHash::new(arguments)?),
            Self::Random => Box::new(Random::default()),
            Self::LocalRandom => Box::new(LocalRandom::default()),
            Self::ModulusHash => Box::new(ModulusHash::default()),
            Self::RecentHistory => {
                recent_history::check_arguments(arguments)?;
                Box::new(Fanout::default())
            }
            Self::Delayed => Self::delayed_type(arguments)?.index(arguments)?,
        })
    }

    /// Whether a message goes to one of the destinations, whichever bindings there are.
    pub(super) const fn chooses_one(self) -> bool {
        matches!(self, Self::ConsistentHash | Self::Random | Self::LocalRandom | Self::ModulusHash)
    }

    /// The type that an exchange of this type and with these arguments routes as.
    pub(super) fn once_due(self, arguments: &FieldTable) -> Self {
        if self != Self::Delayed {
            return self;
        }
        // They were checked as the exchange was declared.
        Self::delayed_type(arguments).unwrap_or(self)
    }

    /// What an `x-delayed-message` exchange is once the delay is over: its `x-delayed-type`.
    fn delayed_type(arguments: &FieldTable) -> Result<Self, Refusal> {
        let name = arguments.get("x-delayed-type").and_then(amqp::FieldValue::as_long_string);
        let Some(name) = name else {
            let explanation =
                "Invalid argument, 'x-delayed-type' must be an existing exchange type".to_owned();
            return Err(Refusal::PreconditionFailed { explanation });
        };
        let kind = Self::parse(&String::from_utf8_lossy(name))?;
        // One delay is enough.
        if kind == Self::Delayed {
            return Err(Refusal::UnknownExchangeType { kind: kind.to_string() });
        }
        Ok(kind)
    }
}

impl fmt::Display for ExchangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
