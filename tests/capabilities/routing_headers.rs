//! Exchanges of type headers: what `x-match` says, and how values are compared.

use lapin::types::{AMQPValue, FieldTable};

use crate::client::{Client, check_refused, int, table, text, with_headers};

/// Binds a queue for each of `bindings`, publishes with `headers`, and returns which queues got the message.
async fn reached<const N: usize>(
    bindings: &[FieldTable],
    headers: [(&str, AMQPValue); N],
) -> Vec<bool> {
    let client = Client::connect().await;
    let exchange = client.exchange("headers", []).await;
    let mut queues = Vec::new();
    for arguments in bindings {
        let queue = client.queue([]).await;
        client.bind_with(&queue, &exchange, "", arguments.clone()).await.unwrap();
        queues.push(queue);
    }
    client.publish(&exchange, "", "", with_headers(headers)).await;
    let mut reached = Vec::new();
    for queue in &queues {
        reached.push(client.get(queue).await.is_some());
    }
    reached
}

#[tokio::test]
async fn all_or_any_of_the_headers_must_match() {
    let bindings = [
        table([("x-match", text("all")), ("a", text("1")), ("b", int(2))]),
        table([("a", text("1")), ("b", int(2))]),
        table([("x-match", text("all")), ("a", text("1")), ("c", int(3))]),
        table([("x-match", text("any")), ("a", text("1")), ("c", int(3))]),
        table([("x-match", text("any")), ("c", int(3))]),
        table([("x-match", text("all"))]),
        table([]),
        table([("x-match", text("any"))]),
    ];
    let expected = [true, true, false, true, false, true, true, false];
    assert_eq!(reached(&bindings, [("a", text("1")), ("b", int(2))]).await, expected);
}

#[tokio::test]
async fn void_asks_only_for_presence() {
    let bindings = [
        table([("a", AMQPValue::Void)]),
        table([("b", AMQPValue::Void)]),
        table([("x-match", text("any")), ("a", AMQPValue::Void), ("b", int(1))]),
    ];
    assert_eq!(reached(&bindings, [("a", text("anything"))]).await, [true, false, true]);
}

#[tokio::test]
async fn headers_that_start_with_x_count_only_if_asked() {
    let bindings = [
        table([("x-match", text("all")), ("x-color", text("red")), ("a", int(1))]),
        table([("x-match", text("all-with-x")), ("x-color", text("red")), ("a", int(1))]),
        table([("x-match", text("any")), ("x-color", text("blue"))]),
        table([("x-match", text("any-with-x")), ("x-color", text("blue")), ("a", int(2))]),
    ];
    let headers = [("x-color", text("blue")), ("a", int(1))];
    assert_eq!(reached(&bindings, headers).await, [true, false, false, true]);
}

#[tokio::test]
async fn integers_of_every_width_are_compared_by_value() {
    let widths = [
        AMQPValue::ShortShortInt(7),
        AMQPValue::ShortShortUInt(7),
        AMQPValue::ShortInt(7),
        AMQPValue::ShortUInt(7),
        AMQPValue::LongInt(7),
        AMQPValue::LongUInt(7),
        AMQPValue::LongLongInt(7),
    ];
    let bindings = widths.map(|width| table([("n", width)]));
    assert_eq!(reached(&bindings, [("n", AMQPValue::LongInt(7))]).await, [true; 7]);
    let others = [table([("n", text("7"))]), table([("n", AMQPValue::Boolean(true))])];
    assert_eq!(reached(&others, [("n", AMQPValue::LongInt(7))]).await, [false; 2]);
}

#[tokio::test]
async fn an_unknown_match_is_refused() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    let bound =
        client.bind_with(&queue, "amq.headers", "", table([("x-match", text("foo"))])).await;
    check_refused(
        bound,
        406,
        "PRECONDITION_FAILED - Invalid x-match field value <<\"foo\">>; expected all, any, all-with-x, or any-with-x",
    );
}

#[tokio::test]
async fn a_whole_number_is_no_fraction() {
    let bindings = [table([("size", int(1))]), table([("size", AMQPValue::Double(1.0))])];
    assert_eq!(reached(&bindings, [("size", int(1))]).await, [true, false]);
    assert_eq!(reached(&bindings, [("size", AMQPValue::Double(1.0))]).await, [false, true]);
}

#[tokio::test]
async fn bindings_with_other_arguments_are_others() {
    let client = Client::connect().await;
    let exchange = client.exchange("headers", []).await;
    let queue = client.queue([]).await;
    for size in [1, 2] {
        client.bind_with(&queue, &exchange, "", table([("size", int(size))])).await.unwrap();
    }
    let (of, from) = (queue.as_str().into(), exchange.as_str().into());
    let first = table([("size", int(1))]);
    client.channel.queue_unbind(of, from, "".into(), first).await.unwrap();
    for (size, body) in [(1, "gone"), (2, "still bound")] {
        client.publish(&exchange, "", body, with_headers([("size", int(size))])).await;
    }
    assert_eq!(client.drain(&queue, 1).await, ["still bound"]);
    assert!(client.get(&queue).await.is_none());
}
