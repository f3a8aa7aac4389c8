//! The connection handshake, from the protocol header to `connection.open-ok`.
//!
//! ```text
//! client   header       start-ok        tune-ok, open
//! broker          start          tune                  open-ok
//! ```
//!
//! A refused login is one of two things: a close with 403, since we announce `authentication_failure_close`, or from
//! older brokers a socket that closes without a word.
//!
//! Specification: AMQP 0-9-1 §2.2.4.

use std::io;

use amqp::{
    FieldTable, FieldValue, FrameType, Method, ProtocolHeader, RawTable, ShortString, connection,
    decode_frame,
};
use bytes::BytesMut;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_util::io::read_buf;

use crate::{Close, ConnectOptions, Error, reply::unexpected};

/// What frames may have until the broker says otherwise; its properties have to fit in.
const FRAME_MAX_AT_FIRST: u32 = 128 * 1024;

/// The most channels there can be.
const CHANNEL_MAX: u16 = 65_535;

/// An open connection, and what both sides agreed on.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) stream: TcpStream,
    /// What was read behind `open-ok`.
    pub(crate) input: BytesMut,
    pub(crate) frame_max: u32,
    pub(crate) channel_max: u16,
    pub(crate) heartbeat_secs: u16,
    pub(crate) server_properties: FieldTable,
}

/// Connects, logs in and opens the vhost.
pub(crate) async fn open(options: &ConnectOptions) -> Result<Opened, Error> {
    let stream = TcpStream::connect((options.host.as_str(), options.port)).await?;
    stream.set_nodelay(true)?;
    let mut wire = Wire { stream, input: BytesMut::new(), taken: 0 };
    wire.stream.write_all(&ProtocolHeader::BYTES).await?;

    let method = wire.next_method().await?;
    let Method::ConnectionStart(start) = method else { return Err(refusal(&method)) };
    if !start.mechanisms.split(|&octet| octet == b' ').any(|name| name == b"PLAIN") {
        return Err(Error::LoginRefused("the broker does not offer PLAIN".to_owned()));
    }
    let server_properties = start.server_properties.to_owned();

    let properties = client_properties(options).to_bytes();
    let response = format!("\0{}\0{}", options.user, options.password);
    wire.send(&[Method::ConnectionStartOk(connection::StartOk {
        client_properties: RawTable::from_bytes(&properties)?,
        mechanism: "PLAIN",
        response: response.as_bytes(),
        locale: "en_US",
    })])
    .await?;

    let method = wire.next_method().await.map_err(login_refused_if_closed)?;
    let Method::ConnectionTune(tune) = method else { return Err(refusal(&method)) };
    let tuned = connection::TuneOk {
        channel_max: lower(tune.channel_max, options.channel_max, CHANNEL_MAX),
        frame_max: lower(tune.frame_max, options.frame_max, FRAME_MAX_AT_FIRST),
        heartbeat: options.heartbeat_secs.unwrap_or(tune.heartbeat),
    };
    let open = connection::Open { virtual_host: &options.vhost };
    wire.send(&[Method::ConnectionTuneOk(tuned), Method::ConnectionOpen(open)]).await?;

    let method = wire.next_method().await?;
    let Method::ConnectionOpenOk(_) = method else { return Err(refusal(&method)) };
    let Wire { stream, mut input, taken } = wire;
    // Nothing but what follows `open-ok` is left for the connection's task.
    let _ = input.split_to(taken);
    Ok(Opened {
        stream,
        input,
        frame_max: tuned.frame_max,
        channel_max: tuned.channel_max,
        heartbeat_secs: tuned.heartbeat,
        server_properties,
    })
}

/// The smaller of two limits, where 0 and `None` are none; `otherwise` if there is neither.
fn lower<T: Ord + Default + Copy>(theirs: T, ours: Option<T>, otherwise: T) -> T {
    let is_limit = |limit: &T| *limit != T::default();
    [Some(theirs), ours].into_iter().flatten().filter(is_limit).min().unwrap_or(otherwise)
}

fn client_properties(options: &ConnectOptions) -> FieldTable {
    let capabilities = [
        "authentication_failure_close",
        "basic.nack",
        "connection.blocked",
        "consumer_cancel_notify",
        "exchange_exchange_bindings",
        "publisher_confirms",
    ];
    let capabilities: FieldTable =
        capabilities.into_iter().map(|name| (ShortString::from_static(name), true)).collect();
    let mut properties: FieldTable = [
        (ShortString::from_static("product"), FieldValue::from("pillarbox-client")),
        (ShortString::from_static("version"), FieldValue::from(env!("CARGO_PKG_VERSION"))),
        (ShortString::from_static("platform"), FieldValue::from("Rust")),
        (ShortString::from_static("capabilities"), FieldValue::from(capabilities)),
    ]
    .into_iter()
    .collect();
    if let Some(name) = &options.connection_name {
        properties.insert(ShortString::from_static("connection_name"), name.as_str());
    }
    properties
}

/// What a method means that is not the next step.
fn refusal(method: &Method<'_>) -> Error {
    let Method::ConnectionClose(close) = method else { return unexpected(method) };
    let text = close.reply_text.to_owned();
    if close.reply_code == amqp::ReplyCode::AccessRefused.code() {
        return Error::LoginRefused(text);
    }
    let (class_id, method_id) = (close.class_id, close.method_id);
    Error::ConnectionClosed(Close { code: close.reply_code, text, class_id, method_id })
}

/// A broker that closes the socket instead of answering a login has refused it.
fn login_refused_if_closed(error: Error) -> Error {
    if let Error::Io(cause) = &error
        && matches!(cause.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
    {
        return Error::LoginRefused("the broker closed the socket".to_owned());
    }
    error
}

/// The socket while both sides take turns.
struct Wire {
    stream: TcpStream,
    input: BytesMut,
    /// How much of `input` was the last frame.
    taken: usize,
}

impl Wire {
    async fn send(&mut self, methods: &[Method<'_>]) -> Result<(), Error> {
        let mut out = Vec::new();
        for method in methods {
            method.try_encode(0, &mut out)?;
        }
        self.stream.write_all(&out).await?;
        Ok(())
    }

    async fn next_method(&mut self) -> Result<Method<'_>, Error> {
        let _ = self.input.split_to(self.taken);
        self.taken = 0;
        loop {
            if self.input.starts_with(b"AMQP") {
                let text = "the broker speaks another version of AMQP";
                return Err(Error::Protocol(text.to_owned()));
            }
            if let Some((frame, len)) = decode_frame(&self.input, FRAME_MAX_AT_FIRST)? {
                if frame.kind == FrameType::Method && frame.channel == 0 {
                    self.taken = len;
                    break;
                }
                let _ = self.input.split_to(len);
                continue;
            }
            if read_buf(&mut self.stream, &mut self.input).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
        // Decoded once more, because a borrow cannot leave the loop.
        let frame = decode_frame(&self.input, FRAME_MAX_AT_FIRST)?;
        let (frame, _) = frame.ok_or_else(|| Error::Protocol("an empty frame".to_owned()))?;
        Ok(Method::decode(frame.payload)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_limit_wins_and_zero_is_none() {
        assert_eq!(lower(2047, None, 9), 2047);
        assert_eq!(lower(2047, Some(0), 9), 2047);
        assert_eq!(lower(2047, Some(10), 9), 10);
        assert_eq!(lower(0, Some(10), 9), 10);
        assert_eq!(lower(0, None, 9), 9);
    }
}
