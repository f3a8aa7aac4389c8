//! What the broker does not do for a client, in RabbitMQ's words.
//!
//! People search for these texts and client libraries match on them, so each equals RabbitMQ's to the byte.

use amqp::ReplyCode;
use thiserror::Error;

use crate::{ExchangeName, QueueName, Resource, UserName, VhostName, arguments::ArgumentFault};

/// A request that was refused. It shows as the whole reply text, not yet cut to what a shortstr holds.
///
/// Its [`code`](Self::code) decides whether the channel or the connection closes. The broker is as it was before.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "each variant's text says what it and its fields mean")]
pub enum Refusal {
    // 403 ACCESS_REFUSED
    #[error("ACCESS_REFUSED - {action} access to {resource} refused for user '{user}'")]
    AccessRefused { action: crate::Action, resource: Resource, user: UserName },
    #[error("ACCESS_REFUSED - {0}")]
    TopicRefused(Box<TopicRefused>),
    #[error(
        "ACCESS_REFUSED - Login was refused using authentication mechanism {mechanism}. \
         For details see the broker logfile."
    )]
    LoginRefused { mechanism: String },
    #[error("ACCESS_REFUSED - {kind} name '{name}' contains reserved prefix 'amq.*'")]
    ReservedName { kind: crate::ResourceKind, name: String },
    #[error("ACCESS_REFUSED - operation not permitted on the default exchange")]
    DefaultExchange,
    #[error("ACCESS_REFUSED - deletion of system {resource} not allowed")]
    SystemExchange { resource: Resource },
    #[error("ACCESS_REFUSED - cannot publish to internal exchange '{exchange}' in vhost '{vhost}'")]
    InternalExchange { exchange: ExchangeName, vhost: VhostName },
    #[error("ACCESS_REFUSED - queue '{queue}' in vhost '{vhost}' in exclusive use")]
    ExclusiveUse { queue: QueueName, vhost: VhostName },

    // 404 NOT_FOUND
    #[error("NOT_FOUND - no queue '{queue}' in vhost '{vhost}'")]
    NoSuchQueue { queue: QueueName, vhost: VhostName },
    #[error("NOT_FOUND - no exchange '{exchange}' in vhost '{vhost}'")]
    NoSuchExchange { exchange: ExchangeName, vhost: VhostName },
    #[error("NOT_FOUND - no previously declared queue")]
    NoPreviousQueue,

    // 405 RESOURCE_LOCKED
    #[error(
        "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{queue}' in vhost '{vhost}'. \
         It could be originally declared on another connection or the exclusive property value does not \
         match that of the original declaration."
    )]
    ResourceLocked { queue: QueueName, vhost: VhostName },
    #[error(
        "RESOURCE_LOCKED - cannot obtain access to locked queue '{queue}' in vhost '{vhost}'. \
         basic.get operations are not supported by quorum queues with single active consumer"
    )]
    SingleActiveConsumerGet { queue: QueueName, vhost: VhostName },

    // 406 PRECONDITION_FAILED
    #[error("PRECONDITION_FAILED - inequivalent arg '{property}' for {resource}: {difference}")]
    Inequivalent { property: String, resource: Resource, difference: String },
    #[error("PRECONDITION_FAILED - invalid arg '{argument}' for {resource}: {fault}")]
    InvalidArgument { argument: String, resource: Resource, fault: ArgumentFault },
    #[error(
        "PRECONDITION_FAILED - invalid arg '{argument}' for queue '{queue}' in vhost '{vhost}' \
         of queue type rabbit_{queue_type}_queue"
    )]
    ForeignArgument {
        argument: String,
        queue: QueueName,
        vhost: VhostName,
        queue_type: &'static str,
    },
    #[error("PRECONDITION_FAILED - invalid type '{type_name}' for arg '{argument}' in {resource}")]
    ArgumentType { type_name: &'static str, argument: String, resource: Resource },
    #[error(
        "PRECONDITION_FAILED - invalid property '{property}' for queue '{queue}' in vhost '{vhost}'"
    )]
    InvalidProperty { property: &'static str, queue: QueueName, vhost: VhostName },
    #[error(
        "PRECONDITION_FAILED - Cannot declare a server-named queue for type rabbit_{queue_type}_queue"
    )]
    ServerNamed { queue_type: &'static str },
    #[error("PRECONDITION_FAILED - unknown exchange type '{kind}'")]
    UnknownExchangeType { kind: String },
    #[error("PRECONDITION_FAILED - {resource} in use")]
    InUse { resource: Resource },
    #[error("PRECONDITION_FAILED - {resource} not empty")]
    NotEmpty { resource: Resource },
    #[error("PRECONDITION_FAILED - unknown delivery tag {delivery_tag}")]
    UnknownDeliveryTag { delivery_tag: u64 },
    #[error("PRECONDITION_FAILED - invalid expiration '{expiration}': {fault}")]
    InvalidExpiration { expiration: String, fault: ArgumentFault },
    #[error(
        "PRECONDITION_FAILED - invalid message: {{unacceptable_type_in_header,\"{header}\",{type_name}}}"
    )]
    InvalidRoutingHeader { header: &'static str, type_name: &'static str },
    #[error(
        "PRECONDITION_FAILED - user_id property set to '{claimed}' but authenticated user was '{user}'"
    )]
    UserIdMismatch { claimed: String, user: UserName },
    #[error("PRECONDITION_FAILED - message size {size} is larger than configured max size {max}")]
    MessageTooLarge { size: u64, max: u64 },
    #[error("PRECONDITION_FAILED - {explanation}")]
    PreconditionFailed { explanation: String },

    // the whole connection
    #[error("CONNECTION_FORCED - {explanation}")]
    ConnectionForced { explanation: String },
    #[error("FRAME_ERROR - {explanation}")]
    FrameError { explanation: String },
    #[error("SYNTAX_ERROR - {explanation}")]
    SyntaxError { explanation: String },
    #[error("COMMAND_INVALID - {explanation}")]
    CommandInvalid { explanation: String },
    #[error("CHANNEL_ERROR - {explanation}")]
    ChannelError { explanation: String },
    #[error("UNEXPECTED_FRAME - {explanation}")]
    UnexpectedFrame { explanation: String },
    #[error("RESOURCE_ERROR - {explanation}")]
    ResourceError { explanation: String },
    #[error("NOT_ALLOWED - vhost {vhost} not found")]
    NoSuchVhost { vhost: String },
    #[error("NOT_ALLOWED - access to vhost '{vhost}' refused for user '{user}'")]
    VhostRefused { vhost: VhostName, user: UserName },
    #[error("NOT_ALLOWED - {explanation}")]
    NotAllowed { explanation: String },
    #[error(
        "NOT_IMPLEMENTED - queue type 'stream' is not supported yet: queue '{queue}' in vhost '{vhost}'"
    )]
    StreamQueue { queue: QueueName, vhost: VhostName },
    #[error(
        "NOT_IMPLEMENTED - cannot delete queue '{queue}' in vhost '{vhost}'. queue.delete operations with \
         {flag} flag set are not supported by quorum queues"
    )]
    ConditionalQuorumDelete { queue: QueueName, vhost: VhostName, flag: &'static str },
    #[error("NOT_IMPLEMENTED - {explanation}")]
    NotImplemented { explanation: String },
    #[error(
        "INTERNAL_ERROR - Feature `{feature}` is deprecated.\nBy default, this feature is not permitted \
         anymore.\nThe feature will be removed from a future major RabbitMQ version, regardless of the \
         configuration; actual version to be determined."
    )]
    Deprecated { feature: &'static str },
    #[error("INTERNAL_ERROR - {explanation}")]
    InternalError { explanation: String },
}

/// A key that a user may not publish or bind with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{action} access to topic '{key}' in exchange '{exchange}' in vhost '{vhost}' refused for user '{user}'"
)]
#[expect(missing_docs, reason = "the text says what each field means")]
pub struct TopicRefused {
    pub action: crate::Action,
    pub key: String,
    pub exchange: ExchangeName,
    pub vhost: VhostName,
    pub user: UserName,
}

impl Refusal {
    /// The reply code; its severity says whether the channel or the connection closes.
    pub fn code(&self) -> ReplyCode {
        match self {
            Self::AccessRefused { .. }
            | Self::TopicRefused(_)
            | Self::LoginRefused { .. }
            | Self::ReservedName { .. }
            | Self::DefaultExchange
            | Self::SystemExchange { .. }
            | Self::InternalExchange { .. }
            | Self::ExclusiveUse { .. } => ReplyCode::AccessRefused,
            Self::NoSuchQueue { .. } | Self::NoSuchExchange { .. } | Self::NoPreviousQueue => {
                ReplyCode::NotFound
            }
            Self::ResourceLocked { .. } | Self::SingleActiveConsumerGet { .. } => {
                ReplyCode::ResourceLocked
            }
            Self::Inequivalent { .. }
            | Self::InvalidArgument { .. }
            | Self::ForeignArgument { .. }
            | Self::ArgumentType { .. }
            | Self::InvalidProperty { .. }
            | Self::UnknownExchangeType { .. }
            | Self::ServerNamed { .. }
            | Self::InUse { .. }
            | Self::NotEmpty { .. }
            | Self::UnknownDeliveryTag { .. }
            | Self::InvalidExpiration { .. }
            | Self::InvalidRoutingHeader { .. }
            | Self::UserIdMismatch { .. }
            | Self::MessageTooLarge { .. }
            | Self::PreconditionFailed { .. } => ReplyCode::PreconditionFailed,
            Self::ConnectionForced { .. } => ReplyCode::ConnectionForced,
            Self::FrameError { .. } => ReplyCode::FrameError,
            Self::SyntaxError { .. } => ReplyCode::SyntaxError,
            Self::CommandInvalid { .. } => ReplyCode::CommandInvalid,
            Self::ChannelError { .. } => ReplyCode::ChannelError,
            Self::UnexpectedFrame { .. } => ReplyCode::UnexpectedFrame,
            Self::ResourceError { .. } => ReplyCode::ResourceError,
            Self::NoSuchVhost { .. } | Self::VhostRefused { .. } | Self::NotAllowed { .. } => {
                ReplyCode::NotAllowed
            }
            Self::StreamQueue { .. }
            | Self::ConditionalQuorumDelete { .. }
            | Self::NotImplemented { .. } => ReplyCode::NotImplemented,
            Self::Deprecated { .. } | Self::InternalError { .. } => ReplyCode::InternalError,
        }
    }

    /// The reply text as it goes into a close method, [cut](amqp::cut_reply_text) if it is too long for one.
    pub fn reply_text(&self) -> String {
        amqp::cut_reply_text(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_begins_with_the_name_of_the_code() {
        let refusal = Refusal::NoSuchQueue { queue: "q".into(), vhost: "/".into() };
        assert_eq!(refusal.code(), ReplyCode::NotFound);
        assert_eq!(refusal.reply_text(), "NOT_FOUND - no queue 'q' in vhost '/'");
        let refusal = Refusal::InvalidRoutingHeader { header: "CC", type_name: "longstr" };
        assert_eq!(
            refusal.reply_text(),
            "PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,\"CC\",longstr}"
        );
    }

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        let refusal = Refusal::NoSuchVhost { vhost: "ü".repeat(200) };
        let text = refusal.reply_text();
        assert!(text.len() <= 255, "{}", text.len());
        assert!(text.ends_with("ü..."));
        let refusal = Refusal::ResourceLocked { queue: "q".into(), vhost: "/".into() };
        assert!(refusal.reply_text().ends_with("match that of the original declaration."));
    }

    #[test]
    fn a_refusal_is_small_enough_to_return() {
        assert!(size_of::<Refusal>() <= 120, "{}", size_of::<Refusal>());
    }
}
