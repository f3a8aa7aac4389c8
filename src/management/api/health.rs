//! `/api/health/checks`: 200 if something is well, 503 with the reason if it is not.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::request::Request;

/// Whether publishers are not held back for want of memory or disk.
pub(crate) fn alarms(request: &Request) -> Result<Answer, Failure> {
    let node = request.admin.node();
    let low = [
        ("memory", node.memory.is_alarmed),
        ("disk", node.disk.as_ref().is_some_and(|disk| disk.is_alarmed)),
    ];
    let alarms: Vec<Value> = low
        .into_iter()
        .filter(|(_, is_low)| *is_low)
        .map(|(resource, _)| json!({ "node": node.name, "resource": resource }))
        .collect();
    if alarms.is_empty() {
        return ok();
    }
    Err(Failure::unhealthy(json!({
        "reason": "There are alarms in effect in the cluster", "alarms": alarms,
    })))
}

/// Whether something listens on a port.
pub(crate) fn port_listener(request: &Request) -> Result<Answer, Failure> {
    let port = request.part("port");
    let Ok(port) = port.parse::<u16>() else {
        return Err(Failure::bad_request(format!("Invalid port number: {port}")));
    };
    let ports: Vec<u16> = listeners(request).into_iter().map(|(_, port)| port).collect();
    if ports.contains(&port) {
        return Answer::json(&json!({ "status": "ok", "port": port }));
    }
    Err(Failure::unhealthy(json!({
        "reason": "No active listener", "missing": port, "ports": ports,
    })))
}

/// Whether something listens for a protocol.
pub(crate) fn protocol_listener(request: &Request) -> Result<Answer, Failure> {
    let asked = request.part("protocol");
    let protocol = match asked {
        "amqp091" | "amqp0.9.1" | "amqp" => "amqp",
        "amqps" => "amqp/ssl",
        "prometheus" => "http/prometheus",
        other => other,
    };
    let protocols: Vec<&str> = listeners(request).into_iter().map(|(name, _)| name).collect();
    if protocols.contains(&protocol) {
        return Answer::json(&json!({ "status": "ok", "protocol": asked }));
    }
    Err(Failure::unhealthy(json!({
        "reason": "No active listener", "missing": asked, "protocols": protocols,
    })))
}

fn listeners(request: &Request) -> Vec<(&'static str, u16)> {
    let amqp = request.admin.listeners();
    let amqp = amqp.iter().map(|listener| (listener.protocol, listener.address.port()));
    let shown = &request.shown;
    let http = shown.addresses.iter().map(|address| ("http", address.port()));
    let metrics = shown.metrics_addresses.iter().map(|address| ("http/prometheus", address.port()));
    amqp.chain(http).chain(metrics).collect()
}

/// Whether everything that cannot be otherwise on one node is as it is: vhosts run as long as the node does, no quorum
/// hangs on it, no leader is missing, and its definitions are there once it answers.
pub(crate) fn always(_: &Request) -> Result<Answer, Failure> {
    ok()
}

/// Whether clients are served, and not kept out by an operator.
pub(crate) fn is_serving(request: &Request) -> Result<Answer, Failure> {
    if request.admin.is_serving() {
        return ok();
    }
    Err(Failure::unhealthy(
        json!({ "reason": "the broker does not serve clients: its operator has stopped that" }),
    ))
}

/// Whether the node may go without taking the majority of a quorum with it: there is nobody else to have one with.
pub(crate) fn quorum_critical(_: &Request) -> Result<Answer, Failure> {
    Answer::json(&json!({ "status": "ok", "reason": "single node cluster" }))
}

/// Whether the vhost of the path is there, which has been asked for before.
pub(crate) fn aliveness(_: &Request) -> Result<Answer, Failure> {
    ok()
}

fn ok() -> Result<Answer, Failure> {
    Answer::json(&json!({ "status": "ok" }))
}
