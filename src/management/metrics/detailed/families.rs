//! Which metrics each family has.

use super::{
    ChannelInfo, ChurnRates, ConnectionInfo, ExchangeInfo, LoginCounts, Metric, NodeInfo, QueueInfo,
};

/// Families by their names.
type Families<T> = &'static [(&'static str, &'static [Metric<T>])];

const fn gauge<T>(
    name: &'static str,
    help: &'static str,
    value: fn(&T) -> Option<f64>,
) -> Metric<T> {
    Metric { name, kind: "gauge", help, value }
}

const fn counter<T>(
    name: &'static str,
    help: &'static str,
    value: fn(&T) -> Option<f64>,
) -> Metric<T> {
    Metric { name, kind: "counter", help, value }
}

/// A number as Prometheus keeps it.
#[expect(clippy::cast_precision_loss, reason = "Prometheus keeps all numbers so")]
#[expect(clippy::unnecessary_wraps, reason = "what a metric has for a thing may be nothing")]
fn some(value: u64) -> Option<f64> {
    Some(value as f64)
}

const QUEUE_CONSUMERS: Metric<QueueInfo> =
    gauge("queue_consumers", "Consumers on a queue", |queue| some(queue.consumers.into()));

fn capacity(queue: &QueueInfo) -> Option<f64> {
    some(u64::from(queue.has_ready_consumer))
}

fn resident(queue: &QueueInfo) -> u64 {
    queue.messages.total.value.saturating_sub(queue.messages.paged_out)
}

/// What RabbitMQ counts for each pair of a channel and a queue, here of the queue: told of each without being asked for, as
/// `queue_delivery_metrics` has other numbers by these names.
pub(super) const COUNTERS_OF_QUEUE: &[Metric<QueueInfo>] = &[
    counter("queue_messages_published_total", "Messages published to a queue", |queue| {
        some(queue.stats.publish.count)
    }),
    counter("queue_messages_delivered_total", "Messages delivered or fetched", |queue| {
        some(queue.stats.deliver_get.count)
    }),
    counter("queue_messages_acked_total", "Messages acked", |queue| some(queue.stats.ack.count)),
];

pub(super) const QUEUES: Families<QueueInfo> = &[
    (
        "queue_coarse_metrics",
        &[
            gauge("queue_messages_ready", "Messages ready to be delivered to consumers", |queue| {
                some(queue.messages.ready.value)
            }),
            gauge("queue_messages_unacked", "Messages delivered and not acked", |queue| {
                some(queue.messages.unacked.value)
            }),
            gauge("queue_messages", "Sum of ready and unacknowledged messages", |queue| {
                some(queue.messages.total.value)
            }),
        ],
    ),
    ("queue_consumer_count", &[QUEUE_CONSUMERS]),
    (
        "queue_metrics",
        &[
            QUEUE_CONSUMERS,
            gauge("queue_consumer_capacity", "1 if a message would find a consumer", capacity),
            gauge("queue_consumer_utilisation", "Same as consumer capacity", capacity),
            gauge("queue_process_memory_bytes", "Memory that a queue takes", |queue| {
                some(queue.memory_bytes)
            }),
            gauge("queue_messages_ram", "Messages in memory", |queue| some(resident(queue))),
            gauge("queue_messages_ready_ram", "Ready messages in memory", |queue| {
                some(queue.messages.ready.value.saturating_sub(queue.messages.paged_out))
            }),
            gauge("queue_messages_unacked_ram", "Unacked messages in memory", |queue| {
                some(queue.messages.unacked.value)
            }),
            gauge("queue_messages_persistent", "Persistent messages", |queue| {
                some(queue.messages.persistent)
            }),
            gauge("queue_messages_persistent_bytes", "Bytes of those", |queue| {
                some(queue.messages.persistent_bytes)
            }),
            gauge("queue_messages_bytes", "Bytes of all messages", |queue| {
                some(queue.messages.ready_bytes + queue.messages.unacked_bytes)
            }),
            gauge("queue_messages_ready_bytes", "Bytes of the ready messages", |queue| {
                some(queue.messages.ready_bytes)
            }),
            gauge("queue_messages_unacked_bytes", "Bytes of the unacked messages", |queue| {
                some(queue.messages.unacked_bytes)
            }),
            gauge("queue_messages_paged_out", "Messages that are not in memory", |queue| {
                some(queue.messages.paged_out)
            }),
            gauge("queue_messages_paged_out_bytes", "Bytes of those", |queue| {
                some(queue.messages.paged_out_bytes)
            }),
            gauge("queue_head_message_timestamp", "Timestamp of the next message", |queue| {
                queue.head_message_timestamp.and_then(some)
            }),
        ],
    ),
    (
        "queue_delivery_metrics",
        &[
            counter("queue_get_ack_total", "Messages fetched to be acked", |queue| {
                some(queue.stats.get.count)
            }),
            counter("queue_get_total", "Messages fetched and settled at once", |queue| {
                some(queue.stats.get_no_ack.count)
            }),
            counter("queue_messages_delivered_ack_total", "Deliveries to be acked", |queue| {
                some(queue.stats.deliver.count)
            }),
            counter("queue_messages_delivered_total", "Deliveries settled at once", |queue| {
                some(queue.stats.deliver_no_ack.count)
            }),
            counter("queue_messages_redelivered_total", "Messages delivered again", |queue| {
                some(queue.stats.redeliver.count)
            }),
            counter("queue_messages_acked_total", "Messages acked", |queue| {
                some(queue.stats.ack.count)
            }),
            counter("queue_get_empty_total", "Fetches that found nothing", |queue| {
                some(queue.stats.get_empty.count)
            }),
        ],
    ),
];

pub(super) const EXCHANGES: Families<ExchangeInfo> = &[(
    "exchange_metrics",
    &[
        counter("exchange_messages_published_total", "Messages published", |exchange| {
            some(exchange.publish_in.count)
        }),
        counter("exchange_messages_unroutable_total", "Messages that no queue took", |exchange| {
            some(exchange.unroutable.count)
        }),
    ],
)];

pub(super) const EXCHANGES_OF_CLUSTER: Families<ExchangeInfo> = &[
    ("exchange_names", &[gauge("exchange_name", "Exchanges, with their types", |_| some(1))]),
    (
        "exchange_bindings",
        &[gauge("exchange_bindings", "Bindings of an exchange", |exchange| {
            some(exchange.bindings as u64)
        })],
    ),
];

pub(super) const VHOST_STATUS: Metric<()> =
    gauge("vhost_status", "1 if the vhost is running", |()| some(1));

pub(super) const CHANNELS: Families<ChannelInfo> = &[
    (
        "channel_metrics",
        &[
            gauge("channel_consumers", "Consumers on a channel", |channel| {
                some(channel.consumers as u64)
            }),
            gauge("channel_messages_unacked", "Delivered and not acked", |channel| {
                some(channel.unacked as u64)
            }),
            gauge("channel_messages_unconfirmed", "Published and not confirmed", |channel| {
                some(channel.unconfirmed)
            }),
            gauge("channel_messages_uncommitted", "Published in a transaction", |channel| {
                some(channel.uncommitted)
            }),
            gauge("channel_acks_uncommitted", "Settled in a transaction", |channel| {
                some(channel.acks_uncommitted)
            }),
            gauge("consumer_prefetch", "Prefetch of new consumers", |channel| {
                some(channel.prefetch.into())
            }),
            gauge("channel_prefetch", "Prefetch of all consumers together", |channel| {
                some(channel.global_prefetch.into())
            }),
        ],
    ),
    (
        "channel_exchange_metrics",
        &[
            counter("channel_messages_published_total", "Messages published", |channel| {
                some(channel.stats.publish.count)
            }),
            counter("channel_messages_confirmed_total", "Messages confirmed", |channel| {
                some(channel.stats.confirm.count)
            }),
            counter("channel_messages_unroutable_returned_total", "Messages returned", |channel| {
                some(channel.stats.return_unroutable.count)
            }),
            counter("channel_messages_unroutable_dropped_total", "Messages dropped", |channel| {
                some(channel.stats.drop_unroutable.count)
            }),
        ],
    ),
    (
        "channel_queue_metrics",
        &[
            counter("channel_get_ack_total", "Messages fetched to be acked", |channel| {
                some(channel.stats.get.count)
            }),
            counter("channel_get_total", "Messages fetched and settled at once", |channel| {
                some(channel.stats.get_no_ack.count)
            }),
            counter("channel_messages_delivered_ack_total", "Deliveries to be acked", |channel| {
                some(channel.stats.deliver.count)
            }),
            counter("channel_messages_delivered_total", "Deliveries settled at once", |channel| {
                some(channel.stats.deliver_no_ack.count)
            }),
            counter("channel_messages_redelivered_total", "Messages delivered again", |channel| {
                some(channel.stats.redeliver.count)
            }),
            counter("channel_messages_acked_total", "Messages acked", |channel| {
                some(channel.stats.ack.count)
            }),
            counter("channel_get_empty_total", "Fetches that found nothing", |channel| {
                some(channel.stats.get_empty.count)
            }),
        ],
    ),
];

pub(super) const CONNECTIONS: Families<ConnectionInfo> = &[
    (
        "connection_metrics",
        &[
            counter("connection_incoming_packets_total", "Reads from a connection", |connection| {
                some(connection.reads.count)
            }),
            counter("connection_outgoing_packets_total", "Writes to a connection", |connection| {
                some(connection.writes.count)
            }),
            gauge("connection_channels", "Channels on a connection", |connection| {
                some(connection.channels as u64)
            }),
        ],
    ),
    (
        "connection_coarse_metrics",
        &[
            counter("connection_incoming_bytes_total", "Bytes received", |connection| {
                some(connection.received_bytes.count)
            }),
            counter("connection_outgoing_bytes_total", "Bytes sent", |connection| {
                some(connection.sent_bytes.count)
            }),
        ],
    ),
];

pub(super) const NODE: Families<NodeInfo> = &[
    (
        "node_coarse_metrics",
        &[
            gauge("process_open_fds", "Open file descriptors", |node| some(node.files.0)),
            gauge("process_open_tcp_sockets", "Open TCP sockets", |node| some(node.sockets)),
            gauge("process_resident_memory_bytes", "Memory used in bytes", |node| {
                some(node.memory.used)
            }),
            gauge("disk_space_available_bytes", "Disk space available in bytes", |node| {
                node.disk.as_ref().and_then(|disk| some(disk.free))
            }),
        ],
    ),
    (
        "node_metrics",
        &[
            gauge("process_max_fds", "Open file descriptors limit", |node| some(node.files.1)),
            gauge("process_max_tcp_sockets", "Open TCP sockets limit", |node| some(node.files.1)),
            gauge("resident_memory_limit_bytes", "Memory high watermark in bytes", |node| {
                some(node.memory.limit)
            }),
            gauge("disk_space_available_limit_bytes", "Free disk space low watermark", |node| {
                node.disk.as_ref().and_then(|disk| some(disk.limit))
            }),
        ],
    ),
    (
        "node_persister_metrics",
        &[
            counter("io_write_ops_total", "Batches written to the log", |node| {
                node.log.as_ref().and_then(|log| some(log.batches))
            }),
            counter("io_write_bytes_total", "Bytes written", |node| {
                node.log.as_ref().and_then(|log| some(log.written_bytes))
            }),
            counter("io_sync_ops_total", "Times the disk was flushed", |node| {
                node.log.as_ref().and_then(|log| some(log.flushes))
            }),
        ],
    ),
];

pub(super) const CHURN: Families<ChurnRates> = &[(
    "connection_churn_metrics",
    &[
        counter("connections_opened_total", "Total connections opened", |churn| {
            some(churn.connections_created.count)
        }),
        counter("connections_closed_total", "Total connections closed", |churn| {
            some(churn.connections_closed.count)
        }),
        counter("channels_opened_total", "Total channels opened", |churn| {
            some(churn.channels_created.count)
        }),
        counter("channels_closed_total", "Total channels closed", |churn| {
            some(churn.channels_closed.count)
        }),
        counter("queues_declared_total", "Total queues declared", |churn| {
            some(churn.queues_declared.count)
        }),
        counter("queues_created_total", "Total queues created", |churn| {
            some(churn.queues_created.count)
        }),
        counter("queues_deleted_total", "Total queues deleted", |churn| {
            some(churn.queues_deleted.count)
        }),
    ],
)];

pub(super) const LOGINS: Families<LoginCounts> = &[(
    "auth_attempt_metrics",
    &[
        counter("auth_attempts_total", "Logins tried", |logins| some(logins.total())),
        counter("auth_attempts_succeeded_total", "Logins accepted", |logins| some(logins.accepted)),
        counter("auth_attempts_failed_total", "Logins refused", |logins| some(logins.refused)),
    ],
)];
