//! A block: 4,096 bytes that say of themselves where they belong.
//!
//! ```text
//! checksum  u64   of all that follows, seeded with the salt and the place
//! salt      u64   of the segment's life in which the block was written
//! number    u64   of the frame that the block is part of
//! place     u32   of the block in its segment, in blocks
//! part      u32   of the frame: 0 for its first block, 1 for the next ..
//! content         4,064 bytes
//! ```
//!
//! Numbers are little-endian. What clients send stands in the content only, and they do not know
//! the salt: neither their bytes nor what an earlier life of the segment left can pass for a block.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Size of a block: what disks and file systems write whole or nearly so, and what `O_DIRECT` asks
/// for.
pub(in crate::embedded) const BLOCK_BYTES: usize = 4_096;

/// Size of the stamp before a block's content.
pub(super) const STAMP_BYTES: usize = 32;

/// Size of a block's content.
pub(super) const CONTENT_BYTES: usize = BLOCK_BYTES - STAMP_BYTES;

/// What a block says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) salt: u64,
    pub(super) number: u64,
    pub(super) place: u32,
    pub(super) part: u32,
}

/// Whether a block was written to the place where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StampCheck {
    /// Nothing was ever written here.
    Zeroes,
    /// A block that was written to this place.
    Valid(Stamp),
    /// Anything else: a block that is damaged, or was written in part.
    Invalid,
}

impl Stamp {
    /// Completes a block whose content is in place.
    pub(super) fn set(&self, block: &mut [u8]) {
        block[8..16].copy_from_slice(&self.salt.to_le_bytes());
        block[16..24].copy_from_slice(&self.number.to_le_bytes());
        block[24..28].copy_from_slice(&self.place.to_le_bytes());
        block[28..32].copy_from_slice(&self.part.to_le_bytes());
        let checksum = self.checksum(block);
        block[..8].copy_from_slice(&checksum.to_le_bytes());
    }

    fn checksum(&self, block: &[u8]) -> u64 {
        let seed = self.salt ^ u64::from(self.place).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        xxh3_64_with_seed(&block[8..], seed)
    }
}

/// Checks the block at `place` of a segment.
pub(super) fn check_stamp(block: &[u8], place: u32) -> StampCheck {
    let stamp = Stamp {
        salt: u64_at(block, 8),
        number: u64_at(block, 16),
        place: u32_at(block, 24),
        part: u32_at(block, 28),
    };
    if stamp.place == place && checksum(block) == stamp.checksum(block) {
        StampCheck::Valid(stamp)
    } else if block.iter().all(|byte| *byte == 0) {
        StampCheck::Zeroes
    } else {
        StampCheck::Invalid
    }
}

/// Returns the checksum that a block bears.
pub(super) fn checksum(block: &[u8]) -> u64 {
    u64_at(block, 0)
}

/// Reads a number. The block is long enough.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// Reads a number. The block is long enough.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}
