//! The one timer: calls queues and exchanges when their next deadline has come.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use broker::Timestamp;
use broker::queue::Fate;
use futures_util::StreamExt;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::time::{DelayQueue, delay_queue};

use crate::clock::Clock;
use crate::exchange_cell::ExchangeCell;
use crate::queue_cell::{Effects, QueueCell};

/// What has a deadline.
#[derive(Clone, Debug)]
pub(crate) enum Due {
    /// Messages expire, dead letters are tried again, or the queue itself expires.
    Queue(Weak<QueueCell>),
    /// Delayed messages are due.
    Exchange(Weak<ExchangeCell>),
}

impl Due {
    /// Identifies the queue or exchange for as long as it lives.
    pub(crate) fn address(&self) -> usize {
        match self {
            Self::Queue(queue) => queue.as_ptr().addr(),
            Self::Exchange(exchange) => exchange.as_ptr().addr(),
        }
    }
}

/// Where deadlines are left for the timer's task.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// What is to be called, and when; `None` is not any more.
    arming: Mutex<Vec<(Option<Timestamp>, Due)>>,
    changed: Notify,
}

impl Timers {
    /// Calls `due` at `at`, instead of at the time it was armed for before.
    pub(crate) fn arm(&self, at: Timestamp, due: Due) {
        self.arming.lock().push((Some(at), due));
        self.changed.notify_one();
    }

    /// `due` is gone: the timer holds nothing of it any more.
    pub(crate) fn disarm(&self, due: Due) {
        self.arming.lock().push((None, due));
        self.changed.notify_one();
    }

    /// What was armed and disarmed since, for who keeps the time without a task.
    #[cfg(feature = "simulation")]
    pub(crate) fn take(&self) -> Vec<(Option<Timestamp>, Due)> {
        std::mem::take(&mut *self.arming.lock())
    }

    /// The timer's task; ends with the runtime.
    pub(crate) async fn run(self: Arc<Self>, clock: Arc<Clock>) {
        let mut wheel: DelayQueue<Due> = DelayQueue::new();
        let mut keys: HashMap<usize, delay_queue::Key> = HashMap::new();
        loop {
            for (at, due) in std::mem::take(&mut *self.arming.lock()) {
                let Some(when) = at.map(|at| clock.instant(at)) else {
                    if let Some(key) = keys.remove(&due.address()) {
                        wheel.remove(&key);
                    }
                    continue;
                };
                match keys.get(&due.address()) {
                    Some(key) => wheel.reset_at(key, when),
                    None => {
                        keys.insert(due.address(), wheel.insert_at(due, when));
                    }
                }
            }
            tokio::select! {
                () = self.changed.notified() => {}
                Some(expired) = wheel.next(), if !wheel.is_empty() => {
                    let due = expired.into_inner();
                    keys.remove(&due.address());
                    fire(&clock, &due);
                    // It may be due again at once: the clients have their turn first.
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

/// Calls what is due.
pub(crate) fn fire(clock: &Clock, due: &Due) {
    let now = clock.now();
    match due {
        Due::Queue(queue) => {
            if let Some(queue) = queue.upgrade() {
                fire_queue(now, &queue);
            }
        }
        Due::Exchange(exchange) => {
            if let Some(exchange) = exchange.upgrade() {
                exchange.release_due(now);
            }
        }
    }
}

fn fire_queue(now: Timestamp, queue: &Arc<QueueCell>) {
    let Some(vhost) = queue.vhost.upgrade() else { return };
    let mut effects = Effects::default();
    queue.disarm();
    let fate = queue.visit(&vhost, now, &mut effects, |queue, sink| queue.handle_time(now, sink));
    if fate == Some(Fate::Expired) {
        tracing::debug!(queue = %queue.name, vhost = %vhost.name, "queue expired");
        vhost.remove_queue_anyway(queue, &mut effects);
    }
    vhost.carry_out(now, &mut effects);
    effects.wake();
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use broker::vhost::predeclared_exchanges;

    use super::*;

    async fn until(is_reached: impl Fn() -> bool) {
        let reached = async {
            while !is_reached() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), reached).await.expect("it is reached");
    }

    #[tokio::test]
    async fn nothing_is_left_of_what_is_gone_before_its_time() {
        let (timers, clock) = (Arc::new(Timers::default()), Arc::new(Clock::start()));
        let spec = predeclared_exchanges().next().unwrap();
        let exchange = ExchangeCell::in_vhost(spec, Weak::new(), &"/".into()).unwrap();
        let exchange = Arc::new(exchange);
        let due = || Due::Exchange(Arc::downgrade(&exchange));
        let is_free = || timers.arming.lock().is_empty() && Arc::weak_count(&exchange) == 0;
        let far = clock.now().plus_ms(1 << 40);
        let running = tokio::spawn(Arc::clone(&timers).run(Arc::clone(&clock)));
        timers.arm(far, due());
        until(|| timers.arming.lock().is_empty()).await;
        assert!(!is_free());
        timers.disarm(due());
        until(is_free).await;
        running.abort();
    }
}
