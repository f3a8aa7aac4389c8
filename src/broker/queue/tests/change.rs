//! A queue that works by other settings from one moment on.

use super::*;

impl Stage {
    fn change(&mut self, change: impl FnOnce(&mut QueueSettings)) {
        let mut settings = self.queue.settings().clone();
        change(&mut settings);
        self.queue.change(self.now, settings, &mut self.sink);
    }
}

#[test]
fn a_message_keeps_the_time_that_it_was_given() {
    let mut stage = Stage::new(with_dlx(classic()));
    stage.publish_all(&["before"]);
    stage.change(|settings| settings.message_ttl_ms = Some(100));
    stage.publish_all(&["1"]);
    stage.pass(1000);
    // It waits behind one that lives.
    assert_eq!((stage.counts(), stage.letters()), ((2, 0), vec![]));
    stage.get();
    assert_eq!((stage.counts(), stage.letters()), ((1, 1), vec![]));
    stage.pass(0);
    assert_eq!(stage.letters(), [("1".into(), "expired")]);
    stage.publish_all(&["2"]);
    stage.change(|settings| settings.message_ttl_ms = None);
    stage.publish_all(&["3"]);
    stage.pass(1000);
    assert_eq!((stage.counts(), stage.letters()), ((1, 1), vec![("2".into(), "expired")]));
}

#[test]
fn what_is_too_much_by_a_new_limit_goes_at_once() {
    let mut stage = Stage::new(with_dlx(classic()));
    stage.publish_all(&["1", "22", "333", "4444"]);
    stage.change(|settings| settings.max_length = Some(3));
    assert_eq!(stage.letters(), [("1".into(), "maxlen")]);
    stage.change(|settings| settings.max_length_bytes = Some(7));
    assert_eq!(stage.letters(), [("22".into(), "maxlen")]);
    stage.change(|settings| {
        (settings.max_length, settings.overflow) = (Some(1), Overflow::RejectPublish);
    });
    assert_eq!((stage.counts(), stage.publish("5")), ((2, 0), Admission::Rejected));
    stage.change(|settings| settings.overflow = Overflow::DropHead);
    assert_eq!(stage.letters(), [("333".into(), "maxlen")]);
    stage.change(|settings| (settings.max_length, settings.max_length_bytes) = (None, None));
    stage.publish_all(&["6", "7"]);
    assert_eq!((stage.counts(), stage.letters()), ((3, 0), vec![]));
}

#[test]
fn many_go_in_portions() {
    let mut stage = Stage::new(with_dlx(classic()));
    (0..2500).for_each(|_| assert_eq!(stage.publish("x"), Admission::Accepted));
    stage.change(|settings| settings.max_length = Some(10));
    assert_eq!((stage.counts(), stage.letters().len()), ((1500, 0), 1000));
    assert_eq!(stage.queue.next_deadline(), Some(Timestamp(0)));
    stage.pass(0);
    assert_eq!((stage.counts(), stage.letters().len()), ((500, 0), 1000));
    stage.pass(0);
    assert_eq!((stage.counts(), stage.letters().len()), ((10, 0), 490));
    assert_eq!(stage.queue.next_deadline(), None);
}

#[test]
fn the_time_to_live_unused_begins_with_the_change() {
    let mut stage = Stage::new(classic());
    stage.pass(10_000);
    stage.change(|settings| settings.expires_ms = Some(1000));
    assert_eq!(stage.queue.next_deadline(), Some(stage.now.plus_ms(1000)));
    assert_eq!(stage.pass(999), Fate::Alive);
    stage.change(|settings| settings.expires_ms = Some(500));
    assert_eq!(stage.pass(499), Fate::Alive);
    assert_eq!(stage.pass(1), Fate::Expired);
    stage.change(|settings| settings.expires_ms = None);
    assert_eq!(stage.pass(10_000), Fate::Alive);
}

#[test]
fn dead_letters_go_where_they_go_by_then() {
    let mut stage = Stage::new(classic());
    stage.publish_all(&["1", "2", "3"]);
    let slots: Vec<_> = (0..3).filter_map(|_| stage.get()?.0.slot).collect();
    stage.settle(&slots[..1], Settlement::Reject);
    assert_eq!(stage.letters(), []);
    let target = with_dlx(classic()).dead_letter;
    stage.change(|settings| settings.dead_letter = target);
    stage.settle(&slots[1..2], Settlement::Reject);
    assert_eq!(stage.letters(), [("2".into(), "rejected")]);
    stage.change(|settings| settings.dead_letter = None);
    stage.settle(&slots[2..], Settlement::Reject);
    assert_eq!((stage.counts(), stage.letters()), ((0, 0), vec![]));
}

/// A queue that holds dead letters, 32 of them on their way.
fn holding(count: usize) -> Stage {
    let mut settings =
        with_dlx(QueueSettings { overflow: Overflow::RejectPublish, ..QueueSettings::quorum() });
    settings.dead_letter.as_mut().unwrap().strategy = DeadLetterStrategy::AtLeastOnce;
    let mut stage = Stage::new(settings);
    for _ in 0..count {
        stage.publish_with("x", |arrival| arrival.logged = true);
    }
    let slots: Vec<_> = (0..count).filter_map(|_| stage.fetch(false)?.0.slot).collect();
    stage.settle(&slots, Settlement::Reject);
    assert_eq!(stage.queue.held_dead_letters(), count as u64);
    stage
}

#[test]
fn held_dead_letters_are_let_go_where_there_is_nowhere_to_go() {
    let mut stage = holding(1100);
    let on_their_way: Vec<_> = stage.sink.letters.drain(..).filter_map(|it| it.hold).collect();
    assert_eq!(on_their_way.len(), 32);
    stage.change(|settings| settings.dead_letter = None);
    let mut held = 1100;
    assert_eq!(stage.queue.held_dead_letters(), held);
    for slot in on_their_way {
        stage.queue.settle_dead_letter(stage.now, slot, false, &mut stage.sink);
        let left = stage.queue.held_dead_letters();
        assert!(held - left <= 1000, "a thousand at a time, not {}", held - left);
        held = left;
    }
    // Those that were not accepted are tried again later, and then it is known that there is nowhere to go.
    stage.pass(10_000);
    stage.pass(0);
    assert_eq!((stage.queue.held_dead_letters(), stage.letters()), (0, vec![]));
    assert!(stage.sink.storage.logged().is_empty());
    assert_eq!((stage.counts(), stage.queue.next_deadline()), ((0, 0), None));
}

#[test]
fn held_dead_letters_go_on_to_another_target() {
    let mut stage = holding(2);
    let slots: Vec<_> = stage.sink.letters.drain(..).filter_map(|it| it.hold).collect();
    stage.change(|settings| {
        let target = settings.dead_letter.as_mut().unwrap();
        (target.exchange, target.strategy) = ("other".into(), DeadLetterStrategy::AtMostOnce);
    });
    stage.queue.settle_dead_letter(stage.now, slots[0], true, &mut stage.sink);
    stage.queue.settle_dead_letter(stage.now, slots[1], false, &mut stage.sink);
    stage.pass(10_000);
    let letter = stage.sink.letters.remove(0);
    assert_eq!((&*letter.target_exchange, letter.hold), ("other", Some(slots[1])));
    stage.queue.settle_dead_letter(stage.now, slots[1], true, &mut stage.sink);
    assert!(stage.sink.storage.logged().is_empty());
}

/// The contents of those that died are asked for, but their letters go nowhere any more by the time they come.
#[test]
fn what_was_dying_slowly_dies_without_a_letter() {
    let mut stage = Stage::paging(with_dlx(classic()), 0, 0);
    for body in ["1", "2", "3", "4"] {
        stage.publish_with(body, |arrival| arrival.logged = true);
    }
    stage.change(|settings| settings.max_length = Some(0));
    assert_eq!((stage.counts(), stage.letters()), ((0, 0), vec![("1".into(), "maxlen")]));
    stage.change(|settings| settings.dead_letter = None);
    stage.read_all();
    assert_eq!(stage.letters(), []);
    assert!(stage.sink.storage.logged().is_empty());
}

#[test]
fn a_new_delivery_limit_counts_from_the_next_return_on() {
    let mut stage = Stage::new(with_dlx(QueueSettings::quorum()));
    stage.publish("1");
    let come_back = |stage: &mut Stage| {
        let slot = stage.get().unwrap().0.slot.unwrap();
        stage.settle(&[slot], Settlement::Requeue { counted: true });
    };
    (0..3).for_each(|_| come_back(&mut stage));
    stage.change(|settings| settings.delivery_limit = Some(1));
    assert_eq!((stage.counts(), stage.letters()), ((1, 0), vec![]));
    come_back(&mut stage);
    assert_eq!(stage.letters(), [("1".into(), "delivery_limit")]);
}

#[test]
fn what_was_there_before_a_policy_has_no_time_by_it_after_a_restart() {
    let mut stage = Stage::new(QueueSettings { message_ttl_ms: Some(50), ..classic() });
    for body in ["1", "2", "3"] {
        stage.publish_with(body, |arrival| arrival.logged = true);
    }
    let settings = stage.queue.settings().clone();
    let recovery = Queue::recover("q".into(), settings, SegmentPool::new(0), stage.now);
    let mut recovery = recovery.with_times_to_live(vec![(Sequence(2), 500), (Sequence(3), 50)]);
    stage.sink.storage.recover(&mut recovery, 1);
    let mut queue = recovery.finish(Sequence(0));
    assert_eq!(queue.next_deadline(), None, "the first has none");
    let mut deadlines = Vec::new();
    for _ in 0..3 {
        while queue.get(stage.now, true, &mut stage.sink, |_, _| {}) == Got::Wait {
            let Some((sequence, Some(payload))) = stage.sink.storage.read_any(0) else {
                panic!("what it waits for is wanted")
            };
            queue.page_in(stage.now, sequence, &payload, &mut stage.sink);
        }
        deadlines.push(queue.next_deadline().map(|at| at.ms_since(START)));
    }
    assert_eq!(deadlines, [Some(500), Some(50), None]);
}
