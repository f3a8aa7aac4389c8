//! Traces: what is published and delivered is written into files, as with RabbitMQ's plugin `rabbitmq_tracing`.
//!
//! `traces/recorded.txt` and `traces/recorded.json` are what RabbitMQ 3.10.8 wrote of [`play`]; only the node, the
//! connection and the time are written as `NODE`, `CONNECTION` and `TIME`.

use std::fs;
use std::os::unix::fs::symlink;

use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, ByteArray, FieldArray, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::http::Client;
use crate::patience::{until, until_some};
use crate::session::Session;

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

fn headers<const COUNT: usize>(fields: [(&str, AMQPValue); COUNT]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in fields {
        table.insert(name.into(), value);
    }
    table
}

async fn publish(
    channel: &Channel,
    (exchange, key): (&str, &str),
    properties: BasicProperties,
    body: &[u8],
) {
    let options = BasicPublishOptions::default();
    let published = channel.basic_publish(exchange.into(), key.into(), options, body, properties);
    published.await.unwrap().await.unwrap();
}

/// Five messages that are published, and one that is delivered.
async fn play(channel: &Channel) {
    for queue in ["other", "work"] {
        let (options, none) = (QueueDeclareOptions::default(), FieldTable::default());
        channel.queue_declare(queue.into(), options, none.clone()).await.unwrap();
        let options = QueueBindOptions::default();
        let bound =
            channel.queue_bind(queue.into(), "amq.direct".into(), "k".into(), options, none);
        bound.await.unwrap();
    }
    let list = vec![AMQPValue::LongInt(1), text("x"), AMQPValue::Void];
    let all = BasicProperties::default()
        .with_content_type("text/plain".into())
        .with_content_encoding("utf-8".into())
        .with_headers(headers([
            ("a", AMQPValue::LongInt(1)),
            ("b", text("text")),
            ("big", AMQPValue::LongLongInt(1 << 40)),
            ("bin", AMQPValue::ByteArray(ByteArray::from(vec![255, 0]))),
            ("l", AMQPValue::FieldArray(FieldArray::from(list))),
            ("t", AMQPValue::Boolean(true)),
            ("tab", AMQPValue::FieldTable(headers([("x", AMQPValue::LongInt(2))]))),
        ]))
        .with_delivery_mode(2)
        .with_priority(3)
        .with_correlation_id("c".into())
        .with_reply_to("r".into())
        .with_expiration("60000".into())
        .with_message_id("m".into())
        .with_timestamp(1_700_000_000)
        .with_type("t".into())
        .with_user_id("guest".into())
        .with_app_id("app".into())
        .with_cluster_id("cl".into());
    publish(channel, ("amq.direct", "k"), all, b"with properties").await;
    let none = BasicProperties::default;
    publish(channel, ("amq.direct", "nobody"), none(), b"lost").await;
    publish(channel, ("", "work"), none(), "grüß €\n\ttab".as_bytes()).await;
    let carbon = FieldArray::from(vec![text("c1"), text("c2")]);
    let odd = headers([("CC", AMQPValue::FieldArray(carbon)), ("hé", text("€\"\\ \n\t\u{1}"))]);
    publish(channel, ("amq.direct", "ké€\"q\\"), none().with_headers(odd), b"").await;
    let long = headers([
        ("second-header", text("also a value with some length")),
        (
            "x-some-long-header-name",
            text("with a value that is rather long indeed so that it wraps"),
        ),
    ]);
    let body = "longer than eighty ".repeat(8);
    publish(channel, ("amq.direct", "k"), none().with_headers(long), body.as_bytes()).await;
    let options = BasicGetOptions { no_ack: true };
    channel.basic_get("work".into(), options).await.unwrap().unwrap();
}

#[track_caller]
fn start(guest: &Client, name: &str, options: &Value) {
    let reply = guest.put(&format!("/api/traces/%2F/{name}"), options);
    assert_eq!((reply.status, reply.text.as_str()), (201, ""));
}

/// What a trace has written, once that has so many lines.
#[track_caller]
fn written(guest: &Client, file: &str, lines: usize) -> String {
    until_some(file, || {
        let reply = guest.get(&format!("/api/trace-files/{file}"));
        assert_eq!((reply.status, reply.header("content-type")), (200, "text/plain"));
        (reply.text.lines().count() >= lines).then_some(reply.text)
    })
}

fn lines_of_json(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn rabbitmqs_formats_to_the_octet() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    start(&guest, "text", &json!({ "format": "text", "pattern": "#" }));
    start(&guest, "json", &json!({ "format": "json", "pattern": "#" }));
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let properties = ConnectionProperties::default();
        let connection = Connection::connect(&broker.uri(), properties).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        play(&channel).await;
    });
    let recorded = include_str!("traces/recorded.json");
    let line_count = recorded.lines().count();
    let in_json = written(&guest, "json.log", line_count);
    let mut in_text = guest.get("/api/trace-files/text.log").text;
    let recorded_text = include_str!("traces/recorded.txt");
    until("all is written", || {
        in_text = guest.get("/api/trace-files/text.log").text;
        in_text.lines().count() >= recorded_text.lines().count()
    });
    let first = &lines_of_json(&in_json)[0];
    let value = |name: &str| first[name].as_str().unwrap().to_owned();
    let (node, connection) = (value("node"), value("connection"));
    assert!(connection.ends_with(&format!(" -> {}", broker.addr())), "{connection}");
    let times: Vec<String> = lines_of_json(&in_json)
        .iter()
        .map(|line| line["timestamp"].as_str().unwrap().to_owned())
        .collect();
    assert!(times.iter().all(|time| time.starts_with("20") && time.ends_with("+00:00")));
    let nameless = |text: &str| {
        let text = text.replace(&connection, "CONNECTION").replace(&node, "NODE");
        times.iter().fold(text, |text, time| text.replace(time, "TIME"))
    };
    assert_eq!(nameless(&in_json), recorded);
    assert_eq!(nameless(&in_text), recorded_text);
}

#[test]
fn a_pattern_chooses_and_bodies_are_cut() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    guest.put("/api/queues/%2F/work", &json!({}));
    let traces = [
        ("publishes", json!({ "format": "json", "pattern": "publish.#", "max_payload_bytes": 5 })),
        ("deliveries", json!({ "format": "json", "pattern": "deliver.work" })),
        ("empty", json!({ "format": "json", "pattern": "#", "max_payload_bytes": 0 })),
        ("nothing", json!({ "format": "json", "pattern": "" })),
    ];
    for (name, options) in &traces {
        start(&guest, name, options);
    }
    let session = Session::open(&broker.uri());
    session.publish("", "work", b"123456789");
    session.publish("", "work", b"1234");
    session.drain("work");
    let payloads = |name: &str, count| {
        let lines = lines_of_json(&written(&guest, &format!("{name}.log"), count));
        let told = |line: &Value| {
            (
                line["type"].as_str().unwrap().to_owned(),
                line["payload"].as_str().unwrap().to_owned(),
            )
        };
        lines.iter().map(told).collect::<Vec<_>>()
    };
    let pair = |kind: &str, payload: &str| (kind.to_owned(), payload.to_owned());
    assert_eq!(
        payloads("publishes", 2),
        [pair("published", "MTIzNDU="), pair("published", "MTIzNA==")]
    );
    assert_eq!(
        payloads("deliveries", 2),
        [pair("received", "MTIzNDU2Nzg5"), pair("received", "MTIzNA==")]
    );
    assert!(payloads("empty", 4).iter().all(|(_, payload)| payload.is_empty()));
    until("it was counted", || guest.json("/api/traces/%2F/publishes")["written"] == 2);
    let node = guest.json("/api/overview")["node"].clone();
    let publishes = json!({
        "queue": { "messages": 0, "messages_ready": 0, "node": node, "vhost": "/" },
        "vhost": "/", "name": "publishes", "format": "json", "pattern": "publish.#",
        "max_payload_bytes": 5, "written": 2, "left_out": 0, "failure": null,
    });
    assert_eq!(guest.json("/api/traces/%2F/publishes"), publishes);
    let all = guest.json("/api/traces");
    let names: Vec<&Value> = all.as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["deliveries", "empty", "nothing", "publishes"]);
    assert_eq!(all[3], publishes);
    assert_eq!(all[0]["max_payload_bytes"], Value::Null);
    assert_eq!(guest.json("/api/traces/%2F"), all);
    assert_eq!(guest.json("/api/traces/none"), json!([]));
    assert_eq!(guest.get("/api/trace-files/nothing.log").text, "");
    let files = guest.json("/api/trace-files");
    let size = guest.get("/api/trace-files/publishes.log").text.len();
    assert_eq!(files[3], json!({ "name": "publishes.log", "size": size }));
}

#[test]
fn a_vhost_is_traced_for_as_long_as_it_has_traces() {
    let mut broker = Broker::start();
    let guest = Client::guest(broker.management());
    let session = Session::open(&broker.uri());
    let is_traced = |guest: &Client| guest.json("/api/vhosts/%2F")["tracing"] == true;
    let options = json!({ "format": "json", "pattern": "#" });
    let path = "/api/traces/%2F/one";
    assert!(!is_traced(&guest));
    start(&guest, "one", &options);
    start(&guest, "two", &options);
    assert!(is_traced(&guest));
    let again = guest.put(path, &json!({ "format": "text", "pattern": "x" }));
    assert_eq!(again.status, 400);
    assert_eq!(guest.json(path)["format"], "json", "the first one goes on");

    session.publish("", "nowhere", b"1");
    written(&guest, "one.log", 1);
    // Its room is free at once, and it goes on.
    assert_eq!(guest.delete("/api/trace-files/one.log").status, 204);
    assert_eq!(guest.delete("/api/trace-files/one.log").status, 404);
    session.publish("", "nowhere", b"2");
    until("the file is there again", || guest.get("/api/trace-files/one.log").status == 200);
    assert_eq!(lines_of_json(&written(&guest, "one.log", 1))[0]["payload"], "Mg==");

    // What was taken is written before a trace has ended.
    for _ in 0..200 {
        session.publish("", "nowhere", b"3");
    }
    assert_eq!(guest.delete(path).status, 204);
    assert_eq!(guest.get("/api/trace-files/one.log").text.lines().count(), 201);
    assert_eq!((guest.get(path).status, guest.delete(path).status), (404, 404));
    assert!(is_traced(&guest));
    session.publish("", "nowhere", b"4");
    assert_eq!(guest.delete("/api/traces/%2F/two").status, 204);
    assert!(!is_traced(&guest));
    session.publish("", "nowhere", b"5");
    assert_eq!(guest.get("/api/trace-files/one.log").text.lines().count(), 201);
    assert_eq!(guest.get("/api/trace-files/two.log").text.lines().count(), 203);

    // A trace of the same name goes on behind what is there. None outlives the broker, but what it wrote does.
    start(&guest, "one", &options);
    session.publish("", "nowhere", b"6");
    written(&guest, "one.log", 202);
    broker.kill_and_restart();
    let guest = Client::guest(broker.management());
    assert_eq!(guest.json("/api/traces"), json!([]));
    assert!(!is_traced(&guest));
    assert_eq!(guest.get("/api/trace-files/one.log").text.lines().count(), 202);

    // It is traced for itself, too.
    assert_eq!(guest.put("/api/vhosts/%2F", &json!({ "tracing": true })).status, 204);
    start(&guest, "one", &options);
    let session = Session::open(&broker.uri());
    session.publish("", "nowhere", b"7");
    broker.restart();
    let guest = Client::guest(broker.management());
    assert_eq!(guest.json("/api/traces"), json!([]));
    assert!(is_traced(&guest));
    assert_eq!(guest.get("/api/trace-files/one.log").text.lines().count(), 203);
}

#[test]
fn a_trace_goes_with_its_vhost() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    guest.put("/api/vhosts/v", &json!({}));
    let options = json!({ "format": "text", "pattern": "#" });
    assert_eq!(guest.put("/api/traces/v/one", &options).status, 201);
    assert_eq!(guest.put("/api/traces/none/one", &options).status, 404);
    start(&guest, "one", &options);
    assert_eq!(guest.json("/api/traces").as_array().unwrap().len(), 2);
    assert_eq!(guest.json("/api/traces/v")[0]["vhost"], "v");
    assert_eq!(guest.delete("/api/vhosts/v").status, 204);
    assert_eq!(guest.json("/api/traces").as_array().unwrap().len(), 1);
    assert_eq!(guest.get("/api/traces/v/one").status, 404);
    guest.put("/api/vhosts/v", &json!({}));
    assert_eq!(guest.json("/api/traces/v"), json!([]));
    assert_eq!(guest.json("/api/vhosts/v")["tracing"], false);

    // There is one already, in another vhost.
    for number in 1..16 {
        start(&guest, &format!("many-{number}"), &options);
    }
    let (status, _, reason) = guest.put("/api/traces/v/one", &options).told();
    assert_eq!(
        (status, reason),
        (400, json!("there are 16 traces already, and no more at a time"))
    );
    assert_eq!(guest.delete("/api/traces/%2F/many-7").status, 204);
    assert_eq!(guest.put("/api/traces/v/one", &options).status, 201);
}

#[test]
fn what_makes_no_sense_is_refused_in_rabbitmqs_words() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let path = "/api/traces/%2F/wrong";
    for (body, reason) in [
        (json!({}), "[{key_missing,format},{key_missing,pattern}]"),
        (json!({ "format": "text" }), "[{key_missing,pattern}]"),
        (json!({ "format": "xml", "pattern": "#" }), "format not json or text"),
        (json!({ "format": 1, "pattern": "#" }), "format not json or text"),
        (
            json!({ "format": "x", "pattern": "#", "max_payload_bytes": "5" }),
            "max_payload_bytes not integer",
        ),
        (
            json!({ "format": "text", "pattern": "#", "max_payload_bytes": 1.5 }),
            "max_payload_bytes not integer",
        ),
        (
            json!({ "format": "text", "pattern": "#", "max_payload_bytes": null }),
            "max_payload_bytes not integer",
        ),
        (
            json!({ "format": "text", "pattern": "#", "max_payload_bytes": -1 }),
            "max_payload_bytes is negative",
        ),
        (json!({ "format": "text", "pattern": 1 }), "pattern should be a text"),
        (json!([]), "not_json"),
    ] {
        let told = guest.put(path, &body).told();
        assert_eq!(told, (400, "bad_request".to_owned(), json!(reason)), "{body}");
    }
    let long = json!({ "format": "text", "pattern": "x".repeat(256) });
    assert_eq!(guest.put(path, &long).status, 400);
    assert_eq!(guest.json("/api/traces"), json!([]));
    assert_eq!(guest.json("/api/trace-files"), json!([]));
    assert_eq!(guest.send("POST", path, &[], "").status, 405);

    let (node, other) = (guest.json("/api/overview")["node"].clone(), "other@x");
    let node = node.as_str().unwrap().to_owned();
    let options = json!({ "format": "text", "pattern": "#" });
    let nodedown = json!("Node other@x could not be contacted: {badrpc,nodedown}");
    for path in ["", "/%2F", "/%2F/one"] {
        let told = guest.get(&format!("/api/traces/node/{other}{path}")).told();
        assert_eq!(told, (400, "bad_request".to_owned(), nodedown.clone()));
    }
    assert_eq!(guest.put(&format!("/api/traces/node/{other}/%2F/one"), &options).status, 400);
    for path in ["", "/one.log"] {
        let told = guest.get(&format!("/api/trace-files/node/{other}{path}")).told();
        assert_eq!(told, (400, "bad_request".to_owned(), nodedown.clone()));
    }
    let (traces, files) =
        (format!("/api/traces/node/{node}"), format!("/api/trace-files/node/{node}"));
    let one = format!("{traces}/%2F/one");
    assert_eq!(guest.put(&one, &options).status, 201);
    assert_eq!(guest.json(&one), guest.json("/api/traces/%2F/one"));
    assert_eq!(guest.json(&format!("{traces}/%2F")), guest.json("/api/traces"));
    assert_eq!(guest.json(&traces), guest.json("/api/traces"));
    assert_eq!(guest.delete(&one).status, 204);
    assert_eq!(guest.json(&files), json!([{ "name": "one.log", "size": 0 }]));
    assert_eq!(guest.get(&format!("{files}/one.log")).status, 200);
    assert_eq!(guest.delete(&format!("{files}/one.log")).status, 204);
}

#[test]
fn a_named_user_has_to_be_one_and_is_not_kept() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    guest.put("/api/users/ann", &json!({ "password": "Sesame42", "tags": "" }));
    let options = |user: &str, password: &str| {
        json!({
            "format": "text", "pattern": "#",
            "tracer_connection_username": user, "tracer_connection_password": password,
        })
    };
    let path = "/api/traces/%2F/one";
    for (user, password) in [("guest", "wrong"), ("nobody", "x"), ("ann", "Sesame42")] {
        assert_eq!(guest.put(path, &options(user, password)).status, 400, "{user}");
        assert_eq!(guest.get(path).status, 404);
    }
    let everything = json!({ "configure": ".*", "write": ".*", "read": ".*" });
    guest.put("/api/permissions/%2F/ann", &everything);
    assert_eq!(guest.put(path, &options("ann", "Sesame42")).status, 201);
    let shown = guest.get(path).text + &guest.get("/api/traces").text;
    assert!(!shown.contains("ann") && !shown.contains("Sesame42"), "{shown}");
    assert!(!broker.log_text().contains("Sesame42"));
    assert_eq!(guest.put("/api/traces/%2F/two", &options("", "x")).status, 201);
}

#[test]
fn only_administrators_trace() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let options = json!({ "format": "text", "pattern": "#" });
    start(&guest, "one", &options);
    let everything = json!({ "configure": ".*", "write": ".*", "read": ".*" });
    let paths = [
        ("GET", "/api/traces"),
        ("GET", "/api/traces/%2F"),
        ("GET", "/api/traces/%2F/one"),
        ("PUT", "/api/traces/%2F/two"),
        ("DELETE", "/api/traces/%2F/one"),
        ("GET", "/api/trace-files"),
        ("GET", "/api/trace-files/one.log"),
        ("DELETE", "/api/trace-files/one.log"),
    ];
    let json = [("content-type", "application/json")];
    for (tag, missing) in [
        ("", "Not management user"),
        ("management", "Not administrator user"),
        ("policymaker", "Not administrator user"),
        ("monitoring", "Not administrator user"),
    ] {
        guest.put("/api/users/eve", &json!({ "password": "pw", "tags": tag }));
        guest.put("/api/permissions/%2F/eve", &everything);
        let eve = Client::user(broker.management(), "eve", "pw");
        for (verb, path) in paths {
            let told = eve.send(verb, path, &json, &options.to_string()).told();
            let expected = (401, "not_authorised".to_owned(), json!(missing));
            assert_eq!(told, expected, "{tag}: {verb} {path}");
        }
    }
    // Who administers needs no permission in the vhost.
    guest.put("/api/users/eve", &json!({ "password": "pw", "tags": "administrator" }));
    guest.delete("/api/permissions/%2F/eve");
    let eve = Client::user(broker.management(), "eve", "pw");
    for (verb, path) in paths {
        let status = eve.send(verb, path, &json, &options.to_string()).status;
        assert!((200..300).contains(&status), "{verb} {path}: {status}");
    }
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let options = json!({ "format": "text", "pattern": "#" });
    let long = "n".repeat(252);
    for name in [
        "..%2Fx",
        "%2E%2E%2Fx",
        "a%2Fb",
        "%2Fetc%2Fx",
        "a%5Cb",
        "a%00b",
        "a%0Ab",
        "a%7Fb",
        ".hidden",
        "..x",
        &*long,
    ] {
        let path = format!("/api/traces/%2F/{name}");
        let (status, _, reason) = guest.put(&path, &options).told();
        assert_eq!(status, 400, "{name}");
        assert!(reason.as_str().unwrap().contains("1 to 251 octets"), "{reason}");
        assert_eq!(guest.get(&path).status, 404, "{name}");
    }
    let traces = broker.data_dir().join("traces");
    assert!(!traces.exists());
    for name in ["na%20me", "%C3%A9", "a..b", &long[..251]] {
        start(&guest, name, &options);
    }
    assert_eq!(guest.get("/api/trace-files/%C3%A9.log").status, 200);

    let outside = broker.data_dir().join("outside");
    fs::write(&outside, "secret").unwrap();
    symlink(&outside, traces.join("link.log")).unwrap();
    symlink(broker.data_dir(), traces.join("folder")).unwrap();
    assert_eq!(guest.put("/api/traces/%2F/link", &options).status, 400);
    for (name, status) in [
        ("..%2Foutside", 400),
        ("%2E%2E%2Foutside", 400),
        ("folder%2Foutside", 400),
        ("%2Fetc%2Fpasswd", 400),
        ("..", 400),
        (".hidden", 400),
        ("%C3%A9.log%00", 400),
        ("link.log", 404),
        ("folder", 404),
        ("none.log", 404),
    ] {
        let path = format!("/api/trace-files/{name}");
        // What is no name for the client's library is none for the server either.
        let path = path.replace("/..", "/%2E%2E");
        assert_eq!(guest.get(&path).status, status, "{name}");
        assert_eq!(guest.delete(&path).status, status, "{name}");
    }
    assert_eq!(fs::read_to_string(&outside).unwrap(), "secret");
    assert_eq!(guest.json("/api/trace-files").as_array().unwrap().len(), 4);
}

#[test]
fn a_large_file_is_sent_whole() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let text = "a line of some sixty octets, of which there are very many.\n".repeat(2_000_000);
    fs::create_dir(broker.data_dir().join("traces")).unwrap();
    fs::write(broker.data_dir().join("traces/large.log"), &text).unwrap();
    // The first request takes what its password's hash needs.
    assert_eq!(guest.get("/api/trace-files").status, 200);
    let before = resident_kib(&broker);
    let reply = guest.get("/api/trace-files/large.log");
    assert_eq!((reply.status, reply.header("content-type")), (200, "text/plain"));
    assert!(reply.text == text, "{} octets of {}", reply.text.len(), text.len());
    let grown = resident_kib(&broker).saturating_sub(before);
    assert!(grown < 32 * 1024, "it took {grown} KiB");
    let files = guest.json("/api/trace-files");
    assert_eq!(files, json!([{ "name": "large.log", "size": text.len() }]));
}

/// The most that the broker has had in memory.
fn resident_kib(broker: &Broker) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", broker.pid().unwrap())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_trace_leaves_the_disk_to_the_log() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    guest.put("/api/queues/%2F/work", &json!({}));
    let session = Session::open(&broker.uri());
    session.publish_all("work", &vec![b"x".to_vec(); 1000], 1);
    start(&guest, "one", &json!({ "format": "text", "pattern": "#" }));
    let keep_free = |bytes: u64| {
        assert_eq!(guest.put("/api/node-limits/disk-free", &json!({ "value": bytes })).status, 204);
    };
    let count = |name: &str| guest.json("/api/traces/%2F/one")[name].as_u64().unwrap();
    let fetch_until_it_writes = |what: &str| {
        let (mut counted, written) = (count("written") + count("left_out"), count("written"));
        until(what, || {
            session.fetch("work").unwrap();
            counted += 1;
            until("it is counted", || count("written") + count("left_out") == counted);
            count("written") > written
        });
    };
    keep_free(1 << 60);
    session.fetch("work").unwrap();
    until("it is left out", || count("left_out") == 1);
    assert_eq!(guest.get("/api/trace-files/one.log").text, "");
    assert!(broker.log_text().contains("a trace leaves messages out"));
    keep_free(1);
    fetch_until_it_writes("it goes on");

    // Somebody removes the folder, which is made again.
    let folder = broker.data_dir().join("traces");
    fs::remove_dir_all(&folder).unwrap();
    fetch_until_it_writes("it is written again");
    assert!(guest.get("/api/trace-files/one.log").text.contains("Payload: \nx"));

    // Somebody puts something else in its place.
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "no folder").unwrap();
    let (written, left_out) = (count("written"), count("left_out"));
    session.fetch("work").unwrap();
    until("it fails", || guest.json("/api/traces/%2F/one")["failure"].is_string());
    assert!(broker.log_text().contains("a trace cannot write to its file"));
    session.fetch("work").unwrap();
    until("it counts on", || count("left_out") == left_out + 2);
    assert_eq!(count("written"), written);
    fs::remove_file(&folder).unwrap();
    assert_eq!(guest.delete("/api/traces/%2F/one").status, 204);
    start(&guest, "one", &json!({ "format": "text", "pattern": "#" }));
}

#[test]
fn without_a_data_folder_there_are_no_files() {
    let broker = Broker::start_in_memory();
    let guest = Client::guest(broker.management());
    let options = json!({ "format": "text", "pattern": "#" });
    let (status, error, reason) = guest.put("/api/traces/%2F/one", &options).told();
    assert_eq!((status, &*error), (400, "bad_request"));
    assert!(reason.as_str().unwrap().contains("in memory"), "{reason}");
    assert_eq!(guest.json("/api/traces"), json!([]));
    assert_eq!(guest.json("/api/trace-files"), json!([]));
    assert_eq!(guest.get("/api/trace-files/one.log").status, 404);
    assert_eq!(guest.json("/api/vhosts/%2F")["tracing"], false);
}
