//! Well-formed requests about messages and consumers that make no sense.

use crate::{
    case::{Case, Expect, Stage, TOKEN, case, channel_closes, connection_closes},
    requests::{
        EXCLUSIVE, EXCLUSIVE_CONSUMER, EXPIRATION, HEADERS, IMMEDIATE, MANDATORY, MULTIPLE, NO_ACK,
        REPLY_TO, USER_ID, ack, cancel, confirm_select, consume, consume_with, get, message,
        message_with, nack, publish_with, qos, queue_declare, recover, recover_async, reject,
        tx_commit, tx_rollback, tx_select,
    },
    wire::{args, content_header},
};

pub(crate) fn cases() -> Vec<Case> {
    [settling(), modes(), refused_features(), consuming(), publishing(), expirations()].concat()
}

/// A request on channel 1 that closes it with 406.
fn fails(name: &'static str, bytes: Vec<u8>, text: &str, class: u16, id: u16) -> Case {
    let text = format!("PRECONDITION_FAILED - {text}");
    case(name, Stage::Channel, bytes, channel_closes(406, &text, class, id))
}

/// A queue of this run's own, with so many messages, of which each is taken by `basic.get`.
fn taken(count: usize, no_ack: u8) -> Vec<u8> {
    [
        queue_declare(TOKEN, EXCLUSIVE),
        message("", TOKEN).repeat(count),
        get(TOKEN, no_ack).repeat(count),
    ]
    .concat()
}

fn settling() -> Vec<Case> {
    let unknown = |name, bytes, tag: u64, id| {
        fails(name, bytes, &format!("unknown delivery tag {tag}"), 60, id)
    };
    vec![
        unknown("ack of nothing", ack(1, 0), 1, 80),
        unknown("ack 0", ack(0, 0), 0, 80),
        unknown("ack of the highest tag", ack(u64::MAX, 0), u64::MAX, 80),
        unknown("ack multiple of a tag never issued", ack(7, MULTIPLE), 7, 80),
        unknown("reject of nothing", reject(1), 1, 90),
        unknown("reject 0", reject(0), 0, 90),
        unknown("nack of nothing", nack(9, 0), 9, 120),
        unknown("nack 0", nack(0, 0), 0, 120),
        unknown("nack multiple of a tag never issued", nack(7, MULTIPLE), 7, 120),
        unknown("ack twice", [ack(1, 0), ack(1, 0)].concat(), 1, 80).after(taken(1, 0)),
        unknown("reject after ack", [ack(1, 0), reject(1)].concat(), 1, 90).after(taken(1, 0)),
        unknown("ack of a message taken without acks", ack(1, 0), 1, 80).after(taken(1, 1)),
        unknown("ack multiple of a settled tag", [ack(1, 0), ack(1, MULTIPLE)].concat(), 1, 80)
            .after(taken(2, 0)),
        unknown("ack beyond what was issued", ack(3, MULTIPLE), 3, 80).after(taken(2, 0)),
        unknown("ack of a nonsense bit", ack(0, 0xFE), 0, 80),
        unknown("ack of nothing in a transaction", [tx_select(), ack(9, 0)].concat(), 9, 80),
        case(
            "ack 0 multiple with nothing out",
            Stage::Channel,
            ack(0, MULTIPLE),
            Expect::StillFine,
        ),
        case(
            "nack 0 multiple with nothing out",
            Stage::Channel,
            nack(0, MULTIPLE),
            Expect::StillFine,
        ),
        case("ack multiple of all", Stage::Channel, ack(2, MULTIPLE), Expect::StillFine)
            .after(taken(2, 0)),
    ]
}

fn modes() -> Vec<Case> {
    let no_tx = "channel is not transactional";
    let to_tx = "cannot switch from confirm to tx mode";
    let to_confirm = "cannot switch from tx to confirm mode";
    vec![
        fails("commit without select", tx_commit(), no_tx, 90, 20),
        fails("rollback without select", tx_rollback(), no_tx, 90, 30),
        fails("tx after confirm", tx_select(), to_tx, 90, 10).after(confirm_select()),
        fails("commit in confirm mode", tx_commit(), no_tx, 90, 20).after(confirm_select()),
        fails("confirm after tx", confirm_select(), to_confirm, 85, 10).after(tx_select()),
        case("confirm twice", Stage::Channel, confirm_select(), Expect::Answered(85, 11))
            .after(confirm_select()),
        case("tx twice", Stage::Channel, tx_select(), Expect::Answered(90, 11)).after(tx_select()),
    ]
}

fn refused_features() -> Vec<Case> {
    let refused = |name, bytes, text: &str, class, id| {
        let text = format!("NOT_IMPLEMENTED - {text}");
        case(name, Stage::Channel, bytes, connection_closes(540, &text, class, id))
    };
    let published = |exchange: &str, bits| {
        [publish_with(exchange.as_bytes(), b"k", bits), content_header(0, 0, args())].concat()
    };
    vec![
        refused("qos with a prefetch size", qos(1, 0), "prefetch_size!=0 (1)", 60, 10),
        refused(
            "qos with the largest prefetch size",
            qos(u32::MAX, 0),
            "prefetch_size!=0 (4294967295)",
            60,
            10,
        ),
        refused("publish immediate", published("amq.topic", IMMEDIATE), "immediate=true", 60, 40),
        refused(
            "publish immediate to a missing exchange",
            published("nope", IMMEDIATE | MANDATORY),
            "immediate=true",
            60,
            40,
        ),
        refused("recover without requeue", recover(0), "requeue=false", 60, 110),
        refused("recover-async without requeue", recover_async(0), "requeue=false", 60, 100),
        case("recover with nothing out", Stage::Channel, recover(1), Expect::Answered(60, 111)),
        case("recover-async with nothing out", Stage::Channel, recover_async(1), Expect::StillFine),
    ]
}

fn consuming() -> Vec<Case> {
    let queue = || queue_declare(TOKEN, EXCLUSIVE);
    let in_use = format!("ACCESS_REFUSED - queue '{TOKEN}' in vhost '/' in exclusive use");
    let refused =
        |name, bytes| case(name, Stage::Channel, bytes, channel_closes(403, &in_use, 60, 20));
    let priority = args().text_entry("x-priority", "high");
    let reply_to = "amq.rabbitmq.reply-to";
    vec![
        case(
            "the same consumer tag twice",
            Stage::Channel,
            consume(TOKEN, "tag", 0),
            connection_closes(530, "NOT_ALLOWED - attempt to reuse consumer tag 'tag'", 60, 20),
        )
        .after([queue(), consume(TOKEN, "tag", 0)].concat()),
        refused("exclusive consumer beside another", consume(TOKEN, "b", EXCLUSIVE_CONSUMER))
            .after([queue(), consume(TOKEN, "a", 0)].concat()),
        refused("consumer beside an exclusive one", consume(TOKEN, "b", 0))
            .after([queue(), consume(TOKEN, "a", EXCLUSIVE_CONSUMER)].concat()),
        fails(
            "consumer priority that is text",
            consume_with(TOKEN, b"tag", 0, priority),
            &format!("invalid arg 'x-priority' for queue '{TOKEN}' in vhost '/': \"expected integer, got longstr\""),
            60,
            20,
        )
        .after(queue()),
        case("cancel of an unknown tag", Stage::Channel, cancel(b"nobody"), Expect::Answered(60, 31)),
        fails(
            "replies with acks",
            consume(reply_to, "", 0),
            "reply consumer cannot acknowledge",
            60,
            20,
        ),
        fails(
            "two consumers of replies",
            consume(reply_to, "b", NO_ACK),
            "reply consumer already set",
            60,
            20,
        )
        .after(consume(reply_to, "a", NO_ACK)),
        fails(
            "request without a consumer of replies",
            message_with(REPLY_TO, args().short(reply_to)),
            "fast reply consumer does not exist",
            60,
            40,
        ),
    ]
}

fn publishing() -> Vec<Case> {
    let refused =
        |name, flags, list, text: &str| fails(name, message_with(flags, list), text, 60, 40);
    let carbon_copy = |name, header: &str, tag: u8, value, kind: &str| {
        let text = format!("invalid message: {{unacceptable_type_in_header,\"{header}\",{kind}}}");
        refused(name, HEADERS, args().table(args().entry(header, tag, value)), &text)
    };
    let missing = "NOT_FOUND - no exchange 'nope' in vhost '/'";
    let user =
        |name: &str| format!("user_id property set to '{name}' but authenticated user was 'guest'");
    let fine = |name, flags, list| {
        case(name, Stage::Channel, message_with(flags, list), Expect::StillFine)
    };
    let integers = args().entry("CC", b'A', args().long(b"I\0\0\0\x01V"));
    vec![
        case(
            "publish to a missing exchange",
            Stage::Channel,
            message("nope", "k"),
            channel_closes(404, missing, 60, 40),
        ),
        case(
            "publish to a missing exchange in confirm mode",
            Stage::Channel,
            message("nope", "k"),
            channel_closes(404, missing, 60, 40),
        )
        .after(confirm_select()),
        case(
            "publish to a missing exchange in a transaction",
            Stage::Channel,
            message("nope", "k"),
            channel_closes(404, missing, 60, 40),
        )
        .after(tx_select()),
        refused("user-id of another", USER_ID, args().short("bob"), &user("bob")),
        refused("empty user-id", USER_ID, args().short(""), &user("")),
        fine("own user-id", USER_ID, args().short("guest")),
        carbon_copy("CC that is text", "CC", b'S', args().long(b"q"), "longstr"),
        carbon_copy("CC that is a table", "CC", b'F', args().table(args()), "table"),
        carbon_copy("CC that is void", "CC", b'V', args(), "void"),
        carbon_copy("BCC that is an integer", "BCC", b'I', args().u32(1), "signedint"),
        carbon_copy("BCC that is a boolean", "BCC", b't', args().u8(1), "bool"),
        fine("CC of no strings", HEADERS, args().table(integers)),
    ]
}

fn expirations() -> Vec<Case> {
    let refused = |name, text: &str, why: &str| {
        let list = args().short(text);
        let reply = format!("invalid expiration '{text}': {why}");
        fails(name, message_with(EXPIRATION, list), &reply, 60, 40)
    };
    let fine = |name, text: &str| {
        case(name, Stage::Channel, message_with(EXPIRATION, args().short(text)), Expect::StillFine)
    };
    vec![
        refused("expiration 'abc'", "abc", "no_integer"),
        refused("expiration ''", "", "no_integer"),
        refused("expiration ' 5'", " 5", "no_integer"),
        refused("expiration '-'", "-", "no_integer"),
        refused("expiration '--1'", "--1", "no_integer"),
        refused("expiration '5 '", "5 ", "{leftover_string,\" \"}"),
        refused("expiration '5abc'", "5abc", "{leftover_string,\"abc\"}"),
        refused("expiration '1.5'", "1.5", "{leftover_string,\".5\"}"),
        refused("expiration '-1'", "-1", "{value_negative,-1}"),
        refused("expiration beyond ten years", "315360000001", "{value_too_large,315360000001}"),
        refused(
            "expiration beyond 64 bits",
            "18446744073709551616",
            "{value_too_large,18446744073709551616}",
        )
        .differs("RabbitMQ breaks the text into two lines"),
        fine("expiration '+5'", "+5"),
        fine("expiration '007'", "007"),
        fine("expiration of ten years", "315360000000"),
        fine("expiration '-0'", "-0"),
    ]
}
