//! The two worst faults, counted by rules that need no search.

use super::record::{History, NEVER, Recorded};
use super::register::{Action, Outcome, Value};

impl History {
    /// Counts the acknowledged writes that were lost: those that had been answered before some read
    /// was made, which nevertheless saw what was there before them.
    ///
    /// A write is lost when everything that could have left what the read saw had returned before
    /// the write was made. Writes that were open or at the same time are given the benefit of the
    /// doubt: this finds less than the verdict, and is never wrong.
    #[must_use]
    pub fn lost_writes(&self) -> usize {
        let reads: Vec<_> = self.0.iter().filter_map(|read| Some((read, seen(read)?))).collect();
        let acknowledged =
            self.0.iter().filter(|write| write.returned != NEVER && write.operation.may_write());
        acknowledged
            .filter(|write| {
                reads.iter().any(|(read, state)| {
                    write.returned < read.called && !self.explains(*state, write, read)
                })
            })
            .count()
    }

    /// Tells whether something could have left `state` after `write` and before the end of `read`;
    /// the write itself could.
    fn explains(&self, state: Option<Value>, write: &Recorded, read: &Recorded) -> bool {
        self.0.iter().any(|other| {
            other.operation.may_leave(state)
                && other.returned >= write.called
                && other.called <= read.returned
        })
    }

    /// Counts the creations that were told of an item that existed: between two creations lies a
    /// deletion, so there are at most as many as deletions, and one. Open deletions count.
    #[must_use]
    pub fn double_creates(&self) -> usize {
        let count = |wanted: &dyn Fn(&Recorded) -> bool| {
            self.0.iter().filter(|recorded| wanted(recorded)).count()
        };
        let creations = count(&|recorded| recorded.operation.outcome == Outcome::Created);
        let deletions = count(&|recorded| recorded.operation.may_leave(None));
        creations.saturating_sub(deletions + 1)
    }
}

/// Returns what a read saw; nothing for a write.
fn seen(recorded: &Recorded) -> Option<Option<Value>> {
    match (recorded.operation.action, recorded.operation.outcome) {
        (Action::Get, Outcome::Found(value)) => Some(Some(value)),
        (Action::Get, Outcome::NotFound) => Some(None),
        _ => None,
    }
}
