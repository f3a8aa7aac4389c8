//! Counts of messages, in the management API's words: the same for queues, channels, exchanges and the whole node.

use std::ops::AddAssign;

use broker::queue::Counters;

/// What happened to messages, as far as it concerns the object that counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MessageCounts {
    pub(crate) publish: u64,
    pub(crate) confirm: u64,
    pub(crate) deliver: u64,
    pub(crate) deliver_no_ack: u64,
    pub(crate) get: u64,
    pub(crate) get_no_ack: u64,
    pub(crate) ack: u64,
    pub(crate) redeliver: u64,
    pub(crate) get_empty: u64,
    pub(crate) return_unroutable: u64,
    pub(crate) drop_unroutable: u64,
    pub(crate) publish_in: u64,
    pub(crate) publish_out: u64,
}

impl MessageCounts {
    /// What a queue did.
    pub(crate) fn of_queue(counters: Counters) -> Self {
        Self {
            publish: counters.publish,
            deliver: counters.deliver,
            deliver_no_ack: counters.deliver_no_ack,
            get: counters.get,
            get_no_ack: counters.get_no_ack,
            ack: counters.ack,
            redeliver: counters.redeliver,
            get_empty: counters.get_empty,
            ..Self::default()
        }
    }

    /// Everything that somebody was given.
    pub(crate) fn deliver_get(&self) -> u64 {
        self.deliver + self.deliver_no_ack + self.get + self.get_no_ack
    }

    pub(crate) fn max_of_each(&self, other: &Self) -> Self {
        Self {
            publish: self.publish.max(other.publish),
            confirm: self.confirm.max(other.confirm),
            deliver: self.deliver.max(other.deliver),
            deliver_no_ack: self.deliver_no_ack.max(other.deliver_no_ack),
            get: self.get.max(other.get),
            get_no_ack: self.get_no_ack.max(other.get_no_ack),
            ack: self.ack.max(other.ack),
            redeliver: self.redeliver.max(other.redeliver),
            get_empty: self.get_empty.max(other.get_empty),
            return_unroutable: self.return_unroutable.max(other.return_unroutable),
            drop_unroutable: self.drop_unroutable.max(other.drop_unroutable),
            publish_in: self.publish_in.max(other.publish_in),
            publish_out: self.publish_out.max(other.publish_out),
        }
    }
}

impl AddAssign for MessageCounts {
    fn add_assign(&mut self, other: Self) {
        self.publish += other.publish;
        self.confirm += other.confirm;
        self.deliver += other.deliver;
        self.deliver_no_ack += other.deliver_no_ack;
        self.get += other.get;
        self.get_no_ack += other.get_no_ack;
        self.ack += other.ack;
        self.redeliver += other.redeliver;
        self.get_empty += other.get_empty;
        self.return_unroutable += other.return_unroutable;
        self.drop_unroutable += other.drop_unroutable;
        self.publish_in += other.publish_in;
        self.publish_out += other.publish_out;
    }
}
