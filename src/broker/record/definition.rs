//! Definitions in the log: vhosts, users, permissions, exchanges, queues and bindings.
//!
//! This is the only place that knows `bincode`. It is called on bytes whose checksum is right, always with a limit, and
//! what it reads must be all there is.

mod encoded;

use std::sync::Arc;

use amqp::FieldTable;
use bincode::config::{Configuration, Limit, LittleEndian, Varint};

use self::encoded::Encoded;
use super::{RecordError, take_version};
use crate::{
    Destination, ExchangeName, ExchangeSpec, ParameterName, Permission, QueueKind, QueueName,
    Refusal, TopicPermission, User, UserName, VhostName,
    arguments::{Compat, QueueDeclaration, QueueDefinition},
    limits::Limits,
    message::Sequence,
    parameter::ParameterValue,
    policy::{Policy, PolicyKind},
    vhost::VhostDefinition,
};

/// What decoding may take in memory. A definition came in a method frame, which is far smaller.
const DECODED_BYTES_MAX: usize = 16 << 20;

const FORMAT: Configuration<LittleEndian, Varint, Limit<DECODED_BYTES_MAX>> =
    bincode::config::standard().with_limit::<DECODED_BYTES_MAX>();

const RECORD: &str = "a definition";

/// The latest version.
const VERSION_MAX: u8 = 3;

/// Something that was defined and outlives the process.
///
/// In the log it is a version byte and a [`bincode`] value with integers of variable length: the number of the kind in
/// the order of `Encoded` (0 = vhost), then its fields in the order in which they stand there, texts and bytes with their
/// length before them. Arguments are tables as on the wire, types of exchanges their names.
///
/// Each version has more kinds than the one before, and is written for these alone: what could be said in version 1 still
/// is, so that an older program reads a log in which nothing newer was used.
#[derive(Debug, Clone)]
pub enum Definition {
    /// A vhost, with its predeclared exchanges.
    Vhost(VhostDefinition),
    /// A user.
    User(User),
    /// What a user may do in a vhost.
    Permission(PermissionDefinition),
    /// A durable exchange; predeclared ones come with their vhost.
    Exchange {
        /// Its vhost.
        vhost: VhostName,
        /// What it was declared with.
        spec: ExchangeSpec,
    },
    /// A durable queue.
    Queue(DurableQueue),
    /// A binding between durable ends.
    Binding(BindingDefinition),
    /// The process ended without saying so: whatever was queued by then may have been delivered.
    Interrupted {
        /// The sequence that came next.
        before: Sequence,
    },
    /// Which topics of an exchange a user may use.
    TopicPermission(TopicPermissionDefinition),
    /// How much there may be in a vhost.
    VhostLimits(LimitsDefinition<VhostName>),
    /// How much a user may have.
    UserLimits(LimitsDefinition<UserName>),
    /// A policy.
    Policy(PolicyDefinition),
    /// A parameter of the node.
    GlobalParameter(GlobalParameterDefinition),
    /// The name of the cluster.
    ClusterName(Arc<str>),
}

/// A policy of a vhost.
#[derive(Debug, Clone)]
pub struct PolicyDefinition {
    /// Its vhost.
    pub vhost: VhostName,
    /// Whose it is.
    pub kind: PolicyKind,
    /// The policy. It was checked when it was set, and is not checked again.
    pub policy: Policy,
}

/// A parameter of the node.
#[derive(Debug, Clone)]
pub struct GlobalParameterDefinition {
    /// Its name.
    pub name: ParameterName,
    /// Its value.
    pub value: ParameterValue,
}

/// Which topics of an exchange a user may use.
#[derive(Debug, Clone)]
pub struct TopicPermissionDefinition {
    /// The user, who need not be there.
    pub user: UserName,
    /// The vhost.
    pub vhost: VhostName,
    /// The exchange, which need not be there.
    pub exchange: ExchangeName,
    /// What is permitted.
    pub permission: TopicPermission,
}

/// The limits of somebody or something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitsDefinition<N> {
    /// Whose.
    pub owner: N,
    /// The limits.
    pub limits: Limits,
}

/// What a user may do in a vhost.
#[derive(Debug, Clone)]
pub struct PermissionDefinition {
    /// The user, who need not be there.
    pub user: UserName,
    /// The vhost.
    pub vhost: VhostName,
    /// What is permitted.
    pub permission: Permission,
}

/// A durable queue as it was declared. It is never exclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurableQueue {
    /// Its vhost.
    pub vhost: VhostName,
    /// Its name.
    pub name: QueueName,
    /// Whether it goes with its last consumer.
    pub auto_delete: bool,
    /// As of its [`QueueDefinition`]: with the queue type in.
    pub arguments: FieldTable,
}

/// A binding between durable ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingDefinition {
    /// The vhost of both.
    pub vhost: VhostName,
    /// The exchange that messages come from.
    pub source: ExchangeName,
    /// Where they go.
    pub destination: Destination,
    /// The binding key.
    pub key: Box<[u8]>,
    /// The arguments.
    pub arguments: FieldTable,
}

impl DurableQueue {
    /// What the queue works by, as on the day it was declared: what [`Compat`] denies is for new queues.
    ///
    /// # Errors
    /// If a declaration with these arguments is refused by now.
    pub fn define(&self) -> Result<QueueDefinition, Refusal> {
        let declaration = QueueDeclaration {
            vhost: &self.vhost,
            name: &self.name,
            durable: true,
            exclusive: false,
            auto_delete: self.auto_delete,
            arguments: &self.arguments,
        };
        declaration.define(QueueKind::Classic, Compat::default())
    }
}

impl Definition {
    /// The payload to be logged.
    pub fn encode(&self) -> Vec<u8> {
        let encoded = Encoded::of(self);
        let mut out = vec![encoded.version()];
        bincode::encode_into_std_write(encoded, &mut out, FORMAT)
            .expect("a vector takes everything, and there is nothing that cannot be encoded");
        out
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`RecordError`] if it is of another version or malformed, or its values are no values of what it defines.
    pub fn decode(payload: &[u8]) -> Result<Self, RecordError> {
        let malformed = |fault| RecordError::Malformed { record: RECORD, fault };
        let (version, rest) = take_version(RECORD, VERSION_MAX, payload)?;
        let (encoded, read) = bincode::borrow_decode_from_slice::<Encoded<'_>, _>(rest, FORMAT)
            .map_err(|_| malformed("it cannot be decoded"))?;
        if read != rest.len() {
            return Err(malformed("something follows it"));
        }
        if encoded.version() != version {
            return Err(malformed("its kind is one of another version"));
        }
        encoded.into_definition().map_err(malformed)
    }
}
