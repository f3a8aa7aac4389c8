//! A broker of plain values that writes down what it is asked and what it sends.
//!
//! Queues are reached through the default exchange only; `logs` is an exchange without bindings, `internal` an internal
//! one. The queue `full` refuses every message, every queue the message "unwanted"; declaring `waiting` and getting from `paged` have to wait once. While the
//! log is held, changes of definitions, persistent messages that reach a queue and settlements in a transaction wait.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use ::broker::{LogPosition, Refusal, Timestamp, VhostName, queue::Settlement};
use amqp::{FrameType, HEARTBEAT_FRAME, Method, ProtocolHeader, ReplyCode, basic, decode_frame};

use super::{
    describe::{describe, describe_content, describe_published, describe_tags, flag},
    fake_log::{FakeLog, Promise, Unconfirmed},
};

use crate::{
    Bind, Broker, ChannelCounts, ChannelFigures, ChannelNumber, Consume, DeclareError, Deliveries,
    DeliveryTag, Durable, ExchangeDeclare, Got, Login, LoginError, PublishOutcome, PublishRun,
    QueueDeclare, QueueDeclared, Tuning, Unacked, UnknownDeliveryTag,
};

#[derive(Debug, Default)]
pub(super) struct FakeBroker {
    pub(super) log: Vec<String>,
    pub(super) is_congested: bool,
    user: String,
    login_rounds: u32,
    queues: BTreeMap<String, VecDeque<u32>>,
    messages: Vec<Stored>,
    channels: BTreeMap<u16, FakeChannel>,
    has_waited: bool,
    has_paged: bool,
    pub(super) disk: FakeLog,
    /// The confirms of single messages, however they were put together.
    pub(super) confirmed: Vec<String>,
}

#[derive(Debug)]
struct Stored {
    exchange: String,
    routing_key: Vec<u8>,
    properties: Vec<u8>,
    body: Vec<u8>,
    redelivered: bool,
}

#[derive(Debug, Default)]
struct FakeChannel {
    figures: Arc<ChannelFigures>,
    deliveries: Deliveries<u32>,
    held: Vec<Unacked<u32>>,
    consumers: Vec<String>,
    reply_address: Option<String>,
    /// In confirm mode, if that was asked for with a reply.
    unconfirmed: Option<Unconfirmed>,
    /// What the publishes of the transaction that is being committed wait for.
    committing: Option<LogPosition>,
}

impl FakeBroker {
    /// Writes down what an open channel shows of itself, but for zeros.
    pub(super) fn note_figures(&mut self, channel: u16) {
        let counts = self.channels[&channel].figures.read();
        let ChannelCounts { publish, confirm, return_unroutable, drop_unroutable, .. } = counts;
        let ChannelCounts { ack, unconfirmed, uncommitted, acks_uncommitted, mode, .. } = counts;
        let figures = [
            ("publish", publish),
            ("confirm", confirm),
            ("return_unroutable", return_unroutable),
            ("drop_unroutable", drop_unroutable),
            ("ack", ack),
            ("unconfirmed", unconfirmed),
            ("uncommitted", uncommitted),
            ("acks_uncommitted", acks_uncommitted),
        ];
        let figures = figures.iter().filter(|(_, count)| *count > 0);
        let figures: String = figures.map(|(name, count)| format!(" {name}={count}")).collect();
        self.log.push(format!("figures {mode:?}{figures}"));
    }

    fn note(&mut self, channel: ChannelNumber, text: &str) {
        self.log.push(format!("{channel}: {text}"));
    }

    fn channel(&mut self, channel: ChannelNumber) -> &mut FakeChannel {
        self.channels.get_mut(&channel.0).expect("the channel is open")
    }

    /// Writes something down, and in the log.
    fn write(&mut self, text: &str) -> Option<LogPosition> {
        let after = self.disk.write();
        if let Some(LogPosition(position)) = after {
            self.log.push(format!("⇒ {text} is logged at {position}"));
        }
        after
    }

    /// What a change of a definition gives.
    fn changed<T>(&mut self, value: T, what: &str) -> Durable<T> {
        let after = self.write(what);
        self.disk.promise(after);
        Durable { value, after }
    }

    /// Whether every publish of an open channel has been confirmed.
    pub(super) fn has_confirmed_all(&self) -> bool {
        let mut channels = self.channels.values();
        channels.all(|channel| channel.unconfirmed.as_ref().is_none_or(Unconfirmed::is_empty))
    }

    /// Checks and notes a method on its way to the client.
    fn sent(&mut self, channel: ChannelNumber, method: &Method<'_>) {
        self.disk.check_reply(method);
        if let Some(open) = self.channels.get_mut(&channel.0) {
            if let Method::ConfirmSelectOk(_) = method {
                open.unconfirmed.get_or_insert_default();
            }
            if let Some(unconfirmed) = &mut open.unconfirmed {
                let confirmed = unconfirmed.confirm(method, &self.disk);
                let name = method.name();
                self.confirmed.extend(confirmed.map(|tag| format!("{channel}: {name} {tag}")));
            }
        }
        self.note(channel, &format!("→ {}", describe(method)));
    }

    fn check_queue(&self, queue: &str) -> Result<(), Refusal> {
        if self.queues.contains_key(queue) {
            return Ok(());
        }
        Err(Refusal::NoSuchQueue { queue: queue.into(), vhost: VhostName::from("/") })
    }

    fn check_exchange(exchange: &str) -> Result<(), Refusal> {
        if matches!(exchange, "" | "logs" | "internal") {
            return Ok(());
        }
        Err(Refusal::NoSuchExchange { exchange: exchange.into(), vhost: VhostName::from("/") })
    }

    /// Takes the message at the head of a queue and numbers its delivery.
    fn deliver(
        &mut self,
        channel: ChannelNumber,
        queue: &str,
        no_ack: bool,
    ) -> Option<(DeliveryTag, u32)> {
        let id = self.queues.get_mut(queue)?.pop_front()?;
        let deliveries = &mut self.channel(channel).deliveries;
        let tag =
            if no_ack { deliveries.next_tag() } else { deliveries.push(id, Timestamp(0), true) };
        Some((tag, id))
    }

    fn requeue(&mut self, unacked: Vec<Unacked<u32>>) {
        for Unacked { link: id, .. } in unacked.into_iter().rev() {
            let message = &mut self.messages[id as usize];
            message.redelivered = true;
            let queue = String::from_utf8_lossy(&message.routing_key).into_owned();
            if let Some(queue) = self.queues.get_mut(&queue) {
                queue.push_front(id);
            }
        }
    }

    fn send_stored(&mut self, channel: ChannelNumber, id: u32, method: &Method<'_>) {
        let message = &self.messages[id as usize];
        let (properties, body) = (message.properties.clone(), message.body.clone());
        self.send_content(channel, method, &properties, &body);
    }
}

impl Broker for FakeBroker {
    fn send(&mut self, channel: ChannelNumber, method: &Method<'_>) {
        // Whatever is sent can be encoded.
        method.try_encode(channel.0, &mut Vec::new()).expect("it fits");
        self.sent(channel, method);
    }

    fn send_content(
        &mut self,
        channel: ChannelNumber,
        method: &Method<'_>,
        properties: &[u8],
        body: &[u8],
    ) {
        let content = describe_content(properties, body);
        self.note(channel, &format!("→ {} {content}", describe(method)));
    }

    fn send_raw(&mut self, bytes: &[u8]) {
        // Replies that were held come in one piece, direct ones with the header of a content without a body.
        let mut rest = bytes;
        while let Ok(Some((frame, len))) = decode_frame(rest, u32::MAX) {
            match (frame.kind, Method::decode(frame.payload)) {
                (FrameType::Method, Ok(method)) => {
                    self.sent(ChannelNumber(frame.channel), &method);
                }
                (FrameType::Header, _) => {}
                _ => break,
            }
            rest = &rest[len..];
        }
        if rest.is_empty() {
            return;
        }
        let first_line = bytes.split(|&byte| byte == b'\r').next().unwrap_or_default();
        self.log.push(match bytes {
            bytes if *bytes == HEARTBEAT_FRAME => "→ heartbeat".to_owned(),
            _ => format!("→ raw {}", first_line.escape_ascii()),
        });
    }

    fn is_congested(&self) -> bool {
        self.is_congested
    }

    fn foreign_protocol(&mut self, header: ProtocolHeader) {
        self.log.push(format!("⇒ foreign protocol {header:?}"));
    }

    fn closing(&mut self, _: ChannelNumber, _: ReplyCode, _: &str) {}

    /// A login takes as many rounds as the user's name says, as in `slow-2`.
    fn authenticate(&mut self, login: &Login<'_>) -> Result<(), LoginError> {
        let rounds = login.user.strip_prefix("slow-").and_then(|rounds| rounds.parse().ok());
        if rounds.is_some_and(|rounds: u32| self.login_rounds < rounds) {
            self.login_rounds += 1;
            return Err(LoginError::Wait);
        }
        if login.user != login.password.0.escape_ascii().to_string() {
            return Err(LoginError::Refused);
        }
        login.user.clone_into(&mut self.user);
        Ok(())
    }

    fn tuned(&mut self, _: Tuning) {}

    fn open(&mut self, vhost: &str) -> Result<(), Refusal> {
        if vhost == "/" { Ok(()) } else { Err(Refusal::NoSuchVhost { vhost: vhost.to_owned() }) }
    }

    fn closed(&mut self) {
        self.channels.clear();
        self.log.push("⇒ closed".to_owned());
    }

    fn user_name(&self) -> &str {
        &self.user
    }

    fn may_impersonate(&self) -> bool {
        false
    }

    /// The user `narrow` may have one.
    fn check_channel(&mut self) -> Result<(), Refusal> {
        if self.user != "narrow" || self.channels.is_empty() {
            return Ok(());
        }
        let explanation = "the user has too many channels".to_owned();
        Err(Refusal::NotAllowed { explanation })
    }

    fn open_channel(&mut self, channel: ChannelNumber, figures: &Arc<ChannelFigures>) {
        let opened = FakeChannel { figures: Arc::clone(figures), ..FakeChannel::default() };
        let known = self.channels.insert(channel.0, opened);
        assert!(known.is_none(), "a channel is opened once");
    }

    fn close_channel(&mut self, channel: ChannelNumber) {
        let mut ended = self.channels.remove(&channel.0).expect("it was open");
        let mut unacked = Vec::new();
        ended.deliveries.drain(&mut unacked);
        unacked.extend(ended.held);
        self.requeue(unacked);
        self.note(channel, "⇒ ended");
    }

    fn qos(&mut self, channel: ChannelNumber, count: u16, global: bool) -> Result<(), Refusal> {
        self.note(channel, &format!("⇒ qos {count}{}", flag(global, "global")));
        Ok(())
    }

    fn exchange_declare(&mut self, request: &ExchangeDeclare<'_>) -> Result<Durable, Refusal> {
        let ExchangeDeclare { exchange, kind, .. } = request;
        self.log.push(format!("⇒ declare exchange {exchange:?} {kind}"));
        Ok(self.changed((), "it"))
    }

    fn exchange_delete(&mut self, exchange: &str, _: bool) -> Result<Durable, Refusal> {
        self.log.push(format!("⇒ delete exchange {exchange:?}"));
        Ok(self.changed((), "it"))
    }

    fn exchange_bind(&mut self, request: &Bind<'_>) -> Result<Durable, Refusal> {
        self.queue_bind(request)
    }

    fn exchange_unbind(&mut self, request: &Bind<'_>) -> Result<Durable, Refusal> {
        self.queue_unbind(request)
    }

    fn queue_declare(
        &mut self,
        request: &QueueDeclare<'_>,
    ) -> Result<Durable<QueueDeclared>, DeclareError> {
        if request.queue == "waiting" && !self.has_waited {
            self.has_waited = true;
            return Err(DeclareError::Wait);
        }
        if request.passive {
            self.check_queue(request.queue)?;
        }
        let name = if request.queue.is_empty() { "amq.gen-1" } else { request.queue };
        let ready = self.queues.entry(name.to_owned()).or_default().len();
        let message_count = u32::try_from(ready).unwrap();
        let declared = QueueDeclared { queue: name.into(), message_count, consumer_count: 0 };
        if request.passive {
            self.disk.promise(None);
            return Ok(declared.into());
        }
        Ok(self.changed(declared, &format!("queue {name}")))
    }

    fn queue_bind(&mut self, request: &Bind<'_>) -> Result<Durable, Refusal> {
        let Bind { destination, source, binding_key, .. } = request;
        Self::check_exchange(source)?;
        self.log.push(format!("⇒ bind {source} {destination} {binding_key:?}"));
        Ok(self.changed((), "it"))
    }

    fn queue_unbind(&mut self, request: &Bind<'_>) -> Result<Durable, Refusal> {
        let Bind { destination, source, binding_key, .. } = request;
        self.log.push(format!("⇒ unbind {source} {destination} {binding_key:?}"));
        Ok(self.changed((), "it"))
    }

    fn queue_purge(&mut self, queue: &str) -> Result<Durable<u32>, Refusal> {
        self.check_queue(queue)?;
        let purged = self.queues.get_mut(queue).map(std::mem::take).unwrap_or_default();
        Ok(self.changed(u32::try_from(purged.len()).unwrap(), &format!("the purge of {queue}")))
    }

    fn queue_delete(&mut self, queue: &str, _: bool, _: bool) -> Result<Durable<u32>, Refusal> {
        let deleted = self.queues.remove(queue).unwrap_or_default();
        Ok(self.changed(u32::try_from(deleted.len()).unwrap(), &format!("the end of {queue}")))
    }

    fn check_publish(&mut self, _: ChannelNumber, exchange: &str, _: &[u8]) -> Result<(), Refusal> {
        Self::check_exchange(exchange)?;
        if exchange == "internal" {
            let (exchange, vhost) = (exchange.into(), VhostName::from("/"));
            return Err(Refusal::InternalExchange { exchange, vhost });
        }
        Ok(())
    }

    /// Keys that begin with `secret` are nobody's.
    fn check_topics(
        &mut self,
        exchange: &str,
        routing_key: &[u8],
        other_keys: [&[u8]; 2],
    ) -> Result<(), Refusal> {
        let others = other_keys.into_iter().flat_map(::broker::message::short_strings);
        match std::iter::once(routing_key).chain(others).find(|key| key.starts_with(b"secret")) {
            None => Ok(()),
            Some(key) => Err(Refusal::TopicRefused(Box::new(::broker::TopicRefused {
                action: ::broker::Action::Write,
                key: String::from_utf8_lossy(key).into_owned(),
                exchange: exchange.into(),
                vhost: "/".into(),
                user: self.user.as_str().into(),
            }))),
        }
    }

    fn publish(
        &mut self,
        run: &PublishRun<'_>,
        outcome: &mut PublishOutcome,
    ) -> Result<(), Refusal> {
        assert_eq!(*outcome, PublishOutcome::default());
        let key = String::from_utf8_lossy(run.routing_key).into_owned();
        let mut is_durable = false;
        for (index, message) in (0..).zip(run.messages()) {
            let noted = describe_published(run, &key, &message);
            self.note(run.channel, &noted);
            let queue = if run.exchange.is_empty() { self.queues.get_mut(&key) } else { None };
            if key == "full" || message.body.as_bytes() == b"unwanted" {
                outcome.rejected.push(index);
            } else if let Some(queue) = queue {
                queue.push_back(u32::try_from(self.messages.len()).unwrap());
                self.messages.push(Stored {
                    exchange: run.exchange.to_owned(),
                    routing_key: run.routing_key.to_vec(),
                    properties: message.properties.to_vec(),
                    body: message.body.as_bytes().to_vec(),
                    redelivered: false,
                });
                is_durable |= message.persistent;
            } else {
                outcome.unroutable.push(index);
            }
        }
        if is_durable {
            outcome.after = self.write("it");
        }
        let open = self.channel(run.channel);
        open.committing = open.committing.max(outcome.after);
        if let Some(unconfirmed) = &mut open.unconfirmed {
            for index in (0..).take(run.len()) {
                let is_rejected = outcome.rejected.contains(&index);
                let promise = Promise::AckAfter(outcome.after);
                unconfirmed.publish(if is_rejected { Promise::Nack } else { promise });
            }
        }
        Ok(())
    }

    fn has_consumer(&self, channel: ChannelNumber, consumer_tag: &str) -> bool {
        self.channels[&channel.0].consumers.iter().any(|tag| tag == consumer_tag)
    }

    fn consume(&mut self, channel: ChannelNumber, request: &Consume<'_>) -> Result<(), Refusal> {
        self.check_queue(request.queue)?;
        let consumer_tag = match request.consumer_tag {
            "" => "amq.ctag-1",
            tag => tag,
        };
        self.channel(channel).consumers.push(consumer_tag.to_owned());
        if !request.nowait {
            self.send(channel, &Method::BasicConsumeOk(basic::ConsumeOk { consumer_tag }));
        }
        while let Some((tag, id)) = self.deliver(channel, request.queue, request.no_ack) {
            let Stored { exchange, routing_key, redelivered, .. } = &self.messages[id as usize];
            let (exchange, routing_key) = (exchange.clone(), routing_key.clone());
            let deliver = basic::Deliver {
                consumer_tag: consumer_tag.as_bytes(),
                delivery_tag: tag.0,
                redelivered: *redelivered,
                exchange: exchange.as_bytes(),
                routing_key: &routing_key,
            };
            self.send_stored(channel, id, &Method::BasicDeliver(deliver));
        }
        Ok(())
    }

    fn cancel(&mut self, channel: ChannelNumber, consumer_tag: &str, nowait: bool) {
        self.channel(channel).consumers.retain(|tag| tag != consumer_tag);
        if !nowait {
            self.send(channel, &Method::BasicCancelOk(basic::CancelOk { consumer_tag }));
        }
    }

    fn expel_consumer(&mut self, channel: ChannelNumber, consumer_tag: &str) {
        self.note(channel, &format!("⇒ expel {consumer_tag}"));
    }

    fn get(&mut self, channel: ChannelNumber, queue: &str, no_ack: bool) -> Result<Got, Refusal> {
        if queue == "paged" && !self.has_paged {
            self.has_paged = true;
            return Ok(Got::Wait);
        }
        self.check_queue(queue)?;
        let Some((tag, id)) = self.deliver(channel, queue, no_ack) else { return Ok(Got::Empty) };
        let message_count = u32::try_from(self.queues[queue].len()).unwrap();
        let Stored { exchange, routing_key, redelivered, .. } = &self.messages[id as usize];
        let (exchange, routing_key) = (exchange.clone(), routing_key.clone());
        let get_ok = basic::GetOk {
            delivery_tag: tag.0,
            redelivered: *redelivered,
            exchange: exchange.as_bytes(),
            routing_key: &routing_key,
            message_count,
        };
        self.send_stored(channel, id, &Method::BasicGetOk(get_ok));
        Ok(Got::Delivered)
    }

    fn settle(
        &mut self,
        channel: ChannelNumber,
        delivery_tag: DeliveryTag,
        multiple: bool,
        settlement: Settlement,
    ) -> Result<(), UnknownDeliveryTag> {
        let mut settled = Vec::new();
        self.channel(channel).deliveries.take(delivery_tag, multiple, &mut settled)?;
        self.note(channel, &format!("⇒ {settlement:?} {}", describe_tags(&settled)));
        if let Settlement::Requeue { .. } = settlement {
            self.requeue(settled);
        }
        Ok(())
    }

    fn hold_settlement(
        &mut self,
        channel: ChannelNumber,
        delivery_tag: DeliveryTag,
        multiple: bool,
        _: Settlement,
    ) -> Result<(), UnknownDeliveryTag> {
        let FakeChannel { deliveries, held, .. } = self.channel(channel);
        deliveries.hold(delivery_tag, multiple, held)
    }

    fn commit_settlements(&mut self, channel: ChannelNumber) -> Option<LogPosition> {
        let held = std::mem::take(&mut self.channel(channel).held);
        self.channel(channel).deliveries.release(&held);
        self.note(channel, &format!("⇒ commit {}", describe_tags(&held)));
        let settled = if held.is_empty() { None } else { self.write("it") };
        let after = settled.max(self.channel(channel).committing.take());
        self.disk.promise(after);
        settled
    }

    fn roll_back_settlements(&mut self, channel: ChannelNumber) {
        let held = std::mem::take(&mut self.channel(channel).held);
        self.note(channel, &format!("⇒ roll back {}", describe_tags(&held)));
        self.channel(channel).deliveries.put_back(held);
    }

    fn recover(&mut self, channel: ChannelNumber) {
        let mut unacked = Vec::new();
        self.channel(channel).deliveries.drain(&mut unacked);
        self.note(channel, &format!("⇒ recover {}", describe_tags(&unacked)));
        self.requeue(unacked);
    }

    fn consume_replies(&mut self, channel: ChannelNumber, consumer_tag: &str, nowait: bool) {
        self.channel(channel).reply_address = Some("amq.rabbitmq.reply-to.token".to_owned());
        if !nowait {
            self.send(channel, &Method::BasicConsumeOk(basic::ConsumeOk { consumer_tag }));
        }
    }

    fn reply_address(&self, channel: ChannelNumber) -> Option<&str> {
        self.channels.get(&channel.0)?.reply_address.as_deref()
    }

    fn reply_address_exists(&self, address: &str) -> bool {
        self.channels.values().any(|channel| channel.reply_address.as_deref() == Some(address))
    }
}
