//! Declaring, and routing through many bindings.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use cli::process::cpu_time;
use pillarbox_client::{
    Channel, Connection, ConsumeOptions, ConsumerHandler, DeliveryRef, ExchangeOptions, FieldTable,
    Publish, QueueOptions, Replies,
};
use tokio::time;

use super::{
    brokers::Broker,
    loads::{Pace, bench},
    report::{Must, Row, median},
};

/// How many queues and bindings there are in a crowded vhost.
const CROWD: usize = 50_000;

/// How many bindings a topic exchange has, of which one matches.
const BINDINGS: usize = 5_000;

/// How often a round trip is measured.
const ROUND_TRIPS: usize = 2_000;

/// How many declares a second a publisher has to bear beside it.
const DECLARES_PER_SEC: f64 = 1_000.0;

/// The figures that `--quick` takes less for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub(super) is_quick: bool,
    pub(super) rounds: usize,
    pub(super) pace: Pace,
}

/// Redeclaring a queue, and declaring and deleting an exclusive one, in milliseconds.
pub(super) async fn round_trips(
    brokers: (&Broker, Option<&Broker>),
    effort: Effort,
) -> anyhow::Result<Vec<Row>> {
    let (mut redeclares, mut pairs) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let ours = RoundTrips::measure(brokers.0, effort).await?;
        let theirs = match brokers.1 {
            Some(broker) => Some(RoundTrips::measure(broker, effort).await?),
            None => None,
        };
        redeclares.push((ours.redeclare, theirs.as_ref().map(|theirs| theirs.redeclare)));
        pairs.push((ours.declare_delete, theirs.as_ref().map(|theirs| theirs.declare_delete)));
    }
    Ok(vec![
        Row::of("redeclare a queue, p50", "ms", &redeclares, Must::AtMost(0.1)),
        Row::of("declare and delete an exclusive queue, p50", "ms", &pairs, Must::AtMost(0.2)),
    ])
}

/// The same among many queues and bindings, and what it does to a publisher.
pub(super) async fn crowded(
    binary: &Path,
    broker: &Broker,
    effort: Effort,
) -> anyhow::Result<Vec<Row>> {
    let crowd = if effort.is_quick { CROWD / 10 } else { CROWD };
    let (_connection, channel) = open(&broker.uri).await?;
    for number in 0..crowd {
        let queue = format!("crowd-{number}");
        channel.queue_declare(&queue, QueueOptions::default()).await?;
        channel.queue_bind(&queue, "amq.topic", &queue, &FieldTable::new()).await?;
    }
    let trips = RoundTrips::measure(broker, effort).await?;

    let load = "-u beside -s 16 -a --in-flight 20000";
    let mut shares = Vec::new();
    for _ in 0..effort.rounds {
        let alone = bench(binary, broker, load, effort.pace)?.received_per_sec;
        let declaring = tokio::spawn(declare_at_rate(open(&broker.uri).await?.1));
        let (tool, pace) = (binary.to_owned(), effort.pace);
        let beside = tokio::task::block_in_place(|| bench(&tool, broker, load, pace));
        declaring.abort();
        shares.push((beside?.received_per_sec / alone * 100.0, None));
    }
    let among = format!("among {crowd} queues and bindings");
    let row = |what: &str, unit, figures: &[_], must| {
        Row::of(format!("{what}, {among}"), unit, figures, must)
    };
    Ok(vec![
        row("redeclare a queue, p50", "ms", &[(trips.redeclare, None)], Must::AtMost(0.1)),
        row(
            "declare and delete an exclusive queue, p50",
            "ms",
            &[(trips.declare_delete, None)],
            Must::AtMost(0.2),
        ),
        row(
            "a publisher beside 1,000 declares/s, of its rate alone",
            "%",
            &shares,
            Must::AtLeast(80.0),
        ),
    ])
}

/// The broker's CPU time for publishing through a topic exchange with many bindings, against one with a single one.
///
/// The keys change from message to message, so that no cache of the last ones answers for the exchange.
pub(super) async fn topic(broker: &Broker, effort: Effort) -> anyhow::Result<Vec<Row>> {
    let mut ratios = Vec::new();
    for _ in 0..effort.rounds {
        let one = topic_cpu_us(broker, 1, effort.pace).await?;
        let many = topic_cpu_us(broker, BINDINGS, effort.pace).await?;
        ratios.push((many / one, None));
    }
    let what = format!("topic publish with {BINDINGS} bindings against 1, CPU");
    Ok(vec![Row::of(what, "×", &ratios, Must::AtMost(1.5))])
}

/// Medians in milliseconds.
struct RoundTrips {
    redeclare: f64,
    declare_delete: f64,
}

impl RoundTrips {
    /// On a thread of its own, where the client hands nothing from one thread to another: that would take longer than
    /// the broker's answer.
    async fn measure(broker: &Broker, effort: Effort) -> anyhow::Result<Self> {
        let count = if effort.is_quick { ROUND_TRIPS / 10 } else { ROUND_TRIPS };
        let uri = broker.uri.clone();
        let measure = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(Self::of(&uri, count))
        };
        tokio::task::spawn_blocking(measure).await?
    }

    async fn of(uri: &str, count: usize) -> anyhow::Result<Self> {
        let (connection, channel) = open(uri).await?;
        let temporary = || QueueOptions { auto_delete: true, ..QueueOptions::default() };
        channel.queue_declare("redeclared", temporary()).await?;
        let (mut redeclares, mut pairs) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let begun = Instant::now();
            channel.queue_declare("redeclared", temporary()).await?;
            redeclares.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        for _ in 0..count {
            let begun = Instant::now();
            declare_and_delete(&channel).await?;
            pairs.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        channel.queue_delete("redeclared", false, false).await?;
        connection.close().await?;
        let p50 = |times: Vec<f64>| median(times.into_iter()).context("nothing was measured");
        Ok(Self { redeclare: p50(redeclares)?, declare_delete: p50(pairs)? })
    }
}

async fn declare_and_delete(channel: &Channel) -> anyhow::Result<()> {
    let exclusive = QueueOptions { exclusive: true, ..QueueOptions::default() };
    channel.queue_declare("exclusive", exclusive).await?;
    channel.queue_delete("exclusive", false, false).await?;
    Ok(())
}

async fn declare_at_rate(channel: Channel) -> anyhow::Result<()> {
    // The timer ticks in milliseconds; ten at once every ten of them come to the same.
    const AT_ONCE: u32 = 10;
    let mut tick = time::interval(Duration::from_secs_f64(f64::from(AT_ONCE) / DECLARES_PER_SEC));
    loop {
        tick.tick().await;
        for _ in 0..AT_ONCE {
            declare_and_delete(&channel).await?;
        }
    }
}

async fn open(uri: &str) -> anyhow::Result<(Connection, Channel)> {
    let connection = Connection::connect(uri).await?;
    let channel = connection.open_channel().await?;
    Ok((connection, channel))
}

struct Count(Arc<AtomicU64>);

impl ConsumerHandler for Count {
    fn delivery(&mut self, _: &DeliveryRef<'_>, _: &mut Replies<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// CPU microseconds of the broker for each message.
async fn topic_cpu_us(broker: &Broker, bindings: usize, pace: Pace) -> anyhow::Result<f64> {
    const EXCHANGE: &str = "compared-topics";
    const KEYS: usize = 1_000;
    let (connection, channel) = open(&broker.uri).await?;
    let temporary = ExchangeOptions { auto_delete: true, ..ExchangeOptions::default() };
    channel.exchange_declare(EXCHANGE, "topic", temporary).await?;
    let exclusive = || QueueOptions { exclusive: true, ..QueueOptions::default() };
    let matching = channel.queue_declare("", exclusive()).await?.name;
    let other = channel.queue_declare("", exclusive()).await?.name;
    let none = FieldTable::new();
    channel.queue_bind(&matching, EXCHANGE, "orders.*.paid", &none).await?;
    for number in 1..bindings {
        // Half of them begin with a wildcard, so that no first word rules them out.
        let key = match number % 2 {
            0 => format!("invoices-{number}.*.paid"),
            _ => format!("*.customer-{number}.#"),
        };
        channel.queue_bind(&other, EXCHANGE, &key, &none).await?;
    }
    let received = Arc::new(AtomicU64::new(0));
    let no_ack = ConsumeOptions { no_ack: true, ..ConsumeOptions::default() };
    channel.consume_with(&matching, no_ack, Count(Arc::clone(&received))).await?;

    let mut prepared = Vec::new();
    for number in 0..KEYS {
        let routing_key = &format!("orders.number-{number}.paid");
        let publish =
            Publish { exchange: EXCHANGE, routing_key, body: &[0; 16], ..Publish::default() };
        prepared.push(channel.prepare(&publish, 1)?);
    }
    let cpu_before = cpu_time(broker.pid)?;
    let begun = Instant::now();
    let mut sent = 0;
    while begun.elapsed().as_secs_f64() < pace.measured {
        for publish in &prepared {
            channel.publish_prepared(publish, 1).await?;
        }
        sent += KEYS as u64;
        while sent - received.load(Ordering::Relaxed) > 20_000 {
            time::sleep(Duration::from_millis(1)).await;
        }
    }
    while received.load(Ordering::Relaxed) < sent {
        time::sleep(Duration::from_millis(1)).await;
    }
    let cpu = cpu_time(broker.pid)? - cpu_before;
    connection.close().await?;
    #[expect(clippy::cast_precision_loss, reason = "a run has less than 2^52 messages")]
    Ok(cpu.as_secs_f64() * 1e6 / sent as f64)
}
