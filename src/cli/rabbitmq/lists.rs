//! `list_queues` and its like: what there is, with the columns that are asked for.

use serde_json::Value;

use super::call::{Call, Done};
use super::fault::{Fault, USAGE};
use super::format::Rows;
use crate::api::{path, query};
use crate::list::find;

/// Where the value of a column comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Known {
    /// This field of the API.
    Field(&'static str),
    /// Names of connections and channels in place of Erlang's pids, without blanks: `<127.0.0.1:1234->127.0.0.1:5672>`.
    Pid(&'static str),
    /// Nothing here has it.
    Nothing,
}

/// A column that was asked for.
pub(super) type Key = (&'static str, Known);

const fn field(name: &'static str) -> Key {
    (name, Known::Field(name))
}

const fn nothing(name: &'static str) -> Key {
    (name, Known::Nothing)
}

const QUEUES: &[Key] = &[
    field("name"),
    field("durable"),
    field("auto_delete"),
    field("arguments"),
    field("policy"),
    field("operator_policy"),
    field("effective_policy_definition"),
    nothing("pid"),
    ("owner_pid", Known::Pid("owner_pid_details.name")),
    field("exclusive"),
    nothing("exclusive_consumer_pid"),
    nothing("exclusive_consumer_tag"),
    field("messages_ready"),
    field("messages_unacknowledged"),
    field("messages"),
    field("messages_ready_ram"),
    field("messages_unacknowledged_ram"),
    field("messages_ram"),
    field("messages_persistent"),
    field("message_bytes"),
    field("message_bytes_ready"),
    field("message_bytes_unacknowledged"),
    field("message_bytes_ram"),
    field("message_bytes_persistent"),
    field("head_message_timestamp"),
    nothing("disk_reads"),
    nothing("disk_writes"),
    field("consumers"),
    field("consumer_utilisation"),
    field("consumer_capacity"),
    field("memory"),
    nothing("slave_pids"),
    nothing("synchronised_slave_pids"),
    nothing("mirror_pids"),
    nothing("synchronised_mirror_pids"),
    field("state"),
    field("type"),
    ("leader", Known::Field("node")),
    field("members"),
    field("online"),
];

const EXCHANGES: &[Key] = &[
    field("name"),
    field("type"),
    field("durable"),
    field("auto_delete"),
    field("internal"),
    field("arguments"),
    field("policy"),
];

const BINDINGS: &[Key] = &[
    ("source_name", Known::Field("source")),
    ("source_kind", Known::Field("source_kind")),
    ("destination_name", Known::Field("destination")),
    ("destination_kind", Known::Field("destination_type")),
    field("routing_key"),
    field("arguments"),
];

const CONNECTIONS: &[Key] = &[
    ("pid", Known::Pid("name")),
    field("name"),
    field("port"),
    field("host"),
    field("peer_port"),
    field("peer_host"),
    field("ssl"),
    field("ssl_protocol"),
    field("ssl_key_exchange"),
    field("ssl_cipher"),
    field("ssl_hash"),
    field("peer_cert_subject"),
    field("peer_cert_issuer"),
    field("peer_cert_validity"),
    field("state"),
    field("channels"),
    field("protocol"),
    field("auth_mechanism"),
    field("user"),
    field("vhost"),
    field("timeout"),
    field("frame_max"),
    field("channel_max"),
    field("client_properties"),
    field("recv_oct"),
    field("recv_cnt"),
    field("send_oct"),
    field("send_cnt"),
    field("send_pend"),
    field("connected_at"),
    field("node"),
    field("user_provided_name"),
];

const CHANNELS: &[Key] = &[
    ("pid", Known::Pid("name")),
    ("connection", Known::Pid("connection_details.name")),
    field("name"),
    field("number"),
    field("user"),
    field("vhost"),
    field("node"),
    field("transactional"),
    field("confirm"),
    field("consumer_count"),
    field("messages_unacknowledged"),
    field("messages_uncommitted"),
    field("acks_uncommitted"),
    field("messages_unconfirmed"),
    field("prefetch_count"),
    field("global_prefetch_count"),
    field("state"),
];

const CONSUMERS: &[Key] = &[
    ("queue_name", Known::Field("queue.name")),
    ("channel_pid", Known::Pid("channel_details.name")),
    field("consumer_tag"),
    field("ack_required"),
    field("prefetch_count"),
    field("active"),
    field("activity_status"),
    field("arguments"),
];

/// The columns that were asked for, with commas or blanks between them.
pub(super) fn keys(
    call: &Call<'_>,
    words: &[String],
    known: &[Key],
    default: &[&str],
) -> Result<Vec<Key>, Fault> {
    let words: Vec<&str> = words.iter().flat_map(|word| word.split(',')).map(str::trim).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let wanted = if words.is_empty() { default } else { &words };
    let unknown: Vec<&str> =
        wanted.iter().copied().filter(|name| !known.iter().any(|(key, _)| key == name)).collect();
    if !unknown.is_empty() {
        let why = format!("Info key(s) {} are not supported", unknown.join(","));
        return Err(call.misused(USAGE, &why));
    }
    let find = |name: &&str| known.iter().find(|(key, _)| key == name).copied();
    Ok(wanted.iter().filter_map(find).collect())
}

/// The rows of a list that the API has given.
pub(super) fn rows(found: &Value, keys: &[Key]) -> Rows {
    let cell = |row: &Value, known: Known| match known {
        Known::Field(name) => find(row, name).clone(),
        Known::Pid(name) => find(row, name).as_str().map(pid).unwrap_or_default().into(),
        Known::Nothing => Value::Null,
    };
    let rows = found.as_array().into_iter().flatten();
    let rows = rows.map(|row| keys.iter().map(|(_, known)| cell(row, *known)).collect()).collect();
    let columns = keys.iter().map(|(name, _)| (*name).to_owned()).collect();
    Rows { columns, rows, ..Rows::default() }
}

/// What stands for the pid of a connection or channel.
pub(super) fn pid(name: &str) -> String {
    format!("<{}>", name.replace(' ', ""))
}

/// The fields that the API is asked for.
fn fields(keys: &[Key]) -> String {
    let fields = keys.iter().filter_map(|(_, known)| match known {
        Known::Field(name) | Known::Pid(name) => Some(*name),
        Known::Nothing => None,
    });
    fields.chain(["name"]).collect::<Vec<_>>().join(",")
}

/// Lists what is at a path, or nothing if nothing is: RabbitMQ says no more of a vhost that is not there.
fn list(call: &Call<'_>, place: &str, keys: &[Key]) -> Result<Value, Fault> {
    let asked = query(place, &[("columns", Some(&fields(keys)))]);
    Ok(call.api()?.find(&asked)?.unwrap_or_default())
}

fn stream(found: &Value, keys: &[Key]) -> Done {
    Done::Rows(Rows { is_stream: true, ..rows(found, keys) })
}

pub(super) fn list_queues(call: &mut Call<'_>) -> Result<Done, Fault> {
    let keys = keys(call, call.words(), QUEUES, &["name", "messages"])?;
    let (timeout, vhost) = (call.timeout_secs().unwrap_or(60), call.vhost().to_owned());
    call.say(format!("Timeout: {timeout}.0 seconds ..."));
    call.say(format!("Listing queues for vhost {vhost} ..."));
    let found = list(call, &path(&["queues", &vhost]), &keys)?;
    // All queues are where their node is.
    let found = if call.has("offline") { Value::Null } else { found };
    Ok(stream(&found, &keys))
}

pub(super) fn list_exchanges(call: &mut Call<'_>) -> Result<Done, Fault> {
    let keys = keys(call, call.words(), EXCHANGES, &["name", "type"])?;
    let vhost = call.vhost().to_owned();
    call.say(format!("Listing exchanges for vhost {vhost} ..."));
    let found = list(call, &path(&["exchanges", &vhost]), &keys)?;
    Ok(stream(&found, &keys))
}

pub(super) fn list_bindings(call: &mut Call<'_>) -> Result<Done, Fault> {
    let all: Vec<&str> = BINDINGS.iter().map(|(name, _)| *name).collect();
    let keys = keys(call, call.words(), BINDINGS, &all)?;
    let vhost = call.vhost().to_owned();
    call.say(format!("Listing bindings for vhost {vhost}..."));
    let mut found = list(call, &path(&["bindings", &vhost]), &keys)?;
    for binding in found.as_array_mut().into_iter().flatten() {
        binding["source_kind"] = "exchange".into();
    }
    Ok(stream(&found, &keys))
}

pub(super) fn list_connections(call: &mut Call<'_>) -> Result<Done, Fault> {
    let default = ["user", "peer_host", "peer_port", "state"];
    let keys = keys(call, call.words(), CONNECTIONS, &default)?;
    call.say("Listing connections ...");
    let found = list(call, "/connections", &keys)?;
    Ok(stream(&found, &keys))
}

pub(super) fn list_channels(call: &mut Call<'_>) -> Result<Done, Fault> {
    let default = ["pid", "user", "consumer_count", "messages_unacknowledged"];
    let keys = keys(call, call.words(), CHANNELS, &default)?;
    call.say("Listing channels ...");
    let found = list(call, "/channels", &keys)?;
    Ok(stream(&found, &keys))
}

pub(super) fn list_consumers(call: &mut Call<'_>) -> Result<Done, Fault> {
    let default = [
        "queue_name",
        "channel_pid",
        "consumer_tag",
        "ack_required",
        "prefetch_count",
        "active",
        "arguments",
    ];
    let keys = keys(call, call.words(), CONSUMERS, &default)?;
    let vhost = call.vhost().to_owned();
    call.say(format!("Listing consumers in vhost {vhost} ..."));
    let found = list(call, &path(&["consumers", &vhost]), &keys)?;
    Ok(stream(&found, &keys))
}
