//! The store: it hands each call to a lane.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc as std_mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use domain::{
    Count, Item, Key, Keyspace, Moment, Page, PageQuery, Remembered, ReplayKey, SnapshotQuery,
    Verdict, Write,
};
use futures_util::future::join_all;
use futures_util::stream::{self, FuturesUnordered, StreamExt as _};
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;
use tokio::time::Instant;

use super::held::{self, HeldItems};
use super::lanes::{self, LaneRead, Read};
use super::pending_writes::{PendingShare, PendingWrites, by_lane, bytes};
use super::session::{LockWait, Session};
use super::snapshots::{self, SnapshotRequest};
use super::token::Tokens;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind};
use crate::options::Options;
use crate::reply::Reply;
use crate::snapshot::Snapshot;
use crate::store::Store;

/// Most calls that wait for one lane: a lane settles some ten thousand writes a second, so the last
/// of them is answered well within the request deadline of 30 s.
const CALLS_MAX: usize = 8_192;

/// Most bytes of items that wait in all lanes, as in the embedded store.
const BYTES_MAX: usize = 64 << 20;

/// How many sessions there are, and how long they try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolSettings {
    /// Sessions that write.
    pub(crate) writers: usize,
    /// Sessions that read items.
    pub(crate) readers: usize,
    /// How long a call is tried before it fails for a reason that may pass. Some time below the
    /// request deadline, so that the answer says what is wrong.
    pub(crate) patience: Duration,
    /// Snapshots that may be open at a time.
    pub(crate) snapshots: usize,
}

/// Items in an engine on another machine.
///
/// All sessions live on one thread with a runtime of its own: connections belong to the runtime
/// that opened them, and the service has several. Dropping the store settles what was accepted, for
/// as long as that may take, and closes the sessions.
pub(crate) struct Remote {
    name: &'static str,
    lanes: Option<Lanes>,
    hasher: RandomState,
    next_reader: AtomicUsize,
    /// Bytes of items that wait.
    waiting: Arc<AtomicUsize>,
    clock: Clock,
    /// Whether a lane ended early.
    is_broken: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct Lanes {
    writers: Vec<mpsc::Sender<PendingWrites>>,
    readers: Vec<mpsc::Sender<Read>>,
    looks: mpsc::Sender<LaneRead>,
    snapshots: mpsc::Sender<SnapshotRequest>,
}

impl Remote {
    /// Starts the thread of a store. On it `prepare` makes the engine ready, and returns the clock of the
    /// store and what makes sessions, each told how long it waits for what others hold. `name` is what
    /// the engine is called in messages.
    ///
    /// It blocks until `prepare` has ended.
    ///
    /// # Errors
    /// What `prepare` returns, or that there is no thread to be had.
    pub(crate) fn start<S, M, E>(
        name: &'static str,
        pool: PoolSettings,
        options: &Options,
        prepare: impl AsyncFnOnce() -> Result<(M, Clock), E> + Send + 'static,
        failed: impl FnOnce(std::io::Error) -> E,
    ) -> Result<Self, E>
    where
        S: Session + 'static,
        M: Fn(LockWait) -> S + 'static,
        E: Send + 'static,
    {
        let (writers, queue): (Vec<_>, Vec<_>) =
            (0..pool.writers).map(|_| mpsc::channel(CALLS_MAX)).unzip();
        let (readers, reads): (Vec<_>, Vec<_>) =
            (0..pool.readers).map(|_| mpsc::channel(CALLS_MAX)).unzip();
        let (looks, look) = mpsc::channel(CALLS_MAX);
        let (snapshots, requests) = mpsc::channel(CALLS_MAX);
        let time_max = options.snapshot_time_max;
        let (ready, readiness) = std_mpsc::sync_channel(1);
        let is_broken = Arc::new(AtomicBool::new(false));
        let broken = Arc::clone(&is_broken);
        let run = move || {
            let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(ready.send(Err(Ok(error)))),
            };
            let sessions = LocalSet::new();
            sessions.block_on(&runtime, async move {
                let (make, clock) = match prepare().await {
                    Ok(ready) => ready,
                    Err(error) => return drop(ready.send(Err(Err(error)))),
                };
                drop(ready.send(Ok(clock)));
                let tokens = Arc::new(Tokens::default());
                let mut tasks = FuturesUnordered::new();
                let held = Rc::new(HeldItems::default());
                let waits = make(LockWait::Longer);
                let waits = held::run(waits, Arc::clone(&tokens), Rc::clone(&held), pool.patience);
                tasks.push(tokio::task::spawn_local(waits));
                let make = || make(LockWait::Briefly);
                for queue in queue {
                    let (tokens, held) = (Arc::clone(&tokens), Rc::clone(&held));
                    let lane = lanes::write(make(), tokens, held, queue, pool.patience);
                    tasks.push(tokio::task::spawn_local(lane));
                }
                for reads in reads {
                    let lane = lanes::read(make(), reads, pool.patience);
                    tasks.push(tokio::task::spawn_local(lane));
                }
                tasks.push(tokio::task::spawn_local(lanes::look(
                    make(),
                    clock,
                    look,
                    pool.patience,
                )));
                let spare = make();
                let snapshots = snapshots::serve(
                    move || spare.snapshot(),
                    requests,
                    pool.snapshots,
                    time_max,
                    pool.patience,
                );
                tasks.push(tokio::task::spawn_local(snapshots));
                while let Some(ended) = tasks.next().await {
                    if let Err(error) = ended {
                        broken.store(true, Ordering::Relaxed);
                        tracing::error!(%error, "a lane of the store ended early: {error}");
                    }
                    // No lane is left that could find an item held.
                    if tasks.len() == 1 {
                        held.close();
                    }
                }
            });
        };
        let thread = match thread::Builder::new().name("store-remote".to_owned()).spawn(run) {
            Ok(thread) => thread,
            Err(error) => return Err(failed(error)),
        };
        let clock = match readiness.recv() {
            Ok(Ok(clock)) => clock,
            Ok(Err(Err(error))) => return Err(error),
            Ok(Err(Ok(error))) => return Err(failed(error)),
            Err(_) => return Err(failed(std::io::Error::other("the store's thread panicked"))),
        };
        Ok(Self {
            name,
            lanes: Some(Lanes { writers, readers, looks, snapshots }),
            hasher: RandomState::new(),
            next_reader: AtomicUsize::new(0),
            waiting: Arc::default(),
            clock,
            is_broken,
            thread: Some(thread),
        })
    }

    fn lanes(&self) -> &Lanes {
        self.lanes.as_ref().expect("they are taken only by drop")
    }

    /// All writes to an item go through one lane.
    fn lane_of(&self, key: &Key) -> usize {
        (self.hasher.hash_one(key) % self.lanes().writers.len() as u64) as usize
    }

    /// Takes room for a call, if there is some.
    fn share(&self, writes: &[Write]) -> Result<Arc<PendingShare>, Error> {
        let share = PendingShare::take(&self.waiting, bytes(writes), BYTES_MAX);
        share.map(Arc::new).ok_or_else(overloaded)
    }

    /// Hands writes to their lane, if it has room.
    fn send(
        &self,
        lane: usize,
        writes: Vec<Write>,
        share: Arc<PendingShare>,
    ) -> Result<oneshot::Receiver<Vec<Result<Verdict, Error>>>, Error> {
        let (reply, answer) = oneshot::channel();
        let bytes = bytes(&writes);
        let pending = PendingWrites { writes, bytes, share, since: Instant::now(), reply };
        self.lanes().writers[lane].try_send(pending).map_err(refused)?;
        Ok(answer)
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Read,
    ) -> Reply<Result<T, Error>> {
        let readers = &self.lanes().readers;
        let reader = self.next_reader.fetch_add(1, Ordering::Relaxed) % readers.len();
        let (reply, answer) = oneshot::channel();
        match readers[reader].try_send(read(reply)) {
            Err(error) => Reply::Ready(Err(refused(error))),
            Ok(()) => Reply::later(async move { answer.await.unwrap_or_else(|_| Err(gone())) }),
        }
    }

    fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> LaneRead,
    ) -> Reply<Result<T, Error>> {
        let (reply, answer) = oneshot::channel();
        match self.lanes().looks.try_send(look(reply)) {
            Err(error) => Reply::Ready(Err(refused(error))),
            Ok(()) => Reply::later(async move { answer.await.unwrap_or_else(|_| Err(gone())) }),
        }
    }
}

fn overloaded() -> Error {
    Error::new(ErrorKind::Overloaded, "too many calls are waiting for the store")
}

fn refused<T>(error: mpsc::error::TrySendError<T>) -> Error {
    match error {
        mpsc::error::TrySendError::Full(_) => overloaded(),
        mpsc::error::TrySendError::Closed(_) => gone(),
    }
}

/// What a read is told when its lane has ended.
fn gone() -> Error {
    Error::new(ErrorKind::Internal, "a thread of the store has ended")
}

/// What a write is told when its lane ended on the way.
fn lost() -> Error {
    Error::new(ErrorKind::Unknown, "a thread of the store ended before it answered")
}

impl Store for Remote {
    fn get(&self, key: &Key) -> Reply<Result<Option<Item>, Error>> {
        self.read(|reply| Read::Get(key.clone(), reply))
    }

    fn apply(&self, writes: Vec<Write>) -> Reply<Vec<Result<Verdict, Error>>> {
        let count = writes.len();
        let share = match self.share(&writes) {
            Ok(share) => share,
            Err(error) => return Reply::Ready(vec![Err(error); count]),
        };
        if let [write] = &writes[..] {
            return match self.send(self.lane_of(&write.key), writes, share) {
                Err(error) => Reply::Ready(vec![Err(error)]),
                Ok(answer) => {
                    Reply::later(async { answer.await.unwrap_or_else(|_| vec![Err(lost())]) })
                }
            };
        }
        let mut results: Vec<Option<Result<Verdict, Error>>> = (0..count).map(|_| None).collect();
        let mut answers = Vec::new();
        for (lane, (places, writes)) in by_lane(writes, |key| self.lane_of(key)) {
            match self.send(lane, writes, Arc::clone(&share)) {
                Ok(answer) => answers.push(async move { (places, answer.await) }),
                Err(error) => {
                    places.into_iter().for_each(|place| results[place] = Some(Err(error.clone())));
                }
            }
        }
        Reply::later(async move {
            for (places, answer) in join_all(answers).await {
                for (place, result) in places.into_iter().zip(answer.unwrap_or_default()) {
                    results[place] = Some(result);
                }
            }
            results.into_iter().map(|result| result.unwrap_or_else(|| Err(lost()))).collect()
        })
    }

    fn recall(&self, key: &ReplayKey) -> Reply<Result<Option<Remembered>, Error>> {
        self.read(|reply| Read::Recall(*key, reply))
    }

    fn list(&self, query: PageQuery) -> Reply<Result<Page, Error>> {
        self.look(|reply| LaneRead::List(query, reply))
    }

    fn count(&self, query: PageQuery) -> Reply<Result<Count, Error>> {
        self.look(|reply| LaneRead::Count(query, reply))
    }

    fn collection_after(&self, after: Option<&Keyspace>) -> Reply<Result<Option<Keyspace>, Error>> {
        self.look(|reply| LaneRead::Collection(after.cloned(), reply))
    }

    fn snapshot(&self, query: SnapshotQuery) -> Snapshot {
        let (request, snapshot) = snapshots::request(query);
        match self.lanes().snapshots.try_send(request) {
            Ok(()) => snapshot,
            Err(error) => stream::iter([Err(refused(error))]).boxed(),
        }
    }

    fn check(&self) -> Reply<Result<(), Error>> {
        let Lanes { writers, readers, .. } = self.lanes();
        if writers.iter().any(mpsc::Sender::is_closed)
            || readers.iter().any(mpsc::Sender::is_closed)
            || self.is_broken.load(Ordering::Relaxed)
        {
            return Reply::Ready(Err(gone()));
        }
        self.look(LaneRead::Check)
    }

    fn now(&self) -> Moment {
        self.clock.now()
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn alive(&self) -> Result<(), Error> {
        let has_ended = self.thread.as_ref().is_none_or(JoinHandle::is_finished);
        if has_ended || self.is_broken.load(Ordering::Relaxed) { Err(gone()) } else { Ok(()) }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.lanes = None;
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the store's thread panicked");
        }
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("name", &self.name).finish_non_exhaustive()
    }
}
