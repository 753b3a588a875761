//! What readers look through: everything below a number.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;

/// The numbers that readers look through, the latest and those that are still in use.
#[derive(Debug)]
pub(super) struct Snapshots {
    latest: ArcSwap<Snapshot>,
    used: Arc<Mutex<BTreeSet<u64>>>,
}

/// A number that readers look through. It counts as used until it is dropped.
#[derive(Debug)]
pub(super) struct Snapshot {
    number: u64,
    used: Arc<Mutex<BTreeSet<u64>>>,
}

impl Snapshot {
    /// Readers see what has a smaller number.
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.used.lock().remove(&self.number);
    }
}

impl Snapshots {
    pub(super) fn new(number: u64) -> Self {
        let used = Arc::new(Mutex::new(BTreeSet::from([number])));
        let first = Snapshot { number, used: Arc::clone(&used) };
        Self { latest: ArcSwap::from_pointee(first), used }
    }

    /// Returns the latest snapshot for a short look: it takes no lock and counts nothing.
    pub(super) fn load(&self) -> Guard<Arc<Snapshot>> {
        self.latest.load()
    }

    /// Returns the latest snapshot for as long as it is wanted.
    pub(super) fn hold(&self) -> Arc<Snapshot> {
        self.latest.load_full()
    }

    /// Shows readers what is below `number`. Calls come one after the other, with numbers that
    /// never fall.
    pub(super) fn publish(&self, number: u64) {
        let latest = self.latest.load().number;
        debug_assert!(number >= latest, "what readers have seen does not vanish");
        if number > latest {
            self.used.lock().insert(number);
            self.latest.store(Arc::new(Snapshot { number, used: Arc::clone(&self.used) }));
        }
    }

    /// Returns the oldest number that is looked through: what it does not need can go.
    pub(super) fn oldest(&self) -> u64 {
        *self.used.lock().first().expect("the latest is used")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_the_one_that_is_still_held() {
        let snapshots = Snapshots::new(1);
        let held = snapshots.hold();
        snapshots.publish(5);
        snapshots.publish(9);
        assert_eq!((snapshots.oldest(), snapshots.load().number()), (1, 9));
        drop(held);
        assert_eq!(snapshots.oldest(), 9);
        snapshots.publish(9);
        assert_eq!(snapshots.oldest(), 9);
    }
}
