//! `/api/config/effective`: what the node was started with; and `/api/node-limits`: what of that can be changed until it
//! ends. Users and passwords are not among it.

use serde_json::{Value, json};
use server::LivePrefetch;
use server::admin::Settings;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::request::Request;

/// The settings in effect, by the sections of `broker.toml`.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    let settings = request.admin.settings();
    let shown = &request.shown;
    let store = settings.store.as_ref().map(|store| {
        json!({
            "data_dir": store.data_dir.display().to_string(),
            "durability": if store.is_flushed { "fsync" } else { "os" },
            "segment_bytes_max": store.segment_bytes_max,
            "disk_free_min": store.disk_free_min,
            "queue_resident_bytes_max": store.queue_resident_bytes_max,
        })
    });
    let texts = |addresses: &[std::net::SocketAddr]| -> Vec<String> {
        addresses.iter().map(ToString::to_string).collect()
    };
    Answer::json(&json!({
        "server": {
            "bind": texts(&settings.bind),
            "tls": settings.has_tls,
            "cluster_name": *request.admin.cluster_name(),
        },
        "limits": limits(&settings),
        "store": store,
        "compat": compat(request, &settings),
        "management": {
            "bind": texts(&shown.addresses),
            "tls_bind": texts(&shown.tls_addresses),
            "metrics_bind": texts(&shown.metrics_addresses),
        },
    }))
}

fn limits(settings: &Settings) -> Value {
    let action = match settings.consumer_timeout_closes_channel {
        true => "close-channel",
        false => "cancel-consumer",
    };
    json!({
        "frame_max": settings.frame_max,
        "channel_max": settings.channel_max,
        "heartbeat_secs": settings.heartbeat_secs,
        "handshake_secs": settings.handshake_secs,
        "message_bytes_max": settings.message_bytes_max,
        "memory": settings.memory,
        "consumer_timeout_ms": settings.consumer_timeout_ms,
        "consumer_timeout_action": action,
    })
}

fn compat(request: &Request, settings: &Settings) -> Value {
    let live_prefetch = match settings.live_prefetch {
        LivePrefetch::Auto => "auto",
        LivePrefetch::On => "on",
        LivePrefetch::Off => "off",
    };
    json!({
        "product": settings.product,
        "version": settings.version,
        "default_queue_type": request.admin.default_queue_type().as_str(),
        "live_prefetch": live_prefetch,
        "guest_from_anywhere": settings.guest_from_anywhere,
        "deny_global_prefetch": settings.deny_global_prefetch,
        "deny_transient_queues": settings.deny_transient_queues,
        "deny_queue_master_locator": settings.deny_queue_master_locator,
        "relaxed_quorum_redeclare": settings.relaxed_quorum_redeclare,
    })
}

/// The limits that can be changed.
pub(crate) fn list_limits(request: &Request) -> Result<Answer, Failure> {
    let node = request.admin.node();
    Answer::json(&json!({
        "memory": node.memory.limit,
        "memory-available": request.admin.memory_available(),
        "disk-free": node.disk.map(|disk| disk.limit),
    }))
}

/// Changes one until the process ends: `memory`, a share up to 1 of what there is or a number of bytes, or `disk-free`, a
/// number of bytes.
pub(crate) fn put_limit(request: &Request) -> Result<Answer, Failure> {
    let document = request.document()?;
    document.need(&["value"])?;
    let value = document.find("value").unwrap_or(&Value::Null);
    let bytes = || {
        value.as_u64().ok_or_else(|| Failure::bad_request("the value is a whole number of bytes"))
    };
    match request.part("name") {
        "memory" => {
            let limit = memory_limit(value, request.admin.memory_available())?;
            request.admin.set_memory_limit(limit);
        }
        "disk-free" => request.admin.set_disk_free_min(bytes()?)?,
        other => {
            return Err(Failure::bad_request(format!(
                "there is no limit '{other}' to change: memory and disk-free can be"
            )));
        }
    }
    Answer::done()
}

/// Up to 1 it is a share, as in RabbitMQ.
fn memory_limit(value: &Value, available: u64) -> Result<u64, Failure> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between nothing and a million"
    )]
    let of_share = |share: f64| available / 1_000_000 * ((share * 1_000_000.0) as u64);
    match (value.as_u64(), value.as_f64()) {
        (Some(bytes), _) if bytes > 1 => Ok(bytes),
        (_, Some(share)) if share > 0.0 && share <= 1.0 => Ok(of_share(share)),
        _ => Err(Failure::bad_request(
            "the value is a share above 0 and up to 1, or a number of bytes",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_a_share_or_so_many_bytes() {
        let available = 4_000_000_000;
        let limit = |value: Value| memory_limit(&value, available);
        assert_eq!(limit(json!(0.25)), Ok(1_000_000_000));
        assert_eq!(limit(json!(1)), Ok(available));
        assert_eq!(limit(json!(2_000_000)), Ok(2_000_000));
        for wrong in [json!(0), json!(-1), json!(1.5), json!("0.5"), Value::Null, json!(0.0)] {
            assert!(limit(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
