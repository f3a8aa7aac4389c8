//! `kill -9` at random moments, and a restart on the same data.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use witness::{
    Event, History, Verdict, judge,
    load::{Definitions, Load, LoadOptions, drain},
    process::{Launch, Process},
    random::Random,
    story,
};

use crate::witnessed::{Folder, number, run};

/// The longest that a broker lives once its load has begun.
const LIFE_MS_MAX: u64 = 500;
/// After so many kills everything is drained and judged.
const ROUND: u64 = 10;
/// How often the broker is killed if nobody asks for another number. The other tests are in more of a hurry.
const CYCLES: u64 = 10;

/// The data of one round goes on to the next: segments, indexes and definitions grow old.
#[test]
fn what_was_confirmed_outlives_kills() {
    let seed = number("PILLARBOX_SEED").unwrap_or(1);
    let cycles = number("PILLARBOX_CYCLES").unwrap_or(CYCLES);
    let started = Instant::now();
    let mut all = Verdict::default();
    let mut slowest_start = Duration::ZERO;
    for round in 0..cycles.div_ceil(ROUND) {
        let kills = ROUND.min(cycles - round * ROUND);
        let torture = Torture::new(seed + round);
        let (verdict, start) = torture.round(kills);
        slowest_start = slowest_start.max(start);
        all.add(&verdict);
        let seed = seed + round;
        assert!(
            verdict.is_good(),
            "{verdict}\nagain with PILLARBOX_SEED={seed} PILLARBOX_CYCLES={kills} \
             cargo test --package pillarbox-witness --test torture kill"
        );
    }
    println!(
        "counts: {cycles} kills in {} s, slowest start {} ms, {all}; next seed {}",
        started.elapsed().as_secs(),
        slowest_start.as_millis(),
        seed + cycles.div_ceil(ROUND),
    );
}

/// One round: a folder, its settings, and its kills.
struct Torture {
    folder: Folder,
    launch: Launch,
    seed: u64,
    random: Random,
    history: Arc<History>,
    definitions: Arc<Definitions>,
}

impl Torture {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let folder = Folder::new("torture");
        // Small files and little memory, so that segments are recycled and messages read back within a second.
        let segment = random.pick(&["1MiB", "2MiB", "64MiB"]);
        let resident = random.pick(&["1KiB", "64KiB", "8MiB"]);
        let durability = random.pick(&["fsync", "fsync", "fsync", "os"]);
        let launch = folder.launch(&format!(
            "[store]\nsegment_bytes_max = '{segment}'\nqueue_resident_bytes_max = '{resident}'\n\
             durability = '{durability}'\n"
        ));
        let (history, definitions) = (Arc::new(History::timeless()), Arc::default());
        Self { folder, launch, seed, random, history, definitions }
    }

    fn start(&self) -> (Process, Duration) {
        let started = Instant::now();
        let process = self.launch.start().unwrap_or_else(|failed| {
            let Self { seed, .. } = self;
            panic!("seed {seed}: it does not start ({:?}):\n{}", failed.status, failed.log)
        });
        (process, started.elapsed())
    }

    fn round(mut self, kills: u64) -> (Verdict, Duration) {
        let mut slowest_start = Duration::ZERO;
        for _ in 0..kills {
            let (mut process, start) = self.start();
            slowest_start = slowest_start.max(start);
            run(self.live(&mut process));
        }
        let (mut process, _) = self.start();
        let verdict = run(self.close(&process));
        let status = process.stop();
        assert!(status.is_some_and(|status| status.success()), "{}", process.log_text());
        (verdict, slowest_start)
    }

    /// A life under load, up to its sudden end.
    async fn live(&mut self, process: &mut Process) {
        self.check_definitions(process).await;
        let options = LoadOptions {
            seed: self.random.next(),
            backlog_max: self.random.pick(&[300, 3_000, 10_000]),
            publishers: 4,
            consumes: !self.random.chance(15),
            ..LoadOptions::default()
        };
        let life = Duration::from_millis(self.random.below(LIFE_MS_MAX));
        let load = Load::start(&process.uri(), &self.history, &self.definitions, &options).await;
        let load = load.unwrap_or_else(|error| {
            panic!("seed {}: no load: {error}\n{}", self.seed, process.log_text())
        });
        tokio::time::sleep(life).await;
        assert!(!process.has_ended(), "it ended by itself:\n{}", process.log_text());
        process.kill();
        load.ended().await;
        self.history.record(Event::Ended);
    }

    async fn check_definitions(&self, process: &Process) {
        let wrong = self.definitions.check(&process.uri()).await;
        let wrong = wrong.expect("the broker answers");
        assert!(wrong.is_empty(), "seed {}: {wrong:?}\n{}", self.seed, process.log_text());
    }

    async fn close(&self, process: &Process) -> Verdict {
        self.check_definitions(process).await;
        if let Err(error) = drain(&process.uri(), &self.history).await {
            let folder = self.folder.path().display();
            panic!("seed {}: {error}; {folder}\n{}", self.seed, process.log_text());
        }
        let events = self.history.take();
        let verdict = judge(&events);
        if !verdict.is_good() {
            println!("{}", story(&events, &verdict));
        }
        verdict
    }
}
