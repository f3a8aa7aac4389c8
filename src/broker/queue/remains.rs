//! Messages that left a queue all at once, to be told one by one without its lock.

use super::{Backing, entry::Entry, paging::Paging, ready::Ready, unacked::UnackedTable};
use crate::message::Sequence;

/// Messages that were purged, or deleted with their queue, and whose contents lie elsewhere too: each is no more, as if
/// [`Sink::settled`](super::Sink::settled) had been called for it.
///
/// They may be millions. Taking them out of the queue was quick; whoever walks over them need not hold its lock.
#[derive(Debug, Default)]
pub struct Remains {
    ready: Ready,
    unacked: UnackedTable,
    dying: Vec<Entry>,
}

impl Remains {
    pub(super) fn new(ready: Ready, unacked: UnackedTable, paging: Option<Box<Paging>>) -> Self {
        let dying = paging.map_or(Vec::new(), |paging| paging.dying.into_entries().collect());
        Self { ready, unacked, dying }
    }

    fn pop(&mut self) -> Option<Entry> {
        match self.ready.first_line() {
            Some(line) => self.ready.pop(line),
            None => self.unacked.pop().or_else(|| self.dying.pop()),
        }
    }
}

impl Iterator for Remains {
    type Item = (Sequence, Backing);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let entry = self.pop()?;
            if let Some(backing) = entry.backing() {
                return Some((entry.sequence, backing));
            }
        }
    }
}
