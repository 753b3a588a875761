//! The thread that writes memtables out, and moves the checkpoint.

use std::sync::atomic::Ordering;
use std::time::Duration;

use lsm_tree::AbstractTree as _;

use super::Engine;
use super::backlog::SealedMemtables;
use super::error::{guarded, write_failed};
use crate::error::{Error, ErrorKind};

/// Room beside the memtables' own size: filters, indexes, manifests.
const FLUSH_EXTRA_BYTES: u64 = 8 << 20;

/// How often the flush looks whether there is room again.
const ROOM_POLL: Duration = Duration::from_millis(200);

impl Engine {
    /// Writes out what is sealed, until the store is closed.
    pub(in crate::embedded) fn run_flushes(&self) {
        while let Some(sealed) = self.backlog.wait_for_sealed() {
            match guarded(|| self.flush(sealed)) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Full => {
                    if !self.backlog.wait_for_room(ROOM_POLL) {
                        break;
                    }
                }
                Err(error) => {
                    self.fail("what is in memory could not be written out", error);
                    break;
                }
            }
        }
    }

    /// Writes out all memtables that are sealed.
    ///
    /// A flush that fails for lack of room leaves a file behind that takes more of it, so none is
    /// begun where there is not enough.
    fn flush(&self, sealed: SealedMemtables) -> Result<(), Error> {
        let _files = self.files.lock();
        self.flush_with_files(sealed)
    }

    /// Writes out all memtables that are sealed, for a caller that holds the files.
    pub(super) fn flush_with_files(&self, sealed: SealedMemtables) -> Result<(), Error> {
        let needed = sealed.bytes + FLUSH_EXTRA_BYTES;
        if self.disk.free_bytes().is_ok_and(|free| free < needed) {
            return Err(Error::new(ErrorKind::Full, "the disk has no room for what is in memory"));
        }
        for tree in &self.trees {
            let lock = tree.get_flush_lock();
            tree.flush(&lock, self.snapshots.oldest()).map_err(write_failed)?;
        }
        self.checkpoint.fetch_max(sealed.frame, Ordering::AcqRel);
        self.refresh();
        self.backlog.flushed(sealed.frame);
        Ok(())
    }

    /// Has everything in memory written out and ends the background threads' work. They can be
    /// joined then.
    pub(in crate::embedded) fn close(&self) {
        self.seal();
        self.backlog.close();
    }
}
