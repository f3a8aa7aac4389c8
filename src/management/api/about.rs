//! What tools ask before they do anything: extensions, version, feature flags; and how a password is hashed.

use std::hash::{BuildHasher as _, RandomState};

use broker::user::PasswordHash;
use serde_json::json;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::request::Request;

/// Nothing extends the page.
pub(crate) fn extensions(_: &Request) -> Result<Answer, Failure> {
    Answer::json(&json!([]))
}

/// The version of RabbitMQ that tools take this for.
pub(crate) fn version(request: &Request) -> Result<Answer, Failure> {
    Answer::json(&&*request.shown.rabbitmq_version)
}

/// What RabbitMQ's flags of this name turn on is always on here.
pub(crate) fn feature_flags(_: &Request) -> Result<Answer, Failure> {
    let flag = |name: &str| {
        json!({
            "name": name, "desc": "", "doc_url": "", "state": "enabled", "stability": "required",
            "provided_by": "rabbit",
        })
    };
    Answer::json(&FLAGS.map(flag))
}

/// Whatever can be enabled is so already.
///
/// # Errors
/// 400 for any other flag.
pub(crate) fn enable_feature_flag(request: &Request) -> Result<Answer, Failure> {
    let name = request.part("name");
    if FLAGS.contains(&name) {
        return Answer::done();
    }
    let reason = format!("unsupported: '{name}' is none of the flags of /api/feature-flags");
    Err(Failure::bad_request(reason))
}

const FLAGS: [&str; 9] = [
    "classic_queue_type_delivery_support",
    "direct_exchange_routing_v2",
    "drop_unroutable_metric",
    "empty_basic_get_metric",
    "implicit_default_bindings",
    "maintenance_mode_status",
    "quorum_queue",
    "user_limits",
    "virtual_host_metadata",
];

/// How the page logs in: by name and password.
pub(crate) fn auth(_: &Request) -> Result<Answer, Failure> {
    Answer::json(&json!({ "oauth_enabled": false }))
}

/// A hash of a password as RabbitMQ makes them, for a file of definitions.
pub(crate) fn hash_password(request: &Request) -> Result<Answer, Failure> {
    let [s0, s1, s2, s3, ..] = RandomState::new().hash_one(()).to_le_bytes();
    let hash = PasswordHash::sha256(request.part("password").as_bytes(), [s0, s1, s2, s3]);
    Answer::json(&json!({ "ok": hash.to_base64() }))
}

/// Nothing that a client could use is on its way out.
pub(crate) fn deprecated_features(_: &Request) -> Result<Answer, Failure> {
    Answer::json(&json!([]))
}
