//! Definitions that cannot be made: all that is wrong is named, and nothing is made.

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::http::Client;

/// Imports something beside a user and a queue that are well: what is said, and that nothing was made.
#[track_caller]
fn refused(guest: &Client, wrong: &Value) -> String {
    let mut document = json!({
        "users": [{ "name": "made", "password": "pw", "tags": "" }],
        "queues": [{ "name": "made", "vhost": "/" }],
        "exchanges": [{ "name": "made", "vhost": "/", "type": "fanout" }],
    });
    for (key, entries) in wrong.as_object().unwrap() {
        let known = document.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let entries = known.into_iter().chain(entries.as_array().unwrap().iter().cloned());
        document[key] = entries.collect();
    }
    let before = guest.json("/api/definitions");
    let (status, error, reason) = guest.post("/api/definitions", &document).told();
    assert_eq!((status, error.as_str()), (400, "bad_request"), "{wrong}: {reason}");
    assert_eq!(guest.json("/api/definitions"), before, "{wrong}: {reason}");
    reason.as_str().unwrap().to_owned()
}

#[test]
fn what_is_wrong_is_named_with_the_thing_that_has_it() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let of = |list: &str, entry: Value| json!({ list: [entry] });
    for (wrong, object, mistake) in [
        (of("vhosts", json!({ "name": "a\nb" })), "vhost 'a\nb'", "control characters"),
        (
            of(
                "policies",
                json!({
                    "name": "", "vhost": "/", "pattern": "", "definition": { "max-length": 1 },
                }),
            ),
            "policy ''",
            "name",
        ),
        (
            of(
                "policies",
                json!({
                    "name": "p", "vhost": "none", "pattern": "", "definition": { "expires": 1 },
                }),
            ),
            "policy 'p' in vhost 'none'",
            "there is no vhost 'none'",
        ),
        (
            of(
                "policies",
                json!({
                    "name": "p", "vhost": "/", "pattern": "",
                    "definition": { "dead-letter-routing-key": "k".repeat(300) },
                }),
            ),
            "policy 'p'",
            "is not a valid dead letter routing key",
        ),
        (
            of("global_parameters", json!({ "name": "cluster_name", "value": "" })),
            "global parameter 'cluster_name'",
            "name",
        ),
        (
            of("vhosts", json!({ "name": "v", "default_queue_type": "stream" })),
            "vhost 'v'",
            "Unsupported queue type 'stream'",
        ),
        (of("users", json!({ "name": "u" })), "user 'u'", "tags_not_present"),
        (of("users", json!({ "name": "u:v", "tags": "" })), "user 'u:v'", "no colon"),
        (of("users", json!({ "name": "u", "tags": "", "password_hash": "?" })), "user 'u'", "hash"),
        (
            of("users", json!({ "name": "u", "tags": "", "limits": { "max-queues": 1 } })),
            "user 'u'",
            "max-queues is no limit of users",
        ),
        (
            of("users", json!({ "name": "u", "tags": "", "limits": { "max-conections": 1 } })),
            "user 'u'",
            "Unrecognised terms [max-conections] in limits",
        ),
        (
            of(
                "permissions",
                json!({
                    "user": "made", "vhost": "/", "configure": "(", "write": "", "read": "",
                }),
            ),
            "permission of user 'made' in vhost '/'",
            "a pattern cannot be used",
        ),
        (
            of("permissions", json!({ "user": "made", "vhost": "/", "write": "" })),
            "permission of user 'made' in vhost '/'",
            "{key_missing,configure}",
        ),
        (
            of(
                "topic_permissions",
                json!({
                    "user": "made", "vhost": "no", "exchange": "x", "write": "", "read": "",
                }),
            ),
            "topic permission of user 'made' in vhost 'no'",
            "there is no vhost 'no'",
        ),
        (
            of(
                "parameters",
                json!({
                    "component": "vhost-limits", "vhost": "/", "name": "limits",
                    "value": { "max-queues": 9, "max-everything": 1 },
                }),
            ),
            "limits in vhost '/'",
            "Unrecognised terms [{<<\"max-everything\">>,1}] in limits",
        ),
        (
            of(
                "parameters",
                json!({
                    "component": "vhost-limits", "vhost": "/", "name": "limits",
                    "value": { "max-queues": "many" },
                }),
            ),
            "limits in vhost '/'",
            "max-queues should be a number, actually was <<\"many\">>",
        ),
        (
            of(
                "parameters",
                json!({
                    "component": "vhost-limits", "vhost": "/", "name": "limits",
                    "value": { "max-queues": 0 },
                }),
            ),
            "queue 'made' in vhost '/'",
            "limit",
        ),
        (
            of("exchanges", json!({ "name": "x", "vhost": "/", "type": "bogus" })),
            "exchange 'x' in vhost '/'",
            "bogus",
        ),
        (
            of("exchanges", json!({ "name": "amq.x", "vhost": "/", "type": "fanout" })),
            "exchange 'amq.x' in vhost '/'",
            "reserved prefix",
        ),
        (
            of("exchanges", json!({ "name": "amq.topic", "vhost": "/", "type": "fanout" })),
            "exchange 'amq.topic' in vhost '/'",
            "inequivalent arg 'type'",
        ),
        (
            of("queues", json!({ "name": "q", "vhost": "/", "arguments": { "x-max-length": -1 } })),
            "queue 'q' in vhost '/'",
            "x-max-length",
        ),
        (
            of("queues", json!({ "name": "q", "vhost": "/", "durable": "maybe" })),
            "queue 'q' in vhost '/'",
            "not_boolean",
        ),
        (
            of("queues", json!({ "name": "made", "vhost": "/", "durable": false })),
            "queue 'made' in vhost '/'",
            "inequivalent arg 'durable'",
        ),
        (of("queues", json!({ "name": "q" })), "queue 'q'", "{key_missing,vhost}"),
        (of("queues", json!({ "vhost": "/" })), "queue '?' in vhost '/'", "{key_missing,name}"),
        (
            of(
                "bindings",
                json!({
                    "source": "made", "vhost": "/", "destination": "no", "destination_type": "queue",
                }),
            ),
            "binding from 'made' to 'no' in vhost '/'",
            "no queue 'no' in vhost '/'",
        ),
        (
            of(
                "bindings",
                json!({
                    "source": "no", "vhost": "/", "destination": "made", "destination_type": "queue",
                }),
            ),
            "binding from 'no' to 'made' in vhost '/'",
            "no exchange 'no' in vhost '/'",
        ),
        (
            of(
                "bindings",
                json!({
                    "source": "amq.headers", "vhost": "/", "destination": "made",
                    "destination_type": "queue", "arguments": { "x-match": "some" },
                }),
            ),
            "binding from 'amq.headers' to 'made' in vhost '/'",
            "x-match",
        ),
        (
            of(
                "bindings",
                json!({
                    "source": "made", "vhost": "/", "destination": "made", "destination_type": "q",
                }),
            ),
            "binding from 'made' to 'made' in vhost '/'",
            "nothing is bound to a 'q'",
        ),
    ] {
        let reason = refused(&guest, &wrong);
        assert!(reason.contains(object) && reason.contains(mistake), "{wrong}: {reason}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let reason = refused(
        &guest,
        &json!({
            "vhosts": [{ "name": "v" }],
            "queues": [
                { "name": "one", "vhost": "/", "arguments": { "x-expires": 0 } },
                { "name": "good", "vhost": "v" },
                { "name": "two", "vhost": "gone" },
                { "name": "three", "vhost": "gone" },
            ],
            "bindings": [{
                "source": "amq.topic", "vhost": "v", "destination": "good",
                "destination_type": "queue",
            }],
            "users": [{ "name": "guest", "tags": "" }],
        }),
    );
    assert!(reason.starts_with("3 things are wrong, and nothing was made: "), "{reason}");
    for part in ["queue 'one' in vhost '/'", "there is no vhost 'gone'", "nobody would be left"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    let many: Vec<Value> = (0..50).map(|at| json!({ "name": at.to_string() })).collect();
    let reason = refused(&guest, &json!({ "queues": many }));
    assert!(reason.starts_with("50 things are wrong") && reason.ends_with("; and 30 more"));
}

#[test]
fn the_administrator_is_handed_over_in_one_document() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let document = json!({ "users": [
        { "name": "guest", "password": "guest", "tags": "monitoring" },
        { "name": "root", "password": "pw", "tags": ["administrator"] },
    ] });
    assert_eq!(guest.post("/api/definitions", &document).status, 204);
    assert_eq!(guest.json("/api/whoami")["tags"], json!(["monitoring"]));
    let root = Client::user(broker.management(), "root", "pw");
    let (status, _, reason) = root.delete("/api/users/root").told();
    assert_eq!(status, 400);
    assert!(reason.as_str().unwrap().contains("'root' is the last administrator"), "{reason}");
    let lowered = root.put("/api/users/root", &json!({ "tags": "management", "password": "pw" }));
    assert_eq!(lowered.status, 400);
    assert_eq!(root.post("/api/users/bulk-delete", &json!({ "users": ["root"] })).status, 400);
    assert_eq!(root.delete("/api/users/guest").status, 204);
}

#[test]
fn limits_go_out_and_in_with_their_vhost() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    guest.put("/api/vhosts/a", &json!({}));
    guest.put("/api/vhosts/b", &json!({}));
    guest.put("/api/vhost-limits/a/max-queues", &json!({ "value": 7 }));
    let exported = guest.json("/api/definitions/a");
    let limits = json!([{
        "component": "vhost-limits", "name": "limits", "value": { "max-queues": 7 },
    }]);
    assert_eq!(exported["parameters"], limits);
    assert_eq!(guest.post("/api/definitions/b", &exported).status, 204);
    assert_eq!(guest.json("/api/vhost-limits/b")[0]["value"], json!({ "max-queues": 7 }));
    // They are all that is limited then, as if they had been set as a parameter.
    let other = json!({ "parameters": [{
        "component": "vhost-limits", "name": "limits", "value": { "max-connections": 5 },
    }] });
    assert_eq!(guest.post("/api/definitions/b", &other).status, 204);
    assert_eq!(guest.json("/api/vhost-limits/b")[0]["value"], json!({ "max-connections": 5 }));
    let wrong = json!({ "parameters": [{
        "component": "vhost-limits", "name": "limits", "value": { "max-exchanges": 7 },
    }] });
    assert_eq!(guest.post("/api/definitions/b", &wrong).status, 400);
}
