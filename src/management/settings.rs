//! What the management is started with.

use std::net::SocketAddr;
use std::sync::Arc;

use server::tls::Tls;

use crate::admin_token::AdminToken;
use crate::budget::Budget;

/// Where to listen, and what to say.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where the API and the page are; nowhere if it is empty. Port 0 takes a free one.
    pub bind: Vec<SocketAddr>,
    /// Where they are under TLS.
    pub tls_bind: Vec<SocketAddr>,
    /// Where `/metrics` is without a login, for Prometheus; nowhere if it is empty.
    pub metrics_bind: Vec<SocketAddr>,
    /// By which names requests may call the server, besides its addresses and that of the machine; `*`: by any.
    pub names: Vec<String>,
    /// The version of RabbitMQ that tools take this for.
    pub rabbitmq_version: String,
    /// What lets those in who can read the data folder.
    pub admin_token: Option<AdminToken>,
}

/// What the answers tell about the broker itself.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// The version of RabbitMQ that tools take this for.
    pub(crate) rabbitmq_version: Arc<str>,
    /// The name of the node.
    pub(crate) node_name: Arc<str>,
    /// What lets those in who can read the data folder.
    pub(crate) admin_token: Option<Arc<AdminToken>>,
    /// The addresses of the API.
    pub(crate) addresses: Arc<[SocketAddr]>,
    /// The addresses of the API under TLS.
    pub(crate) tls_addresses: Arc<[SocketAddr]>,
    /// The addresses of the metrics.
    pub(crate) metrics_addresses: Arc<[SocketAddr]>,
    /// How TLS is spoken, if it is.
    pub(crate) tls: Option<Arc<Tls>>,
    /// What answers hold while they are sent.
    pub(crate) budget: Budget,
}
