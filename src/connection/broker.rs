//! What one client asks of the broker: the seam between a [`Session`](crate::Session) and the world behind it.
//!
//! A session calls these in the order of the client's methods, and every call answers at once. Whatever the client
//! receives goes through the same value, in the order of the calls, so that replies, returns, confirms and deliveries
//! cannot overtake each other. On the way of a publish or a settlement nothing here allocates.

use std::sync::Arc;

use ::broker::{LogPosition, QueueName, Refusal, queue::Settlement};
use amqp::{Method, ProtocolHeader, RawTable, ReplyCode};

use crate::{ChannelFigures, ChannelNumber, DeliveryTag, PublishRun};

/// One client's access to the broker, and its outbox.
///
/// Permissions, existence and the order in which they are checked are the implementation's (RabbitMQ's order: permission
/// before existence, exchange before queue). Names come with CR and LF already stripped and are never a shortcut for
/// "the last declared queue", except that [`queue_declare`](Self::queue_declare) takes an empty name to choose one.
pub trait Broker {
    // Output.

    /// Sends a method.
    fn send(&mut self, channel: ChannelNumber, method: &Method<'_>);

    /// Sends a method with content; `properties` are the flags and the list behind them, as on the wire.
    fn send_content(
        &mut self,
        channel: ChannelNumber,
        method: &Method<'_>,
        properties: &[u8],
        body: &[u8],
    );

    /// Sends bytes as they are: a protocol header, a heartbeat, an answer in HTTP, replies that were held.
    fn send_raw(&mut self, bytes: &[u8]);

    /// Whether the client leaves so much unread that no further method which has a reply may be handled now.
    fn is_congested(&self) -> bool;

    // The connection.

    /// The client began with something else than AMQP 0-9-1; told for the log, the session then ends.
    fn foreign_protocol(&mut self, header: ProtocolHeader);

    /// A channel, or with channel 0 the connection, is being closed for an error; told for the log.
    fn closing(&mut self, channel: ChannelNumber, code: ReplyCode, text: &str);

    /// Checks a login, counts it, and remembers the user and who the client says it is.
    ///
    /// # Errors
    /// [`LoginError::Refused`], whatever the reason; the implementation logs which it was. [`LoginError::Wait`] if the
    /// password takes a while to be checked: the session asks again later.
    fn authenticate(&mut self, login: &Login<'_>) -> Result<(), LoginError>;

    /// What was negotiated; from now on the outbox may cut bodies at `frame_max`.
    fn tuned(&mut self, tuning: Tuning);

    /// Enters a vhost; before this no call but those above is made.
    ///
    /// # Errors
    /// Why the user may not; the connection closes.
    fn open(&mut self, vhost: &str) -> Result<(), Refusal>;

    /// The connection is over, for whatever reason; called once, unless it never was open, and before any `close-ok`.
    ///
    /// Every channel ends as by [`close_channel`](Self::close_channel), exclusive queues are deleted. A close or its
    /// answer may still be sent.
    fn closed(&mut self);

    /// The name of the user, for the check of `user-id`.
    fn user_name(&self) -> &str;

    /// Whether the user may publish under any `user-id`.
    fn may_impersonate(&self) -> bool;

    // Channels.

    /// Checks whether the user may open one more channel.
    ///
    /// # Errors
    /// Why not; the connection closes.
    fn check_channel(&mut self) -> Result<(), Refusal>;

    /// A channel begins; `figures` will tell what it does.
    fn open_channel(&mut self, channel: ChannelNumber, figures: &Arc<ChannelFigures>);

    /// A channel ends: its consumers are cancelled, and what is unacked or held by a transaction is requeued.
    fn close_channel(&mut self, channel: ChannelNumber);

    /// `basic.qos`; `prefetch_count` 0 is unlimited.
    ///
    /// # Errors
    /// If the kind of prefetch is not permitted here.
    fn qos(
        &mut self,
        channel: ChannelNumber,
        prefetch_count: u16,
        global: bool,
    ) -> Result<(), Refusal>;

    // Exchanges and queues. Their replies, and all later ones of the channel, wait for what these return.

    /// `exchange.declare`, passive or not.
    ///
    /// # Errors
    /// Why it is refused.
    fn exchange_declare(&mut self, request: &ExchangeDeclare<'_>) -> Result<Durable, Refusal>;

    /// `exchange.delete`; one that does not exist is a success.
    ///
    /// # Errors
    /// Why it is refused.
    fn exchange_delete(&mut self, exchange: &str, if_unused: bool) -> Result<Durable, Refusal>;

    /// `exchange.bind`.
    ///
    /// # Errors
    /// Why it is refused.
    fn exchange_bind(&mut self, request: &Bind<'_>) -> Result<Durable, Refusal>;

    /// `exchange.unbind`; a binding that does not exist is a success.
    ///
    /// # Errors
    /// Why it is refused.
    fn exchange_unbind(&mut self, request: &Bind<'_>) -> Result<Durable, Refusal>;

    /// `queue.declare`, passive or not; an empty name asks for a generated one.
    ///
    /// # Errors
    /// [`DeclareError::Wait`] if the answer depends on a silent owner of the queue: the session asks again later.
    fn queue_declare(
        &mut self,
        request: &QueueDeclare<'_>,
    ) -> Result<Durable<QueueDeclared>, DeclareError>;

    /// `queue.bind`.
    ///
    /// # Errors
    /// Why it is refused.
    fn queue_bind(&mut self, request: &Bind<'_>) -> Result<Durable, Refusal>;

    /// `queue.unbind`; a binding that does not exist is a success.
    ///
    /// # Errors
    /// Why it is refused.
    fn queue_unbind(&mut self, request: &Bind<'_>) -> Result<Durable, Refusal>;

    /// `queue.purge`: how many ready messages went.
    ///
    /// # Errors
    /// Why it is refused.
    fn queue_purge(&mut self, queue: &str) -> Result<Durable<u32>, Refusal>;

    /// `queue.delete`: how many ready messages went; a queue that does not exist is a success.
    ///
    /// # Errors
    /// Why it is refused.
    fn queue_delete(
        &mut self,
        queue: &str,
        if_unused: bool,
        if_empty: bool,
    ) -> Result<Durable<u32>, Refusal>;

    // Publishing.

    /// Checks that this client may publish to the exchange, that it exists and is not internal, in this order.
    ///
    /// Called once a run, before any message of it is looked at.
    ///
    /// # Errors
    /// Why it is refused; the channel or the connection closes.
    fn check_publish(
        &mut self,
        channel: ChannelNumber,
        exchange: &str,
        routing_key: &[u8],
    ) -> Result<(), Refusal>;

    /// Checks that this client may publish with these keys, if the exchange is one where that makes a difference. The
    /// other keys are those of `CC` and `BCC`, as shortstrs.
    ///
    /// Called once a run, behind [`check_publish`](Self::check_publish) and once its first message was looked at.
    ///
    /// # Errors
    /// Why it is refused; the channel closes.
    fn check_topics(
        &mut self,
        exchange: &str,
        routing_key: &[u8],
        other_keys: [&[u8]; 2],
    ) -> Result<(), Refusal>;

    /// Publishes a run of messages, in order, and reports into the empty `outcome` what became of them.
    ///
    /// # Errors
    /// Why it is refused; then no message of the run was published.
    fn publish(
        &mut self,
        run: &PublishRun<'_>,
        outcome: &mut PublishOutcome,
    ) -> Result<(), Refusal>;

    // Consuming.

    /// Whether the channel has a consumer of this tag.
    fn has_consumer(&self, channel: ChannelNumber, consumer_tag: &str) -> bool;

    /// `basic.consume`. Sends the `consume-ok`, unless `nowait`, before the first delivery.
    ///
    /// # Errors
    /// Why it is refused.
    fn consume(&mut self, channel: ChannelNumber, request: &Consume<'_>) -> Result<(), Refusal>;

    /// `basic.cancel`. Sends the `cancel-ok`, unless `nowait`, after the last delivery; also for an unknown tag.
    fn cancel(&mut self, channel: ChannelNumber, consumer_tag: &str, nowait: bool);

    /// Cancels a consumer that held a delivery for too long and requeues what it has not acked; sends nothing.
    fn expel_consumer(&mut self, channel: ChannelNumber, consumer_tag: &str);

    /// `basic.get`: sends the `get-ok`, if the queue has something ready.
    ///
    /// # Errors
    /// Why it is refused.
    fn get(&mut self, channel: ChannelNumber, queue: &str, no_ack: bool) -> Result<Got, Refusal>;

    /// Settles a delivery, or with `multiple` every one up to it; tag 0 with `multiple` is all there are.
    ///
    /// # Errors
    /// [`UnknownDeliveryTag`]; nothing has changed then.
    fn settle(
        &mut self,
        channel: ChannelNumber,
        delivery_tag: DeliveryTag,
        multiple: bool,
        settlement: Settlement,
    ) -> Result<(), UnknownDeliveryTag>;

    /// Like [`settle`](Self::settle), but takes effect with [`commit_settlements`](Self::commit_settlements).
    ///
    /// # Errors
    /// [`UnknownDeliveryTag`]; nothing has changed then.
    fn hold_settlement(
        &mut self,
        channel: ChannelNumber,
        delivery_tag: DeliveryTag,
        multiple: bool,
        settlement: Settlement,
    ) -> Result<(), UnknownDeliveryTag>;

    /// Carries out what [`hold_settlement`](Self::hold_settlement) held, in its order; returns what `tx.commit-ok` has
    /// to wait for.
    fn commit_settlements(&mut self, channel: ChannelNumber) -> Option<LogPosition>;

    /// Forgets what [`hold_settlement`](Self::hold_settlement) held: those deliveries are unacked again.
    fn roll_back_settlements(&mut self, channel: ChannelNumber);

    /// `basic.recover`: requeues all that the channel has not acked.
    fn recover(&mut self, channel: ChannelNumber);

    // Direct reply-to.

    /// Consumes from `amq.rabbitmq.reply-to`. Sends the `consume-ok` unless `nowait`. The tag may be empty.
    fn consume_replies(&mut self, channel: ChannelNumber, consumer_tag: &str, nowait: bool);

    /// The address of the channel's reply consumer, `amq.rabbitmq.reply-to.<token>`, if it has one.
    fn reply_address(&self, channel: ChannelNumber) -> Option<&str>;

    /// Whether some channel, of any client, consumes replies at this address.
    fn reply_address_exists(&self, address: &str) -> bool;
}

/// A login attempt.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// The SASL mechanism's name.
    pub mechanism: &'static str,
    /// Who it claims to be.
    pub user: &'a str,
    /// With what proof. Never logged.
    pub password: Password<'a>,
    /// What the client tells of itself: `product`, `version`, `connection_name`, `capabilities`, ….
    pub client_properties: RawTable<'a>,
}

/// A password on its way to be checked, which no log can show.
#[derive(Clone, Copy)]
pub struct Password<'a>(pub &'a [u8]);

impl std::fmt::Debug for Password<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Why a login did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginError {
    /// It is refused. The client learns no reason.
    Refused,
    /// The password is being checked: ask again later.
    Wait,
}

/// What `connection.tune-ok` settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// The largest frame, all octets, 4096 or more.
    pub frame_max: u32,
    /// How many channels may be open at once.
    pub channel_max: u16,
    /// 0 is none.
    pub heartbeat_secs: u16,
}

/// `exchange.declare`.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeDeclare<'a> {
    /// The name.
    pub exchange: &'a str,
    /// The exchange type's name.
    pub kind: &'a str,
    /// Only asks whether it exists.
    pub passive: bool,
    /// Survives a restart.
    pub durable: bool,
    /// Goes with its last binding.
    pub auto_delete: bool,
    /// Takes messages from other exchanges only.
    pub internal: bool,
    /// Further arguments.
    pub arguments: RawTable<'a>,
}

/// `queue.declare`.
#[derive(Clone, Copy, Debug)]
pub struct QueueDeclare<'a> {
    /// The name; empty asks for a generated one.
    pub queue: &'a str,
    /// Only asks whether it exists.
    pub passive: bool,
    /// Survives a restart.
    pub durable: bool,
    /// Belongs to this connection and goes with it.
    pub exclusive: bool,
    /// Goes with its last consumer.
    pub auto_delete: bool,
    /// Further arguments.
    pub arguments: RawTable<'a>,
}

/// What a change of what is durable gave; its reply waits until the log is flushed as far as `after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Durable<T = ()> {
    /// What it gave.
    pub value: T,
    /// `None` if nothing had to be written, or is waited for. Positions never descend from one call to the next.
    pub after: Option<LogPosition>,
}

impl<T> From<T> for Durable<T> {
    /// With nothing to wait for.
    fn from(value: T) -> Self {
        Self { value, after: None }
    }
}

/// What became of a `basic.get`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Got {
    /// The `get-ok` has been sent.
    Delivered,
    /// Nothing is ready.
    Empty,
    /// The next message has to be read from disk first, and nothing has changed: ask again in a moment.
    Wait,
}

/// A queue as `queue.declare-ok` tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueDeclared {
    /// The name, generated if none was asked for.
    pub queue: QueueName,
    /// Ready messages.
    pub message_count: u32,
    /// Consumers.
    pub consumer_count: u32,
}

/// Why a `queue.declare` did not succeed.
#[derive(Clone, Debug)]
pub enum DeclareError {
    /// It is refused.
    Refused(Refusal),
    /// The queue's exclusive owner is silent and being probed: ask again later.
    Wait,
}

impl From<Refusal> for DeclareError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// `queue.bind`, `queue.unbind`, `exchange.bind` or `exchange.unbind`.
#[derive(Clone, Copy, Debug)]
pub struct Bind<'a> {
    /// The queue or exchange that messages go to.
    pub destination: &'a str,
    /// The exchange they come from.
    pub source: &'a str,
    /// The binding key.
    pub binding_key: &'a str,
    /// Further arguments.
    pub arguments: RawTable<'a>,
}

/// `basic.consume`.
#[derive(Clone, Copy, Debug)]
pub struct Consume<'a> {
    /// The queue.
    pub queue: &'a str,
    /// The tag, new on this channel; empty asks for a generated one.
    pub consumer_tag: &'a str,
    /// Deliveries need no ack.
    pub no_ack: bool,
    /// Nobody else may consume.
    pub exclusive: bool,
    /// No `consume-ok` is wanted.
    pub nowait: bool,
    /// Further arguments.
    pub arguments: RawTable<'a>,
}

/// What became of a run: indexes of its messages, ascending.
///
/// A message in neither list was accepted by every queue it was routed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishOutcome {
    /// How far the log has to be flushed before a message of the run that was not rejected is confirmed; `None` if none
    /// of them is durable. Positions never descend from one run to the next.
    pub after: Option<LogPosition>,
    /// Messages that no queue was found for; needed only if the run is mandatory.
    pub unroutable: Vec<u32>,
    /// Messages that a queue refused for being full: they are nacked.
    pub rejected: Vec<u32>,
}

impl PublishOutcome {
    /// Forgets everything but the room for it.
    pub fn clear(&mut self) {
        self.after = None;
        self.unroutable.clear();
        self.rejected.clear();
    }
}

/// A delivery tag that is not outstanding on its channel: 406.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown delivery tag {0}")]
pub struct UnknownDeliveryTag(pub DeliveryTag);
