//! The numbers that a queue shows.

use super::*;

fn waits(stage: &Stage) -> Vec<ConsumerWait> {
    stage.queue.consumers().map(|consumer| consumer.waits_for).collect()
}

#[test]
fn a_consumer_says_why_it_gets_nothing_and_when_it_last_did_something() {
    let mut stage = Stage::new(classic());
    let id = stage.consume(prefetching(1));
    let never = stage.queue.consumers().next().unwrap();
    assert_eq!((never.delivered_at, never.acked_at, never.unacked), (None, None, 0));
    assert_eq!(waits(&stage), [ConsumerWait::Message]);
    assert!(stage.queue.has_ready_consumer());
    stage.publish_all(&["1", "2"]);
    let slots = stage.slots();
    assert_eq!(waits(&stage), [ConsumerWait::Credit]);
    assert!(!stage.queue.has_ready_consumer());
    stage.pass(5);
    stage.settle(&slots, Settlement::Ack);
    let status = stage.queue.consumers().next().unwrap();
    assert_eq!(status.delivered_at, Some(START.plus_ms(5)), "the second came for the ack");
    assert_eq!((status.id, status.acked_at, status.unacked), (id, Some(START.plus_ms(5)), 1));
    let slots = stage.slots();
    stage.pass(5);
    stage.settle(&slots, Settlement::Requeue { counted: false });
    let status = stage.queue.consumers().next().unwrap();
    assert_eq!(status.acked_at, Some(START.plus_ms(5)), "a requeue is no ack");
    stage.cancel(id);
    assert_eq!(waits(&stage), [], "though it holds a message");
}

#[test]
fn one_without_room_and_one_without_its_turn_say_so() {
    let mut stage = Stage::new(classic());
    let full = stage.consume(acking());
    stage.sink.full.push(full);
    stage.publish_all(&["1"]);
    assert_eq!(waits(&stage), [ConsumerWait::Room]);
    let mut stage = Stage::new(QueueSettings { single_active_consumer: true, ..classic() });
    stage.consume(acking());
    stage.consume(acking());
    assert_eq!(waits(&stage), [ConsumerWait::Message, ConsumerWait::Activity]);
}

#[test]
fn the_head_tells_its_timestamp() {
    let mut stage = Stage::new(classic());
    assert_eq!(stage.queue.head_timestamp(), None);
    let properties = Properties { timestamp: Some(77), ..Properties::default() }.to_bytes();
    stage.publish_with("1", |arrival| arrival.properties = Box::leak(properties.into()));
    stage.publish_all(&["2"]);
    assert_eq!(stage.queue.head_timestamp(), Some(77));
    stage.get();
    assert_eq!(stage.queue.head_timestamp(), None);
}

#[test]
fn deaths_are_counted_by_their_reasons() {
    let limited = QueueSettings { max_length: Some(1), ..QueueSettings::quorum() };
    let mut stage = Stage::new(QueueSettings { delivery_limit: Some(0), ..limited });
    stage.publish_all(&["too old to stay", "refused"]);
    let refused = stage.get().unwrap().0.slot.unwrap();
    stage.settle(&[refused], Settlement::Reject);
    stage.publish_all(&["failed"]);
    let failed = stage.get().unwrap().0.slot.unwrap();
    stage.settle(&[failed], Settlement::Requeue { counted: true });
    stage.publish_with("late", |arrival| arrival.expiration_ms = Some(1));
    stage.pass(10);
    let Counters { died_expired, died_rejected, died_maxlen, died_delivery_limit, .. } =
        stage.queue.counters();
    assert_eq!((died_expired, died_rejected, died_maxlen, died_delivery_limit), (1, 1, 1, 1));
    let mut sum = stage.queue.counters();
    sum += stage.queue.counters();
    assert_eq!((sum.publish, sum.died_maxlen, sum.get), (8, 2, 4));
}

#[test]
fn a_refused_message_that_is_dead_lettered_has_died() {
    let settings = QueueSettings {
        max_length: Some(0),
        overflow: Overflow::RejectPublishDlx,
        ..with_dlx(classic())
    };
    let mut stage = Stage::new(settings);
    assert_eq!(stage.publish("no room"), Admission::Rejected);
    assert_eq!((stage.letters().len(), stage.queue.counters().died_maxlen), (1, 1));
}

#[test]
fn purging_leaves_what_is_unacked_in_the_figures() {
    let mut stage = Stage::new(classic());
    for body in ["one", "three", "no"] {
        stage.publish_with(body, |arrival| arrival.logged = body != "no");
    }
    assert_eq!((stage.queue.persistent(), stage.queue.persistent_bytes()), (2, 8));
    stage.get();
    stage.purge();
    assert_eq!((stage.queue.persistent(), stage.queue.persistent_bytes()), (1, 3));
    assert_eq!((stage.queue.unacked_bytes(), stage.queue.ready_bytes()), (3, 0));
    stage.queue.close();
    assert_eq!((stage.queue.persistent(), stage.queue.unacked_bytes()), (0, 0));
}
