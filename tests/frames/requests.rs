//! The methods that a client may send, correct unless the caller says otherwise; those of channels on channel 1.

use crate::wire::{Args, args, content_header, method};

/// The client-properties that announce `authentication_failure_close`.
pub(crate) fn capabilities() -> Args {
    let flags = args().entry("authentication_failure_close", b't', args().u8(1));
    args().entry("capabilities", b'F', args().table(flags))
}

/// `connection.start-ok` as guest.
pub(crate) fn start_ok() -> Vec<u8> {
    start_ok_with(capabilities(), "PLAIN", b"\0guest\0guest")
}

pub(crate) fn start_ok_with(properties: Args, mechanism: &str, response: &[u8]) -> Vec<u8> {
    method(0, 10, 11, start_ok_arguments(properties, mechanism, response))
}

pub(crate) fn start_ok_arguments(properties: Args, mechanism: &str, response: &[u8]) -> Args {
    args().table(properties).short(mechanism).long(response).short("en_US")
}

/// The response of AMQPLAIN: a table without its length.
pub(crate) fn amqplain(login: &str, password: &str) -> Args {
    args().text_entry("LOGIN", login).text_entry("PASSWORD", password)
}

/// `connection.tune-ok` without heartbeats.
pub(crate) fn tune_ok(channel_max: u16, frame_max: u32) -> Vec<u8> {
    method(0, 10, 31, args().u16(channel_max).u32(frame_max).u16(0))
}

pub(crate) fn connection_open(vhost: &str) -> Vec<u8> {
    method(0, 10, 40, args().short(vhost).short("").u8(0))
}

pub(crate) fn connection_close() -> Vec<u8> {
    method(0, 10, 50, args().u16(200).short("").u16(0).u16(0))
}

pub(crate) fn connection_close_ok() -> Vec<u8> {
    method(0, 10, 51, args())
}

pub(crate) fn channel_open(channel: u16) -> Vec<u8> {
    method(channel, 20, 10, args().short(""))
}

pub(crate) fn channel_flow(active: u8) -> Vec<u8> {
    method(1, 20, 20, args().u8(active))
}

pub(crate) fn channel_close(channel: u16) -> Vec<u8> {
    method(channel, 20, 40, args().u16(200).short("").u16(0).u16(0))
}

pub(crate) fn channel_close_ok(channel: u16) -> Vec<u8> {
    method(channel, 20, 41, args())
}

pub(crate) fn access_request() -> Vec<u8> {
    method(1, 30, 10, args().short("/data").u8(0))
}

/// Bits of `exchange.declare` and `queue.declare`.
pub(crate) const PASSIVE: u8 = 1;
pub(crate) const DURABLE: u8 = 2;
/// Bit 2: auto-delete of an exchange, exclusive of a queue.
pub(crate) const AUTO_DELETE_EXCHANGE: u8 = 4;
pub(crate) const EXCLUSIVE: u8 = 4;
pub(crate) const INTERNAL_EXCHANGE: u8 = 8;
pub(crate) const AUTO_DELETE_QUEUE: u8 = 8;
pub(crate) const NOWAIT: u8 = 16;

pub(crate) fn exchange_declare(name: &str, kind: &str, bits: u8) -> Vec<u8> {
    exchange_declare_with(name, kind, bits, args())
}

pub(crate) fn exchange_declare_with(name: &str, kind: &str, bits: u8, table: Args) -> Vec<u8> {
    method(1, 40, 10, args().u16(0).short(name).short(kind).u8(bits).table(table))
}

pub(crate) fn exchange_delete(name: &str, bits: u8) -> Vec<u8> {
    method(1, 40, 20, args().u16(0).short(name).u8(bits))
}

pub(crate) fn exchange_bind(destination: &str, source: &str) -> Vec<u8> {
    let ends = args().u16(0).short(destination).short(source).short("");
    method(1, 40, 30, ends.u8(0).table(args()))
}

pub(crate) fn exchange_unbind(destination: &str, source: &str) -> Vec<u8> {
    let ends = args().u16(0).short(destination).short(source).short("");
    method(1, 40, 40, ends.u8(0).table(args()))
}

pub(crate) fn queue_declare(name: &str, bits: u8) -> Vec<u8> {
    queue_declare_with(name, bits, args())
}

pub(crate) fn queue_declare_with(name: &str, bits: u8, table: Args) -> Vec<u8> {
    method(1, 50, 10, args().u16(0).short(name).u8(bits).table(table))
}

pub(crate) fn queue_bind(queue: &str, exchange: &str) -> Vec<u8> {
    queue_bind_with(queue, exchange, b"", args())
}

pub(crate) fn queue_bind_with(queue: &str, exchange: &str, key: &[u8], table: Args) -> Vec<u8> {
    let ends = args().u16(0).short(queue).short(exchange).short_bytes(key);
    method(1, 50, 20, ends.u8(0).table(table))
}

pub(crate) fn queue_unbind(queue: &str, exchange: &str) -> Vec<u8> {
    let ends = args().u16(0).short(queue).short(exchange).short("");
    method(1, 50, 50, ends.table(args()))
}

pub(crate) fn queue_purge(name: &str) -> Vec<u8> {
    method(1, 50, 30, args().u16(0).short(name).u8(0))
}

/// Bits of `queue.delete` and, the first one, of `exchange.delete`.
pub(crate) const IF_UNUSED: u8 = 1;
pub(crate) const IF_EMPTY: u8 = 2;

pub(crate) fn queue_delete(name: &str, bits: u8) -> Vec<u8> {
    method(1, 50, 40, args().u16(0).short(name).u8(bits))
}

pub(crate) fn qos(prefetch_size: u32, prefetch_count: u16) -> Vec<u8> {
    method(1, 60, 10, args().u32(prefetch_size).u16(prefetch_count).u8(0))
}

/// Bits of `basic.consume`.
pub(crate) const NO_ACK: u8 = 2;
pub(crate) const EXCLUSIVE_CONSUMER: u8 = 4;

pub(crate) fn consume(queue: &str, tag: &str, bits: u8) -> Vec<u8> {
    consume_with(queue, tag.as_bytes(), bits, args())
}

pub(crate) fn consume_with(queue: &str, tag: &[u8], bits: u8, table: Args) -> Vec<u8> {
    method(1, 60, 20, args().u16(0).short(queue).short_bytes(tag).u8(bits).table(table))
}

pub(crate) fn cancel(tag: &[u8]) -> Vec<u8> {
    method(1, 60, 30, args().short_bytes(tag).u8(0))
}

/// Bits of `basic.publish`.
pub(crate) const MANDATORY: u8 = 1;
pub(crate) const IMMEDIATE: u8 = 2;

/// `basic.publish` alone, without its content.
pub(crate) fn publish(exchange: &str, key: &str) -> Vec<u8> {
    publish_with(exchange.as_bytes(), key.as_bytes(), 0)
}

pub(crate) fn publish_with(exchange: &[u8], key: &[u8], bits: u8) -> Vec<u8> {
    method(1, 60, 40, args().u16(0).short_bytes(exchange).short_bytes(key).u8(bits))
}

/// A whole message with an empty body.
pub(crate) fn message(exchange: &str, key: &str) -> Vec<u8> {
    [publish(exchange, key), content_header(0, 0, args())].concat()
}

/// A whole message with an empty body and the given properties, to nowhere.
pub(crate) fn message_with(flags: u16, list: Args) -> Vec<u8> {
    [publish("amq.topic", "nowhere"), content_header(0, flags, list)].concat()
}

/// Flags of properties.
pub(crate) const CONTENT_TYPE: u16 = 0x8000;
pub(crate) const HEADERS: u16 = 0x2000;
pub(crate) const DELIVERY_MODE: u16 = 0x1000;
pub(crate) const PRIORITY: u16 = 0x0800;
pub(crate) const REPLY_TO: u16 = 0x0200;
pub(crate) const EXPIRATION: u16 = 0x0100;
pub(crate) const USER_ID: u16 = 0x0010;

pub(crate) fn get(queue: &str, no_ack: u8) -> Vec<u8> {
    method(1, 60, 70, args().u16(0).short(queue).u8(no_ack))
}

/// The bit of `basic.ack` and `basic.nack`.
pub(crate) const MULTIPLE: u8 = 1;

pub(crate) fn ack(delivery_tag: u64, bits: u8) -> Vec<u8> {
    method(1, 60, 80, args().u64(delivery_tag).u8(bits))
}

pub(crate) fn reject(delivery_tag: u64) -> Vec<u8> {
    method(1, 60, 90, args().u64(delivery_tag).u8(0))
}

pub(crate) fn nack(delivery_tag: u64, bits: u8) -> Vec<u8> {
    method(1, 60, 120, args().u64(delivery_tag).u8(bits))
}

pub(crate) fn recover_async(requeue: u8) -> Vec<u8> {
    method(1, 60, 100, args().u8(requeue))
}

pub(crate) fn recover(requeue: u8) -> Vec<u8> {
    method(1, 60, 110, args().u8(requeue))
}

pub(crate) fn confirm_select() -> Vec<u8> {
    method(1, 85, 10, args().u8(0))
}

pub(crate) fn tx_select() -> Vec<u8> {
    method(1, 90, 10, args())
}

pub(crate) fn tx_commit() -> Vec<u8> {
    method(1, 90, 20, args())
}

pub(crate) fn tx_rollback() -> Vec<u8> {
    method(1, 90, 30, args())
}
