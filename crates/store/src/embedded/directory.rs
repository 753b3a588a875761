//! The directory of a store: its owner, its format, and the process that has it open.
//!
//! ```text
//! shelf.lock      locked while a process has the store open
//! shelf.format    one line: the format, and whether creation was finished
//! shelf.clock     what time it was by the clock of the store when it was last saved
//! shelf.sock      takes requests for backups while a process has the store open
//! journal/        what was written last
//! trees/          table files of the items and of the remembered answers, and their manifests
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::open_error::OpenError;

/// The format that this version reads and writes.
const FORMAT: &str = "shelf-store 3";
/// What the format line ends with until creation was finished.
const CREATING: &str = " (being created)";

const LOCK_FILE: &str = "shelf.lock";
const FORMAT_FILE: &str = "shelf.format";
const JOURNAL: &str = "journal";
const TREES: &str = "trees";

/// A directory that this process has locked.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Closing the file releases the lock, also when the process is killed.
    lock: File,
}

impl Drop for Directory {
    /// Closing is not enough while another thread starts a program: until that runs, its process has
    /// the file open as well.
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "the lock of the store's directory could not be released: {error}");
        }
    }
}

/// Where a store's files are.
#[derive(Debug)]
pub(super) struct Folders {
    pub(super) journal: PathBuf,
    pub(super) trees: PathBuf,
}

impl Folders {
    pub(super) fn below(directory: &Path) -> Self {
        Self { journal: directory.join(JOURNAL), trees: directory.join(TREES) }
    }
}

/// Whether a locked directory already holds a store.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Contents {
    /// It holds a store.
    Store,
    /// It holds nothing, or what a creation left that did not come to its end.
    Nothing,
}

impl Directory {
    /// Locks the directory and judges what it holds. It is created when it is missing.
    ///
    /// A directory that is refused is left as it was, except for the lock file in an unknown
    /// format's one.
    pub(super) fn lock(path: &Path) -> Result<(Self, Contents), OpenError> {
        let path =
            &std::path::absolute(path).map_err(failed(path, "the path could not be resolved"))?;
        if path.is_file() {
            let source = io::Error::from(io::ErrorKind::NotADirectory);
            return Err(failed(path, "it is a file, and a store is a directory")(source));
        }
        create(path).map_err(failed(path, "the directory could not be created"))?;
        refuse_foreign(path)?;
        let lock_path = path.join(LOCK_FILE);
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(failed(&lock_path, "the lock file could not be opened for writing"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::Locked { path: path.to_owned() });
            }
            Err(TryLockError::Error(source)) => {
                return Err(failed(&lock_path, "the file could not be locked")(source));
            }
        }
        let this = Self { path: path.to_owned(), lock };
        let contents = this.judge()?;
        Ok((this, contents))
    }

    /// The directory itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where its files are.
    pub(super) fn folders(&self) -> Folders {
        Folders::below(&self.path)
    }

    /// Tells whether `path` is the directory of a store, in any format.
    pub(super) fn holds_store(path: &Path) -> bool {
        path.join(FORMAT_FILE).is_file()
    }

    /// Prepares creation: from here on the directory is ours, and a start after a crash
    /// begins anew.
    pub(super) fn begin_creation(&self) -> Result<(), OpenError> {
        self.write_format(&format!("{FORMAT}{CREATING}\n"))?;
        let Folders { journal, trees } = self.folders();
        for folder in [journal, trees] {
            match fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    let what = "what an unfinished creation left could not be removed";
                    return Err(failed(&folder, what)(error));
                }
                _ => {}
            }
            create(&folder).map_err(failed(&folder, "the directory could not be created"))?;
        }
        Ok(())
    }

    /// Ends creation: from here on the directory holds a store.
    pub(super) fn end_creation(&self) -> Result<(), OpenError> {
        self.write_format(&format!("{FORMAT}\n"))
    }

    fn judge(&self) -> Result<Contents, OpenError> {
        let format_path = self.path.join(FORMAT_FILE);
        let text = match fs::read(&format_path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).trim_end().to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contents::Nothing),
            Err(error) => {
                return Err(failed(&format_path, "the format file could not be read")(error));
            }
        };
        match text.strip_prefix(FORMAT) {
            Some("") => Ok(Contents::Store),
            Some(CREATING) => Ok(Contents::Nothing),
            _ => Err(OpenError::UnknownFormat {
                path: self.path.clone(),
                found: text,
                known: FORMAT,
            }),
        }
    }

    fn write_format(&self, line: &str) -> Result<(), OpenError> {
        let path = self.path.join(FORMAT_FILE);
        replace_file(&path, line.as_bytes())
            .map_err(failed(&path, "the format file could not be written"))
    }
}

/// Makes a directory whose files are in place that of a store.
pub(super) fn declare(path: &Path) -> io::Result<()> {
    replace_file(&path.join(FORMAT_FILE), format!("{FORMAT}\n").as_bytes())
}

/// Removes what is in a directory.
pub(super) fn clear(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Replaces a file so that a crash leaves the old one or the new one, whole.
pub(super) fn replace_file(path: &Path, contents: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_parent(path)
}

/// Creates a directory and those above it, durably.
fn create(path: &Path) -> io::Result<()> {
    let missing: Vec<_> = path.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
    fs::create_dir_all(path)?;
    missing.into_iter().try_for_each(sync_parent)
}

/// Makes the creation, renaming or removal of `path` itself durable.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Refuses a directory without a format file that holds anything but what a creation could have
/// left before it wrote that file.
fn refuse_foreign(path: &Path) -> Result<(), OpenError> {
    let unreadable = || failed(path, "the directory could not be read");
    if path.join(FORMAT_FILE).try_exists().map_err(unreadable())? {
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(unreadable())? {
        let name = entry.map_err(unreadable())?.file_name();
        // The second is the format file's name until it is renamed. ext4's own folder makes no
        // fresh volume foreign.
        if name != LOCK_FILE && name != "shelf.new" && name != "lost+found" {
            let found = name.to_string_lossy().into_owned();
            return Err(OpenError::Foreign { path: path.to_owned(), found });
        }
    }
    Ok(())
}

pub(super) fn failed(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { path, what, source }
}
