//! `pillarbox list`: what there is, a line for each.

mod kinds;

use clap::Args;
use serde_json::Value;

pub(crate) use self::kinds::{Kind, Shown};
use crate::DefaultFolder;
use crate::access::Access;
use crate::api::query;
use crate::output::Output;
use crate::table::{Align, Table};
use crate::units;

/// List what a broker has: a line for each.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pillarbox list queues
  pillarbox list queues --sort messages --reverse
  pillarbox list queues --columns name,messages,consumers --json
  pillarbox list connections --vhost shop
  pillarbox list queues --url http://broker:15672 --user anna")]
pub struct List {
    /// What is listed
    #[arg(value_enum)]
    kind: Kind,
    /// Only what is in this vhost
    #[arg(short = 'p', long, value_name = "VHOST")]
    vhost: Option<String>,
    /// Only what has this in its name
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// The fields that are shown, as the HTTP API names them; `messages_details.rate` is one within another
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    columns: Vec<String>,
    /// The field by which lines are sorted
    #[arg(long, value_name = "FIELD")]
    sort: Option<String>,
    /// The other way round
    #[arg(long, requires = "sort")]
    reverse: bool,
    /// For scripts: the answer of the HTTP API, all fields of it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    access: Access,
}

impl List {
    /// Lists it.
    pub(crate) fn run(self, default_folder: DefaultFolder<'_>) -> anyhow::Result<Output> {
        let api = self.access.api(default_folder)?;
        let Some(base) = self.kind.path_in(self.vhost.as_deref()) else {
            anyhow::bail!("{} are in no vhost: leave --vhost out", self.kind.name());
        };
        let fields: Vec<String> = match (self.columns.is_empty(), self.json) {
            (false, _) => self.columns.clone(),
            (true, true) => Vec::new(),
            (true, false) => {
                self.kind.columns().iter().map(|column| column.field.to_owned()).collect()
            }
        };
        let mut wanted = fields.clone();
        if !wanted.is_empty() && self.kind == Kind::Parameters {
            wanted.push("vhost".to_owned());
        }
        if !wanted.is_empty() && self.name.is_some() {
            wanted.extend(self.kind.names().iter().map(|name| (*name).to_owned()));
        }
        let wanted = Some(wanted.join(",")).filter(|wanted| !wanted.is_empty());
        let asked = query(
            &base,
            &[
                ("columns", wanted.as_deref()),
                ("sort", self.sort.as_deref()),
                ("sort_reverse", self.reverse.then_some("true")),
            ],
        );
        let missing = match &self.vhost {
            Some(vhost) => format!("vhost '{vhost}'"),
            None => format!("list of {} at this broker", self.kind.name()),
        };
        let listed = api.get(&asked).map_err(|error| error.about(&missing))?;
        let Value::Array(mut rows) = listed else {
            anyhow::bail!("{} are answered with something else than a list", self.kind.name());
        };
        if let (Some(vhost), Kind::Parameters) = (&self.vhost, self.kind) {
            // The API lists those of a vhost for each component only.
            rows.retain(|row| row["vhost"] == **vhost);
        }
        if let Some(name) = &self.name {
            rows.retain(|row| self.kind.is_named(row, name));
        }
        if !fields.is_empty() {
            rows.iter_mut().for_each(|row| keep(row, &fields));
        }
        if self.json {
            return Ok(Output::json(&Value::Array(rows)));
        }
        Ok(Output::text(self.table(&rows).to_text()))
    }

    fn table(&self, rows: &[Value]) -> Table {
        let known = self.kind.columns();
        let columns: Vec<(String, &str, Shown)> = if self.columns.is_empty() {
            known
                .iter()
                .map(|column| (column.title.to_owned(), column.field, column.shown))
                .collect()
        } else {
            let shown = |field: &str| {
                known.iter().find(|column| column.field == field).map_or(Shown::Word, |c| c.shown)
            };
            self.columns.iter().map(|field| (field.clone(), field.as_str(), shown(field))).collect()
        };
        let heads =
            columns.iter().map(|(title, _, shown)| (title.clone(), shown.align())).collect();
        let mut table = Table::new(heads);
        for row in rows {
            table.push(
                columns.iter().map(|(_, field, shown)| shown.text(find(row, field))).collect(),
            );
        }
        table
    }
}

/// Of a rate there are parts of a byte.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates")]
fn whole(bytes: f64) -> u64 {
    bytes as u64
}

/// Leaves of a row what was asked for.
fn keep(row: &mut Value, fields: &[String]) {
    let Value::Object(row) = row else { return };
    row.retain(|name, _| fields.iter().any(|field| field.split('.').next() == Some(name.as_str())));
}

/// A field, also one within another.
pub(crate) fn find<'v>(row: &'v Value, field: &str) -> &'v Value {
    field.split('.').fold(row, |value, name| &value[name])
}

impl Shown {
    fn align(self) -> Align {
        match self {
            Self::Count | Self::Bytes | Self::Rate => Align::Right,
            Self::Word | Self::YesNo | Self::Name => Align::Left,
        }
    }

    /// A value as people read it.
    pub(crate) fn text(self, value: &Value) -> String {
        match self {
            Self::Word => units::word(value),
            Self::Name if value.as_str() == Some("") => "(default)".to_owned(),
            Self::Name => units::word(value),
            Self::Count => units::word(value),
            Self::Bytes => value.as_f64().map(whole).map(units::bytes).unwrap_or_default(),
            Self::Rate => value.as_f64().map(units::rate).unwrap_or_default(),
            Self::YesNo => match value.as_bool() {
                Some(true) => "yes".to_owned(),
                Some(false) => "no".to_owned(),
                None => String::new(),
            },
        }
    }
}
