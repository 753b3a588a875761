//! A directory of a service's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

/// A directory that a service keeps everything in; it is removed with its last handle. Cheap to
/// clone: a test holds one to start a service again on the data of the former one.
#[derive(Clone, Debug)]
pub struct Home(Arc<TempDir>);

impl Home {
    /// Makes a new one, empty.
    #[must_use]
    pub fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("shelf-e2e-").tempdir();
        Self(Arc::new(directory.expect("a temporary directory can be made")))
    }

    /// Returns the path of something in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and returns its path. A concurrent reader sees it whole or not at all.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let (path, draft) = (self.path(name), self.path(&format!("{name}.draft")));
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("it can be made");
        fs::write(&draft, content).expect("it can be written");
        fs::rename(&draft, &path).expect("it can be renamed");
        path
    }

    pub(crate) fn directory(&self) -> &Path {
        self.0.path()
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}
