//! A log that rotted.

use std::collections::BTreeSet;

use super::faults::{play, script};
use super::model::{Bench, History, Model, Step, try_open};
use super::*;
use crate::sim::Image;
use crate::{Disk as _, DiskFile as _, Sync};

/// A log that holds every kind of record, and everything that it ever held.
struct Victim {
    image: Image,
    /// As it was after each step.
    older: Vec<Image>,
    now: Model,
    /// Each content as it was appended.
    contents: BTreeMap<u64, (BTreeSet<u64>, Vec<u8>)>,
    notes: BTreeSet<((u64, u64), Vec<u8>)>,
}

impl Victim {
    fn new(seed: u8, steps: usize) -> Self {
        let disk = SimDisk::new();
        let mut bench = Bench::new(&disk, Sync::Flush).unwrap();
        let (mut history, mut older): (History, _) = (History::new(), Vec::new());
        let mut step = 0;
        // Whoever is killed gives sequences again that nobody was told of.
        for one in script(seed, steps).into_iter().filter(|step| !matches!(step, Step::Kill)) {
            play(&mut bench, &[one]).unwrap();
            step += 1;
            history.insert(step, bench.now.clone());
            older.push(disk.image());
        }
        bench.turn().unwrap();
        while bench.log.turn().unwrap() == Turn::Wrote {}
        let mut victim = Self {
            image: disk.image(),
            older,
            now: bench.now.clone(),
            contents: BTreeMap::new(),
            notes: BTreeSet::new(),
        };
        for model in history.into_values() {
            for (sequence, content) in model.contents {
                victim.contents.entry(sequence).or_insert(content);
            }
            victim.notes.extend(model.notes);
        }
        victim
    }

    /// Opens a damaged log: it holds everything, or tells of damage; and nothing that it never held. Whether it tells.
    fn check(&self, image: &Image, what: &dyn Fn() -> String) -> bool {
        let disk = SimDisk::from_image(image);
        let Ok((log, recovery)) = try_open(&disk, Sync::Flush) else { return true };
        let mut is_damaged = recovery.damage_count > 0;
        let mut found = Model::default();
        found
            .notes
            .extend(recovery.notes.into_iter().map(|n| ((n.owner, n.sequence), n.note.into())));
        log.for_each_live(
            |_| true,
            |sequence, owners, payload| match payload {
                Ok(payload) => {
                    let owners: BTreeSet<u64> = owners.iter().copied().collect();
                    let (all, known) = self.contents.get(&sequence).unwrap_or_else(|| {
                        panic!("{}: {sequence} never was", what());
                    });
                    assert!(owners.is_subset(all) && payload == known, "{}: {sequence}", what());
                    found.contents.insert(sequence, (owners, payload.to_vec()));
                }
                Err(_) => is_damaged = true,
            },
        );
        for (key, note) in &found.notes {
            assert!(self.notes.contains(&(*key, note.clone())), "{}: note {key:?}", what());
        }
        assert!(
            is_damaged || found == self.now,
            "{}: something is missing, and nobody tells",
            what()
        );
        is_damaged
    }
}

fn names(image: &Image) -> Vec<String> {
    image.names().filter(|name| name.ends_with(".seg")).map(str::to_owned).collect()
}

/// How much of a file is not its empty end.
fn written(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

#[test]
fn a_wrong_byte_is_found_wherever_it_matters() {
    let (mut told, mut all) = (0, 0);
    for (seed, step) in [(1, 3), (2, 5), (3, 7)] {
        let victim = Victim::new(seed, 120);
        let mut damaged = victim.image.clone();
        for name in names(&victim.image) {
            let len = written(victim.image.get(&name).unwrap());
            for at in (0..len).step_by(step) {
                for mask in [0x01, 0x80, 0xFF] {
                    damaged.get_mut(&name).unwrap()[at] ^= mask;
                    told +=
                        u32::from(victim.check(&damaged, &|| format!("{seed} {name} {at} {mask}")));
                    damaged.get_mut(&name).unwrap()[at] ^= mask;
                    all += 1;
                }
            }
        }
    }
    assert!(told > all / 3, "{told} of {all}");
}

#[test]
fn a_file_that_is_cut_is_found() {
    let victim = Victim::new(4, 100);
    for name in names(&victim.image) {
        let mut damaged = victim.image.clone();
        let bytes = damaged.get_mut(&name).unwrap();
        for len in (0..written(bytes)).rev().step_by(7) {
            damaged.get_mut(&name).unwrap().truncate(len);
            victim.check(&damaged, &|| format!("{name} cut at {len}"));
        }
    }
}

/// A batch that is whole, in its place and of its number, but of another past, as from a copy that went its own way.
#[test]
fn a_batch_of_another_past_is_found() {
    let write = |second: &[u8]| {
        let disk = SimDisk::new();
        let (log, _) = open(&disk);
        let mut used = Vec::new();
        for payload in [&b"first"[..], second, b"third"] {
            append(&log, used.len() as u64 + 1, &[0], payload);
            log.turn().unwrap();
            used.push(usize::try_from(log.stats().used_bytes).unwrap());
        }
        (disk.image(), used)
    };
    let ((mut image, used), (other, _)) = (write(b"this one"), write(b"that one"));
    let name = names(&image).remove(0);
    let batch = used[0]..used[1];
    let strange = other.get(&name).unwrap()[batch.clone()].to_vec();
    image.get_mut(&name).unwrap()[batch].copy_from_slice(&strange);
    let (_, recovery) = open(&SimDisk::from_image(&image));
    assert!(recovery.damage_count > 0, "nobody tells");
}

#[test]
fn files_that_are_missing_or_in_the_wrong_place_are_found() {
    let victims = (5..40).map(|seed| (seed, Victim::new(seed, 150)));
    let several = victims.filter(|(_, victim)| names(&victim.image).len() > 2);
    for (seed, victim) in several.take(4) {
        let names = names(&victim.image);
        for name in &names {
            let bytes = victim.image.get(name).unwrap();
            let mut damaged = victim.image.clone();
            damaged.remove(name);
            victim.check(&damaged, &|| format!("{seed}: without {name}"));
            for other in names.iter().filter(|other| *other != name) {
                let mut damaged = victim.image.clone();
                damaged.insert(other, bytes.to_vec());
                victim.check(&damaged, &|| format!("{seed}: {other} is a copy of {name}"));
                damaged.insert(name, victim.image.get(other).unwrap().to_vec());
                victim.check(&damaged, &|| format!("{seed}: {other} and {name} are swapped"));
            }
            let mut damaged = victim.image.clone();
            damaged.insert("0000000000000FFF.seg", bytes.to_vec());
            victim.check(&damaged, &|| format!("{seed}: a copy of {name}"));
            // The newest may just not have been written to.
            for (age, older) in
                victim.older.iter().enumerate().filter(|_| Some(name) != names.last())
            {
                if let Some(bytes) = older.get(name) {
                    let mut damaged = victim.image.clone();
                    damaged.insert(name, bytes.to_vec());
                    victim.check(&damaged, &|| format!("{seed}: {name} as it was after {age}"));
                }
            }
        }
    }
}

#[test]
fn files_of_others_do_not_keep_it_from_being_opened() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    append(&log, 1, &[0], b"definition");
    settle(&log);
    drop(log);
    let last = format!("spare-{}", u64::MAX);
    for name in ["new-x", "spare-x", &last, "other", "FFFFFFFFFFFFFFFF.seg"] {
        disk.create(name).unwrap().write_at(b"other", 0).unwrap();
    }
    for _ in 0..2 {
        let (log, recovery) = open(&disk);
        assert_eq!((recovery.contents, recovery.damage_count), (1, 1), "{:?}", recovery.damage);
        drop(log);
    }
}

#[test]
fn what_is_lost_with_a_definition_is_counted() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    append(&log, 1, &[0], b"this is damaged");
    append(&log, 2, &[0], b"definition");
    settle(&log);
    for sequence in 3..9 {
        append(&log, sequence, &[1], b"of the first");
    }
    append(&log, 9, &[1, 2], b"of both");
    settle(&log);
    drop(log);
    let mut image = disk.image();
    let bytes = image.get_mut("0000000000000001.seg").unwrap();
    let at = bytes.windows(7).position(|seen| seen == b"damaged").unwrap();
    bytes[at] ^= 1;
    let (log, recovery) = open(&SimDisk::from_image(&image));
    assert_eq!((recovery.damage_count, recovery.orphans), (1, 6), "{:?}", recovery.damage);
    assert!(live(&log).into_keys().eq([2, 9]));
}

/// What is damaged is not written over: somebody may want to look at it.
#[test]
fn a_damaged_segment_is_kept_when_nothing_of_it_is_needed() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    append(&log, 1, &[0], b"a queue");
    for sequence in 10..60 {
        append(&log, sequence, &[1], &[b'.'; 1000]);
        settle(&log);
    }
    drop(log);
    let mut image = disk.image();
    let name = names(&image)[1].clone();
    image.get_mut(&name).unwrap()[2000] ^= 1;
    let damaged = image.get(&name).unwrap().to_vec();
    let disk = SimDisk::from_image(&image);
    let (log, recovery) = open(&disk);
    assert!(recovery.damage_count > 0);
    log.release_all(1, &(10..60).collect::<Vec<u64>>());
    settle(&log);
    let image = disk.image();
    let kept: Vec<&str> = image.names().filter(|name| name.starts_with("damaged-")).collect();
    assert_eq!(kept, [format!("damaged-{}", name.trim_end_matches(".seg"))]);
    assert_eq!(image.get(kept[0]).unwrap(), damaged);
    assert!(!names(&image).contains(&name));
    drop(log);
    assert_eq!(open(&disk).1.damage_count, 0);
}
