//! Room that is kept for the time when the disk is full: what releases need until they have freed something.
//!
//! It is a file as long as a segment, which becomes the next segment when there is room for no other. It is never given
//! back to the disk for that: whoever filled it might be faster than the log.

use std::sync::Arc;

use crate::format::{RESERVE, scratch_name};
use crate::log::Log;
use crate::segments::Spare;
use crate::{Disk, DiskFile, Fault};

impl<D: Disk> Log<D> {
    /// Whether there is a reserve.
    pub fn has_reserve(&self) -> bool {
        self.state.lock().reserve.is_some()
    }

    /// Sees to it that there is a reserve; one that is made now has so many bytes.
    ///
    /// # Errors
    /// As the disk's; then there is none.
    pub fn keep_reserve(&self, bytes: u64) -> Result<(), Fault> {
        let scratch = {
            let mut state = self.state.lock();
            let handed_over = state.spares.iter().position(|spare| spare.name == RESERVE);
            if let Some(position) = handed_over {
                state.reserve = Some(state.spares.swap_remove(position));
            }
            if state.reserve.is_some() {
                return Ok(());
            }
            state.next_scratch += 1;
            scratch_name(state.next_scratch)
        };
        let file = self.make_file(&scratch, bytes)?;
        let made = self.name_reserve(&file, &scratch);
        if made.is_err() {
            // What cannot be removed is when the log is opened.
            let _ = self.disk.remove(&scratch);
        }
        made?;
        let reserve = Spare { name: RESERVE.to_owned(), file: Arc::new(file), size: bytes };
        self.state.lock().reserve = Some(reserve);
        Ok(())
    }

    fn name_reserve(&self, file: &D::File, scratch: &str) -> Result<(), Fault> {
        if self.options.flushes() {
            file.sync().map_err(Fault::of("flush", scratch))?;
        }
        self.disk.rename(scratch, RESERVE).map_err(Fault::of("rename", scratch))?;
        self.disk.sync_dir().map_err(Fault::of("flush the folder of", RESERVE))
    }

    /// Lets the reserve be the next segment; whether there was one. For who has seen that the
    /// [disk is full](Self::is_disk_full), and lets nobody publish until there is a reserve again.
    pub fn hand_reserve_over(&self) -> bool {
        let mut state = self.state.lock();
        let reserve = state.reserve.take();
        let is_there = reserve.is_some();
        state.spares.extend(reserve);
        is_there
    }
}
