//! What the writer asks of the disk, so that a test can answer in its place.

use std::io;
use std::path::PathBuf;

use super::tree::Tree;

/// The disk under a store.
pub(super) trait Disk: Send {
    /// Makes everything that was committed to `tree` durable.
    fn sync(&mut self, tree: &Tree) -> fjall::Result<()>;

    /// Returns how many bytes can still be written.
    fn free_bytes(&mut self) -> io::Result<u64>;
}

/// The disk that holds a directory.
#[derive(Debug)]
pub(super) struct RealDisk {
    pub(super) directory: PathBuf,
}

impl Disk for RealDisk {
    fn sync(&mut self, tree: &Tree) -> fjall::Result<()> {
        tree.sync()
    }

    fn free_bytes(&mut self) -> io::Result<u64> {
        let volume = rustix::fs::statvfs(&self.directory)?;
        Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
    }
}
