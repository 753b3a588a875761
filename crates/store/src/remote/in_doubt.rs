//! Writes that may have happened, and how a read of the item resolves them.

use domain::{Outcome, Verdict};

use super::plan::Plan;
use super::session::{Answer, CurrentState, Next, Swap};
use super::token::Token;
use crate::error::Error;

/// Something that may have happened.
pub(super) enum InDoubt<V> {
    Put(Token),
    Swap(Plan<V>),
}

/// All that may have happened to one item, oldest first, and why it is unknown.
pub(super) struct WritesInDoubt<V>(Vec<(InDoubt<V>, Error)>);

/// What a look at the item says about the doubts.
pub(super) enum DoubtFinding<V> {
    /// One of them happened; these are the verdicts. `None` stands for a write whose verdict cannot
    /// be told.
    Happened(Vec<Option<Verdict>>),
    /// It cannot be told whether the first so many writes happened.
    Unknown(usize),
    /// This one has not happened, and may be repeated as it is.
    Repeat(Plan<V>),
    /// None has happened, and none can happen beside what is decided now.
    Nothing,
}

impl<V> Default for WritesInDoubt<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V: Clone + PartialEq> WritesInDoubt<V> {
    pub(super) fn push(&mut self, doubt: InDoubt<V>, cause: Error) {
        self.0.push((doubt, cause));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns why the first of them is one.
    pub(super) fn cause(&self) -> Option<&Error> {
        self.0.first().map(|(_, cause)| cause)
    }

    /// Returns how many writes, from the first, may have happened.
    pub(super) fn writes(&self) -> usize {
        self.0.iter().map(|(doubt, _)| doubt.writes()).max().unwrap_or(0)
    }

    /// Finds out what became of them, from what there is now.
    pub(super) fn judge(&self, state: &CurrentState<V>) -> DoubtFinding<V> {
        let doubts = || self.0.iter().map(|(doubt, _)| doubt);
        if let Some(verdicts) = doubts().find_map(|doubt| doubt.marked(state)) {
            return DoubtFinding::Happened(verdicts.into_iter().map(Some).collect());
        }
        if let Some(verdicts) = self.remembered(state) {
            return DoubtFinding::Happened(verdicts);
        }
        let mut finding = DoubtFinding::Nothing;
        for doubt in doubts() {
            match doubt {
                InDoubt::Put(_) => return DoubtFinding::Unknown(self.writes()),
                // Its answers let it happen once at most, even if the write is decided anew.
                InDoubt::Swap(Plan { swap: Some(swap), .. }) if !swap.answers.is_empty() => {}
                InDoubt::Swap(plan) if plan.is_untouched(state) => {
                    finding = DoubtFinding::Repeat(plan.clone());
                }
                InDoubt::Swap(_) => return DoubtFinding::Unknown(self.writes()),
            }
        }
        finding
    }

    /// Looks for a swap whose answers are all there. Swaps that were decided on different states
    /// can leave equal answers: what they remember beyond the others' tells them apart, and where
    /// nothing does, only that counts on which they agree.
    fn remembered(&self, state: &CurrentState<V>) -> Option<Vec<Option<Verdict>>> {
        let plans = self.0.iter().filter_map(|(doubt, _)| match doubt {
            InDoubt::Swap(plan) => plan.swap.as_ref().map(|swap| (plan, swap)),
            InDoubt::Put(_) => None,
        });
        let found: Vec<_> = plans
            .filter(|(_, swap)| !swap.answers.is_empty() && swap.is_remembered(state))
            .collect();
        let most = found.iter().map(|(_, swap)| swap.answers.len()).max()?;
        let mut found = found.into_iter().filter(|(_, swap)| swap.answers.len() == most);
        let (first, _) = found.next()?;
        let mut verdicts: Vec<_> = first.verdicts.iter().cloned().map(Some).collect();
        for (plan, _) in found {
            let writes = verdicts.len().max(plan.verdicts.len());
            verdicts.resize(writes, None);
            for (at, verdict) in verdicts.iter_mut().enumerate() {
                if verdict.as_ref() != plan.verdicts.get(at) {
                    *verdict = None;
                }
            }
        }
        Some(verdicts)
    }

    /// Returns how many writes, from the first, may still happen after `plan` was carried out that
    /// was decided on `state`: those of a creation that was lost, where the plan leaves none of
    /// its answers. A removal of the item then makes room for it again.
    ///
    /// What replaces or removes an item needs no such care. The version that it takes away does not
    /// come back.
    pub(super) fn outlive(&self, plan: &Plan<V>, state: &CurrentState<V>) -> Option<usize> {
        let own = plan.swap.iter().flat_map(|swap| &swap.answers);
        let bars = |answer: &Answer| {
            let there = state.answers.get(&answer.key);
            own.clone().any(|own| own.key == answer.key)
                || there.is_some() && there != answer.instead_of.as_ref()
        };
        let creations = self.0.iter().filter(|(doubt, _)| match doubt {
            InDoubt::Swap(Plan { swap: Some(swap), .. }) => {
                swap.expected.is_none() && !swap.answers.iter().any(bars)
            }
            InDoubt::Swap(_) | InDoubt::Put(_) => false,
        });
        creations.map(|(doubt, _)| doubt.writes()).max()
    }
}

impl<V: Clone + PartialEq> InDoubt<V> {
    fn writes(&self) -> usize {
        match self {
            Self::Put(_) => 1,
            Self::Swap(plan) => plan.verdicts.len(),
        }
    }

    /// Returns the verdicts if the item carries the token.
    fn marked(&self, state: &CurrentState<V>) -> Option<Vec<Verdict>> {
        let stored = state.stored.as_ref()?;
        match self {
            Self::Put(token) if *token == stored.token => {
                let item = stored.state.item()?.clone();
                let created = stored.created;
                Some(vec![Ok(if created {
                    Outcome::Created(item)
                } else {
                    Outcome::Updated(item)
                })])
            }
            Self::Swap(Plan { verdicts, swap: Some(swap) })
                if matches!(swap.next, Next::Item(_) | Next::Deleted(_))
                    && swap.token == stored.token =>
            {
                Some(verdicts.clone())
            }
            Self::Put(_) | Self::Swap(_) => None,
        }
    }
}

impl<V: PartialEq> Plan<V> {
    /// Tells whether the item still is what the plan takes away.
    fn is_untouched(&self, state: &CurrentState<V>) -> bool {
        let expected = self.swap.as_ref().and_then(|swap| swap.expected.as_ref());
        expected.is_some() && expected == state.stored.as_ref().map(|stored| &stored.version)
    }
}

impl<V> Swap<V> {
    /// Tells whether everything is there that it leaves to be remembered.
    fn is_remembered(&self, state: &CurrentState<V>) -> bool {
        self.answers.iter().all(|own| state.answers.get(&own.key) == Some(&own.remembered))
    }
}
