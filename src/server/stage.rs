//! A node without clients, for tests of what happens to a queue's contents.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use amqp::FieldTable;
use broker::QueueSettings;
use broker::Timestamp;
use broker::arguments::QueueDefinition;
use broker::message::{Arrival, Body, Origin, Sequence};
use broker::queue::{Queue, ResidentBudget, SegmentPool};
use broker::record::{Definition, DurableQueue};
use store::Sync;

use crate::clock::Clock;
use crate::data_dir::DataDir;
use crate::journal::Journal;
use crate::node::{Node, Shared};
use crate::options::{Options, StoreOptions};
use crate::pager::Pager;
use crate::queue_cell::{Effects, QueueCell};
use crate::spill::Spill;
use crate::vhost::Vhost;
use crate::vital::Vital;

pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// A node with a log that is never written, a spill, and one durable queue that keeps next to nothing in memory.
pub(crate) struct Stage {
    folder: PathBuf,
    pub(crate) vhost: Arc<Vhost>,
    pub(crate) queue: Arc<QueueCell>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pillarbox-stage-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let options = options(folder.clone());
        let store = options.store.clone().unwrap();
        let data_dir = DataDir::open(&folder).unwrap();
        let (journal, _) = Journal::open(&data_dir, &store, 7, &mut |_| {}).unwrap();
        let spill = Spill::start(data_dir.spill(), &store, &Vital::new()).unwrap();
        let surroundings = (Some(spill), Clock::start(), Pager::Threads);
        let node = Node::new(options, Some(Arc::new(data_dir)), Some(journal), surroundings);
        let vhost = Vhost::new("/".into(), &node.shared);
        let budget = ResidentBudget { high_bytes: 0, low_bytes: 1 << 20 };
        let pool = SegmentPool::with_budget(0, budget, usize::MAX);
        let settings = QueueSettings { durable: true, ..QueueSettings::default() };
        let definition =
            QueueDefinition { settings: settings.clone(), arguments: FieldTable::default() };
        let logged = vhost.define(|| {
            Definition::Queue(DurableQueue {
                vhost: "/".into(),
                name: "q".into(),
                auto_delete: false,
                arguments: FieldTable::default(),
            })
        });
        let machine = Queue::new("q".into(), settings, pool, NOW);
        let queue = Arc::new(QueueCell::new(machine, definition, None, &vhost, logged, None));
        Self { folder, vhost, queue }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.vhost.shared
    }

    pub(crate) fn spill_folder(&self) -> PathBuf {
        self.folder.join("spill")
    }

    /// Publishes a message to the queue, which has none of its numbers yet.
    pub(crate) fn publish(&self, body: &[u8], persistent: bool) -> (Sequence, Effects) {
        let sequence = Sequence(self.shared().take_sequences(1).0 + 1);
        let mut effects = Effects::default();
        let queues = [Arc::clone(&self.queue)];
        let message = arrival(sequence, body, persistent);
        self.vhost.publish(NOW, &message, &queues, None, &mut effects);
        (sequence, effects)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(spill) = self.shared().spill() {
            spill.close();
        }
        let _ = std::fs::remove_dir_all(&self.folder); // a test may have done so
    }
}

pub(crate) fn arrival(sequence: Sequence, body: &[u8], persistent: bool) -> Arrival<'_> {
    Arrival {
        sequence,
        exchange: "",
        routing_key: b"q",
        properties: b"\0\0",
        body: Body::Inline(body),
        blind_keys: b"",
        persistent,
        logged: false,
        priority: None,
        expiration_ms: None,
        origin: Origin::Client,
    }
}

/// What a node without vhosts and users is made with.
pub(crate) fn options(data_dir: PathBuf) -> Options {
    let store = StoreOptions {
        data_dir,
        sync: Sync::Flush,
        segment_bytes_max: 1 << 20,
        disk_free_min: 0,
        queue_resident_bytes_max: 0,
    };
    Options { store: Some(store), ..Options::default() }
}
