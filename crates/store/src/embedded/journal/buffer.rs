//! Memory that `O_DIRECT` accepts.

use super::block::BLOCK_BYTES;

/// Whole blocks that begin at an address which is a multiple of their size.
#[derive(Debug)]
pub(super) struct BlockBuffer {
    /// The blocks, after up to one block of padding. Never grows in place, which could move it.
    memory: Vec<u8>,
    start: usize,
}

impl BlockBuffer {
    /// Makes room for `blocks` blocks of zeroes.
    pub(super) fn new(blocks: usize) -> Self {
        let memory = vec![0; (blocks + 1) * BLOCK_BYTES];
        let start = memory.as_ptr().align_offset(BLOCK_BYTES);
        debug_assert!(start < BLOCK_BYTES, "the padding is enough");
        Self { memory, start }
    }

    /// Returns how many blocks there is room for.
    pub(super) fn blocks(&self) -> usize {
        self.memory.len() / BLOCK_BYTES - 1
    }

    /// Makes room for at least `blocks` blocks. The first `used` bytes are kept.
    pub(super) fn grow(&mut self, blocks: usize, used: usize) {
        if blocks > self.blocks() {
            let mut larger = Self::new(blocks.max(self.blocks() * 2));
            larger.bytes_mut()[..used].copy_from_slice(&self.bytes()[..used]);
            *self = larger;
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.memory[self.start..][..self.blocks() * BLOCK_BYTES]
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        let len = self.blocks() * BLOCK_BYTES;
        &mut self.memory[self.start..][..len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_aligned_and_keeps_its_bytes_when_it_grows() {
        let mut buffer = BlockBuffer::new(1);
        buffer.bytes_mut().fill(7);
        for blocks in [1, 2, 3, 50] {
            buffer.grow(blocks, BLOCK_BYTES);
            assert!(buffer.blocks() >= blocks);
            assert_eq!(buffer.bytes().as_ptr().align_offset(BLOCK_BYTES), 0);
            assert!(buffer.bytes()[..BLOCK_BYTES].iter().all(|byte| *byte == 7));
        }
    }
}
