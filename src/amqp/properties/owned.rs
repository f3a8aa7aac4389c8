//! Properties that own their values.

use super::{PropertyError, RawProperties};
use crate::{FieldTable, RawTable, ShortString, reader::Reader};

/// The properties of a message; what is `None` is not on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Properties {
    /// The MIME type of the body.
    pub content_type: Option<ShortString>,
    /// How the body is compressed.
    pub content_encoding: Option<ShortString>,
    /// The headers.
    pub headers: Option<FieldTable>,
    /// 2 is persistent.
    pub delivery_mode: Option<u8>,
    /// Higher goes first in a priority queue.
    pub priority: Option<u8>,
    /// What an answer belongs to.
    pub correlation_id: Option<ShortString>,
    /// Where the answer shall go.
    pub reply_to: Option<ShortString>,
    /// Milliseconds to live, as text.
    pub expiration: Option<ShortString>,
    /// The application's name of the message.
    pub message_id: Option<ShortString>,
    /// Seconds since 1970.
    pub timestamp: Option<u64>,
    /// The application's type of the message.
    pub message_type: Option<ShortString>,
    /// Who claims to have published it.
    pub user_id: Option<ShortString>,
    /// Which application published it.
    pub app_id: Option<ShortString>,
    /// Unused since AMQP 0-9, passed on nevertheless.
    pub cluster_id: Option<ShortString>,
}

impl Properties {
    /// Copies properties off the wire. They are validated first: whatever fails allocates nothing.
    ///
    /// # Errors
    /// [`PropertyError`] with the first fault.
    pub fn decode(raw: RawProperties<'_>) -> Result<Self, PropertyError> {
        raw.validate()?;
        let mut values = Values { rest: Reader::new(raw.as_bytes()), flags: 0 };
        values.flags = values.rest.short()?;
        Ok(Self {
            content_type: values.shortstr(15)?,
            content_encoding: values.shortstr(14)?,
            headers: values
                .has(13)
                .then(|| values.rest.table())
                .transpose()?
                .map(RawTable::to_owned),
            delivery_mode: values.octet(12)?,
            priority: values.octet(11)?,
            correlation_id: values.shortstr(10)?,
            reply_to: values.shortstr(9)?,
            expiration: values.shortstr(8)?,
            message_id: values.shortstr(7)?,
            timestamp: values.has(6).then(|| values.rest.longlong()).transpose()?,
            message_type: values.shortstr(5)?,
            user_id: values.shortstr(4)?,
            app_id: values.shortstr(3)?,
            cluster_id: values.shortstr(2)?,
        })
    }

    /// Appends the wire form, flags first: what [`RawProperties`] reads.
    ///
    /// # Panics
    /// If the headers take 4 GiB or more.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.flags().to_be_bytes());
        push_string(out, self.content_type.as_ref());
        push_string(out, self.content_encoding.as_ref());
        if let Some(headers) = &self.headers {
            headers.encode(out);
        }
        out.extend(self.delivery_mode);
        out.extend(self.priority);
        push_string(out, self.correlation_id.as_ref());
        push_string(out, self.reply_to.as_ref());
        push_string(out, self.expiration.as_ref());
        push_string(out, self.message_id.as_ref());
        if let Some(timestamp) = self.timestamp {
            out.extend_from_slice(&timestamp.to_be_bytes());
        }
        push_string(out, self.message_type.as_ref());
        push_string(out, self.user_id.as_ref());
        push_string(out, self.app_id.as_ref());
        push_string(out, self.cluster_id.as_ref());
    }

    /// The wire form, flags first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    fn flags(&self) -> u16 {
        [
            self.content_type.is_some(),
            self.content_encoding.is_some(),
            self.headers.is_some(),
            self.delivery_mode.is_some(),
            self.priority.is_some(),
            self.correlation_id.is_some(),
            self.reply_to.is_some(),
            self.expiration.is_some(),
            self.message_id.is_some(),
            self.timestamp.is_some(),
            self.message_type.is_some(),
            self.user_id.is_some(),
            self.app_id.is_some(),
            self.cluster_id.is_some(),
        ]
        .into_iter()
        .zip((2..16).rev())
        .fold(0, |flags, (is_set, bit)| flags | u16::from(is_set) << bit)
    }
}

/// The values behind the flags, read from the front.
struct Values<'a> {
    flags: u16,
    rest: Reader<'a>,
}

impl Values<'_> {
    const fn has(&self, bit: u16) -> bool {
        self.flags >> bit & 1 != 0
    }

    fn shortstr(&mut self, bit: u16) -> Result<Option<ShortString>, PropertyError> {
        if !self.has(bit) {
            return Ok(None);
        }
        // Nothing longer can come off the wire.
        Ok(ShortString::try_from(self.rest.shortstr()?).ok())
    }

    fn octet(&mut self, bit: u16) -> Result<Option<u8>, PropertyError> {
        if !self.has(bit) {
            return Ok(None);
        }
        Ok(Some(self.rest.octet()?))
    }
}

fn push_string(out: &mut Vec<u8>, value: Option<&ShortString>) {
    if let Some(value) = value {
        // A short string never has more octets than one can tell.
        out.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(value.as_bytes());
    }
}
