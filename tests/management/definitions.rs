//! Definitions out and in: equal, also after a way through another broker.

use std::fs;

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::http::Client;

fn policy(pattern: &str, definition: Value) -> Value {
    json!({ "pattern": pattern, "apply-to": "queues", "priority": 3, "definition": definition })
}

/// A broker with one of everything.
fn furnished() -> Broker {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    for (path, body) in [
        ("vhosts/shop", json!({ "description": "orders", "tags": ["a"] })),
        ("users/anna", json!({ "password": "pw", "tags": "monitoring" })),
        ("permissions/shop/anna", json!({ "configure": "", "write": "^a", "read": ".*" })),
        ("topic-permissions/shop/anna", json!({ "exchange": "x", "write": "^a", "read": "^b" })),
        ("user-limits/anna/max-connections", json!({ "value": 7 })),
        ("vhost-limits/shop/max-queues", json!({ "value": 70 })),
        ("policies/shop/p", policy("^c", json!({ "max-length": 9, "ha-mode": "all" }))),
        ("operator-policies/shop/o", policy("", json!({ "max-length": 99 }))),
        ("global-parameters/g", json!({ "value": { "a": null } })),
        ("cluster-name", json!({ "name": "shop@here" })),
        ("exchanges/shop/x", json!({ "type": "topic" })),
        ("exchanges/shop/y", json!({ "type": "fanout", "internal": true, "durable": false })),
        ("queues/shop/classic", json!({ "arguments": { "x-max-length": 5 } })),
        ("queues/shop/quorum", json!({ "arguments": { "x-queue-type": "quorum" } })),
        ("queues/shop/passing", json!({ "durable": false, "auto_delete": true })),
    ] {
        let reply = guest.put(&format!("/api/{path}"), &body);
        assert!(reply.status < 300, "{path}: {}", reply.text);
    }
    let binding = json!({ "routing_key": "a.#", "arguments": { "n": 1 } });
    assert_eq!(guest.post("/api/bindings/shop/e/x/q/classic", &binding).status, 201);
    assert_eq!(guest.post("/api/bindings/shop/e/x/e/y", &json!({})).status, 201);
    broker
}

/// What is to be the same everywhere, in one order.
fn export(client: &Client) -> Value {
    let mut all = client.json("/api/definitions");
    for list in all.as_object_mut().unwrap().values_mut().filter_map(Value::as_array_mut) {
        list.sort_by_key(ToString::to_string);
    }
    all
}

#[test]
fn what_one_broker_exports_another_makes() {
    let (first, second) = (furnished(), Broker::start());
    let (one, other) = (Client::guest(first.management()), Client::guest(second.management()));
    let exported = export(&one);
    assert_eq!(exported["queues"].as_array().unwrap().len(), 3);
    assert_eq!(exported["bindings"].as_array().unwrap().len(), 2);
    let policy = json!({
        "vhost": "shop", "name": "p", "pattern": "^c", "apply-to": "queues", "priority": 3,
        "definition": { "max-length": 9, "ha-mode": "all" },
    });
    assert_eq!(exported["policies"], json!([policy]));
    let components = [&exported["parameters"][0], &exported["parameters"][1]];
    let components = components.map(|parameter| parameter["component"].as_str().unwrap());
    assert_eq!(components, ["operator_policy", "vhost-limits"]);
    let parameters = json!([
        { "name": "cluster_name", "value": "shop@here" }, { "name": "g", "value": { "a": null } },
    ]);
    assert_eq!(exported["global_parameters"], parameters);
    for _ in 0..2 {
        let reply = other.post("/api/definitions", &exported);
        assert_eq!((reply.status, reply.text.as_str()), (204, ""));
        assert_eq!(export(&other), exported);
    }
    assert_eq!(other.json("/api/queues/shop/classic")["policy"], json!("p"));
    assert_eq!(other.json("/api/queues/shop/quorum")["operator_policy"], json!("o"));
    let anna = Client::user(second.management(), "anna", "pw");
    assert_eq!(anna.json("/api/whoami")["name"], json!("anna"));
}

#[test]
fn one_vhost_goes_out_and_comes_back_under_another_name() {
    let broker = furnished();
    let guest = Client::guest(broker.management());
    let exported = guest.json("/api/definitions/shop");
    assert!(exported["queues"][0].get("vhost").is_none());
    guest.put("/api/vhosts/copy", &json!({}));
    assert_eq!(guest.post("/api/definitions/copy", &exported).status, 204);
    assert_eq!(guest.json("/api/definitions/copy"), exported);
    assert_eq!(guest.get("/api/definitions/none").status, 404);
}

#[test]
fn what_is_not_understood_is_refused_before_anything_is_made() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let queue = json!({ "name": "q", "vhost": "/", "durable": true, "arguments": {} });
    let named = |mut policy: Value| {
        policy["name"] = json!("p");
        policy["vhost"] = json!("/");
        policy
    };
    let value = policy("", json!({ "dead-letter-exchange": "x" }));
    let operators =
        json!({ "component": "operator_policy", "name": "o", "vhost": "/", "value": value });
    for wrong in [
        json!({ "queues": [queue], "policies": [{ "name": "p", "vhost": "/" }] }),
        json!({ "queues": [queue], "policies": [named(policy("", json!({ "x": 1 })))] }),
        json!({ "queues": [queue], "policies": [named(policy("(", json!({ "expires": 1 })))] }),
        json!({ "queues": [queue], "parameters": [operators] }),
        json!({ "queues": [queue], "global_parameters": [{ "name": "g" }] }),
        json!({ "queues": [queue], "parameters": [{ "component": "shovel", "name": "s" }] }),
        json!({ "queues": [queue], "bindings": [{ "vhost": "/" }] }),
        json!({ "queues": [queue, { "name": "w" }] }),
        json!({ "queues": "all" }),
    ] {
        assert_eq!(guest.post("/api/definitions", &wrong).status, 400, "{wrong}");
    }
    let mut elsewhere = named(policy("", json!({ "expires": 1 })));
    elsewhere["vhost"] = json!("no");
    for (wrong, expected) in [
        (json!({ "queues": [{ "name": "q", "vhost": "no" }] }), "no vhost 'no'"),
        (json!({ "policies": [elsewhere] }), "no vhost 'no'"),
        (json!({ "permissions": [{ "user": "no", "vhost": "/" }] }), "no user 'no'"),
    ] {
        let users = json!([{ "name": "made", "password": "pw", "tags": "" }]);
        let mut wrong = wrong;
        wrong["users"] = users;
        let reason = guest.post("/api/definitions", &wrong).told().2;
        assert!(reason.as_str().unwrap().contains(expected), "{reason}");
        assert_eq!(guest.get("/api/users/made").status, 404);
    }
    assert_eq!(guest.json("/api/queues"), json!([]));
    let other = json!({ "queues": [{ "name": "q", "vhost": "/", "durable": false }] });
    assert_eq!(guest.post("/api/definitions", &json!({ "queues": [queue] })).status, 204);
    let reason = guest.post("/api/definitions", &other).told().2;
    assert!(reason.as_str().unwrap().contains("inequivalent arg 'durable'"), "{reason}");
}

#[test]
fn a_file_is_loaded_at_every_start() {
    let mut broker = furnished();
    let exported = Client::guest(broker.management()).json("/api/definitions");
    let file = broker.data_dir().with_file_name("definitions.json");
    fs::write(&file, exported.to_string()).unwrap();
    let settings = format!("[management]\nload_definitions = {:?}\n", file.to_str().unwrap());
    let guest = Client::guest(broker.management());
    guest.delete("/api/queues/shop/quorum");
    // What was changed since stays so.
    guest.delete("/api/queues/shop/classic");
    let longer = json!({ "arguments": { "x-max-length": 9 } });
    assert_eq!(guest.put("/api/queues/shop/classic", &longer).status, 201);
    assert_eq!(guest.put("/api/users/anna", &json!({ "password": "new", "tags": "" })).status, 204);
    let nothing = json!({ "configure": "", "write": "", "read": "" });
    assert_eq!(guest.put("/api/permissions/shop/anna", &nothing).status, 204);
    assert_eq!(guest.put("/api/vhost-limits/shop/max-queues", &json!({ "value": 8 })).status, 204);
    let shorter = policy("^c", json!({ "max-length": 4 }));
    assert_eq!(guest.put("/api/policies/shop/p", &shorter).status, 204);
    assert_eq!(guest.delete("/api/operator-policies/shop/o").status, 204);
    assert_eq!(guest.put("/api/global-parameters/g", &json!({ "value": 1 })).status, 204);
    broker.restart_with(&settings);
    let guest = Client::guest(broker.management());
    assert_eq!(guest.json("/api/queues/shop/quorum")["type"], json!("quorum"));
    assert_eq!(guest.json("/api/queues/shop/classic")["arguments"]["x-max-length"], json!(9));
    assert_eq!(guest.json("/api/users/anna")["tags"], json!([]));
    assert_eq!(guest.json("/api/permissions/shop/anna")["read"], json!(""));
    assert_eq!(guest.json("/api/vhost-limits/shop")[0]["value"]["max-queues"], json!(8));
    assert_eq!(guest.json("/api/policies/shop/p")["definition"], json!({ "max-length": 4 }));
    assert_eq!(guest.get("/api/operator-policies/shop/o").status, 200);
    assert_eq!(guest.json("/api/global-parameters/g")["value"], json!(1));
    assert!(broker.log_text().contains("the definitions are loaded"));
}
