//! Commands about vhosts.

use serde_json::{Map, Value, json};

use super::call::{Call, Done};
use super::fault::{DATA, Fault};
use super::lists::{self, Known};
use crate::api::path;

pub(super) const KEYS: &[(&str, Known)] = &[
    ("name", Known::Field("name")),
    ("tracing", Known::Field("tracing")),
    ("cluster_state", Known::Field("cluster_state")),
    ("description", Known::Field("description")),
    ("tags", Known::Field("tags")),
    ("default_queue_type", Known::Field("default_queue_type")),
    ("protected_from_deletion", Known::Field("protected_from_deletion")),
    ("metadata", Known::Field("metadata")),
];

pub(super) fn list(call: &mut Call<'_>) -> Result<Done, Fault> {
    let keys = lists::keys(call, call.words(), KEYS, &["name"])?;
    let api = call.api()?;
    call.say("Listing vhosts ...");
    let found = api.get("/vhosts")?;
    Ok(Done::Rows(lists::rows(&found, &keys)))
}

pub(super) fn add(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, name) = (call.api()?, call.word(0).to_owned());
    call.say(format!("Adding vhost \"{name}\" ..."));
    let mut body = Map::new();
    for (switch, key) in [
        ("description", "description"),
        ("tags", "tags"),
        ("default-queue-type", "default_queue_type"),
    ] {
        if let Some(value) = call.arguments.value(switch) {
            body.insert(key.to_owned(), value.into());
        }
    }
    api.put(&path(&["vhosts", &name]), &Value::Object(body))?;
    Ok(Done::Silently)
}

pub(super) fn no_vhost(name: &str) -> Fault {
    Fault::plain(DATA, format!("Virtual host '{name}' does not exist"))
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, name) = (call.api()?, call.word(0).to_owned());
    call.say(format!("Deleting vhost \"{name}\" ..."));
    match api.delete(&path(&["vhosts", &name])) {
        Err(error) if error.is_missing() => Err(no_vhost(&name)),
        done => Ok(done.map(|()| Done::Silently)?),
    }
}

pub(super) fn trace_on(call: &mut Call<'_>) -> Result<Done, Fault> {
    trace(call, ("Starting", "enabled"), true)
}

pub(super) fn trace_off(call: &mut Call<'_>) -> Result<Done, Fault> {
    trace(call, ("Stopping", "disabled"), false)
}

/// A vhost that is not there is none to RabbitMQ either, which says that it is done; here it says that it is not.
fn trace(call: &mut Call<'_>, words: (&str, &str), is_tracing: bool) -> Result<Done, Fault> {
    let (api, vhost) = (call.api()?, call.vhost().to_owned());
    call.say(format!("{} tracing for vhost \"{vhost}\" ...", words.0));
    call.need_vhost(&api, || no_vhost(&vhost))?;
    api.put(&path(&["vhosts", &vhost]), &json!({ "tracing": is_tracing }))?;
    Ok(Done::Text(format!("Trace {} for vhost {vhost}", words.1)))
}
