//! Calls of the disk that fail: nothing is confirmed falsely, and a restart finds everything that was ever confirmed.

use std::io::ErrorKind;
use std::sync::Arc;

use server::simulation::{Node, Settings};
use store::Turn;
use store::sim::{Call, Failure, Image, Random, SimDisk};

use crate::effort;
use crate::judge::{Found, Judge};
use crate::script::{Mix, Op};
use crate::world::{Life, Moment, Restart, Stop, World};

const SCRIPTS: u64 = 40;
const OPERATIONS: usize = 60;
const MIX: Mix = Mix { restarts: 0, large: 20 };

/// What fails: all that changes something on the disk, and opening.
const CALLS: [Call; 7] =
    [Call::Write, Call::Sync, Call::Open, Call::Create, Call::Rename, Call::Remove, Call::SyncDir];

/// How it fails. A sync that fails halfway is ext4's: afterwards it pretends that all is well.
const FAILURES: [Failure; 3] = [
    Failure::Once(ErrorKind::Other),
    Failure::FromNowOn(ErrorKind::Other),
    Failure::Halfway(ErrorKind::Other),
];

#[derive(Debug, Default)]
struct Counts {
    scripts: u64,
    failures: u64,
    /// The broker could not even start.
    at_start: u64,
    /// The failure ended the broker while it ran.
    ended: u64,
    /// It goes on without what failed.
    harmless: u64,
    restarts: u64,
}

fn settings() -> Arc<Settings> {
    Arc::new(Settings::new(8 << 10, 32 << 10))
}

/// What a script came to.
struct Played {
    life: Life,
    /// The disk failed, and the broker ended.
    has_ended: bool,
}

/// Plays a script until the disk fails. Then clients go on for a while, since a broker takes a moment to end, and none
/// of them may be promised anything more.
fn play(mut world: World, seed: u64) -> Result<Played, String> {
    let mut random = Random::new(seed);
    let mut has_ended = false;
    let mut left = OPERATIONS;
    while left > 0 {
        left -= 1;
        let op = Op::draw(&mut random, MIX);
        world.story.push(format!("{op:?}"));
        match world.act(op) {
            Ok(()) => {}
            Err(Stop::Disk(_)) if !has_ended => {
                has_ended = true;
                left = left.min(8);
            }
            Err(Stop::Disk(_)) => {}
            Err(Stop::Wrong(wrong)) => return Err(format!("{wrong}\n{}", world.story.join("\n"))),
        }
    }
    Ok(Played { life: world.life, has_ended })
}

/// A broker that was killed, on whose disk scripts begin.
struct Former {
    image: Image,
    moment: Moment,
    life: Life,
}

fn former(settings: &Arc<Settings>) -> Result<Former, String> {
    let told = |stop| format!("{stop}");
    let world = World::new(&SimDisk::new(), settings).and_then(World::furnish).map_err(told)?;
    let world = world.restart(Restart::Kill).map_err(told)?;
    let (_, moment) = world.life.moments.last_key_value().expect("there is one from the start");
    Ok(Former { image: world.disk.image(), moment: moment.clone(), life: world.life })
}

fn fail_once(
    (former, seed): (&Former, u64),
    (call, nth, failure): (Call, u64, Failure),
    counts: &mut Counts,
) -> Result<bool, String> {
    let settings = settings();
    let disk = SimDisk::from_image(&former.image);
    let now = former.life.promises[0].now;
    disk.fail(call, nth, failure);
    let begun = World::resume(&disk, &settings, former.moment.clone(), Vec::new(), now);
    let played = match begun {
        Ok(world) => play(world, seed)?,
        Err(Stop::Disk(_)) => {
            counts.at_start += 1;
            Played { life: former.life.clone(), has_ended: true }
        }
        Err(Stop::Wrong(wrong)) => return Err(wrong),
    };
    if disk.calls(call) < nth {
        return Ok(false);
    }
    counts.failures += 1;
    counts.ended += u64::from(played.has_ended);
    counts.harmless += u64::from(!played.has_ended);
    disk.heal();
    // After a kill the page cache shows what it could not write; after a power cut it is gone.
    let mut judge = Judge::new(&settings, &played.life);
    let mark = played.life.promises.len() - 1;
    for image in [disk.image(), disk.image_after_power_cut()] {
        counts.restarts += 1;
        judge.judge(&image, mark)?;
    }
    // What a start on the same disk serves is on it: it does not believe what can only be read.
    let now = played.life.promises[mark].now;
    let first = Found::look(&disk, &settings, &played.life, now)?;
    judge.compare(&first, mark)?;
    let disk = SimDisk::from_image(&disk.image_after_power_cut());
    let second = Found::look(&disk, &settings, &played.life, now)?;
    counts.restarts += 2;
    if first == second { Ok(true) } else { Err("what was served once is gone".to_owned()) }
}

fn fail_everywhere(seed: u64, counts: &mut Counts) -> Result<(), String> {
    let former = former(&settings())?;
    for call in CALLS {
        for failure in FAILURES {
            let mut nth = 1;
            while fail_once((&former, seed), (call, nth, failure), counts)
                .map_err(|wrong| format!("{call:?} {nth}, {failure:?}: {wrong}"))?
            {
                nth += 1;
            }
        }
    }
    counts.scripts += 1;
    Ok(())
}

#[test]
fn nothing_is_promised_by_a_disk_that_failed() {
    let mut counts = Counts::default();
    let seeds = effort::seeds(SCRIPTS);
    for &seed in &seeds {
        if let Err(wrong) = fail_everywhere(seed, &mut counts) {
            let again = effort::again("nothing_is_promised_by_a_disk_that_failed", seed);
            panic!("seed {seed}: {wrong}\n{again}");
        }
    }
    let counts = [
        (counts.failures, "failures"),
        (counts.at_start, "at-start"),
        (counts.ended, "ended"),
        (counts.harmless, "harmless"),
        (counts.restarts, "restarts"),
        (counts.scripts, "scripts"),
    ];
    effort::tell(&counts, effort::next(&seeds));
}

/// What a start cannot read for a moment is there at the next one.
#[test]
fn a_start_that_cannot_read_takes_nothing_away() {
    let settings = settings();
    let mut random = Random::new(0);
    let mut world = World::new(&SimDisk::new(), &settings).and_then(World::furnish).unwrap();
    for _ in 0..OPERATIONS {
        world = world.perform(Op::draw(&mut random, MIX)).map_err(|(stop, _)| stop).unwrap();
    }
    let world = world.restart(Restart::Kill).unwrap();
    let mark = world.life.promises.len() - 1;
    let now = world.life.promises[mark].now;
    let mut judge = Judge::new(&settings, &world.life);
    let mut nth = 1;
    loop {
        let disk = SimDisk::from_image(&world.disk.image());
        disk.fail(Call::Read, nth, Failure::Once(ErrorKind::Other));
        let started = Node::open(&disk, &settings, now);
        if disk.calls(Call::Read) < nth {
            break;
        }
        if let Ok(mut node) = started {
            while node.turn_log().unwrap() == Turn::Wrote {}
        }
        disk.heal();
        let judged = judge.judge(&disk.image(), mark);
        judged.unwrap_or_else(|wrong| panic!("read {nth}: {wrong}"));
        nth += 1;
    }
    assert!(nth > 5, "{nth}");
}
