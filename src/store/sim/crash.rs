//! What a power cut may leave behind: which of the unsynced changes reached the disk, and which did not.

use std::{
    collections::HashSet,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

use super::{
    image::Image,
    medium::{Change, Fate, Medium},
    random::Random,
};

/// How thoroughly [`Replay::crash`](super::Replay::crash) looks.
#[derive(Debug, Clone, Copy)]
pub struct CrashPlan {
    /// What random subsets follow from.
    pub seed: u64,
    /// How many random subsets of sectors are tried at each point.
    pub random: u32,
    /// Whether the write that was the last call is torn at each of its sectors.
    pub tears: bool,
}

/// One way in which the power may go, as a failed test shows it.
#[derive(Debug, Clone, Copy)]
pub struct Crash {
    /// How many calls were done; the last of them perhaps in part.
    pub after: usize,
    names: Part,
    data: Data,
}

/// Some of the changes of names, numbered from 0 in the order they were made.
#[derive(Debug, Clone, Copy)]
enum Part {
    None,
    All,
    First(usize),
    Without(usize),
    Only(usize),
}

impl Part {
    fn keeps(self, number: usize) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::First(count) => number < count,
            Self::Without(one) => number != one,
            Self::Only(one) => number == one,
        }
    }

    /// All ways to keep some of so many.
    fn of(count: usize) -> Vec<Self> {
        let mut all = vec![Self::All, Self::None];
        if count > 1 {
            all.extend((1..count).map(Self::First));
            all.extend((0..count - 1).map(Self::Without));
            all.extend((1..count).map(Self::Only));
        }
        all
    }
}

/// Some of the changes of bytes.
#[derive(Debug, Clone, Copy)]
enum Data {
    /// Whole changes.
    Whole(Part),
    /// The newest change is a write that was torn; those before it were kept or lost.
    Torn { before: bool, tear: Tear },
    /// Each sector by chance.
    Random(u64),
}

/// Which sectors of a write reached the disk.
#[derive(Debug, Clone, Copy)]
enum Tear {
    First(usize),
    From(usize),
    Without(usize),
    Only(usize),
    ZerosFrom(usize),
    GarbageFrom(usize),
    ZerosOnly(usize),
}

impl Tear {
    fn fate(self, sector: usize) -> Fate {
        let kept = match self {
            Self::First(count) => sector < count,
            Self::From(first) => sector >= first,
            Self::Without(one) => sector != one,
            Self::Only(one) => sector == one,
            Self::ZerosFrom(first) if sector >= first => return Fate::Zeros,
            Self::GarbageFrom(first) if sector >= first => return Fate::Garbage,
            Self::ZerosOnly(one) if sector == one => return Fate::Zeros,
            Self::ZerosFrom(_) | Self::GarbageFrom(_) | Self::ZerosOnly(_) => true,
        };
        if kept { Fate::Kept } else { Fate::Lost }
    }

    /// All ways to tear so many sectors.
    fn of(sectors: usize) -> Vec<Self> {
        let mut all = vec![Self::ZerosFrom(0), Self::GarbageFrom(0)];
        for sector in 1..sectors {
            all.extend([Self::First(sector), Self::From(sector)]);
            all.extend([Self::ZerosFrom(sector), Self::GarbageFrom(sector)]);
        }
        if sectors > 2 {
            all.extend((0..sectors).flat_map(|one| [Self::Without(one), Self::Only(one)]));
            all.extend((0..sectors - 1).map(Self::ZerosOnly));
        }
        all
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { after, names, data } = self;
        write!(f, "after call {after}: of the unsynced names {names:?}, of the data {data:?}")
    }
}

/// The states that were visited already, since the last call that made any last.
#[derive(Debug, Default)]
pub(super) struct Found(HashSet<u64>);

impl Found {
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    pub(super) fn visit(
        &mut self,
        medium: &Medium,
        after: usize,
        plan: &CrashPlan,
        mut visit: impl FnMut(&Image, &Crash) -> bool,
    ) -> u64 {
        let name_changes = medium.name_changes();
        let changes = medium.changes();
        let mut random =
            Random::new(plan.seed ^ (after as u64).wrapping_mul(0x2545_F491_4F6C_DD1D));
        let mut visited = 0;
        for (names, data) in crashes(name_changes.len(), &changes, plan, &mut random) {
            let number = |at: u64| changes.partition_point(|(other, _, _)| *other < at);
            let fate = |at: u64, part: usize| data.fate(number(at), part, changes.len());
            let keeps_name =
                |at: u64| names.keeps(name_changes.partition_point(|(other, _)| *other < at));
            let mut hasher = DefaultHasher::new();
            for (at, _) in name_changes.iter().filter(|(at, _)| keeps_name(*at)) {
                at.hash(&mut hasher);
            }
            for (at, _, change) in &changes {
                let fates = (0..change.parts()).map(|part| (part, fate(*at, part)));
                fates.filter(|(_, fate)| *fate != Fate::Lost).for_each(|kept| {
                    (*at, kept).hash(&mut hasher);
                });
            }
            if self.0.insert(hasher.finish()) {
                visited += 1;
                let crash = Crash { after, names, data };
                if !visit(&medium.cut(keeps_name, fate), &crash) {
                    break;
                }
            }
        }
        visited
    }
}

/// What to try, with names and bytes lost together and apart.
fn crashes(
    names: usize,
    changes: &[(u64, super::FileId, &Change)],
    plan: &CrashPlan,
    random: &mut Random,
) -> Vec<(Part, Data)> {
    let ends = if names == 0 { &[Part::All][..] } else { &[Part::All, Part::None] };
    let mut all: Vec<(Part, Data)> = Vec::new();
    for data in Part::of(changes.len()).into_iter().map(Data::Whole) {
        all.extend(ends.iter().map(|names| (*names, data)));
    }
    for some in Part::of(names).into_iter().skip(2) {
        all.extend([(some, Data::Whole(Part::All)), (some, Data::Whole(Part::None))]);
    }
    if changes.is_empty() {
        return all;
    }
    if let Some((_, _, Change::Write(_))) = changes.last().copied()
        && plan.tears
    {
        let sectors = changes.last().map_or(0, |(_, _, change)| change.parts());
        for tear in Tear::of(sectors) {
            for before in [true, false] {
                all.push((Part::All, Data::Torn { before, tear }));
            }
        }
    }
    for _ in 0..plan.random {
        let names = match random.below(4) {
            0 => Part::None,
            1 => Part::First(random.index(names + 1)),
            _ => Part::All,
        };
        all.push((names, Data::Random(random.number())));
    }
    all
}

impl Data {
    fn fate(self, number: usize, part: usize, count: usize) -> Fate {
        let kept = match self {
            Self::Whole(some) => some.keeps(number),
            Self::Torn { before, .. } if number + 1 < count => before,
            Self::Torn { tear, .. } => return tear.fate(part),
            Self::Random(seed) => {
                let at = (number as u64) << 32 | part as u64;
                let drawn = Random::new(seed ^ at.wrapping_mul(0xD6E8_FEB8_6659_FD93)).below(16);
                match drawn {
                    0 => return Fate::Zeros,
                    1 => return Fate::Garbage,
                    _ => drawn < 9,
                }
            }
        };
        if kept { Fate::Kept } else { Fate::Lost }
    }
}
