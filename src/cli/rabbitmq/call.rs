//! A command that is being carried out.

use std::path::PathBuf;

use serde_json::Value;

use super::arguments::Arguments;
use super::commands::Command;
use super::fault::{Fault, UNAVAILABLE, USAGE};
use super::format::{Format, Rows};
use super::{Tool, format};
use crate::DefaultFolder;
use crate::access::Access;
use crate::api::{Api, path};

/// What comes of a command.
#[derive(Debug)]
pub(super) enum Done {
    /// Nothing to tell.
    Silently,
    /// A text, which is a text in JSON as well.
    Text(String),
    /// A list.
    Rows(Rows),
    /// Something with a form of its own for people, and a value for scripts.
    Value { text: String, value: Value },
}

/// A command with what it was given.
pub(super) struct Call<'c> {
    tool: Tool,
    command: &'static Command,
    raw: &'c [String],
    pub(super) arguments: Arguments,
    default_folder: DefaultFolder<'c>,
    /// What was said so far.
    banner: String,
}

impl<'c> Call<'c> {
    pub(super) fn new(
        tool: Tool,
        command: &'static Command,
        raw: &'c [String],
        arguments: Arguments,
        default_folder: DefaultFolder<'c>,
    ) -> Self {
        Self { tool, command, raw, arguments, default_folder, banner: String::new() }
    }

    /// Whether it was given as many words as it takes, and no switch that nobody knows.
    pub(super) fn check(&self) -> Result<(), Fault> {
        if let Some(unknown) = self.arguments.unknown.first() {
            return Err(
                self.misused(USAGE, &format!("Invalid options for this command:\n{unknown}"))
            );
        }
        let count = self.arguments.words.len() - 1;
        let (least, most) = self.command.words;
        if count < least {
            return Err(self.misused(USAGE, "not enough arguments."));
        }
        if count > most {
            return Err(self.misused(USAGE, "too many arguments."));
        }
        self.formatter().map(drop)
    }

    /// A failure that shows how the command is used.
    pub(super) fn misused(&self, code: u8, why: &str) -> Fault {
        self.with_usage(code, &format!("Error (argument validation): {why}"))
    }

    fn with_usage(&self, code: u8, why: &str) -> Fault {
        Fault::plain(
            code,
            format!(
                "{why}\nArguments given:\n\t{}\n\n{}",
                self.raw.join(" "),
                self.command.usage(self.tool),
            ),
        )
    }

    /// A failure for want of a node that serves clients.
    pub(super) fn needs_app(&self) -> Fault {
        let why = "Error: this command requires the 'rabbit' app to be running on the target node. Start it with 'rabbitmqctl start_app'.";
        self.with_usage(USAGE, why)
    }

    /// A word behind the command.
    pub(super) fn word(&self, position: usize) -> &str {
        self.arguments.words.get(position + 1).map_or("", String::as_str)
    }

    /// All of them.
    pub(super) fn words(&self) -> &[String] {
        self.arguments.words.get(1..).unwrap_or_default()
    }

    /// The vhost that is meant.
    pub(super) fn vhost(&self) -> &str {
        self.arguments.value("vhost").unwrap_or("/")
    }

    pub(super) fn has(&self, switch: &str) -> bool {
        self.arguments.has(switch)
    }

    /// The seconds that it may take.
    pub(super) fn timeout_secs(&self) -> Option<u64> {
        let given = self.arguments.value("timeout")?.parse::<f64>().ok()?;
        // Without end is a day; nobody waits for longer.
        let secs = if given.is_finite() && given < 86_400.0 { given.max(1.0) } else { 86_400.0 };
        Some(std::time::Duration::from_secs_f64(secs).as_secs())
    }

    fn formatter(&self) -> Result<Format, Fault> {
        match self.arguments.value("formatter") {
            None => Ok(Format::Table),
            Some(name) => Format::parse(name).ok_or_else(|| {
                self.misused(
                    USAGE,
                    &format!(
                        "Formatter '{name}' is not known: json, csv, table and pretty_table are"
                    ),
                )
            }),
        }
    }

    /// Says what is being done, to people who have not asked for silence.
    pub(super) fn say(&mut self, line: impl AsRef<str>) {
        let is_for_programs =
            self.formatter().is_ok_and(|format| matches!(format, Format::Json | Format::Csv));
        if !self.has("quiet") && !self.has("silent") && !is_for_programs {
            self.banner.push_str(line.as_ref());
            self.banner.push('\n');
        }
    }

    /// What was said so far.
    pub(super) fn said(&mut self) -> String {
        std::mem::take(&mut self.banner)
    }

    /// Whether a table has a line of titles.
    fn has_headers(&self) -> bool {
        !self.has("no-table-headers") && !self.has("silent")
    }

    pub(super) fn format(&self, done: Done) -> Result<String, Fault> {
        let format = self.formatter()?;
        Ok(match (done, format) {
            (Done::Silently, _) => String::new(),
            (Done::Text(text), Format::Json) => {
                format!("{}\n", Value::from(text))
            }
            (Done::Text(text), _) => text + "\n",
            (Done::Value { value, .. }, Format::Json) => format!("{value}\n"),
            (Done::Value { text, .. }, _) => text,
            (Done::Rows(rows), format) => format::rows(&rows, format, self.has_headers()),
        })
    }

    fn access(&self) -> Access {
        let data_dir = self.arguments.value("data-dir").map(PathBuf::from);
        Access::of_tool(data_dir, self.timeout_secs())
    }

    /// Where the broker with this API keeps its data, if that is on this machine.
    pub(super) fn folder_of(&self, api: &Api) -> Option<PathBuf> {
        self.access().folder_of(api, self.default_folder)
    }

    /// The broker that is meant.
    pub(super) fn api(&self) -> Result<Api, Fault> {
        self.access().api(self.default_folder).map_err(|error| {
            Fault::plain(
                UNAVAILABLE,
                format!("Error: unable to perform an operation on the node: {error:#}"),
            )
        })
    }

    /// The name of the node, as it calls itself.
    pub(super) fn node_name(&self, api: &Api) -> Result<String, Fault> {
        let overview = api.get("/overview?columns=node")?;
        Ok(overview["node"].as_str().unwrap_or_default().to_owned())
    }

    /// Fails unless there is such a vhost.
    pub(super) fn need_vhost(&self, api: &Api, fault: impl FnOnce() -> Fault) -> Result<(), Fault> {
        let found = api.find(&path(&["vhosts", self.vhost()]))?;
        found.map(drop).ok_or_else(fault)
    }
}
