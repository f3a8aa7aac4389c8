//! Why a binding does not take a message: for people who look for one that did not arrive.

use std::{fmt, sync::Arc};

use super::{Binding, ExchangeKind, ExchangeSpec, RoutingInput, headers};

/// What keeps a message from going by a binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// The routing key is not the binding key.
    Key,
    /// The routing key does not fit the pattern.
    Pattern,
    /// The message lacks this header.
    HeaderMissing(String),
    /// This header has another value.
    HeaderDiffers(String),
    /// Of the headers that the binding names none has the value.
    NoHeader,
    /// The exchange sends each message to one destination, and this is another.
    NotChosen,
}

impl Mismatch {
    /// Looks at one binding of an exchange, as if it were the only one; `None` if it takes the message.
    ///
    /// `is_chosen` says whether the exchange sends the message to the destination of this binding.
    pub fn of(
        spec: &ExchangeSpec,
        binding: &Arc<Binding>,
        input: &RoutingInput<'_>,
        is_chosen: bool,
    ) -> Option<Self> {
        let kind = spec.kind.once_due(&spec.arguments);
        if kind.chooses_one() {
            return (!is_chosen).then_some(Self::NotChosen);
        }
        let mut alone = kind.index(&spec.arguments).ok()?;
        alone.add(binding);
        let mut taken = Vec::new();
        alone.route(input, &mut taken);
        if !taken.is_empty() {
            return None;
        }
        match kind {
            ExchangeKind::Topic => Some(Self::Pattern),
            ExchangeKind::Headers => headers::mismatch(binding, input),
            ExchangeKind::Direct
            | ExchangeKind::Fanout
            | ExchangeKind::ConsistentHash
            | ExchangeKind::Random
            | ExchangeKind::LocalRandom
            | ExchangeKind::ModulusHash
            | ExchangeKind::RecentHistory
            | ExchangeKind::Delayed => Some(Self::Key),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => f.write_str("the routing key is another"),
            Self::Pattern => f.write_str("the routing key does not fit the pattern"),
            Self::HeaderMissing(name) => write!(f, "the message has no header '{name}'"),
            Self::HeaderDiffers(name) => write!(f, "the header '{name}' has another value"),
            Self::NoHeader => f.write_str("none of these headers has the value that is asked for"),
            Self::NotChosen => f.write_str("the exchange sends it to one destination, another one"),
        }
    }
}
