//! `pillarbox list`, `declare`, `publish` and whatever else people type.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::Shell;
use crate::broker::Broker;
use crate::http::Client;
use crate::scene::Scene;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn every_kind_is_listed() {
    let broker = Broker::start();
    let shell = Shell::of(&broker);
    shell.ok(&["declare", "queue", "orders", "--type", "quorum"]);
    for kind in [
        "queues",
        "exchanges",
        "bindings",
        "connections",
        "channels",
        "consumers",
        "vhosts",
        "users",
        "permissions",
        "topic-permissions",
        "vhost-limits",
        "user-limits",
        "nodes",
    ] {
        let listed = json(&shell.ok(&["list", kind, "--json"]));
        assert!(listed.is_array(), "{kind}: {listed}");
        let table = shell.ok(&["list", kind]);
        assert_eq!(table.lines().count(), listed.as_array().unwrap().len() + 1, "{kind}: {table}");
        assert!(!table.contains('\u{1b}') && !table.lines().any(|line| line.ends_with(' ')));
    }
    let queues = shell.ok(&["list", "queues"]);
    let mut lines = queues.lines();
    let titles: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(titles[..4], ["vhost", "name", "type", "durable"]);
    let queue: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(queue[..5], ["/", "orders", "quorum", "yes", "0"]);
    let columns = shell.ok(&["list", "queues", "--columns", "name,messages", "--vhost", "/"]);
    assert_eq!(columns, "name    messages\norders         0\n");
    let columns = shell.ok(&["list", "queues", "--columns", "name", "--json"]);
    assert_eq!(json(&columns), json!([{ "name": "orders" }]));
    assert_eq!(json(&shell.ok(&["list", "queues", "--name", "letters", "--json"])), json!([]));
    let named = ["list", "queues", "--name", "ord", "--columns", "messages", "--json"];
    assert_eq!(json(&shell.ok(&named)), json!([{ "messages": 0 }]));
    shell.ok(&["declare", "queue", "letters"]);
    shell.ok(&["publish", "orders", "x"]);
    for (further, first) in [(&["--reverse"][..], "orders"), (&[][..], "letters")] {
        let sorted = ["list", "queues", "--sort", "messages", "--columns", "name"];
        let sorted = shell.ok(&[&sorted, further].concat());
        assert_eq!(sorted.lines().nth(1), Some(first), "{sorted}");
    }
    assert!(shell.refused(&["list", "users", "--vhost", "/"]).contains("in no vhost"));
    assert!(shell.refused(&["list", "queues", "--vhost", "none"]).contains("there is no"));
}

#[test]
fn things_are_made_shown_and_taken_away() {
    let broker = Broker::start();
    let shell = Shell::of(&broker);
    shell.ok(&["declare", "vhost", "shop", "--description", "for orders", "--tags", "a,b"]);
    shell.ok(&["declare", "queue", "orders", "-p", "shop", "--argument", "x-max-length=5"]);
    shell.ok(&["declare", "exchange", "post", "topic", "-p", "shop"]);
    shell.ok(&["declare", "binding", "post", "orders", "--key", "a.#", "-p", "shop"]);
    let shown = json(&shell.ok(&["show", "queue", "orders", "-p", "shop", "--json"]));
    assert_eq!((&shown["durable"], &shown["arguments"]["x-max-length"]), (&json!(true), &json!(5)));
    let shown = shell.ok(&["show", "queue", "orders", "-p", "shop"]);
    assert!(shown.lines().any(|line| line.starts_with("arguments.x-max-length ")), "{shown}");
    assert!(shell.ok(&["show", "vhost", "shop"]).contains("for orders"));
    let user = shell.ok(&["show", "user", "guest"]);
    assert!(!user.lines().any(|line| line.starts_with("password_hash")), "{user}");
    let again = shell.refused(&["declare", "queue", "orders", "-p", "shop"]);
    assert!(again.contains("cannot declare the queue 'orders' in vhost 'shop'"), "{again}");
    assert!(again.contains("inequivalent arg 'x-max-length'"), "{again}");
    shell.ok(&["delete", "binding", "post", "orders", "--key", "a.#", "-p", "shop"]);
    let none =
        shell.refused(&["delete", "binding", "post", "orders", "--key", "a.#", "-p", "shop"]);
    assert!(none.contains("no such binding"), "{none}");
    shell.ok(&["delete", "exchange", "post", "-p", "shop"]);
    shell.ok(&["delete", "queue", "orders", "-p", "shop", "--if-empty"]);
    let none = shell.refused(&["delete", "queue", "orders", "-p", "shop"]);
    assert!(none.contains("cannot delete the queue 'orders' in vhost 'shop'"), "{none}");
    shell.ok(&["delete", "vhost", "shop"]);
    let none = shell.refused(&["show", "queue", "orders", "-p", "shop"]);
    assert!(none.contains("there is no queue 'orders'"), "{none}");
}

#[test]
fn messages_go_in_are_looked_at_and_come_out() {
    let broker = Broker::start();
    let shell = Shell::of(&broker);
    shell.ok(&["declare", "queue", "orders"]);
    shell.ok(&[
        "publish",
        "orders",
        "a letter",
        "--header",
        "kind=test",
        "--property",
        "priority=3",
    ]);
    let looked = shell.ok(&["get", "orders"]);
    for part in ["a letter", "priority: 3", "{\"kind\":\"test\"}", "delivery_mode: 2"] {
        assert!(looked.contains(part), "{part}: {looked}");
    }
    let binary = shell.run_with(&["publish", "orders"], &[], b"\xff\x00from the input");
    assert_eq!(binary.code, 0, "{binary:?}");
    let fetched = json(&shell.ok(&["get", "orders", "-n", "5", "--ack", "--json"]));
    assert_eq!(fetched.as_array().unwrap().len(), 2);
    assert_eq!(fetched[1]["payload_encoding"], "base64");
    let empty = shell.run(&["get", "orders"]);
    assert_eq!(
        (empty.code, empty.stdout.as_str(), empty.stderr.as_str()),
        (0, "", "the queue is empty\n")
    );
    let dropped = shell.refused(&["publish", "nowhere", "x"]);
    assert!(dropped.contains("leads to no queue with the key 'nowhere'"), "{dropped}");
    shell.ok(&["publish", "orders", "x"]);
    shell.ok(&["purge", "orders"]);
    assert_eq!(json(&shell.ok(&["show", "queue", "orders", "--json"]))["messages"], 0);
    assert!(shell.refused(&["purge", "nowhere"]).contains("queue 'nowhere'"));
}

#[test]
fn users_are_let_in_and_kept_out() {
    let broker = Broker::start();
    let shell = Shell::of(&broker);
    let add = ["user", "add", "anna", "--tags", "management", "--new-password-file", "-"];
    assert_eq!(shell.run_with(&add, &[], b"first\nrest\n").code, 0);
    let anna = |password: &str, words: &[&str]| {
        let url = format!("http://{}", broker.management());
        let mut all = vec!["--url", &url, "--user", "anna"];
        let at = words.iter().position(|word| word.starts_with('-')).unwrap_or(words.len());
        all.splice(0..0, words[..at].iter().copied());
        all.extend(&words[at..]);
        shell.run_with(&all, &[("PILLARBOX_PASSWORD", password)], b"")
    };
    assert_eq!(anna("first", &["list", "queues"]).code, 0);
    assert!(
        anna("first", &["declare", "queue", "q"])
            .stderr
            .contains("not authorised to access virtual host")
    );
    shell.ok(&["user", "permit", "anna", "--configure", "^own", "--write", "", "--read", ""]);
    assert_eq!(anna("first", &["declare", "queue", "own-queue"]).code, 0);
    assert_eq!(anna("first", &["declare", "queue", "other"]).code, 1);
    shell.ok(&["user", "forbid", "anna"]);
    assert_eq!(anna("first", &["declare", "queue", "own-queue"]).code, 1);
    let password = ["user", "password", "anna", "--new-password-file", "-"];
    assert_eq!(shell.run_with(&password, &[], b"second\n").code, 0);
    let refused = anna("first", &["list", "queues"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("refuses this user, password"), "{refused:?}");
    assert!(!refused.stderr.contains("first"));
    shell.ok(&["user", "tags", "anna", "monitoring"]);
    assert_eq!(anna("second", &["list", "nodes"]).code, 0);
    shell.ok(&["user", "delete", "anna"]);
    assert!(shell.refused(&["user", "tags", "anna"]).contains("there is no user 'anna'"));
    for secret in ["first", "second"] {
        assert!(!broker.log_text().contains(secret));
    }
}

#[test]
fn who_is_not_there_or_not_known_is_told_what_to_do() {
    let broker = Broker::start();
    let shell = Shell::of(&broker);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let asked = ["ping", "--url", &free, "--user", "guest", "--password", "guest"];
    let said = shell.refused(&asked);
    assert!(
        said.contains(&format!("no broker answers at {free}")) && said.contains("--url"),
        "{said}"
    );
    let url = format!("http://{}", broker.management());
    let asked = ["ping", "--url", &url, "--user", "guest", "--password", "wrong"];
    let said = shell.refused(&asked);
    assert!(said.contains("--password-file") && !said.contains("wrong"), "{said}");
    let said = shell.refused(&["ping", "--url", "http://127.0.0.2:1"]);
    assert!(said.contains("nobody is named to log in"), "{said}");
    let said =
        shell.refused(&["ping", "--url", "https://localhost:1", "--user", "a", "--password", "b"]);
    assert!(said.contains("--cacert"), "{said}");
    let said = shell.refused(&["ping", "--data-dir", "/nowhere"]);
    assert!(said.contains("/nowhere/admin.token"), "{said}");
    assert_eq!(shell.ok(&["ping", "--url", &url]), format!("the broker at {url} answers\n"));
    let amqp = format!("http://{}", broker.addr());
    let said = shell.refused(&["ping", "--url", &amqp, "--user", "guest", "--password", "guest"]);
    assert!(!said.is_empty());
}

#[test]
fn connections_are_closed_with_a_reason() {
    let broker = Broker::start();
    let shell = Shell::of(&broker);
    let said = shell.refused(&["close", "connections"]);
    assert!(said.contains("--all"), "{said}");
    assert_eq!(shell.ok(&["close", "connections", "--all"]), "0 connections are being closed\n");
    let scene = Scene::play(&broker.uri());
    let listed = shell.ok(&["list", "connections", "--columns", "user,recv_oct_details.rate"]);
    let row = listed.lines().find(|line| line.starts_with("guest")).unwrap_or_default();
    assert!(row.ends_with('B'), "a rate of bytes: {listed}");
    assert_eq!(shell.ok(&["close", "connections", "--all"]), "1 connections are being closed\n");
    drop(scene);
    let said = shell.refused(&["close", "connection", "127.0.0.1:1 -> 127.0.0.1:2"]);
    assert!(said.contains("there is no connection"), "{said}");
    let status = json(&shell.ok(&["status", "--json"]));
    assert_eq!(status["serving"], true);
    let status = shell.ok(&["status"]);
    assert!(status.contains("serves clients") && status.contains("amqp on 127.0.0.1"), "{status}");
}

#[test]
fn ten_thousand_queues_are_listed() {
    let broker = Broker::start();
    let (shell, guest) = (Shell::of(&broker), Client::guest(broker.management()));
    let queue = |number: usize| {
        json!({
            "name": format!("queue-{number:05}"), "vhost": "/", "durable": true,
            "auto_delete": false, "arguments": {},
        })
    };
    let queues: Vec<Value> = (0..10_000).map(queue).collect();
    assert_eq!(guest.post("/api/definitions", &json!({ "queues": queues })).status, 204);
    let listed = shell.ok(&["list", "queues"]);
    assert_eq!(listed.lines().count(), 10_001);
    assert!(listed.contains("queue-09999"));
    let ctl = Shell::called(&broker, "rabbitmqctl").run(&["-q", "list_queues"]);
    assert_eq!((ctl.stdout.lines().count(), ctl.code), (10_001, 0));
    let named = shell.ok(&["list", "queues", "--name", "queue-0123"]);
    assert_eq!(named.lines().count(), 11);
}

#[test]
fn names_from_outside_do_nothing_to_a_terminal() {
    let broker = Broker::start();
    let (shell, guest) = (Shell::of(&broker), Client::guest(broker.management()));
    assert_eq!(guest.put("/api/queues/%2F/%1B%5B2Jevil%C2%9B", &json!({})).status, 201);
    let ctl = Shell::called(&broker, "rabbitmqctl");
    for text in [shell.ok(&["list", "queues"]), ctl.run(&["list_queues"]).stdout] {
        assert!(text.contains("\\u{1b}[2Jevil\\u{9b}"), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains('\u{9b}'));
    }
}

#[test]
fn completions_are_for_each_shell_and_bash_takes_them() {
    let broker = Broker::start();
    let shell = Shell::of(&broker);
    for name in ["bash", "zsh", "fish"] {
        let script = shell.ok(&["completions", name]);
        assert!(script.contains("rabbitmqctl") && script.contains("declare"), "{name}");
    }
    let script = shell.ok(&["completions", "bash"]);
    let ask = "\nCOMP_WORDS=(pillarbox li) COMP_CWORD=1\n_pillarbox pillarbox li pillarbox\necho \"found ${COMPREPLY[*]}\"\n";
    let mut bash = Command::new("bash")
        .args(["--norc", "-s"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    bash.stdin.take().unwrap().write_all(format!("{script}{ask}").as_bytes()).unwrap();
    let said = bash.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(said.stdout).unwrap(), "found list\n");
}

#[test]
fn definitions_are_exported_and_imported() {
    let broker = Broker::start();
    let shell = Shell::of(&broker);
    shell.ok(&["declare", "queue", "orders"]);
    let exported = shell.ok(&["export"]);
    assert_eq!(json(&exported)["queues"][0]["name"], "orders");
    shell.ok(&["delete", "queue", "orders"]);
    assert_eq!(shell.run_with(&["import", "-"], &[], exported.as_bytes()).code, 0);
    assert!(shell.ok(&["list", "queues"]).contains("orders"));
    let said = shell.run_with(&["import", "-"], &[], b"{");
    assert!(said.code == 1 && said.stderr.contains("no JSON"), "{said:?}");
    assert!(shell.refused(&["import", "/nowhere.json"]).contains("/nowhere.json"));
}
