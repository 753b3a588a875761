//! Scans run beside the store's owner, and must end before it closes.

use std::sync::Arc;
use std::thread;

use parking_lot::{Condvar, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many scans run at a time: more of them than there are processors are not faster, and each
/// holds a page of some megabytes.
const SCANS_MAX: usize = 8;

/// Counts the scans that run.
#[derive(Debug)]
pub(super) struct RunningScans {
    places: Arc<Semaphore>,
    state: Mutex<ScansState>,
    ended: Condvar,
}

impl Default for RunningScans {
    fn default() -> Self {
        let places = thread::available_parallelism().map_or(1, usize::from).min(SCANS_MAX);
        Self {
            places: Arc::new(Semaphore::new(places)),
            state: Mutex::default(),
            ended: Condvar::new(),
        }
    }
}

#[derive(Debug, Default)]
struct ScansState {
    running: usize,
    closed: bool,
}

/// Keeps the store open until it is dropped.
#[derive(Debug)]
pub(super) struct RunningScan(Arc<RunningScans>);

impl RunningScans {
    /// Waits for one of the places in which scans run, in the order of the callers.
    ///
    /// # Cancel safety
    /// A caller that is dropped takes no place.
    pub(super) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// Begins a scan, unless the store is being closed.
    pub(super) fn begin(self: &Arc<Self>) -> Option<RunningScan> {
        let mut state = self.state.lock();
        if state.closed {
            return None;
        }
        state.running += 1;
        Some(RunningScan(Arc::clone(self)))
    }

    /// Refuses further scans and waits for those that run. A page and a step
    /// of a count are bounded, so this is short.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        self.ended.wait_while(&mut state, |state| state.running > 0);
    }
}

impl Drop for RunningScan {
    fn drop(&mut self) {
        self.0.state.lock().running -= 1;
        self.0.ended.notify_all();
    }
}
