//! Runs the scripts: what a client sends, and below `---` all that comes of it, again and again.
//!
//! ```text
//! # What the script shows.
//! 1: basic.publish "" orders "hello" mandatory     a method on channel 1: arguments in order, then flags and options
//! raw 4142 "text"                                   bytes as they are
//! + 6000                                            so many milliseconds pass
//! ! shutdown text                                   an event
//! log: hold                                         what is written waits from here on
//! log: flush 2                                      the log is flushed as far as 2, or without it to its end
//! figures: 1                                        what channel 1 shows of itself, but for zeros
//! ---
//! 1: → basic.return 312 NO_ROUTE /orders "hello"    what is sent to the client
//! 1: ⇒ ended                                        what the broker is asked
//! next: Linger { ms: 30000 }                        what the caller does next, unless it is to read on
//! ```
//!
//! `session open` as the first line does the handshake, with every capability, and opens channels 1 and 2.

use std::{fs, path::Path, sync::Arc};

use ::broker::{LogPosition, Timestamp};
use amqp::{
    FieldTable, FieldValue, FrameType, Method, Properties, ReplyCode, ShortString, access, basic,
    channel, confirm, connection, encode_body_frames, encode_frame, encode_header_frame, exchange,
    queue, tx,
};

use super::fake_broker::FakeBroker;
use crate::{ChannelNumber, Event, Next, Session, Settings};

#[test]
fn scripts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut count = 0;
    for topic in sorted_entries(&root) {
        for case in sorted_entries(&topic) {
            let name = case.strip_prefix(&root).unwrap().display().to_string();
            run(&name, &fs::read_to_string(&case).unwrap());
            count += 1;
        }
    }
    assert!(count > 30, "only {count} scripts were found");
}

fn sorted_entries(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut entries: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

/// Runs one script, and fails with the whole of what came instead.
fn run(name: &str, script: &str) {
    let mut client = ScriptedClient::new();
    let mut expected = Vec::new();
    let mut is_input = true;
    let lines = script.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in lines.chain(["---"]) {
        match (line, is_input) {
            ("---", true) => is_input = false,
            ("---", false) => {
                client.check(name, &mut expected);
                is_input = true;
            }
            (line, true) => client.input(line),
            (line, false) => expected.push(line.to_owned()),
        }
    }
    assert!(is_input, "{name}: it ends with what is expected");
}

/// A session with the bytes that are on their way to it.
pub(super) struct ScriptedClient {
    session: Session<FakeBroker>,
    now: Timestamp,
    pending: Vec<u8>,
    nexts: Vec<String>,
    /// How far the log has to be flushed before the session is given anything.
    waits_for: Option<LogPosition>,
}

impl ScriptedClient {
    pub(super) fn new() -> Self {
        let settings = Settings {
            message_bytes_max: 100_000,
            content_bytes_max: 400_000,
            ..Settings::new(FieldTable::new())
        };
        let now = Timestamp(1_000_000);
        let session = Session::new(FakeBroker::default(), Arc::new(settings), now);
        Self { session, now, pending: Vec::new(), nexts: Vec::new(), waits_for: None }
    }

    fn input(&mut self, line: &str) {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match *words.as_slice() {
            ["session", "open"] => self.open(),
            ["raw", ref bytes @ ..] => self.pending.extend(bytes.iter().flat_map(|w| raw(w))),
            ["+", ms] => {
                self.flush();
                self.now = self.now.plus_ms(ms.parse().unwrap());
                let next = self.session.handle_time(self.now);
                self.note(next);
            }
            ["!", ref event @ ..] => {
                self.flush();
                self.event(event);
            }
            ["figures:", channel] => {
                self.flush();
                self.session.broker_mut().note_figures(channel.parse().unwrap());
            }
            ["log:", "hold"] => {
                self.flush();
                self.session.broker_mut().disk.is_held = true;
            }
            ["log:", "flush", ref position @ ..] => {
                self.flush();
                self.flush_log(position.first().map(|position| position.parse().unwrap()));
            }
            [channel, method, ref arguments @ ..] => {
                let channel = channel.trim_end_matches(':').parse().unwrap();
                encode(channel, method, arguments, &mut self.pending);
            }
            _ => panic!("not understood: {line}"),
        }
    }

    /// The bytes of a line that is a method.
    pub(super) fn encode(line: &str) -> Vec<u8> {
        let mut client = Self::new();
        client.input(line);
        client.pending
    }

    fn event(&mut self, words: &[&str]) {
        let channel = |word: &str| ChannelNumber(word.parse().unwrap());
        let frames;
        let event = match *words {
            ["cancelled", number, consumer_tag] => {
                Event::ConsumerCancelled { channel: channel(number), consumer_tag }
            }
            ["replied", number, consumer_tag] => {
                frames = direct_reply(channel(number), consumer_tag);
                Event::Replied { channel: channel(number), frames: &frames }
            }
            ["timed-out", number, consumer_tag, ref strict @ ..] => Event::ConsumerTimedOut {
                channel: channel(number),
                consumer_tag,
                timeout_ms: 1_800_000,
                close_channel: !strict.is_empty(),
            },
            ["blocked", reason] => Event::Blocked { reason },
            ["unblocked"] => Event::Unblocked,
            ["shutdown", explanation] => {
                Event::Shutdown { code: ReplyCode::ConnectionForced, explanation }
            }
            ["disconnected"] => Event::Disconnected,
            ["congested"] => {
                self.session.broker_mut().is_congested = true;
                return;
            }
            ["drained"] => {
                self.session.broker_mut().is_congested = false;
                return;
            }
            _ => panic!("not understood: {words:?}"),
        };
        let next = self.session.handle_event(self.now, event);
        self.note(next);
    }

    /// Does the handshake, and forgets what it brought.
    pub(super) fn open(&mut self) {
        self.pending.extend(amqp::ProtocolHeader::BYTES);
        for (channel, method, arguments) in [
            (0, "connection.start-ok", &["PLAIN", "\0guest\0guest", "capable"][..]),
            (0, "connection.tune-ok", &["2047", "131072", "60"]),
            (0, "connection.open", &["/"]),
            (1, "channel.open", &[]),
            (2, "channel.open", &[]),
        ] {
            encode(channel, method, arguments, &mut self.pending);
        }
        self.flush();
        assert!(self.session.is_open());
        self.session.broker_mut().log.clear();
    }

    fn note(&mut self, next: Next) {
        if next != Next::Read {
            self.nexts.push(format!("next: {next:?}"));
        }
        if let Next::Flush { position } = next {
            self.waits_for = Some(position);
            self.session.handle_reading_paused();
        }
    }

    /// Hands the session what is pending.
    fn flush(&mut self) {
        let input = std::mem::take(&mut self.pending);
        self.feed(&input);
    }

    /// Hands the session more bytes, behind what it left of those before.
    pub(super) fn feed(&mut self, input: &[u8]) {
        self.pending.extend_from_slice(input);
        if self.waits_for.is_some() {
            return;
        }
        let progress = self.session.handle_input(self.now, &self.pending);
        self.pending.drain(..progress.consumed);
        self.note(progress.next);
    }

    /// Flushes the log, as far as a position or to its end.
    pub(super) fn flush_log(&mut self, position: Option<u64>) {
        let flushed = self.session.broker_mut().disk.flush(position);
        let next = self.session.handle_flushed(self.now, flushed);
        self.note(next);
        assert!(self.session.awaits().is_none_or(|awaits| awaits > flushed), "all is told");
        if self.waits_for.is_some_and(|position| position <= flushed) {
            self.waits_for = None;
            self.session.handle_reading_resumed(self.now);
            self.flush();
        }
    }

    /// Flushes the log until nothing waits for it.
    pub(super) fn flush_log_for_good(&mut self) {
        for _ in 0..1000 {
            self.flush_log(None);
            if self.waits_for.is_none() && self.session.awaits().is_none() {
                return;
            }
        }
        panic!("it waits for something else than the log");
    }

    pub(super) fn broker(&mut self) -> &mut FakeBroker {
        self.session.broker_mut()
    }

    /// All that came since the last time.
    pub(super) fn take_log(&mut self) -> Vec<String> {
        let mut log = std::mem::take(&mut self.session.broker_mut().log);
        log.append(&mut self.nexts);
        log
    }

    fn check(&mut self, name: &str, expected: &mut Vec<String>) {
        self.flush();
        let log = self.take_log();
        assert!(log == *expected, "{name} brings instead:\n{}\n", log.join("\n"));
        expected.clear();
    }
}

/// Splits a line at spaces; what is in quotes is one word, with Rust's escapes for NUL and quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').expect("a quote is closed"),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(word.replace("\\0", "\0").replace("\\r", "\r").replace("\\n", "\n"));
        rest = after.trim_start();
    }
    words
}

/// Hexadecimal digits in pairs, or else the text itself.
fn raw(word: &str) -> Vec<u8> {
    let is_hex = word.len().is_multiple_of(2) && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex {
        return word.as_bytes().to_vec();
    }
    (0..word.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&word[at..at + 2], 16).unwrap())
        .collect()
}

/// The arguments of a method in a script: first those in order, then flags and `name=value` options.
struct Arguments<'a>(&'a [&'a str]);

impl<'a> Arguments<'a> {
    fn at(&self, index: usize) -> &'a str {
        self.0.get(index).copied().unwrap_or_default()
    }

    fn number(&self, index: usize) -> u64 {
        self.at(index).parse().unwrap()
    }

    fn has(&self, flag: &str) -> bool {
        self.0.contains(&flag)
    }

    fn option(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }
}

fn encode(number: u16, name: &str, arguments: &[&str], out: &mut Vec<u8>) {
    let arguments = Arguments(arguments);
    let (flag, at) = (|name| arguments.has(name), |index| arguments.at(index));
    let capabilities = capabilities(flag("capable")).to_bytes();
    let client_properties = amqp::RawTable::from_bytes(&capabilities).unwrap();
    let nowait = flag("nowait");
    let method = match name {
        "basic.publish" => return publish(number, &arguments, out),
        "header" => return header(number, &arguments, out),
        "body" => {
            let body = body(&arguments, 0);
            return encode_frame(out, FrameType::Body, number, |out| out.extend(body));
        }
        "heartbeat" => return encode_frame(out, FrameType::Heartbeat, number, |_| ()),
        "connection.start-ok" => Method::ConnectionStartOk(connection::StartOk {
            client_properties,
            mechanism: at(0),
            response: at(1).as_bytes(),
            locale: "en_US",
        }),
        "connection.tune-ok" => Method::ConnectionTuneOk(connection::TuneOk {
            channel_max: at(0).parse().unwrap(),
            frame_max: at(1).parse().unwrap(),
            heartbeat: at(2).parse().unwrap(),
        }),
        "connection.open" => Method::ConnectionOpen(connection::Open { virtual_host: at(0) }),
        "connection.close" => Method::ConnectionClose(connection::Close::default()),
        "connection.close-ok" => Method::ConnectionCloseOk(connection::CloseOk),
        "connection.update-secret" => {
            Method::ConnectionUpdateSecret(connection::UpdateSecret::default())
        }
        "channel.open" => Method::ChannelOpen(channel::Open),
        "channel.close" => Method::ChannelClose(channel::Close::default()),
        "channel.close-ok" => Method::ChannelCloseOk(channel::CloseOk),
        "channel.flow" => Method::ChannelFlow(channel::Flow { active: at(0) == "true" }),
        "access.request" => Method::AccessRequest(access::Request::default()),
        "exchange.declare" => Method::ExchangeDeclare(exchange::Declare {
            exchange: at(0),
            exchange_type: at(1),
            nowait,
            ..Default::default()
        }),
        "exchange.delete" => {
            let exchange = at(0);
            Method::ExchangeDelete(exchange::Delete { exchange, nowait, ..Default::default() })
        }
        "exchange.bind" => Method::ExchangeBind(exchange::Bind {
            destination: at(0),
            source: at(1),
            routing_key: at(2),
            nowait,
            ..Default::default()
        }),
        "exchange.unbind" => Method::ExchangeUnbind(exchange::Unbind {
            destination: at(0),
            source: at(1),
            routing_key: at(2),
            nowait,
            ..Default::default()
        }),
        "queue.declare" => Method::QueueDeclare(queue::Declare {
            queue: at(0),
            passive: flag("passive"),
            nowait,
            ..Default::default()
        }),
        "queue.bind" => Method::QueueBind(queue::Bind {
            queue: at(0),
            exchange: at(1),
            routing_key: at(2),
            nowait,
            ..Default::default()
        }),
        "queue.unbind" => Method::QueueUnbind(queue::Unbind {
            queue: at(0),
            exchange: at(1),
            routing_key: at(2),
            ..Default::default()
        }),
        "queue.purge" => Method::QueuePurge(queue::Purge { queue: at(0), nowait }),
        "queue.delete" => {
            Method::QueueDelete(queue::Delete { queue: at(0), nowait, ..Default::default() })
        }
        "queue.declare-ok" => Method::QueueDeclareOk(queue::DeclareOk::default()),
        "basic.qos" => Method::BasicQos(basic::Qos {
            prefetch_size: arguments.option("size").map_or(0, |size| size.parse().unwrap()),
            prefetch_count: at(0).parse().unwrap(),
            global: flag("global"),
        }),
        "basic.consume" => Method::BasicConsume(basic::Consume {
            queue: at(0),
            consumer_tag: at(1),
            no_ack: flag("no-ack"),
            nowait,
            ..Default::default()
        }),
        "basic.cancel" => Method::BasicCancel(basic::Cancel { consumer_tag: at(0), nowait }),
        "basic.get" => Method::BasicGet(basic::Get { queue: at(0), no_ack: flag("no-ack") }),
        "basic.ack" => Method::BasicAck(basic::Ack {
            delivery_tag: arguments.number(0),
            multiple: flag("multiple"),
        }),
        "basic.nack" => Method::BasicNack(basic::Nack {
            delivery_tag: arguments.number(0),
            multiple: flag("multiple"),
            requeue: flag("requeue"),
        }),
        "basic.reject" => Method::BasicReject(basic::Reject {
            delivery_tag: arguments.number(0),
            requeue: flag("requeue"),
        }),
        "basic.recover" => Method::BasicRecover(basic::Recover { requeue: flag("requeue") }),
        "basic.recover-async" => {
            Method::BasicRecoverAsync(basic::RecoverAsync { requeue: flag("requeue") })
        }
        "tx.select" => Method::TxSelect(tx::Select),
        "tx.commit" => Method::TxCommit(tx::Commit),
        "tx.rollback" => Method::TxRollback(tx::Rollback),
        "confirm.select" => Method::ConfirmSelect(confirm::Select { nowait }),
        name => panic!("no such method: {name}"),
    };
    method.try_encode(number, out).unwrap();
}

fn capabilities(has_all: bool) -> FieldTable {
    let names = ["authentication_failure_close", "connection.blocked", "consumer_cancel_notify"];
    let table: FieldTable = names
        .map(|name| (ShortString::from_static(name), FieldValue::Bool(has_all)))
        .into_iter()
        .collect();
    FieldTable::from_iter([(ShortString::from_static("capabilities"), table)])
}

/// `basic.publish EXCHANGE KEY BODY`, with the properties that the options name; with `alone` the method only.
fn publish(number: u16, arguments: &Arguments<'_>, out: &mut Vec<u8>) {
    let method = Method::BasicPublish(basic::Publish {
        exchange: arguments.at(0).as_bytes(),
        routing_key: arguments.at(1).as_bytes(),
        mandatory: arguments.has("mandatory"),
        immediate: arguments.has("immediate"),
    });
    method.try_encode(number, out).unwrap();
    if arguments.has("alone") {
        return;
    }
    let body = body(arguments, 2);
    let properties = properties(arguments).to_bytes();
    encode_header_frame(out, number, body.len() as u64, &properties);
    encode_body_frames(out, number, 131_072, &body);
}

/// The frames of a direct reply without a body.
fn direct_reply(channel: ChannelNumber, consumer_tag: &str) -> Vec<u8> {
    let mut frames = Vec::new();
    let consumer_tag = consumer_tag.as_bytes();
    let deliver = basic::Deliver { consumer_tag, delivery_tag: 1, ..Default::default() };
    Method::BasicDeliver(deliver).try_encode(channel.0, &mut frames).unwrap();
    encode_header_frame(&mut frames, channel.0, 0, &Properties::default().to_bytes());
    frames
}

/// The argument, or as many octets as an option says.
fn body(arguments: &Arguments<'_>, index: usize) -> Vec<u8> {
    match arguments.option("octets") {
        Some(count) => vec![b'x'; count.parse().unwrap()],
        None => arguments.at(index).as_bytes().to_vec(),
    }
}

fn properties(arguments: &Arguments<'_>) -> Properties {
    let text = |name| Some(ShortString::try_from(arguments.option(name)?).unwrap());
    let mut headers = FieldTable::new();
    for name in ["CC", "BCC"] {
        let Some(value) = arguments.option(name) else { continue };
        let keys: Vec<_> = value.split(',').map(FieldValue::from).collect();
        let value = if value == "text" { "text".into() } else { FieldValue::Array(keys) };
        headers.insert(ShortString::from_static(name), value);
    }
    Properties {
        headers: (!headers.is_empty()).then_some(headers),
        delivery_mode: arguments.has("persistent").then_some(2),
        expiration: text("expiration"),
        reply_to: text("reply-to"),
        user_id: text("user-id"),
        ..Properties::default()
    }
}

/// `header SIZE`, with `class=` and `weight=`; with `malformed` its properties are cut short.
fn header(number: u16, arguments: &Arguments<'_>, out: &mut Vec<u8>) {
    let option = |name, default| arguments.option(name).map_or(default, |v| v.parse().unwrap());
    encode_frame(out, FrameType::Header, number, |out| {
        out.extend(option("class", 60_u16).to_be_bytes());
        out.extend(option("weight", 0_u16).to_be_bytes());
        out.extend(arguments.number(0).to_be_bytes());
        out.extend(if arguments.has("malformed") { [0x80, 0] } else { [0, 0] });
    });
}
