//! What no good client sends, and the exact close that it gets.
//!
//! A table of named inputs, grouped by the stage at which they arrive. Each is sent whole and cut in two at every
//! position, while a bystander on the same broker publishes and consumes undisturbed. Where RabbitMQ 3.10 does the
//! same, the expectation was taken from it: `PILLARBOX_TEST_ADDR=ip:port cargo test --test frames` runs the table
//! against one, without the entries that say why they differ. `FRAMES_ONLY=word` runs the entries with that word in
//! their names.

#[path = "../broker/mod.rs"]
mod broker;
mod bystander;
mod case;
mod check;
mod content;
mod framing;
mod handshake;
mod methods;
mod pace;
mod requests;
mod semantics;
mod tables;
mod topology;
mod wire;

use std::{
    collections::{BTreeMap, HashSet},
    env,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use self::{
    broker::Broker,
    case::{Case, Splits},
    check::check,
};

/// How many connections are hostile at a time.
const WORKERS: usize = 48;
/// How many split points one worker tries in a row.
const SPLITS_A_JOB: usize = 24;

/// The whole table.
fn table() -> Vec<Case> {
    [
        handshake::cases(),
        framing::cases(),
        methods::cases(),
        tables::cases(),
        content::cases(),
        semantics::cases(),
        topology::cases(),
    ]
    .concat()
}

#[test]
fn the_table_is_long_and_its_names_are_unique() {
    let table = table();
    let names: HashSet<_> = table.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), table.len(), "a name stands twice");
    assert!(table.len() >= 160, "only {} entries", table.len());
}

#[test]
fn each_hostile_input_gets_its_close_and_nobody_else_notices() {
    let broker = Broker::start();
    let only = env::var("FRAMES_ONLY").unwrap_or_default();
    let mut table = table();
    table.retain(|case| case.name.contains(&only));
    table.retain(|case| !broker.is_foreign() || case.differs.is_none());

    let stop = AtomicBool::new(false);
    let (wrong, report) = thread::scope(|scope| {
        let bystander = scope.spawn(|| bystander::run(broker.addr(), &stop));
        let wrong = run(&broker, &table);
        stop.store(true, Ordering::Relaxed);
        (wrong, bystander.join().expect("the bystander is undisturbed"))
    });

    for (name, message) in &wrong {
        eprintln!("{name}: {message}");
    }
    eprintln!(
        "{} of {} entries wrong; beside them {} messages, the slowest took {:?}",
        wrong.len(),
        table.len(),
        report.messages,
        report.slowest
    );
    assert!(wrong.is_empty(), "{} entries got another answer", wrong.len());
    assert!(report.messages > 0);
    assert!(!broker.log_text().contains("panicked"), "a task of the broker panicked");
}

/// Some runs of one entry, for one worker.
struct Job<'a> {
    case: &'a Case,
    splits: Vec<Option<usize>>,
}

/// Runs the table over many connections; returns what went wrong, by name.
fn run(broker: &Broker, table: &[Case]) -> BTreeMap<&'static str, String> {
    let wrong = Mutex::new(BTreeMap::new());
    let whole = table.iter().map(|case| Job { case, splits: vec![None] }).collect();
    run_jobs(broker, whole, &wrong);

    // What goes wrong whole is not tried in parts. The slow ones start first.
    let failed: HashSet<_> =
        wrong.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
    let mut jobs = Vec::new();
    for case in table.iter().filter(|case| !failed.contains(case.name)) {
        let points: Vec<_> = case.split_points().into_iter().map(Some).collect();
        let a_job = if case.splits == Splits::Few { 1 } else { SPLITS_A_JOB };
        jobs.extend(points.chunks(a_job).map(|splits| Job { case, splits: splits.to_vec() }));
    }
    jobs.sort_by_key(|job| job.case.splits == Splits::All);
    run_jobs(broker, jobs, &wrong);
    wrong.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn run_jobs(broker: &Broker, jobs: Vec<Job<'_>>, wrong: &Mutex<BTreeMap<&'static str, String>>) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..WORKERS.min(jobs.len()) {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(message) = check(broker.addr(), job.case, &job.splits) {
                        let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
                        wrong.entry(job.case.name).or_insert(message);
                    }
                }
            });
        }
    });
}
