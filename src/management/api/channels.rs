//! `/api/channels`: what is open on the connections.

use broker::VhostName;
use connection::ChannelMode;
use serde_json::json;
use server::admin::{ChannelInfo, ChannelKey};

use crate::answer::Answer;
use crate::api::consumers;
use crate::failure::Failure;
use crate::fields::{Fields, Wanted};
use crate::request::Request;
use crate::stats::{self, message_stats};

/// Those that the caller may see: all, or their own.
pub(crate) fn list(request: &Request) -> Result<Answer, Failure> {
    answer(request, |_| true)
}

/// Those of one vhost.
pub(crate) fn list_of_vhost(request: &Request) -> Result<Answer, Failure> {
    let vhost = request.part("vhost");
    answer(request, |of| **of == *vhost)
}

/// Those of one connection.
pub(crate) fn list_of_connection(request: &Request) -> Result<Answer, Failure> {
    let channels = request.admin.channel_keys_of(request.part("connection"), |user| {
        request.caller.may_see_what_is_of(user)
    });
    show_all(request, channels.ok_or_else(Failure::not_found)?)
}

fn answer(request: &Request, is_asked_for: impl Fn(&VhostName) -> bool) -> Result<Answer, Failure> {
    let channels = request
        .admin
        .channel_keys(|user, vhost| request.caller.may_see_what_is_of(user) && is_asked_for(vhost));
    show_all(request, channels)
}

fn show_all(request: &Request, channels: Vec<ChannelKey>) -> Result<Answer, Failure> {
    let (admin, node) = (request.admin.clone(), request.node_name());
    request.listing()?.answer(channels, move |key, wanted| {
        admin.channel_at(key).map(|channel| fields(&node, &channel, wanted))
    })
}

/// One channel, with its consumers.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    let channel = request.admin.channel(request.part("channel")).ok_or_else(Failure::not_found)?;
    if !request.caller.may_see_what_is_of(&channel.user) {
        return Err(Failure::not_authorised("User not authorised to access object"));
    }
    let node = request.node_name();
    let mut fields = fields(&node, &channel, &Wanted::ALL);
    let mut of_channel = request.admin.consumers(Some(&channel.vhost));
    of_channel.retain(|consumer| {
        consumer.connection == channel.connection && consumer.channel == channel.number
    });
    let of_channel = of_channel
        .iter()
        .map(|consumer| serde_json::Value::from(consumers::fields(&node, consumer, &Wanted::ALL)));
    fields
        .put_with(&Wanted::ALL, "consumer_details", || of_channel.collect())
        .put(&Wanted::ALL, "publishes", json!([]))
        .put(&Wanted::ALL, "deliveries", json!([]));
    Answer::json(&fields)
}

fn fields(node: &str, channel: &ChannelInfo, wanted: &Wanted) -> Fields {
    let mut fields = Fields::new();
    fields
        .put(wanted, "name", channel.name.as_str())
        .put(wanted, "number", channel.number.0)
        .put_with(wanted, "connection_details", || {
            let (host, port) = super::connections::peer_of(&channel.connection);
            json!({ "name": channel.connection, "peer_host": host, "peer_port": port })
        })
        .put(wanted, "user", channel.user.as_str())
        .put(wanted, "user_who_performed_action", channel.user.as_str())
        .put(wanted, "vhost", channel.vhost.as_str())
        .put(wanted, "node", node)
        .put(wanted, "state", channel.state.as_str())
        .put(wanted, "confirm", channel.mode == ChannelMode::Confirm)
        .put(wanted, "transactional", channel.mode == ChannelMode::Transaction)
        .put(wanted, "consumer_count", channel.consumers)
        .put(wanted, "prefetch_count", channel.prefetch)
        .put(wanted, "global_prefetch_count", channel.global_prefetch)
        .put(wanted, "messages_unacknowledged", channel.unacked)
        .put(wanted, "messages_unconfirmed", channel.unconfirmed)
        .put(wanted, "messages_uncommitted", channel.uncommitted)
        .put(wanted, "acks_uncommitted", channel.acks_uncommitted)
        .put(wanted, "pending_raft_commands", 0)
        .put_with(wanted, "message_stats", || message_stats(&channel.stats, stats::OF_CHANNEL));
    if let Some(since) = channel.idle_since {
        fields.put_with(wanted, "idle_since", || stats::iso_8601(since).into());
    }
    fields
}
