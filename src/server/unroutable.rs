//! Messages that no queue was found for, kept on request: to see who sends them, and under which keys.
//!
//! Nothing of this outlives the process, and nothing is counted or kept unless somebody asked for it: a publisher looks
//! at a flag, and only once a message is unroutable.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use broker::Timestamp;
use bytes::Bytes;
use connection::ChannelNumber;
use parking_lot::Mutex;

/// How many messages one exchange keeps at most.
pub(crate) const KEPT_MAX: usize = 1000;
/// How much of a body is kept.
pub(crate) const BODY_BYTES_MAX: usize = 4096;
/// What the messages that one exchange keeps may take.
const EXCHANGE_BYTES_MAX: usize = 1 << 20;
/// What those of all exchanges may take.
const NODE_BYTES_MAX: usize = 16 << 20;

/// A message that no queue was found for.
#[derive(Clone, Debug)]
pub(crate) struct UnroutableMessage {
    pub(crate) at: Timestamp,
    pub(crate) user: String,
    /// The connection's name and the channel; `None`: it did not come over one.
    pub(crate) channel: Option<(String, ChannelNumber)>,
    pub(crate) routing_key: Bytes,
    /// As on the wire.
    pub(crate) properties: Bytes,
    /// Its first octets.
    pub(crate) body: Bytes,
    /// How many it had.
    pub(crate) body_bytes: u64,
}

/// What one exchange keeps.
#[derive(Debug, Default)]
pub(crate) struct Unroutable {
    is_on: AtomicBool,
    kept: Mutex<Option<Kept>>,
}

/// What all exchanges of a node keep together.
#[derive(Debug, Default)]
pub(crate) struct UnroutableBytes(AtomicUsize);

#[derive(Debug)]
struct Kept {
    most: usize,
    /// The oldest first.
    messages: VecDeque<UnroutableMessage>,
    bytes: usize,
    of_node: Arc<UnroutableBytes>,
}

impl Unroutable {
    /// Whether messages are kept.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Keeps the last `most` messages from now on; whether some were kept already.
    pub(crate) fn keep(&self, most: usize, of_node: &Arc<UnroutableBytes>) -> bool {
        let mut kept = self.kept.lock();
        let was_on = kept.is_some();
        let kept = kept.get_or_insert_with(|| Kept {
            most,
            messages: VecDeque::new(),
            bytes: 0,
            of_node: Arc::clone(of_node),
        });
        kept.most = most;
        while kept.messages.len() > most {
            kept.drop_oldest();
        }
        self.is_on.store(true, Ordering::Relaxed);
        was_on
    }

    /// Keeps none any more; whether some were kept.
    pub(crate) fn stop(&self) -> bool {
        self.is_on.store(false, Ordering::Relaxed);
        self.kept.lock().take().is_some()
    }

    /// One more; older ones make room. Where the other exchanges leave none it is not kept.
    pub(crate) fn add(&self, message: UnroutableMessage) {
        if let Some(kept) = &mut *self.kept.lock() {
            kept.add(message);
        }
    }

    /// How many are kept at most, and the newest first; `None` if none are.
    pub(crate) fn read(&self) -> Option<(usize, Vec<UnroutableMessage>)> {
        let kept = self.kept.lock();
        let kept = kept.as_ref()?;
        Some((kept.most, kept.messages.iter().rev().cloned().collect()))
    }
}

impl Kept {
    fn add(&mut self, message: UnroutableMessage) {
        let bytes = message.memory_bytes();
        let is_full = |kept: &Self| {
            kept.messages.len() >= kept.most || kept.bytes + bytes > EXCHANGE_BYTES_MAX
        };
        while !self.messages.is_empty() && (is_full(self) || !self.of_node.has_room(bytes)) {
            self.drop_oldest();
        }
        if !is_full(self) && self.of_node.has_room(bytes) {
            self.of_node.0.fetch_add(bytes, Ordering::Relaxed);
            self.bytes += bytes;
            self.messages.push_back(message);
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(message) = self.messages.pop_front() {
            self.bytes -= message.memory_bytes();
            self.of_node.0.fetch_sub(message.memory_bytes(), Ordering::Relaxed);
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.of_node.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl UnroutableBytes {
    /// Who asks at the same time may be told so as well, so that it may be a little more than that.
    fn has_room(&self, bytes: usize) -> bool {
        self.0.load(Ordering::Relaxed) + bytes <= NODE_BYTES_MAX
    }
}

impl UnroutableMessage {
    fn memory_bytes(&self) -> usize {
        let connection = self.channel.as_ref().map_or(0, |(connection, _)| connection.len());
        let texts = self.user.len() + connection + self.routing_key.len();
        size_of::<Self>() + texts + self.properties.len() + self.body.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: usize, bytes: usize) -> UnroutableMessage {
        UnroutableMessage {
            at: Timestamp(0),
            user: String::new(),
            channel: None,
            routing_key: Bytes::from(number.to_string()),
            properties: Bytes::from(vec![0; bytes]),
            body: Bytes::new(),
            body_bytes: 0,
        }
    }

    fn keys(unroutable: &Unroutable) -> Vec<Bytes> {
        let (_, messages) = unroutable.read().unwrap();
        messages.into_iter().map(|message| message.routing_key).collect()
    }

    #[test]
    fn the_last_ones_are_kept_while_that_is_wanted() {
        let (unroutable, node) = (Unroutable::default(), Arc::default());
        unroutable.add(message(0, 0));
        assert!(!unroutable.is_on() && unroutable.read().is_none());
        assert!(!unroutable.keep(3, &node));
        (1..=5).for_each(|number| unroutable.add(message(number, 0)));
        assert_eq!(keys(&unroutable), ["5", "4", "3"]);
        assert!(unroutable.keep(1, &node));
        assert_eq!(keys(&unroutable), ["5"]);
        assert!(unroutable.stop() && !unroutable.stop() && !unroutable.is_on());
        assert_eq!(node.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn large_ones_push_out_others_and_what_is_too_large_is_not_kept() {
        let (unroutable, node) = (Unroutable::default(), Arc::default());
        unroutable.keep(KEPT_MAX, &node);
        (1..=5).for_each(|number| unroutable.add(message(number, 400_000)));
        assert_eq!(keys(&unroutable), ["5", "4"]);
        unroutable.add(message(6, EXCHANGE_BYTES_MAX));
        assert!(keys(&unroutable).is_empty());
        assert_eq!(node.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn all_exchanges_together_keep_so_much() {
        let node = Arc::default();
        let exchanges: Vec<Unroutable> = (0..20).map(|_| Unroutable::default()).collect();
        for exchange in &exchanges {
            exchange.keep(KEPT_MAX, &node);
            (0..10).for_each(|number| exchange.add(message(number, 100_000)));
        }
        let bytes = node.0.load(Ordering::Relaxed);
        assert!(bytes > NODE_BYTES_MAX - 200_000 && bytes <= NODE_BYTES_MAX, "{bytes}");
        assert_eq!(keys(&exchanges[0]).len(), 10);
        assert!(keys(&exchanges[19]).is_empty());
        exchanges[0].stop();
        exchanges[19].add(message(1, 100_000));
        assert_eq!(keys(&exchanges[19]).len(), 1);
        drop(exchanges);
        assert_eq!(node.0.load(Ordering::Relaxed), 0);
    }
}
