//! What lies on a disk while nobody uses it.

use std::{collections::BTreeMap, sync::Arc};

/// The files of a folder with all their bytes: what a power cut left, or what a test put there.
///
/// Copies share the files that are equal, so that thousands of them cost little.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    pub(super) files: BTreeMap<Arc<str>, Arc<Vec<u8>>>,
}

impl Image {
    /// The names of its files, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(|name| &**name)
    }

    /// The bytes of a file.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(|bytes| &bytes[..])
    }

    /// The bytes of a file, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Vec<u8>> {
        self.files.get_mut(name).map(Arc::make_mut)
    }

    /// Puts a file there, in place of one of this name.
    pub fn insert(&mut self, name: &str, bytes: Vec<u8>) {
        self.files.insert(name.into(), Arc::new(bytes));
    }

    /// Takes a file away; `None` if there is none.
    pub fn remove(&mut self, name: &str) -> Option<Vec<u8>> {
        self.files.remove(name).map(Arc::unwrap_or_clone)
    }

    /// The bytes of all files together.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|bytes| bytes.len() as u64).sum()
    }
}
