//! A segment: one life of a slot, from its header on.
//!
//! The header is the slot's first block, stamped with the number of the frame before. Its content:
//!
//! ```text
//! magic       16 bytes
//! segment     u64   number of the segment: one more than the one before
//! previous    u64   number of the last frame before the segment
//! chain       u64   the chain value of that frame
//! checkpoint  u64   the last frame of which every effect is in the trees' files
//! blocks      u32   size of the slot, header included
//! slots       u32   how many slots there were, this one included
//! ```

use super::block::{BLOCK_BYTES, STAMP_BYTES, Stamp, StampCheck, check_stamp, u32_at, u64_at};

const MAGIC: &[u8; 16] = b"shelf journal 3\n";

/// A segment's header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// Drawn at random for each segment.
    pub(super) salt: u64,
    pub(super) segment: u64,
    pub(super) previous: u64,
    pub(super) chain: u64,
    pub(super) checkpoint: u64,
    pub(super) blocks: u32,
    pub(super) slots: u32,
}

impl SegmentHeader {
    /// Writes the header into a block of zeroes.
    pub(super) fn write(&self, block: &mut [u8]) {
        let content = &mut block[STAMP_BYTES..];
        content[..16].copy_from_slice(MAGIC);
        content[16..24].copy_from_slice(&self.segment.to_le_bytes());
        content[24..32].copy_from_slice(&self.previous.to_le_bytes());
        content[32..40].copy_from_slice(&self.chain.to_le_bytes());
        content[40..48].copy_from_slice(&self.checkpoint.to_le_bytes());
        content[48..52].copy_from_slice(&self.blocks.to_le_bytes());
        content[52..56].copy_from_slice(&self.slots.to_le_bytes());
        Stamp { salt: self.salt, number: self.previous, place: 0, part: 0 }.set(block);
    }

    /// Reads the header from a slot's first block. `None` when there is none that is whole.
    pub(super) fn read(block: &[u8]) -> Option<Self> {
        debug_assert_eq!(block.len(), BLOCK_BYTES);
        let StampCheck::Valid(stamp) = check_stamp(block, 0) else { return None };
        let content = block[STAMP_BYTES..].strip_prefix(MAGIC)?;
        Some(Self {
            salt: stamp.salt,
            segment: u64_at(content, 0),
            previous: u64_at(content, 8),
            chain: u64_at(content, 16),
            checkpoint: u64_at(content, 24),
            blocks: u32_at(content, 32),
            slots: u32_at(content, 36),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_and_no_bit_of_it_can_flip() {
        let header = SegmentHeader {
            salt: 1,
            segment: 2,
            previous: 3,
            chain: 4,
            checkpoint: 5,
            blocks: 6,
            slots: 7,
        };
        let mut block = vec![0; BLOCK_BYTES];
        header.write(&mut block);
        assert_eq!(SegmentHeader::read(&block), Some(header));
        for bit in 0..BLOCK_BYTES * 8 {
            block[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::read(&block), None, "bit {bit}");
            block[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
