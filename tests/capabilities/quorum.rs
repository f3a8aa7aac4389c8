//! What queues of type quorum do differently.

use lapin::options::{BasicConsumeOptions, QueueDeclareOptions, QueueDeleteOptions};

use crate::client::{
    Client, DURABLE, Session, body, check_refused, end_of, header, int, next, refusal, table, text,
    unique,
};

async fn quorum_queue(session: &Session) -> String {
    session.queue([("x-queue-type", text("quorum"))]).await
}

#[tokio::test]
async fn what_came_back_says_how_often() {
    let client = Client::connect().await;
    let queue = quorum_queue(&client).await;
    client.send(&queue, "again").await;
    let first = client.expect(&queue).await;
    assert!(!first.redelivered);
    assert_eq!(header(&first, "x-delivery-count"), None);
    client.nack(first.delivery_tag, true).await;
    let second = client.expect(&queue).await;
    assert!(second.redelivered);
    assert_eq!(header(&second, "x-acquired-count"), Some(int(1)));
    assert_eq!(header(&second, "x-delivery-count"), None, "a nack is not a failure");
    client.reject(second.delivery_tag, true).await;
    let third = client.expect(&queue).await;
    assert_eq!(header(&third, "x-acquired-count"), Some(int(2)));
    assert_eq!(header(&third, "x-delivery-count"), Some(int(1)));
}

#[tokio::test]
async fn what_was_returned_goes_before_what_is_new() {
    let client = Client::connect().await;
    let queue = quorum_queue(&client).await;
    client.send_all(&queue, &["1", "2", "3", "4"]).await;
    for _ in 0..3 {
        client.expect(&queue).await;
    }
    for tag in [3, 1, 2] {
        client.nack(tag, true).await;
    }
    assert_eq!(client.drain(&queue, 4).await, ["3", "1", "2", "4"], "in the order of return");
}

#[tokio::test]
async fn without_a_limit_what_was_returned_goes_last() {
    let client = Client::connect().await;
    let queue =
        client.queue([("x-queue-type", text("quorum")), ("x-delivery-limit", int(-1))]).await;
    client.send_all(&queue, &["1", "2"]).await;
    let first = client.expect(&queue).await;
    client.reject(first.delivery_tag, true).await;
    assert_eq!(client.drain(&queue, 2).await, ["2", "1"]);
    client.send(&queue, "often").await;
    for _ in 0..30 {
        let message = client.expect(&queue).await;
        client.reject(message.delivery_tag, true).await;
    }
    assert_eq!(client.drain(&queue, 1).await, ["often"]);
}

#[tokio::test]
async fn twenty_failures_are_the_limit() {
    let client = Client::connect().await;
    let queue = quorum_queue(&client).await;
    client.send(&queue, "poison").await;
    let mut deliveries = 0;
    while let Some(message) = client.get(&queue).await {
        deliveries += 1;
        client.reject(message.delivery_tag, true).await;
    }
    assert_eq!(deliveries, 21);
}

#[tokio::test]
async fn only_failures_count() {
    let client = Client::connect().await;
    let queue =
        client.queue([("x-queue-type", text("quorum")), ("x-delivery-limit", int(1))]).await;
    client.send(&queue, "tough").await;
    for _ in 0..5 {
        client.nack(client.expect(&queue).await.delivery_tag, true).await;
    }
    for _ in 0..2 {
        let session = client.session().await;
        session.expect(&queue).await;
        session.channel.close(200, "".into()).await.unwrap();
    }
    assert!(client.get(&queue).await.is_none(), "a channel that ends is a failure");
}

#[tokio::test]
async fn a_quorum_queue_is_durable_and_for_everybody() {
    let client = Client::connect().await;
    let plain = QueueDeclareOptions::default();
    for (options, property) in [
        (plain, "non-durable"),
        (QueueDeclareOptions { exclusive: true, ..DURABLE }, "exclusive-owner"),
        (QueueDeclareOptions { auto_delete: true, ..DURABLE }, "auto-delete"),
    ] {
        let (session, name) = (client.session().await, unique("quorum"));
        let declared =
            session.declare(&name, options, table([("x-queue-type", text("quorum"))])).await;
        let refused = refusal(&declared.unwrap_err());
        let expected = format!(
            "406 PRECONDITION_FAILED - invalid property '{property}' for queue '{name}' in vhost '/'"
        );
        assert_eq!(refused, expected);
    }
    let session = client.session().await;
    let declared = session.declare("", DURABLE, table([("x-queue-type", text("quorum"))])).await;
    let refused = refusal(&declared.unwrap_err());
    assert!(
        refused
            .starts_with("406 PRECONDITION_FAILED - Cannot declare a server-named queue for type"),
        "{refused}"
    );
}

#[tokio::test]
async fn it_is_deleted_without_conditions() {
    for options in [
        QueueDeleteOptions { if_unused: true, ..QueueDeleteOptions::default() },
        QueueDeleteOptions { if_empty: true, ..QueueDeleteOptions::default() },
    ] {
        let client = Client::connect().await;
        let queue = quorum_queue(&client).await;
        let deleted = client.channel.queue_delete(queue.as_str().into(), options).await;
        assert!(refusal(&deleted.unwrap_err()).starts_with("540 NOT_IMPLEMENTED - "));
    }
}

#[tokio::test]
async fn another_type_is_another_queue() {
    let client = Client::connect().await;
    let queue = quorum_queue(&client).await;
    let declared =
        client.declare(&queue, DURABLE, table([("x-queue-type", text("classic"))])).await;
    let expected = format!(
        "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue '{queue}' in vhost '/': received 'classic' but current is 'quorum'"
    );
    check_refused(declared, 406, &expected);
}

#[tokio::test]
async fn it_serves_consumers_like_any_other() {
    let client = Client::connect().await;
    let queue = quorum_queue(&client).await;
    client.prefetch(1).await;
    let mut consumer = client.consume(&queue).await;
    client.send_all(&queue, &["1", "2"]).await;
    assert_eq!(body(&next(&mut consumer).await), "1");
    client.check_idle(&mut consumer).await;
    client.ack(1).await;
    assert_eq!(body(&next(&mut consumer).await), "2");
    let no_ack = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let mut other = client.consume_with(&queue, "", no_ack, table([])).await.unwrap();
    client.send(&queue, "3").await;
    assert_eq!(body(&next(&mut other).await), "3");
    assert_eq!(
        client.channel.queue_purge(queue.as_str().into(), Default::default()).await.unwrap(),
        0
    );
    client.channel.queue_delete(queue.as_str().into(), Default::default()).await.unwrap();
    end_of(&mut consumer).await.unwrap();
}
