//! Which tests may catch which mutant.

use mutants::Mutant;

/// A test binary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Suite {
    /// What is beside the code of the log: its model, power cuts, failures and damage.
    Store,
    /// What is beside the code of the queues.
    Broker,
    /// What is beside the code of a connection: its scripts.
    Connection,
    /// The built broker through a client library.
    Capabilities,
    /// The built broker, whose disk does what a test wants.
    FailPoints,
}

impl Suite {
    pub(super) const ALL: &[Self] =
        &[Self::Store, Self::Broker, Self::Connection, Self::Capabilities, Self::FailPoints];

    /// The name of its target.
    pub(super) const fn target(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Broker => "broker",
            Self::Connection => "connection",
            Self::Capabilities => "capabilities",
            Self::FailPoints => "fail_points",
        }
    }

    /// The folder of its package, from the repository's root.
    pub(super) const fn folder(self) -> &'static str {
        match self {
            Self::Store => "src/store",
            Self::Broker => "src/broker",
            Self::Connection => "src/connection",
            Self::Capabilities => ".",
            Self::FailPoints => "tests/witness",
        }
    }

    /// What cargo has to be told to build it.
    pub(super) const fn build(self) -> &'static [&'static str] {
        match self {
            Self::Store => &["--package", "pillarbox-store"],
            Self::Broker => &["--package", "pillarbox-broker"],
            Self::Connection => &["--package", "pillarbox-connection"],
            Self::Capabilities => &["--test", "capabilities"],
            Self::FailPoints => &["--package", "pillarbox-witness", "--test", "fail_points"],
        }
    }
}

/// Tests that may catch a mutant: those of a suite whose names hold the filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Catcher {
    pub(super) suite: Suite,
    pub(super) filter: &'static str,
}

const fn by(suite: Suite, filter: &'static str) -> Catcher {
    Catcher { suite, filter }
}

const MODEL: Catcher = by(Suite::Store, "tests::model::");
const BASICS: Catcher = by(Suite::Store, "tests::basics::");
const CRASHES: Catcher = by(Suite::Store, "tests::crashes::");
const DAMAGE: Catcher = by(Suite::Store, "tests::damage::");
const ANOTHER_PAST: Catcher = by(Suite::Store, "tests::damage::a_batch_of_another_past");
const FAULTS: Catcher = by(Suite::Store, "tests::faults::any_call_may_fail");
const SPACE: Catcher = by(Suite::Store, "tests::space::");
const QUEUE: Catcher = by(Suite::Broker, "queue::tests::");
const SCRIPTS: Catcher = by(Suite::Connection, "session::tests::script");
const DURABLE: Catcher = by(Suite::Capabilities, "durable::");
const ANSWERS: Catcher = by(Suite::FailPoints, "answers::");
const LETTERS: Catcher = by(Suite::FailPoints, "letters::");

/// What may catch a mutant; the quickest first.
pub(super) const fn catchers(mutant: Mutant) -> &'static [Catcher] {
    match mutant {
        Mutant::AnnouncedBeforeFlush => &[BASICS],
        Mutant::SmallBatchNotFlushed
        | Mutant::BatchLostOnRotation
        | Mutant::SegmentNameNotFlushed
        | Mutant::SpareNameNotFlushed
        | Mutant::MarkTooHigh
        | Mutant::DropNotWritten
        | Mutant::SurvivorsNotFlushed => &[CRASHES],
        Mutant::FailedFlushTriedAgain | Mutant::NewestSegmentBelieved => &[FAULTS],
        Mutant::MarkNotWritten | Mutant::CutAtFirstBadBatch => &[DAMAGE],
        Mutant::WithdrawnContentWritten | Mutant::NotesDropped => &[MODEL],
        Mutant::ChainNotChecked => &[ANOTHER_PAST],
        Mutant::DropNotFlushed => &[SPACE],
        Mutant::ReleaseDroppedFirst => &[SPACE, MODEL],
        Mutant::RequeuedToTail | Mutant::ReturnNotNoted | Mutant::HeldLetterNotNoted => &[QUEUE],
        Mutant::DeliveryCountNotRecovered => &[QUEUE, DURABLE],
        Mutant::ConfirmedAtOnce
        | Mutant::ConfirmCoversGap
        | Mutant::RepliedAtOnce
        | Mutant::AcksOfCommitNotAwaited => &[SCRIPTS],
        Mutant::PurgeNotLogged
        | Mutant::AckNotLogged
        | Mutant::OriginalNotReleased
        | Mutant::BindingOutlivesQueue
        | Mutant::RedeliveredFlagLost => &[DURABLE],
        Mutant::OriginalReleasedFirst => &[LETTERS],
        Mutant::DeclaredBeforeFlush | Mutant::DiskFlushSkipped => &[ANSWERS],
    }
}
