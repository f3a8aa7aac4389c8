//! A client of the broker under test, and the requests that tests make most.

use std::{
    fmt::Write as _,
    future::Future,
    ops::{Deref, DerefMut},
    process::{self, Command},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{FutureExt as _, StreamExt as _, future};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer, Error,
    ErrorKind, ExchangeKind, Queue,
    message::{BasicGetMessage, Delivery},
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions,
        BasicPublishOptions, BasicQosOptions, BasicRejectOptions, ChannelFlowOptions,
        ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, FieldArray, FieldTable},
};

use crate::broker::Broker;

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How long it waits between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What most queues are here: durable and for everybody.
pub(crate) const DURABLE: QueueDeclareOptions = QueueDeclareOptions {
    passive: false,
    durable: true,
    exclusive: false,
    auto_delete: false,
    nowait: false,
};
/// The same, but not flushed to the disk before it is there.
pub(crate) const TRANSIENT: QueueDeclareOptions = QueueDeclareOptions { durable: false, ..DURABLE };

/// A broker that ends with its last test, and does not wait for clients whose runtime has ended with theirs.
pub(crate) struct Running(pub(crate) Broker);

impl Deref for Running {
    type Target = Broker;

    fn deref(&self) -> &Broker {
        &self.0
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Broker {
        &mut self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            // If it fails, the broker takes its time to stop.
            let _ = Command::new("kill").arg("-KILL").arg(pid.to_string()).status();
        }
    }
}

/// The broker that tests share: it ends when none of them runs.
pub(crate) fn shared_broker() -> Arc<Running> {
    static SHARED: Mutex<Weak<Running>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(broker) = shared.upgrade() {
        return broker;
    }
    let broker = Arc::new(Running(Broker::start()));
    *shared = Arc::downgrade(&broker);
    broker
}

/// A broker with settings of its own; `None` if the tests ask another broker, which has its own settings.
pub(crate) fn broker_with(config_toml: &str) -> Option<Arc<Running>> {
    let broker = Broker::start_with(config_toml);
    (!broker.is_foreign()).then(|| Arc::new(Running(broker)))
}

/// A broker whose connections are gone, so that it can be restarted.
pub(crate) fn alone(broker: &mut Arc<Running>) -> &mut Running {
    Arc::get_mut(broker).expect("every client of the broker is gone")
}

/// A name that no other test has.
pub(crate) fn unique(base: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut name = base.to_owned();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    write!(name, "-{}-{count}", process::id()).expect("a string takes all that is written");
    name
}

/// A connection with one channel.
pub(crate) struct Client {
    session: Session,
    pub(crate) connection: Connection,
    /// Stopped once nobody uses it: last, so that the connection is gone by then.
    broker: Arc<Running>,
}

impl Client {
    /// Connects to the shared broker.
    pub(crate) async fn connect() -> Self {
        Self::connect_to(&shared_broker()).await
    }

    /// Connects to `broker` as the default user.
    pub(crate) async fn connect_to(broker: &Arc<Running>) -> Self {
        let connected = Self::login(broker, &broker.uri()).await;
        connected.unwrap_or_else(|error| panic!("connecting to {}: {error}", broker.addr()))
    }

    /// Connects to `broker` in the way that `uri` says.
    pub(crate) async fn login(broker: &Arc<Running>, uri: &str) -> lapin::Result<Self> {
        let connection = Connection::connect(uri, ConnectionProperties::default()).await?;
        let session = Session { channel: connection.create_channel().await? };
        Ok(Self { session, connection, broker: Arc::clone(broker) })
    }

    /// Another connection to the same broker.
    pub(crate) async fn another(&self) -> Self {
        Self::connect_to(&self.broker).await
    }

    /// Another channel of this connection.
    pub(crate) async fn session(&self) -> Session {
        let channel = self.connection.create_channel().await.expect("a channel can be opened");
        Session { channel }
    }

    /// Closes the connection, and waits until it is closed.
    pub(crate) async fn close(self) {
        self.connection.close(200, "done".into()).await.expect("a connection can be closed");
    }
}

impl Deref for Client {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

/// A channel.
pub(crate) struct Session {
    pub(crate) channel: Channel,
}

impl Session {
    pub(crate) async fn declare(
        &self,
        queue: &str,
        options: QueueDeclareOptions,
        arguments: FieldTable,
    ) -> lapin::Result<Queue> {
        self.channel.queue_declare(queue.into(), options, arguments).await
    }

    /// Declares a durable queue under a name of its own.
    pub(crate) async fn queue<const N: usize>(&self, arguments: [(&str, AMQPValue); N]) -> String {
        let name = unique("queue");
        let declared = self.declare(&name, DURABLE, table(arguments)).await;
        declared.expect("the queue can be declared");
        name
    }

    /// Asks for a queue that is there.
    pub(crate) async fn passive(&self, queue: &str) -> lapin::Result<Queue> {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        self.declare(queue, passive, FieldTable::default()).await
    }

    /// How many messages wait in a queue.
    pub(crate) async fn ready(&self, queue: &str) -> u32 {
        self.passive(queue).await.expect("the queue is there").message_count()
    }

    /// Declares an exchange under a name of its own.
    pub(crate) async fn exchange<const N: usize>(
        &self,
        kind: &str,
        arguments: [(&str, AMQPValue); N],
    ) -> String {
        let name = unique("exchange");
        let options = ExchangeDeclareOptions::default();
        let declared = self.declare_exchange(&name, kind, options, table(arguments)).await;
        declared.expect("the exchange can be declared");
        name
    }

    pub(crate) async fn declare_exchange(
        &self,
        exchange: &str,
        kind: &str,
        options: ExchangeDeclareOptions,
        arguments: FieldTable,
    ) -> lapin::Result<()> {
        let kind = match kind {
            "direct" => ExchangeKind::Direct,
            "fanout" => ExchangeKind::Fanout,
            "headers" => ExchangeKind::Headers,
            "topic" => ExchangeKind::Topic,
            custom => ExchangeKind::Custom(custom.to_owned()),
        };
        self.channel.exchange_declare(exchange.into(), kind, options, arguments).await
    }

    /// Declares a queue and binds it.
    pub(crate) async fn bound_queue(&self, exchange: &str, binding_key: &str) -> String {
        let queue = self.queue([]).await;
        self.bind(&queue, exchange, binding_key).await;
        queue
    }

    pub(crate) async fn bind(&self, queue: &str, exchange: &str, binding_key: &str) {
        let bound = self.bind_with(queue, exchange, binding_key, FieldTable::default()).await;
        bound.expect("the queue can be bound");
    }

    pub(crate) async fn bind_with(
        &self,
        queue: &str,
        exchange: &str,
        binding_key: &str,
        arguments: FieldTable,
    ) -> lapin::Result<()> {
        let (queue, exchange, binding_key) = (queue.into(), exchange.into(), binding_key.into());
        let options = QueueBindOptions::default();
        self.channel.queue_bind(queue, exchange, binding_key, options, arguments).await
    }

    /// Publishes to the default exchange.
    pub(crate) async fn send(&self, queue: &str, body: &str) {
        self.publish("", queue, body, BasicProperties::default()).await;
    }

    /// Publishes to the default exchange, each body in turn.
    pub(crate) async fn send_all(&self, queue: &str, bodies: &[&str]) {
        for body in bodies {
            self.send(queue, body).await;
        }
    }

    pub(crate) async fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        body: &str,
        properties: BasicProperties,
    ) {
        let (exchange, routing_key) = (exchange.into(), routing_key.into());
        let options = BasicPublishOptions::default();
        let published = self
            .channel
            .basic_publish(exchange, routing_key, options, body.as_bytes(), properties)
            .await;
        // Whoever waits for the confirm waits for all of them.
        drop(published.expect("the channel is open"));
    }

    pub(crate) async fn confirm_select(&self) {
        let selected = self.channel.confirm_select(ConfirmSelectOptions::default()).await;
        selected.expect("a channel can be made to confirm");
    }

    /// Fetches a message, to be acked.
    pub(crate) async fn get(&self, queue: &str) -> Option<BasicGetMessage> {
        let got = self.channel.basic_get(queue.into(), BasicGetOptions::default()).await;
        got.expect("a message can be fetched")
    }

    /// Fetches a message that must be there or come soon.
    pub(crate) async fn expect(&self, queue: &str) -> Delivery {
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(message) = self.get(queue).await {
                return message.delivery;
            }
            assert!(Instant::now() < give_up, "no message came to {queue}");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Fetches `count` messages that must be there or come soon, and acks them; then no more may be there.
    pub(crate) async fn drain(&self, queue: &str, count: usize) -> Vec<String> {
        let mut bodies = Vec::new();
        while bodies.len() < count {
            let message = self.expect(queue).await;
            self.ack(message.delivery_tag).await;
            bodies.push(body(&message));
        }
        if let Some(further) = self.get(queue).await {
            panic!("after {bodies:?} there is also {:?} in {queue}", body(&further));
        }
        bodies
    }

    pub(crate) async fn consume(&self, queue: &str) -> Consumer {
        let options = BasicConsumeOptions::default();
        let consumer = self.consume_with(queue, "", options, FieldTable::default()).await;
        consumer.expect("the queue can be consumed")
    }

    pub(crate) async fn consume_with(
        &self,
        queue: &str,
        consumer_tag: &str,
        options: BasicConsumeOptions,
        arguments: FieldTable,
    ) -> lapin::Result<Consumer> {
        self.channel.basic_consume(queue.into(), consumer_tag.into(), options, arguments).await
    }

    pub(crate) async fn prefetch(&self, count: u16) {
        let options = BasicQosOptions::default();
        self.channel.basic_qos(count, options).await.expect("the prefetch can be set");
    }

    pub(crate) async fn ack(&self, delivery_tag: u64) {
        let options = BasicAckOptions::default();
        self.channel.basic_ack(delivery_tag, options).await.expect("the channel is open");
    }

    pub(crate) async fn ack_up_to(&self, delivery_tag: u64) {
        let options = BasicAckOptions { multiple: true };
        self.channel.basic_ack(delivery_tag, options).await.expect("the channel is open");
    }

    pub(crate) async fn nack(&self, delivery_tag: u64, requeue: bool) {
        let options = BasicNackOptions { multiple: false, requeue };
        self.channel.basic_nack(delivery_tag, options).await.expect("the channel is open");
    }

    pub(crate) async fn reject(&self, delivery_tag: u64, requeue: bool) {
        let options = BasicRejectOptions { requeue };
        self.channel.basic_reject(delivery_tag, options).await.expect("the channel is open");
    }

    /// Returns when the broker has handled all that was sent on this channel.
    pub(crate) async fn barrier(&self) -> lapin::Result<()> {
        self.channel.channel_flow(ChannelFlowOptions { active: true }).await.map(|_| ())
    }

    /// Publishes and waits for what the broker says to it.
    pub(crate) async fn try_publish(
        &self,
        exchange: &str,
        routing_key: &str,
        body: &str,
        properties: BasicProperties,
    ) -> lapin::Result<Confirmation> {
        self.confirm_select().await;
        let (exchange, routing_key) = (exchange.into(), routing_key.into());
        let options = BasicPublishOptions::default();
        let published = self
            .channel
            .basic_publish(exchange, routing_key, options, body.as_bytes(), properties)
            .await;
        published?.await
    }

    /// The error with which the broker answers a request that has no answer of its own.
    pub(crate) async fn answer_to<T>(&self, request: impl Future<Output = T>) -> lapin::Result<()> {
        // Both are sent before the broker can answer.
        let (_, answer) = future::join(request, self.barrier()).await;
        answer
    }

    /// Checks that nothing was delivered to `consumer` until now.
    pub(crate) async fn check_idle(&self, consumer: &mut Consumer) {
        self.barrier().await.expect("the channel is open");
        if let Some(Some(Ok(delivery))) = consumer.next().now_or_never() {
            panic!("{:?} was delivered", body(&delivery));
        }
    }
}

/// The next delivery, which must be there or come soon.
pub(crate) async fn next(consumer: &mut Consumer) -> Delivery {
    let delivery = tokio::time::timeout(PATIENCE, consumer.next()).await;
    let delivery = delivery.expect("nothing was delivered");
    delivery.expect("the consumer was cancelled").expect("the channel was closed")
}

/// The bodies of the next `count` deliveries, none of which is acked.
pub(crate) async fn next_bodies(consumer: &mut Consumer, count: usize) -> Vec<String> {
    let mut bodies = Vec::new();
    while bodies.len() < count {
        bodies.push(body(&next(consumer).await));
    }
    bodies
}

/// Waits until the broker has cancelled a consumer or closed its channel: the error with which it did.
pub(crate) async fn end_of(consumer: &mut Consumer) -> lapin::Result<()> {
    let ended = async {
        loop {
            match consumer.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            }
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("the consumer is still there")
}

/// Waits until `condition` holds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let give_up = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < give_up, "this did not happen: {what}");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Checks with which code and text a request was refused.
#[track_caller]
pub(crate) fn check_refused<T>(result: lapin::Result<T>, code: u16, text: &str) {
    match result {
        Ok(_) => panic!("this was not refused; expected: {code} {text}"),
        Err(error) => assert_eq!(refusal(&error), format!("{code} {text}")),
    }
}

/// Code and text that the broker sent, or the error that is something else.
pub(crate) fn refusal(error: &Error) -> String {
    if let ErrorKind::ProtocolError(error) = error.kind() {
        format!("{} {}", error.get_id(), error.get_message())
    } else {
        error.to_string()
    }
}

pub(crate) fn body(delivery: &Delivery) -> String {
    String::from_utf8_lossy(&delivery.data).into_owned()
}

pub(crate) fn table<const N: usize>(fields: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (key, value) in fields {
        table.insert(key.into(), value);
    }
    table
}

pub(crate) fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

pub(crate) fn int(number: i64) -> AMQPValue {
    AMQPValue::LongLongInt(number)
}

pub(crate) fn texts(texts: &[&str]) -> AMQPValue {
    let texts: Vec<_> = texts.iter().map(|&each| text(each)).collect();
    AMQPValue::FieldArray(FieldArray::from(texts))
}

pub(crate) fn with_headers<const N: usize>(headers: [(&str, AMQPValue); N]) -> BasicProperties {
    BasicProperties::default().with_headers(table(headers))
}

/// A header of a delivery.
pub(crate) fn header(delivery: &Delivery, name: &str) -> Option<AMQPValue> {
    delivery.properties.headers().as_ref()?.inner().get(name).cloned()
}
