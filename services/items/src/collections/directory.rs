//! A directory of files that declare one collection each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::InvalidFile;

/// Returns the files of `directory` that declare a collection, by the names of the collections.
pub(super) fn files(directory: &Path) -> Result<BTreeMap<String, PathBuf>, InvalidFile> {
    let mut paths = std::fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>())
        .map_err(|source| InvalidFile::Unreadable { path: directory.into(), source })?;
    // The system lists them in any order, and of several bad ones the same is to be named every time.
    paths.sort();
    let mut files = BTreeMap::new();
    for path in paths {
        if is_hidden(&path) {
            continue;
        }
        let Some(name) = declared(&path) else {
            return Err(InvalidFile::Unexpected { path });
        };
        if let Some(other) = files.insert(name.clone(), path.clone()) {
            return Err(InvalidFile::Twice { path, name, other });
        }
    }
    Ok(files)
}

/// Tells whether the name begins with a dot. Kubernetes, editors and systems of version control leave
/// such files and directories behind.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// Returns the name of the collection that a file declares.
fn declared(path: &Path) -> Option<String> {
    let extension = path.extension()?;
    let declares = (extension == "json" || extension == "toml") && !path.is_dir();
    declares.then(|| path.file_stem()?.to_str().map(str::to_owned)).flatten()
}
