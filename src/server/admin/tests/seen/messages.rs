//! Messages that an operator publishes and takes out.

use broker::exchange::Destination;

use super::*;

async fn stage_with(bodies: &[&str]) -> Stage {
    let stage = Stage::new().await;
    let arguments = amqp::FieldTable::new();
    let queue = NewQueue { name: "q", durable: true, auto_delete: false, arguments: &arguments };
    stage.admin.declare_queue(&stage.guest(), &queue).await.unwrap();
    for body in bodies {
        let (properties, body) = (Properties::default(), body.as_bytes().to_vec().into());
        assert!(stage.admin.publish(&stage.guest(), ("", "q"), &properties, body).await.unwrap());
    }
    stage
}

async fn get(stage: &Stage, count: usize, mode: AckMode) -> Vec<(String, bool, u64)> {
    let got = stage.admin.get_messages(&stage.guest(), "q", count, mode).await.unwrap();
    got.into_iter()
        .map(|it| (String::from_utf8_lossy(&it.body).into_owned(), it.redelivered, it.remaining))
        .collect()
}

fn entry(body: &str, redelivered: bool, remaining: u64) -> (String, bool, u64) {
    (body.to_owned(), redelivered, remaining)
}

#[tokio::test]
async fn each_mode_does_what_its_name_says() {
    let stage = stage_with(&["1", "2", "3"]).await;
    let both = |again| [entry("1", again, 2), entry("2", again, 1)];
    assert_eq!(get(&stage, 2, AckMode::Requeue).await, both(false));
    assert_eq!(get(&stage, 2, AckMode::RejectRequeue).await, both(true));
    assert_eq!(stage.queue("q").messages.ready.value, 3);
    assert_eq!(get(&stage, 1, AckMode::Ack).await, [entry("1", true, 2)]);
    let queue = stage.queue("q");
    assert_eq!((queue.stats.ack.count, queue.counters.died_rejected), (1, 0));
    assert_eq!(get(&stage, 1, AckMode::Reject).await, [entry("2", true, 1)]);
    let queue = stage.queue("q");
    assert_eq!((queue.messages.total.value, queue.stats.ack.count), (1, 1));
    assert_eq!(queue.counters.died_rejected, 1);
    assert_eq!(get(&stage, 9, AckMode::Ack).await, [entry("3", false, 0)]);
    assert_eq!(get(&stage, 9, AckMode::Ack).await, []);
    assert_eq!(stage.queue("q").stats.get_empty.count, 2);
    stage.end().await;
}

#[tokio::test]
async fn looking_does_not_wear_a_quorum_queues_messages_out() {
    let stage = Stage::new().await;
    let mut arguments = amqp::FieldTable::new();
    let quorum = amqp::FieldValue::LongString(b"quorum".to_vec());
    arguments.insert(amqp::ShortString::from_static("x-queue-type"), quorum);
    arguments.insert(amqp::ShortString::from_static("x-delivery-limit"), amqp::FieldValue::I32(1));
    let queue = NewQueue { name: "q", durable: true, auto_delete: false, arguments: &arguments };
    stage.admin.declare_queue(&stage.guest(), &queue).await.unwrap();
    let properties = Properties::default();
    stage.admin.publish(&stage.guest(), ("", "q"), &properties, "x".into()).await.unwrap();
    for _ in 0..5 {
        assert_eq!(get(&stage, 1, AckMode::Requeue).await.len(), 1);
    }
    for left in [1, 1, 0] {
        assert_eq!(get(&stage, 1, AckMode::RejectRequeue).await.len(), left);
    }
    assert_eq!(stage.queue("q").counters.died_delivery_limit, 1);
    stage.end().await;
}

#[tokio::test]
async fn a_message_keeps_its_properties_and_its_way() {
    let stage = stage_with(&[]).await;
    let (admin, guest) = (&stage.admin, stage.guest());
    let arguments = amqp::FieldTable::new();
    let destination = Destination::Queue("q".into());
    let key = BindingKey {
        source: "amq.topic",
        destination: &destination,
        routing_key: "a.*",
        arguments: &arguments,
    };
    admin.bind(&guest, &key).await.unwrap();
    let properties = Properties {
        content_type: Some(amqp::ShortString::from_static("text/plain")),
        delivery_mode: Some(2),
        priority: Some(3),
        ..Properties::default()
    };
    let body: bytes::Bytes = vec![7; 100_000].into();
    assert!(admin.publish(&guest, ("amq.topic", "a.b"), &properties, body.clone()).await.unwrap());
    assert!(!admin.publish(&guest, ("amq.topic", "b"), &properties, body.clone()).await.unwrap());
    let [message] = &admin.get_messages(&guest, "q", 5, AckMode::Ack).await.unwrap()[..] else {
        panic!("one was routed")
    };
    assert_eq!((message.exchange.as_str(), &message.routing_key[..]), ("amq.topic", &b"a.b"[..]));
    assert_eq!((&message.properties, &message.body), (&properties, &body));
    let stats = admin.overview().messages;
    assert_eq!((stats.publish.count, stats.return_unroutable.count), (2, 1));
    stage.end().await;
}

#[tokio::test]
async fn a_message_is_refused_as_a_clients_would_be() {
    let stage = stage_with(&[]).await;
    let (admin, guest) = (&stage.admin, stage.guest());
    let refused = async |to, properties: Properties| {
        admin.publish(&guest, to, &properties, "x".into()).await.unwrap_err().to_string()
    };
    let plain = Properties::default;
    assert_eq!(
        refused(("none", "q"), plain()).await,
        "NOT_FOUND - no exchange 'none' in vhost '/'"
    );
    let internal =
        "ACCESS_REFUSED - cannot publish to internal exchange 'amq.rabbitmq.trace' in vhost '/'";
    assert_eq!(refused(("amq.rabbitmq.trace", "q"), plain()).await, internal);
    let somebody = Some(amqp::ShortString::from_static("somebody"));
    let text = refused(("", "q"), Properties { user_id: somebody, ..plain() }).await;
    assert!(
        text.contains("user_id property set to 'somebody' but authenticated user was 'guest'"),
        "{text}"
    );
    let expiration = Some(amqp::ShortString::from_static("never"));
    let text = refused(("", "q"), Properties { expiration, ..plain() }).await;
    assert!(text.starts_with("PRECONDITION_FAILED - invalid expiration 'never'"), "{text}");
    let guests = Some(amqp::ShortString::from_static("guest"));
    let own = Properties { user_id: guests, ..plain() };
    assert!(admin.publish(&guest, ("", "q"), &own, "x".into()).await.unwrap());
    let large = vec![0; (16 << 20) + 1].into();
    let error = admin.publish(&guest, ("", "q"), &plain(), large).await.unwrap_err().to_string();
    assert!(error.starts_with("PRECONDITION_FAILED - message size 16777217 is larger"), "{error}");

    let mut arguments = amqp::FieldTable::new();
    arguments.insert(amqp::ShortString::from_static("x-max-length"), amqp::FieldValue::I32(0));
    let overflow = amqp::FieldValue::LongString(b"reject-publish".to_vec());
    arguments.insert(amqp::ShortString::from_static("x-overflow"), overflow);
    let queue = NewQueue { name: "full", durable: true, auto_delete: false, arguments: &arguments };
    admin.declare_queue(&guest, &queue).await.unwrap();
    let text = refused(("", "full"), plain()).await;
    assert_eq!(text, "Unable to publish message. Check queue limits.");
    stage.end().await;
}

#[tokio::test]
async fn a_dead_letter_of_a_refused_message_arrives() {
    let stage = stage_with(&[]).await;
    let mut arguments = amqp::FieldTable::new();
    let text = |text: &str| amqp::FieldValue::LongString(text.as_bytes().to_vec());
    arguments.insert(amqp::ShortString::from_static("x-dead-letter-exchange"), text(""));
    arguments.insert(amqp::ShortString::from_static("x-dead-letter-routing-key"), text("q"));
    let queue = NewQueue { name: "work", durable: true, auto_delete: false, arguments: &arguments };
    let (admin, guest) = (&stage.admin, stage.guest());
    admin.declare_queue(&guest, &queue).await.unwrap();
    let properties = Properties::default();
    admin.publish(&guest, ("", "work"), &properties, "x".into()).await.unwrap();
    admin.get_messages(&guest, "work", 1, AckMode::Reject).await.unwrap();
    assert_eq!(get(&stage, 1, AckMode::Ack).await, [entry("x", false, 0)]);
    stage.end().await;
}

#[tokio::test]
async fn who_does_not_wait_leaves_the_messages_there() {
    let stage = stage_with(&["1", "2"]).await;
    let client = stage.admin.act_for(&stage.guest()).unwrap();
    let queue = client.readable_queue("q").unwrap();
    let mut fetch = crate::admin::messages::Fetch::new(client, queue);
    assert_eq!(fetch.take_one().unwrap(), broker::queue::Got::Delivered);
    assert_eq!(stage.queue("q").messages.unacked.value, 1);
    drop(fetch);
    assert_eq!(stage.queue("q").messages.ready.value, 2);
    assert_eq!(get(&stage, 1, AckMode::Ack).await, [entry("1", true, 1)]);
    stage.end().await;
}

#[tokio::test]
async fn no_more_is_taken_at_once_than_fits() {
    let stage = stage_with(&[]).await;
    let body: bytes::Bytes = vec![0; 15 << 20].into();
    for _ in 0..6 {
        let properties = Properties::default();
        let to = ("", "q");
        stage.admin.publish(&stage.guest(), to, &properties, body.clone()).await.unwrap();
    }
    assert_eq!(get(&stage, 100, AckMode::Requeue).await.len(), 5);
    assert_eq!(stage.queue("q").messages.ready.value, 6);
    stage.end().await;
}
