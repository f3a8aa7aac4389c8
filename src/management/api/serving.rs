//! `/api/serving`: whether clients are served, and `/api/shutdown`: the end of the process. RabbitMQ has neither; its tools
//! do the same by other means.

use serde_json::json;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::request::Request;

/// Whether clients are served.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    Answer::json(&json!({ "serving": request.admin.is_serving() }))
}

/// Stops serving clients, or begins again.
pub(crate) async fn put(request: &Request) -> Result<Answer, Failure> {
    let document = request.document()?;
    document.need(&["serving"])?;
    if document.is_true("serving")? {
        request.admin.start_serving().await?;
    } else {
        request.admin.stop_serving().await;
    }
    Answer::done()
}

/// Ends the process as SIGTERM does, soon after the answer.
pub(crate) fn shut_down(request: &Request) -> Result<Answer, Failure> {
    request.admin.ask_to_stop();
    Answer::done()
}
