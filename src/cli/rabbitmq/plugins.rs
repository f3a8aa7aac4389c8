//! `rabbitmq-plugins`: what RabbitMQ has in plugins is built in here, or is not there.

use serde_json::json;

use super::call::{Call, Done};
use super::fault::{Fault, UNAVAILABLE, USAGE};
use crate::units::word;

/// A plugin whose job is built in.
struct Plugin {
    name: &'static str,
    /// RabbitMQ enables it along with another.
    is_implicit: bool,
}

const fn plugin(name: &'static str, is_implicit: bool) -> Plugin {
    Plugin { name, is_implicit }
}

const BUILT_IN: [Plugin; 10] = [
    plugin("rabbitmq_auth_mechanism_ssl", false),
    plugin("rabbitmq_consistent_hash_exchange", false),
    plugin("rabbitmq_delayed_message_exchange", false),
    plugin("rabbitmq_event_exchange", false),
    plugin("rabbitmq_management", false),
    plugin("rabbitmq_management_agent", true),
    plugin("rabbitmq_prometheus", false),
    plugin("rabbitmq_random_exchange", false),
    plugin("rabbitmq_recent_history_exchange", false),
    plugin("rabbitmq_web_dispatch", true),
];

fn find(name: &str) -> Option<&'static Plugin> {
    BUILT_IN.iter().find(|plugin| plugin.name == name)
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Done, Fault> {
    let pattern = if call.words().is_empty() { ".*" } else { call.word(0) }.to_owned();
    let api = call.api()?;
    let overview = api.get("/overview")?;
    let (node, version) = (word(&overview["node"]), word(&overview["rabbitmq_version"]));
    call.say(format!("Listing plugins with pattern \"{pattern}\" ..."));
    // Nobody needs more of a pattern over so few names than that a part of them is in it.
    let is_wanted = |plugin: &&Plugin| {
        let is_named = pattern == ".*" || plugin.name.contains(&pattern);
        is_named && !(call.has("enabled") && plugin.is_implicit)
    };
    let plugins: Vec<&Plugin> = BUILT_IN.iter().filter(is_wanted).collect();
    let shown = |plugin: &Plugin| {
        let enabled = if plugin.is_implicit { "implicit" } else { "enabled" };
        json!({
            "name": plugin.name, "version": version, "running": true,
            "running_version": version, "enabled": enabled,
        })
    };
    let all: Vec<_> = plugins.iter().map(|plugin| shown(plugin)).collect();
    let value = json!({ "format": "normal", "plugins": all, "status": "running" });
    if call.has("minimal") {
        let names: Vec<&str> = plugins.iter().map(|plugin| plugin.name).collect();
        let text = names.iter().map(|name| format!("{name}\n")).collect();
        return Ok(Done::Value { text, value: json!({ "format": "minimal", "plugins": names }) });
    }
    let width = plugins.iter().map(|plugin| plugin.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    if !call.has("quiet") && !call.has("silent") {
        text.push_str(&format!(
            " Configured: E = explicitly enabled; e = implicitly enabled\n | Status: * = running on {node}\n |/\n"
        ));
    }
    for plugin in plugins {
        let letter = if plugin.is_implicit { 'e' } else { 'E' };
        text.push_str(&format!("[{letter}*] {:<width$} {version}\n", plugin.name));
    }
    Ok(Done::Value { text, value })
}

pub(super) fn is_enabled(call: &mut Call<'_>) -> Result<Done, Fault> {
    let names = call.words().to_vec();
    let api = call.api()?;
    let node = call.node_name(&api)?;
    let all = names.join(", ");
    let many = |one: &'static str, more: &'static str| if names.len() == 1 { one } else { more };
    call.say(format!(
        "Asking node {node} if plugin{} {all} {} enabled...",
        many("", "s"),
        many("is", "are")
    ));
    let missing: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| find(name).is_none()).collect();
    if missing.is_empty() {
        let text = match names.len() {
            1 => format!("Plugin {all} is enabled on node {node}\n"),
            _ => format!("Plugins {all} are enabled on node {node}\n"),
        };
        return Ok(Done::Value { text, value: json!({ "result": "ok" }) });
    }
    let which = missing.join(", ");
    let said = match missing.len() {
        1 => format!("Plugin {which} is not enabled"),
        _ => format!("Plugins {which} are not enabled"),
    };
    let known = BUILT_IN.map(|plugin| plugin.name).join(", ");
    Err(Fault::error(
        UNAVAILABLE,
        &format!("{said} on node {node}. Enabled plugins and dependencies: {known}"),
    ))
}

/// What is built in is on already. What is not cannot be had, and who asks for it has to know.
pub(super) fn enable(call: &mut Call<'_>) -> Result<Done, Fault> {
    let names = call.words().to_vec();
    if names.is_empty() && !call.has("all") {
        return Err(call.misused(USAGE, "not enough arguments."));
    }
    let missing: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| find(name).is_none()).collect();
    if !missing.is_empty() {
        return Err(Fault::error(
            UNAVAILABLE,
            &format!(
                "The following plugins could not be found: {}. Plugins are built into Pillarbox, and what these do is not",
                missing.join(", ")
            ),
        ));
    }
    // Images are made before the broker runs in them: nobody need answer.
    call.say("Enabling plugins:");
    call.say(names.join("\n"));
    Ok(Done::Text("What these plugins do is built in, and on already.".to_owned()))
}

/// Nothing that is built in can be taken out.
pub(super) fn disable(call: &mut Call<'_>) -> Result<Done, Fault> {
    if call.words().is_empty() && !call.has("all") {
        return Err(call.misused(USAGE, "not enough arguments."));
    }
    Err(Fault::error(
        UNAVAILABLE,
        "what plugins do is built in and cannot be taken out: the settings of [management] turn its listeners off",
    ))
}
