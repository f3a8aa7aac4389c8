//! The power goes at every moment: between any two calls of the disk, and within every write.

use std::sync::Arc;

use server::simulation::Settings;
use store::sim::{CrashPlan, Image, Random, SimDisk, Trace};

use crate::effort;
use crate::judge::{Found, Judge};
use crate::script::{Mix, Op};
use crate::world::{Life, Moment, Stop, World};

const SCRIPTS: u64 = 180;
const OPERATIONS: usize = 60;
const MIX: Mix = Mix { restarts: 0, large: 5 };

/// Scripts whose messages are so large that segments fill, are emptied and used again.
const LARGE_SCRIPTS: u64 = 100;
const LARGE_OPERATIONS: usize = 120;
const LARGE_MIX: Mix = Mix { restarts: 0, large: 70 };

/// Of so many states one is gone on from, until the power goes again.
const SECOND_CUT_ONE_IN: u64 = 16;
const SECOND_OPERATIONS: usize = 10;

/// Of so many states one is opened twice.
const TWICE_ONE_IN: u64 = 10;

#[derive(Debug, Default)]
struct Counts {
    scripts: u64,
    states: u64,
    opened_twice: u64,
    second_cuts: u64,
    second_states: u64,
    segments_emptied: u64,
    segments_begun: u64,
}

fn settings() -> Arc<Settings> {
    Arc::new(Settings::new(8 << 10, 32 << 10))
}

/// Plays a script on a disk that records.
fn play(mut world: World, random: &mut Random, count: usize, mix: Mix) -> Result<World, String> {
    let told = |(stop, story): (Stop, Vec<String>)| format!("{stop}\n{}", story.join("\n"));
    for _ in 0..count {
        world = world.perform(Op::draw(random, mix)).map_err(told)?;
    }
    let story = world.story.join("\n");
    world.rest().map_err(|stop| format!("{stop}\n{story}"))?;
    Ok(world)
}

fn begin(random: &mut Random, count: usize, mix: Mix) -> Result<World, String> {
    let disk = SimDisk::new();
    disk.record();
    let world = World::new(&disk, &settings()).and_then(World::furnish);
    play(world.map_err(|stop| format!("{stop}"))?, random, count, mix)
}

/// How thoroughly states are looked at.
#[derive(Debug, Clone, Copy)]
struct Sample {
    /// At one of so many calls of the disk.
    points: u64,
    /// Of the states there, one of so many.
    states: u64,
}

const EVERYTHING: Sample = Sample { points: 1, states: 1 };
const FIRST_CUT: Sample = Sample { points: 4, states: 10 };
const SECOND_CUT: Sample = Sample { points: 10, states: 5 };

/// Judges the states that a power cut can leave, and hands on those that are right; how many there were.
fn cut_everywhere(
    trace: &Trace,
    life: &Life,
    (seed, sample): (u64, Sample),
    mut hand_on: impl FnMut(&Image, usize, Moment) -> Result<(), String>,
) -> Result<u64, String> {
    let settings = settings();
    let mut judge = Judge::new(&settings, life);
    let plan = CrashPlan { seed, random: 16, tears: true };
    let mut random = Random::new(seed);
    let mut replay = trace.replay();
    let (mut states, mut result) = (0, Ok(()));
    while replay.step().is_some() && result.is_ok() {
        let mark = usize::try_from(replay.mark()).expect("there are few marks");
        if random.below(sample.points) > 0 {
            continue;
        }
        replay.crash(&plan, |image, crash| {
            if random.below(sample.states) > 0 {
                return true;
            }
            states += 1;
            result = judge
                .judge(image, mark)
                .and_then(|moment| hand_on(image, mark, moment))
                .map_err(|wrong| format!("{crash}: {wrong}"));
            result.is_ok()
        });
    }
    result.map(|()| states)
}

/// A second start finds what the first one found.
fn open_twice(image: &Image, life: &Life, mark: usize) -> Result<(), String> {
    let (disk, now) = (SimDisk::from_image(image), life.promises[mark].now);
    let [first, second] = [(); 2].map(|()| Found::look(&disk, &settings(), life, now));
    if first? == second? { Ok(()) } else { Err("it differs the second time".to_owned()) }
}

fn cut_once(seed: u64, counts: &mut Counts) -> Result<(), String> {
    let mut random = Random::new(seed);
    let world = begin(&mut random, OPERATIONS, MIX)?;
    let trace = world.disk.trace();
    counts.states += cut_everywhere(&trace, &world.life, (seed, EVERYTHING), |image, mark, _| {
        if random.below(TWICE_ONE_IN) == 0 {
            counts.opened_twice += 1;
            open_twice(image, &world.life, mark)?;
        }
        Ok(())
    })?;
    counts.scripts += 1;
    Ok(())
}

/// Goes on from what the first power cut left, until the second.
fn cut_again(
    image: &Image,
    life: &Life,
    (mark, moment): (usize, Moment),
    seed: u64,
) -> Result<u64, String> {
    let mut random = Random::new(seed);
    let disk = SimDisk::from_image(image);
    disk.record();
    let now = life.promises[mark].now;
    let world = World::resume(&disk, &settings(), moment, life.specs.clone(), now);
    let world = world.map_err(|stop| format!("{stop}"))?;
    let world = play(world, &mut random, SECOND_OPERATIONS, LARGE_MIX)?;
    let trace = world.disk.trace();
    cut_everywhere(&trace, &world.life, (seed, SECOND_CUT), |_, _, _| Ok(())).map_err(|wrong| {
        let story = world.story.join("\n");
        format!("the second time, {wrong}\n{story}")
    })
}

fn cut_twice(seed: u64, counts: &mut Counts) -> Result<(), String> {
    let mut random = Random::new(seed ^ 0x5EED);
    let world = begin(&mut random, LARGE_OPERATIONS, LARGE_MIX)?;
    let stats = world.node.log_stats();
    counts.segments_emptied += stats.segments_emptied;
    counts.segments_begun += stats.segments_begun;
    let trace = world.disk.trace();
    counts.states +=
        cut_everywhere(&trace, &world.life, (seed, FIRST_CUT), |image, mark, moment| {
            if random.below(SECOND_CUT_ONE_IN) == 0 {
                counts.second_cuts += 1;
                let moment = (mark, moment);
                counts.second_states += cut_again(image, &world.life, moment, random.number())?;
            }
            Ok(())
        })?;
    counts.scripts += 1;
    Ok(())
}

#[test]
fn nothing_promised_is_lost_wherever_the_power_goes() {
    let mut counts = Counts::default();
    let seeds = effort::seeds(SCRIPTS);
    for &seed in &seeds {
        if let Err(wrong) = cut_once(seed, &mut counts) {
            let again = effort::again("nothing_promised_is_lost_wherever_the_power_goes", seed);
            panic!("seed {seed}: {wrong}\n{again}");
        }
    }
    let Counts { scripts, states, opened_twice, .. } = counts;
    let counts = [(states, "crash-states"), (opened_twice, "opened-twice"), (scripts, "scripts")];
    effort::tell(&counts, effort::next(&seeds));
}

#[test]
fn nothing_promised_is_lost_when_the_power_goes_twice() {
    let mut counts = Counts::default();
    let seeds = effort::seeds(LARGE_SCRIPTS);
    for &seed in &seeds {
        if let Err(wrong) = cut_twice(seed, &mut counts) {
            let again = effort::again("nothing_promised_is_lost_when_the_power_goes_twice", seed);
            panic!("seed {seed}: {wrong}\n{again}");
        }
    }
    let counts = [
        (counts.second_states, "second-crash-states"),
        (counts.second_cuts, "cut-twice"),
        (counts.states, "crash-states"),
        (counts.segments_emptied, "segments-emptied"),
        (counts.segments_begun, "segments-begun"),
        (counts.scripts, "scripts"),
    ];
    effort::tell(&counts, effort::next(&seeds));
}
