//! What the node is called, and what it does where nobody says otherwise.

use broker::QueueKind;

use super::Admin;

impl Admin {
    /// The name that clients are told of the cluster.
    pub fn cluster_name(&self) -> &str {
        &self.node.shared.options.cluster_name
    }

    /// The type of queues that are declared without one, where the vhost does not say either.
    pub fn default_queue_type(&self) -> QueueKind {
        self.node.shared.options.default_queue_type
    }
}
