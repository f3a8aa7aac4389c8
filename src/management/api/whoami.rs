//! `/api/whoami`: who asks.

use serde_json::json;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::request::Request;

/// The caller's name and tags.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    let user = &request.caller.user;
    let tags: Vec<&str> = user.tags.iter().collect();
    Answer::json(&json!({ "name": user.name.as_str(), "tags": tags }))
}
