//! Vhosts: that they are there, and that they are gone.

use broker::vhost::VhostSettings;
use broker::{QueueKind, UserTags};
use pillarbox_client::{ConsumeOptions, ExchangeOptions, FieldTable};

use super::started::{Started, close_of, durable, everything, keep, publish, say, text, within};
use crate::admin::{AdminError, Put};

fn described() -> VhostSettings {
    VhostSettings {
        description: "of the shop".to_owned(),
        tags: vec!["production".to_owned()],
        default_queue_type: Some(QueueKind::Quorum),
        is_protected: true,
        is_tracing: true,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vhost_is_there_with_what_was_said_of_it_also_after_a_restart() {
    let mut started = Started::with_ann().await;
    let admin = started.admin();
    assert_eq!(admin.put_vhost("shop", keep).await.unwrap(), Put::Created);
    assert_eq!(admin.put_vhost("shop", say(described())).await.unwrap(), Put::Updated);
    admin.put_permission(everything("ann", "shop")).await.unwrap();
    for _ in 0..2 {
        let admin = started.admin();
        let names: Vec<String> = admin.vhosts().iter().map(|v| v.name.to_string()).collect();
        assert_eq!(names, ["/", "shop"]);
        assert_eq!(admin.vhost("shop").unwrap().settings, described());
        started.restart().await;
    }
    let admin = started.admin();
    let connection = started.connect_to("ann", "secret", "shop").await.unwrap();
    let refused = admin.delete_vhost("shop").await.unwrap_err();
    assert!(matches!(refused, AdminError::Denied { .. }), "{refused}");
    admin
        .put_vhost("shop", say(VhostSettings { is_protected: false, ..described() }))
        .await
        .unwrap();
    admin.delete_vhost("shop").await.unwrap();
    let close = close_of(within(connection.ended()).await);
    assert_eq!(close, (320, "CONNECTION_FORCED - vhost 'shop' is down".to_owned()));
    for _ in 0..2 {
        let refused = started.connect_to("ann", "secret", "shop").await.unwrap_err();
        assert_eq!(close_of(refused), (530, "NOT_ALLOWED - vhost shop not found".to_owned()));
        let admin = started.admin();
        assert_eq!(admin.permissions().len(), 1, "those for it went with it");
        let again = admin.delete_vhost("shop").await.unwrap_err();
        assert_eq!(again.to_string(), "there is no vhost 'shop'");
        started.restart().await;
    }
}

/// Queues are of the vhost's type unless they say otherwise, and what was declared stays what it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vhost_has_a_type_of_queues_of_its_own() {
    let started = Started::with_ann().await;
    let (_connection, channel) = started.ann().await;
    channel.queue_declare("classic", durable()).await.unwrap();
    let quorum =
        VhostSettings { default_queue_type: Some(QueueKind::Quorum), ..VhostSettings::default() };
    started.admin().put_vhost("/", say(quorum)).await.unwrap();
    channel.queue_declare("quorum", durable()).await.unwrap();
    let vhost = started.admin().node.vhost("/").unwrap();
    let kind_of = |queue: &str| vhost.queue(queue).unwrap().definition.settings.kind;
    assert_eq!((kind_of("classic"), kind_of("quorum")), (QueueKind::Classic, QueueKind::Quorum));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_a_vhost_goes_with_it_and_does_not_come_back() {
    let mut started = Started::with_ann().await;
    let admin = started.admin();
    admin.put_vhost("shop", keep).await.unwrap();
    admin.put_permission(everything("ann", "shop")).await.unwrap();
    let connection = started.connect_to("ann", "secret", "shop").await.unwrap();
    let channel = connection.open_channel().await.unwrap();
    channel.confirm_select().await.unwrap();
    let exchange = ExchangeOptions { durable: true, ..ExchangeOptions::default() };
    channel.exchange_declare("x", "topic", exchange).await.unwrap();
    for number in 0..20 {
        let queue = format!("q{number}");
        channel.queue_declare(&queue, durable()).await.unwrap();
        channel.queue_bind(&queue, "x", "k", &FieldTable::new()).await.unwrap();
    }
    for _ in 0..10 {
        publish(&channel, "x", "k").await.unwrap();
    }
    let _consumer = channel.consume("q0", ConsumeOptions::default()).await.unwrap();
    let old = admin.node.vhost("shop").unwrap();
    admin.delete_vhost("shop").await.unwrap();
    assert!(old.queues.is_empty() && old.exchanges.is_empty());
    within(connection.ended()).await;
    // Another of the same name begins empty, also if that is told by the log alone.
    admin.put_vhost("shop", keep).await.unwrap();
    admin.put_permission(everything("ann", "shop")).await.unwrap();
    for _ in 0..2 {
        let vhost = started.admin().node.vhost("shop").unwrap();
        assert!(vhost.queues.is_empty() && vhost.exchange("x").is_none());
        assert!(vhost.exchange("amq.topic").is_some());
        let connection = started.connect_to("ann", "secret", "shop").await.unwrap();
        connection.close().await.unwrap();
        started.restart().await;
    }
}

/// Whatever is marked before something is added is found by who adds it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_new_comes_into_a_vhost_that_is_being_deleted() {
    let started = Started::with_ann().await;
    let vhost = started.admin().node.vhost("/").unwrap();
    let (one, one_channel) = started.ann().await;
    let (other, other_channel) = started.ann().await;
    vhost.mark_deleted();
    let down = (541, "INTERNAL_ERROR - vhost '/' is down".to_owned());
    let refused = one_channel.queue_declare("q", durable()).await.unwrap_err();
    assert_eq!(close_of(refused), down);
    let exchange = ExchangeOptions { durable: true, ..ExchangeOptions::default() };
    let refused = other_channel.exchange_declare("x", "topic", exchange).await.unwrap_err();
    assert_eq!(close_of(refused), down);
    assert!(vhost.queues.is_empty() && vhost.exchange("x").is_none());
    drop((one, other));
}

/// A client that declares without an end while its vhost is deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_what_is_declared_meanwhile() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    for _ in 0..5 {
        admin.put_vhost("shop", keep).await.unwrap();
        admin.put_permission(everything("ann", "shop")).await.unwrap();
        let old = admin.node.vhost("shop").unwrap();
        let connection = started.connect_to("ann", "secret", "shop").await.unwrap();
        let channel = connection.open_channel().await.unwrap();
        let declaring = tokio::spawn(async move {
            for number in 0_u64.. {
                if channel.queue_declare(&format!("q{number}"), durable()).await.is_err() {
                    return number;
                }
            }
            0
        });
        super::started::until(async || old.queues.len() > 3).await;
        admin.delete_vhost("shop").await.unwrap();
        assert!(within(declaring).await.unwrap() >= 3);
        assert!(old.queues.is_empty(), "{}", old.queues.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_vhost_is_closed_to_everybody() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    admin.put_vhost("shop", keep).await.unwrap();
    admin.put_user("bob", text("b"), UserTags::default()).await.unwrap();
    for (user, password) in [("ann", "secret"), ("bob", "b")] {
        let refused = started.connect_to(user, password, "shop").await.unwrap_err();
        let expected = format!("NOT_ALLOWED - access to vhost 'shop' refused for user '{user}'");
        assert_eq!(close_of(refused), (530, expected));
    }
    let wordy = VhostSettings { description: "x".repeat(65_536), ..VhostSettings::default() };
    for (name, settings) in [("", VhostSettings::default()), ("wordy", wordy)] {
        let refused = admin.put_vhost(name, say(settings)).await;
        assert!(matches!(refused, Err(AdminError::Invalid { .. })), "{name}");
    }
}
