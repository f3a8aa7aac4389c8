//! What a run came to, for people and as JSON.

use std::fmt;

use serde::Serialize;

use super::{histogram::Histogram, progress::grouped};

/// The whole of a run, without its warm-up. Times are microseconds, sizes bytes.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) broker: String,
    pub(super) producers: usize,
    pub(super) consumers: usize,
    pub(super) queues: usize,
    pub(super) size: usize,
    pub(super) seconds: f64,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) confirmed: u64,
    pub(super) nacked: u64,
    pub(super) returned: u64,
    pub(super) sent_per_sec: f64,
    pub(super) received_per_sec: f64,
    pub(super) confirmed_per_sec: f64,
    /// From publish to delivery.
    pub(super) latency_us: Option<Latency>,
    /// From publish to confirm.
    pub(super) confirm_latency_us: Option<Latency>,
    pub(super) broker_cpu_us_per_message: Option<f64>,
    pub(super) broker_resident_bytes_max: Option<u64>,
    pub(super) tool_cpu_us_per_message: Option<f64>,
}

/// Percentiles of a time, in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Latency {
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
    pub(super) max: f64,
    /// How many messages were looked at.
    pub(super) samples: u64,
}

impl Latency {
    /// `None` if nothing was measured.
    pub(super) fn of(histogram: &Histogram) -> Option<Self> {
        let at = |share| microseconds(histogram.quantile(share));
        (histogram.total() > 0).then(|| Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: microseconds(histogram.max()),
            samples: histogram.total(),
        })
    }
}

pub(super) fn microseconds(nanos: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
    let nanos = nanos as f64;
    nanos / 1e3
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        writeln!(
            f,
            "{}: {} producers, {} consumers, {} queues, {} bytes, {:.1} s",
            self.broker, self.producers, self.consumers, self.queues, self.size, self.seconds
        )?;
        #[expect(clippy::cast_precision_loss, reason = "a run has less than 2^52 messages")]
        let count = |count: u64| grouped(count as f64);
        let mut rate = |what: &str, total: u64, rate: f64| {
            writeln!(f, "{what:<16}{:>16} msg {:>14} msg/s", count(total), grouped(rate))
        };
        rate("sent", self.sent, self.sent_per_sec)?;
        rate("received", self.received, self.received_per_sec)?;
        if self.confirm_latency_us.is_some() {
            rate("confirmed", self.confirmed, self.confirmed_per_sec)?;
        }
        for (what, total) in [("nacked", self.nacked), ("returned", self.returned)] {
            if total > 0 {
                writeln!(f, "{what:<16}{:>16} msg", count(total))?;
            }
        }
        let latencies =
            [("latency", self.latency_us), ("confirm latency", self.confirm_latency_us)];
        for (what, latency) in latencies {
            if let Some(Latency { p50, p90, p99, p999, max, samples }) = latency {
                writeln!(
                    f,
                    "{what:<16}p50 {p50:.0} µs, p90 {p90:.0}, p99 {p99:.0}, p99.9 {p999:.0}, max {max:.0} \
                     ({} samples)",
                    count(samples)
                )?;
            }
        }
        if let Some(cpu) = self.broker_cpu_us_per_message {
            writeln!(f, "{:<16}{cpu:.3} µs CPU a message", "broker")?;
        }
        if let Some(bytes) = self.broker_resident_bytes_max {
            writeln!(f, "{:<16}{} MiB resident at most", "broker", bytes.div_ceil(1 << 20))?;
        }
        if let Some(cpu) = self.tool_cpu_us_per_message {
            writeln!(f, "{:<16}{cpu:.3} µs CPU a message", "this tool")?;
        }
        Ok(())
    }
}
