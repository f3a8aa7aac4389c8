//! Dead letters: for every reason, what their headers tell, where they go, and what ends their circles.

use lapin::{
    BasicProperties,
    message::Delivery,
    types::{AMQPValue, FieldTable},
};

use crate::client::{
    Client, DURABLE, Session, body, header, int, table, text, texts, unique, with_headers,
};

/// A queue with dead letters, and the queue that they come to.
async fn with_grave<const N: usize>(
    session: &Session,
    arguments: [(&str, AMQPValue); N],
) -> (String, String) {
    let grave = session.queue([]).await;
    let mut arguments = table(arguments);
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text(&grave));
    let queue = unique("mortal");
    session.declare(&queue, DURABLE, arguments).await.unwrap();
    (queue, grave)
}

/// What `x-death` says, newest first.
fn deaths(delivery: &Delivery) -> Vec<FieldTable> {
    let Some(AMQPValue::FieldArray(deaths)) = header(delivery, "x-death") else {
        panic!("there is no x-death in {:?}", delivery.properties);
    };
    let table = |death: &AMQPValue| death.as_field_table().cloned().expect("a table for each");
    deaths.as_slice().iter().map(table).collect()
}

fn field(death: &FieldTable, name: &str) -> String {
    let value = &death.inner()[name];
    let text = value.as_long_string().map(ToString::to_string);
    let number = || value.as_long_long_int().map(|number| number.to_string());
    text.or_else(number).unwrap_or_else(|| panic!("{name} is {value:?}"))
}

/// Reason, queue, exchange and count of one death.
fn told(death: &FieldTable) -> [String; 4] {
    ["reason", "queue", "exchange", "count"].map(|name| field(death, name))
}

#[tokio::test]
async fn a_rejected_message_tells_its_death() {
    let client = Client::connect().await;
    let (queue, grave) = with_grave(&client, []).await;
    let exchange = client.exchange("fanout", []).await;
    client.bind(&queue, &exchange, "").await;
    let properties =
        with_headers([("CC", texts(&["copy"])), ("own", int(7))]).with_correlation_id("c-1".into());
    client.publish(&exchange, "the key", "bad", properties).await;
    let message = client.expect(&queue).await;
    client.reject(message.delivery_tag, false).await;

    let letter = client.expect(&grave).await;
    assert_eq!(body(&letter), "bad");
    assert_eq!(letter.exchange.as_str(), "");
    assert_eq!(letter.routing_key.as_str(), grave);
    assert!(!letter.redelivered);
    assert_eq!(letter.properties.correlation_id().as_ref().unwrap().as_str(), "c-1");
    assert_eq!(header(&letter, "own"), Some(int(7)));
    let deaths = deaths(&letter);
    assert_eq!(deaths.len(), 1);
    assert_eq!(told(&deaths[0]), ["rejected", &queue, &exchange, "1"]);
    assert_eq!(deaths[0].inner()["routing-keys"], texts(&["the key", "copy"]));
    assert!(
        matches!(deaths[0].inner()["time"], AMQPValue::Timestamp(secs) if secs > 1_600_000_000)
    );
    for (end, which) in [("reason", "rejected"), ("queue", &queue), ("exchange", &exchange)] {
        assert_eq!(header(&letter, &format!("x-first-death-{end}")), Some(text(which)));
        assert_eq!(header(&letter, &format!("x-last-death-{end}")), Some(text(which)));
    }
}

#[tokio::test]
async fn a_nack_of_several_buries_them_in_order() {
    let client = Client::connect().await;
    let (queue, grave) = with_grave(&client, []).await;
    client.send_all(&queue, &["1", "2", "3"]).await;
    for _ in 0..3 {
        client.expect(&queue).await;
    }
    let options = lapin::options::BasicNackOptions { multiple: true, requeue: false };
    client.channel.basic_nack(3, options).await.unwrap();
    assert_eq!(client.drain(&grave, 3).await, ["1", "2", "3"]);
}

#[tokio::test]
async fn an_expired_message_keeps_its_expiration_as_a_memory() {
    let client = Client::connect().await;
    let (queue, grave) = with_grave(&client, []).await;
    client
        .publish("", &queue, "late", BasicProperties::default().with_expiration("1".into()))
        .await;
    let letter = client.expect(&grave).await;
    assert_eq!(*letter.properties.expiration(), None, "it does not expire a second time");
    let deaths = deaths(&letter);
    assert_eq!(told(&deaths[0]), ["expired", &queue, "", "1"]);
    assert_eq!(field(&deaths[0], "original-expiration"), "1");
}

#[tokio::test]
async fn what_a_queues_own_limit_drops_is_a_dead_letter() {
    let client = Client::connect().await;
    let (queue, grave) = with_grave(&client, [("x-max-length", int(1))]).await;
    client.send_all(&queue, &["1", "2"]).await;
    let letter = client.expect(&grave).await;
    assert_eq!(body(&letter), "1");
    assert_eq!(told(&deaths(&letter)[0]), ["maxlen", &queue, "", "1"]);
    let (queue, grave) =
        with_grave(&client, [("x-max-length", int(1)), ("x-overflow", text("reject-publish-dlx"))])
            .await;
    client.send_all(&queue, &["1", "2"]).await;
    let letter = client.expect(&grave).await;
    assert_eq!(body(&letter), "2", "the newcomer is refused");
    assert_eq!(told(&deaths(&letter)[0]), ["maxlen", &queue, "", "1"]);
}

#[tokio::test]
async fn a_quorum_queue_gives_up_after_its_limit() {
    let client = Client::connect().await;
    let arguments = [("x-queue-type", text("quorum")), ("x-delivery-limit", int(2))];
    let (queue, grave) = with_grave(&client, arguments).await;
    client.send(&queue, "poison").await;
    for delivery in 0..3 {
        let message = client.expect(&queue).await;
        assert_eq!(message.redelivered, delivery > 0);
        client.reject(message.delivery_tag, true).await;
    }
    let letter = client.expect(&grave).await;
    assert_eq!(told(&deaths(&letter)[0])[..2], ["delivery_limit", &queue]);
    assert!(client.get(&queue).await.is_none());
}

#[tokio::test]
async fn without_a_key_of_its_own_a_letter_keeps_all_its_keys() {
    let client = Client::connect().await;
    let dlx = client.exchange("direct", []).await;
    let queue = client.queue([("x-dead-letter-exchange", text(&dlx))]).await;
    let [by_key, by_cc, by_bcc] = [
        client.bound_queue(&dlx, &queue).await,
        client.bound_queue(&dlx, "cc").await,
        client.bound_queue(&dlx, "bcc").await,
    ];
    let properties = with_headers([("CC", texts(&["cc"])), ("BCC", texts(&["bcc"]))]);
    client.publish("", &queue, "copied", properties).await;
    client.reject(client.expect(&queue).await.delivery_tag, false).await;
    for grave in [&by_key, &by_cc, &by_bcc] {
        let letter = client.expect(grave).await;
        assert_eq!(letter.exchange.as_str(), dlx);
        assert_eq!(letter.routing_key.as_str(), queue);
        assert_eq!(deaths(&letter)[0].inner()["routing-keys"], texts(&[&queue, "cc"]));
    }
}

#[tokio::test]
async fn the_same_death_is_counted_and_comes_first() {
    let client = Client::connect().await;
    let (second, first) = (unique("second"), unique("first"));
    for (queue, next) in [(&first, &second), (&second, &first)] {
        let arguments = table([
            ("x-dead-letter-exchange", text("")),
            ("x-dead-letter-routing-key", text(next)),
        ]);
        client.declare(queue, DURABLE, arguments).await.unwrap();
    }
    client.send(&first, "to and fro").await;
    for queue in [&first, &second, &first] {
        client.reject(client.expect(queue).await.delivery_tag, false).await;
    }
    let letter = client.expect(&second).await;
    let deaths: Vec<_> = deaths(&letter).iter().map(told).collect();
    assert_eq!(deaths, [["rejected", &first, "", "2"], ["rejected", &second, "", "1"]]);
    assert_eq!(header(&letter, "x-first-death-queue"), Some(text(&first)));
    assert_eq!(header(&letter, "x-last-death-queue"), Some(text(&first)));
}

#[tokio::test]
async fn a_circle_without_a_rejection_ends() {
    let client = Client::connect().await;
    let queue = unique("circle");
    let arguments = table([("x-dead-letter-exchange", text("")), ("x-message-ttl", int(1))]);
    client.declare(&queue, DURABLE, arguments).await.unwrap();
    client.send(&queue, "round and round").await;
    crate::client::eventually("the message is dropped", || async {
        client.ready(&queue).await == 0
    })
    .await;
    assert!(client.get(&queue).await.is_none());
}

#[tokio::test]
async fn a_circle_with_a_rejection_goes_on() {
    let client = Client::connect().await;
    let queue = client.queue([("x-dead-letter-exchange", text(""))]).await;
    client.send(&queue, "again").await;
    for count in 1..=3 {
        client.reject(client.expect(&queue).await.delivery_tag, false).await;
        let again = client.expect(&queue).await;
        assert_eq!(told(&deaths(&again)[0])[3], count.to_string());
        client.nack(again.delivery_tag, true).await;
    }
}

#[tokio::test]
async fn a_history_from_outside_is_not_believed() {
    let client = Client::connect().await;
    let (queue, grave) = with_grave(&client, []).await;
    let forged = AMQPValue::FieldArray(
        vec![AMQPValue::FieldTable(table([
            ("queue", text(&queue)),
            ("reason", text("rejected")),
            ("count", int(41)),
        ]))]
        .into(),
    );
    client.publish("", &queue, "", with_headers([("x-death", forged)])).await;
    client.reject(client.expect(&queue).await.delivery_tag, false).await;
    let deaths = deaths(&client.expect(&grave).await);
    assert_eq!(deaths.len(), 1);
    assert_eq!(field(&deaths[0], "count"), "1");
}

#[tokio::test]
async fn without_the_exchange_a_letter_is_dropped() {
    let client = Client::connect().await;
    let queue = client.queue([("x-dead-letter-exchange", text("no such exchange"))]).await;
    client.send(&queue, "lost").await;
    client.reject(client.expect(&queue).await.delivery_tag, false).await;
    assert_eq!(client.ready(&queue).await, 0);
}

#[tokio::test]
async fn purge_and_delete_bury_nothing() {
    let client = Client::connect().await;
    let (queue, grave) = with_grave(&client, []).await;
    client.send(&queue, "purged").await;
    client.channel.queue_purge(queue.as_str().into(), Default::default()).await.unwrap();
    client.send(&queue, "deleted").await;
    client.channel.queue_delete(queue.as_str().into(), Default::default()).await.unwrap();
    assert!(client.drain(&grave, 0).await.is_empty());
}

#[tokio::test]
async fn at_least_once_a_letter_waits_for_a_place() {
    let client = Client::connect().await;
    let dlx = client.exchange("direct", []).await;
    let queue = client
        .queue([
            ("x-queue-type", text("quorum")),
            ("x-dead-letter-exchange", text(&dlx)),
            ("x-dead-letter-routing-key", text("k")),
            ("x-dead-letter-strategy", text("at-least-once")),
            ("x-overflow", text("reject-publish")),
        ])
        .await;
    let grave = client.bound_queue(&dlx, "k").await;
    client.send(&queue, "safe").await;
    client.reject(client.expect(&queue).await.delivery_tag, false).await;
    let letter = client.expect(&grave).await;
    assert_eq!(body(&letter), "safe");
    assert_eq!(told(&deaths(&letter)[0])[..2], ["rejected", &queue]);
}
