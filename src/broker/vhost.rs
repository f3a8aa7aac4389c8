//! Vhosts: what each has of its own, and what is in each from the beginning.

use amqp::FieldTable;

use crate::{
    QueueKind, Refusal, ResourceKind, VhostName,
    exchange::{ExchangeKind, ExchangeSpec},
};

/// A vhost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vhost {
    /// Its name.
    pub name: VhostName,
    /// What it is for, in the owner's words.
    pub description: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// The type of queues that are declared without one, where their flags suit it.
    pub default_queue_type: QueueKind,
}

impl Vhost {
    /// A vhost with nothing said about it.
    pub fn new(name: VhostName) -> Self {
        Self {
            name,
            description: String::new(),
            tags: Vec::new(),
            default_queue_type: QueueKind::Classic,
        }
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
        internal: kind == ExchangeKind::Topic && name == "amq.rabbitmq.trace",
        arguments: FieldTable::new(),
    })
}

/// Checks the name of something that is to be created: those that begin with `amq.` are the broker's own.
///
/// # Errors
/// [`Refusal::ReservedName`].
pub fn check_new_name(kind: ResourceKind, name: &str) -> Result<(), Refusal> {
    if is_reserved(name) {
        return Err(Refusal::ReservedName { kind, name: name.to_owned() });
    }
    Ok(())
}

/// Whether a name belongs to the broker: clients neither create nor delete such an exchange.
pub fn is_reserved(name: &str) -> bool {
    name.starts_with("amq.")
}

/// A name as RabbitMQ takes it: without line breaks.
pub fn strip_line_breaks(name: &str) -> std::borrow::Cow<'_, str> {
    if name.contains(['\r', '\n']) { name.replace(['\r', '\n'], "").into() } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_broker() {
        assert_eq!(check_new_name(ResourceKind::Queue, "amq"), Ok(()));
        assert_eq!(
            check_new_name(ResourceKind::Queue, "amq.foo").unwrap_err().to_string(),
            "ACCESS_REFUSED - queue name 'amq.foo' contains reserved prefix 'amq.*'"
        );
        assert!(predeclared_exchanges().all(|spec| is_reserved(&spec.name) && spec.durable));
    }

    #[test]
    fn line_breaks_vanish() {
        assert_eq!(strip_line_breaks("a\r\nb"), "ab");
        assert_eq!(strip_line_breaks("ab"), "ab");
    }
}
