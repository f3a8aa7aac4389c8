//! Contents that are not in memory, and come back as the head of the queue nears them.

use super::{Queue, Sink};
use crate::{Timestamp, message::Sequence};

impl Queue {
    /// A content that was asked for is here: `payload` as it was written to the log or handed to [`Sink::spill`].
    /// What waited for it goes on. One that is not needed any more is passed over.
    ///
    /// `false`: it is not the content that it should be, and is treated as by [`page_failed`](Self::page_failed).
    pub fn page_in(
        &mut self,
        _now: Timestamp,
        _sequence: Sequence,
        _payload: &[u8],
        _sink: &mut impl Sink,
    ) -> bool {
        true
    }

    /// A content that was asked for cannot be read: its message is dropped. Whether it was still here.
    pub fn page_failed(
        &mut self,
        _now: Timestamp,
        _sequence: Sequence,
        _sink: &mut impl Sink,
    ) -> bool {
        false
    }
}
