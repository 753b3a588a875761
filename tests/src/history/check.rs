//! Whether a history is that of a register.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use todc_utils::linearizability::history;
use todc_utils::{Action as Event, WGLChecker};

use super::record::{History, Moment, NEVER, Recorded};
use super::register::{Action, Outcome, Register};

/// Longest time to decide one history. It takes milliseconds; the problem is NP-complete, and many
/// open writes to one item could make it hard.
const CHECK_TIME_MAX: Duration = Duration::from_secs(120);

/// How many operations before the one that does not fit are shown.
const SHOWN_OPERATIONS: usize = 30;

/// What the checker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order of all operations that explains all outcomes.
    Linearizable,
    /// There is none. The text shows the operation that fits nowhere, and what came before it.
    NotLinearizable(String),
}

impl History {
    /// Returns the verdict.
    ///
    /// # Panics
    /// If it is not found in time. The history is too long, or has too many open writes.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.is_linearizable() {
            return Verdict::Linearizable;
        }
        let mut returns: Vec<Moment> = self.0.iter().map(|recorded| recorded.returned).collect();
        returns.sort_unstable();
        returns.retain(|moment| *moment != NEVER);
        // What is added to a history that is not linearizable does not make it so.
        let first = returns.partition_point(|end| self.until(*end).is_linearizable());
        let end = returns.get(first).copied().unwrap_or(NEVER);
        Verdict::NotLinearizable(self.until(end).shown())
    }

    /// Returns what there was to see right after the moment `end`: operations that had not returned
    /// were open then.
    fn until(&self, end: Moment) -> Self {
        let seen = self.0.iter().filter(|recorded| recorded.called < end);
        let seen = seen.map(|recorded| {
            let mut recorded = *recorded;
            if recorded.returned > end {
                recorded.returned = NEVER;
                recorded.operation.outcome = Outcome::Open;
            }
            recorded
        });
        let is_write = |recorded: &Recorded| recorded.operation.action != Action::Get;
        Self(seen.filter(|recorded| recorded.returned != NEVER || is_write(recorded)).collect())
    }

    fn is_linearizable(&self) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let mut events: Vec<_> = self
            .0
            .iter()
            .enumerate()
            .flat_map(|(at, Recorded { called, returned, operation, .. })| {
                // Each operation is a process of its own; the checker uses the number to find the
                // return of a call, and for nothing else.
                [
                    (*called, (at, Event::Call(*operation))),
                    (*returned, (at, Event::Response(*operation))),
                ]
            })
            .collect();
        events.sort_by_key(|(moment, _)| *moment);
        let events = events.into_iter().map(|(_, event)| event).collect();
        let (sender, verdict) = mpsc::channel();
        thread::spawn(move || {
            let history = history::History::from_actions(events);
            // The receiver is gone when it took too long.
            let _ = sender.send(WGLChecker::<Register>::is_linearizable(history));
        });
        verdict.recv_timeout(CHECK_TIME_MAX).unwrap_or_else(|_| {
            panic!("{} operations were not judged within {CHECK_TIME_MAX:?}", self.0.len())
        })
    }

    /// Shows the operations by the moment of their return, open ones by that of their call.
    fn shown(&self) -> String {
        let mut operations = self.0.clone();
        operations.sort_by_key(|recorded| match recorded.returned {
            NEVER => recorded.called,
            returned => returned,
        });
        let line = |Recorded { client, called, returned, operation }: &Recorded| {
            let returned = if *returned == NEVER { "..".to_owned() } else { returned.to_string() };
            format!("{called:>6} {returned:>6}  client {client}  {operation}")
        };
        let hidden = operations.len().saturating_sub(SHOWN_OPERATIONS);
        let lines: Vec<_> = operations[hidden..].iter().map(line).collect();
        format!("called returned ({hidden} operations before)\n{}", lines.join("\n"))
    }
}
