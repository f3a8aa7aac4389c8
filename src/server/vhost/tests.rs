use std::path::{Path, PathBuf};

use broker::QueueKind;
use broker::arguments::{Compat, QueueDeclaration};
use store::{ReadError, Sync};

use super::*;
use crate::clock::Clock;
use crate::data_dir::DataDir;
use crate::journal::Journal;
use crate::node::Node;
use crate::options::{LivePrefetch, MemoryLimit, Options, StoreOptions};
use crate::pager::Pager;

/// A data folder that is gone after its test.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0); // it may never have been made
    }
}

fn options(data_dir: &Path) -> Options {
    Options {
        bind: Vec::new(),
        vhosts: Vec::new(),
        accounts: Vec::new(),
        guest_from_anywhere: false,
        frame_max: 4096,
        channel_max: 0,
        heartbeat_secs: 0,
        handshake_ms: 0,
        message_bytes_max: 0,
        memory_limit: MemoryLimit::Bytes(1 << 20),
        store: Some(StoreOptions {
            data_dir: data_dir.to_owned(),
            sync: Sync::Flush,
            segment_bytes_max: 1 << 20,
            disk_free_min: 0,
            queue_resident_bytes_max: 1 << 20,
        }),
        consumer_timeout_ms: None,
        consumer_timeout_closes_channel: false,
        default_queue_type: QueueKind::Classic,
        live_prefetch: LivePrefetch::Off,
        deny_global_prefetch: false,
        compat: Compat::default(),
        product: String::new(),
        version: String::new(),
        cluster_name: String::new(),
    }
}

/// A durable queue of this name, defined in the log; `None` if there is one.
fn declare(vhost: &Arc<Vhost>, before_defining: impl FnOnce()) -> Option<Arc<QueueCell>> {
    let (name, arguments) = (QueueName::from("same"), FieldTable::new());
    let declaration = QueueDeclaration {
        vhost: &vhost.name,
        name: &name,
        durable: true,
        exclusive: false,
        auto_delete: false,
        arguments: &arguments,
    };
    let definition = declaration.define(QueueKind::Classic, Compat::default()).unwrap();
    let make = || {
        before_defining();
        let (settings, pool) = (definition.settings.clone(), vhost.shared.pool.clone());
        let machine = Queue::new(name.clone(), settings, pool, Timestamp(0));
        let logged = vhost.define(|| Definition::Vhost(vhost.name.clone()));
        QueueCell::new(machine, definition, None, vhost, logged)
    };
    vhost.add_queue(make, &name).ok()
}

#[test]
fn a_name_is_free_once_the_log_knows_that_its_queue_is_gone() {
    let scratch = std::env::temp_dir().join(format!("pillarbox-vhost-{}", std::process::id()));
    let scratch = Scratch(scratch);
    let data_dir = Arc::new(DataDir::open(&scratch.0).unwrap());
    let options = options(&scratch.0);
    let store = options.store.clone().unwrap();
    let (journal, _) = Journal::open(&data_dir, &store, 1, &mut |_| {}).unwrap();
    let surroundings = (None, Clock::start(), Pager::Threads);
    let node = Node::new(options, Some(data_dir), Some(journal), surroundings);
    let vhost = Vhost::new("/".into(), &node.shared);
    let journal = node.shared.journal().unwrap();
    let is_gone = |id: Owner| {
        let mut is_gone = false;
        journal.read(&[id], |_, found| is_gone = matches!(found, Err(ReadError::Gone(_))));
        is_gone
    };
    let mut queue = declare(&vhost, || {}).unwrap();
    for _ in 0..1000 {
        let old = queue.log_id().unwrap();
        let next = std::thread::scope(|scope| {
            let redeclaring = scope.spawn(|| {
                loop {
                    let made = declare(&vhost, || assert!(is_gone(old), "both would be there"));
                    if let Some(made) = made {
                        return made;
                    }
                }
            });
            vhost.remove_queue_anyway(&queue, &mut Effects::default());
            redeclaring.join()
        });
        queue = next.unwrap();
    }
}
