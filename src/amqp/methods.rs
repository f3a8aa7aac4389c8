//! The methods of AMQP 0-9-1, written by `cargo xtask codegen` from `spec/methods.txt`: edit that.

use crate::{MethodError, TooLong, reader::Reader};

/// A method with its arguments, borrowed from the payload of its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "told at the types they hold")]
pub enum Method<'a> {
    ConnectionStart(connection::Start<'a>),
    ConnectionStartOk(connection::StartOk<'a>),
    ConnectionSecure(connection::Secure<'a>),
    ConnectionSecureOk(connection::SecureOk<'a>),
    ConnectionTune(connection::Tune),
    ConnectionTuneOk(connection::TuneOk),
    ConnectionOpen(connection::Open<'a>),
    ConnectionOpenOk(connection::OpenOk),
    ConnectionClose(connection::Close<'a>),
    ConnectionCloseOk(connection::CloseOk),
    ConnectionBlocked(connection::Blocked<'a>),
    ConnectionUnblocked(connection::Unblocked),
    ConnectionUpdateSecret(connection::UpdateSecret<'a>),
    ConnectionUpdateSecretOk(connection::UpdateSecretOk),
    ChannelOpen(channel::Open),
    ChannelOpenOk(channel::OpenOk),
    ChannelFlow(channel::Flow),
    ChannelFlowOk(channel::FlowOk),
    ChannelClose(channel::Close<'a>),
    ChannelCloseOk(channel::CloseOk),
    AccessRequest(access::Request<'a>),
    AccessRequestOk(access::RequestOk),
    ExchangeDeclare(exchange::Declare<'a>),
    ExchangeDeclareOk(exchange::DeclareOk),
    ExchangeDelete(exchange::Delete<'a>),
    ExchangeDeleteOk(exchange::DeleteOk),
    ExchangeBind(exchange::Bind<'a>),
    ExchangeBindOk(exchange::BindOk),
    ExchangeUnbind(exchange::Unbind<'a>),
    ExchangeUnbindOk(exchange::UnbindOk),
    QueueDeclare(queue::Declare<'a>),
    QueueDeclareOk(queue::DeclareOk<'a>),
    QueueBind(queue::Bind<'a>),
    QueueBindOk(queue::BindOk),
    QueuePurge(queue::Purge<'a>),
    QueuePurgeOk(queue::PurgeOk),
    QueueDelete(queue::Delete<'a>),
    QueueDeleteOk(queue::DeleteOk),
    QueueUnbind(queue::Unbind<'a>),
    QueueUnbindOk(queue::UnbindOk),
    BasicQos(basic::Qos),
    BasicQosOk(basic::QosOk),
    BasicConsume(basic::Consume<'a>),
    BasicConsumeOk(basic::ConsumeOk<'a>),
    BasicCancel(basic::Cancel<'a>),
    BasicCancelOk(basic::CancelOk<'a>),
    BasicPublish(basic::Publish<'a>),
    BasicReturn(basic::Return<'a>),
    BasicDeliver(basic::Deliver<'a>),
    BasicGet(basic::Get<'a>),
    BasicGetOk(basic::GetOk<'a>),
    BasicGetEmpty(basic::GetEmpty),
    BasicAck(basic::Ack),
    BasicReject(basic::Reject),
    BasicRecoverAsync(basic::RecoverAsync),
    BasicRecover(basic::Recover),
    BasicRecoverOk(basic::RecoverOk),
    BasicNack(basic::Nack),
    TxSelect(tx::Select),
    TxSelectOk(tx::SelectOk),
    TxCommit(tx::Commit),
    TxCommitOk(tx::CommitOk),
    TxRollback(tx::Rollback),
    TxRollbackOk(tx::RollbackOk),
    ConfirmSelect(confirm::Select),
    ConfirmSelectOk(confirm::SelectOk),
}

impl<'a> Method<'a> {
    /// Decodes the payload of a method frame.
    ///
    /// # Errors
    /// [`MethodError`] with the first fault; nothing follows the last argument, or it is one.
    #[inline]
    pub fn decode(payload: &'a [u8]) -> Result<Self, MethodError> {
        let Some((&[c1, c0, m1, m0], arguments)) = payload.split_first_chunk() else {
            return Err(MethodError::Truncated { class_id: 0, method_id: 0 });
        };
        let (class_id, method_id) = (u16::from_be_bytes([c1, c0]), u16::from_be_bytes([m1, m0]));
        let mut reader = Reader::new(arguments);
        let decoded = match (class_id, method_id) {
            (10, 10) => connection::Start::read(&mut reader).map(Self::ConnectionStart),
            (10, 11) => connection::StartOk::read(&mut reader).map(Self::ConnectionStartOk),
            (10, 20) => connection::Secure::read(&mut reader).map(Self::ConnectionSecure),
            (10, 21) => connection::SecureOk::read(&mut reader).map(Self::ConnectionSecureOk),
            (10, 30) => connection::Tune::read(&mut reader).map(Self::ConnectionTune),
            (10, 31) => connection::TuneOk::read(&mut reader).map(Self::ConnectionTuneOk),
            (10, 40) => connection::Open::read(&mut reader).map(Self::ConnectionOpen),
            (10, 41) => connection::OpenOk::read(&mut reader).map(Self::ConnectionOpenOk),
            (10, 50) => connection::Close::read(&mut reader).map(Self::ConnectionClose),
            (10, 51) => connection::CloseOk::read(&mut reader).map(Self::ConnectionCloseOk),
            (10, 60) => connection::Blocked::read(&mut reader).map(Self::ConnectionBlocked),
            (10, 61) => connection::Unblocked::read(&mut reader).map(Self::ConnectionUnblocked),
            (10, 70) => connection::UpdateSecret::read(&mut reader).map(Self::ConnectionUpdateSecret),
            (10, 71) => connection::UpdateSecretOk::read(&mut reader).map(Self::ConnectionUpdateSecretOk),
            (20, 10) => channel::Open::read(&mut reader).map(Self::ChannelOpen),
            (20, 11) => channel::OpenOk::read(&mut reader).map(Self::ChannelOpenOk),
            (20, 20) => channel::Flow::read(&mut reader).map(Self::ChannelFlow),
            (20, 21) => channel::FlowOk::read(&mut reader).map(Self::ChannelFlowOk),
            (20, 40) => channel::Close::read(&mut reader).map(Self::ChannelClose),
            (20, 41) => channel::CloseOk::read(&mut reader).map(Self::ChannelCloseOk),
            (30, 10) => access::Request::read(&mut reader).map(Self::AccessRequest),
            (30, 11) => access::RequestOk::read(&mut reader).map(Self::AccessRequestOk),
            (40, 10) => exchange::Declare::read(&mut reader).map(Self::ExchangeDeclare),
            (40, 11) => exchange::DeclareOk::read(&mut reader).map(Self::ExchangeDeclareOk),
            (40, 20) => exchange::Delete::read(&mut reader).map(Self::ExchangeDelete),
            (40, 21) => exchange::DeleteOk::read(&mut reader).map(Self::ExchangeDeleteOk),
            (40, 30) => exchange::Bind::read(&mut reader).map(Self::ExchangeBind),
            (40, 31) => exchange::BindOk::read(&mut reader).map(Self::ExchangeBindOk),
            (40, 40) => exchange::Unbind::read(&mut reader).map(Self::ExchangeUnbind),
            (40, 51) => exchange::UnbindOk::read(&mut reader).map(Self::ExchangeUnbindOk),
            (50, 10) => queue::Declare::read(&mut reader).map(Self::QueueDeclare),
            (50, 11) => queue::DeclareOk::read(&mut reader).map(Self::QueueDeclareOk),
            (50, 20) => queue::Bind::read(&mut reader).map(Self::QueueBind),
            (50, 21) => queue::BindOk::read(&mut reader).map(Self::QueueBindOk),
            (50, 30) => queue::Purge::read(&mut reader).map(Self::QueuePurge),
            (50, 31) => queue::PurgeOk::read(&mut reader).map(Self::QueuePurgeOk),
            (50, 40) => queue::Delete::read(&mut reader).map(Self::QueueDelete),
            (50, 41) => queue::DeleteOk::read(&mut reader).map(Self::QueueDeleteOk),
            (50, 50) => queue::Unbind::read(&mut reader).map(Self::QueueUnbind),
            (50, 51) => queue::UnbindOk::read(&mut reader).map(Self::QueueUnbindOk),
            (60, 10) => basic::Qos::read(&mut reader).map(Self::BasicQos),
            (60, 11) => basic::QosOk::read(&mut reader).map(Self::BasicQosOk),
            (60, 20) => basic::Consume::read(&mut reader).map(Self::BasicConsume),
            (60, 21) => basic::ConsumeOk::read(&mut reader).map(Self::BasicConsumeOk),
            (60, 30) => basic::Cancel::read(&mut reader).map(Self::BasicCancel),
            (60, 31) => basic::CancelOk::read(&mut reader).map(Self::BasicCancelOk),
            (60, 40) => basic::Publish::read(&mut reader).map(Self::BasicPublish),
            (60, 50) => basic::Return::read(&mut reader).map(Self::BasicReturn),
            (60, 60) => basic::Deliver::read(&mut reader).map(Self::BasicDeliver),
            (60, 70) => basic::Get::read(&mut reader).map(Self::BasicGet),
            (60, 71) => basic::GetOk::read(&mut reader).map(Self::BasicGetOk),
            (60, 72) => basic::GetEmpty::read(&mut reader).map(Self::BasicGetEmpty),
            (60, 80) => basic::Ack::read(&mut reader).map(Self::BasicAck),
            (60, 90) => basic::Reject::read(&mut reader).map(Self::BasicReject),
            (60, 100) => basic::RecoverAsync::read(&mut reader).map(Self::BasicRecoverAsync),
            (60, 110) => basic::Recover::read(&mut reader).map(Self::BasicRecover),
            (60, 111) => basic::RecoverOk::read(&mut reader).map(Self::BasicRecoverOk),
            (60, 120) => basic::Nack::read(&mut reader).map(Self::BasicNack),
            (90, 10) => tx::Select::read(&mut reader).map(Self::TxSelect),
            (90, 11) => tx::SelectOk::read(&mut reader).map(Self::TxSelectOk),
            (90, 20) => tx::Commit::read(&mut reader).map(Self::TxCommit),
            (90, 21) => tx::CommitOk::read(&mut reader).map(Self::TxCommitOk),
            (90, 30) => tx::Rollback::read(&mut reader).map(Self::TxRollback),
            (90, 31) => tx::RollbackOk::read(&mut reader).map(Self::TxRollbackOk),
            (85, 10) => confirm::Select::read(&mut reader).map(Self::ConfirmSelect),
            (85, 11) => confirm::SelectOk::read(&mut reader).map(Self::ConfirmSelectOk),
            _ => return Err(MethodError::Unknown { class_id, method_id }),
        };
        match decoded {
            Ok(method) if reader.is_empty() => Ok(method),
            Ok(_) => Err(MethodError::TrailingBytes { class_id, method_id }),
            Err(error) => Err(MethodError::new(class_id, method_id, error)),
        }
    }

    /// The class's number.
    #[inline]
    #[must_use]
    pub const fn class_id(&self) -> u16 {
        match self {
            Self::ConnectionStart(_) => 10,
            Self::ConnectionStartOk(_) => 10,
            Self::ConnectionSecure(_) => 10,
            Self::ConnectionSecureOk(_) => 10,
            Self::ConnectionTune(_) => 10,
            Self::ConnectionTuneOk(_) => 10,
            Self::ConnectionOpen(_) => 10,
            Self::ConnectionOpenOk(_) => 10,
            Self::ConnectionClose(_) => 10,
            Self::ConnectionCloseOk(_) => 10,
            Self::ConnectionBlocked(_) => 10,
            Self::ConnectionUnblocked(_) => 10,
            Self::ConnectionUpdateSecret(_) => 10,
            Self::ConnectionUpdateSecretOk(_) => 10,
            Self::ChannelOpen(_) => 20,
            Self::ChannelOpenOk(_) => 20,
            Self::ChannelFlow(_) => 20,
            Self::ChannelFlowOk(_) => 20,
            Self::ChannelClose(_) => 20,
            Self::ChannelCloseOk(_) => 20,
            Self::AccessRequest(_) => 30,
            Self::AccessRequestOk(_) => 30,
            Self::ExchangeDeclare(_) => 40,
            Self::ExchangeDeclareOk(_) => 40,
            Self::ExchangeDelete(_) => 40,
            Self::ExchangeDeleteOk(_) => 40,
            Self::ExchangeBind(_) => 40,
            Self::ExchangeBindOk(_) => 40,
            Self::ExchangeUnbind(_) => 40,
            Self::ExchangeUnbindOk(_) => 40,
            Self::QueueDeclare(_) => 50,
            Self::QueueDeclareOk(_) => 50,
            Self::QueueBind(_) => 50,
            Self::QueueBindOk(_) => 50,
            Self::QueuePurge(_) => 50,
            Self::QueuePurgeOk(_) => 50,
            Self::QueueDelete(_) => 50,
            Self::QueueDeleteOk(_) => 50,
            Self::QueueUnbind(_) => 50,
            Self::QueueUnbindOk(_) => 50,
            Self::BasicQos(_) => 60,
            Self::BasicQosOk(_) => 60,
            Self::BasicConsume(_) => 60,
            Self::BasicConsumeOk(_) => 60,
            Self::BasicCancel(_) => 60,
            Self::BasicCancelOk(_) => 60,
            Self::BasicPublish(_) => 60,
            Self::BasicReturn(_) => 60,
            Self::BasicDeliver(_) => 60,
            Self::BasicGet(_) => 60,
            Self::BasicGetOk(_) => 60,
            Self::BasicGetEmpty(_) => 60,
            Self::BasicAck(_) => 60,
            Self::BasicReject(_) => 60,
            Self::BasicRecoverAsync(_) => 60,
            Self::BasicRecover(_) => 60,
            Self::BasicRecoverOk(_) => 60,
            Self::BasicNack(_) => 60,
            Self::TxSelect(_) => 90,
            Self::TxSelectOk(_) => 90,
            Self::TxCommit(_) => 90,
            Self::TxCommitOk(_) => 90,
            Self::TxRollback(_) => 90,
            Self::TxRollbackOk(_) => 90,
            Self::ConfirmSelect(_) => 85,
            Self::ConfirmSelectOk(_) => 85,
        }
    }

    /// The method's number in its class.
    #[inline]
    #[must_use]
    pub const fn method_id(&self) -> u16 {
        match self {
            Self::ConnectionStart(_) => 10,
            Self::ConnectionStartOk(_) => 11,
            Self::ConnectionSecure(_) => 20,
            Self::ConnectionSecureOk(_) => 21,
            Self::ConnectionTune(_) => 30,
            Self::ConnectionTuneOk(_) => 31,
            Self::ConnectionOpen(_) => 40,
            Self::ConnectionOpenOk(_) => 41,
            Self::ConnectionClose(_) => 50,
            Self::ConnectionCloseOk(_) => 51,
            Self::ConnectionBlocked(_) => 60,
            Self::ConnectionUnblocked(_) => 61,
            Self::ConnectionUpdateSecret(_) => 70,
            Self::ConnectionUpdateSecretOk(_) => 71,
            Self::ChannelOpen(_) => 10,
            Self::ChannelOpenOk(_) => 11,
            Self::ChannelFlow(_) => 20,
            Self::ChannelFlowOk(_) => 21,
            Self::ChannelClose(_) => 40,
            Self::ChannelCloseOk(_) => 41,
            Self::AccessRequest(_) => 10,
            Self::AccessRequestOk(_) => 11,
            Self::ExchangeDeclare(_) => 10,
            Self::ExchangeDeclareOk(_) => 11,
            Self::ExchangeDelete(_) => 20,
            Self::ExchangeDeleteOk(_) => 21,
            Self::ExchangeBind(_) => 30,
            Self::ExchangeBindOk(_) => 31,
            Self::ExchangeUnbind(_) => 40,
            Self::ExchangeUnbindOk(_) => 51,
            Self::QueueDeclare(_) => 10,
            Self::QueueDeclareOk(_) => 11,
            Self::QueueBind(_) => 20,
            Self::QueueBindOk(_) => 21,
            Self::QueuePurge(_) => 30,
            Self::QueuePurgeOk(_) => 31,
            Self::QueueDelete(_) => 40,
            Self::QueueDeleteOk(_) => 41,
            Self::QueueUnbind(_) => 50,
            Self::QueueUnbindOk(_) => 51,
            Self::BasicQos(_) => 10,
            Self::BasicQosOk(_) => 11,
            Self::BasicConsume(_) => 20,
            Self::BasicConsumeOk(_) => 21,
            Self::BasicCancel(_) => 30,
            Self::BasicCancelOk(_) => 31,
            Self::BasicPublish(_) => 40,
            Self::BasicReturn(_) => 50,
            Self::BasicDeliver(_) => 60,
            Self::BasicGet(_) => 70,
            Self::BasicGetOk(_) => 71,
            Self::BasicGetEmpty(_) => 72,
            Self::BasicAck(_) => 80,
            Self::BasicReject(_) => 90,
            Self::BasicRecoverAsync(_) => 100,
            Self::BasicRecover(_) => 110,
            Self::BasicRecoverOk(_) => 111,
            Self::BasicNack(_) => 120,
            Self::TxSelect(_) => 10,
            Self::TxSelectOk(_) => 11,
            Self::TxCommit(_) => 20,
            Self::TxCommitOk(_) => 21,
            Self::TxRollback(_) => 30,
            Self::TxRollbackOk(_) => 31,
            Self::ConfirmSelect(_) => 10,
            Self::ConfirmSelectOk(_) => 11,
        }
    }

    /// The name, such as `basic.publish`.
    #[inline]
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ConnectionStart(_) => "connection.start",
            Self::ConnectionStartOk(_) => "connection.start-ok",
            Self::ConnectionSecure(_) => "connection.secure",
            Self::ConnectionSecureOk(_) => "connection.secure-ok",
            Self::ConnectionTune(_) => "connection.tune",
            Self::ConnectionTuneOk(_) => "connection.tune-ok",
            Self::ConnectionOpen(_) => "connection.open",
            Self::ConnectionOpenOk(_) => "connection.open-ok",
            Self::ConnectionClose(_) => "connection.close",
            Self::ConnectionCloseOk(_) => "connection.close-ok",
            Self::ConnectionBlocked(_) => "connection.blocked",
            Self::ConnectionUnblocked(_) => "connection.unblocked",
            Self::ConnectionUpdateSecret(_) => "connection.update-secret",
            Self::ConnectionUpdateSecretOk(_) => "connection.update-secret-ok",
            Self::ChannelOpen(_) => "channel.open",
            Self::ChannelOpenOk(_) => "channel.open-ok",
            Self::ChannelFlow(_) => "channel.flow",
            Self::ChannelFlowOk(_) => "channel.flow-ok",
            Self::ChannelClose(_) => "channel.close",
            Self::ChannelCloseOk(_) => "channel.close-ok",
            Self::AccessRequest(_) => "access.request",
            Self::AccessRequestOk(_) => "access.request-ok",
            Self::ExchangeDeclare(_) => "exchange.declare",
            Self::ExchangeDeclareOk(_) => "exchange.declare-ok",
            Self::ExchangeDelete(_) => "exchange.delete",
            Self::ExchangeDeleteOk(_) => "exchange.delete-ok",
            Self::ExchangeBind(_) => "exchange.bind",
            Self::ExchangeBindOk(_) => "exchange.bind-ok",
            Self::ExchangeUnbind(_) => "exchange.unbind",
            Self::ExchangeUnbindOk(_) => "exchange.unbind-ok",
            Self::QueueDeclare(_) => "queue.declare",
            Self::QueueDeclareOk(_) => "queue.declare-ok",
            Self::QueueBind(_) => "queue.bind",
            Self::QueueBindOk(_) => "queue.bind-ok",
            Self::QueuePurge(_) => "queue.purge",
            Self::QueuePurgeOk(_) => "queue.purge-ok",
            Self::QueueDelete(_) => "queue.delete",
            Self::QueueDeleteOk(_) => "queue.delete-ok",
            Self::QueueUnbind(_) => "queue.unbind",
            Self::QueueUnbindOk(_) => "queue.unbind-ok",
            Self::BasicQos(_) => "basic.qos",
            Self::BasicQosOk(_) => "basic.qos-ok",
            Self::BasicConsume(_) => "basic.consume",
            Self::BasicConsumeOk(_) => "basic.consume-ok",
            Self::BasicCancel(_) => "basic.cancel",
            Self::BasicCancelOk(_) => "basic.cancel-ok",
            Self::BasicPublish(_) => "basic.publish",
            Self::BasicReturn(_) => "basic.return",
            Self::BasicDeliver(_) => "basic.deliver",
            Self::BasicGet(_) => "basic.get",
            Self::BasicGetOk(_) => "basic.get-ok",
            Self::BasicGetEmpty(_) => "basic.get-empty",
            Self::BasicAck(_) => "basic.ack",
            Self::BasicReject(_) => "basic.reject",
            Self::BasicRecoverAsync(_) => "basic.recover-async",
            Self::BasicRecover(_) => "basic.recover",
            Self::BasicRecoverOk(_) => "basic.recover-ok",
            Self::BasicNack(_) => "basic.nack",
            Self::TxSelect(_) => "tx.select",
            Self::TxSelectOk(_) => "tx.select-ok",
            Self::TxCommit(_) => "tx.commit",
            Self::TxCommitOk(_) => "tx.commit-ok",
            Self::TxRollback(_) => "tx.rollback",
            Self::TxRollbackOk(_) => "tx.rollback-ok",
            Self::ConfirmSelect(_) => "confirm.select",
            Self::ConfirmSelectOk(_) => "confirm.select-ok",
        }
    }

    /// Whether a content header and a body follow.
    #[inline]
    #[must_use]
    pub const fn has_content(&self) -> bool {
        matches!(self, Self::BasicPublish(_) | Self::BasicReturn(_) | Self::BasicDeliver(_) | Self::BasicGetOk(_))
    }

    /// Appends the method as one whole frame.
    ///
    /// # Errors
    /// [`TooLong`] if a string does not fit its field; `out` is as it was.
    #[inline]
    pub fn try_encode(&self, channel: u16, out: &mut Vec<u8>) -> Result<(), TooLong> {
        match self {
            Self::ConnectionStart(method) => method.encode(channel, out),
            Self::ConnectionStartOk(method) => method.encode(channel, out),
            Self::ConnectionSecure(method) => method.encode(channel, out),
            Self::ConnectionSecureOk(method) => method.encode(channel, out),
            Self::ConnectionTune(method) => method.encode(channel, out),
            Self::ConnectionTuneOk(method) => method.encode(channel, out),
            Self::ConnectionOpen(method) => method.encode(channel, out),
            Self::ConnectionOpenOk(method) => method.encode(channel, out),
            Self::ConnectionClose(method) => method.encode(channel, out),
            Self::ConnectionCloseOk(method) => method.encode(channel, out),
            Self::ConnectionBlocked(method) => method.encode(channel, out),
            Self::ConnectionUnblocked(method) => method.encode(channel, out),
            Self::ConnectionUpdateSecret(method) => method.encode(channel, out),
            Self::ConnectionUpdateSecretOk(method) => method.encode(channel, out),
            Self::ChannelOpen(method) => method.encode(channel, out),
            Self::ChannelOpenOk(method) => method.encode(channel, out),
            Self::ChannelFlow(method) => method.encode(channel, out),
            Self::ChannelFlowOk(method) => method.encode(channel, out),
            Self::ChannelClose(method) => method.encode(channel, out),
            Self::ChannelCloseOk(method) => method.encode(channel, out),
            Self::AccessRequest(method) => method.encode(channel, out),
            Self::AccessRequestOk(method) => method.encode(channel, out),
            Self::ExchangeDeclare(method) => method.encode(channel, out),
            Self::ExchangeDeclareOk(method) => method.encode(channel, out),
            Self::ExchangeDelete(method) => method.encode(channel, out),
            Self::ExchangeDeleteOk(method) => method.encode(channel, out),
            Self::ExchangeBind(method) => method.encode(channel, out),
            Self::ExchangeBindOk(method) => method.encode(channel, out),
            Self::ExchangeUnbind(method) => method.encode(channel, out),
            Self::ExchangeUnbindOk(method) => method.encode(channel, out),
            Self::QueueDeclare(method) => method.encode(channel, out),
            Self::QueueDeclareOk(method) => method.encode(channel, out),
            Self::QueueBind(method) => method.encode(channel, out),
            Self::QueueBindOk(method) => method.encode(channel, out),
            Self::QueuePurge(method) => method.encode(channel, out),
            Self::QueuePurgeOk(method) => method.encode(channel, out),
            Self::QueueDelete(method) => method.encode(channel, out),
            Self::QueueDeleteOk(method) => method.encode(channel, out),
            Self::QueueUnbind(method) => method.encode(channel, out),
            Self::QueueUnbindOk(method) => method.encode(channel, out),
            Self::BasicQos(method) => method.encode(channel, out),
            Self::BasicQosOk(method) => method.encode(channel, out),
            Self::BasicConsume(method) => method.encode(channel, out),
            Self::BasicConsumeOk(method) => method.encode(channel, out),
            Self::BasicCancel(method) => method.encode(channel, out),
            Self::BasicCancelOk(method) => method.encode(channel, out),
            Self::BasicPublish(method) => method.encode(channel, out),
            Self::BasicReturn(method) => method.encode(channel, out),
            Self::BasicDeliver(method) => method.encode(channel, out),
            Self::BasicGet(method) => method.encode(channel, out),
            Self::BasicGetOk(method) => method.encode(channel, out),
            Self::BasicGetEmpty(method) => method.encode(channel, out),
            Self::BasicAck(method) => method.encode(channel, out),
            Self::BasicReject(method) => method.encode(channel, out),
            Self::BasicRecoverAsync(method) => method.encode(channel, out),
            Self::BasicRecover(method) => method.encode(channel, out),
            Self::BasicRecoverOk(method) => method.encode(channel, out),
            Self::BasicNack(method) => method.encode(channel, out),
            Self::TxSelect(method) => method.encode(channel, out),
            Self::TxSelectOk(method) => method.encode(channel, out),
            Self::TxCommit(method) => method.encode(channel, out),
            Self::TxCommitOk(method) => method.encode(channel, out),
            Self::TxRollback(method) => method.encode(channel, out),
            Self::TxRollbackOk(method) => method.encode(channel, out),
            Self::ConfirmSelect(method) => method.encode(channel, out),
            Self::ConfirmSelectOk(method) => method.encode(channel, out),
        }
    }
}

/// The connection itself: handshake, limits and end.
pub mod connection {
    use crate::{RawTable, TooLong, method::encode_method, reader::{ReadError, Reader}};

    /// The class's number.
    pub const CLASS_ID: u16 = 10;

    /// `connection.start`
    ///
    /// Server: the versions, mechanisms and properties on offer.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Start<'a> {
        pub version_major: u8,
        pub version_minor: u8,
        pub server_properties: RawTable<'a>,
        pub mechanisms: &'a [u8],
        pub locales: &'a [u8],
    }

    impl<'a> Start<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            let version_major = reader.octet()?;
            let version_minor = reader.octet()?;
            let server_properties = reader.table()?;
            let mechanisms = reader.longstr()?;
            let locales = reader.longstr()?;
            Ok(Self { version_major, version_minor, server_properties, mechanisms, locales })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 10), 14 + self.server_properties.as_bytes().len() + self.mechanisms.len() + self.locales.len(), out, |writer| {
                writer.octet(self.version_major);
                writer.octet(self.version_minor);
                writer.table(self.server_properties);
                writer.longstr(self.mechanisms);
                writer.longstr(self.locales);
            })
        }
    }

    /// `connection.start-ok`
    ///
    /// Client: the chosen mechanism and its first response.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct StartOk<'a> {
        pub client_properties: RawTable<'a>,
        pub mechanism: &'a str,
        pub response: &'a [u8],
        pub locale: &'a str,
    }

    impl<'a> StartOk<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            let client_properties = reader.table()?;
            let mechanism = reader.utf8()?;
            let response = reader.longstr()?;
            let locale = reader.utf8()?;
            Ok(Self { client_properties, mechanism, response, locale })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 11), 10 + self.client_properties.as_bytes().len() + self.mechanism.len() + self.response.len() + self.locale.len(), out, |writer| {
                writer.table(self.client_properties);
                writer.utf8(self.mechanism);
                writer.longstr(self.response);
                writer.utf8(self.locale);
            })
        }
    }

    /// `connection.secure`
    ///
    /// Server: a challenge of the mechanism.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Secure<'a> {
        pub challenge: &'a [u8],
    }

    impl<'a> Secure<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            let challenge = reader.longstr()?;
            Ok(Self { challenge })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 20), 4 + self.challenge.len(), out, |writer| {
                writer.longstr(self.challenge);
            })
        }
    }

    /// `connection.secure-ok`
    ///
    /// Client: the response to a challenge.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct SecureOk<'a> {
        pub response: &'a [u8],
    }

    impl<'a> SecureOk<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            let response = reader.longstr()?;
            Ok(Self { response })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 21), 4 + self.response.len(), out, |writer| {
                writer.longstr(self.response);
            })
        }
    }

    /// `connection.tune`
    ///
    /// Server: the limits it proposes; heartbeat in seconds.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Tune {
        pub channel_max: u16,
        pub frame_max: u32,
        pub heartbeat: u16,
    }

    impl Tune {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
            let channel_max = reader.short()?;
            let frame_max = reader.long()?;
            let heartbeat = reader.short()?;
            Ok(Self { channel_max, frame_max, heartbeat })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 30), 8, out, |writer| {
                writer.short(self.channel_max);
                writer.long(self.frame_max);
                writer.short(self.heartbeat);
            })
        }
    }

    /// `connection.tune-ok`
    ///
    /// Client: the limits it decides on; heartbeat in seconds.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct TuneOk {
        pub channel_max: u16,
        pub frame_max: u32,
        pub heartbeat: u16,
    }

    impl TuneOk {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
            let channel_max = reader.short()?;
            let frame_max = reader.long()?;
            let heartbeat = reader.short()?;
            Ok(Self { channel_max, frame_max, heartbeat })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 31), 8, out, |writer| {
                writer.short(self.channel_max);
                writer.long(self.frame_max);
                writer.short(self.heartbeat);
            })
        }
    }

    /// `connection.open`
    ///
    /// Client: the virtual host to work in.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Open<'a> {
        pub virtual_host: &'a str,
    }

    impl<'a> Open<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            let virtual_host = reader.utf8()?;
            reader.utf8()?;
            reader.octet()?;
            Ok(Self { virtual_host })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 40), 3 + self.virtual_host.len(), out, |writer| {
                writer.utf8(self.virtual_host);
                writer.utf8("");
                writer.octet(0);
            })
        }
    }

    /// `connection.open-ok`
    ///
    /// Server: the virtual host is open.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct OpenOk;

    impl OpenOk {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
            reader.utf8()?;
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 41), 1, out, |writer| {
                writer.utf8("");
            })
        }
    }

    /// `connection.close`
    ///
    /// Either: the connection ends; class and method are those at fault, or 0.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Close<'a> {
        pub reply_code: u16,
        pub reply_text: &'a str,
        pub class_id: u16,
        pub method_id: u16,
    }

    impl<'a> Close<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            let reply_code = reader.short()?;
            let reply_text = reader.utf8()?;
            let class_id = reader.short()?;
            let method_id = reader.short()?;
            Ok(Self { reply_code, reply_text, class_id, method_id })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 50), 7 + self.reply_text.len(), out, |writer| {
                writer.short(self.reply_code);
                writer.utf8(self.reply_text);
                writer.short(self.class_id);
                writer.short(self.method_id);
            })
        }
    }

    /// `connection.close-ok`
    ///
    /// Either: the close was seen.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct CloseOk;

    impl CloseOk {
        #[inline]
        pub(super) fn read(_: &mut Reader<'_>) -> Result<Self, ReadError> {
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 51), 0, out, |_| {
            })
        }
    }

    /// `connection.blocked`
    ///
    /// Server: publishers are not read for now. RabbitMQ's extension.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Blocked<'a> {
        pub reason: &'a str,
    }

    impl<'a> Blocked<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            let reason = reader.utf8()?;
            Ok(Self { reason })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 60), 1 + self.reason.len(), out, |writer| {
                writer.utf8(self.reason);
            })
        }
    }

    /// `connection.unblocked`
    ///
    /// Server: publishers are read again. RabbitMQ's extension.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Unblocked;

    impl Unblocked {
        #[inline]
        pub(super) fn read(_: &mut Reader<'_>) -> Result<Self, ReadError> {
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 61), 0, out, |_| {
            })
        }
    }

    /// `connection.update-secret`
    ///
    /// Client: a new secret for the session. RabbitMQ's extension.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct UpdateSecret<'a> {
        pub new_secret: &'a [u8],
        pub reason: &'a str,
    }

    impl<'a> UpdateSecret<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            let new_secret = reader.longstr()?;
            let reason = reader.utf8()?;
            Ok(Self { new_secret, reason })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 70), 5 + self.new_secret.len() + self.reason.len(), out, |writer| {
                writer.longstr(self.new_secret);
                writer.utf8(self.reason);
            })
        }
    }

    /// `connection.update-secret-ok`
    ///
    /// Server: the new secret counts.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct UpdateSecretOk;

    impl UpdateSecretOk {
        #[inline]
        pub(super) fn read(_: &mut Reader<'_>) -> Result<Self, ReadError> {
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 71), 0, out, |_| {
            })
        }
    }
}

/// Channels: conversations within a connection.
pub mod channel {
    use crate::{TooLong, method::encode_method, reader::{ReadError, Reader}};

    /// The class's number.
    pub const CLASS_ID: u16 = 20;

    /// `channel.open`
    ///
    /// Client: opens the channel.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Open;

    impl Open {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
            reader.utf8()?;
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 10), 1, out, |writer| {
                writer.utf8("");
            })
        }
    }

    /// `channel.open-ok`
    ///
    /// Server: the channel is open.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct OpenOk;

    impl OpenOk {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
            reader.longstr()?;
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 11), 4, out, |writer| {
                writer.longstr(b"");
            })
        }
    }

    /// `channel.flow`
    ///
    /// Either: stop or go on sending contents.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Flow {
        pub active: bool,
    }

    impl Flow {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
            let bits = reader.octet()?;
            let active = bits & 1 != 0;
            Ok(Self { active })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 20), 1, out, |writer| {
                writer.octet(u8::from(self.active));
            })
        }
    }

    /// `channel.flow-ok`
    ///
    /// Either: the flow method was seen.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct FlowOk {
        pub active: bool,
    }

    impl FlowOk {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
            let bits = reader.octet()?;
            let active = bits & 1 != 0;
            Ok(Self { active })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 21), 1, out, |writer| {
                writer.octet(u8::from(self.active));
            })
        }
    }

    /// `channel.close`
    ///
    /// Either: the channel ends; class and method are those at fault, or 0.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Close<'a> {
        pub reply_code: u16,
        pub reply_text: &'a str,
        pub class_id: u16,
        pub method_id: u16,
    }

    impl<'a> Close<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            let reply_code = reader.short()?;
            let reply_text = reader.utf8()?;
            let class_id = reader.short()?;
            let method_id = reader.short()?;
            Ok(Self { reply_code, reply_text, class_id, method_id })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 40), 7 + self.reply_text.len(), out, |writer| {
                writer.short(self.reply_code);
                writer.utf8(self.reply_text);
                writer.short(self.class_id);
                writer.short(self.method_id);
            })
        }
    }

    /// `channel.close-ok`
    ///
    /// Either: the close was seen.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct CloseOk;

    impl CloseOk {
        #[inline]
        pub(super) fn read(_: &mut Reader<'_>) -> Result<Self, ReadError> {
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 41), 0, out, |_| {
            })
        }
    }
}

/// Access tickets: without meaning since AMQP 0-9-1.
pub mod access {
    use crate::{TooLong, method::encode_method, reader::{ReadError, Reader}};

    /// The class's number.
    pub const CLASS_ID: u16 = 30;

    /// `access.request`
    ///
    /// Client: asks for a ticket.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Request<'a> {
        pub realm: &'a str,
        pub exclusive: bool,
        pub passive: bool,
        pub active: bool,
        pub write: bool,
        pub read: bool,
    }

    impl<'a> Request<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            let realm = reader.utf8()?;
            let bits = reader.octet()?;
            let exclusive = bits & 1 != 0;
            let passive = bits & 2 != 0;
            let active = bits & 4 != 0;
            let write = bits & 8 != 0;
            let read = bits & 16 != 0;
            Ok(Self { realm, exclusive, passive, active, write, read })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 10), 2 + self.realm.len(), out, |writer| {
                writer.utf8(self.realm);
                writer.octet(u8::from(self.exclusive) | u8::from(self.passive) << 1 | u8::from(self.active) << 2 | u8::from(self.write) << 3 | u8::from(self.read) << 4);
            })
        }
    }

    /// `access.request-ok`
    ///
    /// Server: a ticket.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct RequestOk {
        pub ticket: u16,
    }

    impl RequestOk {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
            let ticket = reader.short()?;
            Ok(Self { ticket })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 11), 2, out, |writer| {
                writer.short(self.ticket);
            })
        }
    }
}

/// Exchanges, and bindings between them.
pub mod exchange {
    use crate::{RawTable, TooLong, method::encode_method, reader::{ReadError, Reader}};

    /// The class's number.
    pub const CLASS_ID: u16 = 40;

    /// `exchange.declare`
    ///
    /// Client: the exchange shall exist.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Declare<'a> {
        pub exchange: &'a str,
        pub exchange_type: &'a str,
        pub passive: bool,
        pub durable: bool,
        pub auto_delete: bool,
        pub internal: bool,
        pub nowait: bool,
        pub arguments: RawTable<'a>,
    }

    impl<'a> Declare<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            reader.short()?;
            let exchange = reader.utf8()?;
            let exchange_type = reader.utf8()?;
            let bits = reader.octet()?;
            let passive = bits & 1 != 0;
            let durable = bits & 2 != 0;
            let auto_delete = bits & 4 != 0;
            let internal = bits & 8 != 0;
            let nowait = bits & 16 != 0;
            let arguments = reader.table()?;
            Ok(Self { exchange, exchange_type, passive, durable, auto_delete, internal, nowait, arguments })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 10), 9 + self.exchange.len() + self.exchange_type.len() + self.arguments.as_bytes().len(), out, |writer| {
                writer.short(0);
                writer.utf8(self.exchange);
                writer.utf8(self.exchange_type);
                writer.octet(u8::from(self.passive) | u8::from(self.durable) << 1 | u8::from(self.auto_delete) << 2 | u8::from(self.internal) << 3 | u8::from(self.nowait) << 4);
                writer.table(self.arguments);
            })
        }
    }

    /// `exchange.declare-ok`
    ///
    /// Server: the exchange exists.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct DeclareOk;

    impl DeclareOk {
        #[inline]
        pub(super) fn read(_: &mut Reader<'_>) -> Result<Self, ReadError> {
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 11), 0, out, |_| {
            })
        }
    }

    /// `exchange.delete`
    ///
    /// Client: the exchange shall not exist.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Delete<'a> {
        pub exchange: &'a str,
        pub if_unused: bool,
        pub nowait: bool,
    }

    impl<'a> Delete<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            reader.short()?;
            let exchange = reader.utf8()?;
            let bits = reader.octet()?;
            let if_unused = bits & 1 != 0;
            let nowait = bits & 2 != 0;
            Ok(Self { exchange, if_unused, nowait })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 20), 4 + self.exchange.len(), out, |writer| {
                writer.short(0);
                writer.utf8(self.exchange);
                writer.octet(u8::from(self.if_unused) | u8::from(self.nowait) << 1);
            })
        }
    }

    /// `exchange.delete-ok`
    ///
    /// Server: the exchange does not exist.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct DeleteOk;

    impl DeleteOk {
        #[inline]
        pub(super) fn read(_: &mut Reader<'_>) -> Result<Self, ReadError> {
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 21), 0, out, |_| {
            })
        }
    }

    /// `exchange.bind`
    ///
    /// Client: messages shall go from `source` to `destination`. RabbitMQ's extension.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Bind<'a> {
        pub destination: &'a str,
        pub source: &'a str,
        pub routing_key: &'a str,
        pub nowait: bool,
        pub arguments: RawTable<'a>,
    }

    impl<'a> Bind<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            reader.short()?;
            let destination = reader.utf8()?;
            let source = reader.utf8()?;
            let routing_key = reader.utf8()?;
            let bits = reader.octet()?;
            let nowait = bits & 1 != 0;
            let arguments = reader.table()?;
            Ok(Self { destination, source, routing_key, nowait, arguments })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 30), 10 + self.destination.len() + self.source.len() + self.routing_key.len() + self.arguments.as_bytes().len(), out, |writer| {
                writer.short(0);
                writer.utf8(self.destination);
                writer.utf8(self.source);
                writer.utf8(self.routing_key);
                writer.octet(u8::from(self.nowait));
                writer.table(self.arguments);
            })
        }
    }

    /// `exchange.bind-ok`
    ///
    /// Server: the exchanges are bound.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct BindOk;

    impl BindOk {
        #[inline]
        pub(super) fn read(_: &mut Reader<'_>) -> Result<Self, ReadError> {
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 31), 0, out, |_| {
            })
        }
    }

    /// `exchange.unbind`
    ///
    /// Client: removes a binding between exchanges. RabbitMQ's extension.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Unbind<'a> {
        pub destination: &'a str,
        pub source: &'a str,
        pub routing_key: &'a str,
        pub nowait: bool,
        pub arguments: RawTable<'a>,
    }

    impl<'a> Unbind<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            reader.short()?;
            let destination = reader.utf8()?;
            let source = reader.utf8()?;
            let routing_key = reader.utf8()?;
            let bits = reader.octet()?;
            let nowait = bits & 1 != 0;
            let arguments = reader.table()?;
            Ok(Self { destination, source, routing_key, nowait, arguments })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 40), 10 + self.destination.len() + self.source.len() + self.routing_key.len() + self.arguments.as_bytes().len(), out, |writer| {
                writer.short(0);
                writer.utf8(self.destination);
                writer.utf8(self.source);
                writer.utf8(self.routing_key);
                writer.octet(u8::from(self.nowait));
                writer.table(self.arguments);
            })
        }
    }

    /// `exchange.unbind-ok`
    ///
    /// Server: the binding is gone. RabbitMQ numbers it 51, not 41.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct UnbindOk;

    impl UnbindOk {
        #[inline]
        pub(super) fn read(_: &mut Reader<'_>) -> Result<Self, ReadError> {
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 51), 0, out, |_| {
            })
        }
    }
}

/// Queues, and their bindings.
pub mod queue {
    use crate::{RawTable, TooLong, method::encode_method, reader::{ReadError, Reader}};

    /// The class's number.
    pub const CLASS_ID: u16 = 50;

    /// `queue.declare`
    ///
    /// Client: the queue shall exist; the server names it if `queue` is empty.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Declare<'a> {
        pub queue: &'a str,
        pub passive: bool,
        pub durable: bool,
        pub exclusive: bool,
        pub auto_delete: bool,
        pub nowait: bool,
        pub arguments: RawTable<'a>,
    }

    impl<'a> Declare<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            reader.short()?;
            let queue = reader.utf8()?;
            let bits = reader.octet()?;
            let passive = bits & 1 != 0;
            let durable = bits & 2 != 0;
            let exclusive = bits & 4 != 0;
            let auto_delete = bits & 8 != 0;
            let nowait = bits & 16 != 0;
            let arguments = reader.table()?;
            Ok(Self { queue, passive, durable, exclusive, auto_delete, nowait, arguments })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 10), 8 + self.queue.len() + self.arguments.as_bytes().len(), out, |writer| {
                writer.short(0);
                writer.utf8(self.queue);
                writer.octet(u8::from(self.passive) | u8::from(self.durable) << 1 | u8::from(self.exclusive) << 2 | u8::from(self.auto_delete) << 3 | u8::from(self.nowait) << 4);
                writer.table(self.arguments);
            })
        }
    }

    /// `queue.declare-ok`
    ///
    /// Server: the queue exists, with so many messages ready.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct DeclareOk<'a> {
        pub queue: &'a str,
        pub message_count: u32,
        pub consumer_count: u32,
    }

    impl<'a> DeclareOk<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            let queue = reader.utf8()?;
            let message_count = reader.long()?;
            let consumer_count = reader.long()?;
            Ok(Self { queue, message_count, consumer_count })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 11), 9 + self.queue.len(), out, |writer| {
                writer.utf8(self.queue);
                writer.long(self.message_count);
                writer.long(self.consumer_count);
            })
        }
    }

    /// `queue.bind`
    ///
    /// Client: messages shall go from `exchange` to `queue`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Bind<'a> {
        pub queue: &'a str,
        pub exchange: &'a str,
        pub routing_key: &'a str,
        pub nowait: bool,
        pub arguments: RawTable<'a>,
    }

    impl<'a> Bind<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            reader.short()?;
            let queue = reader.utf8()?;
            let exchange = reader.utf8()?;
            let routing_key = reader.utf8()?;
            let bits = reader.octet()?;
            let nowait = bits & 1 != 0;
            let arguments = reader.table()?;
            Ok(Self { queue, exchange, routing_key, nowait, arguments })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 20), 10 + self.queue.len() + self.exchange.len() + self.routing_key.len() + self.arguments.as_bytes().len(), out, |writer| {
                writer.short(0);
                writer.utf8(self.queue);
                writer.utf8(self.exchange);
                writer.utf8(self.routing_key);
                writer.octet(u8::from(self.nowait));
                writer.table(self.arguments);
            })
        }
    }

    /// `queue.bind-ok`
    ///
    /// Server: the queue is bound.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct BindOk;

    impl BindOk {
        #[inline]
        pub(super) fn read(_: &mut Reader<'_>) -> Result<Self, ReadError> {
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 21), 0, out, |_| {
            })
        }
    }

    /// `queue.purge`
    ///
    /// Client: drops the messages that are ready.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Purge<'a> {
        pub queue: &'a str,
        pub nowait: bool,
    }

    impl<'a> Purge<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            reader.short()?;
            let queue = reader.utf8()?;
            let bits = reader.octet()?;
            let nowait = bits & 1 != 0;
            Ok(Self { queue, nowait })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 30), 4 + self.queue.len(), out, |writer| {
                writer.short(0);
                writer.utf8(self.queue);
                writer.octet(u8::from(self.nowait));
            })
        }
    }

    /// `queue.purge-ok`
    ///
    /// Server: so many messages were dropped.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct PurgeOk {
        pub message_count: u32,
    }

    impl PurgeOk {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
            let message_count = reader.long()?;
            Ok(Self { message_count })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 31), 4, out, |writer| {
                writer.long(self.message_count);
            })
        }
    }

    /// `queue.delete`
    ///
    /// Client: the queue shall not exist.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Delete<'a> {
        pub queue: &'a str,
        pub if_unused: bool,
        pub if_empty: bool,
        pub nowait: bool,
    }

    impl<'a> Delete<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            reader.short()?;
            let queue = reader.utf8()?;
            let bits = reader.octet()?;
            let if_unused = bits & 1 != 0;
            let if_empty = bits & 2 != 0;
            let nowait = bits & 4 != 0;
            Ok(Self { queue, if_unused, if_empty, nowait })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 40), 4 + self.queue.len(), out, |writer| {
                writer.short(0);
                writer.utf8(self.queue);
                writer.octet(u8::from(self.if_unused) | u8::from(self.if_empty) << 1 | u8::from(self.nowait) << 2);
            })
        }
    }

    /// `queue.delete-ok`
    ///
    /// Server: the queue does not exist; so many messages were ready.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct DeleteOk {
        pub message_count: u32,
    }

    impl DeleteOk {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
            let message_count = reader.long()?;
            Ok(Self { message_count })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 41), 4, out, |writer| {
                writer.long(self.message_count);
            })
        }
    }

    /// `queue.unbind`
    ///
    /// Client: removes a binding.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Unbind<'a> {
        pub queue: &'a str,
        pub exchange: &'a str,
        pub routing_key: &'a str,
        pub arguments: RawTable<'a>,
    }

    impl<'a> Unbind<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            reader.short()?;
            let queue = reader.utf8()?;
            let exchange = reader.utf8()?;
            let routing_key = reader.utf8()?;
            let arguments = reader.table()?;
            Ok(Self { queue, exchange, routing_key, arguments })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 50), 9 + self.queue.len() + self.exchange.len() + self.routing_key.len() + self.arguments.as_bytes().len(), out, |writer| {
                writer.short(0);
                writer.utf8(self.queue);
                writer.utf8(self.exchange);
                writer.utf8(self.routing_key);
                writer.table(self.arguments);
            })
        }
    }

    /// `queue.unbind-ok`
    ///
    /// Server: the binding is gone.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct UnbindOk;

    impl UnbindOk {
        #[inline]
        pub(super) fn read(_: &mut Reader<'_>) -> Result<Self, ReadError> {
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 51), 0, out, |_| {
            })
        }
    }
}

/// Messages: published, delivered, settled.
pub mod basic {
    use crate::{RawTable, ShortStr, TooLong, method::encode_method, reader::{ReadError, Reader}};

    /// The class's number.
    pub const CLASS_ID: u16 = 60;

    /// `basic.qos`
    ///
    /// Client: how many deliveries may be unacknowledged.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Qos {
        pub prefetch_size: u32,
        pub prefetch_count: u16,
        pub global: bool,
    }

    impl Qos {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
            let prefetch_size = reader.long()?;
            let prefetch_count = reader.short()?;
            let bits = reader.octet()?;
            let global = bits & 1 != 0;
            Ok(Self { prefetch_size, prefetch_count, global })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 10), 7, out, |writer| {
                writer.long(self.prefetch_size);
                writer.short(self.prefetch_count);
                writer.octet(u8::from(self.global));
            })
        }
    }

    /// `basic.qos-ok`
    ///
    /// Server: the limit counts.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct QosOk;

    impl QosOk {
        #[inline]
        pub(super) fn read(_: &mut Reader<'_>) -> Result<Self, ReadError> {
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 11), 0, out, |_| {
            })
        }
    }

    /// `basic.consume`
    ///
    /// Client: starts a consumer; the server names it if `consumer_tag` is empty.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Consume<'a> {
        pub queue: &'a str,
        pub consumer_tag: &'a str,
        pub no_local: bool,
        pub no_ack: bool,
        pub exclusive: bool,
        pub nowait: bool,
        pub arguments: RawTable<'a>,
    }

    impl<'a> Consume<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            reader.short()?;
            let queue = reader.utf8()?;
            let consumer_tag = reader.utf8()?;
            let bits = reader.octet()?;
            let no_local = bits & 1 != 0;
            let no_ack = bits & 2 != 0;
            let exclusive = bits & 4 != 0;
            let nowait = bits & 8 != 0;
            let arguments = reader.table()?;
            Ok(Self { queue, consumer_tag, no_local, no_ack, exclusive, nowait, arguments })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 20), 9 + self.queue.len() + self.consumer_tag.len() + self.arguments.as_bytes().len(), out, |writer| {
                writer.short(0);
                writer.utf8(self.queue);
                writer.utf8(self.consumer_tag);
                writer.octet(u8::from(self.no_local) | u8::from(self.no_ack) << 1 | u8::from(self.exclusive) << 2 | u8::from(self.nowait) << 3);
                writer.table(self.arguments);
            })
        }
    }

    /// `basic.consume-ok`
    ///
    /// Server: the consumer exists.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct ConsumeOk<'a> {
        pub consumer_tag: &'a str,
    }

    impl<'a> ConsumeOk<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            let consumer_tag = reader.utf8()?;
            Ok(Self { consumer_tag })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 21), 1 + self.consumer_tag.len(), out, |writer| {
                writer.utf8(self.consumer_tag);
            })
        }
    }

    /// `basic.cancel`
    ///
    /// Client: ends a consumer; from the server, as RabbitMQ's extension: the consumer has ended.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Cancel<'a> {
        pub consumer_tag: &'a str,
        pub nowait: bool,
    }

    impl<'a> Cancel<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            let consumer_tag = reader.utf8()?;
            let bits = reader.octet()?;
            let nowait = bits & 1 != 0;
            Ok(Self { consumer_tag, nowait })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 30), 2 + self.consumer_tag.len(), out, |writer| {
                writer.utf8(self.consumer_tag);
                writer.octet(u8::from(self.nowait));
            })
        }
    }

    /// `basic.cancel-ok`
    ///
    /// Either: the consumer has ended.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct CancelOk<'a> {
        pub consumer_tag: &'a str,
    }

    impl<'a> CancelOk<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            let consumer_tag = reader.utf8()?;
            Ok(Self { consumer_tag })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 31), 1 + self.consumer_tag.len(), out, |writer| {
                writer.utf8(self.consumer_tag);
            })
        }
    }

    /// `basic.publish`
    ///
    /// Client: a message for an exchange.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Publish<'a> {
        pub exchange: ShortStr<'a>,
        pub routing_key: ShortStr<'a>,
        pub mandatory: bool,
        pub immediate: bool,
    }

    impl<'a> Publish<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            reader.short()?;
            let exchange = reader.shortstr()?;
            let routing_key = reader.shortstr()?;
            let bits = reader.octet()?;
            let mandatory = bits & 1 != 0;
            let immediate = bits & 2 != 0;
            Ok(Self { exchange, routing_key, mandatory, immediate })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 40), 5 + self.exchange.len() + self.routing_key.len(), out, |writer| {
                writer.short(0);
                writer.shortstr(self.exchange);
                writer.shortstr(self.routing_key);
                writer.octet(u8::from(self.mandatory) | u8::from(self.immediate) << 1);
            })
        }
    }

    /// `basic.return`
    ///
    /// Server: a message that could not be routed.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Return<'a> {
        pub reply_code: u16,
        pub reply_text: ShortStr<'a>,
        pub exchange: ShortStr<'a>,
        pub routing_key: ShortStr<'a>,
    }

    impl<'a> Return<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            let reply_code = reader.short()?;
            let reply_text = reader.shortstr()?;
            let exchange = reader.shortstr()?;
            let routing_key = reader.shortstr()?;
            Ok(Self { reply_code, reply_text, exchange, routing_key })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 50), 5 + self.reply_text.len() + self.exchange.len() + self.routing_key.len(), out, |writer| {
                writer.short(self.reply_code);
                writer.shortstr(self.reply_text);
                writer.shortstr(self.exchange);
                writer.shortstr(self.routing_key);
            })
        }
    }

    /// `basic.deliver`
    ///
    /// Server: a message for a consumer.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Deliver<'a> {
        pub consumer_tag: ShortStr<'a>,
        pub delivery_tag: u64,
        pub redelivered: bool,
        pub exchange: ShortStr<'a>,
        pub routing_key: ShortStr<'a>,
    }

    impl<'a> Deliver<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            let consumer_tag = reader.shortstr()?;
            let delivery_tag = reader.longlong()?;
            let bits = reader.octet()?;
            let redelivered = bits & 1 != 0;
            let exchange = reader.shortstr()?;
            let routing_key = reader.shortstr()?;
            Ok(Self { consumer_tag, delivery_tag, redelivered, exchange, routing_key })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 60), 12 + self.consumer_tag.len() + self.exchange.len() + self.routing_key.len(), out, |writer| {
                writer.shortstr(self.consumer_tag);
                writer.longlong(self.delivery_tag);
                writer.octet(u8::from(self.redelivered));
                writer.shortstr(self.exchange);
                writer.shortstr(self.routing_key);
            })
        }
    }

    /// `basic.get`
    ///
    /// Client: asks for one message.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Get<'a> {
        pub queue: &'a str,
        pub no_ack: bool,
    }

    impl<'a> Get<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            reader.short()?;
            let queue = reader.utf8()?;
            let bits = reader.octet()?;
            let no_ack = bits & 1 != 0;
            Ok(Self { queue, no_ack })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 70), 4 + self.queue.len(), out, |writer| {
                writer.short(0);
                writer.utf8(self.queue);
                writer.octet(u8::from(self.no_ack));
            })
        }
    }

    /// `basic.get-ok`
    ///
    /// Server: the message asked for, and how many are left.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct GetOk<'a> {
        pub delivery_tag: u64,
        pub redelivered: bool,
        pub exchange: ShortStr<'a>,
        pub routing_key: ShortStr<'a>,
        pub message_count: u32,
    }

    impl<'a> GetOk<'a> {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
            let delivery_tag = reader.longlong()?;
            let bits = reader.octet()?;
            let redelivered = bits & 1 != 0;
            let exchange = reader.shortstr()?;
            let routing_key = reader.shortstr()?;
            let message_count = reader.long()?;
            Ok(Self { delivery_tag, redelivered, exchange, routing_key, message_count })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 71), 15 + self.exchange.len() + self.routing_key.len(), out, |writer| {
                writer.longlong(self.delivery_tag);
                writer.octet(u8::from(self.redelivered));
                writer.shortstr(self.exchange);
                writer.shortstr(self.routing_key);
                writer.long(self.message_count);
            })
        }
    }

    /// `basic.get-empty`
    ///
    /// Server: there is no message.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct GetEmpty;

    impl GetEmpty {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
            reader.utf8()?;
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 72), 1, out, |writer| {
                writer.utf8("");
            })
        }
    }

    /// `basic.ack`
    ///
    /// Client: deliveries are done with; from the server, as RabbitMQ's extension: confirms.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Ack {
        pub delivery_tag: u64,
        pub multiple: bool,
    }

    impl Ack {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
            let delivery_tag = reader.longlong()?;
            let bits = reader.octet()?;
            let multiple = bits & 1 != 0;
            Ok(Self { delivery_tag, multiple })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 80), 9, out, |writer| {
                writer.longlong(self.delivery_tag);
                writer.octet(u8::from(self.multiple));
            })
        }
    }

    /// `basic.reject`
    ///
    /// Client: a delivery is refused.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Reject {
        pub delivery_tag: u64,
        pub requeue: bool,
    }

    impl Reject {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
            let delivery_tag = reader.longlong()?;
            let bits = reader.octet()?;
            let requeue = bits & 1 != 0;
            Ok(Self { delivery_tag, requeue })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 90), 9, out, |writer| {
                writer.longlong(self.delivery_tag);
                writer.octet(u8::from(self.requeue));
            })
        }
    }

    /// `basic.recover-async`
    ///
    /// Client: as recover, without an answer.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct RecoverAsync {
        pub requeue: bool,
    }

    impl RecoverAsync {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
            let bits = reader.octet()?;
            let requeue = bits & 1 != 0;
            Ok(Self { requeue })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 100), 1, out, |writer| {
                writer.octet(u8::from(self.requeue));
            })
        }
    }

    /// `basic.recover`
    ///
    /// Client: requeues what is unacknowledged.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Recover {
        pub requeue: bool,
    }

    impl Recover {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
            let bits = reader.octet()?;
            let requeue = bits & 1 != 0;
            Ok(Self { requeue })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 110), 1, out, |writer| {
                writer.octet(u8::from(self.requeue));
            })
        }
    }

    /// `basic.recover-ok`
    ///
    /// Server: it is requeued.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct RecoverOk;

    impl RecoverOk {
        #[inline]
        pub(super) fn read(_: &mut Reader<'_>) -> Result<Self, ReadError> {
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 111), 0, out, |_| {
            })
        }
    }

    /// `basic.nack`
    ///
    /// Client: deliveries are refused; from the server: messages were not taken. RabbitMQ's extension.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Nack {
        pub delivery_tag: u64,
        pub multiple: bool,
        pub requeue: bool,
    }

    impl Nack {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
            let delivery_tag = reader.longlong()?;
            let bits = reader.octet()?;
            let multiple = bits & 1 != 0;
            let requeue = bits & 2 != 0;
            Ok(Self { delivery_tag, multiple, requeue })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 120), 9, out, |writer| {
                writer.longlong(self.delivery_tag);
                writer.octet(u8::from(self.multiple) | u8::from(self.requeue) << 1);
            })
        }
    }
}

/// Transactions.
pub mod tx {
    use crate::{TooLong, method::encode_method, reader::{ReadError, Reader}};

    /// The class's number.
    pub const CLASS_ID: u16 = 90;

    /// `tx.select`
    ///
    /// Client: the channel becomes transactional.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Select;

    impl Select {
        #[inline]
        pub(super) fn read(_: &mut Reader<'_>) -> Result<Self, ReadError> {
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 10), 0, out, |_| {
            })
        }
    }

    /// `tx.select-ok`
    ///
    /// Server: the channel is transactional.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct SelectOk;

    impl SelectOk {
        #[inline]
        pub(super) fn read(_: &mut Reader<'_>) -> Result<Self, ReadError> {
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 11), 0, out, |_| {
            })
        }
    }

    /// `tx.commit`
    ///
    /// Client: what was published and settled shall count.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Commit;

    impl Commit {
        #[inline]
        pub(super) fn read(_: &mut Reader<'_>) -> Result<Self, ReadError> {
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 20), 0, out, |_| {
            })
        }
    }

    /// `tx.commit-ok`
    ///
    /// Server: it counts.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct CommitOk;

    impl CommitOk {
        #[inline]
        pub(super) fn read(_: &mut Reader<'_>) -> Result<Self, ReadError> {
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 21), 0, out, |_| {
            })
        }
    }

    /// `tx.rollback`
    ///
    /// Client: what was published and settled shall not count.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Rollback;

    impl Rollback {
        #[inline]
        pub(super) fn read(_: &mut Reader<'_>) -> Result<Self, ReadError> {
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 30), 0, out, |_| {
            })
        }
    }

    /// `tx.rollback-ok`
    ///
    /// Server: it does not count.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct RollbackOk;

    impl RollbackOk {
        #[inline]
        pub(super) fn read(_: &mut Reader<'_>) -> Result<Self, ReadError> {
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 31), 0, out, |_| {
            })
        }
    }
}

/// Publisher confirms. RabbitMQ's extension.
pub mod confirm {
    use crate::{TooLong, method::encode_method, reader::{ReadError, Reader}};

    /// The class's number.
    pub const CLASS_ID: u16 = 85;

    /// `confirm.select`
    ///
    /// Client: the server shall confirm messages.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(missing_docs, reason = "the fields are the specification's, and have no documentation but its")]
    pub struct Select {
        pub nowait: bool,
    }

    impl Select {
        #[inline]
        pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
            let bits = reader.octet()?;
            let nowait = bits & 1 != 0;
            Ok(Self { nowait })
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 10), 1, out, |writer| {
                writer.octet(u8::from(self.nowait));
            })
        }
    }

    /// `confirm.select-ok`
    ///
    /// Server: messages will be confirmed.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct SelectOk;

    impl SelectOk {
        #[inline]
        pub(super) fn read(_: &mut Reader<'_>) -> Result<Self, ReadError> {
            Ok(Self)
        }

        #[inline]
        pub(super) fn encode(
            &self,
            channel: u16,
            out: &mut Vec<u8>,
        ) -> Result<(), TooLong> {
            encode_method(channel, (CLASS_ID, 11), 0, out, |_| {
            })
        }
    }
}
