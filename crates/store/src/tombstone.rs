//! Tombstones: the order tokens that deletions leave behind for a time.

use std::time::Duration;

use domain::{Moment, Order, State};

use crate::clock::Clock;

/// The token of a deletion, and how long it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tombstone {
    /// From this moment on it does not count.
    pub(crate) until: Moment,
    /// The token.
    pub(crate) order: Order,
}

/// How long the tombstones of a store are kept, and by which clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TombstoneTime {
    clock: Clock,
    time: Duration,
}

impl TombstoneTime {
    pub(crate) fn new(clock: Clock, time: Duration) -> Self {
        Self { clock, time }
    }

    /// Makes the tombstone of a deletion that happens now.
    pub(crate) fn tombstone(self, order: Order) -> Tombstone {
        let time = u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX);
        let until = self.clock.now().0.saturating_add(time);
        // The numbers of a database have a sign.
        Tombstone { until: Moment(until.min(i64::MAX.unsigned_abs())), order }
    }

    /// Returns the state that a tombstone stands for.
    pub(crate) fn state(self, tombstone: Tombstone) -> State {
        if self.clock.now() < tombstone.until {
            State::Deleted(tombstone.order)
        } else {
            State::Absent
        }
    }
}
