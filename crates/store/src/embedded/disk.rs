//! The operations on the disk, behind a trait, so that tests can fail them.
//!
//! Only the journal and the question for room go through here. Table files are written by
//! `lsm-tree` itself.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::directory::sync_parent;
use super::journal::BLOCK_BYTES;

/// Names one file of the journal.
pub(super) type Slot = u32;

/// The disk under a store.
pub(super) trait Disk: Send + Sync {
    /// Returns the slots that exist and how many bytes each has.
    fn slots(&self) -> io::Result<BTreeMap<Slot, u64>>;

    /// Creates a slot of `blocks` blocks that read as zeroes. When this returns, the slot and its
    /// size survive a power cut; when it fails, or the power is cut before, there is no such slot.
    fn create(&self, slot: Slot, blocks: u32) -> io::Result<()>;

    /// Fills `bytes` from the block `at` on.
    fn read(&self, slot: Slot, at: u32, bytes: &mut [u8]) -> io::Result<()>;

    /// Writes whole blocks from the block `at` on. When this returns, they survive a power cut;
    /// when it fails, each may be there or not, in part or whole.
    ///
    /// `bytes` begins at an address that is a multiple of [`BLOCK_BYTES`].
    fn write(&self, slot: Slot, at: u32, bytes: &[u8]) -> io::Result<()>;

    /// Returns how many bytes can still be written.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// The disk that holds a directory.
#[derive(Debug)]
pub(super) struct RealDisk {
    /// Where the slots are.
    folder: PathBuf,
    files: Mutex<BTreeMap<Slot, File>>,
}

/// Ends the name of a slot's file.
const EXTENSION: &str = "segment";

/// Zeroes are written to a new slot in pieces of this size.
const ZEROES: &[u8] = &[0; 256 << 10];

impl RealDisk {
    /// Uses the folder `folder`, which exists.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, files: Mutex::default() }
    }

    fn path(&self, slot: Slot) -> PathBuf {
        self.folder.join(format!("{slot}.{EXTENSION}"))
    }

    fn with_file<T>(
        &self,
        slot: Slot,
        call: impl FnOnce(&mut File) -> io::Result<T>,
    ) -> io::Result<T> {
        match self.files.lock().entry(slot) {
            Entry::Occupied(file) => call(file.into_mut()),
            Entry::Vacant(place) => call(place.insert(open(&self.path(slot), true)?)),
        }
    }
}

impl Disk for RealDisk {
    fn slots(&self) -> io::Result<BTreeMap<Slot, u64>> {
        let mut slots = BTreeMap::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(EXTENSION));
            if let Some(slot) = number.and_then(|name| name.strip_suffix('.')?.parse().ok()) {
                slots.insert(slot, entry.metadata()?.len());
            }
        }
        Ok(slots)
    }

    /// The file gets its name when its size is durable, so a file that is too short was cut.
    fn create(&self, slot: Slot, blocks: u32) -> io::Result<()> {
        let path = self.path(slot);
        let new = path.with_extension("new");
        let write = || {
            let mut file = File::create(&new)?;
            let mut left = blocks as usize * BLOCK_BYTES;
            while left > 0 {
                let piece = left.min(ZEROES.len());
                file.write_all(&ZEROES[..piece])?;
                left -= piece;
            }
            file.sync_all()?;
            fs::rename(&new, &path)?;
            sync_parent(&path)
        };
        write().inspect_err(|_| {
            // The room it takes is needed, and what was the matter is told by the error.
            let _ = fs::remove_file(&new);
        })
    }

    /// Reads past the handle that writes: direct reads would need an aligned buffer.
    fn read(&self, slot: Slot, at: u32, bytes: &mut [u8]) -> io::Result<()> {
        let mut file = File::open(self.path(slot))?;
        file.seek(SeekFrom::Start(u64::from(at) * BLOCK_BYTES as u64))?;
        file.read_exact(bytes)
    }

    fn write(&self, slot: Slot, at: u32, bytes: &[u8]) -> io::Result<()> {
        let at = u64::from(at) * BLOCK_BYTES as u64;
        self.with_file(slot, |file| {
            let written = match file.write_at(bytes, at) {
                // Direct writing is refused here, and nothing was written.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    *file = open(&self.path(slot), false)?;
                    file.write_at(bytes, at)?
                }
                written => written?,
            };
            if written < bytes.len() {
                return Err(io::ErrorKind::WriteZero.into());
            }
            sync_data(file)
        })
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let volume = rustix::fs::statvfs(&self.folder)?;
        Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
    }
}

/// Opens a slot for writing. A write returns when it is durable (`O_DSYNC`), and goes past the
/// page cache (`O_DIRECT`) where that is possible: the kernel then needs no second command to
/// flush the disk's own cache.
#[cfg(target_os = "linux")]
fn open(path: &Path, direct: bool) -> io::Result<File> {
    use rustix::fs::OFlags;
    let open = |flags: OFlags| {
        let flags = i32::try_from(flags.bits()).expect("flags of open(2) fit");
        File::options().write(true).custom_flags(flags).open(path)
    };
    match direct.then(|| open(OFlags::DSYNC | OFlags::DIRECT)) {
        Some(Err(error)) if error.kind() == io::ErrorKind::InvalidInput => open(OFlags::DSYNC),
        Some(file) => file,
        None => open(OFlags::DSYNC),
    }
}

#[cfg(target_os = "linux")]
fn sync_data(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn open(path: &Path, _direct: bool) -> io::Result<File> {
    File::options().write(true).open(path)
}

#[cfg(not(target_os = "linux"))]
fn sync_data(file: &File) -> io::Result<()> {
    file.sync_data()
}
