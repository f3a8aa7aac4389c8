//! Permissions, and topic permissions.

use broker::record::{Definition, PermissionDefinition, TopicPermissionDefinition};
use broker::{ExchangeName, Permission, TopicPermission, UserName, VhostName};

use super::{Admin, AdminError, Put, check_length, check_texts};
use crate::rights::Rights;

/// What a user may do in a vhost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionInfo {
    /// The user.
    pub user: UserName,
    /// The vhost.
    pub vhost: VhostName,
    /// The pattern of what may be declared and deleted.
    pub configure: String,
    /// The pattern of what may be published to.
    pub write: String,
    /// The pattern of what may be consumed from.
    pub read: String,
}

/// Which topics of an exchange a user may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPermissionInfo {
    /// The user.
    pub user: UserName,
    /// The vhost.
    pub vhost: VhostName,
    /// The exchange, which need not be there.
    pub exchange: ExchangeName,
    /// The pattern of the keys that may be published with; `{username}` and `{vhost}` stand for the names.
    pub write: String,
    /// The pattern of the keys that may be bound with.
    pub read: String,
}

impl Admin {
    /// What all users may do, by user and vhost.
    pub fn permissions(&self) -> Vec<PermissionInfo> {
        let rights = self.node.rights.read();
        let permissions = rights.permissions().map(|(user, vhost, of)| PermissionInfo {
            user: user.clone(),
            vhost: vhost.clone(),
            configure: of.configure.as_str().to_owned(),
            write: of.write.as_str().to_owned(),
            read: of.read.as_str().to_owned(),
        });
        permissions.collect()
    }

    /// Says what a user may do in a vhost.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] if there is no such user or vhost, [`AdminError::Invalid`] if a pattern is malformed.
    pub async fn put_permission(&self, of: PermissionInfo) -> Result<Put, AdminError> {
        let told = of.clone();
        let permission = self.check_permission(&of)?;
        let PermissionInfo { user, vhost, .. } = of;
        let name = user.clone();
        let put = |rights: &mut Rights| {
            self.check_owners(rights, &user, &vhost)?;
            let of = PermissionDefinition { user, vhost, permission };
            let PermissionDefinition { user, vhost, permission } = of.clone();
            let mut logged = None;
            let was_there = rights.put_permission(user, vhost, permission, |old| {
                logged = self.node.shared.redefine(&Definition::Permission(of), old);
                logged
            });
            Ok((Put::of(was_there), logged.map(|logged| logged.at)))
        };
        let put = self.change(Some(&name), put).await?;
        self.tell("permission.created", |headers| {
            headers.text("user", &told.user).text("vhost", &told.vhost);
            headers.text("configure", &told.configure);
            headers.text("write", &told.write).text("read", &told.read);
        });
        Ok(put)
    }

    /// What is said of a user and a vhost, which need not be there.
    ///
    /// # Errors
    /// [`AdminError::Invalid`], as of [`put_permission`](Self::put_permission).
    pub fn check_permission(&self, of: &PermissionInfo) -> Result<Permission, AdminError> {
        check_texts([&*of.configure, &of.write, &of.read])?;
        Permission::new(&of.configure, &of.write, &of.read).map_err(malformed)
    }

    /// Takes a user's access to a vhost away. Their connections to it stay, and can do nothing.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn delete_permission(&self, user: &str, vhost: &str) -> Result<(), AdminError> {
        let delete = |rights: &mut Rights| {
            let gone = rights.remove_permission(user.into(), vhost.into());
            let gone = gone.ok_or_else(|| no_permission("permission", user, vhost))?;
            Ok(((), self.node.shared.undefine([gone])))
        };
        self.change(Some(user), delete).await?;
        self.tell("permission.deleted", |headers| {
            headers.text("user", user).text("vhost", vhost);
        });
        Ok(())
    }

    /// All topic permissions, by user, vhost and exchange.
    pub fn topic_permissions(&self) -> Vec<TopicPermissionInfo> {
        let rights = self.node.rights.read();
        let topics = rights.topic_permissions();
        let topics = topics.map(|(user, vhost, exchange, of)| TopicPermissionInfo {
            user: user.clone(),
            vhost: vhost.clone(),
            exchange: exchange.clone(),
            write: of.write().to_owned(),
            read: of.read().to_owned(),
        });
        topics.collect()
    }

    /// Says which topics of an exchange a user may use.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] if there is no such user or vhost, [`AdminError::Invalid`] if a pattern is malformed.
    pub async fn put_topic_permission(&self, of: TopicPermissionInfo) -> Result<Put, AdminError> {
        let told = of.clone();
        let permission = self.check_topic_permission(&of)?;
        let TopicPermissionInfo { user, vhost, exchange, .. } = of;
        let name = user.clone();
        let put = |rights: &mut Rights| {
            self.check_owners(rights, &user, &vhost)?;
            let of = TopicPermissionDefinition { user, vhost, exchange, permission };
            let TopicPermissionDefinition { user, vhost, exchange, permission } = of.clone();
            let (place, mut logged) = ((user, vhost, exchange), None);
            let was_there = rights.put_topic_permission(place, permission, |old| {
                logged = self.node.shared.redefine(&Definition::TopicPermission(of), old);
                logged
            });
            Ok((Put::of(was_there), logged.map(|logged| logged.at)))
        };
        let put = self.change(Some(&name), put).await?;
        self.tell("topic.permission.created", |headers| {
            headers.text("user", &told.user).text("vhost", &told.vhost);
            headers.text("exchange", &told.exchange);
            headers.text("write", &told.write).text("read", &told.read);
        });
        Ok(put)
    }

    /// What is said of a user and a vhost, which need not be there.
    ///
    /// # Errors
    /// [`AdminError::Invalid`], as of [`put_topic_permission`](Self::put_topic_permission).
    pub fn check_topic_permission(
        &self,
        of: &TopicPermissionInfo,
    ) -> Result<TopicPermission, AdminError> {
        let TopicPermissionInfo { user, vhost, exchange, write, read } = of;
        check_length("exchange", exchange)?;
        check_texts([&**write, read])?;
        TopicPermission::new(write, read, user, vhost).map_err(malformed)
    }

    /// From now on a user may use every topic of an exchange, or of all exchanges of a vhost, as far as the permission
    /// for the exchange goes.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] if nothing was said about any.
    pub async fn delete_topic_permission(
        &self,
        user: &str,
        vhost: &str,
        exchange: Option<&str>,
    ) -> Result<(), AdminError> {
        let delete = |rights: &mut Rights| {
            let gone = rights.remove_topic_permissions(user, vhost, exchange);
            if gone.is_empty() {
                return Err(no_permission("topic permission", user, vhost));
            }
            Ok(((), self.node.shared.undefine(gone)))
        };
        self.change(Some(user), delete).await?;
        self.tell("topic.permission.deleted", |headers| {
            headers.text("user", user).text("vhost", vhost);
            if let Some(exchange) = exchange {
                headers.text("exchange", exchange);
            }
        });
        Ok(())
    }

    /// Checks that there is whom and what a permission is for.
    fn check_owners(&self, rights: &Rights, user: &str, vhost: &str) -> Result<(), AdminError> {
        rights.user(user).ok_or_else(|| super::no_such("user", user))?;
        self.node.vhost(vhost).ok_or_else(|| super::no_such("vhost", vhost))?;
        Ok(())
    }
}

fn malformed(error: impl std::fmt::Display) -> AdminError {
    AdminError::Invalid { reason: format!("a pattern cannot be used: {error}") }
}

fn no_permission(what: &str, user: &str, vhost: &str) -> AdminError {
    AdminError::NotFound { what: format!("{what} of user '{user}' in vhost '{vhost}'") }
}
