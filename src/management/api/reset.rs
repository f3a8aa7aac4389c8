//! `/api/reset`: forgets the samples that rates are made of. What was counted stays, and so do messages.

use crate::answer::Answer;
use crate::api::nodes::this_node;
use crate::failure::Failure;
use crate::request::Request;

/// Those of all nodes, which is this one.
pub(crate) async fn reset(request: &Request) -> Result<Answer, Failure> {
    request.admin.forget_rates().await;
    Answer::done()
}

/// Those of the node in the path.
pub(crate) async fn reset_node(request: &Request) -> Result<Answer, Failure> {
    this_node(request)?;
    reset(request).await
}
