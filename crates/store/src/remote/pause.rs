//! Pauses between attempts: each twice as long as the last, and never the same for two clients.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// The first pause: about the time of a round trip within a data centre and a sync.
const FIRST: Duration = Duration::from_millis(5);

/// The longest pause: what a client hardly notices after an outage has ended.
const LAST: Duration = Duration::from_millis(500);

/// Grows from attempt to attempt.
#[derive(Debug)]
pub(super) struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Pause {
    /// Returns how long to wait before the next attempt: between half the pause and all of it.
    pub(super) fn next(&mut self) -> Duration {
        let whole = self.0;
        self.0 = (whole * 2).min(LAST);
        let random = RandomState::new().hash_one(());
        whole / 2 + (whole / 2).mul_f64((random % 1_000) as f64 / 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound() {
        let mut pause = Pause::default();
        let pauses: Vec<_> = (0..12).map(|_| pause.next()).collect();
        assert!(pauses[0] <= FIRST && pauses[0] >= FIRST / 2);
        assert!(pauses[3] > pauses[0]);
        assert!(pauses.iter().all(|pause| *pause <= LAST));
        assert!(pauses[11] >= LAST / 2);
    }
}
