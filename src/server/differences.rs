//! Where the settings say something else of vhosts and users than the log, which decides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use broker::user::User;
use broker::{Permission, VhostName};
use tracing::warn;

use crate::node::Node;
use crate::options::{Account, NamedAccount};
use crate::rights::Rights;

/// Why a setting has no effect.
const DECIDES: &str = "what was defined when this data folder was first used counts";

/// Says what the settings name and the node has otherwise, a line for each.
pub(crate) fn name(node: &Node) {
    let options = &node.shared.options;
    for name in options.vhosts.iter().filter(|name| node.vhost(name).is_none()) {
        warn!(vhost = name.as_str(), "the settings name a vhost that does not exist: {DECIDES}");
    }
    let rights = node.rights.read();
    for named in &options.accounts {
        let name = &named.account.user.name;
        match rights.user(name) {
            None => warn!(
                user = name.as_str(),
                "the settings name a user who does not exist: {DECIDES}"
            ),
            Some(known) => {
                for what in between(named, known, &rights) {
                    warn!(user = name.as_str(), "the settings give a user {what}: {DECIDES}");
                }
            }
        }
    }
}

/// What of a user is not as the settings have it.
fn between(named: &NamedAccount, known: &User, rights: &Rights) -> Vec<String> {
    let NamedAccount { account: Account { user, permissions }, password } = named;
    let mut differences = Vec::new();
    let mut note = |differs: bool, what: &str| {
        if differs {
            differences.push(what.to_owned());
        }
    };
    note(!password.is_of(known), "another password");
    note(user.tags != known.tags, "other tags");
    note(user.loopback_only != known.loopback_only, "another loopback_only");
    let known: BTreeMap<&VhostName, &Arc<Permission>> = rights
        .permissions()
        .filter(|(user, ..)| **user == known.name)
        .map(|(_, vhost, permission)| (vhost, permission))
        .collect();
    let vhosts: BTreeSet<&VhostName> = permissions.keys().chain(known.keys().copied()).collect();
    for vhost in vhosts {
        let named = permissions.get(vhost).map(|permission| patterns(permission));
        if named != known.get(vhost).map(|permission| patterns(permission)) {
            differences.push(format!("other permissions in vhost '{vhost}'"));
        }
    }
    differences
}

fn patterns(permission: &Permission) -> [&str; 3] {
    let patterns = [&permission.configure, &permission.write, &permission.read];
    patterns.map(|pattern| pattern.as_str())
}

#[cfg(test)]
mod tests {
    use broker::user::{Password, PasswordHash, UserTags};

    use super::*;

    fn named(password: &str, tag: &str, loopback_only: bool, write: &str) -> NamedAccount {
        let tags = UserTags::new([tag.to_owned()]);
        let password = Password::new(password.as_bytes());
        let hash = PasswordHash::sha256(password.as_bytes(), [1, 2, 3, 4]);
        let hash = Some(hash).filter(|_| !password.is_empty());
        let user = User { name: "ann".into(), tags, loopback_only, password: hash };
        let permission = Arc::new(Permission::new(".*", write, ".*").unwrap());
        let permissions = [("/".into(), permission)].into_iter().collect();
        NamedAccount { account: Account { user, permissions }, password }
    }

    #[test]
    fn each_difference_is_named() {
        let known = named("secret", "monitoring", true, "^q").account;
        let mut rights = Rights::default();
        for (vhost, permission) in &known.permissions {
            let permission = (**permission).clone();
            rights.put_permission("ann".into(), vhost.clone(), permission, |_| None);
        }
        let between = |named| between(&named, &known.user, &rights);
        assert!(between(named("secret", "monitoring", true, "^q")).is_empty());
        assert_eq!(between(named("changed", "monitoring", true, "^q")).len(), 1);
        assert_eq!(between(named("", "monitoring", true, "^q")).len(), 1);
        let all = between(named("changed", "management", false, ".*"));
        assert_eq!(all.len(), 4, "{all:?}");
        assert!(all[3].contains("'/'") && !format!("{all:?}").contains("changed"));
    }
}
