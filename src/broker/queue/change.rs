//! A queue works by other settings from now on: a policy was set, changed or taken away.

use super::{Queue, Sink};
use crate::{QueueSettings, Timestamp};

impl Queue {
    /// Takes other settings, those of the same queue under another policy.
    ///
    /// As in RabbitMQ, a message that waits keeps the time that it was given when it came; what is too much by a new limit
    /// is dropped; and the time that the queue may live unused begins anew. Dead letters that are held go on to where the
    /// new settings say, and are let go if that is nowhere. What takes long is left to
    /// [`handle_time`](Self::handle_time).
    ///
    /// # Panics
    /// If the settings are those of another queue: of another type, for example.
    pub fn change(&mut self, now: Timestamp, settings: QueueSettings, sink: &mut impl Sink) {
        let what_it_is = |settings: &QueueSettings| {
            let QueueSettings { kind, durable, exclusive, auto_delete, .. } = *settings;
            let QueueSettings { max_priority, single_active_consumer, .. } = *settings;
            (kind, durable, exclusive, auto_delete, max_priority, single_active_consumer)
        };
        assert_eq!(what_it_is(&settings), what_it_is(&self.settings), "it stays the queue it is");
        if self.is_closed {
            return;
        }
        self.settings = settings;
        self.used_at = now;
        self.drop_overflow(now, sink);
        self.send_held(sink);
        self.dispatch(now, sink);
    }
}
