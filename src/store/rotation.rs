//! Beginning another segment, also on a full disk.

use std::io;
use std::sync::Arc;

use mutants::Mutant;

use crate::format::{
    Places, RESERVED, Seal, SegmentEnd, SegmentHeader, damaged_name, name_of, push_dropped,
    scratch_name, spare_name,
};
use crate::log::Log;
use crate::segments::{Segment, Spare};
use crate::stats::count;
use crate::writer::{Active, Writer};
use crate::{Disk, DiskFile, Fault, Sync};

/// How many spare segments there are at most.
pub(crate) const SPARES_MAX: usize = 2;
/// How often room is made for one segment.
const ATTEMPTS: usize = 4;
/// How much is written at once into a file that is made.
const PIECE: usize = 1 << 20;

/// How another segment is to be begun.
struct Plan<F> {
    header: SegmentHeader,
    /// A file that it may take.
    spare: Option<Spare<F>>,
    /// The number of a file that is to be made otherwise.
    scratch: u64,
}

impl<D: Disk> Log<D> {
    /// Begins another segment that has room for so many bytes of batches, in a spare file if there is one. What is there
    /// for later is given up for it. The inner error: there is no room.
    pub(crate) fn begin_segment(
        &self,
        writer: &mut Writer<D::File>,
        first_batch: u64,
        sequence: u64,
        least: u64,
    ) -> Result<Result<(), Fault>, Fault> {
        if self.options.sync == Sync::Os {
            // Only the newest segment may have lost anything after a power cut.
            self.sync_active(writer)?;
        }
        let mut attempts = 0;
        loop {
            match self.try_begin_segment(writer, first_batch, sequence, least) {
                Ok(()) => return Ok(Ok(())),
                Err(fault) if !self.options.can_try_again(&fault) => return Err(fault),
                Err(fault) => {
                    attempts += 1;
                    if attempts == ATTEMPTS || !self.make_room(writer, least)? {
                        return Ok(Err(fault));
                    }
                }
            }
        }
    }

    fn try_begin_segment(
        &self,
        writer: &mut Writer<D::File>,
        first_batch: u64,
        sequence: u64,
        least: u64,
    ) -> Result<(), Fault> {
        let Plan { header, spare, scratch } =
            self.plan_segment(writer, first_batch, sequence, least)?;
        let number = u32::try_from(header.number).expect("it was planned as one");
        let (name, scratch) = (name_of(header.number), scratch_name(scratch));
        let (from, file) = match spare {
            Some(spare) => (spare.name, spare.file),
            None => {
                let file = self.make_file(&scratch, header.size)?;
                (scratch, Arc::new(file))
            }
        };
        if let Err(source) = file.write_at(&header.encode(), 0) {
            // It is of no use, and may take the room that is missing.
            let _ = self.disk.remove(&from);
            return Err(Fault::at("write to", &from, 0)(source));
        }
        if self.options.flushes() {
            file.sync().map_err(Fault::of("flush", &from))?;
        }
        self.disk.rename(&from, &name).map_err(Fault::of("rename", &from))?;
        if self.options.flushes() && !mutants::is_planted(Mutant::SegmentNameNotFlushed) {
            self.disk.sync_dir().map_err(Fault::of("flush the folder of", &name))?;
        }
        // Not before the other one is there: a footer says that it must be.
        if let Some(active) = &writer.active {
            let (file, from) = (&active.file, active.used);
            let footer = active.footer(number);
            file.write_at(&footer, from).map_err(Fault::at("write to", &active.name, from))?;
            if self.options.flushes() {
                file.sync().map_err(Fault::at("flush", &active.name, from))?;
            }
        }
        count(&self.counters.segments_begun, 1);
        self.open_segment(writer, number, header, file);
        Ok(())
    }

    fn plan_segment(
        &self,
        writer: &Writer<D::File>,
        first_batch: u64,
        sequence: u64,
        least: u64,
    ) -> Result<Plan<D::File>, Fault> {
        let mut state = self.state.lock();
        let full = |what| Fault::of(what, "a segment")(io::ErrorKind::StorageFull.into());
        if state.segments.len() >= SegmentHeader::OTHERS_MAX || state.next_segment == u32::MAX {
            return Err(full("begin another of 65,536 times"));
        }
        let active = writer.active.as_ref();
        let others: Vec<SegmentEnd> = state
            .segments
            .iter()
            .map(|segment| match active.filter(|active| active.number == segment.number) {
                Some(Active { last_batch, chain, .. }) => (segment, *last_batch, *chain),
                None => (segment, segment.last_batch, segment.chain),
            })
            .map(|(segment, last_batch, chain)| SegmentEnd {
                number: segment.number.into(),
                last_batch,
                chain,
            })
            .collect();
        let needed = needed(others.len(), least);
        let spares = state.spares.iter().enumerate().filter(|(_, spare)| spare.size >= needed);
        let largest = spares.max_by_key(|(_, spare)| spare.size).map(|(position, _)| position);
        let spare = largest.map(|position| state.spares.swap_remove(position));
        // Without a spare it is written now, while somebody waits: then a small one has to do. Unless it need not be
        // written.
        let usual =
            if self.options.lasts() { self.options.segment_bytes_min } else { state.segment_bytes };
        let wanted = needed.max(usual);
        state.next_scratch += 1;
        let header = SegmentHeader {
            node: self.options.node,
            number: state.next_segment.into(),
            size: spare.as_ref().map_or(wanted, |spare| spare.size),
            first_batch,
            sequence,
            chain: active.map_or(0, |active| active.chain),
            others,
        };
        Ok(Plan { header, spare, scratch: state.next_scratch })
    }

    fn open_segment(
        &self,
        writer: &mut Writer<D::File>,
        number: u32,
        header: SegmentHeader,
        file: Arc<D::File>,
    ) {
        let SegmentHeader { size, first_batch, chain, node, .. } = header;
        let (used, last_batch) = (header.end(), first_batch.saturating_sub(1));
        let mut state = self.state.lock();
        if let Some(full) = writer.active.as_ref()
            && let Some(segment) = state.segments.get_mut(full.number)
        {
            segment.is_sealed = true;
            state.wants_spare = self.options.lasts();
            state.segment_bytes = (size * 2).min(self.options.segment_bytes_max);
            (state.may_drop, state.may_tidy) = (true, true);
        }
        let mut segment = Segment::new(number, Arc::clone(&file), size, used);
        (segment.last_batch, segment.chain) = (last_batch, chain);
        state.segments.insert(segment);
        state.next_segment = number + 1;
        drop(state);
        self.moved.notify_all();
        writer.active = Some(Active {
            number,
            name: name_of(number.into()),
            file,
            size,
            used,
            last_batch,
            chain,
            places: Places::new(node, number.into()),
            seal: Seal::new(number.into()),
        });
    }

    /// The disk is full: gives back what nothing needs; whether there was any, or is room by now.
    fn make_room(&self, writer: &mut Writer<D::File>, least: u64) -> Result<bool, Fault> {
        let (free, spares) = {
            let mut state = self.state.lock();
            let needed = needed(state.segments.len(), least);
            if state.spares.iter().any(|spare| spare.size >= needed) {
                // It has come meanwhile.
                return Ok(true);
            }
            // What was released since is not written: its batch is the one that waits for this room, and until it is
            // there, what replaces the released is not there either.
            let flushed = self.flushed().0;
            let free = state.segments.take_free(flushed, flushed);
            (free, std::mem::take(&mut state.spares))
        };
        let mut is_any = !spares.is_empty();
        for spare in spares {
            // If it cannot be removed, there is no room by it.
            let _ = self.disk.remove(&spare.name);
        }
        if !free.is_empty() {
            let mut body = Vec::new();
            free.iter().for_each(|&number| push_dropped(&mut body, number.into()));
            let is_written = !self.options.lasts() || self.write_system(writer, &body)?;
            let mut state = self.state.lock();
            if is_written {
                state.retire(&free);
            } else {
                for number in free {
                    if let Some(segment) = state.segments.get_mut(number) {
                        segment.is_dropped = false;
                    }
                }
            }
        }
        while self.clear_away_one() {
            is_any = true;
        }
        Ok(is_any)
    }

    /// Makes a file for a segment. If it is to be flushed, it is written: only so is its room really there, and writing it
    /// again costs the least.
    ///
    /// # Errors
    /// As the disk's; then there is no such file.
    pub(crate) fn make_file(&self, name: &str, size: u64) -> Result<D::File, Fault> {
        let file = self.disk.create(name).map_err(Fault::of("make", name))?;
        match if self.options.flushes() { fill(&file, size) } else { file.set_len(size) } {
            Ok(()) => Ok(file),
            Err(source) => {
                drop(file);
                // If it cannot be removed, it is when the log is opened.
                let _ = self.disk.remove(name);
                Err(Fault::of("fill", name)(source))
            }
        }
    }

    /// Removes the file of one segment that was dropped, or makes a spare of it; `false` if there was none.
    pub(crate) fn clear_away_one(&self) -> bool {
        let (segment, number, is_of_use) = {
            let mut state = self.state.lock();
            let Some(segment) = state.retired.pop() else { return false };
            let largest = self.options.segment_bytes_max;
            let is_large = segment.size >= state.segment_bytes.min(largest);
            // Where nothing lasts, room that was taken is worth less than room on the disk.
            // So is more than a segment needs.
            let is_of_use = self.options.lasts()
                && segment.size <= largest
                && (is_large || state.wants_spare && state.spares.is_empty());
            state.next_scratch += 1;
            (segment, state.next_scratch, is_of_use && state.spares.len() < SPARES_MAX)
        };
        let name = name_of(segment.number.into());
        if segment.is_damaged
            && self.disk.rename(&name, &damaged_name(segment.number.into())).is_ok()
        {
            // Somebody may want to look at what is left of what is missing.
            return true;
        }
        // Whoever still reads it must not find something else in it.
        if is_of_use && Arc::strong_count(&segment.file) == 1 {
            let spare = spare_name(number);
            let renamed = self.disk.rename(&name, &spare).and_then(|()| {
                // Or the file might have both names one day, its own and that of the segment to come.
                let is_passed_over = mutants::is_planted(Mutant::SpareNameNotFlushed);
                if self.options.flushes() && !is_passed_over {
                    self.disk.sync_dir()
                } else {
                    Ok(())
                }
            });
            if renamed.is_ok() {
                let spare = Spare { name: spare, file: segment.file, size: segment.size };
                self.state.lock().spares.push(spare);
            }
            return true;
        }
        // A file that stays is recognised as left over when the log is opened.
        let _ = self.disk.remove(&name);
        true
    }
}

/// How large a segment has to be that lists so many others and takes so many bytes of batches.
fn needed(others: usize, least: u64) -> u64 {
    SegmentHeader::end_with(others) + least + RESERVED
}

fn fill(file: &impl DiskFile, size: u64) -> io::Result<()> {
    let piece = usize::try_from(size).unwrap_or(PIECE).min(PIECE);
    let zeros = vec![0; piece];
    let mut at = 0;
    while at < size {
        let len = usize::try_from(size - at).unwrap_or(piece).min(piece);
        file.write_at(zeros.get(..len).unwrap_or_default(), at)?;
        at += len as u64;
    }
    Ok(())
}
