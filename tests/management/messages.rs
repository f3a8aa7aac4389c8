//! Publishing and fetching over HTTP.

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::http::Client;

fn publish(guest: &Client, key: &str, payload: &str, properties: &Value) -> Value {
    let message = json!({
        "routing_key": key, "payload": payload, "payload_encoding": "string",
        "properties": properties,
    });
    let reply = guest.post("/api/exchanges/%2F/amq.default/publish", &message);
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["routed"].clone()
}

fn get(guest: &Client, mode: &str) -> Value {
    let wish = json!({ "count": 5, "ackmode": mode, "encoding": "auto" });
    guest.post("/api/queues/%2F/box/get", &wish).json()
}

#[test]
fn a_message_goes_in_and_comes_out() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    assert_eq!(guest.put("/api/queues/%2F/box", &json!({})).status, 201);
    assert_eq!(publish(&guest, "nowhere", "lost", &json!({})), json!(false));
    let properties = json!({
        "delivery_mode": 2, "headers": { "a": [1, "x", { "b": true }] }, "priority": 1,
        "timestamp": 1_700_000_000, "type": "letter",
    });
    assert_eq!(publish(&guest, "box", "hello", &properties), json!(true));
    let first = get(&guest, "ack_requeue_true");
    let expected = json!([{
        "payload_bytes": 5, "redelivered": false, "exchange": "", "routing_key": "box",
        "message_count": 0, "properties": properties, "payload": "hello",
        "payload_encoding": "string",
    }]);
    assert_eq!(first, expected);
    assert_eq!(get(&guest, "ack_requeue_false")[0]["redelivered"], json!(true));
    assert_eq!(get(&guest, "ack_requeue_false"), json!([]));
}

#[test]
fn octets_travel_as_base64() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    guest.put("/api/queues/%2F/box", &json!({}));
    let message = json!({
        "routing_key": "box", "payload": "AP8=", "payload_encoding": "base64", "properties": {},
    });
    let reply = guest.post("/api/exchanges/%2F/amq.default/publish", &message);
    assert_eq!(reply.json(), json!({ "routed": true }));
    let shown = get(&guest, "ack_requeue_true");
    assert_eq!(shown[0]["payload"], json!("AP8="));
    assert_eq!(shown[0]["payload_encoding"], json!("base64"));
    let wish = json!({ "count": 1, "ackmode": "reject_requeue_false", "encoding": "base64", "truncate": 1 });
    let shown = guest.post("/api/queues/%2F/box/get", &wish).json();
    assert_eq!((&shown[0]["payload"], &shown[0]["payload_bytes"]), (&json!("AA=="), &json!(2)));
}

#[test]
fn a_wish_that_makes_no_sense_is_refused_in_rabbitmqs_words() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    guest.put("/api/queues/%2F/box", &json!({}));
    let bad = |reason: &str| (400, "bad_request".to_owned(), json!(reason));
    let publish = |body: Value| guest.post("/api/exchanges/%2F/amq.default/publish", &body).told();
    assert_eq!(
        publish(json!({ "routing_key": "box", "payload": "x", "properties": {} })),
        bad("[{key_missing,payload_encoding}]")
    );
    let with = |payload: &str, encoding: &str, properties: Value| {
        publish(json!({
            "routing_key": "box", "payload": payload, "payload_encoding": encoding,
            "properties": properties,
        }))
    };
    assert_eq!(with("x", "string", json!({ "headers": { "a": null } })), bad("null_not_allowed"));
    assert_eq!(with("?", "base64", json!({})).0, 400);
    assert_eq!(with("x", "rot13", json!({})), bad("unsupported encoding: rot13"));
    let message = json!({
        "routing_key": "x", "payload": "x", "payload_encoding": "string", "properties": {},
    });
    let reply = guest.post("/api/exchanges/%2F/none/publish", &message);
    assert_eq!(reply.told(), bad("404 NOT_FOUND - no exchange 'none' in vhost '/'"));
    let get = |body: Value| guest.post("/api/queues/%2F/box/get", &body).told();
    assert_eq!(get(json!({ "count": 1 })), bad("[{key_missing,ackmode},{key_missing,encoding}]"));
    assert_eq!(
        get(json!({ "count": -1, "ackmode": "ack_requeue_true", "encoding": "auto" })).0,
        400
    );
    let wish = json!({ "count": 1, "ackmode": "ack_requeue_true", "encoding": "auto" });
    assert_eq!(guest.post("/api/queues/%2F/none/get", &wish).status, 404);
}
