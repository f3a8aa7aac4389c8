//! What happens in a test: operations drawn by chance, which say who they concern when they are carried out.

use store::sim::Random;

use crate::catalog::{BINDABLE, EXCHANGES, KEYS, OPEN, QUEUES};
use crate::model::{Binding, How, Target};
use crate::world::Restart;

/// One thing that a client, the time or the disk does. What makes no sense when its turn comes is left out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Op {
    Declare(u8),
    Delete(u8),
    Purge(u8),
    DeclareExchange(u8),
    DeleteExchange(u8),
    Bind(Binding),
    Unbind(Binding),
    Publish(Burst),
    Get {
        queue: u8,
        no_ack: bool,
        in_transaction: bool,
    },
    Consume {
        queue: u8,
        prefetch: u16,
    },
    Cancel(u8),
    /// One of what the client holds, and perhaps all before it.
    Settle {
        client: usize,
        pick: u64,
        multiple: bool,
        how: How,
    },
    Commit,
    RollBack,
    Advance(u64),
    Turn,
    Tidy,
    /// The log writes and tidies up until there is nothing left.
    Rest,
    End(Restart),
}

/// Some messages that are published at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Burst {
    pub(crate) client: usize,
    pub(crate) target: Target,
    pub(crate) count: u64,
    pub(crate) bytes: usize,
    /// What of a hundred is persistent.
    pub(crate) persistent: u64,
    pub(crate) priority: Option<u8>,
    pub(crate) expiration_ms: Option<u64>,
    pub(crate) delay_ms: Option<u64>,
}

/// What scripts are made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mix {
    /// How often of a thousand the broker ends, one way or another.
    pub(crate) restarts: u64,
    /// How often of a hundred a message is larger than 1 KiB.
    pub(crate) large: u64,
}

/// The client that changes definitions, the one that fetches, the one that consumes, the one with transactions.
pub(crate) const ADMIN: usize = 0;
pub(crate) const FETCHER: usize = 1;
pub(crate) const CONSUMER: usize = 2;
pub(crate) const COMMITTER: usize = 3;
pub(crate) const CLIENTS: usize = 4;

fn pick<T: Copy>(random: &mut Random, all: &[T]) -> T {
    all[random.index(all.len())]
}

fn below(random: &mut Random, bound: usize) -> u8 {
    u8::try_from(random.index(bound)).expect("there are few")
}

impl Op {
    /// How the broker ends by it, if it does.
    pub(crate) fn restart(self) -> Option<Restart> {
        if let Self::End(restart) = self { Some(restart) } else { None }
    }

    /// The next one.
    pub(crate) fn draw(random: &mut Random, mix: Mix) -> Self {
        if random.below(1000) < mix.restarts {
            return Self::End(pick(random, &[Restart::Kill, Restart::PowerCut, Restart::Close]));
        }
        let queue = below(random, QUEUES.len());
        match random.below(100) {
            0 => Self::Delete(queue),
            1..=4 => Self::Declare(queue),
            5 => Self::Purge(queue),
            6..=9 => Self::Bind(binding(random)),
            10 => Self::Unbind(binding(random)),
            11 => Self::DeclareExchange(below(random, EXCHANGES.len())),
            12 if random.chance(30) => Self::DeleteExchange(below(random, EXCHANGES.len())),
            12..=44 => Self::Publish(Burst::draw(random, mix)),
            45..=56 => {
                let (no_ack, in_transaction) = (random.chance(20), random.chance(25));
                Self::Get { queue, no_ack, in_transaction }
            }
            57..=59 => Self::Consume { queue, prefetch: u16::from(below(random, 4)) },
            60 => Self::Cancel(queue),
            61..=75 => settle(random),
            76..=77 => Self::Commit,
            78 => Self::RollBack,
            79..=83 => Self::Advance(random.below(40)),
            84..=95 => Self::Turn,
            96..=98 => Self::Tidy,
            _ => Self::Rest,
        }
    }
}

fn binding(random: &mut Random) -> Binding {
    Binding {
        exchange: below(random, EXCHANGES.len()),
        queue: pick(random, &BINDABLE),
        key: below(random, KEYS.len()),
    }
}

fn settle(random: &mut Random) -> Op {
    let hows = [
        How::Ack,
        How::Ack,
        How::Reject,
        How::Requeue { counted: false },
        How::Requeue { counted: true },
    ];
    let client = pick(random, &[FETCHER, CONSUMER, CONSUMER, COMMITTER]);
    let how = pick(random, &hows);
    // Only a reject counts, and a reject is of one.
    let multiple = random.chance(30) && how != How::Requeue { counted: true };
    Op::Settle { client, pick: random.number(), multiple, how }
}

impl Burst {
    fn draw(random: &mut Random, mix: Mix) -> Self {
        let client = pick(random, &[FETCHER, CONSUMER, COMMITTER]);
        let key = below(random, KEYS.len());
        let target = match random.below(10) {
            0..=1 => Target::All,
            2 => Target::Keyed(key),
            3 if client != COMMITTER => Target::Later(key),
            _ if client == COMMITTER => Target::Queue(pick(random, &OPEN)),
            _ => Target::Queue(below(random, QUEUES.len())),
        };
        let is_open = matches!(target, Target::Queue(queue) if OPEN.contains(&queue));
        let large = random.chance(mix.large);
        Self {
            client,
            target,
            count: 1 + random.below(4),
            bytes: if large { 1000 + random.index(5000) } else { 4 + random.index(150) },
            persistent: pick(random, &[100, 100, 70, 0]),
            priority: random.chance(30).then(|| below(random, 6)),
            expiration_ms: (is_open && random.chance(20)).then(|| random.below(100)),
            delay_ms: matches!(target, Target::Later(_)).then(|| 1 + random.below(60)),
        }
    }
}
