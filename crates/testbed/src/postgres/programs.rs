//! Where PostgreSQL is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::tool;

/// Debian has a directory here for each version, and leaves the server's programs out of `PATH`.
const DEBIAN_DIRECTORY: &str = "/usr/lib/postgresql";

/// The oldest version that is maintained by its authors, and the oldest Shelf works with.
const VERSION_MIN: u32 = 13;

/// The programs of one version.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    /// The major version, such as 15.
    pub(super) version: u32,
    directory: PathBuf,
}

impl Programs {
    /// Returns the newest that are installed.
    ///
    /// # Panics
    /// If there are none; the message says how to install them.
    pub(super) fn newest() -> &'static Self {
        static NEWEST: OnceLock<Programs> = OnceLock::new();
        NEWEST.get_or_init(|| {
            let debian = fs::read_dir(DEBIAN_DIRECTORY).into_iter().flatten().flatten();
            let path = tool::look_for("postgres").and_then(|path| Some(path.parent()?.to_owned()));
            let newest = debian
                .map(|version| version.path().join("bin"))
                .chain(path)
                .filter_map(Self::of)
                .max_by_key(|programs| programs.version);
            newest.unwrap_or_else(|| tool::missing("PostgreSQL", "postgresql"))
        })
    }

    fn of(directory: PathBuf) -> Option<Self> {
        if !["initdb", "psql", "postgres"].iter().all(|name| directory.join(name).is_file()) {
            return None;
        }
        // postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)
        let output = tool::try_run(tool::command(directory.join("postgres")).arg("--version"));
        let version = output.ok()?.split(' ').nth(2)?.split('.').next()?.parse().ok()?;
        (version >= VERSION_MIN).then_some(Self { version, directory })
    }

    pub(super) fn path(&self, program: &str) -> PathBuf {
        Path::new(&self.directory).join(program)
    }
}
