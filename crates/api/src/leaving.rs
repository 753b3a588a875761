//! The time between the announcement of the end and the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the service is about to stop. Cheap to clone: all clones are one.
///
/// From then on `/readyz` answers 503, so that a load balancer stops sending
/// requests.
#[derive(Clone, Debug, Default)]
pub struct Leaving(Arc<AtomicBool>);

impl Leaving {
    /// Says so from now on.
    pub fn announce(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Tells whether it was said.
    #[must_use]
    pub fn is_announced(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
