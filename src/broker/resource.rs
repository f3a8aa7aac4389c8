//! Which queue or exchange a permission or a refusal is about.

use std::fmt;

use crate::{ExchangeName, QueueName, VhostName};

/// The kinds of things that permissions apply to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceKind {
    /// A queue.
    Queue,
    /// An exchange.
    Exchange,
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queue => "queue",
            Self::Exchange => "exchange",
        })
    }
}

/// A queue or exchange in its vhost; shows as RabbitMQ writes it, `queue 'orders' in vhost '/'`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resource {
    /// Queue or exchange.
    pub kind: ResourceKind,
    /// Its name.
    pub name: Box<str>,
    /// The vhost that it is in.
    pub vhost: VhostName,
}

impl Resource {
    /// The queue `name` in `vhost`.
    pub fn queue(vhost: &VhostName, name: &QueueName) -> Self {
        Self { kind: ResourceKind::Queue, name: Box::from(name.as_str()), vhost: vhost.clone() }
    }

    /// The exchange `name` in `vhost`.
    pub fn exchange(vhost: &VhostName, name: &ExchangeName) -> Self {
        Self { kind: ResourceKind::Exchange, name: Box::from(name.as_str()), vhost: vhost.clone() }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} '{}' in vhost '{}'", self.kind, self.name, self.vhost)
    }
}
