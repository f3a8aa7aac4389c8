//! Every path there is, as the description of the API names them: what it says to strangers, and what looking does.

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::http::Client;
use crate::scene::Scene;

const JSON: (&str, &str) = ("content-type", "application/json");

/// Every path with its verbs, and names in it of what there may be.
fn paths(guest: &Client) -> Vec<(String, Vec<String>)> {
    let node = guest.json("/api/overview")["node"].as_str().unwrap().replace('@', "%40");
    let description = guest.json("/api/openapi.json");
    let paths = description["paths"].as_object().unwrap().iter().map(|(path, item)| {
        let mut filled = path.clone();
        for (name, value) in [
            ("vhost", "%2F"),
            ("node", &*node),
            ("queue", "classic"),
            ("exchange", "amq.topic"),
            ("user", "guest"),
            ("kind", "q"),
            ("destination", "classic"),
            ("within", "1"),
            ("unit", "days"),
            ("name", "max-connections"),
            ("component", "vhost-limits"),
            ("policy", "p"),
            ("port", "5672"),
            ("protocol", "amqp"),
            ("filter", "management"),
        ] {
            filled = filled.replace(&format!("{{{name}}}"), value);
        }
        let rest = ["connection", "channel", "props", "password"];
        for name in rest {
            filled = filled.replace(&format!("{{{name}}}"), "x");
        }
        assert!(!filled.contains('{'), "{filled} has a name that this test does not know");
        let verbs = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
        (filled, verbs.map(|verb| verb.to_uppercase()).collect())
    });
    paths.collect()
}

/// The one path that needs no login: what it answers is shown in `login.rs`.
const LOGIN: &str = "/api/login";

/// Of what is open to everybody there is a short list: the page, and on its own port what Prometheus scrapes.
#[test]
fn a_stranger_is_told_nothing() {
    let broker = Broker::start();
    let (guest, nobody) = (Client::guest(broker.management()), Client::nobody(broker.management()));
    let stranger = Client::user(broker.management(), "guest", "wrong");
    let all = paths(&guest);
    assert!(all.len() > 80, "{}", all.len());
    for (path, verbs) in &all {
        let asked = verbs.iter().filter(|_| path != LOGIN);
        for verb in asked {
            let reply = nobody.send(verb, path, &[JSON], "{}");
            assert_eq!((reply.status, reply.text.as_str()), (401, ""), "{verb} {path}");
            for name in ["server", "location", "x-powered-by", "etag"] {
                assert_eq!(reply.header(name), "", "{verb} {path}");
            }
        }
        let options = nobody.send("OPTIONS", path, &[], "");
        assert_eq!((options.status, options.header("allow")), (401, ""), "{path}");
    }
    let reply = stranger.get("/api/overview");
    let said = json!({ "error": "not_authorized", "reason": "Login failed" });
    assert_eq!((reply.status, reply.json()), (401, said));
    let versions = ["3.13.7", env!("CARGO_PKG_VERSION")];
    for path in ["/", "/api/nothing", "/nothing", "/.git/config", "/../etc/passwd", "/broker.toml"]
    {
        let reply = nobody.get(path);
        assert!(reply.status == 404 || path == "/", "{path}: {}", reply.status);
        assert!(versions.iter().all(|version| !reply.text.contains(version)), "{path}");
    }
    // There, numbers and the names of queues are all that is told.
    let scraper = Client::nobody(broker.metrics());
    for path in ["/api/overview", "/api/definitions", "/", "/metrics/x"] {
        assert_eq!(scraper.get(path).status, 404, "{path}");
    }
}

/// Everything that was declared, and what is in the queues.
fn state(guest: &Client) -> Value {
    let queues = guest.json("/api/queues?columns=name,messages_ready,messages_unacknowledged");
    json!([guest.json("/api/definitions"), queues])
}

#[test]
fn looking_changes_nothing() {
    let broker = Broker::start();
    let scene = Scene::play(&broker.uri());
    let guest = Client::guest(broker.management());
    let before = state(&guest);
    for (path, verbs) in paths(&guest) {
        if verbs.iter().any(|verb| verb == "GET") {
            let reply = guest.get(&path);
            let is_known = matches!(reply.status, 200 | 400 | 404 | 503);
            assert!(is_known, "{path}: {} {}", reply.status, reply.text);
            assert_eq!(guest.send("HEAD", &path, &[], "").text, "", "{path}");
        }
    }
    assert_eq!(state(&guest), before);
    drop(scene);
}

/// A tag that opens a path for looking opens none for changing.
#[test]
fn who_may_only_look_changes_nothing() {
    let broker = Broker::start();
    let scene = Scene::play(&broker.uri());
    let guest = Client::guest(broker.management());
    let paths = paths(&guest);
    for tag in ["", "management", "policymaker", "monitoring", "impersonator"] {
        let user = json!({ "password": "pw", "tags": tag });
        assert!(guest.put("/api/users/eve", &user).status < 300);
        let eve = Client::user(broker.management(), "eve", "pw");
        let before = state(&guest);
        for (path, verbs) in paths.iter().filter(|(path, _)| path != LOGIN) {
            for verb in verbs.iter().filter(|verb| *verb != "GET") {
                if tag == "policymaker" && path.contains("/global-parameters/") {
                    // These are what the tag is for; policies need access to a vhost, too.
                    continue;
                }
                let reply = eve.send(verb, path, &[JSON], "{}");
                let is_nothing =
                    path.contains("/connections/") && matches!(reply.status, 204 | 404);
                assert!(
                    reply.status == 401 || is_nothing,
                    "{tag}: {verb} {path}: {}",
                    reply.status
                );
            }
        }
        assert_eq!(state(&guest), before, "{tag}");
        assert_eq!(guest.json("/api/connections").as_array().unwrap().len(), 1, "{tag}");
    }
    drop(scene);
}

/// What is asked before tools do anything, and how a node answers that is alone.
#[test]
fn small_questions_are_answered_as_rabbitmq_does() {
    let broker = Broker::start();
    let scene = Scene::play(&broker.uri());
    let guest = Client::guest(broker.management());
    let ok = json!({ "status": "ok" });
    for check in [
        "certificate-expiration/1/months",
        "reached-target-cluster-size",
        "metadata-store/initialized",
        "metadata-store/initialized/with-data",
    ] {
        assert_eq!(guest.json(&format!("/api/health/checks/{check}")), ok, "{check}");
    }
    let limit = guest.json("/api/health/checks/below-node-connection-limit");
    assert_eq!(limit, json!({ "status": "ok", "connections": 1, "limit": "infinity" }));
    assert_eq!(guest.json("/api/auth"), json!({ "oauth_enabled": false }));
    let node = guest.json("/api/overview")["node"].as_str().unwrap().to_owned();
    let start = |vhost: &str, node: &str| {
        guest.post(&format!("/api/vhosts/{vhost}/start/{node}"), &json!({})).status
    };
    assert_eq!((start("%2F", &node), start("no", &node), start("%2F", "other")), (204, 404, 404));
    let own = guest.json("/api/users/guest/queues?columns=name");
    assert_eq!(own, json!([{ "name": "exclusive" }]));
    assert_eq!(guest.get("/api/users/nobody/queues").status, 404);
    drop(scene);
}

#[test]
fn the_parts_of_the_memory_are_told_in_percents_too() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let node = guest.json("/api/overview")["node"].as_str().unwrap().to_owned();
    let memory = |path: &str| guest.json(&format!("/api/nodes/{node}/memory{path}"));
    let (bytes, percents) = (memory("")["memory"].clone(), memory("/relative")["memory"].clone());
    let (bytes, percents) = (bytes.as_object().unwrap(), percents.as_object().unwrap());
    assert_eq!(percents["total"], 100);
    let mut parts: Vec<&String> = bytes.keys().filter(|name| *name != "strategy").collect();
    parts.sort_unstable();
    let mut shown: Vec<&String> = percents.keys().collect();
    shown.sort_unstable();
    assert_eq!(shown, parts);
    let parts = percents.iter().filter(|(name, _)| *name != "total");
    let sum: u64 = parts.map(|(_, part)| part.as_u64().unwrap()).sum();
    assert!((99..=101).contains(&sum), "{percents:?}");
    for path in ["", "/relative", "/management", "/management/relative"] {
        let tables = memory(&format!("/ets{path}"));
        assert_eq!(tables, json!({ "ets_tables_memory": "no_tables" }), "{path}");
    }
    for path in ["relative", "ets", "ets/relative", "ets/x", "ets/x/relative"] {
        let path = format!("/api/nodes/other@node/memory/{path}");
        assert_eq!(guest.get(&path).status, 404, "{path}");
    }
    assert_eq!(guest.get(&format!("/api/nodes/{node}/memory/other")).status, 404);
}

#[test]
fn a_queue_has_no_actions_left() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    guest.put("/api/queues/%2F/q", &json!({}));
    let act = |path: &str, body| guest.post(&format!("/api/queues/{path}/actions"), &body).told();
    let bad = |reason| (400, "bad_request".to_owned(), reason);
    for action in [json!("sync"), json!("cancel_sync"), json!("fly"), json!(5), json!(null)] {
        assert_eq!(act("%2F/q", json!({ "action": action })), bad(json!(["unknown", action])));
    }
    assert_eq!(act("%2F/q", json!({})), bad(json!("[{key_missing,action}]")));
    assert_eq!(act("%2F/q", json!([])), bad(json!("not_json")));
    let missing = |reason| (404, "not_found".to_owned(), json!(reason));
    let sync = json!({ "action": "sync" });
    assert_eq!(act("%2F/none", sync.clone()), missing("queue_not_found"));
    assert_eq!(act("none/q", sync.clone()), missing("vhost_not_found"));
    let user = json!({ "password": "pw", "tags": "monitoring" });
    assert!(guest.put("/api/users/eve", &user).status < 300);
    let eve = Client::user(broker.management(), "eve", "pw");
    assert_eq!(eve.post("/api/queues/%2F/q/actions", &sync).status, 401);
}
