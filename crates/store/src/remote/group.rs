//! Settling the writes of a group over one session.
//!
//! An attempt puts what has no precondition, reads what has to be decided, and swaps what was
//! decided. A write that lost a race is tried again, and so is what the engine refused
//! for the moment. What it refuses for good is looked for in halves of the group, so that one
//! damaged item does not take the others with it.
//!
//! What is held by another client of the engine is left to [`HeldItems`](super::held::HeldItems), so
//! that the others do not wait for it.
//!
//! When an answer is lost, the write may have happened, and may still happen later:
//! the engine may be carrying it out. It is only repeated where it cannot happen twice:
//!
//! - A swap of a version that is still there is repeated as it is, under the same token. Whichever
//!   of the two comes first takes that version away from the other.
//! - A swap that leaves an answer to be remembered is decided anew. The answer can be there once.
//!   If what is decided then leaves no such answer, a creation can still come later, and its
//!   outcome stays unknown.
//!
//! Whether it happened is told by its token or its answer. Where neither can be found, the outcome
//! is unknown and reported so.

use std::collections::{HashMap, HashSet};

use domain::{Key, Version, Write};
use tokio::time::{Instant, sleep};

use super::call::ReplySlot;
use super::chain::Chain;
use super::in_doubt::InDoubt;
use super::pause::Pause;
use super::session::{CurrentState, Failure, Put, PutResult, ReadRequest, Session, SwapResult};
use super::token::Tokens;
use crate::error::{Error, ErrorKind, Retry};

/// How often a group is halved to find what the engine refuses for good: twice what it takes to
/// find one write among the most that are settled together. What refuses everything is asked no
/// longer.
const HALVINGS_MAX: usize = 20;

/// What is left of writes that were settled.
pub(super) struct SettledGroup<V> {
    /// The writes without a result: those to items that another client of the engine holds.
    pub(super) held: Vec<Chain<V>>,
    /// What the engine was still failing with when the time was over.
    pub(super) trouble: Option<Error>,
}

/// Sorts writes by item, and refuses those of items that the engine cannot hold.
pub(super) fn admitted<S: Session>(
    session: &S,
    writes: impl IntoIterator<Item = (ReplySlot, Write)>,
) -> Vec<Chain<S::Version>> {
    let mut chains: Vec<Chain<S::Version>> = Vec::new();
    let mut places: HashMap<Key, usize> = HashMap::new();
    for (slot, write) in writes {
        let place = *places.entry(write.key.clone()).or_insert_with(|| {
            chains.push(Chain::new(write.key.clone()));
            chains.len() - 1
        });
        chains[place].writes.push_back((slot, write));
    }
    for chain in &mut chains {
        chain.admit(|item| session.admit(item));
    }
    chains.retain(|chain| !chain.writes.is_empty());
    chains
}

/// Settles writes, but for those to items that another client of the engine holds.
///
/// It takes until `until` at most, and the time of one attempt.
pub(super) async fn settle<S: Session>(
    session: &mut S,
    tokens: &Tokens,
    chains: Vec<Chain<S::Version>>,
    until: Instant,
) -> SettledGroup<S::Version> {
    let mut groups = vec![Group { chains }];
    let mut settled = SettledGroup { held: Vec::new(), trouble: None };
    let mut halvings = 0;
    while let Some(mut group) = groups.pop() {
        match group.run(session, tokens, until, &mut settled.held).await {
            AttemptEnd::Settled => {}
            AttemptEnd::Late(late) => settled.trouble = late,
            AttemptEnd::Refused(_) if group.chains.len() > 1 && halvings < HALVINGS_MAX => {
                halvings += 1;
                let half = group.chains.split_off(group.chains.len() / 2);
                groups.push(Group { chains: half });
                groups.push(group);
            }
            AttemptEnd::Refused(error) => group.give_up(&error),
        }
    }
    settled
}

/// How the attempts ended.
enum AttemptEnd {
    /// All writes have their results.
    Settled,
    /// Patience is over, and all writes have their results; the trouble is the engine's, if it
    /// had any.
    Late(Option<Error>),
    /// The engine refuses one of the writes for good.
    Refused(Error),
}

fn outrun() -> Error {
    Error::new(
        ErrorKind::Overloaded,
        "other clients change the item faster than the write can be decided",
    )
}

/// Tells whether a failure says nothing about the writes to other items, and is no better in a
/// moment: an engine that is full still takes deletions.
fn is_final(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Full | ErrorKind::TooLarge)
}

/// The writes that are tried together.
struct Group<V> {
    chains: Vec<Chain<V>>,
}

impl<V: Copy + PartialEq + Into<Version>> Group<V> {
    /// Tries until everything is settled, patience is over or the engine refuses for good.
    async fn run<S>(
        &mut self,
        session: &mut S,
        tokens: &Tokens,
        until: Instant,
        held: &mut Vec<Chain<V>>,
    ) -> AttemptEnd
    where
        S: Session<Version = V>,
    {
        let mut pause = Pause::default();
        if self.chains.is_empty() {
            return AttemptEnd::Settled;
        }
        loop {
            let before = self.open();
            let trouble = self.attempt(session, tokens).await;
            self.chains.retain(|chain| !chain.writes.is_empty());
            held.extend(self.chains.extract_if(.., |chain| std::mem::take(&mut chain.held)));
            if self.chains.is_empty() {
                return AttemptEnd::Settled;
            }
            match trouble {
                Some(trouble) if trouble.retry() == Retry::Never => {
                    return AttemptEnd::Refused(trouble);
                }
                // No other client is in the way: the next of the writes to an item are due.
                None if self.open() < before => pause = Pause::default(),
                trouble => {
                    let time = pause.next();
                    if Instant::now() + time > until {
                        self.give_up(&trouble.clone().unwrap_or_else(outrun));
                        return AttemptEnd::Late(trouble);
                    }
                    sleep(time).await;
                }
            }
        }
    }

    /// Returns how many writes have no result yet.
    fn open(&self) -> usize {
        self.chains.iter().map(|chain| chain.writes.len()).sum()
    }

    /// Brings the writes forward as far as one attempt goes. Returns what went wrong.
    async fn attempt<S>(&mut self, session: &mut S, tokens: &Tokens) -> Option<Error>
    where
        S: Session<Version = V>,
    {
        if let Some(trouble) = self.put(session, tokens).await {
            return Some(trouble);
        }
        if let Some(trouble) = self.read(session).await {
            return Some(trouble);
        }
        self.swap(session, tokens).await
    }

    /// Tries the short way for what has no precondition.
    async fn put<S>(&mut self, session: &mut S, tokens: &Tokens) -> Option<Error>
    where
        S: Session<Version = V>,
    {
        let plain: Vec<_> =
            (0..self.chains.len()).filter(|at| self.chains[*at].is_plain()).collect();
        if plain.is_empty() {
            return None;
        }
        let puts = plain.iter().filter_map(|at| self.chains[*at].as_put(tokens.next()));
        let puts: Vec<Put<'_>> = puts.collect();
        let marks: Vec<_> = puts.iter().map(|put| put.token).collect();
        match session.put(&puts).await {
            Ok(told) => {
                let mut trouble = None;
                for ((at, token), told) in plain.into_iter().zip(marks).zip(told) {
                    let chain = &mut self.chains[at];
                    chain.put = true;
                    match told {
                        PutResult::Did(outcome) => chain.settle([Ok(Ok(outcome))]),
                        PutResult::Exists(stored) => {
                            chain.state = Some(CurrentState {
                                stored: Some(stored),
                                ..CurrentState::default()
                            });
                        }
                        PutResult::Absent => chain.state = Some(CurrentState::default()),
                        PutResult::Raced => {}
                        PutResult::Held => (chain.put, chain.held) = (false, true),
                        PutResult::Failed(Failure::Refused(error)) if is_final(&error) => {
                            chain.refuse(1, &error);
                        }
                        PutResult::Failed(Failure::Refused(error)) => {
                            chain.put = false;
                            trouble = Some(error);
                        }
                        PutResult::Failed(Failure::Lost(error)) => {
                            chain.doubts.push(InDoubt::Put(token), error.clone());
                            trouble = Some(error);
                        }
                    }
                }
                trouble
            }
            Err(Failure::Refused(error)) => Some(error),
            Err(Failure::Lost(error)) => {
                for (at, token) in plain.into_iter().zip(marks) {
                    let chain = &mut self.chains[at];
                    chain.put = true;
                    chain.doubts.push(InDoubt::Put(token), error.clone());
                }
                Some(error)
            }
        }
    }

    /// Reads what is not known, and clears up doubts.
    async fn read<S>(&mut self, session: &mut S) -> Option<Error>
    where
        S: Session<Version = V>,
    {
        let unknown: Vec<_> = (0..self.chains.len())
            .filter(|at| {
                let chain = &self.chains[*at];
                chain.state.is_none() && !chain.writes.is_empty() && !chain.held
            })
            .collect();
        if unknown.is_empty() {
            return None;
        }
        let answers: Vec<_> = unknown.iter().map(|at| self.chains[*at].places()).collect();
        let wanted = unknown
            .iter()
            .zip(&answers)
            .map(|(at, answers)| ReadRequest { item: Some(&self.chains[*at].key), answers });
        match session.read(&wanted.collect::<Vec<_>>()).await {
            Err(error) => return Some(error),
            Ok(states) => {
                for (at, state) in unknown.into_iter().zip(states) {
                    self.chains[at].clear_up(&state);
                    self.chains[at].state = Some(state);
                }
            }
        }
        None
    }

    /// Decides what is known, and makes it true.
    async fn swap<S>(&mut self, session: &mut S, tokens: &Tokens) -> Option<Error>
    where
        S: Session<Version = V>,
    {
        let mut plans = Vec::new();
        // Creations under one key are writes to several items with one answer: one at a time.
        let mut places = HashSet::new();
        for (at, chain) in self.chains.iter_mut().enumerate() {
            let Some(plan) = chain.plan(S::ANSWERS_MAX, tokens) else { continue };
            match &plan.swap {
                None => chain.settle(plan.verdicts.into_iter().map(Ok)),
                Some(swap) if swap.answers.iter().all(|answer| places.insert(answer.key)) => {
                    plans.push((at, plan));
                }
                Some(_) => {}
            }
        }
        if plans.is_empty() {
            return None;
        }
        let swaps: Vec<_> = plans.iter().filter_map(|(_, plan)| plan.swap.as_ref()).collect();
        let swapped = session.swap(&swaps).await;
        let mut trouble: Option<Error> = None;
        for ((at, plan), swapped) in plans.into_iter().zip(swapped) {
            let chain = &mut self.chains[at];
            let error = match swapped {
                SwapResult::Done => {
                    chain.settle(plan.verdicts.into_iter().map(Ok));
                    chain.doubts.clear();
                    continue;
                }
                SwapResult::Moved => continue,
                SwapResult::Held => {
                    chain.held = true;
                    continue;
                }
                SwapResult::Failed(Failure::Refused(error)) if is_final(&error) => {
                    chain.refuse(plan.verdicts.len(), &error);
                    continue;
                }
                SwapResult::Failed(Failure::Refused(error)) => error,
                SwapResult::Failed(Failure::Lost(error)) => {
                    chain.doubts.push(InDoubt::Swap(plan), error.clone());
                    error
                }
            };
            // What does not pass has to be heard of.
            if trouble.as_ref().is_none_or(|trouble| trouble.retry() != Retry::Never) {
                trouble = Some(error);
            }
        }
        trouble
    }

    /// Answers all writes with the error, or with `unknown` if they may have happened.
    fn give_up(&mut self, error: &Error) {
        for chain in &mut self.chains {
            chain.give_up(error);
        }
        self.chains.clear();
    }
}
