//! What lists are made of, and what each of that holds of memory while its list is sent.

use std::sync::Arc;

use amqp::FieldTable;
use broker::User;
use server::admin::{
    BindingInfo, ChannelKey, ConnectionKey, ConsumerInfo, ExchangeKey, LimitInfo, PermissionInfo,
    PolicyInfo, QueueKey, TopicPermissionInfo, TraceFileInfo, TraceInfo, VhostInfo,
};

use crate::fields::Fields;
use crate::listing::Item;

impl Item for ConnectionKey {}
impl Item for ChannelKey {}
impl Item for Fields {}

/// A user is shared with whoever is logged in as one.
impl Item for Arc<User> {
    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }
}

impl Item for QueueKey {
    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }
}

impl Item for ExchangeKey {
    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }
}

impl Item for BindingInfo {
    fn heap_bytes(&self) -> usize {
        self.routing_key.len() + bytes_of(&self.arguments)
    }
}

impl Item for ConsumerInfo {
    fn heap_bytes(&self) -> usize {
        self.connection.len() + self.user.len() + bytes_of(&self.arguments)
    }
}

impl Item for VhostInfo {
    fn heap_bytes(&self) -> usize {
        let tags: usize =
            self.settings.tags.iter().map(|tag| tag.len() + size_of::<String>()).sum();
        self.settings.description.len() + tags
    }
}

impl Item for TraceInfo {
    fn heap_bytes(&self) -> usize {
        self.name.len() + self.what.pattern.len()
    }

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }
}

impl Item for TraceFileInfo {
    fn heap_bytes(&self) -> usize {
        self.name.len()
    }

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }
}

impl Item for PermissionInfo {
    fn heap_bytes(&self) -> usize {
        self.configure.len() + self.write.len() + self.read.len()
    }
}

impl Item for TopicPermissionInfo {
    fn heap_bytes(&self) -> usize {
        self.write.len() + self.read.len()
    }
}

impl Item for LimitInfo {
    fn heap_bytes(&self) -> usize {
        self.owner.len()
    }
}

/// About what a table takes in memory: a few times what it takes on the wire.
fn bytes_of(table: &FieldTable) -> usize {
    if table.is_empty() { 0 } else { table.to_bytes().len() * 4 }
}

impl Item for PolicyInfo {
    fn heap_bytes(&self) -> usize {
        self.policy.pattern().len() + bytes_of(self.policy.definition())
    }

    fn name(&self) -> Option<&str> {
        Some(self.policy.name())
    }
}
