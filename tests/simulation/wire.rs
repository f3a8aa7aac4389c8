//! What clients send, and what they understand of what they are sent.

use amqp::{
    ContentHeader, FieldTable, Frame, FrameType, Method, ProtocolHeader, RawTable, ShortString,
    basic, channel, confirm, connection, decode_frame, tx,
};
use server::simulation::USER;

use crate::catalog::{ALL, EXCHANGES, KEYED, KEYS, LATER, QUEUES};
use crate::message::Spec;
use crate::model::{Binding, Target};

/// The one channel that each client has.
const CHANNEL: u16 = 1;

const FRAME_MAX: u32 = 131_072;

/// What a client was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The answer to something that changes definitions, to a purge or a commit; with a count, if it has one.
    Done(Option<u32>),
    Confirmed {
        tag: u64,
        multiple: bool,
        is_ack: bool,
    },
    /// With the consumer's tag, unless it was fetched.
    Delivery {
        consumer: Option<Vec<u8>>,
        tag: u64,
        redelivered: bool,
        properties: Vec<u8>,
        body: Vec<u8>,
    },
    Nothing,
    /// A channel or the connection was closed.
    Closed(String),
}

/// How a client uses its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Plain,
    Confirms,
    Transactions,
}

fn encode(method: &Method<'_>, out: &mut Vec<u8>) {
    method.encode(CHANNEL, out);
}

fn table(contents: &[u8]) -> RawTable<'_> {
    RawTable::from_bytes(contents).expect("it was encoded from a table")
}

/// Everything up to an open channel.
pub(crate) fn greeting(mode: Mode) -> Vec<u8> {
    let mut out = ProtocolHeader::BYTES.to_vec();
    let response = format!("\0{USER}\0{USER}");
    let mut capabilities = FieldTable::new();
    for name in ["basic.nack", "publisher_confirms"] {
        capabilities.insert(ShortString::from_static(name), true);
    }
    let mut properties = FieldTable::new();
    properties.insert(ShortString::from_static("capabilities"), capabilities);
    let properties = properties.to_bytes();
    let start_ok = connection::StartOk {
        client_properties: table(&properties),
        mechanism: "PLAIN",
        response: response.as_bytes(),
        locale: "en_US",
    };
    let tune_ok = connection::TuneOk { channel_max: 16, frame_max: FRAME_MAX, heartbeat: 0 };
    Method::ConnectionStartOk(start_ok).encode(0, &mut out);
    Method::ConnectionTuneOk(tune_ok).encode(0, &mut out);
    Method::ConnectionOpen(connection::Open { virtual_host: "/" }).encode(0, &mut out);
    encode(&Method::ChannelOpen(channel::Open), &mut out);
    match mode {
        Mode::Plain => {}
        Mode::Confirms => {
            encode(&Method::ConfirmSelect(confirm::Select { nowait: true }), &mut out)
        }
        Mode::Transactions => encode(&Method::TxSelect(tx::Select), &mut out),
    }
    out
}

pub(crate) fn declare_queue(queue: u8) -> Vec<u8> {
    let kind = &QUEUES[usize::from(queue)];
    let arguments = kind.arguments().to_bytes();
    let declare = amqp::queue::Declare {
        queue: kind.name,
        durable: kind.is_durable,
        arguments: table(&arguments),
        ..Default::default()
    };
    one(&Method::QueueDeclare(declare))
}

pub(crate) fn delete_queue(queue: u8) -> Vec<u8> {
    let queue = QUEUES[usize::from(queue)].name;
    one(&Method::QueueDelete(amqp::queue::Delete { queue, ..Default::default() }))
}

pub(crate) fn purge_queue(queue: u8) -> Vec<u8> {
    let queue = QUEUES[usize::from(queue)].name;
    one(&Method::QueuePurge(amqp::queue::Purge { queue, nowait: false }))
}

pub(crate) fn declare_exchange(exchange: u8) -> Vec<u8> {
    let (exchange, exchange_type) = EXCHANGES[usize::from(exchange)];
    let mut arguments = FieldTable::new();
    if exchange_type == "x-delayed-message" {
        arguments.insert(ShortString::from_static("x-delayed-type"), "direct");
    }
    let arguments = arguments.to_bytes();
    let declare = amqp::exchange::Declare {
        exchange,
        exchange_type,
        durable: true,
        arguments: table(&arguments),
        ..Default::default()
    };
    one(&Method::ExchangeDeclare(declare))
}

pub(crate) fn delete_exchange(exchange: u8) -> Vec<u8> {
    let (exchange, _) = EXCHANGES[usize::from(exchange)];
    one(&Method::ExchangeDelete(amqp::exchange::Delete { exchange, ..Default::default() }))
}

pub(crate) fn bind(binding: Binding) -> Vec<u8> {
    let (exchange, queue, routing_key) = names(binding);
    let bind = amqp::queue::Bind { queue, exchange, routing_key, ..Default::default() };
    one(&Method::QueueBind(bind))
}

pub(crate) fn unbind(binding: Binding) -> Vec<u8> {
    let (exchange, queue, routing_key) = names(binding);
    let unbind = amqp::queue::Unbind { queue, exchange, routing_key, ..Default::default() };
    one(&Method::QueueUnbind(unbind))
}

/// Exchange, queue and key of a binding.
pub(crate) fn names(binding: Binding) -> (&'static str, &'static str, &'static str) {
    let Binding { exchange, queue, key } = binding;
    let (exchange, _) = EXCHANGES[usize::from(exchange)];
    (exchange, QUEUES[usize::from(queue)].name, KEYS[usize::from(key)])
}

pub(crate) fn publish(spec: &Spec, target: Target, out: &mut Vec<u8>) {
    let exchange_name = |exchange: u8| EXCHANGES[usize::from(exchange)].0;
    let (exchange, key) = match target {
        Target::Queue(queue) => ("", QUEUES[usize::from(queue)].name),
        Target::All => (exchange_name(ALL), ""),
        Target::Keyed(key) => (exchange_name(KEYED), KEYS[usize::from(key)]),
        Target::Later(key) => (exchange_name(LATER), KEYS[usize::from(key)]),
    };
    let publish = basic::Publish {
        exchange: exchange.as_bytes(),
        routing_key: key.as_bytes(),
        mandatory: false,
        immediate: false,
    };
    encode(&Method::BasicPublish(publish), out);
    let body = spec.body();
    let properties = spec.properties().to_bytes();
    amqp::encode_header_frame(out, CHANNEL, body.len() as u64, &properties);
    amqp::encode_body_frames(out, CHANNEL, FRAME_MAX, &body);
}

pub(crate) fn get(queue: u8, no_ack: bool) -> Vec<u8> {
    one(&Method::BasicGet(basic::Get { queue: QUEUES[usize::from(queue)].name, no_ack }))
}

/// A consumer whose tag is the name of its queue.
pub(crate) fn consume(queue: u8, prefetch: u16, no_ack: bool) -> Vec<u8> {
    let name = QUEUES[usize::from(queue)].name;
    let qos = basic::Qos { prefetch_size: 0, prefetch_count: prefetch, global: false };
    let mut out = one(&Method::BasicQos(qos));
    let consume = basic::Consume {
        queue: name,
        consumer_tag: name,
        no_ack,
        nowait: true,
        ..Default::default()
    };
    encode(&Method::BasicConsume(consume), &mut out);
    out
}

pub(crate) fn cancel(queue: u8) -> Vec<u8> {
    let consumer_tag = QUEUES[usize::from(queue)].name;
    one(&Method::BasicCancel(basic::Cancel { consumer_tag, nowait: true }))
}

pub(crate) fn ack(delivery_tag: u64, multiple: bool) -> Vec<u8> {
    one(&Method::BasicAck(basic::Ack { delivery_tag, multiple }))
}

pub(crate) fn nack(delivery_tag: u64, multiple: bool, requeue: bool) -> Vec<u8> {
    one(&Method::BasicNack(basic::Nack { delivery_tag, multiple, requeue }))
}

pub(crate) fn reject(delivery_tag: u64, requeue: bool) -> Vec<u8> {
    one(&Method::BasicReject(basic::Reject { delivery_tag, requeue }))
}

pub(crate) fn commit() -> Vec<u8> {
    one(&Method::TxCommit(tx::Commit))
}

pub(crate) fn roll_back() -> Vec<u8> {
    one(&Method::TxRollback(tx::Rollback))
}

fn one(method: &Method<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    encode(method, &mut out);
    out
}

/// A delivery of which the content is still to come.
struct Begun {
    consumer: Option<Vec<u8>>,
    tag: u64,
    redelivered: bool,
    properties: Vec<u8>,
    body: Vec<u8>,
    bytes: usize,
}

/// What was sent, once the greeting is through.
///
/// # Errors
/// If it makes no sense.
pub(crate) fn read(mut input: &[u8]) -> Result<Vec<Event>, String> {
    let mut events = Vec::new();
    let mut begun: Option<Begun> = None;
    while !input.is_empty() {
        let decoded = decode_frame(input, FRAME_MAX).map_err(|error| error.to_string())?;
        let (frame, len) = decoded.ok_or("half a frame")?;
        input = &input[len..];
        let Frame { kind, payload, .. } = frame;
        match kind {
            FrameType::Method => {
                let method = Method::decode(payload).map_err(|error| error.to_string())?;
                begun = read_method(&method, &mut events);
                continue;
            }
            FrameType::Header => {
                let Some(begun) = &mut begun else { return Err("a header too many".to_owned()) };
                let header =
                    ContentHeader::decode(payload).map_err(|error| format!("{error:?}"))?;
                begun.bytes = usize::try_from(header.body_size).map_err(|e| e.to_string())?;
                begun.properties = header.properties.as_bytes().to_vec();
            }
            FrameType::Body => {
                let Some(begun) = &mut begun else { return Err("a body too many".to_owned()) };
                begun.body.extend_from_slice(payload);
            }
            FrameType::Heartbeat => continue,
        }
        if let Some(Begun { consumer, tag, redelivered, properties, body, .. }) =
            begun.take_if(|begun| begun.body.len() == begun.bytes)
        {
            events.push(Event::Delivery { consumer, tag, redelivered, properties, body });
        }
    }
    if begun.is_some() { Err("half a message".to_owned()) } else { Ok(events) }
}

fn read_method(method: &Method<'_>, events: &mut Vec<Event>) -> Option<Begun> {
    let begin = |consumer: Option<&[u8]>, tag, redelivered| {
        let (consumer, bytes) = (consumer.map(<[u8]>::to_vec), usize::MAX);
        Some(Begun { consumer, tag, redelivered, properties: Vec::new(), body: Vec::new(), bytes })
    };
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what else there is says nothing of messages"
    )]
    let event = match method {
        Method::BasicDeliver(deliver) => {
            return begin(Some(deliver.consumer_tag), deliver.delivery_tag, deliver.redelivered);
        }
        Method::BasicGetOk(ok) => return begin(None, ok.delivery_tag, ok.redelivered),
        Method::BasicGetEmpty(_) => Event::Nothing,
        Method::BasicAck(ack) => {
            Event::Confirmed { tag: ack.delivery_tag, multiple: ack.multiple, is_ack: true }
        }
        Method::BasicNack(nack) => {
            Event::Confirmed { tag: nack.delivery_tag, multiple: nack.multiple, is_ack: false }
        }
        Method::QueueDeclareOk(_)
        | Method::QueueBindOk(_)
        | Method::QueueUnbindOk(_)
        | Method::ExchangeDeclareOk(_)
        | Method::ExchangeDeleteOk(_)
        | Method::TxCommitOk(_)
        | Method::TxRollbackOk(_) => Event::Done(None),
        Method::QueueDeleteOk(ok) => Event::Done(Some(ok.message_count)),
        Method::QueuePurgeOk(ok) => Event::Done(Some(ok.message_count)),
        Method::ChannelClose(close) => Event::Closed(close.reply_text.to_owned()),
        Method::ConnectionClose(close) => Event::Closed(close.reply_text.to_owned()),
        _ => return None,
    };
    events.push(event);
    None
}
