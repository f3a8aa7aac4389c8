//! Queues that belong to one connection, and consumers that tolerate no other.

use std::time::{Duration, Instant};

use amqp::{Method, RawTable};
use lapin::options::{BasicConsumeOptions, BasicGetOptions, QueueDeclareOptions};

use crate::{
    client::{Client, DURABLE, check_refused, shared_broker, table, text, unique},
    raw_client::RawClient,
};

const EXCLUSIVE: QueueDeclareOptions = QueueDeclareOptions { exclusive: true, ..DURABLE };
const ALONE: BasicConsumeOptions =
    BasicConsumeOptions { no_local: false, no_ack: false, exclusive: true, nowait: false };

fn locked(queue: &str) -> String {
    format!(
        "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{queue}' in vhost '/'. It could be \
         originally declared on another connection or the exclusive property value does not match that of the \
         original declaration."
    )
}

#[tokio::test]
async fn another_connection_may_only_publish() {
    let owner = Client::connect().await;
    let queue = unique("own");
    owner.declare(&queue, EXCLUSIVE, table([])).await.unwrap();
    let other = owner.another().await;
    other.send(&queue, "from outside").await;
    other.barrier().await.unwrap();
    assert_eq!(owner.drain(&queue, 1).await, ["from outside"]);

    owner.bind(&queue, "amq.direct", "k").await;
    let name = || queue.as_str().into();
    let locked = locked(&queue);
    let session = other.session().await;
    check_refused(session.declare(&queue, EXCLUSIVE, table([])).await, 405, &locked);
    check_refused(other.session().await.passive(&queue).await, 405, &locked);
    let session = other.session().await;
    let got = session.channel.basic_get(name(), BasicGetOptions::default()).await;
    check_refused(got, 405, &locked);
    let session = other.session().await;
    let options = BasicConsumeOptions::default();
    check_refused(session.consume_with(&queue, "", options, table([])).await, 405, &locked);
    let session = other.session().await;
    check_refused(session.channel.queue_purge(name(), Default::default()).await, 405, &locked);
    let session = other.session().await;
    check_refused(session.channel.queue_delete(name(), Default::default()).await, 405, &locked);
    let session = other.session().await;
    check_refused(session.bind_with(&queue, "amq.direct", "k", table([])).await, 405, &locked);
    let session = other.session().await;
    let unbound = session.channel.queue_unbind(name(), "amq.direct".into(), "k".into(), table([]));
    check_refused(unbound.await, 405, &locked);
}

#[tokio::test]
async fn the_owner_says_so_each_time() {
    let client = Client::connect().await;
    let queue = unique("own");
    client.declare(&queue, EXCLUSIVE, table([])).await.unwrap();
    let transient = QueueDeclareOptions { durable: false, ..EXCLUSIVE };
    client.declare(&queue, transient, table([])).await.expect("durable makes no difference");
    let session = client.session().await;
    check_refused(session.declare(&queue, DURABLE, table([])).await, 405, &locked(&queue));
    let shared = client.queue([]).await;
    let session = client.session().await;
    check_refused(session.declare(&shared, EXCLUSIVE, table([])).await, 405, &locked(&shared));
}

#[tokio::test]
async fn the_queue_goes_with_its_connection() {
    let owner = Client::connect().await;
    let other = owner.another().await;
    let queue = unique("own");
    owner.declare(&queue, EXCLUSIVE, table([])).await.unwrap();
    owner.close().await;
    // It is gone before the connection is closed.
    other.declare(&queue, EXCLUSIVE, table([])).await.expect("the name is free");
}

#[tokio::test]
async fn a_declare_waits_for_a_silent_owner_to_be_given_up() {
    let client = Client::connect().await;
    let queue = unique("own");
    let mut owner = RawClient::open(shared_broker().addr(), 1);
    let own = amqp::queue::Declare {
        queue: &queue,
        passive: false,
        durable: false,
        exclusive: true,
        auto_delete: false,
        nowait: false,
        arguments: RawTable::EMPTY,
    };
    owner.send(&Method::QueueDeclare(own));
    owner.wait_for("queue.declare-ok");
    let session = client.session().await;
    check_refused(session.declare(&queue, EXCLUSIVE, table([])).await, 405, &locked(&queue));
    // From here on its machine is gone without a word: not even heartbeats come, for longer than their interval.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let start = Instant::now();
    client.declare(&queue, EXCLUSIVE, table([])).await.expect("the owner is given up");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_exclusive_consumer_is_alone() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    let in_use = format!("ACCESS_REFUSED - queue '{queue}' in vhost '/' in exclusive use");
    let plain = BasicConsumeOptions::default();
    let alone = client.session().await;
    let consumer = alone.consume_with(&queue, "", ALONE, table([])).await.unwrap();
    for options in [plain, ALONE] {
        let session = client.session().await;
        check_refused(session.consume_with(&queue, "", options, table([])).await, 403, &in_use);
    }
    alone.channel.basic_cancel(consumer.tag(), Default::default()).await.unwrap();
    let first = client.session().await;
    let _consumer = first.consume_with(&queue, "", plain, table([])).await.unwrap();
    let session = client.session().await;
    check_refused(session.consume_with(&queue, "", ALONE, table([])).await, 403, &in_use);
}

#[tokio::test]
async fn a_quorum_queue_ignores_exclusive_consumers() {
    let client = Client::connect().await;
    let queue = client.queue([("x-queue-type", text("quorum"))]).await;
    let _first = client.consume_with(&queue, "", ALONE, table([])).await.unwrap();
    let _second = client.consume_with(&queue, "", ALONE, table([])).await.unwrap();
}
