//! Well-formed requests about queues, exchanges and bindings that are refused.

use crate::{
    case::{Case, Expect, Stage, TOKEN, case, channel_closes},
    requests::{
        AUTO_DELETE_EXCHANGE, AUTO_DELETE_QUEUE, DURABLE, EXCLUSIVE, IF_EMPTY, IF_UNUSED,
        INTERNAL_EXCHANGE, NOWAIT, PASSIVE, consume, exchange_bind, exchange_declare,
        exchange_declare_with, exchange_delete, exchange_unbind, get, message, queue_bind,
        queue_bind_with, queue_declare, queue_declare_with, queue_delete, queue_purge,
        queue_unbind,
    },
    wire::{Args, args},
};

pub(crate) fn cases() -> Vec<Case> {
    [missing(), reserved(), exchanges(), redeclared(), arguments(), deleting(), lenient()].concat()
}

fn refused(name: &'static str, bytes: Vec<u8>, code: u16, text: &str, ids: (u16, u16)) -> Case {
    case(name, Stage::Channel, bytes, channel_closes(code, text, ids.0, ids.1))
}

fn missing() -> Vec<Case> {
    let no_queue = |name, bytes, class, id| {
        refused(name, bytes, 404, "NOT_FOUND - no queue 'nope' in vhost '/'", (class, id))
    };
    let no_exchange = |name, bytes, class, id| {
        refused(name, bytes, 404, "NOT_FOUND - no exchange 'nope' in vhost '/'", (class, id))
    };
    let none_declared = |name, bytes, class, id| {
        refused(name, bytes, 404, "NOT_FOUND - no previously declared queue", (class, id))
    };
    let longest = "q".repeat(255);
    let mut longest_text = format!("NOT_FOUND - no queue '{longest}");
    longest_text.truncate(252);
    longest_text.push_str("...");
    vec![
        no_queue("passive declare of a missing queue", queue_declare("nope", PASSIVE), 50, 10),
        no_queue("get from a missing queue", get("nope", 0), 60, 70),
        no_queue("consume from a missing queue", consume("nope", "", 0), 60, 20),
        no_queue("purge a missing queue", queue_purge("nope"), 50, 30),
        no_queue("bind a missing queue", queue_bind("nope", "amq.topic"), 50, 20),
        no_exchange(
            "passive declare of a missing exchange",
            exchange_declare("nope", "direct", PASSIVE),
            40,
            10,
        ),
        no_exchange("bind to a missing exchange", queue_bind("nope", "nope"), 50, 20),
        no_exchange("bind a missing exchange", exchange_bind("nope", "amq.topic"), 40, 30),
        no_exchange(
            "bind to a missing exchange from another",
            exchange_bind("gone", "nope"),
            40,
            30,
        ),
        none_declared("get without a queue", get("", 0), 60, 70),
        none_declared("consume without a queue", consume("", "", 0), 60, 20),
        none_declared("purge without a queue", queue_purge(""), 50, 30),
        none_declared("delete without a queue", queue_delete("", 0), 50, 40),
        none_declared("bind without a queue", queue_bind("", "amq.topic"), 50, 20),
        none_declared("unbind without a queue", queue_unbind("", "amq.topic"), 50, 50),
        refused(
            "passive declare of a queue without a name",
            queue_declare("", PASSIVE),
            404,
            "NOT_FOUND - no queue '' in vhost '/'",
            (50, 10),
        ),
        refused("text longer than a reply can be", get(&longest, 0), 404, &longest_text, (60, 70)),
        refused(
            "declare of a reply queue that is gone",
            queue_declare("amq.rabbitmq.reply-to.gone", 0),
            404,
            "NOT_FOUND - no queue 'amq.rabbitmq.reply-to.gone' in vhost '/'",
            (50, 10),
        ),
        refused(
            "passive declare of a missing amq. queue",
            queue_declare("amq.nope", PASSIVE),
            404,
            "NOT_FOUND - no queue 'amq.nope' in vhost '/'",
            (50, 10),
        ),
    ]
}

fn reserved() -> Vec<Case> {
    let access = |name, bytes, text: &str, class, id| {
        refused(name, bytes, 403, &format!("ACCESS_REFUSED - {text}"), (class, id))
    };
    let default = |name, bytes, class, id| {
        access(name, bytes, "operation not permitted on the default exchange", class, id)
    };
    let queue = "queue name 'amq.foo' contains reserved prefix 'amq.*'";
    vec![
        access("declare a queue amq.foo", queue_declare("amq.foo", 0), queue, 50, 10),
        access("declare a queue amq.foo, nowait", queue_declare("amq.foo", NOWAIT), queue, 50, 10),
        access(
            "declare an exchange amq.foo",
            exchange_declare("amq.foo", "direct", 0),
            "exchange name 'amq.foo' contains reserved prefix 'amq.*'",
            40,
            10,
        ),
        access(
            "delete amq.direct",
            exchange_delete("amq.direct", 0),
            "deletion of system exchange 'amq.direct' in vhost '/' not allowed",
            40,
            20,
        ),
        default("declare the default exchange", exchange_declare("", "direct", 0), 40, 10),
        default(
            "declare the default exchange, passive",
            exchange_declare("", "direct", PASSIVE),
            40,
            10,
        ),
        default("delete the default exchange", exchange_delete("", 0), 40, 20),
        default("bind the default exchange", exchange_bind("", "amq.topic"), 40, 30),
        default("bind to the default exchange", exchange_bind("amq.topic", ""), 40, 30),
        default("unbind the default exchange", exchange_unbind("", "amq.topic"), 40, 40),
        default("bind a queue to the default exchange", queue_bind("", ""), 50, 20)
            .after(queue_declare("", EXCLUSIVE)),
        default("unbind a queue from the default exchange", queue_unbind("", ""), 50, 50)
            .after(queue_declare("", EXCLUSIVE)),
        access(
            "publish to an internal exchange",
            message(TOKEN, "k"),
            &format!("cannot publish to internal exchange '{TOKEN}' in vhost '/'"),
            60,
            40,
        )
        .after(exchange_declare(TOKEN, "direct", AUTO_DELETE_EXCHANGE | INTERNAL_EXCHANGE))
        .few_splits(),
    ]
}

fn exchanges() -> Vec<Case> {
    let fails = |name, bytes, text: &str, class, id| {
        refused(name, bytes, 406, &format!("PRECONDITION_FAILED - {text}"), (class, id))
    };
    const HARD: &str = "RabbitMQ 3.10 closes the connection with 503";
    let alternate = args().int_entry("alternate-exchange", 1);
    let bad_match = args().text_entry("x-match", "foo");
    vec![
        fails(
            "unknown exchange type",
            exchange_declare(TOKEN, "nope", 0),
            "unknown exchange type 'nope'",
            40,
            10,
        )
        .differs(HARD),
        fails(
            "empty exchange type",
            exchange_declare(TOKEN, "", 0),
            "invalid exchange type ''",
            40,
            10,
        )
        .differs(HARD),
        fails(
            "redeclare amq.direct as fanout",
            exchange_declare("amq.direct", "fanout", DURABLE),
            "inequivalent arg 'type' for exchange 'amq.direct' in vhost '/': \
             received 'fanout' but current is 'direct'",
            40,
            10,
        ),
        fails(
            "redeclare amq.direct as transient",
            exchange_declare("amq.direct", "direct", 0),
            "inequivalent arg 'durable' for exchange 'amq.direct' in vhost '/': \
             received 'false' but current is 'true'",
            40,
            10,
        ),
        fails(
            "redeclare amq.direct as auto-delete",
            exchange_declare("amq.direct", "direct", DURABLE | AUTO_DELETE_EXCHANGE),
            "inequivalent arg 'auto_delete' for exchange 'amq.direct' in vhost '/': \
             received 'true' but current is 'false'",
            40,
            10,
        ),
        fails(
            "redeclare amq.direct as internal",
            exchange_declare("amq.direct", "direct", DURABLE | INTERNAL_EXCHANGE),
            "inequivalent arg 'internal' for exchange 'amq.direct' in vhost '/': \
             received 'true' but current is 'false'",
            40,
            10,
        ),
        fails(
            "alternate exchange that is an integer",
            exchange_declare_with(TOKEN, "direct", AUTO_DELETE_EXCHANGE, alternate),
            &format!(
                "invalid type 'signedint' for arg 'alternate-exchange' in exchange '{TOKEN}' in vhost '/'"
            ),
            40,
            10,
        ),
        fails(
            "bad x-match",
            queue_bind_with("", "amq.headers", b"", bad_match),
            "Invalid x-match field value <<\"foo\">>; expected all, any, all-with-x, or any-with-x",
            50,
            20,
        )
        .after(queue_declare("", EXCLUSIVE)),
    ]
}

fn redeclared() -> Vec<Case> {
    let inequivalent = |name, bits, table: Args, argument: &str, values: &str| {
        let text = format!(
            "PRECONDITION_FAILED - inequivalent arg '{argument}' for queue '{TOKEN}' in vhost '/': {values}"
        );
        let bytes = queue_declare_with(TOKEN, bits, table);
        refused(name, bytes, 406, &text, (50, 10))
    };
    let ttl = |ms| args().int_entry("x-message-ttl", ms);
    vec![
        refused(
            "redeclare an exclusive queue as shared",
            queue_declare(TOKEN, 0),
            405,
            &format!(
                "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{TOKEN}' in vhost '/'. \
                 It could be originally declared on another connection or the exclusive property value \
                 does not match that of the original declaration."
            ),
            (50, 10),
        )
        .after(queue_declare(TOKEN, EXCLUSIVE)),
        inequivalent(
            "redeclare a queue as auto-delete",
            EXCLUSIVE | AUTO_DELETE_QUEUE,
            args(),
            "auto_delete",
            "received 'true' but current is 'false'",
        )
        .after(queue_declare(TOKEN, EXCLUSIVE)),
        inequivalent(
            "redeclare a queue with a TTL",
            EXCLUSIVE,
            ttl(1000),
            "x-message-ttl",
            "received the value '1000' of type 'signedint' but current is none",
        )
        .after(queue_declare(TOKEN, EXCLUSIVE)),
        inequivalent(
            "redeclare a queue with another TTL",
            EXCLUSIVE,
            ttl(1000),
            "x-message-ttl",
            "received '1000' but current is '2000'",
        )
        .after(queue_declare_with(TOKEN, EXCLUSIVE, ttl(2000))),
    ]
}

fn arguments() -> Vec<Case> {
    let invalid = |name, table: Args, key: &str, why: &str| {
        let text = format!(
            "PRECONDITION_FAILED - invalid arg '{key}' for queue '{TOKEN}' in vhost '/'{why}"
        );
        refused(name, queue_declare_with(TOKEN, EXCLUSIVE, table), 406, &text, (50, 10))
    };
    let integer = |name, key, value, why: &str| {
        invalid(name, args().int_entry(key, value), key, &format!(": {why}"))
    };
    let text = |name, key, value, why: &str| {
        invalid(name, args().text_entry(key, value), key, &format!(": {why}"))
    };
    let quorum = |name, queue: &str, bits, more: Args, text: &str| {
        let table = args().text_entry("x-queue-type", "quorum").raw(&more.0);
        let text = format!("PRECONDITION_FAILED - {text}");
        refused(name, queue_declare_with(queue, bits, table), 406, &text, (50, 10))
    };
    let property =
        |name: &str| format!("invalid property '{name}' for queue '{TOKEN}' in vhost '/'");
    vec![
        integer("x-message-ttl -1", "x-message-ttl", u32::MAX, "{value_negative,-1}"),
        text("x-message-ttl text", "x-message-ttl", "5", "\"expected integer, got longstr\""),
        integer("x-expires 0", "x-expires", 0, "{value_zero,0}"),
        integer("x-max-priority 256", "x-max-priority", 256, "{max_value_exceeded,256}"),
        integer("x-max-length -1", "x-max-length", u32::MAX, "{value_negative,-1}"),
        text("x-overflow nonsense", "x-overflow", "nonsense", "invalid_overflow"),
        text(
            "dead-letter key without an exchange",
            "x-dead-letter-routing-key",
            "k",
            "routing_key_but_no_dlx_defined",
        ),
        text("unknown queue type", "x-queue-type", "nope", "\"unsupported queue type 'nope'\""),
        integer(
            "queue type that is an integer",
            "x-queue-type",
            1,
            "{unacceptable_type,signedint}",
        ),
        text(
            "single active consumer that is text",
            "x-single-active-consumer",
            "yes",
            "{unacceptable_type,longstr}",
        ),
        refused(
            "dead-letter exchange that is an integer",
            queue_declare_with(TOKEN, EXCLUSIVE, args().int_entry("x-dead-letter-exchange", 1)),
            406,
            &format!(
                "PRECONDITION_FAILED - invalid type 'signedint' for arg 'x-dead-letter-exchange' \
                 in queue '{TOKEN}' in vhost '/'"
            ),
            (50, 10),
        ),
        quorum("transient quorum queue", TOKEN, 0, args(), &property("non-durable")),
        quorum(
            "exclusive quorum queue",
            TOKEN,
            DURABLE | EXCLUSIVE,
            args(),
            &property("exclusive-owner"),
        ),
        quorum(
            "auto-delete quorum queue",
            TOKEN,
            DURABLE | AUTO_DELETE_QUEUE,
            args(),
            &property("auto-delete"),
        ),
        quorum(
            "quorum queue without a name",
            "",
            DURABLE,
            args(),
            "Cannot declare a server-named queue for type rabbit_quorum_queue",
        ),
        quorum(
            "quorum queue with priorities",
            TOKEN,
            DURABLE,
            args().int_entry("x-max-priority", 5),
            &format!(
                "invalid arg 'x-max-priority' for queue '{TOKEN}' in vhost '/' of queue type \
                 rabbit_quorum_queue"
            ),
        ),
    ]
}

fn deleting() -> Vec<Case> {
    let fails = |name, bytes, text: String, id: (u16, u16)| {
        refused(name, bytes, 406, &format!("PRECONDITION_FAILED - {text}"), id)
    };
    let queue = || queue_declare(TOKEN, EXCLUSIVE);
    vec![
        fails(
            "delete a queue with a consumer, if unused",
            queue_delete(TOKEN, IF_UNUSED),
            format!("queue '{TOKEN}' in vhost '/' in use"),
            (50, 40),
        )
        .after([queue(), consume(TOKEN, "c", 0)].concat()),
        fails(
            "delete a queue with a message, if empty",
            queue_delete(TOKEN, IF_EMPTY),
            format!("queue '{TOKEN}' in vhost '/' not empty"),
            (50, 40),
        )
        .after([queue(), message("", TOKEN)].concat()),
        fails(
            "delete an exchange with a binding, if unused",
            exchange_delete(TOKEN, IF_UNUSED),
            format!("exchange '{TOKEN}' in vhost '/' in use"),
            (40, 20),
        )
        .after(
            [
                exchange_declare(TOKEN, "direct", AUTO_DELETE_EXCHANGE),
                queue(),
                queue_bind(TOKEN, TOKEN),
            ]
            .concat(),
        ),
    ]
}

/// What looks wrong and is not.
fn lenient() -> Vec<Case> {
    let answered =
        |name, bytes, class, id| case(name, Stage::Channel, bytes, Expect::Answered(class, id));
    vec![
        answered("delete a missing queue", queue_delete("nope", 0), 50, 41),
        answered("delete a missing exchange", exchange_delete("nope", 0), 40, 21),
        answered("unbind a missing queue", queue_unbind("nope", "amq.topic"), 50, 51),
        answered("redeclare amq.direct", exchange_declare("amq.direct", "direct", DURABLE), 40, 11),
        answered(
            "passive declare of amq.direct with a wrong type",
            exchange_declare("amq.direct", "nope", PASSIVE),
            40,
            11,
        ),
        answered(
            "exclusive queue redeclared as durable",
            queue_declare(TOKEN, EXCLUSIVE | DURABLE),
            50,
            11,
        )
        .after(queue_declare(TOKEN, EXCLUSIVE)),
        answered("declare the reply queue", queue_declare("amq.rabbitmq.reply-to", 0), 50, 11),
        answered(
            "queue name of 255 octets",
            queue_declare(&format!("{TOKEN}{}", "q".repeat(249)), EXCLUSIVE),
            50,
            11,
        ),
    ]
}
