//! Logs on a simulated disk, driven turn by turn.

mod basics;
mod crashes;
mod damage;
mod faults;
mod golden;
mod model;
mod passing;
mod reserve;
mod space;

use std::collections::BTreeMap;

use crate::sim::SimDisk;
use crate::{Log, Options, Recovery, Turn};

/// Small segments, so that there are many.
fn options() -> Options {
    Options { segment_bytes_min: 8 << 10, segment_bytes_max: 32 << 10, ..Options::new(7) }
}

fn open(disk: &SimDisk) -> (Log<SimDisk>, Recovery) {
    Log::open(disk.clone(), options(), &mut |_| {}).unwrap()
}

fn open_with(disk: &SimDisk, options: Options) -> Log<SimDisk> {
    Log::open(disk.clone(), options, &mut |_| {}).unwrap().0
}

fn append(log: &Log<SimDisk>, sequence: u64, owners: &[u64], payload: &[u8]) {
    log.append().content(sequence, owners, payload.len(), |out| out.copy_from_slice(payload));
}

/// Everything is written, and nothing is left to be tidied up.
fn settle(log: &Log<SimDisk>) {
    while log.turn().unwrap() == Turn::Wrote || log.tidy() {}
}

/// What lives on the disk: owners and payload by sequence.
fn live(log: &Log<SimDisk>) -> BTreeMap<u64, (Vec<u64>, Vec<u8>)> {
    let mut live = BTreeMap::new();
    log.for_each_live(
        |_| true,
        |sequence, owners, payload| {
            let payload = payload.unwrap().to_vec();
            assert_eq!(live.insert(sequence, (owners.to_vec(), payload)), None);
        },
    );
    live
}

fn read(log: &Log<SimDisk>, sequence: u64) -> Option<Vec<u8>> {
    let mut found = None;
    log.read(&[sequence], |_, payload| found = payload.ok().map(<[u8]>::to_vec));
    found
}
