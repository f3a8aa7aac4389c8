//! Declaring, binding and deleting over HTTP.

use std::io::Write as _;
use std::net::TcpStream;

use serde_json::json;

use crate::broker::Broker;
use crate::http::Client;
use crate::patience::until;

#[test]
fn queues_are_made_changed_and_deleted() {
    let mut broker = Broker::start();
    let guest = Client::guest(broker.management());
    let arguments = json!({ "x-max-length": 3 });
    assert_eq!(guest.put("/api/queues/%2F/a%2Fb", &json!({ "arguments": arguments })).status, 201);
    assert_eq!(guest.put("/api/queues/%2F/a%2Fb", &json!({ "arguments": arguments })).status, 204);
    let reply = guest.put("/api/queues/%2F/a%2Fb", &json!({ "durable": false }));
    let reason = "inequivalent arg 'durable' for queue 'a/b' in vhost '/': \
                  received 'false' but current is 'true'";
    assert_eq!(reply.told(), (400, "bad_request".to_owned(), json!(reason)));
    let reply = guest.put("/api/queues/%2F/other", &json!({ "durable": "maybe" }));
    let reason = json!(["not_boolean", "maybe"]);
    assert_eq!(reply.told(), (400, "bad_request".to_owned(), reason));
    let reply = guest.put("/api/queues/none/q", &json!({}));
    assert_eq!(reply.told(), (404, "not_found".to_owned(), json!("vhost_not_found")));
    broker.restart();
    let guest = Client::guest(broker.management());
    assert_eq!(guest.json("/api/queues/%2F/a%2Fb")["arguments"], arguments);
    let message = json!({
        "routing_key": "a/b", "payload": "x", "payload_encoding": "string", "properties": {},
    });
    guest.post("/api/exchanges/%2F/amq.default/publish", &message);
    let reply = guest.delete("/api/queues/%2F/a%2Fb?if-empty=true");
    let reason = json!("queue 'a/b' in vhost '/' not empty");
    assert_eq!(reply.told(), (400, "bad_request".to_owned(), reason));
    assert_eq!(guest.delete("/api/queues/%2F/a%2Fb/contents").status, 204);
    assert_eq!(guest.delete("/api/queues/%2F/a%2Fb?if-empty=true").status, 204);
    assert_eq!(guest.delete("/api/queues/%2F/a%2Fb").status, 404);
    assert_eq!(guest.delete("/api/queues/%2F/a%2Fb/contents").status, 404);
}

#[test]
fn exchanges_are_bound_by_the_key_that_the_answer_names() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let topic = json!({ "type": "topic", "durable": true });
    assert_eq!(guest.put("/api/exchanges/%2F/x", &topic).status, 201);
    assert_eq!(guest.put("/api/exchanges/%2F/x", &topic).status, 204);
    let reply = guest.put("/api/exchanges/%2F/y", &json!({ "type": "bogus" }));
    let reason = json!("unknown exchange type 'bogus'");
    assert_eq!(reply.told(), (400, "bad_request".to_owned(), reason));
    guest.put("/api/queues/%2F/q", &json!({}));
    let binding = json!({ "routing_key": "a b.#", "arguments": { "n": 1 } });
    let reply = guest.post("/api/bindings/%2F/e/x/q/q", &binding);
    assert_eq!(reply.status, 201);
    let place = format!("/api/bindings/%2F/e/x/q/{}", reply.header("location"));
    let shown = guest.json(&place);
    assert_eq!(shown["routing_key"], json!("a b.#"));
    assert_eq!(shown["arguments"], json!({ "n": 1 }));
    assert_eq!(guest.post("/api/bindings/%2F/e/x/q/q", &json!({})).header("location"), "q/%7E");
    assert_eq!(guest.json("/api/bindings/%2F/e/x/q/q").as_array().unwrap().len(), 2);
    assert_eq!(guest.json("/api/queues/%2F/q/bindings").as_array().unwrap().len(), 3);
    assert_eq!(guest.json("/api/exchanges/%2F/x/bindings/source").as_array().unwrap().len(), 2);
    assert_eq!(guest.delete(&place).status, 204);
    assert_eq!(guest.delete(&place).status, 404);
    assert_eq!(guest.delete("/api/bindings/%2F/e/x/q/q/~").status, 204);
    let reply = guest.post("/api/bindings/%2F/e/none/q/q", &json!({}));
    let reason = json!("no exchange 'none' in vhost '/'");
    assert_eq!(reply.told(), (404, "not_found".to_owned(), reason));
    assert_eq!(guest.delete("/api/exchanges/%2F/x").status, 204);
    assert_eq!(guest.delete("/api/exchanges/%2F/amq.topic").status, 400);
}

#[test]
fn a_change_needs_json_and_an_origin_of_ours() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let path = "/api/exchanges/%2F/amq.default/publish";
    for content_type in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let headers = [("content-type", content_type)];
        assert_eq!(guest.send("POST", path, &headers, "{}").status, 415, "{content_type}");
    }
    let json = ("content-type", "application/json");
    for origin in ["https://example.com", "null", "http://127.0.0.1:1"] {
        let headers = [json, ("origin", origin)];
        assert_eq!(guest.send("PUT", "/api/queues/%2F/q", &headers, "{}").status, 403, "{origin}");
        let headers = [("origin", origin)];
        assert_eq!(guest.send("DELETE", "/api/queues/%2F/q", &headers, "").status, 403, "{origin}");
    }
    let ours = format!("http://{}", broker.management());
    let headers = [json, ("origin", ours.as_str())];
    assert_eq!(guest.send("PUT", "/api/queues/%2F/q", &headers, "{}").status, 201);
}

/// A client that does not wait for its answer takes back nothing: what was begun is done.
#[test]
fn a_vhost_goes_whole_even_if_nobody_waits_for_it() {
    let mut broker = Broker::start();
    let address = broker.management();
    let guest = Client::guest(address);
    let message = json!({
        "properties": { "delivery_mode": 2 }, "routing_key": "q", "payload": "kept",
        "payload_encoding": "string",
    });
    let vhosts: Vec<String> = (0..6).map(|number| format!("passing-{number}")).collect();
    for vhost in &vhosts {
        assert_eq!(guest.put(&format!("/api/vhosts/{vhost}"), &json!({})).status, 201);
        assert_eq!(guest.put(&format!("/api/queues/{vhost}/q"), &json!({})).status, 201);
        let publish = format!("/api/exchanges/{vhost}/amq.default/publish");
        assert_eq!(guest.post(&publish, &message).status, 200);
        let mut socket = TcpStream::connect(address).unwrap();
        write!(
            socket,
            "DELETE /api/vhosts/{vhost} HTTP/1.1\r\nhost: {address}\r\nauthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\r\n"
        )
        .unwrap();
        // It has logged in by then, and is in the middle or through.
        let path = format!("/api/vhosts/{vhost}");
        until("the vhost is deleted", || guest.get(&path).status == 404);
        drop(socket);
        assert_eq!(guest.put(&format!("/api/vhosts/{vhost}"), &json!({})).status, 201);
    }
    broker.kill_and_restart();
    let guest = Client::guest(broker.management());
    for vhost in &vhosts {
        assert_eq!(guest.json(&format!("/api/queues/{vhost}")), json!([]), "{vhost}");
    }
}
