//! The metrics of each queue.

use server::admin::{Admin, QueueInfo, QueueKey};

use super::exposition::{Exposition, write_line};
use super::times::Times;
use crate::answer::PIECE_BYTES;

/// A metric that every queue has.
struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: fn(&QueueInfo) -> Option<u64>,
}

const fn gauge(
    name: &'static str,
    help: &'static str,
    value: fn(&QueueInfo) -> Option<u64>,
) -> Family {
    Family { name, kind: "gauge", help, value }
}

const FAMILIES: &[Family] = &[
    gauge("rabbitmq_queue_messages", "Ready and unacknowledged messages", |queue| {
        Some(queue.messages.total.value)
    }),
    gauge("rabbitmq_queue_messages_ready", "Messages that wait for consumers", |queue| {
        Some(queue.messages.ready.value)
    }),
    gauge("rabbitmq_queue_messages_unacked", "Messages delivered and not acked", |queue| {
        Some(queue.messages.unacked.value)
    }),
    gauge("rabbitmq_queue_messages_bytes", "Bytes of all messages", |queue| {
        Some(queue.messages.ready_bytes + queue.messages.unacked_bytes)
    }),
    gauge("rabbitmq_queue_messages_ready_bytes", "Bytes of the ready messages", |queue| {
        Some(queue.messages.ready_bytes)
    }),
    gauge("rabbitmq_queue_messages_unacked_bytes", "Bytes of the unacked messages", |queue| {
        Some(queue.messages.unacked_bytes)
    }),
    gauge("rabbitmq_queue_messages_persistent", "Persistent messages", |queue| {
        Some(queue.messages.persistent)
    }),
    gauge("rabbitmq_queue_messages_persistent_bytes", "Bytes of those", |queue| {
        Some(queue.messages.persistent_bytes)
    }),
    gauge("rabbitmq_queue_messages_paged_out", "Messages that are not in memory", |queue| {
        Some(queue.messages.paged_out)
    }),
    gauge("rabbitmq_queue_messages_paged_out_bytes", "Bytes of those", |queue| {
        Some(queue.messages.paged_out_bytes)
    }),
    gauge("rabbitmq_queue_consumers", "Consumers on a queue", |queue| {
        Some(u64::from(queue.consumers))
    }),
    gauge("rabbitmq_queue_consumer_capacity", "1 if a message would find a consumer", |queue| {
        Some(u64::from(queue.has_ready_consumer))
    }),
    gauge("rabbitmq_queue_process_memory_bytes", "Memory that a queue takes", |queue| {
        Some(queue.memory_bytes)
    }),
    gauge("rabbitmq_queue_head_message_timestamp", "Timestamp of the next message", |queue| {
        queue.head_message_timestamp
    }),
    Family {
        name: "rabbitmq_queue_messages_published_total",
        kind: "counter",
        help: "Messages published to a queue",
        value: |queue| Some(queue.stats.publish.count),
    },
    Family {
        name: "rabbitmq_queue_messages_delivered_total",
        kind: "counter",
        help: "Messages delivered or fetched",
        value: |queue| Some(queue.stats.deliver_get.count),
    },
    Family {
        name: "rabbitmq_queue_messages_acked_total",
        kind: "counter",
        help: "Messages acked",
        value: |queue| Some(queue.stats.ack.count),
    },
];

/// A queue, and its value of each family: what is held of it until the last family is sent.
pub(super) struct Values(QueueKey, [Option<u64>; FAMILIES.len()]);

/// Those of all queues, and how long their messages take. Each is looked at once.
pub(super) fn values(admin: &Admin) -> (Vec<Values>, Vec<Times>) {
    let keys = admin.queue_keys(None).into_iter();
    let values_of = |key: QueueKey| {
        let queue = admin.queue_at(&key)?;
        let mut values = [None; FAMILIES.len()];
        for (place, family) in values.iter_mut().zip(FAMILIES) {
            *place = (family.value)(&queue);
        }
        Some((Values(key, values), Times::of(&queue)))
    };
    keys.filter_map(values_of).unzip()
}

/// All families, family by family as the format wants it, made while they are sent.
pub(super) fn pieces(queues: Vec<Values>) -> impl Iterator<Item = Vec<u8>> + Send {
    let (mut family, mut next) = (0, 0);
    std::iter::from_fn(move || {
        let Family { name, kind, help, .. } = FAMILIES.get(family)?;
        let mut text = String::new();
        if next == 0 {
            let mut head = Exposition::default();
            head.family(name, kind, help);
            text = head.finish();
        }
        while text.len() < PIECE_BYTES {
            let Some(Values(queue, values)) = queues.get(next) else {
                (family, next) = (family + 1, 0);
                return Some(text.into_bytes());
            };
            next += 1;
            if let Some(value) = values[family] {
                let labels = [("vhost", queue.vhost.as_str()), ("queue", queue.name.as_str())];
                write_line(&mut text, name, &labels, value);
            }
        }
        Some(text.into_bytes())
    })
}
