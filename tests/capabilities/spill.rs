//! Queues of transient messages that are larger than what a queue keeps in memory.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path, path::PathBuf, sync::Arc};

use lapin::{
    BasicProperties,
    message::Delivery,
    options::{QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions},
    types::{AMQPValue, FieldTable},
};

use crate::client::{
    Client, DURABLE, Running, TRANSIENT, alone, body, broker_with, eventually, header, int, next,
    text,
};

/// More than ten times what a queue keeps in memory.
const COUNT: usize = 1000;
const BODY_BYTES: usize = 4000;
const SETTINGS: &str = "[store]\nqueue_resident_bytes_max = '256KiB'\nsegment_bytes_max = '1MiB'\n";
/// What may be left of what was spilled: the segment that is written to.
const LEFT_BYTES_MAX: u64 = 1 << 20;

/// A body that no other message has.
fn content(n: usize) -> String {
    let letter = char::from(b'a' + u8::try_from(n % 26).unwrap());
    let mut content = format!("{n} ");
    content.extend(std::iter::repeat_n(letter, BODY_BYTES + n % 97));
    content
}

/// A broker whose queues spill, and a client; `None` if the tests ask another broker.
async fn spilling() -> Option<(Arc<Running>, Client)> {
    let broker = broker_with(SETTINGS)?;
    let client = Client::connect_to(&broker).await;
    client.confirm_select().await;
    Some((broker, client))
}

fn folder(broker: &Running) -> PathBuf {
    broker.data_dir().join("spill")
}

/// What is spilled, in bytes of the disk.
fn spilled_bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).unwrap().filter_map(Result::ok);
    // A file may go while it is looked at.
    let sizes = files.filter_map(|file| Some(file.metadata().ok()?.blocks() * 512));
    sizes.sum()
}

async fn eventually_spilled(broker: &Running, is_enough: impl Fn(u64) -> bool) {
    let folder = folder(broker);
    eventually("so much is spilled", async || is_enough(spilled_bytes(&folder))).await;
}

/// Publishes messages, waits until the broker has them, and sees to it that most are spilled.
async fn fill(broker: &Running, client: &Client, exchange: &str, key: &str) {
    publish_all(client, exchange, key, &BasicProperties::default()).await;
    eventually_spilled(broker, |bytes| bytes > (COUNT * BODY_BYTES) as u64 * 3 / 4).await;
}

async fn publish_all(client: &Client, exchange: &str, key: &str, properties: &BasicProperties) {
    for n in 0..COUNT {
        client.publish(exchange, key, &content(n), properties.clone()).await;
    }
    assert!(client.channel.wait_for_confirms().await.unwrap().is_empty());
}

/// Consumes what there must be in this order, with prefetch, and gives each to `settle`.
async fn consume_all(client: &Client, queue: &str, mut settle: impl AsyncFnMut(&Delivery, usize)) {
    let session = client.session().await;
    session.prefetch(50).await;
    let mut consumer = session.consume(queue).await;
    for n in 0..COUNT {
        let delivery = next(&mut consumer).await;
        assert!(delivery.data == content(n).as_bytes(), "{n} is {:.20}", body(&delivery));
        settle(&delivery, n).await;
    }
    session.check_idle(&mut consumer).await;
}

async fn ack(delivery: &Delivery, _: usize) {
    delivery.acker.ack(Default::default()).await.unwrap();
}

#[tokio::test]
async fn a_transient_backlog_is_drained_in_order_with_equal_bytes() {
    let exclusive = QueueDeclareOptions { exclusive: true, ..TRANSIENT };
    let Some((broker, client)) = spilling().await else { return };
    for options in [DURABLE, TRANSIENT, exclusive] {
        let queue = format!("durable {} exclusive {}", options.durable, options.exclusive);
        client.declare(&queue, options, FieldTable::default()).await.unwrap();
        fill(&broker, &client, "", &queue).await;
        assert_eq!(client.ready(&queue).await as usize, COUNT);
        consume_all(&client, &queue, ack).await;
        eventually_spilled(&broker, |bytes| bytes <= LEFT_BYTES_MAX).await;
    }
}

#[tokio::test]
async fn persistent_and_transient_messages_keep_their_order() {
    let Some((_broker, client)) = spilling().await else { return };
    let queue = client.queue([]).await;
    for n in 0..COUNT {
        let mode = if n % 3 == 0 { 2 } else { 1 };
        let properties = BasicProperties::default().with_delivery_mode(mode);
        client.publish("", &queue, &content(n), properties).await;
    }
    assert!(client.channel.wait_for_confirms().await.unwrap().is_empty());
    consume_all(&client, &queue, ack).await;
}

#[tokio::test]
async fn a_fanout_is_spilled_once_and_read_by_each_queue() {
    let Some((broker, client)) = spilling().await else { return };
    let exchange = client.exchange("fanout", []).await;
    let mut queues = Vec::new();
    for _ in 0..4 {
        queues.push(client.bound_queue(&exchange, "").await);
    }
    fill(&broker, &client, &exchange, "").await;
    let once = (COUNT * (BODY_BYTES + 200)) as u64;
    assert!(spilled_bytes(&folder(&broker)) < once * 3 / 2);
    for queue in &queues[1..] {
        consume_all(&client, queue, ack).await;
    }
    client.channel.queue_delete(queues[0].as_str().into(), Default::default()).await.unwrap();
    eventually_spilled(&broker, |bytes| bytes <= LEFT_BYTES_MAX).await;
}

#[tokio::test]
async fn what_is_purged_or_deleted_takes_no_room() {
    let Some((broker, client)) = spilling().await else { return };
    let queue = client.queue([]).await;
    fill(&broker, &client, "", &queue).await;
    // It is on its way to a consumer, and stays there.
    let kept = client.expect(&queue).await;
    let options = QueuePurgeOptions::default();
    let purged = client.channel.queue_purge(queue.as_str().into(), options).await.unwrap();
    assert_eq!(purged as usize, COUNT - 1);
    eventually_spilled(&broker, |bytes| bytes <= LEFT_BYTES_MAX).await;
    client.reject(kept.delivery_tag, true).await;
    assert_eq!(client.drain(&queue, 1).await, [content(0)]);
    fill(&broker, &client, "", &queue).await;
    let options = QueueDeleteOptions::default();
    let deleted = client.channel.queue_delete(queue.as_str().into(), options).await.unwrap();
    assert_eq!(deleted as usize, COUNT);
    eventually_spilled(&broker, |bytes| bytes <= LEFT_BYTES_MAX).await;
}

fn dead_letters_to(queue: &str) -> [(&'static str, AMQPValue); 2] {
    [("x-dead-letter-exchange", text("")), ("x-dead-letter-routing-key", text(queue))]
}

fn assert_died(delivery: &Delivery) {
    assert!(header(delivery, "x-death").is_some());
}

#[tokio::test]
async fn what_is_rejected_is_dead_lettered() {
    let Some((broker, client)) = spilling().await else { return };
    let dead = client.queue([]).await;
    let queue = client.queue(dead_letters_to(&dead)).await;
    fill(&broker, &client, "", &queue).await;
    consume_all(&client, &queue, async |delivery: &Delivery, _| {
        delivery.acker.reject(Default::default()).await.unwrap();
    })
    .await;
    consume_all(&client, &dead, async |delivery: &Delivery, n| {
        assert_died(delivery);
        ack(delivery, n).await;
    })
    .await;
    eventually_spilled(&broker, |bytes| bytes <= LEFT_BYTES_MAX).await;
}

#[tokio::test]
async fn what_expires_is_dead_lettered() {
    let Some((broker, client)) = spilling().await else { return };
    let dead = client.queue([]).await;
    let [exchange, key] = dead_letters_to(&dead);
    let queue = client.queue([exchange, key, ("x-message-ttl", int(5000))]).await;
    fill(&broker, &client, "", &queue).await;
    // They are read in runs, and two runs may leave at a time.
    let mut bodies = Vec::new();
    for _ in 0..COUNT {
        let delivery = client.expect(&dead).await;
        assert_died(&delivery);
        client.ack(delivery.delivery_tag).await;
        bodies.push(body(&delivery));
    }
    let mut expected: Vec<_> = (0..COUNT).map(content).collect();
    bodies.sort_unstable();
    expected.sort_unstable();
    assert!(bodies == expected);
    assert_eq!(client.ready(&queue).await, 0);
    eventually_spilled(&broker, |bytes| bytes <= LEFT_BYTES_MAX).await;
}

#[tokio::test]
async fn what_is_fetched_and_requeued_keeps_its_place() {
    let Some((broker, client)) = spilling().await else { return };
    let queue = client.queue([]).await;
    fill(&broker, &client, "", &queue).await;
    let session = client.session().await;
    for n in 0..COUNT / 2 {
        assert_eq!(body(&session.expect(&queue).await), content(n));
    }
    // All that it holds goes back.
    session.channel.close(200, "done".into()).await.unwrap();
    consume_all(&client, &queue, async |delivery: &Delivery, n| {
        assert_eq!(delivery.redelivered, n < COUNT / 2);
        ack(delivery, n).await;
    })
    .await;
}

#[tokio::test]
async fn priorities_are_served_in_their_order() {
    let Some((broker, client)) = spilling().await else { return };
    let queue = client.queue([("x-max-priority", int(4))]).await;
    for n in 0..COUNT {
        let priority = u8::try_from(n % 5).unwrap();
        let properties = BasicProperties::default().with_priority(priority);
        client.publish("", &queue, &content(n), properties).await;
    }
    assert!(client.channel.wait_for_confirms().await.unwrap().is_empty());
    eventually_spilled(&broker, |bytes| bytes > (COUNT * BODY_BYTES) as u64 / 2).await;
    let expected = (0..5).rev().flat_map(|priority| (priority..COUNT).step_by(5));
    for n in expected {
        let delivery = client.expect(&queue).await;
        assert!(delivery.data == content(n).as_bytes(), "{n} is {:.20}", body(&delivery));
        client.ack(delivery.delivery_tag).await;
    }
}

#[tokio::test]
async fn nothing_of_them_outlives_the_broker() {
    for is_killed in [false, true] {
        let Some((mut broker, client)) = spilling().await else { return };
        client.declare("q", DURABLE, FieldTable::default()).await.unwrap();
        fill(&broker, &client, "", "q").await;
        client.close().await;
        let files = || fs::read_dir(folder(&broker)).unwrap().count();
        assert!(files() > 0);
        match is_killed {
            false => alone(&mut broker).restart(),
            true => alone(&mut broker).kill_and_restart(),
        }
        let client = Client::connect_to(&broker).await;
        assert_eq!(client.ready("q").await, 0, "killed: {is_killed}");
        assert_eq!(fs::read_dir(folder(&broker)).unwrap().count(), 0, "killed: {is_killed}");
    }
}

/// A folder that is gone stands for every disk that takes nothing.
#[tokio::test]
async fn what_the_disk_does_not_take_stays_in_memory() {
    const REFUSED: &str = "cannot be spilled to the disk";
    let Some((broker, client)) = spilling().await else { return };
    let folder = folder(&broker);
    fs::remove_dir(&folder).unwrap();
    let queue = client.queue([]).await;
    for _ in 0..3 {
        publish_all(&client, "", &queue, &BasicProperties::default()).await;
    }
    eventually("it is told", async || broker.log_text().contains(REFUSED)).await;
    assert_eq!(broker.log_text().matches(REFUSED).count(), 1, "once");
    let session = client.session().await;
    for n in 0..COUNT {
        assert_eq!(body(&session.expect(&queue).await), content(n));
    }
    fs::create_dir(&folder).unwrap();
    let told = || broker.log_text().contains("spilled to the disk again");
    eventually("it goes on", async || told()).await;
    session.channel.close(200, "done".into()).await.unwrap();
    fill(&broker, &client, "", &queue).await;
    for n in (0..COUNT).cycle().take(4 * COUNT) {
        let delivery = client.expect(&queue).await;
        assert!(delivery.data == content(n).as_bytes(), "{n} is {:.20}", body(&delivery));
        client.ack(delivery.delivery_tag).await;
    }
}

#[tokio::test]
async fn a_broker_that_has_no_place_for_them_starts_all_the_same() {
    let Some((mut broker, client)) = spilling().await else { return };
    client.close().await;
    let folder = folder(&broker);
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "not a folder").unwrap();
    alone(&mut broker).kill_and_restart();
    assert!(broker.log_text().contains("cannot be spilled to the disk"));
    let client = Client::connect_to(&broker).await;
    client.confirm_select().await;
    let queue = client.queue([]).await;
    publish_all(&client, "", &queue, &BasicProperties::default()).await;
    consume_all(&client, &queue, ack).await;
}
