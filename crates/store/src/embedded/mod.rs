//! The store in a directory: fjall, one writer thread, group commit.
//!
//! - [`Directory`](directory) says whose the directory is and keeps others out.
//! - [`Tree`](tree) holds the items. Readers look at what was synced, from any thread, inline.
//! - [`Writer`](writer) drains the [`Queue`](queue) in [`Group`](group)s, one sync for each.
//! - [`Disk`](disk) is the seam at which tests fail and delay what a real disk seldom does.

mod directory;
mod disk;
mod error;
mod forget;
mod group;
mod journal;
mod linger;
mod queue;
mod scans;
mod seal;
mod space;
#[cfg(test)]
mod tests;
mod tree;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use domain::{Item, Key, Page, PageQuery, Remembered, ReplayKey, Verdict, Write};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use self::directory::{Contents, Directory};
use self::disk::{Disk, RealDisk};
use self::error::guarded;
use self::queue::{Job, Queue};
use self::scans::Scans;
use self::tree::Tree;
use self::writer::Writer;
use crate::error::{Error, ErrorKind};
use crate::open::{OpenError, Options};
use crate::reply::Reply;
use crate::store::Store;

/// Items in a directory.
///
/// Dropping it accepts nothing more, makes durable what was accepted, and closes the directory; it
/// blocks for as long as that takes.
pub(crate) struct Embedded {
    queue: Arc<Queue>,
    writer: Option<JoinHandle<()>>,
    scans: Arc<Scans>,
    /// `None` only while it is dropped.
    tree: Option<Arc<Tree>>,
    /// Released last.
    directory: Directory,
}

impl Embedded {
    /// Opens the store in `path`, or creates one when there is nothing.
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self, OpenError> {
        Self::open_with(path, options, |directory| {
            Box::new(RealDisk { directory: directory.to_owned() })
        })
    }

    fn open_with(
        path: &Path,
        options: &Options,
        disk: impl FnOnce(&Path) -> Box<dyn Disk>,
    ) -> Result<Self, OpenError> {
        let (directory, contents) = Directory::lock(path)?;
        let failed = |source| OpenError::Store { path: path.to_owned(), source };
        let tree = match contents {
            Contents::Store => {
                if !seal::verify_and_break(directory.path()).map_err(failed)? {
                    journal::verify(&directory.engine()).map_err(failed)?;
                }
                guarded(|| Tree::open(&directory.engine(), false, options)).map_err(failed)?
            }
            Contents::Nothing => {
                directory.begin_creation()?;
                let tree =
                    guarded(|| Tree::open(&directory.engine(), true, options)).map_err(failed)?;
                directory.end_creation()?;
                tree
            }
        };
        let (tree, queue) = (Arc::new(tree), Arc::new(Queue::default()));
        let writer = Writer::new(Arc::clone(&tree), Arc::clone(&queue), disk(directory.path()));
        let writer = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(|| writer.run())
            .map_err(directory::failed(path, "the writer thread could not be started"))?;
        Ok(Self { queue, writer: Some(writer), scans: Arc::default(), tree: Some(tree), directory })
    }

    fn tree(&self) -> &Arc<Tree> {
        self.tree.as_ref().expect("it is taken only by drop")
    }
}

impl Store for Embedded {
    fn get(&self, key: &Key) -> Reply<Result<Option<Item>, Error>> {
        Reply::Ready(guarded(|| self.tree().get(key)))
    }

    fn apply(&self, writes: Vec<Write>) -> Reply<Vec<Result<Verdict, Error>>> {
        let count = writes.len();
        let (reply, answer) = oneshot::channel();
        if let Err(error) = self.queue.push(Job::Apply { writes, reply }) {
            return Reply::Ready(vec![Err(error); count]);
        }
        Reply::later(
            async move { answer.await.unwrap_or_else(|_| vec![Err(writer_gone()); count]) },
        )
    }

    fn recall(&self, key: &ReplayKey) -> Reply<Result<Option<Remembered>, Error>> {
        Reply::Ready(guarded(|| self.tree().recall(key)))
    }

    /// Runs off the calling thread: a page of large items that are not cached reads the disk for
    /// milliseconds. Outside a runtime there is nobody to hold up, and it runs inline.
    fn list(&self, query: PageQuery) -> Reply<Result<Page, Error>> {
        let Ok(runtime) = Handle::try_current() else {
            return Reply::Ready(guarded(|| self.tree().list(&query)));
        };
        let (scans, tree) = (Arc::clone(&self.scans), Arc::downgrade(self.tree()));
        let scan = runtime.spawn_blocking(move || {
            let closed = || Error::new(ErrorKind::Unavailable, "the store is closed");
            let _running = scans.begin().ok_or_else(closed)?;
            let tree = tree.upgrade().ok_or_else(closed)?;
            guarded(|| tree.list(&query))
        });
        Reply::later(async move {
            let failed = |error| {
                Error::with_source(
                    ErrorKind::Unavailable,
                    "the page was not read to its end",
                    error,
                )
            };
            scan.await.unwrap_or_else(|error| Err(failed(error)))
        })
    }

    /// Asks the writer thread, so it also tells that this one is alive and how far behind it is.
    fn check(&self) -> Reply<Result<(), Error>> {
        let (reply, answer) = oneshot::channel();
        match self.queue.push(Job::Check { reply }) {
            Err(error) => Reply::Ready(Err(error)),
            Ok(()) => {
                Reply::later(async move { answer.await.unwrap_or_else(|_| Err(writer_gone())) })
            }
        }
    }
}

fn writer_gone() -> Error {
    Error::new(ErrorKind::Unknown, "the writer thread ended before it answered")
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(Err(_)) = self.writer.take().map(JoinHandle::join) {
            tracing::error!("the writer thread panicked");
        }
        self.scans.close();
        // The engine is closed before its files are sealed.
        self.tree = None;
        if let Err(error) = seal::set(self.directory.path()) {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                error,
                "the closed store could not be sealed; it is as after a crash, and nothing is lost"
            );
        }
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("directory", &self.directory).finish_non_exhaustive()
    }
}
