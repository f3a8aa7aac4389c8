//! Looking into a queue without touching it; deleting, moving and redriving single messages.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::http::Client;
use crate::session::Session;

/// Queues keep next to nothing in memory.
const PAGED: &str = "[store]\nqueue_resident_bytes_max = '64KiB'\n";

fn declare(guest: &Client, queue: &str, arguments: Value) {
    let reply = guest.put(&format!("/api/queues/%2F/{queue}"), &json!({ "arguments": arguments }));
    assert_eq!(reply.status, 201, "{}", reply.text);
}

fn look(guest: &Client, queue: &str, query: &str) -> Value {
    guest.json(&format!("/api/queues/%2F/{queue}/messages?{query}"))
}

/// A field of each message that is shown.
fn each(contents: &Value, field: &str) -> Vec<Value> {
    contents["messages"].as_array().unwrap().iter().map(|message| message[field].clone()).collect()
}

fn payloads(contents: &Value) -> Vec<String> {
    each(contents, "payload").iter().map(|payload| payload.as_str().unwrap().to_owned()).collect()
}

/// The ids of what waits, the next to go out first.
fn ids(guest: &Client, queue: &str) -> Vec<Value> {
    each(&look(guest, queue, "count=100"), "id")
}

fn act(guest: &Client, queue: &str, action: &str, body: &Value) -> Value {
    let reply = guest.post(&format!("/api/queues/%2F/{queue}/messages/{action}"), body);
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

fn publish(guest: &Client, to: (&str, &str), payload: &str, properties: &Value) {
    let message = json!({
        "routing_key": to.1, "payload": payload, "payload_encoding": "string",
        "properties": properties,
    });
    let reply = guest.post(&format!("/api/exchanges/%2F/{}/publish", to.0), &message);
    assert_eq!(reply.json(), json!({ "routed": true }));
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| format!("message {number}")).collect()
}

fn bodies(texts: &[String]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Waits until a queue holds so many messages: dead letters go their way after the answer.
fn wait_for(guest: &Client, queue: &str, messages: u64) {
    for _ in 0..500 {
        if guest.json(&format!("/api/queues/%2F/{queue}"))["messages"] == json!(messages) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("{queue} never has {messages} messages");
}

#[test]
fn a_look_leaves_no_trace() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let session = Session::open(&broker.uri());
    declare(&guest, "box", json!({ "x-message-ttl": 600_000 }));
    session.publish_all("box", &bodies(&numbers(0..30)), 2);
    let stats = || guest.json("/api/queues/%2F/box")["message_stats"].clone();
    let before = stats();
    let first = look(&guest, "box", "");
    assert_eq!(payloads(&first), numbers(0..25));
    assert_eq!((&first["next_offset"], &first["compared"]), (&json!(25), &json!(25)));
    let rest = look(&guest, "box", "offset=25&count=100");
    assert_eq!(payloads(&rest), numbers(25..30));
    assert_eq!(rest["next_offset"], Value::Null);
    assert_eq!(each(&rest, "position"), [25, 26, 27, 28, 29].map(|n| json!(n)));
    assert_eq!(payloads(&look(&guest, "box", "offset=30")), numbers(0..0));
    let message = &first["messages"][0];
    assert_eq!((&message["state"], &message["redelivered"]), (&json!("ready"), &json!(false)));
    assert_eq!((&message["exchange"], &message["routing_key"]), (&json!(""), &json!("box")));
    assert!(message["age_ms"].as_u64().unwrap() < 600_000 && message["in_log"] == json!(true));
    publish(&guest, ("amq.default", "box"), "transient", &json!({}));
    let transient = &look(&guest, "box", "offset=30")["messages"][0];
    assert_eq!((&transient["age_ms"], &transient["in_log"]), (&Value::Null, &json!(false)));
    assert!(message["expires_in_ms"].as_u64().unwrap() > 300_000);
    assert_eq!(message["properties"]["delivery_mode"], json!(2));
    let after = stats();
    for count in ["get", "deliver_get", "redeliver", "ack", "get_empty"] {
        assert_eq!(after[count], before[count], "{count}");
    }
    let drained = session.drain("box");
    let all = numbers(0..30).into_iter().chain(["transient".to_owned()]);
    assert_eq!(drained, all.map(|body| (body, false)).collect::<Vec<_>>());
}

#[test]
fn what_a_consumer_has_is_shown_with_the_consumer() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let session = Session::open(&broker.uri());
    declare(&guest, "box", json!({}));
    session.publish_all("box", &bodies(&numbers(0..3)), 1);
    assert!(session.fetch("box").is_some());
    let _consumer = session.consume("box", "reader");
    let unacked = look(&guest, "box", "state=unacked");
    assert_eq!(payloads(&unacked), numbers(0..3));
    assert_eq!(each(&unacked, "consumer_tag"), [Value::Null, json!("reader"), json!("reader")]);
    let connection = guest.json("/api/connections")[0]["name"].clone();
    assert_eq!(each(&unacked, "connection")[1], connection);
    assert!(ids(&guest, "box").is_empty());
    let id = &each(&unacked, "id")[1];
    let deleted = act(&guest, "box", "delete", &json!({ "ids": [id, "999999999"] }));
    assert_eq!((&deleted["deleted"], &deleted["left"]), (&json!(0), &json!(2)));
    assert_eq!(deleted["reasons"][0], json!({ "id": id, "reason": "a consumer has it" }));
    assert_eq!(deleted["reasons"][1]["reason"], json!("it is not in this queue"));
}

#[test]
fn a_header_or_a_text_finds_messages() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    declare(&guest, "box", json!({}));
    for number in 0..6 {
        let headers =
            json!({ "tenant": if number % 2 == 0 { "acme" } else { "other" }, "n": number });
        let payload = format!("body of number {number}");
        publish(&guest, ("amq.default", "box"), &payload, &json!({ "headers": headers }));
    }
    publish(&guest, ("amq.default", "box"), "no headers", &json!({}));
    let found = |query: &str| each(&look(&guest, "box", query), "position");
    assert_eq!(found("header=tenant%3Dacme"), [0, 2, 4].map(|n| json!(n)));
    assert_eq!(found("header=tenant%3Dacme&count=1&offset=1"), [json!(2)]);
    assert_eq!(found("header=n%3D3"), [json!(3)]);
    assert_eq!(found("header=n").len(), 6);
    assert_eq!(found("body=number%204"), [json!(4)]);
    assert_eq!(found("body=body&header=tenant%3Dother"), [1, 3, 5].map(|n| json!(n)));
    assert_eq!(look(&guest, "box", "body=nothing")["compared"], json!(7));
    let cut = look(&guest, "box", "count=1&truncate=4");
    assert_eq!(
        (&cut["messages"][0]["payload"], &cut["messages"][0]["payload_bytes"]),
        (&json!("body"), &json!(16))
    );
    let base64 = look(&guest, "box", "count=1&truncate=4&encoding=base64");
    assert_eq!(base64["messages"][0]["payload"], json!("Ym9keQ=="));
    for query in ["count=0", "count=101", "offset=x", "state=dead", "encoding=rot13", "truncate=-1"]
    {
        assert_eq!(
            guest.get(&format!("/api/queues/%2F/box/messages?{query}")).status,
            400,
            "{query}"
        );
    }
}

#[test]
fn a_long_search_says_how_far_it_came() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let session = Session::open(&broker.uri());
    declare(&guest, "box", json!({}));
    session.publish_all("box", &bodies(&numbers(0..12_000)), 1);
    let (mut offset, mut found, mut answers) = (0, Vec::new(), 0);
    loop {
        let contents = look(&guest, "box", &format!("body=999&offset={offset}"));
        assert!(contents["compared"].as_u64().unwrap() <= 10_256, "{contents}");
        found.extend(payloads(&contents));
        answers += 1;
        let Some(next) = contents["next_offset"].as_u64() else { break };
        assert!(next > offset);
        offset = next;
    }
    assert!(answers >= 2, "it does not look at all of them for one answer");
    let expected: Vec<_> = numbers(0..12_000).into_iter().filter(|it| it.contains("999")).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_is_on_the_disk_is_shown_deleted_and_moved_like_everything_else() {
    let broker = Broker::start_with(PAGED);
    let guest = Client::guest(broker.management());
    let session = Session::open(&broker.uri());
    declare(&guest, "box", json!({}));
    declare(&guest, "other", json!({}));
    let text = |number: u32| format!("{number:04} {}", "x".repeat(4000));
    let long = |range: std::ops::Range<u32>| -> Vec<String> { range.map(text).collect() };
    session.publish_all("box", &bodies(&long(0..100)), 2);
    session.publish_all("box", &bodies(&long(100..200)), 1);
    let paged = guest.json("/api/queues/%2F/box")["messages_paged_out"].as_u64().unwrap();
    assert!(paged > 100, "{paged}");
    let mut seen = Vec::new();
    for offset in [0, 100] {
        let contents = look(&guest, "box", &format!("count=100&truncate=10000&offset={offset}"));
        assert!(each(&contents, "readable").iter().all(|it| *it == json!(true)));
        seen.extend(payloads(&contents));
    }
    assert_eq!(seen, long(0..200));
    let found = look(&guest, "box", "body=0150%20x&truncate=4");
    assert_eq!(
        (payloads(&found), each(&found, "position")),
        (vec!["0150".to_owned()], vec![json!(150)])
    );
    let chosen = |positions: &[usize]| -> Vec<Value> {
        let mut ids = each(&look(&guest, "box", "count=100&truncate=0"), "id");
        ids.extend(each(&look(&guest, "box", "count=100&offset=100&truncate=0"), "id"));
        positions.iter().map(|position| ids[*position].clone()).collect()
    };
    let body = json!({ "ids": chosen(&[0, 50, 150, 199]) });
    assert_eq!(act(&guest, "box", "delete", &body)["deleted"], json!(4));
    let body = json!({ "ids": chosen(&[0, 60, 160]), "queue": "other" });
    assert_eq!(act(&guest, "box", "move", &body)["moved"], json!(3));
    let bodies = |queue: &str| -> Vec<String> {
        session.drain(queue).into_iter().map(|(body, _)| body).collect()
    };
    assert_eq!(bodies("other"), [text(1), text(62), text(163)]);
    let gone = [0, 50, 150, 199, 1, 62, 163];
    let left: Vec<_> = (0..200).filter(|it| !gone.contains(it)).map(text).collect();
    assert_eq!(bodies("box"), left);
}

#[test]
fn deleted_messages_stay_deleted_after_a_kill() {
    let mut broker = Broker::start();
    let guest = Client::guest(broker.management());
    let session = Session::open(&broker.uri());
    for (queue, arguments) in [
        ("classic", json!({})),
        ("quorum", json!({ "x-queue-type": "quorum" })),
        ("levels", json!({ "x-max-priority": 9 })),
    ] {
        declare(&guest, queue, arguments);
        session.publish_all(queue, &bodies(&numbers(0..10)), 2);
    }
    publish(
        &guest,
        ("amq.default", "levels"),
        "first",
        &json!({ "priority": 5, "delivery_mode": 2 }),
    );
    assert_eq!(payloads(&look(&guest, "levels", "count=2")), ["first", "message 0"]);
    assert_eq!(each(&look(&guest, "levels", "count=2"), "priority_level"), [json!(5), json!(0)]);
    for queue in ["classic", "quorum", "levels"] {
        let ids = ids(&guest, queue);
        let deleted = act(&guest, queue, "delete", &json!({ "ids": [ids[0], ids[4], ids[9]] }));
        assert_eq!(deleted, json!({ "deleted": 3, "left": 0, "reasons": [], "done": true }));
    }
    broker.kill_and_restart();
    let guest = Client::guest(broker.management());
    let left = ["1", "2", "3", "5", "6", "7", "8"].map(|number| format!("message {number}"));
    assert_eq!(payloads(&look(&guest, "classic", "")), left);
    assert_eq!(payloads(&look(&guest, "quorum", "")), left);
    let left = ["0", "1", "2", "4", "5", "6", "7", "9"].map(|number| format!("message {number}"));
    assert_eq!(payloads(&look(&guest, "levels", "")), left);
}

#[test]
fn a_move_is_durable_when_it_is_answered() {
    let mut broker = Broker::start();
    let guest = Client::guest(broker.management());
    let session = Session::open(&broker.uri());
    for (queue, arguments) in
        [("from", json!({})), ("quorum", json!({ "x-queue-type": "quorum" })), ("to", json!({}))]
    {
        declare(&guest, queue, arguments);
    }
    session.publish_all("from", &bodies(&numbers(0..2000)), 2);
    session.publish_all("quorum", &bodies(&numbers(2000..2010)), 1);
    let done = json!({ "moved": 2000, "left": 0, "reasons": [], "done": true });
    assert_eq!(act(&guest, "from", "move", &json!({ "all": true, "queue": "to" })), done);
    let kept = ids(&guest, "quorum");
    let body = json!({ "ids": [kept[3]], "exchange": "amq.default", "routing_key": "from" });
    assert_eq!(act(&guest, "quorum", "move", &body)["moved"], json!(1));
    broker.kill_and_restart();
    let guest = Client::guest(broker.management());
    let session = Session::open(&broker.uri());
    let bodies = |queue: &str| -> Vec<String> {
        session.drain(queue).into_iter().map(|(body, _)| body).collect()
    };
    assert_eq!(bodies("to"), numbers(0..2000));
    assert_eq!(guest.json("/api/queues/%2F/quorum")["messages"], json!(9));
    // It was transient, and a classic queue keeps nothing of that over a restart.
    assert_eq!(bodies("from"), numbers(0..0));
}

/// The bodies of everything that waits.
fn all(guest: &Client, queue: &str) -> BTreeSet<String> {
    let (mut all, mut offset) = (BTreeSet::new(), Some(0));
    while let Some(from) = offset {
        let contents = look(guest, queue, &format!("count=100&offset={from}"));
        all.extend(payloads(&contents));
        offset = contents["next_offset"].as_u64();
    }
    all
}

/// Sends a request and does not wait for the answer.
fn post_and_go(broker: &Broker, path: &str, body: &Value) -> TcpStream {
    let body = body.to_string();
    let mut stream = TcpStream::connect(broker.management()).unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        broker.management(),
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

#[test]
fn a_broker_that_is_killed_in_the_middle_of_a_move_loses_nothing() {
    let mut broker = Broker::start();
    let guest = Client::guest(broker.management());
    let session = Session::open(&broker.uri());
    for queue in ["from", "to"] {
        declare(&guest, queue, json!({}));
    }
    session.publish_all("from", &bodies(&numbers(0..20_000)), 2);
    let path = "/api/queues/%2F/from/messages/move";
    let waiting = post_and_go(&broker, path, &json!({ "all": true, "queue": "to" }));
    // The second portion begins once the first one is flushed.
    while guest.json("/api/queues/%2F/to")["messages"].as_u64().unwrap() <= 500 {
        std::thread::yield_now();
    }
    broker.kill_and_restart();
    drop(waiting);
    let guest = Client::guest(broker.management());
    let (from, to) = (all(&guest, "from"), all(&guest, "to"));
    assert!(!from.is_empty() && !to.is_empty(), "it was killed in the middle");
    let both = from.intersection(&to).count();
    assert!(both <= 500, "one portion may be in both queues: {both}");
    assert_eq!(&from | &to, numbers(0..20_000).into_iter().collect());
}

#[test]
fn what_is_refused_stays_where_it_is() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let session = Session::open(&broker.uri());
    declare(&guest, "from", json!({}));
    declare(&guest, "full", json!({ "x-max-length": 3, "x-overflow": "reject-publish" }));
    session.publish_all("from", &bodies(&numbers(0..5)), 2);
    let before = ids(&guest, "from");
    let moved = act(&guest, "from", "move", &json!({ "all": true, "queue": "full" }));
    assert_eq!(
        (&moved["moved"], &moved["left"], &moved["done"]),
        (&json!(3), &json!(2), &json!(true))
    );
    assert_eq!(moved["reasons"][0], json!({ "id": before[3], "reason": "queue 'full' is full" }));
    assert_eq!(ids(&guest, "from"), before[3..]);
    let nowhere = json!({ "all": true, "exchange": "amq.direct", "routing_key": "nowhere" });
    let moved = act(&guest, "from", "move", &nowhere);
    assert_eq!((&moved["moved"], &moved["left"]), (&json!(0), &json!(2)));
    assert_eq!(moved["reasons"][0]["reason"], json!("nothing matches: it would reach no queue"));
    let expected = ["message 3", "message 4"].map(|body| (body.to_owned(), false));
    assert_eq!(session.drain("from"), expected, "and nobody is told that it was looked at");
    let refused = |body: Value| guest.post("/api/queues/%2F/from/messages/move", &body).status;
    assert_eq!(refused(json!({ "all": true, "queue": "none" })), 404);
    assert_eq!(refused(json!({ "all": true, "exchange": "none", "routing_key": "x" })), 404);
    assert_eq!(refused(json!({ "all": true, "queue": "from" })), 400);
    assert_eq!(refused(json!({ "all": true })), 400);
    assert_eq!(refused(json!({ "queue": "full" })), 400);
    assert_eq!(refused(json!({ "ids": [], "all": true, "queue": "full" })), 400);
    assert_eq!(refused(json!({ "ids": ["x"], "queue": "full" })), 400);
    assert_eq!(
        guest.post("/api/queues/%2F/none/messages/delete", &json!({ "ids": [] })).status,
        404
    );
}

#[test]
fn what_would_be_delayed_and_then_lost_stays_where_it_is() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let later = json!({
        "type": "x-delayed-message", "arguments": { "x-delayed-type": "direct" },
    });
    assert_eq!(guest.put("/api/exchanges/%2F/later", &later).status, 201);
    declare(&guest, "from", json!({}));
    declare(&guest, "to", json!({}));
    let delayed = json!({ "headers": { "x-delay": 100 } });
    publish(&guest, ("amq.default", "from"), "precious", &delayed);
    let nowhere = json!({ "all": true, "exchange": "later", "routing_key": "nobody" });
    let left = act(&guest, "from", "move", &nowhere);
    assert_eq!((&left["moved"], &left["left"]), (&json!(0), &json!(1)), "{left}");
    let binding = json!({ "routing_key": "somebody" });
    assert_eq!(guest.post("/api/bindings/%2F/e/later/q/to", &binding).status, 201);
    let there = json!({ "all": true, "exchange": "later", "routing_key": "somebody" });
    assert_eq!(act(&guest, "from", "move", &there)["moved"], json!(1));
    wait_for(&guest, "to", 1);
    assert_eq!(payloads(&look(&guest, "to", "")), ["precious"]);
}

#[test]
fn dead_letters_go_back_to_where_they_died_first() {
    let mut broker = Broker::start();
    let guest = Client::guest(broker.management());
    let session = Session::open(&broker.uri());
    declare(
        &guest,
        "work",
        json!({ "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead" }),
    );
    declare(&guest, "dead", json!({}));
    let bind = json!({ "routing_key": "jobs.#" });
    assert_eq!(guest.post("/api/bindings/%2F/e/amq.topic/q/work", &bind).status, 201);
    for number in 0..4 {
        let properties = json!({ "delivery_mode": 2, "headers": { "n": number } });
        publish(&guest, ("amq.topic", "jobs.eu"), &format!("job {number}"), &properties);
    }
    session.reject("work", 4);
    wait_for(&guest, "dead", 4);
    // Who writes a history into a message is not believed.
    let forged = json!({
        "x-first-death-queue": "other", "x-first-death-reason": "rejected", "x-first-death-exchange": "",
        "x-death": [{ "queue": "other", "reason": "rejected", "exchange": "", "routing-keys": ["other"] }],
    });
    declare(&guest, "other", json!({}));
    publish(
        &guest,
        ("amq.default", "dead"),
        "stray",
        &json!({ "delivery_mode": 2, "headers": forged }),
    );
    let dead = look(&guest, "dead", "");
    assert_eq!(dead["messages"][0]["properties"]["headers"]["x-first-death-queue"], json!("work"));
    let first = json!({ "ids": [dead["messages"][1]["id"]] });
    assert_eq!(act(&guest, "dead", "redrive", &first)["moved"], json!(1));
    let moved = act(&guest, "dead", "redrive", &json!({ "all": true }));
    assert_eq!((&moved["moved"], &moved["left"]), (&json!(3), &json!(1)));
    assert_eq!(moved["reasons"][0]["reason"], json!("it is no dead letter"));
    broker.kill_and_restart();
    let guest = Client::guest(broker.management());
    let session = Session::open(&broker.uri());
    let work = look(&guest, "work", "");
    assert_eq!(payloads(&work), ["job 1", "job 0", "job 2", "job 3"]);
    let message = &work["messages"][0];
    assert_eq!(
        (&message["exchange"], &message["routing_key"]),
        (&json!("amq.topic"), &json!("jobs.eu"))
    );
    let headers = &message["properties"]["headers"];
    assert_eq!((&headers["n"], &headers["x-death"][0]["count"]), (&json!(1), &json!(1)));
    assert_eq!(payloads(&look(&guest, "dead", "")), ["stray"]);
    session.reject("work", 1);
    wait_for(&guest, "dead", 2);
    let again = look(&guest, "dead", "offset=1");
    let death = &again["messages"][0]["properties"]["headers"]["x-death"][0];
    assert_eq!(
        (&death["count"], &death["queue"]),
        (&json!(2), &json!("work")),
        "it dies as before"
    );
    assert_eq!(guest.delete("/api/queues/%2F/work").status, 204);
    let moved = act(&guest, "dead", "redrive", &json!({ "all": true }));
    assert_eq!(moved["reasons"][1]["reason"], json!("there is no queue 'work' any more"));
}

#[test]
fn rights_are_those_of_a_client() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    for queue in ["from", "to"] {
        declare(&guest, queue, json!({}));
        publish(&guest, ("amq.default", queue), "secret", &json!({}));
    }
    guest.put("/api/users/anna", &json!({ "password": "pw", "tags": "management" }));
    let anna = Client::user(broker.management(), "anna", "pw");
    let may = |write: &str, read: &str| {
        let rights = json!({ "configure": ".*", "write": write, "read": read });
        guest.put("/api/permissions/%2F/anna", &rights);
    };
    let id = ids(&guest, "from")[0].clone();
    let post = |action: &str, body: Value| {
        anna.post(&format!("/api/queues/%2F/from/messages/{action}"), &body)
    };
    let to_queue = || post("move", json!({ "all": true, "queue": "to" }));
    may(".*", "^to$");
    for reply in [
        anna.get("/api/queues/%2F/from/messages"),
        post("delete", json!({ "ids": [id] })),
        to_queue(),
        post("redrive", json!({ "all": true })),
    ] {
        assert_eq!(reply.status, 401, "{}", reply.text);
        assert!(!reply.text.contains("secret"));
    }
    may("^to$", "^from$");
    assert_eq!(anna.get("/api/queues/%2F/from/messages").status, 200);
    let reply = to_queue();
    assert_eq!(reply.status, 401, "that is the default exchange's to allow: {}", reply.text);
    may("^amq\\.(topic|default)$", "^from$");
    let topics = json!({ "exchange": "amq.topic", "write": "^eu", "read": "" });
    guest.put("/api/topic-permissions/%2F/anna", &topics);
    let bind = json!({ "routing_key": "#" });
    guest.post("/api/bindings/%2F/e/amq.topic/q/to", &bind);
    let topic = |key: &str| {
        post("move", json!({ "ids": [id], "exchange": "amq.topic", "routing_key": key }))
    };
    assert_eq!(topic("us.x").status, 401);
    assert_eq!(topic("eu.x").json()["moved"], json!(1));
    assert_eq!(guest.json("/api/queues/%2F/to")["messages"], json!(2));
}
