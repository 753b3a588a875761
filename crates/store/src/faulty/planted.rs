//! A store that breaks its promises, one of them at a time.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::{
    Change, Count, Item, Key, Keyspace, Moment, Outcome, Page, PageQuery, Remembered, ReplayKey,
    SnapshotQuery, Verdict, Write, decide,
};
use parking_lot::Mutex;

use crate::error::Error;
use crate::open_error::OpenError;
use crate::reply::Reply;
use crate::snapshot::Snapshot;
use crate::store::Store;

/// How often a task lets others go first between a read and the write that relies on it: enough for
/// other workers to serve some requests meanwhile.
const YIELDS: usize = 200;

/// One of so many reads is stale. Few enough that most of what a client sees makes sense.
const STALE_EVERY: u64 = 10;

/// One of so many writes is dropped.
const DROPPED_EVERY: u64 = 20;

/// A mistake that authors of stores have made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    /// `If-Match` is checked against an item that is read first, and the write relies on it later.
    LostUpdate,
    /// Whether an item exists is read first, and two writers that find none are both told that
    /// they created it.
    DoubleCreate,
    /// A read sees what was there before the last write, as if it came from a replica.
    StaleRead,
    /// A write is acknowledged and not made.
    DroppedWrite,
    /// A deletion forgets its order token, so that a late write brings the item back.
    NoTombstone,
    /// Writes that come together are made in the order opposite to theirs.
    ReversedGroup,
}

impl Bug {
    /// Reads the bug that `directory` names in its file `bug`, if there is one.
    fn planted_in(directory: &Path) -> Result<Option<Self>, OpenError> {
        let path = directory.join("bug");
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text,
        };
        text.and_then(|text| text.trim().parse()).map(Some).map_err(|source| OpenError::Io {
            path,
            what: "it names a bug to plant",
            source,
        })
    }
}

impl FromStr for Bug {
    type Err = io::Error;

    fn from_str(text: &str) -> Result<Self, io::Error> {
        match text {
            "lost-update" => Ok(Self::LostUpdate),
            "double-create" => Ok(Self::DoubleCreate),
            "stale-read" => Ok(Self::StaleRead),
            "dropped-write" => Ok(Self::DroppedWrite),
            "no-tombstone" => Ok(Self::NoTombstone),
            "reversed-group" => Ok(Self::ReversedGroup),
            other => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "{other:?} is no bug; known are lost-update, double-create, stale-read, \
                     dropped-write, no-tombstone and reversed-group"
                ),
            )),
        }
    }
}

/// Returns the store with the bug that `directory` names, if it names one.
pub(super) fn plant(directory: &Path, store: Arc<dyn Store>) -> Result<Arc<dyn Store>, OpenError> {
    Ok(match Bug::planted_in(directory)? {
        Some(bug) => Arc::new(Planted::new(bug, store)),
        None => store,
    })
}

/// Another store with a bug. Its errors and its speed are those of the store it spoils.
#[derive(Debug)]
struct Planted(Arc<Spoilt>);

#[derive(Debug)]
struct Spoilt {
    bug: Bug,
    inner: Arc<dyn Store>,
    calls: AtomicU64,
    /// What each item was before its last write.
    earlier: Mutex<BTreeMap<Key, Option<Item>>>,
}

impl Planted {
    fn new(bug: Bug, inner: Arc<dyn Store>) -> Self {
        let (calls, earlier) = (AtomicU64::new(0), Mutex::default());
        Self(Arc::new(Spoilt { bug, inner, calls, earlier }))
    }
}

impl Spoilt {
    /// Tells whether this call is the one of `every` calls that goes wrong.
    fn goes_wrong(&self, every: u64) -> bool {
        self.calls.fetch_add(1, Ordering::Relaxed) % every == every - 1
    }

    async fn apply_one(&self, mut write: Write) -> Result<Verdict, Error> {
        let current = self.inner.get(&write.key).await?;
        match self.bug {
            Bug::LostUpdate => {
                let precondition = &mut write.precondition;
                if precondition.if_match.is_some() && precondition.if_match_holds(current.as_ref())
                {
                    precondition.if_match = None;
                    let_others_go_first().await;
                }
            }
            Bug::DoubleCreate => {
                if current.is_none() && matches!(write.change, Change::Put(_)) {
                    write.precondition.if_none_match = None;
                    let_others_go_first().await;
                    return self.write(write).await.map(|verdict| match verdict {
                        Ok(Outcome::Updated(item)) => Ok(Outcome::Created(item)),
                        verdict => verdict,
                    });
                }
            }
            Bug::StaleRead => drop(self.earlier.lock().insert(write.key.clone(), current)),
            Bug::NoTombstone => {
                if matches!(write.change, Change::Delete) {
                    write.order = None;
                }
            }
            Bug::DroppedWrite => {
                if self.goes_wrong(DROPPED_EVERY) {
                    return Ok(decide(current.as_ref(), None, &write).verdict);
                }
            }
            Bug::ReversedGroup => {}
        }
        self.write(write).await
    }

    async fn write(&self, write: Write) -> Result<Verdict, Error> {
        self.inner.apply(vec![write]).await.remove(0)
    }
}

impl Store for Planted {
    fn get(&self, key: &Key) -> Reply<Result<Option<Item>, Error>> {
        let Spoilt { bug, inner, earlier, .. } = &*self.0;
        if *bug == Bug::StaleRead
            && self.0.goes_wrong(STALE_EVERY)
            && let Some(stale) = earlier.lock().get(key)
        {
            return Reply::Ready(Ok(stale.clone()));
        }
        inner.get(key)
    }

    fn apply(&self, mut writes: Vec<Write>) -> Reply<Vec<Result<Verdict, Error>>> {
        let spoilt = Arc::clone(&self.0);
        let is_reversed = spoilt.bug == Bug::ReversedGroup;
        if is_reversed {
            writes.reverse();
        }
        Reply::later(async move {
            let mut results = Vec::with_capacity(writes.len());
            for write in writes {
                results.push(spoilt.apply_one(write).await);
            }
            if is_reversed {
                results.reverse();
            }
            results
        })
    }

    fn recall(&self, key: &ReplayKey) -> Reply<Result<Option<Remembered>, Error>> {
        self.0.inner.recall(key)
    }

    fn list(&self, query: PageQuery) -> Reply<Result<Page, Error>> {
        self.0.inner.list(query)
    }

    fn count(&self, query: PageQuery) -> Reply<Result<Count, Error>> {
        self.0.inner.count(query)
    }

    fn collection_after(&self, after: Option<&Keyspace>) -> Reply<Result<Option<Keyspace>, Error>> {
        self.0.inner.collection_after(after)
    }

    fn snapshot(&self, query: SnapshotQuery) -> Snapshot {
        self.0.inner.snapshot(query)
    }

    fn check(&self) -> Reply<Result<(), Error>> {
        self.0.inner.check()
    }

    fn now(&self) -> Moment {
        self.0.inner.now()
    }

    fn is_shared(&self) -> bool {
        self.0.inner.is_shared()
    }

    fn alive(&self) -> Result<(), Error> {
        self.0.inner.alive()
    }
}

async fn let_others_go_first() {
    for _ in 0..YIELDS {
        tokio::task::yield_now().await;
    }
}
