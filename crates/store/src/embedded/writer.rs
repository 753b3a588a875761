//! The thread that writes: group commit.
//!
//! It takes everything that waits, decides it write by write, puts the changes into the journal as
//! one frame, brings them into the trees, shows the result to readers, and then answers all callers.
//!
//! Nothing is answered on the strength of what could still be lost. What a write is decided
//! against is durable (there is no other writer, and a group is answered before the next one is
//! decided) or is part of the same group and answered after the same write to disk. So a group that
//! changes nothing needs none.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::disk::Disk;
use super::engine::{Backpressure, Engine};
use super::group::{Group, settle};
use super::journal::{AppendError, Frame, Journal};
use super::linger::Linger;
use super::queue::{Job, Queue, TakeResult};
use super::space::Space;
use crate::error::{Error, ErrorKind};

/// After so much time without a write the journal gets an empty frame. It proves that the one
/// before was durable: should that be damaged one day, it cannot be taken for a torn one.
const IDLE: Duration = Duration::from_millis(10);

/// After so many writes of a large job the writer looks whether jobs of few writes have come: few
/// enough that these wait for no more than some syncs, and enough that the large job is not slowed down
/// much by a sync for each.
const PIECE_WRITES: usize = 256;

/// How often the writer looks whether large jobs can go on that wait for the background threads.
const HOLD_POLL: Duration = Duration::from_millis(1);

/// How long large jobs wait for them. What is in their way then is told to their callers.
const HOLD_MAX: Duration = Duration::from_secs(10);

/// The state of the writer thread.
pub(super) struct Writer {
    engine: Arc<Engine>,
    queue: Arc<Queue>,
    disk: Arc<dyn Disk>,
    journal: Journal,
    /// Used again for each group.
    frame: Frame,
    /// Since when the journal's last frame holds writes.
    unproven: Option<Instant>,
    group: Group,
    /// Jobs of few writes that were taken in between; used again.
    small: Vec<Job>,
    linger: Linger,
    space: Space,
    /// The next large job is not begun before.
    large_from: Instant,
    /// How many jobs of few writes waited when the last group was about to be answered.
    waiting: usize,
    /// Why no more writes are accepted.
    poisoned: Option<Error>,
}

impl Writer {
    pub(super) fn new(
        engine: Arc<Engine>,
        queue: Arc<Queue>,
        disk: Arc<dyn Disk>,
        journal: Journal,
    ) -> Self {
        Self {
            engine,
            queue,
            disk,
            journal,
            frame: Frame::default(),
            unproven: None,
            group: Group::default(),
            small: Vec::new(),
            linger: Linger::default(),
            space: Space::default(),
            large_from: Instant::now(),
            waiting: 0,
            poisoned: None,
        }
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) -> Self {
        let mut jobs = Vec::new();
        loop {
            let idle_max = self.unproven.map(|since| IDLE.saturating_sub(since.elapsed()));
            if idle_max.is_some_and(|idle_max| idle_max.is_zero()) {
                // Also where requests come that change nothing.
                self.prove_last();
                continue;
            }
            let wait = self.linger.wait();
            let with_large = self.may_begin_large();
            let idle_max = if with_large { idle_max } else { Some(HOLD_POLL) };
            match self.queue.take(&mut jobs, wait, idle_max, with_large) {
                TakeResult::Jobs => {
                    if let Some(wait) = wait
                        && !jobs.iter().any(Job::is_large)
                    {
                        self.linger.waited(wait, jobs.len());
                    }
                    self.work(&mut jobs);
                }
                TakeResult::TimedOut if with_large => self.prove_last(),
                TakeResult::TimedOut => {}
                TakeResult::Closed => return self,
            }
        }
    }

    /// Closes the journal. Everything that could be written out is.
    pub(super) fn close(mut self) {
        // The frame states the checkpoint, so that nothing is replayed at the next start.
        let is_behind = self.journal.checkpoint() < self.engine.checkpoint();
        if self.poisoned.is_none() && (is_behind || self.unproven.is_some()) {
            self.prove_last();
        }
    }

    fn work(&mut self, jobs: &mut Vec<Job>) {
        let came = jobs.iter().filter(|job| !job.is_large()).count();
        // A panic comes from the trees or the disk, whose state is then unknown. Callers whose
        // jobs unwind away learn that the outcome is unknown; later callers, that the store is poisoned.
        if catch_unwind(AssertUnwindSafe(|| self.decide_all(jobs))).is_err() {
            jobs.clear();
            self.group.abandon();
            self.small.clear();
            self.poison(&Error::new(ErrorKind::Unknown, "the storage engine panicked"));
        }
        self.queue.end_large();
        self.linger.answered(came, self.waiting);
    }

    /// Tells whether a large job may be begun. If the background threads are behind, it waits: what room
    /// is left is for others.
    fn may_begin_large(&self) -> bool {
        let now = Instant::now();
        now >= self.large_from
            && (!self.engine.backlog().holds_large() || now >= self.large_from + HOLD_MAX)
    }

    /// Decides the jobs of few writes that have come meanwhile, as a group of their own.
    fn decide_small(&mut self) {
        let mut jobs = std::mem::take(&mut self.small);
        self.queue.take_small(&mut jobs);
        for job in jobs.drain(..) {
            self.decide(job);
        }
        self.small = jobs;
        drop(self.end_group());
    }

    fn decide_all(&mut self, jobs: &mut Vec<Job>) {
        for job in jobs.drain(..) {
            if job.is_large() && !self.group.is_empty() {
                // What came first need not wait for it.
                drop(self.end_group());
            }
            self.decide(job);
        }
        drop(self.end_group());
    }

    fn decide(&mut self, job: Job) {
        let is_large = job.is_large();
        let (writes, reply) = match job {
            // The caller may have gone away, here as below.
            Job::Check { reply } => return drop(reply.send(self.check())),
            Job::Apply { writes, reply } => (writes, reply),
        };
        self.group.is_large |= is_large;
        let mut results = Vec::with_capacity(writes.len());
        let mut own = 0;
        let mut writes = writes.into_iter();
        // What was read for the next writes.
        let mut states = Vec::new().into_iter();
        while writes.len() > 0 {
            let is_new_piece = is_large && states.len() == 0;
            let lets_others_in = is_new_piece && results.len() > own && self.queue.has_small();
            if self.group.is_full() || lets_others_in {
                let committed = self.end_group();
                settle(&mut results[own..], &committed);
                own = results.len();
                if lets_others_in {
                    self.decide_small();
                }
                self.group.is_large = is_large;
                states = Vec::new().into_iter();
            }
            if is_large && states.len() == 0 {
                let piece = &writes.as_slice()[..writes.len().min(PIECE_WRITES)];
                states = self.group.read(&self.engine, piece).into_iter();
            }
            let Some(write) = writes.next() else { break };
            let state = states.next().flatten();
            results.push(match &self.poisoned {
                Some(error) => Err(error.clone()),
                None => {
                    let may_grow = self.space.has_room(&*self.disk);
                    self.group.decide(&self.engine, state, &write, may_grow)
                }
            });
        }
        self.group.answer(reply, results, own);
    }

    /// Makes the group durable, shows it to readers and answers it, in this order.
    fn end_group(&mut self) -> Result<(), Error> {
        let committed = if self.group.is_unchanged() { Ok(()) } else { self.commit() };
        match &committed {
            Err(error) if !is_passing(error) => self.poison(error),
            _ => {}
        }
        self.waiting = self.queue.len();
        self.group.end(&committed);
        committed
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.engine.check()?;
        let admitted = self.engine.backlog().admit(self.group.bytes() as u64);
        let delay = admitted.map_err(|blocked| match blocked {
            Backpressure::LacksRoom => no_room(),
            Backpressure::Behind => {
                Error::new(ErrorKind::Overloaded, "the disk is too slow for so many writes")
            }
        })?;
        if self.group.is_large {
            // Others need not wait for that.
            self.large_from = Instant::now() + delay;
        } else {
            // The writer is not unparked by anything: this is a pause.
            if !delay.is_zero() {
                thread::park_timeout(delay);
            }
        }
        self.engine.check()?;
        let entries = self.group.take_entries(&self.engine);
        self.frame.clear();
        entries.iter().for_each(|entry| entry.push_to(&mut self.frame));
        let number = self.engine.next_number();
        let started = Instant::now();
        let frame = self.append(number).inspect_err(|_| self.engine.withdraw())?;
        if !self.group.is_large {
            self.linger.synced(started.elapsed());
        }
        self.unproven = Some(Instant::now());
        self.engine.commit(entries, number, frame, self.frame.journal_bytes());
        Ok(())
    }

    fn append(&mut self, number: u64) -> Result<u64, Error> {
        let checkpoint = self.engine.checkpoint();
        self.journal.append(&mut self.frame, number, checkpoint).map_err(|error| match error {
            AppendError::NoRoom(error) => {
                // A higher checkpoint frees a part of the journal.
                self.engine.seal();
                Error::with_source(ErrorKind::Full, NO_ROOM, error)
            }
            AppendError::Failed(error) => Error::with_source(
                ErrorKind::Unknown,
                "the write may not have reached the disk",
                error,
            ),
        })
    }

    /// Writes an empty frame, which proves that the one before was durable and states the
    /// checkpoint.
    fn prove_last(&mut self) {
        self.unproven = None;
        if self.poisoned.is_some() {
            return;
        }
        self.frame.clear();
        let number = self.engine.next_number();
        let appended = self.append(number);
        self.engine.withdraw();
        match appended {
            Err(error) if !is_passing(&error) => self.poison(&error),
            _ => {}
        }
    }

    fn check(&mut self) -> Result<(), Error> {
        if let Some(error) = &self.poisoned {
            return Err(error.clone());
        }
        self.engine.check()?;
        if self.space.has_room(&*self.disk) { Ok(()) } else { Err(no_room()) }
    }

    /// Accepts no more writes: after a failed write to disk it is unknown what of the last group is
    /// there, and a later one that succeeds would not tell (the kernel forgets pages that it failed
    /// to write).
    fn poison(&mut self, cause: &Error) {
        if self.poisoned.is_none() {
            tracing::error!(
                error = cause as &dyn std::error::Error,
                "a write failed, no more are accepted"
            );
            let message =
                "an earlier write failed; the store accepts no more until it is opened again";
            let error = Error::with_source(ErrorKind::Poisoned, message, cause.clone());
            // What is on the disk is found out when the store is opened. What gave up in the background
            // has said for itself whether that helps.
            if cause.kind() == ErrorKind::Unknown {
                self.engine.need_reopening(error.clone());
            }
            self.poisoned = Some(error);
        }
    }
}

const NO_ROOM: &str = "the disk has no room left";

fn no_room() -> Error {
    Error::new(ErrorKind::Full, NO_ROOM)
}

/// Tells whether a group failed before anything of it was submitted, for a reason that passes.
fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Full | ErrorKind::Overloaded)
}
