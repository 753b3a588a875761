//! How many streams there are at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use contract::guard::RetryAfter;
use contract::{Problem, Responses};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of streams. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Streams(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    max: usize,
    open: AtomicUsize,
    groups: Arc<Semaphore>,
}

/// Most groups of lines of all streams that are with the store: enough to keep it busy, and few enough that it
/// has room for other writes. A stream waits for its turn, and its client with it.
const GROUPS_MAX: usize = 16;

/// The turn of a group of lines, until its outcomes are there.
pub(super) type GroupTurn = OwnedSemaphorePermit;

/// A place that a stream has until it ends.
#[derive(Debug)]
pub(crate) struct StreamPlace(Streams);

/// There is no place for another stream.
#[derive(Debug, Responses)]
pub(crate) enum NoPlace {
    /// As many streams are open as the service takes at a time. Nothing of this one was carried out.
    #[answer(503)]
    StreamsFull(Problem, RetryAfter),
}

/// Seconds until it is worth another try: a stream of some thousand lines has ended then.
const RETRY_AFTER: RetryAfter = RetryAfter(2);

impl Streams {
    /// Takes so many streams at a time.
    pub(crate) fn new(max: usize) -> Self {
        let groups = Arc::new(Semaphore::new(GROUPS_MAX));
        Self(Arc::new(Shared { max, open: AtomicUsize::new(0), groups }))
    }

    /// Waits for the turn of a stream none of whose groups is with the store.
    ///
    /// # Panics
    /// Never: the turns are never closed.
    pub(super) async fn first_turn(&self) -> GroupTurn {
        let turn = Arc::clone(&self.0.groups).acquire_owned().await;
        turn.expect("the turns are never closed")
    }

    /// Takes a turn if there is one: a stream with groups at the store waits for these, which give theirs back.
    pub(super) fn further_turn(&self) -> Option<GroupTurn> {
        Arc::clone(&self.0.groups).try_acquire_owned().ok()
    }

    /// Takes a place.
    pub(crate) fn open(&self) -> Result<StreamPlace, NoPlace> {
        let Shared { max, open, .. } = &*self.0;
        let place = StreamPlace(self.clone());
        // The place gives its own back, also where there was none.
        if open.fetch_add(1, Ordering::Relaxed) < *max {
            return Ok(place);
        }
        let detail = format!("{max} streams are open, and the service takes no more at a time.");
        Err(NoPlace::StreamsFull(Problem::new(detail), RETRY_AFTER))
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        self.0.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
