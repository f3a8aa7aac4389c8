//! Permissions, and topic permissions, as an operator sees them and clients feel them.

use broker::UserTags;
use pillarbox_client::{Channel, Error, FieldTable, FieldValue, Properties, Publish, ShortString};

use super::started::{Started, close_of, durable, everything, permission, publish, text, within};
use crate::admin::{AdminError, Put, TopicPermissionInfo};

fn topics(write: &str, read: &str) -> TopicPermissionInfo {
    TopicPermissionInfo {
        user: "ann".into(),
        vhost: "/".into(),
        exchange: "amq.topic".into(),
        write: write.to_owned(),
        read: read.to_owned(),
    }
}

async fn channel_of(started: &Started) -> Channel {
    let connection = Box::leak(Box::new(started.connect("ann", "secret").await.unwrap()));
    let channel = connection.open_channel().await.unwrap();
    channel.confirm_select().await.unwrap();
    channel
}

fn refused(done: Result<(), Error>) -> String {
    let (code, text) = close_of(done.unwrap_err());
    assert_eq!(code, 403);
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permission_is_as_it_was_said_also_after_a_restart() {
    let mut started = Started::with_ann().await;
    let admin = started.admin();
    admin.put_user("bob", text("b"), UserTags::default()).await.unwrap();
    let first = permission(("bob", "/"), ["", "^a", ".*"]);
    assert_eq!(admin.put_permission(first).await.unwrap(), Put::Created);
    let bobs = permission(("bob", "/"), ["^b", "", "x|y"]);
    assert_eq!(admin.put_permission(bobs.clone()).await.unwrap(), Put::Updated);
    for _ in 0..2 {
        assert_eq!(started.admin().permissions(), [everything("ann", "/"), bobs.clone()]);
        started.restart().await;
    }
    started.admin().delete_permission("bob", "/").await.unwrap();
    for _ in 0..2 {
        let admin = started.admin();
        assert_eq!(admin.permissions(), [everything("ann", "/")]);
        let again = admin.delete_permission("bob", "/").await.unwrap_err();
        assert_eq!(again.to_string(), "there is no permission of user 'bob' in vhost '/'");
        let refused = started.connect("bob", "b").await.unwrap_err();
        assert_eq!(close_of(refused).0, 530);
        started.restart().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permission_is_for_somebody_and_somewhere_and_makes_sense() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    for (of, expected) in [
        (everything("bob", "/"), "there is no user 'bob'"),
        (everything("ann", "shop"), "there is no vhost 'shop'"),
    ] {
        assert_eq!(admin.put_permission(of).await.unwrap_err().to_string(), expected);
    }
    let malformed = admin.put_permission(permission(("ann", "/"), ["(", "", ""])).await;
    assert!(matches!(malformed, Err(AdminError::Invalid { .. })));
    let malformed = admin.put_topic_permission(topics("(", "")).await;
    assert!(matches!(malformed, Err(AdminError::Invalid { .. })));
    let of_bob = TopicPermissionInfo { user: "bob".into(), ..topics("", "") };
    assert!(matches!(admin.put_topic_permission(of_bob).await, Err(AdminError::NotFound { .. })));
    assert_eq!(admin.permissions(), [everything("ann", "/")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_are_asked_about_where_messages_go_by_them() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    let put = admin.put_topic_permission(topics(r"^{username}\.", "^{vhost}$|^a$")).await.unwrap();
    assert_eq!(put, Put::Created);
    let write = "ACCESS_REFUSED - write access to topic 'bob.x' in exchange 'amq.topic' in vhost \
                 '/' refused for user 'ann'";
    let read = "ACCESS_REFUSED - read access to topic 'b' in exchange 'amq.topic' in vhost '/' \
                refused for user 'ann'";

    let channel = channel_of(&started).await;
    publish(&channel, "amq.topic", "ann.x").await.unwrap();
    publish(&channel, "amq.direct", "bob.x").await.unwrap();
    publish(&channel, "", "bob.x").await.unwrap();
    publish(&channel, "amq.topic", "ann.y").await.unwrap();
    assert_eq!(refused(publish(&channel, "amq.topic", "bob.x").await), write);

    let channel = channel_of(&started).await;
    let headers: FieldTable =
        [(ShortString::from_static("CC"), FieldValue::Array(vec![FieldValue::from("bob.x")]))]
            .into_iter()
            .collect();
    let properties = Properties { headers: Some(headers), ..Properties::default() };
    let copied = Publish {
        exchange: "amq.topic",
        routing_key: "ann.x",
        properties: Some(&properties),
        ..Publish::default()
    };
    let confirm = channel.publish(&copied).await.unwrap();
    assert_eq!(refused(within(confirm).await.map(drop)), write);

    let none = FieldTable::new();
    let channel = channel_of(&started).await;
    channel.queue_declare("q", durable()).await.unwrap();
    channel.queue_bind("q", "amq.topic", "a", &none).await.unwrap();
    channel.queue_bind("q", "amq.topic", "/", &none).await.unwrap();
    channel.queue_bind("q", "amq.direct", "b", &none).await.unwrap();
    assert_eq!(refused(channel.queue_bind("q", "amq.topic", "b", &none).await), read);
    let channel = channel_of(&started).await;
    assert_eq!(refused(channel.queue_unbind("q", "amq.topic", "b", &none).await), read);
    let channel = channel_of(&started).await;
    let bound = channel.exchange_bind("amq.fanout", "amq.topic", "b", &none).await;
    assert_eq!(refused(bound), read);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topic_permissions_outlive_the_process_and_go_when_they_are_taken_away() {
    let mut started = Started::with_ann().await;
    let admin = started.admin();
    let anns = topics("^a", "^b");
    admin.put_topic_permission(topics("", "")).await.unwrap();
    assert_eq!(admin.put_topic_permission(anns.clone()).await.unwrap(), Put::Updated);
    let other = TopicPermissionInfo { exchange: "other".into(), ..anns.clone() };
    admin.put_topic_permission(other.clone()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(started.admin().topic_permissions(), [anns.clone(), other.clone()]);
        let channel = channel_of(&started).await;
        refused(publish(&channel, "amq.topic", "b").await);
        started.restart().await;
    }
    let admin = started.admin();
    admin.delete_topic_permission("ann", "/", Some("amq.topic")).await.unwrap();
    assert_eq!(admin.topic_permissions(), [other]);
    let channel = channel_of(&started).await;
    publish(&channel, "amq.topic", "b").await.unwrap();
    admin.delete_topic_permission("ann", "/", None).await.unwrap();
    let again = admin.delete_topic_permission("ann", "/", None).await.unwrap_err();
    assert!(matches!(again, AdminError::NotFound { .. }));
    started.restart().await;
    assert!(started.admin().topic_permissions().is_empty());
}
