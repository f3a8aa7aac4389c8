//! A server on a free port, and its clients.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use broker::user::{Password, UserTags};
use broker::vhost::VhostSettings;
use pillarbox_client::{
    Channel, Confirmation, ConnectOptions, Connection, Error, Publish, QueueOptions,
};

use crate::admin::{Admin, AdminError, NewPassword, PermissionInfo};
use crate::{Server, stage};

pub(super) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// How long anything may take, on a machine that has more to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server with a data folder, that is gone after its test.
pub(super) struct Started {
    folder: PathBuf,
    server: Option<Server>,
}

pub(super) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it does not take that long")
}

/// Asks until the answer is yes.
pub(super) async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    within(async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// A vhost is to be there, whatever is said of it.
pub(super) fn keep(_: &mut VhostSettings) -> Result<(), AdminError> {
    Ok(())
}

/// This is to be said of a vhost.
pub(super) fn say(
    settings: VhostSettings,
) -> impl FnOnce(&mut VhostSettings) -> Result<(), AdminError> {
    |said| {
        *said = settings;
        Ok(())
    }
}

impl Started {
    /// A server with the vhost `/` and nobody in it but Ann, who may do everything there.
    pub(super) async fn with_ann() -> Self {
        let started = Self::with_nobody().await;
        let admin = started.admin();
        admin.put_vhost("/", keep).await.unwrap();
        admin.put_user("ann", text("secret"), UserTags::default()).await.unwrap();
        admin.put_permission(everything("ann", "/")).await.unwrap();
        started
    }

    pub(super) async fn with_nobody() -> Self {
        let mut started = Self { folder: scratch(), server: None };
        started.start().await;
        started
    }

    async fn start(&mut self) {
        let mut options = stage::options(self.folder.clone());
        options.bind = vec![(HERE, 0).into()];
        options.handshake_ms = PATIENCE.as_secs() * 1000;
        self.server = Some(Server::start(options).await.unwrap());
    }

    /// Starts another on what this one would leave if the process ended now. This one is stopped then.
    pub(super) async fn restart(&mut self) {
        let left = std::mem::replace(&mut self.folder, scratch());
        copy(&left.join("log"), &self.folder.join("log"));
        self.server.take().unwrap().stop("restart").await.unwrap();
        std::fs::remove_dir_all(left).unwrap();
        self.start().await;
    }

    pub(super) fn admin(&self) -> Admin {
        self.server.as_ref().unwrap().admin()
    }

    pub(super) fn login(&self, user: &str, password: &str, vhost: &str) -> ConnectOptions {
        let address = self.server.as_ref().unwrap().addresses()[0];
        ConnectOptions {
            host: address.ip().to_string(),
            port: address.port(),
            user: user.to_owned(),
            password: password.to_owned(),
            vhost: vhost.to_owned(),
            connect_timeout: PATIENCE,
            ..ConnectOptions::default()
        }
    }

    pub(super) async fn connect(&self, user: &str, password: &str) -> Result<Connection, Error> {
        self.connect_to(user, password, "/").await
    }

    pub(super) async fn connect_to(
        &self,
        user: &str,
        password: &str,
        vhost: &str,
    ) -> Result<Connection, Error> {
        within(Connection::open(&self.login(user, password, vhost))).await
    }

    /// Ann, and a channel.
    pub(super) async fn ann(&self) -> (Connection, Channel) {
        let connection = self.connect("ann", "secret").await.unwrap();
        let channel = connection.open_channel().await.unwrap();
        (connection, channel)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder); // it may never have been made
    }
}

/// A folder that nobody else has.
fn scratch() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("pillarbox-admin-{}-{count}", std::process::id()))
}

/// Copies a log that is in use. A file of it may go between being seen and being read: then it is seen anew.
fn copy(from: &Path, to: &Path) {
    while let Err(error) = try_copy(from, to) {
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
        std::fs::remove_dir_all(to).unwrap();
    }
}

fn try_copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let path = entry?.path();
        std::fs::copy(&path, to.join(path.file_name().unwrap()))?;
    }
    Ok(())
}

pub(super) fn text(password: &str) -> NewPassword {
    NewPassword::Text(Password::new(password.as_bytes()))
}

pub(super) fn permission(
    (user, vhost): (&str, &str),
    [configure, write, read]: [&str; 3],
) -> PermissionInfo {
    PermissionInfo {
        user: user.into(),
        vhost: vhost.into(),
        configure: configure.to_owned(),
        write: write.to_owned(),
        read: read.to_owned(),
    }
}

pub(super) fn everything(user: &str, vhost: &str) -> PermissionInfo {
    permission((user, vhost), [".*"; 3])
}

pub(super) fn durable() -> QueueOptions {
    QueueOptions { durable: true, ..QueueOptions::default() }
}

/// How the broker closed the connection or channel.
pub(super) fn close_of(error: Error) -> (u16, String) {
    let shown = error.to_string();
    let (Error::ConnectionClosed(close) | Error::ChannelClosed(close)) = error else {
        panic!("it was not closed, but: {shown}")
    };
    (close.code, close.text)
}

/// Publishes with a confirm on a channel that has them; why not, if the channel was closed for it.
pub(super) async fn publish(channel: &Channel, exchange: &str, key: &str) -> Result<(), Error> {
    let publish = Publish { exchange, routing_key: key, body: b"x", ..Publish::default() };
    let confirm = channel.publish(&publish).await?;
    let confirmed = within(confirm).await?;
    assert!(matches!(confirmed, Confirmation::Ack), "{confirmed:?}");
    Ok(())
}
