//! Mistakes that somebody could make, planted on purpose: whoever says that a test holds a promise shows that it fails
//! once the promise is broken.
//!
//! ```text
//! if mutants::is_planted(Mutant::AnnouncedBeforeFlush) {
//!     self.announce(job.number);
//! }
//! ```
//!
//! In a build with the feature `planted`, `PILLARBOX_MUTANT=announced-before-flush` plants that one, and without the
//! variable nothing is planted. All other builds have none of this: there [`is_planted`] is a constant `false`.
//! `cargo xtask mutants` plants each of them and expects a test to fail.

/// Makes the enum, and the table of names and sentences, from one list.
macro_rules! mutants {
    ($(#[doc = $breaks:literal] $mutant:ident = $name:literal,)*) => {
        /// A mistake, named for what goes wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mutant {
            $(#[doc = $breaks] $mutant,)*
        }

        impl Mutant {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$mutant,)*];

            /// What `PILLARBOX_MUTANT` calls it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$mutant => $name,)*
                }
            }

            /// What it breaks, in a sentence.
            #[must_use]
            pub fn breaks(self) -> &'static str {
                match self {
                    $(Self::$mutant => $breaks.trim_ascii(),)*
                }
            }
        }
    };
}

mutants! {
    // The log.
    /// A batch is said to be flushed before it is written.
    AnnouncedBeforeFlush = "announced-before-flush",
    /// A batch of a sector or less is written and not flushed.
    SmallBatchNotFlushed = "small-batch-not-flushed",
    /// A flush that failed is tried again, and the second one is believed.
    FailedFlushTriedAgain = "failed-flush-tried-again",
    /// The batch for which another segment had to be begun is not written.
    BatchLostOnRotation = "batch-lost-on-rotation",
    /// A segment gets its name, and the folder is not flushed.
    SegmentNameNotFlushed = "segment-name-not-flushed",
    /// A segment becomes a spare under another name, and the folder is not flushed.
    SpareNameNotFlushed = "spare-name-not-flushed",
    /// A log that falls idle does not write down how far it is flushed.
    MarkNotWritten = "mark-not-written",
    /// A batch says of itself that it is flushed.
    MarkTooHigh = "mark-too-high",
    /// The log is cut off at its first bad batch, although whole ones follow.
    CutAtFirstBadBatch = "cut-at-first-bad-batch",
    /// A batch is believed whatever the one before it was.
    ChainNotChecked = "chain-not-checked",
    /// A content that was released before it was written is written all the same, and its release is not.
    WithdrawnContentWritten = "withdrawn-content-written",
    /// The file of a segment that nothing needs goes, and nothing on the disk says so.
    DropNotWritten = "drop-not-written",
    /// The file of a segment that nothing needs is used again before it is flushed that nothing does.
    DropNotFlushed = "drop-not-flushed",
    /// A segment goes when its survivors are copied, before the copies are flushed.
    SurvivorsNotFlushed = "survivors-not-flushed",
    /// A segment goes while contents are still there that were released in it.
    ReleaseDroppedFirst = "release-dropped-first",
    /// A segment goes although the newest notes of contents lie in it.
    NotesDropped = "notes-dropped",
    /// What can be read of the newest segment after a crash is taken for what is on the disk.
    NewestSegmentBelieved = "newest-segment-believed",

    // Queues.
    /// A message that comes back to a classic queue goes to its end.
    RequeuedToTail = "requeued-to-tail",
    /// A quorum queue begins to count deliveries anew after a restart.
    DeliveryCountNotRecovered = "delivery-count-not-recovered",
    /// That a message came back is not noted in the log.
    ReturnNotNoted = "return-not-noted",
    /// That a message is dead, and its letter not yet accepted, is not noted in the log.
    HeldLetterNotNoted = "held-letter-not-noted",

    // Connections.
    /// A publish is confirmed without waiting for the log.
    ConfirmedAtOnce = "confirmed-at-once",
    /// A confirm covers publishes before it that still wait for the log.
    ConfirmCoversGap = "confirm-covers-gap",
    /// Replies leave without waiting for the log.
    RepliedAtOnce = "replied-at-once",
    /// `tx.commit` waits for the messages of its transaction only, not for the acks.
    AcksOfCommitNotAwaited = "acks-of-commit-not-awaited",

    // The server.
    /// A queue is said to be declared before its definition is flushed.
    DeclaredBeforeFlush = "declared-before-flush",
    /// What a purge took away is not released in the log.
    PurgeNotLogged = "purge-not-logged",
    /// An ack is not written into the log.
    AckNotLogged = "ack-not-logged",
    /// A dead letter is logged, and its original not released.
    OriginalNotReleased = "original-not-released",
    /// The original of a dead letter is released and flushed before the letter is logged.
    OriginalReleasedFirst = "original-released-first",
    /// A queue that is deleted leaves its bindings in the log.
    BindingOutlivesQueue = "binding-outlives-queue",
    /// After an unclean end messages are not marked as redelivered.
    RedeliveredFlagLost = "redelivered-flag-lost",
    /// The log's disk says that it has flushed, and has not.
    DiskFlushSkipped = "disk-flush-skipped",
}

/// Whether a mistake is to be made.
#[cfg(not(feature = "planted"))]
#[inline]
#[must_use]
pub const fn is_planted(_: Mutant) -> bool {
    false
}

/// Whether a mistake is to be made.
///
/// # Panics
/// If the environment names a mutant that there is not.
#[cfg(feature = "planted")]
#[must_use]
pub fn is_planted(mutant: Mutant) -> bool {
    use std::sync::OnceLock;

    static PLANTED: OnceLock<Option<Mutant>> = OnceLock::new();
    let read = || {
        let name = std::env::var("PILLARBOX_MUTANT").ok().filter(|name| !name.is_empty())?;
        let found = Mutant::ALL.iter().find(|mutant| mutant.name() == name);
        Some(*found.unwrap_or_else(|| panic!("'{name}' is no mutant: see src/mutants/lib.rs")))
    };
    *PLANTED.get_or_init(read) == Some(mutant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_and_a_sentence_of_its_own() {
        for (at, mutant) in Mutant::ALL.iter().enumerate() {
            let others = &Mutant::ALL[..at];
            assert!(others.iter().all(|other| other.name() != mutant.name()), "{mutant:?}");
            assert!(mutant.breaks().ends_with('.'), "{mutant:?}");
        }
    }

    #[test]
    fn nothing_is_planted_unless_somebody_wants_it() {
        if std::env::var_os("PILLARBOX_MUTANT").is_none() {
            assert!(!Mutant::ALL.iter().any(|mutant| is_planted(*mutant)));
        }
    }
}
