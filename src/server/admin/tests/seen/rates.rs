//! Rates, and what it takes to look at many queues.

use super::*;

#[tokio::test]
async fn what_moves_has_a_rate_and_what_rests_has_none() {
    let stage = Stage::new().await;
    let (_connection, channel) = stage.channel().await;
    declare(&channel, "q").await;
    confirm_select(&channel).await;
    for _ in 0..50 {
        send(&channel, "q", "x", false).await;
    }
    channel.wait_for_confirms().await.unwrap();
    stage.admin.sample().await;
    let queue = stage.queue("q");
    assert_eq!(queue.stats.publish.count, 50);
    assert!(queue.stats.publish.rate > 1.0 && queue.messages.ready.rate > 1.0, "{queue:?}");
    let overview = stage.admin.overview();
    assert!(overview.messages.publish.rate > 1.0 && overview.queues.messages.rate > 1.0);
    assert!(overview.churn.queues_created.rate > 0.0);
    assert!(stage.admin.channels()[0].stats.publish.rate > 1.0);
    assert!(stage.admin.connections()[0].received_bytes.rate > 100.0);
    assert!(stage.admin.exchange("/", "").unwrap().publish_in.rate > 1.0);
    // Two samples later nothing has moved since the older of them.
    stage.admin.sample().await;
    stage.admin.sample().await;
    let queue = stage.queue("q");
    assert_eq!((queue.stats.publish.rate, queue.messages.ready.rate), (0.0, 0.0));
    assert_eq!(stage.admin.overview().messages.publish.rate, 0.0);
    assert_eq!(stage.admin.channels()[0].stats.publish.rate, 0.0);
    assert_eq!(stage.admin.connections()[0].received_bytes.rate, 0.0);
    assert_eq!(stage.admin.exchange("/", "").unwrap().publish_in.rate, 0.0);
    stage.end().await;
}

#[tokio::test]
async fn rates_are_forgotten_and_counts_are_not() {
    let stage = Stage::new().await;
    let (_connection, channel) = stage.channel().await;
    declare(&channel, "q").await;
    confirm_select(&channel).await;
    for _ in 0..50 {
        send(&channel, "q", "x", false).await;
    }
    channel.wait_for_confirms().await.unwrap();
    stage.admin.sample().await;
    assert!(stage.queue("q").stats.publish.rate > 1.0);
    stage.admin.forget_rates().await;
    let queue = stage.queue("q");
    assert_eq!((queue.stats.publish.rate, queue.messages.ready.rate), (0.0, 0.0));
    assert_eq!((queue.stats.publish.count, queue.messages.ready.value), (50, 50));
    let overview = stage.admin.overview();
    assert_eq!((overview.messages.publish.rate, overview.messages.publish.count), (0.0, 50));
    assert_eq!(overview.churn.queues_created.rate, 0.0);
    assert_eq!(stage.admin.channels()[0].stats.publish.rate, 0.0);
    assert_eq!(stage.admin.connections()[0].received_bytes.rate, 0.0);
    assert_eq!(stage.admin.exchange("/", "").unwrap().publish_in.rate, 0.0);
    for _ in 0..50 {
        send(&channel, "q", "x", false).await;
    }
    channel.wait_for_confirms().await.unwrap();
    assert!(stage.queue("q").stats.publish.rate > 1.0);
    stage.end().await;
}

#[tokio::test]
async fn samples_are_taken_by_themselves() {
    let stage = Stage::new().await;
    let (_connection, channel) = stage.channel().await;
    declare(&channel, "q").await;
    send(&channel, "q", "x", false).await;
    let rate = |queue: &QueueInfo| queue.stats.publish.rate;
    until("it has a rate", || stage.queue("q"), |queue| rate(queue) > 0.0).await;
    until("it rests", || stage.queue("q"), |queue| rate(queue) == 0.0).await;
    stage.end().await;
}

/// How long it takes depends on the machine and the build; what is looked for is that it grows with the queues alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_queues_are_looked_at_while_clients_go_on() {
    const QUEUES: usize = 5_000;
    let stage = Stage::with(|options| options.store = None).await;
    let (_connection, channel) = stage.channel().await;
    let options = QueueDeclareOptions { nowait: true, ..QueueDeclareOptions::default() };
    for number in 0..QUEUES {
        let name = format!("queue-{number}");
        channel.queue_declare(name.into(), options, FieldTable::default()).await.unwrap();
    }
    let there = |overview: &Overview| overview.objects.queues == QUEUES;
    until("they are there", || stage.admin.overview(), there).await;
    let (admin, looked) = (stage.admin.clone(), Instant::now());
    let looking = tokio::task::spawn_blocking(move || admin.queues(None));
    confirm_select(&channel).await;
    send(&channel, "queue-7", "x", false).await;
    channel.wait_for_confirms().await.unwrap();
    let queues = looking.await.unwrap();
    assert_eq!(queues.len(), QUEUES);
    assert!(looked.elapsed() < Duration::from_secs(5), "{:?}", looked.elapsed());
    assert!(queues.is_sorted_by(|one, other| one.name < other.name));
    stage.end().await;
}
