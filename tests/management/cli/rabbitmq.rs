//! RabbitMQ's tools: a session recorded with those of 3.10.8 is held against ours, word for word and code for code.
//!
//! `cargo xtask record-api` plays the sessions again on a real RabbitMQ, and writes down what its tools say.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::json;

use super::Shell;
use crate::broker::Broker;
use crate::http::Client;

/// Something that was typed, and what came of it.
struct Typed<'s> {
    line: &'s str,
    stdout: String,
    stderr: String,
    code: i32,
}

/// Reads `$ command`, `> line` of the standard output, `2 line` of the standard error, `= code`; `! words` is for the
/// test itself.
fn read(session: &str) -> Vec<Typed<'_>> {
    let mut all: Vec<Typed<'_>> = Vec::new();
    for line in session.lines() {
        if line.starts_with("$ ") || line.starts_with("! ") {
            all.push(Typed { line, stdout: String::new(), stderr: String::new(), code: 0 });
            continue;
        }
        let typed = all.last_mut().unwrap();
        match line.split_at(2.min(line.len())) {
            ("> " | ">", rest) => typed.stdout.push_str(&format!("{rest}\n")),
            ("2 " | "2", rest) => typed.stderr.push_str(&format!("{rest}\n")),
            ("= ", code) => typed.code = code.parse().unwrap(),
            other => panic!("{other:?}"),
        }
    }
    all
}

/// The words of a line, with RabbitMQ's quotation marks.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted, mut is_word) =
        (Vec::new(), String::new(), false, false);
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => word.extend(characters.next()),
            '"' => (is_quoted, is_word) = (!is_quoted, true),
            ' ' if !is_quoted => {
                if is_word {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
            }
            c => {
                word.push(c);
                is_word = true;
            }
        }
    }
    if is_word {
        words.push(word);
    }
    words
}

/// RabbitMQ lists in the order of its hash tables: rows count, and not where they stand. What tells of events is a plug-in
/// there, which was not enabled.
fn in_order(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text
        .trim_end()
        .lines()
        .filter(|line| !line.contains("amq.rabbitmq.event"))
        .map(|line| line.strip_prefix(',').unwrap_or(line).to_owned())
        .collect();
    lines.sort();
    lines
}

fn replay(broker: &Broker, session: &str) {
    let guest = Client::guest(broker.management());
    let node = guest.json("/api/overview")["node"].as_str().unwrap().to_owned();
    let amqp = broker.addr().port().to_string();
    let session = session.replace("{node}", &node).replace("{amqp}", &amqp);
    for typed in read(&session) {
        if let Some(doing) = typed.line.strip_prefix("! ") {
            arrange(&guest, doing);
            continue;
        }
        let words = words(&typed.line[2..]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = Shell::called(broker, words[0]).run(&words[1..]);
        assert_eq!(in_order(&said.stdout), in_order(&typed.stdout), "{}\n{said:?}", typed.line);
        assert_eq!(said.stderr.trim_end(), typed.stderr.trim_end(), "{}", typed.line);
        assert_eq!(said.code, typed.code, "{}", typed.line);
    }
}

/// A real RabbitMQ, of which `cargo xtask record-api` tells by these variables.
struct Recorder {
    tools: PathBuf,
    /// Where they find the cookie that they share with the server.
    home: PathBuf,
    node: String,
    amqp: String,
    guest: Client,
}

impl Recorder {
    fn of_environment() -> Option<Self> {
        let variable = |name: &str| env::var(format!("PILLARBOX_RECORD_{name}")).ok();
        let amqp = variable("AMQP")?;
        let amqp = amqp.rsplit(':').next().unwrap().to_owned();
        let guest = Client::guest(variable("API")?.parse().unwrap());
        let (tools, home) = (variable("TOOLS")?.into(), variable("HOME")?.into());
        Some(Self { tools, home, node: variable("NODE")?, amqp, guest })
    }

    /// Plays a session and writes down what comes of it.
    fn record(&self, file: &str, session: &str) {
        let mut written = String::new();
        for typed in read(session) {
            written.push_str(&format!("{}\n", typed.line));
            if let Some(doing) = typed.line.strip_prefix("! ") {
                arrange(&self.guest, doing);
                continue;
            }
            let line = typed.line.replace("{amqp}", &self.amqp).replace("{node}", &self.node);
            let words = words(&line[2..]);
            let mut tool = Command::new(self.tools.join(&words[0]));
            let ran = tool.args(&words[1..]).env("HOME", &self.home).output().unwrap();
            let said = super::said(ran);
            let lines = |mark: &str, text: &str| -> String {
                text.lines().map(|line| format!("{mark} {line}\n")).collect()
            };
            let all = lines(">", &said.stdout) + &lines("2", &said.stderr);
            let all = all.replace(&self.node, "{node}").replace(&self.amqp, "{amqp}");
            written.push_str(&format!("{all}= {}\n", said.code));
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/management/cli");
        fs::write(folder.join(file), written).unwrap();
    }
}

/// What the session has between its commands.
fn arrange(guest: &Client, doing: &str) {
    let status = match doing {
        "declare queue orders durable" => {
            guest.put("/api/queues/%2F/orders", &json!({ "durable": true })).status
        }
        "declare queue letters arguments" => {
            let arguments = json!({ "x-max-length": 10, "x-overflow": "reject-publish" });
            let queue = json!({ "durable": false, "auto_delete": true, "arguments": arguments });
            guest.put("/api/queues/%2F/letters", &queue).status
        }
        "declare exchange post topic" => {
            guest
                .put("/api/exchanges/%2F/post", &json!({ "type": "topic", "durable": true }))
                .status
        }
        "declare binding post letters a.#" => {
            guest
                .post("/api/bindings/%2F/e/post/q/letters", &json!({ "routing_key": "a.#" }))
                .status
        }
        "publish 3 orders" => {
            let message = json!({
                "properties": { "delivery_mode": 2 }, "routing_key": "orders", "payload": "hello",
                "payload_encoding": "string",
            });
            let publish = || guest.post("/api/exchanges/%2F/amq.default/publish", &message).status;
            [publish(), publish(), publish()].into_iter().max().unwrap() + 1
        }
        other => panic!("{other}"),
    };
    assert_eq!(status, 201, "{doing}");
}

#[test]
fn what_was_recorded_with_rabbitmq_comes_out_of_ours() {
    let (session, policies) = (include_str!("rabbitmq.txt"), include_str!("policies.txt"));
    if let Some(rabbitmq) = Recorder::of_environment() {
        rabbitmq.record("rabbitmq.txt", session);
        rabbitmq.record("policies.txt", policies);
        return;
    }
    replay(&Broker::start(), session);
}

#[test]
fn policies_were_recorded_after_that_and_come_out_of_ours() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    for doing in
        ["declare queue orders durable", "declare queue letters arguments", "publish 3 orders"]
    {
        arrange(&guest, doing);
    }
    replay(&broker, include_str!("policies.txt"));
}

#[test]
fn a_tool_is_a_link_or_a_command() {
    let broker = Broker::start();
    let (link, own) = (Shell::called(&broker, "rabbitmqctl"), Shell::of(&broker));
    let all = ["list_users", "--formatter", "json"];
    let by_link = link.run(&all);
    assert_eq!(by_link, own.run(&["rabbitmqctl", "list_users", "--formatter", "json"]));
    assert_eq!(by_link.stdout, "[\n{\"user\":\"guest\",\"tags\":[\"administrator\"]}\n]\n");
    let ping = own.run(&["rabbitmq-diagnostics", "-q", "ping"]);
    assert_eq!((ping.stdout.as_str(), ping.code), ("Ping succeeded\n", 0));
    let plugins = own.run(&["rabbitmq-plugins", "-q", "list", "-m"]);
    assert!(plugins.stdout.lines().any(|line| line == "rabbitmq_management"), "{plugins:?}");
}

#[test]
fn what_has_a_form_of_its_own_says_what_scripts_look_for() {
    let broker = Broker::start();
    let ctl = |words: &[&str]| Shell::called(&broker, "rabbitmqctl").run(words);
    let diagnose = |words: &[&str]| Shell::called(&broker, "rabbitmq-diagnostics").run(words);
    let status = ctl(&["status"]);
    assert_eq!(status.code, 0);
    for part in
        ["Status of node pillarbox@", "RabbitMQ version: 3.13.7", "(none)", "purpose: HTTP API"]
    {
        assert!(status.stdout.contains(part), "{part}: {}", status.stdout);
    }
    let status = ctl(&["status", "--formatter", "json"]);
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["pid"], broker.pid().unwrap());
    assert_eq!(status["totals"]["virtual_host_count"], 1);
    let cluster = ctl(&["-q", "cluster_status", "--formatter", "json"]);
    let cluster: serde_json::Value = serde_json::from_str(&cluster.stdout).unwrap();
    assert_eq!(cluster["running_nodes"], cluster["disk_nodes"]);
    let settings = ctl(&["environment", "--formatter", "json"]);
    let settings: serde_json::Value = serde_json::from_str(&settings.stdout).unwrap();
    assert_eq!(settings["limits"]["channel_max"], 2047);
    let ports = diagnose(&["-q", "check_port_connectivity"]);
    assert_eq!(ports.code, 0, "{ports:?}");
    let port = broker.addr().port();
    assert!(ports.stdout.contains(&port.to_string()), "{ports:?}");
    assert_eq!(diagnose(&["check_port_listener", &port.to_string()]).code, 0);
    assert_eq!(diagnose(&["check_port_listener", "1"]).code, 69);
    assert_eq!(diagnose(&["check_protocol_listener", "bogus"]).code, 69);
    let version = diagnose(&["-q", "server_version"]);
    assert_eq!(version.stdout, "3.13.7\n");
    for misspelt in ["list_queue", "bogus_command"] {
        assert_eq!(ctl(&[misspelt]).code, 64);
    }
    assert_eq!(ctl(&[]).code, 64);
    assert!(ctl(&["help", "list_queues"]).stdout.contains("list_queues [--vhost <vhost>]"));
    assert_eq!(ctl(&["rotate_logs"]).code, 0);
    assert!(ctl(&["report"]).stdout.contains("Cluster status of node"));
}

#[test]
fn plugins_are_built_in_or_not_there() {
    let broker = Broker::start();
    let plugins = |words: &[&str]| Shell::called(&broker, "rabbitmq-plugins").run(words);
    assert_eq!(plugins(&["enable", "rabbitmq_management", "rabbitmq_prometheus"]).code, 0);
    assert_eq!(plugins(&["is_enabled", "rabbitmq_management"]).code, 0);
    for missing in [["enable", "rabbitmq_shovel"], ["is_enabled", "rabbitmq_shovel"]] {
        let said = plugins(&missing);
        assert_eq!(said.code, 69);
        assert!(said.stderr.contains("rabbitmq_shovel"), "{said:?}");
    }
    assert_eq!(plugins(&["disable", "rabbitmq_management"]).code, 69);
    let listed = plugins(&["list", "--formatter", "json", "-e"]);
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    assert!(listed["plugins"].as_array().unwrap().iter().all(|plugin| plugin["running"] == true));
}

#[test]
fn definitions_go_out_and_in() {
    let broker = Broker::start();
    let ctl = |words: &[&str], input: &[u8]| {
        Shell::called(&broker, "rabbitmqctl").run_with(words, &[], input)
    };
    let file = broker.data_dir().join("../definitions.json");
    let file = file.to_str().unwrap();
    assert_eq!(ctl(&["add_user", "anna"], b"from the input\n").code, 0);
    assert_eq!(ctl(&["authenticate_user", "anna", "from the input"], b"").code, 0);
    assert_eq!(ctl(&["export_definitions", file], b"").code, 0);
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(ctl(&["delete_user", "anna"], b"").code, 0);
    assert_eq!(ctl(&["import_definitions", file], b"").code, 0);
    assert_eq!(ctl(&["authenticate_user", "anna", "from the input"], b"").code, 0);
    let exported = ctl(&["export_definitions", "-"], b"").stdout;
    assert!(exported.contains("\"anna\"") && !exported.contains("from the input"));
    assert_eq!(ctl(&["import_definitions"], exported.as_bytes()).code, 0);
    assert_eq!(ctl(&["export_definitions", "-", "--format", "erlang"], b"").code, 64);
}
