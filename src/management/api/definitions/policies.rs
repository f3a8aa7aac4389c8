//! The policies in a document of definitions: those of users have a section, those of operators are parameters.

use broker::policy::PolicyKind;
use serde_json::Value;
use server::admin::{Admin, PolicyInfo, check_policy};

use super::check::{Findings, called};
use crate::api::parameters::OPERATOR_POLICY;
use crate::api::policies;
use crate::document::Document;
use crate::failure::Failure;
use crate::fields::Wanted;

/// A policy that a document brings.
#[derive(Clone, Debug)]
pub(super) struct Brought {
    pub(super) vhost: String,
    kind: PolicyKind,
    pub(super) name: String,
    document: Document,
}

/// The policies of users, of one vhost or all.
pub(super) fn export(admin: &Admin, vhost: Option<&str>) -> Value {
    let policies = admin.policies(vhost, PolicyKind::User);
    let show = |policy: &PolicyInfo| {
        let mut fields = Value::from(policies::fields(policy, &Wanted::ALL));
        if let (Some(_), Value::Object(fields)) = (vhost, &mut fields) {
            fields.remove("vhost");
        }
        fields
    };
    policies.iter().map(show).collect()
}

/// Whether a parameter is an operator's policy.
pub(super) fn is_operators(parameter: &Document) -> bool {
    parameter.text("component") == Ok(OPERATOR_POLICY)
}

/// Reads all through, and notes what could not be set; those without a vhost are for `vhost`.
///
/// # Errors
/// 400 if they are no list.
pub(super) fn read(
    document: &Document,
    vhost: Option<&str>,
    findings: &mut Findings,
) -> Result<Vec<Brought>, Failure> {
    let mut all = Vec::new();
    for entry in document.list("policies")? {
        let read = Brought::read(PolicyKind::User, &entry, entry.clone(), vhost);
        all.extend(findings.note(called("policy", &entry, None), read));
    }
    for entry in document.list("parameters")?.iter().filter(|entry| is_operators(entry)) {
        let value = Document::part(entry.raw("value").unwrap_or(&Value::Null));
        let read = value.and_then(|value| Brought::read(PolicyKind::Operator, entry, value, vhost));
        all.extend(findings.note(called("operator policy", entry, None), read));
    }
    Ok(all)
}

impl Brought {
    fn read(
        kind: PolicyKind,
        place: &Document,
        document: Document,
        vhost: Option<&str>,
    ) -> Result<Self, Failure> {
        let vhost = vhost.map_or_else(|| place.text("vhost"), Ok)?.to_owned();
        let name = place.text("name")?.to_owned();
        let new = policies::read(&name, &document)?;
        check_policy(kind, new)?;
        Ok(Self { vhost, kind, name, document })
    }

    /// Whether there is one of this name.
    pub(super) fn is_there(&self, admin: &Admin) -> bool {
        admin.policy(&self.vhost, self.kind, &self.name).is_some()
    }

    /// Sets it.
    pub(super) async fn put(&self, admin: &Admin) -> Result<(), Failure> {
        let policy = policies::read(&self.name, &self.document)?;
        admin.put_policy(&self.vhost, self.kind, policy).await?;
        Ok(())
    }
}
