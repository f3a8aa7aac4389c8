//! Queues that are made from what the log has of them.

use super::*;

/// The queue is made anew; whether the process could say that it ends.
fn restart(stage: &mut Stage, clean: bool) {
    let before = Sequence(if clean { 0 } else { stage.sequence + 1 });
    let settings = stage.queue.settings().clone();
    let mut recovery = Queue::recover("q".into(), settings, SegmentPool::new(0), stage.now);
    stage.sink.storage.recover(&mut recovery, 3);
    stage.sink.storage.forget_spilled();
    assert_eq!(recovery.messages(), stage.sink.storage.logged().len() as u64);
    stage.queue = recovery.finish(before);
    stage.sink.received.clear();
    stage.pass(0);
}

fn publish_logged(stage: &mut Stage, bodies: &[&str]) {
    for body in bodies {
        stage.publish_with(body, |arrival| arrival.logged = true);
    }
}

/// Fetches everything: body, and whether it may have been delivered before.
fn drain(stage: &mut Stage) -> Vec<(String, bool)> {
    let fetched = std::iter::from_fn(|| stage.fetch(true));
    fetched.map(|(received, _)| (received.body, received.redelivered)).collect()
}

#[test]
fn what_was_unacked_is_ready_again_and_what_was_acked_is_not() {
    for clean in [true, false] {
        let mut stage = Stage::new(classic());
        publish_logged(&mut stage, &["1", "2", "3", "4", "5"]);
        stage.publish("not logged");
        let slots: Vec<_> = (0..4).filter_map(|_| stage.fetch(false)?.0.slot).collect();
        stage.settle(&slots[1..2], Settlement::Ack);
        stage.settle(&slots[2..3], Settlement::Requeue { counted: false });
        restart(&mut stage, clean);
        publish_logged(&mut stage, &["6"]);
        let expected = [("1", !clean), ("3", true), ("4", !clean), ("5", !clean), ("6", false)];
        assert_eq!(drain(&mut stage), expected.map(|(body, again)| (body.to_owned(), again)));
        assert!(stage.sink.storage.logged().is_empty());
    }
}

#[test]
fn a_quorum_queue_keeps_its_returned_list_and_its_counts() {
    let mut stage = Stage::new(QueueSettings::quorum());
    publish_logged(&mut stage, &["1", "2", "3", "4"]);
    let slots: Vec<_> = (0..3).filter_map(|_| stage.fetch(false)?.0.slot).collect();
    stage.settle(&[slots[2], slots[0]], Settlement::Requeue { counted: true });
    stage.settle(&[slots[1]], Settlement::Requeue { counted: false });
    restart(&mut stage, true);
    for (body, failed) in [("3", Some(1)), ("1", Some(1)), ("2", None)] {
        let (received, _) = stage.fetch(false).unwrap();
        let count = |name| received.headers.get(name).and_then(amqp::FieldValue::as_integer);
        assert_eq!((&*received.body, received.redelivered), (body, true));
        assert_eq!((count("x-acquired-count"), count("x-delivery-count")), (Some(1), failed));
    }
    restart(&mut stage, true);
    let last = stage.fetch(false).unwrap().0.slot.unwrap();
    stage.settle(&[last], Settlement::Requeue { counted: true });
    restart(&mut stage, true);
    let expected = [("1", true), ("2", true), ("3", true), ("4", false)];
    assert_eq!(drain(&mut stage), expected.map(|(body, again)| (body.to_owned(), again)));
}

#[test]
fn priorities_and_deadlines_are_as_before() {
    let settings =
        QueueSettings { max_priority: Some(9), message_ttl_ms: Some(1000), ..with_dlx(classic()) };
    let mut stage = Stage::new(settings);
    for (body, priority, expiration_ms) in
        [("low", 1, None), ("short", 9, Some(300)), ("high", 9, Some(9000)), ("high too", 20, None)]
    {
        stage.publish_with(body, |arrival| {
            (arrival.logged, arrival.priority) = (true, Some(priority));
            arrival.expiration_ms = expiration_ms;
        });
    }
    stage.now = stage.now.plus_ms(500);
    restart(&mut stage, true);
    stage.read_all();
    assert_eq!(stage.letters(), [("short".into(), "expired")]);
    assert_eq!(stage.queue.next_deadline(), Some(START.plus_ms(1000)));
    let bodies: Vec<_> = drain(&mut stage).into_iter().map(|(body, _)| body).collect();
    assert_eq!(bodies, ["high", "high too", "low"]);
}

#[test]
fn held_dead_letters_are_sent_again() {
    let mut settings =
        with_dlx(QueueSettings { overflow: Overflow::RejectPublish, ..QueueSettings::quorum() });
    if let Some(target) = &mut settings.dead_letter {
        target.strategy = DeadLetterStrategy::AtLeastOnce;
    }
    let mut stage = Stage::new(settings);
    publish_logged(&mut stage, &["1", "2", "3"]);
    let slots: Vec<_> = (0..3).filter_map(|_| stage.fetch(false)?.0.slot).collect();
    stage.settle(&[slots[1]], Settlement::Reject);
    stage.settle(&[slots[0]], Settlement::Reject);
    assert_eq!(stage.letters().len(), 2);
    let died_at = stage.now.as_secs();
    stage.now = stage.now.plus_ms(60_000);
    restart(&mut stage, false);
    assert_eq!((stage.counts(), stage.queue.held_dead_letters()), ((1, 0), 2));
    stage.read_all();
    let letters = std::mem::take(&mut stage.sink.letters);
    let bodies: Vec<_> = letters.iter().map(|letter| text(&letter.message.body)).collect();
    assert_eq!(bodies, ["2", "1"]);
    let headers = Properties::decode(RawProperties::from_bytes(&letters[0].message.properties));
    let deaths = headers.unwrap().headers.unwrap().remove("x-death").unwrap();
    let amqp::FieldValue::Array(deaths) = deaths else { panic!("x-death is an array") };
    let amqp::FieldValue::Table(death) = &deaths[0] else { panic!("of tables") };
    assert_eq!(death.get("time"), Some(&amqp::FieldValue::Timestamp(died_at)));
    for letter in letters {
        let slot = letter.hold.unwrap();
        stage.queue.settle_dead_letter(stage.now, slot, true, &mut stage.sink);
    }
    assert_eq!(stage.sink.storage.logged(), [3]);
}

/// In whatever order the log has them, each message takes what it will take in the queue.
#[test]
fn many_are_put_in_order_in_little_memory() {
    const COUNT: u64 = 300_000;
    let payload = {
        let arrival = Arrival { expiration_ms: Some(1000), ..arrival(1, b"body") };
        let draft = crate::record::MessageDraft::new(&arrival, START, None);
        let mut payload = vec![0; draft.bytes()];
        draft.write(&mut payload);
        payload
    };
    let record = crate::record::MessageRecord::read(&payload).unwrap();
    for stride in [1, 7, COUNT] {
        let mut recovery = Queue::recover("q".into(), classic(), SegmentPool::new(0), START);
        for n in 0..COUNT {
            // With the last stride they come backwards.
            let sequence = match stride {
                COUNT => COUNT - n,
                _ => n * stride % COUNT + 1,
            };
            recovery.add(Sequence(sequence), &record, None);
        }
        let mut queue = recovery.finish(Sequence(0));
        assert_eq!((queue.ready(), queue.ready_bytes()), (COUNT, COUNT * 4));
        assert!(queue.memory_bytes() <= COUNT * 33, "{}", queue.memory_bytes() / COUNT);
        assert_eq!(queue.next_deadline(), Some(START.plus_ms(1000)));
        let sequences: Vec<_> = queue.purge().remains.map(|(sequence, _)| sequence.0).collect();
        assert!(sequences.iter().copied().eq(1..=COUNT));
    }
}
