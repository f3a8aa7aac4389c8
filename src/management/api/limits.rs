//! `/api/vhost-limits` and `/api/user-limits`: how many connections, channels and queues there may be.

use std::collections::HashMap;

use broker::limits::{LimitName, Limits};
use serde_json::{Map, Value};
use server::admin::{Admin, LimitInfo};

use crate::answer::Answer;
use crate::document::Document;
use crate::failure::Failure;
use crate::fields::{Fields, Wanted};
use crate::request::Request;

/// The limits of one user or vhost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LimitsOf(Limits);

impl LimitsOf {
    pub(crate) fn to_json(self) -> Value {
        let limits = self.0.iter().map(|(name, limit)| (name.as_str().to_owned(), limit.into()));
        Value::Object(limits.collect::<Map<_, _>>())
    }
}

/// Those of a vhost, if it has any.
pub(crate) fn limits_of_vhost(admin: &Admin, vhost: &str) -> Option<LimitsOf> {
    Some(admin.vhost_limits_of(vhost)).filter(|limits| !limits.is_empty()).map(LimitsOf)
}

/// Those of all users that have any.
pub(crate) fn by_user(admin: &Admin) -> HashMap<String, LimitsOf> {
    let limits = admin.user_limits().into_iter();
    limits.map(|info| (info.owner, LimitsOf(info.limits))).collect()
}

/// Those of the vhosts that the caller may see.
pub(crate) fn list_of_vhosts(request: &Request) -> Result<Answer, Failure> {
    let mut limits = request.admin.vhost_limits();
    limits.retain(|info| request.may_see(&info.owner));
    request.listing()?.answer(limits, |info, wanted| fields("vhost", info, wanted))
}

/// Those of one vhost.
pub(crate) fn list_of_vhost(request: &Request) -> Result<Answer, Failure> {
    let vhost = request.part("vhost");
    let mut limits = request.admin.vhost_limits();
    limits.retain(|info| info.owner == vhost);
    request.listing()?.answer(limits, |info, wanted| fields("vhost", info, wanted))
}

/// Those of all users.
pub(crate) fn list_of_users(request: &Request) -> Result<Answer, Failure> {
    let limits = request.admin.user_limits();
    request.listing()?.answer(limits, |info, wanted| fields("user", info, wanted))
}

/// Those of one user.
pub(crate) fn list_of_user(request: &Request) -> Result<Answer, Failure> {
    let user = request.part("user");
    let mut limits = request.admin.user_limits();
    limits.retain(|info| info.owner == user);
    request.listing()?.answer(limits, |info, wanted| fields("user", info, wanted))
}

/// Sets one of a vhost.
pub(crate) async fn put_of_vhost(request: &Request) -> Result<Answer, Failure> {
    let (name, value) = limit(request)?;
    request.admin.put_vhost_limit(request.part("vhost"), name, value).await?;
    Answer::done()
}

/// Sets one of a user.
pub(crate) async fn put_of_user(request: &Request) -> Result<Answer, Failure> {
    let (name, value) = limit(request)?;
    request.admin.put_user_limit(request.part("user"), name, value).await?;
    Answer::done()
}

/// Takes one of a vhost away.
pub(crate) async fn delete_of_vhost(request: &Request) -> Result<Answer, Failure> {
    request.admin.delete_vhost_limit(request.part("vhost"), named(request)?).await?;
    Answer::done()
}

/// Takes one of a user away.
pub(crate) async fn delete_of_user(request: &Request) -> Result<Answer, Failure> {
    request.admin.delete_user_limit(request.part("user"), named(request)?).await?;
    Answer::done()
}

fn limit(request: &Request) -> Result<(LimitName, i64), Failure> {
    let document = request.document()?;
    document.need(&["value"])?;
    let name = named(request)?;
    let Some(Value::Number(value)) = document.find("value") else {
        return Err(Failure::bad_request(format!(
            "Validation failed\n\n{} should be a number\n",
            name.as_str()
        )));
    };
    let value = value.as_i64().ok_or_else(|| Failure::bad_request("the value is too large"))?;
    Ok((name, value))
}

fn named(request: &Request) -> Result<LimitName, Failure> {
    let name = request.part("name");
    LimitName::parse(name).ok_or_else(|| unrecognised(name))
}

fn unrecognised(name: &str) -> Failure {
    Failure::bad_request(format!("Validation failed\n\nUnrecognised terms [{name}] in limits\n"))
}

fn fields(owner: &'static str, info: &LimitInfo, wanted: &Wanted) -> Fields {
    let mut fields = Fields::new();
    fields
        .put(wanted, owner, info.owner.as_str())
        .put_with(wanted, "value", || LimitsOf(info.limits).to_json());
    fields
}

/// Sets what the definitions say of a user.
pub(crate) async fn put_all_of_user(
    admin: &Admin,
    name: &str,
    user: &Document,
) -> Result<(), Failure> {
    for (limit, value) in read_of_user(user)? {
        admin.put_user_limit(name, limit, value).await?;
    }
    Ok(())
}

/// What the definitions say of the limits of a user.
///
/// # Errors
/// 400 for one that is not known, or no number: it would be missed once it is needed.
pub(crate) fn read_of_user(user: &Document) -> Result<Vec<(LimitName, i64)>, Failure> {
    let Some(limits) = user.find("limits") else { return Ok(Vec::new()) };
    // Some tools write an empty list for nothing.
    if limits.as_array().is_some_and(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let limits =
        Document::part(limits).map_err(|_| Failure::bad_request("limits should be an object"))?;
    let read = |name: &str| {
        let limit = LimitName::parse(name).ok_or_else(|| unrecognised(name))?;
        let value = limits.integer(name)?;
        let value = value.ok_or_else(|| Failure::bad_request(format!("{name} is null")))?;
        Ok((limit, value))
    };
    limits.keys().map(read).collect()
}
