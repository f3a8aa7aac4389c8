//! The layout of a definition in the log.

use std::borrow::Cow;

use amqp::FieldTable;
use bincode::{BorrowDecode, Encode};

use super::{
    BindingDefinition, Definition, DurableQueue, GlobalParameterDefinition, LimitsDefinition,
    PermissionDefinition, PolicyDefinition, TopicPermissionDefinition,
};
use crate::{
    Destination, ExchangeKind, ExchangeSpec, Permission, PolicyName, QueueKind, TopicPermission,
    User, UserTags,
    limits::Limits,
    message::Sequence,
    policy::{ApplyTo, Policy, PolicyKind},
    user::{HashAlgorithm, PasswordHash},
    vhost::{VhostDefinition, VhostSettings},
};

/// A field table's contents as on the wire.
type Table<'a> = Cow<'a, [u8]>;

/// The layout of a definition. Kinds are only ever added at the end, with another version; none is ever changed.
#[derive(Encode, BorrowDecode)]
pub(super) enum Encoded<'a> {
    /// With nothing special about it.
    Vhost {
        name: &'a str,
    },
    /// With a password hashed by SHA-256, or none.
    User {
        name: &'a str,
        tags: Vec<&'a str>,
        loopback_only: bool,
        password: Option<Cow<'a, [u8]>>,
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
    // From here on version 2.
    DescribedVhost {
        name: &'a str,
        description: &'a str,
        tags: Vec<&'a str>,
        /// As `x-queue-type` spells it.
        default_queue_type: Option<&'a str>,
        is_protected: bool,
        is_tracing: bool,
    },
    UserWithHash {
        name: &'a str,
        tags: Vec<&'a str>,
        loopback_only: bool,
        /// 1: SHA-512, 2: Argon2id.
        algorithm: u8,
        hash: Cow<'a, [u8]>,
    },
    TopicPermission {
        user: &'a str,
        vhost: &'a str,
        exchange: &'a str,
        write: &'a str,
        read: &'a str,
    },
    VhostLimits {
        vhost: &'a str,
        max_connections: Option<i64>,
        max_queues: Option<i64>,
    },
    UserLimits {
        user: &'a str,
        max_connections: Option<i64>,
        max_channels: Option<i64>,
    },
    // From here on version 3.
    Policy {
        vhost: &'a str,
        name: &'a str,
        is_of_operator: bool,
        pattern: &'a str,
        /// As RabbitMQ spells it.
        apply_to: &'a str,
        priority: i64,
        definition: Table<'a>,
    },
    GlobalParameter {
        name: &'a str,
        /// JSON.
        value: &'a str,
    },
    ClusterName {
        name: &'a str,
    },
}

const SHA512: u8 = 1;
const ARGON2ID: u8 = 2;

impl<'a> Encoded<'a> {
    /// The version in which there was this kind first.
    pub(super) fn version(&self) -> u8 {
        match self {
            Self::Vhost { .. }
            | Self::User { .. }
            | Self::Permission { .. }
            | Self::Exchange { .. }
            | Self::Queue { .. }
            | Self::Binding { .. }
            | Self::Interrupted { .. } => 1,
            Self::DescribedVhost { .. }
            | Self::UserWithHash { .. }
            | Self::TopicPermission { .. }
            | Self::VhostLimits { .. }
            | Self::UserLimits { .. } => 2,
            Self::Policy { .. } | Self::GlobalParameter { .. } | Self::ClusterName { .. } => 3,
        }
    }

    pub(super) fn of(definition: &'a Definition) -> Self {
        match definition {
            Definition::Vhost(vhost) => Self::of_vhost(vhost),
            Definition::User(user) => Self::of_user(user),
            Definition::Permission(PermissionDefinition { user, vhost, permission }) => {
                Self::Permission {
                    user,
                    vhost,
                    configure: permission.configure.as_str(),
                    write: permission.write.as_str(),
                    read: permission.read.as_str(),
                }
            }
            Definition::Exchange { vhost, spec } => Self::Exchange {
                vhost,
                name: &spec.name,
                kind: spec.kind.as_str(),
                auto_delete: spec.auto_delete,
                internal: spec.internal,
                arguments: spec.arguments.to_bytes().into(),
            },
            Definition::Queue(DurableQueue { vhost, name, auto_delete, arguments }) => {
                let arguments = arguments.to_bytes().into();
                Self::Queue { vhost, name, auto_delete: *auto_delete, arguments }
            }
            Definition::Binding(BindingDefinition {
                vhost,
                source,
                destination,
                key,
                arguments,
            }) => Self::Binding {
                vhost,
                source,
                to_queue: matches!(destination, Destination::Queue(_)),
                destination: destination.name(),
                key,
                arguments: arguments.to_bytes().into(),
            },
            Definition::Interrupted { before } => Self::Interrupted { before: before.0 },
            Definition::TopicPermission(TopicPermissionDefinition {
                user,
                vhost,
                exchange,
                permission,
            }) => {
                let (write, read) = (permission.write(), permission.read());
                Self::TopicPermission { user, vhost, exchange, write, read }
            }
            Definition::VhostLimits(LimitsDefinition { owner, limits }) => Self::VhostLimits {
                vhost: owner,
                max_connections: limits.max_connections,
                max_queues: limits.max_queues,
            },
            Definition::UserLimits(LimitsDefinition { owner, limits }) => Self::UserLimits {
                user: owner,
                max_connections: limits.max_connections,
                max_channels: limits.max_channels,
            },
            Definition::Policy(policy) => Self::of_policy(policy),
            Definition::GlobalParameter(GlobalParameterDefinition { name, value }) => {
                Self::GlobalParameter { name, value }
            }
            Definition::ClusterName(name) => Self::ClusterName { name },
        }
    }

    fn of_policy(PolicyDefinition { vhost, kind, policy }: &'a PolicyDefinition) -> Self {
        Self::Policy {
            vhost,
            name: policy.name(),
            is_of_operator: *kind == PolicyKind::Operator,
            pattern: policy.pattern(),
            apply_to: policy.apply_to().as_str(),
            priority: policy.priority(),
            definition: policy.definition().to_bytes().into(),
        }
    }

    fn of_vhost(VhostDefinition { name, settings }: &'a VhostDefinition) -> Self {
        if *settings == VhostSettings::default() {
            return Self::Vhost { name };
        }
        Self::DescribedVhost {
            name,
            description: &settings.description,
            tags: settings.tags.iter().map(String::as_str).collect(),
            default_queue_type: settings.default_queue_type.map(QueueKind::as_str),
            is_protected: settings.is_protected,
            is_tracing: settings.is_tracing,
        }
    }

    fn of_user(User { name, tags, loopback_only, password }: &'a User) -> Self {
        let (tags, loopback_only) = (tags.iter().collect(), *loopback_only);
        let Some(hash) = password else {
            return Self::User { name, tags, loopback_only, password: None };
        };
        let algorithm = match hash.algorithm() {
            HashAlgorithm::Sha256 => {
                let password = Some(hash.to_bytes().into());
                return Self::User { name, tags, loopback_only, password };
            }
            HashAlgorithm::Sha512 => SHA512,
            HashAlgorithm::Argon2id => ARGON2ID,
        };
        let hash = hash.to_bytes().into();
        Self::UserWithHash { name, tags, loopback_only, algorithm, hash }
    }

    pub(super) fn into_definition(self) -> Result<Definition, &'static str> {
        Ok(match self {
            Self::Vhost { name } => {
                let settings = VhostSettings::default();
                Definition::Vhost(VhostDefinition { name: name.into(), settings })
            }
            Self::DescribedVhost {
                name,
                description,
                tags,
                default_queue_type,
                is_protected,
                is_tracing,
            } => {
                let settings = VhostSettings {
                    description: description.to_owned(),
                    tags: tags.into_iter().map(str::to_owned).collect(),
                    default_queue_type: default_queue_type.map(queue_kind).transpose()?,
                    is_protected,
                    is_tracing,
                };
                Definition::Vhost(VhostDefinition { name: name.into(), settings })
            }
            Self::User { name, tags, loopback_only, password } => {
                let hash = password.map(|bytes| (HashAlgorithm::Sha256, bytes));
                Definition::User(user(name, tags, loopback_only, hash)?)
            }
            Self::UserWithHash { name, tags, loopback_only, algorithm, hash } => {
                let algorithm = match algorithm {
                    SHA512 => HashAlgorithm::Sha512,
                    ARGON2ID => HashAlgorithm::Argon2id,
                    _ => return Err("its password is hashed in an unknown way"),
                };
                Definition::User(user(name, tags, loopback_only, Some((algorithm, hash)))?)
            }
            Self::Permission { user, vhost, configure, write, read } => {
                let permission = Permission::new(configure, write, read)
                    .map_err(|_| "it is a permission with a bad pattern")?;
                let (user, vhost) = (user.into(), vhost.into());
                Definition::Permission(PermissionDefinition { user, vhost, permission })
            }
            Self::TopicPermission { user, vhost, exchange, write, read } => {
                let (user, vhost, exchange) = (user.into(), vhost.into(), exchange.into());
                let permission = TopicPermission::new(write, read, &user, &vhost)
                    .map_err(|_| "it is a topic permission with a bad pattern")?;
                let of = TopicPermissionDefinition { user, vhost, exchange, permission };
                Definition::TopicPermission(of)
            }
            Self::VhostLimits { vhost, max_connections, max_queues } => {
                let limits = Limits { max_connections, max_queues, max_channels: None };
                Definition::VhostLimits(LimitsDefinition { owner: vhost.into(), limits })
            }
            Self::UserLimits { user, max_connections, max_channels } => {
                let limits = Limits { max_connections, max_queues: None, max_channels };
                Definition::UserLimits(LimitsDefinition { owner: user.into(), limits })
            }
            Self::Policy {
                vhost,
                name,
                is_of_operator,
                pattern,
                apply_to,
                priority,
                definition,
            } => {
                let vhost = vhost.into();
                let kind = if is_of_operator { PolicyKind::Operator } else { PolicyKind::User };
                let place = (name.into(), pattern);
                let policy = policy(place, apply_to, priority, table(&definition)?)?;
                Definition::Policy(PolicyDefinition { vhost, kind, policy })
            }
            Self::GlobalParameter { name, value } => {
                let (name, value) = (name.into(), value.into());
                Definition::GlobalParameter(GlobalParameterDefinition { name, value })
            }
            Self::ClusterName { name } => Definition::ClusterName(name.into()),
            Self::Exchange { vhost, name, kind, auto_delete, internal, arguments } => {
                let spec = ExchangeSpec {
                    name: name.into(),
                    kind: ExchangeKind::parse(kind)
                        .map_err(|_| "it is an exchange of an unknown type")?,
                    durable: true,
                    auto_delete,
                    internal,
                    arguments: table(&arguments)?,
                };
                Definition::Exchange { vhost: vhost.into(), spec }
            }
            Self::Queue { vhost, name, auto_delete, arguments } => {
                let arguments = table(&arguments)?;
                let (vhost, name) = (vhost.into(), name.into());
                Definition::Queue(DurableQueue { vhost, name, auto_delete, arguments })
            }
            Self::Binding { vhost, source, to_queue, destination, key, arguments } => {
                let destination = match to_queue {
                    true => Destination::Queue(destination.into()),
                    false => Destination::Exchange(destination.into()),
                };
                let (vhost, source, key) = (vhost.into(), source.into(), Box::from(key));
                let arguments = table(&arguments)?;
                let binding = BindingDefinition { vhost, source, destination, key, arguments };
                Definition::Binding(binding)
            }
            Self::Interrupted { before } => Definition::Interrupted { before: Sequence(before) },
        })
    }
}

fn table(bytes: &[u8]) -> Result<FieldTable, &'static str> {
    FieldTable::decode(bytes).map_err(|_| "its arguments are no table")
}

fn policy(
    place: (PolicyName, &str),
    apply_to: &str,
    priority: i64,
    definition: FieldTable,
) -> Result<Policy, &'static str> {
    let apply_to = ApplyTo::parse(apply_to).map_err(|_| "it is a policy for unknown things")?;
    Policy::restored(place, apply_to, priority, definition)
        .map_err(|_| "it is a policy with a bad pattern")
}

fn queue_kind(name: &str) -> Result<QueueKind, &'static str> {
    QueueKind::parse(name).ok_or("it is a vhost with an unknown type of queues")
}

fn user(
    name: &str,
    tags: Vec<&str>,
    loopback_only: bool,
    hash: Option<(HashAlgorithm, Cow<'_, [u8]>)>,
) -> Result<User, &'static str> {
    let read = |(algorithm, bytes): (HashAlgorithm, Cow<'_, [u8]>)| {
        PasswordHash::from_bytes(algorithm, &bytes).ok_or("its password has no hash")
    };
    let tags = UserTags::new(tags.into_iter().map(str::to_owned));
    let password = hash.map(read).transpose()?;
    Ok(User { name: name.into(), tags, loopback_only, password })
}
