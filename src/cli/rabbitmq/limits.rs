//! Commands about the limits of vhosts, of users and of the node.

use serde_json::{Value, json};

use super::call::{Call, Done};
use super::fault::{DATA, Fault, UNAVAILABLE};
use super::format::Rows;
use crate::api::{Api, path};
use crate::units::parse_bytes;

/// Whose limits: how the API names them, and the list of them.
struct Owner<'o> {
    kind: &'static str,
    field: &'static str,
    name: &'o str,
}

impl<'o> Owner<'o> {
    fn vhost(name: &'o str) -> Self {
        Self { kind: "vhost-limits", field: "vhost", name }
    }

    fn user(name: &'o str) -> Self {
        Self { kind: "user-limits", field: "user", name }
    }

    /// What is set, an object.
    fn known(&self, api: &Api) -> Result<Value, Fault> {
        let found = api.get(&path(&[self.kind, self.name]))?;
        let of = |entry: &&Value| entry[self.field] == *self.name;
        let found = found.as_array().into_iter().flatten().find(of);
        Ok(found.map_or_else(|| json!({}), |entry| entry["value"].clone()))
    }

    /// Sets exactly these.
    fn set(&self, api: &Api, limits: &str) -> Result<(), Fault> {
        let Ok(Value::Object(limits)) = serde_json::from_str(limits) else {
            return Err(Fault::error(UNAVAILABLE, "JSON decoding error. Reason: badarg"));
        };
        for (name, value) in &limits {
            api.put(&path(&[self.kind, self.name, name]), &json!({ "value": value }))?;
        }
        let known = self.known(api)?;
        for name in known.as_object().into_iter().flatten().map(|(name, _)| name) {
            // RabbitMQ takes the limits of a vhost as a whole; those of a user are added.
            if self.kind == "vhost-limits" && !limits.contains_key(name) {
                self.clear(api, name)?;
            }
        }
        Ok(())
    }

    fn clear(&self, api: &Api, name: &str) -> Result<(), Fault> {
        match api.delete(&path(&[self.kind, self.name, name])) {
            Err(error) if error.is_missing() => Ok(()),
            done => Ok(done?),
        }
    }

    fn clear_all(&self, api: &Api) -> Result<(), Fault> {
        let known = self.known(api)?;
        known.as_object().into_iter().flatten().try_for_each(|(name, _)| self.clear(api, name))
    }
}

pub(super) fn set_of_vhost(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, vhost, limits) = (call.api()?, call.vhost().to_owned(), call.word(0).to_owned());
    call.say(format!("Setting vhost limits to \"{limits}\" for vhost \"{vhost}\" ..."));
    Owner::vhost(&vhost).set(&api, &limits)?;
    Ok(Done::Silently)
}

pub(super) fn clear_of_vhost(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, vhost) = (call.api()?, call.vhost().to_owned());
    call.say(format!("Clearing vhost \"{vhost}\" limits ..."));
    Owner::vhost(&vhost).clear_all(&api)?;
    Ok(Done::Silently)
}

pub(super) fn list_of_vhosts(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, vhost) = (call.api()?, call.vhost().to_owned());
    if call.has("global") {
        call.say("Listing limits for all vhosts ...");
        return Ok(Done::Rows(table("vhost", "limits", &api.get("/vhost-limits")?)));
    }
    call.say(format!("Listing limits for vhost \"{vhost}\" ..."));
    let known = Owner::vhost(&vhost).known(&api)?;
    let text = if known == json!({}) { String::new() } else { known.to_string() };
    one(call, &api, text)
}

pub(super) fn set_of_user(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, user, limits) = (call.api()?, call.word(0).to_owned(), call.word(1).to_owned());
    call.say(format!("Setting user limits to \"{limits}\" for user \"{user}\" ..."));
    Owner::user(&user).set(&api, &limits)?;
    Ok(Done::Silently)
}

pub(super) fn clear_of_user(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, user, name) = (call.api()?, call.word(0).to_owned(), call.word(1).to_owned());
    if name == "all" {
        call.say(format!("Clearing all limits for user \"{user}\" ..."));
        Owner::user(&user).clear_all(&api)?;
    } else {
        call.say(format!("Clearing \"{name}\" limit for user \"{user}\" ..."));
        Owner::user(&user).clear(&api, &name)?;
    }
    Ok(Done::Silently)
}

pub(super) fn list_of_users(call: &mut Call<'_>) -> Result<Done, Fault> {
    let api = call.api()?;
    if call.has("global") {
        call.say("Listing limits for all users ...");
        return Ok(Done::Rows(table("user", "limits", &api.get("/user-limits")?)));
    }
    let user = call.arguments.value("user").unwrap_or("guest").to_owned();
    call.say(format!("Listing limits for user \"{user}\" ..."));
    let text = Owner::user(&user).known(&api)?.to_string();
    one(call, &api, text)
}

/// The limits of one, which are JSON in every form.
fn one(call: &Call<'_>, api: &Api, text: String) -> Result<Done, Fault> {
    let value = json!({ "node": call.node_name(api)?, "result": "ok", "value": text });
    Ok(Done::Value { text: text + "\n", value })
}

fn table(owner: &str, title: &str, found: &Value) -> Rows {
    let rows = found.as_array().into_iter().flatten();
    let rows = rows.map(|row| vec![row[owner].clone(), row["value"].to_string().into()]).collect();
    Rows { columns: vec![owner.to_owned(), title.to_owned()], rows, ..Rows::default() }
}

/// `0.4`, or `absolute 2GB`
pub(super) fn set_memory(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (value, shown) = match call.words() {
        [absolute, size] if absolute == "absolute" => {
            let bytes = parse_bytes(size).ok_or_else(|| call.misused(DATA, "Bad argument."))?;
            (json!(bytes), format!("{size} bytes"))
        }
        [share] => {
            let known: f64 = share.parse().map_err(|_| call.misused(DATA, "Bad argument."))?;
            if !(known > 0.0 && known <= 1.0) {
                let why = "Bad argument: The threshold should be a fraction between 0.0 and 1.0";
                return Err(call.misused(DATA, why));
            }
            (json!(known), share.clone())
        }
        _ => return Err(call.misused(super::fault::USAGE, "too many arguments.")),
    };
    let api = call.api()?;
    let node = call.node_name(&api)?;
    call.say(format!("Setting memory threshold on {node} to {shown} ..."));
    api.put("/node-limits/memory", &json!({ "value": value }))?;
    Ok(Done::Silently)
}

/// `60MB`, or `mem_relative 1.5`
pub(super) fn set_disk(call: &mut Call<'_>) -> Result<Done, Fault> {
    let bad = |call: &Call<'_>| call.misused(DATA, "Bad argument.");
    let api;
    let (bytes, shown) = match call.words() {
        [relative, share] if relative == "mem_relative" => {
            let known: f64 = share.parse().map_err(|_| bad(call))?;
            if !(0.0..=1000.0).contains(&known) {
                return Err(bad(call));
            }
            api = call.api()?;
            let limits = api.get("/node-limits")?;
            let available = limits["memory-available"].as_u64().unwrap_or(0);
            (times(available, known), format!("{known} times the total RAM"))
        }
        [size] => {
            let bytes = parse_bytes(size).ok_or_else(|| bad(call))?;
            api = call.api()?;
            (bytes, format!("{size} bytes"))
        }
        _ => return Err(call.misused(super::fault::USAGE, "too many arguments.")),
    };
    let node = call.node_name(&api)?;
    call.say(format!("Setting disk free limit on {node} to {shown} ..."));
    api.put("/node-limits/disk-free", &json!({ "value": bytes }))?;
    Ok(Done::Silently)
}

/// A number of bytes, so many times.
fn times(bytes: u64, factor: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between nothing and a billion"
    )]
    let millionths = (factor * 1_000_000.0) as u64;
    (bytes / 1_000_000).saturating_mul(millionths)
}
