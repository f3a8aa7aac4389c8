//! Bindings: who gets which messages of an exchange.

use std::fmt;

use amqp::FieldTable;

use crate::{ExchangeName, QueueName};

/// Where an exchange sends messages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// A queue.
    Queue(QueueName),
    /// Another exchange, which routes on.
    Exchange(ExchangeName),
}

impl Destination {
    /// The queue's or exchange's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Queue(name) => name,
            Self::Exchange(name) => name,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(name) => write!(f, "queue '{name}'"),
            Self::Exchange(name) => write!(f, "exchange '{name}'"),
        }
    }
}

/// A binding of one exchange. Destination, key and arguments are its identity, in this order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Binding {
    /// Who is bound.
    pub destination: Destination,
    /// The binding key.
    pub key: Box<[u8]>,
    /// The arguments, ordered by key and encoded: the contents of a table as on the wire.
    arguments: Box<[u8]>,
}

impl Binding {
    pub(super) fn new(destination: Destination, key: &[u8], arguments: &FieldTable) -> Self {
        let arguments = if arguments.is_empty() {
            Box::default()
        } else {
            let mut arguments = arguments.clone();
            arguments.sort_and_dedup();
            arguments.to_bytes().into_boxed_slice()
        };
        Self { destination, key: Box::from(key), arguments }
    }

    /// The least binding of a destination: none of its bindings comes before this one.
    pub(super) fn first_to(destination: Destination) -> Self {
        Self { destination, key: Box::default(), arguments: Box::default() }
    }

    /// The arguments, ordered by key.
    pub fn arguments(&self) -> FieldTable {
        FieldTable::decode(&self.arguments).expect("the arguments were encoded from a table")
    }
}
