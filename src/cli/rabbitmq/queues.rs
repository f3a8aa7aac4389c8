//! Commands that delete and purge queues, and close connections.

use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::call::{Call, Done};
use super::fault::{Fault, UNAVAILABLE, USAGE};
use super::lists::pid;
use crate::api::{ApiError, path, query};
use crate::delete::close_all;

pub(super) fn delete(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, vhost, name) = (call.api()?, call.vhost().to_owned(), call.word(0).to_owned());
    let (if_empty, if_unused) = (call.has("if-empty"), call.has("if-unused"));
    let only = match (if_empty, if_unused) {
        (false, false) => "",
        (true, false) => "if queue is empty ",
        (false, true) => "if queue is unused ",
        (true, true) => "if queue is empty and if queue is unused ",
    };
    call.say(format!("Deleting queue '{name}' on vhost '{vhost}' {only}..."));
    let place = path(&["queues", &vhost, &name]);
    let missing = || Fault::error(USAGE, "Queue not found");
    let ready = api.find(&query(&place, &[("columns", Some("messages_ready"))]))?;
    let ready = ready.ok_or_else(missing)?["messages_ready"].as_u64().unwrap_or(0);
    let flags =
        [("if-empty", if_empty.then_some("true")), ("if-unused", if_unused.then_some("true"))];
    match api.delete(&query(&place, &flags)) {
        Ok(()) => {
            Ok(Done::Text(format!("Queue was successfully deleted with {ready} ready messages")))
        }
        Err(error) if error.is_missing() => Err(missing()),
        Err(ApiError::Refused { status: 400, reason }) => {
            let why = if reason.ends_with(" not empty") { "not empty" } else { "in use" };
            Err(Fault::error(USAGE, &format!("Queue is {why}")))
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) fn purge(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, vhost, name) = (call.api()?, call.vhost().to_owned(), call.word(0).to_owned());
    call.say(format!("Purging queue '{name}' in vhost '{vhost}' ..."));
    match api.delete(&path(&["queues", &vhost, &name, "contents"])) {
        Err(error) if error.is_missing() => Err(Fault::error(UNAVAILABLE, "not_found")),
        done => Ok(done.map(|()| Done::Silently)?),
    }
}

/// By what `list_connections pid` shows, or by the connection's name.
pub(super) fn close_connection(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, wanted, why) = (call.api()?, call.word(0).to_owned(), call.word(1).to_owned());
    call.say(format!("Closing connection {wanted}, reason: {why}..."));
    let is_meant = |connection: &Value| {
        connection["name"].as_str().is_some_and(|name| name == wanted || pid(name) == wanted)
    };
    match close_all(&api, &why, usize::MAX, is_meant)? {
        0 => Err(Fault::error(
            UNAVAILABLE,
            &format!(
                "there is no connection {wanted}: 'list_connections pid' shows those there are"
            ),
        )),
        _ => Ok(Done::Silently),
    }
}

pub(super) fn close_all_connections(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, vhost, why) = (call.api()?, call.vhost().to_owned(), call.word(0).to_owned());
    let is_global = call.has("global");
    let limit = call.arguments.value("limit").and_then(|limit| limit.parse::<usize>().ok());
    let limit = limit.filter(|&limit| limit > 0);
    let count = limit.map_or_else(|| "all".to_owned(), |limit| limit.to_string());
    let place = if is_global { String::new() } else { format!(" in vhost {vhost}") };
    call.say(format!("Closing {count} connections{place}, reason: {why}..."));
    let delay = call.arguments.value("per-connection-delay");
    let delay = delay.and_then(|delay| delay.parse().ok()).unwrap_or(0_u64).min(60_000);
    let closed = close_all(&api, &why, limit.unwrap_or(usize::MAX), |connection| {
        let is_meant = is_global || connection["vhost"] == *vhost;
        if is_meant && delay > 0 {
            thread::sleep(Duration::from_millis(delay));
        }
        is_meant
    })?;
    Ok(Done::Text(format!("Closed {closed} connections")))
}

pub(super) fn close_all_user_connections(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, user, why) = (call.api()?, call.word(0).to_owned(), call.word(1).to_owned());
    call.say(format!("Closing connections of user {user}, reason: {why} ..."));
    close_all(&api, &why, usize::MAX, |connection| connection["user"] == *user)?;
    Ok(Done::Silently)
}
