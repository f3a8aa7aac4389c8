//! Arguments and properties of `queue.declare`, for each type of queue.
//!
//! RabbitMQ: `rabbit_amqqueue:declare_args`, and `capabilities` of the type.

mod settings;

use amqp::{FieldTable, FieldValue, ShortString};

use self::settings::Asked;
use super::{
    assert_argument_equivalence, assert_property_equivalence,
    check::{self, Check},
};
use crate::{QueueKind, QueueName, QueueSettings, Refusal, Resource, VhostName};

/// Where RabbitMQ's versions differ: what a user of 4.3 may want refused although it harms nobody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compat {
    /// Refuse queues that are neither durable nor exclusive, with 541.
    pub deny_transient_queues: bool,
    /// Refuse `x-queue-master-locator`, with 541.
    pub deny_queue_master_locator: bool,
    /// A quorum queue may be redeclared as a classic one, if what both have in common is equal.
    pub relaxed_quorum_redeclare: bool,
}

/// A `queue.declare` that is not passive.
#[derive(Debug, Clone, Copy)]
pub struct QueueDeclaration<'a> {
    /// The vhost.
    pub vhost: &'a VhostName,
    /// The name; the empty one is replaced by the caller, after
    /// [`check_server_named`](Self::check_server_named).
    pub name: &'a QueueName,
    /// As asked for; an exclusive queue is transient all the same.
    pub durable: bool,
    /// Whether it shall belong to the declaring connection.
    pub exclusive: bool,
    /// Whether it shall go with its last consumer.
    pub auto_delete: bool,
    /// As received.
    pub arguments: &'a FieldTable,
}

/// A queue as it was declared: typed, and with the arguments that the API shows and a redeclare is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueDefinition {
    /// What the queue works by.
    pub settings: QueueSettings,
    /// As received; `x-queue-type` is filled in.
    pub arguments: FieldTable,
}

const QUEUE_TYPE: ShortString = ShortString::from_static("x-queue-type");

/// Validators, in the order in which RabbitMQ asks them: a declaration with two faults names the first of this list.
const CHECKS: &[(&str, Check)] = &[
    ("x-expires", check::positive_duration),
    ("x-message-ttl", check::duration),
    ("x-dead-letter-exchange", check::short_string),
    ("x-dead-letter-routing-key", check::dead_letter_key),
    ("x-dead-letter-strategy", check::dead_letter_strategy),
    ("x-max-length", check::non_negative),
    ("x-max-length-bytes", check::non_negative),
    ("x-max-in-memory-length", check::non_negative),
    ("x-max-in-memory-bytes", check::non_negative),
    ("x-max-priority", check::priority),
    ("x-overflow", check::overflow),
    ("x-queue-version", check::queue_version),
    ("x-single-active-consumer", check::boolean),
    ("x-consumer-timeout", check::non_negative),
    ("x-consumer-disconnected-timeout", check::non_negative),
    ("x-quorum-initial-group-size", check::positive),
    ("x-queue-leader-locator", check::leader_locator),
];

/// What a classic queue knows, in the order in which a redeclare compares it.
///
/// `x-consumer-timeout` is the quorum queue's since 4.3; before, every type obeyed it.
const CLASSIC: &[&str] = &[
    "x-expires",
    "x-message-ttl",
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-priority",
    "x-overflow",
    "x-queue-mode",
    "x-queue-version",
    "x-single-active-consumer",
    "x-queue-type",
    "x-queue-master-locator",
    "x-queue-leader-locator",
    "x-consumer-timeout",
];

/// The same of a quorum queue.
const QUORUM: &[&str] = &[
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-dead-letter-strategy",
    "x-expires",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-in-memory-length",
    "x-max-in-memory-bytes",
    "x-overflow",
    "x-single-active-consumer",
    "x-queue-type",
    "x-quorum-initial-group-size",
    "x-delivery-limit",
    "x-message-ttl",
    "x-queue-leader-locator",
    "x-consumer-disconnected-timeout",
    "x-consumer-timeout",
    "x-delayed-retry-type",
    "x-delayed-retry-min",
    "x-delayed-retry-max",
];

/// What only streams know.
const STREAM_ONLY: &[&str] = &[
    "x-max-age",
    "x-stream-max-segment-size-bytes",
    "x-stream-filter-size-bytes",
    "x-initial-cluster-size",
];

/// What a quorum queue and the classic one that it is redeclared as are compared by under
/// [`Compat::relaxed_quorum_redeclare`].
const RELAXED: &[&str] = &[
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-expires",
    "x-max-length",
    "x-max-length-bytes",
    "x-single-active-consumer",
    "x-message-ttl",
];

impl QueueDeclaration<'_> {
    /// Whether the server may make up a name for this queue; asked before everything else if the name is empty.
    ///
    /// # Errors
    /// [`Refusal::ServerNamed`] unless it is a classic queue.
    pub fn check_server_named(&self, default: QueueKind) -> Result<(), Refusal> {
        let queue_type = match self.type_name(default) {
            b"quorum" | b"rabbit_quorum_queue" => "quorum",
            b"stream" | b"rabbit_stream_queue" => "stream",
            _ => return Ok(()),
        };
        Err(Refusal::ServerNamed { queue_type })
    }

    /// Checks a declaration of a queue that does not exist yet, after the permissions.
    ///
    /// `default` is the vhost's default queue type; a declaration that it cannot satisfy makes a classic queue.
    ///
    /// # Errors
    /// In RabbitMQ's order: the type, the values, keys of other types, what [`Compat`] denies, then properties that
    /// the type does not have.
    pub fn define(&self, default: QueueKind, compat: Compat) -> Result<QueueDefinition, Refusal> {
        if self.has_type() {
            let check: (&str, Check) = ("x-queue-type", check::queue_type);
            check_values(self.arguments, &[check], self.vhost, self.name)?;
        }
        let kind = match self.type_name(default) {
            b"quorum" | b"rabbit_quorum_queue" => QueueKind::Quorum,
            b"stream" | b"rabbit_stream_queue" => {
                let (queue, vhost) = (self.name.clone(), self.vhost.clone());
                return Err(Refusal::StreamQueue { queue, vhost });
            }
            _ => QueueKind::Classic,
        };
        let (own, other) = match kind {
            QueueKind::Classic => (CLASSIC, QUORUM),
            QueueKind::Quorum => (QUORUM, CLASSIC),
        };
        if !self.arguments.is_empty() {
            for check in CHECKS.iter().filter(|(key, _)| own.contains(key)) {
                check_values(self.arguments, std::slice::from_ref(check), self.vhost, self.name)?;
            }
            let is_foreign = |key: &str| {
                !own.contains(&key) && (other.contains(&key) || STREAM_ONLY.contains(&key))
            };
            refuse_foreign(self.arguments, is_foreign, kind, self.vhost, self.name)?;
        }
        self.refuse_denied(compat)?;
        if kind == QueueKind::Quorum {
            self.check_quorum_properties()?;
        }
        Ok(QueueDefinition {
            settings: self.settings(kind),
            arguments: self.arguments_with_type(default),
        })
    }

    /// Checks the declaration of a queue that exists; passive ones are not compared.
    ///
    /// `is_owner`: whether the existing queue's exclusive owner is what this declaration asks for, that is, this
    /// connection if `exclusive`, and nobody if not.
    ///
    /// # Errors
    /// [`Refusal::ResourceLocked`], or [`Refusal::Inequivalent`] with the first difference.
    pub fn check_equivalent(
        &self,
        existing: &QueueDefinition,
        is_owner: bool,
        default: QueueKind,
        compat: Compat,
    ) -> Result<(), Refusal> {
        let resource = || Resource::queue(self.vhost, self.name);
        let received = &self.arguments_with_type(default);
        if compat.relaxed_quorum_redeclare
            && existing.settings.kind == QueueKind::Quorum
            && received.get("x-queue-type").and_then(FieldValue::as_long_string) == Some(b"classic")
        {
            return RELAXED.iter().try_for_each(|key| {
                assert_argument_equivalence(&existing.arguments, received, key, resource)
            });
        }
        if !is_owner {
            let (queue, vhost) = (self.name.clone(), self.vhost.clone());
            return Err(Refusal::ResourceLocked { queue, vhost });
        }
        let settings = &existing.settings;
        let durable = self.durable && !self.exclusive;
        assert_property_equivalence(&settings.durable, &durable, "durable", resource)?;
        let (current, received_flag) = (settings.auto_delete, self.auto_delete);
        assert_property_equivalence(&current, &received_flag, "auto_delete", resource)?;
        let keys = match settings.kind {
            QueueKind::Classic => CLASSIC,
            QueueKind::Quorum => QUORUM,
        };
        keys.iter().try_for_each(|key| {
            assert_argument_equivalence(&existing.arguments, received, key, resource)
        })
    }

    /// Whether a type was asked for; an empty one and `undefined` ask for the default.
    fn has_type(&self) -> bool {
        match self.arguments.get("x-queue-type") {
            None => false,
            Some(value) => !matches!(value.as_long_string(), Some(b"" | b"undefined")),
        }
    }

    fn type_name(&self, default: QueueKind) -> &[u8] {
        let asked = self.arguments.get("x-queue-type").and_then(FieldValue::as_long_string);
        match asked {
            Some(name) if self.has_type() => name,
            _ => self.default_kind(default).as_str().as_bytes(),
        }
    }

    /// The default type, or classic where the flags do not suit it.
    fn default_kind(&self, default: QueueKind) -> QueueKind {
        if self.durable && !self.exclusive && !self.auto_delete {
            default
        } else {
            QueueKind::Classic
        }
    }

    fn arguments_with_type(&self, default: QueueKind) -> FieldTable {
        let mut arguments = self.arguments.clone();
        if !self.has_type() {
            arguments.insert(QUEUE_TYPE, self.default_kind(default).as_str());
        }
        arguments
    }

    fn refuse_denied(&self, compat: Compat) -> Result<(), Refusal> {
        if compat.deny_transient_queues && !self.durable && !self.exclusive {
            return Err(Refusal::Deprecated { feature: "transient_nonexcl_queues" });
        }
        if compat.deny_queue_master_locator && self.arguments.contains_key("x-queue-master-locator")
        {
            return Err(Refusal::Deprecated { feature: "queue_master_locator" });
        }
        Ok(())
    }

    fn check_quorum_properties(&self) -> Result<(), Refusal> {
        let property = match self {
            Self { auto_delete: true, .. } => "auto-delete",
            Self { exclusive: true, .. } => "exclusive-owner",
            Self { durable: false, .. } => "non-durable",
            _ => return Ok(()),
        };
        let (queue, vhost) = (self.name.clone(), self.vhost.clone());
        Err(Refusal::InvalidProperty { property, queue, vhost })
    }

    fn settings(&self, kind: QueueKind) -> QueueSettings {
        let (arguments, policy) = (self.arguments, &FieldTable::new());
        Asked { arguments, policy }.settings(QueueSettings {
            kind,
            durable: self.durable && !self.exclusive,
            exclusive: self.exclusive,
            auto_delete: self.auto_delete,
            ..QueueSettings::default()
        })
    }
}

/// Asks each check whose argument is there.
pub(super) fn check_values(
    arguments: &FieldTable,
    checks: &[(&str, Check)],
    vhost: &VhostName,
    queue: &QueueName,
) -> Result<(), Refusal> {
    for (key, check) in checks {
        let Some(value) = arguments.get(key) else { continue };
        check(value, arguments).map_err(|fault| Refusal::InvalidArgument {
            argument: (*key).to_owned(),
            resource: Resource::queue(vhost, queue),
            fault,
        })?;
    }
    Ok(())
}

/// Refuses the first argument whose key belongs to another type.
pub(super) fn refuse_foreign(
    arguments: &FieldTable,
    is_foreign: impl Fn(&str) -> bool,
    kind: QueueKind,
    vhost: &VhostName,
    queue: &QueueName,
) -> Result<(), Refusal> {
    let found = arguments.iter().find(|(key, _)| key.as_str().is_some_and(&is_foreign));
    let Some((key, _)) = found else { return Ok(()) };
    Err(Refusal::ForeignArgument {
        argument: key.to_string(),
        queue: queue.clone(),
        vhost: vhost.clone(),
        queue_type: kind.as_str(),
    })
}

#[cfg(test)]
mod tests;
