use super::*;

const START: Timestamp = Timestamp(1000);

fn slots(held: &mut HeldLetters) -> Vec<u32> {
    std::iter::from_fn(|| held.next()).map(|(slot, _)| slot.0).collect()
}

#[test]
fn held_letters_leave_in_order_and_not_too_many_at_once() {
    let mut held = HeldLetters::default();
    for n in 0..50 {
        held.insert(Slot(n), DeathReason::Expired, START, 10);
    }
    assert_eq!(slots(&mut held), (0..32).collect::<Vec<_>>());
    assert!(held.settle(Slot(7), true, START));
    assert!(held.settle(Slot(3), true, START));
    assert_eq!(slots(&mut held), [32, 33]);
    assert_eq!((held.len(), held.body_bytes()), (48, 480));
}

#[test]
fn what_was_not_accepted_is_tried_again_later() {
    let mut held = HeldLetters::default();
    held.insert(Slot(0), DeathReason::Expired, START, 10);
    held.insert(Slot(1), DeathReason::Expired, START, 10);
    assert_eq!(slots(&mut held), [0, 1]);
    assert!(!held.settle(Slot(0), false, START));
    let due = held.next_deadline().unwrap();
    held.handle_time(Timestamp(due.0 - 1));
    assert_eq!(slots(&mut held), []);
    held.handle_time(due);
    assert_eq!(held.next_deadline(), Some(Timestamp(0)), "it only waits to be sent");
    assert_eq!(slots(&mut held), [0]);
    assert_eq!(held.next_deadline(), None);
    assert!(held.settle(Slot(0), true, due));
}

#[test]
fn the_message_itself_may_end_a_cycle() {
    let letter = |reason| {
        let arrival = Arrival {
            sequence: crate::message::Sequence(1),
            exchange: "",
            routing_key: b"q",
            properties: &[0, 0],
            body: crate::message::Body::Inline(b""),
            blind_keys: b"",
            persistent: false,
            priority: None,
            expiration_ms: None,
            origin: Origin::Client,
            logged: false,
        };
        let target = DeadLetterTarget {
            exchange: "".into(),
            routing_key: None,
            strategy: crate::DeadLetterStrategy::AtMostOnce,
        };
        DeadLetter::new(&"q".into(), &target, &arrival, reason, START, None)
    };
    assert!(letter(DeathReason::Expired).would_cycle(&"q".into()));
    assert!(!letter(DeathReason::Expired).would_cycle(&"other".into()));
    assert!(!letter(DeathReason::Rejected).would_cycle(&"q".into()));
}
