//! `/api/policies`: arguments that queues and exchanges get by their names.

use broker::policy::{ApplyTo, PolicyFault, PolicyKind};
use serde_json::Value;
use server::admin::{NewPolicy, PolicyInfo};

use crate::answer::Answer;
use crate::document::Document;
use crate::failure::Failure;
use crate::fields::{Fields, Wanted};
use crate::request::Request;
use crate::tables::{table_to_json, to_erlang};

/// Those of all vhosts that the caller may see.
pub(crate) fn list(request: &Request) -> Result<Answer, Failure> {
    list_of(PolicyKind::User, request)
}

/// Those of one vhost.
pub(crate) fn list_of_vhost(request: &Request) -> Result<Answer, Failure> {
    list_of_vhost_of(PolicyKind::User, request)
}

/// One of them.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    show_of(PolicyKind::User, request)
}

/// Sets one.
pub(crate) async fn put(request: &Request) -> Result<Answer, Failure> {
    put_of(PolicyKind::User, request).await
}

/// Takes one away.
pub(crate) async fn delete(request: &Request) -> Result<Answer, Failure> {
    delete_of(PolicyKind::User, request).await
}

pub(super) fn list_of(kind: PolicyKind, request: &Request) -> Result<Answer, Failure> {
    let vhosts = request.visible_vhosts();
    let policies = vhosts.iter().flat_map(|vhost| request.admin.policies(Some(vhost), kind));
    request.listing()?.answer(policies.collect(), fields)
}

pub(super) fn list_of_vhost_of(kind: PolicyKind, request: &Request) -> Result<Answer, Failure> {
    let policies = request.admin.policies(Some(request.part("vhost")), kind);
    request.listing()?.answer(policies, fields)
}

pub(super) fn show_of(kind: PolicyKind, request: &Request) -> Result<Answer, Failure> {
    let policy = request.admin.policy(request.part("vhost"), kind, request.part("policy"));
    Answer::json(&fields(&policy.ok_or_else(Failure::not_found)?, &Wanted::ALL))
}

pub(super) async fn put_of(kind: PolicyKind, request: &Request) -> Result<Answer, Failure> {
    let vhost = request.part("vhost");
    request.admin.vhost(vhost).ok_or_else(|| Failure::missing("vhost_not_found"))?;
    let document = request.document()?;
    let policy = read(request.part("policy"), &document)?;
    Answer::put(request.admin.put_policy(vhost, kind, policy).await?)
}

pub(super) async fn delete_of(kind: PolicyKind, request: &Request) -> Result<Answer, Failure> {
    request.admin.delete_policy(request.part("vhost"), kind, request.part("policy")).await?;
    Answer::done()
}

/// What a request or a file of definitions says; whether its definition makes sense is not looked at.
pub(crate) fn read<'a>(name: &'a str, document: &'a Document) -> Result<NewPolicy<'a>, Failure> {
    document.need(&["pattern", "definition"])?;
    let pattern = match document.raw("pattern") {
        Some(Value::String(pattern)) => pattern,
        other => {
            let term = other.map(to_erlang).unwrap_or_default();
            return Err(refused(format!("pattern should be a binary but was {term}")));
        }
    };
    let definition = match document.raw("definition") {
        Some(Value::Object(_)) => document.table("definition")?,
        other => {
            let term = other.map(to_erlang).unwrap_or_default();
            return Err(refused(format!("definition must be a dictionary: {term}")));
        }
    };
    Ok(NewPolicy {
        name,
        pattern,
        apply_to: apply_to(document.find("apply-to"))?,
        priority: priority(document.find("priority"))?,
        definition,
    })
}

fn refused(fault: String) -> Failure {
    Failure::bad_request(PolicyFault::new(fault).to_string())
}

fn apply_to(value: Option<&Value>) -> Result<ApplyTo, Failure> {
    let parsed = match value {
        None => Ok(ApplyTo::default()),
        Some(Value::String(text)) => ApplyTo::parse(text),
        Some(other) => ApplyTo::parse(&to_erlang(other)),
    };
    parsed.map_err(|fault| Failure::bad_request(fault.to_string()))
}

fn priority(value: Option<&Value>) -> Result<i64, Failure> {
    match value {
        None => Ok(0),
        Some(Value::Number(number)) => number.as_i64().ok_or_else(|| {
            refused(format!("priority should be a whole number of 64 bits, actually was {number}"))
        }),
        Some(other) => {
            let term = to_erlang(other);
            Err(refused(format!("priority should be a number, actually was {term}")))
        }
    }
}

pub(crate) fn fields(info: &PolicyInfo, wanted: &Wanted) -> Fields {
    let policy = &info.policy;
    let mut fields = Fields::new();
    fields
        .put(wanted, "vhost", info.vhost.as_str())
        .put(wanted, "name", policy.name().as_str())
        .put(wanted, "pattern", policy.pattern())
        .put(wanted, "apply-to", policy.apply_to().as_str())
        .put_with(wanted, "definition", || table_to_json(policy.definition()))
        .put(wanted, "priority", policy.priority());
    fields
}
