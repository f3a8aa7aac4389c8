//! Policies, those of users and those of operators.

use std::sync::Arc;

use amqp::{FieldTable, FieldValue};
use broker::VhostName;
use broker::policy::{ApplyTo, Policy, PolicyKind};
use tracing::info;

use super::{Admin, AdminError, Put, TEXT_BYTES_MAX, check_name, check_texts, no_such};
use crate::vhost::Vhost;

/// How many policies of a kind there may be in a vhost: every queue that is declared asks all of them.
const POLICIES_MAX: usize = 1000;

/// A policy, and where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyInfo {
    /// Its vhost.
    pub vhost: VhostName,
    /// What it says.
    pub policy: Arc<Policy>,
}

/// A policy to be set.
#[derive(Clone, Debug)]
pub struct NewPolicy<'a> {
    /// Its name.
    pub name: &'a str,
    /// The names that it is for, as a regular expression.
    pub pattern: &'a str,
    /// What it is for.
    pub apply_to: ApplyTo,
    /// The greatest counts.
    pub priority: i64,
    /// What it sets.
    pub definition: FieldTable,
}

impl Admin {
    /// The policies of a kind in a vhost, or in all, by vhost and name.
    pub fn policies(&self, vhost: Option<&str>, kind: PolicyKind) -> Vec<PolicyInfo> {
        let mut infos = Vec::new();
        for vhost in self.vhosts_named(vhost) {
            let snapshot = vhost.policies();
            infos.extend(snapshot.policies().iter(kind).map(|(policy, _)| PolicyInfo {
                vhost: vhost.name.clone(),
                policy: Arc::clone(policy),
            }));
        }
        infos
    }

    /// One policy.
    pub fn policy(&self, vhost: &str, kind: PolicyKind, name: &str) -> Option<PolicyInfo> {
        let vhost = self.node.vhost(vhost)?;
        let snapshot = vhost.policies();
        let (policy, _) = snapshot.policies().find(kind, name)?;
        Some(PolicyInfo { vhost: vhost.name.clone(), policy: Arc::clone(policy) })
    }

    /// Sets a policy. When this returns, the queues and exchanges of the vhost work by it; what is too much by a new limit may
    /// take a moment more to go.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] if there is no such vhost, [`AdminError::Invalid`] in RabbitMQ's words, or if there are too
    /// many.
    pub async fn put_policy(
        &self,
        vhost: &str,
        kind: PolicyKind,
        new: NewPolicy<'_>,
    ) -> Result<Put, AdminError> {
        let vhost = self.node.vhost(vhost).ok_or_else(|| no_such("vhost", vhost))?;
        let policy = check_policy(kind, new)?;
        let (name, told) = (policy.name().clone(), policy.clone());
        let (was_there, after) = vhost.put_policy(kind, policy, check_count)?;
        self.apply(&vhost).await;
        self.node.shared.flushed(after).await;
        self.tell_policy(&vhost.name, kind, &name, Some(&told));
        info!(
            vhost = vhost.name.as_str(),
            policy = name.as_str(),
            ?kind,
            "{}",
            if was_there { "policy changed" } else { "policy added" }
        );
        Ok(Put::of(was_there))
    }

    /// Takes a policy away. When this returns, nothing works by it any more.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] if there is no such vhost or policy.
    pub async fn delete_policy(
        &self,
        vhost: &str,
        kind: PolicyKind,
        name: &str,
    ) -> Result<(), AdminError> {
        let vhost = self.node.vhost(vhost).ok_or_else(|| no_such("vhost", vhost))?;
        let after = vhost.delete_policy(kind, name).ok_or_else(|| no_such("policy", name))?;
        self.apply(&vhost).await;
        self.node.shared.flushed(after).await;
        self.tell_policy(&vhost.name, kind, name, None);
        info!(vhost = vhost.name.as_str(), policy = name, ?kind, "policy deleted");
        Ok(())
    }

    /// Tells that a policy was set, or taken away. One of an operator is a parameter.
    fn tell_policy(&self, vhost: &str, kind: PolicyKind, name: &str, set: Option<&Policy>) {
        let key = match (kind, set.is_some()) {
            (PolicyKind::User, true) => "policy.set",
            (PolicyKind::User, false) => "policy.cleared",
            (PolicyKind::Operator, true) => "parameter.set",
            (PolicyKind::Operator, false) => "parameter.cleared",
        };
        self.tell(key, |headers| {
            headers.text("name", name).text("vhost", vhost);
            if kind == PolicyKind::Operator {
                headers.text("component", "operator_policy");
            }
            if let Some(policy) = set {
                headers.text("pattern", policy.pattern());
                headers.text("apply-to", policy.apply_to().as_str());
                headers.put("priority", FieldValue::I64(policy.priority()));
                headers.put("definition", FieldValue::Table(policy.definition().clone()));
            }
        });
    }

    /// In a thread of its own, as there may be very many queues. Who stops waiting stops nothing.
    async fn apply(&self, vhost: &Arc<Vhost>) {
        let vhost = Arc::clone(vhost);
        // It fails only if it panicked, which has been said.
        let _ = tokio::task::spawn_blocking(move || vhost.apply_policies()).await;
    }
}

fn check_count(count: usize) -> Result<(), AdminError> {
    if count < POLICIES_MAX {
        return Ok(());
    }
    let reason = format!("there are {POLICIES_MAX} policies in the vhost, and no more may be");
    Err(AdminError::Invalid { reason })
}

/// Whether a policy could be set so, were there room for it.
///
/// # Errors
/// [`AdminError::Invalid`], as of [`Admin::put_policy`].
pub fn check_policy(kind: PolicyKind, new: NewPolicy<'_>) -> Result<Policy, AdminError> {
    let NewPolicy { name, pattern, apply_to, priority, definition } = new;
    check_name("policy", name)?;
    check_texts([pattern])?;
    if definition.to_bytes().len() > TEXT_BYTES_MAX {
        let reason = format!("the definition of a policy has no more than {TEXT_BYTES_MAX} octets");
        return Err(AdminError::Invalid { reason });
    }
    Policy::new(kind, (name.into(), pattern), apply_to, priority, definition)
        .map_err(|fault| AdminError::Invalid { reason: fault.to_string() })
}
