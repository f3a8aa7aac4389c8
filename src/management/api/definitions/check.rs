//! Whether everything that a document brings can be made: asked before any of it is, and all that is wrong is named.

use std::collections::{BTreeSet, HashSet};
use std::fmt::{self, Display, Formatter};

use server::admin::{Admin, Rehearsal, check_user_limit};

use super::Import;
use crate::api::{
    bindings, exchanges, limits, parameters, permissions, queues, topic_permissions, users, vhosts,
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

/// How something is called that the document names, as far as it does: written only if something is wrong with it.
pub(super) struct Called<'a> {
    kind: &'a str,
    entry: &'a Document,
    vhost: Option<&'a str>,
}

pub(super) fn called<'a>(kind: &'a str, entry: &'a Document, vhost: Option<&'a str>) -> Called<'a> {
    Called { kind, entry, vhost }
}

impl Display for Called<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { kind, entry, vhost } = self;
        let text = |key| entry.text(key).unwrap_or("?");
        match *kind {
            "binding" => {
                write!(out, "binding from '{}' to '{}'", text("source"), text("destination"))
            }
            "permission" | "topic permission" => write!(out, "{kind} of user '{}'", text("user")),
            "limits" => out.write_str(kind),
            _ => write!(out, "{kind} '{}'", text("name")),
        }?;
        vhost.map_or(Ok(()), |vhost| write!(out, " in vhost '{vhost}'"))
    }
}

/// Who and what is there, or will be by then.
struct Known<'a> {
    admin: &'a Admin,
    /// Those that the document brings.
    vhosts: HashSet<&'a str>,
    users: HashSet<&'a str>,
}

impl<'a> Known<'a> {
    fn of(admin: &'a Admin, import: &'a Import) -> Self {
        let names = |entries: &'a [Document]| {
            entries.iter().filter_map(|entry| entry.text("name").ok()).collect()
        };
        Self { admin, vhosts: names(&import.vhosts), users: names(&import.users) }
    }

    fn check_vhost(&self, vhost: &str) -> Result<(), Failure> {
        if self.vhosts.contains(vhost) || self.admin.vhost(vhost).is_some() {
            return Ok(());
        }
        Err(Failure::bad_request(format!("there is no vhost '{vhost}'")))
    }

    /// Whom and what a permission is for.
    fn owners<'e>(&self, entry: &'e Document) -> Result<(&'e str, &'e str), Failure> {
        let (user, vhost) = (entry.text("user")?, entry.text("vhost")?);
        if !self.users.contains(user) && self.admin.user(user).is_none() {
            return Err(Failure::bad_request(format!("there is no user '{user}'")));
        }
        self.check_vhost(vhost)?;
        Ok((user, vhost))
    }
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
        let known = Known::of(admin, self);
        self.check_permissions(&known, &mut findings);
        self.check_limits(&known, &mut rehearsal, &mut findings);
        for policy in &self.policies {
            let checked = known.check_vhost(&policy.vhost);
            let what = format_args!("policy '{}' in vhost '{}'", policy.name, policy.vhost);
            findings.note(what, checked);
        }
        let topology = Topology { known: &known };
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
        let known = known.iter().filter(|user| user.can_administrate());
        let mut administrators: BTreeSet<&str> = known.map(|user| user.name.as_str()).collect();
        let needs_one = !administrators.is_empty() && !admin.has_another_way_in();
        for entry in &self.users {
            let what = called("user", entry, None);
            let limits = limits::read_of_user(entry).and_then(|limits| {
                limits.iter().try_for_each(|(name, _)| Ok(check_user_limit(*name)?))
            });
            findings.note(&what, limits);
            match findings.note(&what, users::check_one(admin, entry)) {
                Some((name, true)) => administrators.insert(name),
                Some((name, false)) => administrators.remove(name),
                None => false,
            };
        }
        if needs_one && administrators.is_empty() {
            let reason = "nobody would be left who can administrate";
            findings.note("the users", Err::<(), _>(Failure::bad_request(reason)));
        }
    }

    fn check_permissions(&self, known: &Known<'_>, findings: &mut Findings) {
        let read = |entry: &Document| -> Result<(), Failure> {
            let (user, vhost) = known.owners(entry)?;
            known.admin.check_permission(&permissions::read(user, vhost, entry)?)?;
            Ok(())
        };
        let read_topic = |entry: &Document| -> Result<(), Failure> {
            let (user, vhost) = known.owners(entry)?;
            known.admin.check_topic_permission(&topic_permissions::read(user, vhost, entry)?)?;
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

    fn check_limits(
        &self,
        known: &Known<'_>,
        rehearsal: &mut Rehearsal<'_>,
        findings: &mut Findings,
    ) {
        for (vhost, entry) in &self.limits {
            let what = called("limits", entry, Some(vhost));
            findings.note(&what, known.check_vhost(vhost));
            if let Some(limits) = findings.note(&what, parameters::limits_defined(entry)) {
                rehearsal.set_limits(vhost, limits);
            }
        }
    }
}

/// What is declared in vhosts.
struct Topology<'a> {
    known: &'a Known<'a>,
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
            let result = match self.known.check_vhost(vhost) {
                // Said once of each kind: it is one mistake.
                Err(_) if !missing.insert(vhost) => continue,
                Err(failure) => Err(failure),
                Ok(()) => rehearse(vhost, entry),
            };
            findings.note(called(kind, entry, Some(vhost)), result);
        }
    }
}
