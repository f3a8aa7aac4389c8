//! Message TTL and unused queues.

use super::*;

const TEN_YEARS_MS: u64 = 315_360_000_000;

fn ttl(ms: u64) -> QueueSettings {
    QueueSettings { message_ttl_ms: Some(ms), ..with_dlx(classic()) }
}

fn expiring(stage: &mut Stage, body: &str, ms: u64) {
    stage.publish_with(body, |arrival| arrival.expiration_ms = Some(ms));
}

#[test]
fn a_message_expires_when_its_time_is_up() {
    let mut stage = Stage::new(ttl(100));
    stage.publish("1");
    assert_eq!(stage.queue.next_deadline(), Some(START.plus_ms(100)));
    stage.pass(99);
    assert_eq!(stage.counts(), (1, 0));
    stage.pass(1);
    assert_eq!((stage.counts(), stage.letters()), ((0, 0), vec![("1".into(), "expired")]));
    assert_eq!(stage.queue.next_deadline(), None);
}

#[test]
fn what_expires_together_expires_in_portions() {
    let mut stage = Stage::new(ttl(100));
    (0..2500).for_each(|n| assert_eq!(stage.publish(&n.to_string()), Admission::Accepted));
    let mut letters = Vec::new();
    for (ms, left) in [(100, 1500), (0, 500), (0, 0)] {
        stage.pass(ms);
        assert_eq!(stage.counts(), (left, 0));
        let is_due = stage.queue.next_deadline().is_some_and(|deadline| deadline <= stage.now);
        assert_eq!(is_due, left > 0);
        letters.extend(stage.letters());
    }
    assert_eq!(letters.len(), 2500);
    assert_eq!(letters[2499], ("2499".into(), "expired"));
}

#[test]
fn the_sooner_of_queue_and_message_counts() {
    let mut stage = Stage::new(ttl(100));
    expiring(&mut stage, "sooner", 50);
    expiring(&mut stage, "later", 5000);
    assert_eq!(stage.queue.next_deadline(), Some(START.plus_ms(50)));
    stage.pass(50);
    assert_eq!(stage.letters(), [("sooner".into(), "expired")]);
    stage.pass(50);
    assert_eq!(stage.letters(), [("later".into(), "expired")]);
}

#[test]
fn an_expired_message_behind_one_that_lives_still_waits() {
    let mut stage = Stage::new(with_dlx(classic()));
    expiring(&mut stage, "long", 1000);
    expiring(&mut stage, "short", 10);
    stage.pass(500);
    assert_eq!((stage.counts(), stage.letters()), ((2, 0), vec![]));
    assert_eq!(stage.fetch(true).unwrap().0.body, "long");
    assert_eq!(stage.get(), None);
    assert_eq!(stage.letters(), [("short".into(), "expired")]);
}

#[test]
fn each_priority_has_a_head() {
    let mut stage = Stage::new(QueueSettings { max_priority: Some(9), ..with_dlx(classic()) });
    stage.publish_with("high", |arrival| arrival.priority = Some(9));
    expiring(&mut stage, "low", 10);
    assert_eq!(stage.queue.next_deadline(), Some(START.plus_ms(10)));
    stage.pass(10);
    assert_eq!((stage.counts(), stage.letters()), ((1, 0), vec![("low".into(), "expired")]));
}

#[test]
fn without_time_a_message_is_delivered_at_once_or_expires() {
    let mut stage = Stage::new(ttl(0));
    stage.publish("nobody");
    assert_eq!((stage.counts(), stage.letters()), ((0, 0), vec![("nobody".into(), "expired")]));
    let id = stage.consume(prefetching(1));
    stage.publish_all(&["somebody", "too many"]);
    assert_eq!(stage.letters(), [("too many".into(), "expired")]);
    let slots = stage.slots();
    stage.cancel(id);
    stage.settle(&slots, Settlement::Requeue { counted: true });
    assert_eq!(stage.letters(), [("somebody".into(), "expired")]);
}

#[test]
fn no_consumer_ever_gets_an_expired_message() {
    let mut stage = Stage::new(ttl(100));
    stage.publish_all(&["1", "2"]);
    stage.now = stage.now.plus_ms(100);
    stage.publish("3");
    stage.consume(acking());
    assert_eq!(stage.bodies(), ["3"]);
    assert_eq!(stage.letters().len(), 2);
}

#[test]
fn deadlines_saturate_and_ten_years_are_fine() {
    let mut stage = Stage::new(ttl(TEN_YEARS_MS));
    stage.publish("1");
    assert_eq!(stage.queue.next_deadline(), Some(START.plus_ms(TEN_YEARS_MS)));
    stage.pass(TEN_YEARS_MS - 1);
    assert_eq!(stage.counts(), (1, 0));
    stage.now = Timestamp(u64::MAX - 1);
    expiring(&mut stage, "2", u64::MAX);
    assert_eq!(stage.letters(), []);
    stage.pass(0);
    assert_eq!(stage.counts(), (1, 0));
}

#[test]
fn an_unused_queue_expires_with_its_messages() {
    let settings = QueueSettings { expires_ms: Some(1000), ..with_dlx(classic()) };
    let mut stage = Stage::new(settings);
    stage.publish("1");
    assert_eq!(stage.pass(999), Fate::Alive);
    stage.queue.touch(stage.now);
    assert_eq!(stage.pass(999), Fate::Alive);
    stage.get();
    assert_eq!(stage.queue.next_deadline(), Some(stage.now.plus_ms(1000)));
    assert_eq!(stage.pass(999), Fate::Alive);
    let id = stage.consume(acking());
    assert_eq!(stage.queue.next_deadline(), None);
    assert_eq!(stage.pass(10_000), Fate::Alive);
    stage.cancel(id);
    assert_eq!(stage.pass(999), Fate::Alive);
    assert_eq!(stage.pass(1), Fate::Expired);
    assert!(stage.letters().is_empty());
}

#[test]
fn redeclaring_does_not_prolong_a_quorum_queue() {
    let settings = QueueSettings { expires_ms: Some(1000), ..QueueSettings::quorum() };
    let mut stage = Stage::new(settings);
    stage.pass(500);
    stage.queue.touch(stage.now);
    assert_eq!(stage.pass(500), Fate::Expired);
}
