//! The socket of a client, in the clear or under TLS.
//!
//! An enum and no trait object: what is in the clear pays one comparison a call for it, and knows nothing of records.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

use crate::tls::TlsStream;

/// A stream of octets both ways.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    /// In a box, because most connections have none of this.
    Tls(Box<TlsStream>),
}

impl Stream {
    /// Reads what there is; nothing at the end of the stream.
    #[inline]
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        read: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, read),
            Self::Tls(stream) => match ready!(Pin::new(stream).poll_read(cx, read)) {
                // Many clients close the socket without TLS's goodbye. AMQP has its own, so that nothing can be cut off
                // without being noticed.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
                done => Poll::Ready(done),
            },
        }
    }

    /// Takes over some of this. Under TLS it is with the socket only once [`poll_flush`](Self::poll_flush) is through.
    #[inline]
    pub(crate) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    /// Gives the socket what was taken over before; bounded, as rustls takes no more than 64 KiB ahead.
    #[inline]
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    /// Where the client has reached us.
    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Plain(stream) => stream.local_addr(),
            Self::Tls(stream) => stream.get_ref().0.local_address(),
        }
    }

    /// Whether the socket has all that was taken over.
    pub(crate) fn is_flushed(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Tls(stream) => !stream.get_ref().1.wants_write(),
        }
    }

    /// Says that nothing more comes, where that is the custom, if the socket takes it at once: libraries for TLS tell a
    /// connection that ends without it from one that was cut.
    pub(crate) fn say_goodbye(&mut self, cx: &mut Context<'_>) {
        if let Self::Tls(stream) = self {
            // It ends in any case.
            let _ = Pin::new(stream).poll_shutdown(cx);
        }
    }
}
