//! Where a message would go, and why not elsewhere.

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::http::Client;

fn exchange(guest: &Client, name: &str, kind: &str, arguments: Value) {
    let body = json!({ "type": kind, "arguments": arguments });
    assert_eq!(guest.put(&format!("/api/exchanges/%2F/{name}"), &body).status, 201);
}

fn bind(guest: &Client, from: &str, to: (&str, &str), key: &str, arguments: Value) {
    let path = format!("/api/bindings/%2F/e/{from}/{}/{}", to.0, to.1);
    let reply = guest.post(&path, &json!({ "routing_key": key, "arguments": arguments }));
    assert_eq!(reply.status, 201, "{}", reply.text);
}

/// Topics, from there to a direct exchange with an alternate, and to one that goes by headers.
fn topology(guest: &Client) {
    for queue in ["all", "bills", "rest", "red"] {
        assert_eq!(guest.put(&format!("/api/queues/%2F/{queue}"), &json!({})).status, 201);
    }
    exchange(guest, "in", "topic", json!({}));
    exchange(guest, "eu", "direct", json!({ "alternate-exchange": "lost" }));
    exchange(guest, "lost", "fanout", json!({}));
    exchange(guest, "colours", "headers", json!({}));
    bind(guest, "in", ("q", "all"), "bill.#", json!({}));
    bind(guest, "in", ("e", "eu"), "*.eu", json!({}));
    bind(guest, "in", ("e", "colours"), "note.*", json!({}));
    bind(guest, "eu", ("q", "bills"), "bill.eu", json!({}));
    bind(guest, "lost", ("q", "rest"), "", json!({}));
    bind(guest, "colours", ("q", "red"), "", json!({ "colour": "red" }));
}

fn names(explained: &Value) -> Vec<&str> {
    explained["queues"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect()
}

/// Why each binding does not take the message, by its destination.
fn reasons(explained: &Value) -> Vec<(&str, &str)> {
    let bindings = explained["bindings"].as_array().unwrap().iter();
    let misses = bindings.filter(|binding| binding["matches"] == json!(false));
    misses
        .map(|it| (it["destination"].as_str().unwrap(), it["why_not"].as_str().unwrap()))
        .collect()
}

#[test]
fn it_tells_the_way_to_each_queue_and_publishes_nothing() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    topology(&guest);
    let explained = guest.json("/api/exchanges/%2F/in/explain?routing_key=bill.eu");
    assert_eq!((&explained["routed"], names(&explained)), (&json!(true), vec!["all", "bills"]));
    let path = explained["queues"][1]["path"].as_array().unwrap();
    let hop = |hop: &Value| {
        let text = |name: &str| hop[name].as_str().unwrap_or_default().to_owned();
        [text("source"), text("by"), text("routing_key"), text("destination")].join(" ")
    };
    let path: Vec<String> = path.iter().map(hop).collect();
    assert_eq!(path, ["in binding *.eu eu", "eu binding bill.eu bills"]);
    assert_eq!(reasons(&explained), [("colours", "the routing key does not fit the pattern")]);
    assert_eq!(explained["depends_on"], json!("routing key"));

    let body = json!({ "routing_key": "note.eu", "headers": { "colour": "blue" } });
    let explained = guest.post("/api/exchanges/%2F/in/explain", &body).json();
    assert_eq!(names(&explained), ["rest"]);
    let by = |nth: usize| explained["queues"][0]["path"][nth]["by"].clone();
    assert_eq!([by(0), by(1), by(2)], ["binding", "alternate-exchange", "binding"]);
    let expected = ("red", "the header 'colour' has another value");
    assert!(reasons(&explained).contains(&expected), "{explained}");
    assert_eq!(explained["depends_on"], json!("routing key and properties"));
    let body = json!({ "routing_key": "note.x", "properties": { "headers": { "colour": "red" } } });
    assert_eq!(names(&guest.post("/api/exchanges/%2F/in/explain", &body).json()), ["red"]);

    let shown = guest.json("/api/exchanges/%2F/in");
    assert_eq!(shown["message_stats"]["publish_in"], json!(0));
    assert_eq!(shown["unroutable"], json!(0));
    assert_eq!(guest.json("/api/queues/%2F/rest")["messages"], json!(0));
}

#[test]
fn a_message_that_goes_nowhere_is_told_why() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    topology(&guest);
    let notes = |path: &str| guest.json(path)["notes"].clone();
    let nothing = "nothing matches: the message is dropped, or returned if it is mandatory";
    assert_eq!(notes("/api/exchanges/%2F/in/explain?routing_key=x"), json!([nothing]));
    let explained = guest.json("/api/exchanges/%2F/amq.default/explain?routing_key=none");
    assert_eq!(explained["missing_queues"], json!(["none"]));
    assert_eq!(explained["notes"], json!([nothing, "there is no queue 'none'"]));
    let explained = guest.json("/api/exchanges/%2F/amq.default/explain?routing_key=all");
    assert_eq!(explained["queues"][0]["path"][0]["by"], json!("name"));
    exchange(&guest, "later", "x-delayed-message", json!({ "x-delayed-type": "fanout" }));
    bind(&guest, "later", ("q", "all"), "", json!({}));
    let body = json!({ "headers": { "x-delay": 5000 } });
    let explained = guest.post("/api/exchanges/%2F/later/explain", &body).json();
    assert_eq!((&explained["delay_ms"], names(&explained)), (&json!(5000), vec!["all"]));
    assert_eq!(guest.get("/api/exchanges/%2F/none/explain").status, 404);
    let body = json!({ "headers": { "CC": "no list" } });
    assert_eq!(guest.post("/api/exchanges/%2F/in/explain", &body).status, 400);
    let body = json!({ "headers": { "CC": ["bill.us"] } });
    assert_eq!(names(&guest.post("/api/exchanges/%2F/in/explain", &body).json()), ["all"]);
}

#[test]
fn what_is_too_much_is_cut_and_said_so() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    for number in 0..1100 {
        bind(&guest, "amq.direct", ("e", "amq.fanout"), &format!("k{number}"), json!({}));
    }
    let explained = guest.json("/api/exchanges/%2F/amq.direct/explain?routing_key=nothing");
    assert_eq!(explained["bindings"].as_array().unwrap().len(), 1000);
    assert_eq!(explained["bindings_not_shown"], json!(100));
    assert!(explained["notes"].to_string().contains("100 more bindings were not looked at"));
}

#[test]
fn who_may_not_enter_the_vhost_is_told_nothing() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    guest.put("/api/users/eve", &json!({ "password": "pw", "tags": "management" }));
    let eve = Client::user(broker.management(), "eve", "pw");
    let reply = eve.get("/api/exchanges/%2F/amq.direct/explain?routing_key=x");
    assert_eq!(reply.status, 401);
    let nothing = json!({ "configure": "^$", "write": "^$", "read": "^$" });
    guest.put("/api/permissions/%2F/eve", &nothing);
    assert_eq!(eve.get("/api/exchanges/%2F/amq.direct/explain?routing_key=x").status, 200);
}
