//! Commands that tell of the node: status, cluster, settings, versions.

use serde_json::{Map, Value, json};

use super::call::{Call, Done};
use super::fault::Fault;
use super::format::Rows;
use crate::api::Api;
use crate::units::word;

/// A title as RabbitMQ writes it, in bold whoever reads it.
fn title(text: &str) -> String {
    format!("\u{1b}[1m{text}\u{1b}[0m\n\n")
}

/// Gigabytes, with the four digits that RabbitMQ gives them.
fn gigabytes(bytes: &Value) -> String {
    let tenths_of_mb = bytes.as_u64().unwrap_or(0) / 100_000;
    let digits = format!("{:04}", tenths_of_mb % 10_000);
    let digits = digits.trim_end_matches('0');
    format!("{}.{} gb", tenths_of_mb / 10_000, if digits.is_empty() { "0" } else { digits })
}

/// What is listened on, with RabbitMQ's words for what for.
pub(super) fn listeners(overview: &Value) -> Vec<Value> {
    let listener = |found: &Value| {
        let protocol = found["protocol"].as_str().unwrap_or_default();
        let purpose = match protocol {
            "amqp" => "AMQP 0-9-1 and AMQP 1.0",
            "amqp/ssl" => "AMQP 0-9-1 and AMQP 1.0 over TLS",
            "http" => "HTTP API",
            "https" => "HTTP API over TLS (HTTPS)",
            "http/prometheus" => "Prometheus exporter API over HTTP",
            other => other,
        };
        let ip = found["ip_address"].as_str().unwrap_or_default();
        let interface = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
        json!({
            "node": found["node"], "interface": interface, "port": found["port"],
            "protocol": protocol, "purpose": purpose,
        })
    };
    overview["listeners"].as_array().into_iter().flatten().map(listener).collect()
}

/// `Interface: 127.0.0.1, port: 5672, protocol: amqp, purpose: …`
pub(super) fn listener_line(listener: &Value) -> String {
    format!(
        "Interface: {}, port: {}, protocol: {}, purpose: {}",
        word(&listener["interface"]),
        word(&listener["port"]),
        word(&listener["protocol"]),
        word(&listener["purpose"]),
    )
}

/// What the node is low on, in RabbitMQ's words.
pub(super) fn alarms(node: &Value) -> Vec<String> {
    let name = word(&node["name"]);
    let low = [
        ("mem_alarm", format!("Memory alarm on node {name}")),
        ("disk_free_alarm", format!("Free disk space alarm on node {name}")),
    ];
    low.into_iter().filter(|(field, _)| node[field] == true).map(|(_, text)| text).collect()
}

fn lines_or_none(lines: &[String]) -> String {
    if lines.is_empty() { "(none)\n".to_owned() } else { lines.join("\n") + "\n" }
}

/// The overview and the node.
pub(super) fn both(api: &Api) -> Result<(Value, Value), Fault> {
    let node = api.get("/nodes")?.get(0).cloned().unwrap_or_default();
    Ok((api.get("/overview")?, node))
}

pub(super) fn status(call: &mut Call<'_>) -> Result<Done, Fault> {
    let api = call.api()?;
    let (overview, node) = both(&api)?;
    call.say(format!("Status of node {} ...", word(&node["name"])));
    let vhosts = api.get("/vhosts?columns=name")?.as_array().map_or(0, Vec::len);
    let value = status_value(&overview, &node, vhosts);
    let text = status_text(&overview, &node, vhosts);
    Ok(Done::Value { text, value })
}

fn status_text(overview: &Value, node: &Value, vhosts: usize) -> String {
    let uptime = node["uptime"].as_u64().unwrap_or(0) / 1000;
    let plugins = node["enabled_plugins"].as_array().into_iter().flatten();
    let plugins: Vec<String> = plugins.map(|plugin| format!(" * {}", word(plugin))).collect();
    let logs = node["log_files"].as_array().into_iter().flatten();
    let logs: Vec<String> = logs.map(|log| format!(" * {}", word(log))).collect();
    let objects = &overview["object_totals"];
    let listening: Vec<String> = listeners(overview).iter().map(listener_line).collect();
    let sections = [
        (
            "Runtime",
            format!(
                "OS PID: {}\nOS: Linux\nUptime (seconds): {uptime}\nIs under maintenance?: {}\nRabbitMQ version: {}\nNode name: {}\nPillarbox version: {}\n",
                word(&node["os_pid"]),
                node["being_drained"] == true,
                word(&overview["rabbitmq_version"]),
                word(&node["name"]),
                word(&overview["product_version"]),
            ),
        ),
        ("Plugins", format!("Enabled plugins:\n\n{}\n", plugins.join("\n"))),
        ("Data directory", format!("Node data directory: {}\n", word(&node["db_dir"]))),
        ("Log file(s)", format!("{}\n", logs.join("\n"))),
        ("Alarms", lines_or_none(&alarms(node))),
        (
            "Memory",
            format!(
                "Total memory used: {}\nCalculation strategy: rss\nMemory high watermark setting: {}, computed to: {}\n",
                gigabytes(&node["mem_used"]),
                gigabytes(&node["mem_limit"]),
                gigabytes(&node["mem_limit"]),
            ),
        ),
        (
            "File Descriptors",
            format!(
                "Total: {}, limit: {}\nSockets: {}, limit: {}\n",
                word(&node["fd_used"]),
                word(&node["fd_total"]),
                word(&node["sockets_used"]),
                word(&node["sockets_total"]),
            ),
        ),
        (
            "Free Disk Space",
            format!(
                "Low free disk space watermark: {}\nFree disk space: {}\n",
                gigabytes(&node["disk_free_limit"]),
                gigabytes(&node["disk_free"]),
            ),
        ),
        (
            "Totals",
            format!(
                "Connection count: {}\nQueue count: {}\nVirtual host count: {vhosts}\n",
                word(&objects["connections"]),
                word(&objects["queues"]),
            ),
        ),
        ("Listeners", lines_or_none(&listening)),
    ];
    let sections = sections.map(|(name, text)| title(name) + &text);
    sections.join("\n")
}

fn status_value(overview: &Value, node: &Value, vhosts: usize) -> Value {
    let objects = &overview["object_totals"];
    json!({
        "active_plugins": node["enabled_plugins"],
        "alarms": alarms(node),
        "config_files": node["config_files"],
        "data_directory": node["db_dir"],
        "disk_free": node["disk_free"],
        "disk_free_limit": node["disk_free_limit"],
        "erlang_version": "",
        "file_descriptors": {
            "sockets_limit": node["sockets_total"],
            "sockets_used": node["sockets_used"],
            "total_limit": node["fd_total"],
            "total_used": node["fd_used"],
        },
        "is_under_maintenance": node["being_drained"] == true,
        "listeners": listeners(overview),
        "log_files": node["log_files"],
        "memory": {
            "strategy": "rss",
            "total": { "rss": node["mem_used"], "allocated": node["mem_used"], "erlang": 0 },
        },
        "os": "Linux",
        "pid": word(&node["os_pid"]).parse::<u64>().unwrap_or(0),
        "product_name": overview["product_name"],
        "product_version": overview["product_version"],
        "rabbitmq_version": overview["rabbitmq_version"],
        "run_queue": 0,
        "totals": {
            "connection_count": objects["connections"],
            "queue_count": objects["queues"],
            "virtual_host_count": vhosts,
        },
        "uptime": node["uptime"].as_u64().unwrap_or(0) / 1000,
        "vm_memory_calculation_strategy": "rss",
        "vm_memory_high_watermark_limit": node["mem_limit"],
        "vm_memory_high_watermark_setting": { "absolute": node["mem_limit"] },
    })
}

pub(super) fn cluster_status(call: &mut Call<'_>) -> Result<Done, Fault> {
    let api = call.api()?;
    let (overview, node) = both(&api)?;
    let name = word(&node["name"]);
    call.say(format!("Cluster status of node {name} ..."));
    let flags = api.get("/feature-flags")?;
    let flags: Vec<Value> = flags
        .as_array()
        .into_iter()
        .flatten()
        .map(|flag| json!({ "name": flag["name"], "state": flag["state"] }))
        .collect();
    let version = word(&overview["rabbitmq_version"]);
    let own = word(&overview["product_version"]);
    let lines = |lines: Vec<String>| lines_or_none(&lines);
    let listening = listeners(&overview);
    let listening: Vec<String> = listening
        .iter()
        .map(|listener| format!("Node: {name}, i{}", &listener_line(listener)[1..]))
        .collect();
    let flag =
        |flag: &Value| format!("Flag: {}, state: {}", word(&flag["name"]), word(&flag["state"]));
    let sections = [
        ("Basics", format!("Cluster name: {}\n", word(&overview["cluster_name"]))),
        ("Disk Nodes", format!("{name}\n")),
        ("Running Nodes", format!("{name}\n")),
        ("Versions", format!("{name}: RabbitMQ {version} as Pillarbox {own}\n")),
        ("Maintenance status", format!("Node: {name}, status: not under maintenance\n")),
        ("Alarms", lines(alarms(&node))),
        ("Network Partitions", lines(Vec::new())),
        ("Listeners", lines(listening)),
        ("Feature flags", lines(flags.iter().map(flag).collect())),
    ];
    let mut by_node = Map::new();
    by_node.insert(name.clone(), json!({ "rabbitmq_version": version, "erlang_version": "" }));
    let mut all_listeners = Map::new();
    all_listeners.insert(name.clone(), listeners(&overview).into());
    let value = json!({
        "alarms": alarms(&node),
        "cluster_name": overview["cluster_name"],
        "disk_nodes": [name],
        "feature_flags": flags,
        "listeners": all_listeners,
        "maintenance_status": { name.clone(): "not under maintenance" },
        "partitions": {},
        "ram_nodes": [],
        "running_nodes": [name],
        "versions": by_node,
    });
    let sections = sections.map(|(name, text)| title(name) + &text);
    Ok(Done::Value { text: sections.join("\n"), value })
}

/// The settings in effect, as JSON: they are none of Erlang's.
pub(super) fn environment(call: &mut Call<'_>) -> Result<Done, Fault> {
    let api = call.api()?;
    let node = call.node_name(&api)?;
    call.say(format!("Application environment of node {node} ..."));
    let value = api.get("/config/effective")?;
    let text = serde_json::to_string_pretty(&value).unwrap_or_default() + "\n";
    Ok(Done::Value { text, value })
}

pub(super) fn report(call: &mut Call<'_>) -> Result<Done, Fault> {
    let api = call.api()?;
    let node = call.node_name(&api)?;
    call.say(format!("Reporting server status of node {node} ...\n"));
    let mut all = String::new();
    for part in [status, cluster_status, environment] {
        if let Done::Value { text, .. } = part(call)? {
            all.push_str(&call.said());
            all.push_str(&text);
            all.push('\n');
        }
    }
    Ok(Done::Value { value: all.clone().into(), text: all })
}

pub(super) fn list_feature_flags(call: &mut Call<'_>) -> Result<Done, Fault> {
    let api = call.api()?;
    call.say("Listing feature flags ...");
    let found = api.get("/feature-flags")?;
    let rows = found.as_array().into_iter().flatten();
    let rows = rows.map(|flag| vec![flag["name"].clone(), flag["state"].clone()]).collect();
    let columns = ["name", "state"].map(str::to_owned).to_vec();
    Ok(Done::Rows(Rows { columns, rows, ..Rows::default() }))
}

/// All of them are on.
pub(super) fn enable_feature_flag(call: &mut Call<'_>) -> Result<Done, Fault> {
    let name = call.word(0).to_owned();
    call.say(match name.as_str() {
        "all" => "Enabling all feature flags ...".to_owned(),
        name => format!("Enabling feature flag \"{name}\" ..."),
    });
    call.api()?.get("/whoami")?;
    Ok(Done::Silently)
}

/// The version of the tool, which is this program's.
#[expect(clippy::unnecessary_wraps, reason = "all commands have this form")]
pub(super) fn version(_: &mut Call<'_>) -> Result<Done, Fault> {
    Ok(Done::Text(format!("Pillarbox {}", env!("CARGO_PKG_VERSION"))))
}

/// Logs go to the standard error, and whoever keeps them rotates them.
#[expect(clippy::unnecessary_wraps, reason = "all commands have this form")]
pub(super) fn rotate_logs(call: &mut Call<'_>) -> Result<Done, Fault> {
    call.say("The broker logs to its standard error, and keeps no file to rotate: that is done by whoever keeps it, such as journald.");
    Ok(Done::Silently)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gigabytes_have_the_digits_that_rabbitmq_gives_them() {
        for (bytes, text) in [
            (138_500_000_u64, "0.1385 gb"),
            (1_000_000_000, "1.0 gb"),
            (40_464_500_000, "40.4645 gb"),
            (0, "0.0 gb"),
        ] {
            assert_eq!(gigabytes(&json!(bytes)), text);
        }
    }
}
