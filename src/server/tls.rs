//! TLS: the same connections, but nobody listens in, and each side may prove who it is.
//!
//! [`Tls`] accepts connections for whatever is served: it wants a socket and gives a stream, and what is known of the
//! peer from its handshake. Its files are read at the start, on [`Tls::reload`], and when they have changed, which is
//! looked after each minute. What is wrong then changes nothing: the old ones stay, and the log says why.
//!
//! A handshake has five seconds and 16 KiB, so that a socket that stalls costs little. Its keys are worked out by
//! rustls with ring, which has no part in a message that comes without TLS.

mod bounded;
mod certificate;
mod error;
mod files;
mod options;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use amqp::ProtocolHeader;
use broker::Timestamp;
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use rustls::{ProtocolVersion, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use self::bounded::Bounded;
pub use self::certificate::Certificate;
pub use self::error::{HandshakeError, TlsError, TlsFile};
use self::files::Fingerprint;
pub use self::options::{ClientCertificates, TlsOptions, TlsVersion, UserFrom};

/// A connection under TLS.
pub type TlsStream = tokio_rustls::server::TlsStream<Bounded>;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// How long a client whose handshake failed may take to read why.
const LAST_WORD: Duration = Duration::from_secs(1);

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// How TLS is spoken, as the files say now.
pub struct Tls {
    options: TlsOptions,
    /// What the next connection is accepted with.
    current: Mutex<Arc<ServerConfig>>,
    /// Until when its certificate is valid, in milliseconds; 0 if that cannot be read.
    ends_at: AtomicU64,
    /// How the files looked when they were last read.
    seen: Mutex<Fingerprint>,
}

/// The keys in it never show.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("options", &self.options).finish_non_exhaustive()
    }
}

/// What is known of a client from its TLS handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsPeer {
    /// The version of TLS, such as `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite, such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher_suite: &'static str,
    /// The client's certificate, which was verified.
    pub certificate: Option<Certificate>,
    /// The user that the certificate names.
    pub user: Option<String>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`], which names the first file that is wrong.
    pub fn load(options: TlsOptions) -> Result<Self, TlsError> {
        let seen = Mutex::new(Fingerprint::of(&options));
        let (config, own) = files::read(&options)?;
        let (current, ends_at) = (Mutex::new(Arc::new(config)), AtomicU64::new(end_of(own)));
        Ok(Self { options, current, ends_at, seen })
    }

    /// Reads the files again, for connections from now on. If something is wrong with them, the old ones stay.
    ///
    /// It waits for the disk: not for a thread that has other things to do.
    pub fn reload(&self) {
        *self.seen.lock() = Fingerprint::of(&self.options);
        match files::read(&self.options) {
            Ok((config, own)) => {
                *self.current.lock() = Arc::new(config);
                self.ends_at.store(end_of(own), Ordering::Relaxed);
                info!("TLS has read its files again");
            }
            Err(error) => error!("TLS goes on with the files that it has: {error}"),
        }
    }

    /// Reads the files again if they have changed since.
    fn look(&self) {
        if *self.seen.lock() != Fingerprint::of(&self.options) {
            self.reload();
        }
    }

    /// Until when the broker's certificate is valid, if that can be read.
    pub fn certificate_ends_at(&self) -> Option<Timestamp> {
        Some(self.ends_at.load(Ordering::Relaxed)).filter(|&ms| ms > 0).map(Timestamp)
    }

    /// Where to listen for AMQP under it.
    pub(crate) fn bind(&self) -> &[SocketAddr] {
        &self.options.bind
    }

    /// Looks after the files until `stop`.
    pub(crate) async fn watch(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let tls = Arc::clone(&self);
            // If it panicked, that has been said, and the old files stay.
            let _ = tokio::task::spawn_blocking(move || tls.look()).await;
        }
    }

    /// Does the handshake with a client.
    ///
    /// # Errors
    /// [`HandshakeError`]; the connection is over then, and the client has been told why, as far as TLS can.
    pub async fn accept(&self, socket: TcpStream) -> Result<(TlsStream, TlsPeer), HandshakeError> {
        let accepted = tokio::time::timeout(HANDSHAKE, self.shake_hands(socket)).await;
        accepted.unwrap_or(Err(HandshakeError::TooSlow))
    }

    async fn shake_hands(&self, socket: TcpStream) -> Result<(TlsStream, TlsPeer), HandshakeError> {
        check_beginning(&socket).await?;
        let acceptor = TlsAcceptor::from(Arc::clone(&self.current.lock()));
        let mut stream = match acceptor.accept(Bounded::new(socket)).into_fallible().await {
            Ok(stream) => stream,
            Err((error, bounded)) => {
                // Who does not go by then is left standing.
                let _ = tokio::time::timeout(LAST_WORD, part_from(bounded.into_socket())).await;
                return Err(error.into());
            }
        };
        stream.get_mut().0.lift();
        let peer = self.peer(&stream);
        Ok((stream, peer))
    }

    fn peer(&self, stream: &TlsStream) -> TlsPeer {
        let (_, session) = stream.get_ref();
        // There are certificates only if they were asked for, and then they were verified.
        let own = session.peer_certificates().and_then(<[CertificateDer<'_>]>::first);
        let user_from = self.options.clients.as_ref().map(|clients| clients.user_from);
        TlsPeer {
            version: match session.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "TLSv1.3",
            },
            cipher_suite: session
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .unwrap_or_default(),
            certificate: own.and_then(Certificate::of),
            user: own.zip(user_from).and_then(|(own, from)| certificate::user_of(own, from)),
        }
    }
}

fn end_of(own: Option<Certificate>) -> u64 {
    own.map_or(0, |own| own.not_after.as_ms())
}

/// Looks at the first octets of a client, and leaves them: who speaks something else is told apart before TLS chokes
/// on it.
async fn check_beginning(socket: &TcpStream) -> Result<(), HandshakeError> {
    let mut bytes = [0; ProtocolHeader::LEN];
    let count = socket.peek(&mut bytes).await.map_err(|_| HandshakeError::Gone)?;
    if count == 0 {
        return Err(HandshakeError::Gone);
    }
    match (bytes[0], ProtocolHeader::decode(&bytes[..count])) {
        // The record of a handshake; all else there is of it is for TLS to judge.
        (0x16, _) => Ok(()),
        (b'A', None) | (_, Some(ProtocolHeader::Amqp091 | ProtocolHeader::OtherAmqp { .. })) => {
            let hint = "this is AMQP without TLS: use amqps:// instead of amqp://, or the port for AMQP without TLS";
            Err(HandshakeError::Foreign(hint))
        }
        (_, Some(ProtocolHeader::Http)) => Err(HandshakeError::Foreign(
            "this is HTTP without TLS: use https:// instead of http://",
        )),
        (_, None | Some(ProtocolHeader::Tls | ProtocolHeader::Garbage(_))) => {
            Err(HandshakeError::Foreign("this is something else"))
        }
    }
}

/// Ends a connection so that the client can read what was said last. If it were just dropped with something unread, the
/// client might see no more than a reset.
async fn part_from(mut socket: TcpStream) -> io::Result<()> {
    socket.shutdown().await?;
    let mut unread = [0; 1024];
    while socket.read(&mut unread).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests;
