//! `pillarbox status`, `ping` and `health`: how a broker is.

use clap::Args;
use serde_json::{Value, json};

use crate::DefaultFolder;
use crate::access::Access;
use crate::api::{Api, ApiError};
use crate::output::Output;
use crate::table::Table;
use crate::units;

/// Say how a broker is: what it does, what it uses, what it is low on.
#[derive(Args, Debug)]
pub struct Status {
    /// For scripts
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    access: Access,
}

/// Ask whether a broker answers.
#[derive(Args, Debug)]
pub struct Ping {
    #[command(flatten)]
    access: Access,
}

/// Check whether a broker is well: nothing is low, and it serves. The exit code is 1 if it is not.
#[derive(Args, Debug)]
pub struct Health {
    /// For scripts
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    access: Access,
}

/// The checks that say whether a broker is well.
pub(crate) const CHECKS: [&str; 4] =
    ["is-in-service", "local-alarms", "virtual-hosts", "ready-to-serve-clients"];

impl Status {
    /// Says it.
    pub(crate) fn run(self, default_folder: DefaultFolder<'_>) -> anyhow::Result<Output> {
        let api = self.access.api(default_folder)?;
        let overview = api.get("/overview")?;
        let node = api.get("/nodes")?.get(0).cloned().unwrap_or_default();
        let serving = api.get("/serving")?["serving"] == true;
        if self.json {
            let all = json!({ "overview": overview, "node": node, "serving": serving });
            return Ok(Output::json(&all));
        }
        Ok(Output::text(facts(&api, &overview, &node, serving).to_text()))
    }
}

fn facts(api: &Api, overview: &Value, node: &Value, serving: bool) -> Table {
    let mut table = Table::of_facts();
    let word = |value: &Value| units::word(value);
    let bytes = |name: &str| units::bytes(node[name].as_u64().unwrap_or(0));
    let low = |name: &str| if node[name] == true { "; LOW: publishers are blocked" } else { "" };
    table.fact(
        "broker",
        format!("Pillarbox {} at {}", word(&overview["product_version"]), api.base()),
    );
    table.fact("node", format!("{}, process {}", word(&node["name"]), word(&node["os_pid"])));
    table.fact("runs for", units::duration(node["uptime"].as_u64().unwrap_or(0)));
    table.fact("serves clients", if serving { "yes" } else { "no: it is paused" });
    table.fact(
        "memory",
        format!("{} of {}{}", bytes("mem_used"), bytes("mem_limit"), low("mem_alarm")),
    );
    if node["db_dir"].as_str().is_some_and(|folder| !folder.is_empty()) {
        let (free, limit) = (bytes("disk_free"), bytes("disk_free_limit"));
        table.fact("disk", format!("{free} free, {limit} at least{}", low("disk_free_alarm")));
        table.fact("data folder", word(&node["db_dir"]));
    } else {
        table.fact("data folder", "none: everything is kept in memory");
    }
    let objects = &overview["object_totals"];
    for name in ["connections", "channels", "queues", "consumers", "exchanges"] {
        table.fact(name, word(&objects[name]));
    }
    let totals = &overview["queue_totals"];
    let (ready, unacked) = (&totals["messages_ready"], &totals["messages_unacknowledged"]);
    let messages = format!("{} ready, {} unacked", word(ready), word(unacked));
    table.fact("messages", messages);
    let rate = |name: &str| overview["message_stats"][format!("{name}_details")]["rate"].as_f64();
    let rate = |name: &str| units::rate(rate(name).unwrap_or(0.0));
    table.fact("published", rate("publish"));
    table.fact("delivered", rate("deliver_get"));
    for listener in overview["listeners"].as_array().into_iter().flatten() {
        let (ip, port) = (word(&listener["ip_address"]), word(&listener["port"]));
        table.fact("listens", format!("{} on {ip} port {port}", word(&listener["protocol"])));
    }
    table
}

impl Ping {
    /// Asks.
    pub(crate) fn run(self, default_folder: DefaultFolder<'_>) -> anyhow::Result<Output> {
        let api = self.access.api(default_folder)?;
        api.get("/whoami")?;
        Ok(Output::line(format!("the broker at {} answers", api.base())))
    }
}

impl Health {
    /// Checks it.
    pub(crate) fn run(self, default_folder: DefaultFolder<'_>) -> anyhow::Result<Output> {
        let api = self.access.api(default_folder)?;
        let mut table = Table::of_facts();
        let (mut checks, mut is_well) = (Vec::new(), true);
        for check in CHECKS {
            let failure = failure(&api, check)?;
            is_well &= failure.is_none();
            table.fact(check, failure.as_deref().unwrap_or("ok"));
            let reason = failure.as_deref();
            checks.push(json!({ "check": check, "ok": reason.is_none(), "reason": reason }));
        }
        let output = match self.json {
            true => Output::json(&json!({ "ok": is_well, "checks": checks })),
            false => Output::text(table.to_text()),
        };
        Ok(output.with_code(u8::from(!is_well)))
    }
}

/// Why a check of the API's failed, if it did.
pub(crate) fn failure(api: &Api, check: &str) -> Result<Option<String>, ApiError> {
    match api.get(&format!("/health/checks/{check}")) {
        Ok(_) => Ok(None),
        Err(ApiError::Refused { status: 503, reason }) => Ok(Some(reason)),
        Err(error) => Err(error),
    }
}
