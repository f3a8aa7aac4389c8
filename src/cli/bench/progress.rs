//! A line each second, and the summary of the whole.

use std::{
    io::{self, Write},
    process,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time;

use super::{
    Run,
    counters::Snapshot,
    histogram::Histogram,
    summary::{Latency, Summary, microseconds},
};
use crate::process::{cpu_time, resident_bytes};

const SECOND: Duration = Duration::from_secs(1);

pub(super) struct Progress {
    run: Arc<Run>,
    begun: Instant,
    at_begin: Snapshot,
    cpu_at_begin: CpuTimes,
    /// When the last line was written, and what it counted up to.
    line_at: Instant,
    at_line: Snapshot,
    latency: Histogram,
    confirm_latency: Histogram,
    broker_resident_max: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct CpuTimes {
    tool: Duration,
    broker: Option<Duration>,
}

impl Progress {
    pub(super) fn begin(run: &Arc<Run>) -> anyhow::Result<Self> {
        let (now, at_begin) = (Instant::now(), run.counters.snapshot());
        Ok(Self {
            run: Arc::clone(run),
            begun: now,
            at_begin,
            cpu_at_begin: CpuTimes::now(run.plan.bench.broker_pid)?,
            line_at: now,
            at_line: at_begin,
            latency: Histogram::default(),
            confirm_latency: Histogram::default(),
            broker_resident_max: None,
        })
    }

    /// Writes a line each second until the time is over.
    pub(super) async fn watch(&mut self) -> anyhow::Result<Summary> {
        let bench = self.run.plan.bench.clone();
        if bench.warm_up > 0.0 {
            time::sleep(Duration::from_secs_f64(bench.warm_up)).await;
            let run = Arc::clone(&self.run);
            run.counters.take_latencies();
            *self = Self::begin(&run)?;
        }
        let end = bench.seconds.map(|seconds| self.begun + Duration::from_secs_f64(seconds));
        loop {
            let next = self.line_at + SECOND;
            // What is left of the last second by rounding is no line of its own.
            let is_last = end.is_some_and(|end| end <= next + SECOND / 10);
            let until = if is_last { end.unwrap_or(next) } else { next };
            time::sleep_until(until.into()).await;
            self.write_line()?;
            if is_last {
                return self.finish();
            }
        }
    }

    fn write_line(&mut self) -> anyhow::Result<()> {
        let (now, counted) = (Instant::now(), self.run.counters.snapshot());
        let seconds = (now - self.line_at).as_secs_f64();
        let before = std::mem::replace(&mut self.at_line, counted);
        self.line_at = now;
        let rate = |now: u64, before: u64| grouped(per_second(now - before, seconds));
        let mut line = format!(
            "{:6.1} s  sent {:>12}/s  received {:>12}/s",
            (now - self.begun).as_secs_f64(),
            rate(counted.sent, before.sent),
            rate(counted.received, before.received),
        );
        if self.run.plan.bench.confirm.is_some() {
            line += &format!("  confirmed {:>12}/s", rate(counted.confirmed, before.confirmed));
        }
        let (mut latency, mut confirm_latency) = self.run.counters.take_latencies();
        if latency.total() > 0 {
            let [p50, p99] = [0.5, 0.99].map(|share| microseconds(latency.quantile(share)));
            line += &format!("  latency p50 {p50:.0} µs, p99 {p99:.0} µs");
        }
        self.latency.take_from(&mut latency);
        self.confirm_latency.take_from(&mut confirm_latency);
        self.measure_memory()?;
        if self.run.plan.bench.json {
            writeln!(io::stderr().lock(), "{line}")?;
        } else {
            writeln!(io::stdout().lock(), "{line}")?;
        }
        Ok(())
    }

    fn measure_memory(&mut self) -> anyhow::Result<()> {
        if let Some(pid) = self.run.plan.bench.broker_pid {
            let resident = resident_bytes(pid)?;
            self.broker_resident_max = self.broker_resident_max.max(Some(resident));
        }
        Ok(())
    }

    /// What was measured from the beginning until now.
    pub(super) fn finish(&mut self) -> anyhow::Result<Summary> {
        let run = &self.run;
        let (counted, begin) = (run.counters.snapshot(), self.at_begin);
        let seconds = self.begun.elapsed().as_secs_f64();
        let cpu = CpuTimes::now(run.plan.bench.broker_pid)?;
        let (mut latency, mut confirm_latency) = run.counters.take_latencies();
        self.latency.take_from(&mut latency);
        self.confirm_latency.take_from(&mut confirm_latency);
        self.measure_memory()?;

        let sent = counted.sent - begin.sent;
        let received = counted.received - begin.received;
        let confirmed = counted.confirmed - begin.confirmed;
        // What a message is to the broker: with copies it is each of them.
        let messages = if self.run.plan.consumers > 0 { received } else { sent };
        let cpu_us = |after: Duration, before: Duration| {
            #[expect(clippy::cast_precision_loss, reason = "a run has less than 2^52 messages")]
            (messages > 0).then(|| (after - before).as_secs_f64() * 1e6 / messages as f64)
        };
        let broker_cpu = cpu.broker.zip(self.cpu_at_begin.broker);
        Ok(Summary {
            broker: self.run.plan.shown_uri(),
            producers: self.run.plan.producers,
            consumers: self.run.plan.consumers,
            queues: self.run.plan.queues.len(),
            size: self.run.plan.bench.size,
            seconds,
            sent,
            received,
            confirmed,
            nacked: counted.nacked - begin.nacked,
            returned: counted.returned - begin.returned,
            sent_per_sec: per_second(sent, seconds),
            received_per_sec: per_second(received, seconds),
            confirmed_per_sec: per_second(confirmed, seconds),
            latency_us: Latency::of(&self.latency),
            confirm_latency_us: Latency::of(&self.confirm_latency),
            broker_cpu_us_per_message: broker_cpu.and_then(|(after, before)| cpu_us(after, before)),
            broker_resident_bytes_max: self.broker_resident_max,
            tool_cpu_us_per_message: cpu_us(cpu.tool, self.cpu_at_begin.tool),
        })
    }
}

impl CpuTimes {
    fn now(broker: Option<u32>) -> anyhow::Result<Self> {
        Ok(Self { tool: cpu_time(process::id())?, broker: broker.map(cpu_time).transpose()? })
    }
}

fn per_second(count: u64, seconds: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a run has less than 2^52 messages")]
    let count = count as f64;
    if seconds > 0.0 { count / seconds } else { 0.0 }
}

/// A number with a comma between each three digits.
pub(super) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let texts = [0.0, 999.4, 1000.0, 1_234_567.0].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
    }
}
