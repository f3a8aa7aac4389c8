//! Policies over HTTP, as clients feel them: each key while it counts and when it does no more, which of several counts,
//! and in which words one is refused.

use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicRejectOptions,
    ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::http::Client;
use crate::patience::until;

/// A client of the broker, and an operator.
struct Stage {
    broker: Broker,
    guest: Client,
    runtime: tokio::runtime::Runtime,
    connection: Connection,
    channel: Channel,
}

impl Stage {
    fn new() -> Self {
        Self::on(Broker::start())
    }

    fn on(broker: Broker) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let guest = Client::guest(broker.management());
        let (connection, channel) = runtime.block_on(async {
            let properties = ConnectionProperties::default();
            let connection = Connection::connect(&broker.uri(), properties).await.unwrap();
            let channel = connection.create_channel().await.unwrap();
            channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
            (connection, channel)
        });
        Self { broker, guest, runtime, connection, channel }
    }

    /// The same broker after its process has ended without a word.
    fn killed(self) -> Self {
        let Self { mut broker, runtime, connection, channel, .. } = self;
        drop((channel, connection, runtime));
        broker.kill_and_restart();
        Self::on(broker)
    }

    #[track_caller]
    fn set(&self, name: &str, pattern: &str, definition: Value) {
        self.set_with(name, json!({ "pattern": pattern, "definition": definition }));
    }

    #[track_caller]
    fn set_with(&self, name: &str, body: Value) {
        let reply = self.guest.put(&format!("/api/policies/%2F/{name}"), &body);
        assert!(reply.status < 300, "{}", reply.text);
    }

    #[track_caller]
    fn bound(&self, name: &str, pattern: &str, definition: Value) {
        let body = json!({ "pattern": pattern, "definition": definition });
        let reply = self.guest.put(&format!("/api/operator-policies/%2F/{name}"), &body);
        assert!(reply.status < 300, "{}", reply.text);
    }

    #[track_caller]
    fn clear(&self, name: &str) {
        assert_eq!(self.guest.delete(&format!("/api/policies/%2F/{name}")).status, 204);
    }

    fn declare(&self, queue: &str, kind: &str) {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(kind.into()));
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let declared = self.channel.queue_declare(queue.into(), options, arguments);
        self.runtime.block_on(declared).unwrap();
    }

    /// Waits as long as an unused queue with such an argument lives, which begins now: what else goes by such a time has
    /// had it then, too.
    fn let_pass(&self, expires_ms: u64) {
        let arguments = json!({ "x-expires": expires_ms });
        let path = "/api/queues/%2F/hourglass";
        assert_eq!(self.guest.put(path, &json!({ "arguments": arguments })).status, 201);
        // A look is no use.
        until("the queue that nobody uses has expired", || self.guest.get(path).status == 404);
    }

    /// Publishes; whether it was taken.
    fn publish(&self, exchange: &str, key: &str, body: &[u8]) -> bool {
        self.runtime.block_on(async {
            let persistent = BasicProperties::default().with_delivery_mode(2);
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let (exchange, key) = (exchange.into(), key.into());
            let confirm = self.channel.basic_publish(exchange, key, options, body, persistent);
            match confirm.await.unwrap().await.unwrap() {
                Confirmation::Ack(None) => true,
                Confirmation::Ack(Some(_)) | Confirmation::Nack(_) => false,
                Confirmation::NotRequested => panic!("confirms are on"),
            }
        })
    }

    /// Fetches a message and acks it.
    fn get(&self, queue: &str) -> Option<String> {
        self.runtime.block_on(async {
            let got = self.channel.basic_get(queue.into(), BasicGetOptions::default()).await;
            let delivery = got.unwrap()?.delivery;
            delivery.ack(BasicAckOptions::default()).await.unwrap();
            Some(String::from_utf8_lossy(&delivery.data).into_owned())
        })
    }

    /// Fetches a message and gives it back.
    fn give_back(&self, queue: &str, requeue: bool) -> bool {
        self.runtime.block_on(async {
            let got = self.channel.basic_get(queue.into(), BasicGetOptions::default()).await;
            let Some(message) = got.unwrap() else { return false };
            message.delivery.reject(BasicRejectOptions { requeue }).await.unwrap();
            true
        })
    }

    #[track_caller]
    fn queue(&self, name: &str) -> Value {
        self.guest.json(&format!("/api/queues/%2F/{name}"))
    }

    fn ready(&self, queue: &str) -> u64 {
        self.queue(queue)["messages_ready"].as_u64().unwrap()
    }
}

const KINDS: [&str; 2] = ["classic", "quorum"];

#[test]
fn messages_expire_by_a_policy_but_for_those_that_were_there() {
    let stage = Stage::new();
    for kind in KINDS {
        stage.declare(kind, kind);
        assert!(stage.publish("", kind, b"before"));
    }
    stage.set("ttl", "", json!({ "message-ttl": 50 }));
    for kind in KINDS {
        stage.declare(&format!("new-{kind}"), kind);
        for queue in [kind, &format!("new-{kind}")] {
            assert!(stage.publish("", queue, b"by the policy"));
        }
    }
    for kind in KINDS {
        until("as many are ready", || stage.ready(&format!("new-{kind}")) == 0);
        assert_eq!(stage.ready(kind), 2, "it waits behind the one that lives");
        assert_eq!(stage.get(kind).as_deref(), Some("before"));
        until("as many are ready", || stage.ready(kind) == 0);
    }
    stage.clear("ttl");
    for kind in KINDS {
        assert!(stage.publish("", kind, b"after"));
    }
    stage.let_pass(300);
    for kind in KINDS {
        assert_eq!(stage.get(kind).as_deref(), Some("after"));
    }
}

#[test]
fn a_queue_is_as_long_as_a_policy_lets_it() {
    let stage = Stage::new();
    for kind in KINDS {
        stage.declare(kind, kind);
        (0..6).for_each(|n| assert!(stage.publish("", kind, format!("number {n}").as_bytes())));
    }
    stage.set("p", "", json!({ "max-length": 4 }));
    KINDS.iter().for_each(|kind| until("as many are ready", || stage.ready(kind) == 4));
    stage.set("p", "", json!({ "max-length-bytes": 16 }));
    KINDS.iter().for_each(|kind| until("as many are ready", || stage.ready(kind) == 2));
    stage.set("p", "", json!({ "max-length": 2, "overflow": "reject-publish" }));
    for kind in KINDS {
        assert!(!stage.publish("", kind, b"refused"));
        assert_eq!(stage.ready(kind), 2);
    }
    stage.set("p", "", json!({ "max-length": 2 }));
    for kind in KINDS {
        assert!(stage.publish("", kind, b"number 6"));
        assert_eq!(stage.get(kind).as_deref(), Some("number 5"));
    }
    stage.clear("p");
    for kind in KINDS {
        (0..6).for_each(|_| assert!(stage.publish("", kind, b"x")));
        assert_eq!(stage.ready(kind), 7);
    }
}

#[test]
fn dead_letters_go_where_a_policy_says() {
    let stage = Stage::new();
    for queue in ["letters", "classic", "quorum"] {
        stage.declare(queue, if queue == "quorum" { "quorum" } else { "classic" });
    }
    let body = json!({
        "pattern": "^(classic|quorum)$",
        "apply-to": "queues",
        "definition": { "dead-letter-exchange": "", "dead-letter-routing-key": "letters" },
    });
    for kind in KINDS {
        assert!(stage.publish("", kind, b"nobody's") && stage.publish("", kind, kind.as_bytes()));
        assert!(stage.give_back(kind, false));
    }
    stage.set_with("dlx", body);
    for kind in KINDS {
        assert!(stage.give_back(kind, false));
        until("as many are ready", || stage.ready("letters") == 1);
        assert_eq!(stage.get("letters").as_deref(), Some(kind));
    }
    stage.clear("dlx");
    for kind in KINDS {
        assert!(stage.publish("", kind, b"nobody's"));
        assert!(stage.give_back(kind, false));
        assert_eq!((stage.ready(kind), stage.ready("letters")), (0, 0));
    }
}

#[test]
fn a_delivery_limit_and_surely_arriving_letters_are_a_quorum_queues() {
    let stage = Stage::new();
    stage.declare("q", "quorum");
    stage.declare("q.classic", "classic");
    stage.declare("letters", "classic");
    stage.set(
        "p",
        "^q",
        json!({
            "delivery-limit": 1, "dead-letter-exchange": "", "dead-letter-routing-key": "letters",
            "dead-letter-strategy": "at-least-once", "overflow": "reject-publish",
        }),
    );
    // Classic queues do not have all of that: it does not count for them.
    assert_eq!(stage.queue("q.classic")["policy"], Value::Null);
    let queue = stage.queue("q");
    assert_eq!((&queue["policy"], &queue["delivery_limit"]), (&json!("p"), &json!(1)));
    assert!(stage.publish("", "q", b"again"));
    assert!(stage.give_back("q", true) && stage.give_back("q", true));
    until("as many are ready", || stage.ready("letters") == 1);
    assert!(!stage.give_back("q", true));
    stage.clear("p");
    assert_eq!(stage.queue("q")["delivery_limit"], json!(20));
    assert!(stage.publish("", "q", b"often"));
    (0..5).for_each(|_| assert!(stage.give_back("q", true)));
}

#[test]
fn an_unused_queue_goes_by_a_policy_and_its_time_begins_with_it() {
    let stage = Stage::new();
    for kind in KINDS {
        stage.declare(kind, kind);
        stage.declare(&format!("kept-{kind}"), kind);
    }
    stage.let_pass(300);
    stage.set("kept", "^kept", json!({ "expires": 3000 }));
    stage.clear("kept");
    stage.set("p", "^(classic|quorum)$", json!({ "expires": 200 }));
    for kind in KINDS {
        until("the queue is gone", || {
            stage.guest.get(&format!("/api/queues/%2F/{kind}")).status == 404
        });
    }
    stage.let_pass(3200);
    for kind in KINDS {
        assert_eq!(stage.ready(&format!("kept-{kind}")), 0);
    }
}

#[test]
fn a_consumer_loses_what_it_keeps_for_longer_than_a_policy_lets_it() {
    let stage = Stage::new();
    stage.declare("q", "quorum");
    stage.set("p", "^q", json!({ "consumer-timeout": 400 }));
    assert!(stage.publish("", "q", b"kept too long"));
    let cancelled = stage.runtime.block_on(async {
        let channel = stage.connection.create_channel().await.unwrap();
        let options = BasicConsumeOptions::default();
        let consumed = channel.basic_consume("q".into(), "".into(), options, FieldTable::default());
        let mut consumer = consumed.await.unwrap();
        let delivery = consumer.next().await.unwrap().unwrap();
        assert_eq!(delivery.data, b"kept too long");
        tokio::time::timeout(Duration::from_secs(60), consumer.next()).await.unwrap()
    });
    assert!(cancelled.is_none_or(|next| next.is_err()));
    until("as many are ready", || stage.ready("q") == 1);
}

#[test]
fn an_exchange_gets_an_alternate_by_a_policy() {
    let stage = Stage::new();
    stage.declare("caught", "classic");
    assert_eq!(stage.guest.put("/api/exchanges/%2F/x", &json!({ "type": "direct" })).status, 201);
    let body = json!({
        "pattern": "^x$", "apply-to": "exchanges", "definition": { "alternate-exchange": "amq.fanout" },
    });
    let binding = stage.guest.post("/api/bindings/%2F/e/amq.fanout/q/caught", &json!({}));
    assert_eq!(binding.status, 201);
    assert!(!stage.publish("x", "nowhere", b"returned"));
    stage.set_with("ae", body);
    assert!(stage.publish("x", "nowhere", b"caught"));
    assert_eq!(stage.guest.json("/api/exchanges/%2F/x")["policy"], json!("ae"));
    assert_eq!(stage.queue("caught")["policy"], Value::Null);
    stage.clear("ae");
    assert!(!stage.publish("x", "nowhere", b"returned"));
    assert_eq!(stage.ready("caught"), 1);
}

#[test]
fn one_policy_of_each_kind_counts_and_the_operators_is_a_bound() {
    let stage = Stage::new();
    stage.declare("q", "classic");
    stage.set("low", "^q", json!({ "max-length": 1, "expires": 60_000 }));
    let higher = json!({ "pattern": "^q", "priority": 3, "definition": { "max-length": 9 } });
    stage.set_with("high", higher);
    let shown = |stage: &Stage| {
        let queue = stage.queue("q");
        let [policy, bound, both] = ["policy", "operator_policy", "effective_policy_definition"];
        (queue[policy].clone(), queue[bound].clone(), queue[both].clone())
    };
    assert_eq!(shown(&stage), (json!("high"), Value::Null, json!({ "max-length": 9 })));
    stage.bound("ops", "", json!({ "max-length": 5, "message-ttl": 60_000 }));
    let both = json!({ "max-length": 5, "message-ttl": 60_000 });
    assert_eq!(shown(&stage), (json!("high"), json!("ops"), both.clone()));
    (0..9).for_each(|_| assert!(stage.publish("", "q", b"x")));
    assert_eq!(stage.ready("q"), 5);
    let stage = stage.killed();
    assert_eq!(shown(&stage), (json!("high"), json!("ops"), both));
    (0..9).for_each(|_| assert!(stage.publish("", "q", b"x")));
    assert_eq!(stage.ready("q"), 5);
    stage.clear("high");
    assert_eq!(shown(&stage).0, json!("low"));
    assert_eq!(stage.ready("q"), 1);
    assert_eq!(stage.guest.delete("/api/operator-policies/%2F/ops").status, 204);
    let expected = json!({ "max-length": 1, "expires": 60_000 });
    assert_eq!(shown(&stage), (json!("low"), Value::Null, expected));
}

#[test]
fn policies_are_set_shown_and_deleted_as_in_rabbitmq() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let body = json!({ "pattern": "^a", "definition": { "max-length": 5, "ha-mode": "all" } });
    for kind in ["policies", "operator-policies"] {
        let body = match kind {
            "policies" => body.clone(),
            _ => json!({ "pattern": "^a", "definition": { "max-length": 5 } }),
        };
        let path = format!("/api/{kind}/%2F/p");
        assert_eq!(guest.get(&path).status, 404);
        assert_eq!(guest.put(&path, &body).status, 201);
        assert_eq!(guest.put(&path, &body).status, 204);
        let shown = json!({
            "vhost": "/", "name": "p", "pattern": "^a", "apply-to": "all", "priority": 0,
            "definition": body["definition"],
        });
        assert_eq!(guest.json(&path), shown);
        for list in [format!("/api/{kind}"), format!("/api/{kind}/%2F")] {
            assert_eq!(guest.json(&list), json!([shown]));
        }
        assert_eq!(guest.get(&format!("/api/{kind}/none")).status, 404);
        let told = guest.put(&format!("/api/{kind}/none/p"), &body).told();
        assert_eq!(told, (404, "not_found".to_owned(), json!("vhost_not_found")));
        assert_eq!(guest.delete(&path).status, 204);
        assert_eq!(guest.delete(&path).status, 404);
        for (wrong, reason) in [
            (json!({}), "[{key_missing,pattern},{key_missing,definition}]"),
            (json!({ "pattern": "" }), "[{key_missing,definition}]"),
            (json!({ "pattern": 5, "definition": {} }), "pattern should be a binary but was 5"),
            (json!({ "pattern": "", "definition": {} }), "no policy provided"),
            (
                json!({ "pattern": "", "definition": { "x": 1 } }),
                "[{<<\"x\">>,1}] are not recognised policy settings",
            ),
            (
                json!({ "pattern": "", "definition": { "max-length": -1 } }),
                "-1 is not a valid maximum length",
            ),
            (
                json!({ "pattern": "", "definition": { "expires": 1 }, "priority": "x" }),
                "priority should be a number, actually was <<\"x\">>",
            ),
            (
                json!({ "pattern": "(", "definition": { "expires": 1 } }),
                "pattern should be regular expression but is invalid: ",
            ),
            (
                json!({ "pattern": "", "definition": { "expires": 1 }, "apply-to": "x" }),
                "apply-to 'x' unrecognised; should be",
            ),
        ] {
            let (status, error, told) = guest.put(&path, &wrong).told();
            assert_eq!((status, error.as_str()), (400, "bad_request"), "{wrong}");
            let told = told.as_str().unwrap();
            let is_validation = !reason.starts_with('[') || reason.contains("recognised");
            let expected = if is_validation {
                format!("Validation failed\n\n{reason}")
            } else {
                reason.to_owned()
            };
            assert!(told.starts_with(&expected), "{told}");
        }
        assert_eq!(guest.json(&format!("/api/{kind}")), json!([]));
    }
}

#[test]
fn who_may_do_what_is_as_in_rabbitmq() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    for vhost in ["v", "w"] {
        assert_eq!(guest.put(&format!("/api/vhosts/{vhost}"), &json!({})).status, 201);
    }
    let everything = json!({ "configure": ".*", "write": ".*", "read": ".*" });
    let user = |tags: &str| {
        let name = format!("u{tags}");
        let body = json!({ "password": "pw", "tags": tags });
        assert_eq!(guest.put(&format!("/api/users/{name}"), &body).status, 201);
        let path = format!("/api/permissions/v/{name}");
        assert_eq!(guest.put(&path, &everything).status, 201);
        Client::user(broker.management(), &name, "pw")
    };
    let clients = ["", "management", "policymaker", "monitoring", "administrator"].map(user);
    let policy = json!({ "pattern": "", "definition": { "max-length": 5 } });
    for vhost in ["v", "w"] {
        for kind in ["policies", "operator-policies"] {
            assert_eq!(guest.put(&format!("/api/{kind}/{vhost}/p"), &policy).status, 201);
        }
    }
    for (path, expected) in [
        ("policies/v", [401, 200, 200, 200, 200]),
        ("policies/w", [401, 401, 401, 401, 200]),
        ("policies/v/p", [401, 401, 200, 401, 200]),
        ("policies/w/p", [401, 401, 401, 401, 200]),
        ("operator-policies/v", [401, 200, 200, 200, 200]),
        ("operator-policies/v/p", [401, 401, 401, 401, 200]),
        ("parameters", [401, 401, 200, 401, 200]),
        ("parameters/operator_policy", [401, 401, 200, 401, 200]),
        ("parameters/operator_policy/v", [401, 401, 200, 401, 200]),
        ("parameters/operator_policy/w", [401, 401, 401, 401, 200]),
        ("parameters/operator_policy/v/p", [401, 401, 200, 401, 200]),
        ("global-parameters", [401, 401, 200, 401, 200]),
        ("cluster-name", [401, 200, 200, 200, 200]),
    ] {
        let statuses = clients.each_ref().map(|client| client.get(&format!("/api/{path}")).status);
        assert_eq!(statuses, expected, "GET {path}");
    }
    for (path, body, expected) in [
        ("policies/v/p", &policy, [401, 401, 204, 401, 204]),
        ("policies/w/p", &policy, [401, 401, 401, 401, 204]),
        ("operator-policies/v/p", &policy, [401, 401, 401, 401, 204]),
        ("global-parameters/g", &json!({ "value": 1 }), [401, 401, 201, 401, 204]),
        ("cluster-name", &json!({ "name": "n" }), [401, 401, 401, 401, 204]),
        // A policymaker could lift a bound that an administrator has set: here not.
        ("parameters/vhost-limits/v/limits", &json!({ "value": {} }), [401, 401, 401, 401, 201]),
    ] {
        let statuses =
            clients.each_ref().map(|client| client.put(&format!("/api/{path}"), body).status);
        assert_eq!(statuses, expected, "PUT {path}");
    }
    let listed = |client: &Client, path: &str| client.json(path).as_array().unwrap().len();
    let [_, management, policymaker, _, administrator] = &clients;
    assert_eq!(listed(management, "/api/policies"), 1);
    assert_eq!(listed(administrator, "/api/policies"), 2);
    assert_eq!(listed(policymaker, "/api/parameters"), 1);
    let told = management.put("/api/policies/v/p", &policy).told();
    let expected = json!("User not authorised to access object");
    assert_eq!(told, (401, "not_authorised".to_owned(), expected));
}

#[test]
fn parameters_of_vhosts_are_limits_and_the_operators_policies() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let limits = "/api/parameters/vhost-limits/%2F/limits";
    assert_eq!(guest.json("/api/parameters"), json!([]));
    let put = |value: Value| guest.put(limits, &json!({ "value": value }));
    assert_eq!(put(json!({ "max-queues": 7, "max-connections": 70 })).status, 201);
    assert_eq!(put(json!({ "max-queues": 8 })).status, 204);
    let shown = json!({
        "component": "vhost-limits", "name": "limits", "vhost": "/", "value": { "max-queues": 8 },
    });
    assert_eq!(guest.json(limits), shown);
    assert_eq!(guest.json("/api/vhost-limits/%2F")[0]["value"], json!({ "max-queues": 8 }));
    let policy = json!({ "pattern": "", "definition": { "expires": 60_000 } });
    assert_eq!(guest.put("/api/operator-policies/%2F/o", &policy).status, 201);
    assert_eq!(guest.put("/api/policies/%2F/p", &policy).status, 201);
    let value = json!({
        "pattern": "", "definition": { "expires": 60_000 }, "priority": 0, "apply-to": "all",
    });
    let of = |component: &str, name: &str| json!({ "component": component, "name": name, "vhost": "/", "value": value });
    let bound = of("operator_policy", "o");
    assert_eq!(guest.json("/api/parameters"), json!([shown, bound]));
    assert_eq!(guest.json("/api/parameters/operator_policy/%2F"), json!([bound]));
    assert_eq!(guest.json("/api/parameters/policy"), json!([of("policy", "p")]));
    assert_eq!(guest.json("/api/parameters/shovel"), json!([]));
    for (path, body, reason) in [
        ("vhost-limits/%2F/limits", json!({}), "[{key_missing,value}]"),
        (
            "vhost-limits/%2F/limits",
            json!({ "value": 5 }),
            "Validation failed\n\nlimits not a list 5\n",
        ),
        (
            "vhost-limits/%2F/limits",
            json!({ "value": { "x": 5 } }),
            "Validation failed\n\nUnrecognised terms [{<<\"x\">>,5}] in limits\n",
        ),
        (
            "vhost-limits/%2F/limits",
            json!({ "value": { "max-queues": "a" } }),
            "Validation failed\n\nmax-queues should be a number, actually was <<\"a\">>\n",
        ),
        (
            "shovel/%2F/s",
            json!({ "value": {} }),
            "Validation failed\n\ncomponent shovel not found\n",
        ),
        ("policy/%2F/p", json!({ "value": {} }), "policies may not be set using this method"),
    ] {
        let told = guest.put(&format!("/api/parameters/{path}"), &body).told();
        assert_eq!(told, (400, "bad_request".to_owned(), json!(reason)));
    }
    assert_eq!(guest.delete(limits).status, 204);
    assert_eq!(guest.delete(limits).status, 404);
    assert_eq!(guest.delete("/api/parameters/shovel/%2F/s").status, 404);
    assert_eq!(guest.get("/api/parameters/vhost-limits/none").status, 404);
}

#[test]
fn parameters_of_the_node_keep_any_value_and_the_cluster_its_name() {
    let stage = Stage::new();
    let guest = &stage.guest;
    let id = guest.json("/api/global-parameters/internal_cluster_id");
    assert!(id["value"].as_str().unwrap().starts_with("rabbitmq-cluster-id-"), "{id}");
    assert_eq!(guest.json("/api/global-parameters"), json!([id]));
    for value in [json!({ "a": [1, null, "ü"] }), Value::Null, json!(7), json!("text")] {
        let body = json!({ "value": value });
        assert!(guest.put("/api/global-parameters/g", &body).status < 300);
        let shown = json!({ "name": "g", "value": value });
        assert_eq!(guest.json("/api/global-parameters/g"), shown);
    }
    let long = json!({ "value": "x".repeat(70_000) });
    assert_eq!(guest.put("/api/global-parameters/long", &long).status, 400);
    assert_eq!(guest.put("/api/global-parameters/g", &json!({})).status, 400);
    let other = json!({ "value": "other" });
    assert_eq!(guest.put("/api/global-parameters/internal_cluster_id", &other).status, 400);
    assert_eq!(guest.get("/api/global-parameters/cluster_name").status, 404);
    assert_eq!(guest.put("/api/cluster-name", &json!({ "name": "shop@here" })).status, 204);
    assert_eq!(guest.put("/api/cluster-name", &json!({ "name": 5 })).status, 400);
    let stage = stage.killed();
    let guest = &stage.guest;
    assert_eq!(guest.json("/api/global-parameters/internal_cluster_id"), id);
    assert_eq!(guest.json("/api/global-parameters/g")["value"], json!("text"));
    assert_eq!(guest.json("/api/cluster-name"), json!({ "name": "shop@here" }));
    assert_eq!(guest.json("/api/overview")["cluster_name"], json!("shop@here"));
    assert_eq!(guest.json("/api/global-parameters/cluster_name")["value"], json!("shop@here"));
    assert_eq!(guest.delete("/api/global-parameters/cluster_name").status, 204);
    assert_eq!(guest.delete("/api/global-parameters/cluster_name").status, 404);
    assert_eq!(guest.json("/api/cluster-name"), json!({ "name": "pillarbox" }));
    assert_eq!(guest.delete("/api/global-parameters/g").status, 204);
    assert_eq!(guest.get("/api/global-parameters/g").status, 404);
}
