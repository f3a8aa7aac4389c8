//! The codec against another one, `amq-protocol`: both write the same bytes, and each reads what the other wrote.

#![expect(clippy::unwrap_used, reason = "a test that fails")]

use std::collections::BTreeMap;

use amq_protocol::{
    frame::{AMQPContentHeader, AMQPFrame, WriteContext, gen_frame, parse_frame},
    protocol::{self as oracle, AMQPClass, basic::AMQPProperties},
    types::{AMQPValue, DecimalValue, FieldTable as OracleTable, LongString, ShortString as Text},
};
use proptest::{collection::vec, prelude::*};

use amqp::{
    ContentHeader, FieldTable, FieldValue, FrameType, Method, Properties, RawTable, ShortString,
    access, basic, channel, confirm, connection, decode_frame, encode_header_frame, exchange,
    queue, tx,
};

const FRAME_MAX: u32 = 1 << 20;

/// The same value as the oracle has it.
trait Theirs<T> {
    fn theirs(&self) -> T;
}

impl<T: Copy> Theirs<T> for T {
    fn theirs(&self) -> T {
        *self
    }
}

impl Theirs<Text> for &str {
    fn theirs(&self) -> Text {
        Text::from(*self)
    }
}

impl Theirs<Text> for &[u8] {
    fn theirs(&self) -> Text {
        Text::from(std::str::from_utf8(self).unwrap())
    }
}

impl Theirs<LongString> for &[u8] {
    fn theirs(&self) -> LongString {
        LongString::from(self.to_vec())
    }
}

impl Theirs<OracleTable> for RawTable<'_> {
    fn theirs(&self) -> OracleTable {
        their_table(&(*self).to_owned())
    }
}

fn their_table(table: &FieldTable) -> OracleTable {
    let fields = table.iter().map(|(key, value)| (text(key), their_value(value)));
    OracleTable::from(fields.collect::<BTreeMap<_, _>>())
}

fn text(string: &ShortString) -> Text {
    Text::from(string.as_str().unwrap())
}

fn their_value(value: &FieldValue) -> AMQPValue {
    match value {
        FieldValue::Bool(value) => AMQPValue::Boolean(*value),
        FieldValue::I8(value) => AMQPValue::ShortShortInt(*value),
        FieldValue::U8(value) => AMQPValue::ShortShortUInt(*value),
        FieldValue::I16(value) => AMQPValue::ShortInt(*value),
        FieldValue::U16(value) => AMQPValue::ShortUInt(*value),
        FieldValue::I32(value) => AMQPValue::LongInt(*value),
        FieldValue::U32(value) => AMQPValue::LongUInt(*value),
        FieldValue::I64(value) => AMQPValue::LongLongInt(*value),
        FieldValue::F32(value) => AMQPValue::Float(*value),
        FieldValue::F64(value) => AMQPValue::Double(*value),
        FieldValue::Decimal { scale, value } => {
            AMQPValue::DecimalValue(DecimalValue { scale: *scale, value: *value })
        }
        FieldValue::LongString(value) => AMQPValue::LongString(LongString::from(value.clone())),
        FieldValue::ByteArray(value) => AMQPValue::ByteArray(value.clone().into()),
        FieldValue::Array(values) => {
            AMQPValue::FieldArray(values.iter().map(their_value).collect::<Vec<_>>().into())
        }
        FieldValue::Table(table) => AMQPValue::FieldTable(their_table(table)),
        FieldValue::Timestamp(value) => AMQPValue::Timestamp(*value),
        FieldValue::Void => AMQPValue::Void,
    }
}

/// Values for the arguments of any method.
#[derive(Debug)]
struct Values {
    texts: [String; 4],
    octets: Vec<u8>,
    longlong: u64,
    numbers: (u32, u16, u8),
    bits: [bool; 5],
    table: Vec<u8>,
}

fn values() -> impl Strategy<Value = Values> {
    let texts = [short_text(), short_text(), short_text(), short_text()];
    let octets = vec(any::<u8>(), 0..300);
    (texts, octets, any::<(u64, (u32, u16, u8), [bool; 5])>(), table()).prop_map(
        |(texts, octets, (longlong, numbers, bits), table)| Values {
            texts,
            octets,
            longlong,
            numbers,
            bits,
            table: table.to_bytes(),
        },
    )
}

fn short_text() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[ -~é𝄞]{0,24}", 1 => Just("x".repeat(255)), 1 => Just(String::new())]
}

/// Tables with sorted keys, each once, as the oracle's are.
fn table() -> impl Strategy<Value = FieldTable> {
    proptest::collection::btree_map(key(), value(), 0..8).prop_map(FieldTable::from_iter)
}

fn key() -> impl Strategy<Value = ShortString> {
    short_text().prop_map(|text| ShortString::try_from(text).unwrap())
}

fn value() -> impl Strategy<Value = FieldValue> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(FieldValue::Bool),
        any::<i8>().prop_map(FieldValue::I8),
        any::<u8>().prop_map(FieldValue::U8),
        any::<i16>().prop_map(FieldValue::I16),
        any::<u16>().prop_map(FieldValue::U16),
        any::<i32>().prop_map(FieldValue::I32),
        any::<u32>().prop_map(FieldValue::U32),
        any::<i64>().prop_map(FieldValue::I64),
        any::<f32>().prop_map(FieldValue::F32),
        any::<f64>().prop_map(FieldValue::F64),
        any::<(u8, u32)>().prop_map(|(scale, value)| FieldValue::Decimal { scale, value }),
        vec(any::<u8>(), 0..40).prop_map(FieldValue::LongString),
        vec(any::<u8>(), 0..40).prop_map(FieldValue::ByteArray),
        any::<u64>().prop_map(FieldValue::Timestamp),
        Just(FieldValue::Void),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(FieldValue::Array),
            proptest::collection::btree_map(key(), inner, 0..6)
                .prop_map(|fields| FieldValue::Table(FieldTable::from_iter(fields))),
        ]
    })
}

fn their_bytes(frame: &AMQPFrame) -> Vec<u8> {
    gen_frame(frame)(WriteContext::from(Vec::new())).unwrap().write
}

/// Both write the method alike, and both read it back.
fn check(ours: Method<'_>, theirs: AMQPClass) {
    let mut bytes = Vec::new();
    ours.encode(7, &mut bytes);
    let theirs = AMQPFrame::Method(7, theirs);
    assert_eq!(bytes, their_bytes(&theirs), "{}", ours.name());

    let (frame, len) = decode_frame(&bytes, FRAME_MAX).unwrap().unwrap();
    assert_eq!((frame.kind, frame.channel, len), (FrameType::Method, 7, bytes.len()));
    let decoded = Method::decode(frame.payload).unwrap();
    assert_eq!(decoded, ours);
    assert_eq!((decoded.class_id(), decoded.method_id()), (ours.class_id(), ours.method_id()));
    let (rest, parsed) = parse_frame(bytes.as_slice()).unwrap();
    assert!(rest.is_empty());
    assert_eq!(their_bytes(&parsed), bytes);
}

/// Builds a method on both sides from the same values.
macro_rules! check {
    ($($class:ident $variant:ident: $module:ident::$name:ident { $($field:ident: $value:expr),* })*) => {
        $(check(
            Method::$variant($module::$name { $($field: $value),* }),
            AMQPClass::$class(oracle::$module::AMQPMethod::$name(oracle::$module::$name {
                $($field: $value.theirs()),*
            })),
        );)*
    };
}

fn check_basic(values: &Values) {
    let [a, b, c, _] = values.texts.each_ref().map(String::as_str);
    let [x, y, z, w, _] = values.bits;
    let (tag, (long, short, _)) = (values.longlong, values.numbers);
    let table = RawTable::from_bytes(&values.table).unwrap();
    check! {
        Basic BasicQosOk: basic::QosOk {}
        Basic BasicConsume: basic::Consume {
            queue: a, consumer_tag: b, no_local: x, no_ack: y, exclusive: z, nowait: w, arguments: table
        }
        Basic BasicConsumeOk: basic::ConsumeOk { consumer_tag: a }
        Basic BasicCancel: basic::Cancel { consumer_tag: a, nowait: x }
        Basic BasicCancelOk: basic::CancelOk { consumer_tag: a }
        Basic BasicPublish: basic::Publish {
            exchange: a.as_bytes(), routing_key: b.as_bytes(), mandatory: x, immediate: y
        }
        Basic BasicReturn: basic::Return {
            reply_code: short, reply_text: a.as_bytes(), exchange: b.as_bytes(), routing_key: c.as_bytes()
        }
        Basic BasicDeliver: basic::Deliver {
            consumer_tag: a.as_bytes(), delivery_tag: tag, redelivered: x, exchange: b.as_bytes(),
            routing_key: c.as_bytes()
        }
        Basic BasicGet: basic::Get { queue: a, no_ack: x }
        Basic BasicGetOk: basic::GetOk {
            delivery_tag: tag, redelivered: x, exchange: a.as_bytes(), routing_key: b.as_bytes(),
            message_count: long
        }
        Basic BasicGetEmpty: basic::GetEmpty {}
        Basic BasicAck: basic::Ack { delivery_tag: tag, multiple: x }
        Basic BasicReject: basic::Reject { delivery_tag: tag, requeue: x }
        Basic BasicRecoverAsync: basic::RecoverAsync { requeue: x }
        Basic BasicRecover: basic::Recover { requeue: x }
        Basic BasicRecoverOk: basic::RecoverOk {}
        Basic BasicNack: basic::Nack { delivery_tag: tag, multiple: x, requeue: y }
    }
    // The oracle leaves the size out, and writes 0.
    check(
        Method::BasicQos(basic::Qos { prefetch_size: 0, prefetch_count: short, global: x }),
        AMQPClass::Basic(oracle::basic::AMQPMethod::Qos(oracle::basic::Qos {
            prefetch_count: short,
            global: x,
        })),
    );
}

fn check_connection(values: &Values) {
    let [a, b, _, _] = values.texts.each_ref().map(String::as_str);
    let octets = values.octets.as_slice();
    let (long, short, octet) = values.numbers;
    let table = RawTable::from_bytes(&values.table).unwrap();
    check! {
        Connection ConnectionStart: connection::Start {
            version_major: octet, version_minor: octet.wrapping_add(1), server_properties: table,
            mechanisms: octets, locales: a.as_bytes()
        }
        Connection ConnectionStartOk: connection::StartOk {
            client_properties: table, mechanism: a, response: octets, locale: b
        }
        Connection ConnectionSecure: connection::Secure { challenge: octets }
        Connection ConnectionSecureOk: connection::SecureOk { response: octets }
        Connection ConnectionTune: connection::Tune {
            channel_max: short, frame_max: long, heartbeat: short.wrapping_add(1)
        }
        Connection ConnectionTuneOk: connection::TuneOk {
            channel_max: short, frame_max: long, heartbeat: short.wrapping_add(1)
        }
        Connection ConnectionOpen: connection::Open { virtual_host: a }
        Connection ConnectionOpenOk: connection::OpenOk {}
        Connection ConnectionClose: connection::Close {
            reply_code: short, reply_text: a, class_id: short.wrapping_add(1), method_id: short.wrapping_add(2)
        }
        Connection ConnectionCloseOk: connection::CloseOk {}
        Connection ConnectionBlocked: connection::Blocked { reason: a }
        Connection ConnectionUnblocked: connection::Unblocked {}
        Connection ConnectionUpdateSecret: connection::UpdateSecret { new_secret: octets, reason: a }
        Connection ConnectionUpdateSecretOk: connection::UpdateSecretOk {}
    }
}

fn check_channel(values: &Values) {
    let [a, ..] = values.texts.each_ref().map(String::as_str);
    let [x, y, z, w, v] = values.bits;
    let (_, short, _) = values.numbers;
    check! {
        Channel ChannelOpen: channel::Open {}
        Channel ChannelOpenOk: channel::OpenOk {}
        Channel ChannelFlow: channel::Flow { active: x }
        Channel ChannelFlowOk: channel::FlowOk { active: x }
        Channel ChannelClose: channel::Close {
            reply_code: short, reply_text: a, class_id: short.wrapping_add(1), method_id: short.wrapping_add(2)
        }
        Channel ChannelCloseOk: channel::CloseOk {}
        Access AccessRequest: access::Request {
            realm: a, exclusive: x, passive: y, active: z, write: w, read: v
        }
        Tx TxSelect: tx::Select {}
        Tx TxSelectOk: tx::SelectOk {}
        Tx TxCommit: tx::Commit {}
        Tx TxCommitOk: tx::CommitOk {}
        Tx TxRollback: tx::Rollback {}
        Tx TxRollbackOk: tx::RollbackOk {}
        Confirm ConfirmSelect: confirm::Select { nowait: x }
        Confirm ConfirmSelectOk: confirm::SelectOk {}
    }
    // The oracle leaves the ticket out, and writes 1.
    check(
        Method::AccessRequestOk(access::RequestOk { ticket: 1 }),
        AMQPClass::Access(oracle::access::AMQPMethod::RequestOk(oracle::access::RequestOk {})),
    );
}

fn check_exchange_and_queue(values: &Values) {
    let [a, b, c, _] = values.texts.each_ref().map(String::as_str);
    let [x, y, z, w, v] = values.bits;
    let (long, ..) = values.numbers;
    let table = RawTable::from_bytes(&values.table).unwrap();
    check! {
        Exchange ExchangeDeclareOk: exchange::DeclareOk {}
        Exchange ExchangeDelete: exchange::Delete { exchange: a, if_unused: x, nowait: y }
        Exchange ExchangeDeleteOk: exchange::DeleteOk {}
        Exchange ExchangeBind: exchange::Bind {
            destination: a, source: b, routing_key: c, nowait: x, arguments: table
        }
        Exchange ExchangeBindOk: exchange::BindOk {}
        Exchange ExchangeUnbind: exchange::Unbind {
            destination: a, source: b, routing_key: c, nowait: x, arguments: table
        }
        Exchange ExchangeUnbindOk: exchange::UnbindOk {}
        Queue QueueDeclare: queue::Declare {
            queue: a, passive: x, durable: y, exclusive: z, auto_delete: w, nowait: v, arguments: table
        }
        Queue QueueDeclareOk: queue::DeclareOk {
            queue: a, message_count: long, consumer_count: long.wrapping_add(1)
        }
        Queue QueueBind: queue::Bind { queue: a, exchange: b, routing_key: c, nowait: x, arguments: table }
        Queue QueueBindOk: queue::BindOk {}
        Queue QueuePurge: queue::Purge { queue: a, nowait: x }
        Queue QueuePurgeOk: queue::PurgeOk { message_count: long }
        Queue QueueDelete: queue::Delete { queue: a, if_unused: x, if_empty: y, nowait: z }
        Queue QueueDeleteOk: queue::DeleteOk { message_count: long }
        Queue QueueUnbind: queue::Unbind { queue: a, exchange: b, routing_key: c, arguments: table }
        Queue QueueUnbindOk: queue::UnbindOk {}
    }
    check(
        Method::ExchangeDeclare(exchange::Declare {
            exchange: a,
            exchange_type: b,
            passive: x,
            durable: y,
            auto_delete: z,
            internal: w,
            nowait: v,
            arguments: table,
        }),
        AMQPClass::Exchange(oracle::exchange::AMQPMethod::Declare(oracle::exchange::Declare {
            exchange: a.theirs(),
            kind: b.theirs(),
            passive: x,
            durable: y,
            auto_delete: z,
            internal: w,
            nowait: v,
            arguments: table.theirs(),
        })),
    );
}

/// Properties of which any may be missing.
fn properties() -> impl Strategy<Value = Properties> {
    let strings = proptest::array::uniform10(proptest::option::of(key()));
    let numbers = any::<(Option<u8>, Option<u8>, Option<u64>)>();
    (strings, numbers, proptest::option::of(table())).prop_map(
        |(strings, (delivery_mode, priority, timestamp), headers)| {
            let [ty, enc, cor, reply, exp, id, kind, user, app, cluster] = strings;
            Properties {
                content_type: ty,
                content_encoding: enc,
                headers,
                delivery_mode,
                priority,
                correlation_id: cor,
                reply_to: reply,
                expiration: exp,
                message_id: id,
                timestamp,
                message_type: kind,
                user_id: user,
                app_id: app,
                cluster_id: cluster,
            }
        },
    )
}

fn their_properties(ours: &Properties) -> AMQPProperties {
    let mut theirs = AMQPProperties::default();
    macro_rules! set {
        ($($field:ident $with:ident $convert:expr),*) => {
            $(if let Some(value) = &ours.$field {
                theirs = theirs.$with($convert(value));
            })*
        };
    }
    set!(
        content_type with_content_type text, content_encoding with_content_encoding text,
        headers with_headers their_table, delivery_mode with_delivery_mode u8::clone,
        priority with_priority u8::clone, correlation_id with_correlation_id text,
        reply_to with_reply_to text, expiration with_expiration text,
        message_id with_message_id text, timestamp with_timestamp u64::clone,
        message_type with_type text, user_id with_user_id text, app_id with_app_id text,
        cluster_id with_cluster_id text
    );
    theirs
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_method(values in values()) {
        check_basic(&values);
        check_connection(&values);
        check_channel(&values);
        check_exchange_and_queue(&values);
    }

    #[test]
    fn every_table(table in table()) {
        let bytes = table.to_bytes();
        prop_assert_eq!(&FieldTable::decode(&bytes).unwrap(), &table);
        let theirs = AMQPClass::Queue(oracle::queue::AMQPMethod::Unbind(oracle::queue::Unbind {
            queue: Text::default(),
            exchange: Text::default(),
            routing_key: Text::default(),
            arguments: their_table(&table),
        }));
        let theirs = their_bytes(&AMQPFrame::Method(1, theirs));
        let (frame, _) = decode_frame(&theirs, FRAME_MAX).unwrap().unwrap();
        let Ok(Method::QueueUnbind(unbind)) = Method::decode(frame.payload) else {
            panic!("the oracle wrote no queue.unbind")
        };
        prop_assert_eq!(unbind.arguments.as_bytes(), bytes);
    }

    #[test]
    fn all_properties(ours in properties(), body_size in any::<u64>()) {
        let mut bytes = Vec::new();
        encode_header_frame(&mut bytes, 3, body_size, &ours.to_bytes());
        let header =
            AMQPContentHeader { class_id: 60, body_size, properties: their_properties(&ours) };
        prop_assert_eq!(&bytes, &their_bytes(&AMQPFrame::Header(3, header)));

        let (frame, _) = decode_frame(&bytes, FRAME_MAX).unwrap().unwrap();
        let header = ContentHeader::decode(frame.payload).unwrap();
        prop_assert_eq!((header.class_id, header.weight, header.body_size), (60, 0, body_size));
        let raw = header.properties;
        prop_assert_eq!(&Properties::decode(raw).unwrap(), &ours);

        let peek = raw.peek().unwrap();
        prop_assert_eq!(peek.headers.map(RawTable::to_owned), ours.headers);
        prop_assert_eq!(peek.delivery_mode, ours.delivery_mode);
        prop_assert_eq!(peek.priority, ours.priority);
        let strings = [
            (peek.reply_to, &ours.reply_to),
            (peek.expiration, &ours.expiration),
            (peek.user_id, &ours.user_id),
            (raw.content_type().unwrap(), &ours.content_type),
            (raw.content_encoding().unwrap(), &ours.content_encoding),
            (raw.correlation_id().unwrap(), &ours.correlation_id),
            (raw.reply_to().unwrap(), &ours.reply_to),
            (raw.expiration().unwrap(), &ours.expiration),
            (raw.message_id().unwrap(), &ours.message_id),
            (raw.message_type().unwrap(), &ours.message_type),
            (raw.user_id().unwrap(), &ours.user_id),
            (raw.app_id().unwrap(), &ours.app_id),
            (raw.cluster_id().unwrap(), &ours.cluster_id),
        ];
        for (read, expected) in strings {
            prop_assert_eq!(read, expected.as_ref().map(ShortString::as_bytes));
        }
        prop_assert_eq!(raw.timestamp().unwrap(), ours.timestamp);
        prop_assert_eq!(raw.priority().unwrap(), ours.priority);
    }
}
