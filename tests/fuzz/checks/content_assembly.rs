//! What holds for any bytes that an open connection sends.

use std::hash::Hasher;

use broker::Timestamp;
use connection::Next;

use crate::nowhere::open_session;

/// Gives `input` to a session whole, and to another one in pieces: the same messages are published, and it ends alike.
pub(crate) fn check(input: &[u8]) {
    let whole = outcome(input, usize::MAX);
    // The first octet says how small the pieces are.
    let piece = input.first().map_or(1, |&octet| usize::from(octet) + 1);
    assert_eq!(outcome(input, piece), whole, "in pieces of {piece}");
}

/// What was published, how often something was closed, and how many octets were not asked for any more.
fn outcome(input: &[u8], piece: usize) -> (u64, u32, bool) {
    let mut session = open_session(true);
    let mut waiting: Vec<u8> = Vec::new();
    let mut is_read = true;
    for part in input.chunks(piece) {
        waiting.extend_from_slice(part);
        let progress = session.handle_input(Timestamp(0), &waiting);
        assert!(progress.consumed <= waiting.len());
        waiting.drain(..progress.consumed);
        is_read = matches!(progress.next, Next::Read | Next::Linger { .. });
        if !is_read {
            break;
        }
    }
    let broker = session.broker();
    (broker.published.finish(), broker.closings, is_read)
}
