//! Users: who may log in, and from where.

use std::net::IpAddr;

use crate::UserName;
pub use crate::password::{
    HashAlgorithm, HashError, Password, PasswordHash, SALT_BYTES, is_password_of,
};

/// What a user's tags allow beyond permissions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserTags(Vec<String>);

impl UserTags {
    /// The tags as they were given.
    pub fn new(tags: impl IntoIterator<Item = String>) -> Self {
        Self(tags.into_iter().collect())
    }

    /// Whether the user has this tag.
    pub fn contains(&self, tag: &str) -> bool {
        self.0.iter().any(|found| found == tag)
    }

    /// Whether the user may publish in another's name, in the property `user-id`.
    pub fn may_impersonate(&self) -> bool {
        self.contains("impersonator")
    }

    /// Whether the user may do everything that an operator does.
    pub fn may_administrate(&self) -> bool {
        self.contains("administrator")
    }

    /// Whether the user may see what does not belong to a vhost, and everybody's connections.
    pub fn may_monitor(&self) -> bool {
        self.may_administrate() || self.contains("monitoring")
    }

    /// Whether the user may change policies in the vhosts that they may open.
    pub fn may_make_policies(&self) -> bool {
        self.may_administrate() || self.contains("policymaker")
    }

    /// Whether the user may use the management API at all: each of the tags above includes that.
    pub fn may_manage(&self) -> bool {
        self.may_monitor() || self.may_make_policies() || self.contains("management")
    }

    /// The tags in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// Whether a user can have this name: it has no colon, which HTTP's Basic could not carry, and nothing that would end a
/// line or change a terminal.
pub fn can_be_user_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|letter: char| letter == ':' || letter.is_control())
}

/// A user.
#[derive(Debug, Clone)]
pub struct User {
    /// As they log in.
    pub name: UserName,
    /// What they may do beyond permissions.
    pub tags: UserTags,
    /// Whether they may log in from this machine only, as `guest`.
    pub loopback_only: bool,
    /// What their password is checked with; `None` lets nobody in.
    pub password: Option<PasswordHash>,
}

impl User {
    /// Whether this is the user's password. That may take a while: see [`PasswordHash::is_quickly`].
    pub fn has_password(&self, given: &[u8]) -> bool {
        is_password_of(Some(self), given)
    }

    /// Whether the user can log in with a password and do everything.
    pub fn can_administrate(&self) -> bool {
        self.password.is_some() && self.tags.may_administrate()
    }

    /// Whether the user may log in from this address.
    pub fn may_come_from(&self, peer: IpAddr) -> bool {
        !self.loopback_only || peer.to_canonical().is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_come_from_this_machine() {
        let guest = User {
            name: "guest".into(),
            tags: UserTags::default(),
            loopback_only: true,
            password: None,
        };
        for (peer, welcome) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("fe80::1", false),
        ] {
            assert_eq!(guest.may_come_from(peer.parse().unwrap()), welcome, "{peer}");
        }
        let user = User { loopback_only: false, ..guest };
        assert!(user.may_come_from("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn tags() {
        let tags = UserTags::new(["monitoring".to_owned(), "impersonator".to_owned()]);
        assert!(tags.may_impersonate());
        assert!(!UserTags::default().may_impersonate());
        assert_eq!(tags.iter().collect::<Vec<_>>(), ["monitoring", "impersonator"]);
    }

    #[test]
    fn each_tag_allows_what_it_says() {
        for (tag, administrate, monitor, make_policies, manage) in [
            ("administrator", true, true, true, true),
            ("monitoring", false, true, false, true),
            ("policymaker", false, false, true, true),
            ("management", false, false, false, true),
            ("impersonator", false, false, false, false),
            ("Administrator", false, false, false, false),
            ("", false, false, false, false),
        ] {
            let tags = UserTags::new([tag.to_owned()]);
            assert_eq!(tags.may_administrate(), administrate, "{tag}");
            assert_eq!(tags.may_monitor(), monitor, "{tag}");
            assert_eq!(tags.may_make_policies(), make_policies, "{tag}");
            assert_eq!(tags.may_manage(), manage, "{tag}");
        }
    }
}
