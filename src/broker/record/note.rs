//! What a queue notes in the log about a message that it holds: the part of its state that must survive a restart.

use super::{RecordError, VERSION, check_version};
use crate::{Timestamp, message::Sequence, queue::DeathReason};

const RECORD: &str = "a note";

/// The longest note, in bytes.
pub const NOTE_BYTES_MAX: usize = 26;

const REDELIVERED: u8 = 0;
const RETURNED: u8 = 1;
const HELD: u8 = 2;

/// A note about one message. Numbers are little-endian.
///
/// ```text
/// 0        1
/// version  0 = redelivered
/// version  1 = returned  │ acquired:4 │ failed:4 │ order:8 │ after:8
/// version  2 = held      │ reason:1 │ died at ms:8 │ order:8
///
/// reasons: 0 expired  1 rejected  2 maxlen  3 delivery_limit
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// It came back to a classic queue, where it stands in its old place.
    Redelivered,
    /// It came back to a quorum queue.
    Returned {
        /// How often, for any reason.
        acquired: u32,
        /// How often as a failure, which the delivery limit counts.
        failed: u32,
        /// Grows with everything that comes back to this queue or is held by it: the order of the returned ones.
        order: u64,
        /// The last message that had been queued by then: without a delivery limit it stands behind that one.
        after: Sequence,
    },
    /// It died, and is held until its dead letter is accepted elsewhere.
    Held {
        /// What it died of.
        reason: DeathReason,
        /// When.
        died_at: Timestamp,
        /// As of those that were returned: the order in which held ones go out.
        order: u64,
    },
}

impl Note {
    /// Writes the note into `space` and gives what it takes of it.
    pub fn write(self, space: &mut [u8; NOTE_BYTES_MAX]) -> &[u8] {
        space[0] = VERSION;
        match self {
            Self::Redelivered => {
                space[1] = REDELIVERED;
                &space[..2]
            }
            Self::Returned { acquired, failed, order, after } => {
                space[1] = RETURNED;
                space[2..6].copy_from_slice(&acquired.to_le_bytes());
                space[6..10].copy_from_slice(&failed.to_le_bytes());
                space[10..18].copy_from_slice(&order.to_le_bytes());
                space[18..26].copy_from_slice(&after.0.to_le_bytes());
                &space[..26]
            }
            Self::Held { reason, died_at, order } => {
                space[1] = HELD;
                space[2] = match reason {
                    DeathReason::Expired => 0,
                    DeathReason::Rejected => 1,
                    DeathReason::MaxLen => 2,
                    DeathReason::DeliveryLimit => 3,
                };
                space[3..11].copy_from_slice(&died_at.0.to_le_bytes());
                space[11..19].copy_from_slice(&order.to_le_bytes());
                &space[..19]
            }
        }
    }

    /// Reads a note.
    ///
    /// # Errors
    /// [`RecordError`] if it is of another version, or not laid out so.
    pub fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        let malformed = |fault| RecordError::Malformed { record: RECORD, fault };
        let mut rest = check_version(RECORD, bytes)?;
        let kind = take::<1>(&mut rest)?;
        let note = match kind {
            [REDELIVERED] => Self::Redelivered,
            [RETURNED] => Self::Returned {
                acquired: u32::from_le_bytes(take(&mut rest)?),
                failed: u32::from_le_bytes(take(&mut rest)?),
                order: u64::from_le_bytes(take(&mut rest)?),
                after: Sequence(u64::from_le_bytes(take(&mut rest)?)),
            },
            [HELD] => Self::Held {
                reason: match take(&mut rest)? {
                    [0] => DeathReason::Expired,
                    [1] => DeathReason::Rejected,
                    [2] => DeathReason::MaxLen,
                    [3] => DeathReason::DeliveryLimit,
                    [_] => return Err(malformed("it died of an unknown reason")),
                },
                died_at: Timestamp(u64::from_le_bytes(take(&mut rest)?)),
                order: u64::from_le_bytes(take(&mut rest)?),
            },
            [_] => return Err(malformed("it is of an unknown kind")),
        };
        if !rest.is_empty() {
            return Err(malformed("something follows it"));
        }
        Ok(note)
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], RecordError> {
    let (front, behind) = rest
        .split_first_chunk()
        .ok_or(RecordError::Malformed { record: RECORD, fault: "it is cut" })?;
    *rest = behind;
    Ok(*front)
}
