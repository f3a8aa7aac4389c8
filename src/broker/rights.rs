//! Who may do what, and how much of it: users, permissions, topic permissions and limits.

use std::{borrow::Borrow, collections::BTreeMap, sync::Arc};

use crate::{
    ExchangeName, Refusal, User, UserName, VhostName,
    limits::Limits,
    permission::{Authority, Permission, TopicPermission, TopicPermissions},
};

/// Everything about users.
///
/// Beside each entry it keeps a `K`, by which the caller finds again where it has written it. Whoever puts something says
/// what is kept from now on, given what was kept of the one that is replaced, if there was one.
///
/// A permission or limit may be of a user or vhost that is not there: whether there is, is the caller's to know.
#[derive(Debug)]
pub struct Rights<K> {
    users: BTreeMap<UserName, (Arc<User>, K)>,
    permissions: BTreeMap<(UserName, VhostName), (Arc<Permission>, K)>,
    topics: BTreeMap<(UserName, VhostName, ExchangeName), (Arc<TopicPermission>, K)>,
    vhost_limits: BTreeMap<VhostName, (Limits, K)>,
    user_limits: BTreeMap<UserName, (Limits, K)>,
}

impl<K> Default for Rights<K> {
    fn default() -> Self {
        Self {
            users: BTreeMap::new(),
            permissions: BTreeMap::new(),
            topics: BTreeMap::new(),
            vhost_limits: BTreeMap::new(),
            user_limits: BTreeMap::new(),
        }
    }
}

/// Puts an entry; whether there was one.
fn put<N: Ord, T, K>(
    map: &mut BTreeMap<N, (T, K)>,
    name: N,
    value: T,
    keep: impl FnOnce(Option<&K>) -> K,
) -> bool {
    let kept = keep(map.get(&name).map(|(_, kept)| kept));
    map.insert(name, (value, kept)).is_some()
}

fn take<N: Ord + Borrow<B>, B: Ord + ?Sized, T, K>(
    map: &mut BTreeMap<N, (T, K)>,
    name: &B,
) -> Option<K> {
    map.remove(name).map(|(_, kept)| kept)
}

/// Takes every entry that is concerned.
fn take_all<N: Ord + Clone, T, K>(
    map: &mut BTreeMap<N, (T, K)>,
    mut concerns: impl FnMut(&N) -> bool,
    gone: &mut Vec<K>,
) {
    let names: Vec<N> = map.keys().filter(|name| concerns(name)).cloned().collect();
    gone.extend(names.iter().filter_map(|name| take(map, name)));
}

// Users.
impl<K> Rights<K> {
    /// Adds a user, or changes one; whether there was one.
    pub fn put_user(&mut self, user: Arc<User>, keep: impl FnOnce(Option<&K>) -> K) -> bool {
        put(&mut self.users, user.name.clone(), user, keep)
    }

    /// Takes a user away, with everything that was said of them. What was kept of all that; `None` if there is none.
    pub fn remove_user(&mut self, name: &str) -> Option<Vec<K>> {
        let mut gone = vec![take(&mut self.users, name)?];
        take_all(&mut self.permissions, |(user, _)| *user == *name, &mut gone);
        take_all(&mut self.topics, |(user, ..)| *user == *name, &mut gone);
        gone.extend(take(&mut self.user_limits, name));
        Some(gone)
    }

    /// A user.
    pub fn user(&self, name: &str) -> Option<&Arc<User>> {
        self.users.get(name).map(|(user, _)| user)
    }

    /// All users, by name.
    pub fn users(&self) -> impl Iterator<Item = &Arc<User>> {
        self.users.values().map(|(user, _)| user)
    }

    /// Takes away everything that was said of a vhost; what was kept of it.
    pub fn remove_vhost(&mut self, name: &str) -> Vec<K> {
        let mut gone = Vec::new();
        take_all(&mut self.permissions, |(_, vhost)| *vhost == *name, &mut gone);
        take_all(&mut self.topics, |(_, vhost, _)| *vhost == *name, &mut gone);
        gone.extend(take(&mut self.vhost_limits, name));
        gone
    }
}

// Permissions.
impl<K> Rights<K> {
    /// Says what a user may do in a vhost; whether something was said before.
    pub fn put_permission(
        &mut self,
        user: UserName,
        vhost: VhostName,
        permission: Permission,
        keep: impl FnOnce(Option<&K>) -> K,
    ) -> bool {
        put(&mut self.permissions, (user, vhost), Arc::new(permission), keep)
    }

    /// Takes a user's access to a vhost away; what was kept of it, if there was any.
    pub fn remove_permission(&mut self, user: UserName, vhost: VhostName) -> Option<K> {
        take(&mut self.permissions, &(user, vhost))
    }

    /// All permissions, by user and vhost.
    pub fn permissions(&self) -> impl Iterator<Item = (&UserName, &VhostName, &Arc<Permission>)> {
        self.permissions.iter().map(|((user, vhost), (found, _))| (user, vhost, found))
    }

    /// What a user may do in a vhost, if anything is said about it.
    pub fn authority(&self, user: &UserName, vhost: &VhostName) -> Option<Authority> {
        let (user, vhost) = (user.clone(), vhost.clone());
        let (permission, _) = self.permissions.get(&(user.clone(), vhost.clone()))?;
        let permission = Arc::clone(permission);
        let topics = self.topics_of(&user, &vhost);
        Some(Authority { user, vhost, permission, topics })
    }

    /// Opens a vhost that exists.
    ///
    /// # Errors
    /// [`Refusal::VhostRefused`] if nothing is permitted to the user there.
    pub fn open(&self, user: &UserName, vhost: &VhostName) -> Result<Authority, Refusal> {
        let refused = || Refusal::VhostRefused { vhost: vhost.clone(), user: user.clone() };
        self.authority(user, vhost).ok_or_else(refused)
    }

    /// Says which topics of an exchange a user may use; whether something was said before.
    pub fn put_topic_permission(
        &mut self,
        (user, vhost, exchange): (UserName, VhostName, ExchangeName),
        permission: TopicPermission,
        keep: impl FnOnce(Option<&K>) -> K,
    ) -> bool {
        put(&mut self.topics, (user, vhost, exchange), Arc::new(permission), keep)
    }

    /// Takes away what was said about the topics of one exchange, or of all of a vhost; what was kept of it.
    pub fn remove_topic_permissions(
        &mut self,
        user: &str,
        vhost: &str,
        exchange: Option<&str>,
    ) -> Vec<K> {
        let mut gone = Vec::new();
        let concerns = |(of_user, of_vhost, of_exchange): &(UserName, VhostName, ExchangeName)| {
            *of_user == *user
                && *of_vhost == *vhost
                && exchange.is_none_or(|exchange| *of_exchange == *exchange)
        };
        take_all(&mut self.topics, concerns, &mut gone);
        gone
    }

    /// All topic permissions, by user, vhost and exchange.
    pub fn topic_permissions(
        &self,
    ) -> impl Iterator<Item = (&UserName, &VhostName, &ExchangeName, &Arc<TopicPermission>)> {
        let entries = self.topics.iter();
        entries.map(|((user, vhost, exchange), (found, _))| (user, vhost, exchange, found))
    }

    fn topics_of(&self, user: &UserName, vhost: &VhostName) -> TopicPermissions {
        let from = (user.clone(), vhost.clone(), ExchangeName::default());
        self.topics
            .range(from..)
            .take_while(|((of_user, of_vhost, _), _)| of_user == user && of_vhost == vhost)
            .map(|((_, _, exchange), (found, _))| (exchange.clone(), Arc::clone(found)))
            .collect()
    }
}

// Limits.
impl<K> Rights<K> {
    /// Limits a vhost; whether it was before.
    pub fn put_vhost_limits(
        &mut self,
        vhost: VhostName,
        limits: Limits,
        keep: impl FnOnce(Option<&K>) -> K,
    ) -> bool {
        put(&mut self.vhost_limits, vhost, limits, keep)
    }

    /// Limits a user; whether they were before.
    pub fn put_user_limits(
        &mut self,
        user: UserName,
        limits: Limits,
        keep: impl FnOnce(Option<&K>) -> K,
    ) -> bool {
        put(&mut self.user_limits, user, limits, keep)
    }

    /// A vhost is not limited any more; what was kept of its limits.
    pub fn remove_vhost_limits(&mut self, vhost: &str) -> Option<K> {
        take(&mut self.vhost_limits, vhost)
    }

    /// A user is not limited any more; what was kept of their limits.
    pub fn remove_user_limits(&mut self, user: &str) -> Option<K> {
        take(&mut self.user_limits, user)
    }

    /// The limits of a vhost.
    pub fn vhost_limits_of(&self, vhost: &str) -> Limits {
        self.vhost_limits.get(vhost).map(|(limits, _)| *limits).unwrap_or_default()
    }

    /// The limits of a user.
    pub fn user_limits_of(&self, user: &str) -> Limits {
        self.user_limits.get(user).map(|(limits, _)| *limits).unwrap_or_default()
    }

    /// The vhosts that are limited, by name.
    pub fn vhost_limits(&self) -> impl Iterator<Item = (&VhostName, Limits)> {
        self.vhost_limits.iter().map(|(vhost, (limits, _))| (vhost, *limits))
    }

    /// The users who are limited, by name.
    pub fn user_limits(&self) -> impl Iterator<Item = (&UserName, Limits)> {
        self.user_limits.iter().map(|(user, (limits, _))| (user, *limits))
    }
}

#[cfg(test)]
mod tests;
