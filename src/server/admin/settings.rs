//! What the node was started with, and what of that can be changed until it ends.

use std::net::SocketAddr;
use std::path::PathBuf;

use store::Sync;
use tracing::info;

use super::{Admin, AdminError};
use crate::memory::available_bytes;
use crate::options::LivePrefetch;

/// The settings in effect, without users and passwords.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the setting of this name in broker.toml")]
pub struct Settings {
    pub bind: Vec<SocketAddr>,
    pub has_tls: bool,
    pub frame_max: u32,
    pub channel_max: u16,
    pub heartbeat_secs: u16,
    pub handshake_secs: u64,
    pub message_bytes_max: u64,
    /// In bytes.
    pub memory: u64,
    pub consumer_timeout_ms: u64,
    pub consumer_timeout_closes_channel: bool,
    /// `None` if nothing is kept.
    pub store: Option<StoreSettings>,
    pub product: String,
    pub version: String,
    pub live_prefetch: LivePrefetch,
    pub guest_from_anywhere: bool,
    pub deny_global_prefetch: bool,
    pub deny_transient_queues: bool,
    pub deny_queue_master_locator: bool,
    pub relaxed_quorum_redeclare: bool,
}

/// Those of the log.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the setting of this name in broker.toml")]
pub struct StoreSettings {
    pub data_dir: PathBuf,
    /// Whether a confirm waits for the flush.
    pub is_flushed: bool,
    pub segment_bytes_max: u64,
    pub disk_free_min: u64,
    pub queue_resident_bytes_max: u64,
}

impl Admin {
    /// What is set.
    pub fn settings(&self) -> Settings {
        let shared = &self.node.shared;
        let options = &shared.options;
        Settings {
            bind: self.node.listeners.lock().iter().map(|listener| listener.address).collect(),
            has_tls: options.tls.is_some(),
            frame_max: options.frame_max,
            channel_max: options.channel_max,
            heartbeat_secs: options.heartbeat_secs,
            handshake_secs: options.handshake_ms / 1000,
            message_bytes_max: options.message_bytes_max,
            memory: shared.memory.limit(),
            consumer_timeout_ms: options.consumer_timeout_ms.unwrap_or(0),
            consumer_timeout_closes_channel: options.consumer_timeout_closes_channel,
            store: options.store.as_ref().map(|store| StoreSettings {
                data_dir: store.data_dir.clone(),
                is_flushed: store.sync == Sync::Flush,
                segment_bytes_max: store.segment_bytes_max,
                disk_free_min: shared.alarms.disk_free_min(),
                queue_resident_bytes_max: store.queue_resident_bytes_max,
            }),
            product: options.product.clone(),
            version: options.version.clone(),
            live_prefetch: options.live_prefetch,
            guest_from_anywhere: options.guest_from_anywhere,
            deny_global_prefetch: options.deny_global_prefetch,
            deny_transient_queues: options.compat.deny_transient_queues,
            deny_queue_master_locator: options.compat.deny_queue_master_locator,
            relaxed_quorum_redeclare: options.compat.relaxed_quorum_redeclare,
        }
    }

    /// Blocks publishers above another limit of the memory, in bytes, until the process ends.
    pub fn set_memory_limit(&self, bytes: u64) {
        self.node.shared.memory.set_limit(bytes);
        info!(bytes, "another memory limit, until the process ends");
    }

    /// Blocks publishers with less free on the disk than this, until the process ends.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] if nothing is kept on a disk.
    pub fn set_disk_free_min(&self, bytes: u64) -> Result<(), AdminError> {
        if self.node.shared.data_dir.is_none() {
            let reason = "there is no disk to watch: everything is kept in memory".to_owned();
            return Err(AdminError::Invalid { reason });
        }
        self.node.shared.alarms.set_disk_free_min(bytes);
        info!(bytes, "another limit of what is free on the disk, until the process ends");
        Ok(())
    }

    /// The memory that the process may use, in bytes: the machine's, or its control group's.
    pub fn memory_available(&self) -> u64 {
        available_bytes()
    }
}
