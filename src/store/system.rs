//! Batches of the log's own: how far it is flushed, that it was closed, that segments are not needed any more.

use crate::format::{ALIGN, BatchHeader, push_stopped};
use crate::log::Log;
use crate::prepared::Prepared;
use crate::writer::{Active, Writer};
use crate::{Disk, DiskFile, Fault, Sync};

impl<D: Disk> Log<D> {
    /// Writes a batch of the log's own, if the segment has room for it; whether it has.
    pub(crate) fn write_system(
        &self,
        writer: &mut Writer<D::File>,
        body: &[u8],
    ) -> Result<bool, Fault> {
        let Writer { active: Some(active), last_synced, last_mark, last_written, .. } = writer
        else {
            return Ok(false);
        };
        let mut prepared = Prepared::of_system(body);
        let whole_len = prepared.whole_len();
        if active.used + whole_len + ALIGN as u64 > active.size {
            return Ok(false);
        }
        let sequence = self.state.lock().sequence;
        // What was announced without being written has had its number, too.
        let number = self.flushed().0;
        let mut header = BatchHeader {
            body_len: 0,
            number,
            flushed: *last_synced,
            sequence,
            body_crc: 0,
            chain: active.chain,
            is_unflushed: self.options.sync != Sync::Flush,
            is_system: true,
        };
        prepared.seal(active.seal);
        let crc = prepared.finish(&mut header, &active.places, active.used);
        let Active { name, file, used, .. } = &*active;
        file.write_at(prepared.bytes(), *used).map_err(Fault::at("write to", name, *used))?;
        if self.options.flushes() {
            file.sync().map_err(Fault::at("flush", name, *used))?;
            *last_synced = *last_written;
        }
        *last_mark = header.flushed;
        active.used += whole_len;
        active.chain = crc;
        active.last_batch = number;
        if let Some(found) = self.state.lock().segments.get_mut(active.number) {
            (found.used, found.last_batch, found.chain) = (active.used, number, crc);
        }
        Ok(true)
    }

    /// Writes an empty batch that says how far the log is flushed: from here on only a batch that was interrupted while
    /// it was written can look torn.
    pub(crate) fn write_mark(&self, writer: &mut Writer<D::File>) -> Result<(), Fault> {
        self.sync_active(writer)?;
        let mark = writer.last_synced;
        if !self.write_system(writer, &[])? {
            // There is no room for it in this segment, and will not be.
            writer.last_mark = mark;
        }
        Ok(())
    }

    /// Flushes what was written without.
    pub(crate) fn sync_active(&self, writer: &mut Writer<D::File>) -> Result<(), Fault> {
        if let Some(active) = &writer.active
            && self.options.flushes()
            && writer.last_synced < writer.last_written
        {
            active.file.sync().map_err(Fault::of("flush", &active.name))?;
            writer.last_synced = writer.last_written;
        }
        Ok(())
    }

    /// Writes that the log was closed, once all else is flushed. When the log is opened, this is written over: so it does not
    /// matter whether it really reached the disk.
    pub(crate) fn write_stopped(&self, writer: &mut Writer<D::File>) -> Result<(), Fault> {
        let mut body = Vec::new();
        push_stopped(&mut body);
        let has_something = writer.active.is_some() && self.options.flushes();
        if !has_something {
            return Ok(());
        }
        self.sync_active(writer)?;
        let room = 2 * ALIGN as u64;
        if writer.active.as_ref().is_some_and(|active| active.used + room > active.size) {
            let sequence = self.state.lock().sequence;
            let next = writer.last_written + 1;
            if self.begin_segment(writer, next, sequence, room)?.is_err() {
                // Without the mark all is as if the process had been killed now, which is safe.
                return Ok(());
            }
        }
        self.write_system(writer, &body)?;
        Ok(())
    }
}
