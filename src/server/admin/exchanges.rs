//! Exchanges as an operator sees them.

use std::sync::Arc;

use amqp::FieldTable;
use broker::exchange::{ExchangeKind, ExchangeSpec};
use broker::{ExchangeName, PolicyName, Timestamp, VhostName};

use super::{Admin, Counter};
use crate::exchange_cell::ExchangeCell;
use crate::exchange_traffic::ExchangeTraffic;
use crate::vhost::Vhost;
use crate::vhost::policies::Effective;

/// An exchange.
#[derive(Clone, Debug)]
pub struct ExchangeInfo {
    /// Its vhost.
    pub vhost: VhostName,
    /// What it was declared with. The default exchange has the empty name.
    pub spec: ExchangeSpec,
    /// The name of the users' policy that counts for it.
    pub policy: Option<PolicyName>,
    /// The name of the operators' policy that counts for it.
    pub operator_policy: Option<PolicyName>,
    /// What both set together, if there is any.
    pub effective_policy: Option<Arc<FieldTable>>,
    /// Messages that clients published to it.
    pub publish_in: Counter,
    /// Messages that it gave to queues, each as often as there are queues.
    pub publish_out: Counter,
    /// Messages published to it that no queue was found for.
    pub unroutable: Counter,
    /// How many bindings it has.
    pub bindings: usize,
}

/// An exchange that can be looked at later, when it may be gone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExchangeKey {
    /// Its vhost.
    pub vhost: VhostName,
    /// Its name; that of the default exchange is empty.
    pub name: ExchangeName,
}

impl Admin {
    /// Which exchanges there are in a vhost, or in all, ordered by vhost and name; the default exchange is the first.
    pub fn exchange_keys(&self, vhost: Option<&str>) -> Vec<ExchangeKey> {
        let mut keys = Vec::new();
        for vhost in self.vhosts_named(vhost) {
            let key = |name: ExchangeName| ExchangeKey { vhost: vhost.name.clone(), name };
            let start = keys.len();
            keys.push(key("".into()));
            keys.extend(vhost.exchanges.iter().map(|cell| key(cell.spec.name.clone())));
            keys[start..].sort_unstable_by(|one, other| one.name.cmp(&other.name));
        }
        keys
    }

    /// An exchange as it is now; `None` if it is gone.
    pub fn exchange_at(&self, key: &ExchangeKey) -> Option<ExchangeInfo> {
        self.exchange(&key.vhost, &key.name)
    }

    /// The exchanges of a vhost, or all, ordered by vhost and name: the default exchange first.
    pub fn exchanges(&self, vhost: Option<&str>) -> Vec<ExchangeInfo> {
        self.exchange_keys(vhost).iter().filter_map(|key| self.exchange_at(key)).collect()
    }

    /// One exchange; the default exchange has the empty name.
    pub fn exchange(&self, vhost: &str, name: &str) -> Option<ExchangeInfo> {
        let (now, vhost) = (self.now(), self.node.vhost(vhost)?);
        if name.is_empty() {
            let traffic = &vhost.default_traffic;
            return Some(describe(
                now,
                &vhost,
                (default_spec(), vhost.queues.len(), None),
                traffic,
            ));
        }
        let cell = vhost.exchange(name)?;
        Some(describe_cell(now, &vhost, &cell))
    }
}

/// What the default exchange would have been declared with.
fn default_spec() -> ExchangeSpec {
    ExchangeSpec {
        name: "".into(),
        kind: ExchangeKind::Direct,
        durable: true,
        auto_delete: false,
        internal: false,
        arguments: FieldTable::new(),
    }
}

fn describe_cell(now: Timestamp, vhost: &Vhost, cell: &ExchangeCell) -> ExchangeInfo {
    let bindings = cell.exchange.read().binding_count();
    describe(now, vhost, (cell.spec.clone(), bindings, cell.policy()), &cell.traffic)
}

fn describe(
    now: Timestamp,
    vhost: &Vhost,
    (spec, bindings, policy): (ExchangeSpec, usize, Option<Arc<Effective>>),
    traffic: &ExchangeTraffic,
) -> ExchangeInfo {
    let (counts, base) = (traffic.read(), traffic.window.lock().base(now));
    let before = base.counts;
    let counter = |now, before| Counter::since(&base, now, before);
    ExchangeInfo {
        vhost: vhost.name.clone(),
        spec,
        policy: policy.as_deref().and_then(Effective::policy).cloned(),
        operator_policy: policy.as_deref().and_then(Effective::operator_policy).cloned(),
        effective_policy: policy.as_deref().map(|policy| Arc::clone(policy.definition())),
        publish_in: counter(counts.published, before.published),
        publish_out: counter(counts.routed, before.routed),
        unroutable: counter(counts.unroutable, before.unroutable),
        bindings,
    }
}
