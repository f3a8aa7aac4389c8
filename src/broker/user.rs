//! Users: who may log in, and from where.

use std::{fmt, hint::black_box, net::IpAddr};

use crate::UserName;

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

    /// The tags in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// A password; it never shows.
#[derive(Clone)]
struct Password(Box<[u8]>);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Password {
    /// Takes as long for a wrong password as for the right one; only its length makes a difference.
    fn is(&self, given: &[u8]) -> bool {
        let mut difference = self.0.len() ^ given.len();
        for (index, given) in given.iter().enumerate() {
            let expected = self.0.get(index).copied().unwrap_or(!given);
            difference |= usize::from(black_box(expected ^ given));
        }
        black_box(difference) == 0
    }
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
    password: Password,
}

impl User {
    /// A user with a password; an empty one lets nobody in.
    pub fn new(name: UserName, password: &[u8], tags: UserTags, loopback_only: bool) -> Self {
        Self { name, tags, loopback_only, password: Password(Box::from(password)) }
    }

    /// Whether this is the user's password.
    pub fn has_password(&self, given: &[u8]) -> bool {
        self.password.is(given) && !given.is_empty()
    }

    /// Whether the user may log in from this address.
    pub fn may_come_from(&self, peer: IpAddr) -> bool {
        !self.loopback_only || peer.to_canonical().is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest() -> User {
        User::new("guest".into(), b"secret", UserTags::default(), true)
    }

    #[test]
    fn the_password_must_be_the_same() {
        for (given, fits) in [
            ("secret", true),
            ("secreT", false),
            ("Secret", false),
            ("secre", false),
            ("secrets", false),
            ("secret\0", false),
            ("", false),
        ] {
            assert_eq!(guest().has_password(given.as_bytes()), fits, "{given:?}");
        }
        let nobody = User::new("nobody".into(), b"", UserTags::default(), false);
        assert!(!nobody.has_password(b""));
    }

    #[test]
    fn it_never_shows() {
        assert!(!format!("{:?}", guest()).contains("secret"));
    }

    #[test]
    fn guests_come_from_this_machine() {
        for (peer, welcome) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("fe80::1", false),
        ] {
            assert_eq!(guest().may_come_from(peer.parse().unwrap()), welcome, "{peer}");
        }
        let user = User { loopback_only: false, ..guest() };
        assert!(user.may_come_from("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn tags() {
        let tags = UserTags::new(["monitoring".to_owned(), "impersonator".to_owned()]);
        assert!(tags.may_impersonate());
        assert!(!UserTags::default().may_impersonate());
        assert_eq!(tags.iter().collect::<Vec<_>>(), ["monitoring", "impersonator"]);
    }
}
