//! What was done to a disk, call by call, so that it can be done again up to any point.

use std::sync::Arc;

use super::{
    crash::{Crash, CrashPlan, Found},
    image::Image,
    medium::{FileId, Medium},
};

/// A call that changed something.
#[derive(Debug, Clone)]
pub enum Op {
    /// A file was made.
    Create {
        /// Its name.
        name: Arc<str>,
        /// The file.
        file: FileId,
    },
    /// A file got another name.
    Rename {
        /// The name it had.
        from: Arc<str>,
        /// The name it has now.
        to: Arc<str>,
    },
    /// A name was removed.
    Remove {
        /// The name.
        name: Arc<str>,
    },
    /// Names were made to last.
    SyncDir,
    /// Bytes were written.
    Write {
        /// Into which file.
        file: FileId,
        /// Where.
        offset: usize,
        /// What.
        bytes: Arc<[u8]>,
    },
    /// A file was cut or lengthened.
    SetLen {
        /// Which file.
        file: FileId,
        /// Its length since.
        len: usize,
    },
    /// Bytes were made to last.
    Sync {
        /// Those of this file.
        file: FileId,
    },
    /// A sync failed, and what it should have made to last never will be.
    LostSync {
        /// The file.
        file: FileId,
    },
    /// Whoever used the disk left a note in the trace.
    Mark(u64),
}

/// The calls that changed a disk, from some moment on.
#[derive(Debug, Clone)]
pub struct Trace {
    pub(super) start: Medium,
    pub(super) ops: Vec<Op>,
}

impl Trace {
    /// The calls.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// Begins anew, before the first call.
    pub fn replay(&self) -> Replay<'_> {
        Replay {
            trace: self,
            medium: self.start.clone(),
            done: 0,
            mark: 0,
            found: Found::default(),
        }
    }
}

/// A disk on its way through a [`Trace`].
#[derive(Debug)]
pub struct Replay<'a> {
    trace: &'a Trace,
    medium: Medium,
    done: usize,
    mark: u64,
    found: Found,
}

impl<'a> Replay<'a> {
    /// Does one more call, and gives it; `None` at the end.
    pub fn step(&mut self) -> Option<&'a Op> {
        let op = self.trace.ops.get(self.done)?;
        self.medium.apply(op);
        self.done += 1;
        match op {
            Op::Mark(mark) => {
                self.mark = *mark;
                self.found.forget();
            }
            Op::Sync { .. } | Op::LostSync { .. } | Op::SyncDir => self.found.forget(),
            Op::Create { .. }
            | Op::Rename { .. }
            | Op::Remove { .. }
            | Op::Write { .. }
            | Op::SetLen { .. } => {}
        }
        Some(op)
    }

    /// How many calls were done.
    pub fn done(&self) -> usize {
        self.done
    }

    /// The newest mark; 0 before the first.
    pub fn mark(&self) -> u64 {
        self.mark
    }

    /// Visits what a power cut may leave at this point, and what one during the last call may have left.
    ///
    /// No state is visited twice between two syncs or marks. `visit` says whether to go on. The answer is how many were
    /// visited.
    pub fn crash(&mut self, plan: &CrashPlan, visit: impl FnMut(&Image, &Crash) -> bool) -> u64 {
        let Self { medium, done, found, .. } = self;
        found.visit(medium, *done, plan, visit)
    }
}
