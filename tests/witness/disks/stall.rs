//! A disk that stands still for a while: the broker lives on, takes no more than it has room for, and confirms in order.
//!
//! The disk is a process here, and stands still while that is stopped.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use pillarbox_client::{
    Channel, ConfirmEvent, ConnectOptions, Connection, ConsumeOptions, Error, Properties, Publish,
    QueueOptions,
};
use tokio::{task::JoinHandle, time};
use witness::{
    History, Verdict,
    folder::run,
    judge,
    load::{Definitions, Load, LoadOptions, drain},
    process::Process,
};

use crate::{ground::Ground, recorder::Recorder};

const DISK_BYTES: u64 = 512 << 20;
/// The broker's buffer of 8 MiB, twice, what sockets and clients hold of it, and what an allocator keeps.
const MEMORY_GROWTH_MAX: u64 = 128 << 20;
/// How long a message that is not to be flushed may take while the disk stands still.
const TRANSIENT_TIME_MAX: Duration = Duration::from_secs(1);
/// How many publish as fast as they can while the disk stands still.
const FLOODS: usize = 4;
const FLOOD_BODY_BYTES: usize = 16 << 10;

#[test]
fn many_short_stalls_delay_and_do_no_harm() {
    check("short", &[Duration::from_millis(50); 20]);
}

#[test]
fn a_long_stall_blocks_nobody_who_needs_no_disk() {
    check("long", &[Duration::from_secs(5)]);
}

fn check(name: &str, stalls: &[Duration]) {
    let ground = Ground::new(name);
    let folder = ground.folder().path().join("mounted");
    let recorder = Recorder::start(&ground, DISK_BYTES);
    ground.make_ext4(&recorder.device());
    ground.mount(&recorder.device(), &folder);
    let mut launch = ground.folder().launch("[store]\nsegment_bytes_max = '4MiB'\n");
    launch.prefix = ground.prefix();
    launch.data_dir = folder.join("data");
    let mut process = launch.start().expect("the broker starts");

    let history = Arc::new(History::timeless());
    let seen = run(async {
        let definitions = Arc::<Definitions>::default();
        let options = LoadOptions::default();
        let load = Load::start(&process.uri(), &history, &definitions, &options).await;
        let load = load.expect("the broker takes a load");
        let observer = Observer::start(&process).await.expect("the broker answers");
        time::sleep(Duration::from_millis(500)).await;
        let seen = observer.watch(&process, &recorder, stalls).await;
        let seen = seen.unwrap_or_else(|error| panic!("{error}\n{}", process.log_text()));
        load.stop().await;
        drain(&process.uri(), &history).await.expect("the broker can be emptied");
        seen
    });
    let verdict: Verdict = judge(&history.take());
    assert!(verdict.is_good(), "{verdict}");
    let status = process.stop();
    assert!(status.is_some_and(|status| status.success()), "{}", process.log_text());
    ground.unmount(&folder);
    println!(
        "counts: {} times {:?}, {} confirms in order, {} MiB more memory at most, transient messages in {:?} \
         at most, {verdict}",
        stalls.len(),
        stalls[0],
        seen.confirms,
        seen.memory_growth >> 20,
        seen.slowest_transient,
    );
}

/// What an observer saw.
struct Seen {
    confirms: usize,
    memory_growth: u64,
    slowest_transient: Duration,
}

/// Clients with an eye for something else each.
struct Observer {
    /// It gives up when nothing comes for two seconds, and nothing but heartbeats does.
    quiet: Connection,
    lively: Connection,
    confirms: Arc<Mutex<Vec<ConfirmEvent>>>,
    publisher: JoinHandle<Result<(), Error>>,
    done: Arc<AtomicBool>,
}

/// Connects with heartbeats every second.
async fn connect(process: &Process) -> Result<Connection, Error> {
    let mut options: ConnectOptions = process.uri().parse()?;
    options.heartbeat_secs = Some(1);
    Connection::open(&options).await
}

async fn declare(connection: &Connection, queue: &str) -> Result<Channel, Error> {
    let channel = connection.open_channel().await?;
    let durable = QueueOptions { durable: true, ..QueueOptions::default() };
    channel.queue_declare(queue, durable).await?;
    Ok(channel)
}

impl Observer {
    async fn start(process: &Process) -> Result<Self, Error> {
        let (quiet, lively) = (connect(process).await?, connect(process).await?);
        let connection = connect(process).await?;
        let channel = declare(&connection, "ordered").await?;
        let confirms = Arc::<Mutex<Vec<ConfirmEvent>>>::default();
        let noted = Arc::clone(&confirms);
        channel.confirm_select().await?;
        channel.on_confirm(move |event| noted.lock().expect("nobody panics").push(event));
        let done = Arc::<AtomicBool>::default();
        let is_done = Arc::clone(&done);
        let publisher = tokio::spawn(async move {
            let persistent = Properties { delivery_mode: Some(2), ..Properties::default() };
            let publish = Publish {
                routing_key: "ordered",
                properties: Some(&persistent),
                body: b"in order",
                ..Publish::default()
            };
            while !is_done.load(Ordering::Relaxed) {
                let mut last = None;
                for _ in 0..100 {
                    last = Some(channel.publish(&publish).await?);
                }
                if let Some(last) = last {
                    last.await?;
                }
            }
            connection.close().await
        });
        Ok(Self { quiet, lively, confirms, publisher, done })
    }

    /// Lets the disk stand still and looks how the broker takes it.
    async fn watch(
        self,
        process: &Process,
        recorder: &Recorder,
        stalls: &[Duration],
    ) -> Result<Seen, Error> {
        let resident = || process.resident_bytes().expect("the broker runs");
        let (before, mut most) = (resident(), 0);
        let mut slowest_transient = Duration::ZERO;
        // They are made before, since a declare waits for the disk.
        let mut floods = Vec::new();
        for _ in 0..FLOODS {
            let connection = connect(process).await?;
            floods.push((declare(&connection, "flooded").await?, connection));
        }
        let mut transient = Transient::open(&self.lively).await?;
        for stall in stalls {
            recorder.signal("STOP");
            let over = Instant::now() + *stall;
            let end = time::Instant::from_std(over);
            let mut flooding = Vec::new();
            for (channel, connection) in floods.drain(..) {
                flooding.push(tokio::spawn(time::timeout_at(end, flood(channel, connection))));
            }
            while Instant::now() < over {
                slowest_transient = slowest_transient.max(transient.round_trip().await?);
                most = most.max(resident());
                time::sleep(Duration::from_millis(10)).await;
            }
            recorder.signal("CONT");
            for flood in flooding {
                let ended = flood.await.expect("nobody panics");
                assert!(ended.is_err(), "a flood lasts as long as the stall: {ended:?}");
            }
            time::sleep(Duration::from_millis(100)).await;
            most = most.max(resident());
        }
        self.done.store(true, Ordering::Relaxed);
        self.publisher.await.expect("nobody panics")?;
        self.lively.close().await?;
        self.quiet.close().await?;

        let memory_growth = most.saturating_sub(before);
        assert!(memory_growth < MEMORY_GROWTH_MAX, "{} MiB more memory", memory_growth >> 20);
        assert!(slowest_transient < TRANSIENT_TIME_MAX, "{slowest_transient:?}");
        let confirms = self.confirms.lock().expect("nobody panics");
        for pair in confirms.windows(2) {
            assert!(pair[0].delivery_tag < pair[1].delivery_tag, "out of order: {pair:?}");
        }
        assert!(confirms.iter().all(|event| event.is_ack), "a stall is no reason for a nack");
        Ok(Seen { confirms: confirms.len(), memory_growth, slowest_transient })
    }
}

/// Publishes as fast as it can, for as long as it may.
async fn flood(channel: Channel, _connection: Connection) -> Result<(), Error> {
    let persistent = Properties { delivery_mode: Some(2), ..Properties::default() };
    let body = vec![7; FLOOD_BODY_BYTES];
    let publish = Publish {
        routing_key: "flooded",
        properties: Some(&persistent),
        body: &body,
        ..Publish::default()
    };
    loop {
        channel.publish(&publish).await?;
    }
}

/// Messages that no disk has to do with.
struct Transient {
    channel: Channel,
    consumer: pillarbox_client::Consumer,
    queue: String,
}

impl Transient {
    async fn open(connection: &Connection) -> Result<Self, Error> {
        let channel = connection.open_channel().await?;
        let exclusive = QueueOptions { exclusive: true, ..QueueOptions::default() };
        let queue = channel.queue_declare("", exclusive).await?.name;
        let options = ConsumeOptions { no_ack: true, ..ConsumeOptions::default() };
        let consumer = channel.consume(&queue, options).await?;
        Ok(Self { channel, consumer, queue })
    }

    async fn round_trip(&mut self) -> Result<Duration, Error> {
        let started = Instant::now();
        let publish = Publish { routing_key: &self.queue, body: b"quick", ..Publish::default() };
        self.channel.publish(&publish).await?;
        let delivery = self.consumer.next().await.expect("the consumer goes on")?;
        assert_eq!(&delivery.body[..], b"quick");
        Ok(started.elapsed())
    }
}
