//! Which of a producer's messages are confirmed, and how long that took.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Instant,
};

use pillarbox_client::ConfirmEvent;

use super::histogram::Histogram;

/// The confirms of one channel.
///
/// - Every tag up to `floor` is confirmed; above it exactly those in `beyond` are.
#[derive(Debug, Default)]
pub(super) struct ConfirmWindow {
    floor: u64,
    beyond: BTreeSet<u64>,
    /// The last tag of each batch that is not wholly confirmed, and when it was published.
    batches: VecDeque<(u64, Instant)>,
    pub(super) latencies: Histogram,
}

impl ConfirmWindow {
    pub(super) fn published(&mut self, last_tag: u64, at: Instant) {
        // It may be confirmed already: the task that reads does not wait for the one that publishes.
        if last_tag > self.floor {
            self.batches.push_back((last_tag, at));
        } else {
            self.latencies.record(nanos_since(at));
        }
    }

    /// Returns how many messages it newly confirms.
    pub(super) fn confirmed(&mut self, event: ConfirmEvent) -> u64 {
        let before = self.count();
        if event.multiple {
            if event.delivery_tag > self.floor {
                self.floor = event.delivery_tag;
                self.beyond = self.beyond.split_off(&(self.floor + 1));
            }
        } else if event.delivery_tag > self.floor {
            self.beyond.insert(event.delivery_tag);
        }
        while self.beyond.remove(&(self.floor + 1)) {
            self.floor += 1;
        }
        while let Some(&(last_tag, at)) = self.batches.front()
            && last_tag <= self.floor
        {
            self.batches.pop_front();
            self.latencies.record(nanos_since(at));
        }
        self.count() - before
    }

    /// How many messages are confirmed.
    pub(super) fn count(&self) -> u64 {
        self.floor + self.beyond.len() as u64
    }
}

fn nanos_since(at: Instant) -> u64 {
    u64::try_from(at.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_each_message_once() {
        let mut window = ConfirmWindow::default();
        let mut confirm = |delivery_tag, multiple| {
            window.confirmed(ConfirmEvent { delivery_tag, multiple, is_ack: true })
        };
        assert_eq!(confirm(2, false), 1);
        assert_eq!(confirm(2, false), 0);
        assert_eq!(confirm(5, false), 1);
        assert_eq!(confirm(3, true), 2);
        assert_eq!(confirm(4, false), 1);
        assert_eq!(confirm(4, true), 0);
        assert_eq!(window.count(), 5);
    }

    #[test]
    fn a_batch_counts_with_its_last_message() {
        let mut window = ConfirmWindow::default();
        window.published(3, Instant::now());
        window.confirmed(ConfirmEvent { delivery_tag: 3, multiple: false, is_ack: true });
        assert_eq!(window.latencies.total(), 0);
        window.confirmed(ConfirmEvent { delivery_tag: 2, multiple: true, is_ack: true });
        assert_eq!(window.latencies.total(), 1);
        window.confirmed(ConfirmEvent { delivery_tag: 9, multiple: true, is_ack: true });
        window.published(9, Instant::now());
        assert_eq!(window.latencies.total(), 2);
    }
}
