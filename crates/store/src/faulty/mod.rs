//! A store that fails on demand, for rehearsals.
//!
//! Tests of what stands above a store, and authors of clients that have to handle every
//! answer of the contract, cannot wait for a disk to fill up. They write an [`InjectedFault`] into `DIR/next`
//! (into another file first, then rename it) and make one call. With `-write` behind its name, as in
//! `full-write`, a fault waits for the next write.
//!
//! The fault `dead` is for [`alive`](Store::alive), which meets no other one.
//!
//! Tests that judge stores have to show that they would find a bad one. With the feature `planted-bugs`,
//! when the store is opened and there is a file `DIR/bug`, it has the bug that the file names, for as
//! long as it lives: `lost-update`, `double-create`, `stale-read`, `dropped-write` or
//! `no-tombstone`.

mod fault;
#[cfg(feature = "planted-bugs")]
mod planted;
#[cfg(test)]
mod tests;

use std::future;
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;

use domain::{
    Count, Item, Key, Keyspace, Moment, Page, PageQuery, Remembered, ReplayKey, SnapshotQuery,
    Verdict, Write,
};
use futures_util::{StreamExt as _, stream};

use self::fault::{Faults, InjectedFault};
use crate::error::{Error, ErrorKind};
use crate::open_error::OpenError;
use crate::reply::Reply;
use crate::snapshot::Snapshot;
use crate::store::Store;

/// Forwards every call to another store, unless a fault is waiting for it.
///
/// It looks for a file on every call, on the calling thread: not for production.
#[derive(Debug)]
pub(crate) struct Faulty {
    faults: Arc<Faults>,
    inner: Arc<dyn Store>,
}

impl Faulty {
    /// Takes faults from `directory`, which is created when it is missing.
    pub(crate) fn new(directory: &Path, inner: Arc<dyn Store>) -> Result<Self, OpenError> {
        let faults = Arc::new(Faults::new(directory)?);
        #[cfg(feature = "planted-bugs")]
        let inner = planted::plant(directory, inner)?;
        Ok(Self { faults, inner })
    }

    /// Makes `call`, or the fault that is waiting in its place. `hidden` is the kind of error that
    /// hides an outcome: of a read nothing can be unknown, it just was not answered.
    fn call<T: Send + 'static>(
        &self,
        hidden: ErrorKind,
        call: impl FnOnce(&dyn Store) -> Reply<T>,
        failed: impl FnOnce(Error) -> T + Send + 'static,
    ) -> Reply<T> {
        // An error that hides an outcome is that of a write.
        match self.faults.take(hidden == ErrorKind::Unknown) {
            None => call(&*self.inner),
            Some(Ok(InjectedFault::Fail(error))) => Reply::Ready(failed(error)),
            Some(Ok(InjectedFault::HideOutcome)) => {
                let reply = call(&*self.inner);
                Reply::later(async move {
                    drop(reply.await);
                    failed(Error::new(hidden, "a rehearsed fault hides what happened"))
                })
            }
            Some(Ok(InjectedFault::Stall)) => Reply::later(future::pending()),
            Some(Ok(InjectedFault::Panic)) => panic!("a rehearsed fault"),
            Some(Err(error)) => Reply::Ready(failed(error)),
        }
    }
}

impl Store for Faulty {
    fn get(&self, key: &Key) -> Reply<Result<Option<Item>, Error>> {
        self.call(ErrorKind::Unavailable, |store| store.get(key), Err)
    }

    fn apply(&self, writes: Vec<Write>) -> Reply<Vec<Result<Verdict, Error>>> {
        let count = writes.len();
        self.call(
            ErrorKind::Unknown,
            |store| store.apply(writes),
            move |error| vec![Err(error); count],
        )
    }

    fn recall(&self, key: &ReplayKey) -> Reply<Result<Option<Remembered>, Error>> {
        self.call(ErrorKind::Unavailable, |store| store.recall(key), Err)
    }

    fn list(&self, query: PageQuery) -> Reply<Result<Page, Error>> {
        self.call(ErrorKind::Unavailable, |store| store.list(query), Err)
    }

    fn count(&self, query: PageQuery) -> Reply<Result<Count, Error>> {
        self.call(ErrorKind::Unavailable, |store| store.count(query), Err)
    }

    fn collection_after(&self, after: Option<&Keyspace>) -> Reply<Result<Option<Keyspace>, Error>> {
        // What is looked for beside the requests meets no fault that is meant for one of them.
        self.inner.collection_after(after)
    }

    /// A fault can meet each chunk.
    fn snapshot(&self, query: SnapshotQuery) -> Snapshot {
        let mut inner = self.inner.snapshot(query);
        let (faults, mut over) = (Arc::clone(&self.faults), false);
        stream::poll_fn(move |context| {
            if over {
                return Poll::Ready(None);
            }
            let hidden = || Error::new(ErrorKind::Unavailable, "a rehearsed fault hides a chunk");
            let error = match faults.take(false) {
                None => return inner.poll_next_unpin(context),
                Some(Ok(InjectedFault::Stall)) => {
                    inner = stream::pending().boxed();
                    return Poll::Pending;
                }
                Some(Ok(InjectedFault::Panic)) => panic!("a rehearsed fault"),
                Some(Ok(InjectedFault::HideOutcome)) => hidden(),
                Some(Ok(InjectedFault::Fail(error)) | Err(error)) => error,
            };
            over = true;
            Poll::Ready(Some(Err(error)))
        })
        .boxed()
    }

    fn check(&self) -> Reply<Result<(), Error>> {
        self.call(ErrorKind::Unavailable, |store| store.check(), Err)
    }

    fn now(&self) -> Moment {
        self.inner.now()
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    fn alive(&self) -> Result<(), Error> {
        match self.faults.take_dead() {
            Some(error) => Err(error),
            None => self.inner.alive(),
        }
    }
}
