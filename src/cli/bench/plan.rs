//! What the arguments come to: who publishes where, who consumes what, and the topology for that.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use pillarbox_client::{
    Connection, ExchangeOptions, FieldTable, FieldValue, Properties, QueueOptions, ShortString,
};

use super::arguments::{Bench, Flag};

/// What is written at once, as long as the messages are smaller.
const BATCH_BYTES: usize = 64 * 1024;

/// A run, thought through.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) bench: Bench,
    pub(super) producers: usize,
    pub(super) consumers: usize,
    pub(super) queues: Vec<String>,
    /// Empty for the default exchange.
    pub(super) exchange: String,
    exchange_type: String,
    /// How many queues each message goes to.
    pub(super) copies: u64,
    pub(super) messages_per_producer: Option<u64>,
    /// How many messages are received in all before the run ends.
    pub(super) messages_to_receive: Option<u64>,
    queue_arguments: FieldTable,
}

impl Plan {
    pub(super) fn new(bench: Bench) -> anyhow::Result<Self> {
        let count = bench.fanout.unwrap_or(bench.queues);
        ensure!(count > 0, "there has to be a queue");
        ensure!(bench.multi_ack_every > 0, "-A acknowledges every 1 or more messages");
        ensure!(bench.confirm != Some(0), "-c allows 1 or more unconfirmed messages");
        ensure!(bench.in_flight != Some(0), "--in-flight allows 1 or more messages");
        ensure!(bench.consumer_messages != Some(0), "-D waits for 1 or more messages");
        let rates = [bench.rate, bench.consumer_rate];
        ensure!(rates.into_iter().flatten().all(|rate| rate > 0.0), "a rate is above 0");
        let prefetch = u64::from(bench.prefetch);
        if !bench.autoack && prefetch > 0 && prefetch < bench.multi_ack_every {
            bail!(
                "with -q {prefetch} no consumer ever gets the messages for -A {}",
                bench.multi_ack_every
            );
        }
        let queues = queue_names(&bench, count)?;
        let (exchange, exchange_type) = match (&bench.exchange, bench.fanout) {
            (_, Some(_)) => (format!("{}-fanout", bench.queue), "fanout".to_owned()),
            (Some(exchange), None) => (exchange.clone(), bench.exchange_type.clone()),
            (None, None) => (String::new(), String::new()),
        };
        let consumers = bench.consumers.unwrap_or(count);
        ensure!(
            consumers > 0 || bench.consumer_messages.is_none(),
            "without consumers nothing is received for -D"
        );
        // With one key for all queues each of them gets its copy.
        let is_shared = !exchange.is_empty() && bench.routing_key.is_some();
        let copies = if bench.fanout.is_some() || is_shared { queues.len() } else { 1 };
        let queue_arguments = queue_arguments(&bench.queue_argument)?;
        Ok(Self {
            producers: bench.producers,
            // Nobody receives the copies in a queue without consumers.
            copies: copies.min(consumers.max(1)) as u64,
            consumers,
            queues,
            exchange,
            exchange_type,
            messages_per_producer: bench.messages,
            messages_to_receive: bench.consumer_messages.map(|each| each * consumers as u64),
            queue_arguments,
            bench,
        })
    }

    /// The queue of the producer or consumer with this index.
    pub(super) fn queue(&self, index: usize) -> &str {
        &self.queues[index % self.queues.len()]
    }

    /// The routing key of the producer with this index.
    pub(super) fn routing_key(&self, index: usize) -> &str {
        self.bench.routing_key.as_deref().unwrap_or_else(|| self.queue(index))
    }

    pub(super) fn has_flag(&self, flag: Flag) -> bool {
        self.bench.flag.contains(&flag)
    }

    pub(super) fn properties(&self) -> Option<Properties> {
        let delivery_mode = Some(2);
        let persistent = Properties { delivery_mode, ..Properties::default() };
        self.has_flag(Flag::Persistent).then_some(persistent)
    }

    /// How many messages of so many octets on the wire are published at once.
    pub(super) fn batch(&self, message_octets: usize) -> usize {
        let fitting = (BATCH_BYTES / message_octets.max(1)).max(1) as u64;
        // Of a window, a quarter: the others are on their way meanwhile.
        let quarter = |limit: Option<u64>| limit.map_or(fitting, |limit| (limit / 4).max(1));
        let batch = fitting.min(quarter(self.bench.confirm)).min(quarter(self.bench.in_flight));
        usize::try_from(batch).unwrap_or(usize::MAX)
    }

    /// How often producers with a rate look whether something is due; `None` if there is no rate.
    pub(super) fn tick(&self) -> Option<Duration> {
        let rate = self.bench.rate?;
        let shortest = if self.producers > 16 { 1e-3 } else { 1e-4 };
        Some(Duration::from_secs_f64((1.0 / rate).clamp(shortest, 1e-2)))
    }

    /// Declares exchange, queues and bindings.
    pub(super) async fn declare(&self) -> anyhow::Result<()> {
        let connection = Connection::connect(&self.bench.uri)
            .await
            .with_context(|| format!("cannot connect to {}", self.shown_uri()))?;
        if self.bench.predeclared {
            return Ok(connection.close().await?);
        }
        let channel = connection.open_channel().await?;
        if !self.exchange.is_empty() {
            let options = ExchangeOptions { auto_delete: true, ..ExchangeOptions::default() };
            channel
                .exchange_declare(&self.exchange, &self.exchange_type, options)
                .await
                .with_context(|| format!("cannot declare the exchange {}", self.exchange))?;
        }
        for (index, queue) in self.queues.iter().enumerate() {
            let options = QueueOptions {
                durable: self.has_flag(Flag::Persistent),
                auto_delete: true,
                arguments: self.queue_arguments.clone(),
                ..QueueOptions::default()
            };
            channel
                .queue_declare(queue, options)
                .await
                .with_context(|| format!("cannot declare the queue {queue}"))?;
            if !self.exchange.is_empty() {
                let key = self.routing_key(index);
                channel.queue_bind(queue, &self.exchange, key, &FieldTable::new()).await?;
            }
        }
        connection.close().await?;
        Ok(())
    }

    /// The URI without the password.
    pub(super) fn shown_uri(&self) -> String {
        let uri = &self.bench.uri;
        let Some((login, address)) = uri.rsplit_once('@') else { return uri.clone() };
        let user = login.rsplit_once(':').map_or(login, |(user, _)| user);
        // `amqp://user@` has no password: its last colon is the scheme's.
        let user = if user == "amqp" { login } else { user };
        format!("{user}@{address}")
    }
}

fn queue_names(bench: &Bench, count: usize) -> anyhow::Result<Vec<String>> {
    if count == 1 && bench.queue_pattern.is_none() {
        return Ok(vec![bench.queue.clone()]);
    }
    let pattern = bench.queue_pattern.clone().unwrap_or_else(|| format!("{}-%d", bench.queue));
    ensure!(count == 1 || pattern.contains("%d"), "a pattern for {count} queues has a %d");
    Ok((1..=count).map(|number| pattern.replace("%d", &number.to_string())).collect())
}

fn queue_arguments(arguments: &[String]) -> anyhow::Result<FieldTable> {
    let mut table = FieldTable::new();
    for argument in arguments {
        let Some((name, value)) = argument.split_once('=') else {
            bail!("{argument:?} is not NAME=VALUE");
        };
        let value = match (value.parse::<i64>(), value.parse::<bool>()) {
            (Ok(number), _) => FieldValue::from(number),
            (_, Ok(truth)) => FieldValue::from(truth),
            _ => FieldValue::from(value),
        };
        table.insert(ShortString::try_from(name)?, value);
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        bench: Bench,
    }

    fn plan(arguments: &str) -> anyhow::Result<Plan> {
        Plan::new(Line::try_parse_from(format!("bench {arguments}").split_whitespace())?.bench)
    }

    #[test]
    fn queues_and_who_uses_them() {
        let plan = plan("-x 2 --queues 3 --queue-pattern q%d").unwrap();
        assert_eq!(plan.queues, ["q1", "q2", "q3"]);
        assert_eq!((plan.consumers, plan.copies), (3, 1));
        assert_eq!((plan.queue(4), plan.routing_key(1)), ("q2", "q2"));
    }

    #[test]
    fn a_fanout_delivers_copies() {
        let plan = plan("--fanout 50").unwrap();
        assert_eq!((plan.consumers, plan.copies, plan.queues.len()), (50, 50, 50));
        assert_eq!(plan.exchange, "pillarbox-bench-fanout");
    }

    #[test]
    fn batches_leave_room_in_their_windows() {
        assert_eq!(plan("").unwrap().batch(64), 1024);
        assert_eq!(plan("").unwrap().batch(100_000), 1);
        assert_eq!(plan("-c 2000").unwrap().batch(64), 500);
        assert_eq!(plan("-c 1").unwrap().batch(64), 1);
        assert_eq!(plan("-c 2000 --in-flight 100").unwrap().batch(64), 25);
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for arguments in [
            "-q 10 -A 50",
            "--queues 0",
            "-c 0",
            "-r 0",
            "-D 0",
            "-D 1 -y 0",
            "--queues 2 --queue-pattern q",
        ] {
            assert!(plan(arguments).is_err(), "{arguments}");
        }
        assert!(plan("-q 10 -A 50 -a").is_ok());
    }

    #[test]
    fn the_password_is_not_shown() {
        let shown = |uri: &str| plan(&format!("-h {uri}")).unwrap().shown_uri();
        assert_eq!(shown("amqp://ann:secret@host/v"), "amqp://ann@host/v");
        assert_eq!(shown("amqp://ann@host"), "amqp://ann@host");
        assert_eq!(shown("amqp://host"), "amqp://host");
    }
}
