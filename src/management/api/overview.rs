//! `/api/overview`: the whole node at a glance.

use serde_json::{Map, Value, json};
use server::admin::{ChurnRates, Overview};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::request::Request;
use crate::stats::{self, insert_counter, insert_gauge, message_stats};

/// What everybody may see; what concerns the machine, only those who may see everything.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    let overview = request.admin.overview();
    let version = &*request.shown.rabbitmq_version;
    let mut shown = json!({
        "management_version": version,
        "rates_mode": "basic",
        "sample_retention_policies": { "global": [5], "basic": [5], "detailed": [5] },
        "exchange_types": exchange_types(),
        "product_version": env!("CARGO_PKG_VERSION"),
        "product_name": "Pillarbox",
        "rabbitmq_version": version,
        "cluster_name": &*request.admin.cluster_name(),
        "cluster_tags": {},
        "node_tags": {},
        "erlang_version": "",
        "erlang_full_version": "",
        "release_series_support_status": "supported",
        "disable_stats": false,
        "enable_queue_totals": false,
        "default_queue_type": request.admin.default_queue_type().as_str(),
        "is_op_policy_updating_enabled": false,
        "message_stats": node_message_stats(&overview),
        "queue_totals": queue_totals(&overview),
        "object_totals": object_totals(&overview),
        "statistics_db_event_queue": 0,
        "node": &*request.node_name(),
    });
    if let Value::Object(shown) = &mut shown
        && request.caller.is_monitoring()
    {
        shown.insert("churn_rates".to_owned(), churn_rates(&overview.churn));
        shown.insert("listeners".to_owned(), listeners(request, &overview));
        shown.insert("contexts".to_owned(), contexts(request));
    }
    Answer::json(&shown)
}

/// Every type of exchange that can be declared.
pub(crate) fn exchange_types() -> Value {
    let kinds = broker::ExchangeKind::ALL
        .into_iter()
        .map(|kind| json!({ "name": kind.as_str(), "description": "", "enabled": true }));
    kinds.collect()
}

fn node_message_stats(overview: &Overview) -> Value {
    let mut shown = message_stats(&overview.messages, stats::OF_CHANNEL);
    if let Value::Object(shown) = &mut shown {
        for name in ["disk_reads", "disk_writes"] {
            insert_counter(shown, name, Default::default());
        }
    }
    shown
}

/// What all queues hold.
fn queue_totals(overview: &Overview) -> Value {
    let mut shown = Map::new();
    insert_gauge(&mut shown, "messages", overview.queues.messages);
    insert_gauge(&mut shown, "messages_ready", overview.queues.ready);
    insert_gauge(&mut shown, "messages_unacknowledged", overview.queues.unacked);
    Value::Object(shown)
}

fn object_totals(overview: &Overview) -> Value {
    let objects = &overview.objects;
    json!({
        "channels": objects.channels,
        "connections": objects.connections,
        "consumers": objects.consumers,
        "exchanges": objects.exchanges,
        "queues": objects.queues,
    })
}

/// What has come and gone.
pub(crate) fn churn_rates(churn: &ChurnRates) -> Value {
    let mut shown = Map::new();
    for (name, counter) in [
        ("channel_closed", churn.channels_closed),
        ("channel_created", churn.channels_created),
        ("connection_closed", churn.connections_closed),
        ("connection_created", churn.connections_created),
        ("queue_created", churn.queues_created),
        ("queue_declared", churn.queues_declared),
        ("queue_deleted", churn.queues_deleted),
    ] {
        insert_counter(&mut shown, name, counter);
    }
    Value::Object(shown)
}

fn listeners(request: &Request, overview: &Overview) -> Value {
    let node = request.node_name();
    let amqp = overview.listeners.iter().map(|listener| (listener.protocol, listener.address));
    let shown = &request.shown;
    let http = shown.addresses.iter().map(|&address| ("http", address));
    let https = shown.tls_addresses.iter().map(|&address| ("https", address));
    let metrics = shown.metrics_addresses.iter().map(|&address| ("http/prometheus", address));
    let listener = |(protocol, address): (&str, std::net::SocketAddr)| {
        json!({
            "node": &*node,
            "protocol": protocol,
            "ip_address": address.ip().to_string(),
            "port": address.port(),
            "socket_opts": { "nodelay": true },
        })
    };
    amqp.chain(http).chain(https).chain(metrics).map(listener).collect()
}

/// The web servers.
pub(crate) fn contexts(request: &Request) -> Value {
    let node = request.node_name();
    let shown = &request.shown;
    let api = shown.addresses.iter().chain(&*shown.tls_addresses);
    let api = api.map(|address| ("RabbitMQ Management", address));
    let metrics = shown.metrics_addresses.iter().map(|address| ("RabbitMQ Prometheus", address));
    let context = |(description, address): (&str, &std::net::SocketAddr)| {
        json!({
            "ssl_opts": [],
            "node": &*node,
            "description": description,
            "path": "/",
            "ip": address.ip().to_string(),
            "port": address.port().to_string(),
        })
    };
    api.chain(metrics).map(context).collect()
}
