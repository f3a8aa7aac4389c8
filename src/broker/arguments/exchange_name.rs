//! Arguments that name an exchange, and what a user must be allowed in order to give them.

use amqp::FieldTable;

use crate::{Action, ExchangeName, QueueName, Refusal, Resource, VhostName};

/// What a declaration needs besides `configure` because of an exchange that its arguments name: everything that is
/// routed there could be read from what is declared and is written to that exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraPermissions {
    /// In the order in which RabbitMQ checks them.
    pub needed: [(Action, Resource); 2],
}

/// The exchange that `x-dead-letter-exchange` names.
///
/// # Errors
/// [`Refusal::ArgumentType`] if the argument is no string.
pub fn dead_letter_exchange(
    arguments: &FieldTable,
    vhost: &VhostName,
    queue: &QueueName,
) -> Result<Option<(ExchangeName, ExtraPermissions)>, Refusal> {
    named(arguments, "x-dead-letter-exchange", || Resource::queue(vhost, queue))
}

/// The exchange that `alternate-exchange` names.
///
/// # Errors
/// [`Refusal::ArgumentType`] if the argument is no string.
pub fn alternate_exchange(
    arguments: &FieldTable,
    vhost: &VhostName,
    exchange: &ExchangeName,
) -> Result<Option<(ExchangeName, ExtraPermissions)>, Refusal> {
    named(arguments, "alternate-exchange", || Resource::exchange(vhost, exchange))
}

fn named(
    arguments: &FieldTable,
    argument: &str,
    declared: impl FnOnce() -> Resource,
) -> Result<Option<(ExchangeName, ExtraPermissions)>, Refusal> {
    let Some(value) = arguments.get(argument) else { return Ok(None) };
    let declared = declared();
    let Some(name) = value.as_long_string() else {
        return Err(Refusal::ArgumentType {
            type_name: value.erlang_type_name(),
            argument: argument.to_owned(),
            resource: declared,
        });
    };
    let exchange = ExchangeName::from(&*String::from_utf8_lossy(name));
    let target = Resource::exchange(&declared.vhost, &exchange);
    let needed = [(Action::Read, declared), (Action::Write, target)];
    Ok(Some((exchange, ExtraPermissions { needed })))
}

#[cfg(test)]
mod tests {
    use amqp::{FieldValue, ShortString};

    use super::*;

    #[test]
    fn a_dead_letter_exchange_is_read_from_the_queue_and_written_to() {
        let arguments: FieldTable =
            [(ShortString::from_static("x-dead-letter-exchange"), FieldValue::from("dlx"))]
                .into_iter()
                .collect();
        let (exchange, extra) =
            dead_letter_exchange(&arguments, &"/".into(), &"q".into()).unwrap().unwrap();
        assert_eq!(exchange, "dlx");
        let needed = extra.needed.map(|(action, resource)| format!("{action} {resource}"));
        assert_eq!(needed, ["read queue 'q' in vhost '/'", "write exchange 'dlx' in vhost '/'"]);
    }

    #[test]
    fn it_must_be_a_string() {
        let arguments: FieldTable =
            [(ShortString::from_static("alternate-exchange"), FieldValue::from(5))]
                .into_iter()
                .collect();
        let refusal = alternate_exchange(&arguments, &"/".into(), &"x".into()).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "PRECONDITION_FAILED - invalid type 'signedint' for arg 'alternate-exchange' in exchange 'x' in vhost '/'"
        );
    }
}
