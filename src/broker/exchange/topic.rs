//! `topic`: to whoever is bound with a pattern that matches the routing key.
//!
//! Keys are words between dots; in a pattern `*` stands for one word and `#` for any number of them, none included.
//! The empty key has no words, so `#` matches it and `*` does not; `a.` has two.
//!
//! The patterns form a trie that is walked with the set of all places reached so far, a word at a time. A place is
//! in that set at most once, so the work is bounded by words × places reached, whatever the patterns are, and never
//! grows with patterns that do not match.

use std::{mem, sync::Arc};

use ahash::{AHashMap, AHashSet};

use super::{
    Binding, Destination, ExchangeType, RoutesBy, RoutingInput, destinations::Destinations,
};
use crate::Refusal;

/// More than two `#` in one pattern serve nobody, and each multiplies the places that a walk may reach.
const HASHES_MAX: usize = 2;

/// - The root is node 0 and never freed; a freed node is in `free` and nothing leads to it.
/// - Every other node leads, over one edge or more, to a node with destinations.
/// - `words` counts, for each word, the edges in `edges` that carry it.
#[derive(Debug)]
pub(super) struct Topic {
    nodes: Vec<Node>,
    free: Vec<NodeId>,
    /// From a node, with a word, to the next.
    edges: AHashMap<(NodeId, WordId), NodeId>,
    words: Words,
}

type NodeId = u32;
type WordId = u32;

const ROOT: NodeId = 0;

#[derive(Debug, Default)]
struct Node {
    /// The node after `*`, if any.
    star: Option<NodeId>,
    /// The node after `#`, if any.
    hash: Option<NodeId>,
    /// How many edges with words lead on from here.
    edges: u32,
    /// From where, and over what, this node is reached.
    parent: NodeId,
    edge: Edge,
    destinations: Destinations,
}

impl Node {
    /// Whether a further word may lead on from here.
    fn takes_words(&self) -> bool {
        self.edges > 0 || self.star.is_some()
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Edge {
    #[default]
    Root,
    Word(WordId),
    Star,
    Hash,
}

/// The words of all patterns, by number: a routing key's words are looked up once, not at every node.
#[derive(Debug, Default)]
struct Words {
    ids: AHashMap<Arc<[u8]>, WordId>,
    /// By number: the word, and how many edges carry it.
    known: Vec<(Arc<[u8]>, u32)>,
    free: Vec<WordId>,
}

/// The words of a key; none if it is empty.
fn split(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    let words = if key.is_empty() { None } else { Some(key.split(|&byte| byte == b'.')) };
    words.into_iter().flatten()
}

impl Default for Topic {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
            free: Vec::new(),
            edges: AHashMap::new(),
            words: Words::default(),
        }
    }
}

impl ExchangeType for Topic {
    fn check_binding(&self, binding: &Binding) -> Result<(), Refusal> {
        let hashes = split(&binding.key).filter(|&word| word == b"#").count();
        if hashes <= HASHES_MAX {
            return Ok(());
        }
        let key = String::from_utf8_lossy(&binding.key);
        Err(Refusal::PreconditionFailed {
            explanation: format!(
                "Topic binding key '{key}' uses {hashes} '#' wildcards, at most {HASHES_MAX} are allowed"
            ),
        })
    }

    fn add(&mut self, binding: &Arc<Binding>) {
        let mut node = ROOT;
        for word in split(&binding.key) {
            node = self.step_or_grow(node, word);
        }
        self.node_mut(node).destinations.add(&binding.destination);
    }

    fn remove(&mut self, binding: &Arc<Binding>) {
        let mut node = ROOT;
        for word in split(&binding.key) {
            let Some(next) = self.step(node, word) else { return };
            node = next;
        }
        self.node_mut(node).destinations.remove(&binding.destination);
        self.prune(node);
    }

    fn route(&self, input: &RoutingInput<'_>, out: &mut Vec<Destination>) {
        for key in input.keys() {
            self.walk(key, out);
        }
    }

    fn routes_by(&self) -> RoutesBy {
        RoutesBy::Key
    }
}

impl Topic {
    fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    /// The next node of a pattern, if there is one.
    fn step(&self, node: NodeId, word: &[u8]) -> Option<NodeId> {
        match word {
            b"*" => self.node(node).star,
            b"#" => self.node(node).hash,
            _ => self.edges.get(&(node, self.words.find(word)?)).copied(),
        }
    }

    fn step_or_grow(&mut self, parent: NodeId, word: &[u8]) -> NodeId {
        if let Some(next) = self.step(parent, word) {
            return next;
        }
        let edge = match word {
            b"*" => Edge::Star,
            b"#" => Edge::Hash,
            _ => Edge::Word(self.words.hold(word)),
        };
        let grown = Node { parent, edge, ..Node::default() };
        let id = match self.free.pop() {
            Some(id) => {
                *self.node_mut(id) = grown;
                id
            }
            None => {
                let id = NodeId::try_from(self.nodes.len())
                    .expect("fewer than 2^32 patterns fit in memory");
                self.nodes.push(grown);
                id
            }
        };
        match edge {
            Edge::Star => self.node_mut(parent).star = Some(id),
            Edge::Hash => self.node_mut(parent).hash = Some(id),
            Edge::Word(word) => {
                self.node_mut(parent).edges += 1;
                self.edges.insert((parent, word), id);
            }
            Edge::Root => {}
        }
        id
    }

    /// Takes away `id`, and then what led there, as long as it leads nowhere else.
    fn prune(&mut self, mut id: NodeId) {
        while id != ROOT {
            let node = self.node(id);
            if node.takes_words() || node.hash.is_some() || !node.destinations.is_empty() {
                return;
            }
            let (parent, edge) = (node.parent, node.edge);
            match edge {
                Edge::Star => self.node_mut(parent).star = None,
                Edge::Hash => self.node_mut(parent).hash = None,
                Edge::Word(word) => {
                    self.node_mut(parent).edges -= 1;
                    self.edges.remove(&(parent, word));
                    self.words.release(word);
                }
                Edge::Root => {}
            }
            self.free.push(id);
            id = parent;
        }
    }

    /// Appends the destinations of all patterns that match `key`.
    fn walk(&self, key: &[u8], out: &mut Vec<Destination>) {
        let mut walk = Walk::new(self);
        walk.reach(ROOT);
        walk.advance();
        for word in split(key) {
            walk.take(self.words.find(word));
        }
        walk.finish(out);
    }
}

/// A walk down the trie, after some words of a key.
///
/// - `here` holds each place at most once. A node has one parent and one edge from it, so only a node after `#` can
///   be reached twice: from its parent and from itself. Those stay for the rest of the walk once they are reached:
///   they are all in `stays`, and at most once in each of `staying` and `matched`.
struct Walk<'a> {
    topic: &'a Topic,
    /// The nodes reached with exactly the words so far, but for those after a `#`.
    here: Vec<NodeId>,
    next: Vec<NodeId>,
    /// The nodes after a `#` from which words lead on.
    staying: Vec<NodeId>,
    /// The nodes after a `#` at which patterns end: they match whatever follows.
    matched: Vec<NodeId>,
    stays: AHashSet<NodeId>,
}

impl<'a> Walk<'a> {
    fn new(topic: &'a Topic) -> Self {
        Self {
            topic,
            here: Vec::new(),
            next: Vec::new(),
            staying: Vec::new(),
            matched: Vec::new(),
            stays: AHashSet::new(),
        }
    }

    /// Adds a place that the next word starts from, and those behind a `#` that stands for no word.
    fn reach(&mut self, id: NodeId) {
        let mut node = self.topic.node(id);
        if node.takes_words() || !node.destinations.is_empty() {
            self.next.push(id);
        }
        while let Some(id) = node.hash.filter(|id| self.stays.insert(*id)) {
            node = self.topic.node(id);
            if node.takes_words() {
                self.staying.push(id);
            }
            if !node.destinations.is_empty() {
                self.matched.push(id);
            }
        }
    }

    fn advance(&mut self) {
        mem::swap(&mut self.here, &mut self.next);
        self.next.clear();
    }

    /// Goes on from every place with one word of the key; `None` if no pattern has that word.
    fn take(&mut self, word: Option<WordId>) {
        // What begins to stay with this word has not seen it.
        let staying = self.staying.len();
        for index in 0..self.here.len() {
            self.take_from(self.here[index], word);
        }
        for index in 0..staying {
            self.take_from(self.staying[index], word);
        }
        self.advance();
    }

    fn take_from(&mut self, id: NodeId, word: Option<WordId>) {
        let node = self.topic.node(id);
        if let (Some(word), 1..) = (word, node.edges)
            && let Some(&next) = self.topic.edges.get(&(id, word))
        {
            self.reach(next);
        }
        if let Some(next) = node.star {
            self.reach(next);
        }
    }

    fn finish(self, out: &mut Vec<Destination>) {
        for id in self.here.into_iter().chain(self.matched) {
            self.topic.node(id).destinations.append_to(out);
        }
    }
}

impl Words {
    fn find(&self, word: &[u8]) -> Option<WordId> {
        self.ids.get(word).copied()
    }

    /// The number of a word that one more edge carries.
    fn hold(&mut self, word: &[u8]) -> WordId {
        if let Some(id) = self.find(word) {
            self.known[id as usize].1 += 1;
            return id;
        }
        let word: Arc<[u8]> = Arc::from(word);
        let id = match self.free.pop() {
            Some(id) => {
                self.known[id as usize] = (Arc::clone(&word), 1);
                id
            }
            None => {
                self.known.push((Arc::clone(&word), 1));
                WordId::try_from(self.known.len() - 1).expect("fewer than 2^32 words fit in memory")
            }
        };
        self.ids.insert(word, id);
        id
    }

    /// One edge less carries the word.
    fn release(&mut self, id: WordId) {
        let (word, count) = &mut self.known[id as usize];
        *count -= 1;
        if *count == 0 {
            self.ids.remove(word);
            *word = Arc::from([]);
            self.free.push(id);
        }
    }
}

#[cfg(test)]
mod tests;
