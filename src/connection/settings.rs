//! What every connection offers its client, and the limits it is held to.

use amqp::FieldTable;

/// Settings shared by the sessions of a listener.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What `connection.start` says of the server, capabilities included.
    pub server_properties: FieldTable,
    /// The largest frame offered; 4096 or more.
    pub frame_max: u32,
    /// The most channels offered; 1 or more.
    pub channel_max: u16,
    /// The heartbeat suggested; the client's answer decides.
    pub heartbeat_secs: u16,
    /// The largest body of a message.
    pub message_bytes_max: u64,
    /// The most octets of contents that a connection holds which are not yet queued: in assembly or in transactions.
    pub content_bytes_max: u64,
    /// How long the handshake may take, from the first octet to `connection.open`.
    pub handshake_ms: u64,
}

impl Settings {
    /// The defaults, for a server that says this of itself.
    #[must_use]
    pub fn new(server_properties: FieldTable) -> Self {
        const MESSAGE_BYTES_MAX: u64 = 16 << 20;
        Self {
            server_properties,
            frame_max: 131_072,
            channel_max: 2047,
            heartbeat_secs: 60,
            message_bytes_max: MESSAGE_BYTES_MAX,
            content_bytes_max: 4 * MESSAGE_BYTES_MAX,
            handshake_ms: 10_000,
        }
    }
}
