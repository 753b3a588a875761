//! Copying a store while it runs.
//!
//! The process that has the store open listens at a socket in its directory, and makes the copy: it
//! writes out what it has in memory, and links or copies the table files that hold all writes up to
//! one group, and none after it. The copy gets a journal of its own, with nothing in it.

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::Embedded;
use super::directory::{self, Directory, sync_parent};
use super::disk::RealDisk;
use super::engine::{Engine, PinnedTree};
use super::journal::{Journal, SlotSizes};
use crate::error::{Error, ErrorKind};
use crate::open_error::OpenError;
use crate::options::Options;

/// The socket's name in the directory.
const SOCKET: &str = "shelf.sock";

/// How long the service waits for a request on a connection that was made.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(5);

/// Longest request: a path.
const REQUEST_BYTES_MAX: u64 = 64 << 10;

/// What the answer begins with when the copy was made.
const DONE: &str = "done";

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The store is not a directory.
    #[error(
        "only a store in a directory (`file:`) is backed up like this; docs/stores.md tells how for databases"
    )]
    NotADirectory,
    /// There is no store.
    #[error("{} holds no store", path.display())]
    NoStore {
        /// The directory.
        path: PathBuf,
    },
    /// The store could not be opened.
    #[error("the store could not be opened")]
    Open(#[source] OpenError),
    /// The process that has the store open could not be asked.
    #[error("the process that has {} open does not answer; is it another version?", path.display())]
    NoAnswer {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The copy was not made.
    #[error("no backup was made: {0}")]
    Failed(String),
}

/// Copies the store in `path` to the directory `to`, which does not exist or is empty. The store
/// may be open, in this process or another one, and in use.
pub(crate) fn backup(path: &Path, to: &Path) -> Result<(), BackupError> {
    if !Directory::holds_store(path) {
        return Err(BackupError::NoStore { path: path.to_owned() });
    }
    let to = std::path::absolute(to).map_err(|error| BackupError::Failed(error.to_string()))?;
    // Where no process has the store open, this one does it.
    let opened = match Embedded::open(path, &Options::default()) {
        Ok(store) => Some(store),
        Err(OpenError::Locked { .. }) => None,
        Err(error) => return Err(BackupError::Open(error)),
    };
    let answer =
        ask(path, &to).map_err(|source| BackupError::NoAnswer { path: path.to_owned(), source })?;
    drop(opened);
    match answer.trim_end() {
        DONE => Ok(()),
        "" => Err(BackupError::Failed("the process ended".to_owned())),
        error => Err(BackupError::Failed(error.to_owned())),
    }
}

fn ask(path: &Path, to: &Path) -> io::Result<String> {
    let mut stream = at_socket(path, |socket| UnixStream::connect(socket))?;
    let mut request = to.as_os_str().as_encoded_bytes().to_vec();
    request.push(b'\n');
    stream.write_all(&request)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Calls with the path of the socket in a directory. The path of a socket is limited to about 100
/// bytes, that of a directory is not.
fn at_socket<T>(directory: &Path, call: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if cfg!(target_os = "linux") {
        use std::os::fd::AsRawFd as _;
        let folder = File::open(directory)?;
        call(&Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(SOCKET))
    } else {
        call(&directory.join(SOCKET))
    }
}

/// Takes requests for backups.
#[derive(Debug)]
pub(super) struct Backups {
    directory: PathBuf,
    listener: UnixListener,
}

impl Backups {
    /// Listens in a directory that this process has locked.
    pub(super) fn listen(directory: &Path) -> io::Result<Self> {
        // A process that was killed leaves it.
        let _ = fs::remove_file(directory.join(SOCKET));
        let listener = at_socket(directory, |socket| UnixListener::bind(socket))?;
        listener.set_nonblocking(true)?;
        // It lets the service write files, so it is for the service's own user.
        fs::set_permissions(directory.join(SOCKET), Permissions::from_mode(0o600))?;
        Ok(Self { directory: directory.to_owned(), listener })
    }

    /// Does what is asked for, if anything is.
    pub(super) fn serve(&self, engine: &Engine) {
        while let Ok((mut stream, _)) = self.listener.accept() {
            let answer = match receive(&stream) {
                Ok(to) => match write(engine, &to) {
                    Ok(()) => {
                        tracing::info!(to = %to.display(), "a backup was written");
                        DONE.to_owned()
                    }
                    Err(error) => {
                        let error = chain(&error);
                        tracing::warn!(to = %to.display(), error, "a backup could not be written");
                        error
                    }
                },
                Err(error) => chain(&error),
            };
            // The client may have gone away.
            let _ = stream.write_all(answer.as_bytes());
        }
    }
}

impl Drop for Backups {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.directory.join(SOCKET));
    }
}

/// Joins an error and its causes to one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn receive(stream: &UnixStream) -> io::Result<PathBuf> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(REQUEST_TIME_MAX))?;
    let mut line = Vec::new();
    BufReader::new(stream.take(REQUEST_BYTES_MAX)).read_until(b'\n', &mut line)?;
    line.pop();
    let path = String::from_utf8(line).map_err(io::Error::other)?;
    Ok(PathBuf::from(path))
}

/// Writes a backup. One that fails leaves nothing.
fn write(engine: &Engine, to: &Path) -> Result<(), Error> {
    let failed = |error| {
        let message = format!("{} could not be written", to.display());
        Error::with_source(ErrorKind::Unavailable, message, error)
    };
    let existed = to.exists();
    fs::create_dir_all(to).map_err(failed)?;
    if fs::read_dir(to).map_err(failed)?.next().is_some() {
        let message = format!("{} is not empty", to.display());
        return Err(Error::new(ErrorKind::Unavailable, message));
    }
    let written = write_files(engine, to).and_then(|()| sync_parent(to).map_err(failed));
    if written.is_err() {
        let _ = if existed { directory::clear(to) } else { fs::remove_dir_all(to) };
    }
    written
}

fn write_files(engine: &Engine, to: &Path) -> Result<(), Error> {
    let failed =
        |error| Error::with_source(ErrorKind::Unavailable, "a file could not be written", error);
    let folders = directory::Folders::below(to);
    fs::create_dir_all(&folders.journal).map_err(failed)?;
    let (frame, trees) = engine.pin()?;
    for tree in &trees {
        write_tree(tree, &folders.trees.join(tree.folder)).map_err(failed)?;
    }
    File::open(&folders.trees).and_then(|folder| folder.sync_all()).map_err(failed)?;
    let disk = Arc::new(RealDisk::new(folders.journal));
    Journal::create(disk, SlotSizes::default(), frame)?;
    // Without this file the directory is none of ours, so it comes last.
    directory::declare(to).map_err(failed)
}

fn write_tree(tree: &PinnedTree, folder: &Path) -> io::Result<()> {
    let tables = folder.join("tables");
    fs::create_dir_all(&tables)?;
    for table in tree.tables() {
        let Some(name) = table.file_name() else { continue };
        let to = tables.join(name);
        // Tables are never changed, so the backup can share them. Another file system cannot.
        if fs::hard_link(table, &to).is_err() {
            fs::copy(table, &to)?;
            File::open(&to)?.sync_all()?;
        }
    }
    File::open(&tables)?.sync_all()?;
    for (name, contents) in &tree.manifest {
        directory::replace_file(&folder.join(name), contents)?;
    }
    Ok(())
}
