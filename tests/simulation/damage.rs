//! A log that rotted: a wrong byte at every place, files that are cut, missing, doubled or swapped.
//!
//! Whatever is missing then is told of; whatever is whole is served, by a queue that is whole; and nothing is delivered
//! that is not what was published.

mod records;

use std::sync::Arc;

use server::simulation::Settings;
use store::sim::{Image, Random, SimDisk};

use self::records::{Records, Scanned};
use crate::effort;
use crate::judge::{Expected, Found};
use crate::script::{Mix, Op};
use crate::world::{Life, World};

/// How many bytes are changed, each in these ways.
const BYTES: u64 = 256 << 10;
const MASKS: [u8; 3] = [0x01, 0x80, 0xFF];

const MIX: Mix = Mix { restarts: 0, large: 10 };
/// How large each of the logs is at least.
const LOG_BYTES: u64 = 40 << 10;

/// Of so many wrong bytes one is shown to a whole broker; of those in definitions every one, with one mask.
const BROKER_ONE_IN: u64 = 36;

#[derive(Debug, Default)]
struct Counts {
    logs: u64,
    changes: u64,
    /// The damage was told of.
    told: u64,
    /// Nothing was missing.
    harmless: u64,
    /// The start was refused with an error.
    refused: u64,
    brokers: u64,
    kinds: [u64; 5],
}

impl Counts {
    fn tell(&self, next: u64) {
        let counts = [
            (self.changes, "damaged-logs"),
            (self.told, "told-of"),
            (self.harmless, "harmless"),
            (self.refused, "refused"),
            (self.brokers, "served"),
        ];
        effort::tell(&counts, next);
    }
}

/// A log that holds every kind of record, and all that is known of it.
struct Victim {
    image: Image,
    life: Life,
    records: Records,
    settings: Arc<Settings>,
}

impl Victim {
    fn new(seed: u64) -> Result<Self, String> {
        let settings = Arc::new(Settings::new(8 << 10, 16 << 10));
        let mut random = Random::new(seed);
        let mut world = World::new(&SimDisk::new(), &settings)
            .and_then(World::furnish)
            .map_err(|stop| format!("{stop}"))?;
        let mut done = 0;
        while done < 150
            || segments(&world.disk.image()).map(|(_, bytes)| written(bytes) as u64).sum::<u64>()
                < LOG_BYTES
        {
            world =
                world.perform(Op::draw(&mut random, MIX)).map_err(|(stop, _)| stop.to_string())?;
            done += 1;
        }
        let (disk, life) = world.close().map_err(|stop| format!("{stop}"))?;
        let image = disk.image();
        let records = Records::of(&image)?;
        Ok(Self { image, life, records, settings })
    }

    fn mark(&self) -> usize {
        self.life.promises.len() - 1
    }

    /// Only reads the log: what is missing must be told of.
    fn scan(&self, image: &Image, counts: &mut Counts) -> Result<Option<Scanned>, String> {
        counts.changes += 1;
        let Some(scanned) = self.records.compare(image)? else {
            counts.refused += 1;
            return Ok(None);
        };
        counts.told += u64::from(scanned.damage > 0);
        counts.harmless += u64::from(scanned.missing.is_empty());
        if scanned.damage == 0 && !self.records.are_idle(&scanned.missing) {
            return Err(format!("{} records are missing, and nobody tells", scanned.missing.len()));
        }
        Ok(Some(scanned))
    }

    /// Starts a broker on it.
    fn serve(&self, image: &Image, scanned: &Scanned, counts: &mut Counts) -> Result<(), String> {
        counts.brokers += 1;
        let now = self.life.promises[self.mark()].now;
        let disk = SimDisk::from_image(image);
        let found = Found::look(&disk, &self.settings, &self.life, now)?;
        if found.damage.is_none() && !self.records.are_idle(&scanned.missing) {
            return Err("the start says nothing of it".to_owned());
        }
        let (_, moment) = self.life.moments.last_key_value().expect("there is one from the start");
        // What is damaged may have said that something was acked: what is left counts as delivered.
        let was_in_order = found.was_closed && found.damage.is_none();
        let expected = Expected::of(&moment.model, was_in_order, now);
        if scanned.missing.is_empty() {
            return found.compare(&expected);
        }
        self.records.judge_rest(&found, &expected, &self.life, &scanned.missing)
    }
}

/// The files that hold the log.
fn segments(image: &Image) -> impl Iterator<Item = (&str, &[u8])> {
    let names = image.names().filter(|name| name.ends_with(".seg"));
    names.map(|name| (name, image.get(name).unwrap_or_default()))
}

/// How much of a file is not its empty end.
fn written(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// Changes bytes of one log; `budget` is how many places are left, of which one in `stride` is taken.
fn change_bytes(
    seed: u64,
    budget: &mut u64,
    stride: u64,
    counts: &mut Counts,
) -> Result<(), String> {
    let victim = Victim::new(seed)?;
    victim.records.count_kinds(&mut counts.kinds);
    let mut random = Random::new(seed);
    let mut damaged = victim.image.clone();
    for (name, bytes) in segments(&victim.image) {
        for at in 0..written(bytes) {
            if *budget == 0 {
                return Ok(());
            }
            *budget -= 1;
            if !budget.is_multiple_of(stride) {
                continue;
            }
            let is_definition = victim.records.is_definition(name, at);
            for mask in MASKS {
                let flip = |image: &mut Image| {
                    if let Some(bytes) = image.get_mut(name) {
                        bytes[at] ^= mask;
                    }
                };
                flip(&mut damaged);
                let told = |wrong| format!("{name} at {at} with {mask:#x}: {wrong}");
                let scanned = victim.scan(&damaged, counts).map_err(told)?;
                let is_shown = is_definition && mask == 0xFF || random.below(BROKER_ONE_IN) == 0;
                if let Some(scanned) = scanned.filter(|_| is_shown) {
                    victim.serve(&damaged, &scanned, counts).map_err(told)?;
                }
                flip(&mut damaged);
            }
        }
    }
    counts.logs += 1;
    Ok(())
}

#[test]
fn a_wrong_byte_is_told_of_and_never_delivered() {
    let mut counts = Counts::default();
    let (mut budget, stride) = (BYTES, if effort::of(BYTES) == BYTES { 1 } else { 800 });
    let first: u64 = effort::seeds(100).first().copied().unwrap_or(0);
    let mut seed = first;
    while budget > 0 {
        if let Err(wrong) = change_bytes(seed, &mut budget, stride, &mut counts) {
            let again = effort::again("a_wrong_byte_is_told_of_and_never_delivered", seed);
            panic!("seed {seed}: {wrong}\n{again}");
        }
        seed += 1;
    }
    counts.tell(seed);
    assert!(counts.kinds.iter().all(|count| *count > 0), "not every kind of record is there");
}

#[test]
fn a_damaged_definition_takes_nothing_else_along() {
    let mut counts = Counts::default();
    let seeds = effort::seeds(100);
    for &seed in &seeds {
        let victim = Victim::new(seed).unwrap();
        for (name, at) in victim.records.definitions() {
            let mut damaged = victim.image.clone();
            damaged.get_mut(name).unwrap()[at] ^= 0xFF;
            let served = victim.scan(&damaged, &mut counts).and_then(|scanned| {
                victim.serve(&damaged, &scanned.ok_or("it is refused")?, &mut counts)
            });
            if let Err(wrong) = served {
                let again = effort::again("a_damaged_definition_takes_nothing_else_along", seed);
                panic!("seed {seed}: {name} at {at}: {wrong}\n{again}");
            }
        }
        counts.logs += 1;
    }
    counts.tell(effort::next(&seeds));
    assert!(counts.brokers > 0, "there is no definition");
}

/// They were written beside each other, so a single bad sector takes all of them.
#[test]
fn damage_to_every_vhost_and_user_takes_no_queue_along() {
    for &seed in &effort::seeds(100) {
        let (victim, mut counts) = (Victim::new(seed).unwrap(), Counts::default());
        let mut damaged = victim.image.clone();
        let first: Vec<_> = victim.records.first_definitions().collect();
        assert!(first.len() >= 3, "a vhost, a user, and what they may do");
        for (name, at) in first {
            damaged.get_mut(name).unwrap()[at] ^= 0xFF;
        }
        let scanned = victim.scan(&damaged, &mut counts).unwrap().unwrap();
        victim.serve(&damaged, &scanned, &mut counts).unwrap_or_else(|wrong| {
            let again = effort::again("damage_to_every_vhost_and_user_takes_no_queue_along", seed);
            panic!("seed {seed}: {wrong}\n{again}");
        });
    }
}

/// What is wrong with whole files.
fn change_files(victim: &Victim, stride: usize, counts: &mut Counts) -> Result<(), String> {
    let files: Vec<(String, Vec<u8>)> =
        segments(&victim.image).map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    let mut check = |image: &Image, what: String| {
        let told = |wrong| format!("{what}: {wrong}");
        match victim.scan(image, counts).map_err(told)? {
            Some(scanned) => victim.serve(image, &scanned, counts).map_err(told),
            None => Ok(()),
        }
    };
    for (at, (name, bytes)) in files.iter().enumerate() {
        let tail = written(bytes).saturating_sub(2048);
        let is_newest = at + 1 == files.len();
        for len in 0..bytes.len() {
            let is_tried = len % 512 == 0 || is_newest && (tail..written(bytes)).contains(&len);
            if is_tried && len % stride == 0 {
                let mut image = victim.image.clone();
                image.insert(name, bytes[..len].to_vec());
                check(&image, format!("{name} cut to {len}"))?;
            }
        }
        let mut image = victim.image.clone();
        image.remove(name);
        check(&image, format!("{name} missing"))?;
        for (other, others_bytes) in files.iter().filter(|(other, _)| other != name) {
            let mut image = victim.image.clone();
            image.insert(other, bytes.clone());
            check(&image, format!("{name} doubled in the place of {other}"))?;
            image.insert(name, others_bytes.clone());
            check(&image, format!("{name} and {other} swapped"))?;
        }
        let mut image = victim.image.clone();
        image.insert("00000000000000FF.seg", bytes.clone());
        check(&image, format!("{name} doubled"))?;
    }
    counts.logs += 1;
    Ok(())
}

#[test]
fn files_that_are_cut_missing_doubled_or_swapped_are_told_of() {
    let mut counts = Counts::default();
    let stride = if effort::of(100) == 100 { 1 } else { 128 };
    let seeds = effort::seeds(6);
    for &seed in &seeds {
        if let Err(wrong) =
            Victim::new(seed).and_then(|victim| change_files(&victim, stride, &mut counts))
        {
            let again = effort::again("files_that_are_cut_missing_doubled_or_swapped", seed);
            panic!("seed {seed}: {wrong}\n{again}");
        }
    }
    counts.tell(effort::next(&seeds));
}
