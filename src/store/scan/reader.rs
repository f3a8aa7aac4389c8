//! Reading a file from front to back, in large pieces.

use crate::{DiskFile, Fault};

/// How much is read at once.
const PIECE: usize = 1 << 20;

/// A file that is read mostly forwards. It never takes more memory than the file has bytes, or one piece.
pub(crate) struct Reader<'f, F> {
    file: &'f F,
    name: &'f str,
    len: u64,
    buffer: Vec<u8>,
    /// Where in the file the buffer begins.
    start: u64,
}

impl<'f, F: DiskFile> Reader<'f, F> {
    pub(crate) fn new(file: &'f F, name: &'f str, len: u64) -> Self {
        Self { file, name, len, buffer: Vec::new(), start: 0 }
    }

    pub(crate) fn name(&self) -> &'f str {
        self.name
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// So many bytes from `at`, or as many as there are.
    pub(crate) fn bytes(&mut self, at: u64, wanted: usize) -> Result<&[u8], Fault> {
        let left = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
        let wanted = wanted.min(left);
        let is_there =
            at >= self.start && at + wanted as u64 <= self.start + self.buffer.len() as u64;
        if !is_there {
            self.buffer.resize(wanted.max(PIECE).min(left), 0);
            self.start = at;
            let read = self.file.read_at(&mut self.buffer, at);
            let read = read.map_err(Fault::at("read", self.name, at));
            self.buffer.truncate(*read.as_ref().unwrap_or(&0));
            read?;
        }
        let from = usize::try_from(at.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let rest = self.buffer.get(from..).unwrap_or_default();
        Ok(rest.get(..wanted).unwrap_or(rest))
    }
}
