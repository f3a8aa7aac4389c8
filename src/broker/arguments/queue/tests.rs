use amqp::ShortString;

use super::*;
use crate::DeadLetterStrategy;

fn table<const N: usize>(fields: [(&'static str, FieldValue); N]) -> FieldTable {
    fields.into_iter().map(|(key, value)| (ShortString::from_static(key), value)).collect()
}

struct Flags {
    durable: bool,
    exclusive: bool,
    auto_delete: bool,
}

const DURABLE: Flags = Flags { durable: true, exclusive: false, auto_delete: false };
const TRANSIENT: Flags = Flags { durable: false, exclusive: false, auto_delete: false };

fn with<R>(flags: &Flags, arguments: &FieldTable, f: impl FnOnce(QueueDeclaration<'_>) -> R) -> R {
    let (vhost, name) = (VhostName::from("v"), QueueName::from("q"));
    f(QueueDeclaration {
        vhost: &vhost,
        name: &name,
        durable: flags.durable,
        exclusive: flags.exclusive,
        auto_delete: flags.auto_delete,
        arguments,
    })
}

fn define(flags: &Flags, arguments: &FieldTable) -> Result<QueueDefinition, String> {
    with(flags, arguments, |declaration| {
        declaration
            .define(QueueKind::Classic, Compat::default())
            .map_err(|refusal| refusal.to_string())
    })
}

/// The end of the text with which `{key: value}` is refused.
fn fault(key: &'static str, value: impl Into<FieldValue>) -> String {
    let refused = define(&DURABLE, &table([(key, value.into())])).unwrap_err();
    let start = format!("PRECONDITION_FAILED - invalid arg '{key}' for queue 'q' in vhost 'v'");
    refused.strip_prefix(&start).unwrap_or_else(|| panic!("{refused}")).to_owned()
}

const TEN_YEARS: i64 = 315_360_000_000;

#[test]
fn values_are_checked_in_rabbitmqs_words() {
    for (key, value, expected) in [
        ("x-expires", FieldValue::from(0), ": {value_zero,0}"),
        ("x-expires", FieldValue::from(-1), ": {value_negative,-1}"),
        ("x-expires", FieldValue::from(TEN_YEARS + 1), ": {value_too_large,315360000001}"),
        ("x-message-ttl", FieldValue::from(-1), ": {value_negative,-1}"),
        ("x-message-ttl", FieldValue::F64(1.0), ": \"expected integer, got double\""),
        ("x-message-ttl", FieldValue::from("5"), ": \"expected integer, got longstr\""),
        ("x-message-ttl", FieldValue::from(TEN_YEARS + 1), ": {value_too_large,315360000001}"),
        ("x-max-length", FieldValue::from(-2), ": {value_negative,-2}"),
        ("x-max-priority", FieldValue::from(256), ": {max_value_exceeded,256}"),
        ("x-max-priority", FieldValue::from(-1), ": {value_negative,-1}"),
        ("x-overflow", FieldValue::from("drop"), ": invalid_overflow"),
        ("x-overflow", FieldValue::from(1), ": {unacceptable_type,signedint}"),
        ("x-single-active-consumer", FieldValue::from("true"), ": {unacceptable_type,longstr}"),
        ("x-dead-letter-routing-key", FieldValue::from("k"), ": routing_key_but_no_dlx_defined"),
        (
            "x-dead-letter-exchange",
            FieldValue::from("k".repeat(256).as_str()),
            ": \"more than 255 octets are no name or key\"",
        ),
        ("x-queue-version", FieldValue::from(1), ": \"unsupported queue version '1'\""),
        ("x-queue-type", FieldValue::from("x"), ": \"unsupported queue type 'x'\""),
        ("x-queue-type", FieldValue::from(true), ": {unacceptable_type,bool}"),
        ("x-delivery-limit", FieldValue::from(5), " of queue type rabbit_classic_queue"),
        ("x-max-age", FieldValue::from("1D"), " of queue type rabbit_classic_queue"),
    ] {
        assert_eq!(fault(key, value), expected, "{key}");
    }
    let quorum = table([("x-queue-type", "quorum".into()), ("x-max-priority", 5.into())]);
    assert_eq!(
        define(&DURABLE, &quorum).unwrap_err(),
        "PRECONDITION_FAILED - invalid arg 'x-max-priority' for queue 'q' in vhost 'v' of queue type \
         rabbit_quorum_queue"
    );
}

#[test]
fn the_limits_themselves_are_accepted() {
    let arguments = table([
        ("x-expires", TEN_YEARS.into()),
        ("x-message-ttl", FieldValue::I64(TEN_YEARS)),
        ("x-max-priority", FieldValue::U8(255)),
        ("x-max-length", FieldValue::from(0)),
        ("x-whatever", FieldValue::Void),
    ]);
    let settings = define(&DURABLE, &arguments).unwrap().settings;
    assert_eq!(settings.expires_ms, Some(315_360_000_000));
    assert_eq!(settings.message_ttl_ms, Some(315_360_000_000));
    assert_eq!(settings.max_priority, Some(255));
    assert_eq!(settings.max_length, Some(0));
    let zero = define(&DURABLE, &table([("x-message-ttl", 0.into())])).unwrap();
    assert_eq!(zero.settings.message_ttl_ms, Some(0));
}

#[test]
fn the_type_is_filled_in() {
    let definition = define(&DURABLE, &FieldTable::new()).unwrap();
    assert_eq!(definition.arguments, table([("x-queue-type", "classic".into())]));
    for (flags, kind) in [(&DURABLE, QueueKind::Quorum), (&TRANSIENT, QueueKind::Classic)] {
        let arguments = FieldTable::new();
        let definition = with(flags, &arguments, |declaration| {
            declaration.define(QueueKind::Quorum, Compat::default()).unwrap()
        });
        assert_eq!(definition.settings.kind, kind);
    }
    let undefined = define(&DURABLE, &table([("x-queue-type", "undefined".into())])).unwrap();
    assert_eq!(undefined.settings.kind, QueueKind::Classic);
    let module = define(&DURABLE, &table([("x-queue-type", "rabbit_quorum_queue".into())]));
    assert_eq!(module.unwrap().settings.kind, QueueKind::Quorum);
}

#[test]
fn a_stream_is_refused_clearly() {
    let stream = table([("x-queue-type", "stream".into())]);
    assert_eq!(
        define(&DURABLE, &stream).unwrap_err(),
        "NOT_IMPLEMENTED - queue type 'stream' is not supported yet: queue 'q' in vhost 'v'"
    );
}

#[test]
fn a_quorum_queue_is_durable_and_shared() {
    let quorum = table([("x-queue-type", "quorum".into())]);
    for (flags, property) in [
        (Flags { auto_delete: true, ..TRANSIENT }, "auto-delete"),
        (Flags { exclusive: true, ..TRANSIENT }, "exclusive-owner"),
        (TRANSIENT, "non-durable"),
    ] {
        assert_eq!(
            define(&flags, &quorum).unwrap_err(),
            format!(
                "PRECONDITION_FAILED - invalid property '{property}' for queue 'q' in vhost 'v'"
            )
        );
    }
    with(&DURABLE, &quorum, |declaration| {
        assert_eq!(
            declaration.check_server_named(QueueKind::Classic).unwrap_err().to_string(),
            "PRECONDITION_FAILED - Cannot declare a server-named queue for type rabbit_quorum_queue"
        );
    });
}

#[test]
fn what_a_quorum_queue_has_of_its_own() {
    let limit = |value: FieldValue| {
        let arguments = table([("x-queue-type", "quorum".into()), ("x-delivery-limit", value)]);
        define(&DURABLE, &arguments).unwrap().settings.delivery_limit
    };
    assert_eq!(limit(FieldValue::from(3)), Some(3));
    assert_eq!(limit(FieldValue::from(-1)), None);
    assert_eq!(limit(FieldValue::from("many")), Some(20));
    let arguments = table([
        ("x-queue-type", "quorum".into()),
        ("x-overflow", "reject-publish".into()),
        ("x-dead-letter-exchange", "dlx".into()),
        ("x-dead-letter-strategy", "at-least-once".into()),
    ]);
    let settings = define(&DURABLE, &arguments).unwrap().settings;
    assert_eq!(settings.delivery_limit, Some(20));
    let target = settings.dead_letter.unwrap();
    assert_eq!(target.strategy, DeadLetterStrategy::AtLeastOnce);
    assert_eq!((target.exchange, target.routing_key), ("dlx".into(), None));
}

#[test]
fn what_compat_denies() {
    let deny = Compat {
        deny_transient_queues: true,
        deny_queue_master_locator: true,
        ..Compat::default()
    };
    let empty = FieldTable::new();
    let refused = with(&TRANSIENT, &empty, |queue| queue.define(QueueKind::Classic, deny));
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), amqp::ReplyCode::InternalError);
    assert!(refused.to_string().contains("`transient_nonexcl_queues` is deprecated"));
    assert!(define(&TRANSIENT, &empty).is_ok());
}

fn redeclare(first: (&Flags, &FieldTable), second: (&Flags, &FieldTable)) -> Result<(), String> {
    let existing = define(first.0, first.1).unwrap();
    with(second.0, second.1, |declaration| {
        declaration
            .check_equivalent(
                &existing,
                existing.settings.exclusive == declaration.exclusive,
                QueueKind::Classic,
                Compat::default(),
            )
            .map_err(|refusal| refusal.to_string())
    })
}

#[test]
fn a_redeclare_must_be_equivalent() {
    let empty = FieldTable::new();
    let inequivalent = "PRECONDITION_FAILED - inequivalent arg ";
    let of = "for queue 'q' in vhost 'v': received";
    for (first, second, expected) in [
        ((&DURABLE, &empty), (&DURABLE, &empty), None),
        ((&DURABLE, &empty), (&DURABLE, &table([("x-queue-type", "classic".into())])), None),
        (
            (&DURABLE, &table([("x-message-ttl", FieldValue::I64(1000))])),
            (&DURABLE, &table([("x-message-ttl", FieldValue::U16(1000))])),
            None,
        ),
        ((&DURABLE, &table([("x-mine", 1.into())])), (&DURABLE, &empty), None),
        (
            (&DURABLE, &empty),
            (&TRANSIENT, &empty),
            Some(format!("{inequivalent}'durable' {of} 'false' but current is 'true'")),
        ),
        (
            (&DURABLE, &empty),
            (&Flags { auto_delete: true, ..DURABLE }, &empty),
            Some(format!("{inequivalent}'auto_delete' {of} 'true' but current is 'false'")),
        ),
        (
            (&DURABLE, &empty),
            (&DURABLE, &table([("x-max-priority", 5.into())])),
            Some(format!(
                "{inequivalent}'x-max-priority' {of} the value '5' of type 'signedint' but current is none"
            )),
        ),
        (
            (&DURABLE, &table([("x-dead-letter-exchange", "a".into())])),
            (&DURABLE, &empty),
            Some(format!(
                "{inequivalent}'x-dead-letter-exchange' {of} none but current is the value 'a' of type 'longstr'"
            )),
        ),
        (
            (&DURABLE, &table([("x-message-ttl", 1000.into())])),
            (&DURABLE, &table([("x-message-ttl", 2000.into())])),
            Some(format!("{inequivalent}'x-message-ttl' {of} '2000' but current is '1000'")),
        ),
        (
            (&DURABLE, &empty),
            (&DURABLE, &table([("x-queue-type", "quorum".into())])),
            Some(format!("{inequivalent}'x-queue-type' {of} 'quorum' but current is 'classic'")),
        ),
    ] {
        assert_eq!(redeclare(first, second).err(), expected);
    }
}

#[test]
fn the_owner_comes_first() {
    let (empty, exclusive) = (FieldTable::new(), Flags { exclusive: true, ..TRANSIENT });
    assert_eq!(redeclare((&exclusive, &empty), (&exclusive, &empty)), Ok(()));
    let durable_too = Flags { durable: true, ..exclusive };
    assert_eq!(redeclare((&exclusive, &empty), (&durable_too, &empty)), Ok(()));
    let refused = redeclare((&DURABLE, &empty), (&durable_too, &empty)).unwrap_err();
    assert!(
        refused.starts_with("RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q'")
    );
}
