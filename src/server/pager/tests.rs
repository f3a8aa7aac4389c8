use std::io::ErrorKind;
use std::sync::mpsc;

use broker::queue::Got;
use store::Fault;

use super::*;
use crate::stage::{NOW, Stage};

/// A runtime that reads nothing until it is told, and who tells it.
fn runtime() -> (tokio::runtime::Runtime, mpsc::Sender<()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.max_blocking_threads(1).enable_all().build().unwrap();
    let (go_on, waits) = mpsc::channel();
    runtime.spawn_blocking(move || waits.recv());
    (runtime, go_on)
}

fn get(stage: &Stage) -> Got {
    let mut effects = Effects::default();
    let got = stage.queue.visit(&stage.vhost, NOW, &mut effects, |machine, sink| {
        machine.get(NOW, true, sink, |_, _| ())
    });
    got.unwrap()
}

fn ready(stage: &Stage) -> u64 {
    let mut effects = Effects::default();
    stage.queue.visit(&stage.vhost, NOW, &mut effects, |machine, _| machine.ready()).unwrap()
}

fn disk_error() -> ReadError {
    let source = ErrorKind::Other.into();
    let file = "a segment".to_owned();
    ReadError::Disk(Arc::new(Fault { operation: "read", file, offset: Some(0), source }))
}

fn damaged(sequence: u64) -> ReadError {
    ReadError::Damaged { sequence, file: "a segment".to_owned(), offset: 0 }
}

/// Whether it can be read from the log, or where it is spilled.
fn is_kept(stage: &Stage, sequence: Sequence) -> bool {
    let wanted = ByBacking { log: vec![sequence.0], spill: vec![sequence.0] };
    !read(stage.shared(), &wanted).found.is_empty()
}

#[test]
fn what_stays_unreadable_is_left_in_the_log_and_only_what_is_damaged_is_dropped() {
    let (runtime, go_on) = runtime();
    let _entered = runtime.enter();
    let stage = Stage::new();
    // The first content opens a segment, after which there is too much.
    stage.publish(b"first", true);
    let (unreadable, _) = stage.publish(b"unreadable", true);
    let (broken, _) = stage.publish(b"damaged", true);
    let (spilled, _) = stage.publish(b"spilled", false);
    let (whole, _) = stage.publish(b"whole", true);
    assert_eq!((get(&stage), get(&stage)), (Got::Delivered, Got::Wait));
    let lost = |sequence, backing, error| Lost { sequence, backing, error };
    let mut pages = Pages::default();
    pages.lost.push(lost(unreadable, Backing::Log, disk_error()));
    pages.lost.push(lost(broken, Backing::Log, damaged(broken.0)));
    pages.lost.push(lost(spilled, Backing::Spill, disk_error()));
    give(&stage.queue, NOW, &pages);
    assert_eq!(ready(&stage), 1, "they do not hold up what is behind them");
    let kept = [unreadable, broken, spilled, whole].map(|sequence| is_kept(&stage, sequence));
    assert_eq!(kept, [true, false, false, true]);
    go_on.send(()).unwrap();
    runtime.block_on(async {
        while get(&stage) != Got::Delivered {
            tokio::task::yield_now().await;
        }
    });
    assert!(!is_kept(&stage, whole));
}

#[test]
fn only_what_the_disk_refuses_is_tried_again() {
    let mut pages = Pages::default();
    pages.add(1, Backing::Log, Err(damaged(1)));
    pages.add(2, Backing::Spill, Err(disk_error()));
    pages.add(3, Backing::Log, Err(ReadError::Gone(3)));
    let refused: Vec<_> =
        pages.take_refused().iter().map(|lost| (lost.sequence.0, lost.backing)).collect();
    assert_eq!(refused, [(2, Backing::Spill)]);
    assert_eq!(pages.lost.len(), 2);
}
