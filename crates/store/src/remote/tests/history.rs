//! Whether what was answered can be true: a search for an order in which each write to one item
//! happens at most once, between its call and its return, as `decide` says.

use std::collections::{BTreeMap, HashSet};

use domain::{Decision, Outcome, Remembered, ReplayKey, State, Verdict, Write, decide};

/// One write of a history. What failed for certain did nothing and is left out.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) write: Write,
    /// What it was told; nothing if the outcome is unknown.
    pub(super) told: Option<Verdict>,
    pub(super) called: u64,
    pub(super) returned: u64,
    /// Writes of one call to one item happen in their order.
    pub(super) call: usize,
}

/// An item or a tombstone, and all answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct World {
    pub(super) state: State,
    pub(super) answers: BTreeMap<ReplayKey, Remembered>,
}

impl World {
    fn after(&self, write: &Write) -> (Verdict, Self) {
        let remembered = write.idempotency.and_then(|own| self.answers.get(&own.key));
        let Decision { verdict, effect } = decide(&self.state, remembered, write);
        let mut after = self.clone();
        let answer = verdict.as_ref().ok().and_then(|outcome| write.remember(outcome));
        if let Some((own, answer)) = write.idempotency.zip(answer) {
            after.answers.insert(own.key, answer);
        }
        if let Some(state) = effect.into_state() {
            after.state = state;
        }
        (verdict, after)
    }
}

/// Tells whether the history can have led to `end`.
pub(super) fn is_possible(history: &[Done], end: &World) -> bool {
    assert!(history.len() <= 64, "the search has a bit for each");
    let mut seen = HashSet::new();
    let mut open = vec![(0_u64, World::default())];
    while let Some((done, world)) = open.pop() {
        if !seen.insert((done, format!("{world:?}"))) {
            continue;
        }
        let rest = || history.iter().enumerate().filter(|(at, _)| done & (1 << at) == 0);
        if world == *end && rest().all(|(_, one)| one.told.is_none()) {
            return true;
        }
        for (at, next) in rest() {
            let waits = rest().any(|(before, one)| {
                let ordered = next.told.is_some() && one.call == next.call && before < at;
                one.told.is_some() && (one.returned < next.called || ordered)
            });
            if waits {
                continue;
            }
            let (verdict, after) = world.after(&next.write);
            if next.told.as_ref().is_none_or(|told| *told == verdict) {
                open.push((done | 1 << at, after));
            }
        }
    }
    false
}

#[test]
fn the_search_finds_lies() {
    use super::kit::*;
    let done = |write: Write, told, called, returned| Done {
        write,
        told,
        called,
        returned,
        call: usize::try_from(called).unwrap(),
    };
    let end = |item: Option<_>| World {
        state: item.map_or(State::Absent, State::Item),
        ..World::default()
    };
    let created = |n| Some(Ok(Outcome::Created(item(n))));
    let honest = [done(put("a", 1), created(1), 0, 2), done(delete("a"), None, 1, u64::MAX)];
    assert!(is_possible(&honest, &end(Some(item(1)))));
    assert!(is_possible(&honest, &end(None)));
    assert!(!is_possible(&honest[..1], &end(None)), "it was lost");
    let twice = [done(put("a", 1), created(1), 0, 1), done(put("a", 2), created(2), 0, 1)];
    assert!(!is_possible(&twice, &end(Some(item(2)))));
    let back = [
        done(put("a", 1), created(1), 0, 1),
        done(put("a", 2), Some(Ok(Outcome::Updated(item(2)))), 2, 3),
    ];
    assert!(!is_possible(&back, &end(Some(item(1)))));
}
