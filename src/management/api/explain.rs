//! `…/explain`: where a message would go, by which bindings, and why not by the others.

use amqp::Properties;
use broker::Destination;
use broker::exchange::{Binding, ExchangeSpec, RoutesBy};
use broker::routing::{Hop, LookedAt, Step};
use serde_json::{Map, Value, json};
use server::admin::Explained;

use crate::answer::Answer;
use crate::api::exchanges;
use crate::document::Document;
use crate::failure::Failure;
use crate::properties::json_to_properties;
use crate::request::Request;
use crate::tables::{properties_key, table_to_json};

/// How many queues are told, each with the way there.
const QUEUES_MAX: usize = 1000;

/// For a message that has a routing key and nothing else.
pub(crate) fn by_key(request: &Request) -> Result<Answer, Failure> {
    let routing_key = request.query.find("routing_key").unwrap_or_default();
    answer(request, routing_key, &Properties::default())
}

/// For a message with properties, which `headers` may also stand beside.
pub(crate) fn by_message(request: &Request) -> Result<Answer, Failure> {
    let document = request.document()?;
    let properties = document.find("properties").map(Document::part).transpose()?;
    let mut properties = json_to_properties(&properties.unwrap_or_default())?;
    if document.find("headers").is_some() {
        properties.headers = Some(document.table("headers")?);
    }
    answer(request, document.text_or("routing_key", "")?, &properties)
}

fn answer(request: &Request, key: &str, properties: &Properties) -> Result<Answer, Failure> {
    let to = (exchanges::name(request), key);
    let explained = request.admin.explain(&request.authority()?, to, properties)?;
    Answer::json(&show(&explained))
}

fn show(explained: &Explained) -> Value {
    let explanation = &explained.explanation;
    let steps = &explanation.steps;
    let reached = explained.reached().count();
    let ways =
        explanation.queues.iter().filter(|(queue, _)| explained.reached().any(|it| it == queue));
    let ways = ways.take(QUEUES_MAX).map(
        |(queue, hop)| json!({ "name": queue.as_str(), "path": path(steps, hop.as_ref(), queue) }),
    );
    let others: usize = steps.iter().map(|step| step.others).sum();
    let mut fields = json!({
        "routed": reached > 0,
        "queues": ways.collect::<Vec<_>>(),
        "queues_total": reached,
        "missing_queues": explained.missing.iter().map(|queue| queue.as_str()).collect::<Vec<_>>(),
        "depends_on": match explanation.routes_by {
            RoutesBy::Key => "routing key",
            RoutesBy::Properties => "routing key and properties",
            RoutesBy::Chance => "chance",
        },
        "delay_ms": explained.delay_ms,
        "exchanges": steps.iter().map(show_step).collect::<Vec<_>>(),
        "bindings": steps.iter().flat_map(show_bindings).collect::<Vec<_>>(),
        "bindings_not_shown": others,
    });
    fields["notes"] = notes(explained, reached, others).into();
    fields
}

/// What a person would want to be told beside the lists.
fn notes(explained: &Explained, reached: usize, others: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if explained.is_internal {
        notes.push("the exchange is internal: a client that publishes to it is refused".to_owned());
    }
    if explained.is_reply {
        notes.push("it is a direct reply: it goes to the client that waits for it".to_owned());
    } else if reached == 0 {
        notes.push(
            "nothing matches: the message is dropped, or returned if it is mandatory".to_owned(),
        );
    }
    if let Some(delay_ms) = explained.delay_ms {
        notes.push(format!("the exchange holds it back for {delay_ms} ms, and routes it then"));
    }
    if explained.explanation.routes_by == RoutesBy::Chance {
        notes.push("chance decides: the next message may go another way".to_owned());
    }
    for queue in explained.missing.iter().take(QUEUES_MAX) {
        notes.push(format!("there is no queue '{queue}'"));
    }
    if others > 0 {
        notes.push(format!("{others} more bindings were not looked at"));
    }
    notes
}

/// The way to a queue, from the first exchange on; null if it was not looked at.
fn path(steps: &[Step], hop: Option<&Hop>, queue: &str) -> Value {
    let Some(hop) = hop else { return Value::Null };
    let mut path = vec![show_hop(steps, hop, ("queue", queue))];
    let mut step = &steps[hop.step];
    while let Some(hop) = &step.came_by {
        path.push(show_hop(steps, hop, ("exchange", step.exchange.as_str())));
        step = &steps[hop.step];
    }
    path.reverse();
    path.into()
}

fn show_hop(steps: &[Step], hop: &Hop, (kind, to): (&str, &str)) -> Value {
    let from = steps[hop.step].exchange.as_str();
    let mut shown = json!({ "source": from, "destination": to, "destination_type": kind });
    match &hop.binding {
        Some(binding) => {
            shown["by"] = "binding".into();
            shown["routing_key"] = text(&binding.key).into();
            shown["properties_key"] = key_of(binding).into();
        }
        None if kind == "queue" => shown["by"] = "name".into(),
        None => shown["by"] = "alternate-exchange".into(),
    }
    shown
}

fn show_step(step: &Step) -> Value {
    let kind = step.spec.as_ref().map(|spec: &ExchangeSpec| spec.kind.as_str());
    let is_default = step.exchange.is_default();
    json!({
        "name": step.exchange.as_str(),
        "type": kind.or(is_default.then_some("direct")),
        "exists": is_default || kind.is_some(),
        "alternate_exchange": step.alternate.as_ref().map(|name| name.as_str()),
        "bindings_not_shown": step.others,
    })
}

fn show_bindings(step: &Step) -> impl Iterator<Item = Value> {
    step.looked_at.iter().map(|LookedAt { binding, mismatch }| {
        let kind = match binding.destination {
            Destination::Queue(_) => "queue",
            Destination::Exchange(_) => "exchange",
        };
        let fields: Map<String, Value> = [
            ("source", step.exchange.as_str().into()),
            ("destination", binding.destination.name().into()),
            ("destination_type", kind.into()),
            ("routing_key", text(&binding.key).into()),
            ("arguments", table_to_json(&binding.arguments())),
            ("properties_key", key_of(binding).into()),
            ("matches", mismatch.is_none().into()),
            ("why_not", mismatch.as_ref().map(ToString::to_string).into()),
        ]
        .map(|(name, value): (&str, Value)| (name.to_owned(), value))
        .into_iter()
        .collect();
        Value::Object(fields)
    })
}

fn key_of(binding: &Binding) -> String {
    properties_key(&text(&binding.key), &binding.arguments())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
