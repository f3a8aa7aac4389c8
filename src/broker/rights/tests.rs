use super::*;
use crate::{Action, UserTags};

fn user(name: &str) -> Arc<User> {
    let tags = UserTags::default();
    Arc::new(User { name: name.into(), tags, loopback_only: false, password: None })
}

fn topics(user: &str, vhost: &str) -> TopicPermission {
    TopicPermission::new("^a", "^b", &user.into(), &vhost.into()).unwrap()
}

/// Two users with everything there is to be said, in two vhosts; numbers stand for what is kept.
fn rights() -> Rights<u32> {
    let mut rights = Rights::default();
    for (number, name) in [(10, "ann"), (20, "bob")] {
        assert!(!rights.put_user(user(name), |old| old.map_or(number, |_| 0)));
        for (number, vhost) in [(number + 1, "v"), (number + 2, "w")] {
            let (name, vhost): (UserName, VhostName) = (name.into(), vhost.into());
            rights.put_permission(name.clone(), vhost.clone(), Permission::full(), |_| number);
            let topic = topics(&name, &vhost);
            let place = (name, vhost, "amq.topic".into());
            rights.put_topic_permission(place, topic, |_| number + 2);
        }
        rights.put_user_limits(name.into(), Limits::default(), |_| number + 5);
    }
    let limits = Limits { max_queues: Some(1), ..Limits::default() };
    rights.put_vhost_limits("v".into(), limits, |_| 30);
    rights
}

#[test]
fn what_is_replaced_is_named() {
    let mut rights = rights();
    assert!(rights.put_user(user("ann"), |old| {
        assert_eq!(old, Some(&10));
        40
    }));
    assert_eq!(rights.remove_user("ann").unwrap()[0], 40);
    assert!(rights.remove_user("ann").is_none() && rights.user("ann").is_none());
}

#[test]
fn a_user_goes_with_everything_that_was_said_of_them() {
    let mut rights = rights();
    let mut gone = rights.remove_user("ann").unwrap();
    gone.sort_unstable();
    assert_eq!(gone, [10, 11, 12, 13, 14, 15]);
    assert_eq!(rights.users().count(), 1);
    assert!(rights.permissions().all(|(user, ..)| *user == "bob"));
    assert!(rights.topic_permissions().all(|(user, ..)| *user == "bob"));
    assert!(rights.user_limits().all(|(user, _)| *user == "bob"));
}

#[test]
fn a_vhost_goes_with_everything_that_was_said_of_it() {
    let mut rights = rights();
    let mut gone = rights.remove_vhost("v");
    gone.sort_unstable();
    assert_eq!(gone, [11, 13, 21, 23, 30]);
    assert!(rights.permissions().all(|(_, vhost, _)| *vhost == "w"));
    assert_eq!((rights.vhost_limits().count(), rights.users().count()), (0, 2));
}

#[test]
fn no_entry_is_no_access() {
    let mut rights = rights();
    assert!(rights.open(&"ann".into(), &"v".into()).is_ok());
    assert_eq!(rights.remove_permission("ann".into(), "v".into()), Some(11));
    assert_eq!(rights.remove_permission("ann".into(), "v".into()), None);
    assert_eq!(
        rights.open(&"ann".into(), &"v".into()).unwrap_err().to_string(),
        "NOT_ALLOWED - access to vhost 'v' refused for user 'ann'"
    );
    assert!(rights.open(&"ann".into(), &"w".into()).is_ok());
}

#[test]
fn topics_are_of_one_exchange_of_one_user_in_one_vhost() {
    let mut rights = rights();
    let authority = rights.authority(&"ann".into(), &"v".into()).unwrap();
    let topic = "amq.topic".into();
    assert!(authority.authorize_topic(Action::Write, &topic, b"a.x").is_ok());
    assert!(authority.authorize_topic(Action::Read, &topic, b"b.x").is_ok());
    assert!(authority.authorize_topic(Action::Write, &"other".into(), b"x").is_ok());
    assert_eq!(
        authority.authorize_topic(Action::Write, &topic, b"b.x").unwrap_err().to_string(),
        "ACCESS_REFUSED - write access to topic 'b.x' in exchange 'amq.topic' in vhost 'v' refused for user 'ann'"
    );
    assert!(rights.remove_topic_permissions("ann", "v", Some("other")).is_empty());
    assert_eq!(rights.remove_topic_permissions("ann", "v", Some("amq.topic")), [13]);
    let freed = rights.authority(&"ann".into(), &"v".into()).unwrap();
    assert!(freed.authorize_topic(Action::Write, &topic, b"b.x").is_ok());
    assert_eq!(rights.remove_topic_permissions("ann", "w", None), [14]);
    assert_eq!(rights.topic_permissions().count(), 2);
}

#[test]
fn limits_are_of_whom_they_are_set_for() {
    let mut rights = rights();
    assert_eq!(rights.vhost_limits_of("v").max_queues, Some(1));
    assert_eq!(rights.vhost_limits_of("w"), Limits::default());
    assert_eq!(rights.remove_vhost_limits("v"), Some(30));
    assert_eq!(rights.vhost_limits_of("v"), Limits::default());
    assert_eq!(rights.remove_user_limits("ann"), Some(15));
    assert!(rights.user_limits_of("ann").is_empty());
}
