//! A connection to a broker: the handle applications hold, and what its task and its channels share.

use std::{fmt, str::FromStr, sync::Arc};

use parking_lot::Mutex;
use tokio::{sync::watch, time};

use crate::{
    Channel, ConnectOptions, Error, FieldTable,
    channel::ChannelShared,
    consumer::Backlog,
    driver::Driver,
    handshake,
    incoming::Incoming,
    outgoing::{Command, Outgoing},
};

/// An open connection. Dropping it closes it, and every channel with it.
pub struct Connection {
    shared: Arc<ConnectionShared>,
    blocked: watch::Receiver<Option<String>>,
    ended: watch::Receiver<Option<Error>>,
    server_properties: FieldTable,
}

/// What the connection's task and every channel hold.
///
/// Locks are taken in this order, any of them left out: `incoming`, a channel's own, `outgoing`'s.
pub(crate) struct ConnectionShared {
    pub(crate) incoming: Mutex<Incoming>,
    pub(crate) outgoing: Outgoing,
    pub(crate) backlog: Arc<Backlog>,
    pub(crate) frame_max: u32,
    channel_max: u16,
}

impl Connection {
    /// Connects to the broker that a URI such as `amqp://guest:guest@localhost:5672/%2f` names.
    ///
    /// # Errors
    /// [`Error::Uri`], [`Error::Io`], [`Error::ConnectTimeout`], [`Error::LoginRefused`], and
    /// [`Error::ConnectionClosed`] if the vhost cannot be opened.
    pub async fn connect(uri: &str) -> Result<Self, Error> {
        Self::open(&ConnectOptions::from_str(uri)?).await
    }

    /// Connects as `options` say.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn open(options: &ConnectOptions) -> Result<Self, Error> {
        let opened = time::timeout(options.connect_timeout, handshake::open(options))
            .await
            .map_err(|_| Error::ConnectTimeout)??;
        let (blocked_tx, blocked) = watch::channel(None);
        let (ended_tx, ended) = watch::channel(None);
        let shared = Arc::new(ConnectionShared {
            incoming: Mutex::new(Incoming::new(opened.frame_max, blocked_tx)),
            outgoing: Outgoing::default(),
            backlog: Arc::default(),
            frame_max: opened.frame_max,
            channel_max: opened.channel_max,
        });
        let server_properties = opened.server_properties.clone();
        tokio::spawn(Driver::new(opened, Arc::clone(&shared)).run(ended_tx));
        Ok(Self { shared, blocked, ended, server_properties })
    }

    /// Opens a channel.
    ///
    /// # Errors
    /// [`Error::NoChannelLeft`], or the error that ended the connection.
    pub async fn open_channel(&self) -> Result<Channel, Error> {
        let (channel, opened) = {
            let mut incoming = self.shared.incoming.lock();
            let make = |number| Arc::new(ChannelShared::new(number, Arc::clone(&self.shared)));
            let (channel, opened) = incoming.open(self.shared.channel_max, make)?;
            channel.send(&amqp::Method::ChannelOpen(amqp::channel::Open {}))?;
            (Channel::new(channel), opened)
        };
        opened.await.unwrap_or(Err(Error::ClosedByClient))?;
        Ok(channel)
    }

    /// Sends what waits, closes the connection, and returns once the broker has answered.
    ///
    /// # Errors
    /// The error that ended the connection before.
    pub async fn close(self) -> Result<(), Error> {
        self.shared.outgoing.command(Command::CloseConnection);
        let error = self.ended().await;
        if let Error::ClosedByClient = error { Ok(()) } else { Err(error) }
    }

    /// Waits until the connection has ended, and tells why.
    pub async fn ended(&self) -> Error {
        let mut ended = self.ended.clone();
        let reason = ended.wait_for(Option::is_some).await;
        reason.ok().and_then(|error| error.clone()).unwrap_or(Error::ClosedByClient)
    }

    /// Why the broker takes no messages now, and each change of it; `None` while all is well.
    ///
    /// A blocked connection can do everything but publish: what is published waits in the socket.
    #[must_use]
    pub fn blocked(&self) -> watch::Receiver<Option<String>> {
        self.blocked.clone()
    }

    /// What the broker said about itself.
    #[must_use]
    pub const fn server_properties(&self) -> &FieldTable {
        &self.server_properties
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.outgoing.command(Command::CloseConnection);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}
