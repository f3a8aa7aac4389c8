//! Passwords, as somebody wrote them and as what is kept of them.
//!
//! New ones are hashed with Argon2id, which costs whoever tries many of them time and memory. RabbitMQ's salted SHA-256
//! and SHA-512 are taken over as they are, so that its users can move here without new passwords, and back.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use base64ct::{Base64, Encoding as _};
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::User;

/// A password as somebody wrote it; it never shows, and is overwritten when it is dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<Box<[u8]>>);

impl PartialEq for Password {
    /// Takes as long for different passwords as for equal ones; only their lengths make a difference.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Password {}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Password {
    /// These bytes; empty ones let nobody in.
    pub fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// What it is. For who checks or hashes it only.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a user has this password, or none where this is empty.
    pub fn is_of(&self, user: &User) -> bool {
        if self.is_empty() { user.password.is_none() } else { user.has_password(&self.0) }
    }
}

/// How a password was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HashAlgorithm {
    /// RabbitMQ's default.
    Sha256,
    /// RabbitMQ's other one that is safe enough to be taken over.
    Sha512,
    /// Ours.
    Argon2id,
}

impl HashAlgorithm {
    /// The name in exported definitions: for the first two that of RabbitMQ's module, as RabbitMQ writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "rabbit_password_hashing_sha256",
            Self::Sha512 => "rabbit_password_hashing_sha512",
            Self::Argon2id => "pillarbox_argon2id",
        }
    }
}

/// Why something cannot be the hash of a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's text says what it means")]
pub enum HashError {
    #[error(
        "passwords hashed with MD5 are not accepted, as they can be found out: set a new password, or hash it with \
         rabbit_password_hashing_sha256"
    )]
    Md5,
    #[error("the hashing algorithm '{name}' is not known")]
    UnknownAlgorithm { name: String },
    #[error("the password hash is no Base64")]
    NoBase64,
    #[error("the password hash is not one of {}", algorithm.as_str())]
    Malformed { algorithm: HashAlgorithm },
}

/// What is kept of a password; it never shows.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Kept);

#[derive(Clone, PartialEq, Eq)]
enum Kept {
    /// salt:4 ‖ SHA-256(salt ‖ password):32
    Sha256([u8; 36]),
    /// salt:4 ‖ SHA-512(salt ‖ password):64
    Sha512([u8; 68]),
    Argon2id(Slow),
}

/// An Argon2id hash (RFC 9106), with what it cost:
///
/// ```text
/// 0                4         8        12       28
/// memory in KiB:4  passes:4  lanes:4  salt:16  hash:32       numbers little-endian
/// ```
#[derive(Clone, PartialEq, Eq)]
struct Slow {
    cost: Cost,
    salt: [u8; SALT_BYTES],
    hash: [u8; 32],
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// How many random bytes a new hash begins with.
pub const SALT_BYTES: usize = 16;

const RABBITMQ_SALT_BYTES: usize = 4;

/// The least that OWASP recommends: some 20 ms of one processor.
const COST: Cost = Cost { memory_kib: 19 * 1024, passes: 2, lanes: 1 };

/// The most that is believed of a hash that was imported: whoever checks it must not run out of memory or time.
const COST_MAX: Cost = Cost { memory_kib: 256 * 1024, passes: 16, lanes: 4 };

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl PasswordHash {
    /// Hashes a password with Argon2id, which takes its time. The salt should be random.
    pub fn new(password: &[u8], salt: [u8; SALT_BYTES]) -> Self {
        Self(Kept::Argon2id(Slow { cost: COST, salt, hash: COST.hash(password, &salt) }))
    }

    /// Hashes a password as RabbitMQ does. The salt should be random.
    pub fn sha256(password: &[u8], salt: [u8; RABBITMQ_SALT_BYTES]) -> Self {
        let mut hash = [0; 36];
        let (front, digest) = hash.split_at_mut(RABBITMQ_SALT_BYTES);
        front.copy_from_slice(&salt);
        digest.copy_from_slice(&Sha256::new().chain_update(salt).chain_update(password).finalize());
        Self(Kept::Sha256(hash))
    }

    /// A hash that was made before; `None` if that cannot be.
    pub fn from_bytes(algorithm: HashAlgorithm, bytes: &[u8]) -> Option<Self> {
        Some(Self(match algorithm {
            HashAlgorithm::Sha256 => Kept::Sha256(bytes.try_into().ok()?),
            HashAlgorithm::Sha512 => Kept::Sha512(bytes.try_into().ok()?),
            HashAlgorithm::Argon2id => Kept::Argon2id(Slow::from_bytes(bytes)?),
        }))
    }

    /// A hash from somebody's definitions, in Base64; without the name of an algorithm it is RabbitMQ's SHA-256.
    ///
    /// # Errors
    /// [`HashError`], if it is none or of an algorithm that is not taken over.
    pub fn import(algorithm: Option<&str>, base64: &str) -> Result<Self, HashError> {
        let algorithm = match algorithm {
            None | Some("rabbit_password_hashing_sha256") => HashAlgorithm::Sha256,
            Some("rabbit_password_hashing_sha512") => HashAlgorithm::Sha512,
            Some("pillarbox_argon2id") => HashAlgorithm::Argon2id,
            Some("rabbit_password_hashing_md5") => return Err(HashError::Md5),
            Some(name) => return Err(HashError::UnknownAlgorithm { name: name.to_owned() }),
        };
        let bytes = Base64::decode_vec(base64).map_err(|_| HashError::NoBase64)?;
        Self::from_bytes(algorithm, &bytes).ok_or(HashError::Malformed { algorithm })
    }

    /// How it was made.
    pub fn algorithm(&self) -> HashAlgorithm {
        match self.0 {
            Kept::Sha256(_) => HashAlgorithm::Sha256,
            Kept::Sha512(_) => HashAlgorithm::Sha512,
            Kept::Argon2id(_) => HashAlgorithm::Argon2id,
        }
    }

    /// The hash as it is stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.0 {
            Kept::Sha256(hash) => hash.to_vec(),
            Kept::Sha512(hash) => hash.to_vec(),
            Kept::Argon2id(slow) => slow.to_bytes(),
        }
    }

    /// The hash as definitions are exported with.
    pub fn to_base64(&self) -> String {
        Base64::encode_string(&self.to_bytes())
    }

    /// Whether it can be said at once that this is the password. If not, it may be right all the same.
    pub fn is_quickly(&self, given: &[u8]) -> bool {
        match self.0 {
            Kept::Sha256(_) | Kept::Sha512(_) => self.is_of(given),
            Kept::Argon2id(_) => false,
        }
    }

    /// Takes as long for a wrong password as for the right one; only its length makes a difference.
    pub(crate) fn is_of(&self, given: &[u8]) -> bool {
        match &self.0 {
            Kept::Sha256(hash) => {
                let (salt, hash) = hash.split_at(RABBITMQ_SALT_BYTES);
                Sha256::new().chain_update(salt).chain_update(given).finalize()[..]
                    .ct_eq(hash)
                    .into()
            }
            Kept::Sha512(hash) => {
                let (salt, hash) = hash.split_at(RABBITMQ_SALT_BYTES);
                Sha512::new().chain_update(salt).chain_update(given).finalize()[..]
                    .ct_eq(hash)
                    .into()
            }
            Kept::Argon2id(slow) => slow.cost.hash(given, &slow.salt).ct_eq(&slow.hash).into(),
        }
    }
}

/// Whether this is the password of a user who may not be there: how long the answer "no" takes tells nothing, neither
/// whether there is such a user nor how their password is kept.
pub fn is_password_of(user: Option<&User>, given: &[u8]) -> bool {
    match user.and_then(|user| user.password.as_ref()) {
        Some(hash) if hash.is_of(given) => true,
        Some(PasswordHash(Kept::Argon2id(_))) => false,
        Some(PasswordHash(Kept::Sha256(_) | Kept::Sha512(_))) | None => {
            std::hint::black_box(COST.hash(given, &[0; SALT_BYTES]));
            false
        }
    }
}

impl Cost {
    fn hash(self, password: &[u8], salt: &[u8; SALT_BYTES]) -> [u8; 32] {
        let Self { memory_kib, passes, lanes } = self;
        let mut hash = [0; 32];
        let hashed = Params::new(memory_kib, passes, lanes, Some(hash.len())).and_then(|params| {
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            argon2.hash_password_into(password, salt, &mut hash)
        });
        hashed.expect("the cost was checked, and no password is as long as 4 GiB");
        hash
    }

    fn is_possible(self) -> bool {
        self.memory_kib <= COST_MAX.memory_kib
            && self.passes <= COST_MAX.passes
            && self.lanes <= COST_MAX.lanes
            && Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).is_ok()
    }
}

impl Slow {
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (cost, rest) = bytes.split_first_chunk::<12>()?;
        let (salt, hash) = rest.split_first_chunk::<SALT_BYTES>()?;
        let [m0, m1, m2, m3, p0, p1, p2, p3, l0, l1, l2, l3] = *cost;
        let cost = Cost {
            memory_kib: u32::from_le_bytes([m0, m1, m2, m3]),
            passes: u32::from_le_bytes([p0, p1, p2, p3]),
            lanes: u32::from_le_bytes([l0, l1, l2, l3]),
        };
        let hash = hash.try_into().ok()?;
        cost.is_possible().then_some(Self { cost, salt: *salt, hash })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let Self { cost: Cost { memory_kib, passes, lanes }, salt, hash } = self;
        let mut bytes = Vec::with_capacity(12 + salt.len() + hash.len());
        [memory_kib, passes, lanes].into_iter().for_each(|n| bytes.extend(n.to_le_bytes()));
        bytes.extend(salt);
        bytes.extend(hash);
        bytes
    }
}

#[cfg(test)]
mod tests;
