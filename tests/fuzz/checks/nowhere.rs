//! A session in front of a broker that says yes to everything and keeps nothing.

use std::{
    hash::{DefaultHasher, Hash},
    sync::Arc,
};

use amqp::{
    FieldTable, Method, ProtocolHeader, RawTable, ReplyCode, channel, confirm, connection as wire,
};
use broker::{LogPosition, Refusal, Timestamp, queue::Settlement};
use connection::{
    Bind, Broker, ChannelFigures, ChannelNumber, Consume, DeclareError, DeliveryTag, Durable,
    ExchangeDeclare, Got, Login, LoginError, Next, PublishOutcome, PublishRun, QueueDeclare,
    QueueDeclared, Session, Settings, Tuning, UnknownDeliveryTag,
};

/// The frame size that the session negotiates.
pub(crate) const FRAME_MAX: u32 = 131_072;

/// Says yes to everything, and looks at each message once.
#[derive(Debug, Default)]
pub(crate) struct Nowhere {
    /// Of all published messages: where they went, what they were.
    pub(crate) published: DefaultHasher,
    /// Whether a channel or the connection was closed for an error.
    pub(crate) closings: u32,
}

impl Broker for Nowhere {
    fn send(&mut self, _: ChannelNumber, _: &Method<'_>) {}

    fn send_content(&mut self, _: ChannelNumber, _: &Method<'_>, _: &[u8], _: &[u8]) {}

    fn send_raw(&mut self, _: &[u8]) {}

    fn is_congested(&self) -> bool {
        false
    }

    fn foreign_protocol(&mut self, _: ProtocolHeader) {}

    fn closing(&mut self, _: ChannelNumber, _: ReplyCode, _: &str) {
        self.closings += 1;
    }

    fn authenticate(&mut self, _: &Login<'_>) -> Result<(), LoginError> {
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

    fn check_channel(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    fn open_channel(&mut self, _: ChannelNumber, _: &Arc<ChannelFigures>) {}

    fn close_channel(&mut self, _: ChannelNumber) {}

    fn qos(&mut self, _: ChannelNumber, _: u16, _: bool) -> Result<(), Refusal> {
        Ok(())
    }

    fn exchange_declare(&mut self, _: &ExchangeDeclare<'_>) -> Result<Durable, Refusal> {
        Ok(().into())
    }

    fn exchange_delete(&mut self, _: &str, _: bool) -> Result<Durable, Refusal> {
        Ok(().into())
    }

    fn exchange_bind(&mut self, _: &Bind<'_>) -> Result<Durable, Refusal> {
        Ok(().into())
    }

    fn exchange_unbind(&mut self, _: &Bind<'_>) -> Result<Durable, Refusal> {
        Ok(().into())
    }

    fn queue_declare(
        &mut self,
        _: &QueueDeclare<'_>,
    ) -> Result<Durable<QueueDeclared>, DeclareError> {
        Err(DeclareError::Wait)
    }

    fn queue_bind(&mut self, _: &Bind<'_>) -> Result<Durable, Refusal> {
        Ok(().into())
    }

    fn queue_unbind(&mut self, _: &Bind<'_>) -> Result<Durable, Refusal> {
        Ok(().into())
    }

    fn queue_purge(&mut self, _: &str) -> Result<Durable<u32>, Refusal> {
        Ok(0.into())
    }

    fn queue_delete(&mut self, _: &str, _: bool, _: bool) -> Result<Durable<u32>, Refusal> {
        Ok(0.into())
    }

    fn check_topics(&mut self, _: &str, _: &[u8], _: [&[u8]; 2]) -> Result<(), Refusal> {
        Ok(())
    }

    fn check_publish(&mut self, _: ChannelNumber, _: &str, _: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }

    fn publish(&mut self, run: &PublishRun<'_>, _: &mut PublishOutcome) -> Result<(), Refusal> {
        for message in run.messages() {
            (run.channel, run.exchange, run.routing_key, run.mandatory).hash(&mut self.published);
            (message.properties, message.body.as_bytes()).hash(&mut self.published);
        }
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

    fn get(&mut self, _: ChannelNumber, _: &str, _: bool) -> Result<Got, Refusal> {
        Ok(Got::Empty)
    }

    fn settle(
        &mut self,
        _: ChannelNumber,
        _: DeliveryTag,
        _: bool,
        _: Settlement,
    ) -> Result<(), UnknownDeliveryTag> {
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

    fn commit_settlements(&mut self, _: ChannelNumber) -> Option<LogPosition> {
        None
    }

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
pub(crate) fn open_session(confirms: bool) -> Session<Nowhere> {
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
