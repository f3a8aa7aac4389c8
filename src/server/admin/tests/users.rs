//! Users, their passwords and who may log in.

use std::time::{Duration, Instant};

use broker::UserTags;
use broker::user::{HashAlgorithm, PasswordHash};
use broker::vhost::VhostSettings;
use pillarbox_client::Error;

use super::started::{HERE, Started, everything, say, text, within};
use crate::admin::{AdminError, NewPassword, Put};

fn tags(tag: &str) -> UserTags {
    UserTags::new([tag.to_owned()])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_there_with_what_was_said_of_them_also_after_a_restart() {
    let mut started = Started::with_ann().await;
    let admin = started.admin();
    let put = admin.put_user("bob", text("first"), tags("monitoring")).await.unwrap();
    assert_eq!(put, Put::Created);
    let put = admin.put_user("bob", text("second"), tags("management")).await.unwrap();
    assert_eq!(put, Put::Updated);
    for _ in 0..2 {
        let admin = started.admin();
        let bob = admin.user("bob").unwrap();
        assert_eq!(bob.tags, tags("management"));
        assert_eq!(bob.password.as_ref().unwrap().algorithm(), HashAlgorithm::Argon2id);
        assert!(admin.log_in("bob", b"second", HERE).await.is_some());
        assert!(admin.log_in("bob", b"first", HERE).await.is_none());
        assert!(admin.log_in("nobody", b"second", HERE).await.is_none());
        let names: Vec<String> = admin.users().iter().map(|user| user.name.to_string()).collect();
        assert_eq!(names, ["ann", "bob"]);
        started.restart().await;
    }
    started.admin().delete_user("bob").await.unwrap();
    for _ in 0..2 {
        let admin = started.admin();
        assert!(admin.user("bob").is_none());
        assert!(admin.log_in("bob", b"second", HERE).await.is_none());
        let again = admin.delete_user("bob").await.unwrap_err();
        assert_eq!(again.to_string(), "there is no user 'bob'");
        started.restart().await;
    }
}

/// Of what was said before nothing is left in the log, or it would be what counts once the last word is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_changed_before_it_was_deleted_does_not_come_back() {
    let mut started = Started::with_ann().await;
    let admin = started.admin();
    for tag in ["monitoring", "management"] {
        admin.put_user("bob", NewPassword::None, tags(tag)).await.unwrap();
        let settings = VhostSettings { description: tag.to_owned(), ..VhostSettings::default() };
        admin.put_vhost("shop", say(settings)).await.unwrap();
        admin.put_permission(everything("bob", "shop")).await.unwrap();
    }
    admin.delete_user("bob").await.unwrap();
    admin.delete_vhost("shop").await.unwrap();
    started.restart().await;
    let admin = started.admin();
    assert!(admin.user("bob").is_none() && admin.vhost("shop").is_none());
    assert_eq!(admin.permissions(), [everything("ann", "/")]);
}

/// Users of an older data folder, and of RabbitMQ's definitions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rabbitmqs_hashes_let_in_whom_they_are_of() {
    let mut started = Started::with_ann().await;
    let (first, rest) = (
        "c2FsdPag9wkKIC5LCZbCc/EFFTlYm3n4cZgXJZNxqVzUrXGf",
        "Zvnfclvoe/oEeRUwp3tDktmGTHu7xqqYqziRkVmy3xo=",
    );
    let sha512 = format!("{first}{rest}");
    let admin = started.admin();
    for (user, hash) in [
        ("ann", PasswordHash::import(None, "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR")),
        ("bob", PasswordHash::import(Some("rabbit_password_hashing_sha512"), &sha512)),
    ] {
        let hash = NewPassword::Hash(hash.unwrap());
        admin.put_user(user, hash, UserTags::default()).await.unwrap();
        admin.put_permission(everything(user, "/")).await.unwrap();
    }
    for _ in 0..2 {
        for (user, algorithm) in [("ann", HashAlgorithm::Sha256), ("bob", HashAlgorithm::Sha512)] {
            let known = started.admin().user(user).unwrap();
            assert_eq!(known.password.as_ref().unwrap().algorithm(), algorithm, "it is kept");
            started.connect(user, "test12").await.unwrap();
            let refused = started.connect(user, "test13").await.unwrap_err();
            assert!(matches!(refused, Error::LoginRefused(_)), "{refused}");
        }
        started.restart().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_in_with_a_wrong_password_or_without_one() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    admin.put_user("none", NewPassword::None, UserTags::default()).await.unwrap();
    admin.put_user("empty", text(""), UserTags::default()).await.unwrap();
    started.connect("ann", "secret").await.unwrap();
    for (user, password) in [
        ("ann", "Secret"),
        ("ann", "secre"),
        ("ann", ""),
        ("nobody", "secret"),
        ("none", ""),
        ("empty", ""),
        ("", ""),
    ] {
        let refused = started.connect(user, password).await.unwrap_err();
        assert!(matches!(refused, Error::LoginRefused(_)), "{user} {password}: {refused}");
        assert!(admin.log_in(user, password.as_bytes(), HERE).await.is_none());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_said_of_a_password_leaves_it() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    let before = admin.user("ann").unwrap();
    admin.put_user("ann", NewPassword::Unchanged, tags("administrator")).await.unwrap();
    let after = admin.user("ann").unwrap();
    assert!(after.tags == tags("administrator") && after.password == before.password);
    // Nor does saying again what it is.
    admin.put_user("ann", text("secret"), tags("administrator")).await.unwrap();
    assert!(admin.user("ann").unwrap().password == before.password);
    admin.put_user("ann", text("other"), tags("administrator")).await.unwrap();
    assert!(admin.user("ann").unwrap().password != before.password);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_administrator_stays_one() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    let administrator = || tags("administrator");
    admin.put_user("ann", NewPassword::Unchanged, administrator()).await.unwrap();
    admin.put_user("bob", text("b"), tags("monitoring")).await.unwrap();
    admin.put_user("none", NewPassword::None, administrator()).await.unwrap();
    let said = |refused: Result<(), AdminError>| refused.unwrap_err().to_string();
    let expected = "'ann' is the last administrator with a password: make another one before that";
    assert_eq!(said(admin.delete_user("ann").await), expected);
    let lowered = admin.put_user("ann", NewPassword::Unchanged, tags("monitoring")).await;
    assert_eq!(said(lowered.map(|_| ())), expected);
    let locked = admin.put_user("ann", NewPassword::None, administrator()).await;
    assert_eq!(said(locked.map(|_| ())), expected);
    assert!(admin.log_in("ann", b"secret", HERE).await.is_some());
    admin.put_user("bob", NewPassword::Unchanged, administrator()).await.unwrap();
    admin.delete_user("ann").await.unwrap();
    admin.delete_user("none").await.unwrap();
    assert!(admin.delete_user("bob").await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_basic_or_a_log_could_not_carry_is_refused() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    for name in ["a:b", ":", "a\nb", "a\r", "\u{1b}[31m", "a\u{0}", "\u{85}", ""] {
        let refused = admin.put_user(name, text("x"), UserTags::default()).await;
        assert!(matches!(refused, Err(AdminError::Invalid { .. })), "{name:?}");
        assert!(admin.user(name).is_none());
        if name != "a:b" && name != ":" {
            assert!(
                admin.put_vhost(name, say(VhostSettings::default())).await.is_err(),
                "{name:?}"
            );
        }
    }
    admin.put_user("ünï cödé@example", text("x"), UserTags::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guest_comes_from_this_machine_only() {
    let mut started = Started::with_ann().await;
    let admin = started.admin();
    admin.put_user("guest", text("guest"), UserTags::default()).await.unwrap();
    admin.put_user("guest", text("guest"), tags("monitoring")).await.unwrap();
    for _ in 0..2 {
        let admin = started.admin();
        for (user, password, peer, is_in) in [
            ("guest", "guest", "127.0.0.1", true),
            ("guest", "guest", "::1", true),
            ("guest", "guest", "::ffff:127.0.0.1", true),
            ("guest", "guest", "10.0.0.1", false),
            ("guest", "guest", "::ffff:10.0.0.1", false),
            ("ann", "secret", "10.0.0.1", true),
        ] {
            let peer = peer.parse().unwrap();
            let user = admin.log_in(user, password.as_bytes(), peer).await;
            assert_eq!(user.is_some(), is_in, "{peer}");
        }
        started.restart().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_has_an_end_and_a_beginning() {
    let started = Started::with_nobody().await;
    let admin = started.admin();
    for name in ["".to_owned(), "x".repeat(256)] {
        let refused = admin.put_user(&name, NewPassword::None, UserTags::default()).await;
        assert!(matches!(refused, Err(AdminError::Invalid { .. })));
    }
    admin.put_user(&"x".repeat(255), NewPassword::None, UserTags::default()).await.unwrap();
}

/// What was accepted once is read again by every start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_only_so_many_tags() {
    let mut started = Started::with_nobody().await;
    let admin = started.admin();
    let tags = |count: usize| UserTags::new((0..count).map(|_| String::new()));
    let refused = admin.put_user("ann", NewPassword::None, tags(65_537)).await;
    assert!(matches!(refused, Err(AdminError::Invalid { .. })));
    admin.put_user("ann", NewPassword::None, tags(65_536)).await.unwrap();
    started.restart().await;
    assert_eq!(started.admin().user("ann").unwrap().tags, tags(65_536));
}

/// Many logins at once are checked by few threads; the others wait, and get in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_gets_in_one_after_the_other() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    let mut logins = Vec::new();
    for number in 0..20 {
        let name = format!("user-{number}");
        admin.put_user(&name, text(&name), UserTags::default()).await.unwrap();
        admin.put_permission(everything(&name, "/")).await.unwrap();
        logins.push(started.login(&name, &name, "/"));
    }
    let wrong = (0..20).map(|number| started.login("ann", &format!("guess-{number}"), "/"));
    let wrong: Vec<_> = wrong.collect();
    let mut tasks = tokio::task::JoinSet::new();
    for (options, is_right) in
        logins.into_iter().map(|l| (l, true)).chain(wrong.into_iter().map(|l| (l, false)))
    {
        tasks.spawn(async move {
            let connected = pillarbox_client::Connection::open(&options).await;
            assert_eq!(connected.is_ok(), is_right, "{}", options.user);
        });
    }
    within(async {
        while let Some(done) = tasks.join_next().await {
            done.unwrap()
        }
    })
    .await;
}

/// From elsewhere, that is: on this machine all programs have the same address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_guesses_waits_for_longer_and_longer() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    let (guesser, other) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
    let since = Instant::now();
    for _ in 0..14 {
        assert!(admin.log_in("ann", b"guess", guesser).await.is_none());
    }
    // Of the last four, each waited for twice as long as the one before it.
    assert!(since.elapsed().as_millis() >= 100 + 200 + 400 + 800, "{:?}", since.elapsed());
    let now = admin.node.shared.clock.now();
    assert!(admin.node.guesses.wait_ms(guesser, now).is_some());
    assert!(admin.log_in("ann", b"secret", other).await.is_some());
}

/// How long a refusal takes tells neither whether there is such a user nor how their password is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_takes_as_long() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    let hash = NewPassword::Hash(PasswordHash::sha256(b"secret", [1, 2, 3, 4]));
    admin.put_user("old", hash, UserTags::default()).await.unwrap();
    admin.put_user("none", NewPassword::None, UserTags::default()).await.unwrap();
    // The least of as many as it takes, as the machine has more to do: what really takes longer always does.
    let users = ["ann", "old", "none", "nobody"];
    let mut least = [Duration::MAX; 4];
    for round in 0..50 {
        for (user, least) in users.into_iter().zip(&mut least) {
            let since = Instant::now();
            assert!(admin.log_in(user, b"wrong", HERE).await.is_none());
            *least = since.elapsed().min(*least);
        }
        if round >= 4 && is_alike(&least) {
            return;
        }
    }
    panic!("{least:?}");
}

fn is_alike(times: &[Duration]) -> bool {
    let (shortest, longest) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    *longest < *shortest * 4
}

#[test]
fn a_new_password_never_shows() {
    let shown = format!(
        "{:?} {:?}",
        text("secret"),
        NewPassword::Hash(PasswordHash::sha256(b"secret", [7; 4]))
    );
    assert_eq!(shown, "Text(…) Hash(…)");
}
