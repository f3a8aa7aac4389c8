//! Contents that are not in memory.

use super::*;

/// What a queue may hold beyond its budget: the segment that it writes to.
const SEGMENT_BYTES: u64 = 256 * 1024;

fn publish_logged(stage: &mut Stage, body: &str) {
    stage.publish_with(body, |arrival| arrival.logged = true);
}

/// A queue that keeps no content of what waits.
fn forgetful(settings: QueueSettings) -> Stage {
    let mut stage = Stage::paging(settings, 0, 1 << 20);
    // The first content opens a segment, after which there is too much.
    stage.publish("first");
    stage.fetch(true);
    stage
}

#[test]
fn beyond_the_budget_only_entries_stay() {
    let mut stage = Stage::paging(classic(), 64 * 1024, 32 * 1024);
    let body = "x".repeat(100);
    for n in 0..50_000 {
        publish_logged(&mut stage, &format!("{n} {body}"));
    }
    assert!(stage.queue.memory_bytes() <= 50_000 * 16 + 64 * 1024 + SEGMENT_BYTES);
    assert_eq!(stage.sink.storage.wanted, [], "nobody consumes");
    for n in 0..50_000 {
        assert!(stage.fetch(true).unwrap().0.body.starts_with(&format!("{n} ")));
        assert!(stage.queue.content.memory_bytes() as u64 <= 64 * 1024 + SEGMENT_BYTES);
    }
    assert_eq!(stage.sink.storage.logged(), [] as [u64; 0]);
    assert!(stage.queue.memory_bytes() <= 4096 + 8192);
}

#[test]
fn contents_are_wanted_in_runs_ahead_of_the_head() {
    let mut stage = forgetful(classic());
    let body = "x".repeat(1000);
    for n in 0..5000 {
        publish_logged(&mut stage, &format!("{n} {body}"));
    }
    let id = stage.consume(acking());
    let mut runs = Vec::new();
    while !stage.sink.storage.wanted.is_empty() {
        let wanted = stage.sink.storage.wanted.len();
        assert!(wanted <= 1000, "no more than a mebibyte is on its way");
        runs.push(wanted);
        // The whole run comes before anything is wanted again.
        (0..wanted).for_each(|_| assert!(stage.read_any(0)));
    }
    assert!(runs.len() <= 12, "{runs:?}");
    let bodies = stage.bodies();
    assert_eq!(bodies.len(), 5000);
    assert!((0..5000).all(|n| bodies[n].starts_with(&format!("{n} "))));
    assert_eq!(stage.queue.content.len(), 0, "what is unacked gave its content up");
    stage.cancel(id);
}

/// Only the length of a body is known of what is paged out.
#[test]
fn what_is_read_ahead_is_bounded_whatever_the_properties_are() {
    let headers = [(ShortString::from_static("h"), amqp::FieldValue::LongString(vec![7; 8000]))];
    let headers = Some(headers.into_iter().collect());
    let properties = Properties { headers, ..Properties::default() }.to_bytes();
    let mut stage = Stage::paging(classic(), 1 << 20, 1 << 19);
    for _ in 0..5000 {
        stage.publish_with("", |arrival| {
            (arrival.logged, arrival.properties) = (true, &properties);
        });
    }
    for _ in 0..5000 {
        assert!(stage.fetch(true).is_some());
        let bytes = stage.queue.content.memory_bytes();
        assert!(bytes < 3 << 20, "{bytes}");
    }
}

#[test]
fn a_fetch_waits_for_the_content() {
    let mut stage = forgetful(classic());
    publish_logged(&mut stage, "1");
    assert_eq!(stage.try_fetch(false), (Got::Wait, None));
    assert_eq!(stage.try_fetch(false), (Got::Wait, None));
    assert_eq!(stage.sink.storage.wanted.len(), 1);
    assert_eq!(stage.counts(), (1, 0));
    stage.read_all();
    assert_eq!(stage.try_fetch(false).1.unwrap().0.body, "1");
    assert_eq!((stage.counts(), stage.queue.counters().get_empty), ((0, 1), 0));
}

#[test]
fn what_is_not_logged_is_spilled_where_that_is_possible() {
    for spills in [true, false] {
        let mut stage = forgetful(classic());
        stage.sink.storage.spills = spills;
        stage.publish_all(&["1", "2"]);
        assert_eq!(stage.sink.storage.spilled().len(), if spills { 2 } else { 0 });
        assert_eq!(stage.queue.content.len(), if spills { 0 } else { 2 });
        assert_eq!(stage.fetch(true).unwrap().0.body, "1");
        assert_eq!(stage.fetch(true).unwrap().0.body, "2");
        assert!(stage.sink.storage.spilled().is_empty());
    }
}

#[test]
fn an_unacked_message_comes_back_with_its_content() {
    let mut stage = forgetful(QueueSettings { max_priority: Some(9), ..classic() });
    let id = stage.consume(acking());
    let body = "x".repeat(20_000);
    for priority in [3, 7] {
        stage.publish_with(&body, |arrival| {
            (arrival.logged, arrival.priority) = (true, Some(priority));
            arrival.expiration_ms = Some(1000);
        });
    }
    assert_eq!(stage.queue.content.len(), 0);
    let slots = stage.slots();
    stage.cancel(id);
    stage.settle(&slots, Settlement::Requeue { counted: true });
    assert_eq!(stage.queue.next_deadline(), Some(START.plus_ms(1000)));
    for _ in 0..2 {
        let (received, _) = stage.fetch(false).unwrap();
        assert_eq!((received.redelivered, received.body == body), (true, true));
    }
    assert_eq!(stage.queue.next_deadline(), None);
}

#[test]
fn letters_leave_in_the_order_of_the_deaths() {
    let settings = QueueSettings { max_length: Some(2), ..with_dlx(classic()) };
    let mut stage = forgetful(settings);
    (1..=3).for_each(|n| publish_logged(&mut stage, &n.to_string()));
    stage.publish("4, in memory");
    (5..=6).for_each(|n| publish_logged(&mut stage, &n.to_string()));
    assert_eq!((stage.counts(), stage.letters()), ((2, 0), vec![]));
    assert_eq!(stage.sink.storage.wanted.len(), 3);
    for (pick, letters) in [(1, &[][..]), (0, &["1", "2"]), (0, &["3", "4, in memory"])] {
        assert!(stage.read_any(pick));
        let left: Vec<_> = stage.letters().into_iter().map(|(body, _)| body).collect();
        assert_eq!(left, letters);
    }
    assert_eq!((stage.counts(), stage.sink.storage.logged()), ((2, 0), vec![6, 7]));
}

#[test]
fn what_expires_together_waits_in_its_line_for_the_contents() {
    let mut stage = forgetful(QueueSettings { message_ttl_ms: Some(100), ..with_dlx(classic()) });
    stage.sink.letters.clear();
    for n in 0..5000 {
        publish_logged(&mut stage, &n.to_string());
    }
    stage.pass(100);
    while stage.queue.next_deadline().is_some_and(|due| due <= stage.now) {
        stage.pass(0);
    }
    assert_eq!(stage.counts(), (4000, 0), "no timer is to ask again and again");
    while stage.counts().0 > 0 {
        stage.read_all();
        stage.pass(0);
    }
    stage.read_all();
    let letters = stage.letters();
    assert!((0..5000).all(|n| letters[n] == (n.to_string(), "expired")));
    assert_eq!(stage.sink.storage.logged(), [] as [u64; 0]);
}

#[test]
fn what_is_damaged_is_dropped_from_wherever_it_stands() {
    let mut stage = forgetful(classic());
    for n in 1..=5 {
        publish_logged(&mut stage, &n.to_string());
    }
    let id = stage.consume(prefetching(1));
    let wanted = std::mem::take(&mut stage.sink.storage.wanted);
    assert_eq!(wanted.len(), 5);
    let Stage { queue, sink, now, .. } = &mut stage;
    assert!(queue.page_failed(*now, wanted[2].0, sink));
    assert!(!queue.page_failed(*now, wanted[2].0, sink));
    assert!(!queue.page_in(*now, wanted[0].0, b"\x01 not a message", sink));
    assert_eq!((queue.ready(), queue.ready_bytes()), (3, 3));
    sink.storage.wanted = [1, 3, 4].map(|at| wanted[at]).to_vec();
    stage.read_all();
    let mut bodies = Vec::new();
    loop {
        let received: Vec<_> = stage.sink.received.drain(..).collect();
        let slots: Vec<_> = received.iter().filter_map(|received| received.slot).collect();
        bodies.extend(received.into_iter().map(|received| received.body));
        if slots.is_empty() {
            break;
        }
        stage.settle(&slots, Settlement::Ack);
    }
    assert_eq!(bodies, ["2", "4", "5"]);
    assert_eq!(stage.sink.storage.logged(), [] as [u64; 0]);
    stage.cancel(id);
}

#[test]
fn a_purge_takes_what_is_on_its_way_too() {
    let settings = QueueSettings { message_ttl_ms: Some(1000), ..QueueSettings::quorum() };
    let mut stage = Stage::paging(settings, 0, 2000);
    for n in 0..100 {
        publish_logged(&mut stage, &n.to_string());
    }
    let (first, _) = stage.fetch(false).unwrap();
    stage.settle(&[first.slot.unwrap()], Settlement::Requeue { counted: true });
    let (first, _) = stage.fetch(false).unwrap();
    let (kept, _) = stage.fetch(false).unwrap();
    assert!(!stage.sink.storage.wanted.is_empty());
    assert_eq!(stage.purge(), 98);
    assert_eq!(stage.sink.storage.logged().len(), 2);
    stage.read_all();
    assert_eq!((stage.counts(), stage.queue.ready_bytes()), ((0, 2), 0));
    let slots = [first.slot.unwrap(), kept.slot.unwrap()];
    stage.settle(&slots, Settlement::Requeue { counted: true });
    assert_eq!(stage.queue.next_deadline(), Some(START.plus_ms(1000)));
    assert_eq!(stage.fetch(true).unwrap().0.body, first.body);
    assert_eq!(stage.fetch(true).unwrap().0.body, kept.body);
    assert!(stage.queue.returns.is_empty() && stage.sink.storage.logged().is_empty());
}

#[test]
fn a_deleted_queue_tells_all_that_it_held() {
    let settings = QueueSettings { max_length: Some(10), ..with_dlx(classic()) };
    let mut stage = forgetful(settings);
    for n in 0..20 {
        publish_logged(&mut stage, &n.to_string());
    }
    stage.fetch(false).unwrap();
    assert!(stage.sink.storage.logged().len() >= 10);
    let closed = stage.queue.close();
    stage.sink.storage.settle_all(closed.remains);
    assert_eq!(stage.sink.storage.logged(), [] as [u64; 0]);
    publish_logged(&mut stage, "too late");
    assert_eq!(stage.sink.storage.logged(), [] as [u64; 0]);
    stage.read_all();
    assert_eq!(stage.counts(), (0, 0));
}

#[test]
fn held_letters_are_read_as_they_are_sent() {
    let mut settings = with_dlx(QueueSettings {
        overflow: Overflow::RejectPublish,
        message_ttl_ms: Some(10),
        ..QueueSettings::quorum()
    });
    if let Some(target) = &mut settings.dead_letter {
        target.strategy = DeadLetterStrategy::AtLeastOnce;
    }
    let mut stage = forgetful(settings);
    for n in 0..100 {
        publish_logged(&mut stage, &n.to_string());
    }
    stage.pass(10);
    assert_eq!((stage.counts(), stage.queue.held_dead_letters()), ((0, 0), 100));
    assert_eq!(stage.sink.storage.wanted.len(), 32);
    let mut bodies = Vec::new();
    while stage.queue.held_dead_letters() > 0 {
        stage.read_all();
        for letter in std::mem::take(&mut stage.sink.letters) {
            let accepted = letter.message.body.len() == 2 || stage.now > START.plus_ms(10);
            if accepted {
                bodies.push(text(&letter.message.body));
            }
            let (slot, now) = (letter.hold.unwrap(), stage.now);
            stage.queue.settle_dead_letter(now, slot, accepted, &mut stage.sink);
        }
        assert!(stage.queue.content.len() <= 32);
        if let Some(due) = stage.queue.next_deadline() {
            stage.now = stage.now.max(due);
            stage.pass(0);
        }
    }
    bodies.sort_by_key(|body| body.parse::<u32>().unwrap());
    assert!((0..100).all(|n: usize| bodies[n] == n.to_string()));
    assert_eq!(stage.sink.storage.logged(), [] as [u64; 0]);
}

/// One unacked message keeps no segment, however many wait that are paged out.
#[test]
fn survivors_leave_their_segments_beside_a_paged_backlog() {
    let mut stage = Stage::paging(classic(), 1 << 20, 1 << 19);
    let body = "x".repeat(1000);
    let mut kept = Vec::new();
    for n in 0..40_000 {
        // What is not logged keeps its content.
        stage.publish_with(&body, |arrival| arrival.logged = n % 300 != 0);
        if n >= 20_000 {
            let (received, _) = stage.fetch(false).unwrap();
            match received.slot.unwrap() {
                slot if n % 300 == 200 => kept.push(slot),
                slot => stage.settle(&[slot], Settlement::Ack),
            }
        }
    }
    assert_eq!(kept.len(), 67);
    let bytes = stage.queue.content.memory_bytes();
    assert!(bytes < 3 << 20, "{bytes}");
    stage.settle(&kept, Settlement::Ack);
}
