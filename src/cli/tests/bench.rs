//! `pillarbox bench` against a real broker: loads of a fixed size, and what the summary says of them.

#[path = "../../../clients/rust/tests/started/mod.rs"]
mod started;

use std::process::{Command, Output};

use serde_json::Value;
use started::Broker;

fn bench(broker: &Broker, arguments: &str) -> Output {
    // Tests run at the same time and must not meet in a queue.
    let queue = format!("bench-{}-{:?}", std::process::id(), std::thread::current().id());
    Command::new(started::binary())
        .args(["bench", "-h", &broker.uri, "-u", &queue, "--warm-up", "0"])
        .args(arguments.split_whitespace())
        .output()
        .expect("the tool starts")
}

/// Runs a load and compares what it counted: sent, received, confirmed and returned.
fn check(arguments: &str, expected: [u64; 4]) -> Value {
    let broker = Broker::start();
    let output = bench(&broker, &format!("--json {arguments}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments}: {errors}");
    let summary: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    let counted = ["sent", "received", "confirmed", "returned"].map(|name| summary[name].as_u64());
    assert_eq!(counted, expected.map(Some), "{arguments}");
    summary
}

#[test]
fn every_message_arrives() {
    let summary = check("-C 5000 -a", [5000, 5000, 0, 0]);
    assert!(summary["latency_us"]["p99"].as_f64().unwrap() > 0.0);
    assert!(summary["tool_cpu_us_per_message"].is_number());
    assert!(summary["broker_cpu_us_per_message"].is_null());
}

#[test]
fn with_acks_confirms_and_a_cap() {
    let summary = check(
        "-C 3000 -q 100 -A 10 -c 200 --in-flight 500 -f persistent -s 1000",
        [3000, 3000, 3000, 0],
    );
    assert!(summary["confirm_latency_us"]["max"].as_f64().unwrap() > 0.0);
}

#[test]
fn many_queues_and_a_fanout() {
    check("-C 200 -a -x 6 -y 6 --queues 3", [1200, 1200, 0, 0]);
    check("-C 500 -a --fanout 4", [500, 2000, 0, 0]);
}

#[test]
fn a_queue_is_filled_and_then_drained() {
    let broker = Broker::start();
    let counted = |arguments: &str| {
        let output = bench(&broker, &format!("--json {arguments}"));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments}: {errors}");
        let summary: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
        ["sent", "received", "confirmed"].map(|name| summary[name].as_u64().unwrap())
    };
    assert_eq!(counted("-y 0 -C 2000 -c 200 -f persistent"), [2000, 0, 2000]);
    let [sent, received, _] = counted("-x 0 -y 2 -D 1000 -q 100 -A 10 -f persistent");
    assert_eq!((sent, received), (0, 2000));
}

#[test]
fn nobody_receives_what_no_queue_gets() {
    check("-C 100 -y 0 -e amq.direct -k nowhere -p -c 10 -f mandatory", [100, 0, 100, 100]);
}

#[test]
fn a_rate_is_kept() {
    let summary = check("-C 200 -r 400 -a", [200, 200, 0, 0]);
    let seconds = summary["seconds"].as_f64().unwrap();
    assert!(seconds > 0.45, "200 messages at 400 a second took {seconds} s");
}

#[test]
fn a_slow_consumer_and_a_text_for_people() {
    let broker = Broker::start();
    let output = bench(&broker, "-C 100 -R 500 -q 5");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(text.contains("received                     100 msg"), "{text}");
}

#[test]
fn what_goes_wrong_is_said() {
    let broker = Broker { uri: "amqp://127.0.0.1:1".to_owned(), child: None };
    let output = bench(&broker, "-z 1");
    assert!(!output.status.success());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("cannot connect to amqp://127.0.0.1:1"), "{errors}");
    let output = bench(&broker, "-q 10 -A 50");
    assert!(!output.status.success());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("-A 50"), "{errors}");
}
