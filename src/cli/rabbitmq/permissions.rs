//! Commands about what users may do.

use serde_json::{Value, json};

use super::call::{Call, Done};
use super::fault::{Fault, NO_USER, UNAVAILABLE};
use super::format::Rows;
use super::vhosts::no_vhost;
use crate::api::{Api, path};

/// Fails unless user and vhost are there, in RabbitMQ's words.
fn need_both(call: &Call<'_>, api: &Api, user: &str) -> Result<(), Fault> {
    if api.find(&path(&["users", user]))?.is_none() {
        return Err(Fault::error(NO_USER, &format!("User {user} does not exist")));
    }
    call.need_vhost(api, || {
        Fault::error(UNAVAILABLE, &format!("Virtual host {} does not exist", call.vhost()))
    })
}

pub(super) fn set(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, user, vhost) = (call.api()?, call.word(0).to_owned(), call.vhost().to_owned());
    call.say(format!("Setting permissions for user \"{user}\" in vhost \"{vhost}\" ..."));
    need_both(call, &api, &user)?;
    let body = json!({
        "configure": call.word(1), "write": call.word(2), "read": call.word(3),
    });
    api.put(&path(&["permissions", &vhost, &user]), &body)?;
    Ok(Done::Silently)
}

pub(super) fn clear(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, user, vhost) = (call.api()?, call.word(0).to_owned(), call.vhost().to_owned());
    call.say(format!("Clearing permissions for user \"{user}\" in vhost \"{vhost}\" ..."));
    need_both(call, &api, &user)?;
    match api.delete(&path(&["permissions", &vhost, &user])) {
        Err(error) if error.is_missing() => Ok(Done::Silently),
        done => Ok(done.map(|()| Done::Silently)?),
    }
}

pub(super) fn set_topic(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, user, vhost) = (call.api()?, call.word(0).to_owned(), call.vhost().to_owned());
    let exchange = call.word(1).to_owned();
    call.say(format!(
        "Setting topic permissions on \"{exchange}\" for user \"{user}\" in vhost \"{vhost}\" ..."
    ));
    need_both(call, &api, &user)?;
    let body = json!({ "exchange": exchange, "write": call.word(2), "read": call.word(3) });
    api.put(&path(&["topic-permissions", &vhost, &user]), &body)?;
    Ok(Done::Silently)
}

pub(super) fn clear_topic(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, user, vhost) = (call.api()?, call.word(0).to_owned(), call.vhost().to_owned());
    let exchange = call.words().get(1).cloned();
    let on = exchange.as_ref().map(|exchange| format!(" on \"{exchange}\"")).unwrap_or_default();
    call.say(format!(
        "Clearing topic permissions{on} for user \"{user}\" in vhost \"{vhost}\" ..."
    ));
    need_both(call, &api, &user)?;
    let mut place = vec!["topic-permissions", &vhost, &user];
    place.extend(exchange.as_deref());
    match api.delete(&path(&place)) {
        Err(error) if error.is_missing() => Ok(Done::Silently),
        done => Ok(done.map(|()| Done::Silently)?),
    }
}

/// What is listed, with these of its fields.
fn list(found: Value, columns: &[&str]) -> Rows {
    let rows = found.as_array().into_iter().flatten();
    let rows = rows.map(|row| columns.iter().map(|name| row[name].clone()).collect()).collect();
    let columns = columns.iter().map(|name| (*name).to_owned()).collect();
    Rows { columns, rows, ..Rows::default() }
}

pub(super) fn list_of_vhost(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, vhost) = (call.api()?, call.vhost().to_owned());
    call.say(format!("Listing permissions for vhost \"{vhost}\" ..."));
    let found = api.find(&path(&["vhosts", &vhost, "permissions"]))?;
    let found = found.ok_or_else(|| no_vhost(&vhost))?;
    Ok(Done::Rows(list(found, &["user", "configure", "write", "read"])))
}

pub(super) fn list_topic_of_vhost(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, vhost) = (call.api()?, call.vhost().to_owned());
    call.say(format!("Listing topic permissions for vhost \"{vhost}\" ..."));
    let found = api.find(&path(&["vhosts", &vhost, "topic-permissions"]))?;
    let found = found.ok_or_else(|| no_vhost(&vhost))?;
    Ok(Done::Rows(list(found, &["user", "exchange", "write", "read"])))
}

fn of_user(api: &Api, user: &str, what: &str) -> Result<Value, Fault> {
    let found = api.find(&path(&["users", user, what]))?;
    found.ok_or_else(|| Fault::error(UNAVAILABLE, &format!("{{:no_such_user, \"{user}\"}}")))
}

pub(super) fn list_of_user(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, user) = (call.api()?, call.word(0).to_owned());
    call.say(format!("Listing permissions for user \"{user}\" ..."));
    let found = of_user(&api, &user, "permissions")?;
    Ok(Done::Rows(list(found, &["vhost", "configure", "write", "read"])))
}

pub(super) fn list_topic_of_user(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, user) = (call.api()?, call.word(0).to_owned());
    call.say(format!("Listing topic permissions for user \"{user}\" ..."));
    let found = of_user(&api, &user, "topic-permissions")?;
    let rows = list(found, &["vhost", "exchange", "write", "read"]);
    Ok(Done::Rows(Rows { is_untitled: true, ..rows }))
}
