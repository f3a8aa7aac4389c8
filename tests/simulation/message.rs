//! The messages of a script: each has a number, and all else of it follows from its [`Spec`].

use amqp::{FieldTable, Properties, RawProperties, ShortString};

use crate::catalog::queue_named;
use crate::model::{Reason, Seen};

/// How a message is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) id: u32,
    pub(crate) bytes: usize,
    pub(crate) persistent: bool,
    pub(crate) priority: Option<u8>,
    pub(crate) expiration_ms: Option<u64>,
    pub(crate) delay_ms: Option<u64>,
}

impl Spec {
    /// Its body: the number, and bytes that no other has in the same places.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut mixed = self.id.wrapping_mul(0x9E37_79B9) | 1;
        let mut body = self.id.to_le_bytes().to_vec();
        while body.len() < self.bytes {
            mixed = mixed.wrapping_mul(0x01_93).wrapping_add(self.id);
            body.extend_from_slice(&mixed.to_le_bytes());
        }
        body.truncate(self.bytes.max(4));
        body
    }

    /// Its properties, as they were published.
    pub(crate) fn properties(&self) -> Properties {
        let text = |number: u64| ShortString::try_from(number.to_string().as_str()).ok();
        let headers = self.delay_ms.map(|delay_ms| {
            let mut headers = FieldTable::new();
            let delay_ms = i64::try_from(delay_ms).expect("delays are short");
            headers.insert(ShortString::from_static("x-delay"), delay_ms);
            headers
        });
        Properties {
            headers,
            delivery_mode: Some(if self.persistent { 2 } else { 1 }),
            priority: self.priority,
            expiration: self.expiration_ms.and_then(text),
            message_id: text(self.id.into()),
            ..Properties::default()
        }
    }
}

/// The number that a body tells.
pub(crate) fn id_of(body: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(*body.first_chunk()?))
}

/// What a client sees in a message.
///
/// # Errors
/// If it is not what was published, changed as a broker may.
pub(crate) fn read(
    specs: &[Spec],
    redelivered: bool,
    properties: &[u8],
    body: &[u8],
) -> Result<Seen, String> {
    let id = id_of(body).ok_or("a body without a number")?;
    let spec = specs.get(id as usize).ok_or_else(|| format!("nobody published number {id}"))?;
    if body != spec.body() {
        return Err(format!("the body of number {id} was changed"));
    }
    let mut found = Properties::decode(RawProperties::from_bytes(properties))
        .map_err(|error| format!("the properties of number {id} cannot be read: {error:?}"))?;
    let mut seen = Seen { id, redelivered, acquired: 0, failed: 0, deaths: Vec::new() };
    if let Some(headers) = found.headers.take() {
        seen.read_headers(&headers);
    }
    let published = spec.properties();
    let expiration = published.expiration.filter(|_| seen.deaths.is_empty());
    if found != (Properties { headers: None, expiration, ..published }) {
        return Err(format!("number {id} came with other properties: {found:?}"));
    }
    Ok(seen)
}

impl Seen {
    fn read_headers(&mut self, headers: &FieldTable) {
        let number = |name: &str| {
            let value = headers.get(name).and_then(amqp::FieldValue::as_integer);
            value.and_then(|value| u32::try_from(value).ok()).unwrap_or(0)
        };
        (self.acquired, self.failed) = (number("x-acquired-count"), number("x-delivery-count"));
        let Some(amqp::FieldValue::Array(deaths)) = headers.get("x-death") else { return };
        for death in deaths {
            let amqp::FieldValue::Table(death) = death else { continue };
            let text = |name: &str| death.get(name).and_then(amqp::FieldValue::as_long_string);
            let queue = text("queue").and_then(queue_named);
            let reason = text("reason").and_then(Reason::parse);
            self.deaths.extend(queue.zip(reason));
        }
    }
}
