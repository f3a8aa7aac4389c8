//! Queues with a maximal length: what becomes of the message that is too many.

use crate::client::{Client, Session, int, text};

/// Publishes and says for each message whether it was taken.
async fn confirmed(session: &Session, queue: &str, bodies: &[&str]) -> Vec<bool> {
    session.confirm_select().await;
    let mut taken = Vec::new();
    for body in bodies {
        let (options, properties) = (Default::default(), Default::default());
        let publish = session.channel.basic_publish(
            "".into(),
            queue.into(),
            options,
            body.as_bytes(),
            properties,
        );
        taken.push(publish.await.unwrap().await.unwrap().is_ack());
    }
    taken
}

#[tokio::test]
async fn the_oldest_go_by_default() {
    let client = Client::connect().await;
    for arguments in [
        [("x-max-length", int(2)), ("x-queue-type", text("classic"))],
        [("x-max-length", int(2)), ("x-queue-type", text("quorum"))],
        [("x-max-length", int(2)), ("x-overflow", text("drop-head"))],
    ] {
        let queue = client.queue(arguments).await;
        assert_eq!(confirmed(&client, &queue, &["1", "2", "3", "4"]).await, [true; 4]);
        assert_eq!(client.drain(&queue, 2).await, ["3", "4"]);
    }
}

#[tokio::test]
async fn a_full_queue_may_refuse_newcomers() {
    let client = Client::connect().await;
    for queue_type in ["classic", "quorum"] {
        let queue = client
            .queue([
                ("x-max-length", int(2)),
                ("x-overflow", text("reject-publish")),
                ("x-queue-type", text(queue_type)),
            ])
            .await;
        let taken = confirmed(&client, &queue, &["1", "2", "3"]).await;
        assert_eq!(taken, [true, true, false], "{queue_type}");
        let message = client.expect(&queue).await;
        client.ack(message.delivery_tag).await;
        assert_eq!(confirmed(&client, &queue, &["4", "5"]).await, [true, false], "{queue_type}");
        assert_eq!(client.drain(&queue, 2).await, ["2", "4"]);
    }
}

#[tokio::test]
async fn the_refused_may_become_dead_letters() {
    let client = Client::connect().await;
    let grave = client.queue([]).await;
    let queue = client
        .queue([
            ("x-max-length", int(1)),
            ("x-overflow", text("reject-publish-dlx")),
            ("x-dead-letter-exchange", text("")),
            ("x-dead-letter-routing-key", text(&grave)),
        ])
        .await;
    assert_eq!(confirmed(&client, &queue, &["1", "2", "3"]).await, [true, false, false]);
    assert_eq!(client.drain(&queue, 1).await, ["1"]);
    assert_eq!(client.drain(&grave, 2).await, ["2", "3"]);
}

#[tokio::test]
async fn one_of_several_queues_that_refuses_is_enough_for_a_nack() {
    let client = Client::connect().await;
    let exchange = client.exchange("fanout", []).await;
    let full =
        client.queue([("x-max-length", int(0)), ("x-overflow", text("reject-publish"))]).await;
    client.bind(&full, &exchange, "").await;
    let open = client.bound_queue(&exchange, "").await;
    client.confirm_select().await;
    let publish = client.channel.basic_publish(
        exchange.as_str().into(),
        "".into(),
        Default::default(),
        b"half",
        Default::default(),
    );
    assert!(publish.await.unwrap().await.unwrap().is_nack());
    assert_eq!(client.drain(&open, 1).await, ["half"], "the other has it all the same");
}

#[tokio::test]
async fn bytes_count_bodies() {
    let client = Client::connect().await;
    let queue = client.queue([("x-max-length-bytes", int(10))]).await;
    confirmed(&client, &queue, &["12345", "67890"]).await;
    assert_eq!(client.ready(&queue).await, 2);
    confirmed(&client, &queue, &["x"]).await;
    assert_eq!(client.drain(&queue, 2).await, ["67890", "x"]);
    confirmed(&client, &queue, &["longer than the whole queue"]).await;
    assert!(client.drain(&queue, 0).await.is_empty());
}

#[tokio::test]
async fn unacked_messages_do_not_count() {
    let client = Client::connect().await;
    let queue = client.queue([("x-max-length", int(1))]).await;
    confirmed(&client, &queue, &["1"]).await;
    let held = client.expect(&queue).await;
    confirmed(&client, &queue, &["2"]).await;
    assert_eq!(client.ready(&queue).await, 1);
    client.nack(held.delivery_tag, true).await;
    assert_eq!(client.drain(&queue, 1).await, ["2"], "what comes back is the oldest");
}

#[tokio::test]
async fn a_queue_of_length_zero_takes_only_what_a_consumer_takes() {
    let client = Client::connect().await;
    let queue = client.queue([("x-max-length", int(0))]).await;
    client.send(&queue, "nobody").await;
    assert_eq!(client.ready(&queue).await, 0);
    let no_ack = lapin::options::BasicConsumeOptions { no_ack: true, ..Default::default() };
    let mut consumer = client.consume_with(&queue, "", no_ack, Default::default()).await.unwrap();
    client.send(&queue, "somebody").await;
    assert_eq!(crate::client::next_bodies(&mut consumer, 1).await, ["somebody"]);
}
