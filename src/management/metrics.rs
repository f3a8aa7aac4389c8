//! Metrics for Prometheus, by RabbitMQ's names, so that dashboards made for it work.
//!
//! `/metrics` is about the whole node and costs the same however many clients there are; what it tells of queues is the
//! sum of all. `/metrics/per-object` has a line for each queue, and `/metrics/detailed` what is asked for.

mod detailed;
mod exposition;
mod histograms;
mod times;

use broker::queue::Counters;
use server::admin::{Admin, LoginCounts, LoginProtocol, NodeInfo, Overview};

pub(crate) use self::detailed::show as in_detail;
use self::exposition::Exposition;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::request::Request;
use crate::settings::Shown;

/// The format, as Prometheus names it.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The metrics of the node.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    Ok(of_node(&request.admin, &request.shown))
}

/// The same, and those of each queue.
pub(crate) fn show_per_object(request: &Request) -> Result<Answer, Failure> {
    Ok(per_object(&request.admin, &request.shown))
}

/// The families that are asked for, object by object.
pub(crate) fn show_detailed(request: &Request) -> Result<Answer, Failure> {
    Ok(in_detail(&request.admin, &request.shown, &request.query))
}

/// The same for whoever needs no login: Prometheus, on a port of its own.
pub(crate) fn of_node(admin: &Admin, shown: &Shown) -> Answer {
    let overview = admin.overview();
    let mut out = Exposition::default();
    write_node(&mut out, shown, admin, &overview);
    write_sums_of_queues(&mut out, &overview);
    Answer::text(CONTENT_TYPE, out.finish())
}

/// The same, with a line for each queue in place of the sums.
pub(crate) fn per_object(admin: &Admin, shown: &Shown) -> Answer {
    let overview = admin.overview();
    let mut out = Exposition::default();
    write_node(&mut out, shown, admin, &overview);
    let head = out.finish().into_bytes();
    let (queues, times) = detailed::per_queue(admin);
    let held_bytes = head.len()
        + queues.held_bytes()
        + times.iter().map(times::Times::held_bytes).sum::<usize>();
    let pieces = std::iter::once(head).chain(queues.pieces()).chain(times::pieces(times));
    Answer::pieces(CONTENT_TYPE, pieces, held_bytes)
}

fn write_node(out: &mut Exposition, shown: &Shown, admin: &Admin, overview: &Overview) {
    let node = &admin.node();
    write_identity(out, shown, node, &admin.cluster_name());
    write_resources(out, node);
    if let Some(log) = &node.log {
        histograms::write_log(out, log);
    }
    write_churn(out, overview);
    write_logins(out, &admin.login_attempts_ever());
    write_objects(out, overview);
    write_messages(out, overview);
}

fn write_identity(out: &mut Exposition, shown: &Shown, node: &NodeInfo, cluster: &str) {
    let version = env!("CARGO_PKG_VERSION");
    let labels = [
        ("rabbitmq_version", &*shown.rabbitmq_version),
        ("prometheus_plugin_version", version),
        ("prometheus_client_version", version),
        ("erlang_version", ""),
        ("pillarbox_version", version),
    ];
    out.family("rabbitmq_build_info", "untyped", "Versions").labelled(&labels, 1);
    let labels = [
        ("rabbitmq_node", node.name.as_str()),
        ("rabbitmq_cluster", cluster),
        ("rabbitmq_cluster_permanent_id", cluster),
    ];
    out.family("rabbitmq_identity_info", "untyped", "Node and cluster").labelled(&labels, 1);
}

fn write_resources(out: &mut Exposition, node: &NodeInfo) {
    let (files, files_max) = node.files;
    let disk = node.disk.as_ref();
    let log = node.log.as_ref();
    let is_disk_low = disk.is_some_and(|disk| disk.is_alarmed);
    for (name, help, value) in [
        ("alarms_file_descriptor_limit", "1 if file descriptors have run out", 0),
        (
            "alarms_free_disk_space_watermark",
            "1 if the disk is nearly full",
            u64::from(is_disk_low),
        ),
        (
            "alarms_memory_used_watermark",
            "1 if memory is nearly used up",
            u64::from(node.memory.is_alarmed),
        ),
        ("process_open_fds", "Open file descriptors", files),
        ("process_max_fds", "Open file descriptors limit", files_max),
        ("process_open_tcp_sockets", "Open TCP sockets", node.sockets),
        ("process_max_tcp_sockets", "Open TCP sockets limit", files_max),
        ("process_resident_memory_bytes", "Memory used in bytes", node.memory.used),
        ("resident_memory_limit_bytes", "Memory high watermark in bytes", node.memory.limit),
        (
            "disk_space_available_bytes",
            "Disk space available in bytes",
            disk.map_or(0, |disk| disk.free),
        ),
        (
            "disk_space_available_limit_bytes",
            "Free disk space low watermark in bytes",
            disk.map_or(0, |disk| disk.limit),
        ),
    ] {
        out.family(&format!("rabbitmq_{name}"), "gauge", help).value(value);
    }
    for (name, help, value) in [
        ("io_write_ops_total", "Batches written to the log", log.map_or(0, |log| log.batches)),
        ("io_write_bytes_total", "Bytes written", log.map_or(0, |log| log.written_bytes)),
        ("io_sync_ops_total", "Times the disk was flushed", log.map_or(0, |log| log.flushes)),
    ] {
        out.family(&format!("rabbitmq_{name}"), "counter", help).value(value);
    }
    for (name, help, value) in [
        ("log_bytes", "What the files of the log take", log.map_or(0, |log| log.bytes)),
        ("log_live_bytes", "What is needed of that", log.map_or(0, |log| log.live_bytes)),
        ("log_segments", "Files of the log", log.map_or(0, |log| log.segments)),
        ("uptime_seconds", "For how long the node runs", node.uptime_ms / 1000),
    ] {
        out.family(&format!("pillarbox_{name}"), "gauge", help).value(value);
    }
}

fn write_churn(out: &mut Exposition, overview: &Overview) {
    let churn = &overview.churn;
    for (name, help, counter) in [
        ("connections_opened_total", "Total connections opened", churn.connections_created),
        ("connections_closed_total", "Total connections closed", churn.connections_closed),
        ("channels_opened_total", "Total channels opened", churn.channels_created),
        ("channels_closed_total", "Total channels closed", churn.channels_closed),
        ("queues_declared_total", "Total queues declared", churn.queues_declared),
        ("queues_created_total", "Total queues created", churn.queues_created),
        ("queues_deleted_total", "Total queues deleted", churn.queues_deleted),
    ] {
        out.family(&format!("rabbitmq_{name}"), "counter", help).value(counter.count);
    }
}

fn write_logins(out: &mut Exposition, logins: &[(LoginProtocol, LoginCounts)]) {
    type Count = fn(&LoginCounts) -> u64;
    let counts: [(&str, &str, Count); 3] = [
        ("auth_attempts_total", "Logins tried", |logins| logins.total()),
        ("auth_attempts_succeeded_total", "Logins accepted", |logins| logins.accepted),
        ("auth_attempts_failed_total", "Logins refused", |logins| logins.refused),
    ];
    for (name, help, count) in counts {
        let mut family = out.family(&format!("rabbitmq_{name}"), "counter", help);
        for (protocol, logins) in logins {
            family.labelled(&[("protocol", protocol.name())], count(logins));
        }
    }
}

fn write_objects(out: &mut Exposition, overview: &Overview) {
    let objects = &overview.objects;
    for (name, help, count) in [
        ("connections", "Connections currently open", objects.connections),
        ("channels", "Channels currently open", objects.channels),
        ("consumers", "Consumers currently connected", objects.consumers),
        ("queues", "Queues available", objects.queues),
        ("exchanges", "Exchanges available", objects.exchanges),
    ] {
        out.family(&format!("rabbitmq_{name}"), "gauge", help).value(count as u64);
    }
    let mut family = out.family("rabbitmq_global_consumers", "gauge", "Consumers");
    family.labelled(&[("protocol", "amqp091")], objects.consumers as u64);
}

fn write_messages(out: &mut Exposition, overview: &Overview) {
    let messages = &overview.messages;
    let received = messages.publish.count;
    let lost = messages.return_unroutable.count + messages.drop_unroutable.count;
    for (name, help, count) in [
        ("received", "Messages received from publishers", received),
        ("confirmed", "Messages confirmed to publishers", messages.confirm.count),
        ("routed", "Messages routed to a queue", received.saturating_sub(lost)),
        ("unroutable_returned", "Mandatory messages returned", messages.return_unroutable.count),
        ("unroutable_dropped", "Messages that no queue took", messages.drop_unroutable.count),
    ] {
        let mut family =
            out.family(&format!("rabbitmq_global_messages_{name}_total"), "counter", help);
        family.labelled(&[("protocol", "amqp091")], count);
    }
    type Count = fn(&Counters) -> u64;
    let counts: [(&str, &str, Count); 8] = [
        ("acknowledged", "Messages acked", |counters| counters.ack),
        ("delivered", "Messages delivered or fetched", |counters| {
            counters.deliver + counters.deliver_no_ack + counters.get + counters.get_no_ack
        }),
        ("delivered_consume_manual_ack", "Deliveries to ack", |counters| counters.deliver),
        ("delivered_consume_auto_ack", "Deliveries not to ack", |counters| counters.deliver_no_ack),
        ("delivered_get_manual_ack", "Fetches to ack", |counters| counters.get),
        ("delivered_get_auto_ack", "Fetches not to ack", |counters| counters.get_no_ack),
        ("get_empty", "Fetches that found nothing", |counters| counters.get_empty),
        ("redelivered", "Messages delivered again", |counters| counters.redeliver),
    ];
    let kinds =
        [("rabbit_classic_queue", overview.classic), ("rabbit_quorum_queue", overview.quorum)];
    for (name, help, count) in counts {
        let mut family =
            out.family(&format!("rabbitmq_global_messages_{name}_total"), "counter", help);
        for (kind, counters) in &kinds {
            let labels = [("protocol", "amqp091"), ("queue_type", *kind)];
            family.labelled(&labels, count(counters));
        }
    }
    let deaths: [(&str, Count); 4] = [
        ("expired", |counters| counters.died_expired),
        ("rejected", |counters| counters.died_rejected),
        ("maxlen", |counters| counters.died_maxlen),
        ("delivery_limit", |counters| counters.died_delivery_limit),
    ];
    for (reason, count) in deaths {
        let name = format!("rabbitmq_global_messages_dead_lettered_{reason}_total");
        let mut family = out.family(&name, "counter", "Messages that died");
        for (kind, counters) in &kinds {
            family.labelled(&[("queue_type", *kind)], count(counters));
        }
    }
}

/// Where nothing is said of a single queue, these are of all.
fn write_sums_of_queues(out: &mut Exposition, overview: &Overview) {
    let queues = &overview.queues;
    for (name, help, value) in [
        ("messages", "Ready and unacknowledged messages", queues.messages.value),
        ("messages_ready", "Messages that wait for consumers", queues.ready.value),
        ("messages_unacked", "Messages delivered and not acked", queues.unacked.value),
        ("messages_bytes", "Bytes of all messages", queues.bytes),
        ("messages_persistent", "Persistent messages", queues.persistent),
        ("messages_paged_out", "Messages that are not in memory", queues.paged_out),
        ("consumers", "Consumers of queues", overview.objects.consumers as u64),
    ] {
        out.family(&format!("rabbitmq_queue_{name}"), "gauge", help).value(value);
    }
}
