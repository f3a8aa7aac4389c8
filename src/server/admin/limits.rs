//! How much there may be of a vhost, and of a user.

use broker::limits::{LimitName, Limits};
use broker::record::{Definition, LimitsDefinition};
use broker::{LogPosition, UserName, VhostName};

use super::{Admin, AdminError, no_such};
use crate::rights::Rights;

/// The limits of a user or vhost; what is `None` or negative is unlimited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitInfo {
    /// The name of the user or vhost.
    pub owner: String,
    /// What is limited.
    pub limits: Limits,
}

impl LimitInfo {
    fn of((owner, limits): (impl AsRef<str>, Limits)) -> Self {
        Self { owner: owner.as_ref().to_owned(), limits }
    }
}

impl Admin {
    /// The vhosts that are limited, by name.
    pub fn vhost_limits(&self) -> Vec<LimitInfo> {
        self.node.rights.read().vhost_limits().map(LimitInfo::of).collect()
    }

    /// The limits of a vhost: none if there are none, or no such vhost.
    pub fn vhost_limits_of(&self, vhost: &str) -> Limits {
        self.node.rights.read().vhost_limits_of(vhost)
    }

    /// The users who are limited, by name.
    pub fn user_limits(&self) -> Vec<LimitInfo> {
        self.node.rights.read().user_limits().map(LimitInfo::of).collect()
    }

    /// Limits a vhost. What is there already may exceed it.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] if there is no such vhost, [`AdminError::Invalid`] if that is not limited for vhosts.
    pub async fn put_vhost_limit(
        &self,
        vhost: &str,
        name: LimitName,
        value: i64,
    ) -> Result<(), AdminError> {
        check_vhost_limit(name)?;
        self.change_vhost_limits(vhost, |all| *all.value_mut(name) = Some(value)).await
    }

    /// Limits a vhost by these and nothing else.
    ///
    /// # Errors
    /// As of [`put_vhost_limit`](Self::put_vhost_limit).
    pub async fn replace_vhost_limits(
        &self,
        vhost: &str,
        limits: Limits,
    ) -> Result<(), AdminError> {
        limits.iter().try_for_each(|(name, _)| check_vhost_limit(name))?;
        self.change_vhost_limits(vhost, |all| *all = limits).await
    }

    /// Takes a limit of a vhost away; it need not have had it.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] if there is no such vhost.
    pub async fn delete_vhost_limit(&self, vhost: &str, name: LimitName) -> Result<(), AdminError> {
        self.change_vhost_limits(vhost, |all| *all.value_mut(name) = None).await
    }

    /// Limits a user. What they have already may exceed it.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] if there is no such user, [`AdminError::Invalid`] if that is not limited for users.
    pub async fn put_user_limit(
        &self,
        user: &str,
        name: LimitName,
        value: i64,
    ) -> Result<(), AdminError> {
        check_user_limit(name)?;
        self.change_user_limit(user, name, Some(value)).await
    }

    /// Takes a limit of a user away; they need not have had it.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] if there is no such user.
    pub async fn delete_user_limit(&self, user: &str, name: LimitName) -> Result<(), AdminError> {
        self.change_user_limit(user, name, None).await
    }

    async fn change_vhost_limits(
        &self,
        vhost: &str,
        change_them: impl FnOnce(&mut Limits),
    ) -> Result<(), AdminError> {
        let change = |rights: &mut Rights| {
            self.node.vhost(vhost).ok_or_else(|| no_such("vhost", vhost))?;
            let mut limits = rights.vhost_limits_of(vhost);
            change_them(&mut limits);
            Ok((limits, self.set_vhost_limits(rights, vhost.into(), limits)))
        };
        let limits = self.change(None, change).await?;
        self.node.shared.tell_vhost_limits(self.by.as_ref(), vhost, &limits);
        Ok(())
    }

    async fn change_user_limit(
        &self,
        user: &str,
        name: LimitName,
        value: Option<i64>,
    ) -> Result<(), AdminError> {
        let change = |rights: &mut Rights| {
            rights.user(user).ok_or_else(|| no_such("user", user))?;
            let mut limits = rights.user_limits_of(user);
            *limits.value_mut(name) = value;
            Ok((limits, self.set_user_limits(rights, user.into(), limits)))
        };
        let limits = self.change(None, change).await?;
        self.node.shared.tell_user_limits(self.by.as_ref(), user, &limits);
        Ok(())
    }

    fn set_vhost_limits(
        &self,
        rights: &mut Rights,
        owner: VhostName,
        limits: Limits,
    ) -> Option<LogPosition> {
        let shared = &self.node.shared;
        if limits.is_empty() {
            return shared.undefine(rights.remove_vhost_limits(&owner));
        }
        let mut logged = None;
        rights.put_vhost_limits(owner.clone(), limits, |old| {
            let definition = Definition::VhostLimits(LimitsDefinition { owner, limits });
            logged = shared.redefine(&definition, old);
            logged
        });
        logged.map(|logged| logged.at)
    }

    fn set_user_limits(
        &self,
        rights: &mut Rights,
        owner: UserName,
        limits: Limits,
    ) -> Option<LogPosition> {
        let shared = &self.node.shared;
        if limits.is_empty() {
            return shared.undefine(rights.remove_user_limits(&owner));
        }
        let mut logged = None;
        rights.put_user_limits(owner.clone(), limits, |old| {
            let definition = Definition::UserLimits(LimitsDefinition { owner, limits });
            logged = shared.redefine(&definition, old);
            logged
        });
        logged.map(|logged| logged.at)
    }
}

/// Checks that vhosts can be limited so.
///
/// # Errors
/// [`AdminError::Invalid`].
fn check_vhost_limit(name: LimitName) -> Result<(), AdminError> {
    if name == LimitName::MaxChannels { Err(not_limited(name, "vhosts")) } else { Ok(()) }
}

/// Checks that users can be limited so.
///
/// # Errors
/// [`AdminError::Invalid`].
pub fn check_user_limit(name: LimitName) -> Result<(), AdminError> {
    if name == LimitName::MaxQueues { Err(not_limited(name, "users")) } else { Ok(()) }
}

fn not_limited(name: LimitName, of: &str) -> AdminError {
    AdminError::Invalid { reason: format!("{} is no limit of {of}", name.as_str()) }
}
