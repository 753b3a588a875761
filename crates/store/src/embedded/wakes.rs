//! Waking the callers of a group.
//!
//! All who wait on one thread are on one [`Roll`]. The writer wakes one of them; as soon as that
//! one runs, or is dropped, it calls the roll, and those wakes stay within its thread and cost
//! next to nothing. A caller that was woken and does not run (its task waits for something else
//! first) must not hold up the others: the writer calls every roll itself after the next group,
//! or after [`SWEEP`] when there is none.

use std::mem;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use parking_lot::Mutex;

/// How long the writer, with nothing else to do, lets callers wake each other: many times what it
/// takes, and less than the sync that each of them has waited for on most disks.
pub(super) const SWEEP: Duration = Duration::from_millis(1);

/// Those who wait on one thread.
#[derive(Debug, Default)]
pub(super) struct Roll(Mutex<Vec<Waker>>);

impl Roll {
    /// Adds somebody.
    pub(super) fn enter(&self, waker: Waker) {
        self.0.lock().push(waker);
    }

    /// Wakes everybody who is left.
    pub(super) fn call(&self) {
        // Not while the lock is held: who is woken may call the roll.
        let left = mem::take(&mut *self.0.lock());
        left.into_iter().for_each(Waker::wake);
    }

    fn call_one(&self) {
        let one = self.0.lock().pop();
        one.into_iter().for_each(Waker::wake);
    }

    fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

/// The rolls of the latest group.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    rolls: Vec<(usize, Arc<Roll>)>,
}

impl Wakes {
    /// Returns the roll of a thread.
    pub(super) fn roll(&mut self, home: usize) -> &Arc<Roll> {
        let at = self.rolls.iter().position(|(other, _)| *other == home).unwrap_or_else(|| {
            self.rolls.push((home, Arc::default()));
            self.rolls.len() - 1
        });
        &self.rolls[at].1
    }

    /// Wakes one caller on each thread, after all their answers were put down.
    pub(super) fn begin(&mut self) {
        self.rolls.iter().for_each(|(_, roll)| roll.call_one());
    }

    /// Wakes whoever is left of an earlier group. Before the first answer of the next one.
    pub(super) fn sweep(&mut self) {
        self.rolls.drain(..).for_each(|(_, roll)| roll.call());
    }

    /// Tells whether somebody may be left to wake.
    pub(super) fn pending(&mut self) -> bool {
        self.rolls.retain(|(_, roll)| !roll.is_empty());
        !self.rolls.is_empty()
    }
}
