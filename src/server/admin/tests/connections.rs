//! What open connections feel of a change: at once, without being asked.

use broker::UserTags;
use pillarbox_client::{ConsumeOptions, Error, Properties, Publish, ShortString};

use super::started::{
    Started, close_of, durable, everything, keep, permission, publish, text, until, within,
};
use crate::admin::{NewPassword, TopicPermissionInfo};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_user_is_put_out() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    admin.put_user("bob", text("b"), UserTags::default()).await.unwrap();
    admin.put_permission(everything("bob", "/")).await.unwrap();
    let (anns, _channel) = started.ann().await;
    let bobs = started.connect("bob", "b").await.unwrap();
    admin.delete_user("bob").await.unwrap();
    let close = close_of(within(bobs.ended()).await);
    assert_eq!(close, (320, "CONNECTION_FORCED - user 'bob' is deleted".to_owned()));
    anns.open_channel().await.expect("nobody else is concerned");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_password_counts_for_nothing() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    let (connection, _channel) = started.ann().await;
    // What leaves the password as it is closes nothing.
    admin.put_user("ann", text("secret"), UserTags::default()).await.unwrap();
    admin.put_user("ann", NewPassword::Unchanged, UserTags::default()).await.unwrap();
    connection.open_channel().await.unwrap();
    admin.put_user("ann", text("other"), UserTags::default()).await.unwrap();
    let close = close_of(within(connection.ended()).await);
    let expected = "CONNECTION_FORCED - the password of user 'ann' was changed";
    assert_eq!(close, (320, expected.to_owned()));
    assert!(started.connect("ann", "secret").await.is_err());
    started.connect("ann", "other").await.unwrap();
}

/// The channel knows by then that it may, and what it may is looked up again all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_publish_any_more_does_not() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    let (connection, channel) = started.ann().await;
    channel.queue_declare("q", durable()).await.unwrap();
    channel.confirm_select().await.unwrap();
    publish(&channel, "", "q").await.unwrap();
    admin.put_permission(permission(("ann", "/"), [".*", "^q$", ".*"])).await.unwrap();
    let mut refused = None;
    until(async || {
        refused = publish(&channel, "", "q").await.err();
        refused.is_some()
    })
    .await;
    let expected = "ACCESS_REFUSED - write access to exchange 'amq.default' in vhost '/' refused \
                    for user 'ann'";
    assert_eq!(close_of(refused.unwrap()), (403, expected.to_owned()));
    let channel = connection.open_channel().await.unwrap();
    channel.queue_declare("q2", durable()).await.expect("the connection goes on");
    // And back again.
    admin.put_permission(everything("ann", "/")).await.unwrap();
    channel.confirm_select().await.unwrap();
    publish(&channel, "", "q").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_permission_a_connection_stays_and_can_do_nothing() {
    let started = Started::with_ann().await;
    let (connection, channel) = started.ann().await;
    started.admin().delete_permission("ann", "/").await.unwrap();
    let mut refused = None;
    until(async || {
        refused = channel.queue_declare("q", durable()).await.err();
        refused.is_some()
    })
    .await;
    let expected =
        "ACCESS_REFUSED - configure access to queue 'q' in vhost '/' refused for user 'ann'";
    assert_eq!(close_of(refused.unwrap()), (403, expected.to_owned()));
    connection.open_channel().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_read_a_queue_any_more_loses_its_consumers() {
    let started = Started::with_ann().await;
    let (_connection, channel) = started.ann().await;
    for queue in ["mine", "theirs"] {
        channel.queue_declare(queue, durable()).await.unwrap();
    }
    let mut mine = channel.consume("mine", ConsumeOptions::default()).await.unwrap();
    let mut theirs = channel.consume("theirs", ConsumeOptions::default()).await.unwrap();
    channel.confirm_select().await.unwrap();
    publish(&channel, "", "theirs").await.unwrap();
    let before = within(theirs.next()).await.unwrap().unwrap();
    let narrowed = permission(("ann", "/"), [".*", ".*", "^mine$"]);
    started.admin().put_permission(narrowed).await.unwrap();
    let cancelled = within(theirs.next()).await;
    assert!(matches!(cancelled, Some(Err(Error::ConsumerCancelled))), "{cancelled:?}");
    before.ack().expect("what was delivered before can be acked");
    publish(&channel, "", "theirs").await.unwrap();
    publish(&channel, "", "mine").await.unwrap();
    assert_eq!(&within(mine.next()).await.unwrap().unwrap().body[..], b"x");
    let vhost = started.admin().node.vhost("/").unwrap();
    let queue = vhost.queue("theirs").unwrap();
    let mut effects = crate::queue_cell::Effects::default();
    let now = vhost.shared.clock.now();
    let left =
        queue.visit(&vhost, now, &mut effects, |queue, _| (queue.ready(), queue.consumer_count()));
    assert_eq!(left, Some((1, 0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_and_topics_count_at_once_too() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    let (connection, channel) = started.ann().await;
    channel.confirm_select().await.unwrap();
    let impersonator = UserTags::new(["impersonator".to_owned()]);
    admin.put_user("ann", NewPassword::Unchanged, impersonator).await.unwrap();
    let properties =
        Properties { user_id: Some(ShortString::from_static("bob")), ..Properties::default() };
    let as_bob = Publish { routing_key: "q", properties: Some(&properties), ..Publish::default() };
    let mut channels = vec![channel];
    until(async || {
        let channel = channels.last().unwrap();
        let is_published = match channel.publish(&as_bob).await {
            Ok(confirm) => within(confirm).await.is_ok(),
            Err(_) => false,
        };
        if !is_published {
            let channel = connection.open_channel().await.unwrap();
            channel.confirm_select().await.unwrap();
            channels.push(channel);
        }
        is_published
    })
    .await;
    let channel = channels.pop().unwrap();
    publish(&channel, "amq.topic", "b").await.unwrap();
    let topics = TopicPermissionInfo {
        user: "ann".into(),
        vhost: "/".into(),
        exchange: "amq.topic".into(),
        write: "^a".to_owned(),
        read: String::new(),
    };
    admin.put_topic_permission(topics).await.unwrap();
    until(async || publish(&channel, "amq.topic", "b").await.is_err()).await;
}

/// Each of many changes reaches a connection, however many come at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_of_many_changes_counts() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    let (connection, channel) = started.ann().await;
    for number in 0..100 {
        let pattern = format!("^q{number}$");
        admin.put_permission(permission(("ann", "/"), [&pattern, ".*", ".*"])).await.unwrap();
    }
    let mut channels = vec![channel];
    until(async || {
        if channels.last().unwrap().queue_declare("q99", durable()).await.is_ok() {
            return true;
        }
        channels.push(connection.open_channel().await.unwrap());
        false
    })
    .await;
    let channel = channels.pop().unwrap();
    let refused = channel.queue_declare("q98", durable()).await.unwrap_err();
    assert_eq!(close_of(refused).0, 403);
}

/// Exclusive queues and unacked messages are dealt with as at any other end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_deleted_user_had_is_given_back() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    admin.put_user("bob", text("b"), UserTags::default()).await.unwrap();
    admin.put_permission(everything("bob", "/")).await.unwrap();
    let (_anns, anns_channel) = started.ann().await;
    anns_channel.queue_declare("q", durable()).await.unwrap();
    anns_channel.confirm_select().await.unwrap();
    publish(&anns_channel, "", "q").await.unwrap();
    let bobs = started.connect("bob", "b").await.unwrap();
    let channel = bobs.open_channel().await.unwrap();
    let mut consumer = channel.consume("q", ConsumeOptions::default()).await.unwrap();
    let _unacked = within(consumer.next()).await.unwrap().unwrap();
    admin.delete_user("bob").await.unwrap();
    within(bobs.ended()).await;
    let mut got = None;
    until(async || {
        got = anns_channel.get("q", true).await.unwrap();
        got.is_some()
    })
    .await;
    assert!(got.unwrap().redelivered);
}

/// A vhost is deleted under a client that is only about to open it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_opens_a_vhost_while_it_is_deleted_is_put_out_or_kept_out() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    for _ in 0..10 {
        admin.put_vhost("shop", keep).await.unwrap();
        admin.put_permission(everything("ann", "shop")).await.unwrap();
        let options = started.login("ann", "secret", "shop");
        let opening = tokio::spawn(async move {
            match pillarbox_client::Connection::open(&options).await {
                Ok(connection) => connection.ended().await,
                Err(error) => error,
            }
        });
        admin.delete_vhost("shop").await.unwrap();
        let (code, text) = close_of(within(opening).await.unwrap());
        assert!(matches!(code, 320 | 530), "{code} {text}");
    }
}
