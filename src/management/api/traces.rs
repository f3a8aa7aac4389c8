//! `/api/traces`: what of the messages of a vhost is written into files, as with RabbitMQ's plugin `rabbitmq_tracing`.

use serde_json::{Value, json};
use server::admin::{NewTrace, TraceFormat, TraceInfo};

use crate::answer::Answer;
use crate::document::Document;
use crate::failure::Failure;
use crate::fields::{Fields, Wanted};
use crate::request::Request;
use crate::traced;

/// All of them.
pub(crate) fn list(request: &Request) -> Result<Answer, Failure> {
    list_in(request, None)
}

/// Those of a vhost.
pub(crate) fn list_of_vhost(request: &Request) -> Result<Answer, Failure> {
    list_in(request, Some(request.part("vhost")))
}

/// All of them, by the name of the node.
pub(crate) fn list_of_node(request: &Request) -> Result<Answer, Failure> {
    check_node(request)?;
    list(request)
}

/// Those of a vhost, by the name of the node.
pub(crate) fn list_of_vhost_of_node(request: &Request) -> Result<Answer, Failure> {
    check_node(request)?;
    list_of_vhost(request)
}

fn list_in(request: &Request, vhost: Option<&str>) -> Result<Answer, Failure> {
    let node = request.node_name();
    let traces = request.admin.traces(vhost);
    request.listing()?.answer(traces, move |trace, wanted| fields(&node, trace, wanted))
}

/// One of them.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    let trace = request.admin.trace(request.part("vhost"), request.part("name"));
    let trace = trace.ok_or_else(Failure::not_found)?;
    Answer::json(&fields(&request.node_name(), &trace, &Wanted::ALL))
}

/// The same, by the name of the node.
pub(crate) fn show_of_node(request: &Request) -> Result<Answer, Failure> {
    check_node(request)?;
    show(request)
}

/// Begins one.
pub(crate) async fn put(request: &Request) -> Result<Answer, Failure> {
    let what = read(&request.document()?)?;
    check_login(request).await?;
    request.admin.start_trace(request.part("vhost"), request.part("name"), what).await?;
    Answer::created()
}

/// The same, by the name of the node.
pub(crate) async fn put_of_node(request: &Request) -> Result<Answer, Failure> {
    check_node(request)?;
    put(request).await
}

/// Ends one.
pub(crate) async fn delete(request: &Request) -> Result<Answer, Failure> {
    request.admin.stop_trace(request.part("vhost"), request.part("name")).await?;
    Answer::done()
}

/// The same, by the name of the node.
pub(crate) async fn delete_of_node(request: &Request) -> Result<Answer, Failure> {
    check_node(request)?;
    delete(request).await
}

/// Checks that the path names this node. RabbitMQ's words differ from those of its other paths.
pub(crate) fn check_node(request: &Request) -> Result<(), Failure> {
    let node = request.part("node");
    if *node == *request.node_name() {
        return Ok(());
    }
    let reason = format!("Node {node} could not be contacted: {{badrpc,nodedown}}");
    Err(Failure::bad_request(reason))
}

fn read(document: &Document) -> Result<NewTrace, Failure> {
    document.need(&["format", "pattern"])?;
    let payload_bytes_max = match document.raw("max_payload_bytes") {
        None => None,
        Some(Value::Number(number)) if number.is_u64() => {
            // More than there can be of a body is all of it.
            Some(
                number.as_u64().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX),
            )
        }
        Some(Value::Number(number)) if number.is_i64() => {
            return Err(Failure::bad_request("max_payload_bytes is negative"));
        }
        Some(_) => return Err(Failure::bad_request("max_payload_bytes not integer")),
    };
    let format: TraceFormat = match document.raw("format").and_then(Value::as_str) {
        Some("text") => traced::TEXT,
        Some("json") => traced::JSON,
        Some(_) | None => return Err(Failure::bad_request("format not json or text")),
    };
    let pattern = document.text("pattern")?.to_owned();
    Ok(NewTrace { pattern, format, payload_bytes_max })
}

/// RabbitMQ logs in with the user that is named, to read the firehose. Here nobody has to, but who names one means one who
/// could.
async fn check_login(request: &Request) -> Result<(), Failure> {
    let document = request.document()?;
    let user = document.text_or("tracer_connection_username", "")?;
    if user.is_empty() {
        return Ok(());
    }
    let password = document.text_or("tracer_connection_password", "")?;
    let (admin, vhost) = (&request.admin, request.part("vhost"));
    let user = admin.log_in(user, password.as_bytes(), request.peer.ip()).await;
    if user.is_some_and(|user| admin.authority(&user, vhost).is_some()) {
        return Ok(());
    }
    let reason = "tracer_connection_username and tracer_connection_password are those of no user who may enter the vhost";
    Err(Failure::bad_request(reason))
}

fn fields(node: &str, trace: &TraceInfo, wanted: &Wanted) -> Fields {
    let TraceInfo { vhost, name, what, counts } = trace;
    let mut fields = Fields::new();
    fields
        .put_with(wanted, "queue", || {
            json!({
                "messages": counts.waiting,
                "messages_ready": counts.waiting,
                "node": node,
                "vhost": vhost.as_str(),
            })
        })
        .put(wanted, "vhost", vhost.as_str())
        .put(wanted, "name", name.as_str())
        .put(wanted, "format", what.format.name)
        .put(wanted, "pattern", what.pattern.as_str());
    if let Some(bytes) = what.payload_bytes_max {
        fields.put(wanted, "max_payload_bytes", bytes);
    }
    fields.put(wanted, "written", counts.written).put(wanted, "left_out", counts.left_out).put(
        wanted,
        "failure",
        counts.failure.clone(),
    );
    fields
}
