//! Whether the writer waits for more writes, and for how long.
//!
//! A sync costs the same for one write as for a hundred. When a group has been answered, its
//! writers come back within moments with their next write; a writer thread that syncs at once
//! finds only those that came while it was busy, and the others wait for a whole sync. Where a sync
//! takes long, waiting for all writers doubles the rate and makes none slower: the next sync answers
//! all of them, in place of the one after it.
//!
//! Where a sync is done before the writers could be back, nothing comes of waiting. It is then
//! tried again now and then, for as little as it costs.

use std::time::Duration;

/// The wait is at most this part of a sync: what is lost when no writer comes stays small beside
/// what every write pays anyway.
const SYNC_FRACTION: u32 = 2;

/// Longest wait, for disks on which a sync takes tens of milliseconds: writers that are still
/// there come back sooner than this.
const LINGER_MAX: Duration = Duration::from_millis(2);

/// After this many fruitless waits in a row 64 groups go without one before the next.
const FRUITLESS_MAX: u32 = 6;

/// How long to wait, and for how many jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    /// The wait ends early when so many are there.
    pub(super) wanted: usize,
    /// The wait ends after this time in any case.
    pub(super) patience: Duration,
}

/// Learns from past groups how many writers there are, how long a sync takes and whether waiting
/// pays.
#[derive(Debug, Default)]
pub(super) struct Linger {
    sync: Duration,
    expected: usize,
    /// How many waits in a row were fruitless.
    fruitless: u32,
    /// How many groups are to go without a wait.
    skipped: u32,
}

impl Linger {
    /// How to wait for the next group. One writer alone never waits.
    pub(super) fn wait(&mut self) -> Option<Wait> {
        if self.expected <= 1 {
            return None;
        }
        if self.skipped > 0 {
            self.skipped -= 1;
            return None;
        }
        let patience = (self.sync / SYNC_FRACTION).min(LINGER_MAX);
        Some(Wait { wanted: self.expected, patience })
    }

    /// Learns how many jobs were there after a wait: whether it was worth it.
    ///
    /// Without waiting half of the writers would share each sync. So a wait of half a sync pays if
    /// three quarters of them come.
    pub(super) fn waited(&mut self, wait: Wait, jobs: usize) {
        if jobs >= wait.wanted - wait.wanted / 4 {
            self.fruitless = 0;
        } else {
            self.fruitless = (self.fruitless + 1).min(FRUITLESS_MAX);
            self.skipped = (1 << self.fruitless) - 1;
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

    fn linger(jobs: usize, waiting: usize) -> Linger {
        let mut linger = Linger::default();
        linger.synced(SYNC);
        linger.answered(jobs, waiting);
        linger
    }

    #[test]
    fn a_single_writer_never_waits() {
        assert_eq!(linger(1, 0).wait(), None);
    }

    #[test]
    fn two_halves_of_the_writers_become_one_group() {
        let wait = linger(32, 32).wait();
        assert_eq!(wait, Some(Wait { wanted: 64, patience: SYNC / SYNC_FRACTION }));
    }

    #[test]
    fn fruitless_waits_become_rare_and_one_that_pays_brings_them_back() {
        let mut linger = linger(32, 32);
        let mut groups = 0;
        for _ in 0..20 {
            let wait = loop {
                groups += 1;
                if let Some(wait) = linger.wait() {
                    break wait;
                }
            };
            linger.waited(wait, 40);
        }
        assert!(groups > 14 * 64, "{groups}");
        let wait = std::iter::from_fn(|| Some(linger.wait())).flatten().next().expect("one comes");
        linger.waited(wait, 48);
        assert_eq!(linger.wait(), Some(wait));
    }
}
