//! `pillarbox bench`: a load for any AMQP 0-9-1 broker, and what it measured.
//!
//! The tool must cost less than what it measures: publishes are encoded beforehand and written 64 KiB at a time,
//! deliveries are counted where they are read, and only some messages carry a time. At the end it tells what it took
//! itself.

mod arguments;
mod confirm_window;
mod consumer;
mod counters;
mod histogram;
mod pacer;
mod plan;
mod producer;
mod progress;
mod stamp;
mod summary;

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::arguments::Bench;
use self::{
    consumer::Consumer, counters::Counters, pacer::Pacer, plan::Plan, producer::Producer,
    progress::Progress, stamp::RunId, summary::Summary,
};

/// How long the last messages and confirms of a load of fixed size may take after nothing has moved.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How often it is looked whether a load of fixed size is through.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What everybody in a run shares.
struct Run {
    plan: Plan,
    counters: Counters,
    pacer: Pacer,
    /// What messages of this run bear.
    run_id: RunId,
    /// Producers stop when it is cancelled.
    stop: CancellationToken,
}

/// Runs a load and prints what came of it.
///
/// # Errors
/// If the arguments contradict each other, the broker cannot be reached, or it closes a connection on the way.
pub fn run(bench: Bench) -> anyhow::Result<()> {
    let threads = bench.threads.unwrap_or_else(default_threads);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let is_json = bench.json;
    let summary = runtime.block_on(async move { measure(bench).await })?;
    let mut out = io::stdout().lock();
    if is_json {
        serde_json::to_writer_pretty(&mut out, &summary)?;
        writeln!(out)?;
    } else {
        write!(out, "{summary}")?;
    }
    Ok(())
}

/// Half of the cores: the broker often runs on the same machine and wants the other half.
fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2))
}

async fn measure(bench: Bench) -> anyhow::Result<Summary> {
    let plan = Plan::new(bench)?;
    plan.declare().await?;
    let run = Arc::new(Run {
        counters: Counters::new(plan.consumers),
        pacer: Pacer::start(plan.tick()),
        // Without producers of its own it takes the times of anybody's.
        run_id: if plan.producers == 0 { RunId::ANY } else { RunId::new() },
        stop: CancellationToken::new(),
        plan,
    });

    // Everybody connects before anybody publishes. What lies in the queues comes at once.
    let mut progress = Progress::begin(&run)?;
    let mut consumers = Vec::new();
    for index in 0..run.plan.consumers {
        consumers.push(Consumer::start(&run, index).await?);
    }
    let mut producers = Vec::new();
    for index in 0..run.plan.producers {
        producers.push(Producer::connect(&run, index).await?);
    }

    if run.plan.producers > 0 {
        progress = Progress::begin(&run)?;
    }
    let mut publishing = JoinSet::new();
    for producer in producers {
        publishing.spawn(producer.run());
    }
    let summary = tokio::select! {
        summary = progress.watch() => summary?,
        published = finished(&mut publishing, &run) => { published?; progress.finish()? }
        error = first_failure(&consumers) => return Err(error),
        _ = tokio::signal::ctrl_c() => progress.finish()?,
    };
    run.stop.cancel();
    while let Some(published) = publishing.join_next().await {
        published.context("a producer failed")??;
    }
    for consumer in consumers {
        consumer.stop().await?;
    }
    Ok(summary)
}

/// Returns once a load of fixed size is through: everything published, confirmed and received, or as much received as
/// was asked for. One without a size ends only by an error.
async fn finished(publishing: &mut JoinSet<anyhow::Result<()>>, run: &Run) -> anyhow::Result<()> {
    tokio::select! {
        () = received_enough(run) => Ok(()),
        arrived = everything_arrived(publishing, run) => arrived,
    }
}

async fn received_enough(run: &Run) {
    let Some(messages) = run.plan.messages_to_receive else { return std::future::pending().await };
    while run.counters.received() < messages {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn everything_arrived(
    publishing: &mut JoinSet<anyhow::Result<()>>,
    run: &Run,
) -> anyhow::Result<()> {
    while let Some(published) = publishing.join_next().await {
        published.context("a producer failed")??;
    }
    if run.plan.messages_per_producer.is_none() {
        return std::future::pending().await;
    }
    if run.plan.consumers == 0 {
        return Ok(());
    }
    let mut seen = run.counters.received();
    let mut since = tokio::time::Instant::now();
    while run.counters.in_flight(run.plan.copies) > 0 && since.elapsed() < DRAIN_TIMEOUT {
        tokio::time::sleep(LOOK_EVERY).await;
        let received = run.counters.received();
        if received != seen {
            (seen, since) = (received, tokio::time::Instant::now());
        }
    }
    Ok(())
}

async fn first_failure(consumers: &[Consumer]) -> anyhow::Error {
    let mut waiting = JoinSet::new();
    for consumer in consumers {
        waiting.spawn(consumer.failure());
    }
    match waiting.join_next().await {
        Some(Ok(error)) => error,
        Some(Err(error)) => error.into(),
        None => std::future::pending().await,
    }
}
