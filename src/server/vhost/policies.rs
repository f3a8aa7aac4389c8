//! The policies of a vhost while the node runs: how a change of them gets into the log, and to the queues and exchanges that
//! it concerns.
//!
//! Whoever asks gets all of them as they are now, in a value that never changes. A change puts another value in its place,
//! and then looks at each queue and exchange, one after the other. Whoever makes a queue looks once more after it can be
//! found: so it either is found by who changes something, or finds the change itself.

use std::collections::HashMap;
use std::sync::Arc;

use amqp::FieldTable;
use broker::arguments::QueueDefinition;
use broker::message::Sequence;
use broker::policy::{Chosen, Policies, Policy, PolicyKind};
use broker::record::{Definition, PolicyDefinition};
use broker::{LogPosition, PolicyName, QueueKind, QueueSettings, Refusal, Timestamp};
use parking_lot::{Mutex, RwLock};

use super::Vhost;
use crate::exchange_cell::ExchangeCell;
use crate::journal::Logged;
use crate::queue_cell::{Effects, QueueCell};

/// The policies that count for something, and what they set together.
#[derive(Debug)]
pub(crate) struct Effective {
    chosen: Chosen,
    definition: Arc<FieldTable>,
}

/// All policies as they were at one time.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    policies: Policies<Option<Logged>>,
    /// What was made of them for some queue or exchange, for the next that has the same.
    effective: Mutex<HashMap<Pair, Arc<Effective>>>,
}

/// The names of a user's policy and an operator's.
type Pair = (Option<PolicyName>, Option<PolicyName>);

/// The policies as they are now.
#[derive(Debug, Default)]
pub(crate) struct Current(RwLock<Arc<Snapshot>>);

impl Effective {
    /// The name of the users' policy.
    pub(crate) fn policy(&self) -> Option<&PolicyName> {
        self.chosen.user.as_deref().map(Policy::name)
    }

    /// The name of the operators' policy.
    pub(crate) fn operator_policy(&self) -> Option<&PolicyName> {
        self.chosen.operator.as_deref().map(Policy::name)
    }

    /// What both set together.
    pub(crate) fn definition(&self) -> &Arc<FieldTable> {
        &self.definition
    }

    /// What a queue works by for which they count.
    pub(crate) fn settings_of(
        policy: Option<&Self>,
        definition: &QueueDefinition,
    ) -> QueueSettings {
        match policy {
            Some(policy) => definition.under(&policy.definition),
            None => definition.settings.clone(),
        }
    }

    /// Whether two things are under the same policies.
    pub(crate) fn are_same(one: Option<&Self>, other: Option<&Self>) -> bool {
        match (one, other) {
            (Some(one), Some(other)) => one.chosen.is_same(&other.chosen),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

impl Snapshot {
    pub(crate) fn policies(&self) -> &Policies<Option<Logged>> {
        &self.policies
    }

    /// Those that count for a queue, if any does.
    pub(crate) fn of_queue(&self, name: &str, kind: QueueKind) -> Option<Arc<Effective>> {
        if self.policies.is_empty() {
            return None;
        }
        self.effective(self.policies.of_queue(name, kind))
    }

    /// Those that count for an exchange, if any does.
    pub(crate) fn of_exchange(&self, name: &str) -> Option<Arc<Effective>> {
        if self.policies.is_empty() {
            return None;
        }
        self.effective(self.policies.of_exchange(name))
    }

    fn effective(&self, chosen: Chosen) -> Option<Arc<Effective>> {
        if chosen.is_none() {
            return None;
        }
        let name = |policy: &Option<Arc<Policy>>| policy.as_deref().map(|it| it.name().clone());
        let pair = (name(&chosen.user), name(&chosen.operator));
        let mut known = self.effective.lock();
        let effective = known.entry(pair).or_insert_with(|| {
            let definition = Arc::new(chosen.merged());
            Arc::new(Effective { chosen, definition })
        });
        Some(Arc::clone(effective))
    }

    /// For how long the messages of a queue may live that were there before a restart: a policy has no say about what came
    /// before it was set as it is.
    pub(crate) fn times_to_live(
        &self,
        definition: &QueueDefinition,
        policy: Option<&Effective>,
    ) -> Vec<(Sequence, u64)> {
        let own = definition.settings.message_ttl_ms.map(|ttl_ms| (Sequence(0), ttl_ms));
        let of_kind = |kind, policy: Option<&Arc<Policy>>| {
            let policy = policy?;
            let ttl_ms = definition.under(policy.definition()).message_ttl_ms?;
            let (_, logged) = self.policies.find(kind, policy.name())?;
            Some((Sequence(logged.map_or(0, |logged| logged.id)), ttl_ms))
        };
        let chosen = policy.map(|policy| &policy.chosen);
        let user = chosen.and_then(|chosen| of_kind(PolicyKind::User, chosen.user.as_ref()));
        let operator =
            chosen.and_then(|chosen| of_kind(PolicyKind::Operator, chosen.operator.as_ref()));
        [own, user, operator].into_iter().flatten().collect()
    }
}

impl Current {
    pub(crate) fn get(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0.read())
    }

    /// Puts others in their place, made of what they are now; nobody else changes them meanwhile.
    fn change<R>(&self, change: impl FnOnce(&mut Policies<Option<Logged>>) -> R) -> R {
        let mut current = self.0.write();
        if let Some(only) = Arc::get_mut(&mut *current) {
            // Nobody has them: many that come one after the other need not all be copied each time.
            only.effective.get_mut().clear();
            return change(&mut only.policies);
        }
        let mut policies = current.policies.clone();
        let result = change(&mut policies);
        *current = Arc::new(Snapshot { policies, effective: Mutex::default() });
        result
    }
}

// Changes. What they mean for queues and exchanges is done by `apply_policies`.
impl Vhost {
    /// The policies as they are now.
    pub(crate) fn policies(&self) -> Arc<Snapshot> {
        self.policies.get()
    }

    /// Sets a policy: whether there was one of its name, and what that waits for. One that is just so already is left as it
    /// is. `permit` may refuse, given how many there are of the kind, if it is a new one.
    ///
    /// # Errors
    /// That of `permit`, or that the vhost is being deleted.
    pub(crate) fn put_policy<E: From<Refusal>>(
        &self,
        kind: PolicyKind,
        policy: Policy,
        permit: impl FnOnce(usize) -> Result<(), E>,
    ) -> Result<(bool, Option<LogPosition>), E> {
        self.policies.change(|policies| {
            // Whoever deletes the vhost says so first, and then looks for what there is in the log.
            if self.is_deleted() {
                return Err(self.is_down().into());
            }
            match policies.find(kind, policy.name()) {
                Some((known, logged)) if **known == policy => {
                    return Ok((true, logged.map(|logged| logged.at)));
                }
                Some(_) => {}
                None => permit(policies.count(kind))?,
            }
            let definition = PolicyDefinition { vhost: self.name.clone(), kind, policy };
            let policy = definition.policy.clone();
            let mut after = None;
            let was_there = policies.put(kind, policy, |old| {
                let logged = self.shared.redefine(&Definition::Policy(definition), old);
                after = logged.map(|logged| logged.at);
                logged
            });
            Ok((was_there, after))
        })
    }

    /// Takes a policy away; what that waits for, or `None` if there is none of this name.
    pub(crate) fn delete_policy(
        &self,
        kind: PolicyKind,
        name: &str,
    ) -> Option<Option<LogPosition>> {
        self.policies.change(|policies| {
            if self.is_deleted() {
                return None;
            }
            let logged = policies.remove(kind, name)?;
            Some(self.shared.undefine([logged]))
        })
    }

    /// Sets a policy that the log has. `keep` says what is kept of it, given what was kept of one of the same name.
    pub(crate) fn restore_policy(
        &self,
        kind: PolicyKind,
        policy: Policy,
        keep: impl FnOnce(Option<&Option<Logged>>) -> Option<Logged>,
    ) {
        self.policies.change(|policies| policies.put(kind, policy, keep));
    }

    /// The definitions of all policies in the log.
    pub(crate) fn logged_policies(&self) -> Vec<Option<Logged>> {
        let snapshot = self.policies();
        let of_kind = |kind| snapshot.policies.iter(kind).map(|(_, logged)| *logged);
        of_kind(PolicyKind::User).chain(of_kind(PolicyKind::Operator)).collect()
    }

    /// Has every queue and exchange follow the policies as they are now. Each is locked for itself, so that nobody waits for
    /// more than one of them.
    pub(crate) fn apply_policies(&self) {
        // Whoever adds an exchange meanwhile holds the lock until it can be found.
        let exchanges: Vec<_> = {
            let _changes = self.changes.lock();
            self.exchanges.iter().map(|cell| Arc::clone(&cell)).collect()
        };
        for exchange in exchanges {
            self.apply_policies_to_exchange(&exchange);
        }
        let mut queues: Vec<_> = self.queues.iter().map(|cell| Arc::clone(&cell)).collect();
        // Whose letters go first is to be the same each time.
        queues.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        for queue in queues {
            let now = self.shared.clock.now();
            let mut effects = Effects::default();
            self.apply_policies_to_queue(now, &queue, &mut effects);
            self.carry_out(now, &mut effects);
            effects.wake();
        }
    }

    fn apply_policies_to_exchange(&self, cell: &ExchangeCell) {
        // So that of two who do this at a time the second has the newer ones.
        let _changes = self.changes.lock();
        if cell.follow_policy(self.policies().of_exchange(&cell.spec.name)) {
            self.move_epoch();
        }
    }

    /// Has a queue follow the policies as they are now.
    pub(crate) fn apply_policies_to_queue(
        &self,
        now: Timestamp,
        queue: &Arc<QueueCell>,
        effects: &mut Effects,
    ) {
        loop {
            let snapshot = self.policies();
            let kind = queue.definition.settings.kind;
            queue.follow_policy(self, now, snapshot.of_queue(&queue.name, kind), effects);
            // Somebody who knew newer ones may have been quicker.
            if Arc::ptr_eq(&snapshot, &self.policies()) {
                return;
            }
        }
    }
}
