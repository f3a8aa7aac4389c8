//! `pillarbox declare`: makes queues, exchanges, bindings, vhosts, users and policies.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use crate::DefaultFolder;
use crate::access::Access;
use crate::api::{Api, path};
use crate::output::Output;
use crate::pairs::{self, Pair};
use crate::user;

/// Make something, or see to it that it is there.
#[derive(Args, Debug)]
pub struct Declare {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A queue
    #[command(
        after_help = "Example:\n  pillarbox declare queue orders --argument x-max-length=1000"
    )]
    Queue(NewQueue),
    /// An exchange
    Exchange(NewExchange),
    /// A binding from an exchange to a queue, or to another exchange
    Binding(NewBinding),
    /// A vhost
    Vhost(NewVhost),
    /// A user; the same as `pillarbox user add`
    User(user::NewUser),
    /// A policy
    #[command(
        after_help = "Example:\n  pillarbox declare policy short '^tmp' '{\"message-ttl\": 60000}' --apply-to queues"
    )]
    Policy(NewPolicy),
}

#[derive(Args, Debug)]
struct NewQueue {
    name: String,
    /// Its vhost
    #[arg(short = 'p', long, default_value = "/")]
    vhost: String,
    /// Its type
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    kind: Option<QueueType>,
    /// It does not survive a restart of the broker
    #[arg(long)]
    transient: bool,
    /// It goes with its last consumer
    #[arg(long)]
    auto_delete: bool,
    /// An argument, KEY=VALUE; may be given more than once
    #[arg(short, long = "argument", value_name = "KEY=VALUE")]
    arguments: Vec<Pair>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum QueueType {
    Classic,
    Quorum,
}

#[derive(Args, Debug)]
struct NewExchange {
    name: String,
    /// Its type: direct, fanout, topic, headers and others
    #[arg(default_value = "direct", value_name = "TYPE")]
    kind: String,
    /// Its vhost
    #[arg(short = 'p', long, default_value = "/")]
    vhost: String,
    /// It does not survive a restart of the broker
    #[arg(long)]
    transient: bool,
    /// It goes with its last binding
    #[arg(long)]
    auto_delete: bool,
    /// Only other exchanges publish to it
    #[arg(long)]
    internal: bool,
    /// An argument, KEY=VALUE; may be given more than once
    #[arg(short, long = "argument", value_name = "KEY=VALUE")]
    arguments: Vec<Pair>,
}

#[derive(Args, Debug)]
struct NewBinding {
    /// The exchange that messages come from
    source: String,
    /// The queue, or the exchange, that they go to
    destination: String,
    /// The binding key
    #[arg(short, long, default_value = "", value_name = "KEY")]
    key: String,
    /// The destination is an exchange
    #[arg(long)]
    to_exchange: bool,
    /// The vhost of both
    #[arg(short = 'p', long, default_value = "/")]
    vhost: String,
    /// An argument, KEY=VALUE; may be given more than once
    #[arg(short, long = "argument", value_name = "KEY=VALUE")]
    arguments: Vec<Pair>,
}

#[derive(Args, Debug)]
struct NewVhost {
    name: String,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// Tags, with commas between them
    #[arg(long)]
    tags: Option<String>,
    /// The type of queues that are declared there without one
    #[arg(long, value_enum, value_name = "TYPE")]
    default_queue_type: Option<QueueType>,
}

#[derive(Args, Debug)]
struct NewPolicy {
    name: String,
    /// A regular expression over the names of what it is for
    pattern: String,
    /// What it says, an object of JSON; or @FILE
    definition: String,
    /// Its vhost
    #[arg(short = 'p', long, default_value = "/")]
    vhost: String,
    /// Of those that match, the policy with the highest counts
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    priority: i64,
    /// What it is for: queues, exchanges, classic_queues, quorum_queues or all
    #[arg(long, default_value = "all", value_name = "WHAT")]
    apply_to: String,
    /// It is an operator's, which clients and other policies cannot go beyond
    #[arg(long)]
    operator: bool,
}

impl QueueType {
    fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Quorum => "quorum",
        }
    }
}

impl Declare {
    /// Makes it.
    pub(crate) fn run(self, default_folder: DefaultFolder<'_>) -> anyhow::Result<Output> {
        let api = self.access.api(default_folder)?;
        let said = match self.what {
            What::Queue(queue) => queue.declare(&api)?,
            What::Exchange(exchange) => exchange.declare(&api)?,
            What::Binding(binding) => binding.declare(&api)?,
            What::Vhost(vhost) => vhost.declare(&api)?,
            What::User(new) => new.add(&api)?,
            What::Policy(policy) => policy.declare(&api)?,
        };
        Ok(Output::line(said))
    }
}

impl NewQueue {
    fn declare(self, api: &Api) -> anyhow::Result<String> {
        let Self { name, vhost, kind, transient, auto_delete, arguments } = self;
        let mut arguments = pairs::object(&arguments);
        if let Some(kind) = kind {
            arguments.insert("x-queue-type".to_owned(), kind.name().into());
        }
        let body =
            json!({ "durable": !transient, "auto_delete": auto_delete, "arguments": arguments });
        api.put(&path(&["queues", &vhost, &name]), &body)
            .with_context(|| format!("cannot declare the queue '{name}' in vhost '{vhost}'"))?;
        Ok(format!("the queue '{name}' is there, in vhost '{vhost}'"))
    }
}

impl NewExchange {
    fn declare(self, api: &Api) -> anyhow::Result<String> {
        let Self { name, kind, vhost, transient, auto_delete, internal, arguments } = self;
        let body = json!({
            "type": kind,
            "durable": !transient,
            "auto_delete": auto_delete,
            "internal": internal,
            "arguments": pairs::object(&arguments),
        });
        api.put(&path(&["exchanges", &vhost, &name]), &body)
            .with_context(|| format!("cannot declare the exchange '{name}' in vhost '{vhost}'"))?;
        Ok(format!("the exchange '{name}' is there, in vhost '{vhost}'"))
    }
}

impl NewBinding {
    fn declare(self, api: &Api) -> anyhow::Result<String> {
        let Self { source, destination, key, to_exchange, vhost, arguments } = self;
        let kind = if to_exchange { "e" } else { "q" };
        let body = json!({ "routing_key": key, "arguments": pairs::object(&arguments) });
        api.post(&path(&["bindings", &vhost, "e", &source, kind, &destination]), &body)
            .with_context(|| {
                format!("cannot bind '{source}' to '{destination}' in vhost '{vhost}'")
            })?;
        Ok(format!("what is published to '{source}' with '{key}' goes to '{destination}'"))
    }
}

impl NewVhost {
    fn declare(self, api: &Api) -> anyhow::Result<String> {
        let Self { name, description, tags, default_queue_type } = self;
        let mut body = Map::new();
        let kind = default_queue_type.map(|kind| kind.name().to_owned());
        for (key, value) in
            [("description", description), ("tags", tags), ("default_queue_type", kind)]
        {
            if let Some(value) = value {
                body.insert(key.to_owned(), value.into());
            }
        }
        api.put(&path(&["vhosts", &name]), &Value::Object(body))
            .with_context(|| format!("cannot make the vhost '{name}'"))?;
        Ok(format!("the vhost '{name}' is there; `pillarbox user permit` lets users in"))
    }
}

impl NewPolicy {
    fn declare(self, api: &Api) -> anyhow::Result<String> {
        let Self { name, pattern, definition, vhost, priority, apply_to, operator } = self;
        let definition: Value = serde_json::from_str(&text_or_file(&definition)?)
            .with_context(|| format!("the definition of the policy '{name}' is no JSON"))?;
        let body = json!({
            "pattern": pattern, "definition": definition, "priority": priority, "apply-to": apply_to,
        });
        let kind = if operator { "operator-policies" } else { "policies" };
        api.put(&path(&[kind, &vhost, &name]), &body)
            .with_context(|| format!("cannot set the policy '{name}' in vhost '{vhost}'"))?;
        Ok(format!("the policy '{name}' is there, in vhost '{vhost}'"))
    }
}

/// What is given, or what is in the file that is named behind `@`.
pub(crate) fn text_or_file(text: &str) -> anyhow::Result<String> {
    let Some(file) = text.strip_prefix('@').map(PathBuf::from) else { return Ok(text.to_owned()) };
    std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}
