//! Order, prefetch, settling and fetching.

use super::*;

#[test]
fn messages_wait_in_order_until_somebody_consumes() {
    let mut stage = Stage::new(classic());
    stage.publish_all(&["1", "2", "3"]);
    assert_eq!(stage.counts(), (3, 0));
    stage.consume(acking());
    assert_eq!(stage.bodies(), ["1", "2", "3"]);
    assert_eq!(stage.counts(), (0, 3));
    stage.publish("4");
    assert_eq!(stage.bodies(), ["4"]);
}

#[test]
fn without_acks_a_message_is_gone_as_it_is_delivered() {
    let mut stage = Stage::new(classic());
    stage.publish("waiting");
    stage.consume(no_ack());
    stage.publish("direct");
    assert_eq!(stage.sink.received.len(), 2);
    assert!(stage.sink.received.iter().all(|received| received.slot.is_none()));
    assert_eq!(stage.counts(), (0, 0));
    assert_eq!(stage.queue.content.len(), 0);
}

#[test]
fn consecutive_messages_alternate_between_consumers() {
    let mut stage = Stage::new(classic());
    stage.publish("1");
    stage.consume(acking());
    stage.consume(acking());
    stage.consume(acking());
    stage.publish_all(&["2", "3", "4", "5"]);
    let who: Vec<_> = stage.received().into_iter().map(|(id, _)| id).collect();
    assert_eq!(who, [0, 0, 1, 2, 0]);
}

#[test]
fn prefetch_counts_only_the_consumers_own_unacked() {
    let mut stage = Stage::new(classic());
    stage.consume(prefetching(1));
    stage.consume(prefetching(2));
    stage.publish_all(&["1", "2", "3", "4"]);
    assert!(stage.get().is_some());
    let received = stage.sink.received.clone();
    assert_eq!(stage.received(), [(0, "1".into()), (1, "2".into()), (1, "3".into())]);
    stage.publish("5");
    stage.settle(&[received[0].slot.unwrap()], Settlement::Ack);
    assert_eq!(stage.received(), [(0, "5".into())]);
    assert_eq!(stage.queue.consumer_unacked(ConsumerId(1)), 2);
}

#[test]
fn a_smaller_prefetch_stops_and_a_larger_one_goes_on() {
    let mut stage = Stage::new(classic());
    let id = stage.consume(prefetching(3));
    stage.publish_all(&["1", "2", "3", "4", "5"]);
    let slots = stage.slots();
    stage.queue.set_prefetch(id, 1, stage.now, &mut stage.sink);
    stage.settle(&slots[..2], Settlement::Ack);
    assert!(stage.bodies().is_empty());
    stage.settle(&slots[2..], Settlement::Ack);
    assert_eq!(stage.bodies(), ["4"]);
    stage.queue.set_prefetch(id, 0, stage.now, &mut stage.sink);
    assert_eq!(stage.bodies(), ["5"]);
}

#[test]
fn a_starved_consumer_gets_nothing_until_it_is_resumed() {
    let mut stage = Stage::new(classic());
    let full = stage.consume(acking());
    let free = stage.consume(acking());
    stage.sink.full.push(full);
    stage.publish_all(&["1", "2"]);
    stage.sink.full.push(free);
    stage.publish("3");
    assert_eq!(stage.received(), [(free.0, "1".into()), (free.0, "2".into())]);
    assert_eq!(stage.counts(), (1, 2));
    stage.sink.full.clear();
    stage.publish("4");
    assert!(stage.bodies().is_empty(), "only resuming ends it");
    stage.queue.resume(full, stage.now, &mut stage.sink);
    assert_eq!(stage.received(), [(full.0, "3".into()), (full.0, "4".into())]);
    stage.queue.resume(full, stage.now, &mut stage.sink);
}

#[test]
fn a_requeued_message_returns_to_its_place_and_says_so() {
    let mut stage = Stage::new(classic());
    let id = stage.consume(prefetching(3));
    stage.publish_all(&["1", "2", "3", "4"]);
    let slots = stage.slots();
    stage.cancel(id);
    stage.settle(&[slots[2], slots[0]], Settlement::Requeue { counted: true });
    assert_eq!(stage.counts(), (3, 1));
    let order: Vec<_> = std::iter::from_fn(|| stage.get())
        .map(|(received, remaining)| (received.body, received.redelivered, remaining))
        .collect();
    let expected = [("1", true, 2), ("3", true, 1), ("4", false, 0)];
    assert_eq!(order, expected.map(|(body, again, left)| (body.to_owned(), again, left)));
    assert_eq!(stage.queue.counters().redeliver, 2);
}

#[test]
fn the_same_consumer_may_get_it_again_at_once() {
    let mut stage = Stage::new(classic());
    stage.consume(prefetching(1));
    stage.publish_all(&["1", "2"]);
    let slots = stage.slots();
    stage.settle(&slots, Settlement::Requeue { counted: false });
    assert_eq!(stage.bodies(), ["1"]);
}

#[test]
fn fetching_takes_the_head_even_while_consumers_are_blocked() {
    let mut stage = Stage::new(classic());
    assert_eq!(stage.get(), None);
    stage.publish_all(&["1", "2"]);
    let (first, remaining) = stage.get().unwrap();
    assert_eq!((first.body.as_str(), remaining), ("1", 1));
    let (second, remaining) = stage.fetch(true).unwrap();
    assert_eq!((second.slot, remaining), (None, 0));
    assert_eq!(stage.counts(), (0, 1));
    stage.settle(&[first.slot.unwrap()], Settlement::Ack);
    assert_eq!(stage.counts(), (0, 0));
    let counters = stage.queue.counters();
    assert_eq!((counters.get, counters.get_no_ack, counters.get_empty), (1, 1, 1));
}

#[test]
fn higher_priorities_overtake_and_are_capped() {
    let mut stage = Stage::new(QueueSettings { max_priority: Some(5), ..classic() });
    for (body, priority) in [("none", None), ("0", Some(0)), ("5", Some(5)), ("255", Some(255))] {
        stage.publish_with(body, |arrival| arrival.priority = priority);
    }
    stage.publish_with("3", |arrival| arrival.priority = Some(3));
    stage.consume(acking());
    assert_eq!(stage.bodies(), ["5", "255", "3", "none", "0"]);
}

#[test]
fn purging_drops_what_is_ready_and_nothing_else() {
    let mut stage = Stage::new(with_dlx(classic()));
    stage.publish_all(&["1", "2", "3"]);
    let (held, _) = stage.get().unwrap();
    assert_eq!(stage.queue.purge().count, 2);
    assert_eq!((stage.counts(), stage.queue.ready_bytes()), ((0, 1), 0));
    stage.settle(&[held.slot.unwrap()], Settlement::Requeue { counted: true });
    assert_eq!(stage.queue.purge().count, 1);
    assert_eq!((stage.counts(), stage.letters()), ((0, 0), vec![]));
}

#[test]
fn a_closed_queue_names_its_consumers_and_answers_as_an_empty_one() {
    let mut stage = Stage::new(QueueSettings { expires_ms: Some(1), ..classic() });
    stage.consume(prefetching(1));
    let gone = stage.consume(acking());
    stage.consume(acking());
    stage.publish_all(&["1", "2", "3"]);
    let slots = stage.slots();
    stage.cancel(gone);
    assert_eq!(stage.queue.close().consumers, [ConsumerId(0), ConsumerId(2)]);
    stage.settle(&slots, Settlement::Requeue { counted: true });
    assert_eq!(stage.publish("late"), Admission::Accepted);
    assert_eq!(stage.get(), None);
    assert_eq!(stage.pass(10), Fate::Alive);
    assert_eq!((stage.counts(), stage.queue.next_deadline()), ((0, 0), None));
    assert!(!stage.cancel(ConsumerId(0)));
}

#[test]
#[cfg_attr(debug_assertions, should_panic(expected = "holds no unacked message"))]
fn a_slot_that_holds_nothing_is_a_bug_that_release_builds_survive() {
    let mut stage = Stage::new(classic());
    stage.consume(acking());
    stage.publish("1");
    let slots = stage.slots();
    stage.settle(&slots, Settlement::Ack);
    stage.settle(&slots, Settlement::Ack);
    stage.settle(&[Slot(77)], Settlement::Reject);
    assert_eq!(stage.counts(), (0, 0));
}
