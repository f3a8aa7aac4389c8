//! What the records of a log say, as fields of a line.

use amqp::{FieldTable, FieldValue};
use broker::message::Origin;
use broker::policy::PolicyKind;
use broker::record::{
    BindingDefinition, Definition, DurableQueue, MessageRecord, Note, PolicyDefinition,
};
use broker::vhost::{VhostDefinition, VhostSettings};
use broker::{ExchangeSpec, User};

use super::line::{Fields, Value};
use super::names::{Named, Names, destination};

/// How many bytes of a body are shown unless all are asked for.
const PREVIEW_BYTES: usize = 64;

/// Shows what contents hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Show<'n> {
    pub(super) names: &'n Names,
    /// Bodies are shown whole.
    pub(super) bodies: bool,
}

impl Show<'_> {
    /// Whose something is.
    pub(super) fn owner(&self, owner: u64) -> Value {
        let table = |what: &str, vhost: &str, name: &str| {
            Value::Table(vec![
                (what.to_owned(), Value::Text(name.to_owned())),
                ("vhost".to_owned(), Value::Text(vhost.to_owned())),
            ])
        };
        match self.names.get(owner) {
            Some(Named::Queue { vhost, name }) => table("queue", vhost, name),
            Some(Named::Exchange { vhost, name }) => table("exchange", vhost, name),
            Some(Named::Other(_)) | None => Value::Number(owner),
        }
    }

    /// A message, or why it cannot be understood.
    pub(super) fn message(&self, payload: &[u8]) -> Fields {
        let record = match MessageRecord::read(payload) {
            Ok(record) => record,
            Err(error) => return vec![("malformed", Value::Text(error.to_string()))],
        };
        let mut fields = vec![
            ("exchange", Value::Text(record.exchange.to_owned())),
            ("routing_key", Value::bytes(record.routing_key)),
            ("persistent", Value::Flag(record.persistent)),
        ];
        let mut push = |name, value: Option<u64>| {
            if let Some(value) = value {
                fields.push((name, Value::Number(value)));
            }
        };
        push("priority", record.priority.map(u64::from));
        push("expiration_ms", record.expiration_ms);
        push("arrived_at_ms", Some(record.arrived_at.0));
        push("due_ms", record.due.map(|due| due.0));
        push("properties_bytes", Some(record.properties.len() as u64));
        push("body_bytes", Some(record.body.len() as u64));
        if record.origin != Origin::Client {
            fields.push(("dead_letter", Value::Flag(true)));
        }
        let count = if self.bodies { record.body.len() } else { PREVIEW_BYTES };
        fields.push(("body", Value::first_of(record.body, count)));
        fields
    }
}

/// What something defines, without any password.
pub(super) fn definition(payload: &[u8]) -> Fields {
    let definition = match Definition::decode(payload) {
        Ok(definition) => definition,
        Err(error) => return vec![("malformed", Value::Text(error.to_string()))],
    };
    let text = |text: &str| Value::Text(text.to_owned());
    match definition {
        Definition::Vhost(VhostDefinition { name, settings }) => {
            if settings == VhostSettings::default() {
                return vec![("vhost", text(&name))];
            }
            let queue_type = settings.default_queue_type;
            vec![
                ("vhost", text(&name)),
                ("description", text(&settings.description)),
                ("tags", Value::List(settings.tags.iter().map(|tag| text(tag)).collect())),
                ("default_queue_type", queue_type.map_or(Value::Nothing, |of| text(of.as_str()))),
                ("protected", Value::Flag(settings.is_protected)),
                ("tracing", Value::Flag(settings.is_tracing)),
            ]
        }
        Definition::User(User { name, tags, loopback_only, password }) => vec![
            ("user", text(&name)),
            ("tags", Value::List(tags.iter().map(text).collect())),
            ("loopback_only", Value::Flag(loopback_only)),
            ("has_password", Value::Flag(password.is_some())),
        ],
        Definition::Permission(of) => vec![
            ("permission_of", text(&of.user)),
            ("vhost", text(&of.vhost)),
            ("configure", text(of.permission.configure.as_str())),
            ("write", text(of.permission.write.as_str())),
            ("read", text(of.permission.read.as_str())),
        ],
        Definition::TopicPermission(of) => vec![
            ("topic_permission_of", text(&of.user)),
            ("vhost", text(&of.vhost)),
            ("exchange", text(&of.exchange)),
            ("write", text(of.permission.write())),
            ("read", text(of.permission.read())),
        ],
        Definition::VhostLimits(of) => vec![
            ("limits_of_vhost", text(&of.owner)),
            ("max_connections", limit(of.limits.max_connections)),
            ("max_queues", limit(of.limits.max_queues)),
        ],
        Definition::UserLimits(of) => vec![
            ("limits_of_user", text(&of.owner)),
            ("max_connections", limit(of.limits.max_connections)),
            ("max_channels", limit(of.limits.max_channels)),
        ],
        Definition::Policy(PolicyDefinition { vhost, kind, policy }) => vec![
            (
                match kind {
                    PolicyKind::User => "policy",
                    PolicyKind::Operator => "operator_policy",
                },
                text(policy.name()),
            ),
            ("vhost", text(&vhost)),
            ("pattern", text(policy.pattern())),
            ("apply_to", text(policy.apply_to().as_str())),
            ("priority", Value::Signed(policy.priority())),
            ("definition", table(policy.definition())),
        ],
        // Its value may be anything, also a secret.
        Definition::GlobalParameter(of) => vec![
            ("global_parameter", text(&of.name)),
            ("value_bytes", Value::Number(of.value.len() as u64)),
        ],
        Definition::ClusterName(name) => vec![("cluster_name", text(&name))],
        Definition::Exchange { vhost, spec } => {
            let ExchangeSpec { name, kind, auto_delete, internal, arguments, .. } = spec;
            vec![
                ("exchange", text(&name)),
                ("vhost", text(&vhost)),
                ("type", text(kind.as_str())),
                ("auto_delete", Value::Flag(auto_delete)),
                ("internal", Value::Flag(internal)),
                ("arguments", table(&arguments)),
            ]
        }
        Definition::Queue(DurableQueue { vhost, name, auto_delete, arguments }) => vec![
            ("queue", text(&name)),
            ("vhost", text(&vhost)),
            ("auto_delete", Value::Flag(auto_delete)),
            ("arguments", table(&arguments)),
        ],
        Definition::Binding(binding) => {
            let BindingDefinition { vhost, source, destination: to, key, arguments } = binding;
            let (what, name) = destination(&to);
            vec![
                ("binding_of", text(&source)),
                ("vhost", text(&vhost)),
                (if what == "queue" { "to_queue" } else { "to_exchange" }, text(name)),
                ("binding_key", Value::bytes(&key)),
                ("arguments", table(&arguments)),
            ]
        }
        Definition::Interrupted { before } => vec![("interrupted_before", Value::Number(before.0))],
    }
}

fn limit(value: Option<i64>) -> Value {
    value.map_or(Value::Nothing, Value::Signed)
}

/// What a queue notes of a message.
pub(super) fn note(bytes: &[u8]) -> Fields {
    let text = |text: &str| Value::Text(text.to_owned());
    match Note::read(bytes) {
        Ok(Note::Redelivered) => vec![("note", text("redelivered"))],
        Ok(Note::Returned { acquired, failed, order, after }) => vec![
            ("note", text("returned")),
            ("acquired", Value::Number(acquired.into())),
            ("failed", Value::Number(failed.into())),
            ("order", Value::Number(order)),
            ("after", Value::Number(after.0)),
        ],
        Ok(Note::Held { reason, died_at, order }) => vec![
            ("note", text("held")),
            ("reason", text(reason.as_str())),
            ("died_at_ms", Value::Number(died_at.0)),
            ("order", Value::Number(order)),
        ],
        Err(error) => vec![("malformed", Value::Text(error.to_string()))],
    }
}

fn table(fields: &FieldTable) -> Value {
    let field = |(name, value): &(amqp::ShortString, FieldValue)| {
        (String::from_utf8_lossy(name.as_ref()).into_owned(), field_value(value))
    };
    Value::Table(fields.iter().map(field).collect())
}

/// Tables nest no deeper than they may on the wire.
fn field_value(value: &FieldValue) -> Value {
    match value {
        FieldValue::Bool(flag) => Value::Flag(*flag),
        FieldValue::F32(number) => Value::Real(f64::from(*number)),
        FieldValue::F64(number) => Value::Real(*number),
        FieldValue::Decimal { scale, value } => Value::Text(format!("{value}e-{scale}")),
        FieldValue::LongString(bytes) | FieldValue::ByteArray(bytes) => Value::bytes(bytes),
        FieldValue::Array(values) => Value::List(values.iter().map(field_value).collect()),
        FieldValue::Table(fields) => table(fields),
        FieldValue::Timestamp(seconds) => Value::Number(*seconds),
        FieldValue::Void => Value::Nothing,
        FieldValue::I8(_)
        | FieldValue::U8(_)
        | FieldValue::I16(_)
        | FieldValue::U16(_)
        | FieldValue::I32(_)
        | FieldValue::U32(_)
        | FieldValue::I64(_) => value.as_integer().map_or(Value::Nothing, Value::Signed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use broker::{PasswordHash, UserTags};

    #[test]
    fn a_password_never_shows() {
        let tags = UserTags::new(["administrator".to_owned()]);
        let hash = PasswordHash::sha256(b"secret", [1, 2, 3, 4]);
        let password = Some(hash.clone());
        let user = User { name: "alice".into(), tags, loopback_only: true, password };
        let fields = definition(&Definition::User(user).encode());
        let line = super::super::line::Line { file: "1", offset: 0, kind: "definition", fields };
        let expected = "1@0 definition user=\"alice\" tags=[\"administrator\"] loopback_only=true \
                        has_password=true";
        assert_eq!(line.text(), expected);
        let hex: String = hash.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!line.json().unwrap().contains(&hex[..8]));
    }

    #[test]
    fn what_cannot_be_understood_says_why() {
        let names = Names::default();
        let show = Show { names: &names, bodies: false };
        for fields in [show.message(b"\x01"), definition(b"\x09"), note(b"")] {
            assert_eq!(fields[0].0, "malformed");
        }
    }
}
