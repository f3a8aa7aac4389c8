//! `topic`: to whoever is bound with a pattern that matches the routing key.
//!
//! Keys are words between dots; in a pattern `*` stands for one word and `#` for any number of them, none included.
//! The empty key has no words, so `#` matches it and `*` does not; `a.` has two.
//!
//! The patterns form a trie, and a key is matched by walking down from all places that its words so far lead to, a
//! word at a time. The cost does not grow with patterns that begin otherwise. A `#` keeps its place for the rest of
//! the key, so what follows it is looked for again at each word; see [`walk`] for how that stays cheap.

mod walk;
mod words;

use std::sync::Arc;

use ahash::AHashMap;

use self::{
    walk::Walk,
    words::{WordId, Words, split},
};
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

const ROOT: NodeId = 0;

/// A place in the trie: what patterns have in common up to here.
///
/// The nodes from the root, or from one after a `#`, to before the next `#` are a *stretch*: a walk passes it word by
/// word.
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
    /// Whether a `#` comes before this node.
    after_hash: bool,
    /// How many edges, of words, `*` and `#`, lead on to a `#` of this stretch.
    to_hash: u32,
    /// The patterns that end in this stretch, from here on.
    ends: Ends,
    destinations: Destinations,
}

/// Where patterns end without a further `#`, in words from here. The bounds may be too wide after some went.
#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    count: u32,
    nearest: usize,
    farthest: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Edge {
    #[default]
    Root,
    Word(WordId),
    Star,
    Hash,
}

impl Node {
    /// Whether a further word may lead on from here.
    fn takes_words(&self) -> bool {
        self.edges > 0 || self.star.is_some()
    }

    /// Whether a stretch begins here.
    fn begins_stretch(&self) -> bool {
        matches!(self.edge, Edge::Root | Edge::Hash)
    }
}

impl Ends {
    fn add(&mut self, distance: usize) {
        if self.count == 0 {
            (self.nearest, self.farthest) = (distance, distance);
        }
        self.count += 1;
        self.nearest = self.nearest.min(distance);
        self.farthest = self.farthest.max(distance);
    }

    fn may_be_at(&self, distance: usize) -> bool {
        self.count > 0 && (self.nearest..=self.farthest).contains(&distance)
    }
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
        let mut id = ROOT;
        for word in split(&binding.key) {
            id = self.step_or_grow(id, word);
        }
        let node = self.node_mut(id);
        let was_empty = node.destinations.is_empty();
        node.destinations.add(&binding.destination);
        if was_empty && node.edge != Edge::Hash {
            self.up_the_stretch(id, |node, distance| node.ends.add(distance));
        }
    }

    fn remove(&mut self, binding: &Arc<Binding>) {
        let mut id = ROOT;
        for word in split(&binding.key) {
            let Some(next) = self.step(id, word) else { return };
            id = next;
        }
        let node = self.node_mut(id);
        let was_empty = node.destinations.is_empty();
        node.destinations.remove(&binding.destination);
        if was_empty || !node.destinations.is_empty() {
            return;
        }
        if node.edge != Edge::Hash {
            self.up_the_stretch(id, |node, _| node.ends.count -= 1);
        }
        self.prune(id);
    }

    fn route(&self, input: &RoutingInput<'_>, out: &mut Vec<Destination>) {
        for key in input.keys() {
            Walk::new(self).match_key(key, out);
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
        let after_hash = edge == Edge::Hash || self.node(parent).after_hash;
        let grown = Node { parent, edge, after_hash, ..Node::default() };
        let id = match self.free.pop() {
            Some(id) => {
                *self.node_mut(id) = grown;
                id
            }
            None => {
                let id = NodeId::try_from(self.nodes.len());
                self.nodes.push(grown);
                id.expect("fewer than 2^32 nodes fit in memory")
            }
        };
        match edge {
            Edge::Star => self.node_mut(parent).star = Some(id),
            Edge::Hash => {
                self.node_mut(parent).hash = Some(id);
                self.add_way_to_hash(parent);
            }
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
                Edge::Hash => {
                    self.node_mut(parent).hash = None;
                    self.remove_way_to_hash(parent);
                }
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

    /// Calls `f` with `id` and the nodes before it in its stretch, and how many words each is before it.
    fn up_the_stretch(&mut self, mut id: NodeId, f: impl Fn(&mut Node, usize)) {
        for distance in 0.. {
            let node = self.node_mut(id);
            f(node, distance);
            if node.begins_stretch() {
                return;
            }
            id = node.parent;
        }
    }

    fn add_way_to_hash(&mut self, mut id: NodeId) {
        loop {
            let node = self.node_mut(id);
            node.to_hash += 1;
            if node.to_hash > 1 || node.begins_stretch() {
                return;
            }
            id = node.parent;
        }
    }

    fn remove_way_to_hash(&mut self, mut id: NodeId) {
        loop {
            let node = self.node_mut(id);
            node.to_hash -= 1;
            if node.to_hash > 0 || node.begins_stretch() {
                return;
            }
            id = node.parent;
        }
    }
}

#[cfg(test)]
mod tests;
