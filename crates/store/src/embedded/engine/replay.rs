//! Bringing the journal's groups back into the trees.

use std::fs::File;
use std::io;
use std::path::Path;

use lsm_tree::AbstractTree as _;

use super::entry::Entry;
use super::error::write_failed;
use super::{Engine, MEMTABLE_BYTES};
use crate::embedded::journal::Replay;
use crate::error::{Error, ErrorKind};

/// Takes what the journal holds, before the store is served.
pub(in crate::embedded) struct Recovery<'a> {
    engine: &'a Engine,
    memtable_bytes: u64,
    groups: u64,
}

impl<'a> Recovery<'a> {
    pub(in crate::embedded) fn new(engine: &'a Engine) -> Self {
        Self { engine, memtable_bytes: 0, groups: 0 }
    }

    /// Writes all trees out. No reader and no writer is there yet, so they need not be written out together.
    fn write_out(&mut self) -> Result<(), Error> {
        for tree in &self.engine.trees {
            let lock = tree.get_flush_lock();
            tree.rotate_memtable();
            tree.flush(&lock, self.engine.snapshots.oldest()).map_err(write_failed)?;
        }
        self.memtable_bytes = 0;
        Ok(())
    }
}

impl Replay for Recovery<'_> {
    fn group(&mut self, sequence: u64, mut payload: &[u8]) -> Result<(), Error> {
        self.engine.numbers.fetch_max(sequence + 1);
        self.groups += u64::from(!payload.is_empty());
        let memtables = self.engine.memtables();
        while !payload.is_empty() {
            let (entry, rest) = Entry::take(payload)?;
            self.memtable_bytes += self.engine.insert(entry, &memtables, sequence);
            payload = rest;
        }
        if self.memtable_bytes >= MEMTABLE_BYTES {
            self.write_out()?;
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Error> {
        if self.groups > 0 {
            tracing::info!(
                groups = self.groups,
                "the writes since the last checkpoint were recovered"
            );
        }
        self.write_out()?;
        // An earlier process may have failed to sync a directory whose changes the kernel shows.
        for tree in &self.engine.trees {
            let path = &tree.tree_config().path;
            sync_folders(path).map_err(|error| {
                let message = format!("{} could not be synced", path.display());
                Error::with_source(ErrorKind::Unavailable, message, error)
            })?;
        }
        Ok(())
    }
}

fn sync_folders(path: &Path) -> io::Result<()> {
    File::open(path.join("tables"))?.sync_all()?;
    File::open(path)?.sync_all()
}
