//! What outlives the broker: durable queues, persistent messages, definitions; and what does not.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use amqp::{Method, basic};
use lapin::{
    BasicProperties,
    options::{
        BasicGetOptions, ExchangeDeclareOptions, QueueDeclareOptions, QueueDeleteOptions,
        QueuePurgeOptions,
    },
    types::FieldTable,
};

use crate::client::{
    Client, DURABLE, Running, Session, alone, body, broker_with, eventually, header, int, table,
    text,
};
use crate::raw_client::RawClient;

/// How a broker ends before it starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Stop,
    Kill,
}

const ENDS: [End; 2] = [End::Stop, End::Kill];

/// A broker of its own; `None` if the tests ask another broker.
fn broker() -> Option<Arc<Running>> {
    broker_with("")
}

fn restart(broker: &mut Arc<Running>, end: End) {
    match end {
        End::Stop => alone(broker).restart(),
        End::Kill => alone(broker).kill_and_restart(),
    }
}

fn persistent() -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2)
}

/// Publishes a persistent message and waits for its confirm.
async fn confirmed(session: &Session, exchange: &str, routing_key: &str, body: &str) {
    let published = session.try_publish(exchange, routing_key, body, persistent()).await;
    assert!(published.expect("it is confirmed").is_ack());
}

async fn durable_exchange(session: &Session, name: &str, kind: &str, arguments: FieldTable) {
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    session.declare_exchange(name, kind, options, arguments).await.unwrap();
}

/// The bodies of all ready messages, in order, each with whether it is redelivered; they are acked.
async fn drained(session: &Session, queue: &str) -> Vec<(String, bool)> {
    let mut bodies = Vec::new();
    while let Some(message) = session.get(queue).await {
        session.ack(message.delivery_tag).await;
        bodies.push((body(&message), message.redelivered));
    }
    bodies
}

#[tokio::test]
async fn persistent_messages_of_durable_queues_survive() {
    for end in ENDS {
        let Some(mut broker) = broker() else { return };
        let client = Client::connect_to(&broker).await;
        client.declare("durable", DURABLE, FieldTable::default()).await.unwrap();
        let transient = QueueDeclareOptions { durable: false, ..DURABLE };
        client.declare("transient", transient, FieldTable::default()).await.unwrap();
        let large = "x".repeat(100_000);
        for body in ["first", "second", &large] {
            confirmed(&client, "", "durable", body).await;
            confirmed(&client, "", "transient", body).await;
        }
        client.send("durable", "not persistent").await;
        client.barrier().await.unwrap();
        client.close().await;
        restart(&mut broker, end);
        let client = Client::connect_to(&broker).await;
        let redelivered = end == End::Kill;
        let expected = ["first", "second", &large].map(|body| (body.to_owned(), redelivered));
        assert_eq!(drained(&client, "durable").await, expected, "{end:?}");
        assert!(client.passive("transient").await.is_err(), "{end:?}");
    }
}

#[tokio::test]
async fn what_was_acked_does_not_come_back() {
    for end in ENDS {
        let Some(mut broker) = broker() else { return };
        let client = Client::connect_to(&broker).await;
        client.declare("q", DURABLE, FieldTable::default()).await.unwrap();
        for body in ["acked", "fetched", "kept", "rejected", "purged?"] {
            confirmed(&client, "", "q", body).await;
        }
        let acked = client.expect("q").await;
        client.ack(acked.delivery_tag).await;
        let no_ack = BasicGetOptions { no_ack: true };
        assert!(client.channel.basic_get("q".into(), no_ack).await.unwrap().is_some());
        let kept = client.expect("q").await;
        let rejected = client.expect("q").await;
        client.reject(rejected.delivery_tag, false).await;
        client.nack(kept.delivery_tag, true).await;
        // Whatever is confirmed now was flushed behind all that.
        confirmed(&client, "", "q", "last").await;
        client.close().await;
        restart(&mut broker, end);
        let client = Client::connect_to(&broker).await;
        let expected = [("kept", true), ("purged?", end == End::Kill), ("last", end == End::Kill)];
        let expected = expected.map(|(body, redelivered)| (body.to_owned(), redelivered));
        assert_eq!(drained(&client, "q").await, expected, "{end:?}");
        confirmed(&client, "", "q", "gone").await;
        let options = QueuePurgeOptions::default();
        assert_eq!(client.channel.queue_purge("q".into(), options).await.unwrap(), 1);
        client.close().await;
        restart(&mut broker, end);
        let client = Client::connect_to(&broker).await;
        assert_eq!(client.ready("q").await, 0, "{end:?}");
    }
}

/// Where in the log a batch lies that begins with what was acked.
fn acked_at(data_dir: &Path) -> Option<(PathBuf, usize)> {
    const MAGIC: &[u8] = b"\xB1Bat";
    const KIND_AT: usize = 52;
    const RELEASE: u8 = 2;
    let files = fs::read_dir(data_dir.join("log")).ok()?.filter_map(|file| Some(file.ok()?.path()));
    files.filter(|path| path.extension().is_some_and(|end| end == "seg")).find_map(|path| {
        let bytes = fs::read(&path).ok()?;
        let is_one = |at: &usize| {
            bytes[*at..].starts_with(MAGIC) && bytes.get(at + KIND_AT) == Some(&RELEASE)
        };
        Some(((0..bytes.len()).step_by(64).find(is_one)?, path)).map(|(at, path)| (path, at))
    })
}

#[tokio::test]
async fn what_comes_back_because_the_log_is_damaged_is_redelivered() {
    let Some(mut broker) = broker() else { return };
    let client = Client::connect_to(&broker).await;
    client.declare("durable", DURABLE, FieldTable::default()).await.unwrap();
    confirmed(&client, "", "durable", "acked").await;
    let message = client.get("durable").await.expect("it is there");
    client.ack(message.delivery_tag).await;
    let data_dir = broker.data_dir();
    eventually("the ack is written", || async { acked_at(&data_dir).is_some() }).await;
    confirmed(&client, "", "durable", "another").await;
    client.close().await;
    alone(&mut broker).restart_changed(|data_dir| {
        let (path, at) = acked_at(data_dir).expect("it was there before");
        let mut bytes = fs::read(&path).unwrap();
        bytes[at + 60] ^= 1;
        fs::write(path, bytes).unwrap();
    });
    let client = Client::connect_to(&broker).await;
    let expected = [("acked".to_owned(), true), ("another".to_owned(), true)];
    assert_eq!(drained(&client, "durable").await, expected);
    assert!(broker.log_text().contains("the log is damaged"), "{}", broker.log_text());
}

#[tokio::test]
async fn definitions_survive_and_so_does_their_end() {
    for end in ENDS {
        let Some(mut broker) = broker() else { return };
        let client = Client::connect_to(&broker).await;
        durable_exchange(&client, "orders", "topic", table([("alternate-exchange", text("rest"))]))
            .await;
        durable_exchange(&client, "rest", "fanout", FieldTable::default()).await;
        durable_exchange(&client, "gone", "fanout", FieldTable::default()).await;
        let arguments = table([("x-max-length", int(3)), ("x-queue-type", text("quorum"))]);
        client.declare("eu", DURABLE, arguments.clone()).await.unwrap();
        client.declare("others", DURABLE, FieldTable::default()).await.unwrap();
        client.declare("deleted", DURABLE, FieldTable::default()).await.unwrap();
        client.bind("eu", "orders", "eu.#").await;
        client.bind("eu", "orders", "uk.#").await;
        client.bind("others", "rest", "").await;
        client.bind("deleted", "rest", "").await;
        client.bind("others", "amq.direct", "k").await;
        let transient = ExchangeDeclareOptions::default();
        client
            .declare_exchange("passing", "fanout", transient, FieldTable::default())
            .await
            .unwrap();
        client.bind("others", "passing", "").await;
        client
            .channel
            .queue_unbind("eu".into(), "orders".into(), "uk.#".into(), FieldTable::default())
            .await
            .unwrap();
        let options = QueueDeleteOptions::default();
        client.channel.queue_delete("deleted".into(), options).await.unwrap();
        client.channel.exchange_delete("gone".into(), Default::default()).await.unwrap();
        client.close().await;
        restart(&mut broker, end);
        restart(&mut broker, end);

        let client = Client::connect_to(&broker).await;
        for (exchange, key) in
            [("orders", "eu.x"), ("orders", "uk.x"), ("orders", "us.x"), ("amq.direct", "k")]
        {
            confirmed(&client, exchange, key, key).await;
        }
        assert_eq!(client.drain("eu", 1).await, ["eu.x"], "{end:?}");
        assert_eq!(client.drain("others", 3).await, ["uk.x", "us.x", "k"], "{end:?}");
        // It is what it was declared as.
        client.declare("eu", DURABLE, arguments).await.unwrap();
        for gone in ["deleted", "another"] {
            let session = client.session().await;
            assert!(session.passive(gone).await.is_err(), "{gone} {end:?}");
        }
        for gone in ["gone", "passing"] {
            let session = client.session().await;
            let passive = ExchangeDeclareOptions { passive: true, ..Default::default() };
            let found = session.declare_exchange(gone, "fanout", passive, FieldTable::default());
            assert!(found.await.is_err(), "{gone} {end:?}");
        }
    }
}

/// Whoever declares a queue again is not to get what was bound to the one before.
#[tokio::test]
async fn a_deleted_queue_takes_its_bindings_along() {
    for end in ENDS {
        let Some(mut broker) = broker() else { return };
        let client = Client::connect_to(&broker).await;
        client.declare("q", DURABLE, FieldTable::default()).await.unwrap();
        client.declare("other", DURABLE, FieldTable::default()).await.unwrap();
        for queue in ["q", "other"] {
            client.bind(queue, "amq.direct", "k").await;
        }
        client.channel.queue_delete("q".into(), QueueDeleteOptions::default()).await.unwrap();
        client.declare("q", DURABLE, FieldTable::default()).await.unwrap();
        client.close().await;
        restart(&mut broker, end);
        let client = Client::connect_to(&broker).await;
        confirmed(&client, "amq.direct", "k", "body").await;
        assert_eq!(client.drain("other", 1).await, ["body"], "{end:?}");
        assert_eq!(client.ready("q").await, 0, "{end:?}");
    }
}

#[tokio::test]
async fn exclusive_queues_end_with_the_broker_and_auto_delete_queues_wait_for_a_consumer() {
    for end in ENDS {
        let Some(mut broker) = broker() else { return };
        let client = Client::connect_to(&broker).await;
        let exclusive = QueueDeclareOptions { exclusive: true, ..DURABLE };
        client.declare("mine", exclusive, FieldTable::default()).await.unwrap();
        let auto_delete = QueueDeclareOptions { auto_delete: true, ..DURABLE };
        client.declare("auto", auto_delete, FieldTable::default()).await.unwrap();
        confirmed(&client, "", "auto", "waits").await;
        client.close().await;
        restart(&mut broker, end);
        let client = Client::connect_to(&broker).await;
        assert_eq!(client.ready("auto").await, 1, "{end:?}");
        let session = client.session().await;
        assert!(session.passive("mine").await.is_err(), "{end:?}");
    }
}

#[tokio::test]
async fn a_fanout_lives_in_each_of_its_queues() {
    for end in ENDS {
        let Some(mut broker) = broker() else { return };
        let client = Client::connect_to(&broker).await;
        durable_exchange(&client, "all", "fanout", FieldTable::default()).await;
        for queue in ["a", "b", "c"] {
            client.declare(queue, DURABLE, FieldTable::default()).await.unwrap();
            client.bind(queue, "all", "").await;
        }
        for body in ["one", "two"] {
            confirmed(&client, "all", "", body).await;
        }
        assert_eq!(client.drain("a", 2).await, ["one", "two"]);
        let first = client.expect("b").await;
        client.ack(first.delivery_tag).await;
        confirmed(&client, "", "a", "last").await;
        client.close().await;
        restart(&mut broker, end);
        let client = Client::connect_to(&broker).await;
        assert_eq!(client.drain("a", 1).await, ["last"], "{end:?}");
        assert_eq!(client.drain("b", 1).await, ["two"], "{end:?}");
        assert_eq!(client.drain("c", 2).await, ["one", "two"], "{end:?}");
    }
}

#[tokio::test]
async fn a_quorum_queue_keeps_every_message_and_counts_on() {
    for end in ENDS {
        let Some(mut broker) = broker() else { return };
        let client = Client::connect_to(&broker).await;
        let arguments = table([("x-queue-type", text("quorum")), ("x-delivery-limit", int(2))]);
        client.declare("q", DURABLE, arguments).await.unwrap();
        let transient = client.try_publish("", "q", "transient", BasicProperties::default()).await;
        assert!(transient.unwrap().is_ack());
        let delivery = client.expect("q").await;
        client.reject(delivery.delivery_tag, true).await;
        confirmed(&client, "", "q", "later").await;
        client.close().await;
        restart(&mut broker, end);
        let client = Client::connect_to(&broker).await;
        let delivery = client.expect("q").await;
        assert_eq!(
            (body(&delivery).as_str(), delivery.redelivered),
            ("transient", true),
            "{end:?}"
        );
        assert_eq!(header(&delivery, "x-delivery-count"), Some(int(1)), "{end:?}");
        assert_eq!(client.drain("q", 1).await, ["later"]);
    }
}

#[tokio::test]
async fn the_time_of_a_message_goes_on_while_nobody_runs() {
    for end in ENDS {
        let Some(mut broker) = broker() else { return };
        let client = Client::connect_to(&broker).await;
        client.declare("dead", DURABLE, FieldTable::default()).await.unwrap();
        let dead_letters =
            [("x-dead-letter-exchange", text("")), ("x-dead-letter-routing-key", text("dead"))];
        client.declare("q", DURABLE, table(dead_letters)).await.unwrap();
        for (body, expiration) in [("short", "300"), ("long", "3600000")] {
            let properties = persistent().with_expiration(expiration.into());
            let published = client.try_publish("", "q", body, properties).await;
            assert!(published.unwrap().is_ack());
        }
        client.close().await;
        restart(&mut broker, end);
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let client = Client::connect_to(&broker).await;
        assert_eq!(body(&client.expect("dead").await), "short", "{end:?}");
        assert_eq!(client.drain("q", 1).await, ["long"], "{end:?}");
    }
}

#[tokio::test]
async fn delayed_messages_are_held_back_across_a_restart() {
    for end in ENDS {
        let Some(mut broker) = broker() else { return };
        let client = Client::connect_to(&broker).await;
        let arguments = table([("x-delayed-type", text("direct"))]);
        durable_exchange(&client, "later", "x-delayed-message", arguments).await;
        client.declare("q", DURABLE, FieldTable::default()).await.unwrap();
        client.bind("q", "later", "k").await;
        for delay_ms in [700, 3_600_000] {
            let properties = persistent().with_headers(table([("x-delay", int(delay_ms))]));
            let delay = delay_ms.to_string();
            assert!(client.try_publish("later", "k", &delay, properties).await.unwrap().is_ack());
        }
        client.close().await;
        restart(&mut broker, end);
        let client = Client::connect_to(&broker).await;
        assert_eq!(body(&client.expect("q").await), "700", "{end:?}");
        assert!(client.get("q").await.is_none());
    }
}

#[tokio::test]
async fn a_dead_letter_is_in_one_place_after_a_restart() {
    for end in ENDS {
        let Some(mut broker) = broker() else { return };
        let client = Client::connect_to(&broker).await;
        client.declare("dead", DURABLE, FieldTable::default()).await.unwrap();
        let dead_letters =
            [("x-dead-letter-exchange", text("")), ("x-dead-letter-routing-key", text("dead"))];
        client.declare("q", DURABLE, table(dead_letters)).await.unwrap();
        confirmed(&client, "", "q", "rejected").await;
        let delivery = client.expect("q").await;
        client.reject(delivery.delivery_tag, false).await;
        confirmed(&client, "", "q", "last").await;
        client.close().await;
        restart(&mut broker, end);
        let client = Client::connect_to(&broker).await;
        let dead = client.expect("dead").await;
        assert_eq!(body(&dead), "rejected", "{end:?}");
        assert!(header(&dead, "x-death").is_some(), "{end:?}");
        assert_eq!(client.drain("q", 1).await, ["last"], "{end:?}");
    }
}

#[tokio::test]
async fn a_transaction_is_flushed_before_its_commit_is_answered() {
    let Some(mut broker) = broker() else { return };
    let client = Client::connect_to(&broker).await;
    client.declare("q", DURABLE, FieldTable::default()).await.unwrap();
    confirmed(&client, "", "q", "acked in a transaction").await;
    let session = client.another().await;
    session.channel.tx_select().await.unwrap();
    let delivery = session.expect("q").await;
    session.ack(delivery.delivery_tag).await;
    session.publish("", "q", "published in a transaction", persistent()).await;
    session.channel.tx_commit().await.unwrap();
    session.close().await;
    client.close().await;
    restart(&mut broker, End::Kill);
    let client = Client::connect_to(&broker).await;
    assert_eq!(client.drain("q", 1).await, ["published in a transaction"]);
}

/// Settings with one user besides `guest`.
fn settings(password: &str, write: &str) -> String {
    format!(
        "[[users]]\nname = 'ann'\npassword = '{password}'\n\
         [[users.permissions]]\nvhost = '/'\nwrite = '{write}'\n"
    )
}

#[tokio::test]
async fn users_stay_as_they_were_first_defined_and_each_difference_is_named() {
    let Some(mut broker) = broker_with(&settings("at-first", ".*")) else { return };
    let changed = settings("later", "^q");
    alone(&mut broker).restart_with(&changed);
    let uri = |password: &str| format!("amqp://ann:{password}@{}/%2f", broker.addr());
    assert!(Client::login(&broker, &uri("later")).await.is_err());
    Client::login(&broker, &uri("at-first")).await.unwrap().close().await;
    let log = broker.log_text();
    for difference in ["another password", "other permissions in vhost '/'"] {
        assert!(log.contains(&format!("the settings give a user {difference}")), "{log}");
    }
    assert!(!log.contains("later") && !log.contains("at-first"), "a password is in the log");
}

#[tokio::test]
async fn a_client_that_does_not_take_its_close_leaves_the_log_in_order() {
    let Some(mut broker) = broker() else { return };
    let client = Client::connect_to(&broker).await;
    client.declare("q", DURABLE, FieldTable::default()).await.unwrap();
    confirmed(&client, "", "q", "taken").await;
    confirmed(&client, "", "q", "left").await;
    client.close().await;
    let mut silent = RawClient::open(broker.addr(), 0);
    silent.send(&Method::BasicGet(basic::Get { queue: "q", no_ack: false }));
    silent.wait_for("basic.get-ok");
    restart(&mut broker, End::Stop);
    let client = Client::connect_to(&broker).await;
    let expected = [("taken".to_owned(), true), ("left".to_owned(), false)];
    assert_eq!(drained(&client, "q").await, expected);
}
