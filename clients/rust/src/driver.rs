//! The task of one connection: it alone reads and writes the socket.
//!
//! Each turn writes what waits, reads once and hands on what came. When the broker or the application is slow, the
//! reading stops and the buffers stay as they are.

use std::{
    future::{Future, poll_fn},
    io, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use amqp::{HEARTBEAT_FRAME, Method, connection};
use bytes::{Buf, BytesMut};
use tokio::{
    io::AsyncWrite,
    net::TcpStream,
    sync::watch,
    time::{Instant, Sleep, sleep_until},
};
use tokio_util::io::poll_read_buf;

use crate::{
    Error, connection::ConnectionShared, handshake::Opened, incoming::Flow, outgoing::Command,
};

/// How much one read takes at most, if no frame is larger.
const READ_BYTES: usize = 64 * 1024;

/// What a write buffer may keep while it is empty.
const IDLE_BYTES_MAX: usize = 1024 * 1024;

/// How often the task goes on at once before others get their turn.
const TURNS_MAX: u32 = 4;

/// How long the broker may take to answer `connection.close`, and the last octets to be written.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) struct Driver {
    stream: TcpStream,
    shared: Arc<ConnectionShared>,
    input: BytesMut,
    /// What is being written, and how much of it is.
    writing: Vec<u8>,
    written: usize,
    /// Answers to what one read brought.
    replies: Vec<u8>,
    heartbeat: Option<Heartbeat>,
    /// This side has sent `connection.close`, and waits no longer than this.
    closing: Option<Pin<Box<Sleep>>>,
}

/// Looks twice an interval: whether to send a sign of life, and whether the broker gave one.
struct Heartbeat {
    half: Duration,
    tick: Pin<Box<Sleep>>,
    has_written: bool,
    /// How many halves in a row brought nothing.
    silent_halves: u32,
}

impl Driver {
    pub(crate) fn new(opened: Opened, shared: Arc<ConnectionShared>) -> Self {
        let half = Duration::from_secs(u64::from(opened.heartbeat_secs)) / 2;
        let heartbeat = (!half.is_zero()).then(|| Heartbeat {
            half,
            tick: Box::pin(sleep_until(Instant::now() + half)),
            has_written: false,
            silent_halves: 0,
        });
        Self {
            stream: opened.stream,
            shared,
            input: opened.input,
            writing: Vec::new(),
            written: 0,
            replies: Vec::new(),
            heartbeat,
            closing: None,
        }
    }

    /// Serves the connection until it ends, and tells everybody why it did.
    pub(crate) async fn run(mut self, ended: watch::Sender<Option<Error>>) {
        // `open-ok` may have come with more behind it.
        let mut error = match self.handle_input() {
            Ok(Flow::Open) => poll_fn(|cx| self.poll(cx)).await,
            Ok(Flow::CloseOk) => Error::Protocol("close-ok without a close".to_owned()),
            Err(error) => error,
        };
        if self.closing.is_some() {
            // However it ended: nobody wanted more of it.
            error = Error::ClosedByClient;
        }
        self.shared.outgoing.close(error.clone());
        if matches!(error, Error::ConnectionClosed(_) | Error::Protocol(_)) {
            self.say_goodbye(&error).await;
        }
        self.shared.incoming.lock().end(&error);
        ended.send_replace(Some(error));
    }

    /// Writes what waits, with a close if the broker broke the protocol.
    async fn say_goodbye(&mut self, error: &Error) {
        let deadline = Instant::now() + CLOSE_TIMEOUT;
        if let Error::Protocol(text) = error {
            let code = amqp::ReplyCode::UnexpectedFrame;
            let close = connection::Close {
                reply_code: code.code(),
                reply_text: &code.reply_text(text),
                ..connection::Close::default()
            };
            Method::ConnectionClose(close)
                .try_encode(0, &mut self.replies)
                .expect("the text was cut");
        }
        let write_all = poll_fn(|cx| {
            loop {
                match ready!(self.poll_write(cx)) {
                    Ok(true) => {}
                    Ok(false) if self.replies.is_empty() => return Poll::Ready(()),
                    Ok(false) => mem::swap(&mut self.writing, &mut self.replies),
                    Err(_) => return Poll::Ready(()),
                }
            }
        });
        // A broker that does not read will not miss it.
        let _ = tokio::time::timeout_at(deadline, write_all).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        for _ in 0..TURNS_MAX {
            let has_written = match self.poll_write(cx) {
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                Poll::Ready(Ok(has_written)) => has_written,
                Poll::Pending => false,
            };
            let has_read = match self.poll_read(cx) {
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                Poll::Ready(Ok(Flow::CloseOk)) => return Poll::Ready(Error::ClosedByClient),
                Poll::Ready(Ok(Flow::Open)) => true,
                Poll::Pending => false,
            };
            if let Some(heartbeat) = &mut self.heartbeat {
                heartbeat.has_written |= has_written;
                if has_read {
                    heartbeat.silent_halves = 0;
                }
            }
            if let Poll::Ready(error) = self.poll_timers(cx) {
                return Poll::Ready(error);
            }
            if !has_written && !has_read {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes once; `false` if there is nothing to write.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Error>> {
        if self.written == self.writing.len() {
            self.written = 0;
            self.writing.clear();
            if self.writing.capacity() > IDLE_BYTES_MAX {
                self.writing = Vec::new();
            }
            let commands = self.shared.outgoing.take(cx, &mut self.writing);
            for command in commands {
                self.handle_command(command);
            }
            if self.writing.is_empty() {
                return Poll::Ready(Ok(false));
            }
        }
        let unwritten = &self.writing[self.written..];
        let len = ready!(Pin::new(&mut self.stream).poll_write(cx, unwritten))?;
        if len == 0 {
            return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()));
        }
        self.written += len;
        Poll::Ready(Ok(true))
    }

    fn handle_command(&mut self, command: Command) {
        let out = &mut self.writing;
        match command {
            Command::CloseChannel(number) => {
                // Nobody waits for the answer.
                let _ = self.shared.incoming.lock().close_channel(number, out);
            }
            Command::CancelConsumer { channel, tag } => {
                self.shared.incoming.lock().cancel_dropped(channel, &tag, out);
            }
            Command::CloseConnection => {
                if self.closing.is_some() {
                    return;
                }
                self.closing = Some(Box::pin(sleep_until(Instant::now() + CLOSE_TIMEOUT)));
                self.shared.outgoing.close(Error::ClosedByClient);
                let close = connection::Close {
                    reply_code: amqp::ReplyCode::Success.code(),
                    reply_text: "Bye",
                    ..connection::Close::default()
                };
                Method::ConnectionClose(close).try_encode(0, out).expect("the text is short");
            }
        }
    }

    /// Reads once and hands on what came.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Flow, Error>> {
        if self.shared.backlog.is_full() {
            // Silence is ours, then.
            if let Some(heartbeat) = &mut self.heartbeat {
                heartbeat.silent_halves = 0;
            }
            return Poll::Pending;
        }
        if self.input.is_empty() && self.input.capacity() == 0 {
            // An idle connection keeps no buffer.
            ready!(self.stream.poll_read_ready(cx))?;
        }
        self.input.reserve(READ_BYTES);
        let stream = Pin::new(&mut self.stream);
        let Poll::Ready(read) = poll_read_buf(stream, cx, &mut self.input) else {
            if self.input.is_empty() {
                self.input = BytesMut::new();
            }
            return Poll::Pending;
        };
        if read? == 0 {
            let error =
                io::Error::new(io::ErrorKind::UnexpectedEof, "the broker closed the socket");
            return Poll::Ready(Err(error.into()));
        }
        Poll::Ready(self.handle_input())
    }

    /// Hands on every whole frame of `input`; the start of one stays.
    fn handle_input(&mut self) -> Result<Flow, Error> {
        // Frozen, so that large bodies can be slices of it.
        let chunk = self.input.split().freeze();
        let mut incoming = self.shared.incoming.lock();
        let (taken, flow) = incoming.handle(&chunk, &mut self.replies);
        self.input = match chunk.try_into_mut() {
            Ok(mut input) => {
                input.advance(taken);
                input
            }
            // Somebody keeps a part of it.
            Err(kept) => BytesMut::from(&kept[taken..]),
        };
        if !self.replies.is_empty() {
            // Before the lock is dropped: a channel number that has become free is not used before its close-ok.
            let replies = &mut self.replies;
            let appended = self.shared.outgoing.append(|out| out.extend_from_slice(replies));
            if appended.is_ok() || self.closing.is_some() {
                replies.clear();
            }
        }
        flow
    }

    fn poll_timers(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        if let Some(closing) = &mut self.closing
            && closing.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Error::ClosedByClient);
        }
        if let Some(heartbeat) = &mut self.heartbeat {
            while heartbeat.tick.as_mut().poll(cx).is_ready() {
                if !mem::take(&mut heartbeat.has_written) {
                    // After the close it cannot be appended, and need not.
                    let _ = self.shared.outgoing.append(|out| out.extend(HEARTBEAT_FRAME));
                }
                heartbeat.silent_halves += 1;
                // More than two whole intervals.
                if heartbeat.silent_halves > 4 {
                    let secs = (heartbeat.half * heartbeat.silent_halves).as_secs();
                    return Poll::Ready(Error::HeartbeatMissed { secs });
                }
                heartbeat.tick.as_mut().reset(Instant::now() + heartbeat.half);
            }
        }
        Poll::Pending
    }
}
