//! Random histories: groups, flushes, failing writes, deaths and power cuts, also during recovery.
//!
//! After each recovery the trees hold every acknowledged group, and of the one that failed all or
//! nothing; and no journal is ever taken for damaged.

use fastrand::Rng;

use super::rig::{Rig, State};
use crate::embedded::journal::JournalError;

/// Histories in a usual run. `SHELF_HISTORIES` sets another number.
const HISTORIES: u64 = 2_000;

/// What the trees may hold.
struct Expected {
    acknowledged: State,
    /// With the group whose write failed, if one did since the last start.
    perhaps: Option<State>,
}

impl Expected {
    fn check(&mut self, found: State) {
        assert!(
            found == self.acknowledged || Some(&found) == self.perhaps.as_ref(),
            "found {found:?}, acknowledged {:?}, perhaps {:?}",
            self.acknowledged,
            self.perhaps
        );
        (self.acknowledged, self.perhaps) = (found, None);
    }
}

fn history(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let mut rig = Rig::new(rng.u64(..));
    let mut expected = Expected { acknowledged: State::new(), perhaps: None };
    rig.disk.set_trouble([0, 60, 20, 8][rng.usize(..4)]);
    for group in 1..rng.u64(5..60) {
        step(&mut rng, &mut rig, &mut expected, group);
        if rig.disk.is_halted() || rig.journal.is_none() || rng.u8(..16) == 0 {
            start(&mut rng, &mut rig, &mut expected);
        }
    }
    rig.disk.set_trouble(0);
    start(&mut rng, &mut rig, &mut expected);
}

fn step(rng: &mut Rng, rig: &mut Rig, expected: &mut Expected, group: u64) {
    match rng.u8(..10) {
        0 => drop(rig.settle().inspect_err(|_| rig.journal = None)),
        1 | 2 => drop(rig.flush()),
        _ => {
            let keys: Vec<u8> = (0..rng.usize(1..4)).map(|_| rng.u8(..12)).collect();
            let padding = [0, 100, 4_000, 9_000, 30_000][rng.usize(..5)];
            let mut after = expected.acknowledged.clone();
            after.extend(keys.iter().map(|key| (*key, group)));
            match rig.append(group, &keys, padding) {
                Ok(_) => expected.acknowledged = after,
                Err(_) => {
                    rig.journal = None;
                    expected.perhaps = Some(after);
                }
            }
        }
    }
}

fn start(rng: &mut Rng, rig: &mut Rig, expected: &mut Expected) {
    for attempt in 0.. {
        if attempt > 50 {
            rig.disk.set_trouble(0);
        }
        assert!(attempt < 60, "it starts in the end");
        rig.disk.restart(rng.bool());
        match rig.open() {
            Ok(()) => break,
            Err(JournalError::Damaged(message)) => panic!("taken for damaged: {message}"),
            Err(JournalError::Io { .. } | JournalError::Replay(_)) => {}
        }
    }
    expected.check(rig.trees.state());
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_else_appears() {
    let histories = std::env::var("SHELF_HISTORIES").map(|number| number.parse().unwrap());
    for seed in 0..histories.unwrap_or(HISTORIES) {
        let outcome = std::panic::catch_unwind(|| history(seed));
        assert!(outcome.is_ok(), "history {seed} failed");
    }
}
