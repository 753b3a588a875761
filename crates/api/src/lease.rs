//! How long a process may rely on what it knows of collections.
//!
//! Replicas of the service share a store, and each has a catalog of the collections that it has read there.
//! A definition that was changed through another replica is in force in this one when its catalog has been
//! read again. So that this takes no longer than [`LEASE`], also if the process or the store stood still for a
//! while, a catalog that is older serves no request: it is read again first.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use domain::CollectionName;
use store::{Error, ErrorKind};
use tokio::sync::{mpsc, oneshot};

/// Longest time that a changed definition may stay unknown to a replica: two seconds, as the design
/// promises, less what a request takes between the look at the catalog and its write.
pub(crate) const LEASE: Duration = Duration::from_millis(1_900);

/// Most requests that wait for the catalog at a time.
const WAITING_MAX: usize = 1_024;

/// What is to be read anew.
#[derive(Debug)]
pub(crate) enum Ask {
    /// One collection, which no request may be answered without.
    Name(CollectionName),
    /// One collection that a client has named and that may not exist: these are read at a bounded
    /// rate.
    Unknown(CollectionName),
    /// All of them.
    All,
}

/// A wish for something to be read anew, and how to tell that it was.
pub(crate) type Wish = (Ask, oneshot::Sender<Result<(), Error>>);

/// How long a process may rely on its catalog.
pub(crate) struct Lease {
    start: Instant,
    /// When the catalog was last known to be that of the store, in milliseconds after the start; 0 if
    /// never.
    confirmed: AtomicU64,
    /// Whether other processes can change the store.
    is_shared: bool,
    wishes: mpsc::Sender<Wish>,
}

impl Lease {
    /// Makes a lease that does not hold yet, and the end at which wishes arrive.
    pub(crate) fn new(is_shared: bool) -> (Self, mpsc::Receiver<Wish>) {
        let (wishes, arrived) = mpsc::channel(WAITING_MAX);
        (Self { start: Instant::now(), confirmed: AtomicU64::new(0), is_shared, wishes }, arrived)
    }

    /// Tells whether other processes can change the store.
    pub(crate) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Tells whether the catalog may be relied on.
    pub(crate) fn holds(&self) -> bool {
        let confirmed = self.confirmed.load(Ordering::Acquire);
        confirmed > 0
            && (!self.is_shared || self.start.elapsed() < Duration::from_millis(confirmed) + LEASE)
    }

    /// Notes that the catalog was that of the store at this moment.
    pub(crate) fn confirm(&self, moment: Instant) {
        let after = moment.saturating_duration_since(self.start).as_millis();
        let after = u64::try_from(after).unwrap_or(u64::MAX).max(1);
        self.confirmed.fetch_max(after, Ordering::Release);
    }

    /// Waits until the lease holds, and reads the catalog anew for it if necessary.
    ///
    /// # Errors
    /// Why the catalog cannot be read.
    pub(crate) async fn hold(&self) -> Result<(), Error> {
        if self.holds() { Ok(()) } else { self.ask(Ask::All).await }
    }

    /// Waits until something was read after this was called.
    ///
    /// # Errors
    /// Why it cannot be read. [`ErrorKind::Overloaded`] if too many wait.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<(), Error> {
        let (told, answer) = oneshot::channel();
        let too_many =
            || Error::new(ErrorKind::Overloaded, "too many requests wait for the catalog");
        self.wishes.try_send((ask, told)).map_err(|_| too_many())?;
        let ended = || Error::new(ErrorKind::Unavailable, "the catalog is no longer read");
        answer.await.unwrap_or_else(|_| Err(ended()))
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("holds", &self.holds()).finish_non_exhaustive()
    }
}
