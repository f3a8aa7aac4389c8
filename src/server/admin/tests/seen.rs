//! What an operator sees of a real server while real clients use it, and what they can do.

mod actions;
mod consumers;
mod figures;
mod messages;
mod rates;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use amqp::Properties;
use broker::permission::{Authority, Permission};
use broker::user::{Password, PasswordHash, User, UserTags};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

use crate::admin::*;
use crate::options::{Account, NamedAccount, Options};
use crate::{Server, stage};

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server with a log of its own, which ends with its test.
struct Stage {
    server: Server,
    admin: Admin,
    folder: PathBuf,
}

const DURABLE: QueueDeclareOptions = QueueDeclareOptions {
    passive: false,
    durable: true,
    exclusive: false,
    auto_delete: false,
    nowait: false,
};

impl Stage {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Options)) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pillarbox-admin-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let mut options = stage::options(folder.clone());
        options.bind = vec!["127.0.0.1:0".parse().unwrap()];
        options.vhosts = vec!["/".into(), "other".into()];
        if let Some(store) = &mut options.store {
            store.queue_resident_bytes_max = 1 << 20;
        }
        let everything = [("/", Permission::full()), ("other", Permission::full())];
        let some = [("/", Permission::new("^mine", "^mine", "^mine").unwrap())];
        options.accounts = vec![account("guest", everything), account("bob", some)];
        change(&mut options);
        let server = Server::start(options).await.unwrap();
        Self { admin: server.admin(), server, folder }
    }

    async fn connect(&self) -> Connection {
        let uri = format!("amqp://guest:guest@{}/%2f", self.server.addresses()[0]);
        Connection::connect(&uri, ConnectionProperties::default()).await.unwrap()
    }

    /// A connection with one channel; both live for as long as the first is kept.
    async fn channel(&self) -> (Connection, Channel) {
        let connection = self.connect().await;
        let channel = connection.create_channel().await.unwrap();
        (connection, channel)
    }

    fn authority(&self, user: &str, vhost: &str) -> Authority {
        let user = self.admin.user(user).unwrap();
        self.admin.authority(&user, vhost).unwrap()
    }

    fn guest(&self) -> Authority {
        self.authority("guest", "/")
    }

    fn queue(&self, name: &str) -> QueueInfo {
        self.admin.queue("/", name).unwrap()
    }

    /// Ends the server and everything that it kept.
    async fn end(self) {
        self.server.stop("done").await.unwrap();
        // A server without a log has none.
        let _ = std::fs::remove_dir_all(self.folder);
    }
}

fn account<const N: usize>(name: &str, permissions: [(&str, Permission); N]) -> NamedAccount {
    // Quicker to check than what a password is hashed with otherwise.
    let password = Some(PasswordHash::sha256(name.as_bytes(), [7; 4]));
    let (tags, loopback_only) = (UserTags::default(), true);
    let user = User { name: name.into(), tags, loopback_only, password };
    let permissions =
        permissions.into_iter().map(|(vhost, permission)| (vhost.into(), Arc::new(permission)));
    let account = Account { user, permissions: permissions.collect() };
    NamedAccount { account, password: Password::new(name.as_bytes()) }
}

async fn declare(channel: &Channel, queue: &str) {
    channel.queue_declare(queue.into(), DURABLE, FieldTable::default()).await.unwrap();
}

/// Publishes to the default exchange; persistent if it is to be.
async fn send(channel: &Channel, queue: &str, body: &str, persistent: bool) {
    let mode = if persistent { 2 } else { 1 };
    let properties = BasicProperties::default().with_delivery_mode(mode);
    publish(channel, "", queue, body, properties).await;
}

async fn publish(
    channel: &Channel,
    exchange: &str,
    key: &str,
    body: &str,
    properties: BasicProperties,
) {
    let options = BasicPublishOptions::default();
    let (exchange, key) = (exchange.into(), key.into());
    let sent = channel.basic_publish(exchange, key, options, body.as_bytes(), properties).await;
    drop(sent.unwrap());
}

async fn confirm_select(channel: &Channel) {
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
}

/// Asks until the answer is as it must be.
#[track_caller]
fn until<T>(what: &str, look: impl Fn() -> T, is_so: impl Fn(&T) -> bool) -> impl Future<Output = T>
where
    T: std::fmt::Debug,
{
    let (give_up, what) = (Instant::now() + PATIENCE, what.to_owned());
    async move {
        loop {
            let seen = look();
            if is_so(&seen) {
                return seen;
            }
            assert!(Instant::now() < give_up, "{what}: {seen:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
