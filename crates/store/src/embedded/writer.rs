//! The thread that writes: group commit.
//!
//! It takes everything that waits, decides it write by write, commits the changes as one batch,
//! syncs once, shows the result to readers, and then answers everybody.
//!
//! Nothing is answered on the strength of what could still be lost. What a write is decided
//! against was synced before (there is no other writer, and a group is answered before the next
//! one is decided) or is part of the same group and answered after the same sync. So a group that
//! changes nothing needs no sync.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::disk::Disk;
use super::group::{Group, settle};
use super::linger::Linger;
use super::queue::{Job, Queue};
use super::space::Space;
use super::tree::Tree;
use crate::error::{Error, ErrorKind};

/// Memtables that wait to be written out before the writer waits for them. fjall itself waits at
/// four, in a loop that never ends when its own threads have died; one earlier, and it never comes
/// to that.
const SEALED_MAX: usize = 2;

/// Files that wait to be merged before the writer waits for them; fjall's endless loop begins at
/// 30.
const UNMERGED_MAX: usize = 27;

/// How often the writer looks whether the engine has caught up.
const BACKLOG_POLL: Duration = Duration::from_millis(1);

/// The state of the writer thread.
pub(super) struct Writer {
    tree: Arc<Tree>,
    queue: Arc<Queue>,
    disk: Box<dyn Disk>,
    group: Group,
    linger: Linger,
    space: Space,
    /// How many jobs waited when the last group was about to be answered.
    waiting: usize,
    /// Why no more writes are accepted.
    poisoned: Option<Error>,
}

impl Writer {
    pub(super) fn new(tree: Arc<Tree>, queue: Arc<Queue>, disk: Box<dyn Disk>) -> Self {
        let (group, linger, space) = (Group::default(), Linger::default(), Space::default());
        Self { tree, queue, disk, group, linger, space, waiting: 0, poisoned: None }
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let mut jobs = Vec::new();
        loop {
            let wait = self.linger.wait();
            if !self.queue.take(&mut jobs, wait) {
                break;
            }
            if let Some(wait) = wait {
                self.linger.waited(wait, jobs.len());
            }
            self.work(&mut jobs);
        }
    }

    fn work(&mut self, jobs: &mut Vec<Job>) {
        let came = jobs.len();
        // A panic comes from the engine, whose state is then unknown. Those whose jobs unwind away
        // learn that the outcome is unknown; those who come later, that the store is poisoned.
        if catch_unwind(AssertUnwindSafe(|| self.decide_all(jobs))).is_err() {
            jobs.clear();
            self.group.abandon();
            self.poison(&Error::new(ErrorKind::Unknown, "the storage engine panicked"));
        }
        self.linger.answered(came, self.waiting);
    }

    fn decide_all(&mut self, jobs: &mut Vec<Job>) {
        for job in jobs.drain(..) {
            match job {
                // Whoever asked may have gone away, here as below.
                Job::Check { reply } => drop(reply.send(self.check())),
                Job::Apply { writes, reply } => {
                    let mut results = Vec::with_capacity(writes.len());
                    let mut own = 0;
                    for write in writes {
                        if self.group.is_full() {
                            let committed = self.end_group();
                            settle(&mut results[own..], &committed);
                            own = results.len();
                        }
                        results.push(match &self.poisoned {
                            Some(error) => Err(error.clone()),
                            None => self.group.decide(
                                &self.tree,
                                &write,
                                self.space.has_room(&mut *self.disk),
                            ),
                        });
                    }
                    self.group.answer(reply, results, own);
                }
            }
        }
        drop(self.end_group());
    }

    /// Makes the group durable, shows it to readers and answers it, in this order.
    fn end_group(&mut self) -> Result<(), Error> {
        let committed = if self.group.is_unchanged() { Ok(()) } else { self.commit() };
        match &committed {
            Ok(()) => {}
            Err(error) => self.poison(error),
        }
        self.waiting = self.queue.len();
        self.group.end(&committed);
        committed
    }

    fn commit(&mut self) -> Result<(), Error> {
        let refused = |error| {
            Error::with_source(
                ErrorKind::Poisoned,
                "the storage engine accepts no more writes",
                error,
            )
        };
        let unknown = |error| {
            Error::with_source(ErrorKind::Unknown, "the write may not have reached the disk", error)
        };
        self.wait_for_engine().map_err(refused)?;
        self.group.commit(&self.tree).map_err(|error| match error {
            // fjall says so before it writes anything.
            fjall::Error::Poisoned => refused(error),
            _ => unknown(error),
        })?;
        let started = Instant::now();
        self.disk.sync(&self.tree).map_err(unknown)?;
        self.linger.synced(started.elapsed());
        self.tree.publish();
        Ok(())
    }

    /// Waits while the engine is so far behind that its memory would grow.
    fn wait_for_engine(&self) -> fjall::Result<()> {
        loop {
            let (sealed, unmerged) = self.tree.backlog();
            if sealed <= SEALED_MAX && unmerged <= UNMERGED_MAX {
                return Ok(());
            }
            self.tree.accepts_writes()?;
            thread::park_timeout(BACKLOG_POLL);
        }
    }

    fn check(&mut self) -> Result<(), Error> {
        if let Some(error) = &self.poisoned {
            return Err(error.clone());
        }
        self.tree.accepts_writes().map_err(|error| {
            Error::with_source(
                ErrorKind::Poisoned,
                "the storage engine accepts no more writes",
                error,
            )
        })?;
        if self.space.has_room(&mut *self.disk) {
            Ok(())
        } else {
            Err(Error::new(ErrorKind::Full, "the disk has no room left"))
        }
    }

    /// Accepts no more writes: after a failed sync nobody knows what of the last group is on disk,
    /// and a later sync that succeeds would not tell (the kernel forgets pages that it failed to
    /// write).
    fn poison(&mut self, cause: &Error) {
        if self.poisoned.is_none() {
            tracing::error!(
                error = cause as &dyn std::error::Error,
                "a write failed, no more are accepted"
            );
            let message =
                "an earlier write failed; the store accepts no more until it is opened again";
            self.poisoned = Some(Error::with_source(ErrorKind::Poisoned, message, cause.clone()));
        }
    }
}
