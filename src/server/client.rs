//! One client's access to the broker: what its session asks for, done on what all clients share.

mod channel;
mod consuming;
mod login;
mod operator;
mod publishing;
mod routes;
mod topology;

use std::sync::Arc;

use ahash::AHashMap;
use amqp::{Method, ProtocolHeader, ReplyCode};
use broker::message::Body;
use broker::permission::Authority;
use broker::queue::{Settlement, Slot};
use broker::user::User;
use broker::{ConsumerTag, LogPosition, Refusal, Timestamp};
use connection::{
    Bind, Broker, ChannelFigures, ChannelNumber, Consume, DeclareError, DeliveryTag, Durable,
    ExchangeDeclare, Got, Login, LoginError, PublishOutcome, PublishRun, QueueDeclare,
    QueueDeclared, Tuning, Unacked, UnknownDeliveryTag,
};
use tracing::warn;

use self::channel::ClientChannel;
pub(crate) use self::login::Followed;
use self::login::PendingLogin;
use self::routes::Routes;
use self::topology::Waiting;
pub(crate) use self::topology::refuse_reserved;
use crate::node::{ConnectionEntry, ConnectionId, Node, Shared};
use crate::outbox::{ClientOutbox, DeliveryLink};
use crate::queue_cell::{Effects, QueueCell};
use crate::seats::Seat;
use crate::totals::count;
use crate::vhost::Vhost;

/// How many messages a publisher has spilled when it rests for a moment. Nobody consumes them as fast as they come, so it
/// is not to take the processor from others, whose messages are awaited; a larger message costs the disk more than us.
const SPILLED_BETWEEN_RESTS: usize = 4096;

/// A client, from its first octet to its last.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: ConnectionId,
    pub(crate) entry: Arc<ConnectionEntry>,
    /// The time of the input that is being handled.
    pub(crate) now: Timestamp,
    /// A queue it published to holds too much, or spills many messages: it is read more slowly.
    pub(crate) is_slowed: bool,
    /// How many messages it has spilled since it was last slowed for that.
    spilled: usize,
    /// It published something since this was last reset.
    pub(crate) has_published: bool,
    /// Some of that was logged.
    pub(crate) has_logged: bool,
    /// Consumers were added since this was last reset, whose timeouts ask for a look within this time.
    pub(crate) look_within_ms: Option<u64>,
    /// Why it ends, if it ends in error.
    pub(crate) close_reason: Option<Box<str>>,
    node: Arc<Node>,
    shared: Arc<Shared>,
    outbox: Arc<ClientOutbox>,
    pending_login: Option<PendingLogin>,
    /// Known once it has logged in.
    user: Option<Arc<User>>,
    /// What it takes up while it is open.
    seat: Option<Seat>,
    /// Known once it has opened its connection.
    vhost: Option<Arc<Vhost>>,
    authority: Option<Authority>,
    /// `basic.qos` acts on the consumers that are already there.
    live_prefetch: bool,
    channels: AHashMap<ChannelNumber, Box<ClientChannel>>,
    exclusive_queues: Vec<Arc<QueueCell>>,
    waiting: Option<Waiting>,
    routes: Routes,
    effects: Effects,
    /// Deliveries and slots on their way to their queues; kept for their memory.
    taken: Vec<Unacked<DeliveryLink>>,
    slots: Vec<Slot>,
}

impl Client {
    pub(crate) fn new(node: &Arc<Node>, id: ConnectionId, entry: Arc<ConnectionEntry>) -> Self {
        let shared = Arc::clone(&node.shared);
        Self {
            id,
            now: shared.clock.now(),
            is_slowed: false,
            spilled: 0,
            has_published: false,
            has_logged: false,
            look_within_ms: None,
            close_reason: None,
            node: Arc::clone(node),
            outbox: Arc::clone(&entry.outbox),
            entry,
            shared,
            pending_login: None,
            user: None,
            seat: None,
            vhost: None,
            authority: None,
            live_prefetch: false,
            channels: AHashMap::new(),
            exclusive_queues: Vec::new(),
            waiting: None,
            routes: Routes::default(),
            effects: Effects::default(),
            taken: Vec::new(),
            slots: Vec::new(),
        }
    }

    /// Whom the log names.
    pub(crate) fn user(&self) -> &str {
        self.user.as_ref().map_or("", |user| user.name.as_str())
    }

    /// Which vhost the log names.
    pub(crate) fn vhost_name(&self) -> &str {
        self.vhost.as_ref().map_or("", |vhost| vhost.name.as_str())
    }

    /// Carries out what visits to queues left to be done, and wakes whom they gave something.
    pub(crate) fn finish(&mut self) {
        self.route_letters();
        self.effects.wake();
        self.is_slowed |= std::mem::take(&mut self.effects.is_too_fast);
        self.spilled += std::mem::take(&mut self.effects.spilled);
        if self.spilled >= SPILLED_BETWEEN_RESTS {
            self.spilled = 0;
            self.is_slowed = true;
        }
    }

    /// Routes the dead letters of the last visits. Called after each method, so that their order is the client's.
    fn route_letters(&mut self) {
        if !self.effects.letters.is_empty()
            && let Some(vhost) = &self.vhost
        {
            vhost.carry_out(self.now, &mut self.effects);
        }
    }

    /// The vhost of an open connection.
    fn opened(&self) -> &Arc<Vhost> {
        self.vhost.as_ref().expect("a session asks for this only after it has opened the vhost")
    }

    /// Whether a client that speaks TLS has only come to the wrong port.
    fn has_tls_port(&self) -> bool {
        self.shared.options.tls.as_ref().is_some_and(|tls| !tls.bind.is_empty())
    }
}

impl Broker for Client {
    fn send(&mut self, channel: ChannelNumber, method: &Method<'_>) {
        method.encode(channel.0, self.outbox.lock().outgoing.bytes_mut());
    }

    fn send_content(
        &mut self,
        channel: ChannelNumber,
        method: &Method<'_>,
        properties: &[u8],
        body: &[u8],
    ) {
        let mut outbox = self.outbox.lock();
        let frame_max = outbox.frame_max;
        method.encode(channel.0, outbox.outgoing.bytes_mut());
        outbox.outgoing.append_content(channel.0, frame_max, properties, Body::Inline(body));
    }

    fn send_raw(&mut self, bytes: &[u8]) {
        self.outbox.lock().outgoing.bytes_mut().extend_from_slice(bytes);
    }

    fn is_congested(&self) -> bool {
        self.outbox.lock().is_congested()
    }

    fn foreign_protocol(&mut self, header: ProtocolHeader) {
        let peer = self.entry.peer;
        let hint = match header {
            ProtocolHeader::Http => "this is HTTP: the AMQP port does not serve the management API",
            ProtocolHeader::Tls if self.has_tls_port() => {
                "this is TLS, which another port speaks: use that of [tls] bind, or amqp:// instead of amqps://"
            }
            ProtocolHeader::Tls => {
                "this is TLS, which is not served on this port: use amqp:// instead of amqps://"
            }
            ProtocolHeader::Amqp091
            | ProtocolHeader::OtherAmqp { .. }
            | ProtocolHeader::Garbage(_) => "this is not AMQP 0-9-1",
        };
        warn!(%peer, connection = %self.id, ?header, "refused a connection: {hint}");
        self.close_reason = Some(hint.into());
    }

    fn closing(&mut self, channel: ChannelNumber, code: ReplyCode, text: &str) {
        let user = self.user();
        let vhost = self.vhost_name();
        if channel == ChannelNumber::CONNECTION {
            self.close_reason = Some(text.into());
        } else {
            warn!(
                peer = %self.entry.peer, connection = %self.id, user, vhost, channel = channel.0,
                code = code.code(), "closing a channel: {text}"
            );
        }
    }

    fn certified_user(&self) -> Option<&str> {
        self.entry.tls.as_ref()?.user.as_deref()
    }

    fn authenticate(&mut self, login: &Login<'_>) -> Result<(), LoginError> {
        self.log_in(login)
    }

    fn tuned(&mut self, tuning: Tuning) {
        self.outbox.lock().frame_max = tuning.frame_max;
        self.entry.facts.tuning.get_or_init(|| tuning);
        self.entry.set_heartbeat(tuning.heartbeat_secs);
    }

    fn open(&mut self, vhost: &str) -> Result<(), Refusal> {
        self.open_vhost(vhost)
    }

    fn closed(&mut self) {
        let channels: Vec<_> = self.channels.keys().copied().collect();
        for channel in channels {
            self.close_channel(channel);
        }
        self.delete_exclusive_queues();
        self.seat = None;
        self.finish();
        if self.user.is_some() {
            self.shared.tell_connection_closed(&self.entry);
        }
        count(&self.shared.totals.churn.connections_closed);
    }

    fn user_name(&self) -> &str {
        self.user()
    }

    fn may_impersonate(&self) -> bool {
        self.user.as_ref().is_some_and(|user| user.tags.may_impersonate())
    }

    fn check_channel(&mut self) -> Result<(), Refusal> {
        self.take_channel()
    }

    fn open_channel(&mut self, channel: ChannelNumber, figures: &Arc<ChannelFigures>) {
        count(&self.shared.totals.churn.channels_created);
        let by = self.effects.by.as_ref();
        self.shared.tell_channel_created(by, self.vhost_name(), &self.entry, channel);
        let index = self.outbox.lock().open_channel(channel, figures);
        self.channels.insert(channel, Box::new(ClientChannel::new(index, figures)));
    }

    fn close_channel(&mut self, channel: ChannelNumber) {
        self.end_channel(channel);
        if let Some(seat) = &mut self.seat {
            seat.remove_channel();
        }
        self.route_letters();
    }

    fn qos(
        &mut self,
        channel: ChannelNumber,
        prefetch_count: u16,
        global: bool,
    ) -> Result<(), Refusal> {
        self.set_qos(channel, prefetch_count, global);
        Ok(())
    }

    fn exchange_declare(&mut self, request: &ExchangeDeclare<'_>) -> Result<Durable, Refusal> {
        self.declare_exchange(request)
    }

    fn exchange_delete(&mut self, exchange: &str, if_unused: bool) -> Result<Durable, Refusal> {
        self.delete_exchange(exchange, if_unused)
    }

    fn exchange_bind(&mut self, request: &Bind<'_>) -> Result<Durable, Refusal> {
        self.bind_exchange(request)
    }

    fn exchange_unbind(&mut self, request: &Bind<'_>) -> Result<Durable, Refusal> {
        self.unbind_exchange(request)
    }

    fn queue_declare(
        &mut self,
        request: &QueueDeclare<'_>,
    ) -> Result<Durable<QueueDeclared>, DeclareError> {
        self.declare_queue(request)
    }

    fn queue_bind(&mut self, request: &Bind<'_>) -> Result<Durable, Refusal> {
        self.bind_queue(request)
    }

    fn queue_unbind(&mut self, request: &Bind<'_>) -> Result<Durable, Refusal> {
        self.unbind_queue(request)
    }

    fn queue_purge(&mut self, queue: &str) -> Result<Durable<u32>, Refusal> {
        self.purge_queue(queue)
    }

    fn queue_delete(
        &mut self,
        queue: &str,
        if_unused: bool,
        if_empty: bool,
    ) -> Result<Durable<u32>, Refusal> {
        self.delete_queue(queue, if_unused, if_empty)
    }

    fn check_publish(
        &mut self,
        _channel: ChannelNumber,
        exchange: &str,
        _routing_key: &[u8],
    ) -> Result<(), Refusal> {
        self.check_publishing(exchange)
    }

    fn check_topics(
        &mut self,
        exchange: &str,
        routing_key: &[u8],
        other_keys: [&[u8]; 2],
    ) -> Result<(), Refusal> {
        self.check_publishing_topics(exchange, routing_key, other_keys)
    }

    fn publish(
        &mut self,
        run: &PublishRun<'_>,
        outcome: &mut PublishOutcome,
    ) -> Result<(), Refusal> {
        self.publish_run(run, outcome)?;
        self.route_letters();
        Ok(())
    }

    fn has_consumer(&self, channel: ChannelNumber, consumer_tag: &str) -> bool {
        self.channels.get(&channel).is_some_and(|channel| channel.has_consumer(consumer_tag))
    }

    fn consume(&mut self, channel: ChannelNumber, request: &Consume<'_>) -> Result<(), Refusal> {
        self.add_consumer(channel, request)?;
        self.route_letters();
        Ok(())
    }

    fn cancel(&mut self, channel: ChannelNumber, consumer_tag: &str, nowait: bool) {
        self.remove_consumer(channel, consumer_tag);
        if !nowait {
            let ok = amqp::basic::CancelOk { consumer_tag };
            self.send(channel, &Method::BasicCancelOk(ok));
        }
        self.route_letters();
    }

    fn expel_consumer(&mut self, channel: ChannelNumber, consumer_tag: &str) {
        self.requeue_consumer(channel, consumer_tag);
        self.route_letters();
    }

    fn get(&mut self, channel: ChannelNumber, queue: &str, no_ack: bool) -> Result<Got, Refusal> {
        let got = self.get_message(channel, queue, no_ack);
        self.route_letters();
        got
    }

    fn settle(
        &mut self,
        channel: ChannelNumber,
        delivery_tag: DeliveryTag,
        multiple: bool,
        settlement: Settlement,
    ) -> Result<(), UnknownDeliveryTag> {
        self.settle_deliveries(channel, delivery_tag, multiple, settlement)?;
        self.route_letters();
        Ok(())
    }

    fn hold_settlement(
        &mut self,
        channel: ChannelNumber,
        delivery_tag: DeliveryTag,
        multiple: bool,
        settlement: Settlement,
    ) -> Result<(), UnknownDeliveryTag> {
        self.hold_deliveries(channel, delivery_tag, multiple, settlement)
    }

    fn commit_settlements(&mut self, channel: ChannelNumber) -> Option<LogPosition> {
        self.effects.logged_at = None;
        self.commit_held(channel);
        self.route_letters();
        self.effects.logged_at
    }

    fn roll_back_settlements(&mut self, channel: ChannelNumber) {
        self.roll_back_held(channel);
    }

    fn recover(&mut self, channel: ChannelNumber) {
        self.requeue_all(channel, Settlement::Requeue { counted: false });
        self.route_letters();
    }

    fn consume_replies(&mut self, channel: ChannelNumber, consumer_tag: &str, nowait: bool) {
        self.add_reply_consumer(channel, consumer_tag, nowait);
    }

    fn reply_address(&self, channel: ChannelNumber) -> Option<&str> {
        self.channels.get(&channel)?.reply_address()
    }

    fn reply_address_exists(&self, address: &str) -> bool {
        self.node.reply_consumers.contains_key(address)
    }
}

/// A text that the client says of itself.
fn text_of(properties: amqp::RawTable<'_>, key: &str) -> Option<String> {
    let value = properties.get(key)?;
    Some(String::from_utf8_lossy(value.as_long_string()?).into_owned())
}

/// A tag for a consumer that brings none.
fn generated_tag(shared: &Shared) -> ConsumerTag {
    ConsumerTag::from(shared.random.name("amq.ctag-"))
}
