//! The policies of a vhost, and which of them count for a queue or an exchange.

use std::{collections::BTreeMap, sync::Arc};

use super::{Policy, PolicyKind, merge};
use crate::{PolicyName, QueueKind};

/// The policies of a vhost.
///
/// Beside each it keeps a `K`, by which the caller finds again where it has written it.
#[derive(Debug, Clone)]
pub struct Policies<K> {
    of_users: BTreeMap<PolicyName, (Arc<Policy>, K)>,
    of_operators: BTreeMap<PolicyName, (Arc<Policy>, K)>,
}

/// The policies that count for one thing.
#[derive(Debug, Clone, Default)]
pub struct Chosen {
    /// Of the users'.
    pub user: Option<Arc<Policy>>,
    /// Of the operators'.
    pub operator: Option<Arc<Policy>>,
}

impl<K> Default for Policies<K> {
    fn default() -> Self {
        Self { of_users: BTreeMap::new(), of_operators: BTreeMap::new() }
    }
}

impl<K> Policies<K> {
    /// Adds a policy, or puts it in the place of the one of its name; whether there was one. `keep` says what is kept of it,
    /// given what was kept of that one.
    pub fn put(
        &mut self,
        kind: PolicyKind,
        policy: Policy,
        keep: impl FnOnce(Option<&K>) -> K,
    ) -> bool {
        let policies = self.of_kind_mut(kind);
        let name = policy.name().clone();
        let kept = keep(policies.get(&name).map(|(_, kept)| kept));
        policies.insert(name, (Arc::new(policy), kept)).is_some()
    }

    /// Takes a policy away; what was kept of it, if there was one.
    pub fn remove(&mut self, kind: PolicyKind, name: &str) -> Option<K> {
        self.of_kind_mut(kind).remove(name).map(|(_, kept)| kept)
    }

    /// A policy, and what is kept of it.
    pub fn find(&self, kind: PolicyKind, name: &str) -> Option<(&Arc<Policy>, &K)> {
        self.of_kind(kind).get(name).map(|(policy, kept)| (policy, kept))
    }

    /// All of a kind, by name, and what is kept of each.
    pub fn iter(&self, kind: PolicyKind) -> impl Iterator<Item = (&Arc<Policy>, &K)> {
        self.of_kind(kind).values().map(|(policy, kept)| (policy, kept))
    }

    /// How many there are of a kind.
    pub fn count(&self, kind: PolicyKind) -> usize {
        self.of_kind(kind).len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.of_users.is_empty() && self.of_operators.is_empty()
    }

    /// Those that count for a queue.
    pub fn of_queue(&self, name: &str, kind: QueueKind) -> Chosen {
        let matches = |policy: &Policy| policy.matches_queue(name, kind);
        Chosen { user: best(&self.of_users, matches), operator: best(&self.of_operators, matches) }
    }

    /// Those that count for an exchange.
    pub fn of_exchange(&self, name: &str) -> Chosen {
        let matches = |policy: &Policy| policy.matches_exchange(name);
        Chosen { user: best(&self.of_users, matches), operator: best(&self.of_operators, matches) }
    }

    fn of_kind(&self, kind: PolicyKind) -> &BTreeMap<PolicyName, (Arc<Policy>, K)> {
        match kind {
            PolicyKind::User => &self.of_users,
            PolicyKind::Operator => &self.of_operators,
        }
    }

    fn of_kind_mut(&mut self, kind: PolicyKind) -> &mut BTreeMap<PolicyName, (Arc<Policy>, K)> {
        match kind {
            PolicyKind::User => &mut self.of_users,
            PolicyKind::Operator => &mut self.of_operators,
        }
    }
}

/// The one with the highest priority of those that match; of equal ones the first by name, so that it is the same one after
/// a restart.
fn best<K>(
    policies: &BTreeMap<PolicyName, (Arc<Policy>, K)>,
    matches: impl Fn(&Policy) -> bool,
) -> Option<Arc<Policy>> {
    let mut best: Option<&Arc<Policy>> = None;
    for (policy, _) in policies.values() {
        let is_better = best.is_none_or(|best| policy.priority() > best.priority());
        if is_better && matches(policy) {
            best = Some(policy);
        }
    }
    best.cloned()
}

impl Chosen {
    /// Whether none counts.
    pub fn is_none(&self) -> bool {
        self.user.is_none() && self.operator.is_none()
    }

    /// What they set together.
    pub fn merged(&self) -> amqp::FieldTable {
        let user = self.user.as_deref().map(Policy::definition);
        merge(user, self.operator.as_deref().map(Policy::definition))
    }

    /// Whether they are the same.
    pub fn is_same(&self, other: &Self) -> bool {
        let is_same = |one: &Option<Arc<Policy>>, other: &Option<Arc<Policy>>| match (one, other) {
            // Which they mostly are in one place, too.
            (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one == other,
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        is_same(&self.user, &other.user) && is_same(&self.operator, &other.operator)
    }
}
