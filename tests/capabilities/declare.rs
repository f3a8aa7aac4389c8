//! Declaring queues and exchanges: names, flags, what must be equal the second time, and every argument's check.

use lapin::{
    options::{ExchangeDeclareOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};

use crate::client::{
    Client, DURABLE, Session, body, check_refused, eventually, int, next, refusal, table, text,
    unique,
};

/// Ten years, the longest time that RabbitMQ takes.
const TEN_YEARS_MS: i64 = 315_360_000_000;

async fn declare_anew<const N: usize>(
    session: &Session,
    arguments: [(&str, AMQPValue); N],
) -> lapin::Result<String> {
    let name = unique("argued");
    session.declare(&name, DURABLE, table(arguments)).await.map(|_| name)
}

#[tokio::test]
async fn the_answer_counts_ready_messages_and_consumers() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.send_all(&queue, &["1", "2", "3"]).await;
    client.expect(&queue).await;
    let declared = client.declare(&queue, DURABLE, FieldTable::default()).await.unwrap();
    assert_eq!((declared.message_count(), declared.consumer_count()), (2, 0));
    let idle = client.session().await;
    idle.prefetch(1).await;
    let mut consumer = idle.consume(&queue).await;
    next(&mut consumer).await;
    let declared = client.passive(&queue).await.unwrap();
    assert_eq!((declared.message_count(), declared.consumer_count()), (1, 1));
}

#[tokio::test]
async fn the_broker_names_a_queue_without_a_name() {
    let client = Client::connect().await;
    let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    let declared = client.declare("", options, FieldTable::default()).await.unwrap();
    let name = declared.name().as_str().to_owned();
    assert!(name.starts_with("amq.gen-") && name.len() == "amq.gen-".len() + 22, "{name}");
    // From now on "" means this queue, and as a binding key too.
    client.bind("", "amq.direct", "").await;
    client.publish("amq.direct", &name, "found", lapin::BasicProperties::default()).await;
    assert_eq!(body(&client.expect("").await), "found");
    let again = client.declare(&name, options, FieldTable::default()).await.unwrap();
    assert_eq!(again.name().as_str(), name, "the prefix does not matter for what is there");
}

#[tokio::test]
async fn a_passive_declare_only_looks() {
    let client = Client::connect().await;
    let queue = client.queue([("x-max-length", int(5))]).await;
    assert!(client.passive(&queue).await.is_ok(), "arguments do not matter");
    let missing = unique("missing");
    let expected = format!("NOT_FOUND - no queue '{missing}' in vhost '/'");
    check_refused(client.session().await.passive(&missing).await, 404, &expected);

    let passive = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    let session = client.session().await;
    let looked = session.declare_exchange("amq.topic", "fanout", passive, table([])).await;
    assert!(looked.is_ok(), "the type does not matter");
    let looked = session.declare_exchange(&missing, "fanout", passive, table([])).await;
    let expected = format!("NOT_FOUND - no exchange '{missing}' in vhost '/'");
    check_refused(looked, 404, &expected);
}

#[tokio::test]
async fn a_queue_declared_again_must_be_equal() {
    let client = Client::connect().await;
    let arguments = || table([("x-message-ttl", int(1000)), ("x-max-length", int(5))]);
    let queue = unique("equal");
    client.declare(&queue, DURABLE, arguments()).await.unwrap();
    let narrow = table([
        ("x-message-ttl", AMQPValue::LongInt(1000)),
        ("x-max-length", AMQPValue::ShortShortInt(5)),
        ("x-queue-type", text("classic")),
        ("x-unknown", text("not compared")),
    ]);
    assert!(client.declare(&queue, DURABLE, narrow).await.is_ok());

    let transient = QueueDeclareOptions::default();
    let auto_delete = QueueDeclareOptions { auto_delete: true, ..DURABLE };
    let without_ttl = table([("x-max-length", int(5))]);
    let other_ttl = table([("x-message-ttl", int(2000)), ("x-max-length", int(5))]);
    let text_ttl = table([("x-message-ttl", text("1000")), ("x-max-length", int(5))]);
    let mut more = arguments();
    more.insert("x-expires".into(), int(60_000));
    for (options, arguments, difference) in [
        (transient, arguments(), "'durable': received 'false' but current is 'true'"),
        (auto_delete, arguments(), "'auto_delete': received 'true' but current is 'false'"),
        (DURABLE, other_ttl, "'x-message-ttl': received '2000' but current is '1000'"),
        // A text is no number, though the refusal does not show it.
        (DURABLE, text_ttl, "'x-message-ttl': received '1000' but current is '1000'"),
        (
            DURABLE,
            without_ttl,
            "'x-message-ttl': received none but current is the value '1000' of type 'long'",
        ),
        (
            DURABLE,
            more,
            "'x-expires': received the value '60000' of type 'long' but current is none",
        ),
    ] {
        let session = client.session().await;
        let Err(error) = session.declare(&queue, options, arguments).await else {
            panic!("declared: {difference}");
        };
        let (argument, difference) = difference.split_once(':').unwrap();
        let expected = format!(
            "406 PRECONDITION_FAILED - inequivalent arg {argument} for queue '{queue}' in vhost '/':{difference}"
        );
        assert_eq!(refusal(&error), expected);
    }
}

#[tokio::test]
async fn an_exchange_declared_again_must_be_equal() {
    let client = Client::connect().await;
    let exchange = client.exchange("direct", [("alternate-exchange", text("one"))]).await;
    let plain = ExchangeDeclareOptions::default();
    let same = table([("alternate-exchange", text("one")), ("other", int(1))]);
    assert!(client.declare_exchange(&exchange, "direct", plain, same).await.is_ok());
    let one = || table([("alternate-exchange", text("one"))]);
    let durable = ExchangeDeclareOptions { durable: true, ..plain };
    let auto_delete = ExchangeDeclareOptions { auto_delete: true, ..plain };
    let internal = ExchangeDeclareOptions { internal: true, ..plain };
    for (kind, options, arguments, difference) in [
        ("fanout", plain, one(), "'type': received 'fanout' but current is 'direct'"),
        ("direct", durable, one(), "'durable': received 'true' but current is 'false'"),
        ("direct", auto_delete, one(), "'auto_delete': received 'true' but current is 'false'"),
        ("direct", internal, one(), "'internal': received 'true' but current is 'false'"),
        (
            "direct",
            plain,
            table([("alternate-exchange", text("two"))]),
            "'alternate-exchange': received 'two' but current is 'one'",
        ),
        (
            "direct",
            plain,
            table([]),
            "'alternate-exchange': received none but current is the value 'one' of type 'longstr'",
        ),
    ] {
        let session = client.session().await;
        let declared = session.declare_exchange(&exchange, kind, options, arguments).await;
        let (argument, difference) = difference.split_once(':').unwrap();
        let expected = format!(
            "PRECONDITION_FAILED - inequivalent arg {argument} for exchange '{exchange}' in vhost '/':{difference}"
        );
        check_refused(declared, 406, &expected);
    }
}

#[tokio::test]
async fn an_unknown_type_of_exchange_is_refused() {
    let client = Client::connect().await;
    let options = ExchangeDeclareOptions::default();
    let declared = client.declare_exchange(&unique("odd"), "odd", options, table([])).await;
    check_refused(declared, 406, "PRECONDITION_FAILED - unknown exchange type 'odd'");
}

#[tokio::test]
async fn names_that_start_with_amq_are_the_brokers() {
    let client = Client::connect().await;
    let session = client.session().await;
    let declared = session.declare("amq.mine", DURABLE, table([])).await;
    let expected = "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'";
    check_refused(declared, 403, expected);
    let session = client.session().await;
    let options = ExchangeDeclareOptions::default();
    let declared = session.declare_exchange("amq.mine", "direct", options, table([])).await;
    let expected = "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'";
    check_refused(declared, 403, expected);
    let durable = ExchangeDeclareOptions { durable: true, ..options };
    for (exchange, kind) in [
        ("amq.direct", "direct"),
        ("amq.fanout", "fanout"),
        ("amq.topic", "topic"),
        ("amq.headers", "headers"),
        ("amq.match", "headers"),
    ] {
        let declared = client.declare_exchange(exchange, kind, durable, table([])).await;
        assert!(declared.is_ok(), "{exchange} is there from the start");
    }
}

#[tokio::test]
async fn carriage_returns_and_line_feeds_are_dropped_from_names() {
    let client = Client::connect().await;
    let name = unique("lines");
    let broken = format!("\r{name}\r\n");
    let declared = client.declare(&broken, DURABLE, table([])).await.unwrap();
    assert_eq!(declared.name().as_str(), name);
}

#[tokio::test]
async fn an_auto_delete_queue_goes_with_its_last_consumer() {
    let client = Client::connect().await;
    let queue = unique("auto");
    let options = QueueDeclareOptions { auto_delete: true, ..DURABLE };
    client.declare(&queue, options, table([])).await.unwrap();
    client.send(&queue, "kept without a consumer").await;
    client.expect(&queue).await;
    assert!(client.passive(&queue).await.is_ok(), "there was no consumer yet");
    let (first, second) = (client.session().await, client.session().await);
    let one = first.consume(&queue).await;
    let _two = second.consume(&queue).await;
    let cancelled = first.channel.basic_cancel(one.tag(), Default::default()).await;
    cancelled.unwrap();
    assert!(client.passive(&queue).await.is_ok(), "there is one left");
    second.channel.close(200, "".into()).await.unwrap();
    let other = client.another().await;
    eventually("the queue is deleted", || async {
        other.session().await.passive(&queue).await.is_err()
    })
    .await;
}

#[tokio::test]
async fn an_auto_delete_exchange_goes_with_its_last_binding() {
    let client = Client::connect().await;
    let (source, inner) = (unique("auto"), unique("auto"));
    let options = ExchangeDeclareOptions { auto_delete: true, ..Default::default() };
    for exchange in [&source, &inner] {
        client.declare_exchange(exchange, "fanout", options, table([])).await.unwrap();
    }
    let bind = client.channel.exchange_bind(
        inner.as_str().into(),
        source.as_str().into(),
        "".into(),
        Default::default(),
        table([]),
    );
    bind.await.unwrap();
    let queue = client.bound_queue(&inner, "").await;
    let deleted = client.channel.queue_delete(queue.as_str().into(), Default::default()).await;
    deleted.unwrap();
    let passive = ExchangeDeclareOptions { passive: true, ..Default::default() };
    for exchange in [&inner, &source] {
        let session = client.session().await;
        let looked = session.declare_exchange(exchange, "fanout", passive, table([])).await;
        let expected = format!("NOT_FOUND - no exchange '{exchange}' in vhost '/'");
        check_refused(looked, 404, &expected);
    }
}

/// What is wrong with `{key: value}`, as the end of the text that refuses it.
async fn fault(client: &Client, queue_type: &str, key: &str, value: AMQPValue) -> String {
    let name = unique("argued");
    let mut arguments = table([("x-queue-type", text(queue_type))]);
    arguments.insert(key.into(), value);
    let session = client.session().await;
    let Err(error) = session.declare(&name, DURABLE, arguments).await else {
        return "accepted".to_owned();
    };
    let refused = refusal(&error);
    let start =
        format!("406 PRECONDITION_FAILED - invalid arg '{key}' for queue '{name}' in vhost '/'");
    refused
        .strip_prefix(&start)
        .map_or(refused.clone(), |fault| fault.trim_start_matches(": ").to_owned())
}

#[tokio::test]
async fn times_are_positive_and_at_most_ten_years() {
    let client = Client::connect().await;
    for key in ["x-expires", "x-message-ttl"] {
        for (value, expected) in [
            (int(TEN_YEARS_MS), "accepted"),
            (int(TEN_YEARS_MS + 1), "{value_too_large,315360000001}"),
            (int(i64::MAX), "{value_too_large,9223372036854775807}"),
            (int(1), "accepted"),
            (AMQPValue::ShortShortUInt(200), "accepted"),
            (int(-1), "{value_negative,-1}"),
            (text("1"), "\"expected integer, got longstr\""),
            (AMQPValue::Boolean(true), "\"expected integer, got bool\""),
            (AMQPValue::Double(1.0), "\"expected integer, got double\""),
        ] {
            let shown = format!("{key} {value:?}");
            assert_eq!(fault(&client, "classic", key, value.clone()).await, expected, "{shown}");
            assert_eq!(fault(&client, "quorum", key, value).await, expected, "{shown}");
        }
    }
    assert_eq!(fault(&client, "classic", "x-expires", int(0)).await, "{value_zero,0}");
    assert_eq!(fault(&client, "classic", "x-message-ttl", int(0)).await, "accepted");
}

#[tokio::test]
async fn lengths_and_counts_are_checked() {
    let client = Client::connect().await;
    for (queue_type, key, value, expected) in [
        ("classic", "x-max-length", int(0), "accepted"),
        ("classic", "x-max-length", int(-1), "{value_negative,-1}"),
        ("classic", "x-max-length", text("1"), "\"expected integer, got longstr\""),
        ("classic", "x-max-length-bytes", int(0), "accepted"),
        ("classic", "x-max-length-bytes", int(-2), "{value_negative,-2}"),
        ("quorum", "x-max-length", int(-1), "{value_negative,-1}"),
        ("quorum", "x-max-in-memory-length", int(0), "accepted"),
        ("quorum", "x-max-in-memory-length", int(-1), "{value_negative,-1}"),
        ("quorum", "x-max-in-memory-bytes", int(-1), "{value_negative,-1}"),
        ("quorum", "x-quorum-initial-group-size", int(0), "{value_zero,0}"),
        ("quorum", "x-quorum-initial-group-size", int(1), "accepted"),
        ("quorum", "x-delivery-limit", int(-1), "accepted"),
        ("quorum", "x-delivery-limit", text("odd"), "accepted"),
        ("classic", "x-max-priority", int(0), "accepted"),
        ("classic", "x-max-priority", int(255), "accepted"),
        ("classic", "x-max-priority", int(256), "{max_value_exceeded,256}"),
        ("classic", "x-max-priority", int(-1), "{value_negative,-1}"),
    ] {
        let shown = format!("{queue_type} {key} {value:?}");
        assert_eq!(fault(&client, queue_type, key, value).await, expected, "{shown}");
    }
}

#[tokio::test]
async fn words_are_checked() {
    let client = Client::connect().await;
    for (queue_type, key, value, expected) in [
        ("classic", "x-overflow", text("drop-head"), "accepted"),
        ("classic", "x-overflow", text("reject-publish"), "accepted"),
        ("classic", "x-overflow", text("reject-publish-dlx"), "accepted"),
        ("quorum", "x-overflow", text("reject-publish-dlx"), "accepted"),
        ("classic", "x-overflow", text("drop-tail"), "invalid_overflow"),
        ("classic", "x-overflow", int(1), "{unacceptable_type,long}"),
        ("classic", "x-single-active-consumer", AMQPValue::Boolean(false), "accepted"),
        ("classic", "x-single-active-consumer", text("yes"), "{unacceptable_type,longstr}"),
        ("classic", "x-dead-letter-routing-key", text("k"), "routing_key_but_no_dlx_defined"),
        ("classic", "x-queue-mode", text("lazy"), "accepted"),
        ("classic", "x-queue-version", int(2), "accepted"),
        ("classic", "x-queue-master-locator", text("min-masters"), "accepted"),
        ("quorum", "x-queue-leader-locator", text("balanced"), "accepted"),
        ("quorum", "x-dead-letter-strategy", text("at-most-once"), "accepted"),
        ("classic", "x-no-such-thing", int(1), "accepted"),
    ] {
        let shown = format!("{queue_type} {key} {value:?}");
        assert_eq!(fault(&client, queue_type, key, value).await, expected, "{shown}");
    }
    for (queue_type, key, value) in [
        ("quorum", "x-overflow", text("odd")),
        ("quorum", "x-dead-letter-strategy", text("odd")),
        ("quorum", "x-queue-leader-locator", text("odd")),
        ("quorum", "x-consumer-timeout", int(-1)),
        ("classic", "x-queue-version", int(3)),
    ] {
        let shown = format!("{queue_type} {key} {value:?}");
        assert_ne!(fault(&client, queue_type, key, value).await, "accepted", "{shown}");
    }
}

#[tokio::test]
async fn an_argument_of_another_type_of_queue_is_refused() {
    let client = Client::connect().await;
    for (queue_type, key, value) in [
        ("classic", "x-delivery-limit", int(5)),
        ("classic", "x-quorum-initial-group-size", int(3)),
        ("classic", "x-dead-letter-strategy", text("at-least-once")),
        ("classic", "x-max-age", text("1D")),
        ("classic", "x-stream-max-segment-size-bytes", int(1)),
        ("quorum", "x-max-priority", int(5)),
        ("quorum", "x-queue-mode", text("lazy")),
        ("quorum", "x-max-age", text("1D")),
    ] {
        let expected = format!(" of queue type rabbit_{queue_type}_queue");
        assert_eq!(fault(&client, queue_type, key, value).await, expected, "{queue_type} {key}");
    }
}

#[tokio::test]
async fn an_exchanges_name_in_an_argument_is_a_string() {
    let client = Client::connect().await;
    let name = unique("dead");
    let session = client.session().await;
    let arguments = table([("x-dead-letter-exchange", int(1))]);
    let expected = format!(
        "PRECONDITION_FAILED - invalid type 'long' for arg 'x-dead-letter-exchange' in queue '{name}' in vhost '/'"
    );
    check_refused(session.declare(&name, DURABLE, arguments).await, 406, &expected);
    let unborn = declare_anew(&client, [("x-dead-letter-exchange", text("not there yet"))]).await;
    assert!(unborn.is_ok());
}

#[tokio::test]
async fn queue_types_are_known_by_name() {
    let client = Client::connect().await;
    for name in ["classic", "quorum", "rabbit_classic_queue", "rabbit_quorum_queue", "undefined"] {
        assert!(declare_anew(&client, [("x-queue-type", text(name))]).await.is_ok(), "{name}");
    }
    let session = client.session().await;
    let name = unique("typed");
    let declared = session.declare(&name, DURABLE, table([("x-queue-type", text("odd"))])).await;
    let expected = format!(
        "PRECONDITION_FAILED - invalid arg 'x-queue-type' for queue '{name}' in vhost '/': \"unsupported queue type 'odd'\""
    );
    check_refused(declared, 406, &expected);
    // Streams do not exist yet; that is said clearly, and ends the connection.
    let other = client.another().await;
    let declared = declare_anew(&other, [("x-queue-type", text("stream"))]).await;
    assert!(refusal(&declared.unwrap_err()).starts_with("540 NOT_IMPLEMENTED - "));
}
