//! RabbitMQ's HTTP API, metrics for Prometheus, and the web page.
//!
//! [`Management::start`] listens, on a runtime of its own: however long a list is that somebody asks for, no message
//! waits for it. What is shown comes from [`Admin`] as values; JSON is made here and nowhere else.

mod admin_token;
mod answer;
mod api;
mod authorize;
mod budget;
mod caller;
mod document;
mod endpoint;
mod failure;
mod fields;
mod gate;
mod items;
mod listener;
mod listing;
mod metrics;
mod names;
mod paced;
mod page;
mod properties;
mod query;
mod request;
mod response;
mod settings;
mod stats;
mod tables;
mod traced;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Method, Uri};
use axum::routing::get;
use server::admin::Admin;
use server::tls::Tls;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

pub use self::admin_token::AdminToken;
use self::answer::Answer;
use self::api::definitions::Import;
use self::budget::Budget;
use self::document::Document;
use self::failure::Failure;
use self::listener::Listener;
use self::names::Names;
use self::query::Query;
pub use self::settings::Settings;
use self::settings::Shown;

/// How many threads answer requests.
const THREADS: usize = 2;

/// How long the last answers may take.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// How many more carry what takes long: a vhost that is being emptied, policies that many queues follow, contents that are read
/// back.
const BLOCKING_THREADS: usize = 4;

/// The management while it serves; dropping it ends that.
#[derive(Debug)]
pub struct Management {
    shown: Shown,
    stop: CancellationToken,
    /// One for each connection.
    tasks: TaskTracker,
    runtime: Option<Runtime>,
}

/// Why the management cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ManagementError {
    /// An address that cannot be listened on.
    #[error(
        "cannot listen on {address} for the management; `bind`, `tls_bind` and `metrics_bind` of [management], or --management-port, choose others"
    )]
    Bind {
        /// Which.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// It is to listen for TLS, and there is no certificate for that.
    #[error("the management is to listen for TLS, for which there is no certificate")]
    NoCertificate,
    /// There are no threads for it.
    #[error("cannot start the threads of the management: {0}")]
    Threads(io::Error),
}

impl Management {
    /// Listens on every address, and answers for this node.
    ///
    /// # Errors
    /// [`ManagementError`]; then nothing is served.
    pub fn start(
        settings: &Settings,
        admin: &Admin,
        tls: Option<&Arc<Tls>>,
    ) -> Result<Self, ManagementError> {
        let sockets = bind_all(&settings.bind)?;
        let tls_sockets = bind_all(&settings.tls_bind)?;
        let metrics_sockets = bind_all(&settings.metrics_bind)?;
        let addresses = |sockets: &[(StdListener, SocketAddr)]| {
            sockets.iter().map(|(_, address)| *address).collect()
        };
        let shown = Shown {
            rabbitmq_version: settings.rabbitmq_version.as_str().into(),
            admin_token: settings.admin_token.clone().map(Arc::new),
            node_name: admin.node().name.into(),
            addresses: addresses(&sockets),
            tls_addresses: addresses(&tls_sockets),
            metrics_addresses: addresses(&metrics_sockets),
            tls: tls.map(Arc::clone),
            budget: Budget::default(),
        };
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(THREADS).max_blocking_threads(BLOCKING_THREADS);
        builder.thread_name("management");
        let runtime = builder.enable_all().build().map_err(ManagementError::Threads)?;
        let names = Names::of(&settings.names, admin.host_name());
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let guard = runtime.enter();
        for bound in sockets {
            let listener = listener(bound, router(admin, &shown))?.named(&names);
            runtime.spawn(listener.run(stop.clone(), tasks.clone()));
        }
        for bound in tls_sockets {
            let tls = tls.ok_or(ManagementError::NoCertificate)?;
            // Here a browser has the name from a certificate that nobody else has.
            let listener = listener(bound, router(admin, &shown))?.with_tls(tls);
            runtime.spawn(listener.run(stop.clone(), tasks.clone()));
        }
        for bound in metrics_sockets {
            let address = bound.1;
            let listener = listener(bound, metrics_router(admin, &shown))?;
            // Beyond this machine whoever reaches the metrics may read them, by whatever name their targets have.
            let is_for_all = !address.ip().is_loopback();
            let listener = if is_for_all { listener } else { listener.named(&names) };
            runtime.spawn(listener.run(stop.clone(), tasks.clone()));
        }
        drop(guard);
        Ok(Self { shown, stop, tasks, runtime: Some(runtime) })
    }

    /// Takes no more requests, and ends once those that are under way are answered, or a second later: who asked the
    /// broker to stop is to be told that it does.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        let answered = tokio::time::timeout(LAST_ANSWERS, self.tasks.wait());
        // Whoever takes longer sees its connection end.
        let _ = answered.await;
    }

    /// Where the API is, with the ports that were chosen.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.shown.addresses
    }

    /// Where those on this machine find the API, if they can by an address that is only theirs.
    pub fn local_url(&self) -> Option<String> {
        let local = |address: &SocketAddr| match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            IpAddr::V6(ip) if ip.is_unspecified() => Some(IpAddr::V6(Ipv6Addr::LOCALHOST)),
            ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip.is_loopback().then_some(ip),
        };
        let local = |address| local(address).map(|ip| SocketAddr::new(ip, address.port()));
        self.addresses().iter().find_map(local).map(|address| format!("http://{address}"))
    }

    /// Where the API is under TLS, with the ports that were chosen.
    pub fn tls_addresses(&self) -> &[SocketAddr] {
        &self.shown.tls_addresses
    }

    /// Where the metrics are, with the ports that were chosen.
    pub fn metrics_addresses(&self) -> &[SocketAddr] {
        &self.shown.metrics_addresses
    }
}

/// Makes everything that a file of definitions brings, as RabbitMQ exports them, but what is there already: that stays as
/// it is, also where the file says something else of it.
///
/// # Errors
/// What is wrong with them, in words, and then nothing was made; or what failed while they were made: what was made until
/// then stays.
pub async fn load_definitions(admin: &Admin, text: &[u8]) -> Result<(), String> {
    let loaded = async {
        let import = Import::read(&Document::of(text)?, None)?.without_what_is_there(admin);
        import.run(admin, "load_definitions").await
    };
    loaded.await.map_err(|failure| failure.reason())
}

impl Drop for Management {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn bind_all(addresses: &[SocketAddr]) -> Result<Vec<(StdListener, SocketAddr)>, ManagementError> {
    let bind = |&address: &SocketAddr| {
        let failed = |source| ManagementError::Bind { address, source };
        let socket = StdListener::bind(address).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok((socket, address))
    };
    addresses.iter().map(bind).collect()
}

fn listener(
    (socket, address): (StdListener, SocketAddr),
    router: Router,
) -> Result<Listener, ManagementError> {
    let bind = |source| ManagementError::Bind { address, source };
    Ok(Listener::new(TcpListener::from_std(socket).map_err(bind)?, router))
}

/// What is answered on the addresses of the metrics, where nobody logs in: numbers, and the names of queues.
fn metrics_router(admin: &Admin, shown: &Shown) -> Router {
    // Who scrapes without a login takes nothing from those who have one.
    let shown = Shown { budget: Budget::default(), ..shown.clone() };
    let answer = |metrics: fn(&Admin, &Shown) -> Answer| {
        let (admin, shown) = (admin.clone(), shown.clone());
        get(async move || response::yes(metrics(&admin, &shown), &shown.budget))
    };
    let (admin, asked) = (admin.clone(), shown.clone());
    let in_detail = get(async move |uri: Uri| {
        let answer = metrics::in_detail(&admin, &asked, &Query::of(uri.query()));
        response::yes(answer, &asked.budget)
    });
    Router::new()
        .route("/metrics/detailed", in_detail)
        .route("/metrics", answer(metrics::of_node))
        .route("/metrics/per-object", answer(metrics::per_object))
        .fallback(async || response::no(Failure::not_found()))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
}

/// Everything that is answered on the addresses of the API.
fn router(admin: &Admin, shown: &Shown) -> Router {
    gate::routes(admin, shown)
        .fallback(async |method: Method, uri: Uri| {
            let page = page::find(&method, uri.path());
            page.unwrap_or_else(|| gate::not_found(uri.path(), uri.query()))
        })
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
}
