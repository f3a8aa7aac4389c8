//! `broker.toml` and the command line's options, turned into what the server is started with.
//!
//! The only place that knows TOML. A file says only what differs from the defaults; the `broker.toml` that comes with the
//! project spells all of them out.

mod management;
mod tls;
mod users;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use broker::QueueKind;
use broker::arguments::Compat as QueueCompat;
use serde::Deserialize;
use server::{LivePrefetch, MemoryLimit, Options, StoreOptions, Sync};

use self::users::UserConfig;
use crate::first_user::FirstUser;

/// All that can be set.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) server: ServerConfig,
    pub(crate) tls: tls::TlsConfig,
    pub(crate) limits: Limits,
    pub(crate) store: Store,
    pub(crate) log: Log,
    pub(crate) compat: Compat,
    pub(crate) management: management::ManagementConfig,
    pub(crate) vhosts: Vec<String>,
    pub(crate) users: Vec<UserConfig>,
}

/// `[server]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServerConfig {
    /// The addresses to listen on.
    pub(crate) bind: Vec<IpAddr>,
    /// The port for AMQP; 0 takes a free one.
    pub(crate) port: u16,
    /// How many threads serve connections; 0 is one for every two processors.
    pub(crate) worker_threads: usize,
    /// What clients are told of the cluster.
    pub(crate) cluster_name: String,
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) frame_max: u32,
    pub(crate) channel_max: u16,
    pub(crate) heartbeat_secs: u16,
    pub(crate) handshake_secs: u64,
    pub(crate) message_bytes_max: u64,
    /// A share of the memory there is, such as `60%`, or a size, such as `512MiB`.
    pub(crate) memory: String,
    /// 0: deliveries may stay unacked for ever.
    pub(crate) consumer_timeout_ms: u64,
    pub(crate) consumer_timeout_action: ConsumerTimeoutAction,
}

/// `[store]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Store {
    /// The data folder; empty is the platform's place for the data of programs.
    pub(crate) data_dir: PathBuf,
    pub(crate) durability: Durability,
    /// The largest file of the log, a size such as `64MiB`.
    pub(crate) segment_bytes_max: String,
    /// With less free than this publishers wait, a size.
    pub(crate) disk_free_min: String,
    /// What one queue may keep of bodies in memory, a size; the rest is read back when its turn comes.
    pub(crate) queue_resident_bytes_max: String,
}

/// What a confirm promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Durability {
    /// It is flushed to the disk.
    Fsync,
    /// The operating system has it.
    Os,
}

/// What happens to a consumer that keeps a delivery for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ConsumerTimeoutAction {
    /// It is cancelled, and what it has not acked goes back into the queue.
    CancelConsumer,
    /// Its channel is closed with 406, as RabbitMQ does.
    CloseChannel,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`, also by module, as in `info,server=debug`.
    pub(crate) level: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[compat]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Compat {
    pub(crate) product: String,
    pub(crate) version: String,
    pub(crate) default_queue_type: QueueType,
    pub(crate) live_prefetch: Prefetch,
    pub(crate) guest_from_anywhere: bool,
    pub(crate) deny_global_prefetch: bool,
    pub(crate) deny_transient_queues: bool,
    pub(crate) deny_queue_master_locator: bool,
    pub(crate) relaxed_quorum_redeclare: bool,
}

/// The type of queues that are declared without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum QueueType {
    Classic,
    Quorum,
}

/// For which clients `basic.qos` also acts on consumers that are already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Prefetch {
    /// For py-amqp, that is, Celery.
    Auto,
    On,
    Off,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: ServerConfig::default(),
            tls: tls::TlsConfig::default(),
            limits: Limits::default(),
            store: Store::default(),
            log: Log::default(),
            compat: Compat::default(),
            management: management::ManagementConfig::default(),
            vhosts: vec!["/".to_owned()],
            users: vec![UserConfig::guest()],
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            bind: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            port: 5672,
            worker_threads: 0,
            cluster_name: "pillarbox".to_owned(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_max: 131_072,
            channel_max: 2047,
            heartbeat_secs: 60,
            handshake_secs: 10,
            message_bytes_max: 16 << 20,
            memory: "60%".to_owned(),
            consumer_timeout_ms: 30 * 60 * 1000,
            consumer_timeout_action: ConsumerTimeoutAction::CancelConsumer,
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::new(),
            durability: Durability::Fsync,
            segment_bytes_max: "64MiB".to_owned(),
            disk_free_min: "50MB".to_owned(),
            queue_resident_bytes_max: "8MiB".to_owned(),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

impl Default for Compat {
    fn default() -> Self {
        Self {
            product: "RabbitMQ".to_owned(),
            version: "3.13.7".to_owned(),
            default_queue_type: QueueType::Classic,
            live_prefetch: Prefetch::Auto,
            guest_from_anywhere: false,
            deny_global_prefetch: false,
            deny_transient_queues: false,
            deny_queue_master_locator: false,
            relaxed_quorum_redeclare: false,
        }
    }
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or is not what it should be; the message says where.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the settings from {}", path.display()))?;
        toml::from_str(&text)
            .with_context(|| format!("the settings in {} are wrong", path.display()))
    }

    /// Puts another first user, password or vhost in the place of `guest`, `guest` and `/`.
    pub(crate) fn take_first_user(&mut self, first: &FirstUser) {
        let FirstUser { name, password, vhost } = first;
        let guest = UserConfig::guest();
        if let Some(vhost) = vhost {
            self.vhosts.retain(|known| known != "/" && known != vhost);
            self.vhosts.insert(0, vhost.clone());
            let moved = self.users.iter_mut().flat_map(|user| &mut user.permissions);
            moved.filter(|of| of.vhost == "/").for_each(|of| of.vhost.clone_from(vhost));
        }
        if name.is_none() && password.is_none() {
            return;
        }
        let mut user = guest.clone();
        if let Some(name) = name {
            user.loopback_only = *name == guest.name;
            user.name.clone_from(name);
        }
        if let Some(password) = password {
            user.password.clone_from(password);
        }
        if let Some(vhost) = vhost {
            user.permissions.iter_mut().for_each(|of| of.vhost.clone_from(vhost));
        }
        self.users.retain(|known| known.name != guest.name && known.name != user.name);
        self.users.insert(0, user);
    }

    /// Checks everything and makes of it what the server is started with; without a log if `memory_only`.
    ///
    /// # Errors
    /// Names the first setting that is wrong, and what would be right.
    pub(crate) fn options(&self, memory_only: bool) -> Result<Options> {
        let Self { server, limits, store, compat, .. } = self;
        let tls = self.tls.options()?;
        let has_tls_port = tls.as_ref().is_some_and(|tls| !tls.bind.is_empty());
        ensure!(
            !server.bind.is_empty() || has_tls_port,
            "[server] bind is empty: name at least one address"
        );
        ensure!(
            tls.is_some() || !self.management.needs_certificate(),
            "[management] tls_bind needs a certificate and a key in [tls]: `pillarbox tls self-signed` makes them for a try"
        );
        self.management.check_names()?;
        ensure!(
            limits.frame_max >= 4096,
            "[limits] frame_max is {}: at least 4096",
            limits.frame_max
        );
        ensure!(limits.channel_max >= 1, "[limits] channel_max is 0: at least 1");
        ensure!(limits.handshake_secs >= 1, "[limits] handshake_secs is 0: at least 1");
        ensure!(
            (1..=512 << 20).contains(&limits.message_bytes_max),
            "[limits] message_bytes_max is {}: between 1 and 536870912",
            limits.message_bytes_max
        );
        Ok(Options {
            bind: server.bind.iter().map(|&ip| SocketAddr::new(ip, server.port)).collect(),
            tls,
            vhosts: self.vhosts.iter().map(|name| name.as_str().into()).collect(),
            accounts: users::accounts(&self.users, &self.vhosts)?,
            guest_from_anywhere: compat.guest_from_anywhere,
            frame_max: limits.frame_max,
            channel_max: limits.channel_max,
            heartbeat_secs: limits.heartbeat_secs,
            handshake_ms: limits.handshake_secs.saturating_mul(1000),
            message_bytes_max: limits.message_bytes_max,
            memory_limit: parse_memory(&limits.memory)?,
            store: if memory_only { None } else { Some(store.options()?) },
            consumer_timeout_ms: Some(limits.consumer_timeout_ms).filter(|&ms| ms > 0),
            consumer_timeout_closes_channel: limits.consumer_timeout_action
                == ConsumerTimeoutAction::CloseChannel,
            default_queue_type: match compat.default_queue_type {
                QueueType::Classic => QueueKind::Classic,
                QueueType::Quorum => QueueKind::Quorum,
            },
            live_prefetch: match compat.live_prefetch {
                Prefetch::Auto => LivePrefetch::Auto,
                Prefetch::On => LivePrefetch::On,
                Prefetch::Off => LivePrefetch::Off,
            },
            deny_global_prefetch: compat.deny_global_prefetch,
            compat: QueueCompat {
                deny_transient_queues: compat.deny_transient_queues,
                deny_queue_master_locator: compat.deny_queue_master_locator,
                relaxed_quorum_redeclare: compat.relaxed_quorum_redeclare,
            },
            product: compat.product.clone(),
            version: compat.version.clone(),
            cluster_name: server.cluster_name.clone(),
        })
    }

    /// What the management is started with.
    pub(crate) fn management(&self) -> ::management::Settings {
        self.management.settings(self.compat.version.clone())
    }
}

impl Store {
    /// The data folder that is named, or the platform's.
    ///
    /// # Errors
    /// If none is named, and the platform has none.
    pub(crate) fn data_dir(&self) -> Result<PathBuf> {
        if !self.data_dir.as_os_str().is_empty() {
            return Ok(self.data_dir.clone());
        }
        let place = dirs::data_dir()
            .context("no folder for data is known: set HOME, or name a folder with --data-dir")?;
        Ok(place.join("pillarbox"))
    }

    /// Where the log lies, and how it is kept.
    ///
    /// # Errors
    /// Names the first setting that is wrong.
    fn options(&self) -> Result<StoreOptions> {
        let data_dir = self.data_dir()?;
        let segment_bytes_max = parse_size(&self.segment_bytes_max)
            .context("[store] segment_bytes_max: a size such as \"64MiB\"")?;
        ensure!(
            (SEGMENT_BYTES_LEAST..=SEGMENT_BYTES_MOST).contains(&segment_bytes_max),
            "[store] segment_bytes_max is '{}': between 1MiB and 1GiB",
            self.segment_bytes_max
        );
        Ok(StoreOptions {
            data_dir,
            sync: match self.durability {
                Durability::Fsync => Sync::Flush,
                Durability::Os => Sync::Os,
            },
            segment_bytes_max,
            disk_free_min: parse_size(&self.disk_free_min)
                .context("[store] disk_free_min: a size such as \"50MB\"")?,
            queue_resident_bytes_max: parse_size(&self.queue_resident_bytes_max)
                .context("[store] queue_resident_bytes_max: a size such as \"8MiB\"")?,
        })
    }
}

const SEGMENT_BYTES_LEAST: u64 = 1 << 20;
const SEGMENT_BYTES_MOST: u64 = 1 << 30;

/// `60%`, `512MiB`, `2GB` or a number of bytes.
fn parse_memory(text: &str) -> Result<MemoryLimit> {
    let wrong = || {
        format!("[limits] memory is '{text}': a share such as \"60%\" or a size such as \"512MiB\"")
    };
    if let Some(percent) = text.strip_suffix('%') {
        let percent: u8 = percent.trim().parse().with_context(wrong)?;
        ensure!((1..=100).contains(&percent), wrong());
        return Ok(MemoryLimit::Percent(percent));
    }
    Ok(MemoryLimit::Bytes(parse_size(text).with_context(wrong)?))
}

/// `512MiB`, `2GB` or a number of bytes; at least one.
fn parse_size(text: &str) -> Result<u64> {
    let wrong = || format!("'{text}' is no size");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().with_context(wrong)?;
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "kB" | "KB" => 1000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" => 1 << 30,
        _ => bail!(wrong()),
    };
    let bytes = number.checked_mul(factor).with_context(wrong)?;
    ensure!(bytes > 0, wrong());
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_comes_with_the_project_spells_out_the_defaults() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("broker.toml");
        assert_eq!(Config::read(&path).unwrap(), Config::default());
        let text = fs::read_to_string(path).unwrap();
        // A setting that is left out would pass the comparison above.
        for key in [
            "bind",
            "port",
            "worker_threads",
            "cluster_name",
            "certificate",
            "client_ca",
            "client_certificate",
            "user_from",
            "versions",
            "frame_max",
            "channel_max",
            "heartbeat_secs",
            "handshake_secs",
            "message_bytes_max",
            "memory",
            "consumer_timeout_ms",
            "consumer_timeout_action",
            "data_dir",
            "durability",
            "segment_bytes_max",
            "disk_free_min",
            "queue_resident_bytes_max",
            "format",
            "level",
            "product",
            "version",
            "default_queue_type",
            "live_prefetch",
            "guest_from_anywhere",
            "deny_global_prefetch",
            "deny_transient_queues",
            "deny_queue_master_locator",
            "relaxed_quorum_redeclare",
            "metrics_bind",
            "tls_bind",
            "names",
            "load_definitions",
            "vhosts",
            "name",
            "password",
            "tags",
            "loopback_only",
            "vhost",
            "configure",
            "write",
            "read",
        ] {
            let set = |line: &str| line.split('=').next().is_some_and(|start| start.trim() == key);
            assert!(text.lines().any(set), "{key} is not in broker.toml");
        }
    }

    #[test]
    fn an_empty_file_is_all_defaults() {
        assert_eq!(toml::from_str::<Config>("").unwrap(), Config::default());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |toml: &str| {
            let config: Config = toml::from_str(toml).unwrap();
            format!("{:#}", config.options(false).unwrap_err())
        };
        assert!(wrong("limits.memory = \"lots\"").contains("[limits] memory is 'lots'"));
        assert!(wrong("limits.frame_max = 1").contains("at least 4096"));
        assert!(wrong("store.disk_free_min = 'much'").contains("[store] disk_free_min"));
        assert!(wrong("store.segment_bytes_max = '1kB'").contains("between 1MiB and 1GiB"));
        assert!(wrong("vhosts = []").contains("vhost '/'"));
        let named = wrong("management.names = ['broker.example.com:15672']");
        assert!(named.contains("without the port"), "{named}");
        let pattern =
            "users = [{ name = 'a', password = 'b', permissions = [{ vhost = '/', read = '(' }] }]";
        assert!(wrong(pattern).contains("user 'a' in vhost '/'"), "{}", wrong(pattern));
        let unknown = toml::from_str::<Config>("limits.frame_maximum = 1").unwrap_err().to_string();
        assert!(unknown.contains("frame_maximum"), "{unknown}");
    }

    #[test]
    fn memory_is_a_share_or_a_size() {
        assert_eq!(parse_memory("40%").unwrap(), MemoryLimit::Percent(40));
        assert_eq!(parse_memory("512MiB").unwrap(), MemoryLimit::Bytes(512 << 20));
        assert_eq!(parse_memory("1000").unwrap(), MemoryLimit::Bytes(1000));
        for wrong in ["0%", "101%", "", "MiB", "5 parsecs", "99999999999GiB", "0"] {
            assert!(parse_memory(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_password_is_shown() {
        assert!(!format!("{:?}", Config::default()).contains("password"));
    }
}
