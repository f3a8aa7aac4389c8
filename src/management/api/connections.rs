//! `/api/connections`: who is connected.

use std::net::SocketAddr;

use broker::{UserName, VhostName};
use serde_json::Value;
use server::admin::ConnectionInfo;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::fields::{Fields, Wanted};
use crate::request::Request;
use crate::stats;
use crate::tables::table_to_json;

/// Those that the caller may see: all, or their own.
pub(crate) fn list(request: &Request) -> Result<Answer, Failure> {
    answer(request, |_, _| true)
}

/// Those of one vhost.
pub(crate) fn list_of_vhost(request: &Request) -> Result<Answer, Failure> {
    let vhost = request.part("vhost");
    answer(request, |_, of| **of == *vhost)
}

/// Those of one user.
pub(crate) fn list_of_user(request: &Request) -> Result<Answer, Failure> {
    let user = request.part("user");
    answer(request, |of, _| **of == *user)
}

fn answer(
    request: &Request,
    is_asked_for: impl Fn(&UserName, &VhostName) -> bool,
) -> Result<Answer, Failure> {
    let (admin, node) = (request.admin.clone(), request.node_name());
    let connections = admin.connection_keys(|user, vhost| {
        request.caller.may_see_what_is_of(user) && is_asked_for(user, vhost)
    });
    request.listing()?.answer(connections, move |key, wanted| {
        admin.connection_at(key).map(|connection| fields(&node, &connection, wanted))
    })
}

/// One connection.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    let connection = find(request)?;
    if !request.caller.may_see_what_is_of(&connection.user) {
        return Err(Failure::not_authorised("User not authorised to access object"));
    }
    Answer::json(&fields(&request.node_name(), &connection, &Wanted::ALL))
}

/// Closes one connection. Its client is told the reason that the header `X-Reason` gives.
pub(crate) fn delete(request: &Request) -> Result<Answer, Failure> {
    let connection = find(request)?;
    may_close(request, &connection.user)?;
    request.admin.close_connection(&connection.name, &reason(request))?;
    Answer::done()
}

/// Closes all connections of a user.
pub(crate) fn delete_of_user(request: &Request) -> Result<Answer, Failure> {
    let user = request.part("user");
    if !request.admin.connection_keys(|of, _| **of == *user).is_empty() {
        may_close(request, user)?;
    }
    request.admin.close_connections_of(user, &reason(request));
    Answer::done()
}

fn find(request: &Request) -> Result<ConnectionInfo, Failure> {
    request.admin.connection(request.part("connection")).ok_or_else(Failure::not_found)
}

/// Seeing everything is not closing everything.
fn may_close(request: &Request, user: &str) -> Result<(), Failure> {
    let caller = &request.caller;
    if caller.is_administrator() || *caller.user.name == *user {
        return Ok(());
    }
    Err(Failure::not_authorised("User not authorised to access object"))
}

fn reason(request: &Request) -> String {
    let reason = request.headers.get("x-reason").and_then(|reason| reason.to_str().ok());
    reason.unwrap_or("Closed via management plugin").to_owned()
}

/// The address and port in front of a connection's name.
pub(crate) fn peer_of(connection: &str) -> (String, u16) {
    let peer = connection.split_once(" -> ").map(|(peer, _)| peer);
    let peer: Option<SocketAddr> = peer.and_then(|peer| peer.parse().ok());
    peer.map_or_else(Default::default, |peer| (peer.ip().to_string(), peer.port()))
}

fn fields(node: &str, connection: &ConnectionInfo, wanted: &Wanted) -> Fields {
    let tls = connection.tls.as_ref();
    let mut fields = Fields::new();
    fields
        .put(wanted, "name", connection.name.as_str())
        .put(wanted, "user_provided_name", connection.user_provided_name.clone())
        .put(wanted, "vhost", connection.vhost.as_str())
        .put(wanted, "user", connection.user.as_str())
        .put(wanted, "user_who_performed_action", connection.user.as_str())
        .put(wanted, "node", node)
        .put(wanted, "type", "network")
        .put(wanted, "protocol", "AMQP 0-9-1")
        .put(wanted, "auth_mechanism", connection.auth_mechanism)
        .put(wanted, "state", connection.state.as_str())
        .put(wanted, "channels", connection.channels)
        .put(wanted, "channel_max", connection.channel_max)
        .put(wanted, "frame_max", connection.frame_max)
        .put(wanted, "timeout", connection.heartbeat_secs)
        .put_with(wanted, "client_properties", || table_to_json(&connection.client_properties))
        .put(wanted, "connected_at", connection.connected_at.0)
        .put_with(wanted, "peer_host", || connection.peer.ip().to_canonical().to_string().into())
        .put(wanted, "peer_port", connection.peer.port())
        .put_with(wanted, "host", || {
            connection.local.map(|local| local.ip().to_canonical().to_string()).into()
        })
        .put(wanted, "port", connection.local.map(|local| local.port()))
        .put(wanted, "recv_cnt", connection.reads.count)
        .put(wanted, "send_cnt", connection.writes.count)
        .put(wanted, "send_pend", connection.pending_bytes)
        .put(wanted, "ssl", connection.tls.is_some())
        .put(wanted, "ssl_protocol", tls.map(|tls| tls.version.to_lowercase()))
        .put(wanted, "ssl_cipher", tls.map(|tls| tls.cipher_suite));
    let certificate = tls.and_then(|tls| tls.certificate.as_ref());
    fields.put(wanted, "peer_cert_subject", certificate.map(|known| known.subject.as_str())).put(
        wanted,
        "peer_cert_issuer",
        certificate.map(|known| known.issuer.as_str()),
    );
    for name in ["ssl_hash", "ssl_key_exchange", "peer_cert_validity"] {
        fields.put(wanted, name, Value::Null);
    }
    let received = ("recv_oct", "recv_oct_details");
    stats::put_counter(&mut fields, wanted, received, connection.received_bytes);
    stats::put_counter(
        &mut fields,
        wanted,
        ("send_oct", "send_oct_details"),
        connection.sent_bytes,
    );
    fields
}
