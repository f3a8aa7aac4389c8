//! What a session does, in the words of the scripts.

use std::fmt::Write;

use ::broker::message::short_strings;
use amqp::{Method, RawProperties};

use crate::{PublishRun, RunMessage, Unacked};

pub(super) fn describe_tags(unacked: &[Unacked<u32>]) -> String {
    let tags: Vec<_> = unacked.iter().map(|unacked| unacked.delivery_tag.to_string()).collect();
    tags.join(",")
}

pub(super) fn describe_published(
    run: &PublishRun<'_>,
    key: &str,
    message: &RunMessage<'_>,
) -> String {
    let mut text = format!(
        "⇒ publish {}/{key} {}",
        run.exchange,
        describe_content(message.properties, message.body.as_bytes())
    );
    for (name, keys) in [("cc", run.carbon_keys), ("bcc", run.blind_keys)] {
        for key in short_strings(keys) {
            write!(text, " {name}={}", key.escape_ascii()).unwrap();
        }
    }
    if let Some(ms) = message.expiration_ms {
        write!(text, " expires-in={ms}").unwrap();
    }
    text + &flag(message.persistent, "persistent")
}

/// The body, or how long it is, and those properties that the session looks at.
pub(super) fn describe_content(properties: &[u8], body: &[u8]) -> String {
    let mut text = match body {
        [_, .., _] if body.len() > 40 => format!("({} octets)", body.len()),
        body => format!("\"{}\"", body.escape_ascii()),
    };
    let raw = RawProperties::from_bytes(properties);
    if let Some(reply_to) = raw.reply_to().expect("they are well-formed") {
        write!(text, " reply-to={}", reply_to.escape_ascii()).unwrap();
    }
    for (key, _) in raw.headers().expect("they are well-formed").iter().flat_map(|t| t.iter()) {
        write!(text, " {}", key.escape_ascii()).unwrap();
    }
    text
}

/// The method in the words of the scripts.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others have nothing to tell but their name"
)]
pub(super) fn describe(method: &Method<'_>) -> String {
    let name = method.name();
    let close = |code: u16, text: &str, ids: (u16, u16)| {
        format!("{name} {code} {}/{} {text}", ids.0, ids.1)
    };
    let bytes = |bytes: &[u8]| bytes.escape_ascii().to_string();
    match method {
        Method::ConnectionClose(m) => close(m.reply_code, m.reply_text, (m.class_id, m.method_id)),
        Method::ChannelClose(m) => close(m.reply_code, m.reply_text, (m.class_id, m.method_id)),
        Method::ConnectionStart(m) => format!("{name} {}", bytes(m.mechanisms)),
        Method::ConnectionTune(m) => {
            format!("{name} {} {} {}", m.channel_max, m.frame_max, m.heartbeat)
        }
        Method::ConnectionBlocked(m) => format!("{name} {}", m.reason),
        Method::QueueDeclareOk(m) => {
            format!(
                "{name} {} messages={} consumers={}",
                m.queue, m.message_count, m.consumer_count
            )
        }
        Method::QueuePurgeOk(m) => format!("{name} {}", m.message_count),
        Method::QueueDeleteOk(m) => format!("{name} {}", m.message_count),
        Method::BasicConsumeOk(m) => format!("{name} {}", m.consumer_tag),
        Method::BasicCancelOk(m) => format!("{name} {}", m.consumer_tag),
        Method::BasicCancel(m) => format!("{name} {}{}", m.consumer_tag, flag(m.nowait, "nowait")),
        Method::BasicAck(m) => format!("{name} {}{}", m.delivery_tag, flag(m.multiple, "multiple")),
        Method::BasicNack(m) => {
            format!("{name} {}{}", m.delivery_tag, flag(m.multiple, "multiple"))
        }
        Method::BasicReturn(m) => {
            let (text, exchange) = (bytes(m.reply_text), bytes(m.exchange));
            format!("{name} {} {text} {exchange}/{}", m.reply_code, bytes(m.routing_key))
        }
        Method::BasicDeliver(m) => {
            let redelivered = flag(m.redelivered, "redelivered");
            format!("{name} {} {}{redelivered}", bytes(m.consumer_tag), m.delivery_tag)
        }
        Method::BasicGetOk(m) => {
            let redelivered = flag(m.redelivered, "redelivered");
            format!("{name} {} left={}{redelivered}", m.delivery_tag, m.message_count)
        }
        _ => name.to_owned(),
    }
}

pub(super) fn flag(is_set: bool, name: &str) -> String {
    if is_set { format!(" {name}") } else { String::new() }
}
