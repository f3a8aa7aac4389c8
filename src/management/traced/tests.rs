//! Lines that RabbitMQ 3.10.8 wrote of the same messages.

use amqp::{FieldTable, FieldValue, ShortString};
use broker::Timestamp;
use server::admin::{TracedEvent, TracedMessage};

use super::{JSON, TEXT, TraceFormat};

fn text(text: &str) -> FieldValue {
    FieldValue::from(text)
}

fn table(fields: &[(&str, FieldValue)]) -> FieldTable {
    let named = |name: &str| ShortString::try_from(name).unwrap();
    fields.iter().map(|(name, value)| (named(name), value.clone())).collect()
}

fn message(event: TracedEvent, properties: FieldTable, payload: &'static [u8]) -> TracedMessage {
    TracedMessage {
        at: Timestamp(1_795_920_147_282),
        event,
        node: b"rabbit@localhost".to_vec(),
        connection: b"127.0.0.1:58922 -> 127.0.0.1:34463".to_vec(),
        vhost: b"/".to_vec(),
        user: b"guest".to_vec(),
        channel: 1,
        exchange: b"amq.direct".to_vec(),
        routing_keys: vec![b"k".to_vec()],
        properties,
        payload: payload.into(),
    }
}

fn published(properties: FieldTable, payload: &'static [u8]) -> TracedMessage {
    let queues = vec![b"other".to_vec(), b"work".to_vec()];
    message(TracedEvent::Published { queues }, properties, payload)
}

fn written(format: TraceFormat, message: &TracedMessage) -> Vec<u8> {
    let mut out = Vec::new();
    (format.write)(message, &mut out);
    out
}

/// All properties, and headers of many kinds.
fn everything() -> FieldTable {
    let number = FieldValue::I32;
    let list = vec![number(1), text("x"), FieldValue::Void];
    let headers = table(&[
        ("a", number(1)),
        ("b", text("text")),
        ("t", FieldValue::Bool(true)),
        ("l", FieldValue::Array(list)),
        ("tab", FieldValue::Table(table(&[("x", number(2))]))),
        ("big", FieldValue::I64(1_099_511_627_776)),
        ("bin", FieldValue::ByteArray(vec![255, 0])),
    ]);
    table(&[
        ("cluster_id", text("cl")),
        ("app_id", text("app")),
        ("user_id", text("guest")),
        ("type", text("t")),
        ("timestamp", number(1_700_000_000)),
        ("message_id", text("m")),
        ("expiration", text("60000")),
        ("reply_to", text("r")),
        ("correlation_id", text("c")),
        ("priority", number(3)),
        ("delivery_mode", number(2)),
        ("headers", FieldValue::Table(headers)),
        ("content_encoding", text("utf-8")),
        ("content_type", text("text/plain")),
    ])
}

#[test]
fn a_publish_in_text() {
    let expected = r#"
================================================================================
2026-11-29T02:42:27.282+00:00: Message published

Node:         rabbit@localhost
Connection:   127.0.0.1:58922 -> 127.0.0.1:34463
Virtual host: /
User:         guest
Channel:      1
Exchange:     amq.direct
Routing keys: [<<"k">>]
Routed queues: [<<"other">>,<<"work">>]
Properties:   [{<<"cluster_id">>,longstr,<<"cl">>},
               {<<"app_id">>,longstr,<<"app">>},
               {<<"user_id">>,longstr,<<"guest">>},
               {<<"type">>,longstr,<<"t">>},
               {<<"timestamp">>,signedint,1700000000},
               {<<"message_id">>,longstr,<<"m">>},
               {<<"expiration">>,longstr,<<"60000">>},
               {<<"reply_to">>,longstr,<<"r">>},
               {<<"correlation_id">>,longstr,<<"c">>},
               {<<"priority">>,signedint,3},
               {<<"delivery_mode">>,signedint,2},
               {<<"headers">>,table,
                [{<<"a">>,signedint,1},
                 {<<"b">>,longstr,<<"text">>},
                 {<<"t">>,bool,true},
                 {<<"l">>,array,
                  [{signedint,1},{longstr,<<"x">>},{void,undefined}]},
                 {<<"tab">>,table,[{<<"x">>,signedint,2}]},
                 {<<"big">>,long,1099511627776},
                 {<<"bin">>,binary,<<255,0>>}]},
               {<<"content_encoding">>,longstr,<<"utf-8">>},
               {<<"content_type">>,longstr,<<"text/plain">>}]
PAYLOAD
with properties
"#;
    // A space at the end of a line, which no editor leaves alone.
    let expected = expected.replace("PAYLOAD", "Payload: ");
    let written = written(TEXT, &published(everything(), b"with properties"));
    assert_eq!(String::from_utf8(written).unwrap(), expected);
}

#[test]
fn a_delivery_in_text_has_its_queue_and_raw_octets() {
    let long = [
        ("x-some-long-header-name", "with a value that is rather long indeed so that it wraps"),
        ("second-header", "also a value with some length"),
    ];
    let headers = table(&long.map(|(name, value)| (name, text(value))));
    let properties = table(&[("headers", FieldValue::Table(headers))]);
    let event = TracedEvent::Delivered { queue: b"work".to_vec() };
    let mut message = message(event, properties, b"\xff\xfe\0bin\ttab\nline");
    message.routing_keys = vec!["ké€\"q\\".into(), b"h\xe9".to_vec(), b"c2".to_vec()];
    let written = written(TEXT, &message);
    let rest = "Channel:      1\nExchange:     amq.direct\n";
    let start = written.windows(rest.len()).position(|part| part == rest.as_bytes()).unwrap();
    let (_, rest) = written.split_at(start + rest.len());
    let mut expected =
        b"Routing keys: [<<107,195,169,226,130,172,34,113,92>>,<<\"h\xe9\">>,<<\"c2\">>]\n"
            .to_vec();
    expected.extend_from_slice(
        br#"Queue:        work
Properties:   [{<<"headers">>,table,
                [{<<"x-some-long-header-name">>,longstr,
                  <<"with a value that is rather long indeed so that it wraps">>},
                 {<<"second-header">>,longstr,
                  <<"also a value with some length">>}]}]
"#,
    );
    expected.extend_from_slice(b"Payload: \n\xff\xfe\0bin\ttab\nline\n");
    assert_eq!(rest.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

#[test]
fn what_is_long_is_broken_as_erlang_breaks_it() {
    let numbers = (0..40).map(|number| number * 6).collect();
    let array = vec![
        text("an element of an array that is too long for the rest of its line, by some columns"),
        FieldValue::Array(vec![FieldValue::ByteArray(numbers), FieldValue::I64(7)]),
    ];
    let properties = table(&[("a-header-with-a-name", FieldValue::Array(array))]);
    let written = written(TEXT, &published(properties, b""));
    let written = String::from_utf8(written).unwrap();
    let start = written.find("Properties:").unwrap();
    let expected = r#"Properties:   [{<<"a-header-with-a-name">>,array,
                [{longstr,<<"an element of an array that is too long for the rest of its line, by some columns">>},
                 {array,[{binary,<<0,6,12,18,24,30,36,42,48,54,60,66,72,78,84,
                                   90,96,102,108,114,120,126,132,138,144,150,
                                   156,162,168,174,180,186,192,198,204,210,
                                   216,222,228,234>>},
                         {long,7}]}]}]
Payload: "#;
    assert_eq!(&written[start..], format!("{expected}\n\n"));
}

#[test]
fn a_line_of_json_for_each() {
    let line = r#"{"channel":1,"connection":"127.0.0.1:58922 -> 127.0.0.1:34463","exchange":"amq.direct","node":"rabbit@localhost","payload":"d2l0aCBwcm9wZXJ0aWVz","properties":{"app_id":"app","cluster_id":"cl","content_encoding":"utf-8","content_type":"text/plain","correlation_id":"c","delivery_mode":2,"expiration":"60000","headers":{"a":1,"b":"text","big":1099511627776,"bin":"Not UTF-8, base64 is: /wA=","l":[1,"x","undefined"],"t":true,"tab":{"x":2}},"message_id":"m","priority":3,"reply_to":"r","timestamp":1700000000,"type":"t","user_id":"guest"},"queue":"none","routed_queues":["other","work"],"routing_keys":["k"],"timestamp":"2026-11-29T02:42:27.282+00:00","type":"published","user":"guest","vhost":"/"}"#;
    let written_line = written(JSON, &published(everything(), b"with properties"));
    assert_eq!(String::from_utf8(written_line).unwrap(), format!("{line}\n"));

    let headers = table(&[("hé", text("€\"\\ \n\t\u{1}"))]);
    let properties = table(&[("headers", FieldValue::Table(headers))]);
    let event = TracedEvent::Delivered { queue: b"work".to_vec() };
    let mut delivered = message(event, properties, b"");
    delivered.routing_keys = vec!["ké€\"q\\".into(), b"c1".to_vec()];
    let line = r#"{"channel":1,"connection":"127.0.0.1:58922 -> 127.0.0.1:34463","exchange":"amq.direct","node":"rabbit@localhost","payload":"","properties":{"headers":{"hé":"€\"\\ \n\t\u0001"}},"queue":"work","routed_queues":"none","routing_keys":["ké€\"q\\","c1"],"timestamp":"2026-11-29T02:42:27.282+00:00","type":"received","user":"guest","vhost":"/"}"#;
    let written_line = written(JSON, &delivered);
    assert_eq!(String::from_utf8(written_line).unwrap(), format!("{line}\n"));
}
