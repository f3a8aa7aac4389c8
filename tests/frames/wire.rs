//! Bytes as a client puts them on the wire, and frames as it reads them.
//!
//! Written without the broker's own codec, so that a mistake in one does not hide in the other.

use std::{
    io::{Error, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

/// How long anything that must come may take.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// The protocol header of AMQP 0-9-1.
pub(crate) const HEADER: &[u8; 8] = b"AMQP\x00\x00\x09\x01";
/// The octet that ends each frame.
pub(crate) const FRAME_END: u8 = 0xCE;

pub(crate) const METHOD: u8 = 1;
pub(crate) const CONTENT_HEADER: u8 = 2;
pub(crate) const BODY: u8 = 3;
pub(crate) const HEARTBEAT: u8 = 8;

/// A correct frame.
pub(crate) fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    frame_ending(kind, channel, payload, FRAME_END)
}

/// A frame whose last octet may be wrong.
pub(crate) fn frame_ending(kind: u8, channel: u16, payload: &[u8], end: u8) -> Vec<u8> {
    [&frame_start(kind, channel, length(payload)), payload, &[end]].concat()
}

/// The seven octets before a payload of the given size, which need not be true.
pub(crate) fn frame_start(kind: u8, channel: u16, size: u32) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(channel.to_be_bytes());
    bytes.extend(size.to_be_bytes());
    bytes
}

/// A method frame on `channel`.
pub(crate) fn method(channel: u16, class: u16, method: u16, arguments: Args) -> Vec<u8> {
    let ids = [class.to_be_bytes(), method.to_be_bytes()].concat();
    frame(METHOD, channel, &[ids, arguments.0].concat())
}

/// A content header on channel 1, of class 60 and weight 0, with the property `list` that `flags` announce.
pub(crate) fn content_header(size: u64, flags: u16, list: Args) -> Vec<u8> {
    let arguments = args().u16(60).u16(0).u64(size).u16(flags).raw(&list.0);
    frame(CONTENT_HEADER, 1, &arguments.0)
}

/// A body frame on channel 1.
pub(crate) fn body(payload: &[u8]) -> Vec<u8> {
    frame(BODY, 1, payload)
}

/// The arguments of a method, the contents of a table: whatever is a row of typed values.
#[derive(Clone)]
pub(crate) struct Args(pub(crate) Vec<u8>);

/// No arguments yet.
pub(crate) fn args() -> Args {
    Args(Vec::new())
}

impl Args {
    pub(crate) fn u8(self, value: u8) -> Self {
        self.raw(&[value])
    }

    pub(crate) fn u16(self, value: u16) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub(crate) fn u32(self, value: u32) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub(crate) fn u64(self, value: u64) -> Self {
        self.raw(&value.to_be_bytes())
    }

    /// A short string.
    pub(crate) fn short(self, text: &str) -> Self {
        self.short_bytes(text.as_bytes())
    }

    /// A short string that need not be UTF-8.
    pub(crate) fn short_bytes(self, bytes: &[u8]) -> Self {
        let length = u8::try_from(bytes.len()).expect("at most 255 octets");
        self.u8(length).raw(bytes)
    }

    /// A long string.
    pub(crate) fn long(self, bytes: &[u8]) -> Self {
        self.u32(length(bytes)).raw(bytes)
    }

    /// A table or an array: its contents after their length.
    pub(crate) fn table(self, contents: Self) -> Self {
        self.long(&contents.0)
    }

    /// One entry of a table: key, tag, and the bytes of the value.
    pub(crate) fn entry(self, key: &str, tag: u8, value: Self) -> Self {
        self.short(key).u8(tag).raw(&value.0)
    }

    /// One entry of a table that is a long string.
    pub(crate) fn text_entry(self, key: &str, text: &str) -> Self {
        self.entry(key, b'S', args().long(text.as_bytes()))
    }

    /// One entry of a table that is a signed integer of 32 bits.
    pub(crate) fn int_entry(self, key: &str, value: u32) -> Self {
        self.entry(key, b'I', args().u32(value))
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("test inputs are small")
}

/// What a client reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A method; its arguments are what follows the two ids.
    Method { channel: u16, class: u16, method: u16, arguments: Vec<u8> },
    /// A frame of another kind.
    Frame { kind: u8, channel: u16 },
    /// The eight octets of a server that speaks another protocol.
    ProtocolHeader([u8; 8]),
    /// An answer in HTTP, up to the end of the connection.
    Http(String),
    /// The end of the connection, in order or by a reset.
    End,
    /// Nothing, for far too long.
    Timeout,
}

/// One connection, seen from the client.
pub(crate) struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Wire {
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).expect("the broker accepts connections");
        stream.set_nodelay(true).expect("nodelay can be set");
        stream.set_read_timeout(Some(READ_TIMEOUT)).expect("a timeout can be set");
        Self { stream, unread: Vec::new() }
    }

    /// Sends; that the broker has hung up already shows in what is read, not here.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    pub(crate) fn read(&mut self) -> Event {
        match self.try_read() {
            Ok(event) => event,
            Err(end) => end,
        }
    }

    /// The next event; `Err` if the input ended or paused before it was complete.
    fn try_read(&mut self) -> Result<Event, Event> {
        self.fill(1)?;
        match self.unread[0] {
            b'A' => {
                self.fill(8)?;
                let header = self.take(8);
                Ok(Event::ProtocolHeader(header.try_into().expect("eight octets")))
            }
            b'H' => {
                while self.fill(self.unread.len() + 1).is_ok() {}
                Ok(Event::Http(String::from_utf8_lossy(&self.unread).into_owned()))
            }
            kind => {
                self.fill(7)?;
                let start = self.take(7);
                let channel = u16::from_be_bytes([start[1], start[2]]);
                let size = u32::from_be_bytes([start[3], start[4], start[5], start[6]]);
                let size = usize::try_from(size).expect("a frame fits into memory");
                self.fill(size + 1)?;
                let payload = self.take(size + 1);
                assert_eq!(payload.last(), Some(&FRAME_END), "the broker ends its frames");
                if kind != METHOD {
                    return Ok(Event::Frame { kind, channel });
                }
                let class = u16::from_be_bytes([payload[0], payload[1]]);
                let method = u16::from_be_bytes([payload[2], payload[3]]);
                let arguments = payload[4..size].to_vec();
                Ok(Event::Method { channel, class, method, arguments })
            }
        }
    }

    /// Reads until at least `count` octets are unread.
    fn fill(&mut self, count: usize) -> Result<(), Event> {
        let mut buffer = [0; 4096];
        while self.unread.len() < count {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Event::End),
                Ok(read) => self.unread.extend(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => return Err(Event::Timeout),
                Err(_) => return Err(Event::End),
            }
        }
        Ok(())
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        self.unread.drain(..count).collect()
    }
}

fn is_timeout(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
