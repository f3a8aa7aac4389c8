use super::*;
use crate::UserTags;

fn user(password: Option<PasswordHash>) -> User {
    User { name: "ann".into(), tags: UserTags::default(), loopback_only: false, password }
}

fn sha512() -> PasswordHash {
    // salt ‖ SHA-512(salt ‖ "secret")
    let digest = Sha512::new().chain_update(*b"salt").chain_update("secret").finalize();
    let bytes = [&b"salt"[..], &digest].concat();
    PasswordHash::from_bytes(HashAlgorithm::Sha512, &bytes).unwrap()
}

fn all() -> [PasswordHash; 3] {
    [
        PasswordHash::sha256(b"secret", *b"salt"),
        sha512(),
        PasswordHash::new(b"secret", *b"salt and pepper."),
    ]
}

#[test]
fn the_password_must_be_the_same() {
    for hash in all() {
        for (given, fits) in [
            ("secret", true),
            ("secreT", false),
            ("secre", false),
            ("secrets", false),
            ("secret\0", false),
            ("", false),
        ] {
            let given = given.as_bytes();
            assert_eq!(is_password_of(Some(&user(Some(hash.clone()))), given), fits, "{given:?}");
            let is_quick = hash.algorithm() != HashAlgorithm::Argon2id;
            assert_eq!(hash.is_quickly(given), fits && is_quick);
        }
    }
    assert!(!is_password_of(Some(&user(None)), b""));
    assert!(!is_password_of(None, b""));
    assert!(!is_password_of(None, b"secret"));
}

/// The example of RabbitMQ's documentation of passwords.
#[test]
fn a_hash_is_rabbitmqs() {
    let hash = PasswordHash::sha256(b"test12", [0x90, 0x8D, 0xC6, 0x0A]);
    let expected = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR";
    assert_eq!(hash.to_base64(), expected);
    let imported = PasswordHash::import(None, expected).unwrap();
    assert!(imported.is_of(b"test12") && !imported.is_of(b"test13"));
    let named = PasswordHash::import(Some("rabbit_password_hashing_sha256"), expected).unwrap();
    assert!(named == imported);
}

#[test]
fn what_was_exported_is_imported() {
    for hash in all() {
        let algorithm = hash.algorithm();
        let again = PasswordHash::import(Some(algorithm.as_str()), &hash.to_base64()).unwrap();
        assert!(again == hash && again.is_of(b"secret"));
        let bytes = hash.to_bytes();
        assert!(PasswordHash::from_bytes(algorithm, &bytes).is_some());
        for len in 0..bytes.len() {
            assert!(PasswordHash::from_bytes(algorithm, &bytes[..len]).is_none());
        }
        assert!(PasswordHash::from_bytes(algorithm, &[&bytes[..], b"x"].concat()).is_none());
    }
}

#[test]
fn what_is_no_hash_is_refused_with_a_reason() {
    let refused = |algorithm, base64| PasswordHash::import(Some(algorithm), base64).unwrap_err();
    let md5 = refused("rabbit_password_hashing_md5", "AAAA").to_string();
    assert!(md5.contains("MD5 are not accepted"), "{md5}");
    assert_eq!(refused("rot13", "AAAA").to_string(), "the hashing algorithm 'rot13' is not known");
    assert_eq!(refused("rabbit_password_hashing_sha512", "%"), HashError::NoBase64);
    assert_eq!(
        refused("rabbit_password_hashing_sha512", "AAAA").to_string(),
        "the password hash is not one of rabbit_password_hashing_sha512"
    );
}

/// Whoever imports a hash must not decide how much memory and time a login takes.
#[test]
fn a_hash_may_not_cost_too_much() {
    let bytes = PasswordHash::new(b"secret", [0; SALT_BYTES]).to_bytes();
    for (at, value) in [(0, u32::MAX), (0, 7), (4, 17), (4, 0), (8, 5), (8, 0)] {
        let mut bytes = bytes.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        assert!(
            PasswordHash::from_bytes(HashAlgorithm::Argon2id, &bytes).is_none(),
            "{at} {value}"
        );
    }
}

#[test]
fn it_never_shows() {
    let shown = format!("{:?} {:?}", Password::new(b"secret"), user(Some(all()[0].clone())));
    assert!(!shown.contains("secret") && !shown.contains("115") && shown.contains('…'), "{shown}");
}

#[test]
fn an_empty_password_is_that_of_who_has_none() {
    assert!(Password::new(b"").is_of(&user(None)));
    assert!(!Password::new(b"secret").is_of(&user(None)));
    assert!(Password::new(b"secret").is_of(&user(Some(sha512()))));
    assert!(!Password::new(b"").is_of(&user(Some(sha512()))));
}
