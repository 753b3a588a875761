//! What callers hand to the writer thread.

use std::mem;
use std::time::{Duration, Instant};

use domain::{Verdict, Write};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot::Sender;

use super::linger::Wait;
use crate::error::{Error, ErrorKind};
use crate::size::write_bytes;

/// Most writes that wait. A single write takes about 100 µs of the writer's time at worst, so the
/// last of these is answered within the request deadline of 30 s even on a slow disk.
const WRITES_MAX: usize = 1 << 16;

/// Most bytes of items that wait: 64 of the largest. The writer holds as much again.
const BYTES_MAX: usize = 64 << 20;

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
    jobs: Vec<Job>,
    writes: usize,
    bytes: usize,
    open: bool,
    /// How many jobs the writer wants to be woken for. While it works it does not want to be: a
    /// caller then pays for no system call.
    wanted: usize,
}

/// While the writer works.
const NONE_WANTED: usize = usize::MAX;

impl Default for Queue {
    fn default() -> Self {
        let state =
            QueueState { jobs: Vec::new(), writes: 0, bytes: 0, open: true, wanted: NONE_WANTED };
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
        let mut state = self.state.lock();
        if !state.open {
            return Err(Error::new(ErrorKind::Unavailable, "the store is closed"));
        }
        let fits = state.writes + writes <= WRITES_MAX && state.bytes + bytes <= BYTES_MAX;
        if !fits && !state.jobs.is_empty() {
            return Err(Error::new(
                ErrorKind::Overloaded,
                "too many writes are waiting for the disk",
            ));
        }
        state.jobs.push(job);
        state.writes += writes;
        state.bytes += bytes;
        if state.jobs.len() >= state.wanted {
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

    /// Takes everything that waits into `jobs`, which is empty. Waits for more jobs as `wait` says,
    /// and then for as long as there is nothing, or until `idle_max` has passed.
    pub(super) fn take(
        &self,
        jobs: &mut Vec<Job>,
        wait: Option<Wait>,
        idle_max: Option<Duration>,
    ) -> TakeResult {
        let mut state = self.state.lock();
        if let Some(Wait { wanted, patience }) = wait {
            let until = Instant::now() + patience;
            while state.open && state.jobs.len() < wanted {
                state.wanted = wanted;
                if self.wake_writer.wait_until(&mut state, until).timed_out() {
                    break;
                }
            }
        }
        let idle_until = idle_max.map(|idle_max| Instant::now() + idle_max);
        while state.open && state.jobs.is_empty() {
            state.wanted = 1;
            match idle_until {
                None => self.wake_writer.wait(&mut state),
                Some(until) if self.wake_writer.wait_until(&mut state, until).timed_out() => break,
                Some(_) => {}
            }
        }
        state.wanted = NONE_WANTED;
        (state.writes, state.bytes) = (0, 0);
        mem::swap(&mut state.jobs, jobs);
        match (jobs.is_empty(), state.open) {
            (false, _) => TakeResult::Jobs,
            (true, true) => TakeResult::TimedOut,
            (true, false) => TakeResult::Closed,
        }
    }

    /// Returns how many jobs wait.
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

    #[test]
    fn a_full_queue_refuses_at_once() {
        let queue = Queue::default();
        queue.push(job(WRITES_MAX)).unwrap();
        assert_eq!(queue.push(job(1)).expect_err("it is full").kind(), ErrorKind::Overloaded);
        assert_eq!(queue.take(&mut Vec::new(), None, None), TakeResult::Jobs);
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
        assert_eq!(queue.take(&mut Vec::new(), None, None), TakeResult::Jobs);
        assert_eq!(queue.take(&mut Vec::new(), None, None), TakeResult::Closed);
    }

    #[test]
    fn patience_ends_and_what_is_there_is_taken() {
        let queue = Queue::default();
        queue.push(job(1)).unwrap();
        let mut jobs = Vec::new();
        let wait = Wait { wanted: 2, patience: Duration::from_millis(1) };
        assert_eq!(queue.take(&mut jobs, Some(wait), None), TakeResult::Jobs);
        assert_eq!(jobs.len(), 1);
        jobs.clear();
        let idle_max = Some(Duration::from_millis(1));
        assert_eq!(queue.take(&mut jobs, None, idle_max), TakeResult::TimedOut);
    }
}
