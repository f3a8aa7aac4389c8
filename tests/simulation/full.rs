//! The disk is full from any of its allocations on: nothing is confirmed falsely, clients go on, and so does the log
//! once there is room again.

use std::sync::Arc;

use server::simulation::Settings;
use store::Turn;
use store::sim::{Random, SimDisk};

use crate::effort;
use crate::judge::Judge;
use crate::script::{Mix, Op};
use crate::world::{Stop, World};

const SCRIPTS: u64 = 170;
const OPERATIONS: usize = 100;
const MIX: Mix = Mix { restarts: 0, large: 40 };

/// How many operations come while the disk is full, until there is room again.
const FULL_OPERATIONS: usize = 40;

#[derive(Debug, Default)]
struct Counts {
    scripts: u64,
    points: u64,
    /// The log had to wait for room.
    waited: u64,
    /// What clients did meanwhile.
    meanwhile: u64,
    restarts: u64,
    at_start: u64,
}

/// How a script goes on once the disk is full.
#[derive(Debug, Default)]
struct Full {
    since: Option<usize>,
    is_over: bool,
}

fn told(stop: &Stop, world: &World) -> String {
    format!("{stop}\n{}", world.story.join("\n"))
}

/// Plays a script on a disk that is full from an allocation on; `false`: it has not come so far.
fn play(nth: u64, seed: u64, counts: &mut Counts) -> Result<bool, String> {
    let settings = Arc::new(Settings::new(8 << 10, 32 << 10));
    let mut random = Random::new(seed);
    let disk = SimDisk::new();
    let started = World::new(&disk, &settings).and_then(World::furnish);
    let mut world = started.map_err(|stop| format!("{stop}"))?;
    let before = disk.allocations();
    disk.fill_at(nth);
    let mut full = Full::default();
    for at in 0..OPERATIONS {
        let op = Op::draw(&mut random, MIX);
        world.story.push(format!("{op:?}"));
        world.act(op).map_err(|stop| told(&stop, &world))?;
        if world.node.is_disk_full() && full.since.is_none() {
            full.since = Some(at);
            // Whatever waits is not on the disk, and nobody was told that it is.
            cut(&world, &settings, counts)?;
        }
        counts.meanwhile += u64::from(full.since.is_some() && !full.is_over);
        if full.since.is_some_and(|since| since + FULL_OPERATIONS == at) {
            cut(&world, &settings, counts)?;
            disk.set_capacity(None);
            full.is_over = true;
            resume(&mut world)?;
        }
    }
    disk.set_capacity(None);
    resume(&mut world)?;
    cut(&world, &settings, counts)?;
    counts.waited += u64::from(full.since.is_some());
    let has_come = disk.allocations() - before >= nth;
    counts.points += u64::from(has_come);
    Ok(has_come)
}

/// There is room again: the log goes on by itself, and everything that waited for it is answered.
fn resume(world: &mut World) -> Result<(), String> {
    let turn = world.turn().map_err(|stop| told(&stop, world))?;
    if turn == Turn::Full || world.node.is_disk_full() {
        return Err(format!("the log does not go on\n{}", world.story.join("\n")));
    }
    world.rest().map_err(|stop| told(&stop, world))?;
    if world.is_waiting() {
        return Err(format!("somebody still waits\n{}", world.story.join("\n")));
    }
    Ok(())
}

fn cut(world: &World, settings: &Settings, counts: &mut Counts) -> Result<(), String> {
    let mut judge = Judge::new(settings, &world.life);
    for image in [world.disk.image(), world.disk.image_after_power_cut()] {
        counts.restarts += 1;
        judge
            .judge(&image, world.life.promises.len() - 1)
            .map_err(|wrong| format!("{wrong}\n{}", world.story.join("\n")))?;
        counts.at_start += start_full(world, &image, settings)?;
    }
    Ok(())
}

/// A start finds everything even if there is no room at all.
fn start_full(
    world: &World,
    image: &store::sim::Image,
    settings: &Settings,
) -> Result<u64, String> {
    let disk = SimDisk::from_image(image);
    disk.set_capacity(Some(disk.used()));
    let mark = world.life.promises.len() - 1;
    let now = world.life.promises[mark].now;
    let found = crate::judge::Found::look(&disk, settings, &world.life, now)
        .map_err(|wrong| format!("on a full disk: {wrong}"))?;
    Judge::new(settings, &world.life).compare(&found, mark)?;
    Ok(1)
}

#[test]
fn a_full_disk_loses_nothing_and_ends_nothing() {
    let mut counts = Counts::default();
    // Once a segment was dropped for its room before the batch was written that released what was in it.
    let known = [35].into_iter().filter(|_| effort::of(SCRIPTS) < SCRIPTS);
    let seeds = effort::seeds(SCRIPTS);
    for seed in seeds.iter().copied().chain(known) {
        let mut nth = 1;
        loop {
            match play(nth, seed, &mut counts) {
                Ok(true) => nth += 1,
                Ok(false) => break,
                Err(wrong) => {
                    let again = effort::again("a_full_disk_loses_nothing_and_ends_nothing", seed);
                    panic!("seed {seed}, allocation {nth}: {wrong}\n{again}");
                }
            }
        }
        counts.scripts += 1;
    }
    let counts = [
        (counts.points, "full-disks"),
        (counts.waited, "waited"),
        (counts.meanwhile, "operations-meanwhile"),
        (counts.at_start, "full-at-start"),
        (counts.restarts, "restarts"),
        (counts.scripts, "scripts"),
    ];
    effort::tell(&counts, effort::next(&seeds));
}
