//! Where exchanges send messages: direct, fanout, topic, alternates, exchanges behind exchanges, several keys.

use lapin::{
    BasicProperties,
    options::{
        BasicPublishOptions, ExchangeBindOptions, ExchangeDeclareOptions, ExchangeUnbindOptions,
    },
    types::FieldTable,
};

use crate::client::{Client, Session, check_refused, int, text, texts, unique, with_headers};

async fn publish(session: &Session, exchange: &str, routing_key: &str) {
    session.publish(exchange, routing_key, routing_key, BasicProperties::default()).await;
}

async fn bind_exchange(session: &Session, destination: &str, source: &str, binding_key: &str) {
    let (destination, source) = (destination.into(), source.into());
    let (options, arguments) = (ExchangeBindOptions::default(), FieldTable::default());
    let bound = session
        .channel
        .exchange_bind(destination, source, binding_key.into(), options, arguments)
        .await;
    bound.expect("an exchange can be bound");
}

#[tokio::test]
async fn the_default_exchange_takes_the_key_for_a_queues_name() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.send(&queue, "to the queue").await;
    publish(&client, "", "no such queue").await;
    assert_eq!(client.drain(&queue, 1).await, ["to the queue"]);
}

#[tokio::test]
async fn a_direct_exchange_compares_keys() {
    let client = Client::connect().await;
    for exchange in [client.exchange("direct", []).await, "amq.direct".to_owned()] {
        let key = unique("key");
        let first = client.bound_queue(&exchange, &key).await;
        let second = client.bound_queue(&exchange, &key).await;
        let other = client.bound_queue(&exchange, &format!("{key}.other")).await;
        publish(&client, &exchange, &key).await;
        publish(&client, &exchange, &key.to_uppercase()).await;
        assert_eq!(client.drain(&first, 1).await, [key.as_str()]);
        assert_eq!(client.drain(&second, 1).await, [key.as_str()]);
        assert!(client.drain(&other, 0).await.is_empty());
    }
}

#[tokio::test]
async fn a_fanout_exchange_ignores_keys() {
    let client = Client::connect().await;
    let exchange = client.exchange("fanout", []).await;
    let first = client.bound_queue(&exchange, "a").await;
    let second = client.bound_queue(&exchange, "b").await;
    client.bind(&first, &exchange, "bound twice").await;
    publish(&client, &exchange, "whatever").await;
    assert_eq!(client.drain(&first, 1).await, ["whatever"]);
    assert_eq!(client.drain(&second, 1).await, ["whatever"]);
}

#[tokio::test]
async fn a_topic_exchange_matches_words() {
    let client = Client::connect().await;
    let exchange = client.exchange("topic", []).await;
    let keys = ["", "a", "a.", "a.b", "a.b.c", "b", ".a", "a.b.c.d", "a..c"];
    let patterns: [(&str, &[&str]); 9] = [
        ("#", &keys),
        ("*", &["a", "b"]),
        ("a.*", &["a.", "a.b"]),
        ("a.#", &["a", "a.", "a.b", "a.b.c", "a.b.c.d", "a..c"]),
        ("#.c", &["a.b.c", "a..c"]),
        ("a.*.c", &["a.b.c", "a..c"]),
        ("*.*", &["a.", "a.b", ".a"]),
        ("#.b.#", &["a.b", "a.b.c", "b", "a.b.c.d"]),
        ("a.b", &["a.b"]),
    ];
    let mut queues = Vec::new();
    for (pattern, expected) in patterns {
        queues.push((pattern, client.bound_queue(&exchange, pattern).await, expected));
    }
    for key in keys {
        publish(&client, &exchange, key).await;
    }
    for (pattern, queue, expected) in queues {
        assert_eq!(client.drain(&queue, expected.len()).await, expected, "{pattern}");
    }
}

#[tokio::test]
async fn three_hashes_in_a_pattern_are_refused() {
    let client = Client::connect().await;
    let exchange = client.exchange("topic", []).await;
    let queue = client.queue([]).await;
    let bound = client.bind_with(&queue, &exchange, "#.a.#.b.#", FieldTable::default()).await;
    assert!(bound.is_err());
}

#[tokio::test]
async fn an_unbound_queue_gets_nothing_more() {
    let client = Client::connect().await;
    for kind in ["direct", "fanout", "topic", "headers"] {
        let exchange = client.exchange(kind, []).await;
        let queue = client.bound_queue(&exchange, "key").await;
        publish(&client, &exchange, "key").await;
        let unbound = client
            .channel
            .queue_unbind(
                queue.as_str().into(),
                exchange.as_str().into(),
                "key".into(),
                FieldTable::default(),
            )
            .await;
        unbound.expect("a binding can be taken back");
        publish(&client, &exchange, "key").await;
        assert_eq!(client.drain(&queue, 1).await, ["key"], "{kind}");
    }
}

#[tokio::test]
async fn an_alternate_exchange_takes_what_goes_nowhere() {
    let client = Client::connect().await;
    let last = client.exchange("fanout", []).await;
    let middle = client.exchange("direct", [("alternate-exchange", text(&last))]).await;
    let first = client.exchange("direct", [("alternate-exchange", text(&middle))]).await;
    let known = client.bound_queue(&first, "first").await;
    let caught = client.bound_queue(&middle, "middle").await;
    let rest = client.bound_queue(&last, "").await;
    client.confirm_select().await;
    for key in ["first", "middle", "nobody"] {
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        let properties = BasicProperties::default();
        let published = client
            .channel
            .basic_publish(first.as_str().into(), key.into(), options, key.as_bytes(), properties)
            .await;
        let confirmed = published.unwrap().await.unwrap();
        assert!(confirmed.take_message().is_none(), "{key} was routed and yet returned");
    }
    assert_eq!(client.drain(&known, 1).await, ["first"]);
    assert_eq!(client.drain(&caught, 1).await, ["middle"]);
    assert_eq!(client.drain(&rest, 1).await, ["nobody"]);
}

#[tokio::test]
async fn alternates_that_lead_to_each_other_end() {
    let client = Client::connect().await;
    let (one, two) = (unique("one"), unique("two"));
    for (exchange, alternate) in [(&one, &two), (&two, &one)] {
        let arguments = crate::client::table([("alternate-exchange", text(alternate))]);
        let options = ExchangeDeclareOptions::default();
        client.declare_exchange(exchange, "direct", options, arguments).await.unwrap();
    }
    client.confirm_select().await;
    publish(&client, &one, "nobody").await;
    client.channel.wait_for_confirms().await.unwrap();
}

#[tokio::test]
async fn exchanges_behind_exchanges_deliver_once_even_in_a_circle() {
    let client = Client::connect().await;
    let (a, b) = (client.exchange("fanout", []).await, client.exchange("topic", []).await);
    bind_exchange(&client, &b, &a, "").await;
    bind_exchange(&client, &a, &b, "#").await;
    let queue = client.bound_queue(&a, "").await;
    client.bind(&queue, &b, "#").await;
    publish(&client, &a, "from a").await;
    publish(&client, &b, "from b").await;
    assert_eq!(client.drain(&queue, 2).await, ["from a", "from b"]);

    let (options, arguments) = (ExchangeUnbindOptions::default(), FieldTable::default());
    let (destination, source) = (b.as_str().into(), a.as_str().into());
    client
        .channel
        .exchange_unbind(destination, source, "".into(), options, arguments)
        .await
        .expect("an exchange can be unbound");
    let behind_b = client.bound_queue(&b, "#").await;
    publish(&client, &a, "from a").await;
    assert_eq!(client.drain(&queue, 1).await, ["from a"]);
    assert!(client.drain(&behind_b, 0).await.is_empty());
}

#[tokio::test]
async fn cc_and_bcc_name_further_keys() {
    let client = Client::connect().await;
    let [to, cc, bcc] = [client.queue([]).await, client.queue([]).await, client.queue([]).await];
    let headers =
        with_headers([("CC", texts(&[&cc, &to])), ("BCC", texts(&[&bcc, &cc])), ("kept", int(1))]);
    client.publish("", &to, "copied", headers).await;
    for queue in [&to, &cc, &bcc] {
        let message = client.expect(queue).await;
        assert_eq!(message.routing_key.as_str(), to, "the key is the publisher's");
        let headers = message.properties.headers().clone().unwrap();
        assert!(headers.contains_key("CC") && headers.contains_key("kept"));
        assert!(!headers.contains_key("BCC"), "a blind copy says nothing of itself");
        assert!(client.get(queue).await.is_none(), "each queue gets one");
    }
}

#[tokio::test]
async fn cc_must_be_an_array() {
    let client = Client::connect().await;
    for header in ["CC", "BCC"] {
        let session = client.session().await;
        let headers = with_headers([(header, text("one"))]);
        let refused = session.try_publish("", "nobody", "", headers).await;
        let expected = format!(
            "PRECONDITION_FAILED - invalid message: {{unacceptable_type_in_header,\"{header}\",longstr}}"
        );
        check_refused(refused, 406, &expected);
    }
}

#[tokio::test]
async fn only_the_broker_publishes_to_an_internal_exchange() {
    let client = Client::connect().await;
    let (outer, inner) = (client.exchange("fanout", []).await, unique("inner"));
    let options = ExchangeDeclareOptions { internal: true, ..ExchangeDeclareOptions::default() };
    client.declare_exchange(&inner, "fanout", options, FieldTable::default()).await.unwrap();
    bind_exchange(&client, &inner, &outer, "").await;
    let queue = client.bound_queue(&inner, "").await;
    publish(&client, &outer, "through the outer one").await;
    assert_eq!(client.drain(&queue, 1).await, ["through the outer one"]);
    let refused = client.try_publish(&inner, "", "", BasicProperties::default()).await;
    let expected =
        format!("ACCESS_REFUSED - cannot publish to internal exchange '{inner}' in vhost '/'");
    check_refused(refused, 403, &expected);
}
