//! Messages that no queue was found for, kept on request.

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::http::Client;
use crate::session::Session;

const KEPT: &str = "/api/exchanges/%2F/amq.topic/unroutable";

fn keys(kept: &Value) -> Vec<&str> {
    kept["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["routing_key"].as_str().unwrap())
        .collect()
}

#[test]
fn the_last_ones_are_shown_with_who_sent_them() {
    let mut broker = Broker::start();
    let guest = Client::guest(broker.management());
    let session = Session::open(&broker.uri());
    session.publish("amq.topic", "before", b"x");
    assert_eq!(guest.json(KEPT), json!({ "keep": 0, "messages": [] }));
    assert_eq!(guest.put(KEPT, &json!({ "keep": 3 })).status, 201);
    for key in ["a", "b", "c"] {
        session.publish("amq.topic", key, b"lost");
    }
    let body = format!("{}é", "x".repeat(4095));
    session.publish("amq.topic", "long", body.as_bytes());
    let kept = guest.json(KEPT);
    assert_eq!((&kept["keep"], keys(&kept)), (&json!(3), vec!["long", "c", "b"]));
    let (long, short) = (&kept["messages"][0], &kept["messages"][1]);
    assert_eq!((&short["user"], &short["channel"]), (&json!("guest"), &json!(1)));
    let connection = guest.json("/api/connections")[0]["name"].clone();
    assert_eq!(short["connection"], connection);
    assert_eq!((&short["payload"], &short["payload_bytes"]), (&json!("lost"), &json!(4)));
    assert!(short["at"].as_str().unwrap().starts_with("20"));
    assert_eq!(long["payload_bytes"], json!(4097));
    assert_eq!(long["payload"].as_str().unwrap(), "x".repeat(4095), "no letter is cut");

    let message = json!({
        "routing_key": "http", "payload": "AP8=", "payload_encoding": "base64",
        "properties": { "headers": { "a": 1 } },
    });
    let routed = guest.post("/api/exchanges/%2F/amq.topic/publish", &message).json();
    assert_eq!(routed, json!({ "routed": false }));
    let kept = guest.json(KEPT);
    let first = &kept["messages"][0];
    assert_eq!((&first["connection"], &first["channel"]), (&Value::Null, &Value::Null));
    assert_eq!(
        (&first["payload"], &first["properties"]["headers"]),
        (&json!("AP8="), &json!({ "a": 1 }))
    );
    assert_eq!(guest.put(KEPT, &json!({ "keep": 1 })).status, 204);
    assert_eq!(keys(&guest.json(KEPT)), ["http"]);
    assert_eq!(guest.delete(KEPT).status, 204);
    assert_eq!(guest.delete(KEPT).status, 404);
    session.publish("amq.topic", "after", b"x");
    assert_eq!(guest.json(KEPT)["messages"], json!([]));

    guest.put(KEPT, &json!({ "keep": 5 }));
    broker.restart();
    let guest = Client::guest(broker.management());
    assert_eq!(guest.json(KEPT)["keep"], json!(0), "it ends with the broker");
}

#[test]
fn messages_that_are_looked_at_one_by_one_are_kept_as_well() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let session = Session::open(&broker.uri());
    for exchange in ["amq.headers", "amq.default"] {
        let path = format!("/api/exchanges/%2F/{exchange}/unroutable");
        assert_eq!(guest.put(&path, &json!({ "keep": 9 })).status, 201);
        let name = if exchange == "amq.default" { "" } else { exchange };
        session.publish(name, "nowhere", b"1");
        session.publish(name, "nowhere", b"2");
        assert_eq!(keys(&guest.json(&path)), ["nowhere", "nowhere"], "{exchange}");
    }
}

#[test]
fn a_wish_that_makes_no_sense_is_refused() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    for keep in [json!(0), json!(1001), json!(-1), json!("many")] {
        assert_eq!(guest.put(KEPT, &json!({ "keep": keep })).status, 400, "{keep}");
    }
    assert_eq!(guest.put(KEPT, &json!({})).status, 400);
    assert_eq!(guest.put("/api/exchanges/%2F/none/unroutable", &json!({ "keep": 1 })).status, 404);
}

#[test]
fn who_may_bind_may_look_and_who_may_configure_may_switch() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let session = Session::open(&broker.uri());
    guest.put("/api/users/anna", &json!({ "password": "pw", "tags": "management" }));
    let anna = Client::user(broker.management(), "anna", "pw");
    let may = |configure: &str, read: &str| {
        let rights = json!({ "configure": configure, "write": "^$", "read": read });
        guest.put("/api/permissions/%2F/anna", &rights);
    };
    may("^$", "^$");
    assert_eq!(anna.get(KEPT).status, 401);
    assert_eq!(anna.put(KEPT, &json!({ "keep": 9 })).status, 401);
    assert_eq!(anna.delete(KEPT).status, 401);
    may("^amq.topic$", "^$");
    assert_eq!(anna.put(KEPT, &json!({ "keep": 9 })).status, 201);
    session.publish("amq.topic", "eu.x", b"1");
    session.publish("amq.topic", "us.x", b"2");
    assert_eq!(anna.get(KEPT).status, 401);
    may("^$", "^amq.topic$");
    assert_eq!(keys(&anna.json(KEPT)), ["us.x", "eu.x"]);
    let topics = json!({ "exchange": "amq.topic", "write": "", "read": "^eu" });
    guest.put("/api/topic-permissions/%2F/anna", &topics);
    assert_eq!(keys(&anna.json(KEPT)), ["eu.x"], "only what may be read by topic");
}
