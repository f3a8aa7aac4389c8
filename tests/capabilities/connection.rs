//! Connections: how they begin and end, heartbeats, a client that does not read, a broker without free descriptors.

use std::{
    fs,
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use amqp::{Method, RawTable, basic, queue};
use futures_util::StreamExt as _;
use lapin::{BasicProperties, Event};

use crate::{
    client::{
        Client, PATIENCE, broker_with, check_refused, eventually, next, refusal, shared_broker,
    },
    raw_client::RawClient,
};

#[tokio::test]
async fn a_stopping_broker_says_so() {
    let Some(broker) = broker_with("") else { return };
    let client = Client::connect_to(&broker).await;
    let mut events = client.connection.events_listener();
    let queue = client.queue([]).await;
    let _consumer = client.consume(&queue).await;
    terminate(broker.pid().unwrap());
    let error = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Event::Error(error) = events.next().await.expect("the end is an event") {
                return error;
            }
        }
    });
    let error = refusal(&error.await.expect("the connection ends"));
    assert!(error.starts_with("320 CONNECTION_FORCED - "), "{error}");
}

fn terminate(pid: u32) {
    let status = Command::new("kill").arg("-TERM").arg(pid.to_string()).status().unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn a_connection_that_fails_takes_its_channels_along() {
    let client = Client::connect().await;
    let other = client.session().await;
    let queue = client.queue([]).await;
    let mut consumer = other.consume(&queue).await;
    client.send(&queue, "unacked").await;
    next(&mut consumer).await;
    let options = lapin::options::BasicConsumeOptions::default();
    let tag = consumer.tag();
    let again = other.consume_with(&queue, tag.as_str(), options, Default::default()).await;
    let expected = format!("NOT_ALLOWED - attempt to reuse consumer tag '{tag}'");
    check_refused(again, 530, &expected);
    eventually("the connection ends", || async { !client.connection.status().connected() }).await;
    let witness = Client::connect().await;
    assert_eq!(witness.drain(&queue, 1).await, ["unacked"]);
}

#[tokio::test]
async fn a_channel_that_fails_leaves_the_others() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    let failing = client.session().await;
    client.send(&queue, "unacked").await;
    let held = failing.expect(&queue).await;
    let refused = failing.answer_to(failing.ack(held.delivery_tag + 1)).await;
    check_refused(refused, 406, "PRECONDITION_FAILED - unknown delivery tag 2");
    let again = client.expect(&queue).await;
    assert!(again.redelivered);
    let session = client.session().await;
    assert_eq!(session.ready(&queue).await, 0);
}

#[tokio::test]
async fn channels_are_counted() {
    let Some(broker) = broker_with("[limits]\nchannel_max = 3") else { return };
    let client = Client::connect_to(&broker).await;
    assert_eq!(client.connection.configuration().channel_max(), 3);
    for _ in 0..5 {
        let session = client.session().await;
        session.channel.close(200, "".into()).await.unwrap(); // and its number is free again
    }
    let mut raw = RawClient::open(broker.addr(), 0);
    for channel in 2..=4 {
        raw.open_channel(channel);
    }
    let expected =
        "NOT_ALLOWED - number of channels opened (3) has reached the negotiated channel_max (3)";
    let close = raw.wait_for("connection.close");
    assert!(String::from_utf8_lossy(&close).contains(expected), "{close:?}");
}

#[tokio::test]
async fn heartbeats_come_both_ways_or_the_connection_ends() {
    let broker = shared_broker();
    let addr = broker.addr();
    let watched = tokio::task::spawn_blocking(move || {
        let mut client = RawClient::open(addr, 1);
        client.wait_for_heartbeat();
        client.send_bytes(&amqp::HEARTBEAT_FRAME);
        client.wait_for_heartbeat();
        let silent_since = Instant::now();
        client.be_patient(Duration::from_secs(10));
        client.wait_for_end();
        silent_since.elapsed()
    });
    let silent_for = watched.await.unwrap();
    assert!(silent_for < Duration::from_secs(8), "{silent_for:?}");
}

#[tokio::test]
async fn without_heartbeats_silence_is_no_end() {
    let client = Client::connect().await;
    let addr = shared_broker().addr();
    let queue = client.queue([]).await;
    let (name, mut silent) = (queue.clone(), RawClient::open(addr, 0));
    client.send(&queue, "first").await;
    let consume = basic::Consume {
        queue: &name,
        consumer_tag: "silent",
        no_local: false,
        no_ack: true,
        exclusive: false,
        nowait: false,
        arguments: RawTable::EMPTY,
    };
    silent.send(&Method::BasicConsume(consume));
    silent.wait_for("basic.deliver");
}

#[tokio::test]
async fn who_does_not_read_does_not_fill_the_brokers_memory() {
    const BODY: usize = 64 << 10;
    const MESSAGES: u32 = 512;
    let client = Client::connect().await;
    let name = client.queue([]).await;
    let mut idle = RawClient::open(shared_broker().addr(), 0);
    let consume = basic::Consume {
        queue: &name,
        consumer_tag: "idle",
        no_local: false,
        no_ack: true,
        exclusive: false,
        nowait: false,
        arguments: RawTable::EMPTY,
    };
    idle.send(&Method::BasicConsume(consume));
    idle.wait_for("basic.consume-ok");
    client.confirm_select().await;
    let body = "x".repeat(BODY);
    for _ in 0..MESSAGES {
        client.publish("", &name, &body, BasicProperties::default()).await;
    }
    client.channel.wait_for_confirms().await.unwrap();
    // 32 MiB were published. What the kernel's buffers take is gone, the rest waits in the queue, not in front of the
    // socket.
    let ready = client.ready(&name).await;
    assert!(ready > MESSAGES / 4, "{ready} of {MESSAGES} are left");
    client.channel.queue_purge(name.as_str().into(), Default::default()).await.unwrap();
    // And whoever reads on gets on.
    client.send(&name, "the last").await;
    for _ in 0..=(MESSAGES - ready) {
        idle.wait_for("basic.deliver");
    }
}

#[tokio::test]
async fn a_broker_without_free_descriptors_waits_for_one() {
    let Some(broker) = broker_with("") else { return };
    let client = Client::connect_to(&broker).await;
    let pid = broker.pid().unwrap();
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let limit = Command::new("prlimit")
        .args(["--pid", &pid.to_string()])
        // Half of what is free is kept for the log.
        .arg(format!("--nofile={0}:{0}", open + 24))
        .status();
    if !limit.is_ok_and(|status| status.success()) {
        return; // without the tool there is no way to take descriptors away
    }
    let addr = broker.addr();
    let mut served = Vec::new();
    let waiting = loop {
        let next = tokio::task::spawn_blocking(move || RawClient::open(addr, 0));
        eventually("it is served, or the broker says what it is short of", || async {
            next.is_finished() || broker.log_text().contains("cannot accept connections")
        })
        .await;
        if !next.is_finished() {
            break next;
        }
        served.push(next.await.unwrap());
        assert!(served.len() <= 24, "there are no descriptors for so many");
    };
    let queue = client.queue([]).await;
    client.send(&queue, "still served").await;
    assert_eq!(client.drain(&queue, 1).await, ["still served"]);
    drop(served);
    waiting.await.expect("the last connects as soon as the others are gone");
}

#[tokio::test]
async fn connections_leave_the_log_its_descriptors() {
    let Some(broker) = broker_with("") else { return };
    let pid = broker.pid().unwrap().to_string();
    let limit = Command::new("prlimit").args(["--pid", &pid, "--nofile=100:100"]).status();
    if !limit.is_ok_and(|status| status.success()) {
        return; // without the tool there is no way to take descriptors away
    }
    let client = Client::connect_to(&broker).await;
    let queue = client.queue([]).await;
    let idle: Vec<_> = (0..150).map(|_| TcpStream::connect(broker.addr()).unwrap()).collect();
    eventually("there is none for another connection", || async {
        broker.log_text().contains("cannot accept connections")
    })
    .await;
    // Several files of the log, each of which has to be made.
    let body = "x".repeat(1 << 20);
    for _ in 0..12 {
        let persistent = BasicProperties::default().with_delivery_mode(2);
        let published = client.try_publish("", &queue, &body, persistent).await;
        assert!(published.expect("it is confirmed").is_ack());
    }
    drop(idle);
    let later = Client::connect_to(&broker).await;
    assert_eq!(later.ready(&queue).await, 12);
}

#[tokio::test]
async fn one_bad_neighbour_disturbs_nobody() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    let mut consumer = client.consume(&queue).await;
    for round in 0..20 {
        let mut bad = RawClient::open(shared_broker().addr(), 0);
        let declare = queue::Declare {
            queue: "",
            passive: false,
            durable: false,
            exclusive: true,
            auto_delete: false,
            nowait: true,
            arguments: RawTable::EMPTY,
        };
        bad.send(&Method::QueueDeclare(declare));
        bad.send_bytes(b"\xFF\xFF\xFF nonsense that is no frame");
        drop(bad);
        client.send(&queue, &round.to_string()).await;
        assert_eq!(crate::client::body(&next(&mut consumer).await), round.to_string());
    }
}
