//! What leaves a queue for its dead-letter exchange.

use super::*;

#[test]
fn without_a_target_the_dead_are_just_gone() {
    let mut stage = Stage::new(QueueSettings { message_ttl_ms: Some(5), ..classic() });
    stage.publish_all(&["1", "2"]);
    let (received, _) = stage.get().unwrap();
    stage.settle(&[received.slot.unwrap()], Settlement::Reject);
    stage.pass(5);
    assert_eq!((stage.counts(), stage.letters()), ((0, 0), vec![]));
    assert_eq!(stage.queue.content.len(), 0);
}

#[test]
fn a_rejected_message_keeps_all_its_keys() {
    let mut stage = Stage::new(with_dlx(classic()));
    stage.publish_with("hello", |arrival| {
        arrival.exchange = "orders";
        arrival.routing_key = b"eu.new";
        arrival.blind_keys = b"\x06secret\x06eu.new";
        arrival.persistent = true;
    });
    let (received, _) = stage.get().unwrap();
    stage.settle(&[received.slot.unwrap()], Settlement::Reject);
    let letter = stage.sink.letters.remove(0);
    assert_eq!(letter.queue, "q");
    assert_eq!(letter.target_exchange, "dlx");
    assert_eq!(letter.message.exchange, "dlx");
    assert_eq!(letter.message.routing_key, "eu.new");
    assert_eq!(letter.routing_keys, ["eu.new", "secret"]);
    assert_eq!(letter.message.blind_keys, &b"\x06secret\x06eu.new"[..]);
    assert_eq!(letter.message.body, "hello");
    assert!(letter.message.persistent);
    assert_eq!(letter.message.origin, Origin::DeadLetter { rekeyed: false });
    assert_eq!(letter.hold, None);
}

#[test]
fn a_dead_letter_key_replaces_all_others() {
    let mut settings = with_dlx(classic());
    settings.dead_letter.as_mut().unwrap().routing_key = Some(Bytes::from_static(b"dead"));
    let mut stage = Stage::new(settings);
    stage.publish_with("hello", |arrival| arrival.blind_keys = b"\x06secret");
    let (received, _) = stage.get().unwrap();
    stage.settle(&[received.slot.unwrap()], Settlement::Reject);
    let letter = stage.sink.letters.remove(0);
    assert_eq!(letter.routing_keys, ["dead"]);
    assert_eq!(letter.message.routing_key, "dead");
    assert!(letter.message.blind_keys.is_empty());
    assert_eq!(letter.message.origin, Origin::DeadLetter { rekeyed: true });
}

#[test]
fn letters_leave_in_the_order_of_the_deaths() {
    let mut stage = Stage::new(QueueSettings { message_ttl_ms: Some(5), ..with_dlx(classic()) });
    stage.publish_all(&["1", "2", "3"]);
    stage.pass(7);
    let bodies: Vec<_> = stage.letters().into_iter().map(|(body, _)| body).collect();
    assert_eq!(bodies, ["1", "2", "3"]);
}
