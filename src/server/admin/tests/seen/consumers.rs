//! Consumers, and why one gets nothing.

use futures_util::StreamExt as _;
use lapin::types::AMQPValue;

use super::*;

fn only(stage: &Stage, queue: &str) -> ConsumerInfo {
    let [consumer] = &stage.queue(queue).consumer_details[..] else {
        panic!("there is one consumer")
    };
    consumer.clone()
}

#[tokio::test]
async fn a_consumer_tells_what_it_asked_for_and_what_it_got() {
    let stage = Stage::new().await;
    let (_connection, channel) = stage.channel().await;
    declare(&channel, "q").await;
    channel.basic_qos(2, BasicQosOptions::default()).await.unwrap();
    let mut arguments = FieldTable::default();
    arguments.insert("x-priority".into(), AMQPValue::LongInt(3));
    let options = BasicConsumeOptions { exclusive: true, ..BasicConsumeOptions::default() };
    let consumer = channel.basic_consume("q".into(), "tag".into(), options, arguments);
    let mut consumer = consumer.await.unwrap();
    let seen = only(&stage, "q");
    assert_eq!(seen.connection, stage.admin.connections()[0].name);
    assert_eq!((seen.user.as_str(), seen.channel.0, seen.tag.as_str()), ("guest", 1, "tag"));
    assert!(seen.ack_required && seen.exclusive && seen.is_active());
    assert_eq!((seen.priority, seen.prefetch, seen.unacked), (3, 2, 0));
    assert_eq!((seen.waits_for, seen.is_single_active), (ConsumerWait::Message, None));
    assert_eq!((seen.delivered_at, seen.acked_at), (None, None));
    assert!(seen.arguments.get("x-priority").is_some());
    assert_eq!(stage.queue("q").exclusive_consumer.as_deref(), Some("tag"));
    assert_eq!(stage.admin.consumers(None).len(), 1);
    assert_eq!(stage.admin.consumers(Some("other")).len(), 0);
    for body in ["1", "2", "3"] {
        send(&channel, "q", body, false).await;
    }
    let first = consumer.next().await.unwrap().unwrap();
    let waits = |info: &ConsumerInfo| info.waits_for == ConsumerWait::Credit;
    let seen = until("it has enough", || only(&stage, "q"), waits).await;
    assert_eq!((seen.unacked, seen.acked_at), (2, None));
    assert!(seen.delivered_at.is_some());
    first.ack(BasicAckOptions::default()).await.unwrap();
    let acked = |info: &ConsumerInfo| info.acked_at.is_some();
    until("it has acked", || only(&stage, "q"), acked).await;
    stage.end().await;
}

#[tokio::test]
async fn a_consumer_without_its_turn_or_without_credit_of_its_channel_says_so() {
    let stage = Stage::new().await;
    let (_connection, channel) = stage.channel().await;
    let mut single = FieldTable::default();
    single.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    channel.queue_declare("single".into(), DURABLE, single).await.unwrap();
    let consume = async |queue: &str, tag: &str| {
        let options = BasicConsumeOptions::default();
        let (queue, tag) = (queue.into(), tag.into());
        channel.basic_consume(queue, tag, options, FieldTable::default()).await.unwrap()
    };
    let _first = consume("single", "first").await;
    let _second = consume("single", "second").await;
    let queue = stage.queue("single");
    assert_eq!(queue.single_active_consumer.as_deref(), Some("first"));
    let seen: Vec<_> =
        queue.consumer_details.iter().map(|it| (it.is_active(), it.waits_for)).collect();
    assert_eq!(seen, [(true, ConsumerWait::Message), (false, ConsumerWait::Activity)]);

    declare(&channel, "shared").await;
    channel.basic_qos(1, BasicQosOptions { global: true }).await.unwrap();
    let _shared = consume("shared", "shared").await;
    send(&channel, "shared", "1", false).await;
    send(&channel, "shared", "2", false).await;
    let waits = |info: &ConsumerInfo| info.waits_for == ConsumerWait::SharedCredit;
    until("its channel has enough", || only(&stage, "shared"), waits).await;
    let [seen] = &stage.admin.channels()[..] else { panic!("there is one channel") };
    assert_eq!((seen.global_prefetch, seen.consumers), (1, 3));
    stage.end().await;
}

#[tokio::test]
async fn a_consumer_whose_client_does_not_read_says_so() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let stage = Stage::new().await;
    let (_connection, channel) = stage.channel().await;
    declare(&channel, "q").await;
    let mut deaf = tokio::net::TcpStream::connect(stage.server.addresses()[0]).await.unwrap();
    let frame = |channel: u16, method: &amqp::Method<'_>| {
        let mut bytes = Vec::new();
        method.encode(channel, &mut bytes);
        bytes
    };
    let empty = amqp::RawTable::from_bytes(&[]).unwrap();
    let start_ok = amqp::connection::StartOk {
        client_properties: empty,
        mechanism: "PLAIN",
        response: b"\0guest\0guest",
        locale: "en_US",
    };
    let tune_ok = amqp::connection::TuneOk { channel_max: 9, frame_max: 8192, heartbeat: 0 };
    let open = amqp::connection::Open { virtual_host: "/" };
    let consume = amqp::basic::Consume { queue: "q", no_ack: true, ..Default::default() };
    let bytes = [
        amqp::ProtocolHeader::BYTES.to_vec(),
        frame(0, &amqp::Method::ConnectionStartOk(start_ok)),
        frame(0, &amqp::Method::ConnectionTuneOk(tune_ok)),
        frame(0, &amqp::Method::ConnectionOpen(open)),
        frame(1, &amqp::Method::ChannelOpen(amqp::channel::Open)),
        frame(1, &amqp::Method::BasicConsume(consume)),
    ];
    deaf.write_all(&bytes.concat()).await.unwrap();
    let came = |queue: &QueueInfo| queue.consumers == 1;
    until("it consumes", || stage.queue("q"), came).await;
    let body = "x".repeat(100_000);
    while only(&stage, "q").waits_for == ConsumerWait::Message {
        send(&channel, "q", &body, false).await;
    }
    assert_eq!(only(&stage, "q").waits_for, ConsumerWait::Outbox);
    let name = only(&stage, "q").connection;
    assert!(stage.admin.connection(&name).unwrap().pending_bytes > 0);
    let keys = stage.admin.channel_keys_of(&name, |_| true).unwrap();
    let [key] = &keys[..] else { panic!("it has one channel") };
    assert!(stage.admin.channel_at(key).unwrap().stats.deliver_no_ack.count > 1);
    let mut read = vec![0; 1 << 20];
    let served = |info: &ConsumerInfo| info.waits_for == ConsumerWait::Message;
    while !served(&only(&stage, "q")) {
        assert!(deaf.read(&mut read).await.unwrap() > 0);
    }
    stage.end().await;
}
