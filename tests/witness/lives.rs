//! Lives of a broker on the same data, with load until each ends, and a judgement when they are over.

use std::{
    process::ExitStatus,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    Event, History, Verdict,
    folder::{Folder, run},
    judge,
    load::{Definitions, Load, LoadOptions, drain},
    process::{Launch, NotStarted, Process},
    random::Random,
    story,
};

/// Lives of one broker, whose data grows old with it.
#[derive(Debug)]
pub struct Lives {
    folder: Folder,
    launch: Launch,
    seed: u64,
    /// For what the test decides.
    pub random: Random,
    history: Arc<History>,
    definitions: Arc<Definitions>,
    /// The longest that a start has taken.
    pub slowest_start: Duration,
}

impl Lives {
    /// A folder without data, and settings that follow from the seed.
    #[must_use]
    pub fn new(name: &str, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let folder = Folder::new(name);
        // Small files and little memory, so that segments are recycled and messages read back within a second.
        let segment = random.pick(&["1MiB", "2MiB", "64MiB"]);
        let resident = random.pick(&["1KiB", "64KiB", "8MiB"]);
        let durability = random.pick(&["fsync", "fsync", "fsync", "os"]);
        let launch = folder.launch(&format!(
            "[store]\nsegment_bytes_max = '{segment}'\nqueue_resident_bytes_max = '{resident}'\n\
             durability = '{durability}'\n"
        ));
        let (history, definitions) = (Arc::new(History::timeless()), Arc::default());
        let slowest_start = Duration::ZERO;
        Self { folder, launch, seed, random, history, definitions, slowest_start }
    }

    /// Starts a broker.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(&mut self) -> Process {
        let started = Instant::now();
        let process = self.launch.start().unwrap_or_else(|failed| {
            let Self { seed, .. } = self;
            panic!("seed {seed}: it does not start ({:?}):\n{}", failed.status, failed.log)
        });
        self.slowest_start = self.slowest_start.max(started.elapsed());
        process
    }

    /// Starts a broker with one variable more in its environment.
    ///
    /// # Errors
    /// If that ends it at once.
    pub fn try_start(&self, name: &str, value: &str) -> Result<Process, NotStarted> {
        let mut launch = self.launch.clone();
        launch.env.push((name.to_owned(), value.to_owned()));
        launch.start()
    }

    fn options(&mut self) -> LoadOptions {
        LoadOptions {
            seed: self.random.next(),
            backlog_max: self.random.pick(&[300, 3_000, 10_000]),
            publishers: 4,
            consumes: !self.random.chance(15),
            ..LoadOptions::default()
        }
    }

    /// A life that is ended so long after its load has begun.
    ///
    /// # Panics
    /// If it has ended before, or definitions are missing that the last life had.
    pub fn live_until_killed(&mut self, process: &mut Process, after: Duration) {
        let options = self.options();
        run(async {
            self.check_definitions(process).await;
            let (uri, definitions) = (process.uri(), &self.definitions);
            let load = Load::start(&uri, &self.history, definitions, &options).await;
            let load = load.unwrap_or_else(|error| {
                panic!("seed {}: no load: {error}\n{}", self.seed, process.log_text())
            });
            tokio::time::sleep(after).await;
            assert!(!process.has_ended(), "it ended by itself:\n{}", process.log_text());
            process.kill();
            load.ended().await;
        });
        self.history.record(Event::Ended);
    }

    /// A life that is to end by itself, and returns how; or it is killed after so long, and returns `None`.
    pub fn live_until_it_ends(
        &mut self,
        process: &mut Process,
        at_most: Duration,
    ) -> Option<ExitStatus> {
        let options = self.options();
        let status = run(async {
            let (uri, definitions) = (process.uri(), &self.definitions);
            let load = Load::start(&uri, &self.history, definitions, &options).await;
            let status = process.wait(at_most);
            process.kill();
            if let Ok(load) = load {
                load.ended().await;
            }
            status
        });
        self.history.record(Event::Ended);
        status
    }

    /// The last life: everything is drained and judged.
    ///
    /// # Panics
    /// If the broker does not start, answer and stop, or definitions are missing.
    pub fn close(&mut self) -> Verdict {
        let mut process = self.start();
        let verdict = run(self.drain(&process));
        let status = process.stop();
        assert!(status.is_some_and(|status| status.success()), "{}", process.log_text());
        verdict
    }

    async fn drain(&self, process: &Process) -> Verdict {
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

    async fn check_definitions(&self, process: &Process) {
        let wrong = self.definitions.check(&process.uri()).await;
        let wrong = wrong.expect("the broker answers");
        assert!(wrong.is_empty(), "seed {}: {wrong:?}\n{}", self.seed, process.log_text());
    }
}
