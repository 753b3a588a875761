//! A frame: what one group of writes leaves in the journal. Whole blocks.
//!
//! The first block's content begins with the frame's head, and the payload fills the rest of it and
//! the blocks that follow:
//!
//! ```text
//! payload     u32   length of the payload, in bytes
//! blocks      u32   length of the frame, in blocks
//! sequence    u64   the sequence number that the trees give to the group
//! before      u64   the chain value of the frame before
//! checkpoint  u64   the last frame of which every effect is in the trees' files
//! chain       u64   a checksum of the head, the payload in the first block and the checksums of
//!                   all other blocks, seeded with the chain value before
//! ```

use xxhash_rust::xxh3::Xxh3;

use super::block::{BLOCK_BYTES, CONTENT_BYTES, STAMP_BYTES, Stamp, checksum, u32_at, u64_at};
use super::buffer::BlockBuffer;

/// Size of a frame's head.
const HEAD_BYTES: usize = 40;

/// Where the payload begins in a frame's first block.
const PAYLOAD_AT: usize = STAMP_BYTES + HEAD_BYTES;

/// What a frame's head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub(super) payload_bytes: u32,
    pub(super) blocks: u32,
    pub(super) sequence: u64,
    pub(super) before: u64,
    pub(super) checkpoint: u64,
    chain: u64,
}

impl FrameHead {
    /// Reads the head from a frame's first block, whose stamp was verified.
    pub(super) fn read(block: &[u8]) -> Self {
        Self {
            payload_bytes: u32_at(block, STAMP_BYTES),
            blocks: u32_at(block, STAMP_BYTES + 4),
            sequence: u64_at(block, STAMP_BYTES + 8),
            before: u64_at(block, STAMP_BYTES + 16),
            checkpoint: u64_at(block, STAMP_BYTES + 24),
            chain: u64_at(block, STAMP_BYTES + 32),
        }
    }

    fn write(&self, block: &mut [u8]) {
        block[STAMP_BYTES..][..4].copy_from_slice(&self.payload_bytes.to_le_bytes());
        block[STAMP_BYTES + 4..][..4].copy_from_slice(&self.blocks.to_le_bytes());
        block[STAMP_BYTES + 8..][..8].copy_from_slice(&self.sequence.to_le_bytes());
        block[STAMP_BYTES + 16..][..8].copy_from_slice(&self.before.to_le_bytes());
        block[STAMP_BYTES + 24..][..8].copy_from_slice(&self.checkpoint.to_le_bytes());
        block[STAMP_BYTES + 32..][..8].copy_from_slice(&self.chain.to_le_bytes());
    }
}

/// Computes the chain value of a frame whose blocks after the first have their stamps.
fn chain(frame: &[u8], before: u64) -> u64 {
    let (first, rest) = frame.split_at(BLOCK_BYTES);
    let mut hash = Xxh3::with_seed(before);
    hash.update(&first[STAMP_BYTES..STAMP_BYTES + HEAD_BYTES - 8]);
    hash.update(&first[PAYLOAD_AT..]);
    for block in rest.chunks_exact(BLOCK_BYTES) {
        hash.update(&checksum(block).to_le_bytes());
    }
    hash.digest()
}

/// A frame that is being put together. Its memory is used again for the next one.
#[derive(Debug)]
pub(in crate::embedded) struct Frame {
    buffer: BlockBuffer,
    /// Where the next byte of the payload goes.
    end: usize,
    payload_bytes: usize,
}

/// A buffer that one large group needed is given back when it is larger than this: a group is
/// usually below 4 MiB.
const KEPT_BLOCKS_MAX: usize = (4 << 20) / BLOCK_BYTES;

impl Default for Frame {
    fn default() -> Self {
        Self { buffer: BlockBuffer::new(16), end: PAYLOAD_AT, payload_bytes: 0 }
    }
}

impl Frame {
    /// Begins anew.
    pub(in crate::embedded) fn clear(&mut self) {
        if self.buffer.blocks() > KEPT_BLOCKS_MAX {
            *self = Self::default();
        }
        (self.end, self.payload_bytes) = (PAYLOAD_AT, 0);
    }

    /// Appends to the payload, which has to stay below 4 GiB.
    pub(in crate::embedded) fn push(&mut self, mut bytes: &[u8]) {
        self.payload_bytes += bytes.len();
        while !bytes.is_empty() {
            if self.end.is_multiple_of(BLOCK_BYTES) {
                self.buffer.grow(self.end / BLOCK_BYTES + 1, self.end);
                self.end += STAMP_BYTES;
            }
            let room = BLOCK_BYTES - self.end % BLOCK_BYTES;
            let (piece, rest) = bytes.split_at(room.min(bytes.len()));
            self.buffer.bytes_mut()[self.end..][..piece.len()].copy_from_slice(piece);
            self.end += piece.len();
            bytes = rest;
        }
    }

    /// Returns how many bytes of the journal the frame takes.
    pub(in crate::embedded) fn journal_bytes(&self) -> u64 {
        u64::from(self.blocks()) * BLOCK_BYTES as u64
    }

    /// Returns the length in blocks.
    pub(super) fn blocks(&self) -> u32 {
        u32::try_from(self.end.div_ceil(BLOCK_BYTES)).expect("a frame is below 16 TiB")
    }

    /// Completes the frame for its place in the journal. Returns its chain value.
    pub(super) fn complete(&mut self, stamp: Stamp, head: NewFrameHead) -> u64 {
        let blocks = self.blocks();
        let bytes = &mut self.buffer.bytes_mut()[..blocks as usize * BLOCK_BYTES];
        bytes[self.end..].fill(0);
        let NewFrameHead { sequence, before, checkpoint } = head;
        let payload_bytes = u32::try_from(self.payload_bytes).expect("a payload is below 4 GiB");
        let mut head = FrameHead { payload_bytes, blocks, sequence, before, checkpoint, chain: 0 };
        for (part, block) in (0..).zip(bytes.chunks_exact_mut(BLOCK_BYTES)).skip(1) {
            Stamp { place: stamp.place + part, part, ..stamp }.set(block);
        }
        head.write(bytes);
        head.chain = chain(bytes, before);
        head.write(bytes);
        stamp.set(&mut bytes[..BLOCK_BYTES]);
        head.chain
    }

    /// Returns the blocks of a frame that was completed.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer.bytes()[..self.blocks() as usize * BLOCK_BYTES]
    }
}

/// What a frame's head says and the frame does not know itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewFrameHead {
    pub(super) sequence: u64,
    pub(super) before: u64,
    pub(super) checkpoint: u64,
}

/// A frame that was read back.
#[derive(Debug)]
pub(super) struct ReadFrame {
    pub(super) head: FrameHead,
    pub(super) payload: Vec<u8>,
}

impl ReadFrame {
    /// Takes a frame out of its blocks, whose stamps were verified. `None` when they do not belong
    /// together.
    pub(super) fn new(blocks: &[u8]) -> Option<Self> {
        let head = FrameHead::read(blocks);
        let payload_bytes = head.payload_bytes as usize;
        let capacity = blocks.len() / BLOCK_BYTES * CONTENT_BYTES - HEAD_BYTES;
        if chain(blocks, head.before) != head.chain || payload_bytes > capacity {
            return None;
        }
        let mut payload = Vec::with_capacity(capacity);
        payload.extend_from_slice(&blocks[PAYLOAD_AT..BLOCK_BYTES]);
        for block in blocks.chunks_exact(BLOCK_BYTES).skip(1) {
            payload.extend_from_slice(&block[STAMP_BYTES..]);
        }
        payload.truncate(payload_bytes);
        Some(Self { head, payload })
    }

    /// Returns the frame's chain value.
    pub(super) fn chain(&self) -> u64 {
        self.head.chain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_of_any_length_comes_back() {
        let mut frame = Frame::default();
        let first = BLOCK_BYTES - PAYLOAD_AT;
        for len in [0, 1, first - 1, first, first + 1, first + CONTENT_BYTES, 100_000] {
            frame.clear();
            let payload: Vec<u8> = (0..len).map(|n| (n * 7 % 251) as u8).collect();
            for piece in payload.chunks(999) {
                frame.push(piece);
            }
            let stamp = Stamp { salt: 5, number: 9, place: 3, part: 0 };
            let head = NewFrameHead { sequence: 11, before: 13, checkpoint: 4 };
            let chain = frame.complete(stamp, head);
            let read = ReadFrame::new(frame.bytes()).expect("it is whole");
            assert_eq!(read.payload, payload);
            assert_eq!((read.chain(), read.head.blocks), (chain, frame.blocks()));
            assert_eq!((read.head.sequence, read.head.checkpoint), (11, 4));
        }
    }
}
