//! What callers hand to the writer thread.
//!
//! Jobs of few writes go first, and the writer takes them in between while it works on a large one.
//! Otherwise a client that puts one item would wait for all that streams have sent. The order of two
//! writes to one item stays that of their jobs: a job waits behind the large ones that write to the same
//! item.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use domain::{Verdict, Write};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot::Sender;
use xxhash_rust::xxh3::xxh3_64;

use super::linger::Wait;
use crate::codec::KeyBytes;
use crate::error::{Error, ErrorKind};
use crate::size::write_bytes;

/// Most writes that wait. A single write takes about 100 µs of the writer's time at worst, so the
/// last of these is answered within the request deadline of 30 s even on a slow disk.
const WRITES_MAX: usize = 1 << 16;

/// Most bytes of items that wait: 64 of the largest. The writer holds as much again.
const BYTES_MAX: usize = 64 << 20;

/// A job of so many writes is large: it takes the writer longer than a sync takes, in which others
/// would have waited as well.
const LARGE_WRITES_MIN: usize = 32;

/// Large jobs are taken together up to this many writes: a sync costs little beside as many.
const TAKEN_WRITES_MAX: usize = 1_024;

/// The request of a caller, and where its answer goes.
#[derive(Debug)]
pub(super) enum Job {
    /// To write.
    Apply {
        /// The writes.
        writes: Vec<Write>,
        /// Takes one result for each.
        reply: Sender<Vec<Result<Verdict, Error>>>,
    },
    /// To know whether a write would be accepted.
    Check {
        /// Takes the answer.
        reply: Sender<Result<(), Error>>,
    },
}

impl Job {
    /// Tells whether jobs of few writes go before this one.
    pub(super) fn is_large(&self) -> bool {
        self.size().0 >= LARGE_WRITES_MIN
    }

    /// Hashes the keys that are written to.
    fn keys(&self) -> impl Iterator<Item = u64> {
        let writes = match self {
            Self::Apply { writes, .. } => &writes[..],
            Self::Check { .. } => &[],
        };
        writes.iter().map(|write| xxh3_64(KeyBytes::of(&write.key).as_ref()))
    }

    /// Returns how many writes this is, and about how much memory they hold.
    fn size(&self) -> (usize, usize) {
        match self {
            Self::Apply { writes, .. } => (writes.len(), writes.iter().map(write_bytes).sum()),
            Self::Check { .. } => (0, 0),
        }
    }
}

/// Why [`Queue::take`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TakeResult {
    /// Jobs.
    Jobs,
    /// Nothing came in time.
    TimedOut,
    /// Nothing waits and nothing will come.
    Closed,
}

/// A bounded queue with one consumer.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<QueueState>,
    wake_writer: Condvar,
}

#[derive(Debug)]
struct QueueState {
    /// Jobs of few writes.
    jobs: Vec<Job>,
    /// Large jobs, and those that have to wait behind one. The first ones may be with the writer.
    large: VecDeque<LargeJob>,
    /// How many of the large jobs are with the writer.
    taken: usize,
    writes: usize,
    bytes: usize,
    open: bool,
    /// How many jobs the writer wants to be woken for. While it works it does not want to be: a
    /// caller then pays for no system call.
    wanted: usize,
}

#[derive(Debug)]
struct LargeJob {
    /// `None` when it is with the writer.
    job: Option<Job>,
    /// The hashes of the keys that it writes to, ascending.
    keys: Vec<u64>,
}

impl LargeJob {
    fn new(job: Job, keys: Vec<u64>) -> Self {
        Self { job: Some(job), keys }
    }
}

impl QueueState {
    /// Tells whether a large job that comes first writes to one of the keys.
    fn is_behind_large(&self, job: &Job) -> bool {
        let is_written =
            |key| self.large.iter().any(|large| large.keys.binary_search(&key).is_ok());
        !self.large.is_empty() && job.keys().any(is_written)
    }

    fn has_large(&self) -> bool {
        self.large.len() > self.taken
    }

    /// Takes jobs of few writes.
    fn take_small(&mut self, jobs: &mut Vec<Job>) {
        for job in self.jobs.drain(..) {
            let (writes, bytes) = job.size();
            self.writes -= writes;
            self.bytes -= bytes;
            jobs.push(job);
        }
    }

    /// Takes some of the large jobs.
    fn take_large(&mut self, jobs: &mut Vec<Job>) {
        let mut taken = 0;
        while taken < TAKEN_WRITES_MAX
            && let Some(job) = self.large.get_mut(self.taken).and_then(|large| large.job.take())
        {
            let (writes, bytes) = job.size();
            self.writes -= writes;
            self.bytes -= bytes;
            self.taken += 1;
            taken += writes;
            jobs.push(job);
        }
    }
}

/// While the writer works.
const NONE_WANTED: usize = usize::MAX;

impl Default for Queue {
    fn default() -> Self {
        let state = QueueState {
            jobs: Vec::new(),
            large: VecDeque::new(),
            taken: 0,
            writes: 0,
            bytes: 0,
            open: true,
            wanted: NONE_WANTED,
        };
        Self { state: Mutex::new(state), wake_writer: Condvar::new() }
    }
}

impl Queue {
    /// Hands a job to the writer.
    ///
    /// An empty queue takes a job of any size: its caller already holds it in memory, and it could
    /// never be accepted otherwise.
    ///
    /// # Errors
    /// [`ErrorKind::Overloaded`] at once when it does not fit, [`ErrorKind::Unavailable`] when the
    /// store is closed. The job was dropped then.
    pub(super) fn push(&self, job: Job) -> Result<(), Error> {
        let (writes, bytes) = job.size();
        let is_large = job.is_large();
        let mut keys = if is_large { job.keys().collect() } else { Vec::new() };
        keys.sort_unstable();
        let mut state = self.state.lock();
        if !state.open {
            return Err(Error::new(ErrorKind::Unavailable, "the store is closed"));
        }
        let fits = state.writes + writes <= WRITES_MAX && state.bytes + bytes <= BYTES_MAX;
        if !fits && (!state.jobs.is_empty() || state.has_large()) {
            return Err(Error::new(
                ErrorKind::Overloaded,
                "too many writes are waiting for the disk",
            ));
        }
        if is_large {
            state.large.push_back(LargeJob::new(job, keys));
        } else if state.is_behind_large(&job) {
            let mut keys: Vec<_> = job.keys().collect();
            keys.sort_unstable();
            state.large.push_back(LargeJob::new(job, keys));
        } else {
            state.jobs.push(job);
        }
        state.writes += writes;
        state.bytes += bytes;
        let is_enough = state.jobs.len() >= state.wanted || state.has_large();
        if is_enough && state.wanted != NONE_WANTED {
            state.wanted = NONE_WANTED;
            // Woken while the lock is held the writer would only wait for it.
            drop(state);
            self.wake_writer.notify_one();
        }
        Ok(())
    }

    /// Refuses further jobs. Those that were accepted are still taken.
    pub(super) fn close(&self) {
        self.state.lock().open = false;
        self.wake_writer.notify_one();
    }

    /// Takes the jobs of few writes that wait into `jobs`.
    pub(super) fn take_small(&self, jobs: &mut Vec<Job>) {
        self.state.lock().take_small(jobs);
    }

    /// Tells whether jobs of few writes wait.
    pub(super) fn has_small(&self) -> bool {
        !self.state.lock().jobs.is_empty()
    }

    /// Notes that the writer has decided the large jobs that it took.
    pub(super) fn end_large(&self) {
        let state = &mut *self.state.lock();
        state.large.drain(..std::mem::take(&mut state.taken));
    }

    /// Takes what waits into `jobs`, which is empty: all jobs of few writes, and some
    /// large ones after them if it is `with_large`. Waits for more jobs as `wait` says,
    /// and then for as long as there is nothing, or until `idle_max` has passed.
    pub(super) fn take(
        &self,
        jobs: &mut Vec<Job>,
        wait: Option<Wait>,
        idle_max: Option<Duration>,
        with_large: bool,
    ) -> TakeResult {
        let mut state = self.state.lock();
        if let Some(Wait { wanted, patience }) = wait {
            let until = Instant::now() + patience;
            while state.open && state.jobs.len() < wanted && !state.has_large() {
                state.wanted = wanted;
                if self.wake_writer.wait_until(&mut state, until).timed_out() {
                    break;
                }
            }
        }
        let idle_until = idle_max.map(|idle_max| Instant::now() + idle_max);
        while state.open && state.jobs.is_empty() && !(with_large && state.has_large()) {
            state.wanted = 1;
            match idle_until {
                None => self.wake_writer.wait(&mut state),
                Some(until) if self.wake_writer.wait_until(&mut state, until).timed_out() => break,
                Some(_) => {}
            }
        }
        state.wanted = NONE_WANTED;
        state.take_small(jobs);
        if with_large || !state.open {
            state.take_large(jobs);
        }
        match (jobs.is_empty(), state.open) {
            (false, _) => TakeResult::Jobs,
            (true, true) => TakeResult::TimedOut,
            (true, false) => TakeResult::Closed,
        }
    }

    /// Returns how many jobs of few writes wait.
    pub(super) fn len(&self) -> usize {
        self.state.lock().jobs.len()
    }
}

#[cfg(test)]
mod tests {
    use domain::{Change, ItemId, Key, Keyspace};

    use tokio::sync::oneshot;

    use super::*;

    fn job(writes: usize) -> Job {
        let key = Key { collection: Keyspace::new("a").unwrap(), id: ItemId::new("b").unwrap() };
        let write = Write::new(key, Change::Delete);
        Job::Apply { writes: vec![write; writes], reply: oneshot::channel().0 }
    }

    /// A job of so many writes to an id of its own each.
    fn job_from(first: usize, writes: usize) -> Job {
        let writes = (first..first + writes).map(|number| {
            let id = ItemId::new(&number.to_string()).unwrap();
            Write::new(Key { collection: Keyspace::new("a").unwrap(), id }, Change::Delete)
        });
        Job::Apply { writes: writes.collect(), reply: oneshot::channel().0 }
    }

    /// Takes what the queue gives, and returns how many writes each job has.
    fn take(queue: &Queue, with_large: bool) -> Vec<usize> {
        let mut jobs = Vec::new();
        queue.take(&mut jobs, None, Some(Duration::ZERO), with_large);
        jobs.iter().map(|job| job.size().0).collect()
    }

    #[test]
    fn jobs_of_few_writes_come_first_and_large_ones_bit_by_bit() {
        let queue = Queue::default();
        for part in 0..4 {
            queue.push(job_from(part * 1_000, 600)).unwrap();
        }
        queue.push(job_from(10_000, 1)).unwrap();
        assert_eq!(take(&queue, false), [1]);
        assert!(take(&queue, false).is_empty());
        queue.push(job_from(10_000, 2)).unwrap();
        assert_eq!(take(&queue, true), [2, 600, 600]);
        queue.end_large();
        assert_eq!(take(&queue, true), [600, 600]);
        assert!(take(&queue, true).is_empty());
    }

    #[test]
    fn a_job_waits_behind_the_large_one_that_writes_to_the_same_item() {
        let queue = Queue::default();
        queue.push(job_from(0, 1_500)).unwrap();
        queue.push(job_from(1_500, 500)).unwrap();
        assert_eq!(take(&queue, true), [1_500]);
        // The writer has the first, and the second waits.
        queue.push(job_from(1_499, 1)).unwrap();
        queue.push(job_from(1_999, 2)).unwrap();
        queue.push(job_from(2_010, 3)).unwrap();
        // Its first write is one of a job that waits behind a large one.
        queue.push(job_from(2_000, 4)).unwrap();
        let mut small = Vec::new();
        queue.take_small(&mut small);
        assert_eq!(small.len(), 1);
        queue.end_large();
        assert_eq!(take(&queue, true), [500, 1, 2, 4]);
        queue.end_large();
        queue.push(job_from(1_499, 1)).unwrap();
        assert_eq!(take(&queue, false), [1], "nothing is in its way any more");
    }

    #[test]
    fn a_full_queue_refuses_at_once() {
        let queue = Queue::default();
        queue.push(job(WRITES_MAX)).unwrap();
        assert_eq!(queue.push(job(1)).expect_err("it is full").kind(), ErrorKind::Overloaded);
        assert_eq!(queue.take(&mut Vec::new(), None, None, true), TakeResult::Jobs);
        queue.push(job(1)).expect("there is room again");
    }

    #[test]
    fn an_empty_queue_takes_a_job_of_any_size() {
        let queue = Queue::default();
        queue.push(job(WRITES_MAX + 1)).unwrap();
        assert_eq!(queue.push(job(1)).expect_err("it is full").kind(), ErrorKind::Overloaded);
    }

    #[test]
    fn a_closed_queue_refuses_and_still_gives_what_it_has() {
        let queue = Queue::default();
        queue.push(job(1)).unwrap();
        queue.close();
        assert_eq!(queue.push(job(1)).expect_err("it is closed").kind(), ErrorKind::Unavailable);
        assert_eq!(queue.take(&mut Vec::new(), None, None, true), TakeResult::Jobs);
        assert_eq!(queue.take(&mut Vec::new(), None, None, true), TakeResult::Closed);
    }

    #[test]
    fn patience_ends_and_what_is_there_is_taken() {
        let queue = Queue::default();
        queue.push(job(1)).unwrap();
        let mut jobs = Vec::new();
        let wait = Wait { wanted: 2, patience: Duration::from_millis(1) };
        assert_eq!(queue.take(&mut jobs, Some(wait), None, true), TakeResult::Jobs);
        assert_eq!(jobs.len(), 1);
        jobs.clear();
        let idle_max = Some(Duration::from_millis(1));
        assert_eq!(queue.take(&mut jobs, None, idle_max, true), TakeResult::TimedOut);
    }
}
