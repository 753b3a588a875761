//! The directory of a server, and what is left to do when the server is no more.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use crate::tool;

const KEEPER: &str = include_str!("keeper.sh");

/// A directory in the system's place for temporary files. It is removed with this handle, and also
/// when this process ends without dropping it.
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
    keeper: Child,
}

impl Home {
    /// Makes one. When it goes, `script` is run in it and `namespaces` are deleted first.
    pub(crate) fn new(script: &str, namespaces: &[String]) -> Self {
        let directory = tempfile::Builder::new().prefix("shelf-testbed-").tempdir();
        let path = directory.expect("a temporary directory can be made").keep();
        let keeper = tool::command("sh")
            .args(["-c", KEEPER, "keeper"])
            .args([path.as_os_str(), OsStr::new(script)])
            .args(namespaces)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // An interrupt from the terminal ends the test, not the one that cleans up after it.
            .process_group(0)
            .spawn()
            .expect("a shell can be run");
        Self { path, keeper }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
