//! `/api/vhosts`: the worlds that know nothing of each other.

use broker::QueueKind;
use broker::vhost::VhostSettings;
use serde_json::{Value, json};
use server::admin::{Admin, Put, VhostInfo};

use crate::answer::Answer;
use crate::document::Document;
use crate::failure::Failure;
use crate::fields::{Fields, Wanted};
use crate::request::Request;
use crate::stats;

/// Those that the caller may see.
pub(crate) fn list(request: &Request) -> Result<Answer, Failure> {
    let mut vhosts = request.admin.vhosts();
    vhosts.retain(|vhost| request.may_see(&vhost.name));
    let (admin, node) = (request.admin.clone(), request.node_name());
    let show = move |vhost: &VhostInfo, wanted: &Wanted| fields((&admin, &node), vhost, wanted);
    request.listing()?.answer(vhosts, show)
}

/// One of them.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    let vhost = request.admin.vhost(request.part("vhost")).ok_or_else(Failure::not_found)?;
    Answer::json(&fields((&request.admin, &request.node_name()), &vhost, &Wanted::ALL))
}

/// Makes one, or changes what is said about it.
pub(crate) async fn put(request: &Request) -> Result<Answer, Failure> {
    let document = request.document()?;
    let name = request.part("vhost");
    let put = put_one(&request.admin, name, &document).await?;
    if put == Put::Created && !request.caller.has_token {
        // Whoever makes a vhost wants to use it: as RabbitMQ has it. Who has the token may use all of them anyhow.
        let everything = json!({ "configure": ".*", "write": ".*", "read": ".*" });
        let user = &request.caller.user.name;
        let info = super::permissions::read(user, name, &Document::part(&everything)?)?;
        request.admin.put_permission(info).await?;
    }
    Answer::put(put)
}

/// Makes one as a request or a file of definitions says. What is not said stays as it was.
pub(crate) async fn put_one(
    admin: &Admin,
    name: &str,
    document: &Document,
) -> Result<Put, Failure> {
    admin.put_vhost(name, |settings| change(settings, document)).await
}

/// Whether a vhost could be made as a file of definitions says; its name, and the type of its queues if that is said.
pub(crate) fn check_one<'a>(
    admin: &Admin,
    document: &'a Document,
) -> Result<(&'a str, Option<QueueKind>), Failure> {
    let name = document.text("name")?;
    let known = admin.vhost(name);
    let mut settings = known.map(|vhost| vhost.settings).unwrap_or_default();
    change(&mut settings, document)?;
    admin.check_vhost(name, &settings)?;
    Ok((name, settings.default_queue_type))
}

fn change(settings: &mut VhostSettings, document: &Document) -> Result<(), Failure> {
    let metadata = document.find("metadata").map(Document::part).transpose()?;
    for said in metadata.iter().chain([document]) {
        if said.find("description").is_some() {
            settings.description = said.text("description")?.to_owned();
        }
        if let Some(tags) = said.words("tags")? {
            settings.tags = tags;
        }
        if said.find("protected_from_deletion").is_some() {
            settings.is_protected = said.is_true("protected_from_deletion")?;
        }
        match said.text_or("default_queue_type", "")? {
            "" => {}
            "undefined" => settings.default_queue_type = None,
            "classic" => settings.default_queue_type = Some(QueueKind::Classic),
            "quorum" => settings.default_queue_type = Some(QueueKind::Quorum),
            other => {
                return Err(Failure::bad_request(format!("Unsupported queue type '{other}'")));
            }
        }
    }
    if document.find("tracing").is_some() {
        settings.is_tracing = document.is_true("tracing")?;
    }
    Ok(())
}

/// Starts one, which has nothing to do: vhosts run as long as the node does.
pub(crate) async fn start(request: &Request) -> Result<Answer, Failure> {
    super::nodes::this_node(request)?;
    request.admin.vhost(request.part("vhost")).ok_or_else(Failure::not_found)?;
    Answer::done()
}

/// Deletes one, with everything in it.
pub(crate) async fn delete(request: &Request) -> Result<Answer, Failure> {
    request.admin.delete_vhost(request.part("vhost")).await?;
    Answer::done()
}

/// Keeps one from being deleted.
pub(crate) async fn protect(request: &Request) -> Result<Answer, Failure> {
    set_protection(request, true).await
}

/// Lets one be deleted again.
pub(crate) async fn unprotect(request: &Request) -> Result<Answer, Failure> {
    set_protection(request, false).await
}

async fn set_protection(request: &Request, is_protected: bool) -> Result<Answer, Failure> {
    request.admin.protect_vhost(request.part("vhost"), is_protected).await?;
    Answer::done()
}

/// What the definitions say about one.
pub(crate) fn definition(vhost: &VhostInfo) -> Value {
    let settings = &vhost.settings;
    json!({
        "name": vhost.name.as_str(),
        "description": settings.description,
        "tags": settings.tags,
        "default_queue_type": queue_type(settings.default_queue_type),
        "metadata": metadata(vhost),
    })
}

fn metadata(vhost: &VhostInfo) -> Value {
    let settings = &vhost.settings;
    let mut metadata = json!({ "description": settings.description, "tags": settings.tags });
    if let (Some(kind), Some(metadata)) = (settings.default_queue_type, metadata.as_object_mut()) {
        metadata.insert("default_queue_type".to_owned(), queue_type(Some(kind)).into());
    }
    if settings.is_protected {
        metadata["protected_from_deletion"] = true.into();
    }
    metadata
}

fn queue_type(kind: Option<QueueKind>) -> &'static str {
    match kind {
        None => "undefined",
        Some(QueueKind::Classic) => "classic",
        Some(QueueKind::Quorum) => "quorum",
    }
}

fn fields((admin, node): (&Admin, &str), vhost: &VhostInfo, wanted: &Wanted) -> Fields {
    let settings = &vhost.settings;
    let mut fields = Fields::new();
    fields
        .put(wanted, "name", vhost.name.as_str())
        .put(wanted, "description", settings.description.as_str())
        .put(wanted, "tags", settings.tags.clone())
        .put(wanted, "default_queue_type", queue_type(settings.default_queue_type))
        .put_with(wanted, "metadata", || metadata(vhost))
        .put(wanted, "tracing", vhost.is_traced)
        .put(wanted, "protected_from_deletion", settings.is_protected)
        .put_with(wanted, "cluster_state", || json!({ node: "running" }));
    stats::put_totals_of_vhost(&mut fields, wanted, admin, &vhost.name);
    fields
}
