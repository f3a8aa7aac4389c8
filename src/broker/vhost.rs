//! Vhosts: what is in each of them from the beginning.

use amqp::FieldTable;

use crate::exchange::{ExchangeKind, ExchangeSpec};

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
