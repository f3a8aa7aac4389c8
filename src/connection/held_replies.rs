//! Replies that must not leave before the log is flushed, and those behind them on the same channel.
//!
//! The replies of a channel leave in the order of their methods. One that waits for the log holds those behind it,
//! never those of another channel, and never deliveries, returns and confirms, which answer no method. Direct replies
//! to a channel wait in the same line: behind the confirms that it still awaits.

use std::collections::{BTreeMap, VecDeque};

use ::broker::LogPosition;
use amqp::Method;
use mutants::Mutant;

use crate::{Broker, ChannelNumber};

/// How much is held for all channels of a connection before it is not read on.
const HELD_BYTES_MAX: usize = 256 * 1024;

/// The held replies of a connection, encoded.
///
/// Invariants: a channel that is here holds something, and the positions of what it holds ascend; nothing that is held
/// waits for a position below `awaits`.
#[derive(Debug, Default)]
pub(crate) struct HeldReplies {
    channels: BTreeMap<u16, Held>,
    awaits: Option<LogPosition>,
    /// How much all of them hold.
    bytes: usize,
}

#[derive(Debug, Default)]
struct Held {
    bytes: Vec<u8>,
    pieces: VecDeque<Piece>,
}

/// Consecutive replies that leave together.
#[derive(Clone, Copy, Debug)]
struct Piece {
    after: LogPosition,
    len: usize,
}

impl HeldReplies {
    /// Sends a reply once the log is flushed as far as `after`, and not before what its channel holds already.
    #[inline]
    pub(crate) fn send<B: Broker>(
        &mut self,
        channel: ChannelNumber,
        method: &Method<'_>,
        after: Option<LogPosition>,
        broker: &mut B,
    ) {
        let is_free = after.is_none() && self.channels.is_empty();
        if is_free || mutants::is_planted(Mutant::RepliedAtOnce) {
            broker.send(channel, method);
        } else {
            self.send_in_turn(channel, method, after, broker);
        }
    }

    fn send_in_turn<B: Broker>(
        &mut self,
        channel: ChannelNumber,
        method: &Method<'_>,
        after: Option<LogPosition>,
        broker: &mut B,
    ) {
        match after.max(self.awaits_last_on(channel.0)) {
            Some(after) => self.hold(channel, after, |out| method.encode(channel.0, out)),
            None => broker.send(channel, method),
        }
    }

    /// Sends direct replies as [`send`](Self::send) does: `frames`, whole. They come without being asked for, so beyond
    /// what may be held they leave at once.
    pub(crate) fn send_direct<B: Broker>(
        &mut self,
        channel: ChannelNumber,
        frames: &[u8],
        after: Option<LogPosition>,
        broker: &mut B,
    ) {
        match after.max(self.awaits_last_on(channel.0)) {
            Some(after) if self.bytes < HELD_BYTES_MAX => {
                self.hold(channel, after, |out| out.extend_from_slice(frames));
            }
            Some(_) | None => broker.send_raw(frames),
        }
    }

    /// Keeps what `append` gives until the log is flushed as far as `after`.
    fn hold(
        &mut self,
        channel: ChannelNumber,
        after: LogPosition,
        append: impl FnOnce(&mut Vec<u8>),
    ) {
        self.awaits = Some(self.awaits.map_or(after, |lowest| lowest.min(after)));
        let held = self.channels.entry(channel.0).or_default();
        let before = held.bytes.len();
        append(&mut held.bytes);
        let len = held.bytes.len() - before;
        self.bytes += len;
        match held.pieces.back_mut() {
            Some(back) if back.after == after => back.len += len,
            Some(_) | None => held.pieces.push_back(Piece { after, len }),
        }
    }

    /// Sends what waited for a position up to `flushed`.
    pub(crate) fn flush<B: Broker>(&mut self, flushed: LogPosition, broker: &mut B) {
        if self.awaits.is_none_or(|lowest| lowest > flushed) {
            return;
        }
        let mut awaits = None;
        self.channels.retain(|_, held| {
            let mut len = 0;
            while let Some(piece) = held.pieces.front().filter(|piece| piece.after <= flushed) {
                len += piece.len;
                held.pieces.pop_front();
            }
            if len > 0 {
                broker.send_raw(&held.bytes[..len]);
                held.bytes.drain(..len);
                self.bytes -= len;
            }
            let Some(next) = held.pieces.front() else { return false };
            awaits = Some(awaits.map_or(next.after, |lowest: LogPosition| lowest.min(next.after)));
            true
        });
        self.awaits = awaits;
    }

    /// Drops what a channel holds: the client does not want it any more.
    pub(crate) fn forget(&mut self, channel: u16) {
        if let Some(held) = self.channels.remove(&channel) {
            self.bytes -= held.bytes.len();
        }
    }

    /// What has to be flushed before anything more may be handled that could have a reply: so much is held already.
    #[inline]
    pub(crate) fn awaits_room(&self) -> Option<LogPosition> {
        if self.bytes < HELD_BYTES_MAX { None } else { self.awaits() }
    }

    /// A position that nothing waits below, if anything waits.
    pub(crate) fn awaits(&self) -> Option<LogPosition> {
        self.awaits.filter(|_| !self.channels.is_empty())
    }

    /// The highest position that something waits for.
    pub(crate) fn awaits_last(&self) -> Option<LogPosition> {
        self.channels.values().filter_map(|held| Some(held.pieces.back()?.after)).max()
    }

    /// The highest position that a reply of this channel waits for.
    pub(crate) fn awaits_last_on(&self, channel: u16) -> Option<LogPosition> {
        Some(self.channels.get(&channel)?.pieces.back()?.after)
    }
}

/// Where the replies of a channel's methods go.
pub(crate) struct Replies<'a, B> {
    pub(crate) channel: ChannelNumber,
    pub(crate) held: &'a mut HeldReplies,
    pub(crate) broker: &'a mut B,
}

impl<B: Broker> Replies<'_, B> {
    /// Sends a reply, in its turn.
    pub(crate) fn send(&mut self, method: &Method<'_>) {
        self.send_after(method, None);
    }

    /// Sends a reply in its turn, and not before the log is flushed as far as `after`.
    pub(crate) fn send_after(&mut self, method: &Method<'_>, after: Option<LogPosition>) {
        self.held.send(self.channel, method, after, self.broker);
    }
}
