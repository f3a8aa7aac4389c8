//! What the log and a spill file would keep for a queue.

use std::collections::BTreeMap;

use super::*;
use crate::record::{MessageDraft, MessageRecord, Note};

/// The log's contents of which the queue is an owner, and a spill file.
///
/// - Nothing is settled that is not there, or twice.
/// - Nothing is asked for that is not there, or again before it was answered.
#[derive(Debug, Default)]
pub(super) struct Storage {
    log: BTreeMap<Sequence, Logged>,
    spilled: BTreeMap<Sequence, Vec<u8>>,
    /// Whether it takes what is spilled.
    pub(super) spills: bool,
    pub(super) wanted: Vec<(Sequence, Backing)>,
}

#[derive(Debug)]
struct Logged {
    payload: Vec<u8>,
    note: Option<Note>,
}

fn payload(arrival: &Arrival<'_>, now: Timestamp) -> Vec<u8> {
    let draft = MessageDraft::new(arrival, now, None);
    let mut payload = vec![0; draft.bytes()];
    draft.write(&mut payload);
    payload
}

impl Storage {
    pub(super) fn log(&mut self, arrival: &Arrival<'_>, now: Timestamp) {
        let logged = Logged { payload: payload(arrival, now), note: None };
        assert!(self.log.insert(arrival.sequence, logged).is_none());
    }

    pub(super) fn settle(&mut self, sequence: Sequence, backing: Backing) {
        let was_there = match backing {
            Backing::Log => self.log.remove(&sequence).is_some(),
            Backing::Spill => self.spilled.remove(&sequence).is_some(),
        };
        assert!(was_there, "{sequence:?} is settled once: {backing:?}");
    }

    pub(super) fn settle_all(&mut self, remains: Remains) {
        remains.for_each(|(sequence, backing)| self.settle(sequence, backing));
    }

    pub(super) fn note(&mut self, sequence: Sequence, note: &[u8]) {
        let logged = self.log.get_mut(&sequence).expect("only what is logged has notes");
        logged.note = Some(Note::read(note).unwrap());
    }

    pub(super) fn spill(&mut self, arrival: &Arrival<'_>) -> bool {
        if self.spills {
            // When it arrived is of no interest: a restart loses it.
            let payload = payload(arrival, START);
            assert!(self.spilled.insert(arrival.sequence, payload).is_none());
        }
        self.spills
    }

    pub(super) fn want(&mut self, sequence: Sequence, backing: Backing) {
        assert!(self.payload(sequence, backing).is_some(), "{sequence:?} is there");
        assert!(!self.wanted.contains(&(sequence, backing)), "{sequence:?} is wanted once");
        self.wanted.push((sequence, backing));
    }

    /// Answers one of the wishes, if there are any: with its content, unless that was settled meanwhile.
    pub(super) fn read_any(&mut self, pick: usize) -> Option<(Sequence, Option<Vec<u8>>)> {
        let pick = pick.checked_rem(self.wanted.len())?;
        let (sequence, backing) = self.wanted.remove(pick);
        Some((sequence, self.payload(sequence, backing).cloned()))
    }

    pub(super) fn payload(&self, sequence: Sequence, backing: Backing) -> Option<&Vec<u8>> {
        match backing {
            Backing::Log => self.log.get(&sequence).map(|logged| &logged.payload),
            Backing::Spill => self.spilled.get(&sequence),
        }
    }

    /// What is logged and not settled.
    pub(super) fn logged(&self) -> Vec<u64> {
        self.log.keys().map(|sequence| sequence.0).collect()
    }

    /// What is spilled and not settled.
    pub(super) fn spilled(&self) -> Vec<u64> {
        self.spilled.keys().map(|sequence| sequence.0).collect()
    }

    /// The process ended.
    pub(super) fn forget_spilled(&mut self) {
        self.spilled.clear();
        self.wanted.clear();
    }

    /// Tells a queue in the making all that is logged, beginning somewhere in the middle and in strides.
    pub(super) fn recover(&self, recovery: &mut QueueRecovery, stride: usize) {
        let all: Vec<_> = self.log.iter().collect();
        let stride = stride.max(1);
        for start in (0..stride).rev() {
            for (sequence, logged) in all.iter().skip(start).step_by(stride) {
                let record = MessageRecord::read(&logged.payload).unwrap();
                recovery.add(**sequence, &record, logged.note);
            }
        }
    }
}
