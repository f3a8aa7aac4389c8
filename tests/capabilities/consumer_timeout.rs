//! Consumers that keep a delivery for too long.

use lapin::options::BasicConsumeOptions;

use crate::client::{
    Client, body, broker_with, check_refused, end_of, eventually, int, next, refusal, table, text,
};

#[tokio::test]
async fn a_late_consumer_is_cancelled() {
    let settings = "[limits]\nconsumer_timeout_ms = 150";
    let Some(broker) = broker_with(settings) else { return };
    let client = Client::connect_to(&broker).await;
    let (queue, other) = (client.queue([]).await, client.queue([]).await);
    let mut late = client.consume(&queue).await;
    let mut idle = client.consume(&other).await;
    client.send(&queue, "kept").await;
    next(&mut late).await;
    end_of(&mut late).await.expect("only the consumer ends");
    let witness = client.another().await;
    let again = witness.expect(&queue).await;
    assert!(again.redelivered);
    witness.ack(again.delivery_tag).await;
    client.send(&other, "the channel goes on").await;
    assert_eq!(body(&next(&mut idle).await), "the channel goes on");
}

#[tokio::test]
async fn or_its_channel_is_closed() {
    let settings =
        "[limits]\nconsumer_timeout_ms = 150\nconsumer_timeout_action = \"close-channel\"";
    let Some(broker) = broker_with(settings) else { return };
    let client = Client::connect_to(&broker).await;
    let queue = client.queue([]).await;
    let session = client.session().await;
    let mut late = session.consume(&queue).await;
    client.send(&queue, "kept").await;
    next(&mut late).await;
    let ended = refusal(&end_of(&mut late).await.unwrap_err());
    let expected = "406 PRECONDITION_FAILED - delivery acknowledgement on channel 2 timed out. Timeout value used: 150 ms.";
    assert!(ended.starts_with(expected), "{ended}");
    assert_eq!(client.drain(&queue, 1).await, ["kept"]);
}

#[tokio::test]
async fn a_queue_or_consumer_may_have_its_own_time() {
    let client = Client::connect().await;
    let queue =
        client.queue([("x-queue-type", text("quorum")), ("x-consumer-timeout", int(150))]).await;
    let options = BasicConsumeOptions::default();
    let mut by_queue = client.consume(&queue).await;
    client.send(&queue, "kept").await;
    next(&mut by_queue).await;
    end_of(&mut by_queue).await.expect("only the consumer ends");

    let plain = client.queue([("x-queue-type", text("quorum"))]).await;
    let own = table([("x-consumer-timeout", int(150))]);
    let mut by_consumer = client.consume_with(&plain, "", options, own).await.unwrap();
    client.send(&plain, "kept").await;
    next(&mut by_consumer).await;
    end_of(&mut by_consumer).await.expect("only the consumer ends");
    eventually("both messages are back", || async {
        client.ready(&queue).await == 1 && client.ready(&plain).await == 1
    })
    .await;
}

#[tokio::test]
async fn who_acks_in_time_stays() {
    let settings = "[limits]\nconsumer_timeout_ms = 2000";
    let Some(broker) = broker_with(settings) else { return };
    let client = Client::connect_to(&broker).await;
    let queue = client.queue([]).await;
    let mut consumer = client.consume(&queue).await;
    for round in 0..6 {
        client.send(&queue, &round.to_string()).await;
        let delivery = next(&mut consumer).await;
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        client.ack(delivery.delivery_tag).await;
    }
}

#[tokio::test]
async fn a_timeout_is_a_time() {
    let client = Client::connect().await;
    let queue = client.queue([("x-queue-type", text("quorum"))]).await;
    let options = BasicConsumeOptions::default();
    let negative = table([("x-consumer-timeout", int(-1))]);
    let consumed = client.consume_with(&queue, "", options, negative).await;
    let expected = format!(
        "PRECONDITION_FAILED - invalid arg 'x-consumer-timeout' for queue '{queue}' in vhost '/': {{value_negative,-1}}"
    );
    check_refused(consumed, 406, &expected);
}
