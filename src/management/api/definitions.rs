//! `/api/definitions`: everything that was declared, as one document in RabbitMQ's form, out and in.
//!
//! A document is read through and tried out before anything of it is done: either all of it can be made, or nothing is,
//! and everything that is wrong is named. What is there already is left as it is if it is equal, and refuses the document
//! if it is not. Then it is made in this order, because each needs the ones before: vhosts, users, permissions, limits,
//! parameters, policies, exchanges, queues, bindings. If the disk fails in the middle, or somebody declares something else
//! meanwhile, what was made until then stays: the same document imported again makes the rest.

mod check;
mod parameters;
mod policies;

use std::collections::HashSet;

use amqp::FieldTable;
use broker::permission::Permission;
use broker::{Authority, Destination, VhostName};
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Map, Value, json};
use server::admin::{Admin, BindingInfo, ExchangeInfo, QueueInfo};

use self::check::{Findings, called};
use crate::answer::Answer;
use crate::api::{
    bindings, exchanges, limits, permissions, queues, topic_permissions, users, vhosts,
};
use crate::document::Document;
use crate::failure::Failure;
use crate::fields::Wanted;
use crate::request::Request;
use crate::tables::{BESIDE, beside_json, table_to_json};

/// How many declarations wait for the disk together.
const AT_ONCE: usize = 64;

/// Everything.
pub(crate) fn export(request: &Request) -> Result<Answer, Failure> {
    let (admin, version) = (&request.admin, &*request.shown.rabbitmq_version);
    let all = &Wanted::ALL;
    let limits = limits::by_user(admin);
    let users = admin.users();
    let users = users.iter().map(|user| users::fields(user, &limits, all).into());
    let permissions = admin.permissions();
    let permissions = permissions.iter().map(|of| permissions::fields(of, all).into());
    let topics = admin.topic_permissions();
    let topics = topics.iter().map(|of| topic_permissions::fields(of, all).into());
    let mut exported = json!({
        "rabbit_version": version,
        "rabbitmq_version": version,
        "product_name": "Pillarbox",
        "product_version": env!("CARGO_PKG_VERSION"),
        "users": users.collect::<Vec<Value>>(),
        "vhosts": admin.vhosts().iter().map(vhosts::definition).collect::<Vec<Value>>(),
        "permissions": permissions.collect::<Vec<Value>>(),
        "topic_permissions": topics.collect::<Vec<Value>>(),
        "parameters": parameters::export(admin, None),
        "global_parameters": parameters::export_global(admin),
        "policies": policies::export(admin, None),
    });
    if let Value::Object(exported) = &mut exported {
        put_topology(exported, admin, None);
    }
    Answer::json(&exported)
}

/// What is declared in one vhost.
pub(crate) fn export_vhost(request: &Request) -> Result<Answer, Failure> {
    let vhost = request.part("vhost");
    request.admin.vhost(vhost).ok_or_else(Failure::not_found)?;
    let mut exported = Map::new();
    let version = &*request.shown.rabbitmq_version;
    for (name, value) in [
        ("rabbit_version", json!(version)),
        ("rabbitmq_version", json!(version)),
        ("product_name", json!("Pillarbox")),
        ("product_version", json!(env!("CARGO_PKG_VERSION"))),
        ("parameters", parameters::export(&request.admin, Some(vhost))),
        ("policies", policies::export(&request.admin, Some(vhost))),
    ] {
        exported.insert(name.to_owned(), value);
    }
    put_topology(&mut exported, &request.admin, Some(vhost));
    Answer::json(&exported)
}

/// What was declared by clients, but what goes with a connection.
fn put_topology(exported: &mut Map<String, Value>, admin: &Admin, vhost: Option<&str>) {
    let with_vhost = vhost.is_none();
    let mut queues = admin.queues(vhost);
    let (exclusive, kept): (Vec<_>, Vec<_>) =
        queues.drain(..).partition(|queue| queue.definition.settings.exclusive);
    let exclusive: HashSet<_> = exclusive.iter().map(|queue| (&queue.vhost, &queue.name)).collect();
    let is_exclusive = |binding: &BindingInfo| match &binding.destination {
        Destination::Queue(name) => exclusive.contains(&(&binding.vhost, name)),
        Destination::Exchange(_) => false,
    };
    let queues = kept.iter().map(|queue| queue_definition(queue, with_vhost));
    exported.insert("queues".to_owned(), queues.collect());
    let exchanges = admin.exchanges(vhost);
    let exchanges = exchanges.iter().filter(|exchange| {
        !exchange.spec.name.is_empty() && !exchange.spec.name.starts_with("amq.")
    });
    let exchanges = exchanges.map(|exchange| exchange_definition(exchange, with_vhost));
    exported.insert("exchanges".to_owned(), exchanges.collect());
    let bindings = admin.bindings(vhost);
    let bindings = bindings
        .iter()
        .filter(|binding| !binding.source.is_empty() && !is_exclusive(binding))
        .map(|binding| binding_definition(binding, with_vhost));
    exported.insert("bindings".to_owned(), bindings.collect());
}

fn queue_definition(queue: &QueueInfo, with_vhost: bool) -> Value {
    let settings = &queue.definition.settings;
    in_vhost(
        with_vhost,
        &queue.vhost,
        json!({
            "name": queue.name.as_str(),
            "durable": settings.durable,
            "auto_delete": settings.auto_delete,
        }),
        &queues::arguments(queue),
    )
}

fn exchange_definition(exchange: &ExchangeInfo, with_vhost: bool) -> Value {
    let spec = &exchange.spec;
    in_vhost(
        with_vhost,
        &exchange.vhost,
        json!({
            "name": spec.name.as_str(),
            "type": spec.kind.as_str(),
            "durable": spec.durable,
            "auto_delete": spec.auto_delete,
            "internal": spec.internal,
        }),
        &spec.arguments,
    )
}

fn binding_definition(binding: &BindingInfo, with_vhost: bool) -> Value {
    let kind = match binding.destination {
        Destination::Queue(_) => "queue",
        Destination::Exchange(_) => "exchange",
    };
    in_vhost(
        with_vhost,
        &binding.vhost,
        json!({
            "source": binding.source.as_str(),
            "destination": binding.destination.name(),
            "destination_type": kind,
            "routing_key": String::from_utf8_lossy(&binding.routing_key),
        }),
        &binding.arguments,
    )
}

fn in_vhost(
    with_vhost: bool,
    vhost: &VhostName,
    mut definition: Value,
    arguments: &FieldTable,
) -> Value {
    let shown = table_to_json(arguments);
    if let Some(exact) = beside_json(arguments, &shown) {
        definition[BESIDE] = exact.into();
    }
    definition["arguments"] = shown;
    if with_vhost {
        definition["vhost"] = vhost.as_str().into();
    }
    definition
}

/// Makes everything that a document brings.
pub(crate) async fn import(request: &Request) -> Result<Answer, Failure> {
    let import = Import::read(&request.document()?, None)?;
    import.run(&request.admin, &request.caller.user.name).await?;
    Answer::done()
}

/// The same for one vhost, which the document does not name.
pub(crate) async fn import_vhost(request: &Request) -> Result<Answer, Failure> {
    let vhost = request.part("vhost");
    request.admin.vhost(vhost).ok_or_else(Failure::not_found)?;
    let import = Import::read(&request.document()?, Some(vhost))?;
    import.run(&request.admin, &request.caller.user.name).await?;
    Answer::done()
}

/// What a document brings, each with the vhost that it is for.
#[derive(Debug, Default)]
pub(crate) struct Import {
    vhosts: Vec<Document>,
    users: Vec<Document>,
    permissions: Vec<Document>,
    topic_permissions: Vec<Document>,
    limits: Vec<(String, Document)>,
    global_parameters: Vec<Document>,
    policies: Vec<policies::Brought>,
    exchanges: Vec<(String, Document)>,
    queues: Vec<(String, Document)>,
    bindings: Vec<(String, Document)>,
}

impl Import {
    /// Reads a document through.
    ///
    /// # Errors
    /// 400 that names what is wrong with it, or not known.
    pub(crate) fn read(document: &Document, vhost: Option<&str>) -> Result<Self, Failure> {
        let mut findings = Findings::default();
        let limits = parameters::read_limits(document, vhost, &mut findings)?;
        let policies = policies::read(document, vhost, &mut findings)?;
        let mut placed = |kind: &str, list: &str| -> Result<Vec<(String, Document)>, Failure> {
            let mut entries = Vec::new();
            for entry in document.list(list)? {
                let place = vhost.map_or_else(|| entry.text("vhost"), Ok).map(str::to_owned);
                if let Some(place) = findings.note(called(kind, &entry, None), place) {
                    entries.push((place, entry));
                }
            }
            Ok(entries)
        };
        let topology = Self {
            limits,
            policies,
            exchanges: placed("exchange", "exchanges")?,
            queues: placed("queue", "queues")?,
            bindings: placed("binding", "bindings")?,
            ..Self::default()
        };
        let global_parameters = match vhost {
            Some(_) => Vec::new(),
            None => parameters::read_global(document, &mut findings)?,
        };
        findings.finish()?;
        if vhost.is_some() {
            return Ok(topology);
        }
        Ok(Self {
            vhosts: document.list("vhosts")?,
            users: document.list("users")?,
            permissions: document.list("permissions")?,
            topic_permissions: document.list("topic_permissions")?,
            global_parameters,
            ..topology
        })
    }

    /// Only what is not there yet: what was changed since it was loaded stays as it was changed.
    pub(crate) fn without_what_is_there(mut self, admin: &Admin) -> Self {
        let names = |entry: &Document, is_there: &dyn Fn(&str) -> bool| {
            entry.text("name").is_ok_and(is_there)
        };
        self.vhosts.retain(|entry| !names(entry, &|name| admin.vhost(name).is_some()));
        self.users.retain(|entry| !names(entry, &|name| admin.user(name).is_some()));
        let known = admin.permissions();
        let known: HashSet<_> = known.iter().map(|of| (&*of.user, &*of.vhost)).collect();
        self.permissions.retain(|entry| {
            let place = entry.text("user").and_then(|user| Ok((user, entry.text("vhost")?)));
            !place.is_ok_and(|place| known.contains(&place))
        });
        let known = admin.topic_permissions();
        let known: HashSet<_> =
            known.iter().map(|of| (&*of.user, &*of.vhost, &*of.exchange)).collect();
        self.topic_permissions.retain(|entry| {
            let (user, vhost) = (entry.text("user"), entry.text("vhost"));
            let place = user.and_then(|user| Ok((user, vhost?, entry.text("exchange")?)));
            !place.is_ok_and(|place| known.contains(&place))
        });
        self.limits.retain(|(vhost, _)| admin.vhost(vhost).is_none());
        self.global_parameters
            .retain(|entry| !names(entry, &|name| parameters::is_global_there(admin, name)));
        self.policies.retain(|policy| !policy.is_there(admin));
        self.exchanges
            .retain(|(vhost, entry)| !names(entry, &|name| admin.exchange(vhost, name).is_some()));
        self.queues
            .retain(|(vhost, entry)| !names(entry, &|name| admin.queue(vhost, name).is_some()));
        self
    }

    /// Does it all, in somebody's name.
    ///
    /// # Errors
    /// What is wrong with it, and then nothing was done; or the first that is refused all the same.
    pub(crate) async fn run(&self, admin: &Admin, user: &str) -> Result<(), Failure> {
        self.check(admin)?;
        for vhost in &self.vhosts {
            vhosts::put_one(admin, vhost.text("name")?, vhost).await?;
        }
        // Administrators first: before one is made less than that, there has to be another.
        let is_administrator = |entry: &&Document| {
            let tags = entry.words("tags").ok().flatten();
            tags.is_some_and(|tags| tags.iter().any(|tag| tag == "administrator"))
        };
        let (first, rest): (Vec<_>, Vec<_>) = self.users.iter().partition(is_administrator);
        for users in [first, rest] {
            each(&users, |entry| Box::pin(put_user(admin, entry))).await?;
        }
        each(&self.permissions, |entry| {
            Box::pin(async move {
                let info = permissions::read(entry.text("user")?, entry.text("vhost")?, entry)?;
                Ok(admin.put_permission(info).await.map(|_| ())?)
            })
        })
        .await?;
        each(&self.topic_permissions, |entry| {
            Box::pin(async move {
                let info =
                    topic_permissions::read(entry.text("user")?, entry.text("vhost")?, entry)?;
                Ok(admin.put_topic_permission(info).await.map(|_| ())?)
            })
        })
        .await?;
        each(&self.limits, |(vhost, entry)| {
            Box::pin(async move {
                let limits = super::parameters::limits_defined(entry)?;
                Ok(admin.replace_vhost_limits(vhost, limits).await?)
            })
        })
        .await?;
        each(&self.global_parameters, |entry| Box::pin(parameters::put_global(admin, entry)))
            .await?;
        // Before what they count for, so that nothing is made first and changed then.
        each(&self.policies, |policy| Box::pin(policy.put(admin))).await?;
        each(&self.exchanges, |(vhost, entry)| {
            Box::pin(async move {
                let authority = authority(user, vhost);
                exchanges::put_one(admin, &authority, entry.text("name")?, entry).await.map(|_| ())
            })
        })
        .await?;
        each(&self.queues, |(vhost, entry)| {
            Box::pin(async move {
                let authority = authority(user, vhost);
                queues::put_one(admin, &authority, entry.text("name")?, entry).await.map(|_| ())
            })
        })
        .await?;
        each(&self.bindings, |(vhost, entry)| {
            Box::pin(async move {
                let (source, destination) = bindings::ends(entry)?;
                let authority = authority(user, vhost);
                bindings::post_one(admin, &authority, (source, &destination), entry).await
            })
        })
        .await
    }
}

async fn put_user(admin: &Admin, entry: &Document) -> Result<(), Failure> {
    let name = entry.text("name")?;
    users::put_one(admin, name, entry).await?;
    limits::put_all_of_user(admin, name, entry).await
}

/// Does something for each, some at a time, so that they wait for one flush of the disk together.
async fn each<'a, T>(
    entries: &'a [T],
    act: impl Fn(&'a T) -> BoxFuture<'a, Result<(), Failure>>,
) -> Result<(), Failure> {
    let acts: Vec<_> = entries.iter().map(act).collect();
    stream::iter(acts).buffer_unordered(AT_ONCE).try_collect().await
}

/// Whoever may import definitions may declare everything.
fn authority(user: &str, vhost: &str) -> Authority {
    Authority {
        user: user.into(),
        vhost: vhost.into(),
        permission: Permission::full().into(),
        topics: Default::default(),
    }
}
