//! Users: who may log in, and from where.

use std::{fmt, net::IpAddr};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

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

const SALT_BYTES: usize = 4;
const HASH_BYTES: usize = SALT_BYTES + 32;

/// A password's hash; it never shows. The same bytes as RabbitMQ's, whose exports can be taken over:
///
/// ```text
/// 0     4
/// salt  SHA-256(salt ‖ password):32
/// ```
#[derive(Clone)]
pub struct PasswordHash([u8; HASH_BYTES]);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl PasswordHash {
    /// Compared with where there is nothing else, so that it takes as long.
    const NOBODYS: Self = Self([0; HASH_BYTES]);

    /// Hashes a password. The salt should be random.
    pub fn new(password: &[u8], salt: [u8; SALT_BYTES]) -> Self {
        let mut hash = [0; HASH_BYTES];
        let (front, digest) = hash.split_at_mut(SALT_BYTES);
        front.copy_from_slice(&salt);
        digest.copy_from_slice(&Sha256::new().chain_update(salt).chain_update(password).finalize());
        Self(hash)
    }

    /// A hash that was made before; `None` if that cannot be, by its length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.try_into().ok()?))
    }

    /// The hash as it is stored.
    pub fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }

    /// Takes as long for a wrong password as for the right one; only its length makes a difference.
    fn is_of(&self, given: &[u8]) -> bool {
        let [s0, s1, s2, s3, ..] = self.0;
        Self::new(given, [s0, s1, s2, s3]).0.ct_eq(&self.0).into()
    }
}

/// A password as somebody wrote it; it never shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Box<[u8]>);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Password {
    /// These bytes; empty ones let nobody in.
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// Whether a user has this password, or none where this is empty.
    pub fn is_of(&self, user: &User) -> bool {
        if self.0.is_empty() { user.password.is_none() } else { user.has_password(&self.0) }
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
    /// What their password is checked with; `None` lets nobody in.
    pub password: Option<PasswordHash>,
}

impl User {
    /// A user with a password; an empty one lets nobody in. The salt should be random.
    pub fn new(
        name: UserName,
        password: &[u8],
        salt: [u8; SALT_BYTES],
        tags: UserTags,
        loopback_only: bool,
    ) -> Self {
        let password = (!password.is_empty()).then(|| PasswordHash::new(password, salt));
        Self { name, tags, loopback_only, password }
    }

    /// Whether this is the user's password.
    pub fn has_password(&self, given: &[u8]) -> bool {
        is_password_of(Some(self), given)
    }

    /// Whether the user may log in from this address.
    pub fn may_come_from(&self, peer: IpAddr) -> bool {
        !self.loopback_only || peer.to_canonical().is_loopback()
    }
}

/// Whether this is the password of a user who may not be there: the time that the answer takes does not tell.
pub fn is_password_of(user: Option<&User>, given: &[u8]) -> bool {
    let hash = user.and_then(|user| user.password.as_ref());
    let is_right = hash.unwrap_or(&PasswordHash::NOBODYS).is_of(given);
    is_right && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest() -> User {
        User::new("guest".into(), b"secret", *b"salt", UserTags::default(), true)
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
            assert!(!is_password_of(None, given.as_bytes()));
        }
        let nobody = User::new("nobody".into(), b"", *b"salt", UserTags::default(), false);
        assert!(!nobody.has_password(b""));
    }

    /// The example of RabbitMQ's documentation of passwords.
    #[test]
    fn a_hash_is_rabbitmqs() {
        let hash = PasswordHash::new(b"test12", [0x90, 0x8D, 0xC6, 0x0A]);
        let expected = "908dc60aa5b924b3096b8897d65a3b5f80fa5db62a94b83122cdf4f8fead10d515d8f391";
        let hex: String = hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
        let again = PasswordHash::from_bytes(hash.as_bytes()).unwrap();
        assert!(again.is_of(b"test12") && !again.is_of(b"test13"));
        assert!(PasswordHash::from_bytes(&hash.as_bytes()[1..]).is_none());
    }

    #[test]
    fn it_never_shows() {
        let shown = format!("{:?}", guest());
        assert!(!shown.contains("secret") && shown.contains('…'));
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
