//! Clients that remember all they saw of a broker, and a judge who says whether the broker kept its promises.
//!
//! [`load`] publishes to queues of every kind and consumes from them, until it is stopped or the broker is killed;
//! each thing that a client does or learns is an [`Event`] of the [`History`]. Once everything has been drained,
//! [`judge`] reads the history from its beginning: was anything confirmed and is nowhere, delivered but never
//! published, changed, or back after it was settled for sure? A [`process`] is a broker that can be killed meanwhile.
//!
//! What a client does is written down before it is sent, what it learns after it has come. So whatever the history
//! does not say for sure is taken for possible: an unconfirmed message may be there or not, and an ack that was sent
//! may have come too late.

#![expect(clippy::print_stdout, reason = "tests tell by it what they leave behind")]

pub mod folder;
pub mod history;
pub mod judge;
pub mod lives;
pub mod load;
pub mod message;
pub mod process;
pub mod random;
pub mod topology;

pub use self::{
    history::{Event, History, How},
    judge::{Fault, Verdict, judge, story},
    message::MessageId,
};
