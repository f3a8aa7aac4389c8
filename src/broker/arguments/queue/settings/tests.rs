use amqp::ShortString;

use super::*;

fn table(entries: &[(&'static str, FieldValue)]) -> FieldTable {
    let named = entries.iter().cloned();
    named.map(|(key, value)| (ShortString::from_static(key), value)).collect()
}

/// What a queue works by that was declared with these, under that policy.
fn under(
    kind: QueueKind,
    arguments: &[(&'static str, FieldValue)],
    policy: &[(&'static str, FieldValue)],
) -> QueueSettings {
    let settings = QueueSettings { kind, ..QueueSettings::default() };
    QueueDefinition { settings, arguments: table(arguments) }.under(&table(policy))
}

use QueueKind::{Classic, Quorum};

#[test]
fn the_smaller_of_two_limits_counts() {
    let of = |settings: &QueueSettings| {
        let of_messages = [settings.message_ttl_ms, settings.max_length, settings.max_length_bytes];
        (of_messages, settings.expires_ms, settings.consumer_timeout_ms)
    };
    let arguments = |n: i64| {
        ["x-message-ttl", "x-max-length", "x-max-length-bytes", "x-expires", "x-consumer-timeout"]
            .map(|key| (key, FieldValue::from(n)))
    };
    let policy = |n: i64| {
        ["message-ttl", "max-length", "max-length-bytes", "expires", "consumer-timeout"]
            .map(|key| (key, FieldValue::from(n)))
    };
    let all = |n: u64| ([Some(n); 3], Some(n), Some(n));
    for kind in [Classic, Quorum] {
        assert_eq!(of(&under(kind, &arguments(5), &policy(7))), all(5));
        assert_eq!(of(&under(kind, &arguments(9), &policy(7))), all(7));
        assert_eq!(of(&under(kind, &[], &policy(7))), all(7));
        assert_eq!(of(&under(kind, &arguments(5), &[])), all(5));
        assert_eq!(of(&under(kind, &[], &[])), ([None; 3], None, None));
        // Nothing is smaller.
        assert_eq!(of(&under(kind, &arguments(5), &policy(0))), all(0));
    }
}

#[test]
fn of_two_texts_that_of_the_queue_counts_but_for_the_overflow_of_a_quorum_queue() {
    let arguments = [
        ("x-overflow", FieldValue::from("reject-publish")),
        ("x-dead-letter-exchange", FieldValue::from("own")),
    ];
    let policy = [
        ("overflow", FieldValue::from("drop-head")),
        ("dead-letter-exchange", FieldValue::from("other")),
        ("dead-letter-routing-key", FieldValue::from("key")),
    ];
    let target = |settings: &QueueSettings| {
        let target = settings.dead_letter.clone()?;
        Some((target.exchange.to_string(), target.routing_key))
    };
    for (kind, overflow) in [(Classic, Overflow::RejectPublish), (Quorum, Overflow::DropHead)] {
        let settings = under(kind, &arguments, &policy);
        assert_eq!(settings.overflow, overflow, "{kind:?}");
        // Each of the two comes from where it is found first.
        let key = Some(Bytes::from_static(b"key"));
        assert_eq!(target(&settings), Some(("own".to_owned(), key.clone())));
        let settings = under(kind, &[], &policy);
        assert_eq!(target(&settings), Some(("other".to_owned(), key)));
        assert_eq!(settings.overflow, Overflow::DropHead);
        assert_eq!(under(kind, &arguments, &[]).overflow, Overflow::RejectPublish);
        // A key alone leads nowhere.
        assert_eq!(target(&under(kind, &[], &policy[2..])), None);
    }
    let dlx = [("overflow", FieldValue::from("reject-publish-dlx"))];
    assert_eq!(under(Classic, &[], &dlx).overflow, Overflow::RejectPublishDlx);
    assert_eq!(under(Quorum, &[], &dlx).overflow, Overflow::DropHead);
}

#[test]
fn dead_letters_arrive_surely_where_everything_is_set_for_it() {
    let policy = [
        ("dead-letter-exchange", FieldValue::from("x")),
        ("dead-letter-strategy", FieldValue::from("at-least-once")),
        ("overflow", FieldValue::from("reject-publish")),
    ];
    let strategy = |settings: QueueSettings| settings.dead_letter.unwrap().strategy;
    assert_eq!(strategy(under(Quorum, &[], &policy)), DeadLetterStrategy::AtLeastOnce);
    assert_eq!(strategy(under(Classic, &[], &policy)), DeadLetterStrategy::AtMostOnce);
    assert_eq!(strategy(under(Quorum, &[], &policy[..2])), DeadLetterStrategy::AtMostOnce);
    let arguments = [("x-overflow", FieldValue::from("reject-publish"))];
    assert_eq!(strategy(under(Quorum, &arguments, &policy[..2])), DeadLetterStrategy::AtLeastOnce);
}

#[test]
fn a_negative_delivery_limit_is_none() {
    let limit = |kind, of_queue: Option<i64>, of_policy: Option<i64>| {
        let arguments = of_queue.map(|limit| ("x-delivery-limit", FieldValue::from(limit)));
        let policy = of_policy.map(|limit| ("delivery-limit", FieldValue::from(limit)));
        under(kind, arguments.as_slice(), policy.as_slice()).delivery_limit
    };
    for (of_queue, of_policy, expected) in [
        (None, None, Some(DELIVERY_LIMIT_DEFAULT)),
        (Some(3), None, Some(3)),
        (None, Some(4), Some(4)),
        (Some(3), Some(4), Some(3)),
        (Some(5), Some(4), Some(4)),
        (Some(-1), None, None),
        (Some(-1), Some(4), Some(4)),
        (Some(3), Some(-1), Some(3)),
        (Some(-1), Some(-1), None),
    ] {
        assert_eq!(limit(Quorum, of_queue, of_policy), expected, "{of_queue:?} {of_policy:?}");
        assert_eq!(limit(Classic, of_queue, of_policy), None);
    }
}

#[test]
fn what_a_queue_is_no_policy_changes() {
    let policy = [
        ("max-priority", FieldValue::from(9)),
        ("single-active-consumer", FieldValue::from(true)),
        ("queue-type", FieldValue::from("quorum")),
    ];
    let settings = under(Classic, &[], &policy);
    assert_eq!((settings.max_priority, settings.single_active_consumer), (None, false));
    assert_eq!(settings.kind, Classic);
}
