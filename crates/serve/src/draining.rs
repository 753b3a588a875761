//! Whether the end was announced: to the process, and to one worker.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the process is about to stop. Cheap to clone: all clones are one.
///
/// From then on `/readyz` answers 503, so that a load balancer sends no more requests.
#[derive(Clone, Debug, Default)]
pub struct Draining(Arc<AtomicBool>);

impl Draining {
    /// Says that it is, from now on.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Tells whether it is.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether a worker is about to end; shared by its connections. Every request counts a reference to it, so
/// it is the worker's own.
#[derive(Clone, Debug, Default)]
pub struct WorkerDraining(Rc<Cell<bool>>);

impl WorkerDraining {
    /// Says that it is, from now on.
    pub(crate) fn begin(&self) {
        self.0.set(true);
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.0.get()
    }
}
