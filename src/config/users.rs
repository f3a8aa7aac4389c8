//! The users of the settings, which are there at the first start.

use std::collections::HashSet;
use std::sync::Arc;

use ahash::AHashMap;
use anyhow::{Context, Result, ensure};
use broker::permission::Permission;
use broker::user::{Password, User, UserTags, can_be_user_name};
use serde::Deserialize;
use server::{Account, NamedAccount};

/// An entry of `[[users]]`
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserConfig {
    pub(crate) name: String,
    pub(crate) password: String,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    /// Whether it may log in from this machine only.
    #[serde(default)]
    pub(crate) loopback_only: bool,
    #[serde(default)]
    pub(crate) permissions: Vec<PermissionConfig>,
}

impl std::fmt::Debug for UserConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserConfig").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a user may do in a vhost: patterns over the names of exchanges and queues; an empty one matches nothing.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PermissionConfig {
    pub(crate) vhost: String,
    #[serde(default)]
    pub(crate) configure: String,
    #[serde(default)]
    pub(crate) write: String,
    #[serde(default)]
    pub(crate) read: String,
}

impl UserConfig {
    /// The one that is there if no settings say otherwise: from this machine, with all rights.
    pub(super) fn guest() -> Self {
        let everything = PermissionConfig {
            vhost: "/".to_owned(),
            configure: ".*".to_owned(),
            write: ".*".to_owned(),
            read: ".*".to_owned(),
        };
        Self {
            name: "guest".to_owned(),
            password: "guest".to_owned(),
            tags: vec!["administrator".to_owned()],
            loopback_only: true,
            permissions: vec![everything],
        }
    }
}

/// The accounts of all of them, whose permissions are in these vhosts.
///
/// # Errors
/// Names the first that is wrong.
pub(super) fn accounts(users: &[UserConfig], vhosts: &[String]) -> Result<Vec<NamedAccount>> {
    let mut names = HashSet::new();
    let mut accounts = Vec::new();
    for user in users {
        ensure!(!user.name.is_empty(), "[[users]] has an entry without a name");
        ensure!(
            can_be_user_name(&user.name),
            "[[users]] has {:?}: a name has no colon and no control characters",
            user.name
        );
        ensure!(names.insert(&user.name), "[[users]] has '{}' twice", user.name);
        let mut permissions = AHashMap::new();
        for permission in &user.permissions {
            let PermissionConfig { vhost, configure, write, read } = permission;
            ensure!(
                vhosts.contains(vhost),
                "user '{}' has permissions in vhost '{vhost}', which is not in vhosts",
                user.name
            );
            let patterns = Permission::new(configure, write, read).with_context(|| {
                format!("the permissions of user '{}' in vhost '{vhost}'", user.name)
            })?;
            permissions.insert(vhost.as_str().into(), Arc::new(patterns));
        }
        let name = user.name.as_str().into();
        let tags = UserTags::new(user.tags.iter().cloned());
        let password = Password::new(user.password.as_bytes());
        let loopback_only = user.loopback_only;
        let user = User { name, tags, loopback_only, password: None };
        accounts.push(NamedAccount { account: Account { user, permissions }, password });
    }
    Ok(accounts)
}
