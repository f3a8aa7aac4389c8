//! A full file system: publishers are told and wait, consumers and deletes go on without a byte of room, and everything
//! goes on by itself once there is room again.

use std::{
    fs::{self, File},
    io::ErrorKind,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use pillarbox_client::{Connection, Error, Publish, QueueOptions};
use tokio::{runtime::Runtime, time};
use witness::{
    Event, History, Verdict,
    folder::{run, runtime},
    judge,
    load::{Definitions, Load, LoadOptions, drain},
    process::{Launch, Process},
};

use crate::ground::{Ground, wait_until};

const DISK_BYTES: u64 = 64 << 20;
const SETTINGS: &str = "[store]\nsegment_bytes_max = '4MiB'\ndisk_free_min = '4MiB'\n\
                        queue_resident_bytes_max = '1MiB'\n";
/// How soon publishers must be told, and go on once there is room.
const ALARM_TIME_MAX: Duration = Duration::from_secs(5);
/// How soon a publisher is told once it has published.
const TELLING_TIME: Duration = Duration::from_millis(50);
/// How long messages may take to fill the disk, and consumers to empty it.
const FILLING_TIME_MAX: Duration = Duration::from_secs(60);
const EMPTYING_TIME_MAX: Duration = Duration::from_secs(30);
/// How long what goes on is watched.
const WATCH: Duration = Duration::from_secs(2);
/// How long a single answer may take on a full disk: for as long as others keep the disk busy, but not for ever.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// Somebody else fills the disk while there is load.
#[test]
fn a_disk_that_somebody_else_fills_blocks_publishers_alone() {
    let mut scene = Scene::new("filled");
    let runtime = runtime();
    let options = LoadOptions { consumes: false, backlog_max: i64::MAX, ..scene.options(1) };
    let publishers = scene.load(&runtime, options);
    runtime.block_on(scene.in_time(declare_short_lived(&scene.process)));
    wait_until("something is confirmed", || publishers.confirmed() > 500);

    let filler = Filler::start(scene.mounted.join("filler"));
    let blocked_after = scene.wait_for_alarm(true, ALARM_TIME_MAX);
    // All that was under way is confirmed or waits.
    thread::sleep(WATCH);
    let before = publishers.confirmed();
    thread::sleep(WATCH);
    assert_eq!(publishers.confirmed(), before, "publishers wait");
    assert!(!scene.process.has_ended(), "{}", scene.process.log_text());

    let consumers = scene.load(&runtime, LoadOptions { publishers: 0, ..scene.options(2) });
    thread::sleep(WATCH);
    let settled = consumers.settled();
    assert!(settled > 500, "{settled} messages were settled: consumers go on");
    runtime.block_on(scene.in_time(delete_short_lived(&scene.process)));
    assert!(filler.free_bytes() < 4 << 20, "the disk is still full");

    filler.stop();
    let goes_on_after = scene.wait_for_alarm(false, ALARM_TIME_MAX);
    scene.wait_until_within(ALARM_TIME_MAX, "publishers go on", || publishers.confirmed() > before);
    runtime.block_on(async {
        publishers.stop().await;
        consumers.stop().await;
    });
    let verdict = scene.close(&runtime);
    println!(
        "counts: filled from outside, blocked after {blocked_after:?}, {settled} settled meanwhile, \
         went on after {goes_on_after:?}, {verdict}"
    );
}

/// The broker's own messages fill the disk, and it has to start again on it.
#[test]
fn a_disk_that_messages_fill_is_emptied_by_consumers() {
    let mut scene = Scene::new("published");
    let runtime = runtime();
    let options = LoadOptions { consumes: false, backlog_max: i64::MAX, ..scene.options(3) };
    let publishers = scene.load(&runtime, options);
    let blocked_after = scene.wait_for_alarm(true, FILLING_TIME_MAX);
    thread::sleep(WATCH);
    let free = free_bytes(&scene.mounted);
    assert!(free > 0, "the alarm comes before the disk is full");
    let before = publishers.confirmed();

    // Its recovery has to do with the room there is.
    scene.process.kill();
    runtime.block_on(publishers.ended());
    scene.history.record(Event::Ended);
    scene.process = start(&scene.launch);
    scene.wait_for_alarm(true, ALARM_TIME_MAX);

    let consumers = scene.load(&runtime, LoadOptions { publishers: 0, ..scene.options(4) });
    let goes_on_after = scene.wait_for_alarm(false, EMPTYING_TIME_MAX);
    let publishers = scene.load(&runtime, LoadOptions { consumes: false, ..scene.options(5) });
    scene.wait_until_within(EMPTYING_TIME_MAX, "publishers go on", || publishers.confirmed() > 100);
    runtime.block_on(async {
        publishers.stop().await;
        consumers.stop().await;
    });
    let verdict = scene.close(&runtime);
    println!(
        "counts: {before} confirmed until it was full, blocked after {blocked_after:?} with {free} bytes free, \
         emptied after {goes_on_after:?}, {verdict}"
    );
}

/// A broker on a small file system, and what its clients saw.
struct Scene {
    process: Process,
    launch: Launch,
    history: Arc<History>,
    definitions: Arc<Definitions>,
    /// The file system, seen from outside.
    mounted: PathBuf,
    // The last to go: everything else is in it.
    _ground: Ground,
}

impl Scene {
    fn new(name: &str) -> Self {
        let ground = Ground::new(name);
        let folder = ground.folder().path().join("mounted");
        let image = ground.folder().path().join("image");
        File::create(&image).and_then(|image| image.set_len(DISK_BYTES)).expect("there is room");
        ground.make_ext4(&image);
        ground.mount(&image, &folder);
        let mut launch = ground.folder().launch(SETTINGS);
        launch.prefix = ground.prefix();
        launch.data_dir = folder.join("data");
        Self {
            process: start(&launch),
            launch,
            history: Arc::new(History::timeless()),
            definitions: Arc::default(),
            mounted: ground.outside(&folder),
            _ground: ground,
        }
    }

    /// Consumers that publish would be blocked with the publishers.
    fn options(&self, seed: u64) -> LoadOptions {
        LoadOptions { seed, fences: false, defines: false, ..LoadOptions::default() }
    }

    fn load(&self, runtime: &Runtime, options: LoadOptions) -> Load {
        let (uri, history) = (self.process.uri(), &self.history);
        let load = runtime.block_on(Load::start(&uri, history, &self.definitions, &options));
        load.expect("the broker takes a load")
    }

    /// Waits until publishers are told to wait, or to go on, and returns how long that took.
    fn wait_for_alarm(&self, is_blocked: bool, at_most: Duration) -> Duration {
        let started = Instant::now();
        let told = run(async {
            time::timeout(at_most, wait_for_alarm(self.process.uri(), is_blocked)).await
        });
        let log = self.process.log_text();
        let told = told
            .unwrap_or_else(|_| panic!("blocked is to be {is_blocked} within {at_most:?}\n{log}"));
        told.unwrap_or_else(|error| panic!("{error}\n{log}"));
        started.elapsed()
    }

    fn wait_until_within(&self, at_most: Duration, what: &str, is_so: impl Fn() -> bool) {
        let give_up = Instant::now() + at_most;
        while !is_so() {
            let log = self.process.log_text();
            assert!(Instant::now() < give_up, "not within {at_most:?}: {what}\n{log}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Something that the broker must answer soon.
    async fn in_time(&self, asked: impl Future<Output = Result<(), Error>>) {
        let answered = time::timeout(ANSWER_TIME_MAX, asked).await;
        let answered =
            answered.unwrap_or_else(|_| panic!("no answer\n{}", self.process.log_text()));
        answered.unwrap_or_else(|error| panic!("{error}\n{}", self.process.log_text()));
    }

    /// Kills it, starts it again, drains and judges.
    fn close(&mut self, runtime: &Runtime) -> Verdict {
        self.process.kill();
        self.history.record(Event::Ended);
        self.process = start(&self.launch);
        if let Err(error) = runtime.block_on(drain(&self.process.uri(), &self.history)) {
            panic!("{error}\n{}", self.process.log_text());
        }
        let verdict = judge(&self.history.take());
        assert!(verdict.is_good(), "{verdict}\n{}", self.process.log_text());
        verdict
    }
}

/// Publishes, because only who does is told.
async fn wait_for_alarm(uri: String, is_blocked: bool) -> Result<(), Error> {
    let connection = Connection::connect(&uri).await?;
    let channel = connection.open_channel().await?;
    channel.confirm_select().await?;
    let mut blocked = connection.blocked();
    // It goes nowhere, so nobody misses it.
    let publish = Publish { exchange: "amq.direct", routing_key: "nowhere", ..Publish::default() };
    loop {
        // The first publish is taken, whatever is scarce; the next one comes when the alarm is over.
        for _ in 0..2 {
            let confirm = channel.publish(&publish).await?;
            tokio::select! {
                confirmed = confirm => { confirmed?; }
                _ = blocked.wait_for(Option::is_some), if is_blocked => return Ok(()),
            }
            time::sleep(TELLING_TIME).await;
        }
        if !is_blocked && blocked.borrow().is_none() {
            return connection.close().await;
        }
    }
}

async fn declare_short_lived(process: &Process) -> Result<(), Error> {
    let connection = Connection::connect(&process.uri()).await?;
    let durable = QueueOptions { durable: true, ..QueueOptions::default() };
    connection.open_channel().await?.queue_declare("short-lived", durable).await?;
    connection.close().await
}

async fn delete_short_lived(process: &Process) -> Result<(), Error> {
    let connection = Connection::connect(&process.uri()).await?;
    connection.open_channel().await?.queue_delete("short-lived", false, false).await?;
    connection.close().await
}

fn start(launch: &Launch) -> Process {
    let started = launch.start();
    started
        .unwrap_or_else(|failed| panic!("it does not start ({:?}):\n{}", failed.status, failed.log))
}

/// Somebody who takes every byte of a file system, and each one that becomes free.
struct Filler {
    path: PathBuf,
    stop: std::sync::mpsc::Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl Filler {
    fn start(path: PathBuf) -> Self {
        let (stop, stopped) = std::sync::mpsc::channel();
        let file = File::create(&path).expect("a file can be made");
        let thread = thread::spawn(move || {
            let mut at = 0;
            loop {
                let before = at;
                // From large pieces to single blocks, until nothing fits any more.
                for size in [1 << 20, 64 << 10, 4 << 10] {
                    let piece = vec![1; size];
                    loop {
                        match file.write_all_at(&piece, at) {
                            Ok(()) => at += size as u64,
                            Err(full) if full.kind() == ErrorKind::StorageFull => break,
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
                if at > before {
                    // Delayed allocation does not count as taken.
                    file.sync_all().expect("what was written has its room");
                }
                if stopped.recv_timeout(Duration::from_millis(1)).is_ok() {
                    return;
                }
            }
        });
        Self { path, stop, thread }
    }

    fn free_bytes(&self) -> u64 {
        free_bytes(self.path.parent().expect("it is in a folder"))
    }

    /// Gives the room back.
    fn stop(self) {
        self.stop.send(()).expect("it fills until it is told");
        self.thread.join().expect("it fills until it is told");
        fs::remove_file(&self.path).expect("a file can be removed");
    }
}

/// How many bytes of a file system are free.
fn free_bytes(folder: &Path) -> u64 {
    let output = std::process::Command::new("stat")
        .args(["--file-system", "--format=%a %S"])
        .arg(folder)
        .output()
        .expect("stat runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    numbers.iter().product()
}
