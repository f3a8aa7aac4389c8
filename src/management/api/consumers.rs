//! `/api/consumers`: who gets messages, and what they wait for.

use serde_json::json;
use server::admin::{ConsumerInfo, ConsumerWait};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::fields::{Fields, Wanted};
use crate::request::Request;
use crate::stats;
use crate::tables::table_to_json;

/// Those that the caller may see: all, or their own.
pub(crate) fn list(request: &Request) -> Result<Answer, Failure> {
    answer(request, request.in_vhosts(|admin, vhost| admin.consumers(vhost)))
}

/// The same in one vhost.
pub(crate) fn list_of_vhost(request: &Request) -> Result<Answer, Failure> {
    answer(request, request.admin.consumers(Some(request.part("vhost"))))
}

fn answer(request: &Request, mut consumers: Vec<ConsumerInfo>) -> Result<Answer, Failure> {
    consumers.retain(|consumer| request.caller.may_see_what_is_of(&consumer.user));
    let node = request.node_name();
    request.listing()?.answer(consumers, move |consumer, wanted| fields(&node, consumer, wanted))
}

pub(crate) fn fields(node: &str, consumer: &ConsumerInfo, wanted: &Wanted) -> Fields {
    let mut fields = Fields::new();
    fields
        .put_with(wanted, "arguments", || table_to_json(&consumer.arguments))
        .put(wanted, "ack_required", consumer.ack_required)
        .put(wanted, "active", consumer.is_active())
        .put(wanted, "activity_status", if consumer.is_active() { "up" } else { "waiting" })
        .put_with(wanted, "channel_details", || {
            let (connection, number) = (&consumer.connection, consumer.channel);
            let (host, port) = super::connections::peer_of(connection);
            json!({
                "connection_name": connection,
                "name": format!("{connection} ({number})"),
                "node": node,
                "number": number.0,
                "peer_host": host,
                "peer_port": port,
                "user": consumer.user,
            })
        })
        .put(wanted, "consumer_tag", consumer.tag.as_str())
        // In RabbitMQ 4's tool it is a number; no limit is 0, as in the settings.
        .put(wanted, "consumer_timeout", consumer.timeout_ms.unwrap_or(0))
        .put(wanted, "exclusive", consumer.exclusive)
        .put(wanted, "prefetch_count", consumer.prefetch)
        .put_with(
            wanted,
            "queue",
            || json!({ "name": consumer.queue.as_str(), "vhost": consumer.vhost.as_str() }),
        )
        .put(wanted, "priority", consumer.priority)
        .put(wanted, "messages_unacknowledged", consumer.unacked)
        .put(wanted, "waits_for", waits_for(consumer.waits_for));
    for (name, at) in [("last_delivery", consumer.delivered_at), ("last_ack", consumer.acked_at)] {
        if let Some(at) = at {
            fields.put_with(wanted, name, || stats::iso_8601(at).into());
        }
    }
    fields
}

/// Why a consumer gets nothing, which RabbitMQ does not say.
fn waits_for(wait: ConsumerWait) -> &'static str {
    match wait {
        ConsumerWait::Message => "message",
        ConsumerWait::Credit => "ack",
        ConsumerWait::SharedCredit => "ack_on_channel",
        ConsumerWait::Outbox => "client_to_read",
        ConsumerWait::Activity => "turn",
    }
}
