//! A batch as it will be written: without what was withdrawn, and with a checksum on every record.

use crate::batch::{Batch, Buffer, Contents, Copied};
use crate::format::{
    self, ALIGN, BATCH_HEADER, BatchHeader, Places, Seal, length_u32, outline, push_dropped,
    push_releases,
};
use crate::owners::OwnerSet;

/// The bytes of a batch, its header left out until they have a place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Prepared {
    bytes: Buffer,
    /// Where the records end, and only zeros follow.
    end: usize,
    /// What releases take in it that were written again.
    pub(crate) again_bytes: u64,
    /// How far records moved to the front: from which offset on, and by how much. Ascending.
    shifts: Vec<(u32, u32)>,
}

impl Prepared {
    /// Takes the records out of a batch that is not filled any more; what else is in it is still needed.
    pub(crate) fn new(batch: &mut Batch, dropped: &[u32]) -> Self {
        let bytes = std::mem::take(&mut batch.records);
        let mut prepared = Self { end: bytes.len(), bytes, again_bytes: 0, shifts: Vec::new() };
        let has_withdrawn = batch.has_withdrawn;
        prepared.complete(batch, has_withdrawn, dropped);
        prepared
    }

    /// A batch of the log's own, of these records.
    pub(crate) fn of_system(records: &[u8]) -> Self {
        let mut bytes = Buffer::default();
        bytes.extend(BATCH_HEADER);
        bytes.extend(records.len()).copy_from_slice(records);
        Self { end: bytes.len(), bytes, ..Self::default() }
    }

    /// Appends another batch to one for which there was no room, so that both are written as one: only so may be left
    /// out of the first what was released in the second.
    pub(crate) fn merge(
        &mut self,
        contents: &mut Contents,
        copies: &mut Vec<Copied>,
        more: &mut Batch,
    ) {
        for position in 0..contents.len() {
            let Some(content) = contents.get_mut(position) else { break };
            let is_written = content.owners != OwnerSet::NONE;
            content.offset = self.offset_of(content.offset);
            let record = self.bytes.get_mut(content.offset as usize, content.len as usize);
            // If it was taken out before, something else is there.
            let found = outline(record).and_then(|found| found.content);
            if !is_written && found == Some(content.sequence) {
                format::withdraw(record);
            }
        }
        for copy in &mut *copies {
            copy.offset = self.offset_of(copy.offset);
        }
        self.shifts.clear();
        self.bytes.truncate(self.end);
        let records = more.records.get(BATCH_HEADER, more.records.len() - BATCH_HEADER);
        self.bytes.extend(records.len()).copy_from_slice(records);
        let moved = length_u32(self.end - BATCH_HEADER);
        contents.append(&mut more.contents, moved);
        let later = more.copies.drain(..);
        copies.extend(later.map(|copy| Copied { offset: copy.offset + moved, ..copy }));
        self.end = self.bytes.len();
        self.complete(more, true, &[]);
    }

    /// Takes out what was withdrawn, and appends what stands behind everything else.
    fn complete(&mut self, batch: &mut Batch, has_withdrawn: bool, dropped: &[u32]) {
        let Batch { releases, releases_again, .. } = batch;
        if has_withdrawn {
            let mut withdrawn = self.take_out_withdrawn();
            withdrawn.sort_unstable();
            // What is not there need not be released.
            releases.retain(|released| {
                released.first != released.last || withdrawn.binary_search(&released.first).is_err()
            });
        }
        let mut tail = Vec::new();
        push_releases(&mut tail, releases, false);
        let before = tail.len();
        push_releases(&mut tail, releases_again, true);
        self.again_bytes += (tail.len() - before) as u64;
        dropped.iter().for_each(|&segment| push_dropped(&mut tail, segment.into()));
        self.bytes.extend(tail.len()).copy_from_slice(&tail);
        self.end = self.bytes.len();
    }

    /// The sequences of what was taken out.
    fn take_out_withdrawn(&mut self) -> Vec<u64> {
        let mut withdrawn: Vec<u64> = Vec::new();
        let (mut read, mut write) = (BATCH_HEADER, BATCH_HEADER);
        let end = self.end;
        // What is kept is moved in runs.
        let mut run = read;
        while let Some(found) = outline(self.bytes.get(read, end - read)) {
            let is_gone = found.withdrawn.is_some()
                // Sequences ascend but for rare exceptions, whose notes are of no use and do no harm.
                || found.noted.is_some_and(|noted| withdrawn.binary_search(&noted).is_ok());
            if is_gone {
                withdrawn.extend(found.withdrawn);
                self.bytes.move_down(run, write, read - run);
                write += read - run;
                run = read + found.len;
                self.shifts.push((length_u32(run), length_u32(run - write)));
            }
            read += found.len;
        }
        self.bytes.move_down(run, write, end - run);
        self.end = write + end - run;
        self.bytes.truncate(self.end);
        withdrawn
    }

    /// Where a record lies that began at `offset` before any was taken out.
    pub(crate) fn offset_of(&self, offset: u32) -> u32 {
        let behind = self.shifts.partition_point(|(from, _)| *from <= offset);
        let shift = behind.checked_sub(1).and_then(|last| self.shifts.get(last));
        offset - shift.map_or(0, |(_, shift)| *shift)
    }

    /// Whether there is anything to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.end == BATCH_HEADER
    }

    /// What it takes in a segment.
    pub(crate) fn whole_len(&self) -> u64 {
        self.end.next_multiple_of(ALIGN) as u64
    }

    pub(crate) fn body_len(&self) -> u32 {
        length_u32(self.end - BATCH_HEADER)
    }

    /// A record that lies in it.
    pub(crate) fn record(&self, offset: u32, len: u32) -> &[u8] {
        self.bytes.get(offset as usize, len as usize)
    }

    /// Gives every record its checksum.
    pub(crate) fn seal(&mut self, seal: Seal) {
        let (mut at, end) = (BATCH_HEADER, self.end);
        while let Some(found) = outline(self.bytes.get(at, end - at)) {
            seal.put(self.bytes.get_mut(at, found.len));
            at += found.len;
        }
        assert_eq!(at, end, "a batch is made of records");
    }

    /// Puts the header in front of sealed records, for a place; and gives what is to be written, with its checksum.
    pub(crate) fn finish(&mut self, header: &mut BatchHeader, places: &Places, at: u64) -> u32 {
        header.body_len = self.body_len();
        header.body_crc = crc32fast::hash(self.bytes.get(BATCH_HEADER, self.end - BATCH_HEADER));
        let (head, crc) = header.encode(places.at(at));
        format::put(self.bytes.get_mut(0, BATCH_HEADER), 0, &head);
        self.bytes.truncate(self.end);
        self.bytes.extend(self.end.next_multiple_of(ALIGN) - self.end).fill(0);
        crc
    }

    /// What is to be written once it is finished.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// Gives the memory back to a batch.
    pub(crate) fn recycle(self, batch: &mut Batch) {
        batch.records = self.bytes;
    }
}
