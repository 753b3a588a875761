//! Files that are read again when they change.

use std::convert::Infallible;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::interval;

/// How often files are looked at. Looking is one system call, and sees every way in which a file can
/// be replaced: written, renamed over, or behind a symbolic link as Kubernetes does it.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What tells one content of a path from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileState {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl FileState {
    fn of(path: &Path) -> Option<Self> {
        let meta = std::fs::metadata(path).ok()?;
        Some(Self {
            device: meta.dev(),
            inode: meta.ino(),
            bytes: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
        })
    }
}

/// Looks at files for ever, and calls `changed` when one of them has another content than it had
/// when this was made.
pub(crate) struct FileWatch {
    files: Vec<(PathBuf, Option<FileState>)>,
}

impl FileWatch {
    /// Takes the files as they are: call it before they are read the first time, or a change in
    /// between is missed.
    pub(crate) fn of(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let stamped = paths.into_iter().map(|path| {
            let stamp = FileState::of(&path);
            (path, stamp)
        });
        Self { files: stamped.collect() }
    }

    pub(crate) async fn each_change(mut self, mut changed: impl FnMut()) -> Infallible {
        let mut looks = interval(LOOK_EVERY);
        loop {
            looks.tick().await;
            if self.look() {
                changed();
            }
        }
    }

    /// Tells whether a file has changed since the last look. One that is gone has not: it may
    /// be replaced in two steps.
    fn look(&mut self) -> bool {
        let mut changed = false;
        for (path, known) in &mut self.files {
            let stamp = FileState::of(path);
            if stamp.is_some() && stamp != *known {
                *known = stamp;
                changed = true;
            }
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_replace_a_file_is_seen() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("file");
        std::fs::write(&path, "1").unwrap();
        let mut watch = FileWatch::of([path.clone()]);
        assert!(!watch.look());
        std::fs::write(&path, "22").unwrap();
        assert!(watch.look() && !watch.look());
        std::fs::remove_file(&path).unwrap();
        assert!(!watch.look());
        let other = home.path().join("other");
        std::fs::write(&other, "33").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert!(watch.look() && !watch.look());
        std::fs::write(&other, "4").unwrap();
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(watch.look() && !watch.look());
    }
}
