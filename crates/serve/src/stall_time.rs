//! How long a client may take nothing of an answer.

use std::time::Duration;

use crate::draining::WorkerDraining;

/// Longest time while the worker ends: a client that reads at all takes something within it.
const TIME_MAX_AT_END: Duration = Duration::from_secs(2);

/// How often a client that takes nothing is looked at: the worker may have begun to end.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The time, which is shorter once the worker is about to end: a drain does not wait for clients that do
/// not read.
#[derive(Clone, Debug)]
pub(crate) struct StallTime {
    max: Duration,
    draining: WorkerDraining,
}

impl StallTime {
    pub(crate) fn new(max: Duration, draining: WorkerDraining) -> Self {
        Self { max, draining }
    }

    /// Returns how long it is now.
    pub(crate) fn max(&self) -> Duration {
        if self.draining.has_begun() { self.max.min(TIME_MAX_AT_END) } else { self.max }
    }

    /// Returns after which time a client that takes nothing is to be looked at again.
    pub(crate) fn look_after(&self) -> Duration {
        (self.max / 4).min(LOOK_EVERY)
    }
}
