//! A disk in memory that forgets what was not synced, tears writes, fails and fills up: for tests.
//!
//! Nothing is left to chance: the same calls on the same [`Image`] give the same bytes, and what is random follows from
//! a seed. A disk that [records](SimDisk::record) keeps every call in a [`Trace`]; its [`Replay`] visits every state that
//! a power cut could have left, between any two calls and within each write:
//!
//! ```text
//!            calls ─▶ SimDisk ──trace──▶ Replay ──crash──▶ Image, Image, Image …
//!                        ▲                                   │
//!                        └────────── from_image ◀────────────┘
//! ```
//!
//! What a power cut may do, until the file or the folder is synced:
//!
//! - sectors of 512 bytes are old or new, each for itself, whatever the order of the writes;
//! - a sector that a write brought as a whole may be all zeros, or hold what another file once had there;
//! - the length of a file goes with its sectors;
//! - names that were created, renamed or removed may be as they were before, each change for itself; a rename is whole.

mod crash;
mod fault;
mod image;
mod medium;
mod random;
#[cfg(test)]
mod tests;
mod trace;

use std::{
    fmt,
    io::{self, ErrorKind},
    sync::Arc,
};

use parking_lot::{Mutex, MutexGuard};

pub use self::{
    crash::{Crash, CrashPlan},
    fault::{Call, Failure},
    image::Image,
    medium::FileId,
    random::Random,
    trace::{Op, Replay, Trace},
};
use self::{
    fault::{Faults, Room},
    medium::{Medium, SECTOR_BYTES},
};
use crate::{Disk, DiskFile};

const SECTOR: u64 = SECTOR_BYTES as u64;

/// A disk in memory. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct SimDisk {
    shared: Arc<Shared>,
}

type Meanwhile = Box<dyn FnMut(Call) + Send>;

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// What a test does while a call is on its way.
    meanwhile: Mutex<Option<Meanwhile>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimDisk").finish_non_exhaustive()
    }
}

impl Shared {
    /// Begins a call. What it leads to in the test may call this disk, and nothing is locked then.
    fn call(&self, call: Call) -> MutexGuard<'_, State> {
        let meanwhile = self.meanwhile.lock().take();
        if let Some(mut meanwhile) = meanwhile {
            meanwhile(call);
            self.meanwhile.lock().get_or_insert(meanwhile);
        }
        self.state.lock()
    }
}

#[derive(Debug, Default)]
struct State {
    medium: Medium,
    /// What was called since recording began.
    trace: Option<Trace>,
    faults: Faults,
    room: Room,
    /// How often each file is open.
    open: Vec<u32>,
}

impl State {
    fn apply(&mut self, op: Op) {
        self.medium.apply(&op);
        if let Some(trace) = &mut self.trace {
            trace.ops.push(op);
        }
    }

    fn find(&self, name: &str) -> io::Result<FileId> {
        self.medium.find(name).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn opened(&mut self, file: FileId) {
        if self.open.len() <= file.0 {
            self.open.resize(file.0 + 1, 0);
        }
        self.open[file.0] += 1;
    }

    /// Takes a file's room back once nobody can reach it any more.
    fn reclaim(&mut self, file: FileId) {
        if self.open.get(file.0).is_none_or(|open| *open == 0) && !self.medium.has_name(file) {
            self.room.cut(file.0, 0, SECTOR);
        }
    }
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// A disk on which just this lies, safely.
    pub fn from_image(image: &Image) -> Self {
        let mut state = State { medium: Medium::from_image(image), ..State::default() };
        for (index, bytes) in image.files.values().enumerate() {
            state.room.found(index, bytes.len() as u64, SECTOR);
        }
        Self { shared: Arc::new(Shared { state: Mutex::new(state), meanwhile: Mutex::default() }) }
    }

    /// The files as calls see them: what is there after the process was killed.
    pub fn image(&self) -> Image {
        self.shared.state.lock().medium.seen()
    }

    /// The files as they are if the power goes now and all that is unsynced is lost.
    pub fn image_after_power_cut(&self) -> Image {
        self.shared.state.lock().medium.cut(|_| false, |_, _| medium::Fate::Lost)
    }

    /// Keeps every call from now on, in place of what was kept before.
    pub fn record(&self) {
        let mut state = self.shared.state.lock();
        state.trace = Some(Trace { start: state.medium.clone(), ops: Vec::new() });
    }

    /// What was called since [`record`](Self::record). Recording ends.
    ///
    /// # Panics
    /// If the disk does not record.
    pub fn trace(&self) -> Trace {
        self.shared.state.lock().trace.take().expect("the disk records")
    }

    /// Leaves a note in the trace.
    pub fn mark(&self, mark: u64) {
        self.shared.state.lock().apply(Op::Mark(mark));
    }

    /// Lets the `nth` call of a kind fail, counted from now; the next one is the first.
    pub fn fail(&self, call: Call, nth: u64, failure: Failure) {
        self.shared.state.lock().faults.plan(call, nth, failure);
    }

    /// Calls `act` at the beginning of every call from now on: what happens while the disk is at work. Calls that `act`
    /// makes itself do not count as such.
    pub fn meanwhile(&self, act: impl FnMut(Call) + Send + 'static) {
        *self.shared.meanwhile.lock() = Some(Box::new(act));
    }

    /// Forgets what was to be done [`meanwhile`](Self::meanwhile).
    pub fn undisturbed(&self) {
        *self.shared.meanwhile.lock() = None;
    }

    /// Forgets what is still to fail.
    pub fn heal(&self) {
        self.shared.state.lock().faults.clear();
    }

    /// How often it was called so.
    pub fn calls(&self, call: Call) -> u64 {
        self.shared.state.lock().faults.count(call)
    }

    /// Holds so many bytes from now on; `None`: any number.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.shared.state.lock().room.set_capacity(bytes);
    }

    /// Is full from the `nth` allocation on, counted from now, as if its capacity were what is used by then. What is
    /// given back can be used again.
    pub fn fill_at(&self, nth: u64) {
        self.shared.state.lock().room.fill_at(nth);
    }

    /// How many bytes its files take.
    pub fn used(&self) -> u64 {
        self.shared.state.lock().room.used()
    }

    /// How often a file was made, or grew beyond the room that it had.
    pub fn allocations(&self) -> u64 {
        self.shared.state.lock().room.allocations()
    }

    fn file(&self, file: FileId) -> SimFile {
        SimFile { shared: Arc::clone(&self.shared), file }
    }
}

fn failed(error: Option<io::Error>) -> io::Result<()> {
    error.map_or(Ok(()), Err)
}

impl Disk for SimDisk {
    type File = SimFile;

    fn list(&self) -> io::Result<Vec<String>> {
        let mut state = self.shared.call(Call::List);
        failed(state.faults.call(Call::List)?)?;
        Ok(state.medium.names().map(str::to_owned).collect())
    }

    fn create(&self, name: &str) -> io::Result<SimFile> {
        let mut state = self.shared.call(Call::Create);
        let error = state.faults.call(Call::Create)?;
        if state.medium.find(name).is_some() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let file = state.medium.next_file();
        state.room.create(file.0)?;
        state.apply(Op::Create { name: name.into(), file });
        failed(error)?;
        state.opened(file);
        Ok(self.file(file))
    }

    fn open(&self, name: &str) -> io::Result<SimFile> {
        let mut state = self.shared.call(Call::Open);
        failed(state.faults.call(Call::Open)?)?;
        let file = state.find(name)?;
        state.opened(file);
        Ok(self.file(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.shared.call(Call::Rename);
        let error = state.faults.call(Call::Rename)?;
        state.find(from)?;
        let replaced = state.medium.find(to);
        state.apply(Op::Rename { from: from.into(), to: to.into() });
        if let Some(file) = replaced {
            state.reclaim(file);
        }
        failed(error)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.shared.call(Call::Remove);
        let error = state.faults.call(Call::Remove)?;
        let file = state.find(name)?;
        state.apply(Op::Remove { name: name.into() });
        state.reclaim(file);
        failed(error)
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.shared.call(Call::SyncDir);
        let error = state.faults.call(Call::SyncDir)?;
        state.apply(Op::SyncDir);
        failed(error)
    }
}

/// An open file of a [`SimDisk`].
#[derive(Debug)]
pub struct SimFile {
    shared: Arc<Shared>,
    file: FileId,
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.open[self.file.0] -= 1;
        state.reclaim(self.file);
    }
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.shared.state.lock().medium.bytes(self.file).len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.shared.call(Call::SetLen);
        let error = state.faults.call(Call::SetLen)?;
        let len = usize::try_from(len).map_err(|_| ErrorKind::FileTooLarge)?;
        state.apply(Op::SetLen { file: self.file, len });
        state.room.cut(self.file.0, len as u64, SECTOR);
        failed(error)
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.shared.call(Call::Read);
        failed(state.faults.call(Call::Read)?)?;
        let bytes = state.medium.bytes(self.file);
        let rest = usize::try_from(offset).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.shared.call(Call::Write);
        let error = state.faults.call(Call::Write)?;
        let wanted = if error.is_some() { &bytes[..bytes.len() / 2] } else { bytes };
        let end = offset + wanted.len() as u64;
        let granted = state.room.extend(self.file.0, end, SECTOR);
        let room = granted.map_or_else(|end| end.saturating_sub(offset), |()| wanted.len() as u64);
        let written = wanted.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        if written > 0 {
            let offset = usize::try_from(offset).map_err(|_| ErrorKind::FileTooLarge)?;
            let bytes = Arc::from(&wanted[..written]);
            state.apply(Op::Write { file: self.file, offset, bytes });
        }
        failed(error)?;
        granted.map_err(|_| ErrorKind::StorageFull.into())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.shared.call(Call::Sync);
        let error = state.faults.call(Call::Sync)?;
        let file = self.file;
        state.apply(if error.is_some() { Op::LostSync { file } } else { Op::Sync { file } });
        failed(error)
    }
}
