//! Dead letters that cannot leave yet, because their content is not in memory.
//!
//! They leave in the order in which their messages died: one whose content is here waits for those before it.

use std::collections::VecDeque;

use super::{
    DeathReason,
    entry::{Entry, Mark},
};
use crate::Timestamp;

/// A message that is dead but whose letter has not left.
#[derive(Debug, Clone, Copy)]
pub(super) struct DyingMessage {
    pub(super) entry: Entry,
    /// What its record takes of a segment; 0 if it is paged out.
    pub(super) bytes: u32,
    pub(super) reason: DeathReason,
    pub(super) died_at: Timestamp,
    pub(super) is_asked: bool,
}

/// The dying messages of one queue, each with a number that stays its own.
#[derive(Debug, Default)]
pub(super) struct Dying {
    queue: VecDeque<Option<DyingMessage>>,
    /// The number of the first.
    first: u64,
    unasked_from: u64,
}

impl Dying {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// How many of them will have a letter.
    #[cfg(test)]
    pub(super) fn messages(&self) -> usize {
        self.queue.iter().flatten().count()
    }

    pub(super) fn push(&mut self, message: DyingMessage) -> u64 {
        self.queue.push_back(Some(message));
        self.first + self.queue.len() as u64 - 1
    }

    /// The first whose content is needed and was not asked for: now it is.
    pub(super) fn next_unasked(&mut self) -> Option<(u64, Entry)> {
        let end = self.first + self.queue.len() as u64;
        self.unasked_from = self.unasked_from.max(self.first);
        while self.unasked_from < end {
            let number = self.unasked_from;
            self.unasked_from = number + 1;
            if let Some(message) = self.get_mut(number)
                && message.entry.is(Mark::Paged)
                && !message.is_asked
            {
                message.is_asked = true;
                return Some((number, message.entry));
            }
        }
        None
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut DyingMessage> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.queue.get_mut(index)?.as_mut()
    }

    /// Its content is damaged: there will be no letter.
    pub(super) fn take(&mut self, number: u64) -> Option<DyingMessage> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.queue.get_mut(index)?.take()
    }

    /// The next whose letter can leave.
    pub(super) fn pop(&mut self) -> Option<DyingMessage> {
        loop {
            let front = self.queue.front()?;
            if front.is_some_and(|message| message.entry.is(Mark::Paged)) {
                return None;
            }
            self.first += 1;
            if let Some(message) = self.queue.pop_front()? {
                return Some(message);
            }
        }
    }

    /// Every entry whose content is in memory.
    pub(super) fn resident_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        let messages = self.queue.iter_mut().flatten();
        messages.map(|message| &mut message.entry).filter(|entry| !entry.is(Mark::Paged))
    }

    /// Every entry that will have a letter.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.queue.iter().flatten().map(|message| message.entry)
    }

    /// Every entry.
    pub(super) fn into_entries(self) -> impl Iterator<Item = Entry> + use<> {
        self.queue.into_iter().flatten().map(|message| message.entry)
    }
}
