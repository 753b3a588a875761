//! How many streams there are at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use contract::guard::RetryAfter;
use contract::{Problem, Responses};

/// The places of streams. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Streams(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    max: usize,
    open: AtomicUsize,
}

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
        Self(Arc::new(Shared { max, open: AtomicUsize::new(0) }))
    }

    /// Takes a place.
    pub(crate) fn open(&self) -> Result<StreamPlace, NoPlace> {
        let Shared { max, open } = &*self.0;
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
