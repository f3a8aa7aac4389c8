//! A socket that hears only so much from a client whose TLS handshake is not over.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What a handshake may take, in octets: as much as AMQP's. A client hello has 300 to 2,000, a chain of three
/// certificates about 5,000.
const HANDSHAKE_BYTES_MAX: usize = 16 * 1024;

/// The socket under a TLS stream.
#[derive(Debug)]
pub struct Bounded {
    socket: TcpStream,
    /// What the client may still say; `None`: whatever it likes.
    left: Option<usize>,
}

impl Bounded {
    pub(super) const fn new(socket: TcpStream) -> Self {
        Self { socket, left: Some(HANDSHAKE_BYTES_MAX) }
    }

    /// The handshake is over.
    pub(super) const fn lift(&mut self) {
        self.left = None;
    }

    /// Where the client has reached us.
    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The socket, to say a last word there.
    pub(super) fn into_socket(self) -> TcpStream {
        self.socket
    }
}

impl AsyncRead for Bounded {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        read: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(left) = self.left else { return Pin::new(&mut self.socket).poll_read(cx, read) };
        if left == 0 {
            let error = io::Error::other("the client says more than a handshake takes");
            return Poll::Ready(Err(error));
        }
        // One read more than allowed does no harm: rustls reads by a few thousand octets.
        let before = read.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, read))?;
        self.left = Some(left.saturating_sub(read.filled().len() - before));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
