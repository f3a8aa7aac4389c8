//! What is told while somebody watches, and what it costs while nobody does.

use broker::exchange::Destination;

use super::*;
use crate::stage::{NOW, Stage};

fn is_told(shared: &Shared) -> bool {
    let mut is_told = false;
    shared.tell("queue.deleted", |headers| {
        headers.text("name", "q");
        is_told = true;
    });
    is_told
}

#[test]
fn nobody_is_told_before_something_is_bound_and_after_it_is_gone() {
    let stage = Stage::new();
    let (shared, vhost) = (stage.shared(), &stage.vhost);
    vhost.queues.insert("q".into(), Arc::clone(&stage.queue));
    assert!(!is_told(shared));
    let (queue, arguments) = (Destination::Queue("q".into()), FieldTable::new());
    let mut effects = Effects::default();
    vhost.bind(NOW, EXCHANGE, &queue, (b"#", &arguments), &mut effects).unwrap();
    assert!(is_told(shared));
    shared.events.look_again(vhost);
    assert!(is_told(shared));
    vhost.unbind(EXCHANGE, &queue, (b"#", &arguments), None);
    shared.events.look_again(vhost);
    assert!(!is_told(shared));
}

#[test]
fn no_more_wait_than_so_many_and_the_others_are_counted() {
    let stage = Stage::new();
    let shared = stage.shared();
    shared.events.watch();
    for _ in 0..PENDING_MAX + 5 {
        assert!(is_told(shared));
    }
    let (events, left_out) = shared.events.take();
    assert_eq!((events.len(), left_out), (PUBLISHED_AT_ONCE, 5));
    let headers = &events[0].headers;
    assert_eq!(headers.get("name"), Some(&text("q")));
    let at = FieldValue::I64(i64::try_from(events[0].at.as_ms()).unwrap());
    assert_eq!(headers.get("timestamp_in_ms"), Some(&at));
    assert_eq!(shared.events.take().1, 0);
}

#[test]
fn an_event_goes_to_every_queue_that_is_bound_for_it() {
    let stage = Stage::new();
    let vhost = &stage.vhost;
    vhost.queues.insert("q".into(), Arc::clone(&stage.queue));
    let (queue, arguments) = (Destination::Queue("q".into()), FieldTable::new());
    let mut effects = Effects::default();
    vhost.bind(NOW, EXCHANGE, &queue, (b"user.*", &arguments), &mut effects).unwrap();
    for key in ["user.created", "queue.created", "user.deleted"] {
        let event = Event { key, headers: FieldTable::new(), at: NOW };
        assert!(publish(vhost, &event, &mut effects));
    }
    assert_eq!(stage.queue.look(|look| look.queue.ready()), Some(2));
}
