//! Consumers with priorities, and turns among equals.

use lapin::{Consumer, options::BasicConsumeOptions};

use crate::client::{Client, Session, check_refused, int, next_bodies, table, text};

async fn consume(session: &Session, queue: &str, priority: i64) -> Consumer {
    let (options, arguments) =
        (BasicConsumeOptions::default(), table([("x-priority", int(priority))]));
    session.consume_with(queue, "", options, arguments).await.unwrap()
}

#[tokio::test]
async fn the_lower_gets_only_what_the_higher_cannot_take() {
    let client = Client::connect().await;
    for queue_type in ["classic", "quorum"] {
        let session = client.session().await;
        let queue = session.queue([("x-queue-type", text(queue_type))]).await;
        session.prefetch(2).await;
        let mut low = consume(&session, &queue, -5).await;
        let mut middle = session.consume(&queue).await;
        let mut high = consume(&session, &queue, 10).await;
        session.send_all(&queue, &["1", "2", "3", "4", "5"]).await;
        assert_eq!(next_bodies(&mut high, 2).await, ["1", "2"], "{queue_type}");
        assert_eq!(next_bodies(&mut middle, 2).await, ["3", "4"], "{queue_type}");
        assert_eq!(next_bodies(&mut low, 1).await, ["5"], "{queue_type}");
        session.ack(1).await;
        session.barrier().await.unwrap();
        session.send(&queue, "6").await;
        assert_eq!(next_bodies(&mut high, 1).await, ["6"], "{queue_type}");
    }
}

#[tokio::test]
async fn equals_take_turns() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    let mut consumers = Vec::new();
    for _ in 0..3 {
        consumers.push(client.consume(&queue).await);
    }
    client.send_all(&queue, &["1", "2", "3", "4", "5", "6"]).await;
    let mut all = Vec::new();
    for consumer in &mut consumers {
        let turns: Vec<u32> =
            next_bodies(consumer, 2).await.iter().map(|body| body.parse().unwrap()).collect();
        assert_eq!(turns[1] - turns[0], 3, "every third message");
        all.extend(turns);
    }
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_priority_is_a_number() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    let options = BasicConsumeOptions::default();
    let consumed =
        client.consume_with(&queue, "", options, table([("x-priority", text("high"))])).await;
    let expected = format!(
        "PRECONDITION_FAILED - invalid arg 'x-priority' for queue '{queue}' in vhost '/': \"expected integer, got longstr\""
    );
    check_refused(consumed, 406, &expected);
}
