//! What one client's session adds to a publish and to an ack, with a broker behind it that does nothing.
//!
//! `cargo bench --bench session`; with `-- --test` each runs once.

use std::{hint::black_box, sync::Arc, time::Duration};

use amqp::{
    FieldTable, Method, Properties, ProtocolHeader, RawTable, ReplyCode, ShortString, basic,
    channel, confirm, connection as wire, encode_body_frames, encode_header_frame,
};
use broker::{Refusal, Timestamp, queue::Settlement};
use connection::{
    Bind, Broker, ChannelNumber, Consume, DeclareError, DeliveryTag, ExchangeDeclare, Login,
    LoginRefused, Next, PublishOutcome, PublishRun, QueueDeclare, QueueDeclared, Session, Settings,
    Tuning, UnknownDeliveryTag,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const FRAME_MAX: u32 = 131_072;

/// How many messages or acks a buffer holds, as when a socket is read under load.
const COUNT: u64 = 500;

/// Says yes to everything, and looks at each message once.
#[derive(Debug, Default)]
struct Nowhere {
    octets: usize,
}

impl Broker for Nowhere {
    fn send(&mut self, _: ChannelNumber, method: &Method<'_>) {
        black_box(method);
    }

    fn send_content(&mut self, _: ChannelNumber, _: &Method<'_>, _: &[u8], body: &[u8]) {
        black_box(body);
    }

    fn send_raw(&mut self, _: &[u8]) {}

    fn is_congested(&self) -> bool {
        false
    }

    fn foreign_protocol(&mut self, _: ProtocolHeader) {}

    fn closing(&mut self, _: ChannelNumber, _: ReplyCode, text: &str) {
        panic!("{text}");
    }

    fn authenticate(&mut self, _: &Login<'_>) -> Result<(), LoginRefused> {
        Ok(())
    }

    fn tuned(&mut self, _: Tuning) {}

    fn open(&mut self, _: &str) -> Result<(), Refusal> {
        Ok(())
    }

    fn closed(&mut self) {}

    fn user_name(&self) -> &str {
        "guest"
    }

    fn may_impersonate(&self) -> bool {
        false
    }

    fn open_channel(&mut self, _: ChannelNumber) {}

    fn close_channel(&mut self, _: ChannelNumber) {}

    fn qos(&mut self, _: ChannelNumber, _: u16, _: bool) -> Result<(), Refusal> {
        Ok(())
    }

    fn exchange_declare(&mut self, _: &ExchangeDeclare<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn exchange_delete(&mut self, _: &str, _: bool) -> Result<(), Refusal> {
        Ok(())
    }

    fn exchange_bind(&mut self, _: &Bind<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn exchange_unbind(&mut self, _: &Bind<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn queue_declare(&mut self, _: &QueueDeclare<'_>) -> Result<QueueDeclared, DeclareError> {
        Err(DeclareError::Wait)
    }

    fn queue_bind(&mut self, _: &Bind<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn queue_unbind(&mut self, _: &Bind<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn queue_purge(&mut self, _: &str) -> Result<u32, Refusal> {
        Ok(0)
    }

    fn queue_delete(&mut self, _: &str, _: bool, _: bool) -> Result<u32, Refusal> {
        Ok(0)
    }

    fn check_publish(&mut self, _: ChannelNumber, _: &str, _: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }

    fn publish(&mut self, run: &PublishRun<'_>, _: &mut PublishOutcome) -> Result<(), Refusal> {
        self.octets += run.messages().map(|message| message.body.as_bytes().len()).sum::<usize>();
        Ok(())
    }

    fn has_consumer(&self, _: ChannelNumber, _: &str) -> bool {
        false
    }

    fn consume(&mut self, _: ChannelNumber, _: &Consume<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn cancel(&mut self, _: ChannelNumber, _: &str, _: bool) {}

    fn expel_consumer(&mut self, _: ChannelNumber, _: &str) {}

    fn get(&mut self, _: ChannelNumber, _: &str, _: bool) -> Result<bool, Refusal> {
        Ok(false)
    }

    fn settle(
        &mut self,
        _: ChannelNumber,
        delivery_tag: DeliveryTag,
        _: bool,
        _: Settlement,
    ) -> Result<(), UnknownDeliveryTag> {
        black_box(delivery_tag);
        Ok(())
    }

    fn hold_settlement(
        &mut self,
        _: ChannelNumber,
        _: DeliveryTag,
        _: bool,
        _: Settlement,
    ) -> Result<(), UnknownDeliveryTag> {
        Ok(())
    }

    fn commit_settlements(&mut self, _: ChannelNumber) {}

    fn roll_back_settlements(&mut self, _: ChannelNumber) {}

    fn recover(&mut self, _: ChannelNumber) {}

    fn consume_replies(&mut self, _: ChannelNumber, _: &str, _: bool) {}

    fn reply_address(&self, _: ChannelNumber) -> Option<&str> {
        None
    }

    fn reply_address_exists(&self, _: &str) -> bool {
        false
    }
}

/// A session with an open channel 1.
fn open_session(confirms: bool) -> Session<Nowhere> {
    let settings = Arc::new(Settings::new(FieldTable::new()));
    let mut session = Session::new(Nowhere::default(), settings, Timestamp(0));
    let mut input = ProtocolHeader::BYTES.to_vec();
    let start_ok = wire::StartOk {
        client_properties: RawTable::EMPTY,
        mechanism: "PLAIN",
        response: b"\0guest\0guest",
        locale: "en_US",
    };
    let tune_ok = wire::TuneOk { channel_max: 2047, frame_max: FRAME_MAX, heartbeat: 0 };
    Method::ConnectionStartOk(start_ok).encode(0, &mut input);
    Method::ConnectionTuneOk(tune_ok).encode(0, &mut input);
    Method::ConnectionOpen(wire::Open { virtual_host: "/" }).encode(0, &mut input);
    Method::ChannelOpen(channel::Open).encode(1, &mut input);
    if confirms {
        Method::ConfirmSelect(confirm::Select { nowait: true }).encode(1, &mut input);
    }
    assert_eq!(session.handle_input(Timestamp(0), &input).next, Next::Read);
    assert!(session.is_open());
    session
}

/// A buffer full of published messages, for so many queues in turn.
fn published(properties: &Properties, body: &[u8], queues: u64) -> Vec<u8> {
    let properties = properties.to_bytes();
    let mut out = Vec::new();
    for index in 0..COUNT {
        let routing_key = format!("queue-{}", index % queues);
        let routing_key = routing_key.as_bytes();
        let publish = basic::Publish { routing_key, ..basic::Publish::default() };
        Method::BasicPublish(publish).encode(1, &mut out);
        encode_header_frame(&mut out, 1, body.len() as u64, &properties);
        encode_body_frames(&mut out, 1, FRAME_MAX, body);
    }
    out
}

fn acks() -> Vec<u8> {
    let mut out = Vec::new();
    for delivery_tag in 1..=COUNT {
        Method::BasicAck(basic::Ack { delivery_tag, multiple: false }).encode(1, &mut out);
    }
    out
}

fn session(criterion: &mut Criterion) {
    let plain = Properties { delivery_mode: Some(2), ..Properties::default() };
    let expiring =
        Properties { expiration: Some(ShortString::from_static("60000")), ..plain.clone() };
    let mut group = criterion.benchmark_group("session");
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    group.throughput(Throughput::Elements(COUNT));
    for (name, input, confirms) in [
        ("publish 16 B", published(&plain, &[7; 16], 1), false),
        ("publish 16 B, confirmed", published(&plain, &[7; 16], 1), true),
        ("publish 1 KiB", published(&plain, &[7; 1024], 1), false),
        ("publish 16 B, expiring", published(&expiring, &[7; 16], 1), false),
        ("publish 16 B, two queues in turn", published(&plain, &[7; 16], 2), false),
        ("ack", acks(), false),
    ] {
        let mut session = open_session(confirms);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let progress = session.handle_input(Timestamp(0), black_box(&input));
                assert_eq!(progress.consumed, input.len());
            });
        });
    }
    group.finish();
}

criterion_group!(benches, session);
criterion_main!(benches);
