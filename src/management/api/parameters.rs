//! `/api/parameters`: what components of the broker are told in each vhost. Here these are the limits of the vhosts, and the
//! operators' policies, which are set elsewhere.

use broker::VhostName;
use broker::limits::{LimitName, Limits};
use broker::policy::PolicyKind;
use serde_json::{Map, Value};
use server::admin::{Admin, PolicyInfo};

use crate::answer::Answer;
use crate::api::limits::{LimitsOf, limits_of_vhost};
use crate::api::policies;
use crate::document::Document;
use crate::failure::Failure;
use crate::fields::{Fields, Wanted};
use crate::listing::Item;
use crate::request::Request;
use crate::tables::to_erlang;

/// What keeps the limits of a vhost, under the one name `limits`.
pub(crate) const VHOST_LIMITS: &str = "vhost-limits";
/// What keeps the operators' policies.
pub(crate) const OPERATOR_POLICY: &str = "operator_policy";
/// What keeps the users' policies, which are listed nowhere but among policies.
const POLICY: &str = "policy";

/// What is said of a policy where its name and vhost stand apart.
const DEFINED: [&str; 4] = ["pattern", "definition", "priority", "apply-to"];

/// A parameter.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) vhost: VhostName,
    pub(crate) component: &'static str,
    pub(crate) name: String,
    pub(crate) value: Value,
}

impl Item for Parameter {
    fn heap_bytes(&self) -> usize {
        self.name.len() + self.value.to_string().len()
    }

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }
}

/// Those of these vhosts.
pub(crate) fn of_vhosts(admin: &Admin, vhosts: &[VhostName]) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    for vhost in vhosts {
        parameters.extend(limits_of_vhost(admin, vhost).map(|limits| limits_as(vhost, limits)));
        let policies = admin.policies(Some(vhost), PolicyKind::Operator);
        parameters.extend(policies.iter().map(|policy| policy_as(OPERATOR_POLICY, policy)));
    }
    parameters
}

fn limits_as(vhost: &VhostName, limits: LimitsOf) -> Parameter {
    let (vhost, name) = (vhost.clone(), "limits".to_owned());
    Parameter { vhost, component: VHOST_LIMITS, name, value: limits.to_json() }
}

fn policy_as(component: &'static str, info: &PolicyInfo) -> Parameter {
    let policy = &info.policy;
    Parameter {
        vhost: info.vhost.clone(),
        component,
        name: policy.name().to_string(),
        value: policies::fields(info, &Wanted::only(DEFINED)).into(),
    }
}

/// Those of all vhosts that the caller may see.
pub(crate) fn list(request: &Request) -> Result<Answer, Failure> {
    let parameters = of_vhosts(&request.admin, &request.visible_vhosts());
    request.listing()?.answer(parameters, fields)
}

/// Those of a component in all vhosts that the caller may see.
pub(crate) fn list_of_component(request: &Request) -> Result<Answer, Failure> {
    let parameters = of_component(request, &request.visible_vhosts());
    request.listing()?.answer(parameters, fields)
}

/// Those of a component in one vhost.
pub(crate) fn list_of_vhost(request: &Request) -> Result<Answer, Failure> {
    let parameters = of_component(request, &[request.part("vhost").into()]);
    request.listing()?.answer(parameters, fields)
}

/// One of them.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    let name = request.part("name");
    let parameters = of_component(request, &[request.part("vhost").into()]);
    let found = parameters.iter().find(|parameter| parameter.name == name);
    Answer::json(&fields(found.ok_or_else(Failure::not_found)?, &Wanted::ALL))
}

fn of_component(request: &Request, vhosts: &[VhostName]) -> Vec<Parameter> {
    let component = request.part("component");
    if component == POLICY {
        let policies =
            vhosts.iter().flat_map(|vhost| request.admin.policies(Some(vhost), PolicyKind::User));
        return policies.map(|policy| policy_as(POLICY, &policy)).collect();
    }
    let mut parameters = of_vhosts(&request.admin, vhosts);
    parameters.retain(|parameter| parameter.component == component);
    parameters
}

fn fields(parameter: &Parameter, wanted: &Wanted) -> Fields {
    let mut fields = Fields::new();
    fields
        .put(wanted, "value", parameter.value.clone())
        .put(wanted, "vhost", parameter.vhost.as_str())
        .put(wanted, "component", parameter.component)
        .put(wanted, "name", parameter.name.as_str());
    fields
}

/// Sets one: the limits of a vhost, as nothing else can be set here.
pub(crate) async fn put(request: &Request) -> Result<Answer, Failure> {
    let (vhost, name) = (request.part("vhost"), request.part("name"));
    request.admin.vhost(vhost).ok_or_else(|| Failure::missing("vhost_not_found"))?;
    let document = request.document()?;
    document.need(&["value"])?;
    match request.part("component") {
        VHOST_LIMITS if name == "limits" => {
            let value = document.raw("value").unwrap_or(&Value::Null);
            let limits = read_limits(value)?;
            let was_there = limits_of_vhost(&request.admin, vhost).is_some();
            request.admin.replace_vhost_limits(vhost, limits).await?;
            if was_there { Answer::done() } else { Answer::created() }
        }
        VHOST_LIMITS => Err(refused(format!("'{name}' is no limit: they are set as 'limits'"))),
        POLICY | OPERATOR_POLICY => {
            Err(Failure::bad_request("policies may not be set using this method"))
        }
        component => Err(refused(format!("component {component} not found"))),
    }
}

/// Takes one away: the limits of a vhost.
pub(crate) async fn delete(request: &Request) -> Result<Answer, Failure> {
    let (vhost, name) = (request.part("vhost"), request.part("name"));
    match request.part("component") {
        VHOST_LIMITS if name == "limits" && limits_of_vhost(&request.admin, vhost).is_some() => {
            request.admin.replace_vhost_limits(vhost, Limits::default()).await?;
            Answer::done()
        }
        POLICY | OPERATOR_POLICY => {
            Err(Failure::bad_request("policies may not be cleared using this method"))
        }
        _ => Err(Failure::not_found()),
    }
}

/// The limits that a vhost can have.
const LIMITS: [LimitName; 2] = [LimitName::MaxConnections, LimitName::MaxQueues];

/// What a file of definitions says of the limits of a vhost.
///
/// # Errors
/// 400 in RabbitMQ's words.
pub(crate) fn limits_defined(parameter: &Document) -> Result<Limits, Failure> {
    match parameter.raw("value") {
        None => Ok(Limits::default()),
        // Some tools write an empty list for nothing.
        Some(Value::Array(none)) if none.is_empty() => Ok(Limits::default()),
        Some(value) => read_limits(value),
    }
}

fn read_limits(value: &Value) -> Result<Limits, Failure> {
    let Value::Object(object) = value else {
        return Err(refused(format!("limits not a list {}", to_erlang(value))));
    };
    let is_known = |key: &str| LIMITS.iter().any(|limit| limit.as_str() == key);
    let unknown: Vec<String> = unknown(object, is_known);
    if !unknown.is_empty() {
        return Err(refused(format!("Unrecognised terms [{}] in limits", unknown.join(","))));
    }
    let mut limits = Limits::default();
    let document = Document::part(value)?;
    for limit in LIMITS {
        let Some(value) = document.raw(limit.as_str()) else { continue };
        let number = value.as_i64().ok_or_else(|| {
            let term = to_erlang(value);
            refused(format!("{} should be a number, actually was {term}", limit.as_str()))
        })?;
        *limits.value_mut(limit) = Some(number);
    }
    Ok(limits)
}

fn unknown(object: &Map<String, Value>, is_known: impl Fn(&str) -> bool) -> Vec<String> {
    let unknown = object.iter().filter(|(key, _)| !is_known(key));
    unknown.map(|(key, value)| format!("{{<<\"{key}\">>,{}}}", to_erlang(value))).collect()
}

fn refused(fault: String) -> Failure {
    Failure::bad_request(format!("Validation failed\n\n{fault}\n"))
}
