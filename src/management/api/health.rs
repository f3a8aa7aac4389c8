//! `/api/health/checks`: 200 if something is well, 503 with the reason if it is not.

use broker::Timestamp;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::request::Request;
use crate::stats;

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
    let https = shown.tls_addresses.iter().map(|address| ("https", address.port()));
    let metrics = shown.metrics_addresses.iter().map(|address| ("http/prometheus", address.port()));
    amqp.chain(http).chain(https).chain(metrics).collect()
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

/// Whether no certificate that the node shows ends within a time.
pub(crate) fn certificate_expiration(request: &Request) -> Result<Answer, Failure> {
    let within_ms = time_ms(request.part("within"), request.part("unit"))?;
    let ends_at = request.shown.tls.as_ref().and_then(|tls| tls.certificate_ends_at());
    let is_near = |end: Timestamp| end.as_ms() < request.admin.time().as_ms() + within_ms;
    let Some(end) = ends_at.filter(|&end| is_near(end)) else { return ok() };
    let node = request.node_name();
    let is_of_tls = |protocol: &str| matches!(protocol, "amqp/ssl" | "https");
    let expired: Vec<Value> = listeners(request)
        .into_iter()
        .filter(|(protocol, _)| is_of_tls(protocol))
        .map(|(protocol, port)| {
            let ends = [stats::iso_8601(end)];
            json!({ "node": &*node, "protocol": protocol, "port": port, "certfile_expires_on": ends })
        })
        .collect();
    if expired.is_empty() {
        return ok();
    }
    Err(Failure::unhealthy(json!({ "reason": "Certificates expiring", "expired": expired })))
}

/// What RabbitMQ takes for a time: months have 30 days, years 365.
fn time_ms(within: &str, unit: &str) -> Result<u64, Failure> {
    let days: u64 = match unit.to_lowercase().as_str() {
        "days" => 1,
        "weeks" => 7,
        "months" => 30,
        "years" => 365,
        _ => {
            let reason = "Time unit not recognised. Use: days, weeks, months, years.";
            return Err(Failure::bad_request(reason));
        }
    };
    let invalid = || Failure::bad_request("Invalid expiration value.");
    let count: u32 = within.parse().map_err(|_| invalid())?;
    Ok(u64::from(count) * days * 24 * 60 * 60 * 1000)
}

/// Whether there may be more connections: only the operating system limits them here.
pub(crate) fn below_connection_limit(request: &Request) -> Result<Answer, Failure> {
    let connections = request.admin.connection_count();
    Answer::json(&json!({ "status": "ok", "connections": connections, "limit": "infinity" }))
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
