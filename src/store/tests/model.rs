//! Random calls on a log and on a naive model of it, with equal results.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

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
        skip: usize,
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
            .prop_map(|(owner, skip, count)| Step::Release { owner, skip, count }),
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
    ]
}

pub(super) fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    // Without a queue nothing happens.
    let first = vec![Step::Define, Step::Define];
    prop::collection::vec(step(), 1..count).prop_map(move |rest| [&first[..], &rest].concat())
}

type Notes = BTreeMap<(u64, u64), Vec<u8>>;

/// What there should be.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Model {
    contents: BTreeMap<u64, (BTreeSet<u64>, Vec<u8>)>,
    notes: Notes,
}

impl Model {
    /// What a log holds that was just opened.
    pub(super) fn of_log(log: &Log<SimDisk>, recovery: Recovery) -> Self {
        let notes = recovery.notes.into_iter().map(|n| ((n.owner, n.sequence), n.note.into()));
        let contents = live(log).into_iter().map(|(sequence, (owners, payload))| {
            (sequence, (owners.into_iter().collect(), payload))
        });
        Self { contents: contents.collect(), notes: notes.collect() }
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

pub(super) struct Bench {
    pub(super) disk: SimDisk,
    pub(super) log: Log<SimDisk>,
    now: Model,
    /// As of the last batch that was flushed.
    pub(super) flushed: Model,
    next_sequence: u64,
}

impl Bench {
    pub(super) fn new() -> Self {
        let disk = SimDisk::new();
        let (log, _) = open(&disk);
        Self { disk, log, now: Model::default(), flushed: Model::default(), next_sequence: 1 }
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

    /// Does something, unless the power goes; the number up to which everything there is was flushed, if it was.
    pub(super) fn step_on_power(&mut self, step: Step) -> Option<u64> {
        let is_flushing = matches!(step, Step::Turn | Step::Settle | Step::Close);
        if !matches!(step, Step::PowerCut) {
            self.step(step);
        }
        is_flushing.then(|| self.log.flushed().0)
    }

    fn step(&mut self, step: Step) {
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
            Step::Release { owner, skip, count } => {
                let Some(owner) = self.queue(&owner) else { return };
                let all: Vec<u64> = self.now.of(owner).into_iter().skip(skip).take(count).collect();
                self.log.append().release(owner, &all);
                all.into_iter().for_each(|sequence| self.now.release(owner, sequence));
            }
            Step::Forget { owner, count } => {
                let Some(owner) = self.queue(&owner) else { return };
                let all: Vec<u64> = self.now.of(owner).into_iter().take(count).collect();
                self.log.append().forget(owner, &all);
                all.into_iter().for_each(|sequence| self.now.release(owner, sequence));
                self.undefine(owner);
            }
            Step::Note { owner, content, note } => {
                let Some(owner) = self.queue(&owner) else { return };
                let all = self.now.of(owner);
                if !all.is_empty() {
                    let sequence = *content.get(&all);
                    self.log.append().note(owner, sequence, &[note]);
                    self.now.notes.insert((owner, sequence), vec![note]);
                }
            }
            Step::Turn => self.turn(),
            Step::Tidy => {
                self.log.tidy();
            }
            Step::Settle => {
                self.turn();
                settle(&self.log);
            }
            Step::Read(index) => self.read(&index),
            Step::Kill => {
                self.reopen(self.disk.clone(), false);
            }
            Step::PowerCut => {
                let disk = SimDisk::from_image(&self.disk.image_after_power_cut());
                self.reopen(disk, false);
            }
            Step::Close => {
                self.log.close();
                while self.log.turn().unwrap() != Turn::Closed {}
                self.flushed = self.now.clone();
                self.reopen(self.disk.clone(), true);
            }
        }
    }

    fn turn(&mut self) {
        self.log.turn().unwrap();
        self.flushed = self.now.clone();
    }

    fn read(&self, index: &Index) {
        let all: Vec<u64> = self.now.contents.keys().copied().collect();
        let Some(from) = (!all.is_empty()).then(|| index.index(all.len())) else { return };
        let wanted = &all[from..all.len().min(from + 20)];
        let mut read = BTreeMap::new();
        self.log.read(wanted, |sequence, payload| {
            assert_eq!(read.insert(sequence, payload.unwrap().to_vec()), None);
        });
        assert!(read.keys().copied().eq(wanted.iter().copied()));
        assert!(read.iter().all(|(sequence, payload)| self.now.contents[sequence].1 == *payload));
    }

    fn reopen(&mut self, disk: SimDisk, was_closed: bool) {
        let was_empty = disk.image().names().count() == 0;
        let (log, recovery) = open(&disk);
        assert_eq!(recovery.damage, []);
        assert_eq!(recovery.was_closed, was_closed || was_empty);
        let (contents, next_sequence) = (recovery.contents, recovery.next_sequence);
        let found = Model::of_log(&log, recovery);
        assert_eq!(found, self.flushed);
        assert_eq!(contents, found.contents.len() as u64);
        self.next_sequence = next_sequence;
        (self.now, self.disk, self.log) = (found, disk, log);
    }

    /// Once all is released, all the space is there again.
    fn end(mut self) {
        self.step(Step::PowerCut);
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
        let mut bench = Bench::new();
        for step in steps {
            bench.step(step);
        }
        bench.end();
    }
}
