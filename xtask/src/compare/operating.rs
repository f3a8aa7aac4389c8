//! What an operator's questions take among very many queues, and what answering them costs the messages.

use std::{ops::Range, path::Path, time::Duration};

use anyhow::{Context, ensure};
use pillarbox_client::{Channel, Connection, Publish, QueueOptions};
use tokio::{task, time};

use super::{
    before,
    brokers::Broker,
    loads::{LOADS, Load, bench},
    memory,
    operator::{Asking, Operator},
    report::{Must, Row, median},
    topology::Effort,
};

/// How many queues there are, of which every tenth holds a message.
const QUEUES: usize = 50_000;

/// More queues than histograms fit into the memory that there is for them.
const QUEUES_WITH_HISTOGRAMS: usize = 20_000;

/// What Flower looks at.
const FLOWER: &str = "/api/queues/%2F?columns=name,messages,messages_unacknowledged,messages_ready,consumers,idle_since";

/// What the web page asks for while its overview, and beside it its list of queues, are open.
const PAGE: [&str; 3] = [
    "/api/overview",
    "/api/nodes",
    "/api/queues?page=1&page_size=50&sort=name&columns=name,vhost,type,state,messages,messages_ready,messages_unacknowledged,consumers,message_stats",
];

/// How often it asks.
const PAGE_INTERVAL: Duration = Duration::from_secs(2);

/// The loads that run beside the page: those of one queue.
fn loads(wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = &'static Load> {
    LOADS.iter().filter(move |load| {
        let is_rate = load.argument("-r").is_none();
        is_rate && load.argument("-x").is_none() && wanted(load.name)
    })
}

/// Lists and metrics of very many queues, and the latency of messages meanwhile.
pub(super) async fn questions(
    binary: &Path,
    with_rabbitmq: bool,
    effort: Effort,
) -> anyhow::Result<Vec<Row>> {
    let count = if effort.is_quick { QUEUES / 10 } else { QUEUES };
    let ours = {
        let broker = Broker::pillarbox(binary)?;
        Answers::of(&broker, binary, count, effort).await?
    };
    let theirs = match if with_rabbitmq { Broker::rabbitmq_with_management()? } else { None } {
        Some(broker) => Some(Answers::of(&broker, binary, count, effort).await?),
        None => None,
    };
    let row = |what: &str, unit, read: fn(&Answers) -> f64, bound| {
        let figures = [(read(&ours), theirs.as_ref().map(read))];
        Row::of(format!("{what} of {count} queues"), unit, &figures, Must::AtMost(bound))
    };
    Ok(vec![
        row("Flower's columns", "ms", |answers| answers.flower, 200.0),
        row("GET /api/queues, whole,", "ms", |answers| answers.whole, 2_000.0),
        row("GET /api/queues, whole and packed,", "ms", |answers| answers.packed, 2_000.0),
        row("GET /metrics", "ms", |answers| answers.metrics, 20.0),
        row("latency of messages, p99, beside lists", "× alone", |answers| answers.latency, 2.0),
    ])
}

/// Medians in milliseconds, and how much later messages come while somebody asks.
struct Answers {
    flower: f64,
    whole: f64,
    packed: f64,
    metrics: f64,
    latency: f64,
}

impl Answers {
    async fn of(
        broker: &Broker,
        tool: &Path,
        queues: usize,
        effort: Effort,
    ) -> anyhow::Result<Self> {
        let connection = Connection::connect(&broker.uri).await?;
        let channel = connection.open_channel().await?;
        for number in 0..queues {
            declare(&channel, number).await?;
            if number % 10 == 0 {
                publish(&channel, number).await?;
            }
        }
        // RabbitMQ counts every five seconds.
        time::sleep(Duration::from_secs(6)).await;
        let answers = task::block_in_place(|| Self::ask(broker, tool, queues, effort))?;
        connection.close().await?;
        Ok(answers)
    }

    fn ask(broker: &Broker, tool: &Path, queues: usize, effort: Effort) -> anyhow::Result<Self> {
        let operator = Operator::of(broker)?;
        let listed = operator.get("/api/queues?columns=name")?;
        let listed: serde_json::Value = serde_json::from_slice(&listed)?;
        let listed = listed.as_array().context("queues are a list")?.len();
        ensure!(listed == queues, "{listed} queues are listed");
        let at_api = |path: &str, packing| operator.time(&operator.at.api, path, packing);
        let (flower, whole) = (at_api(FLOWER, "gzip")?, at_api("/api/queues", "identity")?);
        let packed = at_api("/api/queues", "gzip")?;
        let metrics = operator.time(&operator.at.metrics, "/metrics", "identity")?;
        let load = "-u beside -s 256 -r 2000 -q 1000 -A 10";
        let p99 =
            || bench(tool, broker, load, effort.pace)?.p99_us().context("latencies are measured");
        // One thread that is late makes a p99 many times as long.
        let mut ratios = Vec::new();
        for _ in 0..effort.rounds {
            let alone = p99()?;
            let operator = Operator::of(broker)?;
            let asking = Asking::begin(operator, &[FLOWER, "/metrics"], Duration::from_secs(1));
            let beside = p99();
            asking.end()?;
            ratios.push(beside? / alone);
        }
        let latency = median(ratios.into_iter()).context("latencies are measured")?;
        Ok(Self { flower, whole, packed, metrics, latency })
    }
}

async fn declare(channel: &Channel, number: usize) -> anyhow::Result<()> {
    channel.queue_declare(&format!("queue-{number}"), QueueOptions::default()).await?;
    Ok(())
}

async fn publish(channel: &Channel, number: usize) -> anyhow::Result<()> {
    let routing_key = &format!("queue-{number}");
    channel.publish(&Publish { routing_key, body: &[7; 100], ..Publish::default() }).await?;
    Ok(())
}

/// Rates while the page is open, against those of a broker that nobody can ask.
pub(super) fn rates_beside_page(
    binary: &Path,
    wanted: impl Fn(&str) -> bool,
    effort: Effort,
) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for load in loads(wanted) {
        let asked = Broker::pillarbox(binary)?;
        let silent = Broker::pillarbox_without_management(&[], binary)?;
        let mut shares = Vec::new();
        for _ in 0..effort.rounds {
            let rate = |broker| -> anyhow::Result<f64> {
                Ok(bench(binary, broker, load.arguments, effort.pace)?.received_per_sec)
            };
            let page = Asking::begin(Operator::of(&asked)?, &PAGE, PAGE_INTERVAL);
            let beside = rate(&asked);
            page.end()?;
            shares.push((beside? / rate(&silent)? * 100.0, None));
        }
        let what = format!("{}, with the page open, of the rate without management", load.name);
        rows.push(Row::of(what, "%", &shares, Must::AtLeast(90.0)));
    }
    Ok(rows)
}

/// User instructions a message with management on, and what the page asks for beside them, against those without.
///
/// `callgrind` makes everything slow, but not the page's interval: so what it asks for is counted apart, and added by the
/// rate that messages really have.
pub(super) fn instructions_beside_page(
    binary: &Path,
    wanted: impl Fn(&str) -> bool,
    effort: Effort,
) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let refresh = refresh_instructions(binary)?;
    for load in loads(wanted) {
        let with =
            before::a_message(binary, load, |runner| Broker::pillarbox_under(runner, binary))?;
        let without = before::a_message(binary, load, |runner| {
            Broker::pillarbox_without_management(runner, binary)
        })?;
        let broker = Broker::pillarbox(binary)?;
        let rate = bench(binary, &broker, load.arguments, effort.pace)?.received_per_sec;
        let page = refresh / (rate * PAGE_INTERVAL.as_secs_f64());
        let what = format!(
            "{}, {with:.0} user instructions a message and {page:.1} of the page, against without \
             management",
            load.name
        );
        rows.push(Row::of(what, "×", &[((with + page) / without, None)], Must::AtMost(1.03)));
    }
    Ok(rows)
}

/// What the page asks for once, in user instructions of the broker.
fn refresh_instructions(binary: &Path) -> anyhow::Result<f64> {
    const MANY: u32 = 40;
    let refreshes = |times: u32| {
        before::counted(
            |runner| Broker::pillarbox_under(runner, binary),
            |broker| {
                let operator = Operator::of(broker)?;
                for _ in 0..times {
                    for path in PAGE {
                        operator.get(path)?;
                    }
                }
                Ok(())
            },
        )
    };
    // What a start, a login and an end cost is in both.
    let (few, many) = (refreshes(MANY / 4)?.0, refreshes(MANY)?.0);
    Ok((many - few) / f64::from(MANY - MANY / 4))
}

/// What is kept to tell rates of a queue that has had a message, once it is at rest.
///
/// Histograms are kept for an hour, and of fewer queues than have traffic before the measuring begins: so what they take is
/// in both of its ends.
pub(super) async fn statistics_memory(binary: &Path) -> anyhow::Result<Row> {
    let broker = Broker::pillarbox(binary)?;
    let connection = Connection::connect(&broker.uri).await?;
    let channel = connection.open_channel().await?;
    for number in 0..QUEUES {
        declare(&channel, number).await?;
    }
    pass_a_message(&channel, 0..QUEUES_WITH_HISTOGRAMS).await?;
    let before = at_rest(&broker).await?;
    pass_a_message(&channel, QUEUES_WITH_HISTOGRAMS..QUEUES).await?;
    let after = at_rest(&broker).await?;
    #[expect(clippy::cast_precision_loss, reason = "a count of queues is far below 2^52")]
    let bytes = (after - before).max(0.0) / (QUEUES - QUEUES_WITH_HISTOGRAMS) as f64;
    let what = "memory for statistics of a queue at rest";
    Ok(Row::of(what, "bytes", &[(bytes, None)], Must::AtMost(1_024.0)))
}

async fn pass_a_message(channel: &Channel, queues: Range<usize>) -> anyhow::Result<()> {
    for number in queues {
        publish(channel, number).await?;
        let got = channel.get(&format!("queue-{number}"), true).await?;
        ensure!(got.is_some(), "the message is there");
    }
    Ok(())
}

/// The memory once every queue was left alone for long enough to give back what it had for messages.
async fn at_rest(broker: &Broker) -> anyhow::Result<f64> {
    time::sleep(Duration::from_secs(15)).await;
    memory::settled(broker).await
}
