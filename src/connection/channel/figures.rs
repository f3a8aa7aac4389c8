//! What a channel has done and what it waits for, for others to read while its session goes on.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

/// The figures of one channel. Its session, and whoever acts for the client beside it, write; anybody reads.
///
/// There is one writer at a time, so that nothing needs to be added atomically. A reader sees each number whole, but not
/// all of them as they were in one moment.
#[derive(Debug, Default)]
pub struct ChannelFigures {
    publish: AtomicU64,
    confirm: AtomicU64,
    return_unroutable: AtomicU64,
    drop_unroutable: AtomicU64,
    ack: AtomicU64,
    get_empty: AtomicU64,
    unconfirmed: AtomicU64,
    uncommitted: AtomicU64,
    acks_uncommitted: AtomicU64,
    mode: AtomicU8,
}

/// What becomes of the publishes of a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChannelMode {
    /// Nothing is said about them.
    #[default]
    Plain,
    /// They are confirmed.
    Confirm,
    /// They are held until they are committed.
    Transaction,
}

/// [`ChannelFigures`], read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelCounts {
    /// Messages published.
    pub publish: u64,
    /// Publishes that were confirmed with an ack.
    pub confirm: u64,
    /// Mandatory messages that were returned because no queue was found for them.
    pub return_unroutable: u64,
    /// Other messages that no queue was found for.
    pub drop_unroutable: u64,
    /// Deliveries acked.
    pub ack: u64,
    /// Fetches that found nothing.
    pub get_empty: u64,
    /// Publishes that wait for their confirm.
    pub unconfirmed: u64,
    /// Messages that wait for the end of a transaction.
    pub uncommitted: u64,
    /// Settlements that wait for it.
    pub acks_uncommitted: u64,
    /// What becomes of publishes.
    pub mode: ChannelMode,
}

#[inline]
fn add(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(count), Relaxed);
}

impl ChannelFigures {
    /// Reads them.
    #[must_use]
    pub fn read(&self) -> ChannelCounts {
        ChannelCounts {
            publish: self.publish.load(Relaxed),
            confirm: self.confirm.load(Relaxed),
            return_unroutable: self.return_unroutable.load(Relaxed),
            drop_unroutable: self.drop_unroutable.load(Relaxed),
            ack: self.ack.load(Relaxed),
            get_empty: self.get_empty.load(Relaxed),
            unconfirmed: self.unconfirmed.load(Relaxed),
            uncommitted: self.uncommitted.load(Relaxed),
            acks_uncommitted: self.acks_uncommitted.load(Relaxed),
            mode: match self.mode.load(Relaxed) {
                CONFIRM => ChannelMode::Confirm,
                TRANSACTION => ChannelMode::Transaction,
                _ => ChannelMode::Plain,
            },
        }
    }

    /// Deliveries were acked.
    #[inline]
    pub fn add_acks(&self, count: usize) {
        add(&self.ack, count as u64);
    }

    /// A fetch found nothing.
    pub fn add_get_empty(&self) {
        add(&self.get_empty, 1);
    }

    /// So many settlements wait for the end of the transaction now.
    pub fn set_acks_uncommitted(&self, count: usize) {
        self.acks_uncommitted.store(count as u64, Relaxed);
    }

    /// A run was published, of which some are unroutable.
    #[inline]
    pub(crate) fn add_publishes(&self, count: usize, unroutable: usize, mandatory: bool) {
        add(&self.publish, count as u64);
        if unroutable > 0 {
            let counter = if mandatory { &self.return_unroutable } else { &self.drop_unroutable };
            add(counter, unroutable as u64);
        }
    }

    /// How many publishes are confirmed so far, and how many wait for it.
    pub(crate) fn set_confirms(&self, confirmed: u64, unconfirmed: u64) {
        self.confirm.store(confirmed, Relaxed);
        self.unconfirmed.store(unconfirmed, Relaxed);
    }

    /// So many messages wait for the end of the transaction now.
    pub(crate) fn set_uncommitted(&self, count: usize) {
        self.uncommitted.store(count as u64, Relaxed);
    }

    pub(crate) fn set_mode(&self, mode: ChannelMode) {
        let mode = match mode {
            ChannelMode::Plain => PLAIN,
            ChannelMode::Confirm => CONFIRM,
            ChannelMode::Transaction => TRANSACTION,
        };
        self.mode.store(mode, Relaxed);
    }
}

const PLAIN: u8 = 0;
const CONFIRM: u8 = 1;
const TRANSACTION: u8 = 2;
