//! `/api/queues`: what waits for whom.

use std::borrow::Cow;
use std::sync::Arc;

use amqp::{FieldTable, FieldValue};
use broker::{Authority, QueueKind};
use serde_json::{Value, json};
use server::admin::{
    Admin, Durations, NewQueue, Put, QueueInfo, QueueKey, QueueState, QueueTimes, Rehearsal,
};

use crate::answer::Answer;
use crate::api::{connections, consumers};
use crate::document::Document;
use crate::failure::Failure;
use crate::fields::{Fields, Wanted};
use crate::request::Request;
use crate::stats::{self, message_stats};
use crate::tables::table_to_json;

/// Those of all vhosts that the caller may see.
pub(crate) fn list(request: &Request) -> Result<Answer, Failure> {
    answer(request, request.in_vhosts(|admin, vhost| admin.queue_keys(vhost)))
}

/// Those of one vhost.
pub(crate) fn list_of_vhost(request: &Request) -> Result<Answer, Failure> {
    answer(request, request.admin.queue_keys(Some(request.part("vhost"))))
}

/// Those that belong to connections of a user: who declares any other is not kept.
pub(crate) fn list_of_user(request: &Request) -> Result<Answer, Failure> {
    let user = request.part("user");
    request.admin.user(user).ok_or_else(Failure::not_found)?;
    let mut queues = request.admin.queue_keys(None);
    queues.retain(|key| request.admin.queue_owner(key).is_some_and(|owner| *owner == *user));
    answer(request, queues)
}

fn answer(request: &Request, queues: Vec<QueueKey>) -> Result<Answer, Failure> {
    let (admin, node): (Admin, Arc<str>) = (request.admin.clone(), request.node_name());
    request.listing()?.answer(queues, move |key, wanted| {
        admin.queue_at(key).map(|queue| fields(&node, &queue, wanted))
    })
}

/// One queue, with its consumers.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    let queue = request.admin.queue(request.part("vhost"), request.part("queue"));
    let queue = queue.ok_or_else(Failure::not_found)?;
    let node = request.node_name();
    let mut fields = fields(&node, &queue, &Wanted::ALL);
    let consumers = queue.consumer_details.iter();
    let consumers = consumers.map(|consumer| consumers::fields(&node, consumer, &Wanted::ALL));
    fields
        .put_with(&Wanted::ALL, "consumer_details", || consumers.map(Value::from).collect())
        .put(&Wanted::ALL, "incoming", json!([]))
        .put(&Wanted::ALL, "deliveries", json!([]));
    Answer::json(&fields)
}

fn fields(node: &str, queue: &QueueInfo, wanted: &Wanted) -> Fields {
    let settings = &queue.definition.settings;
    let mut fields = Fields::new();
    fields
        .put(wanted, "name", queue.name.as_str())
        .put(wanted, "vhost", queue.vhost.as_str())
        .put(wanted, "type", settings.kind.as_str())
        .put(wanted, "durable", settings.durable)
        .put(wanted, "auto_delete", settings.auto_delete)
        .put(wanted, "exclusive", settings.exclusive)
        .put_with(wanted, "arguments", || table_to_json(&arguments(queue)))
        .put(wanted, "node", node)
        .put(wanted, "state", state(queue.state))
        .put(wanted, "policy", queue.policy.as_deref())
        .put(wanted, "operator_policy", queue.operator_policy.as_deref())
        .put_with(wanted, "effective_policy_definition", || {
            queue.effective_policy.as_deref().map_or_else(|| json!({}), table_to_json)
        })
        .put(wanted, "consumers", queue.consumers)
        .put(wanted, "consumer_capacity", capacity(queue))
        .put(wanted, "consumer_utilisation", capacity(queue))
        .put(wanted, "memory", queue.memory_bytes)
        .put_with(wanted, "message_stats", || message_stats(&queue.stats, stats::OF_QUEUE))
        .put_with(wanted, "deaths", || deaths(queue));
    put_messages(&mut fields, wanted, queue);
    put_times(&mut fields, wanted, &queue.times);
    if let Some(since) = queue.idle_since {
        fields.put_with(wanted, "idle_since", || stats::iso_8601(since).into());
    }
    if let Some(owner) = &queue.owner {
        fields.put_with(wanted, "owner_pid_details", || {
            let (host, port) = connections::peer_of(owner);
            json!({ "name": owner, "peer_host": host, "peer_port": port })
        });
    }
    let tag = |tag: &Option<broker::ConsumerTag>| tag.as_ref().map(|tag| tag.as_str().to_owned());
    match settings.kind {
        QueueKind::Classic => fields
            .put(wanted, "exclusive_consumer_tag", tag(&queue.exclusive_consumer))
            .put(wanted, "single_active_consumer_tag", tag(&queue.single_active_consumer))
            .put(wanted, "head_message_timestamp", queue.head_message_timestamp),
        QueueKind::Quorum => fields
            .put(wanted, "single_active_consumer_ctag", tag(&queue.single_active_consumer))
            .put(wanted, "leader", node)
            .put_with(wanted, "members", || json!([node]))
            .put_with(wanted, "online", || json!([node]))
            .put_with(wanted, "open_files", || json!({ node: 0 }))
            .put(wanted, "delivery_limit", queue.delivery_limit)
            .put(wanted, "messages_dlx", queue.messages.held_dead_letters)
            .put(wanted, "message_bytes_dlx", 0),
    };
    fields
}

/// RabbitMQ shows the type among the arguments only of a queue that was declared with it; ours is always written there,
/// and a classic queue is one without it.
pub(crate) fn arguments(queue: &QueueInfo) -> Cow<'_, FieldTable> {
    let arguments = &queue.definition.arguments;
    let classic = FieldValue::from("classic");
    if arguments.get(QUEUE_TYPE) != Some(&classic) {
        return Cow::Borrowed(arguments);
    }
    let mut without = arguments.clone();
    without.remove(QUEUE_TYPE);
    Cow::Owned(without)
}

const QUEUE_TYPE: &str = "x-queue-type";

fn state(state: QueueState) -> &'static str {
    match state {
        QueueState::Running => "running",
        QueueState::Flow => "flow",
    }
}

/// The share of time in which a message would have found a consumer: here, whether one would now.
fn capacity(queue: &QueueInfo) -> f64 {
    if queue.has_ready_consumer { 1.0 } else { 0.0 }
}

fn put_messages(fields: &mut Fields, wanted: &Wanted, queue: &QueueInfo) {
    let messages = &queue.messages;
    for (names, gauge) in [
        (("messages", "messages_details"), messages.total),
        (("messages_ready", "messages_ready_details"), messages.ready),
        (("messages_unacknowledged", "messages_unacknowledged_details"), messages.unacked),
    ] {
        stats::put_gauge(fields, wanted, names, gauge);
    }
    let bytes = messages.ready_bytes + messages.unacked_bytes;
    let in_memory = messages.total.value.saturating_sub(messages.paged_out);
    fields
        .put(wanted, "messages_persistent", messages.persistent)
        .put(wanted, "messages_ram", in_memory)
        .put(wanted, "messages_ready_ram", messages.ready.value.saturating_sub(messages.paged_out))
        .put(wanted, "messages_unacknowledged_ram", messages.unacked.value)
        .put(wanted, "messages_paged_out", messages.paged_out)
        .put(wanted, "message_bytes", bytes)
        .put(wanted, "message_bytes_ready", messages.ready_bytes)
        .put(wanted, "message_bytes_unacknowledged", messages.unacked_bytes)
        .put(wanted, "message_bytes_persistent", messages.persistent_bytes)
        .put(wanted, "message_bytes_ram", bytes.saturating_sub(messages.paged_out_bytes))
        .put(wanted, "message_bytes_paged_out", messages.paged_out_bytes);
}

/// How long messages take, which RabbitMQ does not say.
fn put_times(fields: &mut Fields, wanted: &Wanted, times: &QueueTimes) {
    let durations = |of: Option<Durations>| {
        of.map_or(
            Value::Null,
            |of| json!({ "count": of.count, "p50": of.p50_ms, "p95": of.p95_ms, "p99": of.p99_ms }),
        )
    };
    fields
        .put(wanted, "oldest_ready_ms", times.oldest_ready_ms)
        .put(wanted, "oldest_unacked_ms", times.oldest_unacked_ms)
        .put_with(wanted, "time_in_queue_ms", || durations(times.in_queue))
        .put_with(wanted, "time_to_ack_ms", || durations(times.to_ack));
}

/// How many messages died, and of what: RabbitMQ counts them for the whole node only.
fn deaths(queue: &QueueInfo) -> Value {
    let counters = &queue.counters;
    json!({
        "expired": counters.died_expired,
        "rejected": counters.died_rejected,
        "maxlen": counters.died_maxlen,
        "delivery_limit": counters.died_delivery_limit,
    })
}

/// Nothing that RabbitMQ once did with a queue so is to be done: what kept mirrors alike went with them.
///
/// # Errors
/// 400 for every action, as RabbitMQ 4 says it.
pub(crate) async fn act(request: &Request) -> Result<Answer, Failure> {
    let (vhost, queue) = (request.part("vhost"), request.part("queue"));
    request.admin.vhost(vhost).ok_or_else(|| Failure::missing("vhost_not_found"))?;
    let found = request.admin.queue(vhost, queue);
    found.ok_or_else(|| Failure::missing("queue_not_found"))?;
    let document = request.document()?;
    document.need(&["action"])?;
    Err(Failure::bad_request(json!(["unknown", document.raw("action")])))
}

/// Brings the leaders of all queues to where they belong, which they are: there is one node.
pub(crate) fn rebalance(_: &Request) -> Result<Answer, Failure> {
    Answer::done()
}

/// Declares a queue.
pub(crate) async fn put(request: &Request) -> Result<Answer, Failure> {
    let (authority, document) = (request.authority()?, request.document()?);
    let put = put_one(&request.admin, &authority, request.part("queue"), &document).await?;
    Answer::put(put)
}

/// Declares a queue as a request or a file of definitions says.
pub(crate) async fn put_one(
    admin: &Admin,
    authority: &Authority,
    name: &str,
    document: &Document,
) -> Result<Put, Failure> {
    let arguments = document.arguments()?;
    Ok(admin.declare_queue(authority, &read(name, document, &arguments)?).await?)
}

/// Whether a queue could be declared as a file of definitions says.
pub(crate) fn rehearse_one(
    rehearsal: &mut Rehearsal<'_>,
    vhost: &str,
    document: &Document,
) -> Result<(), Failure> {
    let arguments = document.arguments()?;
    let queue = read(document.text("name")?, document, &arguments)?;
    Ok(rehearsal.declare_queue(vhost, &queue)?)
}

fn read<'a>(
    name: &'a str,
    document: &Document,
    arguments: &'a FieldTable,
) -> Result<NewQueue<'a>, Failure> {
    Ok(NewQueue {
        name,
        durable: document.is_true_or("durable", true)?,
        auto_delete: document.is_true("auto_delete")?,
        arguments,
    })
}

/// Deletes a queue, if it is empty or unused where that is asked for.
pub(crate) async fn delete(request: &Request) -> Result<Answer, Failure> {
    let (if_unused, if_empty) =
        (request.query.is_true("if-unused"), request.query.is_true("if-empty"));
    let authority = request.authority()?;
    request.admin.delete_queue(&authority, request.part("queue"), if_unused, if_empty).await?;
    Answer::done()
}

/// Drops what is ready in a queue.
pub(crate) async fn purge(request: &Request) -> Result<Answer, Failure> {
    let (authority, queue) = (request.authority()?, request.part("queue"));
    request.admin.queue(request.part("vhost"), queue).ok_or_else(Failure::not_found)?;
    request.admin.purge_queue(&authority, queue).await?;
    Answer::done()
}
