//! `/api/queues/{vhost}/{queue}/messages`: looking into a queue without touching it, and what can be done with single
//! messages.

use std::collections::BTreeSet;
use std::str::FromStr;

use broker::Timestamp;
use serde_json::{Value, json};
use server::admin::{
    Chosen, Contents, ContentsQuery, MessageState, MoveTo, Moved, StoredContent, StoredMessage,
};

use crate::answer::Answer;
use crate::api::messages::cut_payload;
use crate::document::Document;
use crate::failure::Failure;
use crate::properties::properties_to_json;
use crate::request::Request;

/// How many messages are shown unless more are asked for.
const COUNT_DEFAULT: usize = 25;
/// The most that can be asked for.
const COUNT_MAX: usize = 100;
/// How much of a body is shown unless more is asked for.
const TRUNCATE_DEFAULT: usize = 4096;
/// How many messages can be named at once.
const IDS_MAX: usize = 10_000;

/// Shows messages.
pub(crate) async fn list(request: &Request) -> Result<Answer, Failure> {
    let query = query(request)?;
    let encoding = request.query.find("encoding").unwrap_or("auto");
    let is_auto = match encoding {
        "auto" => true,
        "base64" => false,
        other => return Err(Failure::bad_request(format!("unsupported encoding: {other}"))),
    };
    let authority = request.authority()?;
    let contents = request.admin.contents(&authority, request.part("queue"), &query).await?;
    Answer::json(&show(&contents, request.admin.time(), is_auto))
}

fn query(request: &Request) -> Result<ContentsQuery, Failure> {
    let find = |name| request.query.find(name);
    let state = match find("state").unwrap_or("ready") {
        "ready" => MessageState::Ready,
        "unacked" => MessageState::Unacked,
        other => {
            return Err(Failure::bad_request(format!("state is ready or unacked, not {other}")));
        }
    };
    let count = number(request, "count")?.unwrap_or(COUNT_DEFAULT);
    if !(1..=COUNT_MAX).contains(&count) {
        return Err(Failure::bad_request(format!("count should be 1 to {COUNT_MAX}")));
    }
    let header = find("header").filter(|header| !header.is_empty());
    let header = header.map(|header| match header.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (header.to_owned(), None),
    });
    Ok(ContentsQuery {
        state,
        offset: number(request, "offset")?.unwrap_or(0),
        count,
        header,
        body: find("body").filter(|text| !text.is_empty()).map(str::to_owned),
        body_bytes_max: number(request, "truncate")?.unwrap_or(TRUNCATE_DEFAULT),
    })
}

fn number<N: FromStr>(request: &Request, name: &str) -> Result<Option<N>, Failure> {
    let text = request.query.find(name).filter(|text| !text.is_empty());
    let number = text.map(str::parse).transpose();
    number.map_err(|_| Failure::bad_request(format!("{name} should be a whole number")))
}

fn show(contents: &Contents, now: Timestamp, is_auto: bool) -> Value {
    let messages = contents.messages.iter().map(|message| show_message(message, now, is_auto));
    json!({
        "messages": messages.collect::<Vec<_>>(),
        "compared": contents.compared,
        "next_offset": contents.next_offset,
    })
}

fn show_message(message: &StoredMessage, now: Timestamp, is_auto: bool) -> Value {
    let mut fields = json!({
        "id": message.id.to_string(),
        "position": message.position,
        "state": match message.state {
            MessageState::Ready => "ready",
            MessageState::Unacked => "unacked",
        },
        "consumer_tag": message.consumer.as_ref().map(|(tag, _)| tag.as_str()),
        "connection": message.consumer.as_ref().map(|(_, connection)| connection),
        "redelivered": message.redelivered,
        "acquired_count": message.returns.map(|(acquired, _)| acquired),
        "delivery_count": message.returns.map(|(_, failed)| failed),
        "priority_level": message.level,
        "age_ms": message.arrived_at.map(|at| now.ms_since(at)),
        "expires_in_ms": message.expires_at.map(|at| at.ms_since(now)),
        "in_log": message.is_logged,
        "readable": message.content.is_some(),
    });
    if let Some(content) = &message.content {
        let StoredContent { exchange, routing_key, properties, body, body_bytes } = content;
        let (payload, encoding) = cut_payload(body, *body_bytes, is_auto);
        fields["exchange"] = exchange.as_str().into();
        fields["routing_key"] = String::from_utf8_lossy(routing_key).into();
        fields["properties"] = properties_to_json(properties);
        fields["payload"] = payload.into();
        fields["payload_encoding"] = encoding.into();
        fields["payload_bytes"] = (*body_bytes).into();
    }
    fields
}

/// Drops messages.
pub(crate) async fn delete(request: &Request) -> Result<Answer, Failure> {
    let (authority, document) = (request.authority()?, request.document()?);
    document.need(&["ids"])?;
    let ids = ids(&document)?;
    let deleted = request.admin.delete_messages(&authority, request.part("queue"), &ids).await?;
    Answer::json(&show_moved("deleted", &deleted))
}

/// Moves messages to an exchange or a queue.
pub(crate) async fn relocate(request: &Request) -> Result<Answer, Failure> {
    let document = request.document()?;
    let to = match (document.find("queue"), document.find("exchange")) {
        (Some(_), None) => MoveTo::Queue(document.text("queue")?),
        (None, Some(_)) => {
            let exchange = match document.text("exchange")? {
                "amq.default" => "",
                name => name,
            };
            MoveTo::Exchange(exchange, document.text("routing_key")?)
        }
        _ => {
            let reason = "say either queue, or exchange and routing_key";
            return Err(Failure::bad_request(reason));
        }
    };
    move_to(request, &document, to).await
}

/// Sends dead letters back to where they died first.
pub(crate) async fn redrive(request: &Request) -> Result<Answer, Failure> {
    move_to(request, &request.document()?, MoveTo::Origin).await
}

async fn move_to(
    request: &Request,
    document: &Document,
    to: MoveTo<'_>,
) -> Result<Answer, Failure> {
    let (authority, queue) = (request.authority()?, request.part("queue"));
    let (has_ids, is_all) = (document.find("ids").is_some(), document.is_true("all")?);
    if has_ids == is_all {
        return Err(Failure::bad_request("say either ids, or all: true"));
    }
    let ids = ids(document)?;
    let chosen = if is_all { Chosen::All } else { Chosen::Ids(&ids) };
    let moved = request.admin.move_messages(&authority, queue, chosen, to).await?;
    Answer::json(&show_moved("moved", &moved))
}

/// The ids that somebody names, as texts or numbers.
fn ids(document: &Document) -> Result<BTreeSet<u64>, Failure> {
    let wrong = || Failure::bad_request(format!("ids should be a list of up to {IDS_MAX} ids"));
    let list = match document.find("ids") {
        None => return Ok(BTreeSet::new()),
        Some(Value::Array(list)) if list.len() <= IDS_MAX => list,
        Some(_) => return Err(wrong()),
    };
    let id = |id: &Value| id.as_u64().or_else(|| id.as_str()?.parse().ok()).ok_or_else(wrong);
    list.iter().map(id).collect()
}

fn show_moved(done: &str, moved: &Moved) -> Value {
    let reasons = moved.reasons.iter();
    let reasons = reasons.map(|(id, why)| json!({ "id": id.to_string(), "reason": why }));
    json!({
        done: moved.moved,
        "left": moved.left,
        "reasons": reasons.collect::<Vec<_>>(),
        "done": moved.is_done,
    })
}
