//! `/api/trace-files`: what traces have written.

use crate::answer::Answer;
use crate::api::traces::check_node;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::request::Request;

/// All of them.
pub(crate) async fn list(request: &Request) -> Result<Answer, Failure> {
    let listing = request.listing()?;
    listing.answer(request.admin.trace_files().await?, |file, wanted| {
        let mut fields = Fields::new();
        fields.put(wanted, "name", file.name.as_str()).put(wanted, "size", file.bytes);
        fields
    })
}

/// The same, by the name of the node.
pub(crate) async fn list_of_node(request: &Request) -> Result<Answer, Failure> {
    check_node(request)?;
    list(request).await
}

/// What is in one of them.
pub(crate) async fn show(request: &Request) -> Result<Answer, Failure> {
    let (file, bytes) = request.admin.open_trace_file(request.part("name")).await?;
    Ok(Answer::file(file, bytes))
}

/// The same, by the name of the node.
pub(crate) async fn show_of_node(request: &Request) -> Result<Answer, Failure> {
    check_node(request)?;
    show(request).await
}

/// Deletes one of them.
pub(crate) async fn delete(request: &Request) -> Result<Answer, Failure> {
    request.admin.delete_trace_file(request.part("name")).await?;
    Answer::done()
}

/// The same, by the name of the node.
pub(crate) async fn delete_of_node(request: &Request) -> Result<Answer, Failure> {
    check_node(request)?;
    delete(request).await
}
