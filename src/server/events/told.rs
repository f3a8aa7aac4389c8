//! Each kind of event, with what RabbitMQ 3.10 says of it. Where that has the number of an Erlang process, this has the name of
//! the connection or channel.

use amqp::{FieldTable, FieldValue, RawTable, ShortString};
use broker::arguments::QueueDefinition;
use broker::exchange::{Binding, Destination, ExchangeSpec};
use broker::limits::Limits;
use broker::queue::ConsumerSettings;
use broker::vhost::VhostSettings;
use broker::{ConsumerTag, QueueKind, QueueName, UserName, VhostName};
use connection::ChannelNumber;

use super::Headers;
use crate::admin::{name_of, node_name};
use crate::node::{ConnectionEntry, Shared};

/// The version of AMQP, as Erlang prints it.
const PROTOCOL: &str = "{0,9,1}";

/// A consumer that comes or goes.
pub(crate) struct Consuming<'a> {
    pub(crate) vhost: &'a VhostName,
    pub(crate) queue: &'a QueueName,
    pub(crate) tag: &'a ConsumerTag,
    pub(crate) connection: &'a ConnectionEntry,
    pub(crate) channel: ChannelNumber,
}

impl Shared {
    // Connections.

    /// Somebody has logged in, or `error` says why not.
    pub(crate) fn tell_login(
        &self,
        connection: &ConnectionEntry,
        (user, mechanism): (&str, &str),
        error: Option<&str>,
    ) {
        let key = match error {
            None => "user.authentication.success",
            Some(_) => "user.authentication.failure",
        };
        self.tell(key, |headers| {
            headers
                .text("name", user)
                .text("connection_type", "network")
                .text("auth_mechanism", mechanism)
                .text("protocol", PROTOCOL)
                .flag("ssl", connection.tls.is_some());
            headers.text("connection_name", &name_of(connection));
            put_addresses(headers, connection);
            if let Some(error) = error {
                headers.text("error", error);
            }
        });
    }

    pub(crate) fn tell_connection_created(&self, connection: &ConnectionEntry) {
        self.tell("connection.created", |headers| {
            let facts = &connection.facts;
            let (introduction, tuning) = (facts.introduction.get(), facts.tuning.get());
            let vhost = facts.vhost.get();
            let user = introduction.map(|known| &known.user);
            let tls = connection.tls.as_deref();
            let certificate = tls.and_then(|tls| tls.certificate.as_ref());
            headers
                .by(user)
                .text("type", "network")
                .text("user", user.map_or("", |user| user.as_str()))
                .text("vhost", vhost.map_or("", |vhost| vhost.as_str()))
                .text("protocol", PROTOCOL)
                .text("auth_mechanism", introduction.map_or("", |known| known.mechanism))
                .flag("ssl", tls.is_some())
                .text("ssl_protocol", tls.map_or("", |tls| tls.version))
                .text("ssl_cipher", tls.map_or("", |tls| tls.cipher_suite))
                .text("ssl_hash", "")
                .text("ssl_key_exchange", "")
                .text("peer_cert_validity", "")
                .text("peer_cert_subject", certificate.map_or("", |known| &known.subject))
                .text("peer_cert_issuer", certificate.map_or("", |known| &known.issuer))
                .number("connected_at", facts.connected_at.as_ms());
            if let Some(tuning) = tuning {
                headers
                    .number("channel_max", tuning.channel_max.into())
                    .number("frame_max", tuning.frame_max.into())
                    .number("timeout", tuning.heartbeat_secs.into());
            }
            put_addresses(headers, connection);
            put_connection(headers, connection);
        });
    }

    pub(crate) fn tell_connection_closed(&self, connection: &ConnectionEntry) {
        self.tell("connection.closed", |headers| put_connection(headers, connection));
    }

    pub(crate) fn tell_channel_created(
        &self,
        by: Option<&UserName>,
        vhost: &str,
        connection: &ConnectionEntry,
        number: ChannelNumber,
    ) {
        self.tell("channel.created", |headers| {
            let name = channel_name(connection, number);
            headers
                .by(by)
                .text("user", by.map_or("", |user| user.as_str()))
                .text("vhost", vhost)
                .number("number", number.0.into())
                .text("connection", &name_of(connection))
                .text("name", &name)
                .text("pid", &name);
        });
    }

    pub(crate) fn tell_channel_closed(
        &self,
        by: Option<&UserName>,
        connection: &ConnectionEntry,
        number: ChannelNumber,
    ) {
        self.tell("channel.closed", |headers| {
            headers.by(by).text("pid", &channel_name(connection, number));
        });
    }

    pub(crate) fn tell_consumer_created(
        &self,
        by: Option<&UserName>,
        consuming: &Consuming<'_>,
        settings: ConsumerSettings,
        arguments: &FieldTable,
    ) {
        self.tell("consumer.created", |headers| {
            headers
                .by(by)
                .flag("ack_required", !settings.no_ack)
                .flag("exclusive", settings.exclusive)
                .number("prefetch_count", settings.prefetch.into())
                .arguments("arguments", arguments);
            consuming.put(headers);
        });
    }

    pub(crate) fn tell_consumer_deleted(&self, by: Option<&UserName>, consuming: &Consuming<'_>) {
        self.tell("consumer.deleted", |headers| consuming.put(headers.by(by)));
    }

    // Queues, exchanges and bindings.

    pub(crate) fn tell_queue_created(
        &self,
        by: Option<&UserName>,
        (vhost, queue): (&VhostName, &QueueName),
        definition: &QueueDefinition,
        owner: Option<&ConnectionEntry>,
    ) {
        self.tell("queue.created", |headers| {
            let settings = &definition.settings;
            headers
                .by(by)
                .text("name", queue)
                .text("vhost", vhost)
                .flag("durable", settings.durable)
                .flag("auto_delete", settings.auto_delete)
                .flag("exclusive", settings.exclusive);
            let arguments = &definition.arguments;
            match settings.kind {
                QueueKind::Quorum => {
                    headers.text("type", "rabbit_quorum_queue").arguments("arguments", arguments);
                }
                QueueKind::Classic => {
                    // What was filled in was not said.
                    let mut arguments = arguments.clone();
                    arguments.remove("x-queue-type");
                    let owner = owner.map(name_of).unwrap_or_default();
                    headers.text("owner_pid", &owner).arguments("arguments", &arguments);
                }
            }
        });
    }

    pub(crate) fn tell_queue_deleted(
        &self,
        by: Option<&UserName>,
        vhost: &VhostName,
        queue: &QueueName,
    ) {
        self.tell("queue.deleted", |headers| {
            headers.by(by).text("name", queue).text("vhost", vhost);
        });
    }

    pub(crate) fn tell_exchange_created(
        &self,
        by: Option<&UserName>,
        vhost: &VhostName,
        spec: &ExchangeSpec,
    ) {
        self.tell("exchange.created", |headers| {
            headers
                .by(by)
                .text("name", &spec.name)
                .text("vhost", vhost)
                .text("type", spec.kind.as_str())
                .flag("durable", spec.durable)
                .flag("auto_delete", spec.auto_delete)
                .flag("internal", spec.internal)
                .text("policy", "")
                .arguments("arguments", &spec.arguments);
        });
    }

    pub(crate) fn tell_exchange_deleted(
        &self,
        by: Option<&UserName>,
        vhost: &VhostName,
        exchange: &str,
    ) {
        self.tell("exchange.deleted", |headers| {
            headers.by(by).text("name", exchange).text("vhost", vhost);
        });
    }

    /// A binding is there, or gone.
    pub(crate) fn tell_binding(
        &self,
        key: &'static str,
        by: Option<&UserName>,
        (vhost, source): (&VhostName, &str),
        binding: &Binding,
    ) {
        self.tell(key, |headers| {
            let (kind, destination) = match &binding.destination {
                Destination::Queue(queue) => ("queue", queue.as_str()),
                Destination::Exchange(exchange) => ("exchange", exchange.as_str()),
            };
            headers
                .by(by)
                .text("vhost", vhost)
                .text("source_name", source)
                .text("source_kind", "exchange")
                .text("destination_name", destination)
                .text("destination_kind", kind)
                .text("routing_key", &String::from_utf8_lossy(&binding.key))
                .arguments("arguments", &binding.arguments());
        });
    }

    // What an operator changes.

    /// A vhost was added, or something else is said of it.
    pub(crate) fn tell_vhost(
        &self,
        key: &'static str,
        by: Option<&UserName>,
        vhost: &str,
        settings: &VhostSettings,
    ) {
        self.tell(key, |headers| {
            let default = settings.default_queue_type.map_or("undefined", QueueKind::as_str);
            let tags = || settings.tags.iter().map(String::as_str);
            headers
                .by(by)
                .text("name", vhost)
                .text("description", &settings.description)
                .texts("tags", tags())
                .text("default_queue_type", default)
                .flag("tracing", settings.is_tracing)
                .put("cluster_state", cluster_state())
                .table("metadata", |metadata| {
                    metadata.text("description", &settings.description).texts("tags", tags());
                });
        });
    }

    /// The limits of a vhost are these from now on.
    pub(crate) fn tell_vhost_limits(&self, by: Option<&UserName>, vhost: &str, limits: &Limits) {
        let key = if limits.is_empty() { "vhost.limits.cleared" } else { "vhost.limits.set" };
        self.tell(key, |headers| {
            headers.by(by).text("name", "limits").text("vhost", vhost);
            put_limits(headers, limits);
        });
    }

    /// The limits of a user are these from now on.
    pub(crate) fn tell_user_limits(&self, by: Option<&UserName>, user: &str, limits: &Limits) {
        let key = if limits.is_empty() { "user.limits.cleared" } else { "user.limits.set" };
        self.tell(key, |headers| {
            headers.by(by).text("name", "limits").text("username", user);
            put_limits(headers, limits);
        });
    }

    /// An alarm was raised, or is over.
    pub(crate) fn tell_alarm(&self, source: &str, is_raised: bool) {
        let key = if is_raised { "alarm.set" } else { "alarm.cleared" };
        self.tell(key, |headers| {
            headers.text("source", source).text("node", node_name());
        });
    }
}

impl Consuming<'_> {
    fn put(&self, headers: &mut Headers) {
        headers
            .text("queue", self.queue)
            .text("vhost", self.vhost)
            .text("channel", &channel_name(self.connection, self.channel))
            .text("consumer_tag", self.tag);
    }
}

/// On which nodes a vhost runs: here, on this one.
fn cluster_state() -> FieldValue {
    let mut state = FieldTable::new();
    if let Ok(node) = ShortString::try_from(node_name()) {
        state.insert(node, "running");
    }
    FieldValue::Table(state)
}

fn channel_name(connection: &ConnectionEntry, number: ChannelNumber) -> String {
    format!("{} ({number})", name_of(connection), number = number.0)
}

fn put_addresses(headers: &mut Headers, connection: &ConnectionEntry) {
    headers.address(("peer_host", "peer_port"), connection.peer);
    if let Some(&local) = connection.facts.local.get() {
        headers.address(("host", "port"), local);
    }
}

fn put_connection(headers: &mut Headers, connection: &ConnectionEntry) {
    let name = name_of(connection);
    headers.text("node", node_name()).text("name", &name).text("pid", &name);
    let Some(known) = connection.facts.introduction.get() else { return };
    let properties = RawTable::from_bytes(&known.client_properties).map(RawTable::to_owned);
    let properties = properties.unwrap_or_default();
    let given = properties.get("connection_name").and_then(|name| name.as_long_string());
    if let Some(given) = given {
        headers.text("user_provided_name", &String::from_utf8_lossy(given));
    }
    headers.arguments("client_properties", &properties);
}

fn put_limits(headers: &mut Headers, limits: &Limits) {
    for (name, limit) in limits.iter() {
        headers.signed(name.as_str(), limit);
    }
}
