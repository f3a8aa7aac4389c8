//! The client against a real broker.

mod started;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use pillarbox_client::{
    Channel, Confirmation, Connection, ConsumeOptions, ConsumerHandler, DeliveryRef, Error,
    ExchangeOptions, FieldTable, FieldValue, Properties, Publish, QueueOptions, Replies,
    ShortString,
};
use started::Broker;
use tokio::sync::mpsc;

const PATIENCE: Duration = Duration::from_secs(20);

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it does not take that long")
}

/// A connection, a channel and the name of a queue that goes with them.
async fn with_queue(broker: &Broker) -> Result<(Connection, Channel, String), Error> {
    let connection = within(Connection::connect(&broker.uri)).await?;
    let channel = connection.open_channel().await?;
    let options = QueueOptions { exclusive: true, ..QueueOptions::default() };
    let queue = channel.queue_declare("", options).await?.name;
    Ok((connection, channel, queue))
}

fn to<'a>(queue: &'a str, body: &'a [u8]) -> Publish<'a> {
    Publish { routing_key: queue, body, ..Publish::default() }
}

#[tokio::test]
async fn publish_consume_ack() {
    let broker = Broker::start();
    let (connection, channel, queue) = with_queue(&broker).await.unwrap();
    channel.confirm_select().await.unwrap();
    let properties = Properties {
        content_type: Some(ShortString::from_static("text/plain")),
        headers: Some([(ShortString::from_static("n"), 7)].into_iter().collect()),
        ..Properties::default()
    };
    let publish = Publish { properties: Some(&properties), ..to(&queue, b"hello") };
    let confirm = channel.publish(&publish).await.unwrap();
    assert!(matches!(within(confirm).await, Ok(Confirmation::Ack)));

    let mut consumer = channel.consume(&queue, ConsumeOptions::default()).await.unwrap();
    let delivery = within(consumer.next()).await.unwrap().unwrap();
    assert_eq!(&delivery.body[..], b"hello");
    assert_eq!(delivery.routing_key(), queue);
    assert_eq!(delivery.exchange(), "");
    assert!(!delivery.redelivered);
    let received = delivery.properties().unwrap();
    assert_eq!(received.content_type, properties.content_type);
    assert_eq!(received.headers.unwrap().get("n").unwrap().as_integer(), Some(7));
    delivery.ack().unwrap();

    channel.cancel(consumer.tag()).await.unwrap();
    assert!(within(consumer.next()).await.is_none());
    assert_eq!(channel.queue_delete(&queue, false, false).await.unwrap(), 0);
    within(connection.close()).await.unwrap();
}

#[tokio::test]
async fn bodies_of_any_size_arrive_whole() {
    let broker = Broker::start();
    let (_connection, channel, queue) = with_queue(&broker).await.unwrap();
    let mut consumer = channel.consume(&queue, ConsumeOptions::default()).await.unwrap();
    for size in [0, 1, 4096, 65_536, 131_064, 131_065, 1_000_000, 5_000_001] {
        let body: Vec<u8> = (0..size).map(|at: u32| at.to_le_bytes()[0]).collect();
        channel.publish(&to(&queue, &body)).await.unwrap();
        let delivery = within(consumer.next()).await.unwrap().unwrap();
        assert!(delivery.body == body, "{size} octets differ");
        delivery.ack().unwrap();
    }
}

#[tokio::test]
async fn a_small_frame_max_is_kept() {
    let broker = Broker::start();
    let separator = if broker.uri.contains('?') { '&' } else { '?' };
    let uri = format!("{}{separator}frame_max=4096", broker.uri);
    let connection = within(Connection::connect(&uri)).await.unwrap();
    let channel = connection.open_channel().await.unwrap();
    let options = QueueOptions { exclusive: true, ..QueueOptions::default() };
    let queue = channel.queue_declare("", options).await.unwrap().name;
    let body = vec![7; 100_000];
    channel.publish(&to(&queue, &body)).await.unwrap();
    let delivery = loop {
        // Published without a confirm: it may be a moment until it is there.
        if let Some(delivery) = within(channel.get(&queue, true)).await.unwrap() {
            break delivery;
        }
    };
    assert!(delivery.body == body);
}

#[tokio::test]
async fn thousands_of_pipelined_confirms() {
    let broker = Broker::start();
    let (connection, channel, queue) = with_queue(&broker).await.unwrap();
    channel.confirm_select().await.unwrap();
    let mut confirms = Vec::new();
    for _ in 0..5000 {
        confirms.push(channel.publish(&to(&queue, b"0123456789abcdef")).await.unwrap());
    }
    for confirm in confirms {
        assert!(matches!(within(confirm).await, Ok(Confirmation::Ack)));
    }
    assert_eq!(channel.queue_purge(&queue).await.unwrap(), 5000);
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_mandatory_message_without_a_queue_comes_back() {
    let broker = Broker::start();
    let (_connection, channel, queue) = with_queue(&broker).await.unwrap();
    let (returned_tx, mut returned) = mpsc::unbounded_channel();
    channel.on_return(move |message| returned_tx.send(message).unwrap());
    let lost = Publish { mandatory: true, ..to("no-such-queue", b"lost") };
    channel.publish(&lost).await.unwrap();
    let message = within(returned.recv()).await.unwrap();
    assert_eq!((message.code, message.text.as_str()), (312, "NO_ROUTE"));
    assert_eq!(&message.body[..], b"lost");

    channel.confirm_select().await.unwrap();
    let found = Publish { mandatory: true, ..to(&queue, b"found") };
    let found = channel.publish(&found).await.unwrap();
    let lost = channel.publish(&lost).await.unwrap();
    assert!(matches!(within(found).await, Ok(Confirmation::Ack)));
    let Ok(Confirmation::Returned(message)) = within(lost).await else { panic!("not returned") };
    assert_eq!(&message.routing_key[..], b"no-such-queue");
}

#[tokio::test]
async fn a_nack_reaches_the_publisher() {
    let broker = Broker::start();
    let (_connection, channel, _) = with_queue(&broker).await.unwrap();
    let arguments = [
        (ShortString::from_static("x-max-length"), FieldValue::from(1)),
        (ShortString::from_static("x-overflow"), "reject-publish".into()),
    ]
    .into_iter()
    .collect::<FieldTable>();
    let options = QueueOptions { exclusive: true, arguments, ..QueueOptions::default() };
    let queue = channel.queue_declare("", options).await.unwrap().name;
    channel.confirm_select().await.unwrap();
    let confirm = channel.publish(&to(&queue, b"1")).await.unwrap();
    assert!(matches!(within(confirm).await, Ok(Confirmation::Ack)));
    let confirm = channel.publish(&to(&queue, b"2")).await.unwrap();
    assert!(matches!(within(confirm).await, Ok(Confirmation::Nack)));
}

#[tokio::test]
async fn a_refusal_ends_the_channel_alone() {
    let broker = Broker::start();
    let (connection, channel, queue) = with_queue(&broker).await.unwrap();
    let mut consumer = channel.consume(&queue, ConsumeOptions::default()).await.unwrap();
    let passive = QueueOptions { passive: true, ..QueueOptions::default() };
    let error = within(channel.queue_declare("no-such-queue", passive)).await.unwrap_err();
    let Error::ChannelClosed(close) = &error else { panic!("{error}") };
    assert_eq!((close.code, close.class_id, close.method_id), (404, 50, 10));
    assert_eq!(close.text, "NOT_FOUND - no queue 'no-such-queue' in vhost '/'");
    assert_eq!(within(consumer.next()).await.unwrap().unwrap_err().reply_code(), Some(404));
    assert!(within(consumer.next()).await.is_none());
    assert_eq!(channel.publish(&to(&queue, b"")).await.unwrap_err().reply_code(), Some(404));

    let again = within(connection.open_channel()).await.unwrap();
    assert_eq!(again.number(), channel.number());
    drop(channel);
    again.queue_purge(&queue).await.unwrap();
}

#[tokio::test]
async fn a_hard_error_ends_the_connection() {
    let broker = Broker::start();
    let (connection, channel, queue) = with_queue(&broker).await.unwrap();
    let options = ConsumeOptions { consumer_tag: "twice".to_owned(), ..ConsumeOptions::default() };
    let _consumer = channel.consume(&queue, options.clone()).await.unwrap();
    let error = within(channel.consume(&queue, options)).await.unwrap_err();
    assert!(matches!(error, Error::ConnectionClosed(_)), "{error}");
    assert_eq!(within(connection.ended()).await.reply_code(), Some(530));
    assert_eq!(within(connection.open_channel()).await.unwrap_err().reply_code(), Some(530));
}

#[tokio::test]
async fn a_deleted_queue_cancels_its_consumer() {
    let broker = Broker::start();
    let (_connection, channel, queue) = with_queue(&broker).await.unwrap();
    let mut consumer = channel.consume(&queue, ConsumeOptions::default()).await.unwrap();
    channel.queue_delete(&queue, false, false).await.unwrap();
    let end = within(consumer.next()).await;
    assert!(matches!(end, Some(Err(Error::ConsumerCancelled))), "{end:?}");
}

#[tokio::test]
async fn what_a_dropped_consumer_held_is_given_back() {
    let broker = Broker::start();
    let (_connection, channel, queue) = with_queue(&broker).await.unwrap();
    channel.confirm_select().await.unwrap();
    for _ in 0..10 {
        within(channel.publish(&to(&queue, b"x")).await.unwrap()).await.unwrap();
    }
    let mut first = channel.consume(&queue, ConsumeOptions::default()).await.unwrap();
    let kept = within(first.next()).await.unwrap().unwrap();
    drop(first);
    let mut second = channel.consume(&queue, ConsumeOptions::default()).await.unwrap();
    let mut seen = 0;
    while seen < 9 {
        let delivery = within(second.next()).await.unwrap().unwrap();
        assert_ne!(delivery.delivery_tag, kept.delivery_tag);
        delivery.ack().unwrap();
        seen += 1;
    }
    kept.ack().unwrap();
}

#[tokio::test]
async fn get_settle_and_recover() {
    let broker = Broker::start();
    let (_connection, channel, queue) = with_queue(&broker).await.unwrap();
    assert!(within(channel.get(&queue, false)).await.unwrap().is_none());
    channel.confirm_select().await.unwrap();
    within(channel.publish(&to(&queue, b"x")).await.unwrap()).await.unwrap();
    let got = within(channel.get(&queue, false)).await.unwrap().unwrap();
    got.nack(true).unwrap();
    let got = within(channel.get(&queue, false)).await.unwrap().unwrap();
    assert!(got.redelivered);
    within(channel.recover()).await.unwrap();
    let got = within(channel.get(&queue, false)).await.unwrap().unwrap();
    got.reject(false).unwrap();
    assert!(within(channel.get(&queue, false)).await.unwrap().is_none());
}

#[tokio::test]
async fn exchanges_bindings_and_transactions() {
    let broker = Broker::start();
    let (_connection, channel, queue) = with_queue(&broker).await.unwrap();
    let options = || ExchangeOptions { auto_delete: true, ..ExchangeOptions::default() };
    let (first, second) = (format!("first-{queue}"), format!("second-{queue}"));
    let none = FieldTable::new();
    channel.exchange_declare(&first, "topic", options()).await.unwrap();
    channel.exchange_declare(&second, "fanout", options()).await.unwrap();
    channel.exchange_bind(&second, &first, "a.*", &none).await.unwrap();
    channel.queue_bind(&queue, &second, "", &none).await.unwrap();

    channel.tx_select().await.unwrap();
    let publish =
        Publish { exchange: &first, routing_key: "a.b", body: b"x", ..Publish::default() };
    channel.publish(&publish).await.unwrap();
    channel.tx_rollback().await.unwrap();
    channel.publish(&publish).await.unwrap();
    channel.tx_commit().await.unwrap();
    assert!(within(channel.get(&queue, true)).await.unwrap().is_some());
    assert!(within(channel.get(&queue, true)).await.unwrap().is_none());

    channel.queue_unbind(&queue, &second, "", &none).await.unwrap();
    channel.exchange_delete(&first, false).await.unwrap();
    channel.exchange_delete(&second, false).await.unwrap();
}

/// Counts and acknowledges each read at once.
struct Counter {
    seen: Arc<AtomicU64>,
    done: mpsc::UnboundedSender<u64>,
    last_tag: u64,
}

impl ConsumerHandler for Counter {
    fn delivery(&mut self, delivery: &DeliveryRef<'_>, _: &mut Replies<'_>) {
        assert_eq!(delivery.body[8..], [9; 8]);
        self.seen.fetch_add(1, Ordering::Relaxed);
        self.last_tag = delivery.delivery_tag;
    }

    fn read_done(&mut self, replies: &mut Replies<'_>) {
        replies.ack(self.last_tag, true);
        let _ = self.done.send(self.seen.load(Ordering::Relaxed));
    }
}

#[tokio::test]
async fn prepared_publishes_and_a_handler() {
    const MESSAGES: u64 = 10_000;
    let broker = Broker::start();
    let (connection, channel, queue) = with_queue(&broker).await.unwrap();
    let consuming = connection.open_channel().await.unwrap();
    consuming.qos(1000, false).await.unwrap();
    let (done_tx, mut done) = mpsc::unbounded_channel();
    let counter = Counter { seen: Arc::default(), done: done_tx, last_tag: 0 };
    consuming.consume_with(&queue, ConsumeOptions::default(), counter).await.unwrap();

    channel.confirm_select().await.unwrap();
    let (confirmed_tx, mut confirmed) = mpsc::unbounded_channel();
    channel.on_confirm(move |event| confirmed_tx.send(event).unwrap());
    let mut prepared = channel.prepare(&to(&queue, &[9; 16]), 500).unwrap();
    assert_eq!(prepared.len(), 500);
    prepared.body_mut(3)[..8].fill(1);
    let mut last_tag = 0;
    while last_tag < MESSAGES {
        last_tag = channel.publish_prepared(&prepared, 500).await.unwrap();
    }
    let mut acked = 0;
    while acked < MESSAGES {
        let event = within(confirmed.recv()).await.unwrap();
        assert!(event.is_ack);
        acked = acked.max(event.delivery_tag);
    }
    while within(done.recv()).await.unwrap() < MESSAGES {}
    let error = consuming.publish_prepared(&prepared, 1).await.unwrap_err();
    assert!(matches!(error, Error::OtherChannel));
}

#[tokio::test]
async fn logins_and_vhosts_are_refused_by_name() {
    let broker = Broker::start();
    let address = broker.uri.strip_prefix("amqp://").unwrap();
    let address = address.rsplit('@').next().unwrap().split(['/', '?']).next().unwrap();
    let wrong = format!("amqp://guest:wrong@{address}");
    let error = within(Connection::connect(&wrong)).await.unwrap_err();
    assert!(matches!(error, Error::LoginRefused(_)), "{error}");
    let missing = format!("amqp://{address}/no-such-vhost");
    let error = within(Connection::connect(&missing)).await.unwrap_err();
    assert_eq!(error.reply_code(), Some(530), "{error}");
    let error = Connection::connect("http://x").await.unwrap_err();
    assert!(matches!(error, Error::Uri(_)));
}

#[tokio::test]
async fn heartbeats_keep_an_idle_connection() {
    let broker = Broker::start();
    let separator = if broker.uri.contains('?') { '&' } else { '?' };
    let uri = format!("{}{separator}heartbeat=1", broker.uri);
    let connection = within(Connection::connect(&uri)).await.unwrap();
    // A broker that hears nothing ends the connection after three intervals at most.
    let idle = tokio::time::timeout(Duration::from_millis(3500), connection.ended()).await;
    assert!(idle.is_err(), "{idle:?}");
    connection.open_channel().await.unwrap();
}

#[tokio::test]
async fn many_channels_and_their_numbers() {
    let broker = Broker::start();
    let connection = within(Connection::connect(&broker.uri)).await.unwrap();
    let mut channels = Vec::new();
    for _ in 0..50 {
        channels.push(connection.open_channel().await.unwrap());
    }
    assert_eq!(channels.last().unwrap().number(), 50);
    let seventh = channels.remove(6);
    seventh.close().await.unwrap();
    assert_eq!(connection.open_channel().await.unwrap().number(), 7);
}
