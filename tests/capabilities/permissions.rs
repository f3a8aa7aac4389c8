//! What users may configure, write and read.

use std::sync::Arc;

use lapin::{
    BasicProperties,
    options::{BasicConsumeOptions, BasicGetOptions, ExchangeDeclareOptions},
};

use crate::client::{Client, DURABLE, Running, broker_with, check_refused, table, text};

const SETTINGS: &str = r#"
vhosts = ["/", "shop"]

[[users]]
name = "guest"
password = "guest"
tags = ["administrator"]
[[users.permissions]]
vhost = "/"
configure = ".*"
write = ".*"
read = ".*"
[[users.permissions]]
vhost = "shop"
configure = ".*"
write = ".*"
read = ".*"

[[users]]
name = "alice"
password = "wonderland"
tags = ["impersonator"]
[[users.permissions]]
vhost = "/"
configure = "^alice-"
write = "^(alice-|amq\\.default$)"
read = "^(alice-|inbox$)"
"#;

async fn alice(broker: &Arc<Running>) -> Client {
    let uri = format!("amqp://alice:wonderland@{}/%2f", broker.addr());
    Client::login(broker, &uri).await.expect("alice may log in")
}

fn refused(action: &str, kind: &str, name: &str) -> String {
    format!(
        "ACCESS_REFUSED - {action} access to {kind} '{name}' in vhost '/' refused for user 'alice'"
    )
}

#[tokio::test]
async fn each_request_needs_its_permission() {
    let Some(broker) = broker_with(SETTINGS) else { return };
    let client = alice(&broker).await;
    let guest = Client::connect_to(&broker).await;
    guest.declare("inbox", DURABLE, table([])).await.unwrap();
    client.declare("alice-q", DURABLE, table([])).await.unwrap();
    let name = || "bob-q".into();
    let (none, get) = (table([]), BasicGetOptions::default());

    let session = client.session().await;
    let declared = session.declare("bob-q", DURABLE, none.clone()).await;
    check_refused(declared, 403, &refused("configure", "queue", "bob-q"));
    let session = client.session().await;
    let options = ExchangeDeclareOptions::default();
    let declared = session.declare_exchange("bob-x", "direct", options, none.clone()).await;
    check_refused(declared, 403, &refused("configure", "exchange", "bob-x"));
    let session = client.session().await;
    let deleted = session.channel.queue_delete("inbox".into(), Default::default()).await;
    check_refused(deleted, 403, &refused("configure", "queue", "inbox"));
    // Permissions are looked at before existence.
    let session = client.session().await;
    check_refused(
        session.channel.basic_get(name(), get).await,
        403,
        &refused("read", "queue", "bob-q"),
    );
    let session = client.session().await;
    let consumed =
        session.consume_with("bob-q", "", BasicConsumeOptions::default(), none.clone()).await;
    check_refused(consumed, 403, &refused("read", "queue", "bob-q"));
    let session = client.session().await;
    let purged = session.channel.queue_purge(name(), Default::default()).await;
    check_refused(purged, 403, &refused("read", "queue", "bob-q"));
    let session = client.session().await;
    let published = session.try_publish("amq.direct", "", "", BasicProperties::default()).await;
    check_refused(published, 403, &refused("write", "exchange", "amq.direct"));
    let session = client.session().await;
    let bound = session.bind_with("inbox", "alice-x", "", none.clone()).await;
    check_refused(bound, 403, &refused("write", "queue", "inbox"));
    let session = client.session().await;
    let bound = session.bind_with("alice-q", "amq.direct", "", none.clone()).await;
    check_refused(bound, 403, &refused("read", "exchange", "amq.direct"));
    let session = client.session().await;
    let published = session.try_publish("no such", "", "", BasicProperties::default()).await;
    check_refused(published, 403, &refused("write", "exchange", "no such"));

    client.send("inbox", "to the inbox").await;
    assert_eq!(client.drain("inbox", 1).await, ["to the inbox"]);
}

#[tokio::test]
async fn unbinding_and_exchanges_need_them_too() {
    let Some(broker) = broker_with(SETTINGS) else { return };
    let client = alice(&broker).await;
    let guest = Client::connect_to(&broker).await;
    guest.declare("inbox", DURABLE, table([])).await.unwrap();
    let plain = ExchangeDeclareOptions::default();
    guest.declare_exchange("bob-x", "direct", plain, table([])).await.unwrap();
    client.declare_exchange("alice-x", "direct", plain, table([])).await.unwrap();
    let (none, alices, bobs) = (table([]), || "alice-x".into(), || "bob-x".into());

    let session = client.session().await;
    let deleted = session.channel.exchange_delete(bobs(), Default::default()).await;
    check_refused(deleted, 403, &refused("configure", "exchange", "bob-x"));
    let session = client.session().await;
    let unbound =
        session.channel.queue_unbind("inbox".into(), alices(), "".into(), none.clone()).await;
    check_refused(unbound, 403, &refused("write", "queue", "inbox"));
    let session = client.session().await;
    let (channel, options) = (&session.channel, Default::default());
    let bound = channel.exchange_bind(bobs(), alices(), "".into(), options, none.clone()).await;
    check_refused(bound, 403, &refused("write", "exchange", "bob-x"));
    let session = client.session().await;
    let (channel, options) = (&session.channel, Default::default());
    let bound = channel.exchange_bind(alices(), bobs(), "".into(), options, none.clone()).await;
    check_refused(bound, 403, &refused("read", "exchange", "bob-x"));
    let session = client.session().await;
    let (channel, options) = (&session.channel, Default::default());
    let unbound = channel.exchange_unbind(bobs(), alices(), "".into(), options, none).await;
    check_refused(unbound, 403, &refused("write", "exchange", "bob-x"));
}

#[tokio::test]
async fn a_passive_declare_needs_some_permission() {
    let Some(broker) = broker_with(SETTINGS) else { return };
    let client = alice(&broker).await;
    let guest = Client::connect_to(&broker).await;
    for queue in ["inbox", "outbox"] {
        guest.declare(queue, DURABLE, table([])).await.unwrap();
    }
    client.passive("inbox").await.expect("reading is enough");
    let session = client.session().await;
    check_refused(session.passive("outbox").await, 403, &refused("configure", "queue", "outbox"));
}

#[tokio::test]
async fn a_dead_letter_exchange_must_be_writable() {
    let Some(broker) = broker_with(SETTINGS) else { return };
    let client = alice(&broker).await;
    let session = client.session().await;
    let arguments = table([("x-dead-letter-exchange", text("amq.direct"))]);
    let declared = session.declare("alice-q", DURABLE, arguments).await;
    check_refused(declared, 403, &refused("write", "exchange", "amq.direct"));
    let session = client.session().await;
    let arguments = table([("alternate-exchange", text("amq.direct"))]);
    let options = ExchangeDeclareOptions::default();
    let declared = session.declare_exchange("alice-x", "direct", options, arguments).await;
    check_refused(declared, 403, &refused("write", "exchange", "amq.direct"));
}

#[tokio::test]
async fn an_impersonator_may_sign_for_others() {
    let Some(broker) = broker_with(SETTINGS) else { return };
    let client = alice(&broker).await;
    client.declare("alice-q", DURABLE, table([])).await.unwrap();
    let signed = BasicProperties::default().with_user_id("bob".into());
    client.publish("", "alice-q", "signed", signed).await;
    assert_eq!(client.drain("alice-q", 1).await, ["signed"]);
}

#[tokio::test]
async fn vhosts_are_worlds_apart() {
    let Some(broker) = broker_with(SETTINGS) else { return };
    let one = Client::connect_to(&broker).await;
    let uri = format!("amqp://guest:guest@{}/shop", broker.addr());
    let other = Client::login(&broker, &uri).await.unwrap();
    for client in [&one, &other] {
        client.declare("same-name", DURABLE, table([])).await.unwrap();
    }
    one.send("same-name", "in /").await;
    assert_eq!(one.drain("same-name", 1).await, ["in /"]);
    assert!(other.drain("same-name", 0).await.is_empty());
    check_refused(
        other.passive("no such").await,
        404,
        "NOT_FOUND - no queue 'no such' in vhost 'shop'",
    );

    let uri = format!("amqp://alice:wonderland@{}/shop", broker.addr());
    let refused = Client::login(&broker, &uri).await;
    check_refused(refused, 530, "NOT_ALLOWED - access to vhost 'shop' refused for user 'alice'");
    let uri = format!("amqp://guest:guest@{}/nowhere", broker.addr());
    let refused = Client::login(&broker, &uri).await;
    check_refused(refused, 530, "NOT_ALLOWED - vhost nowhere not found");
}
