//! The same fields, of the same types, with the same status as RabbitMQ answers.
//!
//! `cargo xtask record-api` plays the scene on a real RabbitMQ and writes what it answers into `shapes/`; the test plays
//! it on ours and compares. A shape keeps names and types, no values. What of RabbitMQ's is missing here stands in
//! [`LEFT_OUT`], with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::{env, fs};

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::http::Client;
use crate::scene::Scene;

/// What is asked for, and the file that keeps the answer's shape.
const PATHS: &[(&str, &str)] = &[
    ("overview", "overview"),
    ("cluster-name", "cluster-name"),
    ("nodes", "nodes"),
    ("whoami", "whoami"),
    ("feature-flags", "feature-flags"),
    ("connections", "connections"),
    ("channels", "channels"),
    ("consumers", "consumers"),
    ("consumers/%2F", "consumers-of-vhost"),
    ("exchanges/%2F", "exchanges"),
    ("exchanges/%2F/letters", "exchange"),
    ("exchanges/%2F/letters/bindings/source", "bindings-source"),
    ("exchanges/%2F/letters/bindings/destination", "bindings-destination"),
    ("queues", "queues"),
    ("queues/%2F/classic", "queue-classic"),
    ("queues/%2F/quorum", "queue-quorum"),
    ("queues/%2F/exclusive", "queue-exclusive"),
    ("queues/%2F/classic/bindings", "queue-bindings"),
    ("queues?page=1&page_size=2", "queues-page"),
    ("queues?page=0", "queues-page-0"),
    ("queues?page=1&page_size=501", "queues-page-too-large"),
    ("queues?page=99", "queues-page-out-of-range"),
    ("bindings/%2F", "bindings"),
    ("bindings/%2F/e/letters/q/classic", "bindings-between"),
    ("vhosts/%2F/connections", "vhost-connections"),
    ("vhosts/%2F/channels", "vhost-channels"),
    ("policies", "policies"),
    ("policies/%2F", "policies-of-vhost"),
    ("policies/%2F/shaped", "policy"),
    ("policies/%2F/none", "no-policy"),
    ("operator-policies/%2F", "operator-policies"),
    ("operator-policies/%2F/shaped", "operator-policy"),
    ("parameters", "parameters"),
    ("parameters/vhost-limits/%2F/limits", "parameter"),
    ("parameters/none", "parameters-of-no-component"),
    ("parameters/none/%2F/x", "no-parameter"),
    ("global-parameters", "global-parameters"),
    ("global-parameters/shaped", "global-parameter"),
    ("global-parameters/none", "no-global-parameter"),
    ("health/checks/alarms", "health-alarms"),
    ("health/checks/local-alarms", "health-local-alarms"),
    ("health/checks/port-listener/1", "health-port-missing"),
    ("health/checks/protocol-listener/amqp091", "health-protocol"),
    ("health/checks/protocol-listener/xyz", "health-protocol-missing"),
    ("health/checks/virtual-hosts", "health-virtual-hosts"),
    ("health/checks/node-is-quorum-critical", "health-quorum-critical"),
    ("healthchecks/node", "healthchecks-node"),
    ("nothing", "nothing"),
    ("queues/none", "queues-of-no-vhost"),
    ("queues/%2F/none", "no-queue"),
    ("exchanges/%2F/none", "no-exchange"),
    ("connections/none", "no-connection"),
];

/// Fields of RabbitMQ's that are not here, and why; `*` is any part.
const LEFT_OUT: &[(&str, &str)] = &[
    ("*.garbage_collection", "there is no garbage to collect"),
    ("*.reductions", "Erlang's measure of work"),
    ("*.reductions_details", "Erlang's measure of work"),
    ("*.backing_queue_status", "the inside of RabbitMQ's classic queue"),
    ("*.recoverable_slaves", "mirrored queues are gone since 4.0"),
    ("overview.contexts.[].cowboy_opts", "the options of RabbitMQ's web server"),
    ("overview.contexts.[].protocol", "the options of RabbitMQ's web server"),
    ("overview.listeners.[].socket_opts.*", "the options of RabbitMQ's sockets"),
    ("nodes.[].contexts.[].cowboy_opts", "the options of RabbitMQ's web server"),
    ("nodes.[].contexts.[].protocol", "the options of RabbitMQ's web server"),
    ("nodes.[].ra_open_file_metrics", "the files of RabbitMQ's Raft"),
    ("nodes.[].gc_*", "there is no garbage to collect"),
    ("nodes.[].context_switches*", "of Erlang's processes"),
    ("nodes.[].mnesia_*", "RabbitMQ's database"),
    ("nodes.[].msg_store_*", "RabbitMQ's message store"),
    ("nodes.[].queue_index_*", "RabbitMQ's message store"),
    ("nodes.[].io_*", "what the log counts is shown, and without rates"),
    ("nodes.[].*_details", "what the overview shows with its rate has none here"),
    ("nodes.[].metrics_gc_queue_length.*", "RabbitMQ's own statistics"),
    ("*.open_files.*", "by the name of the node, which is another"),
];

/// Names and types of a value.
#[derive(Clone, Debug, Default, PartialEq)]
struct Shape {
    types: BTreeSet<String>,
    fields: BTreeMap<String, Self>,
    elements: Option<Box<Self>>,
}

impl Shape {
    fn of(value: &Value) -> Self {
        let mut shape = Self::default();
        shape.add(value);
        shape
    }

    fn add(&mut self, value: &Value) {
        let name = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        self.types.insert(name.to_owned());
        if let Value::Object(fields) = value {
            for (name, value) in fields {
                self.fields.entry(name.clone()).or_default().add(value);
            }
        }
        if let Value::Array(values) = value {
            for value in values {
                self.elements.get_or_insert_default().add(value);
            }
        }
    }

    /// `{"field": …}`, `[…]`, or the types with bars between them.
    fn to_json(&self) -> Value {
        if self.types.contains("object") {
            return self
                .fields
                .iter()
                .map(|(name, shape)| (name.clone(), shape.to_json()))
                .collect();
        }
        if self.types.contains("array") {
            return self.elements.iter().map(|shape| shape.to_json()).collect();
        }
        let types: Vec<&str> = self.types.iter().map(String::as_str).collect();
        Value::String(types.join("|"))
    }
}

/// What of `recorded` is missing in `ours`, or of another type.
fn differences(path: &str, recorded: &Value, ours: &Value, found: &mut Vec<String>) {
    match (recorded, ours) {
        (Value::Object(recorded), Value::Object(ours)) => {
            for (name, shape) in recorded {
                let path = format!("{path}.{name}");
                match ours.get(name) {
                    Some(ours) => differences(&path, shape, ours, found),
                    None if is_left_out(&path) => {}
                    None => found.push(format!("{path} is missing")),
                }
            }
        }
        (Value::Array(recorded), Value::Array(ours)) => {
            if let (Some(recorded), Some(ours)) = (recorded.first(), ours.first()) {
                differences(&format!("{path}.[]"), recorded, ours, found);
            }
        }
        (Value::String(recorded), Value::String(ours)) => {
            let known = |name: &str| recorded.split('|').any(|known| known == name);
            let fits =
                ours.split('|').all(|name| name == "null" || known(name) || recorded == "null");
            if !fits {
                found.push(format!("{path} is {ours} and not {recorded}"));
            }
        }
        // An empty list stands for an object where RabbitMQ has nothing to say, and null for anything.
        (Value::Array(empty), _) if empty.is_empty() => {}
        (Value::String(null), _) | (_, Value::String(null)) if null == "null" => {}
        _ => found.push(format!("{path} is {ours} and not {recorded}")),
    }
}

fn is_left_out(path: &str) -> bool {
    LEFT_OUT.iter().any(|(pattern, _)| {
        let (pattern, path): (Vec<&str>, Vec<&str>) =
            (pattern.split('.').collect(), path.split('.').collect());
        let fits = |pattern: &[&str], path: &[&str]| {
            pattern.len() == path.len()
                && pattern.iter().zip(path).all(|(pattern, part)| part_fits(pattern, part))
        };
        match pattern.split_first() {
            // In front of a name, it is any number of parts.
            Some((&"*", rest)) => {
                path.len() > rest.len() && fits(rest, &path[path.len() - rest.len()..])
            }
            _ => fits(&pattern, &path),
        }
    })
}

fn part_fits(pattern: &str, part: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => part.starts_with(start) && part.ends_with(end),
        None => pattern == part,
    }
}

fn file(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/management/shapes");
    folder.join(format!("{name}.json"))
}

/// Sets what the scene, which is a client's, cannot.
fn set_policies(guest: &Client) {
    let policy = json!({ "pattern": "^classic$", "definition": { "max-length": 100 } });
    for (path, body) in [
        ("policies/%2F/shaped", &policy),
        ("operator-policies/%2F/shaped", &policy),
        ("vhost-limits/%2F/max-queues", &json!({ "value": 1000 })),
        ("global-parameters/shaped", &json!({ "value": { "a": [1] } })),
    ] {
        let reply = guest.put(&format!("/api/{path}"), body);
        assert!(reply.status < 300, "{path}: {}", reply.text);
    }
}

fn ask(guest: &Client, path: &str) -> Value {
    let reply = guest.get(&format!("/api/{path}"));
    let shape = match serde_json::from_str(&reply.text) {
        Ok(value) => Shape::of(&value).to_json(),
        Err(_) => Value::Null,
    };
    json!({ "path": path, "status": reply.status, "shape": shape })
}

/// Where a RabbitMQ is that `cargo xtask record-api` has started.
fn recorded_broker() -> Option<(String, SocketAddr)> {
    let uri = env::var("PILLARBOX_RECORD_AMQP").ok()?;
    let address = env::var("PILLARBOX_RECORD_API").ok()?;
    Some((uri, address.parse().unwrap()))
}

#[test]
fn every_answer_has_rabbitmqs_shape() {
    if let Some((uri, address)) = recorded_broker() {
        let guest = Client::guest(address);
        set_policies(&guest);
        let _scene = Scene::play(&uri);
        // Its statistics are as old as that.
        std::thread::sleep(std::time::Duration::from_secs(12));
        fs::create_dir_all(file("any").parent().unwrap()).unwrap();
        for (path, name) in PATHS {
            let text = serde_json::to_string_pretty(&ask(&guest, path)).unwrap();
            fs::write(file(name), text + "\n").unwrap();
        }
        return;
    }
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    set_policies(&guest);
    let _scene = Scene::play(&broker.uri());
    for queue in ["classic", "exclusive", "quorum"] {
        guest.wait_until_idle(&format!("/api/queues/%2F/{queue}"));
    }
    let mut found = Vec::new();
    for (path, name) in PATHS {
        let recorded = fs::read_to_string(file(name))
            .unwrap_or_else(|error| panic!("{name}: {error}; `cargo xtask record-api` writes it"));
        let recorded: Value = serde_json::from_str(&recorded).unwrap();
        let ours = ask(&guest, path);
        if ours["status"] != recorded["status"] {
            found.push(format!("{path}: {} and not {}", ours["status"], recorded["status"]));
            continue;
        }
        let name = path.split(['/', '?']).next().unwrap();
        differences(name, &recorded["shape"], &ours["shape"], &mut found);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_difference_is_seen() {
    let see = |recorded: Value, ours: Value| {
        let mut found = Vec::new();
        let (recorded, ours) = (Shape::of(&recorded).to_json(), Shape::of(&ours).to_json());
        differences("queues", &recorded, &ours, &mut found);
        found
    };
    assert_eq!(see(json!([{ "a": 1 }, { "a": null }]), json!([{ "a": 2, "b": 1 }])), [""; 0]);
    assert_eq!(
        see(json!([{ "a": 1 }]), json!([{ "a": "x" }])),
        ["queues.[].a is string and not number"]
    );
    assert_eq!(see(json!([{ "a": 1 }]), json!([{}])), ["queues.[].a is missing"]);
    assert_eq!(see(json!({ "a": { "reductions": 1 } }), json!({ "a": {} })), [""; 0]);
    assert_eq!(see(json!({ "a": {} }), json!({ "a": "x" })).len(), 1);
}
