//! What users are and may do, while the node runs: how a change gets into the log and to the connections it concerns.
//!
//! A change is made under the lock of [`Node::rights`], in the log and in memory, so that both have the same order. Then
//! the connections of the user are told, each of which looks again by itself: at a user who is gone, at a password that is
//! another, at what it holds by a permission. So it counts for open connections as soon as their tasks have run.

use std::future::poll_fn;
use std::task::Poll;

use broker::LogPosition;
use broker::record::Definition;

use crate::journal::{Logged, Owner};
use crate::node::{Node, Shared};

/// The rights of a node, each with its definition in the log, if there is a log.
pub(crate) type Rights = broker::rights::Rights<Option<Logged>>;

impl Shared {
    /// Writes a definition into the log, if there is one, in the place of what was kept of the last.
    pub(crate) fn redefine(
        &self,
        definition: &Definition,
        old: Option<&Option<Logged>>,
    ) -> Option<Logged> {
        let old = old.copied().flatten().map(|logged| logged.id);
        self.journal().map(|journal| journal.redefine(definition, old))
    }

    /// Writes into the log that definitions are no more, all of them or none; what that waits for.
    pub(crate) fn undefine(
        &self,
        gone: impl IntoIterator<Item = Option<Logged>>,
    ) -> Option<LogPosition> {
        let gone: Vec<Owner> = gone.into_iter().flatten().map(|logged| logged.id).collect();
        let journal = self.journal().filter(|_| !gone.is_empty())?;
        Some(journal.undefine(&gone))
    }

    /// Waits until the log is flushed so far. If it never is, the node ends, and nobody is told that it was.
    pub(crate) async fn flushed(&self, position: Option<LogPosition>) {
        let (Some(journal), Some(position)) = (self.journal(), position) else { return };
        poll_fn(|context| match journal.wake_when_flushed(position, context.waker()) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        })
        .await;
    }
}

impl Node {
    /// Tells the connections of a user, or all of them, that rights have changed; also those that have yet to say whose
    /// they are, which may be looking at the old ones in this moment.
    pub(crate) fn tell_rights_changed(&self, user: Option<&str>) {
        for entry in &self.connections {
            let is_concerned = match (user, entry.user.get()) {
                (Some(changed), Some(user)) => *user == *changed,
                (None, _) | (_, None) => true,
            };
            if is_concerned {
                entry.tell_rights_changed();
            }
        }
    }
}
