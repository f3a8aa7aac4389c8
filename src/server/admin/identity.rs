//! What the node is called, and what it does where nobody says otherwise.

use std::sync::Arc;

use broker::QueueKind;

use super::Admin;
use crate::random;

impl Admin {
    /// The name that clients are told of the cluster: what it was given, or else that of the settings.
    pub fn cluster_name(&self) -> Arc<str> {
        let given = self.node.parameters.read().cluster_name().cloned();
        given.unwrap_or_else(|| (*self.node.shared.options.cluster_name).into())
    }

    /// What nothing else in the world has. It stays the same for as long as the log is the same.
    pub fn identity(&self) -> u128 {
        *self.node.identity.get_or_init(random::identity)
    }

    /// The type of queues that are declared without one, where the vhost does not say either.
    pub fn default_queue_type(&self) -> QueueKind {
        self.node.shared.options.default_queue_type
    }
}
