//! Limits of users and vhosts, in RabbitMQ's words.

use broker::UserTags;
use broker::limits::{LimitName, Limits};
use pillarbox_client::ConnectOptions;

use super::started::{Started, close_of, durable, everything, keep, text, until, within};
use crate::admin::{AdminError, LimitInfo};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vhost_takes_no_more_connections_than_it_may() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    admin.put_user("bob", text("b"), UserTags::default()).await.unwrap();
    admin.put_permission(everything("bob", "/")).await.unwrap();
    admin.put_vhost("other", keep).await.unwrap();
    admin.put_permission(everything("bob", "other")).await.unwrap();
    admin.put_vhost_limit("/", LimitName::MaxConnections, 1).await.unwrap();
    let (first, _channel) = started.ann().await;
    let refused = started.connect("bob", "b").await.unwrap_err();
    let expected =
        "NOT_ALLOWED - access to vhost '/' refused for user 'bob': connection limit (1) is reached";
    assert_eq!(close_of(refused), (530, expected.to_owned()));
    started.connect_to("bob", "b", "other").await.unwrap();
    within(first.close()).await.unwrap();
    let second = started.connect("bob", "b").await.unwrap();
    admin.put_vhost_limit("/", LimitName::MaxConnections, 0).await.unwrap();
    second.open_channel().await.expect("what is there stays");
    assert_eq!(close_of(started.connect("bob", "b").await.unwrap_err()).0, 530);
    admin.put_vhost_limit("/", LimitName::MaxConnections, -1).await.unwrap();
    started.connect("bob", "b").await.unwrap();
    admin.put_vhost_limit("/", LimitName::MaxConnections, 0).await.unwrap();
    admin.delete_vhost_limit("/", LimitName::MaxConnections).await.unwrap();
    started.connect("bob", "b").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_has_no_more_connections_than_they_may() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    admin.put_user_limit("ann", LimitName::MaxConnections, 1).await.unwrap();
    let (first, _channel) = started.ann().await;
    let refused = started.connect("ann", "secret").await.unwrap_err();
    let expected =
        "NOT_ALLOWED - connection refused for user 'ann': user connection limit (1) is reached";
    assert_eq!(close_of(refused), (530, expected.to_owned()));
    // One that ends without a word counts no more, either.
    drop(first);
    until(async || started.connect("ann", "secret").await.is_ok()).await;
}

/// Who is refused for anything else takes no seat.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_connection_counts_for_nothing() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    admin.put_user("bob", text("b"), UserTags::default()).await.unwrap();
    admin.put_vhost_limit("/", LimitName::MaxConnections, 1).await.unwrap();
    for _ in 0..3 {
        let refused = started.connect("bob", "b").await.unwrap_err();
        assert!(close_of(refused).1.ends_with("access to vhost '/' refused for user 'bob'"));
    }
    until(async || started.connect("ann", "secret").await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_has_no_more_channels_than_they_may() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    admin.put_user_limit("ann", LimitName::MaxChannels, 2).await.unwrap();
    let (_one, channel) = started.ann().await;
    let (two, _other) = started.ann().await;
    let expected = "NOT_ALLOWED - number of channels opened for user 'ann' has reached the maximum \
                    allowed user limit of (2)";
    let refused = two.open_channel().await.unwrap_err();
    assert_eq!(close_of(refused), (530, expected.to_owned()));
    // That closed the connection, with the channel that it had.
    let (three, _third) = started.ann().await;
    drop(channel);
    until(async || {
        let options = ConnectOptions { ..started.login("ann", "secret", "/") };
        let connection = pillarbox_client::Connection::open(&options).await.unwrap();
        connection.open_channel().await.is_ok()
    })
    .await;
    drop(three);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vhost_takes_no_more_queues_than_it_may() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    let (connection, channel) = started.ann().await;
    channel.queue_declare("q", durable()).await.unwrap();
    admin.put_vhost_limit("/", LimitName::MaxQueues, 1).await.unwrap();
    channel.queue_declare("q", durable()).await.expect("it is there already");
    let refused = channel.queue_declare("q2", durable()).await.unwrap_err();
    let expected =
        "PRECONDITION_FAILED - cannot declare queue 'q2': queue limit in vhost '/' (1) is reached";
    assert_eq!(close_of(refused), (406, expected.to_owned()));
    let channel = connection.open_channel().await.unwrap();
    channel.queue_delete("q", false, false).await.unwrap();
    channel.queue_declare("q2", durable()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_as_they_were_said_also_after_a_restart() {
    let mut started = Started::with_ann().await;
    let admin = started.admin();
    admin.put_vhost_limit("/", LimitName::MaxConnections, 5).await.unwrap();
    admin.put_vhost_limit("/", LimitName::MaxQueues, -1).await.unwrap();
    admin.put_user_limit("ann", LimitName::MaxChannels, 7).await.unwrap();
    admin.put_user_limit("ann", LimitName::MaxConnections, 8).await.unwrap();
    admin.delete_user_limit("ann", LimitName::MaxConnections).await.unwrap();
    let of_vhost = Limits { max_connections: Some(5), max_queues: Some(-1), max_channels: None };
    let of_user = Limits { max_channels: Some(7), ..Limits::default() };
    for _ in 0..2 {
        let admin = started.admin();
        let vhost = LimitInfo { owner: "/".to_owned(), limits: of_vhost };
        let user = LimitInfo { owner: "ann".to_owned(), limits: of_user };
        assert_eq!((admin.vhost_limits(), admin.user_limits()), (vec![vhost], vec![user]));
        started.restart().await;
    }
    let admin = started.admin();
    admin.delete_vhost_limit("/", LimitName::MaxConnections).await.unwrap();
    admin.delete_vhost_limit("/", LimitName::MaxQueues).await.unwrap();
    admin.delete_user("ann").await.unwrap();
    for _ in 0..2 {
        let admin = started.admin();
        assert!(admin.vhost_limits().is_empty() && admin.user_limits().is_empty());
        started.restart().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_is_of_somebody_and_of_something() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    let refused = [
        admin.put_vhost_limit("shop", LimitName::MaxQueues, 1).await.unwrap_err(),
        admin.put_user_limit("bob", LimitName::MaxChannels, 1).await.unwrap_err(),
        admin.delete_vhost_limit("shop", LimitName::MaxQueues).await.unwrap_err(),
        admin.delete_user_limit("bob", LimitName::MaxChannels).await.unwrap_err(),
    ];
    assert!(refused.iter().all(|error| matches!(error, AdminError::NotFound { .. })));
    let refused = [
        admin.put_vhost_limit("/", LimitName::MaxChannels, 1).await.unwrap_err(),
        admin.put_user_limit("ann", LimitName::MaxQueues, 1).await.unwrap_err(),
    ];
    assert!(refused.iter().all(|error| matches!(error, AdminError::Invalid { .. })));
}
