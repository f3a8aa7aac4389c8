//! Exchanges as an operator sees them.

use std::sync::Arc;

use amqp::FieldTable;
use broker::exchange::{ExchangeKind, ExchangeSpec};
use broker::{PolicyName, Timestamp, VhostName};

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
}

impl Admin {
    /// The exchanges of a vhost, or all, ordered by vhost and name: the default exchange first.
    pub fn exchanges(&self, vhost: Option<&str>) -> Vec<ExchangeInfo> {
        let now = self.now();
        let mut infos = Vec::new();
        for vhost in self.vhosts_named(vhost) {
            infos.push(describe(now, &vhost, (default_spec(), None), &vhost.default_traffic));
            let mut cells: Vec<_> = vhost.exchanges.iter().map(|cell| Arc::clone(&cell)).collect();
            cells.sort_unstable_by(|one, other| one.spec.name.cmp(&other.spec.name));
            infos.extend(cells.iter().map(|cell| describe_cell(now, &vhost, cell)));
        }
        infos
    }

    /// One exchange; the default exchange has the empty name.
    pub fn exchange(&self, vhost: &str, name: &str) -> Option<ExchangeInfo> {
        let (now, vhost) = (self.now(), self.node.vhost(vhost)?);
        if name.is_empty() {
            return Some(describe(now, &vhost, (default_spec(), None), &vhost.default_traffic));
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
    describe(now, vhost, (cell.spec.clone(), cell.policy()), &cell.traffic)
}

fn describe(
    now: Timestamp,
    vhost: &Vhost,
    (spec, policy): (ExchangeSpec, Option<Arc<Effective>>),
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
    }
}
