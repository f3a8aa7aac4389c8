//! Takes the samples that rates are made of.

use std::sync::Arc;
use std::time::Duration;

use broker::Timestamp;

use super::Admin;
use super::overview::Sums;
use crate::node::Node;
use crate::window::{SAMPLE_EVERY_MS, Window};

/// How many objects are sampled before it is somebody else's turn.
const SAMPLED_AT_ONCE: usize = 500;

/// Samples everything that moves, for as long as the runtime lives.
pub(crate) async fn sample_for_ever(node: Arc<Node>) {
    let admin = Admin::of(&node);
    let mut ticks = tokio::time::interval(Duration::from_millis(SAMPLE_EVERY_MS));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        admin.sample().await;
    }
}

/// What is done with the counts of an object.
#[derive(Clone, Copy, Debug)]
enum Sampling {
    /// They are one more sample.
    Next,
    /// They are all that is known from now on.
    Anew,
}

impl Sampling {
    fn take<C: Copy + Default + PartialEq>(
        self,
        window: &mut Window<C>,
        now: Timestamp,
        counts: C,
    ) {
        match self {
            Self::Next => window.sample(now, counts),
            Self::Anew => window.begin_anew(now, counts),
        }
    }
}

impl Admin {
    pub(super) async fn sample(&self) {
        self.take_samples(Sampling::Next).await;
    }

    /// Forgets the samples of which rates are made: all of them are 0 until something moves again. What was counted stays.
    pub async fn forget_rates(&self) {
        self.take_samples(Sampling::Anew).await;
    }

    async fn take_samples(&self, sampling: Sampling) {
        let mut sums = Sums::of_the_gone(&self.node);
        for vhost in self.vhosts_named(None) {
            let now = self.now();
            let traffic = &vhost.default_traffic;
            sampling.take(&mut traffic.window.lock(), now, traffic.read());
            let exchanges: Vec<_> = vhost.exchanges.iter().map(|cell| Arc::clone(&cell)).collect();
            for portion in exchanges.chunks(SAMPLED_AT_ONCE) {
                let now = self.now();
                for cell in portion {
                    let traffic = &cell.traffic;
                    sampling.take(&mut traffic.window.lock(), now, traffic.read());
                }
                tokio::task::yield_now().await;
            }
            let queues: Vec<_> = vhost.queues.iter().map(|cell| Arc::clone(&cell)).collect();
            for portion in queues.chunks(SAMPLED_AT_ONCE) {
                let now = self.now();
                for cell in portion {
                    cell.look(|mut look| {
                        sums.add_queue(look.queue);
                        let counts = look.counts();
                        sampling.take(look.window, now, counts);
                        look.forget_durations(&self.node.shared.timings, now);
                    });
                    cell.rest(&vhost, now);
                }
                tokio::task::yield_now().await;
            }
        }
        self.node.shared.timings.adjust();
        for portion in self.entries().chunks(SAMPLED_AT_ONCE) {
            let now = self.now();
            for entry in portion {
                let facts = &entry.facts;
                sampling.take(&mut facts.window.lock(), now, facts.traffic.read());
                for channel in entry.outbox.lock().channels_mut() {
                    let counts = channel.counts();
                    sums.add_channel(&counts);
                    sampling.take(&mut channel.window, now, counts);
                }
            }
            tokio::task::yield_now().await;
        }
        let (now, counts) = (self.now(), sums.counts(&self.node));
        self.node.shared.totals.with_window(|window| sampling.take(window, now, counts));
    }
}
