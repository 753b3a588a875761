//! What a journal that was found holds, and what can and what cannot be told from it.
//!
//! # What was written, in which order
//! - Frames are numbered without gaps. A frame is submitted only when the one before is durable,
//!   and only the durable ones are acknowledged. Nothing in a segment is written twice.
//! - A number is used for one group: recovery skips the one that a torn frame may bear, and copies
//!   the last frame, with its number, to a place where it is certainly durable.
//! - A segment's header is durable before its first frame is submitted, and so is the last frame of
//!   the segment before.
//! - A slot is used again only when a durable block states a checkpoint at or above every frame
//!   in it. Checkpoints only grow, and one is stated only when it is true.
//!
//! # What follows
//! Let *C* be the highest checkpoint that any sound block or header states, and *N* the last frame
//! such that all from *C* + 1 to *N* are whole. Frames up to *C* are not needed, even if they
//! are damaged.
//! - A block of a frame above *N* + 1, or a header that names a frame above *N* as the one before
//!   it, proves that frame *N* + 1 was durable: it is **damaged**, and opening is refused.
//! - A block of a frame above *N* whose segment's header cannot be read proves that this header
//!   is damaged: a header that was never finished stands in a slot whose blocks are all at or below
//!   *C*. Opening is refused as well.
//! - Otherwise *N* + 1 was the last frame that was submitted, if any was. Where it would stand
//!   there are its own blocks, or what was there before. It is **torn**: its write was cut off,
//!   so it was never acknowledged, and it is left out.
//! - If a block stands there that is neither, the write may have been cut off within the block, or
//!   the block was damaged later. That is **in doubt**, and cannot be told apart: the frame
//!   is left out, and the log says so. It cannot happen to a frame that another one follows;
//!   the journal writes an empty one when it has been idle for some milliseconds, and when it is closed.
//! - A frame that is absent without a trace, and all behind it, is as if it had never been
//!   written: only a disk that loses what it acknowledged, or an old copy of the directory, looks
//!   like this.

use std::collections::BTreeMap;

use super::error::JournalError;
use super::scan::{BlockContent, FramePart, SlotScan};
use super::segment::SegmentHeader;
use crate::embedded::disk::Slot;

/// Where a frame stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FramePlace {
    pub(super) slot: Slot,
    pub(super) block: u32,
    pub(super) blocks: u32,
}

/// How the journal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JournalEnd {
    /// With a whole frame.
    Whole,
    /// With a frame whose write was cut off.
    Torn {
        /// Where it begins.
        slot: Slot,
        /// Where it begins.
        block: u32,
    },
    /// With a frame whose write was cut off, or which was damaged.
    Doubtful {
        /// Where it begins.
        slot: Slot,
        /// Where it begins.
        block: u32,
    },
}

/// What a journal holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    /// The frames that have to be replayed, in their order. The first follows the checkpoint.
    pub(super) frames: Vec<FramePlace>,
    /// The last whole frame, or the checkpoint.
    pub(super) last: u64,
    /// Whether something that was written after the last frame proves that it was durable. Without
    /// that, the kernel may show what never reached the disk.
    pub(super) proven: bool,
    pub(super) checkpoint: u64,
    /// The header of the latest segment.
    pub(super) header: SegmentHeader,
    /// The slot of the latest segment.
    pub(super) slot: Slot,
    pub(super) end: JournalEnd,
}

/// Judges what was found.
pub(super) fn judge(scans: &[SlotScan]) -> Result<Judgement, JournalError> {
    let Some((latest, header)) = latest(scans) else {
        return Err(JournalError::Damaged("none of its segments has a header".to_owned()));
    };
    // Slots are numbered without gaps, and a header counts them.
    let highest = scans.iter().map(|scan| scan.slot).max().unwrap_or(0);
    let missing =
        (0..header.slots.max(highest)).find(|slot| scans.iter().all(|scan| scan.slot != *slot));
    if let Some(slot) = missing {
        return Err(JournalError::Damaged(format!("{slot}.segment is missing")));
    }
    let checkpoint = checkpoint(scans);
    let starts = starts(scans, checkpoint);
    let (mut frames, mut last) = (Vec::new(), checkpoint);
    while let Some(places) = starts.get(&(last + 1)) {
        let Some((place, _)) = places.iter().find(|(place, scan)| is_whole(scan, *place, last + 1))
        else {
            break;
        };
        frames.push(*place);
        last += 1;
    }
    let tail = Tail::find(latest, last);
    refuse_damage(scans, last, tail)?;
    Ok(Judgement {
        frames,
        last,
        proven: is_proven(scans, last),
        checkpoint,
        header,
        slot: latest.slot,
        end: tail.end(last),
    })
}

/// Returns the slot of the segment that was begun last.
fn latest(scans: &[SlotScan]) -> Option<(&SlotScan, SegmentHeader)> {
    let with_header = scans.iter().filter_map(|scan| Some((scan, scan.header?)));
    with_header.max_by_key(|(_, header)| header.segment)
}

fn checkpoint(scans: &[SlotScan]) -> u64 {
    let headers = scans.iter().filter_map(|scan| scan.header).map(|header| header.checkpoint);
    let parts = scans.iter().flat_map(|scan| &scan.blocks).filter_map(|seen| match seen {
        BlockContent::Own(part) | BlockContent::Older(part) => Some(part.checkpoint),
        BlockContent::Zeroes | BlockContent::Foreign => None,
    });
    headers.chain(parts).max().unwrap_or(0)
}

/// Returns where the frames after `checkpoint` begin, as far as their first blocks are sound.
///
/// Recovery copies a last frame that is not proven, so a frame can be there twice.
fn starts(scans: &[SlotScan], checkpoint: u64) -> BTreeMap<u64, Vec<(FramePlace, &SlotScan)>> {
    let mut starts = BTreeMap::<_, Vec<_>>::new();
    for scan in scans {
        for (block, part) in own(scan) {
            if part.part == 0 && part.number > checkpoint {
                let place = FramePlace { slot: scan.slot, block, blocks: part.blocks };
                starts.entry(part.number).or_default().push((place, scan));
            }
        }
    }
    starts
}

/// Returns the blocks of frames of a slot's segment, and their places.
fn own(scan: &SlotScan) -> impl Iterator<Item = (u32, FramePart)> {
    let places = (0..).zip(&scan.blocks).skip(1);
    places.filter_map(|(place, seen)| match seen {
        BlockContent::Own(part) => Some((place, *part)),
        _ => None,
    })
}

/// Tells whether all blocks of a frame are there.
fn is_whole(scan: &SlotScan, place: FramePlace, number: u64) -> bool {
    let first = place.block as usize;
    let Some(blocks) = scan.blocks.get(first..first + place.blocks as usize) else { return false };
    let mut parts = (0..).zip(blocks);
    place.blocks > 0
        && parts.all(|(at, seen)| {
            matches!(seen, BlockContent::Own(part) if part.number == number && part.part == at)
        })
}

/// Tells whether anything was written after the frame `last`.
fn is_proven(scans: &[SlotScan], last: u64) -> bool {
    scans.iter().any(|scan| {
        scan.header.is_some_and(|header| header.previous >= last)
            || own(scan).any(|(_, part)| part.number > last)
    })
}

/// Where the next frame would stand.
#[derive(Clone, Copy)]
struct Tail<'a> {
    scan: &'a SlotScan,
    block: u32,
}

impl<'a> Tail<'a> {
    /// Finds the end of the frame `last` in the segment that was begun last, or of its header.
    fn find(latest: &'a SlotScan, last: u64) -> Self {
        let block =
            own(latest).filter(|(_, part)| part.number <= last).map(|(place, _)| place).last();
        Self { scan: latest, block: block.unwrap_or(0) + 1 }
    }

    fn end(self, last: u64) -> JournalEnd {
        let Self { scan, block } = self;
        let slot = scan.slot;
        let torn: Vec<_> = own(scan).filter(|(_, part)| part.number == last + 1).collect();
        // How far the torn frame reached, as far as that can be told.
        let announced =
            torn.iter().find(|(place, _)| *place == block).map_or(1, |(_, part)| part.blocks);
        let seen = torn.last().map_or(block, |(place, _)| *place) + 1;
        let until = seen.max(block.saturating_add(announced)).min(blocks_of(scan));
        let foreign =
            (block..until).any(|place| scan.blocks[place as usize] == BlockContent::Foreign);
        match (foreign, torn.is_empty()) {
            (true, _) => JournalEnd::Doubtful { slot, block },
            (false, false) => JournalEnd::Torn { slot, block },
            (false, true) => JournalEnd::Whole,
        }
    }
}

fn blocks_of(scan: &SlotScan) -> u32 {
    u32::try_from(scan.blocks.len()).expect("the slot's size was checked")
}

/// Refuses a journal that proves that the frame after `last` was durable.
fn refuse_damage(scans: &[SlotScan], last: u64, tail: Tail<'_>) -> Result<(), JournalError> {
    let damaged = |proof: &str| {
        let block = tail.block.min(blocks_of(tail.scan) - 1);
        let what = format!(
            "the group of writes number {} was acknowledged, as {proof} proves, and cannot be read",
            last + 1
        );
        Err(JournalError::at(tail.scan.slot, block, &what))
    };
    for scan in scans {
        if scan.header.is_some_and(|header| header.previous > last) {
            return damaged(&format!("the header of {}.segment", scan.slot));
        }
        for (place, seen) in (0..).zip(&scan.blocks).skip(1) {
            match seen {
                BlockContent::Own(part) if part.number > last + 1 => {
                    return damaged(&format!("block {place} of {}.segment", scan.slot));
                }
                BlockContent::Older(part) if part.number > last => {
                    return Err(JournalError::at(
                        scan.slot,
                        0,
                        "the header of a segment that is needed cannot be read",
                    ));
                }
                _ => {}
            }
        }
    }
    Ok(())
}
