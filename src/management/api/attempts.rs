//! `/api/auth/attempts`: how many logins were tried, by protocol, and by who tried from where.

use serde_json::{Value, json};
use server::admin::{LoginCounts, LoginProtocol};

use crate::answer::Answer;
use crate::api::nodes::this_node;
use crate::failure::Failure;
use crate::request::Request;

/// What a source holds in memory until it is sent, in bytes: a name has 255 at most.
const SOURCE_BYTES: usize = 320;

/// How many there were by each protocol by which there were any.
pub(crate) fn list(request: &Request) -> Result<Answer, Failure> {
    this_node(request)?;
    let attempts = request.admin.login_attempts().into_iter();
    let tried = attempts.filter(|(_, counts)| counts.total() > 0);
    let shown: Vec<Value> = tried.map(|(protocol, counts)| attempts_of(protocol, counts)).collect();
    Answer::json(&shown)
}

/// How many there were by each name from each address. Where there were more of them than are kept apart, the name or the
/// address of the rest is empty.
pub(crate) fn list_by_source(request: &Request) -> Result<Answer, Failure> {
    this_node(request)?;
    let sources = request.admin.login_sources();
    let held_bytes = sources.len() * SOURCE_BYTES;
    let elements = sources.into_iter().map(|(source, counts)| {
        let mut shown = attempts_of(source.protocol, counts);
        let address = source.address.map(|address| address.to_string());
        shown["remote_address"] = address.unwrap_or_default().into();
        shown["username"] = Value::from(&*source.user);
        shown.to_string().into_bytes()
    });
    Ok(Answer::array(elements, held_bytes))
}

/// Begins to count anew, both by protocol and by source.
pub(crate) async fn reset(request: &Request) -> Result<Answer, Failure> {
    this_node(request)?;
    request.admin.forget_login_attempts();
    Answer::done()
}

fn attempts_of(protocol: LoginProtocol, counts: LoginCounts) -> Value {
    json!({
        "protocol": protocol.name(),
        "auth_attempts": counts.total(),
        "auth_attempts_failed": counts.refused,
        "auth_attempts_succeeded": counts.accepted,
    })
}
