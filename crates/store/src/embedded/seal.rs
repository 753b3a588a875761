//! Checksums of a closed store, so that damage to it cannot pass for a crash.
//!
//! fjall cuts a journal off at the first byte that makes no sense: after a crash that is a write
//! which never was acknowledged. But a bit that flips on disk looks the same, and what follows it
//! would be gone without a word. So a store that is closed in good order leaves the checksums of
//! its journals and of the files that say which others count; they are verified before fjall sees
//! them, and removed before anything changes. Only a store that was not closed has no seal.
//!
//! Table files are left out, but for their size: they are large, and fjall verifies every block
//! that it reads from them.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use super::directory::{replace_file, sync_parent};
use crate::error::{Error, ErrorKind};

const SEAL_FILE: &str = "shelf.seal";
const ENGINE: &str = "engine";
/// The folders of table files.
const TABLES: &str = "tables";

/// Seals the files of a closed store.
pub(super) fn set(directory: &Path) -> io::Result<()> {
    let seal = describe(directory)?;
    replace_file(&directory.join(SEAL_FILE), seal.as_bytes())
}

/// Verifies the seal of a store that is about to be opened, and removes it. Returns whether there
/// was one; without, the store was not closed in good order.
pub(super) fn verify_and_break(directory: &Path) -> Result<bool, Error> {
    let path = directory.join(SEAL_FILE);
    let unreadable = |error| {
        Error::with_source(ErrorKind::Unavailable, "the closed store could not be verified", error)
    };
    let expected = match fs::read(&path) {
        Ok(expected) => expected,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(unreadable(error)),
    };
    // The whole folder can be missing.
    let found = match describe(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        found => found.map_err(unreadable)?,
    };
    if found.as_bytes() != expected {
        let expected = String::from_utf8_lossy(&expected);
        let line = expected.lines().find(|line| !found.lines().any(|other| other == *line));
        let file = line.and_then(|line| line.split(' ').next()).unwrap_or(ENGINE);
        let message = format!(
            "{file} is not as it was when the store was closed; restore the store from a backup"
        );
        return Err(Error::new(ErrorKind::Corrupt, message));
    }
    fs::remove_file(&path).and_then(|()| sync_parent(&path)).map_err(unreadable)?;
    Ok(true)
}

/// Returns one line for each file, in the order of their paths: path, size, checksum.
fn describe(directory: &Path) -> io::Result<String> {
    let mut lines = Vec::new();
    describe_folder(directory, Path::new(ENGINE), &mut lines)?;
    lines.sort_unstable();
    Ok(lines.concat())
}

fn describe_folder(directory: &Path, folder: &Path, lines: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(directory.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            describe_folder(directory, &path, lines)?;
            continue;
        }
        let mut line = format!("{} {}", path.display(), entry.metadata()?.len());
        if !folder.ends_with(TABLES) {
            // Writing to a string cannot fail.
            let _ = write!(line, " {}", checksum(&entry.path())?);
        }
        line.push('\n');
        lines.push(line);
    }
    Ok(())
}

fn checksum(path: &Path) -> io::Result<blake3::Hash> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize()),
            len => hasher.update(&buffer[..len]),
        };
    }
}
