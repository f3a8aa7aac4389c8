//! How long messages take in each queue: what RabbitMQ does not tell.
//!
//! A histogram is there for a queue that had traffic in the last hour, and begins anew if it has some later.

use broker::{QueueName, VhostName};
use server::admin::{QueueInfo, SpreadCounts};

use super::exposition::{Exposition, write_line};
use super::histograms;
use crate::answer::PIECE_BYTES;

/// What is kept of a queue until it is sent.
pub(super) struct Times {
    vhost: VhostName,
    queue: QueueName,
    ages: [Option<u64>; 2],
    durations: Option<Box<[SpreadCounts; 2]>>,
}

const AGES: [(&str, &str); 2] = [
    ("pillarbox_queue_oldest_ready_seconds", "For how long the oldest ready message has waited"),
    ("pillarbox_queue_oldest_unacked_seconds", "For how long a consumer has not acked a message"),
];

const DURATIONS: [(&str, &str); 2] = [
    ("pillarbox_queue_time_in_queue_seconds", "How long messages waited for their first delivery"),
    ("pillarbox_queue_time_to_ack_seconds", "How long it took until deliveries were acked"),
];

impl Times {
    pub(super) fn of(queue: &QueueInfo) -> Self {
        let times = &queue.times;
        let durations = times.in_queue.zip(times.to_ack);
        Self {
            vhost: queue.vhost.clone(),
            queue: queue.name.clone(),
            ages: [times.oldest_ready_ms, times.oldest_unacked_ms],
            durations: durations.map(|(in_queue, to_ack)| Box::new([in_queue.all, to_ack.all])),
        }
    }

    /// What it holds of memory.
    pub(super) fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.durations.as_ref().map_or(0, |_| size_of::<[SpreadCounts; 2]>())
    }

    fn labels(&self) -> [(&str, &str); 2] {
        [("vhost", self.vhost.as_str()), ("queue", self.queue.as_str())]
    }

    fn write(&self, text: &mut String, family: usize) {
        if let Some((name, _)) = AGES.get(family) {
            if let Some(ms) = self.ages[family] {
                write_line(text, name, &self.labels(), seconds(ms));
            }
            return;
        }
        let Some((name, _)) = DURATIONS.get(family - AGES.len()) else { return };
        if let Some(durations) = &self.durations {
            let counts = &durations[family - AGES.len()];
            histograms::write(text, name, &self.labels(), (counts, 1e3));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "an age is far below 2^53 ms")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1e3
}

/// All families, made while they are sent.
pub(super) fn pieces(queues: Vec<Times>) -> impl Iterator<Item = Vec<u8>> + Send {
    let (mut family, mut next) = (0, 0);
    let ages = AGES.iter().map(|&(name, help)| (name, help, "gauge"));
    let durations = DURATIONS.iter().map(|&(name, help)| (name, help, "histogram"));
    let heads: Vec<_> = ages.chain(durations).collect();
    std::iter::from_fn(move || {
        let &(name, help, kind) = heads.get(family)?;
        let mut head = Exposition::default();
        if next == 0 {
            head.family(name, kind, help);
        }
        let mut text = head.finish();
        while text.len() < PIECE_BYTES {
            let Some(queue) = queues.get(next) else {
                (family, next) = (family + 1, 0);
                break;
            };
            next += 1;
            queue.write(&mut text, family);
        }
        Some(text.into_bytes())
    })
}
