//! Runs one case against a broker and compares.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use crate::{
    case::{Case, Close, Expect, Stage, TOKEN},
    requests::{
        access_request, channel_close, channel_close_ok, channel_open, connection_close_ok,
        connection_open, start_ok, tune_ok,
    },
    wire::{Event, HEADER, Wire},
};

/// The time between the two parts of a cut input, so that the broker has most likely read the first one alone.
const PART_GAP: Duration = Duration::from_micros(300);
/// A channel that no case uses: it opens if the connection is alive.
const PROBE_CHANNEL: u16 = 999;

/// Runs `case` against the broker at `addr` with its bytes cut at each of `splits`; `None` is uncut.
///
/// Where a run leaves the connection usable, the next one takes place on the same.
///
/// # Errors
/// What was wrong in the first run that went wrong.
pub(crate) fn check(addr: SocketAddr, case: &Case, splits: &[Option<usize>]) -> Result<(), String> {
    let mut kept = None;
    for &split in splits {
        let wire = match kept.take() {
            Some(wire) => wire,
            None => connect(addr, case.stage).map_err(|event| format!("handshake: {event}"))?,
        };
        let run = Run { case, split, token: new_token() };
        kept = run.perform(wire).map_err(|wrong| match split {
            None => format!("whole: {wrong}"),
            Some(at) => format!("split at {at} of {}: {wrong}", case.bytes.len()),
        })?;
    }
    Ok(())
}

/// Six octets that no other run has.
fn new_token() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{:06x}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A connection that has got as far as `stage`.
fn connect(addr: SocketAddr, stage: Stage) -> Result<Wire, String> {
    let mut wire = Wire::connect(addr);
    let (bytes, last) = (handshake(Stage::Connected, stage), handshake_reply(stage));
    wire.send(&bytes);
    if let Some((class, method)) = last {
        wait_for(&mut wire, |event| is_method(event, class, method))?;
    }
    Ok(wire)
}

/// What a good client sends to get from one stage to another.
fn handshake(from: Stage, to: Stage) -> Vec<u8> {
    let steps = [
        (Stage::Starting, HEADER.to_vec()),
        (Stage::Tuning, start_ok()),
        (Stage::Opening, tune_ok(2047, 131_072)),
        (Stage::Open, connection_open("/")),
        (Stage::Channel, channel_open(1)),
    ];
    steps.into_iter().filter(|(stage, _)| from < *stage && *stage <= to).flat_map(|s| s.1).collect()
}

/// The last method that the broker sends until `stage`.
fn handshake_reply(stage: Stage) -> Option<(u16, u16)> {
    match stage {
        Stage::Connected => None,
        Stage::Starting => Some((10, 10)),
        Stage::Tuning | Stage::Opening => Some((10, 30)),
        Stage::Open => Some((10, 41)),
        Stage::Channel => Some((20, 11)),
    }
}

/// One run of a case.
struct Run<'a> {
    case: &'a Case,
    split: Option<usize>,
    token: String,
}

impl Run<'_> {
    /// Sends, reads and compares; returns the connection if it is as good as new.
    fn perform(&self, mut wire: Wire) -> Result<Option<Wire>, String> {
        wire.send(&self.with_token(&self.case.before));
        if self.case.channel_closed {
            wait_for(&mut wire, |event| is_method(event, 20, 40))?;
        }
        let hostile = self.with_token(&self.case.bytes);
        let (first, second) = hostile.split_at(self.split.unwrap_or(hostile.len()));
        wire.send(first);
        if self.split.is_some() {
            thread::sleep(PART_GAP);
            wire.send(second);
        }
        if self.case.then_finish {
            wire.finish();
        }

        match &self.case.expect {
            Expect::ConnectionClose(close) => {
                let event = wait_for(&mut wire, |event| ends(event) || is_close(event))?;
                self.compare(&event, 10, 50, close)?;
                self.connection_ends(wire)
            }
            Expect::ChannelClose(close) => {
                let event = wait_for(&mut wire, |event| ends(event) || is_close(event))?;
                self.compare(&event, 20, 40, close)?;
                wire.send(&channel_close_ok(1));
                self.channel_opens_again(wire)
            }
            Expect::HeaderThenEnd => {
                must_be(&wire.read(), &Event::ProtocolHeader(*HEADER))?;
                must_be(&wire.read(), &Event::End).map(|()| None)
            }
            Expect::SilentEnd => must_be(&wire.read(), &Event::End).map(|()| None),
            Expect::Http400 => {
                let event = wire.read();
                if matches!(&event, Event::Http(text) if text.starts_with("HTTP/1.1 400 ")) {
                    return Ok(None);
                }
                Err(format!("got {}", describe(&event)))
            }
            Expect::ClosedAsAsked => {
                wait_for(&mut wire, |event| is_method(event, 10, 51))?;
                // The broker leaves it to the client to hang up first.
                wire.finish();
                must_be(&wire.read(), &Event::End).map(|()| None)
            }
            Expect::StillFine => self.still_fine(wire),
            Expect::Answered(class, method) => {
                wait_for(&mut wire, |event| is_method(event, *class, *method))?;
                self.still_fine(wire)
            }
        }
    }

    fn with_token(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        while let Some(at) = bytes.windows(TOKEN.len()).position(|part| part == TOKEN.as_bytes()) {
            bytes[at..at + TOKEN.len()].copy_from_slice(self.token.as_bytes());
        }
        bytes
    }

    /// Compares `event` with a close of the connection (10, 50) or of the channel (20, 40).
    fn compare(&self, event: &Event, class: u16, method: u16, close: &Close) -> Result<(), String> {
        let mut arguments = close.code.to_be_bytes().to_vec();
        let text = self.with_token(&close.text);
        arguments.push(u8::try_from(text.len()).expect("a reply text of at most 255 octets"));
        arguments.extend(text);
        arguments.extend(close.class.to_be_bytes());
        arguments.extend(close.method.to_be_bytes());
        let channel = u16::from(class == 20);
        must_be(event, &Event::Method { channel, class, method, arguments })
    }

    /// After `close-ok` the connection must end; tried once a case, as it may take RabbitMQ three seconds.
    fn connection_ends(&self, mut wire: Wire) -> Result<Option<Wire>, String> {
        if self.split.is_none() {
            wire.send(&connection_close_ok());
            wait_for(&mut wire, |event| *event == Event::End)
                .map_err(|wrong| format!("after close-ok: {wrong}"))?;
        }
        Ok(None)
    }

    /// The channel's number must be free again, which also shows that the connection is alive.
    fn channel_opens_again(&self, mut wire: Wire) -> Result<Option<Wire>, String> {
        wire.send(&channel_open(1));
        wait_for(&mut wire, |event| is_method(event, 20, 11))
            .map_err(|wrong| format!("after the channel ended: {wrong}"))?;
        Ok((self.case.stage == Stage::Channel && !self.case.leaves_traces).then_some(wire))
    }

    /// The rest of the handshake goes well, channel 1 answers, and another channel opens.
    fn still_fine(&self, mut wire: Wire) -> Result<Option<Wire>, String> {
        wire.send(&handshake(self.case.reaches, Stage::Channel));
        wire.send(&access_request());
        wait_for(&mut wire, |event| is_method(event, 30, 11))?;
        wire.send(&[channel_open(PROBE_CHANNEL), channel_close(PROBE_CHANNEL)].concat());
        wait_for(&mut wire, |event| is_method(event, 20, 41))?;
        wire.send(&channel_close(1));
        wait_for(&mut wire, |event| is_method(event, 20, 41))?;
        self.channel_opens_again(wire)
    }
}

/// Reads up to the event that is wanted.
///
/// # Errors
/// A description of what came instead, if the connection ends or the broker closes anything.
fn wait_for(wire: &mut Wire, wanted: impl Fn(&Event) -> bool) -> Result<Event, String> {
    loop {
        let event = wire.read();
        if wanted(&event) {
            return Ok(event);
        }
        if ends(&event) || is_close(&event) {
            return Err(format!("got {}", describe(&event)));
        }
    }
}

fn is_method(event: &Event, wanted_class: u16, wanted_method: u16) -> bool {
    matches!(event, Event::Method { class, method, .. } if (*class, *method) == (wanted_class, wanted_method))
}

fn is_close(event: &Event) -> bool {
    is_method(event, 10, 50) || is_method(event, 20, 40)
}

fn ends(event: &Event) -> bool {
    match event {
        Event::Method { .. } | Event::Frame { .. } => false,
        Event::ProtocolHeader(_) | Event::Http(_) | Event::End | Event::Timeout => true,
    }
}

fn must_be(event: &Event, expected: &Event) -> Result<(), String> {
    if event == expected {
        return Ok(());
    }
    Err(format!("got      {}\n    expected {}", describe(event), describe(expected)))
}

/// An event in words; of a close, all that it says.
fn describe(event: &Event) -> String {
    if !is_close(event) {
        return format!("{event:?}");
    }
    let Event::Method { channel, class, arguments, .. } = event else { return String::new() };
    let what = if *class == 10 { "connection.close" } else { "channel.close" };
    let Some(([code @ .., length], rest)) = arguments.split_first_chunk::<3>() else {
        return format!("{event:?}");
    };
    let (text, ids) = rest.split_at(usize::from(*length).min(rest.len()));
    let code = u16::from_be_bytes(*code);
    format!("{what} on {channel}: {code} \"{}\" for {ids:?}", text.escape_ascii())
}
