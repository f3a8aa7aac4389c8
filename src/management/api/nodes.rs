//! `/api/nodes`: what the process uses of the machine.

use serde_json::{Map, Value, json};
use server::admin::{MemoryInfo, Overview};

use crate::answer::Answer;
use crate::api::overview::{churn_rates, contexts, exchange_types};
use crate::failure::Failure;
use crate::fields::{Fields, Wanted};
use crate::request::Request;

/// The one node there is.
pub(crate) fn list(request: &Request) -> Result<Answer, Failure> {
    let fields = fields(request);
    request.listing()?.answer(vec![fields], |fields, wanted| fields.only(wanted))
}

/// The same, by its name.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    this_node(request)?;
    Answer::json(&fields(request))
}

/// What takes how much of the memory.
pub(crate) fn memory(request: &Request) -> Result<Answer, Failure> {
    this_node(request)?;
    let memory = request.admin.node().memory;
    let mut shown = parts_of(&memory);
    shown.insert("strategy".to_owned(), "rss".into());
    let total = json!({ "rss": memory.used, "allocated": memory.used, "erlang": 0 });
    shown.insert("total".to_owned(), total);
    Answer::json(&json!({ "memory": shown }))
}

/// The same, in percents of all of it.
pub(crate) fn memory_relative(request: &Request) -> Result<Answer, Failure> {
    this_node(request)?;
    let memory = request.admin.node().memory;
    let relative = |part: Value| percent(part.as_u64().unwrap_or_default(), memory.used).into();
    let parts = parts_of(&memory).into_iter().map(|(name, part)| (name, relative(part)));
    let mut shown: Map<String, Value> = parts.collect();
    shown.insert("total".to_owned(), 100.into());
    Answer::json(&json!({ "memory": shown }))
}

/// What Erlang's tables take: there are none, as if a filter had found none.
pub(crate) fn tables(request: &Request) -> Result<Answer, Failure> {
    this_node(request)?;
    Answer::json(&json!({ "ets_tables_memory": "no_tables" }))
}

/// Each part, in bytes.
fn parts_of(memory: &MemoryInfo) -> Map<String, Value> {
    let nothing = NOT_HERE.map(|part| (part.to_owned(), 0.into()));
    let mut parts: Map<String, Value> = nothing.into_iter().collect();
    parts.insert("queue_procs".to_owned(), memory.queued.into());
    parts.insert("other_proc".to_owned(), memory.used.saturating_sub(memory.queued).into());
    parts
}

/// Whatever is not nothing is at least 1 %.
fn percent(part: u64, total: u64) -> u64 {
    if part == 0 {
        return 0;
    }
    let (part, total) = (u128::from(part), u128::from(total.max(1)));
    let rounded = (part * 100 + total / 2) / total;
    u64::try_from(rounded).unwrap_or(u64::MAX).max(1)
}

/// What RabbitMQ's memory is divided into, and tools add up. Here it is either queued or not.
const NOT_HERE: [&str; 23] = [
    "allocated_unused",
    "atom",
    "binary",
    "code",
    "connection_channels",
    "connection_other",
    "connection_readers",
    "connection_writers",
    "metadata_store",
    "metadata_store_ets",
    "metrics",
    "mgmt_db",
    "mnesia",
    "msg_index",
    "other_ets",
    "other_system",
    "plugins",
    "quorum_ets",
    "quorum_queue_procs",
    "reserved_unallocated",
    "stream_queue_coordinator_procs",
    "stream_queue_procs",
    "stream_queue_replica_reader_procs",
];

/// Checks that the path names this node.
pub(crate) fn this_node(request: &Request) -> Result<(), Failure> {
    if *request.part("node") == *request.node_name() { Ok(()) } else { Err(Failure::not_found()) }
}

fn fields(request: &Request) -> Fields {
    let (node, overview) = (request.admin.node(), request.admin.overview());
    let all = &Wanted::ALL;
    let (files, files_max) = node.files;
    let mut fields = Fields::new();
    fields
        .put(all, "name", node.name.as_str())
        .put(all, "type", "disc")
        .put(all, "running", true)
        .put(all, "being_drained", false)
        .put(all, "os_pid", node.pid.to_string())
        .put(all, "uptime", node.uptime_ms)
        .put(all, "processors", node.processors)
        .put(all, "run_queue", 0)
        .put(all, "rates_mode", "basic")
        .put(all, "fd_used", files)
        .put(all, "fd_total", files_max)
        .put(all, "sockets_used", node.sockets)
        .put(all, "sockets_total", files_max)
        .put(all, "proc_used", overview.objects.connections)
        .put(all, "proc_total", files_max)
        .put(all, "mem_used", node.memory.used)
        .put(all, "mem_limit", node.memory.limit)
        .put(all, "mem_alarm", node.memory.is_alarmed)
        .put(all, "mem_calculation_strategy", "rss")
        .put(all, "partitions", json!([]))
        .put(all, "cluster_links", json!([]))
        .put(all, "exchange_types", exchange_types())
        .put(all, "auth_mechanisms", auth_mechanisms(&overview))
        .put(all, "applications", applications(request))
        .put(all, "contexts", contexts(request))
        .put(all, "enabled_plugins", json!(["rabbitmq_management", "rabbitmq_prometheus"]))
        .put(all, "log_files", json!(["<stderr>"]))
        .put(all, "config_files", json!([]))
        .put(all, "net_ticktime", 60)
        .put(all, "metrics_gc_queue_length", json!({}));
    let disk = node.disk.as_ref();
    fields
        .put(all, "db_dir", disk.map(|disk| disk.folder.display().to_string()).unwrap_or_default())
        .put(all, "disk_free", disk.map_or(0, |disk| disk.free))
        .put(all, "disk_free_limit", disk.map_or(0, |disk| disk.limit))
        .put(all, "disk_free_alarm", disk.is_some_and(|disk| disk.is_alarmed));
    for (name, value) in [
        ("io_write_bytes", node.log.map_or(0, |log| log.written_bytes)),
        ("io_write_count", node.log.map_or(0, |log| log.batches)),
        ("io_sync_count", node.log.map_or(0, |log| log.flushes)),
    ] {
        fields.put(all, name, value);
    }
    if let Value::Object(churn) = churn_rates(&overview.churn) {
        for name in CHURN {
            fields.put(all, name, churn.get(*name).cloned().unwrap_or_default());
        }
    }
    fields
}

/// What of the churn a node shows as fields of its own.
const CHURN: &[&str] = &[
    "channel_closed",
    "channel_created",
    "connection_closed",
    "connection_created",
    "queue_created",
    "queue_declared",
    "queue_deleted",
];

/// Certificates are logins where there is TLS.
fn auth_mechanisms(overview: &Overview) -> Value {
    let has_tls = overview.listeners.iter().any(|listener| listener.protocol == "amqp/ssl");
    [("PLAIN", true), ("AMQPLAIN", true), ("EXTERNAL", has_tls)]
        .map(|(name, enabled)| json!({ "name": name, "description": "", "enabled": enabled }))
        .into_iter()
        .collect()
}

fn applications(request: &Request) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let compatible = &*request.shown.rabbitmq_version;
    json!([
        { "name": "pillarbox", "description": "Pillarbox", "version": version },
        { "name": "rabbit", "description": "what clients take it for", "version": compatible },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_rounded_to_percents_and_never_to_nothing() {
        for (part, total, expected) in [
            (0, 0, 0),
            (0, 1000, 0),
            (1, 1000, 1),
            (14, 1000, 1),
            (15, 1000, 2),
            (994, 1000, 99),
            (1000, 1000, 100),
            (u64::MAX, u64::MAX, 100),
        ] {
            assert_eq!(percent(part, total), expected, "{part} of {total}");
        }
    }
}
