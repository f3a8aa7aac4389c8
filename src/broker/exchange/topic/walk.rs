//! One walk down the trie, with all places that the words of a key lead to.
//!
//! A place is reached at most once with each word: a node has one parent and one edge from it, and a node after `#`,
//! which its parent and itself lead to, is kept apart. So nothing is tried twice for the same word, whatever the
//! patterns are. What makes keys of many words dear is a stretch after `#`, which begins anew with each word. It is
//! not followed where that finds nothing new:
//!
//! - a `#` that was found stays found, so ways that lead only to such ones are closed;
//! - a pattern that ends without a further `#` ends with the key, so its last stretch is followed only from where as
//!   many words are left.

use std::mem;

use ahash::{AHashMap, AHashSet};

use super::{Destination, Node, NodeId, ROOT, Topic, split, words::WordId};

/// - `here` holds no node after a `#`. Those that were reached are all in `found`, and at most once in each of
///   `staying` and `matched`.
pub(super) struct Walk<'a> {
    topic: &'a Topic,
    /// The nodes that exactly the words so far lead to.
    here: Vec<NodeId>,
    next: Vec<NodeId>,
    /// The nodes after a `#` from which words lead on.
    staying: Vec<NodeId>,
    /// The nodes after a `#` at which patterns end: they match whatever follows.
    matched: Vec<NodeId>,
    found: AHashSet<NodeId>,
    /// How many edges from a node lead only to a `#` that was found; see `Node::to_hash`.
    closed: AHashMap<NodeId, u32>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(topic: &'a Topic) -> Self {
        Self {
            topic,
            here: Vec::new(),
            next: Vec::new(),
            staying: Vec::new(),
            matched: Vec::new(),
            found: AHashSet::new(),
            closed: AHashMap::new(),
        }
    }

    /// Appends the destinations of all patterns that match `key`.
    pub(super) fn match_key(mut self, key: &[u8], out: &mut Vec<Destination>) {
        let mut left = split(key).count();
        self.reach(ROOT, left);
        self.advance();
        for word in split(key) {
            left -= 1;
            self.take(self.topic.words.find(word), left);
        }
        for id in self.here.into_iter().chain(self.matched) {
            self.topic.node(id).destinations.append_to(out);
        }
    }

    /// Adds a place from which `left` words are left, and those behind a `#` that stands for no word.
    fn reach(&mut self, id: NodeId, left: usize) {
        let mut node = self.topic.node(id);
        if !self.may_find(id, node, left) {
            return;
        }
        if node.takes_words() || !node.destinations.is_empty() {
            self.next.push(id);
        }
        while let Some(id) = node.hash.filter(|id| self.found.insert(*id)) {
            node = self.topic.node(id);
            self.close(node.parent);
            if node.takes_words() {
                self.staying.push(id);
            }
            if !node.destinations.is_empty() {
                self.matched.push(id);
            }
        }
    }

    /// Whether anything that was not found yet may be found from this place.
    fn may_find(&self, id: NodeId, node: &Node, left: usize) -> bool {
        let is_open = node.to_hash > 0
            && !(node.after_hash
                && self.closed.get(&id).is_some_and(|&closed| closed == node.to_hash));
        is_open || node.ends.may_be_at(left)
    }

    /// Notes that one edge less leads from `id` to a `#` that is not found yet. Before the first `#` each place is
    /// reached once, so there is nothing to save.
    fn close(&mut self, mut id: NodeId) {
        loop {
            let node = self.topic.node(id);
            if !node.after_hash {
                return;
            }
            let closed = self.closed.entry(id).or_default();
            *closed += 1;
            if *closed < node.to_hash || node.begins_stretch() {
                return;
            }
            id = node.parent;
        }
    }

    fn advance(&mut self) {
        mem::swap(&mut self.here, &mut self.next);
        self.next.clear();
    }

    /// Goes on from every place with one word of the key, after which `left` are left. `None`: no pattern has it.
    fn take(&mut self, word: Option<WordId>, left: usize) {
        // What begins to stay with this word has not seen it.
        let staying = self.staying.len();
        for index in 0..self.here.len() {
            self.take_from(self.here[index], word, left);
        }
        for index in 0..staying {
            let id = self.staying[index];
            if self.may_find(id, self.topic.node(id), left + 1) {
                self.take_from(id, word, left);
            }
        }
        self.advance();
    }

    fn take_from(&mut self, id: NodeId, word: Option<WordId>, left: usize) {
        let node = self.topic.node(id);
        if let (Some(word), 1..) = (word, node.edges)
            && let Some(&next) = self.topic.edges.get(&(id, word))
        {
            self.reach(next, left);
        }
        if let Some(next) = node.star {
            self.reach(next, left);
        }
    }
}
