//! What a node is started with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ahash::AHashMap;
use amqp::{FieldTable, FieldValue};
use broker::arguments::Compat;
use broker::permission::Permission;
use broker::user::{Password, PasswordHash, User};
use broker::{QueueKind, VhostName};
use store::Sync;

use crate::memory::available_bytes;
use crate::random;
use crate::tls::TlsOptions;

/// Everything that can be set, with names and users already checked.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub bind: Vec<SocketAddr>,
    /// How TLS is spoken; `None`: it is not.
    pub tls: Option<TlsOptions>,
    /// The vhosts that exist.
    pub vhosts: Vec<VhostName>,
    /// The users that exist.
    pub accounts: Vec<NamedAccount>,
    /// Whether users that are limited to this machine may come from elsewhere.
    pub guest_from_anywhere: bool,
    /// The largest frame offered, 4096 octets or more.
    pub frame_max: u32,
    /// The most channels of a connection.
    pub channel_max: u16,
    /// The heartbeat suggested to clients; 0 is none.
    pub heartbeat_secs: u16,
    /// How long a handshake may take.
    pub handshake_ms: u64,
    /// The largest body of a message, in bytes.
    pub message_bytes_max: u64,
    /// The memory above which publishers are blocked.
    pub memory_limit: MemoryLimit,
    /// Where and how the log is kept; `None`: there is none, a restart begins empty.
    pub store: Option<StoreOptions>,
    /// How long a consumer may keep a delivery unacked; `None` or 0: for ever.
    pub consumer_timeout_ms: Option<u64>,
    /// Whether a consumer that keeps a delivery for too long loses its channel (406), rather than being cancelled.
    pub consumer_timeout_closes_channel: bool,
    /// The type of queues that are declared without one.
    pub default_queue_type: QueueKind,
    /// Whether `basic.qos` acts on the consumers that are already there.
    pub live_prefetch: LivePrefetch,
    /// Whether `basic.qos` with `global` is taken for one without.
    pub deny_global_prefetch: bool,
    /// Where RabbitMQ's versions differ.
    pub compat: Compat,
    /// What `connection.start` calls the product: client libraries choose by it.
    pub product: String,
    /// What `connection.start` calls the version.
    pub version: String,
    /// The name that `connection.start` gives the node's cluster.
    pub cluster_name: String,
}

/// Where and how the log is kept.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The data folder; made if there is none.
    pub data_dir: PathBuf,
    /// What a confirm promises.
    pub sync: Sync,
    /// The largest file of the log, in bytes.
    pub segment_bytes_max: u64,
    /// With less free on the disk than this, in bytes, publishers are blocked.
    pub disk_free_min: u64,
    /// How many bytes of bodies one queue may keep in memory.
    pub queue_resident_bytes_max: u64,
}

/// A user, and what they may do in which vhosts.
#[derive(Clone, Debug)]
pub struct Account {
    /// Who they are.
    pub user: User,
    /// The vhosts that they may open.
    pub permissions: AHashMap<VhostName, Arc<Permission>>,
}

/// A user as the settings name them: made at the first start, compared with what there is at later ones.
#[derive(Clone, Debug)]
pub struct NamedAccount {
    /// What is made. Without a hash, the password is hashed when it is made.
    pub account: Account,
    /// The password; an empty one lets nobody in.
    pub password: Password,
}

impl NamedAccount {
    /// The user to be made. The password stands in the settings as it is: a costly hash of it would protect nothing, and
    /// take its time and memory at every first start.
    pub(crate) fn to_user(&self) -> User {
        let mut user = self.account.user.clone();
        if user.password.is_none() && !self.password.is_empty() {
            user.password = Some(PasswordHash::sha256(self.password.as_bytes(), random::salt()));
        }
        user
    }
}

/// How much memory a node may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MemoryLimit {
    /// A share of what the machine or the control group has, in percent.
    Percent(u8),
    /// So many bytes.
    Bytes(u64),
}

/// For which clients `basic.qos(global=false)` changes the consumers that are already there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LivePrefetch {
    /// For py-amqp: Celery cannot do without it on quorum queues.
    #[default]
    Auto,
    /// For all.
    On,
    /// For none, as RabbitMQ does.
    Off,
}

impl LivePrefetch {
    pub(crate) fn applies_to(self, product: &str) -> bool {
        match self {
            Self::Auto => product == "py-amqp",
            Self::On => true,
            Self::Off => false,
        }
    }
}

impl Default for Options {
    /// What a node does that nobody said anything to: it listens nowhere, keeps nothing, and has neither vhosts nor users.
    fn default() -> Self {
        Self {
            bind: Vec::new(),
            tls: None,
            vhosts: Vec::new(),
            accounts: Vec::new(),
            guest_from_anywhere: false,
            frame_max: 131_072,
            channel_max: 2047,
            heartbeat_secs: 60,
            handshake_ms: 10_000,
            message_bytes_max: 16 << 20,
            memory_limit: MemoryLimit::Percent(60),
            store: None,
            consumer_timeout_ms: None,
            consumer_timeout_closes_channel: false,
            default_queue_type: QueueKind::Classic,
            live_prefetch: LivePrefetch::Auto,
            deny_global_prefetch: false,
            compat: Compat::default(),
            product: "RabbitMQ".to_owned(),
            version: "3.13.7".to_owned(),
            cluster_name: "pillarbox".to_owned(),
        }
    }
}

impl Options {
    /// The memory limit in bytes.
    pub(crate) fn memory_limit(&self) -> u64 {
        match self.memory_limit {
            MemoryLimit::Percent(percent) => available_bytes() / 100 * u64::from(percent),
            MemoryLimit::Bytes(bytes) => bytes,
        }
    }

    /// What a connection's session is set to.
    pub(crate) fn session_settings(&self) -> connection::Settings {
        connection::Settings {
            frame_max: self.frame_max,
            channel_max: self.channel_max,
            heartbeat_secs: self.heartbeat_secs,
            message_bytes_max: self.message_bytes_max,
            content_bytes_max: self.message_bytes_max.saturating_mul(4),
            handshake_ms: self.handshake_ms,
            ..connection::Settings::new(self.server_properties())
        }
    }

    /// What `connection.start` tells clients, in the order of the keys.
    fn server_properties(&self) -> FieldTable {
        const CAPABILITIES: [&str; 9] = [
            "publisher_confirms",
            "exchange_exchange_bindings",
            "basic.nack",
            "consumer_cancel_notify",
            "connection.blocked",
            "consumer_priorities",
            "authentication_failure_close",
            "per_consumer_qos",
            "direct_reply_to",
        ];
        let mut capabilities = FieldTable::new();
        for capability in CAPABILITIES {
            capabilities.insert(name(capability), FieldValue::Bool(true));
        }
        let text = |text: &str| FieldValue::LongString(text.as_bytes().to_vec());
        let own_version = env!("CARGO_PKG_VERSION");
        let mut properties = FieldTable::new();
        properties.insert(name("capabilities"), FieldValue::Table(capabilities));
        properties.insert(name("cluster_name"), text(&self.cluster_name));
        properties
            .insert(name("compatible_with"), text(&format!("{} {}", self.product, self.version)));
        properties.insert(name("copyright"), text("Copyright (c) 2026 the Pillarbox developers"));
        properties.insert(
            name("information"),
            text("This is Pillarbox, a message broker that speaks RabbitMQ's AMQP 0-9-1."),
        );
        properties.insert(name("pillarbox_version"), text(own_version));
        properties.insert(name("platform"), text("Rust"));
        properties.insert(name("product"), text(&self.product));
        properties.insert(name("version"), text(&self.version));
        properties
    }
}

fn name(key: &'static str) -> amqp::ShortString {
    amqp::ShortString::try_from(key).expect("the keys above are short")
}
