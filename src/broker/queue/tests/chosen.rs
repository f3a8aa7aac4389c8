//! Looking into a queue, and taking chosen messages out of it.

use super::*;
use crate::{Overflow, QueueKind};

const ALL: LookLimits =
    LookLimits { passed_max: usize::MAX, seen_max: usize::MAX, bytes_max: u64::MAX };

impl Stage {
    fn look(&self, from: Bookmark) -> Vec<Seen> {
        self.queue.look(from, 0, ALL, |_| true).seen
    }

    pub(super) fn waiting(&self) -> Vec<Seen> {
        self.look(Bookmark::Ready(None))
    }

    /// The sequences of what waits, in the order in which it goes out.
    pub(super) fn sequences(&self) -> Vec<u64> {
        self.waiting().iter().map(|seen| seen.sequence.0).collect()
    }

    fn spot(&self, sequence: u64) -> ReadySpot {
        let seen = self.waiting().into_iter().find(|seen| seen.sequence.0 == sequence).unwrap();
        let Spot::Ready(spot) = seen.spot else { panic!("{seen:?}") };
        spot
    }

    fn drop_chosen(&mut self, sequence: u64, spot: ReadySpot) -> bool {
        let dropped = self.queue.drop_chosen(Sequence(sequence), spot, &mut self.sink);
        self.queue.dispatch(self.now, &mut self.sink);
        dropped
    }

    fn put_back(&mut self, slot: Slot) {
        self.queue.put_back(slot);
        self.queue.after_taken(self.now, &mut self.sink);
    }

    fn drop_taken(&mut self, slot: Slot) {
        self.queue.drop_taken(slot, &mut self.sink);
        self.queue.after_taken(self.now, &mut self.sink);
    }

    /// Fetches and acks all that is left: nothing of it may be left in storage afterwards.
    fn drain(&mut self) -> Vec<(String, bool)> {
        let mut drained = Vec::new();
        while let Some((received, _)) = self.fetch(false) {
            drained.push((received.body, received.redelivered));
            self.settle(&[received.slot.unwrap()], Settlement::Ack);
        }
        assert_eq!(self.counts(), (0, 0));
        assert_eq!((self.queue.ready_bytes(), self.queue.unacked_bytes()), (0, 0));
        assert_eq!((self.queue.persistent(), self.queue.paged_out()), (0, 0));
        let kept = (self.sink.storage.logged(), self.sink.storage.spilled());
        assert_eq!(kept, (vec![], vec![]), "all that was kept elsewhere was given up");
        drained
    }
}

fn body(seen: &Seen) -> String {
    match &seen.content {
        SeenContent::Here(message) => text(&message.body),
        SeenContent::Elsewhere(bytes) => format!("{bytes} elsewhere"),
    }
}

/// A queue that pages out nearly everything, with logged, spilled and resident messages.
fn mixed(settings: QueueSettings) -> Stage {
    let mut stage = Stage::paging(settings, 5_000, 600);
    stage.sink.storage.spills = true;
    for number in 1..=60_u64 {
        let text = format!("{number:0>200}");
        stage.publish_with(&text, |arrival| {
            arrival.logged = number % 2 == 0;
            arrival.persistent = arrival.logged;
        });
    }
    assert!(stage.queue.paged_out() > 10 && stage.queue.paged_out() < 60);
    stage
}

#[test]
fn a_look_changes_nothing() {
    let mut stage = mixed(classic());
    let before = (stage.queue.counters(), stage.counts(), stage.queue.memory_bytes());
    let seen = stage.waiting();
    assert_eq!(seen.len(), 60);
    assert!(seen.iter().all(|seen| !seen.redelivered && seen.level.is_none()));
    assert_eq!(seen.iter().map(|seen| seen.nth).collect::<Vec<_>>(), (0..60).collect::<Vec<_>>());
    assert!(seen.iter().any(|seen| body(seen) == "200 elsewhere" && seen.backing.is_some()));
    assert_eq!(body(&seen[0]), format!("{:0>200}", 1));
    assert_eq!(before, (stage.queue.counters(), stage.counts(), stage.queue.memory_bytes()));
    let drained = stage.drain();
    assert_eq!(drained.len(), 60);
    assert!(
        drained
            .iter()
            .zip(1..)
            .all(|((body, was_out), n)| *body == format!("{n:0>200}") && !was_out)
    );
}

#[test]
fn a_look_goes_on_where_the_last_one_ended() {
    let stage = mixed(classic());
    let limits = LookLimits { passed_max: 50, seen_max: 7, bytes_max: 1000 };
    let (mut from, mut all) = (Bookmark::Ready(None), Vec::new());
    loop {
        let look = stage.queue.look(from, 0, limits, |_| true);
        assert_eq!((look.seen.len(), look.passed), (5, 5), "1000 bytes are five messages");
        all.extend(look.seen.iter().map(|seen| seen.sequence.0));
        let Some(next) = look.next else { break };
        from = next;
    }
    assert_eq!(all, (1..=60).collect::<Vec<_>>());
    let look = stage.queue.look(Bookmark::Ready(None), 20, limits, |it| it.0 == 40);
    assert_eq!((look.seen[0].nth, look.seen.len(), look.passed), (39, 1, 50));
    let look = stage.queue.look(look.next.unwrap(), 0, limits, |_| true);
    assert_eq!(look.seen[0].sequence, Sequence(51));
    let tiny = LookLimits { bytes_max: 0, ..limits };
    assert_eq!(stage.queue.look(from, 0, tiny, |_| true).seen.len(), 1, "one at least is shown");
}

#[test]
fn properties_tell_what_a_copy_needs() {
    let mut stage = Stage::new(QueueSettings { max_priority: Some(9), ..classic() });
    let expiration = ShortString::from_static("90000");
    let properties =
        Properties { priority: Some(7), expiration: Some(expiration), ..Properties::default() };
    let properties = properties.to_bytes();
    stage.publish_with("x", |arrival| {
        arrival.properties = Box::leak(properties.into_boxed_slice());
        (arrival.priority, arrival.expiration_ms) = (Some(7), Some(90_000));
    });
    let seen = stage.waiting().remove(0);
    assert_eq!((seen.level, seen.deadline), (Some(7), Some(START.plus_ms(90_000))));
    let SeenContent::Here(message) = seen.content else { panic!("paged out") };
    assert_eq!((message.priority, message.expiration_ms), (Some(7), Some(90_000)));
}

#[test]
fn what_is_unacked_is_seen_with_who_has_it() {
    let mut stage = Stage::new(classic());
    stage.publish_all(&["a", "b", "c"]);
    let id = stage.consume(prefetching(1));
    assert!(stage.get().is_some());
    let unacked = stage.look(Bookmark::Unacked(0));
    let spots: Vec<_> = unacked.iter().map(|seen| (body(seen), seen.spot)).collect();
    let expected = [("a", Some(id)), ("b", None)];
    assert_eq!(spots, expected.map(|(body, who)| (body.to_owned(), Spot::Unacked(who))));
    let two =
        stage.queue.look(Bookmark::Unacked(0), 0, LookLimits { seen_max: 1, ..ALL }, |_| true);
    assert_eq!(body(&stage.look(two.next.unwrap())[0]), "b");
}

#[test]
fn chosen_messages_are_dropped_from_anywhere() {
    for settings in [classic(), QueueSettings { kind: QueueKind::Quorum, ..classic() }] {
        let mut stage = mixed(settings);
        for sequence in [1, 2, 30, 31, 59, 60] {
            let spot = stage.spot(sequence);
            assert!(stage.drop_chosen(sequence, spot));
            assert!(!stage.drop_chosen(sequence, spot), "once");
        }
        let left: Vec<u64> = (3..=58).filter(|n| ![30, 31].contains(n)).collect();
        assert_eq!(stage.sequences(), left);
        let drained: Vec<_> = stage.drain().into_iter().map(|(body, _)| body).collect();
        assert_eq!(drained, left.iter().map(|n| format!("{n:0>200}")).collect::<Vec<_>>());
    }
}

#[test]
fn what_was_asked_for_may_be_dropped_before_it_comes() {
    let mut stage = mixed(classic());
    while stage.waiting()[0].backing.is_none() || !body(&stage.waiting()[0]).ends_with("elsewhere")
    {
        let (received, _) = stage.fetch(false).unwrap();
        stage.settle(&[received.slot.unwrap()], Settlement::Ack);
    }
    assert_eq!(stage.try_fetch(false).0, Got::Wait);
    let head = stage.sequences()[0];
    let spot = stage.spot(head);
    assert!(stage.drop_chosen(head, spot));
    stage.read_all();
    assert_eq!(stage.sequences()[0], head + 1);
    stage.drain();
}

#[test]
fn what_was_asked_for_may_come_while_its_message_is_away() {
    for is_back in [true, false] {
        let mut stage = mixed(classic());
        while body(&stage.waiting()[0]) != "200 elsewhere" {
            let (received, _) = stage.fetch(false).unwrap();
            stage.settle(&[received.slot.unwrap()], Settlement::Ack);
        }
        assert_eq!(stage.try_fetch(false).0, Got::Wait);
        let left = stage.sequences();
        let spot = stage.spot(left[0]);
        let slot = stage.queue.take(Sequence(left[0]), spot).unwrap();
        stage.read_all();
        assert_eq!(stage.sequences(), left[1..]);
        if is_back {
            stage.put_back(slot);
            assert_eq!(stage.sequences(), left);
        } else {
            stage.drop_taken(slot);
        }
        let first = left[usize::from(!is_back)];
        let drained = stage.drain();
        assert_eq!(drained[0].0, format!("{first:0>200}"));
        assert_eq!(drained.len(), left.len() - usize::from(!is_back));
    }
}

#[test]
fn a_consumer_that_waits_for_a_content_gets_the_next_message_once_it_is_dropped() {
    let mut stage = mixed(classic());
    let paged = stage.waiting().into_iter().find(|it| body(it).ends_with("elsewhere")).unwrap();
    for seen in stage.waiting().iter().take_while(|seen| seen.sequence < paged.sequence) {
        let spot = stage.spot(seen.sequence.0);
        assert!(stage.drop_chosen(seen.sequence.0, spot));
    }
    stage.consume(prefetching(1));
    assert!(stage.received().is_empty());
    let mut head = stage.sequences()[0];
    // All that is paged out in front of a resident one goes: no content comes that would wake the consumer.
    while stage.received().is_empty() {
        let spot = stage.spot(head);
        assert!(stage.drop_chosen(head, spot));
        let Some(next) = stage.sequences().first().copied() else { break };
        if body(&stage.waiting()[0]).ends_with("elsewhere") {
            stage.read_all();
        }
        head = next;
    }
    assert_eq!(stage.queue.unacked(), 1);
}

#[test]
fn a_message_that_is_put_back_was_never_away() {
    for settings in [
        classic(),
        QueueSettings { max_priority: Some(3), ..classic() },
        QueueSettings { kind: QueueKind::Quorum, delivery_limit: Some(20), ..classic() },
    ] {
        let mut stage = mixed(settings);
        let before = stage.sequences();
        let slots: Vec<_> = [1, 2, 30, 31, 60]
            .into_iter()
            .map(|sequence| {
                let spot = stage.spot(sequence);
                assert!(stage.queue.take(Sequence(99), spot).is_none());
                stage.queue.take(Sequence(sequence), spot).unwrap()
            })
            .collect();
        assert_eq!(stage.counts(), (55, 5));
        assert_eq!(stage.sequences().len(), 55);
        slots.into_iter().for_each(|slot| stage.put_back(slot));
        assert_eq!(stage.sequences(), before);
        let drained = stage.drain();
        assert_eq!(drained.len(), 60);
        assert!(
            drained
                .iter()
                .zip(1..)
                .all(|((body, was_out), n)| *body == format!("{n:0>200}") && !was_out)
        );
    }
}

#[test]
fn a_message_that_was_taken_is_dropped_without_being_counted_as_acked() {
    let mut stage = mixed(classic());
    let (first, last) = (stage.spot(1), stage.spot(60));
    for (sequence, spot) in [(1, first), (60, last)] {
        let slot = stage.queue.take(Sequence(sequence), spot).unwrap();
        stage.drop_taken(slot);
    }
    assert_eq!((stage.counts(), stage.queue.counters().ack), ((58, 0), 0));
    assert_eq!(stage.drain().len(), 58);
}

#[test]
fn one_that_came_back_is_found_by_where_it_was_seen() {
    let mut stage = Stage::new(classic());
    stage.publish_all(&["a", "b", "c"]);
    let spot = stage.spot(1);
    let (received, _) = stage.get().unwrap();
    assert!(!stage.drop_chosen(1, spot), "somebody has it");
    stage.settle(&[received.slot.unwrap()], Settlement::Requeue { counted: false });
    assert!(stage.drop_chosen(1, spot));
    assert_eq!(stage.drain(), [("b".to_owned(), false), ("c".to_owned(), false)]);
}

#[test]
fn a_full_queue_says_so_before_it_is_asked() {
    let settings =
        QueueSettings { max_length: Some(2), overflow: Overflow::RejectPublish, ..classic() };
    let mut stage = Stage::new(settings.clone());
    stage.publish_all(&["a", "b"]);
    assert!(stage.queue.is_full_for(1));
    assert_eq!(stage.publish("c"), Admission::Rejected);
    let mut dropping = Stage::new(QueueSettings { overflow: Overflow::DropHead, ..settings });
    dropping.publish_all(&["a", "b"]);
    assert!(!dropping.queue.is_full_for(1));
}
