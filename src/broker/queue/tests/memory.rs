//! What a queue holds, and that it lets go of it.

use super::*;

/// What an emptied queue may keep: a segment, a chunk of entries, a table of slots.
const KEPT_BYTES_MAX: u64 = 4096 + 8192;

#[test]
fn a_declared_queue_is_small_and_holds_nothing() {
    assert!(size_of::<Queue>() <= 1024, "{}", size_of::<Queue>());
    let stage = Stage::new(QueueSettings::quorum());
    assert_eq!(stage.queue.memory_bytes(), 0);
}

#[test]
fn a_queued_message_of_100_bytes_costs_little_more() {
    let mut stage = Stage::new(classic());
    let body = "x".repeat(100);
    for _ in 0..100_000 {
        stage.publish(&body);
    }
    let overhead = stage.queue.memory_bytes() / 100_000 - 100;
    assert!(overhead <= 40, "{overhead}");
}

#[test]
fn an_emptied_queue_gives_its_memory_back() {
    let pool = SegmentPool::new(64 << 20);
    let mut stage = Stage::new(classic());
    stage.queue = Queue::new("q".into(), classic(), pool.clone(), START);
    let body = "x".repeat(1000);
    for round in 0..3 {
        for _ in 0..10_000 {
            stage.publish(&body);
        }
        let full = stage.queue.memory_bytes();
        assert!(full > 10_000_000);
        match round {
            0 => drop(stage.queue.purge()),
            1 => while stage.fetch(true).is_some() {},
            _ => {
                let id = stage.consume(acking());
                let slots = stage.slots();
                stage.settle(&slots, Settlement::Ack);
                stage.cancel(id);
            }
        }
        assert!(stage.queue.memory_bytes() <= KEPT_BYTES_MAX, "{}", stage.queue.memory_bytes());
        assert!(pool.free_bytes() as u64 > full - 2_000_000);
    }
    stage.publish(&body);
    stage.queue.close();
    assert_eq!(stage.queue.memory_bytes(), 0);
}

#[test]
fn a_queue_that_rests_keeps_nothing_and_goes_on_later() {
    let pool = SegmentPool::new(1 << 20);
    let mut stage = Stage::with_pool(classic(), pool.clone());
    stage.publish("first");
    let kept = stage.queue.memory_bytes();
    stage.queue.rest();
    assert_eq!(stage.queue.memory_bytes(), kept, "a message is there");
    assert!(stage.fetch(true).is_some());
    stage.queue.rest();
    assert_eq!((stage.queue.memory_bytes(), pool.held_bytes(), pool.free_bytes()), (0, 0, 0));
    stage.publish("second");
    let id = stage.consume(acking());
    stage.queue.rest();
    let slots = stage.slots();
    assert_eq!(slots.len(), 1, "it is unacked, and its content is there");
    stage.cancel(id);
    stage.settle(&slots, Settlement::Requeue { counted: false });
    assert_eq!(stage.queue.ready(), 1);
}

#[test]
fn a_large_body_is_shared_not_copied() {
    let mut stage = Stage::new(classic());
    let body = Bytes::from(vec![b'x'; 100_000]);
    stage.publish_with("", |arrival| arrival.body = Body::Shared(&body));
    let mut seen = None;
    stage.queue.get(START, true, &mut stage.sink, |delivery, _| {
        seen = Some(delivery.body.as_bytes().as_ptr());
    });
    assert_eq!(seen, Some(body.as_ptr()));
    assert!(body.is_unique());
    stage.publish(&"y".repeat(20_000));
    assert!(stage.queue.memory_bytes() < 30_000);
    assert_eq!(stage.get().unwrap().0.body.len(), 20_000);
}

#[test]
fn survivors_leave_segments_that_are_mostly_dead() {
    let mut stage = Stage::new(classic());
    let body = "x".repeat(1000);
    let mut survivors = Vec::new();
    for n in 0..20_000 {
        stage.publish(&format!("{n} {body}"));
        let (received, _) = stage.get().unwrap();
        if n % 500 == 0 {
            survivors.push(received);
        } else {
            stage.settle(&[received.slot.unwrap()], Settlement::Ack);
        }
    }
    assert!(stage.queue.memory_bytes() < 800_000, "{}", stage.queue.memory_bytes());
    let slots: Vec<_> = survivors.iter().filter_map(|survivor| survivor.slot).collect();
    stage.settle(&slots, Settlement::Requeue { counted: true });
    for survivor in survivors {
        let (again, _) = stage.fetch(true).unwrap();
        assert_eq!((again.body, again.redelivered), (survivor.body, true));
    }
    assert!(stage.queue.memory_bytes() <= KEPT_BYTES_MAX);
}

#[test]
fn properties_larger_than_any_segment_are_kept_whole() {
    let mut stage = Stage::new(classic());
    let headers: FieldTable = (0..60)
        .map(|n| {
            let name = ShortString::try_from(format!("h{n}")).unwrap();
            (name, amqp::FieldValue::LongString(vec![7; 9000]))
        })
        .collect();
    let properties = Properties { headers: Some(headers.clone()), ..Properties::default() };
    let properties = properties.to_bytes();
    for _ in 0..3 {
        stage.publish("small");
        stage.publish_with("large", |arrival| arrival.properties = &properties);
    }
    for _ in 0..3 {
        assert_eq!(stage.fetch(true).unwrap().0.headers.len(), 0);
        assert_eq!(stage.fetch(true).unwrap().0.headers, headers);
    }
    assert!(stage.queue.memory_bytes() <= KEPT_BYTES_MAX);
}
