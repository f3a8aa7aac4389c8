//! One producer: a connection, a channel, and a batch of messages encoded beforehand.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use parking_lot::Mutex;
use pillarbox_client::{Channel, Connection, PreparedPublishes, Publish};
use tokio::{sync::Notify, time};

use super::{
    Run,
    arguments::Flag,
    confirm_window::ConfirmWindow,
    pacer::Schedule,
    stamp::{self, STAMP_LEN},
};

/// How many messages of a full batch bear a time. Looking at the clock costs more than a message does.
const STAMPS_PER_BATCH: usize = 32;

/// How long the last confirms may take.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Producer {
    run: Arc<Run>,
    connection: Connection,
    channel: Channel,
    batch: PreparedPublishes,
    /// Every so many messages one bears a time; `None` if there is no room for it.
    stamp_every: Option<usize>,
    confirming: Option<Confirming>,
}

/// The confirms of one producer.
struct Confirming {
    limit: u64,
    window: Arc<Mutex<ConfirmWindow>>,
    progress: Arc<Notify>,
    last_tag: u64,
}

impl Producer {
    pub(super) async fn connect(run: &Arc<Run>, index: usize) -> anyhow::Result<Self> {
        let run = Arc::clone(run);
        let plan = &run.plan;
        let connection = Connection::connect(&plan.bench.uri)
            .await
            .with_context(|| format!("producer {index} cannot connect"))?;
        let channel = connection.open_channel().await?;
        let confirming = match plan.bench.confirm {
            Some(limit) => Some(Confirming::select(&run, &channel, limit).await?),
            None => None,
        };
        let is_mandatory = plan.has_flag(Flag::Mandatory);
        if is_mandatory {
            let run = Arc::clone(&run);
            channel.on_return(move |_| run.counters.add_returned());
        }
        let (body, properties) = (vec![0; plan.bench.size], plan.properties());
        let publish = Publish {
            exchange: &plan.exchange,
            routing_key: plan.routing_key(index),
            properties: properties.as_ref(),
            body: &body,
            mandatory: is_mandatory,
        };
        let message_octets = channel.prepare(&publish, 1)?.message_octets();
        let batch = channel.prepare(&publish, plan.batch(message_octets))?;
        let stamp_every = (plan.bench.size >= STAMP_LEN).then(|| match plan.bench.rate {
            Some(_) => 1,
            None => (batch.len() / STAMPS_PER_BATCH).max(1),
        });
        Ok(Self { connection, channel, batch, stamp_every, confirming, run })
    }

    /// Publishes until it is told to stop, or has published what it should.
    pub(super) async fn run(mut self) -> anyhow::Result<()> {
        let run = Arc::clone(&self.run);
        tokio::select! {
            biased;
            () = run.stop.cancelled() => {}
            published = self.publish_all() => published?,
        }
        // Whatever the broker says to a goodbye: everything was counted.
        let _ = self.connection.close().await;
        Ok(())
    }

    async fn publish_all(&mut self) -> anyhow::Result<()> {
        let run = Arc::clone(&self.run);
        let bench = &run.plan.bench;
        let mut schedule = bench.rate.map(Schedule::begin);
        let mut left = run.plan.messages_per_producer.unwrap_or(u64::MAX);
        while left > 0 {
            let mut wanted = left.min(self.batch.len() as u64);
            if let Some(schedule) = &mut schedule {
                wanted = wanted.min(schedule.due());
                if wanted == 0 {
                    run.pacer.tick().await;
                    continue;
                }
            }
            if let Some(confirming) = &self.confirming {
                wanted = confirming.wait_for_room(wanted).await;
            }
            if let Some(limit) = bench.in_flight {
                wanted = run.counters.send_within(limit, run.plan.copies, wanted).await;
            } else {
                run.counters.add_sent(wanted);
            }
            self.publish(wanted).await?;
            left -= wanted;
            if let Some(schedule) = &mut schedule {
                schedule.advance(wanted);
            }
        }
        if let Some(confirming) = &self.confirming {
            confirming.wait_for_all().await;
        }
        Ok(())
    }

    async fn publish(&mut self, messages: u64) -> anyhow::Result<()> {
        let count = usize::try_from(messages).context("a batch fits into memory")?;
        if let Some(every) = self.stamp_every {
            let now = stamp::now();
            for index in (0..count).step_by(every) {
                self.run.run_id.write(self.batch.body_mut(index), now);
            }
        }
        let at = Instant::now();
        let last_tag = self
            .channel
            .publish_prepared(&self.batch, count)
            .await
            .context("the broker stopped a producer")?;
        if let Some(confirming) = &mut self.confirming {
            confirming.last_tag = last_tag;
            confirming.window.lock().published(last_tag, at);
        }
        Ok(())
    }
}

impl Confirming {
    async fn select(run: &Arc<Run>, channel: &Channel, limit: u64) -> anyhow::Result<Self> {
        let window = Arc::new(Mutex::new(ConfirmWindow::default()));
        let progress = Arc::new(Notify::new());
        run.counters.add_window(Arc::clone(&window));
        let (run, observed, told) = (Arc::clone(run), Arc::clone(&window), Arc::clone(&progress));
        channel.on_confirm(move |event| {
            let newly = observed.lock().confirmed(event);
            run.counters.add_confirmed(newly, event.is_ack);
            told.notify_one();
        });
        channel.confirm_select().await?;
        Ok(Self { limit, window, progress, last_tag: 0 })
    }

    /// Returns how many of `wanted` messages may be published, a quarter of the window at least if so many are wanted.
    async fn wait_for_room(&self, wanted: u64) -> u64 {
        let least = wanted.min((self.limit / 4).max(1));
        loop {
            let unconfirmed = self.last_tag - self.window.lock().count().min(self.last_tag);
            let room = self.limit.saturating_sub(unconfirmed);
            if room >= least {
                return room.min(wanted);
            }
            self.progress.notified().await;
        }
    }

    async fn wait_for_all(&self) {
        let all = async {
            while self.window.lock().count() < self.last_tag {
                self.progress.notified().await;
            }
        };
        // What is not confirmed by then shows in the summary.
        let _ = time::timeout(CONFIRM_TIMEOUT, all).await;
    }
}
