//! The journal: what makes a group of writes durable before it is answered.
//!
//! ```text
//! slot          a file of fixed size, zero-filled when it was created, used again and again
//! └ segment     one life of a slot, with a random salt: a header and frames
//!   └ frame     one group of writes; whole blocks
//!     └ block   4,096 bytes that say where they belong
//! ```
//!
//! - A frame is written by one call that returns when it is durable, to blocks that were never
//!   written in this life of the slot; the next one follows only then. A failed write is never
//!   repeated: the journal takes no more, and the process has to start again.
//! - [`judge`] says what of a journal that is found can be trusted, and why.
//! - Recovery trusts no page cache: the last frame, if nothing proves that it is on the disk, is
//!   written once more; what is replayed is in the trees' files, durably, before a new segment is
//!   begun, and nothing is served before that. What an earlier process could not write and the
//!   kernel still shows is then either durable or gone.

mod block;
mod buffer;
mod error;
mod frame;
mod judge;
mod scan;
mod segment;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use uuid::Uuid;

pub(super) use self::block::BLOCK_BYTES;
use self::block::Stamp;
use self::buffer::BlockBuffer;
pub(super) use self::error::JournalError;
pub(super) use self::frame::Frame;
use self::frame::{NewFrameHead, ReadFrame};
use self::judge::{FramePlace, JournalEnd, Judgement, judge};
use self::scan::{BlockContent, SlotScan, scan};
use self::segment::SegmentHeader;
use super::disk::{Disk, Slot};
use crate::error::Error;

/// How large slots are, in blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotSizes {
    /// The first slots, and the unit of all.
    pub(super) min: u32,
    /// The largest, unless one group needs more.
    pub(super) max: u32,
}

impl Default for SlotSizes {
    /// - A store with little in it takes two slots of 1 MiB.
    /// - A new slot is filled with zeroes while writes wait: 16 MiB take a disk of 500 MB/s 32 ms, a
    ///   few times in the life of a store.
    fn default() -> Self {
        let mib = (1 << 20) / BLOCK_BYTES as u32;
        Self { min: mib, max: 16 * mib }
    }
}

/// Takes what a journal holds.
pub(super) trait Replay {
    /// Takes the next group of writes. Some of them may have been taken in an earlier life.
    fn group(&mut self, sequence: u64, payload: &[u8]) -> Result<(), Error>;

    /// Makes everything that was taken durable, without the journal.
    fn settle(&mut self) -> Result<(), Error>;
}

/// A journal that is open for writing.
pub(super) struct Journal {
    disk: Arc<dyn Disk>,
    sizes: SlotSizes,
    slots: BTreeMap<Slot, SlotState>,
    /// The slot of the segment that is being written.
    slot: Slot,
    /// What the segment's header says.
    header: SegmentHeader,
    /// The block that is written next.
    next: u32,
    /// The last frame.
    last: u64,
    /// Its chain value.
    chain: u64,
    /// The highest checkpoint that a durable block states.
    checkpoint: u64,
    /// Whether a write failed.
    failed: bool,
}

#[derive(Clone, Copy, Debug)]
struct SlotState {
    blocks: u32,
    /// The last frame that has a block in it.
    last: u64,
}

/// Why a frame was not written.
#[derive(Debug)]
pub(super) enum AppendError {
    /// There was no room for another segment. Nothing was submitted; the journal goes on when there
    /// is room, or a higher checkpoint.
    NoRoom(io::Error),
    /// It is unknown what of the frame is on the disk. The journal takes no more.
    Failed(io::Error),
}

impl Journal {
    /// Creates a journal in a folder that has none. Everything up to the frame `last` is in the trees'
    /// files.
    pub(super) fn create(
        disk: Arc<dyn Disk>,
        sizes: SlotSizes,
        last: u64,
    ) -> Result<Self, JournalError> {
        let mut this = Self::new(disk, sizes, BTreeMap::new(), SegmentHeader::default());
        this.last = last;
        this.begin_segment(1, last).map_err(JournalError::unwritable)?;
        Ok(this)
    }

    /// Opens the journal: replays what is not in the trees' files yet, makes it durable there, and
    /// begins a new segment.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        sizes: SlotSizes,
        replay: &mut dyn Replay,
    ) -> Result<Self, JournalError> {
        let scans = scan(&*disk)?;
        let judgement = judge(&scans)?;
        tell(&judgement);
        let slots = scans.iter().map(|scan| (scan.slot, state(scan, &judgement))).collect();
        drop(scans);
        let mut this = Self::new(disk, sizes, slots, judgement.header);
        this.checkpoint = judgement.checkpoint;
        if let (false, Some(place)) = (judgement.proven, judgement.frames.last()) {
            this.copy(*place, judgement.last)?;
        }
        this.replay(&judgement.frames, replay)?;
        replay.settle().map_err(JournalError::Replay)?;
        // The number of a frame that was left out is never used again.
        (this.last, this.chain) = (judgement.last + 1, 0);
        this.begin_segment(1, this.last).map_err(JournalError::unwritable)?;
        for state in this.slots.values_mut() {
            state.last = state.last.min(this.last);
        }
        Ok(this)
    }

    /// A journal without a segment to write to, after the one that has the header `header`.
    fn new(
        disk: Arc<dyn Disk>,
        sizes: SlotSizes,
        slots: BTreeMap<Slot, SlotState>,
        header: SegmentHeader,
    ) -> Self {
        let header = SegmentHeader { blocks: 0, ..header };
        Self {
            disk,
            sizes,
            slots,
            slot: Slot::MAX,
            header,
            next: 0,
            last: 0,
            chain: 0,
            checkpoint: 0,
            failed: false,
        }
    }

    /// Writes the last frame once more, to a new segment. If the kernel only shows it, it could be
    /// gone after the next power cut, and one of the trees have written it out.
    fn copy(&mut self, place: FramePlace, number: u64) -> Result<(), JournalError> {
        let ReadFrame { head, payload } = self.read(place)?;
        if payload.is_empty() {
            return Ok(());
        }
        (self.last, self.chain) = (number - 1, head.before);
        let mut frame = Frame::default();
        frame.push(&payload);
        let copied = self.append(&mut frame, head.sequence, self.checkpoint);
        copied.map(drop).map_err(|error| match error {
            AppendError::NoRoom(error) | AppendError::Failed(error) => {
                JournalError::unwritable(error)
            }
        })
    }

    fn replay(&self, frames: &[FramePlace], replay: &mut dyn Replay) -> Result<(), JournalError> {
        let mut chain = None;
        for place in frames {
            let frame = self.read(*place)?;
            if chain.is_some_and(|chain| chain != frame.head.before) {
                return Err(unfit(*place));
            }
            chain = Some(frame.chain());
            replay.group(frame.head.sequence, &frame.payload).map_err(JournalError::Replay)?;
        }
        Ok(())
    }

    fn read(&self, place: FramePlace) -> Result<ReadFrame, JournalError> {
        let mut bytes = vec![0; place.blocks as usize * BLOCK_BYTES];
        self.disk.read(place.slot, place.block, &mut bytes).map_err(JournalError::unreadable)?;
        ReadFrame::new(&bytes).ok_or_else(|| unfit(place))
    }

    /// Makes a group of writes durable. Returns the number of its frame.
    ///
    /// `checkpoint` is the last frame of which every effect is durable in the trees' files.
    pub(super) fn append(
        &mut self,
        frame: &mut Frame,
        sequence: u64,
        checkpoint: u64,
    ) -> Result<u64, AppendError> {
        if self.failed {
            let error = io::Error::other("an earlier write to the journal failed");
            return Err(AppendError::Failed(error));
        }
        debug_assert!(checkpoint <= self.last, "what is not written cannot be in the trees");
        let blocks = frame.blocks();
        if self.header.blocks - self.next < blocks {
            self.begin_segment(blocks, checkpoint).map_err(|error| {
                if is_full(&error) && !self.failed {
                    return AppendError::NoRoom(error);
                }
                self.failed = true;
                AppendError::Failed(error)
            })?;
        }
        debug_assert!(self.next + blocks <= self.header.blocks, "a frame ends within its segment");
        let number = self.last + 1;
        let stamp = Stamp { salt: self.header.salt, number, place: self.next, part: 0 };
        let chain =
            frame.complete(stamp, NewFrameHead { sequence, before: self.chain, checkpoint });
        if let Err(error) = self.disk.write(self.slot, self.next, frame.bytes()) {
            self.failed = true;
            return Err(AppendError::Failed(error));
        }
        self.next += blocks;
        (self.last, self.chain) = (number, chain);
        self.checkpoint = self.checkpoint.max(checkpoint);
        if let Some(state) = self.slots.get_mut(&self.slot) {
            state.last = number;
        }
        Ok(number)
    }

    /// Begins a segment that holds a frame of `blocks` blocks.
    ///
    /// Frames go only to slots that a durable header in another slot counts: should the file be
    /// lost, it is missed.
    fn begin_segment(&mut self, blocks: u32, checkpoint: u64) -> io::Result<()> {
        let mut slot = self.free_slot(blocks + 1);
        if slot.is_none_or(|slot| slot >= self.header.slots) {
            if slot.is_none() {
                self.create_slot(blocks + 1)?;
            }
            if let Some(counted) = self.free_slot(1).filter(|slot| *slot < self.header.slots) {
                self.write_header(counted, checkpoint)?;
            }
            slot = self.free_slot(blocks + 1);
        }
        let slot = slot.expect("it was created if there was none");
        let is_free =
            |(other, state): (&Slot, &SlotState)| *other != slot && self.is_free(*other, state);
        if !self.slots.iter().any(is_free) {
            match self.create_slot(0) {
                Err(error) if is_full(&error) => {}
                created => created?,
            }
        }
        self.write_header(slot, checkpoint)
    }

    fn write_header(&mut self, slot: Slot, checkpoint: u64) -> io::Result<()> {
        debug_assert!(self.is_free(slot, &self.slots[&slot]), "a slot that is needed is kept");
        let header = SegmentHeader {
            salt: salt(),
            segment: self.header.segment + 1,
            previous: self.last,
            chain: self.chain,
            checkpoint: checkpoint.max(self.checkpoint),
            blocks: self.slots[&slot].blocks,
            slots: u32::try_from(self.slots.len()).expect("slots are numbered by u32"),
        };
        let mut block = BlockBuffer::new(1);
        header.write(block.bytes_mut());
        if let Err(error) = self.disk.write(slot, 0, block.bytes()) {
            self.failed = true;
            return Err(error);
        }
        (self.slot, self.header, self.next) = (slot, header, 1);
        self.checkpoint = header.checkpoint;
        Ok(())
    }

    /// Returns a slot of `blocks` blocks or more that nothing needs: the one that has not been used
    /// for longest.
    fn free_slot(&self, blocks: u32) -> Option<Slot> {
        let slots = self.slots.iter();
        let free =
            slots.filter(|(slot, state)| state.blocks >= blocks && self.is_free(**slot, state));
        free.min_by_key(|(_, state)| state.last).map(|(slot, _)| *slot)
    }

    fn is_free(&self, slot: Slot, state: &SlotState) -> bool {
        slot != self.slot && state.last <= self.checkpoint
    }

    /// Creates a slot of `blocks` blocks or more.
    fn create_slot(&mut self, blocks: u32) -> io::Result<()> {
        let all: u32 = self.slots.values().map(|state| state.blocks).sum();
        let usual = all.next_power_of_two().clamp(self.sizes.min, self.sizes.max);
        let slot = Slot::try_from(self.slots.len()).expect("slots are numbered by u32");
        let blocks = usual.max(blocks.next_multiple_of(self.sizes.min));
        self.disk.create(slot, blocks)?;
        self.slots.insert(slot, SlotState { blocks, last: 0 });
        Ok(())
    }

    /// Returns the highest checkpoint that a durable block states.
    pub(super) fn checkpoint(&self) -> u64 {
        self.checkpoint
    }

    /// Returns the number of the last frame.
    pub(super) fn last(&self) -> u64 {
        self.last
    }
}

/// Tells the log how the journal ended.
fn tell(judgement: &Judgement) {
    match judgement.end {
        JournalEnd::Whole => {}
        JournalEnd::Torn { slot, block } => tracing::warn!(
            segment = slot,
            block,
            "the last group of writes was cut off by a crash; it was never acknowledged"
        ),
        JournalEnd::Doubtful { slot, block } => tracing::warn!(
            segment = slot,
            block,
            "the last group of writes is not readable and is left out: a crash cut it off before it was \
             acknowledged, or the disk damaged it within milliseconds before the crash"
        ),
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Draws a salt: random bits of the operating system.
fn salt() -> u64 {
    // The version and the variant of a UUID are fixed, and at different places of its halves.
    let (high, low) = Uuid::new_v4().as_u64_pair();
    high ^ low
}

fn unfit(place: FramePlace) -> JournalError {
    JournalError::at(place.slot, place.block, "a group of writes does not fit its checksums")
}

/// Returns what is known of a slot that was found. Until the new segment is begun, what judging the
/// journal once more would look at is kept: all frames after the checkpoint, and the latest header.
fn state(scan: &SlotScan, judgement: &Judgement) -> SlotState {
    let numbers = scan.blocks.iter().filter_map(|seen| match seen {
        BlockContent::Own(part) | BlockContent::Older(part) => Some(part.number),
        BlockContent::Zeroes | BlockContent::Foreign => None,
    });
    let last = numbers.max().unwrap_or(0);
    let is_needed = last > judgement.checkpoint || scan.slot == judgement.slot;
    let blocks = u32::try_from(scan.blocks.len()).expect("the slot's size was checked");
    SlotState { blocks, last: if is_needed { u64::MAX } else { 0 } }
}
