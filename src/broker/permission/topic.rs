//! Topic permissions: which routing keys a user may publish and bind with, on one topic exchange of one vhost.
//!
//! They narrow what the permission for the exchange allows. Who has none for an exchange may use every key there.

use std::{collections::BTreeMap, sync::Arc};

use super::{Action, Pattern};
use crate::{ExchangeName, UserName, VhostName};

/// What one user may do on one topic exchange.
///
/// `{username}` and `{vhost}` in the patterns stand for the names themselves: what they mean in a pattern is escaped, so
/// that nobody gets more than their own topics by the name that they are given.
#[derive(Debug, Clone)]
pub struct TopicPermission {
    write: TopicPattern,
    read: TopicPattern,
}

#[derive(Debug, Clone)]
struct TopicPattern {
    source: Box<str>,
    /// With the names in it.
    pattern: Pattern,
}

impl TopicPattern {
    fn new(source: &str, user: &str, vhost: &str) -> Result<Self, regex::Error> {
        // A key may be empty, unlike the names that permissions are about: here the empty pattern finds something.
        let pattern = if source.is_empty() { "^$" } else { source };
        Ok(Self { source: source.into(), pattern: Pattern::new(&fill_in(pattern, user, vhost))? })
    }
}

/// Puts the names into a pattern, in one pass: a name that looks like a variable is none. `{client_id}` stands for
/// nothing here, and means itself.
fn fill_in(pattern: &str, user: &str, vhost: &str) -> String {
    let variables = [("{username}", user), ("{vhost}", vhost), ("{client_id}", "{client_id}")];
    let mut filled = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        let found = variables.iter().find_map(|(variable, value)| {
            from.strip_prefix(variable).map(|behind| (value, behind))
        });
        rest = match found {
            Some((value, behind)) => {
                filled.push_str(&regex::escape(value));
                behind
            }
            None => {
                filled.push('{');
                &from[1..]
            }
        };
    }
    filled.push_str(rest);
    filled
}

impl TopicPermission {
    /// Compiles the two patterns for a user in a vhost.
    ///
    /// # Errors
    /// With the first that is malformed, or takes too much memory.
    pub fn new(
        write: &str,
        read: &str,
        user: &UserName,
        vhost: &VhostName,
    ) -> Result<Self, regex::Error> {
        Ok(Self {
            write: TopicPattern::new(write, user, vhost)?,
            read: TopicPattern::new(read, user, vhost)?,
        })
    }

    /// The pattern for publishing, as it was written.
    pub fn write(&self) -> &str {
        &self.write.source
    }

    /// The pattern for binding, as it was written.
    pub fn read(&self) -> &str {
        &self.read.source
    }

    /// Whether a key may be used. Nothing is configured with a key, so that is never refused.
    pub fn allows(&self, action: Action, key: &[u8]) -> bool {
        let pattern = match action {
            Action::Configure => return true,
            Action::Write => &self.write.pattern,
            Action::Read => &self.read.pattern,
        };
        pattern.matches(&String::from_utf8_lossy(key))
    }
}

/// The topic permissions of one user in one vhost, by exchange.
#[derive(Debug, Clone, Default)]
pub struct TopicPermissions(Option<Arc<BTreeMap<ExchangeName, Arc<TopicPermission>>>>);

impl TopicPermissions {
    /// What the user may do on this exchange; `None`: everything that the exchange's permission allows.
    #[inline]
    pub fn of(&self, exchange: &str) -> Option<&Arc<TopicPermission>> {
        self.0.as_ref()?.get(exchange)
    }
}

impl FromIterator<(ExchangeName, Arc<TopicPermission>)> for TopicPermissions {
    fn from_iter<I: IntoIterator<Item = (ExchangeName, Arc<TopicPermission>)>>(iter: I) -> Self {
        let topics: BTreeMap<_, _> = iter.into_iter().collect();
        Self((!topics.is_empty()).then(|| Arc::new(topics)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(write: &str, user: &str) -> TopicPermission {
        TopicPermission::new(write, "^{vhost}-", &user.into(), &"v.1".into()).unwrap()
    }

    #[test]
    fn variables_stand_for_names() {
        let bob = of(r"^{username}\.in\.{vhost}$", "bob");
        for (key, is_allowed) in [
            ("bob.in.v.1", true),
            ("bob.in.vx1", false),
            ("alice.in.v.1", false),
            ("{username}.in.{vhost}", false),
        ] {
            assert_eq!(bob.allows(Action::Write, key.as_bytes()), is_allowed, "{key}");
        }
        assert!(bob.allows(Action::Read, b"v.1-x") && !bob.allows(Action::Read, b"x"));
        assert!(bob.allows(Action::Configure, b"whatever"));
        assert_eq!((bob.write(), bob.read()), (r"^{username}\.in\.{vhost}$", "^{vhost}-"));
    }

    #[test]
    fn a_name_is_no_pattern_and_no_variable() {
        assert!(!of("^{username}$", ".*").allows(Action::Write, b"alice"));
        assert!(of("^{username}$", ".*").allows(Action::Write, b".*"));
        assert!(!of("^{username}$", "{vhost}").allows(Action::Write, b"v.1"));
        assert!(of("^{username}$", "{vhost}").allows(Action::Write, b"{vhost}"));
        assert!(of("^[{username}]$", "^x-z").allows(Action::Write, b"-"));
        assert!(!of("^[{username}]$", "^x-z").allows(Action::Write, b"y"));
    }

    #[test]
    fn other_braces_are_the_patterns() {
        assert!(of("^a{2}$", "bob").allows(Action::Write, b"aa"));
        assert!(of("^{client_id}$", "bob").allows(Action::Write, b"{client_id}"));
    }

    #[test]
    fn the_empty_pattern_is_for_the_empty_key() {
        assert!(of("", "bob").allows(Action::Write, b""));
        assert!(!of("", "bob").allows(Action::Write, b"a"));
    }

    #[test]
    fn without_any_nothing_is_kept() {
        let none: TopicPermissions = [].into_iter().collect();
        assert!(none.of("amq.topic").is_none() && none.0.is_none());
        let some: TopicPermissions = [("t".into(), Arc::new(of("a", "bob")))].into_iter().collect();
        assert!(some.of("t").is_some() && some.of("amq.topic").is_none());
    }
}
