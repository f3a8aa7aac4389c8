//! What an operator sees and changes while the node runs.
//!
//! [`Admin`] speaks of users, queues and numbers; who turns them into JSON or tables is not known here. A change that
//! outlives the process is flushed before its future ends.

mod attempts;
mod bindings;
mod channels;
mod connections;
mod consumers;
mod contents;
mod exchanges;
mod explain;
mod identity;
mod limits;
mod messages;
mod moving;
mod node;
mod overview;
mod parameters;
mod permissions;
mod policies;
mod queues;
mod rehearsal;
mod sampler;
mod serving;
mod settings;
mod stats;
mod topology;
mod traces;
mod unroutable;
mod users;
mod vhosts;

use std::sync::Arc;

use broker::{LogPosition, Refusal, Timestamp, UserName};

pub use self::bindings::BindingInfo;
pub use self::channels::{ChannelInfo, ChannelKey};
pub(crate) use self::connections::name_of;
pub use self::connections::{ConnectionInfo, ConnectionKey, ConnectionState};
pub use self::consumers::{ConsumerInfo, ConsumerWait};
pub use self::contents::{Contents, ContentsQuery, MessageState, StoredContent, StoredMessage};
pub use self::exchanges::{ExchangeInfo, ExchangeKey};
pub use self::explain::Explained;
pub use self::limits::{LimitInfo, check_user_limit};
pub use self::messages::{AckMode, FetchedMessage};
pub use self::moving::{Chosen, MoveTo, Moved};
pub(crate) use self::node::node_name;
pub use self::node::{DiskInfo, LogInfo, MemoryInfo, NodeInfo};
pub use self::overview::{ChurnRates, ListenerInfo, ObjectTotals, Overview, QueueTotals};
pub use self::parameters::{check_cluster_name, check_global_parameter};
pub use self::permissions::{PermissionInfo, TopicPermissionInfo};
pub use self::policies::{NewPolicy, PolicyInfo, check_policy};
pub use self::queues::{QueueInfo, QueueKey, QueueMessages, QueueState, QueueTimes};
pub use self::rehearsal::Rehearsal;
pub(crate) use self::sampler::sample_for_ever;
pub use self::settings::{Settings, StoreSettings};
pub use self::stats::{Counter, Gauge, MessageStats};
pub use self::topology::{BindingKey, NewExchange, NewQueue};
pub use self::traces::TraceInfo;
pub use self::unroutable::{KeptMessage, KeptMessages};
pub use self::users::NewPassword;
pub use self::vhosts::VhostInfo;
pub use crate::attempts::{LoginCounts, LoginProtocol, LoginSource};
use crate::events::Headers;
pub use crate::histogram::Durations;
use crate::node::Node;
use crate::rights::Rights;
pub use crate::trace::files::TraceFileInfo;
pub use crate::trace::log::{NewTrace, TraceCounts, TraceFormat};
pub use crate::trace::message::{TracedEvent, TracedMessage};
use crate::vhost::Vhost;
pub use store::SpreadCounts;

/// Everything that an operator may see and change. A handle: its clones are the same node.
///
/// It asks for no permission by itself. Whoever acts for a user hands over the user's
/// [`Authority`](broker::permission::Authority), and decides by the user's tags what else they may do.
#[derive(Clone, Debug)]
pub struct Admin {
    pub(crate) node: Arc<Node>,
    /// Who asks, as events tell it; `None`: the broker by itself.
    by: Option<UserName>,
    /// Whoever asks needs no user to come back.
    has_another_way_in: bool,
}

/// Why something was not done. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// There is no such thing.
    #[error("there is no {what}")]
    NotFound {
        /// What was looked for, with its name.
        what: String,
    },
    /// A client that asks for the same by AMQP is refused as well.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It makes no sense.
    #[error("{reason}")]
    Invalid {
        /// What is wrong with it, and how it should be.
        reason: String,
    },
    /// It is forbidden to everybody for now.
    #[error("{reason}")]
    Denied {
        /// What forbids it.
        reason: String,
    },
}

/// What has become of something that was to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was not there, and is now.
    Created,
    /// It was there, and is now as asked for.
    Updated,
}

impl Admin {
    pub(crate) fn of(node: &Arc<Node>) -> Self {
        Self { node: Arc::clone(node), by: None, has_another_way_in: false }
    }

    /// The same node, for who acts for this user. What is changed is told in the user's name; nothing else depends on it.
    #[must_use]
    pub fn acting_for(&self, user: &UserName) -> Self {
        Self { by: Some(user.clone()), ..self.clone() }
    }

    /// The same node, for who comes in without a password: the last administrator who has one may go.
    #[must_use]
    pub fn with_another_way_in(&self) -> Self {
        Self { has_another_way_in: true, ..self.clone() }
    }

    /// Whether nobody can be locked out by what is done: there is another way in than with a password.
    pub fn has_another_way_in(&self) -> bool {
        self.has_another_way_in
    }

    /// Tells of something that was changed: `key` says what, `headers` the rest.
    fn tell(&self, key: &'static str, headers: impl FnOnce(&mut Headers)) {
        self.node.shared.tell(key, |all| headers(all.by(self.by.as_ref())));
    }

    /// The broker's time.
    pub fn time(&self) -> Timestamp {
        self.now()
    }

    fn now(&self) -> Timestamp {
        self.node.shared.clock.now()
    }

    /// The vhost of this name if there is one, or all vhosts, by name.
    fn vhosts_named(&self, name: Option<&str>) -> Vec<Arc<Vhost>> {
        match name {
            Some(name) => self.node.vhost(name).into_iter().collect(),
            None => {
                let all = self.node.vhosts.iter();
                let mut all: Vec<_> = all.map(|vhost| Arc::clone(&vhost)).collect();
                all.sort_unstable_by(|one, other| one.name.cmp(&other.name));
                all
            }
        }
    }

    /// Changes what users may do, and waits until the log has it. The connections of the user, if one is named, are told.
    async fn change<T>(
        &self,
        user: Option<&str>,
        change: impl FnOnce(&mut Rights) -> Result<(T, Option<LogPosition>), AdminError>,
    ) -> Result<T, AdminError> {
        let (value, after) = change(&mut self.node.rights.write())?;
        if let Some(user) = user {
            self.node.tell_rights_changed(Some(user));
        }
        self.node.shared.flushed(after).await;
        Ok(value)
    }
}

impl Put {
    fn of(was_there: bool) -> Self {
        if was_there { Self::Updated } else { Self::Created }
    }
}

fn no_such(what: &str, name: &str) -> AdminError {
    AdminError::NotFound { what: format!("{what} '{name}'") }
}

/// The most octets of a name: as many as a shortstr carries.
const NAME_BYTES_MAX: usize = 255;

/// Checks the name of something new.
fn check_name(what: &str, name: &str) -> Result<(), AdminError> {
    if name.is_empty() {
        return Err(AdminError::Invalid { reason: format!("a {what} has a name") });
    }
    if name.contains(char::is_control) {
        let reason = format!("the name of a {what} has no control characters");
        return Err(AdminError::Invalid { reason });
    }
    check_length(what, name)
}

/// Checks the length of a name.
fn check_length(what: &str, name: &str) -> Result<(), AdminError> {
    if name.len() <= NAME_BYTES_MAX {
        return Ok(());
    }
    let reason = format!("the name of a {what} has no more than {NAME_BYTES_MAX} octets");
    Err(AdminError::Invalid { reason })
}

/// The most octets of all that can be said of something besides its name. Whatever was accepted, a start must be able to
/// read again, and every start reads all of it.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Checks how much is said of something.
fn check_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<(), AdminError> {
    // An empty text is something, too.
    let octets: usize = texts.into_iter().map(|text| text.len() + 1).sum();
    if octets <= TEXT_BYTES_MAX {
        return Ok(());
    }
    let reason =
        format!("descriptions, tags and patterns have no more than {TEXT_BYTES_MAX} octets");
    Err(AdminError::Invalid { reason })
}

#[cfg(test)]
mod tests;
