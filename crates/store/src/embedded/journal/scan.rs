//! Looking at every block of every slot.

use super::block::{BLOCK_BYTES, StampCheck, check_stamp};
use super::error::JournalError;
use super::frame::FrameHead;
use super::segment::SegmentHeader;
use crate::embedded::disk::{Disk, Slot};

/// Blocks that are read at a time.
const PIECE_BLOCKS: u32 = 256;

/// What stands in a slot.
#[derive(Debug)]
pub(super) struct SlotScan {
    pub(super) slot: Slot,
    /// The header of its segment, unless that cannot be read.
    pub(super) header: Option<SegmentHeader>,
    /// What stands in its blocks, the header's included.
    pub(super) blocks: Vec<BlockContent>,
}

/// What stands in one block of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockContent {
    /// Nothing was ever written here.
    Zeroes,
    /// A part of a frame of this segment.
    Own(FramePart),
    /// A part of a frame of another segment, which had the slot before.
    Older(FramePart),
    /// Neither.
    Foreign,
}

/// A part of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FramePart {
    /// The frame's number.
    pub(super) number: u64,
    /// 0 for the frame's first block.
    pub(super) part: u32,
    /// The frame's length in blocks, where this is its first block.
    pub(super) blocks: u32,
    /// The checkpoint that the frame states, where this is its first block.
    pub(super) checkpoint: u64,
}

/// Looks at all slots.
pub(super) fn scan(disk: &dyn Disk) -> Result<Vec<SlotScan>, JournalError> {
    let slots = disk.slots().map_err(JournalError::unreadable)?;
    slots.into_iter().map(|(slot, bytes)| scan_slot(disk, slot, bytes)).collect()
}

fn scan_slot(disk: &dyn Disk, slot: Slot, bytes: u64) -> Result<SlotScan, JournalError> {
    let whole = bytes.is_multiple_of(BLOCK_BYTES as u64);
    let blocks = match u32::try_from(bytes / BLOCK_BYTES as u64) {
        Ok(blocks) if whole && blocks >= 2 => blocks,
        _ => return Err(JournalError::length(slot, bytes)),
    };
    let mut piece = vec![0; PIECE_BLOCKS.min(blocks) as usize * BLOCK_BYTES];
    let mut this = SlotScan { slot, header: None, blocks: Vec::with_capacity(blocks as usize) };
    for at in (0..blocks).step_by(PIECE_BLOCKS as usize) {
        let count = PIECE_BLOCKS.min(blocks - at);
        let piece = &mut piece[..count as usize * BLOCK_BYTES];
        disk.read(slot, at, piece).map_err(JournalError::unreadable)?;
        if at == 0 {
            this.header = SegmentHeader::read(&piece[..BLOCK_BYTES]);
            if this.header.is_some_and(|header| header.blocks != blocks) {
                return Err(JournalError::length(slot, bytes));
            }
        }
        let salt = this.header.map(|header| header.salt);
        this.blocks.extend(
            (at..)
                .zip(piece.chunks_exact(BLOCK_BYTES))
                .map(|(place, block)| see(block, place, salt)),
        );
    }
    Ok(this)
}

fn see(block: &[u8], place: u32, salt: Option<u64>) -> BlockContent {
    let stamp = match check_stamp(block, place) {
        StampCheck::Zeroes => return BlockContent::Zeroes,
        StampCheck::Invalid => return BlockContent::Foreign,
        StampCheck::Valid(stamp) => stamp,
    };
    let first = (stamp.part == 0 && place > 0).then(|| FrameHead::read(block));
    let part = FramePart {
        number: stamp.number,
        part: stamp.part,
        blocks: first.map_or(0, |head| head.blocks),
        checkpoint: first.map_or(0, |head| head.checkpoint),
    };
    if salt == Some(stamp.salt) { BlockContent::Own(part) } else { BlockContent::Older(part) }
}
