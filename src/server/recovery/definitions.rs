//! The definitions that were found in the log, and what is made of those of vhosts and users.

use std::collections::BTreeSet;
use std::sync::Arc;

use broker::exchange::ExchangeSpec;
use broker::message::Sequence;
use broker::parameter::GlobalParameters;
use broker::record::{
    BindingDefinition, Definition, DurableQueue, GlobalParameterDefinition, LimitsDefinition,
    PermissionDefinition, PolicyDefinition, TopicPermissionDefinition,
};
use broker::user::User;
use broker::vhost::VhostDefinition;
use broker::{LogPosition, UserName, VhostName};
use tracing::error;

use super::malformed;
use crate::journal::{Journal, Logged, Owner};
use crate::node::Node;
use crate::options::{NamedAccount, Options};
use crate::rights::Rights;
use crate::start_error::StartError;

/// Everything that is defined, with the sequences of the definitions.
#[derive(Default)]
pub(super) struct Definitions {
    pub(super) vhosts: Vec<(Owner, VhostDefinition)>,
    users: Vec<(Owner, User)>,
    permissions: Vec<(Owner, PermissionDefinition)>,
    topics: Vec<(Owner, TopicPermissionDefinition)>,
    vhost_limits: Vec<(Owner, LimitsDefinition<VhostName>)>,
    user_limits: Vec<(Owner, LimitsDefinition<UserName>)>,
    policies: Vec<(Owner, PolicyDefinition)>,
    parameters: Vec<(Owner, GlobalParameterDefinition)>,
    cluster_names: Vec<(Owner, Arc<str>)>,
    pub(super) exchanges: Vec<(Owner, VhostName, ExchangeSpec)>,
    pub(super) queues: Vec<(Owner, DurableQueue)>,
    pub(super) bindings: Vec<(Owner, BindingDefinition)>,
    pub(super) interrupted: Option<(Owner, Sequence)>,
}

impl Definitions {
    /// Reads one.
    pub(super) fn add(&mut self, id: Owner, payload: &[u8]) -> Result<(), StartError> {
        self.put(id, Definition::decode(payload).map_err(malformed)?);
        Ok(())
    }

    fn put(&mut self, id: Owner, definition: Definition) {
        match definition {
            Definition::Vhost(vhost) => self.vhosts.push((id, vhost)),
            Definition::User(user) => self.users.push((id, user)),
            Definition::Permission(permission) => self.permissions.push((id, permission)),
            Definition::TopicPermission(topics) => self.topics.push((id, topics)),
            Definition::VhostLimits(limits) => self.vhost_limits.push((id, limits)),
            Definition::UserLimits(limits) => self.user_limits.push((id, limits)),
            Definition::Policy(policy) => self.policies.push((id, policy)),
            Definition::GlobalParameter(parameter) => self.parameters.push((id, parameter)),
            Definition::ClusterName(name) => self.cluster_names.push((id, name)),
            Definition::Exchange { vhost, spec } => self.exchanges.push((id, vhost, spec)),
            Definition::Queue(queue) => self.queues.push((id, queue)),
            Definition::Binding(binding) => self.bindings.push((id, binding)),
            Definition::Interrupted { before } => self.interrupted = Some((id, before)),
        }
    }

    /// Whether nothing was ever defined, as far as that can be seen.
    pub(super) fn is_empty(&self) -> bool {
        self.vhosts.is_empty() && self.users.is_empty() && self.vhosts_in_use().is_empty()
    }

    /// What the options say, for the first start: if that ends too soon, the next one finds all of it or nothing.
    pub(super) fn define_options(&mut self, options: &Options, journal: &Journal) {
        let vhosts = options.vhosts.iter().cloned();
        let mut definitions: Vec<Definition> =
            vhosts.map(|name| Definition::Vhost(name.into())).collect();
        for named in &options.accounts {
            definitions.push(Definition::User(named.to_user()));
            definitions.extend(permissions_of(named).map(Definition::Permission));
        }
        let ids = journal.define_together(&definitions);
        ids.into_iter().zip(definitions).for_each(|(id, definition)| self.put(id, definition));
    }

    fn define(&mut self, definition: Definition, journal: &Journal) {
        let Logged { id, .. } = journal.define(&definition);
        self.put(id, definition);
    }

    /// Defines again what must have been there before the log was damaged: or a wrong byte in the definition of a vhost
    /// would take all its queues along, and one in that of a user would keep everybody out.
    ///
    /// Vhosts are known by what is in them. Who may log in is never more than the settings say, and nobody comes back of
    /// whom nothing is left, unless there is nobody else.
    pub(super) fn mend(&mut self, options: &Options, journal: &Journal) {
        self.mend_users(options, journal);
        for name in self.vhosts_in_use() {
            if !self.vhosts.iter().any(|(_, vhost)| vhost.name == name) {
                error!(
                    vhost = name.as_str(),
                    "the definition of a vhost is damaged, and is made again"
                );
                self.define(Definition::Vhost(name.into()), journal);
            }
        }
    }

    fn mend_users(&mut self, options: &Options, journal: &Journal) {
        let is_nobody_left = self.users.is_empty();
        for named in &options.accounts {
            let name = &named.account.user.name;
            let is_known = self.users.iter().any(|(_, user)| user.name == *name);
            let has_any = self.permissions.iter().any(|(_, permission)| permission.user == *name);
            if !is_known && (has_any || is_nobody_left) {
                error!(
                    user = name.as_str(),
                    "the definition of a user is damaged, and is made again as the settings say"
                );
                self.define(Definition::User(named.to_user()), journal);
            }
            if !has_any && (is_known || is_nobody_left) {
                error!(
                    user = name.as_str(),
                    "a user without permissions gets those of the settings, as the log is damaged"
                );
                for permission in permissions_of(named) {
                    self.define(Definition::Permission(permission), journal);
                }
            }
        }
    }

    fn vhosts_in_use(&self) -> BTreeSet<VhostName> {
        let permissions = self.permissions.iter().map(|(_, permission)| &permission.vhost);
        let exchanges = self.exchanges.iter().map(|(_, vhost, _)| vhost);
        let queues = self.queues.iter().map(|(_, queue)| &queue.vhost);
        let bindings = self.bindings.iter().map(|(_, binding)| &binding.vhost);
        let policies = self.policies.iter().map(|(_, policy)| &policy.vhost);
        let all = permissions.chain(exchanges).chain(queues).chain(bindings).chain(policies);
        all.cloned().collect()
    }

    /// The vhosts, each once.
    pub(super) fn take_vhosts(
        &mut self,
        replaced: &mut Vec<Owner>,
    ) -> Vec<(Owner, VhostDefinition)> {
        let mut vhosts = std::mem::take(&mut self.vhosts);
        // Of two with one name, which only damage can leave, the newer one is right.
        vhosts.sort_unstable_by(|(a, one), (b, other)| (&one.name, b).cmp(&(&other.name, a)));
        vhosts.dedup_by(|(id, later), (_, first)| {
            let is_double = later.name == first.name;
            if is_double {
                replaced.push(*id);
            }
            is_double
        });
        vhosts
    }

    /// What users are and may do. Of two definitions of the same, which only damage can leave, the newer one is right.
    pub(super) fn take_rights(&mut self, rights: &mut Rights, replaced: &mut Vec<Owner>) {
        let mut keep = |id, old: Option<&Option<Logged>>| keep(id, old, replaced);
        for (id, user) in in_order(&mut self.users) {
            rights.put_user(Arc::new(user), |old| keep(id, old));
        }
        for (id, of) in in_order(&mut self.permissions) {
            let PermissionDefinition { user, vhost, permission } = of;
            rights.put_permission(user, vhost, permission, |old| keep(id, old));
        }
        for (id, of) in in_order(&mut self.topics) {
            let TopicPermissionDefinition { user, vhost, exchange, permission } = of;
            let place = (user, vhost, exchange);
            rights.put_topic_permission(place, permission, |old| keep(id, old));
        }
        for (id, of) in in_order(&mut self.vhost_limits) {
            rights.put_vhost_limits(of.owner, of.limits, |old| keep(id, old));
        }
        for (id, of) in in_order(&mut self.user_limits) {
            rights.put_user_limits(of.owner, of.limits, |old| keep(id, old));
        }
    }
}

// What else there is to be known of the node.
impl Definitions {
    /// The policies, each into its vhost; those of no vhost, which only damage can leave, are as good as replaced.
    pub(super) fn take_policies(&mut self, node: &Node, replaced: &mut Vec<Owner>) {
        for (id, of) in in_order(&mut self.policies) {
            let PolicyDefinition { vhost, kind, policy } = of;
            match node.vhost(&vhost) {
                Some(vhost) => {
                    vhost.restore_policy(kind, policy, |old| keep(id, old, replaced));
                }
                None => replaced.push(id),
            }
        }
    }

    /// The parameters, and the name of the cluster.
    pub(super) fn take_parameters(
        &mut self,
        parameters: &mut GlobalParameters<Option<Logged>>,
        replaced: &mut Vec<Owner>,
    ) {
        for (id, of) in in_order(&mut self.parameters) {
            parameters.put(of.name, of.value, |old| keep(id, old, replaced));
        }
        for (id, name) in in_order(&mut self.cluster_names) {
            parameters.set_cluster_name(name, |old| keep(id, old, replaced));
        }
    }
}

/// What is kept of a definition that takes the place of another, if there was one.
fn keep(id: Owner, old: Option<&Option<Logged>>, replaced: &mut Vec<Owner>) -> Option<Logged> {
    replaced.extend(old.copied().flatten().map(|logged| logged.id));
    Some(Logged { id, at: LogPosition(0) })
}

/// Takes definitions in the order in which they were made.
fn in_order<T>(definitions: &mut Vec<(Owner, T)>) -> Vec<(Owner, T)> {
    let mut definitions = std::mem::take(definitions);
    definitions.sort_unstable_by_key(|(id, _)| *id);
    definitions
}

fn permissions_of(named: &NamedAccount) -> impl Iterator<Item = PermissionDefinition> {
    let user = &named.account.user.name;
    named.account.permissions.iter().map(|(vhost, permission)| PermissionDefinition {
        user: user.clone(),
        vhost: vhost.clone(),
        permission: (**permission).clone(),
    })
}
