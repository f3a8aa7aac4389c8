//! Who may consume, who is served, and when a queue is unused.

use super::*;

fn refusal(stage: &mut Stage, exclusive: bool) -> Option<String> {
    let settings = ConsumerSettings { exclusive, ..acking() };
    let result = stage.queue.consume(stage.now, &"v".into(), settings);
    result.err().map(|refusal| refusal.reply_text())
}

#[test]
fn an_exclusive_consumer_is_alone_or_not_at_all() {
    const TEXT: &str = "ACCESS_REFUSED - queue 'q' in vhost 'v' in exclusive use";
    let mut stage = Stage::new(classic());
    let id = stage.consume(acking());
    assert_eq!(refusal(&mut stage, true).as_deref(), Some(TEXT));
    stage.cancel(id);
    assert_eq!(refusal(&mut stage, true), None);
    assert_eq!(stage.queue.exclusive_consumer(), Some(ConsumerId(0)));
    assert_eq!(refusal(&mut stage, false).as_deref(), Some(TEXT));
    stage.cancel(ConsumerId(0));
    assert_eq!(refusal(&mut stage, false), None);

    let single = QueueSettings { single_active_consumer: true, ..classic() };
    assert_eq!(refusal(&mut Stage::new(single), true).as_deref(), Some(TEXT));

    let mut quorum = Stage::new(QueueSettings::quorum());
    assert_eq!(refusal(&mut quorum, true), None);
    assert_eq!(refusal(&mut quorum, true), None);
    assert_eq!(quorum.queue.exclusive_consumer(), None);
}

#[test]
fn of_single_active_consumers_one_gets_everything() {
    let mut stage = Stage::new(QueueSettings { single_active_consumer: true, ..classic() });
    let first = stage.consume(prefetching(2));
    let second = stage.consume(ConsumerSettings { priority: 9, ..acking() });
    stage.publish_all(&["1", "2", "3"]);
    assert_eq!(stage.received(), [(first.0, "1".into()), (first.0, "2".into())]);
    assert_eq!(stage.queue.single_active_consumer(), Some(first));
    stage.cancel(first);
    assert_eq!(stage.received(), [(second.0, "3".into())]);
    assert!(stage.queue.check_get(&"v".into()).is_ok());
}

#[test]
fn an_auto_delete_queue_goes_with_its_last_consumer() {
    let mut stage = Stage::new(QueueSettings { auto_delete: true, ..classic() });
    let (a, b) = (stage.consume(acking()), stage.consume(acking()));
    assert!(!stage.cancel(a));
    assert!(!stage.cancel(a), "it was cancelled before");
    assert!(stage.cancel(b));
    let mut stage = Stage::new(classic());
    let id = stage.consume(acking());
    assert!(!stage.cancel(id));
}

#[test]
fn an_unacked_message_outlives_its_consumer() {
    let mut stage = Stage::new(classic());
    let id = stage.consume(acking());
    stage.publish_all(&["1", "2"]);
    let slots = stage.slots();
    stage.cancel(id);
    assert_eq!((stage.counts(), stage.queue.consumer_count()), ((0, 2), 0));
    let other = stage.consume(acking());
    assert_ne!(id, other);
    stage.settle(&slots[..1], Settlement::Requeue { counted: true });
    assert_eq!(stage.received(), [(other.0, "1".into())]);
    stage.settle(&slots[1..], Settlement::Ack);
    assert_eq!(stage.counts(), (0, 1));
}
