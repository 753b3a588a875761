//! Scans run beside the store's owner, and must end before it closes.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

/// Counts the scans that run.
#[derive(Debug, Default)]
pub(super) struct Scans {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    closed: bool,
}

/// Keeps the store open until it is dropped.
#[derive(Debug)]
pub(super) struct Scan(Arc<Scans>);

impl Scans {
    /// Begins a scan, unless the store is being closed.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Scan> {
        let mut state = self.state.lock();
        if state.closed {
            return None;
        }
        state.running += 1;
        Some(Scan(Arc::clone(self)))
    }

    /// Refuses further scans and waits for those that run. A page and a step
    /// of a count are bounded, so this is short.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        self.ended.wait_while(&mut state, |state| state.running > 0);
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        self.0.state.lock().running -= 1;
        self.0.ended.notify_all();
    }
}
