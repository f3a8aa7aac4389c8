//! The wire: bytes ⇄ frames, methods, properties, field tables and reply codes.
//!
//! Decoding borrows from the input and allocates nothing; the owned forms ([`FieldTable`], [`Properties`],
//! [`ShortString`]) are for what is kept. Encoding appends to a `Vec<u8>` of the caller. Nothing here knows what
//! a method means, and no input makes anything here panic, recurse or allocate more than it is worth.
//!
//! Specification: AMQP 0-9-1 §4.2, with RabbitMQ's extensions and, where they disagree, RabbitMQ's reading.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod content;
mod erlang;
mod frame;
mod method;
#[rustfmt::skip]
mod methods;
mod properties;
mod protocol_header;
mod reader;
mod reply_code;
mod short_string;
mod table;
mod writer;

pub use self::{
    content::{DeliverTemplate, encode_body_frames, encode_header_frame},
    erlang::ErlangBinary,
    frame::{
        FRAME_END, FRAME_OVERHEAD, Frame, FrameError, FrameFault, FrameType, HEARTBEAT_FRAME,
        decode_frame, encode_frame,
    },
    method::MethodError,
    methods::{Method, access, basic, channel, confirm, connection, exchange, queue, tx},
    properties::{ContentHeader, Properties, PropertyError, PropertyPeek, RawProperties},
    protocol_header::ProtocolHeader,
    reply_code::{ReplyCode, UnknownReplyCode, cut_reply_text},
    short_string::{ShortStr, ShortString, TooLong},
    table::{
        ELEMENTS_MAX, FieldTable, FieldValue, FieldValueRef, NESTING_MAX, RawArray, RawTable,
        TableError,
    },
};
