//! What a quorum queue knows of a message that came back: how often it went out, and how often in vain.

use amqp::{Properties, RawProperties, ShortString};

/// The highest priority level; strict levels since RabbitMQ 4.3.
pub(super) const PRIORITY_MAX: u8 = 31;
/// The level of a message without the property.
pub(super) const PRIORITY_DEFAULT: u8 = 4;

const ACQUIRED: ShortString = ShortString::from_static("x-acquired-count");
const FAILED: ShortString = ShortString::from_static("x-delivery-count");

/// How often a message came back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Returns {
    /// For any reason.
    pub(super) acquired: u32,
    /// As a failure, which the delivery limit counts.
    pub(super) failed: u32,
}

impl Returns {
    /// The properties with the counts in their headers; without failures there is no count of them.
    pub(super) fn add_to(self, properties: &[u8]) -> Vec<u8> {
        // They were validated as the message came in.
        let mut properties =
            Properties::decode(RawProperties::from_bytes(properties)).unwrap_or_default();
        let headers = properties.headers.get_or_insert_default();
        headers.insert(ACQUIRED, i64::from(self.acquired));
        if self.failed > 0 {
            headers.insert(FAILED, i64::from(self.failed));
        }
        properties.to_bytes()
    }
}
