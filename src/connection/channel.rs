//! One channel.

mod deliveries;
mod publish_run;

use std::fmt;

pub use self::{
    deliveries::{Deliveries, Unacked},
    publish_run::{PublishRun, RunMessage},
};

/// The number of a channel; 0 is the connection itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelNumber(pub u16);

impl ChannelNumber {
    /// The connection itself.
    pub const CONNECTION: Self = Self(0);
}

impl fmt::Display for ChannelNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a delivery, or of a publish awaiting its confirm, on one channel; the first is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryTag(pub u64);

impl fmt::Display for DeliveryTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
