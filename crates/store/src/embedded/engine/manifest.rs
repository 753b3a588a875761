//! The checksum of a tree's manifest, which `lsm-tree` writes and does not verify.
//!
//! `current` names the manifest: its number (u64), its checksum (u128, XXH3) and the kind of the
//! checksum (u8, 0), little-endian. The manifest `v<number>` lists the table files; each of their
//! blocks has a checksum that is verified when it is read.

use std::fs;
use std::io;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

use crate::error::{Error, ErrorKind};

/// Verifies the manifest of the tree in `path`.
pub(super) fn verify(path: &Path) -> Result<(), Error> {
    read(path).map(drop)
}

/// Returns the names and the contents of `current` and of the manifest that it names.
pub(super) fn read(path: &Path) -> Result<[(String, Vec<u8>); 2], Error> {
    let current = read_file(&path.join(CURRENT))?;
    let damaged = |file: &str| {
        let file = path.join(file);
        let message = format!("{} is damaged; restore the store from a backup", file.display());
        Error::new(ErrorKind::Corrupt, message)
    };
    let Some((number, rest)) = current.split_first_chunk() else { return Err(damaged(CURRENT)) };
    let Some((checksum, [0])) = rest.split_first_chunk() else { return Err(damaged(CURRENT)) };
    let name = format!("v{}", u64::from_le_bytes(*number));
    let manifest = read_file(&path.join(&name))?;
    if xxh3_128(&manifest) != u128::from_le_bytes(*checksum) {
        return Err(damaged(&name));
    }
    Ok([(CURRENT.to_owned(), current), (name, manifest)])
}

const CURRENT: &str = "current";

fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let message = format!("{} is missing; restore the store from a backup", path.display());
            Error::with_source(ErrorKind::Corrupt, message, error)
        }
        _ => Error::with_source(
            ErrorKind::Unavailable,
            format!("{} could not be read", path.display()),
            error,
        ),
    })
}
