//! Where a broker is and how to log in to it, as an `amqp://` URI.
//!
//! ```text
//! amqp://user:password@host:port/vhost?heartbeat=30&frame_max=131072&channel_max=100&connection_timeout=10000
//! ```
//!
//! Everything is optional and percent-encoded where needed. Without a path the vhost is `/`; `amqp://host/` names the
//! vhost with the empty name, as RabbitMQ's URI specification says, and `%2f` is the usual `/`.

use std::{str::FromStr, time::Duration};

/// The port of AMQP without TLS.
const PORT: u16 = 5672;

/// What a connection needs to know before it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectOptions {
    /// Name or address; an IPv6 address without its brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// Who logs in.
    pub user: String,
    /// The password; never printed by this crate but in this value's `Debug`.
    pub password: String,
    /// The virtual host to open.
    pub vhost: String,
    /// Seconds between signs of life; `None` takes what the server proposes, 0 turns them off.
    pub heartbeat_secs: Option<u16>,
    /// The largest frame in octets; `None` or 0 takes what the server proposes.
    pub frame_max: Option<u32>,
    /// The most channels; `None` or 0 takes what the server proposes.
    pub channel_max: Option<u16>,
    /// How long connecting and the whole handshake may take.
    pub connect_timeout: Duration,
    /// What the broker's lists call this connection.
    pub connection_name: Option<String>,
}

/// Why a text is no AMQP URI.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// It does not begin with `amqp://`; `amqps://` is not supported yet.
    #[error("an AMQP URI begins with amqp://")]
    Scheme,
    /// A `%` without two hexadecimal digits, or octets that are not UTF-8 once decoded.
    #[error("{0:?} is not percent-encoded UTF-8")]
    Encoding(String),
    /// The port is no number from 0 to 65,535.
    #[error("{0:?} is not a port")]
    Port(String),
    /// The vhost would have more than one path segment.
    #[error("a slash in a vhost's name is written %2f: {0:?}")]
    Path(String),
    /// A parameter whose value is no number in its range.
    #[error("{0:?} is not a valid parameter")]
    Parameter(String),
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: PORT,
            user: "guest".to_owned(),
            password: "guest".to_owned(),
            vhost: "/".to_owned(),
            heartbeat_secs: None,
            frame_max: None,
            channel_max: None,
            connect_timeout: Duration::from_secs(10),
            connection_name: None,
        }
    }
}

impl FromStr for ConnectOptions {
    type Err = UriError;

    fn from_str(uri: &str) -> Result<Self, UriError> {
        let rest = uri.strip_prefix("amqp://").ok_or(UriError::Scheme)?;
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(r, q)| (r, Some(q)));
        let (authority, path) = rest.split_once('/').map_or((rest, None), |(a, p)| (a, Some(p)));
        let (login, address) =
            authority.rsplit_once('@').map_or((None, authority), |(l, a)| (Some(l), a));

        let mut options = Self::default();
        if let Some(login) = login {
            let (user, password) =
                login.split_once(':').map_or((login, None), |(u, p)| (u, Some(p)));
            options.user = percent_decoded(user)?;
            if let Some(password) = password {
                options.password = percent_decoded(password)?;
            }
        }
        options.set_address(address)?;
        if let Some(path) = path {
            if path.contains('/') {
                return Err(UriError::Path(path.to_owned()));
            }
            options.vhost = percent_decoded(path)?;
        }
        for parameter in query.into_iter().flat_map(|query| query.split('&')) {
            options.set_parameter(parameter)?;
        }
        Ok(options)
    }
}

impl ConnectOptions {
    fn set_address(&mut self, address: &str) -> Result<(), UriError> {
        // The colons inside the brackets of an IPv6 address do not begin a port.
        let host_end = address.rfind(']').map_or(0, |bracket| bracket + 1);
        let port_at = address.get(host_end..).and_then(|rest| rest.find(':'));
        let (host, port) = match port_at {
            Some(at) => (&address[..host_end + at], &address[host_end + at + 1..]),
            None => (address, ""),
        };
        if !port.is_empty() {
            self.port = port.parse().map_err(|_| UriError::Port(port.to_owned()))?;
        }
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if !host.is_empty() {
            self.host = percent_decoded(host)?;
        }
        Ok(())
    }

    /// Unknown parameters belong to other clients and are passed over.
    fn set_parameter(&mut self, parameter: &str) -> Result<(), UriError> {
        let wrong = || UriError::Parameter(parameter.to_owned());
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match key {
            "heartbeat" => self.heartbeat_secs = Some(value.parse().map_err(|_| wrong())?),
            "frame_max" => self.frame_max = Some(value.parse().map_err(|_| wrong())?),
            "channel_max" => self.channel_max = Some(value.parse().map_err(|_| wrong())?),
            "connection_timeout" => {
                self.connect_timeout = Duration::from_millis(value.parse().map_err(|_| wrong())?);
            }
            "connection_name" => self.connection_name = Some(percent_decoded(value)?),
            _ => {}
        }
        Ok(())
    }
}

fn percent_decoded(text: &str) -> Result<String, UriError> {
    let wrong = || UriError::Encoding(text.to_owned());
    let mut decoded = Vec::with_capacity(text.len());
    let mut pieces = text.split('%');
    decoded.extend(pieces.next().unwrap_or_default().bytes());
    for piece in pieces {
        let digits = piece.get(..2).ok_or_else(wrong)?;
        // `from_str_radix` would also take a sign.
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        decoded.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        decoded.extend(piece[2..].bytes());
    }
    String::from_utf8(decoded).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(uri: &str) -> ConnectOptions {
        uri.parse().unwrap()
    }

    #[test]
    fn everything_is_optional() {
        assert_eq!(parsed("amqp://"), ConnectOptions::default());
        assert_eq!(parsed("amqp://localhost").vhost, "/");
        assert_eq!(parsed("amqp://localhost/").vhost, "");
        assert_eq!(parsed("amqp://localhost/%2f").vhost, "/");
        assert_eq!(parsed("amqp://ann@").user, "ann");
    }

    #[test]
    fn everything_at_once() {
        let uri = "amqp://a%40b:p%3a%2F@broker.example:5673/or%20ders\
                   ?heartbeat=7&frame_max=8192&channel_max=3&connection_timeout=250\
                   &connection_name=till%201&other=x";
        let expected = ConnectOptions {
            host: "broker.example".to_owned(),
            port: 5673,
            user: "a@b".to_owned(),
            password: "p:/".to_owned(),
            vhost: "or ders".to_owned(),
            heartbeat_secs: Some(7),
            frame_max: Some(8192),
            channel_max: Some(3),
            connect_timeout: Duration::from_millis(250),
            connection_name: Some("till 1".to_owned()),
        };
        assert_eq!(parsed(uri), expected);
    }

    #[test]
    fn ipv6() {
        let options = parsed("amqp://[::1]:5673");
        assert_eq!((options.host.as_str(), options.port), ("::1", 5673));
        assert_eq!(parsed("amqp://[::1]").port, PORT);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |uri: &str| uri.parse::<ConnectOptions>().unwrap_err();
        assert_eq!(error("amqps://x"), UriError::Scheme);
        assert_eq!(error("amqp://a:70000"), UriError::Port("70000".to_owned()));
        assert_eq!(error("amqp://%zz@h"), UriError::Encoding("%zz".to_owned()));
        assert_eq!(error("amqp://%+1@h"), UriError::Encoding("%+1".to_owned()));
        assert_eq!(error("amqp://h/%c3"), UriError::Encoding("%c3".to_owned()));
        assert_eq!(error("amqp://h/a/b"), UriError::Path("a/b".to_owned()));
        assert_eq!(error("amqp://h?heartbeat=-1"), UriError::Parameter("heartbeat=-1".to_owned()));
    }
}
