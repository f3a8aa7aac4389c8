//! `/api/cluster-name`: what clients are told of the cluster.

use serde_json::json;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::request::Request;

/// The name: what it was given, or else that of the settings.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    Answer::json(&json!({ "name": &*request.admin.cluster_name() }))
}

/// Gives it a name.
pub(crate) async fn put(request: &Request) -> Result<Answer, Failure> {
    request.admin.set_cluster_name(Some(request.document()?.text("name")?)).await?;
    Answer::done()
}
