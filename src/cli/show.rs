//! `pillarbox show`: all that is known of one thing.

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::DefaultFolder;
use crate::access::Access;
use crate::api::path;
use crate::output::Output;
use crate::table::Table;
use crate::units;

/// Show all that is known of one thing.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pillarbox show queue orders --vhost shop")]
pub struct Show {
    #[arg(value_enum)]
    kind: Kind,
    /// What it is called
    name: String,
    /// Its vhost, if it is in one
    #[arg(short = 'p', long, default_value = "/")]
    vhost: String,
    /// For scripts: the answer of the HTTP API
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    access: Access,
}

/// What can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Queue,
    Exchange,
    Connection,
    Channel,
    Vhost,
    User,
    Policy,
    Node,
}

impl Show {
    /// Shows it.
    pub(crate) fn run(self, default_folder: DefaultFolder<'_>) -> anyhow::Result<Output> {
        let api = self.access.api(default_folder)?;
        let (name, vhost) = (self.name.as_str(), self.vhost.as_str());
        let (what, place) = match self.kind {
            Kind::Queue => ("queue", path(&["queues", vhost, name])),
            Kind::Exchange => ("exchange", path(&["exchanges", vhost, name])),
            Kind::Connection => ("connection", path(&["connections", name])),
            Kind::Channel => ("channel", path(&["channels", name])),
            Kind::Vhost => ("vhost", path(&["vhosts", name])),
            Kind::User => ("user", path(&["users", name])),
            Kind::Policy => ("policy", path(&["policies", vhost, name])),
            Kind::Node => ("node", path(&["nodes", name])),
        };
        let found = api
            .get(&place)
            .map_err(|error| error.about(&format!("{what} '{name}'")))
            .with_context(|| format!("cannot show the {what}"))?;
        if self.json {
            return Ok(Output::json(&found));
        }
        let mut table = Table::of_facts();
        add(&mut table, "", &found);
        Ok(Output::text(table.to_text()))
    }
}

/// A line for each value; those within another have its name in front.
fn add(table: &mut Table, prefix: &str, value: &Value) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                // Hashes are for definitions, not for screens.
                if name == "password_hash" {
                    continue;
                }
                let dot = if prefix.is_empty() { "" } else { "." };
                add(table, &format!("{prefix}{dot}{name}"), value);
            }
        }
        Value::Array(values) if values.iter().any(Value::is_object) => {
            for (position, value) in values.iter().enumerate() {
                add(table, &format!("{prefix}[{position}]"), value);
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => table.fact(prefix, units::word(value)),
    }
}
