//! What calls wait for.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// A gate in front of an engine. A test that fails opens it: the store waits for its writes.
#[derive(Debug)]
pub(super) struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Gate {
    /// Returns what is waited for: a permit, or that there are none any more.
    pub(super) fn waits(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0)
    }

    pub(super) fn open(&self) {
        self.0.close();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}
