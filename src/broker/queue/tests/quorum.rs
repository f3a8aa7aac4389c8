//! Quorum semantics on one member.

use super::*;

const COUNTED: Settlement = Settlement::Requeue { counted: true };
const UNCOUNTED: Settlement = Settlement::Requeue { counted: false };

fn counts(received: &Received) -> (Option<i64>, Option<i64>) {
    let count = |name| received.headers.get(name).and_then(amqp::FieldValue::as_integer);
    (count("x-acquired-count"), count("x-delivery-count"))
}

#[test]
fn returned_messages_go_first_in_the_order_they_came_back() {
    let mut stage = Stage::new(QueueSettings::quorum());
    stage.publish_all(&["1", "2", "3", "4"]);
    let slots: Vec<_> = (0..3).filter_map(|_| stage.get()?.0.slot).collect();
    stage.settle(&[slots[2], slots[0]], COUNTED);
    stage.settle(&[slots[1]], UNCOUNTED);
    stage.consume(acking());
    assert_eq!(stage.bodies(), ["3", "1", "2", "4"]);
}

#[test]
fn a_redelivery_tells_how_often_it_was_tried() {
    let mut stage = Stage::new(QueueSettings::quorum());
    stage.publish("1");
    let (first, _) = stage.get().unwrap();
    assert_eq!((first.redelivered, counts(&first)), (false, (None, None)));
    stage.settle(&[first.slot.unwrap()], UNCOUNTED);
    let (second, _) = stage.get().unwrap();
    assert_eq!((second.redelivered, counts(&second)), (true, (Some(1), None)));
    stage.settle(&[second.slot.unwrap()], COUNTED);
    let (third, _) = stage.get().unwrap();
    assert_eq!(counts(&third), (Some(2), Some(1)));
    stage.settle(&[third.slot.unwrap()], Settlement::Ack);
    assert!(stage.queue.returns.is_empty());
}

#[test]
fn beyond_the_delivery_limit_a_message_dies() {
    let settings = QueueSettings { delivery_limit: Some(2), ..QueueSettings::quorum() };
    let mut stage = Stage::new(with_dlx(settings));
    stage.consume(acking());
    stage.publish("1");
    for _ in 0..5 {
        let slots = stage.slots();
        stage.settle(&slots, UNCOUNTED);
    }
    for _ in 0..3 {
        let slots = stage.slots();
        assert_eq!(slots.len(), 1);
        stage.settle(&slots, COUNTED);
    }
    assert_eq!((stage.counts(), stage.letters()), ((0, 0), vec![("1".into(), "delivery_limit")]));
    assert!(stage.queue.returns.is_empty());
}

#[test]
fn without_a_limit_what_comes_back_goes_to_the_end() {
    let settings = QueueSettings { delivery_limit: None, ..QueueSettings::quorum() };
    let mut stage = Stage::new(settings);
    stage.publish_all(&["1", "2"]);
    for _ in 0..100 {
        let slot = stage.get().unwrap().0.slot.unwrap();
        stage.settle(&[slot], COUNTED);
    }
    stage.publish("3");
    stage.consume(acking());
    assert_eq!(stage.bodies(), ["1", "2", "3"]);
}

#[test]
fn priorities_are_strict_with_four_as_default() {
    let mut stage = Stage::new(QueueSettings::quorum());
    stage.publish("default");
    for priority in [3, 31, 200, 5] {
        let body = priority.to_string();
        stage.publish_with(&body, |arrival| arrival.priority = Some(priority));
    }
    stage.consume(acking());
    assert_eq!(stage.bodies(), ["31", "200", "5", "default", "3"]);
}

#[test]
fn a_higher_single_active_consumer_takes_over_once_nothing_is_in_flight() {
    let settings = QueueSettings { single_active_consumer: true, ..QueueSettings::quorum() };
    let mut stage = Stage::new(settings);
    let low = stage.consume(acking());
    stage.publish("1");
    let slots = stage.slots();
    let high = stage.consume(ConsumerSettings { priority: 1, ..acking() });
    stage.publish("2");
    assert!(stage.bodies().is_empty());
    assert_eq!(stage.queue.single_active_consumer(), Some(low));
    stage.settle(&slots, Settlement::Ack);
    assert_eq!(stage.received(), [(high.0, "2".into())]);
    assert_eq!(
        stage.queue.check_get(&"v".into()).unwrap_err().reply_text(),
        "RESOURCE_LOCKED - cannot obtain access to locked queue 'q' in vhost 'v'. \
         basic.get operations are not supported by quorum queues with single active consumer"
    );
}

fn at_least_once() -> QueueSettings {
    let mut settings = with_dlx(QueueSettings {
        overflow: Overflow::RejectPublish,
        message_ttl_ms: Some(10),
        max_length: Some(40),
        ..QueueSettings::quorum()
    });
    if let Some(target) = &mut settings.dead_letter {
        target.strategy = DeadLetterStrategy::AtLeastOnce;
    }
    settings
}

#[test]
fn a_dead_letter_is_kept_until_it_was_accepted() {
    let mut stage = Stage::new(at_least_once());
    stage.publish("1");
    stage.pass(10);
    let slot = stage.sink.letters[0].hold.unwrap();
    assert_eq!(stage.letters(), [("1".into(), "expired")]);
    assert_eq!((stage.counts(), stage.queue.held_dead_letters()), ((0, 0), 1));
    assert_eq!(stage.queue.next_deadline(), None);

    let before = stage.now;
    stage.queue.settle_dead_letter(stage.now, slot, false, &mut stage.sink);
    let retry = stage.queue.next_deadline().unwrap();
    stage.pass(retry.ms_since(before) - 1);
    assert_eq!(stage.letters(), []);
    stage.pass(1);
    let again = stage.sink.letters.remove(0);
    assert_eq!(again.hold, Some(slot));
    let headers = Properties::decode(RawProperties::from_bytes(&again.message.properties));
    let amqp::FieldValue::Array(deaths) =
        headers.unwrap().headers.unwrap().remove("x-death").unwrap()
    else {
        panic!("x-death is an array")
    };
    let amqp::FieldValue::Table(death) = &deaths[0] else { panic!("of tables") };
    assert_eq!(death.get("time"), Some(&amqp::FieldValue::Timestamp(before.as_secs())));
    assert_eq!(death.get("count"), Some(&amqp::FieldValue::I64(1)));

    stage.queue.settle_dead_letter(stage.now, slot, true, &mut stage.sink);
    assert_eq!(stage.queue.held_dead_letters(), 0);
    assert_eq!(stage.queue.content.len(), 0);
}

#[test]
fn held_dead_letters_count_and_leave_a_few_at_a_time() {
    let mut stage = Stage::new(at_least_once());
    for n in 0..40 {
        assert_eq!(stage.publish(&n.to_string()), Admission::Accepted);
    }
    stage.pass(10);
    assert_eq!(stage.sink.letters.len(), 32);
    assert_eq!((stage.queue.ready(), stage.queue.held_dead_letters()), (0, 40));
    assert_eq!(stage.publish("full"), Admission::Rejected);
    let slot = stage.sink.letters[0].hold.unwrap();
    stage.queue.settle_dead_letter(stage.now, slot, true, &mut stage.sink);
    assert_eq!(stage.letters().last().unwrap().0, "32");
    assert_eq!(stage.publish("room"), Admission::Accepted);
}
