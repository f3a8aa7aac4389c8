//! Metrics object by object: the families that somebody asks for with `/metrics/detailed?family=…&vhost=…`, and those of
//! queues on `/metrics/per-object`.
//!
//! The names of RabbitMQ's families, and of their metrics, with the prefix `rabbitmq_detailed_`, or `rabbitmq_cluster_` where it is
//! the same on every node. What counts Erlang's own things is not here. Numbers that RabbitMQ keeps for each pair of a channel
//! and an exchange or queue are here of the channel.

mod families;

use std::collections::BTreeSet;

use server::admin::{
    Admin, ChannelInfo, ChurnRates, ConnectionInfo, ExchangeInfo, LoginCounts, NodeInfo, QueueInfo,
    QueueKey,
};

use super::exposition::{Exposition, write_line};
use super::times::{self, Times};
use super::{CONTENT_TYPE, write_identity};
use crate::answer::{Answer, PIECE_BYTES};
use crate::query::Query;
use crate::settings::Shown;

/// A metric of things of one kind.
struct Metric<T> {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: fn(&T) -> Option<f64>,
}

/// Metrics of one kind of things, as they were when they were asked for.
pub(super) struct Table {
    /// Name, type and help of each column.
    metrics: Vec<(String, &'static str, &'static str)>,
    rows: Vec<Row>,
}

struct Row {
    labels: Vec<(&'static str, String)>,
    values: Vec<Option<f64>>,
}

/// What is asked for.
struct Wish<'a> {
    families: Vec<&'a str>,
    vhosts: BTreeSet<&'a str>,
}

/// The families and vhosts that a query names.
pub(crate) fn show(admin: &Admin, shown: &Shown, query: &Query) -> Answer {
    let wish =
        Wish { families: query.all("family").collect(), vhosts: query.all("vhost").collect() };
    let mut head = Exposition::default();
    write_identity(&mut head, shown, &admin.node(), &admin.cluster_name());
    let head = head.finish().into_bytes();
    let (mut tables, times) = wish.of_queues(admin);
    wish.of_exchanges(admin, &mut tables);
    wish.of_clients(admin, &mut tables);
    wish.of_node(admin, &mut tables);
    let held_bytes = head.len()
        + tables.iter().map(Table::held_bytes).sum::<usize>()
        + times.iter().map(Times::held_bytes).sum::<usize>();
    let of_times = wish.has("queue_times").then(|| times::pieces(times));
    let pieces = tables.into_iter().flat_map(Table::pieces);
    let pieces = std::iter::once(head).chain(pieces).chain(of_times.into_iter().flatten());
    Answer::pieces(CONTENT_TYPE, pieces, held_bytes)
}

/// What is told of each queue beside the metrics of the node, without being asked for by family.
pub(super) fn per_queue(admin: &Admin) -> (Table, Vec<Times>) {
    let families = ["queue_coarse_metrics", "queue_metrics"].into();
    let mut columns = Wish { families, vhosts: BTreeSet::new() }.columns(families::QUEUES);
    columns.extend(families::COUNTERS_OF_QUEUE);
    of_queues(admin, PER_OBJECT, &admin.queue_keys(None), &columns, true)
}

fn of_queues(
    admin: &Admin,
    prefix: &str,
    keys: &[QueueKey],
    columns: &[&'static Metric<QueueInfo>],
    with_times: bool,
) -> (Table, Vec<Times>) {
    let mut table = Table::new(prefix, columns);
    let mut times = Vec::new();
    for key in keys {
        let Some(queue) = admin.queue_at(key) else { continue };
        if with_times {
            times.push(Times::of(&queue));
        }
        let labels = vec![("vhost", key.vhost.to_string()), ("queue", key.name.to_string())];
        table.push(labels, columns, &queue);
    }
    (table, times)
}

impl Wish<'_> {
    fn has(&self, family: &str) -> bool {
        self.families.contains(&family)
    }

    fn is_in(&self, vhost: &str) -> bool {
        self.vhosts.is_empty() || self.vhosts.contains(vhost)
    }

    /// The columns of those families that are asked for, each once.
    fn columns<T>(&self, families: &[(&str, &'static [Metric<T>])]) -> Vec<&'static Metric<T>> {
        let mut columns: Vec<&'static Metric<T>> = Vec::new();
        for (family, metrics) in families {
            let is_new = |metric: &&Metric<T>| self.has(family) && !is_there(&columns, metric.name);
            let more: Vec<_> = metrics.iter().filter(is_new).collect();
            columns.extend(more);
        }
        columns
    }

    /// Each queue is looked at once.
    fn of_queues(&self, admin: &Admin) -> (Vec<Table>, Vec<Times>) {
        let columns = self.columns(families::QUEUES);
        let wants_times = self.has("queue_times");
        if columns.is_empty() && !wants_times {
            return (Vec::new(), Vec::new());
        }
        let mut keys = admin.queue_keys(None);
        keys.retain(|key| self.is_in(&key.vhost));
        let (table, times) = of_queues(admin, DETAILED, &keys, &columns, wants_times);
        (vec![table], times)
    }

    fn of_exchanges(&self, admin: &Admin, tables: &mut Vec<Table>) {
        let columns = self.columns(families::EXCHANGES);
        let of_cluster = self.columns(families::EXCHANGES_OF_CLUSTER);
        let mut table = Table::new(DETAILED, &columns);
        let mut cluster = Table::new(CLUSTER, &of_cluster);
        if !columns.is_empty() || !of_cluster.is_empty() {
            let keys = admin.exchange_keys(None);
            for key in keys.into_iter().filter(|key| self.is_in(&key.vhost)) {
                let Some(exchange) = admin.exchange_at(&key) else { continue };
                let name = ("exchange", key.name.to_string());
                let vhost = ("vhost", key.vhost.to_string());
                table.push(vec![vhost.clone(), name.clone()], &columns, &exchange);
                // The default exchange is not bound, and nobody asks for its name.
                if !key.name.is_empty() {
                    let kind = ("type", exchange.spec.kind.as_str().to_owned());
                    cluster.push(vec![vhost, name, kind], &of_cluster, &exchange);
                }
            }
        }
        tables.extend([table, cluster]);
        if self.has("vhost_status") {
            let status: &[&'static Metric<()>] = &[&families::VHOST_STATUS];
            let mut table = Table::new(CLUSTER, status);
            for vhost in admin.vhosts().iter().filter(|vhost| self.is_in(&vhost.name)) {
                table.push(vec![("vhost", vhost.name.to_string())], status, &());
            }
            tables.push(table);
        }
    }

    /// Channels and connections: RabbitMQ labels both with `channel`.
    fn of_clients(&self, admin: &Admin, tables: &mut Vec<Table>) {
        let columns = self.columns(families::CHANNELS);
        if !columns.is_empty() {
            let mut table = Table::new(DETAILED, &columns);
            for key in admin.channel_keys(|_, vhost| self.is_in(vhost)) {
                let Some(channel) = admin.channel_at(&key) else { continue };
                table.push(vec![("channel", channel.name.clone())], &columns, &channel);
            }
            tables.push(table);
        }
        let columns = self.columns(families::CONNECTIONS);
        if !columns.is_empty() {
            let mut table = Table::new(DETAILED, &columns);
            for key in admin.connection_keys(|_, vhost| self.is_in(vhost)) {
                let Some(connection) = admin.connection_at(&key) else { continue };
                table.push(vec![("channel", connection.name.clone())], &columns, &connection);
            }
            tables.push(table);
        }
    }

    fn of_node(&self, admin: &Admin, tables: &mut Vec<Table>) {
        let columns = self.columns(families::NODE);
        if !columns.is_empty() {
            let mut table = Table::new(DETAILED, &columns);
            table.push(Vec::new(), &columns, &admin.node());
            tables.push(table);
        }
        let columns = self.columns(families::CHURN);
        if !columns.is_empty() {
            let mut table = Table::new(DETAILED, &columns);
            table.push(Vec::new(), &columns, &admin.churn());
            tables.push(table);
        }
        let columns = self.columns(families::LOGINS);
        if !columns.is_empty() {
            let mut table = Table::new(DETAILED, &columns);
            for (protocol, counts) in admin.login_attempts_ever() {
                table.push(vec![("protocol", protocol.name().to_owned())], &columns, &counts);
            }
            tables.push(table);
        }
    }
}

const PER_OBJECT: &str = "rabbitmq";
const DETAILED: &str = "rabbitmq_detailed";
const CLUSTER: &str = "rabbitmq_cluster";

fn is_there<T>(columns: &[&Metric<T>], name: &str) -> bool {
    columns.iter().any(|column| column.name == name)
}

impl Table {
    fn new<T>(prefix: &str, columns: &[&'static Metric<T>]) -> Self {
        let metrics = columns.iter();
        let metrics =
            metrics.map(|it| (format!("{prefix}_{}", it.name), it.kind, it.help)).collect();
        Self { metrics, rows: Vec::new() }
    }

    fn push<T>(
        &mut self,
        labels: Vec<(&'static str, String)>,
        columns: &[&'static Metric<T>],
        thing: &T,
    ) {
        let values = columns.iter().map(|column| (column.value)(thing)).collect();
        self.rows.push(Row { labels, values });
    }

    /// What it holds of memory until it is sent.
    pub(super) fn held_bytes(&self) -> usize {
        self.rows.iter().map(Row::held_bytes).sum()
    }

    /// Metric by metric, made while they are sent.
    pub(super) fn pieces(self) -> impl Iterator<Item = Vec<u8>> + Send {
        let (mut column, mut next) = (0, 0);
        std::iter::from_fn(move || {
            let (name, kind, help) = self.metrics.get(column)?;
            let mut head = Exposition::default();
            if next == 0 {
                head.family(name, kind, help);
            }
            let mut text = head.finish();
            while text.len() < PIECE_BYTES {
                let Some(row) = self.rows.get(next) else {
                    (column, next) = (column + 1, 0);
                    break;
                };
                next += 1;
                if let Some(value) = row.values.get(column).copied().flatten() {
                    let labels = row.labels.iter();
                    let labels: Vec<_> = labels.map(|(name, it)| (*name, it.as_str())).collect();
                    write_line(&mut text, name, &labels, value);
                }
            }
            Some(text.into_bytes())
        })
    }
}

impl Row {
    fn held_bytes(&self) -> usize {
        let labels: usize = self.labels.iter().map(|(_, text)| 40 + text.capacity()).sum();
        size_of::<Self>() + labels + self.values.capacity() * size_of::<Option<f64>>()
    }
}
