//! Heartbeats: when to send a sign of life, and when a silent client counts as dead.
//!
//! As in RabbitMQ, the server sends one whenever it has written nothing for half the interval, any octet received is
//! a sign of life, and a client is dead between two and three intervals after its last.

use ::broker::Timestamp;

/// The heartbeats of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heartbeat {
    /// 0 is none.
    interval_ms: u64,
    read_at: Timestamp,
    written_at: Timestamp,
    /// While the client is not read, its silence says nothing.
    is_read: bool,
}

/// What a moment asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is due.
    Alive,
    /// Send a heartbeat.
    SendHeartbeat,
    /// The client has been silent for too long.
    PeerDead,
}

impl Heartbeat {
    pub(crate) fn new(interval_secs: u16, now: Timestamp) -> Self {
        let interval_ms = u64::from(interval_secs) * 1000;
        Self { interval_ms, read_at: now, written_at: now, is_read: true }
    }

    #[inline]
    pub(crate) const fn on_read(&mut self, now: Timestamp) {
        self.read_at = now;
    }

    #[inline]
    pub(crate) const fn on_written(&mut self, now: Timestamp) {
        self.written_at = now;
    }

    pub(crate) const fn pause(&mut self) {
        self.is_read = false;
    }

    pub(crate) const fn resume(&mut self, now: Timestamp) {
        self.is_read = true;
        self.read_at = now;
    }

    pub(crate) fn verdict(&self, now: Timestamp) -> Verdict {
        if self.dead_at().is_some_and(|at| at <= now) {
            Verdict::PeerDead
        } else if self.beat_at().is_some_and(|at| at <= now) {
            Verdict::SendHeartbeat
        } else {
            Verdict::Alive
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.dead_at().into_iter().chain(self.beat_at()).min()
    }

    fn beat_at(&self) -> Option<Timestamp> {
        (self.interval_ms > 0).then(|| self.written_at.plus_ms(self.interval_ms / 2))
    }

    fn dead_at(&self) -> Option<Timestamp> {
        let silence_ms_max = self.interval_ms * 2 + self.interval_ms / 2;
        (self.interval_ms > 0 && self.is_read).then(|| self.read_at.plus_ms(silence_ms_max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_after_half_an_interval_without_writing() {
        let mut heartbeat = Heartbeat::new(2, Timestamp(0));
        assert_eq!(heartbeat.next_deadline(), Some(Timestamp(1000)));
        assert_eq!(heartbeat.verdict(Timestamp(999)), Verdict::Alive);
        assert_eq!(heartbeat.verdict(Timestamp(1000)), Verdict::SendHeartbeat);
        heartbeat.on_written(Timestamp(1000));
        assert_eq!(heartbeat.verdict(Timestamp(1999)), Verdict::Alive);
    }

    #[test]
    fn a_client_is_dead_between_two_and_three_silent_intervals() {
        let mut heartbeat = Heartbeat::new(2, Timestamp(0));
        heartbeat.on_read(Timestamp(100));
        heartbeat.on_written(Timestamp(5000));
        assert_eq!(heartbeat.verdict(Timestamp(5099)), Verdict::Alive);
        assert_eq!(heartbeat.verdict(Timestamp(5100)), Verdict::PeerDead);
    }

    #[test]
    fn silence_says_nothing_while_the_client_is_not_read() {
        let mut heartbeat = Heartbeat::new(2, Timestamp(0));
        heartbeat.pause();
        assert_eq!(heartbeat.verdict(Timestamp(60_000)), Verdict::SendHeartbeat);
        heartbeat.on_written(Timestamp(60_000));
        heartbeat.resume(Timestamp(60_000));
        assert_eq!(heartbeat.verdict(Timestamp(60_001)), Verdict::Alive);
    }

    #[test]
    fn zero_is_none() {
        let heartbeat = Heartbeat::new(0, Timestamp(0));
        assert_eq!(heartbeat.next_deadline(), None);
        assert_eq!(heartbeat.verdict(Timestamp(u64::MAX)), Verdict::Alive);
    }
}
