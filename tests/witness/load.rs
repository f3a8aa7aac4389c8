//! Publishers and consumers that work until they are stopped or the broker is gone.

mod consumer;
mod definer;
mod drain;
mod publisher;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use pillarbox_client::{Channel, Connection, Error};
use tokio::{sync::watch, task::JoinSet, time};

pub use self::{definer::Definitions, drain::drain};
use crate::{
    history::{ChannelId, Event, History},
    message::MessageId,
    random::Random,
    topology::{self, QueueIndex},
};

/// How long a publisher waits until it looks again whether there is less to consume.
const PAUSE: Duration = Duration::from_millis(1);
/// How many consumers share a connection.
const CONSUMERS_A_CONNECTION: usize = 6;

/// What a load does.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// From which all that is random follows.
    pub seed: u64,
    /// Publishers wait while there are so many messages that nobody has settled.
    pub backlog_max: i64,
    /// Publishers with confirms; half as many have transactions.
    pub publishers: u32,
    /// Whether anybody consumes.
    pub consumes: bool,
    /// Whether consumers publish, to learn that their acks have come: who publishes is blocked by an alarm.
    pub fences: bool,
    /// Whether queues and bindings are made and deleted.
    pub defines: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            backlog_max: 3_000,
            publishers: 3,
            consumes: true,
            fences: true,
            defines: true,
        }
    }
}

/// A load that is running.
#[derive(Debug)]
pub struct Load {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
    shared: Arc<Shared>,
}

/// What everybody knows who works for a load.
#[derive(Debug)]
struct Shared {
    uri: String,
    history: Arc<History>,
    backlog_max: i64,
    fences: bool,
    /// Messages that were published and not settled, give or take.
    backlog: AtomicI64,
    confirmed: AtomicU64,
    settled: AtomicU64,
    stop: watch::Receiver<bool>,
}

impl Load {
    /// Declares what is missing, and sets everybody to work.
    ///
    /// # Errors
    /// What went wrong until then; nobody works.
    pub async fn start(
        uri: &str,
        history: &Arc<History>,
        definitions: &Arc<Definitions>,
        options: &LoadOptions,
    ) -> Result<Self, Error> {
        let connection = Connection::connect(uri).await?;
        topology::declare(&connection.open_channel().await?).await?;
        connection.close().await?;

        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            uri: uri.to_owned(),
            history: Arc::clone(history),
            backlog_max: options.backlog_max,
            fences: options.fences,
            settled: AtomicU64::new(0),
            backlog: AtomicI64::new(0),
            confirmed: AtomicU64::new(0),
            stop: stopped,
        });
        let mut random = Random::new(options.seed);
        let mut tasks = JoinSet::new();
        for number in 0..options.publishers {
            let (shared, random) = (Arc::clone(&shared), random.fork());
            if number % 3 == 2 {
                tasks.spawn(publisher::with_transactions(shared, random));
            } else {
                tasks.spawn(publisher::with_confirms(shared, random));
            }
        }
        if options.defines {
            let definitions = Arc::clone(definitions);
            tasks.spawn(definer::define(Arc::clone(&shared), definitions, random.fork()));
        }
        if options.consumes {
            let queues: Vec<QueueIndex> = QueueIndex::all().collect();
            for queues in queues.chunks(CONSUMERS_A_CONNECTION) {
                let queues = queues.to_vec();
                tasks.spawn(consumer::consume(Arc::clone(&shared), queues, random.fork()));
            }
        }
        Ok(Self { tasks, stop, shared })
    }

    /// How many messages have been confirmed so far.
    #[must_use]
    pub fn confirmed(&self) -> u64 {
        self.shared.confirmed.load(Ordering::Relaxed)
    }

    /// How many messages have been settled so far.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.shared.settled.load(Ordering::Relaxed)
    }

    /// Waits until everybody has read what the broker sent before it was gone.
    ///
    /// # Panics
    /// If somebody found a fault of this crate.
    pub async fn ended(mut self) {
        while let Some(task) = self.tasks.join_next().await {
            task.expect("nobody who works panics");
        }
    }

    /// Asks everybody to come to an end, and waits for it. Publishers wait for their confirms.
    ///
    /// # Panics
    /// If somebody found a fault of this crate.
    pub async fn stop(self) {
        let _: Result<(), _> = self.stop.send(true); // all may have ended
        self.ended().await;
    }
}

impl Shared {
    fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Returns when all shall end.
    async fn stopped(&self) {
        let mut stop = self.stop.clone();
        let _: Result<_, _> = stop.wait_for(|stop| *stop).await; // whoever is gone wants no more
    }

    /// So many messages more are on their way to queues.
    fn on_its_way(&self, message: MessageId) {
        let queues = message.route.route().map_or(0, |route| route.queues.len());
        self.backlog.fetch_add(i64::try_from(queues).unwrap_or(0), Ordering::Relaxed);
    }

    fn settled(&self, messages: usize) {
        self.settled.fetch_add(messages as u64, Ordering::Relaxed);
        self.done(messages);
    }

    fn done(&self, messages: usize) {
        self.backlog.fetch_sub(i64::try_from(messages).unwrap_or(0), Ordering::Relaxed);
    }

    fn confirmed(&self, message: MessageId) {
        self.confirmed.fetch_add(1, Ordering::Relaxed);
        self.history.record(Event::Confirmed(message));
    }
}

/// Somebody's channel: what is published on it is one session.
struct Session {
    shared: Arc<Shared>,
    channel: Channel,
    id: ChannelId,
    session: u32,
    /// The number of the last message.
    number: u32,
    random: Random,
    /// Published and not confirmed.
    unconfirmed: VecDeque<(MessageId, pillarbox_client::Confirm)>,
}

impl Session {
    /// Waits while there is enough to consume, as long as there is a broker.
    async fn wait_for_backlog(&self) {
        let shared = &self.shared;
        while shared.backlog.load(Ordering::Relaxed) >= shared.backlog_max
            && !shared.is_stopped()
            && self.channel.closed().is_none()
        {
            time::sleep(PAUSE).await;
        }
    }

    async fn open(
        shared: &Arc<Shared>,
        connection: &Connection,
        random: Random,
    ) -> Result<Self, Error> {
        Ok(Self {
            channel: connection.open_channel().await?,
            id: shared.history.next_channel(),
            session: shared.history.next_session(),
            shared: Arc::clone(shared),
            number: 0,
            random,
            unconfirmed: VecDeque::new(),
        })
    }
}
