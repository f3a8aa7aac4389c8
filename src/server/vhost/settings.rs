//! What is said of a vhost and can be changed.

use std::sync::Arc;

use broker::record::Definition;
use broker::vhost::{VhostDefinition, VhostSettings};
use broker::{LogPosition, QueueKind};

use super::Vhost;
use crate::journal::Logged;
use crate::node::Shared;

/// The settings of a vhost, and where in the log its definition is.
#[derive(Debug, Default)]
pub(crate) struct Described {
    settings: VhostSettings,
    logged: Option<Logged>,
}

impl Vhost {
    /// A vhost as it was defined.
    pub(crate) fn defined(
        definition: VhostDefinition,
        logged: Option<Logged>,
        shared: &Arc<Shared>,
    ) -> Arc<Self> {
        let vhost = Self::new(definition.name, shared);
        vhost.tracing.set(definition.settings.is_tracing);
        *vhost.described.write() = Described { settings: definition.settings, logged };
        vhost
    }

    /// What is said of it now.
    pub(crate) fn settings(&self) -> VhostSettings {
        self.described.read().settings.clone()
    }

    /// The type of queues that are declared here without one.
    pub(crate) fn default_queue_type(&self) -> QueueKind {
        let own = self.described.read().settings.default_queue_type;
        own.unwrap_or(self.shared.options.default_queue_type)
    }

    /// Says something else of it; what that waits for.
    pub(crate) fn describe(&self, settings: VhostSettings) -> Option<LogPosition> {
        let mut described = self.described.write();
        let (name, old) = (self.name.clone(), &described.logged);
        let definition = VhostDefinition { name, settings: settings.clone() };
        let logged = self.shared.redefine(&Definition::Vhost(definition), Some(old));
        self.tracing.set(settings.is_tracing);
        *described = Described { settings, logged };
        logged.map(|logged| logged.at)
    }

    /// Its definition in the log.
    pub(crate) fn logged(&self) -> Option<Logged> {
        self.described.read().logged
    }
}
