//! Commands about policies, parameters and the name of the cluster.

use serde_json::{Value, json};

use super::call::{Call, Done};
use super::fault::{Fault, UNAVAILABLE};
use super::format::Rows;
use crate::api::path;

fn badly_written() -> Fault {
    Fault::error(UNAVAILABLE, "JSON decoding error. Reason: badarg")
}

fn set(call: &mut Call<'_>, (said, kind): (&str, &str)) -> Result<Done, Fault> {
    let (api, vhost) = (call.api()?, call.vhost().to_owned());
    let [name, pattern, definition] = [0, 1, 2].map(|position| call.word(position).to_owned());
    let priority = call.arguments.value("priority").unwrap_or("0").to_owned();
    call.say(format!(
        "Setting {said} \"{name}\" for pattern \"{pattern}\" to \"{definition}\" with priority \"{priority}\" for vhost \"{vhost}\" ..."
    ));
    let definition: Value = serde_json::from_str(&definition).map_err(|_| badly_written())?;
    let priority: i64 = priority.parse().map_err(|_| {
        Fault::error(UNAVAILABLE, "Validation failed\n\npriority should be number\n")
    })?;
    let body = json!({
        "pattern": pattern,
        "definition": definition,
        "priority": priority,
        "apply-to": call.arguments.value("apply-to").unwrap_or("all"),
    });
    api.put(&path(&[kind, &vhost, &name]), &body)
        .map_err(|error| error.about(&format!("vhost '{vhost}'")))?;
    Ok(Done::Silently)
}

pub(super) fn set_policy(call: &mut Call<'_>) -> Result<Done, Fault> {
    set(call, ("policy", "policies"))
}

pub(super) fn set_operator_policy(call: &mut Call<'_>) -> Result<Done, Fault> {
    set(call, ("operator policy override", "operator-policies"))
}

fn clear(call: &mut Call<'_>, (said, kind): (&str, &str)) -> Result<Done, Fault> {
    let (api, vhost, name) = (call.api()?, call.vhost().to_owned(), call.word(0).to_owned());
    call.say(format!("Clearing {said} \"{name}\" on vhost \"{vhost}\" ..."));
    match api.delete(&path(&[kind, &vhost, &name])) {
        Err(error) if error.is_missing() => {
            Err(Fault::error(UNAVAILABLE, "Parameter does not exist"))
        }
        done => Ok(done.map(|()| Done::Silently)?),
    }
}

pub(super) fn clear_policy(call: &mut Call<'_>) -> Result<Done, Fault> {
    clear(call, ("policy", "policies"))
}

pub(super) fn clear_operator_policy(call: &mut Call<'_>) -> Result<Done, Fault> {
    clear(call, ("operator policy", "operator-policies"))
}

fn list(call: &mut Call<'_>, (said, kind): (&str, &str)) -> Result<Done, Fault> {
    let (api, vhost) = (call.api()?, call.vhost().to_owned());
    call.say(format!("Listing {said} for vhost \"{vhost}\" ..."));
    let found = api
        .get(&path(&[kind, &vhost]))
        .map_err(|error| error.about(&format!("vhost '{vhost}'")))?;
    const COLUMNS: [&str; 6] = ["vhost", "name", "pattern", "apply-to", "definition", "priority"];
    let row = |policy: &Value| {
        let cell = |name: &&str| match *name {
            "definition" => policy["definition"].to_string().into(),
            name => policy[name].clone(),
        };
        COLUMNS.iter().map(cell).collect()
    };
    let rows = found.as_array().into_iter().flatten().map(row).collect();
    let columns = COLUMNS.iter().map(|name| (*name).to_owned()).collect();
    Ok(Done::Rows(Rows { columns, rows, ..Rows::default() }))
}

pub(super) fn list_policies(call: &mut Call<'_>) -> Result<Done, Fault> {
    list(call, ("policies", "policies"))
}

pub(super) fn list_operator_policies(call: &mut Call<'_>) -> Result<Done, Fault> {
    list(call, ("operator policy overrides", "operator-policies"))
}

pub(super) fn list_parameters(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, vhost) = (call.api()?, call.vhost().to_owned());
    call.say(format!("Listing runtime parameters for vhost \"{vhost}\" ..."));
    let found = api.get("/parameters")?;
    let rows = found
        .as_array()
        .into_iter()
        .flatten()
        .filter(|parameter| parameter["vhost"] == *vhost && parameter["component"] != "policy")
        .map(|of| vec![of["component"].clone(), of["name"].clone(), of["value"].to_string().into()])
        .collect();
    let columns = ["component", "name", "value"].map(str::to_owned).to_vec();
    Ok(Done::Rows(Rows { columns, rows, ..Rows::default() }))
}

pub(super) fn set_parameter(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, vhost) = (call.api()?, call.vhost().to_owned());
    let [component, name, value] = [0, 1, 2].map(|position| call.word(position).to_owned());
    call.say(format!(
        "Setting runtime parameter \"{name}\" for component \"{component}\" to \"{value}\" in vhost \"{vhost}\" ..."
    ));
    let value: Value = serde_json::from_str(&value).map_err(|_| badly_written())?;
    api.put(&path(&["parameters", &component, &vhost, &name]), &json!({ "value": value }))
        .map_err(|error| error.about(&format!("vhost '{vhost}'")))?;
    Ok(Done::Silently)
}

pub(super) fn clear_parameter(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, vhost) = (call.api()?, call.vhost().to_owned());
    let (component, name) = (call.word(0).to_owned(), call.word(1).to_owned());
    call.say(format!(
        "Clearing runtime parameter \"{name}\" for component \"{component}\" on vhost \"{vhost}\" ..."
    ));
    match api.delete(&path(&["parameters", &component, &vhost, &name])) {
        Err(error) if error.is_missing() => {
            Err(Fault::error(UNAVAILABLE, "Parameter does not exist"))
        }
        done => Ok(done.map(|()| Done::Silently)?),
    }
}

pub(super) fn list_global_parameters(call: &mut Call<'_>) -> Result<Done, Fault> {
    let api = call.api()?;
    call.say("Listing global runtime parameters ...");
    let found = api.get("/global-parameters")?;
    let rows = found.as_array().into_iter().flatten();
    let rows = rows.map(|of| vec![of["name"].clone(), of["value"].to_string().into()]).collect();
    let columns = ["name", "value"].map(str::to_owned).to_vec();
    Ok(Done::Rows(Rows { columns, rows, ..Rows::default() }))
}

pub(super) fn set_global_parameter(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, name, value) = (call.api()?, call.word(0).to_owned(), call.word(1).to_owned());
    call.say(format!("Setting global runtime parameter \"{name}\" to \"{value}\" ..."));
    let value: Value = serde_json::from_str(&value).map_err(|_| badly_written())?;
    api.put(&path(&["global-parameters", &name]), &json!({ "value": value }))?;
    Ok(Done::Silently)
}

pub(super) fn clear_global_parameter(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, name) = (call.api()?, call.word(0).to_owned());
    call.say(format!("Clearing global runtime parameter \"{name}\" ..."));
    match api.delete(&path(&["global-parameters", &name])) {
        Err(error) if error.is_missing() => {
            Err(Fault::error(UNAVAILABLE, "Parameter does not exist"))
        }
        done => Ok(done.map(|()| Done::Silently)?),
    }
}

pub(super) fn set_cluster_name(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, name) = (call.api()?, call.word(0).to_owned());
    call.say(format!("Setting cluster name to {name} ..."));
    api.put("/cluster-name", &json!({ "name": name }))?;
    Ok(Done::Silently)
}
