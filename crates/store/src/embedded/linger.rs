//! How long the writer waits for company.
//!
//! A sync costs the same for one write as for a hundred. When a group has been answered, its
//! writers come back within moments with their next write; a writer thread that syncs at once
//! finds only those who came while it was busy, and the others wait for a whole sync. Waiting for
//! everybody doubles the rate on a disk that takes 1 ms, and makes nobody slower: all are answered
//! by the next sync in place of the one after it.

use std::time::Duration;

/// The wait is at most this part of a sync: what is lost when nobody comes stays small beside what
/// every write pays anyway.
const SYNC_FRACTION: u32 = 2;

/// Longest wait, for disks on which a sync takes tens of milliseconds: writers that are still
/// there come back sooner than this.
const LINGER_MAX: Duration = Duration::from_millis(2);

/// After this many fruitless waits the wait is a 64th as long.
const PATIENCE_LOST_MAX: u32 = 6;

/// Learns from past groups how many writers there are and how long a sync takes.
#[derive(Debug, Default)]
pub(super) struct Linger {
    sync: Duration,
    expected: usize,
    lost: u32,
}

impl Linger {
    /// How many jobs to wait for. One writer alone never waits.
    pub(super) fn expected(&self) -> usize {
        self.expected
    }

    /// How long to wait for them.
    pub(super) fn patience(&self) -> Duration {
        if self.expected <= 1 {
            Duration::ZERO
        } else {
            (self.sync / SYNC_FRACTION).min(LINGER_MAX) / (1 << self.lost)
        }
    }

    /// Learns how many came: whether the wait was worth it.
    pub(super) fn came(&mut self, jobs: usize) {
        if self.expected > 1 {
            // Most of them are enough; a few always leave.
            let worth = jobs >= self.expected - self.expected / 4;
            self.lost = if worth {
                self.lost.saturating_sub(1)
            } else {
                (self.lost + 1).min(PATIENCE_LOST_MAX)
            };
        }
    }

    /// Learns how long a sync took.
    pub(super) fn synced(&mut self, took: Duration) {
        self.sync = if self.sync.is_zero() { took } else { (self.sync * 7 + took) / 8 };
    }

    /// Learns how many were answered, and how many came meanwhile: together they are the writers
    /// that there are now.
    pub(super) fn answered(&mut self, jobs: usize, waiting: usize) {
        self.expected = jobs + waiting;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNC: Duration = Duration::from_millis(1);

    #[test]
    fn a_single_writer_never_waits() {
        let mut linger = Linger::default();
        linger.synced(SYNC);
        linger.answered(1, 0);
        assert_eq!(linger.patience(), Duration::ZERO);
    }

    #[test]
    fn two_halves_of_the_writers_become_one_group() {
        let mut linger = Linger::default();
        linger.synced(SYNC);
        linger.answered(32, 32);
        assert_eq!(linger.expected(), 64);
        assert_eq!(linger.patience(), SYNC / SYNC_FRACTION);
    }

    #[test]
    fn fruitless_waits_get_shorter_and_worthwhile_ones_longer_again() {
        let mut linger = Linger::default();
        linger.synced(SYNC);
        linger.answered(64, 0);
        let full = linger.patience();
        for _ in 0..10 {
            linger.came(1);
        }
        assert_eq!(linger.patience(), full / 64);
        for _ in 0..10 {
            linger.came(64);
        }
        assert_eq!(linger.patience(), full);
    }
}
