//! Commands that say whether the node is well, for health checks and supervisors.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use serde_json::{Value, json};

use super::call::{Call, Done};
use super::fault::{DATA, Fault, SOFTWARE, UNAVAILABLE};
use super::node::{alarms, both, listener_line, listeners};
use crate::api::Api;
use crate::status;
use crate::units::word;

/// How long a port may take to accept.
const PORT_PATIENCE: Duration = Duration::from_secs(5);

/// What a check has found, for people and for scripts.
fn well(node: &str, text: String) -> Done {
    let value = json!({ "node": node, "result": "ok", "message": text });
    Done::Value { text: text + "\n", value }
}

pub(super) fn ping(call: &mut Call<'_>) -> Result<Done, Fault> {
    let ms = call.timeout_secs().unwrap_or(60) * 1000;
    let api = call.api()?;
    let node = call.node_name(&api)?;
    call.say(format!(
        "Will ping {node}. This only checks if the OS process is running and registered with epmd. Timeout: {ms} ms."
    ));
    Ok(well(&node, "Ping succeeded".to_owned()))
}

fn is_serving(api: &Api) -> Result<bool, Fault> {
    Ok(api.get("/serving")?["serving"] == true)
}

fn not_running(node: &str) -> Fault {
    Fault::plain(
        UNAVAILABLE,
        format!(
            "Error:\nRabbitMQ on node {node} is not running or has not fully booted yet (check with is_booting)"
        ),
    )
}

pub(super) fn check_running(call: &mut Call<'_>) -> Result<Done, Fault> {
    let api = call.api()?;
    let node = call.node_name(&api)?;
    call.say(format!("Checking if RabbitMQ is running on node {node} ..."));
    if !is_serving(&api)? {
        return Err(not_running(&node));
    }
    Ok(well(&node, format!("RabbitMQ on node {node} is fully booted and running")))
}

pub(super) fn is_running(call: &mut Call<'_>) -> Result<Done, Fault> {
    let api = call.api()?;
    let node = call.node_name(&api)?;
    call.say(format!("Asking node {node} for its status ..."));
    let said = match is_serving(&api)? {
        true => "is fully booted and running",
        false => "is not running or has not fully booted yet (check with is_booting)",
    };
    Ok(well(&node, format!("RabbitMQ on node {node} {said}")))
}

/// Who answers has booted.
pub(super) fn is_booting(call: &mut Call<'_>) -> Result<Done, Fault> {
    let api = call.api()?;
    let node = call.node_name(&api)?;
    call.say(format!("Asking node {node} for its boot status ..."));
    let said = "is fully booted (check with is_running), stopped or has not started booting yet";
    Ok(well(&node, format!("RabbitMQ on node {node} {said}")))
}

pub(super) fn check_local_alarms(call: &mut Call<'_>) -> Result<Done, Fault> {
    check_alarms_of(call, ("any local resource alarms", "local alarms"))
}

pub(super) fn check_alarms(call: &mut Call<'_>) -> Result<Done, Fault> {
    check_alarms_of(call, ("any local resource alarms", "alarms, local or clusterwide"))
}

fn check_alarms_of(call: &mut Call<'_>, (asked, none): (&str, &str)) -> Result<Done, Fault> {
    let api = call.api()?;
    let (_, node) = both(&api)?;
    let name = word(&node["name"]);
    call.say(format!("Asking node {name} to report {asked} ..."));
    let raised = alarms(&node);
    if raised.is_empty() {
        return Ok(well(&name, format!("Node {name} reported no {none}")));
    }
    let raised: String = raised.iter().map(|alarm| format!("\n{alarm}")).collect();
    Err(Fault::error(UNAVAILABLE, &format!("Node {name} reported the following alarms:\n{raised}")))
}

pub(super) fn list_alarms(call: &mut Call<'_>) -> Result<Done, Fault> {
    let api = call.api()?;
    let (_, node) = both(&api)?;
    let name = word(&node["name"]);
    call.say(format!("Asking node {name} to report any known resource alarms ..."));
    let raised = alarms(&node);
    let value = json!({ "node": name, "result": "ok", "alarms": raised });
    let text = if raised.is_empty() {
        format!("Node {name} reported no alarms, local or clusterwide\n")
    } else {
        raised.join("\n") + "\n"
    };
    Ok(Done::Value { text, value })
}

pub(super) fn check_virtual_hosts(call: &mut Call<'_>) -> Result<Done, Fault> {
    let api = call.api()?;
    let node = call.node_name(&api)?;
    call.say(format!("Checking if all vhosts are running on node {node} ..."));
    match status::failure(&api, "virtual-hosts")? {
        None => Ok(well(&node, format!("Node {node} reported all vhosts as running"))),
        Some(why) => Err(Fault::error(UNAVAILABLE, &why)),
    }
}

/// All that is listened on, and the names of the protocols.
fn listening(api: &Api) -> Result<Vec<Value>, Fault> {
    Ok(listeners(&api.get("/overview")?))
}

fn numbers(listeners: &[Value]) -> Vec<u64> {
    let mut ports: Vec<u64> =
        listeners.iter().filter_map(|listener| listener["port"].as_u64()).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn with_commas<T: ToString>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Connects to every port, from here.
pub(super) fn check_port_connectivity(call: &mut Call<'_>) -> Result<Done, Fault> {
    let api = call.api()?;
    let node = call.node_name(&api)?;
    if !is_serving(&api)? {
        return Err(call.needs_app());
    }
    call.say(format!("Testing TCP connections to all active listeners on node {node} ..."));
    let listeners = listening(&api)?;
    let refused: Vec<String> = listeners
        .iter()
        .filter(|listener| !accepts(listener))
        .map(|listener| word(&listener["port"]))
        .collect();
    if !refused.is_empty() {
        let ports = refused.join(", ");
        return Err(Fault::error(
            SOFTWARE,
            &format!("Connection attempts to the following ports on node {node} failed: {ports}"),
        ));
    }
    let ports = with_commas(&numbers(&listeners));
    Ok(well(&node, format!("Successfully connected to ports {ports} on node {node}.")))
}

fn accepts(listener: &Value) -> bool {
    let interface = word(&listener["interface"]);
    let host = match interface.trim_matches(['[', ']']) {
        "0.0.0.0" => "127.0.0.1",
        "::" => "::1",
        host => host,
    };
    let port = listener["port"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
    let addresses = (host, port).to_socket_addrs().into_iter().flatten();
    addresses
        .into_iter()
        .any(|address: SocketAddr| TcpStream::connect_timeout(&address, PORT_PATIENCE).is_ok())
}

pub(super) fn check_port_listener(call: &mut Call<'_>) -> Result<Done, Fault> {
    let Ok(port) = call.word(0).parse::<u16>() else {
        return Err(call.misused(DATA, &format!("port is no number: {}", call.word(0))));
    };
    let api = call.api()?;
    let node = call.node_name(&api)?;
    call.say(format!("Asking node {node} if there's an active listener on port {port} ..."));
    let ports = numbers(&listening(&api)?);
    if ports.contains(&u64::from(port)) {
        return Ok(well(&node, format!("A listener for port {port} is running on node {node}.")));
    }
    let found = with_commas(&ports);
    Err(Fault::plain(
        UNAVAILABLE,
        format!(
            "No listener for port {port} is active on node {node}. Found listeners that use the following ports: {found}"
        ),
    ))
}

pub(super) fn check_protocol_listener(call: &mut Call<'_>) -> Result<Done, Fault> {
    let asked = call.word(0).to_owned();
    let api = call.api()?;
    let node = call.node_name(&api)?;
    call.say(format!("Asking node {node} if there's an active listener for protocol {asked} ..."));
    let protocol = match asked.as_str() {
        "amqp091" | "amqp0.9.1" | "amqp0-9-1" => "amqp",
        "amqps" | "amqp091/ssl" => "amqp/ssl",
        "prometheus" => "http/prometheus",
        other => other,
    };
    let listeners = listening(&api)?;
    let mut protocols: Vec<String> =
        listeners.iter().map(|listener| word(&listener["protocol"])).collect();
    protocols.sort();
    protocols.dedup();
    if protocols.iter().any(|known| known == protocol) {
        return Ok(well(
            &node,
            format!("A listener for protocol {asked} is running on node {node}."),
        ));
    }
    let found = protocols.join(", ");
    Err(Fault::error(
        UNAVAILABLE,
        &format!(
            "No listener for protocol {asked} is active on node {node}. Found listeners for the following protocols: {found}"
        ),
    ))
}

pub(super) fn list_listeners(call: &mut Call<'_>) -> Result<Done, Fault> {
    let api = call.api()?;
    let node = call.node_name(&api)?;
    call.say(format!("Asking node {node} to report its protocol listeners ..."));
    let listeners = listening(&api)?;
    let text = listeners.iter().map(|listener| listener_line(listener) + "\n").collect();
    let value = json!({ "listeners": listeners, "node": node, "result": "ok" });
    Ok(Done::Value { text, value })
}

/// There is one node, which is critical for nobody.
pub(super) fn check_quorum(call: &mut Call<'_>) -> Result<Done, Fault> {
    single(call, "critical for quorum of any quorum queues")
}

pub(super) fn check_mirrors(call: &mut Call<'_>) -> Result<Done, Fault> {
    single(call, "critical for data safety of any classic mirrored queues")
}

fn single(call: &mut Call<'_>, of_what: &str) -> Result<Done, Fault> {
    let api = call.api()?;
    let node = call.node_name(&api)?;
    call.say(format!("Checking if node {node} is {of_what} ..."));
    Ok(well(
        &node,
        format!(
            "Node {node} seems to be the only one in a single node cluster, the check does not apply"
        ),
    ))
}

pub(super) fn check_certificates(call: &mut Call<'_>) -> Result<Done, Fault> {
    let unit = call.arguments.value("unit").unwrap_or("weeks").to_owned();
    let within = call.arguments.value("within").unwrap_or("4").to_owned();
    let api = call.api()?;
    let node = call.node_name(&api)?;
    call.say(format!("Checking certificate expiration on node {node} ..."));
    let check = format!("certificate-expiration{}", crate::api::path(&[&within, &unit]));
    match status::failure(&api, &check)? {
        None => Ok(well(&node, format!("No certificates are expiring within {within} {unit}."))),
        Some(why) => Err(Fault::error(UNAVAILABLE, &why)),
    }
}

/// What RabbitMQ advises against, and scripts run all the same.
pub(super) fn node_health_check(call: &mut Call<'_>) -> Result<Done, Fault> {
    let api = call.api()?;
    let (_, node) = both(&api)?;
    let name = word(&node["name"]);
    let secs = call.timeout_secs().unwrap_or(70);
    call.say(
        "This command is DEPRECATED and will be removed in a future version.\n\
         It performs intrusive, opinionated health checks and requires a fully booted node.\n\
         Use one of the options covered in https://www.rabbitmq.com/monitoring.html#health-checks instead.",
    );
    call.say(format!("Timeout: {secs} seconds ..."));
    call.say(format!("Checking health of node {name} ..."));
    if !is_serving(&api)? {
        return Err(not_running(&name));
    }
    let raised = alarms(&node);
    if raised.is_empty() {
        return Ok(well(&name, "Health check passed".to_owned()));
    }
    Err(Fault::error(SOFTWARE, &format!("health check failed. Message: {}", raised.join(", "))))
}

pub(super) fn server_version(call: &mut Call<'_>) -> Result<Done, Fault> {
    let api = call.api()?;
    let overview = api.get("/overview")?;
    let node = word(&overview["node"]);
    call.say(format!("Asking node {node} for its RabbitMQ version..."));
    Ok(Done::Text(word(&overview["rabbitmq_version"])))
}

pub(super) fn log_location(call: &mut Call<'_>) -> Result<Done, Fault> {
    let api = call.api()?;
    let (_, node) = both(&api)?;
    call.say(format!("Log file location(s) on node {} ...", word(&node["name"])));
    let files = node["log_files"].as_array().into_iter().flatten().map(word);
    Ok(Done::Text(files.collect::<Vec<_>>().join("\n")))
}
