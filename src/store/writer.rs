//! The log's thread: swap, write, flush, announce, again and again.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use mutants::Mutant;

use crate::batch::Batch;
use crate::format::{BATCH_HEADER, BatchHeader, Footer, Places, RESERVED, Seal};
use crate::log::Log;
use crate::prepared::Prepared;
use crate::segments::Evacuation;
use crate::state::{State, offset_in_segment};
use crate::stats::count;
use crate::sync::bump;
use crate::{Disk, DiskFile, Fault, Sync};

/// How long the log is quiet before it writes down that everything is flushed.
const QUIET: Duration = Duration::from_millis(100);
/// How long it waits on a full disk before it tries again.
const FULL_DISK_RETRY: Duration = Duration::from_millis(50);
/// How many contents get their places before others may append.
const INDEXED_AT_ONCE: usize = 2048;
/// An emptied batch keeps memory for no more than twice what a batch should hold.
const KEPT_FACTOR: usize = 2;

/// The segment that is written on.
#[derive(Debug)]
pub(crate) struct Active<F> {
    pub(crate) number: u32,
    pub(crate) name: String,
    pub(crate) file: Arc<F>,
    pub(crate) size: u64,
    pub(crate) used: u64,
    /// The number of the last batch in it.
    pub(crate) last_batch: u64,
    /// The checksum that the next batch is chained to.
    pub(crate) chain: u32,
    pub(crate) places: Places,
    pub(crate) seal: Seal,
}

/// What only the log's thread needs to know.
#[derive(Debug)]
pub(crate) struct Writer<F> {
    pub(crate) active: Option<Active<F>>,
    /// The last batch that is written.
    pub(crate) last_written: u64,
    /// The last batch that is known to be on the disk.
    pub(crate) last_synced: u64,
    /// What the newest header says of that.
    pub(crate) last_mark: u64,
    /// A batch for which there was no room.
    waiting: Option<(Job, Arc<Fault>)>,
    /// The next batch is written even if it is empty: nothing says yet that numbers go on from there.
    pub(crate) must_write: bool,
    is_closed: bool,
}

/// A batch to be written.
#[derive(Debug)]
struct Job {
    batch: Batch,
    number: u64,
    /// The highest sequence by then.
    sequence: u64,
    /// The segments that nothing needs any more.
    dropped: Vec<u32>,
}

/// What a [turn](Log::turn) came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Something was written.
    Wrote,
    /// There was nothing to be written.
    Idle,
    /// There is something to be written, but no room on the disk.
    Full,
    /// The log is closed, and everything is written.
    Closed,
}

impl<F> Writer<F> {
    pub(crate) fn new(active: Option<Active<F>>, last_written: u64) -> Self {
        Self {
            active,
            last_written,
            last_synced: last_written,
            last_mark: last_written,
            waiting: None,
            must_write: false,
            is_closed: false,
        }
    }

    fn is_marked(&self) -> bool {
        self.last_mark == self.last_written
    }
}

impl<D: Disk> Log<D> {
    /// Writes and flushes what is appended, until [`close`](Self::close): what the log's own thread does.
    ///
    /// # Errors
    /// The [`Fault`] that ended the log. What was not flushed by then will never be said to be. Also
    /// [`StorageFull`](std::io::ErrorKind::StorageFull), if the log was closed on a full disk.
    pub fn run(&self) -> Result<(), Arc<Fault>> {
        let mut writer = self.writer.lock();
        let mut is_quiet = false;
        loop {
            match self.step(&mut writer, is_quiet)? {
                Turn::Wrote => is_quiet = false,
                Turn::Idle => is_quiet = self.sleep(&writer),
                Turn::Closed => return Ok(()),
                Turn::Full => {
                    let mut state = self.state.lock();
                    if state.is_closing
                        && let Some((_, fault)) = writer.waiting.take()
                    {
                        drop(state);
                        return Err(self.fail(fault));
                    }
                    self.filled.wait_for(&mut state, FULL_DISK_RETRY);
                }
            }
        }
    }

    /// Writes what was appended so far, in one batch, and flushes it; or does what an idle log has to do. Never waits for
    /// anything but the disk. For who has no thread for [`run`](Self::run).
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn turn(&self) -> Result<Turn, Arc<Fault>> {
        let mut writer = self.writer.lock();
        self.step(&mut writer, true)
    }

    /// Waits until there is something to do; `true`: the log was quiet for a while, and should say that all is flushed.
    fn sleep(&self, writer: &Writer<D::File>) -> bool {
        let mut state = self.state.lock();
        let mut is_quiet = false;
        while state.filling.is_empty() && !state.may_drop && !state.is_closing && !is_quiet {
            state.is_asleep = true;
            if writer.is_marked() || !self.options.flushes() {
                self.filled.wait(&mut state);
            } else {
                is_quiet = self.filled.wait_for(&mut state, QUIET).timed_out();
            }
        }
        state.is_asleep = false;
        is_quiet
    }

    fn step(&self, writer: &mut Writer<D::File>, is_quiet: bool) -> Result<Turn, Arc<Fault>> {
        if let Some(fault) = self.failure() {
            return Err(fault);
        }
        self.try_step(writer, is_quiet).map_err(|fault| self.fail(fault))
    }

    fn try_step(&self, writer: &mut Writer<D::File>, is_quiet: bool) -> Result<Turn, Fault> {
        if writer.is_closed {
            return Ok(Turn::Closed);
        }
        if !self.options.lasts() {
            self.drop_free();
        }
        if let Some((mut job, _)) = writer.waiting.take() {
            let prepared = self.take_back(&mut job);
            return self.write(writer, job, prepared);
        }
        let (job, waiters, is_closing) = self.take_job();
        waiters.into_iter().for_each(Waker::wake);
        if let Some(mut job) = job {
            let is_told = !mutants::is_planted(Mutant::DropNotWritten);
            let dropped = if is_told { &job.dropped[..] } else { &[] };
            let prepared = Prepared::new(&mut job.batch, dropped);
            return self.write(writer, job, prepared);
        }
        if is_closing {
            self.write_stopped(writer)?;
            writer.is_closed = true;
            return Ok(Turn::Closed);
        }
        let may_mark = self.options.flushes() && !mutants::is_planted(Mutant::MarkNotWritten);
        if is_quiet && !writer.is_marked() && may_mark {
            self.write_mark(writer)?;
            return Ok(Turn::Wrote);
        }
        Ok(Turn::Idle)
    }

    /// Drops the segments that nothing needs any more, where no record has to say so.
    fn drop_free(&self) {
        let mut state = self.state.lock();
        while std::mem::take(&mut state.may_drop) {
            let free = state.segments.take_free(self.flushed().0, u64::MAX);
            state.retire(&free);
        }
        let has_retired = !state.retired.is_empty();
        drop(state);
        if has_retired {
            self.moved.notify_all();
        }
    }

    fn take_job(&self) -> (Option<Job>, Vec<Waker>, bool) {
        let mut state = self.state.lock();
        let is_closing = state.is_closing;
        let mut dropped = Vec::new();
        if self.options.lasts() && std::mem::take(&mut state.may_drop) {
            dropped = state.segments.take_free(self.flushed().0, u64::MAX);
        }
        if state.filling.is_empty() && dropped.is_empty() {
            return (None, Vec::new(), is_closing);
        }
        let (batch, number) = state.swap();
        if mutants::is_planted(Mutant::DropNotFlushed) {
            state.retire(&dropped);
        }
        let job = Job { batch, number, sequence: state.sequence, dropped };
        (Some(job), std::mem::take(&mut state.room_waiters), is_closing)
    }

    /// A batch for which there was no room, together with what was appended meanwhile: of that, too, nothing is left that
    /// was released by now.
    fn take_back(&self, job: &mut Job) -> Prepared {
        let mut state = self.state.lock();
        debug_assert_eq!(state.number, job.number + 1, "one batch at a time");
        let State { writing: Some(writing), filling, emptied, waiting_bytes, .. } = &mut *state
        else {
            return Prepared::default();
        };
        let prepared = writing.prepared.take().expect("a batch that waits is prepared");
        // Somebody may be reading it.
        let mut prepared = Arc::unwrap_or_clone(prepared);
        if !filling.is_empty() {
            let next = emptied.take().unwrap_or_else(Batch::new);
            let mut more = std::mem::replace(filling, next);
            prepared.merge(&mut writing.contents, &mut writing.copies, &mut more);
            job.batch.refers_to.append(&mut more.refers_to);
            job.batch.notes.append(&mut more.notes);
            // It takes room until it is written, or it would grow with each time that it is tried.
            *waiting_bytes = prepared.bytes().len();
            job.number = state.number;
            job.sequence = state.sequence;
            state.number += 1;
        }
        prepared
    }

    /// Writes a batch, flushes it, announces it, and gives its contents their places.
    fn write(
        &self,
        writer: &mut Writer<D::File>,
        job: Job,
        mut prepared: Prepared,
    ) -> Result<Turn, Fault> {
        if prepared.is_empty() && !writer.must_write {
            self.announce(job.number);
            if let Some(writing) = &mut self.state.lock().writing {
                writing.prepared = Some(Arc::new(prepared));
            }
            self.finish(job, (0, 0), 0);
            return Ok(Turn::Wrote);
        }
        let whole_len = prepared.whole_len();
        let fits = |active: &Active<D::File>| active.used + whole_len + RESERVED <= active.size;
        let is_full = !writer.active.as_ref().is_some_and(fits);
        if is_full
            && let Err(fault) = self.begin_segment(writer, job.number, job.sequence, whole_len)?
        {
            self.wait_for_room(writer, job, prepared, fault);
            return Ok(Turn::Full);
        }
        let Writer { active: Some(active), last_synced, last_mark, last_written, .. } = writer
        else {
            return Ok(Turn::Idle);
        };
        let mut header = BatchHeader {
            body_len: 0,
            number: job.number,
            flushed: *last_synced,
            sequence: job.sequence,
            body_crc: 0,
            chain: active.chain,
            is_unflushed: self.options.sync != Sync::Flush,
            is_system: false,
        };
        if mutants::is_planted(Mutant::MarkTooHigh) {
            header.flushed = job.number;
        }
        prepared.seal(active.seal);
        let crc = prepared.finish(&mut header, &active.places, active.used);
        let (prepared, at, segment) = (Arc::new(prepared), active.used, active.number);
        if let Some(writing) = &mut self.state.lock().writing {
            writing.prepared = Some(Arc::clone(&prepared));
        }
        self.moved.notify_all();
        if mutants::is_planted(Mutant::AnnouncedBeforeFlush) {
            self.announce(job.number);
        }
        let is_lost = is_full && mutants::is_planted(Mutant::BatchLostOnRotation);
        let bytes: &[u8] = if is_lost { &[] } else { prepared.bytes() };
        if let Err(fault) = self.write_out(active, bytes) {
            if self.options.lasts() {
                return Err(fault);
            }
            // Nothing was there before, so it can be tried again.
            let bytes = prepared.bytes().len();
            drop(prepared);
            self.keep_waiting(writer, job, bytes, fault);
            return Ok(Turn::Full);
        }
        writer.must_write = false;
        active.used += whole_len;
        active.chain = crc;
        active.last_batch = job.number;
        *last_written = job.number;
        *last_mark = header.flushed;
        if self.options.sync == Sync::Flush {
            *last_synced = job.number;
        }
        if !job.dropped.is_empty() {
            // Their files go now.
            self.sync_active(writer)?;
        }
        count(&self.counters.batches, 1);
        count(&self.counters.written_bytes, whole_len);
        self.counters.batch_bytes.add(whole_len);
        // Before anybody is told: a snapshot that is taken because of it has it, too.
        let mut state = self.state.lock();
        let contents = state.writing.as_ref().map_or(0, |writing| writing.contents.len());
        if let Some(found) = state.segments.get_mut(segment) {
            (found.used, found.last_batch, found.chain) = (at + whole_len, job.number, crc);
        }
        drop(state);
        self.counters.batch_contents.add(contents as u64);
        self.announce(job.number);
        let again_bytes = prepared.again_bytes;
        drop(prepared);
        self.finish(job, (segment, at), again_bytes);
        Ok(Turn::Wrote)
    }

    /// Keeps a batch until there is room for it; it can be read meanwhile.
    fn wait_for_room(
        &self,
        writer: &mut Writer<D::File>,
        job: Job,
        prepared: Prepared,
        fault: Fault,
    ) {
        let bytes = prepared.bytes().len();
        let mut state = self.state.lock();
        if let Some(writing) = &mut state.writing {
            writing.prepared = Some(Arc::new(prepared));
        }
        // Their files may be what makes room for it.
        for &number in &job.dropped {
            if let Some(segment) = state.segments.get_mut(number) {
                segment.is_dropped = false;
            }
        }
        drop(state);
        self.keep_waiting(writer, job, bytes, fault);
    }

    /// A batch that takes so many bytes is tried again later.
    fn keep_waiting(&self, writer: &mut Writer<D::File>, job: Job, bytes: usize, fault: Fault) {
        count(&self.counters.full_disk, 1);
        let fault = Arc::new(fault);
        let mut state = self.state.lock();
        (state.waiting_bytes, state.refusal) = (bytes, Some(Arc::clone(&fault)));
        drop(state);
        self.moved.notify_all();
        writer.waiting = Some((job, fault));
    }

    /// Writes bytes behind what is written, and flushes them.
    fn write_out(&self, active: &Active<D::File>, bytes: &[u8]) -> Result<(), Fault> {
        let Active { name, file, used, .. } = active;
        file.write_at(bytes, *used).map_err(Fault::at("write to", name, *used))?;
        let is_passed_over =
            bytes.len() <= 512 && mutants::is_planted(Mutant::SmallBatchNotFlushed);
        if self.options.sync == Sync::Flush && !is_passed_over {
            count(&self.counters.flushes, 1);
            if mutants::is_planted(Mutant::FailedFlushTriedAgain) && file.sync().is_ok() {
                return Ok(());
            }
            file.sync_batch().map_err(Fault::at("flush", name, *used))?;
        }
        Ok(())
    }

    /// Gives the contents of the batch that was written their places, at an offset of a segment.
    fn finish(&self, job: Job, (segment, at): (u32, u64), again_bytes: u64) {
        let Job { mut batch, dropped, .. } = job;
        let mut state = self.state.lock();
        (state.waiting_bytes, state.refusal) = (0, None);
        let copies = state
            .writing
            .as_mut()
            .map(|writing| std::mem::take(&mut writing.copies))
            .unwrap_or_default();
        for (count, copy) in copies.iter().enumerate() {
            let Some(Some(prepared)) = state.writing.as_ref().map(|w| &w.prepared) else { break };
            let offset = offset_in_segment(at, prepared.offset_of(copy.offset));
            state.move_content(copy, (segment, offset));
            if count % INDEXED_AT_ONCE == INDEXED_AT_ONCE - 1 {
                bump(&mut state);
            }
        }
        while state.index_some(segment, at, INDEXED_AT_ONCE) {
            bump(&mut state);
        }
        let Some(writing) = state.writing.take() else { return };
        if writing.is_released && segment > 0 {
            state.filling.refer_to(segment);
        }
        copies.iter().for_each(|copy| state.owners.give_back(copy.owners));
        for (owner, sequence) in batch.notes.drain(..) {
            state.place_note(owner, sequence, segment);
        }
        // Nobody looks at releases where nobody opens the log again.
        if self.options.lasts()
            && let Some(found) = state.segments.get_mut(segment)
        {
            let others = batch.refers_to.drain(..).filter(|&other| other != segment);
            found.tally.refers_to.extend(others);
            found.tally.again_bytes += again_bytes;
        }
        if state.segments.iter().any(|found| matches!(found.evacuation, Evacuation::Done(_))) {
            state.may_drop = true;
        }
        state.retire(&dropped);
        batch.contents = writing.contents;
        if let Some(prepared) = writing.prepared.and_then(Arc::into_inner) {
            prepared.recycle(&mut batch);
        }
        // Those who came while the batch had to wait.
        let has_room = state.has_room(&self.options);
        let waiters = if has_room { std::mem::take(&mut state.room_waiters) } else { Vec::new() };
        drop(state);
        waiters.into_iter().for_each(Waker::wake);
        batch.clear(self.options.buffer_bytes_max.saturating_mul(KEPT_FACTOR));
        self.state.lock().emptied = Some(batch);
        self.moved.notify_all();
    }
}

impl<F> Active<F> {
    /// The bytes of the footer that leads to another segment.
    pub(crate) fn footer(&self, next_segment: u32) -> [u8; Footer::LEN] {
        let footer = Footer { next_segment: next_segment.into(), chain: self.chain };
        footer.encode(self.places.at(self.used))
    }
}

impl<F> State<F> {
    /// Segments whose dropping is on the disk exist no more.
    pub(crate) fn retire(&mut self, dropped: &[u32]) {
        for &number in dropped {
            if let Some(segment) = self.segments.remove(number) {
                self.retired.push(segment);
                // Others may have waited for it.
                self.may_drop = true;
                self.may_tidy = true;
            }
        }
    }
}

const _: () = assert!(BATCH_HEADER <= crate::format::ALIGN);
