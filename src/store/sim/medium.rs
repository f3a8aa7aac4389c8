//! The files of a simulated disk twice: as calls see them, and as they would be after a power cut; with what lies between.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use super::{image::Image, trace::Op};

/// What a disk writes whole or not at all, in bytes.
pub(super) const SECTOR_BYTES: usize = 512;

/// A file, whatever names it has or had. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub(super) usize);

/// All files, and the names they have.
#[derive(Debug, Clone, Default)]
pub(super) struct Medium {
    names: BTreeMap<Arc<str>, FileId>,
    /// The names that a power cut leaves.
    lasting_names: BTreeMap<Arc<str>, FileId>,
    /// What made `names` out of `lasting_names`, each with its place in the order of all changes.
    name_changes: Vec<(u64, NameChange)>,
    files: Vec<Contents>,
    /// How many changes there were.
    changes: u64,
}

/// A change of names that a power cut may undo.
#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Create { name: Arc<str>, file: FileId },
    Rename { from: Arc<str>, to: Arc<str>, file: FileId },
    Remove { name: Arc<str> },
}

impl NameChange {
    pub(super) fn apply(&self, names: &mut BTreeMap<Arc<str>, FileId>) {
        match self {
            Self::Create { name, file } => {
                names.insert(Arc::clone(name), *file);
            }
            Self::Rename { from, to, file } => {
                if names.get(from) == Some(file) {
                    names.remove(from);
                }
                names.insert(Arc::clone(to), *file);
            }
            Self::Remove { name } => {
                names.remove(name);
            }
        }
    }
}

/// The bytes of a file.
#[derive(Debug, Clone, Default)]
struct Contents {
    seen: Arc<Vec<u8>>,
    lasting: Arc<Vec<u8>>,
    /// What a power cut may undo, in the order it was done.
    changes: Vec<(u64, Change)>,
}

/// A change of a file that a power cut may undo, in whole or in part.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Write(Written),
    SetLen(usize),
}

impl Change {
    /// In how many parts it may be lost.
    pub(super) fn parts(&self) -> usize {
        match self {
            Self::Write(written) => written.sectors(),
            Self::SetLen(_) => 1,
        }
    }
}

/// The sectors that a write touched, as they were afterwards.
#[derive(Debug, Clone)]
pub(super) struct Written {
    /// Where the first of them begins.
    start: usize,
    after: Arc<[u8]>,
    /// The bytes that the write itself brought.
    covers: Range<usize>,
}

/// What became of one sector of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Fate {
    /// As it was before.
    Lost,
    Kept,
    /// The place was taken, but only zeros lie in it.
    Zeros,
    /// The place was taken, and what another file once had there lies in it.
    Garbage,
}

impl Written {
    fn sectors(&self) -> usize {
        self.after.len().div_ceil(SECTOR_BYTES)
    }

    fn apply(&self, sector: usize, fate: Fate, bytes: &mut Vec<u8>, garbage: &[u8]) {
        let from = sector * SECTOR_BYTES;
        let source = &self.after[from..self.after.len().min(from + SECTOR_BYTES)];
        let place = self.start + from..self.start + from + source.len();
        // Bytes that were there before share the sector, and disks write a sector whole: it is old or new.
        let is_wholly_written = self.covers.start <= place.start
            && (self.covers.end >= place.end)
            && (source.len() == SECTOR_BYTES || bytes.len() <= place.start);
        match fate {
            Fate::Lost => return,
            Fate::Zeros | Fate::Garbage if !is_wholly_written => return,
            Fate::Kept | Fate::Zeros | Fate::Garbage => {}
        }
        if bytes.len() < place.end {
            bytes.resize(place.end, 0);
        }
        let target = &mut bytes[place.clone()];
        match fate {
            Fate::Lost => {}
            Fate::Kept => target.copy_from_slice(source),
            Fate::Zeros => target.fill(0),
            Fate::Garbage => {
                let mut old = garbage.get(place.start..).unwrap_or_default().iter();
                target.fill_with(|| old.next().copied().unwrap_or(0xA5));
            }
        }
    }
}

impl Medium {
    pub(super) fn from_image(image: &Image) -> Self {
        let mut medium = Self::default();
        for (name, bytes) in &image.files {
            let file = FileId(medium.files.len());
            medium.names.insert(Arc::clone(name), file);
            let (seen, lasting) = (Arc::clone(bytes), Arc::clone(bytes));
            medium.files.push(Contents { seen, lasting, changes: Vec::new() });
        }
        medium.lasting_names = medium.names.clone();
        medium
    }

    /// The files as calls see them.
    pub(super) fn seen(&self) -> Image {
        let file = |(name, file): (&Arc<str>, &FileId)| {
            (Arc::clone(name), Arc::clone(&self.files[file.0].seen))
        };
        Image { files: self.names.iter().map(file).collect() }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(|name| &**name)
    }

    pub(super) fn find(&self, name: &str) -> Option<FileId> {
        self.names.get(name).copied()
    }

    pub(super) fn has_name(&self, file: FileId) -> bool {
        self.names.values().any(|named| *named == file)
    }

    pub(super) fn bytes(&self, file: FileId) -> &[u8] {
        &self.files[file.0].seen
    }

    /// The file that the next [`Op::Create`] makes.
    pub(super) fn next_file(&self) -> FileId {
        FileId(self.files.len())
    }

    /// Does what a call did.
    pub(super) fn apply(&mut self, op: &Op) {
        match op {
            Op::Create { name, file } => {
                debug_assert_eq!(*file, self.next_file());
                self.files.push(Contents::default());
                self.change_names(NameChange::Create { name: Arc::clone(name), file: *file });
            }
            Op::Rename { from, to } => {
                let file = self.names[from];
                let (from, to) = (Arc::clone(from), Arc::clone(to));
                self.change_names(NameChange::Rename { from, to, file });
            }
            Op::Remove { name } => {
                self.change_names(NameChange::Remove { name: Arc::clone(name) });
            }
            Op::SyncDir => {
                self.lasting_names.clone_from(&self.names);
                self.name_changes.clear();
            }
            Op::Write { file, offset, bytes } => self.write(*file, *offset, bytes),
            Op::SetLen { file, len } => {
                Arc::make_mut(&mut self.files[file.0].seen).resize(*len, 0);
                self.change(*file, Change::SetLen(*len));
            }
            Op::Sync { file } => self.files[file.0].sync(),
            Op::LostSync { file } => self.files[file.0].changes.clear(),
            Op::Mark(_) => {}
        }
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.name_changes.push((self.changes, change));
        self.changes += 1;
    }

    fn change(&mut self, file: FileId, change: Change) {
        self.files[file.0].changes.push((self.changes, change));
        self.changes += 1;
    }

    fn write(&mut self, file: FileId, offset: usize, bytes: &[u8]) {
        let seen = Arc::make_mut(&mut self.files[file.0].seen);
        let covers = offset..offset + bytes.len();
        if seen.len() < covers.end {
            seen.resize(covers.end, 0);
        }
        seen[covers.clone()].copy_from_slice(bytes);
        let start = offset - offset % SECTOR_BYTES;
        let end = covers.end.next_multiple_of(SECTOR_BYTES).min(seen.len());
        let after = Arc::from(&seen[start..end]);
        self.change(file, Change::Write(Written { start, after, covers }));
    }

    pub(super) fn name_changes(&self) -> &[(u64, NameChange)] {
        &self.name_changes
    }

    /// All changes of files that a power cut may undo, in the order they were made.
    pub(super) fn changes(&self) -> Vec<(u64, FileId, &Change)> {
        let mut all = Vec::new();
        for (index, contents) in self.files.iter().enumerate() {
            all.extend(contents.changes.iter().map(|(at, change)| (*at, FileId(index), change)));
        }
        all.sort_unstable_by_key(|(at, _, _)| *at);
        all
    }

    /// What a power cut leaves if just these changes reached the disk.
    ///
    /// `fate` is asked for each part of each change, by the place of the change in the order of all.
    pub(super) fn cut(
        &self,
        keeps_name: impl Fn(u64) -> bool,
        fate: impl Fn(u64, usize) -> Fate,
    ) -> Image {
        let changed;
        let names = if self.name_changes.iter().any(|(at, _)| keeps_name(*at)) {
            let mut names = self.lasting_names.clone();
            for (_, change) in self.name_changes.iter().filter(|(at, _)| keeps_name(*at)) {
                change.apply(&mut names);
            }
            changed = names;
            &changed
        } else {
            &self.lasting_names
        };
        let file = |(name, file): (&Arc<str>, &FileId)| {
            let contents = &self.files[file.0];
            let bytes = contents.cut(&fate, || self.garbage(*file));
            (Arc::clone(name), bytes)
        };
        Image { files: names.iter().map(file).collect() }
    }

    /// What lay on the disk before this file did.
    fn garbage(&self, file: FileId) -> &[u8] {
        let others = self.files.iter().enumerate().filter(|(index, _)| *index != file.0);
        others.map(|(_, contents)| &contents.lasting[..]).rfind(|b| !b.is_empty()).unwrap_or(&[])
    }
}

impl Contents {
    fn sync(&mut self) {
        if self.changes.is_empty() {
            return;
        }
        let lasting = Arc::make_mut(&mut self.lasting);
        for (_, change) in self.changes.drain(..) {
            match change {
                Change::SetLen(len) => lasting.resize(len, 0),
                Change::Write(written) => {
                    for sector in 0..written.sectors() {
                        written.apply(sector, Fate::Kept, lasting, &[]);
                    }
                }
            }
        }
    }

    fn cut<'a>(
        &'a self,
        fate: impl Fn(u64, usize) -> Fate,
        garbage: impl Fn() -> &'a [u8],
    ) -> Arc<Vec<u8>> {
        let mut bytes = Arc::clone(&self.lasting);
        for (at, change) in &self.changes {
            for part in 0..change.parts() {
                let fate = fate(*at, part);
                match change {
                    _ if fate == Fate::Lost => {}
                    Change::SetLen(len) => Arc::make_mut(&mut bytes).resize(*len, 0),
                    Change::Write(written) => {
                        written.apply(part, fate, Arc::make_mut(&mut bytes), garbage());
                    }
                }
            }
        }
        bytes
    }
}
