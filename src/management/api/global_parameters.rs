//! `/api/global-parameters`: values that operators and their tools keep with the broker, and how it is called.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use server::admin::{Admin, Put, check_cluster_name, check_global_parameter};

use crate::answer::Answer;
use crate::document::Document;
use crate::failure::Failure;
use crate::fields::{Fields, Wanted};
use crate::listing::Item;
use crate::request::Request;

/// What clients are told of the cluster; among the parameters only if it was given.
pub(crate) const CLUSTER_NAME: &str = "cluster_name";
/// What no other cluster has.
pub(crate) const CLUSTER_ID: &str = "internal_cluster_id";

/// A parameter.
#[derive(Clone, Debug)]
pub(crate) struct GlobalParameter {
    name: String,
    value: Value,
}

impl Item for GlobalParameter {
    fn heap_bytes(&self) -> usize {
        self.name.len() + self.value.to_string().len()
    }

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }
}

/// Those that were set, by name.
pub(crate) fn set(admin: &Admin) -> Vec<GlobalParameter> {
    let given = admin.has_cluster_name().then(|| GlobalParameter {
        name: CLUSTER_NAME.to_owned(),
        value: (*admin.cluster_name()).into(),
    });
    let mut parameters: Vec<GlobalParameter> = given.into_iter().collect();
    for (name, json) in admin.global_parameters() {
        // It was written from a value when it was set.
        let value = serde_json::from_str(&json).unwrap_or(Value::Null);
        parameters.push(GlobalParameter { name: name.to_string(), value });
    }
    parameters
}

/// All of them.
pub(crate) fn list(request: &Request) -> Result<Answer, Failure> {
    request.listing()?.answer(all(&request.admin), fields)
}

fn all(admin: &Admin) -> Vec<GlobalParameter> {
    let mut parameters = set(admin);
    let identity = URL_SAFE_NO_PAD.encode(admin.identity().to_be_bytes());
    let value = format!("rabbitmq-cluster-id-{identity}").into();
    parameters.push(GlobalParameter { name: CLUSTER_ID.to_owned(), value });
    parameters.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    parameters
}

/// One of them.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    let name = request.part("name");
    let all = all(&request.admin);
    let found = all.iter().find(|parameter| parameter.name == name);
    Answer::json(&fields(found.ok_or_else(Failure::not_found)?, &Wanted::ALL))
}

pub(crate) fn fields(parameter: &GlobalParameter, wanted: &Wanted) -> Fields {
    let mut fields = Fields::new();
    fields.put(wanted, "name", parameter.name.as_str()).put(
        wanted,
        "value",
        parameter.value.clone(),
    );
    fields
}

/// Sets one.
pub(crate) async fn put(request: &Request) -> Result<Answer, Failure> {
    Answer::put(put_one(&request.admin, request.part("name"), &request.document()?).await?)
}

/// Whether one can be set so, as far as that does not depend on what there is.
pub(crate) fn check_one(name: &str, document: &Document) -> Result<(), Failure> {
    document.need(&["value"])?;
    match name {
        CLUSTER_ID => Err(unchangeable()),
        CLUSTER_NAME => Ok(check_cluster_name(document.text("value")?)?),
        _ => Ok(check_global_parameter(name, &value_of(document).to_string())?),
    }
}

fn value_of(document: &Document) -> &Value {
    document.raw("value").unwrap_or(&Value::Null)
}

/// Sets one as a request or a file of definitions says.
pub(crate) async fn put_one(
    admin: &Admin,
    name: &str,
    document: &Document,
) -> Result<Put, Failure> {
    check_one(name, document)?;
    match name {
        CLUSTER_NAME => {
            let was_there = admin.has_cluster_name();
            admin.set_cluster_name(Some(document.text("value")?)).await?;
            Ok(if was_there { Put::Updated } else { Put::Created })
        }
        _ => Ok(admin.put_global_parameter(name, &value_of(document).to_string()).await?),
    }
}

/// Takes one away.
pub(crate) async fn delete(request: &Request) -> Result<Answer, Failure> {
    let admin = &request.admin;
    match request.part("name") {
        CLUSTER_ID => return Err(unchangeable()),
        CLUSTER_NAME if !admin.has_cluster_name() => return Err(Failure::not_found()),
        CLUSTER_NAME => admin.set_cluster_name(None).await?,
        name => admin.delete_global_parameter(name).await?,
    }
    Answer::done()
}

fn unchangeable() -> Failure {
    Failure::bad_request(format!("{CLUSTER_ID} is made with the data folder, and stays"))
}
