//! Random calls on a log and on a naive model of it, with equal results.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::{ReadError, Sync};

#[derive(Debug, Clone)]
pub(super) enum Step {
    Define,
    Undefine(Index),
    Publish {
        owners: Vec<Index>,
        len: usize,
    },
    /// The oldest ones, but for a few.
    Release {
        owner: Index,
        passed: usize,
        count: usize,
    },
    Forget {
        owner: Index,
        count: usize,
    },
    Note {
        owner: Index,
        content: Index,
        note: u8,
    },
    Turn,
    Tidy,
    Settle,
    Read(Index),
    Kill,
    PowerCut,
    Close,
    Snapshot,
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    let len = prop_oneof![8 => 0..100_usize, 3 => 100..1500_usize, 1 => 4000..20_000_usize];
    prop_oneof![
        2 => Just(Step::Define),
        1 => index().prop_map(Step::Undefine),
        24 => (prop::collection::vec(index(), 1..4), len)
            .prop_map(|(owners, len)| Step::Publish { owners, len }),
        20 => (index(), 0..4_usize, 1..12_usize)
            .prop_map(|(owner, passed, count)| Step::Release { owner, passed, count }),
        1 => (index(), 1..5_usize).prop_map(|(owner, count)| Step::Forget { owner, count }),
        5 => (index(), index(), any::<u8>())
            .prop_map(|(owner, content, note)| Step::Note { owner, content, note }),
        16 => Just(Step::Turn),
        6 => Just(Step::Tidy),
        2 => Just(Step::Settle),
        4 => index().prop_map(Step::Read),
        1 => Just(Step::Kill),
        1 => Just(Step::PowerCut),
        1 => Just(Step::Close),
        1 => Just(Step::Snapshot),
    ]
}

pub(super) fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    // Without a queue nothing happens.
    let first = [Step::Define, Step::Define];
    prop::collection::vec(step(), 1..count).prop_map(move |rest| [&first[..], &rest].concat())
}

type Notes = BTreeMap<(u64, u64), Vec<u8>>;

/// What there should be.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Model {
    pub(super) contents: BTreeMap<u64, (BTreeSet<u64>, Vec<u8>)>,
    pub(super) notes: Notes,
}

pub(super) fn try_open(disk: &SimDisk, sync: Sync) -> Result<(Log<SimDisk>, Recovery), Stopped> {
    Log::open(disk.clone(), Options { sync, ..options() }, &mut |_| {}).map_err(stopped)
}

fn stopped(error: impl std::fmt::Display) -> Stopped {
    error.to_string()
}

/// Opens what is left of a log, twice; it is what was flushed, or something later.
pub(super) fn judge(
    disk: &SimDisk,
    sync: Sync,
    history: &History,
    flushed: u64,
) -> Result<Model, String> {
    let (log, recovery) = try_open(disk, sync)?;
    if let Some(damage) = recovery.damage.first() {
        return Err(format!("damage: {damage}"));
    }
    let found = Model::of_log(&log, recovery)?;
    let before = history.range(..=flushed).next_back();
    let mut allowed = before.into_iter().chain(history.range(flushed + 1..));
    if !allowed.any(|(_, model)| *model == found) {
        return Err(format!("flushed up to {flushed}: {found:?}\nbut not {before:?}"));
    }
    drop(log);
    let (log, recovery) = try_open(disk, sync)?;
    if Model::of_log(&log, recovery)? == found {
        Ok(found)
    } else {
        Err("it differs the second time".to_owned())
    }
}

impl Model {
    /// What a log holds that was just opened.
    pub(super) fn of_log(log: &Log<SimDisk>, recovery: Recovery) -> Result<Self, Stopped> {
        let notes = recovery.notes.into_iter().map(|n| ((n.owner, n.sequence), n.note.into()));
        let mut model = Self { contents: BTreeMap::new(), notes: notes.collect() };
        let mut result = Ok(());
        log.for_each_live(
            |_| true,
            |sequence, owners, payload| match payload {
                Ok(payload) => {
                    let owners = owners.iter().copied().collect();
                    model.contents.insert(sequence, (owners, payload.to_vec()));
                }
                Err(error) => result = Err(stopped(error)),
            },
        );
        result.map(|()| model)
    }

    fn release(&mut self, owner: u64, sequence: u64) {
        self.notes.remove(&(owner, sequence));
        if let Some((owners, _)) = self.contents.get_mut(&sequence) {
            owners.remove(&owner);
            if owners.is_empty() {
                self.contents.remove(&sequence);
            }
        }
    }

    fn of(&self, owner: u64) -> Vec<u64> {
        let held = self.contents.iter().filter(|(_, (owners, _))| owners.contains(&owner));
        held.map(|(sequence, _)| *sequence).collect()
    }
}

/// What a log held at the end of a batch, by the batch's number.
pub(super) type History = BTreeMap<u64, Model>;

/// Why a script does not go on: the disk failed, and the log says so.
pub(super) type Stopped = String;

pub(super) struct Bench {
    pub(super) disk: SimDisk,
    pub(super) log: Log<SimDisk>,
    sync: Sync,
    pub(super) now: Model,
    pub(super) history: History,
    next_sequence: u64,
}

impl Bench {
    pub(super) fn new(disk: &SimDisk, sync: Sync) -> Result<Self, Stopped> {
        let (log, _) = try_open(disk, sync)?;
        let history = BTreeMap::from([(0, Model::default())]);
        Ok(Self { disk: disk.clone(), log, sync, now: Model::default(), history, next_sequence: 1 })
    }

    /// What goes on from what a power cut left: whatever that is, it is flushed.
    pub(super) fn again(disk: &SimDisk, sync: Sync) -> Result<Self, Stopped> {
        let (log, recovery) = try_open(disk, sync)?;
        let next_sequence = recovery.next_sequence;
        let now = Model::of_log(&log, recovery)?;
        let history = BTreeMap::from([(0, now.clone())]);
        Ok(Self { disk: disk.clone(), log, sync, now, history, next_sequence })
    }

    fn queue(&self, index: &Index) -> Option<u64> {
        let queues = self.now.of(0);
        (!queues.is_empty()).then(|| *index.get(&queues))
    }

    fn append(&mut self, owners: &[u64], payload: Vec<u8>) {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        append(&self.log, sequence, owners, &payload);
        self.now.contents.insert(sequence, (owners.iter().copied().collect(), payload));
    }

    fn undefine(&mut self, owner: u64) {
        let all = self.now.of(owner);
        let mut appender = self.log.append();
        appender.release(0, &[owner]);
        appender.forget(owner, &all);
        drop(appender);
        self.now.release(0, owner);
        all.into_iter().for_each(|sequence| self.now.release(owner, sequence));
    }

    /// Does something, unless the power goes.
    pub(super) fn step_on_power(&mut self, step: Step) -> Result<(), Stopped> {
        if matches!(step, Step::PowerCut) { Ok(()) } else { self.step(step) }
    }

    fn step(&mut self, step: Step) -> Result<(), Stopped> {
        match step {
            Step::Define => self.append(&[0], b"a queue".to_vec()),
            Step::Undefine(owner) => {
                if let Some(owner) = self.queue(&owner) {
                    self.undefine(owner);
                }
            }
            Step::Publish { owners, len } => {
                let owners: BTreeSet<u64> = owners.iter().filter_map(|o| self.queue(o)).collect();
                if !owners.is_empty() {
                    let owners: Vec<u64> = owners.into_iter().collect();
                    let fill = self.next_sequence.to_le_bytes();
                    self.append(&owners, fill.into_iter().cycle().take(len).collect());
                }
            }
            Step::Release { owner, passed, count } => {
                let Some(owner) = self.queue(&owner) else { return Ok(()) };
                let all: Vec<u64> =
                    self.now.of(owner).into_iter().skip(passed).take(count).collect();
                self.log.append().release(owner, &all);
                all.into_iter().for_each(|sequence| self.now.release(owner, sequence));
            }
            Step::Forget { owner, count } => {
                let Some(owner) = self.queue(&owner) else { return Ok(()) };
                let all: Vec<u64> = self.now.of(owner).into_iter().take(count).collect();
                self.log.append().forget(owner, &all);
                all.into_iter().for_each(|sequence| self.now.release(owner, sequence));
                self.undefine(owner);
            }
            Step::Note { owner, content, note } => {
                let Some(owner) = self.queue(&owner) else { return Ok(()) };
                let all = self.now.of(owner);
                if !all.is_empty() {
                    let sequence = *content.get(&all);
                    self.log.append().note(owner, sequence, &[note]);
                    self.now.notes.insert((owner, sequence), vec![note]);
                }
            }
            Step::Turn => self.turn()?,
            Step::Tidy => {
                self.log.tidy();
            }
            Step::Settle => {
                self.turn()?;
                while self.log.turn().map_err(stopped)? == Turn::Wrote || self.log.tidy() {}
            }
            Step::Read(index) => self.read(&index)?,
            Step::Kill => self.reopen(self.disk.clone(), false)?,
            Step::PowerCut => {
                let disk = SimDisk::from_image(&self.disk.image_after_power_cut());
                self.reopen(disk, false)?;
            }
            Step::Snapshot => {
                let copy = SimDisk::new();
                self.log.snapshot().copy_to(&copy, &mut |_| {}).map_err(stopped)?;
                let flushed = self.log.flushed().0;
                let expected = self.history.range(..=flushed).next_back();
                let (log, recovery) = try_open(&copy, self.sync)?;
                assert_eq!(recovery.damage, []);
                assert_eq!(Some(&Model::of_log(&log, recovery)?), expected.map(|(_, model)| model));
            }
            Step::Close => {
                self.log.close();
                self.turn()?;
                let last = loop {
                    let turn = self.log.turn().map_err(stopped)?;
                    if matches!(turn, Turn::Closed | Turn::Full) {
                        break turn;
                    }
                };
                self.reopen(self.disk.clone(), last == Turn::Closed)?;
            }
        }
        Ok(())
    }

    pub(super) fn turn(&mut self) -> Result<(), Stopped> {
        let number = self.log.append().position().0;
        self.history.insert(number, self.now.clone());
        self.log.turn().map_err(stopped)?;
        self.disk.mark(self.log.flushed().0);
        Ok(())
    }

    fn read(&self, index: &Index) -> Result<(), Stopped> {
        let all: Vec<u64> = self.now.contents.keys().copied().collect();
        let Some(from) = (!all.is_empty()).then(|| index.index(all.len())) else { return Ok(()) };
        let wanted = &all[from..all.len().min(from + 20)];
        let (mut read, mut failure) = (BTreeMap::new(), None);
        self.log.read(wanted, |sequence, payload| match payload {
            Ok(payload) => assert_eq!(read.insert(sequence, payload.to_vec()), None),
            Err(error) => failure = Some(error),
        });
        if let Some(error) = failure {
            assert!(matches!(error, ReadError::Disk(_)), "{error}");
            return Err(stopped(error));
        }
        assert!(read.keys().copied().eq(wanted.iter().copied()));
        assert!(read.iter().all(|(sequence, payload)| self.now.contents[sequence].1 == *payload));
        Ok(())
    }

    fn reopen(&mut self, disk: SimDisk, was_closed: bool) -> Result<(), Stopped> {
        let flushed = self.log.flushed().0;
        let (log, recovery) = try_open(&disk, self.sync)?;
        assert_eq!(recovery.damage, []);
        assert_eq!(recovery.was_closed, was_closed || recovery.is_new);
        let (contents, next_sequence) = (recovery.contents, recovery.next_sequence);
        let found = Model::of_log(&log, recovery)?;
        assert_eq!(
            Some(&found),
            self.history.range(..=flushed).next_back().map(|(_, model)| model)
        );
        assert_eq!(contents, found.contents.len() as u64);
        self.history.split_off(&(flushed + 1));
        self.next_sequence = next_sequence;
        (self.now, self.disk, self.log) = (found, disk, log);
        Ok(())
    }

    /// Once all is released, all the space is there again.
    fn end(mut self) {
        self.step(Step::PowerCut).unwrap();
        for queue in self.now.of(0) {
            let all = self.now.of(queue);
            self.log.release_all(queue, &all);
            self.log.append().release(0, &[queue]);
        }
        settle(&self.log);
        let stats = self.log.stats();
        assert_eq!((stats.live_contents, stats.live_bytes), (0, 0));
        assert!(stats.segments <= 2, "{stats:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_log_holds_what_its_model_holds(steps in steps(300)) {
        let mut bench = Bench::new(&SimDisk::new(), Sync::Flush).unwrap();
        for step in steps {
            bench.step(step).unwrap();
        }
        bench.end();
    }
}
