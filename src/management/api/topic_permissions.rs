//! `/api/topic-permissions`: by which routing keys users may publish to and bind topic exchanges.

use serde_json::Value;
use server::admin::TopicPermissionInfo;

use crate::answer::Answer;
use crate::api::permissions::not_for_anybody;
use crate::document::Document;
use crate::failure::Failure;
use crate::fields::{Fields, Wanted};
use crate::request::Request;

/// All of them.
pub(crate) fn list(request: &Request) -> Result<Answer, Failure> {
    request.listing()?.answer(request.admin.topic_permissions(), fields)
}

/// Those of a user.
pub(crate) fn list_of_user(request: &Request) -> Result<Answer, Failure> {
    let user = request.part("user");
    request.admin.user(user).ok_or_else(Failure::not_found)?;
    let mut permissions = request.admin.topic_permissions();
    permissions.retain(|permission| permission.user == *user);
    request.listing()?.answer(permissions, fields)
}

/// Those in a vhost.
pub(crate) fn list_of_vhost(request: &Request) -> Result<Answer, Failure> {
    let vhost = request.part("vhost");
    request.admin.vhost(vhost).ok_or_else(Failure::not_found)?;
    let mut permissions = request.admin.topic_permissions();
    permissions.retain(|permission| permission.vhost == *vhost);
    request.listing()?.answer(permissions, fields)
}

/// Those of a user in a vhost, one for each exchange that is named.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    let (user, vhost) = (request.part("user"), request.part("vhost"));
    let mut permissions = request.admin.topic_permissions();
    permissions.retain(|permission| permission.user == *user && permission.vhost == *vhost);
    if permissions.is_empty() {
        return Err(Failure::not_found());
    }
    request.listing()?.answer(permissions, fields)
}

/// Sets those of a user for an exchange.
pub(crate) async fn put(request: &Request) -> Result<Answer, Failure> {
    let info = read(request.part("user"), request.part("vhost"), &request.document()?)?;
    Answer::put(request.admin.put_topic_permission(info).await.map_err(not_for_anybody)?)
}

/// What a request or a file of definitions says.
pub(crate) fn read(
    user: &str,
    vhost: &str,
    document: &Document,
) -> Result<TopicPermissionInfo, Failure> {
    document.need(&["exchange", "write", "read"])?;
    Ok(TopicPermissionInfo {
        user: user.into(),
        vhost: vhost.into(),
        exchange: document.text("exchange")?.into(),
        write: document.text("write")?.to_owned(),
        read: document.text("read")?.to_owned(),
    })
}

/// Takes all those of a user in a vhost away.
pub(crate) async fn delete(request: &Request) -> Result<Answer, Failure> {
    let (user, vhost) = (request.part("user"), request.part("vhost"));
    request.admin.delete_topic_permission(user, vhost, None).await?;
    Answer::done()
}

/// Takes those of a user for one exchange away.
pub(crate) async fn delete_of_exchange(request: &Request) -> Result<Answer, Failure> {
    let (user, vhost) = (request.part("user"), request.part("vhost"));
    request.admin.delete_topic_permission(user, vhost, Some(request.part("exchange"))).await?;
    Answer::done()
}

pub(crate) fn fields(permission: &TopicPermissionInfo, wanted: &Wanted) -> Fields {
    let mut fields = Fields::new();
    fields
        .put(wanted, "user", permission.user.as_str())
        .put(wanted, "vhost", permission.vhost.as_str())
        .put(wanted, "exchange", permission.exchange.as_str())
        .put(wanted, "write", Value::from(&*permission.write))
        .put(wanted, "read", Value::from(&*permission.read));
    fields
}
