//! How many unacked deliveries a consumer or a channel may have.

use lapin::{Consumer, options::BasicQosOptions};

use crate::client::{Client, Session, broker_with, next, next_bodies};

const BODIES: [&str; 6] = ["1", "2", "3", "4", "5", "6"];

async fn prefetch_of_channel(session: &Session, count: u16) {
    let options = BasicQosOptions { global: true };
    session.channel.basic_qos(count, options).await.unwrap();
}

async fn full_queue(client: &Client) -> String {
    let queue = client.queue([]).await;
    client.send_all(&queue, &BODIES).await;
    queue
}

/// Checks that `consumer` is given `bodies` and no more.
async fn check_given(session: &Session, consumer: &mut Consumer, bodies: &[&str]) {
    assert_eq!(next_bodies(consumer, bodies.len()).await, bodies);
    session.check_idle(consumer).await;
}

#[tokio::test]
async fn a_consumer_gets_as_many_as_it_may_have_unacked() {
    let client = Client::connect().await;
    let queue = full_queue(&client).await;
    client.prefetch(2).await;
    let mut consumer = client.consume(&queue).await;
    check_given(&client, &mut consumer, &["1", "2"]).await;
    client.ack(1).await;
    check_given(&client, &mut consumer, &["3"]).await;
    client.nack(2, false).await;
    client.reject(3, false).await;
    check_given(&client, &mut consumer, &["4", "5"]).await;
    client.ack_up_to(0).await;
    check_given(&client, &mut consumer, &["6"]).await;
}

#[tokio::test]
async fn each_consumer_counts_for_itself() {
    let client = Client::connect().await;
    let queue = full_queue(&client).await;
    client.prefetch(1).await;
    let mut first = client.consume(&queue).await;
    let mut second = client.consume(&queue).await;
    check_given(&client, &mut first, &["1"]).await;
    check_given(&client, &mut second, &["2"]).await;
}

#[tokio::test]
async fn a_prefetch_is_for_later_consumers() {
    let client = Client::connect().await;
    let queue = full_queue(&client).await;
    client.prefetch(1).await;
    let mut first = client.consume(&queue).await;
    client.prefetch(2).await;
    let mut second = client.consume(&queue).await;
    check_given(&client, &mut first, &["1"]).await;
    check_given(&client, &mut second, &["2", "3"]).await;
}

#[tokio::test]
async fn zero_is_no_limit() {
    let client = Client::connect().await;
    let queue = full_queue(&client).await;
    client.prefetch(1).await;
    client.prefetch(0).await;
    let mut consumer = client.consume(&queue).await;
    check_given(&client, &mut consumer, &BODIES).await;
}

#[tokio::test]
async fn a_global_prefetch_is_shared_by_the_channel() {
    let client = Client::connect().await;
    let (one, two) = (full_queue(&client).await, full_queue(&client).await);
    client.prefetch(2).await;
    prefetch_of_channel(&client, 3).await;
    let mut first = client.consume(&one).await;
    let mut second = client.consume(&two).await;
    check_given(&client, &mut first, &["1", "2"]).await;
    check_given(&client, &mut second, &["1"]).await;
    client.ack(1).await;
    client.barrier().await.unwrap();
    let gone_to = futures_util::future::select(
        futures_util::StreamExt::next(&mut first),
        futures_util::StreamExt::next(&mut second),
    );
    assert!(matches!(
        gone_to.await,
        futures_util::future::Either::Left((Some(Ok(_)), _))
            | futures_util::future::Either::Right((Some(Ok(_)), _))
    ));
    client.check_idle(&mut first).await;
    client.check_idle(&mut second).await;
    prefetch_of_channel(&client, 0).await;
    client.ack_up_to(0).await;
    next(&mut first).await;
    next(&mut second).await;
}

#[tokio::test]
async fn a_global_prefetch_can_be_made_each_consumers() {
    let Some(broker) = crate::client::broker_with("[compat]\ndeny_global_prefetch = true\n") else {
        return;
    };
    let client = Client::connect_to(&broker).await;
    let (one, two) = (full_queue(&client).await, full_queue(&client).await);
    prefetch_of_channel(&client, 1).await;
    let mut first = client.consume(&one).await;
    let mut second = client.consume(&two).await;
    check_given(&client, &mut first, &["1"]).await;
    check_given(&client, &mut second, &["1"]).await;
}

#[tokio::test]
async fn a_global_prefetch_may_grow_at_any_time() {
    let client = Client::connect().await;
    let queue = full_queue(&client).await;
    prefetch_of_channel(&client, 1).await;
    let mut consumer = client.consume(&queue).await;
    check_given(&client, &mut consumer, &["1"]).await;
    prefetch_of_channel(&client, 3).await;
    check_given(&client, &mut consumer, &["2", "3"]).await;
    prefetch_of_channel(&client, 0).await;
    check_given(&client, &mut consumer, &["4", "5", "6"]).await;
}

#[tokio::test]
async fn a_prefetch_for_each_consumer_ends_the_shared_one() {
    let client = Client::connect().await;
    let queue = full_queue(&client).await;
    prefetch_of_channel(&client, 1).await;
    client.prefetch(2).await;
    let mut first = client.consume(&queue).await;
    let mut second = client.consume(&queue).await;
    check_given(&client, &mut first, &["1", "2"]).await;
    check_given(&client, &mut second, &["3", "4"]).await;
}

#[tokio::test]
async fn fetched_messages_are_not_counted() {
    let client = Client::connect().await;
    let queue = full_queue(&client).await;
    prefetch_of_channel(&client, 1).await;
    client.expect(&queue).await;
    client.expect(&queue).await;
    let mut consumer = client.consume(&queue).await;
    check_given(&client, &mut consumer, &["3"]).await;
}

#[tokio::test]
async fn without_acks_there_is_no_limit() {
    let client = Client::connect().await;
    let queue = full_queue(&client).await;
    prefetch_of_channel(&client, 1).await;
    client.prefetch(1).await;
    let options = lapin::options::BasicConsumeOptions { no_ack: true, ..Default::default() };
    let mut consumer = client.consume_with(&queue, "", options, Default::default()).await.unwrap();
    check_given(&client, &mut consumer, &BODIES).await;
}

#[tokio::test]
async fn a_live_prefetch_changes_the_consumers_that_are_there() {
    let Some(broker) = broker_with("[compat]\nlive_prefetch = \"on\"") else { return };
    let client = Client::connect_to(&broker).await;
    let queue = full_queue(&client).await;
    client.prefetch(1).await;
    let mut consumer = client.consume(&queue).await;
    check_given(&client, &mut consumer, &["1"]).await;
    client.prefetch(3).await;
    check_given(&client, &mut consumer, &["2", "3"]).await;
    client.prefetch(1).await;
    client.ack_up_to(2).await;
    client.check_idle(&mut consumer).await;
    client.ack(3).await;
    check_given(&client, &mut consumer, &["4"]).await;
}
