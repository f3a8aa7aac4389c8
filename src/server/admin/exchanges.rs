//! Exchanges as an operator sees them.

use broker::exchange::{ExchangeKind, ExchangeSpec};
use broker::{ExchangeName, Timestamp, VhostName};

use super::{Admin, Counter};
use crate::exchange_traffic::ExchangeTraffic;
use crate::vhost::Vhost;

/// An exchange.
#[derive(Clone, Debug)]
pub struct ExchangeInfo {
    /// Its vhost.
    pub vhost: VhostName,
    /// What it was declared with. The default exchange has the empty name.
    pub spec: ExchangeSpec,
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
            let bindings = vhost.queues.len();
            return Some(describe(now, &vhost, (default_spec(), bindings), &vhost.default_traffic));
        }
        let cell = vhost.exchange(name)?;
        let bindings = cell.exchange.read().binding_count();
        Some(describe(now, &vhost, (cell.spec.clone(), bindings), &cell.traffic))
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
        arguments: amqp::FieldTable::new(),
    }
}

fn describe(
    now: Timestamp,
    vhost: &Vhost,
    (spec, bindings): (ExchangeSpec, usize),
    traffic: &ExchangeTraffic,
) -> ExchangeInfo {
    let (counts, base) = (traffic.read(), traffic.window.lock().base(now));
    let before = base.counts;
    let counter = |now, before| Counter::since(&base, now, before);
    ExchangeInfo {
        vhost: vhost.name.clone(),
        spec,
        publish_in: counter(counts.published, before.published),
        publish_out: counter(counts.routed, before.routed),
        unroutable: counter(counts.unroutable, before.unroutable),
        bindings,
    }
}
