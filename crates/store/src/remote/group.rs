//! Settling the writes of a group over one session.
//!
//! An attempt puts what has no precondition, reads what has to be decided, and swaps what was
//! decided. What somebody else was faster with is tried again, and so is what the engine refused
//! for the moment. What it refuses for good is looked for in halves of the group, so that one
//! damaged item does not take the others with it.
//!
//! When an answer is lost, the write may have happened, and may still happen while somebody waits:
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
use std::time::Duration;

use domain::{Key, Verdict, Write};
use tokio::time::{Instant, sleep};

use super::chain::{Chain, Results};
use super::doubt::Doubt;
use super::pause::Pause;
use super::session::{Failure, Put, Session, State, Swapped, Told, Wanted};
use super::token::Tokens;
use crate::error::{Error, ErrorKind, Retry};

/// How often a group is halved to find what the engine refuses for good: twice what it takes to
/// find one write among the most that are settled together. What refuses everything is asked no
/// longer.
const HALVINGS_MAX: usize = 20;

/// What became of a group.
pub(super) struct Settled {
    /// One result for each write, in their order.
    pub(super) results: Vec<Result<Verdict, Error>>,
    /// What the engine was still failing with when patience was over.
    pub(super) trouble: Option<Error>,
}

/// Settles writes.
///
/// It takes `patience` at most, and the time of one attempt.
pub(super) async fn settle<S: Session>(
    session: &mut S,
    tokens: &Tokens,
    writes: Vec<Write>,
    patience: Duration,
) -> Settled {
    let until = Instant::now() + patience;
    let mut results = Results::new(writes.len());
    let mut group = Group::new(writes);
    group.admit(session, &mut results);
    let mut groups = vec![group];
    let (mut halvings, mut trouble) = (0, None);
    while let Some(mut group) = groups.pop() {
        match group.run(session, tokens, until, &mut results).await {
            Ended::Settled => {}
            Ended::Late(late) => trouble = late,
            Ended::Refused(_) if group.chains.len() > 1 && halvings < HALVINGS_MAX => {
                halvings += 1;
                let half = group.chains.split_off(group.chains.len() / 2);
                groups.push(Group { chains: half });
                groups.push(group);
            }
            Ended::Refused(error) => group.give_up(&error, &mut results),
        }
    }
    Settled { results: results.into_vec(), trouble }
}

/// How the attempts ended.
enum Ended {
    /// All writes have their results.
    Settled,
    /// Patience is over, and all writes have their results; the trouble is the engine's, if it
    /// had any.
    Late(Option<Error>),
    /// The engine refuses one of the writes for good.
    Refused(Error),
}

fn outrun() -> Error {
    Error::new(ErrorKind::Overloaded, "others change the item faster than the write can be settled")
}

/// The writes that are tried together.
struct Group<V> {
    chains: Vec<Chain<V>>,
}

impl<V: Clone + PartialEq> Group<V> {
    fn new(writes: Vec<Write>) -> Self {
        let mut chains: Vec<Chain<V>> = Vec::with_capacity(writes.len());
        let mut places: HashMap<Key, usize> = HashMap::with_capacity(writes.len());
        for (at, write) in writes.into_iter().enumerate() {
            let place = *places.entry(write.key.clone()).or_insert_with(|| {
                chains.push(Chain::new(write.key.clone()));
                chains.len() - 1
            });
            chains[place].writes.push_back((at, write));
        }
        Self { chains }
    }

    /// Refuses the items that the engine cannot hold.
    fn admit<S: Session>(&mut self, session: &S, results: &mut Results) {
        for chain in &mut self.chains {
            chain.admit(|item| session.admit(item), results);
        }
        self.chains.retain(|chain| !chain.writes.is_empty());
    }

    /// Tries until everything is settled, patience is over or the engine refuses for good.
    async fn run<S>(
        &mut self,
        session: &mut S,
        tokens: &Tokens,
        until: Instant,
        results: &mut Results,
    ) -> Ended
    where
        S: Session<Version = V>,
    {
        let mut pause = Pause::default();
        if self.chains.is_empty() {
            return Ended::Settled;
        }
        loop {
            let before = self.open();
            let trouble = self.attempt(session, tokens, results).await;
            self.chains.retain(|chain| !chain.writes.is_empty());
            if self.chains.is_empty() {
                return Ended::Settled;
            }
            match trouble {
                Some(trouble) if trouble.retry() == Retry::Never => return Ended::Refused(trouble),
                // Nobody is in the way: the next of the writes to an item are due.
                None if self.open() < before => pause = Pause::default(),
                trouble => {
                    let time = pause.next();
                    if Instant::now() + time > until {
                        self.give_up(&trouble.clone().unwrap_or_else(outrun), results);
                        return Ended::Late(trouble);
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
    async fn attempt<S>(
        &mut self,
        session: &mut S,
        tokens: &Tokens,
        results: &mut Results,
    ) -> Option<Error>
    where
        S: Session<Version = V>,
    {
        if let Some(trouble) = self.put(session, tokens, results).await {
            return Some(trouble);
        }
        if let Some(trouble) = self.read(session, results).await {
            return Some(trouble);
        }
        self.swap(session, tokens, results).await
    }

    /// Tries the short way for what has no precondition.
    async fn put<S>(
        &mut self,
        session: &mut S,
        tokens: &Tokens,
        results: &mut Results,
    ) -> Option<Error>
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
                        Told::Did(outcome) => chain.settle([Ok(Ok(outcome))], results),
                        Told::Exists(stored) => {
                            chain.state = Some(State { stored: Some(stored), ..State::default() });
                        }
                        Told::Absent => chain.state = Some(State::default()),
                        Told::Raced => {}
                        Told::Failed(Failure::Refused(error)) => {
                            chain.put = false;
                            trouble = Some(error);
                        }
                        Told::Failed(Failure::Lost(error)) => {
                            chain.doubts.push(Doubt::Put(token), error.clone());
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
                    chain.doubts.push(Doubt::Put(token), error.clone());
                }
                Some(error)
            }
        }
    }

    /// Reads what is not known, and clears up doubts.
    async fn read<S>(&mut self, session: &mut S, results: &mut Results) -> Option<Error>
    where
        S: Session<Version = V>,
    {
        let unknown: Vec<_> = (0..self.chains.len())
            .filter(|at| self.chains[*at].state.is_none() && !self.chains[*at].writes.is_empty())
            .collect();
        if unknown.is_empty() {
            return None;
        }
        let answers: Vec<_> = unknown.iter().map(|at| self.chains[*at].places()).collect();
        let wanted = unknown
            .iter()
            .zip(&answers)
            .map(|(at, answers)| Wanted { item: Some(&self.chains[*at].key), answers });
        match session.read(&wanted.collect::<Vec<_>>()).await {
            Err(error) => return Some(error),
            Ok(states) => {
                for (at, state) in unknown.into_iter().zip(states) {
                    self.chains[at].clear_up(&state, results);
                    self.chains[at].state = Some(state);
                }
            }
        }
        None
    }

    /// Decides what is known, and makes it true.
    async fn swap<S>(
        &mut self,
        session: &mut S,
        tokens: &Tokens,
        results: &mut Results,
    ) -> Option<Error>
    where
        S: Session<Version = V>,
    {
        let mut plans = Vec::new();
        // Creations under one key are writes to several items with one answer: one at a time.
        let mut places = HashSet::new();
        for (at, chain) in self.chains.iter_mut().enumerate() {
            let Some(plan) = chain.plan(S::ANSWERS_MAX, tokens, results) else { continue };
            match &plan.swap {
                None => chain.settle(plan.verdicts.into_iter().map(Ok), results),
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
                Swapped::Done => {
                    chain.settle(plan.verdicts.into_iter().map(Ok), results);
                    chain.doubts.clear();
                    continue;
                }
                Swapped::Moved => continue,
                // Nobody else has to do with it.
                Swapped::Failed(Failure::Refused(error)) if error.kind() == ErrorKind::TooLarge => {
                    chain.settle(vec![Err(error); plan.verdicts.len()], results);
                    chain.doubts.clear();
                    continue;
                }
                Swapped::Failed(Failure::Refused(error)) => error,
                Swapped::Failed(Failure::Lost(error)) => {
                    chain.doubts.push(Doubt::Swap(plan), error.clone());
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

    /// Gives everybody the error, or the news that nobody knows.
    fn give_up(&mut self, error: &Error, results: &mut Results) {
        for chain in &mut self.chains {
            chain.give_up(error, results);
        }
        self.chains.clear();
    }
}
