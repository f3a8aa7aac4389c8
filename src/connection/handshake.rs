//! The handshake, from the protocol header to `connection.open-ok`.
//!
//! Specification: AMQP 0-9-1 §2.2.4. RabbitMQ differs: a refused login gets a close with 403 only if the client announced
//! `authentication_failure_close`; otherwise the socket just closes, after a while. For its other faults RabbitMQ
//! closes without a word as well, where we say why.

use ::broker::VhostName;
use amqp::{
    FieldValueRef, Frame, FrameType, Method, RawTable, ReplyCode, connection, decode_frame,
};

use crate::{
    Broker, ChannelNumber, Login, LoginError, Password, Settings, Tuning,
    failure::{Failure, Outcome, check_payload, ids},
    open_connection::OpenConnection,
    sasl::{MECHANISMS, Mechanism},
};

/// How far the handshake has come.
///
/// ```text
/// AwaitHeader ──header─▶ Starting ──start-ok─▶ Tuning ──tune-ok─▶ Opening ──open─▶ (open)
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) enum Handshake {
    AwaitHeader,
    Starting,
    Tuning { capabilities: Capabilities },
    Opening { capabilities: Capabilities, tuning: Tuning },
}

/// What of RabbitMQ's extensions the client understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    pub(crate) authentication_failure_close: bool,
    pub(crate) blocked: bool,
    pub(crate) consumer_cancel_notify: bool,
}

/// Where a frame has brought the handshake.
pub(crate) enum Advanced {
    Still(Handshake),
    Open(Box<OpenConnection>),
    /// The frame is to be handled again later: its login is being checked.
    Wait,
    /// The login was refused and the client does not want to be told.
    Silent,
}

/// The largest frame before `tune-ok`, with room for a token as password.
const FRAME_MAX_BEFORE_TUNE: u32 = 8192;
/// The least `frame_max` a client may ask for. RabbitMQ wants 8192 since 4.1; amqplib before 0.10.7 asks for this.
const FRAME_MAX_MIN: u32 = 4096;
/// `connection.tune`, of which RabbitMQ says that it fails if the answer does.
const TUNE: (u16, u16) = (10, 30);

impl Handshake {
    /// The largest payload of the next frame.
    pub(crate) const fn frame_max(&self) -> u32 {
        match self {
            Self::AwaitHeader | Self::Starting | Self::Tuning { .. } => FRAME_MAX_BEFORE_TUNE,
            Self::Opening { tuning, .. } => tuning.frame_max,
        }
    }

    /// The next frame and how many octets it takes, if it is complete.
    pub(crate) fn decode<'i>(&self, input: &'i [u8]) -> Outcome<Option<(Frame<'i>, usize)>> {
        decode_frame(input, self.frame_max()).map_err(|error| Failure::frame(&error))
    }

    /// The protocol header was right.
    pub(crate) fn start<B: Broker>(settings: &Settings, broker: &mut B) -> Self {
        let server_properties = settings.server_properties.to_bytes();
        let start = connection::Start {
            version_major: 0,
            version_minor: 9,
            server_properties: RawTable::from_bytes(&server_properties)
                .expect("a table within the limits was configured"),
            mechanisms: MECHANISMS.as_bytes(),
            locales: b"en_US",
        };
        broker.send(ChannelNumber::CONNECTION, &Method::ConnectionStart(start));
        Self::Starting
    }

    /// Handles a frame after the header.
    pub(crate) fn handle<B: Broker>(
        self,
        frame: &Frame<'_>,
        settings: &Settings,
        broker: &mut B,
    ) -> Outcome<Advanced> {
        check_payload(frame)?;
        let method = match frame.kind {
            FrameType::Heartbeat if frame.channel == 0 => return Ok(Advanced::Still(self)),
            FrameType::Method => Method::decode(frame.payload)
                .map_err(|error| Failure::method(&error, frame.payload, frame.channel)),
            FrameType::Header | FrameType::Body | FrameType::Heartbeat => {
                return Err(Failure::unexpected_frame(frame));
            }
        };
        if frame.channel != 0 {
            return Err(match method {
                Err(failure) if failure.code == ReplyCode::CommandInvalid => failure,
                _ => Failure::unexpected_frame(frame),
            });
        }
        let method = method?;
        match (self, &method) {
            (Self::Starting, Method::ConnectionStartOk(start_ok)) => {
                log_in(start_ok, settings, broker).map_err(|f| of_method(f, &method))
            }
            (Self::Tuning { capabilities }, Method::ConnectionTuneOk(tune_ok)) => {
                let tuning = tune(tune_ok, settings).map_err(|failure| failure.of(TUNE))?;
                broker.tuned(tuning);
                Ok(Advanced::Still(Self::Opening { capabilities, tuning }))
            }
            (Self::Opening { capabilities, tuning }, Method::ConnectionOpen(open)) => {
                let vhost = open.virtual_host;
                broker
                    .open(vhost)
                    .map_err(|refusal| Box::<Failure>::from(refusal).of(ids(&method)))?;
                let open_ok = Method::ConnectionOpenOk(connection::OpenOk);
                broker.send(ChannelNumber::CONNECTION, &open_ok);
                let vhost = VhostName::from(vhost);
                let open = OpenConnection::new(tuning, capabilities, vhost);
                Ok(Advanced::Open(Box::new(open)))
            }
            (state, _) => Err(unexpected_method(state, &method)),
        }
    }
}

/// A method that has no place in this state.
fn unexpected_method(state: Handshake, method: &Method<'_>) -> Box<Failure> {
    let state = match state {
        Handshake::AwaitHeader | Handshake::Starting => "starting",
        Handshake::Tuning { .. } => "tuning",
        Handshake::Opening { .. } => "opening",
    };
    let explanation = format!("unexpected method in connection state {state}");
    Failure::new(ReplyCode::ChannelError, &explanation).of(ids(method))
}

/// A refused login is of no method.
fn of_method(failure: Box<Failure>, method: &Method<'_>) -> Box<Failure> {
    if failure.code == ReplyCode::AccessRefused { failure } else { failure.of(ids(method)) }
}

fn log_in<B: Broker>(
    start_ok: &connection::StartOk<'_>,
    settings: &Settings,
    broker: &mut B,
) -> Outcome<Advanced> {
    let capabilities = capabilities(start_ok.client_properties);
    let mechanism = Mechanism::parse(start_ok.mechanism.as_bytes())?;
    let credentials = mechanism.credentials(start_ok.response)?;
    let user = String::from_utf8_lossy(credentials.user);
    let login = Login {
        mechanism: mechanism.name(),
        user: &user,
        password: Password(credentials.password),
        client_properties: start_ok.client_properties,
    };
    match broker.authenticate(&login) {
        Ok(()) => {}
        Err(LoginError::Wait) => return Ok(Advanced::Wait),
        Err(LoginError::Refused) if !capabilities.authentication_failure_close => {
            return Ok(Advanced::Silent);
        }
        Err(LoginError::Refused) => {
            let mechanism = mechanism.name().to_owned();
            return Err(::broker::Refusal::LoginRefused { mechanism }.into());
        }
    }
    let tune = connection::Tune {
        channel_max: settings.channel_max,
        frame_max: settings.frame_max,
        heartbeat: settings.heartbeat_secs,
    };
    broker.send(ChannelNumber::CONNECTION, &Method::ConnectionTune(tune));
    Ok(Advanced::Still(Handshake::Tuning { capabilities }))
}

fn capabilities(client_properties: RawTable<'_>) -> Capabilities {
    let Some(FieldValueRef::Table(table)) = client_properties.get("capabilities") else {
        return Capabilities::default();
    };
    let has = |name| table.get(name).and_then(FieldValueRef::as_bool).unwrap_or(false);
    Capabilities {
        authentication_failure_close: has("authentication_failure_close"),
        blocked: has("connection.blocked"),
        consumer_cancel_notify: has("consumer_cancel_notify"),
    }
}

/// The limits that a client decides on, if they are within ours. 0, no limit, is never.
fn tune(tune_ok: &connection::TuneOk, settings: &Settings) -> Outcome<Tuning> {
    let &connection::TuneOk { channel_max, frame_max, heartbeat } = tune_ok;
    let refuse = |what, value: &str, than: &str, limit: u32| {
        let explanation = format!("negotiated {what} = {value} is {than} allowed value ({limit})");
        Err(Failure::new(ReplyCode::NotAllowed, &explanation))
    };
    let (lower, higher) = ("lower than the minimum", "higher than the maximum");
    // RabbitMQ looks at frame_max first.
    if frame_max == 0 || frame_max > settings.frame_max {
        return refuse("frame_max", &frame_max.to_string(), higher, settings.frame_max);
    }
    if frame_max < FRAME_MAX_MIN {
        return refuse("frame_max", &frame_max.to_string(), lower, FRAME_MAX_MIN);
    }
    if channel_max == 0 {
        return refuse("channel_max", "0 (no limit)", higher, settings.channel_max.into());
    }
    if channel_max > settings.channel_max {
        let limit = settings.channel_max.into();
        return refuse("channel_max", &channel_max.to_string(), higher, limit);
    }
    Ok(Tuning { frame_max, channel_max, heartbeat_secs: heartbeat })
}
