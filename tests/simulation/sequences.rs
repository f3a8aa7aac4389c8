//! Random sequences of operations on a broker and on the model of it, with restarts between, and equal results.

use std::sync::Arc;

use server::simulation::Settings;
use store::sim::{Random, SimDisk};

use crate::effort;
use crate::judge::Judge;
use crate::script::{Mix, Op};
use crate::world::{Stop, World};

const SEQUENCES: u64 = 5000;
const OPERATIONS: usize = 200;
const MIX: Mix = Mix { restarts: 15, large: 5 };

#[derive(Debug, Default)]
struct Counts {
    sequences: u64,
    operations: u64,
    restarts: u64,
    messages: u64,
    left: u64,
}

fn play(
    seed: u64,
    settings: &Arc<Settings>,
    counts: &mut Counts,
) -> Result<(), (Stop, Vec<String>)> {
    let mut random = Random::new(seed);
    let mut world = World::new(&SimDisk::new(), settings)
        .and_then(World::furnish)
        .map_err(|stop| (stop, Vec::new()))?;
    for _ in 0..OPERATIONS {
        let op = Op::draw(&mut random, MIX);
        counts.restarts += u64::from(op.restart().is_some());
        world = world.perform(op)?;
        counts.operations += 1;
    }
    let story = world.story.clone();
    let ended = world.rest().and_then(|()| {
        counts.messages += world.life.specs.len() as u64;
        counts.left += world.model.message_count() as u64;
        let last = world.life.promises.len() - 1;
        Judge::new(settings, &world.life)
            .judge(&world.disk.image_after_power_cut(), last)
            .map_err(Stop::wrong)
    });
    counts.sequences += 1;
    ended.map(drop).map_err(|stop| (stop, story))
}

#[test]
fn a_broker_does_what_its_model_does() {
    // So little is kept in memory that contents are read back all the time.
    let roomy = Arc::new(Settings::new(8 << 10, 32 << 10));
    let tight = Arc::new(Settings::new(8 << 10, 32 << 10).with_resident_bytes(2 << 10));
    let mut counts = Counts::default();
    let seeds = effort::seeds(SEQUENCES);
    for &seed in &seeds {
        let settings = if seed % 2 == 0 { &roomy } else { &tight };
        if let Err((stop, story)) = play(seed, settings, &mut counts) {
            let again = effort::again("a_broker_does_what_its_model_does", seed);
            panic!("seed {seed}: {stop}\n{}\n{again}", story.join("\n"));
        }
    }
    let counts = [
        (counts.sequences, "sequences"),
        (counts.operations, "operations"),
        (counts.restarts, "restarts"),
        (counts.messages, "messages"),
        (counts.left, "left"),
    ];
    effort::tell(&counts, effort::next(&seeds));
}
