//! Where the settings say something else of vhosts and users than the log, which decides.

use std::collections::HashMap;

use broker::{UserName, VhostName};
use tracing::warn;

use crate::options::{Account, NamedAccount, Options};

/// Why a setting has no effect.
const DECIDES: &str = "what was defined when this data folder was first used counts";

/// Says what the settings name and the log has otherwise, a line for each.
pub(crate) fn name(options: &Options, vhosts: &[VhostName], accounts: &HashMap<UserName, Account>) {
    for name in options.vhosts.iter().filter(|name| !vhosts.contains(name)) {
        warn!(vhost = %name, "the settings name a vhost that does not exist: {DECIDES}");
    }
    for named in &options.accounts {
        let name = &named.account.user.name;
        match accounts.get(name) {
            None => warn!(user = %name, "the settings name a user who does not exist: {DECIDES}"),
            Some(known) => {
                for what in between(named, known) {
                    warn!(user = %name, "the settings give a user {what}: {DECIDES}");
                }
            }
        }
    }
}

/// What of a user is not as the settings have it.
fn between(named: &NamedAccount, known: &Account) -> Vec<String> {
    let NamedAccount { account, password } = named;
    let mut differences = Vec::new();
    let mut note = |differs: bool, what: &str| {
        if differs {
            differences.push(what.to_owned());
        }
    };
    note(!password.is_of(&known.user), "another password");
    note(account.user.tags != known.user.tags, "other tags");
    let same_origin = account.user.loopback_only == known.user.loopback_only;
    note(!same_origin, "another loopback_only");
    let vhosts = account.permissions.keys().chain(known.permissions.keys());
    let mut vhosts: Vec<&VhostName> = vhosts.collect();
    vhosts.sort_unstable();
    vhosts.dedup();
    for vhost in vhosts {
        if patterns(account, vhost) != patterns(known, vhost) {
            differences.push(format!("other permissions in vhost '{vhost}'"));
        }
    }
    differences
}

fn patterns<'a>(account: &'a Account, vhost: &VhostName) -> Option<[&'a str; 3]> {
    let permission = account.permissions.get(vhost)?;
    let patterns = [&permission.configure, &permission.write, &permission.read];
    Some(patterns.map(|pattern| pattern.as_str()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use broker::permission::Permission;
    use broker::user::{Password, User, UserTags};

    use super::*;

    fn account(password: &str, tag: &str, loopback_only: bool, write: &str) -> NamedAccount {
        let tags = UserTags::new([tag.to_owned()]);
        let bytes = password.as_bytes();
        let user = User::new("ann".into(), bytes, [1, 2, 3, 4], tags, loopback_only);
        let permission = Arc::new(Permission::new(".*", write, ".*").unwrap());
        let account =
            Account { user, permissions: [("/".into(), permission)].into_iter().collect() };
        NamedAccount { account, password: Password::new(bytes) }
    }

    #[test]
    fn each_difference_is_named() {
        let known = account("secret", "monitoring", true, "^q").account;
        assert!(between(&account("secret", "monitoring", true, "^q"), &known).is_empty());
        assert_eq!(between(&account("changed", "monitoring", true, "^q"), &known).len(), 1);
        assert_eq!(between(&account("", "monitoring", true, "^q"), &known).len(), 1);
        let all = between(&account("changed", "management", false, ".*"), &known);
        assert_eq!(all.len(), 4, "{all:?}");
        assert!(all[3].contains("'/'") && !format!("{all:?}").contains("changed"));
    }
}
