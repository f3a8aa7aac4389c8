//! `[management]`: where the HTTP API, the web page and the metrics are.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// `[management]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ManagementConfig {
    /// The addresses of the HTTP API and the web page.
    bind: Vec<SocketAddr>,
    /// Their addresses under TLS.
    tls_bind: Vec<SocketAddr>,
    /// The addresses of the metrics for Prometheus, where nobody logs in.
    metrics_bind: Vec<SocketAddr>,
    /// The names that the server is called by, besides its addresses and the name of the machine.
    names: Vec<String>,
    /// A file of definitions that are made at every start; empty is none.
    load_definitions: PathBuf,
}

impl Default for ManagementConfig {
    fn default() -> Self {
        let local = |port| vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))];
        Self {
            bind: local(15_672),
            tls_bind: Vec::new(),
            metrics_bind: local(15_692),
            names: Vec::new(),
            load_definitions: PathBuf::new(),
        }
    }
}

impl ManagementConfig {
    /// What the management is started with, which tells its tools that it is this version of RabbitMQ.
    pub(super) fn settings(&self, rabbitmq_version: String) -> ::management::Settings {
        let Self { bind, tls_bind, metrics_bind, names, .. } = self.clone();
        let admin_token = None;
        ::management::Settings {
            bind,
            tls_bind,
            metrics_bind,
            names,
            rabbitmq_version,
            admin_token,
        }
    }

    /// Whether anything of it needs a certificate.
    pub(super) fn needs_certificate(&self) -> bool {
        !self.tls_bind.is_empty()
    }

    /// # Errors
    /// Names the first that no request could call the server by.
    pub(super) fn check_names(&self) -> Result<()> {
        match self.names.iter().find(|name| name.contains([':', '/'])) {
            Some(name) => bail!(
                "[management] names has '{name}': only the name, without http:// and without the port"
            ),
            None => Ok(()),
        }
    }

    /// The file of definitions that are made at every start, with what is in it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn definitions(&self) -> Result<Option<(&Path, Vec<u8>)>> {
        let path = self.load_definitions.as_path();
        if path.as_os_str().is_empty() {
            return Ok(None);
        }
        let text = fs::read(path).with_context(|| {
            format!("[management] load_definitions: cannot read {}", path.display())
        })?;
        Ok(Some((path, text)))
    }

    /// Moves the API to this port. With 0 nobody else's ports are taken, so the metrics move as well.
    pub(crate) fn set_port(&mut self, port: u16) {
        self.bind.iter_mut().for_each(|address| address.set_port(port));
        if port == 0 {
            self.tls_bind.iter_mut().for_each(|address| address.set_port(0));
            self.metrics_bind.iter_mut().for_each(|address| address.set_port(0));
        }
    }
}
