//! The words of patterns, by number: a routing key's words are looked up once, not at every node.

use std::sync::Arc;

use ahash::AHashMap;

pub(super) type WordId = u32;

/// The words of a key; none if it is empty.
pub(super) fn split(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    let words = if key.is_empty() { None } else { Some(key.split(|&byte| byte == b'.')) };
    words.into_iter().flatten()
}

/// Every word that is held, once; a number whose word was released is given out again.
#[derive(Debug, Default)]
pub(super) struct Words {
    ids: AHashMap<Arc<[u8]>, WordId>,
    /// By number: the word, and how often it is held.
    known: Vec<(Arc<[u8]>, u32)>,
    free: Vec<WordId>,
}

impl Words {
    pub(super) fn find(&self, word: &[u8]) -> Option<WordId> {
        self.ids.get(word).copied()
    }

    /// The number of a word, which stays until it was released as often as it was held.
    pub(super) fn hold(&mut self, word: &[u8]) -> WordId {
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
                let id = WordId::try_from(self.known.len());
                self.known.push((Arc::clone(&word), 1));
                id.expect("fewer than 2^32 words fit in memory")
            }
        };
        self.ids.insert(word, id);
        id
    }

    pub(super) fn release(&mut self, id: WordId) {
        let (word, count) = &mut self.known[id as usize];
        *count -= 1;
        if *count == 0 {
            self.ids.remove(word);
            *word = Arc::from([]);
            self.free.push(id);
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}
