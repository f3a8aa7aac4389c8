//! Takes the samples that rates are made of.

use std::sync::Arc;
use std::time::Duration;

use super::Admin;
use super::overview::Sums;
use crate::node::Node;
use crate::window::SAMPLE_EVERY_MS;

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

impl Admin {
    pub(super) async fn sample(&self) {
        let mut sums = Sums::of_the_gone(&self.node);
        for vhost in self.vhosts_named(None) {
            let now = self.now();
            let traffic = &vhost.default_traffic;
            traffic.window.lock().sample(now, traffic.read());
            let exchanges: Vec<_> = vhost.exchanges.iter().map(|cell| Arc::clone(&cell)).collect();
            for portion in exchanges.chunks(SAMPLED_AT_ONCE) {
                let now = self.now();
                for cell in portion {
                    cell.traffic.window.lock().sample(now, cell.traffic.read());
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
                        look.window.sample(now, counts);
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
                entry.facts.window.lock().sample(now, entry.facts.traffic.read());
                for channel in entry.outbox.lock().channels_mut() {
                    let counts = channel.counts();
                    sums.add_channel(&counts);
                    channel.window.sample(now, counts);
                }
            }
            tokio::task::yield_now().await;
        }
        let (now, counts) = (self.now(), sums.counts(&self.node));
        self.node.shared.totals.with_window(|window| window.sample(now, counts));
    }
}
