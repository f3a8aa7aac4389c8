//! Room that is kept for the time when the disk is full: what releases need until they have freed something.
//!
//! It lies in files that become the next segments when there is room for no others. It is not given back to the disk for
//! that, unless what waits is larger than each of them: whoever filled the disk might be faster than the log.

use std::sync::Arc;

use crate::format::{reserve_name, reserve_number, scratch_name};
use crate::log::Log;
use crate::options::{Options, SEGMENT_BYTES_LEAST};
use crate::segments::Spare;
use crate::{Disk, DiskFile, Fault};

/// How many files there are.
const COUNT: usize = 4;

impl Options {
    /// How large each file is. The first holds whatever may wait to be written when the disk is found to be full; each
    /// of the others is for a start after a crash, which writes on in none of the segments that there are.
    pub(crate) fn reserve(&self) -> [u64; COUNT] {
        let small = (self.segment_bytes_min / 2).max(SEGMENT_BYTES_LEAST);
        let mut sizes = [small; COUNT];
        sizes[0] += self.buffer_bytes_max as u64;
        sizes
    }
}

impl<D: Disk> Log<D> {
    /// What the whole reserve takes, in bytes.
    pub fn reserve_bytes(&self) -> u64 {
        self.options.reserve().iter().sum()
    }

    /// Whether the reserve is there, and whole.
    pub fn has_reserve(&self) -> bool {
        self.state.lock().reserve.len() == COUNT
    }

    /// Sees to it that the reserve is there, and whole.
    ///
    /// # Errors
    /// As the disk's; then some of it may be there.
    pub fn keep_reserve(&self) -> Result<(), Fault> {
        let mut state = self.state.lock();
        let handed_over =
            state.spares.extract_if(.., |spare| reserve_number(&spare.name).is_some());
        let handed_over: Vec<_> = handed_over.collect();
        state.reserve.extend(handed_over);
        drop(state);
        for (number, size) in self.options.reserve().into_iter().enumerate() {
            self.keep_one(&reserve_name(number), size)?;
        }
        Ok(())
    }

    fn keep_one(&self, name: &str, size: u64) -> Result<(), Fault> {
        let scratch = {
            let mut state = self.state.lock();
            if state.reserve.iter().any(|kept| kept.name == name) {
                return Ok(());
            }
            state.next_scratch += 1;
            scratch_name(state.next_scratch)
        };
        let file = self.make_file(&scratch, size)?;
        let named = self.name_reserve(&file, &scratch, name);
        if named.is_err() {
            // What cannot be removed is when the log is opened.
            let _ = self.disk.remove(&scratch);
        }
        named?;
        let kept = Spare { name: name.to_owned(), file: Arc::new(file), size };
        self.state.lock().reserve.push(kept);
        Ok(())
    }

    fn name_reserve(&self, file: &D::File, scratch: &str, name: &str) -> Result<(), Fault> {
        if self.options.flushes() {
            file.sync().map_err(Fault::of("flush", scratch))?;
        }
        self.disk.rename(scratch, name).map_err(Fault::of("rename", scratch))?;
        self.disk.sync_dir().map_err(Fault::of("flush the folder of", name))
    }

    /// Lets what is there of the reserve be the next segments; whether there was any. For who has seen that the
    /// [disk is full](Self::is_disk_full), and lets nobody publish until the reserve is whole again.
    pub fn hand_reserve_over(&self) -> bool {
        let mut state = self.state.lock();
        let reserve = std::mem::take(&mut state.reserve);
        let is_any = !reserve.is_empty();
        state.spares.extend(reserve);
        is_any
    }
}
