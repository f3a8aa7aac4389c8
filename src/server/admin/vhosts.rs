//! Vhosts.

use std::sync::Arc;

use broker::VhostName;
use broker::record::Definition;
use broker::vhost::{VhostDefinition, VhostSettings};
use tracing::info;

use super::{Admin, AdminError, Put, check_name, check_texts, no_such};
use crate::vhost::Vhost;

/// A vhost as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VhostInfo {
    /// Its name.
    pub name: VhostName,
    /// What is said of it.
    pub settings: VhostSettings,
    /// Whether its messages are copied: its settings say so, or it has traces.
    pub is_traced: bool,
}

impl Admin {
    /// All vhosts, by name.
    pub fn vhosts(&self) -> Vec<VhostInfo> {
        let vhosts = self.node.vhosts.iter();
        let mut vhosts: Vec<VhostInfo> = vhosts.map(|vhost| VhostInfo::of(&vhost)).collect();
        vhosts.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        vhosts
    }

    /// A vhost.
    pub fn vhost(&self, name: &str) -> Option<VhostInfo> {
        self.node.vhost(name).map(|vhost| VhostInfo::of(&vhost))
    }

    /// Adds a vhost, or changes what is said of one: `change` gets what was said before, and nobody changes it meanwhile.
    /// Nobody may do anything in a new one.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] if the name cannot be one, or too much is said of it; and that of `change`.
    pub async fn put_vhost<E: From<AdminError>>(
        &self,
        name: &str,
        change: impl FnOnce(&mut VhostSettings) -> Result<(), E>,
    ) -> Result<Put, E> {
        let changes = self.node.vhost_changes.lock().await;
        let known = self.node.vhost(name);
        let mut settings = known.as_ref().map(|vhost| vhost.settings()).unwrap_or_default();
        change(&mut settings)?;
        self.check_vhost(name, &settings)?;
        let shared = &self.node.shared;
        let told = settings.clone();
        let (was_there, after) = match known {
            Some(vhost) => (true, vhost.describe(settings)),
            None => {
                let vhost = VhostDefinition { name: name.into(), settings };
                let logged = shared.redefine(&Definition::Vhost(vhost.clone()), None);
                let name = vhost.name.clone();
                self.node.vhosts.insert(name, Vhost::defined(vhost, logged, shared));
                (false, logged.map(|logged| logged.at))
            }
        };
        drop(changes);
        let key = if was_there { "vhost.updated" } else { "vhost.created" };
        shared.tell_vhost(key, self.by.as_ref(), name, &told);
        shared.flushed(after).await;
        info!(vhost = name, "{}", if was_there { "vhost changed" } else { "vhost added" });
        Ok(Put::of(was_there))
    }

    /// Whether a vhost could be put so.
    ///
    /// # Errors
    /// As of [`put_vhost`](Self::put_vhost).
    pub fn check_vhost(&self, name: &str, settings: &VhostSettings) -> Result<(), AdminError> {
        check_name("vhost", name)?;
        let tags = settings.tags.iter().map(String::as_str);
        check_texts(tags.chain([&*settings.description]))
    }

    /// Says whether a vhost can be deleted.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn protect_vhost(&self, name: &str, is_protected: bool) -> Result<(), AdminError> {
        let changes = self.node.vhost_changes.lock().await;
        let vhost = self.node.vhost(name).ok_or_else(|| no_such("vhost", name))?;
        let after = vhost.describe(VhostSettings { is_protected, ..vhost.settings() });
        drop(changes);
        self.node.shared.flushed(after).await;
        info!(vhost = name, is_protected, "vhost changed");
        Ok(())
    }

    /// Deletes a vhost with everything that is in it or was said of it, and closes the connections to it.
    ///
    /// It is gone for everybody, also after a restart, before what was in it is cleared away; only then this returns, and
    /// a vhost of the same name can be added. Who stops waiting stops nothing.
    ///
    /// # Errors
    /// [`AdminError::NotFound`]; [`AdminError::Denied`] if it is protected.
    pub async fn delete_vhost(&self, name: &str) -> Result<(), AdminError> {
        let changes = Arc::clone(&self.node.vhost_changes).lock_owned().await;
        let vhost = self.node.vhost(name).ok_or_else(|| no_such("vhost", name))?;
        if vhost.settings().is_protected {
            let reason =
                format!("Cannot delete vhost '{name}' because it is protected from deletion");
            return Err(AdminError::Denied { reason });
        }
        let after = {
            let mut rights = self.node.rights.write();
            vhost.mark_deleted();
            self.node.vhosts.remove(name);
            let gone = rights.remove_vhost(name);
            let of_vhost = vhost.logged_policies().into_iter().chain([vhost.logged()]);
            self.node.shared.undefine(gone.into_iter().chain(of_vhost))
        };
        self.node.tell_rights_changed(None);
        self.tell("vhost.deleted", |headers| {
            headers.text("name", name);
        });
        let shared = Arc::clone(&self.node.shared);
        let cleared = tokio::spawn(async move {
            shared.flushed(after).await;
            info!(vhost = vhost.name.as_str(), "vhost deleted");
            // It fails only if it panicked, which has been said.
            let _ = tokio::task::spawn_blocking(move || vhost.clear()).await;
            drop(changes);
        });
        let _ = cleared.await;
        Ok(())
    }
}

impl VhostInfo {
    fn of(vhost: &Vhost) -> Self {
        let is_traced = vhost.tracing.is_on();
        Self { name: vhost.name.clone(), settings: vhost.settings(), is_traced }
    }
}
