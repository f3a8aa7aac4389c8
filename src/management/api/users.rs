//! `/api/users`: who may log in, and with which tags.

use std::collections::{HashMap, HashSet};

use broker::User;
use broker::user::{Password, PasswordHash, UserTags};
use serde_json::{Value, json};
use server::admin::{AdminError, NewPassword};

use crate::answer::Answer;
use crate::api::limits::{self, LimitsOf};
use crate::document::Document;
use crate::failure::Failure;
use crate::fields::{Fields, Wanted};
use crate::request::Request;

/// All users.
pub(crate) fn list(request: &Request) -> Result<Answer, Failure> {
    let limits = limits::by_user(&request.admin);
    let show = move |user: &std::sync::Arc<User>, wanted: &Wanted| fields(user, &limits, wanted);
    request.listing()?.answer(request.admin.users(), show)
}

/// Those who may not enter any vhost.
pub(crate) fn list_without_permissions(request: &Request) -> Result<Answer, Failure> {
    let permissions = request.admin.permissions();
    let permitted: HashSet<_> = permissions.iter().map(|permission| &permission.user).collect();
    let mut users = request.admin.users();
    users.retain(|user| !permitted.contains(&user.name));
    let limits = limits::by_user(&request.admin);
    let show = move |user: &std::sync::Arc<User>, wanted: &Wanted| fields(user, &limits, wanted);
    request.listing()?.answer(users, show)
}

/// One user.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    let user = request.admin.user(request.part("user")).ok_or_else(Failure::not_found)?;
    Answer::json(&fields(&user, &limits::by_user(&request.admin), &Wanted::ALL))
}

/// Makes a user, or changes one.
pub(crate) async fn put(request: &Request) -> Result<Answer, Failure> {
    let document = request.document()?;
    let name = request.part("user");
    Answer::put(put_one(&request.admin, name, &document).await?)
}

/// Makes a user as a request or a file of definitions says.
pub(crate) async fn put_one(
    admin: &server::admin::Admin,
    name: &str,
    document: &Document,
) -> Result<server::admin::Put, Failure> {
    let tags = document.words("tags")?.ok_or_else(|| Failure::bad_request("tags_not_present"))?;
    let password = new_password(document)?;
    Ok(admin.put_user(name, password, UserTags::new(tags)).await?)
}

/// Whether a user could be made as a file of definitions says; their name, and whether they could administrate.
pub(crate) fn check_one<'a>(
    admin: &server::admin::Admin,
    document: &'a Document,
) -> Result<(&'a str, bool), Failure> {
    let name = document.text("name")?;
    let tags = document.words("tags")?.ok_or_else(|| Failure::bad_request("tags_not_present"))?;
    let tags = UserTags::new(tags);
    admin.check_user(name, &tags)?;
    let has_password = !matches!(new_password(document)?, NewPassword::None);
    Ok((name, has_password && tags.may_administrate()))
}

fn new_password(document: &Document) -> Result<NewPassword, Failure> {
    let password = document.text_or("password", "")?;
    if !password.is_empty() {
        return Ok(NewPassword::Text(Password::new(password.as_bytes())));
    }
    let hash = document.text_or("password_hash", "")?;
    if hash.is_empty() {
        return Ok(NewPassword::None);
    }
    let algorithm = document.text_or("hashing_algorithm", "")?;
    let algorithm = Some(algorithm).filter(|algorithm| !algorithm.is_empty());
    let hash = PasswordHash::import(algorithm, hash);
    Ok(NewPassword::Hash(hash.map_err(|error| Failure::bad_request(error.to_string()))?))
}

/// Takes a user away.
pub(crate) async fn delete(request: &Request) -> Result<Answer, Failure> {
    request.admin.delete_user(request.part("user")).await?;
    Answer::done()
}

/// Takes several away; those who are not there are passed over, as RabbitMQ does.
pub(crate) async fn delete_many(request: &Request) -> Result<Answer, Failure> {
    let document = request.document()?;
    document.need(&["users"])?;
    for name in document.words("users")?.unwrap_or_default() {
        match request.admin.delete_user(&name).await {
            Ok(()) | Err(AdminError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Answer::done()
}

/// As lists and definitions show a user.
pub(crate) fn fields(user: &User, limits: &HashMap<String, LimitsOf>, wanted: &Wanted) -> Fields {
    let mut fields = Fields::new();
    let hash = user.password.as_ref();
    let algorithm = hash.map(|hash| hash.algorithm().as_str()).unwrap_or(HASHING_ALGORITHM);
    fields
        .put(wanted, "name", user.name.as_str())
        .put_with(wanted, "password_hash", || {
            hash.map(PasswordHash::to_base64).unwrap_or_default().into()
        })
        .put(wanted, "hashing_algorithm", algorithm)
        .put_with(wanted, "tags", || user.tags.iter().map(Value::from).collect())
        .put_with(wanted, "limits", || {
            limits.get(user.name.as_str()).map_or_else(|| json!({}), |limits| limits.to_json())
        });
    fields
}

/// What RabbitMQ names where there is no password.
const HASHING_ALGORITHM: &str = "rabbit_password_hashing_sha256";
