//! `pillarbox delete` and `pillarbox close`: takes things away.

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::DefaultFolder;
use crate::access::Access;
use crate::api::{Api, path, query};
use crate::output::Output;

/// Take something away.
#[derive(Args, Debug)]
pub struct Delete {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A queue with its messages
    Queue {
        name: String,
        /// Its vhost
        #[arg(short = 'p', long, default_value = "/")]
        vhost: String,
        /// Only if nothing is in it
        #[arg(long)]
        if_empty: bool,
        /// Only if nobody consumes from it
        #[arg(long)]
        if_unused: bool,
    },
    /// An exchange
    Exchange {
        name: String,
        /// Its vhost
        #[arg(short = 'p', long, default_value = "/")]
        vhost: String,
        /// Only if nothing is bound to it
        #[arg(long)]
        if_unused: bool,
    },
    /// The bindings with a key from an exchange to a queue, or to another exchange
    Binding {
        source: String,
        destination: String,
        /// The binding key
        #[arg(short, long, default_value = "")]
        key: String,
        /// The destination is an exchange
        #[arg(long)]
        to_exchange: bool,
        /// The vhost of both
        #[arg(short = 'p', long, default_value = "/")]
        vhost: String,
    },
    /// A vhost with everything in it
    Vhost { name: String },
    /// A user
    User { name: String },
    /// A policy
    Policy {
        name: String,
        /// Its vhost
        #[arg(short = 'p', long, default_value = "/")]
        vhost: String,
        /// It is an operator's
        #[arg(long)]
        operator: bool,
    },
}

/// End a connection; its client is told why.
#[derive(Args, Debug)]
pub struct Close {
    #[command(subcommand)]
    what: Closed,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, Subcommand)]
enum Closed {
    /// One connection, by the name that `pillarbox list connections` shows
    Connection {
        name: String,
        /// What the client is told
        #[arg(long, default_value = "closed by an operator")]
        reason: String,
    },
    /// All connections of a user, of a vhost, or all there are
    Connections {
        /// Those of this user
        #[arg(long = "of", value_name = "USER")]
        of_user: Option<String>,
        /// Those in this vhost
        #[arg(short = 'p', long)]
        vhost: Option<String>,
        /// Really all of them
        #[arg(long, conflicts_with_all = ["of_user", "vhost"])]
        all: bool,
        /// What the clients are told
        #[arg(long, default_value = "closed by an operator")]
        reason: String,
    },
}

impl Delete {
    /// Takes it away.
    pub(crate) fn run(self, default_folder: DefaultFolder<'_>) -> anyhow::Result<Output> {
        let api = self.access.api(default_folder)?;
        let (what, place) = match &self.what {
            What::Queue { name, vhost, if_empty, if_unused } => {
                let flags = [
                    ("if-empty", if_empty.then_some("true")),
                    ("if-unused", if_unused.then_some("true")),
                ];
                (
                    format!("queue '{name}' in vhost '{vhost}'"),
                    query(&path(&["queues", vhost, name]), &flags),
                )
            }
            What::Exchange { name, vhost, if_unused } => {
                let flags = [("if-unused", if_unused.then_some("true"))];
                (
                    format!("exchange '{name}' in vhost '{vhost}'"),
                    query(&path(&["exchanges", vhost, name]), &flags),
                )
            }
            What::Binding { source, destination, key, to_exchange, vhost } => {
                let kind = if *to_exchange { "e" } else { "q" };
                return unbind(&api, &["bindings", vhost, "e", source, kind, destination], key);
            }
            What::Vhost { name } => (format!("vhost '{name}'"), path(&["vhosts", name])),
            What::User { name } => (format!("user '{name}'"), path(&["users", name])),
            What::Policy { name, vhost, operator } => {
                let kind = if *operator { "operator-policies" } else { "policies" };
                (format!("policy '{name}' in vhost '{vhost}'"), path(&[kind, vhost, name]))
            }
        };
        api.delete(&place)
            .map_err(|error| error.about(&what))
            .with_context(|| format!("cannot delete the {what}"))?;
        Ok(Output::line(format!("the {what} is gone")))
    }
}

/// Takes away every binding with this key, whatever its arguments.
fn unbind(api: &Api, place: &[&str], key: &str) -> anyhow::Result<Output> {
    let known = api.find(&path(place))?.unwrap_or_default();
    let known = known.as_array().map(Vec::as_slice).unwrap_or_default();
    let props: Vec<&str> = known
        .iter()
        .filter(|binding| binding["routing_key"] == key)
        .filter_map(|binding| binding["properties_key"].as_str())
        .collect();
    if props.is_empty() {
        bail!("there is no such binding with the key '{key}'");
    }
    for props in &props {
        let place: Vec<&str> = place.iter().copied().chain([*props]).collect();
        api.delete(&path(&place)).context("cannot delete the binding")?;
    }
    Ok(Output::line(format!("{} bindings are gone", props.len())))
}

impl Close {
    /// Ends them.
    pub(crate) fn run(self, default_folder: DefaultFolder<'_>) -> anyhow::Result<Output> {
        let api = self.access.api(default_folder)?;
        match self.what {
            Closed::Connection { name, reason } => {
                api.delete_because(&path(&["connections", &name]), &reason)
                    .map_err(|error| error.about(&format!("connection '{name}'")))?;
                Ok(Output::line(format!("the connection '{name}' is being closed")))
            }
            Closed::Connections { of_user, vhost, all, reason } => {
                if of_user.is_none() && vhost.is_none() && !all {
                    bail!("whose connections? `--of USER`, `--vhost VHOST`, or `--all` of them");
                }
                let is_meant = |connection: &Value| {
                    of_user.as_ref().is_none_or(|user| connection["user"] == **user)
                        && vhost.as_ref().is_none_or(|vhost| connection["vhost"] == **vhost)
                };
                let count = close_all(&api, &reason, usize::MAX, is_meant)?;
                Ok(Output::line(format!("{count} connections are being closed")))
            }
        }
    }
}

/// Closes those connections that are meant, up to a number of them; how many.
pub(crate) fn close_all(
    api: &Api,
    reason: &str,
    count_max: usize,
    is_meant: impl Fn(&Value) -> bool,
) -> anyhow::Result<usize> {
    let connections = api.get(&query("/connections", &[("columns", Some("name,user,vhost"))]))?;
    let connections = connections.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut count = 0;
    for connection in connections.iter().filter(|connection| is_meant(connection)).take(count_max) {
        let name = connection["name"].as_str().unwrap_or_default();
        match api.delete_because(&path(&["connections", name]), reason) {
            Ok(()) => count += 1,
            // It has gone by itself.
            Err(error) if error.is_missing() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(count)
}
