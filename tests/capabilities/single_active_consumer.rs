//! Queues that serve one consumer at a time.

use lapin::{options::BasicConsumeOptions, types::AMQPValue};

use crate::client::{Client, body, check_refused, int, next, next_bodies, refusal, table, text};

const SINGLE: (&str, AMQPValue) = ("x-single-active-consumer", AMQPValue::Boolean(true));

#[tokio::test]
async fn the_first_is_served_until_it_goes() {
    let client = Client::connect().await;
    for queue_type in ["classic", "quorum"] {
        let queue = client.queue([SINGLE, ("x-queue-type", text(queue_type))]).await;
        let (one, two) = (client.session().await, client.session().await);
        let mut first = one.consume(&queue).await;
        let mut second = two.consume(&queue).await;
        client.send_all(&queue, &["1", "2", "3"]).await;
        assert_eq!(next_bodies(&mut first, 3).await, ["1", "2", "3"]);
        two.check_idle(&mut second).await;
        one.ack(1).await;
        one.barrier().await.unwrap();
        one.channel.close(200, "".into()).await.unwrap();
        assert_eq!(next_bodies(&mut second, 2).await, ["2", "3"], "{queue_type}");
        client.send(&queue, "4").await;
        assert_eq!(body(&next(&mut second).await), "4");
    }
}

#[tokio::test]
async fn a_cancelled_one_makes_room_too() {
    let client = Client::connect().await;
    let queue = client.queue([SINGLE]).await;
    let first = client.consume(&queue).await;
    let mut second = client.consume(&queue).await;
    client.channel.basic_cancel(first.tag(), Default::default()).await.unwrap();
    client.send(&queue, "for the second").await;
    assert_eq!(body(&next(&mut second).await), "for the second");
}

#[tokio::test]
async fn an_idle_one_keeps_its_place() {
    let client = Client::connect().await;
    let queue = client.queue([SINGLE]).await;
    client.prefetch(1).await;
    let mut first = client.consume(&queue).await;
    let mut second = client.consume(&queue).await;
    client.send_all(&queue, &["1", "2"]).await;
    assert_eq!(body(&next(&mut first).await), "1");
    client.check_idle(&mut first).await;
    client.check_idle(&mut second).await;
    client.ack(1).await;
    assert_eq!(body(&next(&mut first).await), "2");
}

#[tokio::test]
async fn exclusive_consumers_do_not_fit() {
    let client = Client::connect().await;
    let queue = client.queue([SINGLE]).await;
    let options = BasicConsumeOptions { exclusive: true, ..BasicConsumeOptions::default() };
    let consumed = client.consume_with(&queue, "", options, table([])).await;
    let expected = format!("ACCESS_REFUSED - queue '{queue}' in vhost '/' in exclusive use");
    check_refused(consumed, 403, &expected);
}

#[tokio::test]
async fn a_quorum_queue_cannot_be_fetched_from() {
    let client = Client::connect().await;
    let queue = client.queue([SINGLE, ("x-queue-type", text("quorum"))]).await;
    let got = client.channel.basic_get(queue.as_str().into(), Default::default()).await;
    assert!(refusal(&got.unwrap_err()).starts_with("405 RESOURCE_LOCKED - "));
    let classic = client.another().await;
    let queue = classic.queue([SINGLE]).await;
    classic.send(&queue, "fetched").await;
    assert_eq!(body(&classic.expect(&queue).await), "fetched");
}

#[tokio::test]
async fn in_a_quorum_queue_a_higher_priority_takes_over() {
    let client = Client::connect().await;
    let queue = client.queue([SINGLE, ("x-queue-type", text("quorum"))]).await;
    let mut low = client.consume(&queue).await;
    client.send(&queue, "1").await;
    let held = next(&mut low).await;
    let options = BasicConsumeOptions::default();
    let priority = table([("x-priority", int(10))]);
    let mut high = client.consume_with(&queue, "", options, priority).await.unwrap();
    client.send(&queue, "2").await;
    client.check_idle(&mut high).await;
    client.ack(held.delivery_tag).await;
    assert_eq!(body(&next(&mut high).await), "2", "once the other has settled");
}
