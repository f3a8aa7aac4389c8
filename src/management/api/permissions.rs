//! `/api/permissions`, and those of one user or vhost: what users may configure, write and read where.

use serde_json::Value;
use server::admin::{AdminError, PermissionInfo};

use crate::answer::Answer;
use crate::document::Document;
use crate::failure::Failure;
use crate::fields::{Fields, Wanted};
use crate::request::Request;

/// All of them.
pub(crate) fn list(request: &Request) -> Result<Answer, Failure> {
    request.listing()?.answer(request.admin.permissions(), fields)
}

/// Those of a user.
pub(crate) fn list_of_user(request: &Request) -> Result<Answer, Failure> {
    let user = request.part("user");
    request.admin.user(user).ok_or_else(Failure::not_found)?;
    let mut permissions = request.admin.permissions();
    permissions.retain(|permission| permission.user == *user);
    request.listing()?.answer(permissions, fields)
}

/// Those in a vhost.
pub(crate) fn list_of_vhost(request: &Request) -> Result<Answer, Failure> {
    let vhost = request.part("vhost");
    request.admin.vhost(vhost).ok_or_else(Failure::not_found)?;
    let mut permissions = request.admin.permissions();
    permissions.retain(|permission| permission.vhost == *vhost);
    request.listing()?.answer(permissions, fields)
}

/// Those of a user in a vhost.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    let (user, vhost) = (request.part("user"), request.part("vhost"));
    let mut all = request.admin.permissions().into_iter();
    let found = all.find(|permission| permission.user == *user && permission.vhost == *vhost);
    Answer::json(&fields(&found.ok_or_else(Failure::not_found)?, &Wanted::ALL))
}

/// Sets those of a user in a vhost.
pub(crate) async fn put(request: &Request) -> Result<Answer, Failure> {
    let info = read(request.part("user"), request.part("vhost"), &request.document()?)?;
    Answer::put(request.admin.put_permission(info).await.map_err(not_for_anybody)?)
}

/// RabbitMQ takes it for a mistake in the request if there is no such user or vhost.
pub(crate) fn not_for_anybody(error: AdminError) -> Failure {
    if matches!(error, AdminError::NotFound { .. }) {
        return Failure::bad_request("vhost_or_user_not_found");
    }
    error.into()
}

/// What a request or a file of definitions says.
pub(crate) fn read(
    user: &str,
    vhost: &str,
    document: &Document,
) -> Result<PermissionInfo, Failure> {
    document.need(&["configure", "write", "read"])?;
    Ok(PermissionInfo {
        user: user.into(),
        vhost: vhost.into(),
        configure: document.text("configure")?.to_owned(),
        write: document.text("write")?.to_owned(),
        read: document.text("read")?.to_owned(),
    })
}

/// Takes those of a user in a vhost away.
pub(crate) async fn delete(request: &Request) -> Result<Answer, Failure> {
    request.admin.delete_permission(request.part("user"), request.part("vhost")).await?;
    Answer::done()
}

pub(crate) fn fields(permission: &PermissionInfo, wanted: &Wanted) -> Fields {
    let mut fields = Fields::new();
    fields
        .put(wanted, "user", permission.user.as_str())
        .put(wanted, "vhost", permission.vhost.as_str())
        .put(wanted, "configure", Value::from(&*permission.configure))
        .put(wanted, "write", Value::from(&*permission.write))
        .put(wanted, "read", Value::from(&*permission.read));
    fields
}
