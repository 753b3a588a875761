//! The store in a directory: a journal, trees, one writer thread, group commit.
//!
//! - [`Directory`](directory) marks the directory as a store and locks it.
//! - [`Engine`](engine) holds the items in trees. Readers look at what is durable, from any thread,
//!   inline.
//! - [`Journal`](journal) makes each group of writes durable before it is answered.
//! - [`Writer`](writer) drains the [`Queue`](queue) in [`Group`](group)s, one write to disk for each.
//! - [`backup`] copies a store while it runs.
//! - [`Disk`](disk) is the seam at which tests fail and delay what a real disk seldom does.

mod backup;
mod directory;
mod disk;
mod engine;
mod group;
mod journal;
mod linger;
mod queue;
mod scans;
mod snapshots;
mod space;
#[cfg(test)]
mod tests;
mod timekeeper;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};

use domain::{
    Count, Item, Key, Keyspace, Moment, Page, PageQuery, Remembered, ReplayKey, SnapshotQuery,
    Verdict, Write,
};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

pub use self::backup::BackupError;
use self::backup::Backups;
pub(crate) use self::backup::backup;
use self::directory::{Contents, Directory};
use self::disk::{Disk, RealDisk};
use self::engine::{Engine, Recovery, guarded};
use self::journal::{Journal, SlotSizes};
use self::queue::{Job, Queue};
use self::scans::RunningScans;
use self::snapshots::OpenSnapshots;
use self::timekeeper::Timekeeper;
use self::writer::Writer;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind};
use crate::open_error::OpenError;
use crate::options::Options;
use crate::reply::Reply;
use crate::snapshot::Snapshot;
use crate::store::Store;

/// Items in a directory.
///
/// Dropping it accepts nothing more, makes durable what was accepted, and closes the directory; it
/// blocks for as long as that takes.
pub(crate) struct Embedded {
    queue: Arc<Queue>,
    writer: Option<JoinHandle<Writer>>,
    /// The threads that write memtables out and merge files.
    background: Vec<JoinHandle<()>>,
    scans: Arc<RunningScans>,
    snapshots: Arc<OpenSnapshots>,
    /// `None` only while it is dropped.
    engine: Option<Arc<Engine>>,
    clock: Clock,
    /// Released last.
    directory: Directory,
}

impl Embedded {
    /// Opens the store in `path`, or creates one when there is nothing.
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self, OpenError> {
        Self::open_with(path, options, |disk| Arc::new(disk))
    }

    fn open_with(
        path: &Path,
        options: &Options,
        disk: impl FnOnce(RealDisk) -> Arc<dyn Disk>,
    ) -> Result<Self, OpenError> {
        let (directory, contents) = Directory::lock(path)?;
        let folders = directory.folders();
        let disk = disk(RealDisk::new(folders.journal));
        let create = contents == Contents::Nothing;
        let timekeeper = Timekeeper::of(directory.path());
        if create {
            directory.begin_creation()?;
        }
        let opened = guarded(|| {
            let engine = Engine::open(
                &folders.trees,
                create,
                options,
                Arc::clone(&disk),
                timekeeper.clock(),
            )?;
            let journal = if create {
                Journal::create(Arc::clone(&disk), SlotSizes::default(), 0)?
            } else {
                let mut recovery = Recovery::new(&engine);
                Journal::open(Arc::clone(&disk), SlotSizes::default(), &mut recovery)?
            };
            engine.start(journal.last());
            Ok((Arc::new(engine), journal))
        });
        let (engine, journal) =
            opened.map_err(|source| OpenError::Store { path: path.to_owned(), source })?;
        if create {
            directory.end_creation()?;
        }
        Self::start(directory, options, disk, engine, journal, timekeeper)
    }

    /// Starts the threads of a store whose files are in order.
    fn start(
        directory: Directory,
        options: &Options,
        disk: Arc<dyn Disk>,
        engine: Arc<Engine>,
        journal: Journal,
        mut timekeeper: Timekeeper,
    ) -> Result<Self, OpenError> {
        timekeeper.save();
        let queue = Arc::new(Queue::default());
        let snapshots = Arc::new(OpenSnapshots::new(options.snapshot_time_max));
        let writer = Writer::new(Arc::clone(&engine), Arc::clone(&queue), disk, journal);
        let mut this = Self {
            queue,
            writer: None,
            background: Vec::new(),
            scans: Arc::default(),
            snapshots: Arc::clone(&snapshots),
            engine: Some(Arc::clone(&engine)),
            clock: timekeeper.clock(),
            directory,
        };
        let flushes = Arc::clone(&engine);
        this.background.push(this.spawn("store-flush", move || flushes.run_flushes())?);
        let backups = Backups::listen(this.directory.path())
            .inspect_err(|error| {
                let error = error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "backups cannot be made while the store is open: no socket here"
                );
            })
            .ok();
        let merges = move || {
            engine.run_merges(|engine| {
                timekeeper.save_now_and_then(engine.frame());
                snapshots.end_late();
                backups.iter().for_each(|backups| backups.serve(engine));
            });
            timekeeper.save();
        };
        this.background.push(this.spawn("store-merge", merges)?);
        this.writer = Some(this.spawn("store-writer", || writer.run())?);
        Ok(this)
    }

    fn spawn<T: Send + 'static>(
        &self,
        name: &str,
        run: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<T>, OpenError> {
        let what = "a thread of the store could not be started";
        let failed = directory::failed(self.directory.path(), what);
        thread::Builder::new().name(name.to_owned()).spawn(run).map_err(failed)
    }

    fn scanner(&self) -> Scanner {
        Scanner { scans: Arc::clone(&self.scans), engine: Arc::downgrade(self.engine()) }
    }

    fn scan<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Engine) -> Result<T, Error> + Send + 'static,
    ) -> Reply<Result<T, Error>> {
        self.scanner().scan(read)
    }

    fn engine(&self) -> &Arc<Engine> {
        self.engine.as_ref().expect("it is taken only by drop")
    }
}

/// Reads off the calling thread.
struct Scanner {
    scans: Arc<RunningScans>,
    engine: Weak<Engine>,
}

impl Scanner {
    /// A page of large items that are not cached reads the disk for milliseconds. Outside a runtime
    /// that blocks no other request, and runs inline.
    fn scan<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Engine) -> Result<T, Error> + Send + 'static,
    ) -> Reply<Result<T, Error>> {
        let (scans, engine) = (Arc::clone(&self.scans), Weak::clone(&self.engine));
        let read = move || {
            let closed = || Error::new(ErrorKind::Unavailable, "the store is closed");
            let _running = scans.begin().ok_or_else(closed)?;
            let engine = engine.upgrade().ok_or_else(closed)?;
            guarded(|| read(&engine))
        };
        let Ok(runtime) = Handle::try_current() else { return Reply::Ready(read()) };
        let places = Arc::clone(&self.scans);
        Reply::later(async move {
            let place = places.place().await;
            let scan = runtime.spawn_blocking(move || {
                let found = read();
                drop(place);
                found
            });
            let failed = |error| {
                let message = "the scan ended early";
                Error::with_source(ErrorKind::Unavailable, message, error)
            };
            scan.await.unwrap_or_else(|error| Err(failed(error)))
        })
    }
}

impl Store for Embedded {
    fn get(&self, key: &Key) -> Reply<Result<Option<Item>, Error>> {
        Reply::Ready(guarded(|| self.engine().get(key)))
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
        Reply::Ready(guarded(|| self.engine().recall(key)))
    }

    fn list(&self, query: PageQuery) -> Reply<Result<Page, Error>> {
        self.scan(move |engine| engine.list(&query))
    }

    fn count(&self, query: PageQuery) -> Reply<Result<Count, Error>> {
        self.scan(move |engine| engine.count(&query))
    }

    fn collection_after(&self, after: Option<&Keyspace>) -> Reply<Result<Option<Keyspace>, Error>> {
        let after = after.cloned();
        self.scan(move |engine| engine.collection_after(after.as_ref()))
    }

    fn snapshot(&self, query: SnapshotQuery) -> Snapshot {
        snapshots::stream(self.scanner(), Arc::clone(&self.snapshots), query)
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

    fn now(&self) -> Moment {
        self.clock.now()
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn alive(&self) -> Result<(), Error> {
        if self.writer.as_ref().is_none_or(JoinHandle::is_finished) {
            return Err(writer_ended());
        }
        self.engine().alive()
    }
}

/// What is told of a writer thread that ended before it was asked.
fn writer_ended() -> Error {
    Error::new(ErrorKind::Internal, "the writer thread has ended")
}

fn writer_gone() -> Error {
    Error::new(ErrorKind::Unknown, "the writer thread ended before it answered")
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.queue.close();
        let writer = self.writer.take().map(JoinHandle::join);
        if let Some(engine) = &self.engine {
            engine.close();
        }
        for thread in self.background.drain(..) {
            // It catches what panics, and says so when it gives up.
            let _ = thread.join();
        }
        match writer {
            Some(Ok(writer)) => writer.close(),
            Some(Err(_)) => tracing::error!("the writer thread panicked"),
            None => {}
        }
        self.scans.close();
        self.snapshots.close();
        self.engine = None;
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("directory", &self.directory).finish_non_exhaustive()
    }
}
