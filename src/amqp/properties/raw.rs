//! Properties as they lie on the wire, read in place.

use super::PropertyError;
use crate::{
    RawTable, ShortStr,
    reader::{ReadError, Reader},
};

const CONTENT_TYPE: u16 = 1 << 15;
const CONTENT_ENCODING: u16 = 1 << 14;
const HEADERS: u16 = 1 << 13;
const DELIVERY_MODE: u16 = 1 << 12;
const PRIORITY: u16 = 1 << 11;
const CORRELATION_ID: u16 = 1 << 10;
const REPLY_TO: u16 = 1 << 9;
const EXPIRATION: u16 = 1 << 8;
const MESSAGE_ID: u16 = 1 << 7;
const TIMESTAMP: u16 = 1 << 6;
const MESSAGE_TYPE: u16 = 1 << 5;
const USER_ID: u16 = 1 << 4;
const APP_ID: u16 = 1 << 3;
const CLUSTER_ID: u16 = 1 << 2;

/// Flags and values as they lie on the wire. Only [`validate`](Self::validate) and [`peek`](Self::peek) look at all
/// of them; the other methods walk no farther than the property they are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RawProperties<'a>(&'a [u8]);

/// What a broker needs to know of each message, from one walk that also proves the whole list well-formed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PropertyPeek<'a> {
    /// The headers.
    pub headers: Option<RawTable<'a>>,
    /// 2 is persistent.
    pub delivery_mode: Option<u8>,
    /// Higher goes first in a priority queue.
    pub priority: Option<u8>,
    /// Where the answer shall go.
    pub reply_to: Option<ShortStr<'a>>,
    /// Milliseconds to live, as text.
    pub expiration: Option<ShortStr<'a>>,
    /// Who claims to have published it.
    pub user_id: Option<ShortStr<'a>>,
}

impl PropertyPeek<'_> {
    /// Whether the message survives a restart in a durable queue.
    #[inline]
    #[must_use]
    pub fn is_persistent(&self) -> bool {
        self.delivery_mode == Some(2)
    }
}

impl<'a> RawProperties<'a> {
    /// Properties without any value.
    pub const EMPTY: RawProperties<'static> = RawProperties(&[0, 0]);

    /// Takes the bytes as they are, flags first; nothing is checked yet.
    #[inline]
    #[must_use]
    pub const fn from_bytes(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes, flags first.
    #[inline]
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Checks that every flag has its value and nothing follows.
    ///
    /// # Errors
    /// [`PropertyError`] with the first fault.
    #[inline]
    pub fn validate(self) -> Result<(), PropertyError> {
        self.peek().map(|_| ())
    }

    /// Reads what routing and storing need, and checks the rest.
    ///
    /// # Errors
    /// [`PropertyError`] with the first fault.
    #[inline]
    pub fn peek(self) -> Result<PropertyPeek<'a>, PropertyError> {
        // Most messages have no property but the delivery mode, if that.
        match *self.0 {
            [0, 0] => return Ok(PropertyPeek::default()),
            [0x10, 0, mode] => {
                return Ok(PropertyPeek { delivery_mode: Some(mode), ..PropertyPeek::default() });
            }
            _ => {}
        }
        let (flags, mut rest) = self.split()?;
        let mut peek = PropertyPeek::default();
        if flags & CONTENT_TYPE != 0 {
            rest.shortstr()?;
        }
        if flags & CONTENT_ENCODING != 0 {
            rest.shortstr()?;
        }
        if flags & HEADERS != 0 {
            peek.headers = Some(rest.table()?);
        }
        if flags & DELIVERY_MODE != 0 {
            peek.delivery_mode = Some(rest.octet()?);
        }
        if flags & PRIORITY != 0 {
            peek.priority = Some(rest.octet()?);
        }
        if flags & CORRELATION_ID != 0 {
            rest.shortstr()?;
        }
        if flags & REPLY_TO != 0 {
            peek.reply_to = Some(rest.shortstr()?);
        }
        if flags & EXPIRATION != 0 {
            peek.expiration = Some(rest.shortstr()?);
        }
        if flags & MESSAGE_ID != 0 {
            rest.shortstr()?;
        }
        if flags & TIMESTAMP != 0 {
            rest.longlong()?;
        }
        if flags & MESSAGE_TYPE != 0 {
            rest.shortstr()?;
        }
        if flags & USER_ID != 0 {
            peek.user_id = Some(rest.shortstr()?);
        }
        if flags & APP_ID != 0 {
            rest.shortstr()?;
        }
        if flags & CLUSTER_ID != 0 {
            rest.shortstr()?;
        }
        if rest.is_empty() { Ok(peek) } else { Err(PropertyError::TrailingBytes) }
    }

    /// The MIME type of the body.
    ///
    /// # Errors
    /// As all of these: [`PropertyError`] with the first fault up to this property.
    pub fn content_type(self) -> Result<Option<ShortStr<'a>>, PropertyError> {
        self.read(CONTENT_TYPE, Reader::shortstr)
    }

    /// How the body is compressed.
    ///
    /// # Errors
    /// [`PropertyError`] with the first fault up to this property.
    pub fn content_encoding(self) -> Result<Option<ShortStr<'a>>, PropertyError> {
        self.read(CONTENT_ENCODING, Reader::shortstr)
    }

    /// The headers.
    ///
    /// # Errors
    /// [`PropertyError`] with the first fault up to this property.
    pub fn headers(self) -> Result<Option<RawTable<'a>>, PropertyError> {
        self.read(HEADERS, Reader::table)
    }

    /// 2 is persistent.
    ///
    /// # Errors
    /// [`PropertyError`] with the first fault up to this property.
    pub fn delivery_mode(self) -> Result<Option<u8>, PropertyError> {
        self.read(DELIVERY_MODE, Reader::octet)
    }

    /// Higher goes first in a priority queue.
    ///
    /// # Errors
    /// [`PropertyError`] with the first fault up to this property.
    pub fn priority(self) -> Result<Option<u8>, PropertyError> {
        self.read(PRIORITY, Reader::octet)
    }

    /// What an answer belongs to.
    ///
    /// # Errors
    /// [`PropertyError`] with the first fault up to this property.
    pub fn correlation_id(self) -> Result<Option<ShortStr<'a>>, PropertyError> {
        self.read(CORRELATION_ID, Reader::shortstr)
    }

    /// Where the answer shall go.
    ///
    /// # Errors
    /// [`PropertyError`] with the first fault up to this property.
    pub fn reply_to(self) -> Result<Option<ShortStr<'a>>, PropertyError> {
        self.read(REPLY_TO, Reader::shortstr)
    }

    /// Milliseconds to live, as text.
    ///
    /// # Errors
    /// [`PropertyError`] with the first fault up to this property.
    pub fn expiration(self) -> Result<Option<ShortStr<'a>>, PropertyError> {
        self.read(EXPIRATION, Reader::shortstr)
    }

    /// The application's name of the message.
    ///
    /// # Errors
    /// [`PropertyError`] with the first fault up to this property.
    pub fn message_id(self) -> Result<Option<ShortStr<'a>>, PropertyError> {
        self.read(MESSAGE_ID, Reader::shortstr)
    }

    /// Seconds since 1970.
    ///
    /// # Errors
    /// [`PropertyError`] with the first fault up to this property.
    pub fn timestamp(self) -> Result<Option<u64>, PropertyError> {
        self.read(TIMESTAMP, Reader::longlong)
    }

    /// The application's type of the message.
    ///
    /// # Errors
    /// [`PropertyError`] with the first fault up to this property.
    pub fn message_type(self) -> Result<Option<ShortStr<'a>>, PropertyError> {
        self.read(MESSAGE_TYPE, Reader::shortstr)
    }

    /// Who claims to have published it.
    ///
    /// # Errors
    /// [`PropertyError`] with the first fault up to this property.
    pub fn user_id(self) -> Result<Option<ShortStr<'a>>, PropertyError> {
        self.read(USER_ID, Reader::shortstr)
    }

    /// Which application published it.
    ///
    /// # Errors
    /// [`PropertyError`] with the first fault up to this property.
    pub fn app_id(self) -> Result<Option<ShortStr<'a>>, PropertyError> {
        self.read(APP_ID, Reader::shortstr)
    }

    /// Unused since AMQP 0-9, passed on nevertheless.
    ///
    /// # Errors
    /// [`PropertyError`] with the first fault up to this property.
    pub fn cluster_id(self) -> Result<Option<ShortStr<'a>>, PropertyError> {
        self.read(CLUSTER_ID, Reader::shortstr)
    }

    #[inline]
    fn split(self) -> Result<(u16, Reader<'a>), PropertyError> {
        let mut reader = Reader::new(self.0);
        Ok((reader.short()?, reader))
    }

    /// Reads the property `wanted`, if it is there, behind those in front of it.
    #[inline]
    fn read<T>(
        self,
        wanted: u16,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, ReadError>,
    ) -> Result<Option<T>, PropertyError> {
        let (flags, mut rest) = self.split()?;
        if flags & wanted == 0 {
            return Ok(None);
        }
        // The flags above the wanted one, from the highest down.
        let mut before = flags & !(wanted | (wanted - 1));
        while before != 0 {
            let flag = 1 << (15 - before.leading_zeros());
            before &= !flag;
            match flag {
                HEADERS => drop(rest.longstr()?),
                DELIVERY_MODE | PRIORITY => drop(rest.octet()?),
                TIMESTAMP => drop(rest.longlong()?),
                _ => drop(rest.shortstr()?),
            }
        }
        Ok(Some(read(&mut rest)?))
    }
}

impl Default for RawProperties<'_> {
    fn default() -> Self {
        Self::EMPTY
    }
}
