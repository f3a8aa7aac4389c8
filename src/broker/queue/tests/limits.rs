//! Lengths and what happens beyond them.

use super::*;

fn bounded(length: u64, overflow: Overflow) -> Stage {
    Stage::new(QueueSettings { max_length: Some(length), overflow, ..with_dlx(classic()) })
}

#[test]
fn the_oldest_ready_message_makes_room() {
    let mut stage = bounded(2, Overflow::DropHead);
    stage.publish_all(&["1", "2"]);
    let (unacked, _) = stage.get().unwrap();
    stage.publish_all(&["3", "4"]);
    assert_eq!((stage.counts(), stage.letters()), ((2, 1), vec![("2".into(), "maxlen")]));
    stage.settle(&[unacked.slot.unwrap()], Settlement::Requeue { counted: true });
    assert_eq!(stage.letters(), [("1".into(), "maxlen")]);
    stage.consume(acking());
    assert_eq!(stage.bodies(), ["3", "4"]);
}

#[test]
fn bodies_of_ready_messages_count_as_bytes() {
    let mut stage = Stage::new(QueueSettings { max_length_bytes: Some(10), ..with_dlx(classic()) });
    stage.publish_all(&["aaaa", "bbbb"]);
    assert_eq!(stage.queue.ready_bytes(), 8);
    stage.publish("cc");
    assert_eq!(stage.letters(), []);
    stage.publish("dddd");
    assert_eq!(stage.letters(), [("aaaa".into(), "maxlen")]);
    stage.publish("eleven bytes");
    assert_eq!(stage.letters().len(), 4);
    assert_eq!((stage.counts(), stage.queue.ready_bytes()), ((0, 0), 0));
}

#[test]
fn a_full_queue_refuses() {
    let mut stage = bounded(1, Overflow::RejectPublish);
    assert_eq!(stage.publish("1"), Admission::Accepted);
    assert_eq!(stage.publish("2"), Admission::Rejected);
    assert_eq!((stage.counts(), stage.letters()), ((1, 0), vec![]));
    stage.get();
    assert_eq!(stage.publish("3"), Admission::Accepted);
}

#[test]
fn what_is_refused_can_be_dead_lettered() {
    let mut stage = bounded(1, Overflow::RejectPublishDlx);
    stage.publish("1");
    assert_eq!(stage.publish("2"), Admission::Rejected);
    assert_eq!(stage.letters(), [("2".into(), "maxlen")]);
}

#[test]
fn length_zero_lets_through_only_what_is_taken_at_once() {
    let mut stage = bounded(0, Overflow::DropHead);
    stage.publish("nobody");
    assert_eq!(stage.letters(), [("nobody".into(), "maxlen")]);
    stage.consume(acking());
    stage.publish("somebody");
    assert_eq!(stage.bodies(), ["somebody"]);
    let mut stage = bounded(0, Overflow::RejectPublish);
    stage.consume(acking());
    assert_eq!(stage.publish("refused all the same"), Admission::Rejected);
}

#[test]
fn the_next_to_be_delivered_goes_first_whatever_its_priority() {
    let settings =
        QueueSettings { max_length: Some(2), max_priority: Some(9), ..with_dlx(classic()) };
    let mut stage = Stage::new(settings);
    stage.publish_with("high", |arrival| arrival.priority = Some(9));
    stage.publish_all(&["1", "2"]);
    assert_eq!(stage.letters(), [("high".into(), "maxlen")]);
}
