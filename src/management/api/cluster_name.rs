//! `/api/cluster-name`: what clients are told of the cluster.

use serde_json::json;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::request::Request;

/// The name, which is a setting.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    Answer::json(&json!({ "name": request.admin.cluster_name() }))
}
