//! What keeps a node from starting.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use store::{Fault, OpenError};

pub use crate::data_dir::DataDirError;
use crate::tls::TlsError;

/// Why a node does not start. Nothing is served then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The data folder cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The log cannot be opened.
    #[error("cannot open the log in {}", path.display())]
    Log {
        /// Its folder.
        path: PathBuf,
        /// Why.
        source: OpenError,
    },
    /// Something in the log cannot be understood, although it is what was written.
    #[error("the log holds something that this program does not understand: {0}")]
    Record(String),
    /// The disk refuses to read something that is defined, and what belongs to it would be lost without.
    #[error("cannot read what is defined in the log")]
    Definition(#[source] Arc<Fault>),
    /// The operating system gives no thread.
    #[error("cannot start a thread for the disk")]
    Thread(#[source] io::Error),
}

impl StartError {
    /// Whether it is the disk that failed.
    #[must_use]
    pub const fn is_disk_failure(&self) -> bool {
        matches!(self, Self::Log { source: OpenError::Disk(_), .. } | Self::Definition(_))
    }
}
