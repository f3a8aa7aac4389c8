use std::path::PathBuf;

use broker::QueueKind;
use broker::arguments::{Compat, QueueDeclaration};
use broker::policy::{ApplyTo, Policy, PolicyKind};
use store::ReadError;

use super::*;
use crate::clock::Clock;
use crate::data_dir::DataDir;
use crate::journal::Journal;
use crate::node::Node;
use crate::pager::Pager;

/// A data folder that is gone after its test.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0); // it may never have been made
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
        let logged = vhost.define(|| Definition::Vhost(vhost.name.clone().into()));
        QueueCell::new(machine, definition, None, vhost, logged, None)
    };
    vhost.add_queue(make, &name).ok()
}

#[test]
fn a_name_is_free_once_the_log_knows_that_its_queue_is_gone() {
    let scratch = std::env::temp_dir().join(format!("pillarbox-vhost-{}", std::process::id()));
    let scratch = Scratch(scratch);
    let data_dir = Arc::new(DataDir::open(&scratch.0).unwrap());
    let options = crate::stage::options(scratch.0.clone());
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

/// As one is that was made while a policy was set: it was not found then, and looks once more itself.
#[test]
fn a_queue_that_was_made_by_older_policies_follows_the_newer_ones() {
    let stage = crate::stage::Stage::new();
    let length = [(amqp::ShortString::from_static("max-length"), amqp::FieldValue::from(1))];
    let definition = length.into_iter().collect();
    let policy = Policy::new(PolicyKind::User, ("p".into(), "^q$"), ApplyTo::All, 0, definition);
    let put = stage.vhost.put_policy::<Refusal>(PolicyKind::User, policy.unwrap(), |_| Ok(()));
    assert!(!put.unwrap().0);
    let mut effects = Effects::default();
    let works_by = || stage.queue.look(|look| look.queue.settings().max_length).unwrap();
    assert_eq!(works_by(), None);
    stage.vhost.apply_policies_to_queue(crate::stage::NOW, &stage.queue, &mut effects);
    assert_eq!(works_by(), Some(1));
    assert!(stage.vhost.delete_policy(PolicyKind::User, "p").is_some());
    stage.vhost.apply_policies_to_queue(crate::stage::NOW, &stage.queue, &mut effects);
    assert_eq!((works_by(), stage.queue.policy().is_none()), (None, true));
}
