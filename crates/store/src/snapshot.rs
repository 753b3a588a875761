//! Snapshots, as the back ends give them.

use std::mem;

use domain::SnapshotEntry;
use futures_util::stream::BoxStream;

use crate::error::Error;

/// A chunk of a snapshot ends at this many items: what a chunk costs by itself, a round trip or a
/// change of threads, is then little beside its items.
pub const SNAPSHOT_CHUNK_ITEMS_MAX: usize = 1_024;

/// A chunk of a snapshot ends at the item with which it reaches this many bytes of ids and
/// representations: a few chunks for each of many readers at a time are not much memory, and more
/// bytes than this make the transfer no faster.
pub const SNAPSHOT_CHUNK_BYTES_MAX: usize = 256 << 10;

/// Some items of a collection as they were at one moment, in ascending byte order of their ids. No
/// chunk is empty.
pub type Snapshot = BoxStream<'static, Result<Vec<SnapshotEntry>, Error>>;

/// Collects a chunk.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    entries: Vec<SnapshotEntry>,
    bytes: usize,
}

impl Chunk {
    /// Tells whether nothing may be added.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= SNAPSHOT_CHUNK_ITEMS_MAX || self.bytes >= SNAPSHOT_CHUNK_BYTES_MAX
    }

    pub(crate) fn push(&mut self, entry: SnapshotEntry) {
        self.bytes += entry.id.as_str().len() + entry.item.representation().len();
        self.entries.push(entry);
    }

    /// Takes what was collected.
    pub(crate) fn take(&mut self) -> Vec<SnapshotEntry> {
        self.bytes = 0;
        mem::take(&mut self.entries)
    }
}
