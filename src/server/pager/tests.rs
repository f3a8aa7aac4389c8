use std::io::ErrorKind;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

use broker::message::Arrival;
use broker::queue::{ConsumerId, DeadLetter, Delivery, Got, Sink};
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
    give(&stage.queue, &pages);
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

/// Asks for what is paged out, of nobody.
struct Unheard;

impl Sink for Unheard {
    fn admit(&mut self, _: ConsumerId) -> bool {
        false
    }

    fn deliver(&mut self, _: ConsumerId, _: &Delivery<'_>) {}

    fn dead_letter(&mut self, _: DeadLetter) {}

    fn settled(&mut self, _: Sequence, _: Backing) {}

    fn noted(&mut self, _: Sequence, _: &[u8]) {}

    fn spill(&mut self, _: &Arrival<'_>) -> bool {
        false
    }

    fn want(&mut self, _: Sequence, _: Backing) {}
}

#[test]
fn a_message_that_cannot_be_read_for_a_moment_is_not_lost() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stage = Stage::new();
    stage.publish(b"first", true);
    let (second, _) = stage.publish(b"second", true);
    let entered = runtime.enter();
    let mut effects = Effects::default();
    let asked = stage.queue.visit(&stage.vhost, NOW, &mut effects, |machine, _| {
        let first = machine.get(NOW, true, &mut Unheard, |_, _| ());
        (first, machine.get(NOW, true, &mut Unheard, |_, _| ()))
    });
    assert_eq!(asked, Some((Got::Delivered, Got::Wait)));
    let (shared, tries) = (Arc::clone(stage.shared()), Arc::new(AtomicU32::new(0)));
    let counted = Arc::clone(&tries);
    let wanted = ByBacking { log: vec![second.0], spill: Vec::new() };
    try_to_fetch(Arc::clone(&stage.queue), wanted, 0, move |wanted| {
        let mut pages = read(&shared, wanted);
        if counted.fetch_add(1, Ordering::Relaxed) < 2 {
            pages = Pages::default();
            pages.add(second.0, Backing::Log, Err(disk_error()));
        }
        pages
    });
    drop(entered);
    let got = runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(20), async {
            while get(&stage) != Got::Delivered {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
    });
    assert!(got.is_ok() && tries.load(Ordering::Relaxed) == 3);
    assert!(!is_kept(&stage, second), "it was settled as any other");
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
