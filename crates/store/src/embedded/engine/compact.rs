//! The thread that merges table files, and gives room back.

use std::sync::Arc;
use std::time::Duration;

use lsm_tree::compaction::Leveled;
use lsm_tree::{AbstractTree as _, AnyTree};

use super::Engine;
use super::error::{guarded, write_failed};
use crate::embedded::space::FREE_BYTES_MIN;
use crate::error::{Error, ErrorKind};

/// How often the thread looks whether room should be given back, when nothing else wakes it.
const LOOK: Duration = Duration::from_secs(1);

/// Largest file that a merge writes before it begins another.
const TABLE_BYTES_MAX: u64 = 64 << 20;

/// Below this a tree is not merged for the room alone.
const RECLAIMED_BYTES_MIN: u64 = 4 << 20;

/// What a tree holds.
#[derive(Clone, Copy, Debug)]
struct TreeSize {
    entries: u64,
    removals: u64,
    bytes: u64,
}

impl TreeSize {
    fn of(tree: &AnyTree) -> Self {
        let (mut entries, mut removals) = (0, 0);
        for table in tree.current_version().iter_tables() {
            entries += table.metadata.item_count;
            removals += table.tombstone_count();
        }
        Self { entries, removals, bytes: tree.disk_space() }
    }

    /// Tells whether a third of all entries are removals: then half of the others, at least, are
    /// what was removed.
    fn is_mostly_removed(self) -> bool {
        self.removals * 3 >= self.entries && self.bytes >= RECLAIMED_BYTES_MIN
    }

    /// Estimates the size after a merge of everything: each removal goes, and one entry with it.
    fn bytes_after(self) -> u64 {
        let left = self.entries.saturating_sub(2 * self.removals) as f64;
        let values = self.entries.saturating_sub(self.removals).max(1) as f64;
        (self.bytes as f64 * left / values) as u64
    }
}

impl Engine {
    /// Merges files, until the store is closed. Calls `between` about every second, when none are
    /// being merged.
    pub(in crate::embedded) fn run_merges(&self, mut between: impl FnMut(&Self)) {
        while self.backlog.wait_for_files(LOOK) {
            between(self);
            match guarded(|| self.merge_all()) {
                Ok(()) => self.backlog.set_merges_lack_room(false),
                // The next look tells whether there is room.
                Err(error) if error.kind() == ErrorKind::Full => {
                    self.backlog.set_merges_lack_room(true);
                }
                Err(error) => {
                    self.fail("files could not be merged", error);
                    break;
                }
            }
        }
    }

    fn merge_all(&self) -> Result<(), Error> {
        for tree in &self.trees {
            self.merge(tree)?;
        }
        self.reclaim()
    }

    /// Merges files of a tree until none is to be merged.
    fn merge(&self, tree: &AnyTree) -> Result<(), Error> {
        loop {
            let before = tree.current_version().id();
            tree.compact(Arc::new(Leveled::default()), self.snapshots.oldest())
                .map_err(write_failed)?;
            self.files_changed();
            if tree.current_version().id() == before {
                return Ok(());
            }
        }
    }

    /// Gives the room of removed items back where that is most of what a tree takes, and wherever
    /// it can be done when the disk is nearly full.
    fn reclaim(&self) -> Result<(), Error> {
        let Ok(free) = self.disk.free_bytes() else { return Ok(()) };
        let is_low = free < FREE_BYTES_MIN + RECLAIMED_BYTES_MIN;
        if is_low && self.written.lock().removals > 0 {
            // Removals that are still in memory remove nothing.
            self.seal();
        }
        for tree in &self.trees {
            let contents = TreeSize::of(tree);
            let saved = contents.bytes.saturating_sub(contents.bytes_after());
            let is_worth_it = contents.is_mostly_removed()
                || is_low && contents.removals > 0 && saved >= RECLAIMED_BYTES_MIN;
            if is_worth_it && contents.bytes_after() + RECLAIMED_BYTES_MIN < free {
                tracing::info!(bytes = saved, "merging all files gives room back");
                tree.major_compact(TABLE_BYTES_MAX, self.snapshots.oldest())
                    .map_err(write_failed)?;
                self.files_changed();
            }
        }
        Ok(())
    }

    fn files_changed(&self) {
        self.refresh();
        let runs = self.trees.iter().map(|tree| tree.l0_run_count()).max();
        self.backlog.set_runs(runs.unwrap_or(0));
    }
}
