//! Who may do what: three patterns for each user in each vhost.

use std::{fmt, sync::Arc};

use ahash::AHashMap;
use regex::{Regex, RegexBuilder};

use crate::{Refusal, Resource, ResourceKind, UserName, VhostName};

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

    fn matches(&self, name: &str) -> bool {
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
}

/// The permissions of all users in all vhosts.
#[derive(Debug, Clone, Default)]
pub struct Permissions {
    by_user: AHashMap<UserName, AHashMap<VhostName, Arc<Permission>>>,
}

impl Permissions {
    /// Sets what a user may do in a vhost.
    pub fn set(&mut self, user: UserName, vhost: VhostName, permission: Permission) {
        self.by_user.entry(user).or_default().insert(vhost, Arc::new(permission));
    }

    /// Takes a user's access to a vhost away. Returns whether there was any.
    pub fn clear(&mut self, user: &UserName, vhost: &VhostName) -> bool {
        self.by_user.get_mut(user).is_some_and(|vhosts| vhosts.remove(vhost).is_some())
    }

    /// What a user may do in a vhost, if anything is said about it.
    pub fn find(&self, user: &UserName, vhost: &VhostName) -> Option<&Arc<Permission>> {
        self.by_user.get(user)?.get(vhost)
    }

    /// Opens a vhost that exists.
    ///
    /// # Errors
    /// [`Refusal::VhostRefused`] if nothing is permitted to the user there.
    pub fn open(&self, user: &UserName, vhost: &VhostName) -> Result<Authority, Refusal> {
        let (user, vhost) = (user.clone(), vhost.clone());
        match self.find(&user, &vhost) {
            Some(permission) => {
                let permission = Arc::clone(permission);
                Ok(Authority { user, vhost, permission })
            }
            None => Err(Refusal::VhostRefused { vhost, user }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(configure: &str, write: &str, read: &str) -> Authority {
        let mut permissions = Permissions::default();
        let permission = Permission::new(configure, write, read).unwrap();
        permissions.set("bob".into(), "v".into(), permission);
        permissions.open(&"bob".into(), &"v".into()).unwrap()
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
    fn no_entry_is_no_access() {
        let mut permissions = Permissions::default();
        let (guest, vhost) = (UserName::from("guest"), VhostName::from("/"));
        assert_eq!(
            permissions.open(&guest, &vhost).unwrap_err().to_string(),
            "NOT_ALLOWED - access to vhost '/' refused for user 'guest'"
        );
        permissions.set(guest.clone(), vhost.clone(), Permission::full());
        assert!(permissions.open(&guest, &vhost).is_ok());
        assert!(permissions.clear(&guest, &vhost));
        assert!(!permissions.clear(&guest, &vhost));
    }

    #[test]
    fn a_pattern_may_not_take_much_memory() {
        assert!(Pattern::new("(").is_err());
        assert!(Pattern::new(r"(\w{200}){200}").is_err());
    }
}
