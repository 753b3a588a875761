//! What a run comes to.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use crate::history::{History, Recorder, Verdict};

/// What was done, and what went wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Items, each with a history.
    pub histories: usize,
    /// Operations on all of them.
    pub operations: usize,
    /// Writes whose outcome is unknown.
    pub open: usize,
    /// How often something was disturbed.
    pub disturbed: usize,
    /// The longest time from a disturbance to the answer of a write that was made after it.
    pub recovery: Option<Duration>,
    /// Acknowledged writes that were lost.
    pub lost_writes: usize,
    /// Creations of what existed.
    pub double_creates: usize,
    /// Items whose history is not that of a register, and what is wrong with it.
    pub not_linearizable: BTreeMap<String, String>,
}

impl Figures {
    pub(super) fn of(recorder: &Recorder, disturbed: &[Instant]) -> Self {
        let histories = recorder.histories();
        let sum = |count: fn(&History) -> usize| histories.values().map(count).sum();
        let not_linearizable =
            histories.iter().filter_map(|(item, history)| match history.verdict() {
                Verdict::Linearizable => None,
                Verdict::NotLinearizable(why) => Some((item.clone(), why)),
            });
        Self {
            histories: histories.len(),
            operations: sum(|history| history.operations().len()),
            open: sum(History::open),
            disturbed: disturbed.len(),
            recovery: disturbed.iter().filter_map(|at| recorder.recovery_since(*at)).max(),
            lost_writes: sum(History::lost_writes),
            double_creates: sum(History::double_creates),
            not_linearizable: not_linearizable.collect(),
        }
    }

    /// Checks that nothing went wrong.
    ///
    /// # Panics
    /// If something did, with the history that shows it.
    pub fn expect_faultless(&self) {
        let shown: String =
            self.not_linearizable.iter().map(|(item, why)| format!("\n{item}: {why}")).collect();
        assert_eq!(self.lost_writes, 0, "acknowledged writes were lost: {self}{shown}");
        assert_eq!(self.double_creates, 0, "items were created twice: {self}{shown}");
        assert!(self.not_linearizable.is_empty(), "{self}{shown}");
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recovery =
            self.recovery.map(|time| format!(", {} ms to the next write", time.as_millis()));
        write!(
            f,
            "{} histories, {} operations, {} writes left open, {} disturbances{}; \
             {} acknowledged writes lost, {} double creates, {} histories not linearizable",
            self.histories,
            self.operations,
            self.open,
            self.disturbed,
            recovery.unwrap_or_default(),
            self.lost_writes,
            self.double_creates,
            self.not_linearizable.len()
        )
    }
}
