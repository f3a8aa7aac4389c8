//! `…/unroutable`: the last messages that no queue was found for, where somebody has an exchange keep them.

use serde_json::{Value, json};
use server::admin::KeptMessage;

use crate::answer::Answer;
use crate::api::exchanges;
use crate::api::messages::cut_payload;
use crate::failure::Failure;
use crate::properties::properties_to_json;
use crate::request::Request;
use crate::stats::iso_8601;

/// Begins to keep them, or keeps more or fewer.
pub(crate) fn put(request: &Request) -> Result<Answer, Failure> {
    let document = request.document()?;
    document.need(&["keep"])?;
    let keep = document.integer("keep")?.and_then(|keep| usize::try_from(keep).ok()).unwrap_or(0);
    let exchange = exchanges::name(request);
    Answer::put(request.admin.keep_unroutable(&request.authority()?, exchange, keep)?)
}

/// Shows them, the newest first.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    let kept = request.admin.unroutable(&request.authority()?, exchanges::name(request))?;
    let keep = kept.as_ref().map_or(0, |kept| kept.keep);
    let messages = kept.map(|kept| kept.messages).unwrap_or_default();
    let messages: Vec<Value> = messages.iter().map(show_message).collect();
    Answer::json(&json!({ "keep": keep, "messages": messages }))
}

/// Forgets them, and keeps no more.
pub(crate) fn delete(request: &Request) -> Result<Answer, Failure> {
    request.admin.forget_unroutable(&request.authority()?, exchanges::name(request))?;
    Answer::done()
}

fn show_message(message: &KeptMessage) -> Value {
    let (payload, encoding) = cut_payload(&message.body, message.body_bytes, true);
    json!({
        "at": iso_8601(message.at),
        "user": message.user,
        "connection": message.channel.as_ref().map(|(connection, _)| connection),
        "channel": message.channel.as_ref().map(|(_, number)| number.0),
        "routing_key": String::from_utf8_lossy(&message.routing_key),
        "properties": properties_to_json(&message.properties),
        "payload": payload,
        "payload_encoding": encoding,
        "payload_bytes": message.body_bytes,
    })
}
