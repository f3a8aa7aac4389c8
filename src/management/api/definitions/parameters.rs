//! The parameters in a document of definitions, those of vhosts and those of the node.

use serde_json::{Map, Value};
use server::admin::Admin;

use super::check::{Findings, called};
use crate::api::global_parameters;
use crate::api::parameters::{self, VHOST_LIMITS};
use crate::document::Document;
use crate::failure::Failure;
use crate::fields::Wanted;

/// The parameters of one vhost or of all: limits, and the operators' policies.
pub(super) fn export(admin: &Admin, vhost: Option<&str>) -> Value {
    let vhosts = match vhost {
        Some(vhost) => vec![vhost.into()],
        None => admin.vhosts().into_iter().map(|vhost| vhost.name).collect(),
    };
    let show = |parameter: parameters::Parameter| {
        let mut fields = Map::new();
        fields.insert("value".to_owned(), parameter.value);
        if vhost.is_none() {
            fields.insert("vhost".to_owned(), parameter.vhost.as_str().into());
        }
        fields.insert("component".to_owned(), parameter.component.into());
        fields.insert("name".to_owned(), parameter.name.into());
        Value::Object(fields)
    };
    parameters::of_vhosts(admin, &vhosts).into_iter().map(show).collect()
}

/// The parameters of the node that were set; not what only this cluster can be called.
pub(super) fn export_global(admin: &Admin) -> Value {
    let show = |parameter: &_| Value::from(global_parameters::fields(parameter, &Wanted::ALL));
    global_parameters::set(admin).iter().map(show).collect()
}

/// The parameters of the vhosts that are limits, each with its vhost, or all for this one; whatever else there may be is not
/// known here, and noted.
///
/// # Errors
/// 400 if it is no list.
pub(super) fn read_limits(
    document: &Document,
    vhost: Option<&str>,
    findings: &mut Findings,
) -> Result<Vec<(String, Document)>, Failure> {
    let mut limits = Vec::new();
    for parameter in document.list("parameters")? {
        if super::policies::is_operators(&parameter) {
            continue;
        }
        let place = match parameter.text("component") {
            Ok(VHOST_LIMITS) => vhost.map_or_else(|| parameter.text("vhost"), Ok),
            Ok(other) => Err(Failure::bad_request(format!(
                "parameters of the component '{other}' are not supported yet: take them out of the definitions"
            ))),
            Err(failure) => Err(failure),
        };
        let place = place.map(str::to_owned);
        limits.extend(findings.note("a parameter", place).map(|place| (place, parameter)));
    }
    Ok(limits)
}

/// The parameters of the node. That by which another cluster is known is not taken over.
///
/// # Errors
/// 400 if they are no list.
pub(super) fn read_global(
    document: &Document,
    findings: &mut Findings,
) -> Result<Vec<Document>, Failure> {
    let mut parameters = document.list("global_parameters")?;
    parameters.retain(|parameter| parameter.text("name") != Ok(global_parameters::CLUSTER_ID));
    for parameter in &parameters {
        let checked = parameter
            .need(&["name", "value"])
            .and_then(|()| global_parameters::check_one(parameter.text("name")?, parameter));
        findings.note(called("global parameter", parameter, None), checked);
    }
    Ok(parameters)
}

/// Whether a parameter of the node is set.
pub(super) fn is_global_there(admin: &Admin, name: &str) -> bool {
    match name {
        global_parameters::CLUSTER_NAME => admin.has_cluster_name(),
        name => admin.global_parameter(name).is_some(),
    }
}

/// Sets a parameter of the node.
pub(super) async fn put_global(admin: &Admin, parameter: &Document) -> Result<(), Failure> {
    global_parameters::put_one(admin, parameter.text("name")?, parameter).await.map(|_| ())
}
