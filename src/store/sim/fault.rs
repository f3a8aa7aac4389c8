//! Calls that fail because a test wants it, and a disk that is full.

use std::io::{self, ErrorKind};

/// The kinds of calls that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// [`Disk::list`](crate::Disk::list).
    List,
    /// [`Disk::create`](crate::Disk::create).
    Create,
    /// [`Disk::open`](crate::Disk::open).
    Open,
    /// [`Disk::rename`](crate::Disk::rename).
    Rename,
    /// [`Disk::remove`](crate::Disk::remove).
    Remove,
    /// [`Disk::sync_dir`](crate::Disk::sync_dir).
    SyncDir,
    /// [`DiskFile::set_len`](crate::DiskFile::set_len).
    SetLen,
    /// [`DiskFile::read_at`](crate::DiskFile::read_at).
    Read,
    /// [`DiskFile::write_at`](crate::DiskFile::write_at).
    Write,
    /// [`DiskFile::sync`](crate::DiskFile::sync).
    Sync,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::List,
        Self::Create,
        Self::Open,
        Self::Rename,
        Self::Remove,
        Self::SyncDir,
        Self::SetLen,
        Self::Read,
        Self::Write,
        Self::Sync,
    ];
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// This one changes nothing and fails.
    Once(ErrorKind),
    /// This one and all others of its kind that follow.
    FromNowOn(ErrorKind),
    /// This one fails, yet something was done.
    ///
    /// Of a write the first half. A sync fails as ext4's: all that was unsynced counts as clean from now on, can still be
    /// read, and is lost when the power goes, whatever later syncs say. Any other call does all it was asked for.
    Halfway(ErrorKind),
}

/// What is to fail, and what was called so far.
#[derive(Debug, Default)]
pub(super) struct Faults {
    planned: Vec<(Call, u64, Failure)>,
    calls: [u64; Call::ALL.len()],
}

impl Faults {
    pub(super) fn plan(&mut self, call: Call, nth: u64, failure: Failure) {
        self.planned.push((call, self.count(call) + nth, failure));
    }

    pub(super) fn clear(&mut self) {
        self.planned.clear();
    }

    pub(super) fn count(&self, call: Call) -> u64 {
        self.calls[call as usize]
    }

    /// Counts a call. `Ok(true)`: it shall do something and fail all the same, with [`error`](Self::error).
    pub(super) fn call(&mut self, call: Call) -> io::Result<Option<io::Error>> {
        let count = &mut self.calls[call as usize];
        *count += 1;
        for (planned, nth, failure) in &self.planned {
            let (is_nth, is_after) = (*count == *nth, *count >= *nth);
            match failure {
                _ if *planned != call => {}
                Failure::Once(kind) if is_nth => return Err(error(*kind)),
                Failure::FromNowOn(kind) if is_after => return Err(error(*kind)),
                Failure::Halfway(kind) if is_nth => return Ok(Some(error(*kind))),
                Failure::Once(_) | Failure::FromNowOn(_) | Failure::Halfway(_) => {}
            }
        }
        Ok(None)
    }
}

fn error(kind: ErrorKind) -> io::Error {
    io::Error::new(kind, "the simulated disk failed, as planned")
}

/// How much the disk holds, and how much of it is taken.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// By file: up to where sectors were given to it.
    given: Vec<u64>,
    used: u64,
    capacity: Option<u64>,
    allocations: u64,
    full_at: Option<u64>,
}

impl Room {
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    pub(super) fn allocations(&self) -> u64 {
        self.allocations
    }

    pub(super) fn set_capacity(&mut self, capacity: Option<u64>) {
        self.capacity = capacity;
        self.full_at = None;
    }

    /// The disk is full from the `nth` allocation on, counted from now.
    pub(super) fn fill_at(&mut self, nth: u64) {
        self.full_at = Some(self.allocations + nth);
    }

    /// Gives a file its first room: a place for its name.
    ///
    /// # Errors
    /// [`ErrorKind::StorageFull`].
    pub(super) fn create(&mut self, file: usize) -> io::Result<()> {
        self.allocate();
        if self.capacity.is_some_and(|capacity| self.used >= capacity) {
            return Err(ErrorKind::StorageFull.into());
        }
        self.note(file, 0);
        Ok(())
    }

    /// Gives a file room up to `end`, or as much as there is: then the answer is the end of that.
    pub(super) fn extend(&mut self, file: usize, end: u64, sector: u64) -> Result<(), u64> {
        let given = self.given.get(file).copied().unwrap_or(0);
        let end = end.next_multiple_of(sector);
        if end <= given {
            return Ok(());
        }
        self.allocate();
        let left = self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used));
        let granted = (end - given).min(left - left % sector);
        self.used += granted;
        self.note(file, given + granted);
        if given + granted < end { Err(given + granted) } else { Ok(()) }
    }

    /// A file was cut, or is no more: takes back what lies behind `end`.
    pub(super) fn cut(&mut self, file: usize, end: u64, sector: u64) {
        if let Some(given) = self.given.get_mut(file) {
            let end = end.next_multiple_of(sector).min(*given);
            self.used -= *given - end;
            *given = end;
        }
    }

    /// A file was there from the start.
    pub(super) fn found(&mut self, file: usize, len: u64, sector: u64) {
        let len = len.next_multiple_of(sector);
        self.used += len;
        self.note(file, len);
    }

    fn note(&mut self, file: usize, given: u64) {
        if self.given.len() <= file {
            self.given.resize(file + 1, 0);
        }
        self.given[file] = given;
    }

    fn allocate(&mut self) {
        self.allocations += 1;
        if self.full_at == Some(self.allocations) {
            self.capacity = Some(self.used);
        }
    }
}
