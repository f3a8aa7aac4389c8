//! Opening a log: from its files back to what is live, and to a segment that can be written on.

use std::sync::Arc;

use mutants::Mutant;

use crate::format::{
    ALIGN, Places, Seal, SegmentHeader, is_scratch, name_of, reserve_number, scratch_name,
    spare_name, spare_number,
};
use crate::log::Log;
use crate::replay::Replay;
use crate::rotation::SPARES_MAX;
use crate::scan::{Expected, Found, Reader, Scanned, scan_all};
use crate::segments::{Segment, Spare};
use crate::state::State;
use crate::writer::{Active, Writer};
use crate::{Damage, Disk, DiskFile, Fault, OpenError, Options};

/// After a log was not closed, batches are numbered on from so far behind its last one: whatever was announced without
/// being written, because nothing of it was left, does not come again.
const LEAP: u64 = 1 << 32;
/// How much of the tail is copied at once.
const PIECE: usize = 1 << 20;

/// What was found as a log was opened.
#[derive(Debug, Clone, Default)]
pub struct Recovery {
    /// Whether there was no log, and one was made.
    pub is_new: bool,
    /// Whose log it is.
    pub node: u128,
    /// Whether it was closed; otherwise its process was killed, or the power went.
    pub was_closed: bool,
    /// Bytes that are not what was written, or are missing, up to 1,000 times; the rest is served.
    pub damage: Vec<Damage>,
    /// How often there was damage.
    pub damage_count: u64,
    /// What was being written as the log ended, and counts as never written.
    pub cut: Option<Damage>,
    /// The newest note of each owner on each content that it has, in the order in which they were written.
    pub notes: Vec<Note>,
    /// A sequence higher than any that a content has ever had.
    pub next_sequence: u64,
    /// How many contents live.
    pub contents: u64,
    /// How many contents were dropped because none of their owners is known: they were released by then or, if there is
    /// damage, what was to make an owner known is lost.
    pub orphans: u64,
    /// How many batches were read.
    pub batches: u64,
    /// How many bytes of batches were read.
    pub bytes: u64,
}

/// What an owner noted last of a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Who.
    pub owner: u64,
    /// Of which content.
    pub sequence: u64,
    /// What.
    pub note: Box<[u8]>,
}

/// How far a log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// So many bytes.
    pub read: u64,
    /// Of so many.
    pub all: u64,
}

impl<D: Disk> Log<D> {
    /// Opens the log on a disk, or makes one. `progress` is called while it is read.
    ///
    /// Damage does not keep it from being opened: it is reported, and what is whole is served. Contents whose owners are
    /// not known are dropped: an owner is known as long as there is a content whose sequence is the owner's number, and
    /// whose own owner is 0. Owner 0 is known always.
    ///
    /// # Errors
    /// [`OpenError`]; what was found on the disk is still there then.
    pub fn open(
        disk: D,
        options: Options,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Self, Recovery), OpenError> {
        let mut options = options.limited();
        let expected = if options.adopts_node {
            Expected::Any(options.node)
        } else {
            Expected::Node(options.node)
        };
        let mut replay = Replay::new(progress);
        let found = scan_all(&disk, expected, &mut replay)?;
        options.node = found.node.unwrap_or(options.node);
        let mut state = State::new(1, options.segment_bytes_min);
        clear_away(&disk, &options, &found, &mut state)?;
        let was_closed = found.segments.last().is_some_and(|newest| newest.is_closed);
        let mut recovery = Recovery {
            is_new: found.node.is_none(),
            node: options.node,
            was_closed: was_closed || found.node.is_none(),
            bytes: found.segments.iter().map(|segment| segment.used).sum(),
            ..Recovery::default()
        };
        let next = if recovery.was_closed { 1 } else { LEAP };
        state.number = found.last_batch.saturating_add(next);
        state.next_segment = u32::try_from(found.highest_number + 1).unwrap_or(u32::MAX);
        let active = make_writable(&disk, &options, &mut state, found.segments)?;
        replay.finish(&mut state, &mut recovery);
        let is_going_on = active.is_some() && was_closed;
        let mut writer = Writer::new(active, found.last_batch);
        writer.must_write = !recovery.was_closed && options.flushes();
        let log = Self::new(disk, options, state, writer);
        if is_going_on && log.options.flushes() {
            // In the place of the mark that the log was closed, which is no longer true.
            log.write_system(&mut log.writer.lock(), &[])?;
        }
        Ok((log, recovery))
    }
}

/// Removes files that nothing needs, and keeps spares and the reserve.
fn clear_away<D: Disk>(
    disk: &D,
    options: &Options,
    found: &Found<D::File>,
    state: &mut State<D::File>,
) -> Result<(), OpenError> {
    let mut names = disk.list().map_err(Fault::of("list the files of", "the log"))?;
    names.sort_unstable();
    let remove = |name: &str| disk.remove(name).map_err(Fault::of("remove", name));
    for name in &names {
        if let Some(number) = spare_number(name) {
            state.next_scratch = state.next_scratch.max(number.saturating_add(1));
            let file = disk.open(name).map_err(Fault::of("open", name))?;
            let size = file.len().map_err(Fault::of("ask the length of", name))?;
            let is_of_use = size >= options.segment_bytes_min && size <= options.segment_bytes_max;
            if is_of_use && state.spares.len() < SPARES_MAX && *name == spare_name(number) {
                state.spares.push(Spare { name: name.clone(), file: Arc::new(file), size });
            } else {
                drop(file);
                remove(name)?;
            }
        } else if let Some(number) = reserve_number(name) {
            let file = disk.open(name).map_err(Fault::of("open", name))?;
            let size = file.len().map_err(Fault::of("ask the length of", name))?;
            if options.reserve().get(number).is_some_and(|wanted| size >= *wanted) {
                state.reserve.push(Spare { name: name.clone(), file: Arc::new(file), size });
            } else {
                drop(file);
                remove(name)?;
            }
        } else if is_scratch(name) {
            remove(name)?;
        }
    }
    found.left_over.iter().try_for_each(|name| remove(name))?;
    Ok(())
}

/// Takes the segments over, and makes the newest one fit to be written on, or at least to be left behind.
fn make_writable<D: Disk>(
    disk: &D,
    options: &Options,
    state: &mut State<D::File>,
    mut scanned: Vec<Scanned<D::File>>,
) -> Result<Option<Active<D::File>>, OpenError> {
    let mut active = None;
    if let Some(newest) = scanned.last_mut() {
        let is_believed = newest.is_closed || mutants::is_planted(Mutant::NewestSegmentBelieved);
        if !is_believed && options.flushes() {
            state.next_scratch += 1;
            write_anew(disk, newest, state.next_scratch)?;
        }
        let number = newest.number;
        active = Some(Active {
            number,
            name: name_of(number.into()),
            file: Arc::clone(&newest.file),
            // Otherwise there is room for the footer alone.
            size: if newest.is_closed { newest.len } else { newest.used + ALIGN as u64 },
            used: newest.used,
            last_batch: newest.last_batch,
            chain: newest.chain,
            places: Places::new(options.node, number.into()),
            seal: Seal::new(number.into()),
        });
    }
    let newest = scanned.last().map(|newest| newest.number);
    for Scanned { number, file, len, used, last_batch, chain, is_damaged, .. } in scanned {
        let mut segment = Segment::new(number, file, len, used);
        (segment.last_batch, segment.chain) = (last_batch, chain);
        segment.is_damaged = is_damaged;
        segment.is_sealed = Some(number) != newest;
        state.segment_bytes =
            (len.max(options.segment_bytes_min) * 2).min(options.segment_bytes_max);
        state.segments.insert(segment);
    }
    Ok(active)
}

/// Writes the newest segment anew.
///
/// What can be read of it may never have reached the disk, if a flush failed before: the operating system then shows
/// what it could not write, and never tries again. Only what is written and flushed now is known to be there.
fn write_anew<D: Disk>(disk: &D, newest: &mut Scanned<D::File>, scratch: u64) -> Result<(), Fault> {
    let (scratch, name) = (scratch_name(scratch), name_of(newest.number.into()));
    // What is damaged is kept as it is, for who wants to look at it.
    let len = if newest.is_damaged { newest.len } else { newest.used };
    match copy(disk, newest, &scratch, &name, len) {
        Ok(file) => {
            disk.rename(&scratch, &name).map_err(Fault::of("rename", &scratch))?;
            disk.sync_dir().map_err(Fault::of("flush the folder of", &name))?;
            (newest.file, newest.len) = (Arc::new(file), len.max(newest.used + ALIGN as u64));
            Ok(())
        }
        Err(fault) if fault.is_full_disk() => {
            // Written over itself, it is on its way to the disk once more, too.
            // The copy may not even have been begun; what is left of it is removed the next time.
            let _ = disk.remove(&scratch);
            let file = Arc::clone(&newest.file);
            copy_bytes(newest, &name, &*file, &name, len)?;
            file.sync().map_err(Fault::of("flush", &name))
        }
        Err(fault) => Err(fault),
    }
}

fn copy<D: Disk>(
    disk: &D,
    newest: &Scanned<D::File>,
    scratch: &str,
    name: &str,
    len: u64,
) -> Result<D::File, Fault> {
    let file = disk.create(scratch).map_err(Fault::of("make", scratch))?;
    copy_bytes(newest, name, &file, scratch, len)?;
    if !newest.is_damaged
        && let Some(header) = &newest.header
    {
        // It is as short as it can be: there is room for the footer alone.
        let size = newest.used + ALIGN as u64;
        let header = SegmentHeader { size, ..header.clone() };
        let write =
            |bytes: &[u8], at| file.write_at(bytes, at).map_err(Fault::at("write to", scratch, at));
        write(&header.encode(), 0)?;
        write(&[0; ALIGN], newest.used)?;
    }
    file.sync().map_err(Fault::of("flush", scratch))?;
    Ok(file)
}

fn copy_bytes<F: DiskFile>(
    from: &Scanned<F>,
    from_name: &str,
    to: &F,
    to_name: &str,
    len: u64,
) -> Result<(), Fault> {
    let mut reader = Reader::new(&*from.file, from_name, len);
    let mut at = 0;
    while at < len {
        let bytes = reader.bytes(at, PIECE)?;
        if bytes.is_empty() {
            break;
        }
        to.write_at(bytes, at).map_err(Fault::at("write to", to_name, at))?;
        at += bytes.len() as u64;
    }
    Ok(())
}
