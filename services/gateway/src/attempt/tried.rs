//! Which replicas a request was sent to.

use super::ATTEMPTS_MAX;

/// The numbers of the replicas that were sent a request.
#[derive(Default)]
pub(super) struct TriedReplicas {
    numbers: [u64; ATTEMPTS_MAX],
    count: usize,
}

impl TriedReplicas {
    pub(super) fn numbers(&self) -> &[u64] {
        &self.numbers[..self.count]
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.numbers().contains(&number)
    }

    pub(super) fn is_full(&self) -> bool {
        self.count == ATTEMPTS_MAX
    }

    pub(super) fn add(&mut self, number: u64) {
        self.numbers[self.count] = number;
        self.count += 1;
    }
}
