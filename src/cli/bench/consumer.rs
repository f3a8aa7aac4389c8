//! One consumer: counts deliveries where they are read, or at a rate as an application would.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use pillarbox_client::{
    Channel, Connection, ConsumeOptions, ConsumerHandler, Delivery, DeliveryRef, Error, Replies,
};
use tokio::{sync::watch, time};

use super::{Run, pacer::Schedule, stamp::RunId};

/// The times of one read are recorded together.
const SAMPLES_MAX: usize = 64;

pub(super) struct Consumer {
    connection: Connection,
    /// Never used again, but dropping it would close it.
    _channel: Arc<Channel>,
    failure: watch::Receiver<Option<Error>>,
}

impl Consumer {
    pub(super) async fn start(run: &Arc<Run>, index: usize) -> anyhow::Result<Self> {
        let bench = &run.plan.bench;
        let connection = Connection::connect(&bench.uri)
            .await
            .with_context(|| format!("consumer {index} cannot connect"))?;
        let channel = Arc::new(connection.open_channel().await?);
        if bench.prefetch > 0 {
            channel.qos(bench.prefetch, false).await?;
        }
        let options = ConsumeOptions { no_ack: bench.autoack, ..ConsumeOptions::default() };
        let queue = run.plan.queue(index);
        let (failed, failure) = watch::channel(None);
        let tally = Tally::new(run, index);
        if let Some(rate) = bench.consumer_rate {
            let stream = channel.consume(queue, options).await;
            let stream = stream.with_context(|| format!("cannot consume from {queue}"))?;
            tokio::spawn(consume_at_rate(stream, tally, rate, failed, Arc::clone(&channel)));
        } else {
            channel
                .consume_with(queue, options, Counting { tally, failed })
                .await
                .with_context(|| format!("cannot consume from {queue}"))?;
        }
        Ok(Self { connection, _channel: channel, failure })
    }

    /// Waits until the broker ends the consumer.
    pub(super) fn failure(&self) -> impl Future<Output = anyhow::Error> + Send + 'static {
        let mut failure = self.failure.clone();
        async move {
            match failure.wait_for(Option::is_some).await.map(|error| error.clone()) {
                Ok(error) => anyhow!(
                    "the broker stopped a consumer: {}",
                    error.map_or_else(String::new, |error| error.to_string())
                ),
                Err(_) => std::future::pending().await,
            }
        }
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        // Whatever the broker says to a goodbye: everything was counted.
        let _ = self.connection.close().await;
        Ok(())
    }
}

/// What one consumer counts, and when it acknowledges.
struct Tally {
    run: Arc<Run>,
    index: usize,
    run_id: RunId,
    /// Acknowledge every so many; `None` to acknowledge nothing.
    ack_every: Option<u64>,
    unacked: u64,
    /// Received since the counters were told.
    received: u64,
    samples: Vec<u64>,
}

impl Tally {
    fn new(run: &Arc<Run>, index: usize) -> Self {
        let bench = &run.plan.bench;
        Self {
            run: Arc::clone(run),
            index,
            run_id: run.run_id,
            ack_every: (!bench.autoack).then_some(bench.multi_ack_every),
            unacked: 0,
            received: 0,
            samples: Vec::with_capacity(SAMPLES_MAX),
        }
    }

    /// Counts a message; `true` if it shall be acknowledged with all before it.
    #[inline]
    fn count(&mut self, body: &[u8]) -> bool {
        self.received += 1;
        if let Some(age) = self.run_id.age(body) {
            if self.samples.len() == SAMPLES_MAX {
                self.record();
            }
            self.samples.push(age);
        }
        let Some(every) = self.ack_every else { return false };
        self.unacked += 1;
        if self.unacked < every {
            return false;
        }
        self.unacked = 0;
        true
    }

    fn record(&mut self) {
        let mut latencies = self.run.counters.latencies_of(self.index).lock();
        for age in self.samples.drain(..) {
            latencies.record(age);
        }
    }

    fn tell(&mut self) {
        self.run.counters.add_received(std::mem::take(&mut self.received));
        if !self.samples.is_empty() {
            self.record();
        }
    }
}

/// Counts in the read buffer.
struct Counting {
    tally: Tally,
    failed: watch::Sender<Option<Error>>,
}

impl ConsumerHandler for Counting {
    #[inline]
    fn delivery(&mut self, delivery: &DeliveryRef<'_>, replies: &mut Replies<'_>) {
        if self.tally.count(delivery.body) {
            replies.ack(delivery.delivery_tag, self.tally.ack_every != Some(1));
        }
    }

    fn read_done(&mut self, _: &mut Replies<'_>) {
        self.tally.tell();
    }

    fn ended(&mut self, error: Option<&Error>) {
        self.failed.send_replace(error.cloned());
    }
}

/// Takes messages out of the stream one by one, as a slow application does.
async fn consume_at_rate(
    mut stream: pillarbox_client::Consumer,
    mut tally: Tally,
    rate: f64,
    failed: watch::Sender<Option<Error>>,
    channel: Arc<Channel>,
) {
    let mut schedule = Schedule::begin(rate);
    loop {
        if schedule.due() == 0 {
            time::sleep_until(schedule.next().into()).await;
        }
        match stream.next().await {
            Some(Ok(delivery)) => take(&mut tally, &delivery, &channel),
            Some(Err(error)) => return drop(failed.send_replace(Some(error))),
            None => return,
        }
        schedule.advance(1);
    }
}

fn take(tally: &mut Tally, delivery: &Delivery, channel: &Channel) {
    if tally.count(&delivery.body) {
        // If the channel has ended, the stream tells why.
        let _ = channel.ack(delivery.delivery_tag, tally.ack_every != Some(1));
    }
    tally.tell();
}
