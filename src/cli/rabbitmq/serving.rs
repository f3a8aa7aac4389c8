//! Commands that stop and start serving, and wait for it.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::call::{Call, Done};
use super::fault::{Fault, UNAVAILABLE};
use crate::api::ApiError;

/// How often somebody who waits looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long a start is waited for, unless told otherwise.
const START_SECS: u64 = 300;

pub(super) fn stop_app(call: &mut Call<'_>) -> Result<Done, Fault> {
    serve(call, false, |node| format!("Stopping rabbit application on node {node} ..."))
}

pub(super) fn start_app(call: &mut Call<'_>) -> Result<Done, Fault> {
    serve(call, true, |node| format!("Starting node {node} ..."))
}

/// Here a node that takes no clients has closed those it had.
pub(super) fn suspend_listeners(call: &mut Call<'_>) -> Result<Done, Fault> {
    let said = |node| format!("Will suspend client connection listeners on node {node} ...");
    serve(call, false, said)
}

pub(super) fn resume_listeners(call: &mut Call<'_>) -> Result<Done, Fault> {
    let said = |node| format!("Will resume client connection listeners on node {node} ...");
    serve(call, true, said)
}

fn serve(
    call: &mut Call<'_>,
    serving: bool,
    said: impl FnOnce(String) -> String,
) -> Result<Done, Fault> {
    let api = call.api()?;
    let node = call.node_name(&api)?;
    call.say(said(node));
    api.put("/serving", &json!({ "serving": serving }))?;
    Ok(Done::Silently)
}

/// Ends the process, and waits until nobody answers any more and its data folder is free.
pub(super) fn stop(call: &mut Call<'_>) -> Result<Done, Fault> {
    let api = call.api()?;
    let node = call.node_name(&api)?;
    call.say(format!("Stopping and halting node {node} ..."));
    let folder = call.folder_of(&api);
    api.post("/shutdown", &json!({}))?;
    let give_up = Instant::now() + Duration::from_secs(call.timeout_secs().unwrap_or(60));
    let is_locked =
        || folder.as_ref().is_some_and(|folder| disk::is_locked(folder).unwrap_or(false));
    while is_locked() || !matches!(api.get("/serving"), Err(ApiError::Unreachable { .. })) {
        if Instant::now() > give_up {
            return Err(Fault::error(UNAVAILABLE, "the node was asked to stop and still answers"));
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(Done::Silently)
}

/// Waits until clients are served.
pub(super) fn await_startup(call: &mut Call<'_>) -> Result<Done, Fault> {
    let give_up = Instant::now() + Duration::from_secs(call.timeout_secs().unwrap_or(START_SECS));
    loop {
        let answer = call.api().and_then(|api| Ok(api.get("/serving")?));
        match answer {
            Ok(answer) if answer["serving"] == true => return Ok(Done::Silently),
            Err(fault) if Instant::now() > give_up => return Err(fault),
            Ok(_) if Instant::now() > give_up => {
                return Err(Fault::error(UNAVAILABLE, "the node runs, and does not serve clients"));
            }
            Ok(_) | Err(_) => thread::sleep(LOOK_EVERY),
        }
    }
}

/// The same, with a file of a pid that RabbitMQ writes and this broker does not.
pub(super) fn wait(call: &mut Call<'_>) -> Result<Done, Fault> {
    if call.words().is_empty() && !call.has("pid") {
        return Err(call.misused(super::fault::USAGE, "\"No pid or pidfile specified\""));
    }
    await_startup(call)
}
