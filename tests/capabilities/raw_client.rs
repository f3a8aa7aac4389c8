//! A client that does only what it is told: it may fall silent, or not read what it is sent.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use amqp::{FrameType, HEARTBEAT_FRAME, Method, RawTable, channel, connection, decode_frame};

use crate::client::PATIENCE;

const FRAME_MAX: u32 = 131_072;

/// A connection with channel 1 open.
pub(crate) struct RawClient {
    stream: TcpStream,
    received: Vec<u8>,
}

impl RawClient {
    /// Connects as the default user; `heartbeat_secs` of 0 asks for none.
    pub(crate) fn open(broker: SocketAddr, heartbeat_secs: u16) -> Self {
        let stream = TcpStream::connect(broker).expect("the broker listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("the socket takes a timeout");
        let mut client = Self { stream, received: Vec::new() };
        client.send_bytes(b"AMQP\x00\x00\x09\x01");
        client.wait_for("connection.start");
        client.send_on(
            0,
            &Method::ConnectionStartOk(connection::StartOk {
                client_properties: RawTable::EMPTY,
                mechanism: "PLAIN",
                response: b"\0guest\0guest",
                locale: "en_US",
            }),
        );
        client.wait_for("connection.tune");
        let tuning =
            connection::TuneOk { channel_max: 3, frame_max: FRAME_MAX, heartbeat: heartbeat_secs };
        client.send_on(0, &Method::ConnectionTuneOk(tuning));
        client.send_on(0, &Method::ConnectionOpen(connection::Open { virtual_host: "/" }));
        client.wait_for("connection.open-ok");
        client.send(&Method::ChannelOpen(channel::Open));
        client.wait_for("channel.open-ok");
        client
    }

    /// Sends a method on channel 1.
    pub(crate) fn send(&mut self, method: &Method<'_>) {
        self.send_on(1, method);
    }

    /// Sends `channel.open`, and waits for nothing.
    pub(crate) fn open_channel(&mut self, channel: u16) {
        self.send_on(channel, &Method::ChannelOpen(channel::Open));
    }

    fn send_on(&mut self, channel: u16, method: &Method<'_>) {
        let mut bytes = Vec::new();
        method.encode(channel, &mut bytes);
        self.send_bytes(&bytes);
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the broker reads");
    }

    /// Reads until the method of this name has come; its payload.
    pub(crate) fn wait_for(&mut self, name: &str) -> Vec<u8> {
        loop {
            let payload = self.next_method();
            if Method::decode(&payload).expect("a method").name() == name {
                return payload;
            }
        }
    }

    /// The payload of the next method, past everything else.
    fn next_method(&mut self) -> Vec<u8> {
        loop {
            if let Some((frame, length)) = decode_frame(&self.received, FRAME_MAX).expect("frames")
            {
                let payload = (frame.kind == FrameType::Method).then(|| frame.payload.to_vec());
                self.received.drain(..length);
                match payload {
                    Some(payload) => return payload,
                    None => continue,
                }
            }
            let mut bytes = [0; 4096];
            let count = self.stream.read(&mut bytes).expect("the broker answers in time");
            assert!(count > 0, "the broker closed the connection");
            self.received.extend_from_slice(&bytes[..count]);
        }
    }

    /// Reads until the broker has sent a heartbeat.
    pub(crate) fn wait_for_heartbeat(&mut self) {
        while !self.received.ends_with(&HEARTBEAT_FRAME) {
            let mut bytes = [0; 4096];
            let count = self.stream.read(&mut bytes).expect("the broker sends heartbeats");
            assert!(count > 0, "the broker closed the connection");
            self.received.extend_from_slice(&bytes[..count]);
        }
        self.received.clear();
    }

    /// Reads until the broker has closed the socket.
    pub(crate) fn wait_for_end(mut self) {
        let mut bytes = [0; 4096];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return,
                Err(error) => panic!("the broker does not close the connection: {error}"),
            }
        }
    }

    /// How long a read may take from now on.
    pub(crate) fn be_patient(&self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).expect("the socket takes a timeout");
    }
}
