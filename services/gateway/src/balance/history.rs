//! What happened to a replica: its last changes of state, for people.

use std::collections::VecDeque;
use std::time::SystemTime;

use parking_lot::Mutex;

use super::health::HealthState;

/// Changes that are kept: some hours of a replica that is replaced now and then, minutes of one that comes and
/// goes.
const CHANGES_MAX: usize = 20;

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// What the replica has been since then.
    pub(crate) state: HealthState,
    /// When that was noticed.
    pub(crate) at: SystemTime,
}

/// The last changes of state of one replica.
///
/// Some of them come with time alone: an ejection ends, a replica has warmed up. So the state is noted with every
/// check and every look, and a change carries the time at which it was noticed.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<VecDeque<Change>>);

impl History {
    /// Takes the state as it is at `at`.
    pub(super) fn note(&self, state: HealthState, at: SystemTime) {
        let mut changes = self.0.lock();
        if changes.back().is_some_and(|last| last.state == state) {
            return;
        }
        if changes.len() == CHANGES_MAX {
            changes.pop_front();
        }
        changes.push_back(Change { state, at });
    }

    /// Returns the changes, the last one first.
    pub(super) fn changes(&self) -> Vec<Change> {
        self.0.lock().iter().rev().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_last_changes_are_kept() {
        let history = History::default();
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        history.note(HealthState::Up, at(1));
        history.note(HealthState::Up, at(2));
        history.note(HealthState::Down, at(3));
        let expected = [(HealthState::Down, 3), (HealthState::Up, 1)];
        let expected = expected.map(|(state, second)| Change { state, at: at(second) });
        assert_eq!(history.changes(), expected);
        for second in 4..100 {
            let state = if second % 2 == 0 { HealthState::Up } else { HealthState::Down };
            history.note(state, at(second));
        }
        assert_eq!(history.changes().len(), CHANGES_MAX);
        assert_eq!(history.changes()[0], Change { state: HealthState::Down, at: at(99) });
    }
}
