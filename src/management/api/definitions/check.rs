//! Whether everything that a document brings can be made: asked before any of it is, and all that is wrong is named.

use std::collections::BTreeSet;
use std::fmt::Display;

use server::admin::{Admin, Rehearsal, check_user_limit, check_vhost_limit};

use super::Import;
use crate::api::{
    bindings, exchanges, limits, permissions, queues, topic_permissions, users, vhosts,
};
use crate::document::Document;
use crate::failure::Failure;

/// How many mistakes are told; of more, how many there are.
const TOLD_MAX: usize = 20;

/// What is wrong with a document.
#[derive(Debug, Default)]
pub(super) struct Findings {
    told: Vec<String>,
    count: usize,
}

impl Findings {
    /// Notes what is wrong with something, if anything is.
    pub(super) fn note<T>(
        &mut self,
        what: impl Display,
        result: Result<T, impl Into<Failure>>,
    ) -> Option<T> {
        let failure = match result {
            Ok(value) => return Some(value),
            Err(failure) => failure.into(),
        };
        self.count += 1;
        if self.told.len() < TOLD_MAX {
            self.told.push(format!("{what}: {}", failure.reason()));
        }
        None
    }

    /// # Errors
    /// 400 with everything that was noted.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let untold = self.count - self.told.len();
        let more = if untold > 0 { format!("; and {untold} more") } else { String::new() };
        match &*self.told {
            [] => Ok(()),
            [one] => Err(Failure::bad_request(one.as_str())),
            many => {
                let (count, all) = (self.count, many.join("; "));
                let reason = format!("{count} things are wrong, and nothing was made: {all}{more}");
                Err(Failure::bad_request(reason))
            }
        }
    }
}

/// How something is called that the document names, as far as it does.
pub(super) fn called(kind: &str, entry: &Document, vhost: Option<&str>) -> String {
    let text = |key| entry.text(key).unwrap_or("?");
    let name = match kind {
        "binding" => {
            format!("binding from '{}' to '{}'", text("source"), text("destination"))
        }
        "permission" | "topic permission" => format!("{kind} of user '{}'", text("user")),
        "limits" => kind.to_owned(),
        _ => format!("{kind} '{}'", text("name")),
    };
    vhost.map_or_else(|| name.clone(), |vhost| format!("{name} in vhost '{vhost}'"))
}

impl Import {
    /// Checks everything, in the order in which it would be made.
    ///
    /// # Errors
    /// 400 with everything that is wrong.
    pub(super) fn check(&self, admin: &Admin) -> Result<(), Failure> {
        let mut findings = Findings::default();
        let mut rehearsal = admin.rehearse();
        self.check_vhosts(admin, &mut rehearsal, &mut findings);
        self.check_users(admin, &mut findings);
        self.check_permissions(admin, &mut findings);
        self.check_limits(admin, &mut rehearsal, &mut findings);
        for policy in &self.policies {
            let checked = self.check_vhost(admin, &policy.vhost);
            findings.note(format!("policy '{}' in vhost '{}'", policy.name, policy.vhost), checked);
        }
        let topology = Topology { import: self, admin };
        topology.check(&self.exchanges, "exchange", &mut findings, |vhost, entry| {
            exchanges::rehearse_one(&mut rehearsal, vhost, entry)
        });
        topology.check(&self.queues, "queue", &mut findings, |vhost, entry| {
            queues::rehearse_one(&mut rehearsal, vhost, entry)
        });
        topology.check(&self.bindings, "binding", &mut findings, |vhost, entry| {
            bindings::rehearse_one(&mut rehearsal, vhost, entry)
        });
        findings.finish()
    }

    fn check_vhosts(&self, admin: &Admin, rehearsal: &mut Rehearsal<'_>, findings: &mut Findings) {
        for entry in &self.vhosts {
            let checked = vhosts::check_one(admin, entry);
            if let Some((name, kind)) = findings.note(called("vhost", entry, None), checked) {
                rehearsal.add_vhost(name, kind);
            }
        }
    }

    fn check_users(&self, admin: &Admin, findings: &mut Findings) {
        let known = admin.users();
        let known = known.iter().filter(|user| users::can_administrate(user));
        let mut administrators: BTreeSet<&str> = known.map(|user| user.name.as_str()).collect();
        let had_any = !administrators.is_empty();
        for entry in &self.users {
            let what = called("user", entry, None);
            let limits = limits::read_all(entry, "limits").and_then(|limits| {
                limits.iter().try_for_each(|(name, _)| Ok(check_user_limit(*name)?))
            });
            findings.note(&what, limits);
            match findings.note(&what, users::check_one(admin, entry)) {
                Some((name, true)) => administrators.insert(name),
                Some((name, false)) => administrators.remove(name),
                None => false,
            };
        }
        if had_any && administrators.is_empty() {
            let reason = "nobody would be left who can administrate";
            findings.note("the users", Err::<(), _>(Failure::bad_request(reason)));
        }
    }

    fn check_permissions(&self, admin: &Admin, findings: &mut Findings) {
        let read = |entry: &Document| -> Result<(), Failure> {
            let (user, vhost) = self.owners(admin, entry)?;
            admin.check_permission(&permissions::read(user, vhost, entry)?)?;
            Ok(())
        };
        let read_topic = |entry: &Document| -> Result<(), Failure> {
            let (user, vhost) = self.owners(admin, entry)?;
            admin.check_topic_permission(&topic_permissions::read(user, vhost, entry)?)?;
            Ok(())
        };
        for entry in &self.permissions {
            let vhost = entry.text("vhost").ok();
            findings.note(called("permission", entry, vhost), read(entry));
        }
        for entry in &self.topic_permissions {
            let vhost = entry.text("vhost").ok();
            findings.note(called("topic permission", entry, vhost), read_topic(entry));
        }
    }

    /// Whom and what a permission is for, which have to be there by then.
    fn owners<'a>(
        &self,
        admin: &Admin,
        entry: &'a Document,
    ) -> Result<(&'a str, &'a str), Failure> {
        let (user, vhost) = (entry.text("user")?, entry.text("vhost")?);
        let is_brought = |entry: &Document| entry.text("name") == Ok(user);
        if admin.user(user).is_none() && !self.users.iter().any(is_brought) {
            return Err(Failure::bad_request(format!("there is no user '{user}'")));
        }
        self.check_vhost(admin, vhost)?;
        Ok((user, vhost))
    }

    /// Checks that a vhost will be there.
    fn check_vhost(&self, admin: &Admin, vhost: &str) -> Result<(), Failure> {
        let is_brought = |entry: &Document| entry.text("name") == Ok(vhost);
        if admin.vhost(vhost).is_some() || self.vhosts.iter().any(is_brought) {
            return Ok(());
        }
        Err(Failure::bad_request(format!("there is no vhost '{vhost}'")))
    }

    fn check_limits(&self, admin: &Admin, rehearsal: &mut Rehearsal<'_>, findings: &mut Findings) {
        for (vhost, entry) in &self.limits {
            let what = called("limits", entry, Some(vhost));
            findings.note(&what, self.check_vhost(admin, vhost));
            let read = limits::read_all(entry, "value");
            for (name, value) in findings.note(&what, read).unwrap_or_default() {
                if findings.note(&what, check_vhost_limit(name)).is_some() {
                    rehearsal.set_limit(vhost, name, value);
                }
            }
        }
    }
}

/// What is declared in vhosts.
struct Topology<'a> {
    import: &'a Import,
    admin: &'a Admin,
}

impl Topology<'_> {
    fn check(
        &self,
        entries: &[(String, Document)],
        kind: &str,
        findings: &mut Findings,
        mut rehearse: impl FnMut(&str, &Document) -> Result<(), Failure>,
    ) {
        let mut missing = BTreeSet::new();
        for (vhost, entry) in entries {
            let result = match self.import.check_vhost(self.admin, vhost) {
                // Said once of each kind: it is one mistake.
                Err(_) if !missing.insert(vhost) => continue,
                Err(failure) => Err(failure),
                Ok(()) => rehearse(vhost, entry),
            };
            findings.note(called(kind, entry, Some(vhost)), result);
        }
    }
}
