//! Vhosts: what is said of each, and what is in it from the beginning.

use amqp::FieldTable;

use crate::exchange::{ExchangeKind, ExchangeSpec};
use crate::{QueueKind, VhostName};

/// A vhost as it is defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VhostDefinition {
    /// Its name.
    pub name: VhostName,
    /// What can be changed of it.
    pub settings: VhostSettings,
}

/// What can be changed of a vhost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VhostSettings {
    /// What it is for, in words.
    pub description: String,
    /// What operators call it.
    pub tags: Vec<String>,
    /// The type of queues that are declared here without one; `None`: that of the node.
    pub default_queue_type: Option<QueueKind>,
    /// It must not be deleted.
    pub is_protected: bool,
    /// Its messages are copied to `amq.rabbitmq.trace`.
    pub is_tracing: bool,
}

impl From<VhostName> for VhostDefinition {
    /// With nothing special about it.
    fn from(name: VhostName) -> Self {
        Self { name, settings: VhostSettings::default() }
    }
}

/// The exchanges that are in every vhost from its beginning, besides the default one.
pub fn predeclared_exchanges() -> impl Iterator<Item = ExchangeSpec> {
    [
        ("amq.direct", ExchangeKind::Direct),
        ("amq.fanout", ExchangeKind::Fanout),
        ("amq.headers", ExchangeKind::Headers),
        ("amq.match", ExchangeKind::Headers),
        ("amq.rabbitmq.trace", ExchangeKind::Topic),
        ("amq.topic", ExchangeKind::Topic),
    ]
    .into_iter()
    .map(|(name, kind)| ExchangeSpec {
        name: name.into(),
        kind,
        durable: true,
        auto_delete: false,
        internal: name == "amq.rabbitmq.trace",
        arguments: FieldTable::new(),
    })
}

/// The exchange, in the vhost `/` only, that tells of what happens to the broker.
pub const EVENT_EXCHANGE: &str = "amq.rabbitmq.event";

/// That exchange.
pub fn event_exchange() -> ExchangeSpec {
    ExchangeSpec {
        name: EVENT_EXCHANGE.into(),
        kind: ExchangeKind::Topic,
        durable: true,
        auto_delete: false,
        internal: true,
        arguments: FieldTable::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predeclared_exchanges_are_durable_and_reserved() {
        for spec in predeclared_exchanges() {
            assert!(spec.name.starts_with("amq.") && spec.durable);
            assert_eq!(spec.internal, spec.name == "amq.rabbitmq.trace");
        }
    }
}
