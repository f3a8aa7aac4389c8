//! What happened so far, counted by everybody and read once a second.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst},
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{confirm_window::ConfirmWindow, histogram::Histogram};

/// A counter on a cache line of its own: producers and consumers write at the same time.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Counter(AtomicU64);

#[derive(Debug)]
pub(super) struct Counters {
    sent: Counter,
    received: Counter,
    confirmed: Counter,
    nacked: Counter,
    returned: Counter,
    /// Of each consumer, since somebody took them.
    latencies: Vec<Mutex<Histogram>>,
    /// Of each producer with confirms.
    windows: Mutex<Vec<Arc<Mutex<ConfirmWindow>>>>,
    /// Producers that wait until messages on the way have arrived.
    waiting: AtomicUsize,
    arrived: Notify,
}

/// All counters at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Snapshot {
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) confirmed: u64,
    pub(super) nacked: u64,
    pub(super) returned: u64,
}

impl Counters {
    pub(super) fn new(consumers: usize) -> Self {
        Self {
            sent: Counter::default(),
            received: Counter::default(),
            confirmed: Counter::default(),
            nacked: Counter::default(),
            returned: Counter::default(),
            latencies: (0..consumers).map(|_| Mutex::default()).collect(),
            windows: Mutex::default(),
            waiting: AtomicUsize::new(0),
            arrived: Notify::new(),
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot {
            sent: self.sent.0.load(Relaxed),
            received: self.received.0.load(Relaxed),
            confirmed: self.confirmed.0.load(Relaxed),
            nacked: self.nacked.0.load(Relaxed),
            returned: self.returned.0.load(Relaxed),
        }
    }

    pub(super) fn received(&self) -> u64 {
        self.received.0.load(Relaxed)
    }

    /// Copies of messages that were sent and not received, where each message has so many.
    pub(super) fn in_flight(&self, copies: u64) -> u64 {
        let sent = self.sent.0.load(SeqCst) * copies;
        sent.saturating_sub(self.received.0.load(SeqCst))
    }

    pub(super) fn add_sent(&self, messages: u64) {
        self.sent.0.fetch_add(messages, Relaxed);
    }

    pub(super) fn add_received(&self, messages: u64) {
        self.received.0.fetch_add(messages, SeqCst);
        if self.waiting.load(SeqCst) > 0 {
            self.arrived.notify_one();
        }
    }

    pub(super) fn add_confirmed(&self, messages: u64, is_ack: bool) {
        let counter = if is_ack { &self.confirmed } else { &self.nacked };
        counter.0.fetch_add(messages, Relaxed);
    }

    pub(super) fn add_returned(&self) {
        self.returned.0.fetch_add(1, Relaxed);
    }

    /// Counts as sent up to `wanted` messages, as soon as there are at most `limit` on the way with them; returns how
    /// many it is. It waits for a quarter of the limit at least, lest every message be a write.
    pub(super) async fn send_within(&self, limit: u64, copies: u64, wanted: u64) -> u64 {
        let least = wanted.min((limit / 4).max(1));
        loop {
            if let Some(granted) = self.try_send_within(limit, copies, wanted, least) {
                // Others may fit in, too.
                if self.waiting.load(SeqCst) > 0 {
                    self.arrived.notify_one();
                }
                return granted;
            }
            self.waiting.fetch_add(1, SeqCst);
            // What arrived before the line above was not told to anybody.
            let granted = self.try_send_within(limit, copies, wanted, least);
            if granted.is_none() {
                self.arrived.notified().await;
            }
            self.waiting.fetch_sub(1, SeqCst);
            if let Some(granted) = granted {
                return granted;
            }
        }
    }

    fn try_send_within(&self, limit: u64, copies: u64, wanted: u64, least: u64) -> Option<u64> {
        let mut sent = self.sent.0.load(SeqCst);
        loop {
            let on_the_way = (sent * copies).saturating_sub(self.received.0.load(SeqCst));
            let room = limit.saturating_sub(on_the_way.div_ceil(copies));
            if room < least {
                return None;
            }
            let granted = room.min(wanted);
            match self.sent.0.compare_exchange_weak(sent, sent + granted, SeqCst, SeqCst) {
                Ok(_) => return Some(granted),
                Err(current) => sent = current,
            }
        }
    }

    pub(super) fn latencies_of(&self, consumer: usize) -> &Mutex<Histogram> {
        &self.latencies[consumer]
    }

    pub(super) fn add_window(&self, window: Arc<Mutex<ConfirmWindow>>) {
        self.windows.lock().push(window);
    }

    /// Takes the latencies measured since the last time: of deliveries, and of confirms.
    pub(super) fn take_latencies(&self) -> (Histogram, Histogram) {
        let (mut delivered, mut confirmed) = (Histogram::default(), Histogram::default());
        for latencies in &self.latencies {
            delivered.take_from(&mut latencies.lock());
        }
        for window in &*self.windows.lock() {
            confirmed.take_from(&mut window.lock().latencies);
        }
        (delivered, confirmed)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn no_more_than_the_limit_is_on_the_way() {
        let counters = Counters::new(1);
        let granted =
            |limit, copies, wanted| counters.send_within(limit, copies, wanted).now_or_never();
        assert_eq!(granted(100, 1, 60), Some(60));
        assert_eq!(granted(100, 1, 60), Some(40));
        assert_eq!(granted(100, 1, 60), None);
        counters.add_received(10);
        assert_eq!(granted(100, 1, 60), None, "less than a quarter");
        assert_eq!(granted(100, 1, 5), Some(5));
        counters.add_received(95);
        assert_eq!((counters.in_flight(1), counters.received()), (0, 105));
    }

    #[tokio::test]
    async fn who_waits_goes_on_when_messages_arrive() {
        let counters = Counters::new(1);
        assert_eq!(counters.send_within(10, 2, 10).await, 10);
        let (granted, ()) = tokio::join!(counters.send_within(10, 2, 10), async {
            tokio::task::yield_now().await;
            counters.add_received(20);
        });
        assert_eq!(granted, 10);
    }
}
