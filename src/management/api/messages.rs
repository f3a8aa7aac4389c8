//! Publishing one message, and looking at those that wait: for trying things out, not for applications.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use broker::Refusal;
use serde_json::{Value, json};
use server::admin::{AckMode, AdminError, FetchedMessage};

use crate::answer::Answer;
use crate::api::exchanges;
use crate::document::Document;
use crate::failure::Failure;
use crate::properties::{json_to_properties, properties_to_json};
use crate::request::Request;

/// Publishes a message, and tells whether a queue was found for it.
pub(crate) async fn publish(request: &Request) -> Result<Answer, Failure> {
    let (authority, document) = (request.authority()?, request.document()?);
    document.need(&["routing_key", "properties", "payload", "payload_encoding"])?;
    let properties = match document.find("properties") {
        Some(Value::Array(list)) if list.is_empty() => Document::default(),
        Some(properties) => Document::part(properties)?,
        None => Document::default(),
    };
    let properties = json_to_properties(&properties)?;
    let payload = document.text("payload")?;
    let body = match document.text("payload_encoding")? {
        "string" => payload.as_bytes().to_vec(),
        "base64" => STANDARD
            .decode(payload)
            .map_err(|_| Failure::bad_request("the payload is no base64"))?,
        other => return Err(Failure::bad_request(format!("unsupported encoding: {other}"))),
    };
    let to = (exchanges::name(request), document.text("routing_key")?);
    let published = request.admin.publish(&authority, to, &properties, body.into()).await;
    let is_routed = published.map_err(|error| {
        if let AdminError::Refused(refusal) = &error {
            not_published(refusal)
        } else {
            error.into()
        }
    })?;
    Answer::json(&json!({ "routed": is_routed }))
}

/// RabbitMQ publishes over a channel of its own, and tells what closed it.
fn not_published(refusal: &Refusal) -> Failure {
    if Failure::is_about_rights(refusal) {
        return Failure::not_authorised(refusal.to_string());
    }
    Failure::bad_request(format!("{} {refusal}", refusal.code().code()))
}

/// Takes messages out of a queue, and settles them as asked for.
pub(crate) async fn get(request: &Request) -> Result<Answer, Failure> {
    let (authority, document) = (request.authority()?, request.document()?);
    document.need(&["ackmode", "count", "encoding"])?;
    let mode = match document.text("ackmode")? {
        "ack_requeue_true" => AckMode::Requeue,
        "ack_requeue_false" => AckMode::Ack,
        "reject_requeue_true" => AckMode::RejectRequeue,
        "reject_requeue_false" => AckMode::Reject,
        other => return Err(Failure::bad_request(format!("unknown ackmode: {other}"))),
    };
    let count = document.integer("count")?.and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or_else(|| Failure::bad_request("count should be 0 or more"))?;
    let is_auto = match document.text("encoding")? {
        "auto" => true,
        "base64" => false,
        other => return Err(Failure::bad_request(format!("unsupported encoding: {other}"))),
    };
    let truncate = document.integer("truncate")?.map(usize::try_from).transpose();
    let truncate = truncate.map_err(|_| Failure::bad_request("truncate is below 0"))?;
    let queue = request.part("queue");
    if !request.shown.budget.has_room() {
        return Err(Failure::too_much_is_sent());
    }
    let messages = request.admin.get_messages(&authority, queue, count, mode).await?;
    let shown = messages.iter().map(|message| {
        serde_json::to_vec(&show(message, is_auto, truncate)).expect("its keys are texts")
    });
    let shown: Vec<Vec<u8>> = shown.collect();
    let held_bytes = shown.iter().map(Vec::len).sum();
    // They may be in the queue no more: there is no second try.
    Ok(Answer { is_owed: true, ..Answer::array(shown.into_iter(), held_bytes) })
}

fn show(message: &FetchedMessage, is_auto: bool, truncate: Option<usize>) -> Value {
    let body = &message.body;
    let shown =
        body.split_at_checked(truncate.unwrap_or(body.len())).map_or(&**body, |(shown, _)| shown);
    let (payload, encoding) = payload(shown, is_auto);
    json!({
        "payload_bytes": body.len(),
        "redelivered": message.redelivered,
        "exchange": message.exchange,
        "routing_key": String::from_utf8_lossy(&message.routing_key),
        "message_count": message.remaining,
        "properties": properties_to_json(&message.properties),
        "payload": payload,
        "payload_encoding": encoding,
    })
}

/// A body as a text if it is one and may be, and how it is written.
fn payload(body: &[u8], is_auto: bool) -> (String, &'static str) {
    match std::str::from_utf8(body) {
        Ok(text) if is_auto => (text.to_owned(), "string"),
        Ok(_) | Err(_) => (STANDARD.encode(body), "base64"),
    }
}

/// What is shown of a body that was cut: a text is not cut within a letter, or it would be none.
pub(crate) fn cut_payload(shown: &[u8], bytes: u64, is_auto: bool) -> (String, &'static str) {
    let is_cut = (shown.len() as u64) < bytes;
    match std::str::from_utf8(shown) {
        Err(error) if is_cut && error.error_len().is_none() => {
            payload(&shown[..error.valid_up_to()], is_auto)
        }
        Ok(_) | Err(_) => payload(shown, is_auto),
    }
}
