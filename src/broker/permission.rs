//! Who may do what: three patterns for each user in each vhost.

mod topic;

use std::{fmt, sync::Arc};

use regex::{Regex, RegexBuilder};

pub use self::topic::{TopicPermission, TopicPermissions};
use crate::{
    ExchangeName, Refusal, Resource, ResourceKind, UserName, VhostName, refusal::TopicRefused,
};

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Declare or delete it.
    Configure,
    /// Publish to it, or bind it as a destination.
    Write,
    /// Consume, get or purge it, or bind it as a source.
    Read,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configure => "configure",
            Self::Write => "write",
            Self::Read => "read",
        })
    }
}

/// The most memory that one compiled pattern takes.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// Names that a user may act on: those in which a regular expression is found. The empty one allows none.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: Box<str>,
    matcher: Matcher,
}

#[derive(Debug, Clone)]
enum Matcher {
    None,
    All,
    Regex(Regex),
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// If it is malformed, or takes too much memory.
    pub fn new(source: &str) -> Result<Self, regex::Error> {
        let matcher = match source {
            "" => Matcher::None,
            ".*" => Matcher::All,
            _ => {
                let mut builder = RegexBuilder::new(source);
                builder.size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
                Matcher::Regex(builder.build()?)
            }
        };
        Ok(Self { source: Box::from(source), matcher })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        match &self.matcher {
            Matcher::None => false,
            Matcher::All => true,
            Matcher::Regex(regex) => regex.is_match(name),
        }
    }
}

/// What one user may do in one vhost.
#[derive(Debug, Clone)]
pub struct Permission {
    /// What may be declared and deleted.
    pub configure: Pattern,
    /// What may be published to.
    pub write: Pattern,
    /// What may be consumed from.
    pub read: Pattern,
}

impl Permission {
    /// Compiles the three patterns.
    ///
    /// # Errors
    /// With the first that is malformed.
    pub fn new(configure: &str, write: &str, read: &str) -> Result<Self, regex::Error> {
        Ok(Self {
            configure: Pattern::new(configure)?,
            write: Pattern::new(write)?,
            read: Pattern::new(read)?,
        })
    }

    /// Everything.
    pub fn full() -> Self {
        let all = Pattern { source: Box::from(".*"), matcher: Matcher::All };
        Self { configure: all.clone(), write: all.clone(), read: all }
    }

    /// Nothing.
    pub fn none() -> Self {
        let none = Pattern { source: Box::from(""), matcher: Matcher::None };
        Self { configure: none.clone(), write: none.clone(), read: none }
    }

    /// Whether `action` is allowed on a queue or exchange of that name. The default exchange goes by `amq.default`.
    pub fn allows(&self, action: Action, kind: ResourceKind, name: &str) -> bool {
        let pattern = match action {
            Action::Configure => &self.configure,
            Action::Write => &self.write,
            Action::Read => &self.read,
        };
        pattern.matches(permission_name(kind, name))
    }
}

/// The name that patterns are matched with.
fn permission_name(kind: ResourceKind, name: &str) -> &str {
    if kind == ResourceKind::Exchange && name.is_empty() { "amq.default" } else { name }
}

/// A user who opened a vhost, with what they may do there.
#[derive(Debug, Clone)]
pub struct Authority {
    /// The user.
    pub user: UserName,
    /// The vhost.
    pub vhost: VhostName,
    /// As it was when the vhost was opened, or when permissions last changed.
    pub permission: Arc<Permission>,
    /// Which topics, as of the same time.
    pub topics: TopicPermissions,
}

impl Authority {
    /// Checks one action.
    ///
    /// # Errors
    /// [`Refusal::AccessRefused`].
    pub fn authorize(&self, action: Action, kind: ResourceKind, name: &str) -> Result<(), Refusal> {
        if self.permission.allows(action, kind, name) {
            return Ok(());
        }
        let name = Box::from(permission_name(kind, name));
        let resource = Resource { kind, name, vhost: self.vhost.clone() };
        Err(Refusal::AccessRefused { action, resource, user: self.user.clone() })
    }

    /// Checks one action on a resource of this vhost.
    ///
    /// # Errors
    /// [`Refusal::AccessRefused`].
    pub fn authorize_on(&self, action: Action, resource: &Resource) -> Result<(), Refusal> {
        self.authorize(action, resource.kind, &resource.name)
    }

    /// Checks what a passive declaration needs: any permission at all.
    ///
    /// # Errors
    /// [`Refusal::AccessRefused`] for `configure`, as if it were a declaration.
    pub fn authorize_any(&self, kind: ResourceKind, name: &str) -> Result<(), Refusal> {
        if [Action::Read, Action::Write]
            .into_iter()
            .any(|action| self.permission.allows(action, kind, name))
        {
            return Ok(());
        }
        self.authorize(Action::Configure, kind, name)
    }

    /// Checks a routing key with which something is published to a topic exchange (`write`), or a binding key with which
    /// something is bound to one (`read`).
    ///
    /// # Errors
    /// [`Refusal::TopicRefused`].
    pub fn authorize_topic(
        &self,
        action: Action,
        exchange: &ExchangeName,
        key: &[u8],
    ) -> Result<(), Refusal> {
        match self.topics.of(exchange) {
            Some(topics) if !topics.allows(action, key) => {
                Err(Refusal::TopicRefused(Box::new(TopicRefused {
                    action,
                    key: String::from_utf8_lossy(key).into_owned(),
                    exchange: exchange.clone(),
                    vhost: self.vhost.clone(),
                    user: self.user.clone(),
                })))
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(configure: &str, write: &str, read: &str) -> Authority {
        Authority {
            user: "bob".into(),
            vhost: "v".into(),
            permission: Arc::new(Permission::new(configure, write, read).unwrap()),
            topics: TopicPermissions::default(),
        }
    }

    #[test]
    fn a_pattern_is_found_anywhere_in_the_name() {
        let bob = authority("", ".*", "^bob-");
        assert!(bob.authorize(Action::Write, ResourceKind::Queue, "anything").is_ok());
        assert!(bob.authorize(Action::Read, ResourceKind::Queue, "bob-1").is_ok());
        assert!(bob.authorize(Action::Read, ResourceKind::Queue, "not-bob-1").is_err());
        assert!(
            authority("b", "", "").authorize(Action::Configure, ResourceKind::Queue, "abc").is_ok()
        );
        assert_eq!(
            bob.authorize(Action::Configure, ResourceKind::Queue, "q").unwrap_err().to_string(),
            "ACCESS_REFUSED - configure access to queue 'q' in vhost 'v' refused for user 'bob'"
        );
    }

    #[test]
    fn the_default_exchange_has_a_name_of_its_own() {
        let bob = authority("", "^amq\\.default$", "");
        assert!(bob.authorize(Action::Write, ResourceKind::Exchange, "").is_ok());
        assert_eq!(
            bob.authorize(Action::Read, ResourceKind::Exchange, "").unwrap_err().to_string(),
            "ACCESS_REFUSED - read access to exchange 'amq.default' in vhost 'v' refused for user 'bob'"
        );
    }

    #[test]
    fn any_permission_will_do_for_a_look() {
        assert!(authority("", "", "q").authorize_any(ResourceKind::Queue, "q").is_ok());
        assert!(authority("q", "", "").authorize_any(ResourceKind::Queue, "q").is_ok());
        let refusal = authority("", "", "").authorize_any(ResourceKind::Queue, "q").unwrap_err();
        assert!(refusal.to_string().contains("configure access to queue 'q'"));
    }

    #[test]
    fn all_and_nothing() {
        for action in [Action::Configure, Action::Write, Action::Read] {
            for name in ["", "q", "amq.topic"] {
                assert!(Permission::full().allows(action, ResourceKind::Queue, name));
                assert!(!Permission::none().allows(action, ResourceKind::Queue, name));
            }
        }
    }

    #[test]
    fn a_pattern_may_not_take_much_memory() {
        assert!(Pattern::new("(").is_err());
        assert!(Pattern::new(r"(\w{200}){200}").is_err());
    }
}
