//! What can be listed: where the API has it, and what of it people want to see.

use clap::ValueEnum;
use serde_json::Value;

use crate::api::path;

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Queues,
    Exchanges,
    Bindings,
    Connections,
    Channels,
    Consumers,
    Vhosts,
    Users,
    Permissions,
    TopicPermissions,
    Policies,
    OperatorPolicies,
    VhostLimits,
    UserLimits,
    Parameters,
    Nodes,
}

/// How a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// As it is.
    Word,
    /// As it is; an empty one is the default exchange's.
    Name,
    /// A number.
    Count,
    /// A number of bytes.
    Bytes,
    /// A number a second.
    Rate,
    /// True or not.
    YesNo,
}

/// A column of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) field: &'static str,
    pub(crate) shown: Shown,
}

const fn column(title: &'static str, field: &'static str, shown: Shown) -> Column {
    Column { title, field, shown }
}

impl Kind {
    /// What its things are called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::TopicPermissions => "topic permissions",
            Self::OperatorPolicies => "operator policies",
            Self::VhostLimits => "limits of vhosts",
            Self::UserLimits => "limits of users",
            Self::Queues
            | Self::Exchanges
            | Self::Bindings
            | Self::Connections
            | Self::Channels
            | Self::Consumers
            | Self::Vhosts
            | Self::Users
            | Self::Permissions
            | Self::Policies
            | Self::Parameters
            | Self::Nodes => self.path(),
        }
    }

    /// Where the API lists all of them.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Queues => "queues",
            Self::Exchanges => "exchanges",
            Self::Bindings => "bindings",
            Self::Connections => "connections",
            Self::Channels => "channels",
            Self::Consumers => "consumers",
            Self::Vhosts => "vhosts",
            Self::Users => "users",
            Self::Permissions => "permissions",
            Self::TopicPermissions => "topic-permissions",
            Self::Policies => "policies",
            Self::OperatorPolicies => "operator-policies",
            Self::VhostLimits => "vhost-limits",
            Self::UserLimits => "user-limits",
            Self::Parameters => "parameters",
            Self::Nodes => "nodes",
        }
    }

    /// Where it lists all of them, or those of one vhost; `None` if they are in no vhost.
    pub(crate) fn path_in(self, vhost: Option<&str>) -> Option<String> {
        let Some(vhost) = vhost else { return Some(path(&[self.path()])) };
        match self {
            Self::Connections | Self::Channels | Self::Permissions | Self::TopicPermissions => {
                Some(path(&["vhosts", vhost, self.path()]))
            }
            Self::Queues
            | Self::Exchanges
            | Self::Bindings
            | Self::Consumers
            | Self::Policies
            | Self::OperatorPolicies
            | Self::VhostLimits => Some(path(&[self.path(), vhost])),
            Self::Parameters => Some(path(&[self.path()])),
            Self::Vhosts | Self::Users | Self::UserLimits | Self::Nodes => None,
        }
    }

    /// The fields that say what something is called.
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Bindings => &["source", "destination", "routing_key"],
            Self::Permissions | Self::TopicPermissions => &["user", "vhost"],
            Self::VhostLimits => &["vhost"],
            Self::UserLimits => &["user"],
            Self::Consumers => &["consumer_tag"],
            Self::Queues
            | Self::Exchanges
            | Self::Connections
            | Self::Channels
            | Self::Vhosts
            | Self::Users
            | Self::Policies
            | Self::OperatorPolicies
            | Self::Parameters
            | Self::Nodes => &["name"],
        }
    }

    /// Whether this is in what something is called.
    pub(super) fn is_named(self, row: &Value, text: &str) -> bool {
        let is_in = |field: &&str| row[field].as_str().is_some_and(|name| name.contains(text));
        self.names().iter().any(is_in)
    }

    /// What people want to see of them.
    pub(crate) fn columns(self) -> &'static [Column] {
        use Shown::{Bytes, Count, Name, Rate, Word, YesNo};
        const VHOST: Column = column("vhost", "vhost", Word);
        const NAME: Column = column("name", "name", Word);
        match self {
            Self::Queues => {
                &const {
                    [
                        VHOST,
                        NAME,
                        column("type", "type", Word),
                        column("durable", "durable", YesNo),
                        column("messages", "messages", Count),
                        column("ready", "messages_ready", Count),
                        column("unacked", "messages_unacknowledged", Count),
                        column("consumers", "consumers", Count),
                        column("in", "message_stats.publish_details.rate", Rate),
                        column("out", "message_stats.deliver_get_details.rate", Rate),
                        column("bytes", "message_bytes", Bytes),
                        column("state", "state", Word),
                    ]
                }
            }
            Self::Exchanges => {
                &const {
                    [
                        VHOST,
                        column("name", "name", Name),
                        column("type", "type", Word),
                        column("durable", "durable", YesNo),
                        column("auto-delete", "auto_delete", YesNo),
                        column("internal", "internal", YesNo),
                        column("in", "message_stats.publish_in_details.rate", Rate),
                        column("out", "message_stats.publish_out_details.rate", Rate),
                    ]
                }
            }
            Self::Bindings => {
                &const {
                    [
                        VHOST,
                        column("source", "source", Name),
                        column("to", "destination_type", Word),
                        column("destination", "destination", Word),
                        column("key", "routing_key", Word),
                        column("arguments", "arguments", Word),
                    ]
                }
            }
            Self::Connections => {
                &const {
                    [
                        NAME,
                        column("user", "user", Word),
                        VHOST,
                        column("state", "state", Word),
                        column("channels", "channels", Count),
                        column("tls", "ssl", YesNo),
                        column("in/s", "recv_oct_details.rate", Bytes),
                        column("out/s", "send_oct_details.rate", Bytes),
                        column("client", "user_provided_name", Word),
                    ]
                }
            }
            Self::Channels => {
                &const {
                    [
                        NAME,
                        column("user", "user", Word),
                        VHOST,
                        column("consumers", "consumer_count", Count),
                        column("prefetch", "prefetch_count", Count),
                        column("unacked", "messages_unacknowledged", Count),
                        column("unconfirmed", "messages_unconfirmed", Count),
                        column("confirms", "confirm", YesNo),
                        column("state", "state", Word),
                    ]
                }
            }
            Self::Consumers => {
                &const {
                    [
                        column("vhost", "queue.vhost", Word),
                        column("queue", "queue.name", Word),
                        column("tag", "consumer_tag", Word),
                        column("channel", "channel_details.name", Word),
                        column("acks", "ack_required", YesNo),
                        column("prefetch", "prefetch_count", Count),
                        column("active", "active", YesNo),
                        column("waits for", "waits_for", Word),
                    ]
                }
            }
            Self::Vhosts => {
                &const {
                    [
                        NAME,
                        column("messages", "messages", Count),
                        column("ready", "messages_ready", Count),
                        column("unacked", "messages_unacknowledged", Count),
                        column("tracing", "tracing", YesNo),
                        column("description", "description", Word),
                        column("tags", "tags", Word),
                    ]
                }
            }
            Self::Users => {
                &const { [NAME, column("tags", "tags", Word), column("limits", "limits", Word)] }
            }
            Self::Permissions => {
                &const {
                    [
                        VHOST,
                        column("user", "user", Word),
                        column("configure", "configure", Word),
                        column("write", "write", Word),
                        column("read", "read", Word),
                    ]
                }
            }
            Self::TopicPermissions => {
                &const {
                    [
                        VHOST,
                        column("user", "user", Word),
                        column("exchange", "exchange", Name),
                        column("write", "write", Word),
                        column("read", "read", Word),
                    ]
                }
            }
            Self::Policies | Self::OperatorPolicies => {
                &const {
                    [
                        VHOST,
                        NAME,
                        column("pattern", "pattern", Word),
                        column("applies to", "apply-to", Word),
                        column("definition", "definition", Word),
                        column("priority", "priority", Count),
                    ]
                }
            }
            Self::VhostLimits => &const { [VHOST, column("limits", "value", Word)] },
            Self::UserLimits => {
                &const { [column("user", "user", Word), column("limits", "value", Word)] }
            }
            Self::Parameters => {
                &const {
                    [
                        VHOST,
                        column("component", "component", Word),
                        NAME,
                        column("value", "value", Word),
                    ]
                }
            }
            Self::Nodes => {
                &const {
                    [
                        NAME,
                        column("running", "running", YesNo),
                        column("memory", "mem_used", Bytes),
                        column("limit", "mem_limit", Bytes),
                        column("disk free", "disk_free", Bytes),
                        column("files", "fd_used", Count),
                        column("connections", "sockets_used", Count),
                    ]
                }
            }
        }
    }
}
