//! Definitions in the log: vhosts, users, permissions, exchanges, queues and bindings.
//!
//! This is the only place that knows `bincode`. It is called on bytes whose checksum is right, always with a limit, and
//! what it reads must be all there is.

use amqp::FieldTable;
use bincode::{
    BorrowDecode, Encode,
    config::{Configuration, Limit, LittleEndian, Varint},
};

use super::{RecordError, VERSION, check_version};
use crate::{
    Destination, ExchangeKind, ExchangeName, ExchangeSpec, Permission, QueueKind, QueueName,
    Refusal, User, UserName, UserTags, VhostName,
    arguments::{Compat, QueueDeclaration, QueueDefinition},
    message::Sequence,
    user::PasswordHash,
};

/// What decoding may take in memory. A definition came in a method frame, which is far smaller.
const DECODED_BYTES_MAX: usize = 16 << 20;

const FORMAT: Configuration<LittleEndian, Varint, Limit<DECODED_BYTES_MAX>> =
    bincode::config::standard().with_limit::<DECODED_BYTES_MAX>();

const RECORD: &str = "a definition";

/// Something that was defined and outlives the process.
///
/// In the log it is a version byte and a [`bincode`] value with integers of variable length: the number of the kind in
/// the order of this type (0 = vhost), then its fields in the order in which they stand in `Encoded`, texts and bytes
/// with their length before them. Arguments are tables as on the wire, types of exchanges their names.
#[derive(Debug, Clone)]
pub enum Definition {
    /// A vhost, with its predeclared exchanges.
    Vhost(VhostName),
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

/// The layout of a definition. Kinds and fields are only ever added at the end, with another version.
#[derive(Encode, BorrowDecode)]
enum Encoded<'a> {
    Vhost {
        name: &'a str,
    },
    User {
        name: &'a str,
        tags: Vec<&'a str>,
        loopback_only: bool,
        password: Option<&'a [u8]>,
    },
    Permission {
        user: &'a str,
        vhost: &'a str,
        configure: &'a str,
        write: &'a str,
        read: &'a str,
    },
    Exchange {
        vhost: &'a str,
        name: &'a str,
        kind: &'a str,
        auto_delete: bool,
        internal: bool,
        arguments: Table<'a>,
    },
    Queue {
        vhost: &'a str,
        name: &'a str,
        auto_delete: bool,
        arguments: Table<'a>,
    },
    Binding {
        vhost: &'a str,
        source: &'a str,
        to_queue: bool,
        destination: &'a str,
        key: &'a [u8],
        arguments: Table<'a>,
    },
    Interrupted {
        before: u64,
    },
}

/// A field table's contents as on the wire.
type Table<'a> = std::borrow::Cow<'a, [u8]>;

impl Definition {
    /// The payload to be logged.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        bincode::encode_into_std_write(self.encoded(), &mut out, FORMAT)
            .expect("a vector takes everything, and there is nothing that cannot be encoded");
        out
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`RecordError`] if it is of another version or malformed, or its values are no values of what it defines.
    pub fn decode(payload: &[u8]) -> Result<Self, RecordError> {
        let malformed = |fault| RecordError::Malformed { record: RECORD, fault };
        let rest = check_version(RECORD, payload)?;
        let (encoded, read) = bincode::borrow_decode_from_slice::<Encoded<'_>, _>(rest, FORMAT)
            .map_err(|_| malformed("it cannot be decoded"))?;
        if read != rest.len() {
            return Err(malformed("something follows it"));
        }
        Self::from_encoded(encoded).map_err(malformed)
    }

    fn encoded(&self) -> Encoded<'_> {
        match self {
            Self::Vhost(name) => Encoded::Vhost { name },
            Self::User(user) => Encoded::User {
                name: &user.name,
                tags: user.tags.iter().collect(),
                loopback_only: user.loopback_only,
                password: user.password.as_ref().map(|hash| &hash.as_bytes()[..]),
            },
            Self::Permission(PermissionDefinition { user, vhost, permission }) => {
                Encoded::Permission {
                    user,
                    vhost,
                    configure: permission.configure.as_str(),
                    write: permission.write.as_str(),
                    read: permission.read.as_str(),
                }
            }
            Self::Exchange { vhost, spec } => Encoded::Exchange {
                vhost,
                name: &spec.name,
                kind: spec.kind.as_str(),
                auto_delete: spec.auto_delete,
                internal: spec.internal,
                arguments: spec.arguments.to_bytes().into(),
            },
            Self::Queue(DurableQueue { vhost, name, auto_delete, arguments }) => Encoded::Queue {
                vhost,
                name,
                auto_delete: *auto_delete,
                arguments: arguments.to_bytes().into(),
            },
            Self::Binding(BindingDefinition { vhost, source, destination, key, arguments }) => {
                Encoded::Binding {
                    vhost,
                    source,
                    to_queue: matches!(destination, Destination::Queue(_)),
                    destination: destination.name(),
                    key,
                    arguments: arguments.to_bytes().into(),
                }
            }
            Self::Interrupted { before } => Encoded::Interrupted { before: before.0 },
        }
    }

    fn from_encoded(encoded: Encoded<'_>) -> Result<Self, &'static str> {
        Ok(match encoded {
            Encoded::Vhost { name } => Self::Vhost(name.into()),
            Encoded::User { name, tags, loopback_only, password } => {
                let hash =
                    |bytes| PasswordHash::from_bytes(bytes).ok_or("its password has no hash");
                let tags = UserTags::new(tags.into_iter().map(str::to_owned));
                let password = password.map(hash).transpose()?;
                Self::User(User { name: name.into(), tags, loopback_only, password })
            }
            Encoded::Permission { user, vhost, configure, write, read } => {
                let permission = Permission::new(configure, write, read)
                    .map_err(|_| "it is a permission with a bad pattern")?;
                let (user, vhost) = (user.into(), vhost.into());
                Self::Permission(PermissionDefinition { user, vhost, permission })
            }
            Encoded::Exchange { vhost, name, kind, auto_delete, internal, arguments } => {
                let spec = ExchangeSpec {
                    name: name.into(),
                    kind: ExchangeKind::parse(kind)
                        .map_err(|_| "it is an exchange of an unknown type")?,
                    durable: true,
                    auto_delete,
                    internal,
                    arguments: table(&arguments)?,
                };
                Self::Exchange { vhost: vhost.into(), spec }
            }
            Encoded::Queue { vhost, name, auto_delete, arguments } => {
                let arguments = table(&arguments)?;
                let (vhost, name) = (vhost.into(), name.into());
                Self::Queue(DurableQueue { vhost, name, auto_delete, arguments })
            }
            Encoded::Binding { vhost, source, to_queue, destination, key, arguments } => {
                let destination = match to_queue {
                    true => Destination::Queue(destination.into()),
                    false => Destination::Exchange(destination.into()),
                };
                let (vhost, source, key) = (vhost.into(), source.into(), Box::from(key));
                let arguments = table(&arguments)?;
                Self::Binding(BindingDefinition { vhost, source, destination, key, arguments })
            }
            Encoded::Interrupted { before } => Self::Interrupted { before: Sequence(before) },
        })
    }
}

fn table(bytes: &[u8]) -> Result<FieldTable, &'static str> {
    FieldTable::decode(bytes).map_err(|_| "its arguments are no table")
}
