//! Settling the writes of a group over one session.
//!
//! An attempt puts what has no precondition, reads what has to be decided, and swaps what was
//! decided. What somebody else was faster with is tried again, and so is what the engine refused
//! for the moment.
//!
//! When an answer is lost, the write may have happened, and may still happen while somebody waits:
//! the engine may be carrying it out. It is only repeated where it cannot happen twice:
//!
//! - A swap of a version that is still there is repeated under the same token. Whichever of the two
//!   comes first takes that version away from the other.
//! - A swap that leaves an answer to be remembered is decided anew. The answer can be there once.
//!
//! Whether it happened is told by its token or its answer. Where neither can be found, the outcome
//! is unknown and reported so.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use domain::{Change, Key, Outcome, ReplayKey, Verdict, Write};
use tokio::time::{Instant, sleep};

use super::chain::{Plan, plan};
use super::pause::Pause;
use super::session::{Failure, Next, Put, Session, State, Swapped, Told, Wanted};
use super::token::{Token, Tokens};
use crate::error::{Error, ErrorKind, Retry};

/// Settles writes, and returns one result for each, in their order.
///
/// It takes `patience` at most, and the time of one call to the session.
pub(super) async fn settle<S: Session>(
    session: &mut S,
    tokens: &Tokens,
    writes: Vec<Write>,
    patience: Duration,
) -> Vec<Result<Verdict, Error>> {
    let until = Instant::now() + patience;
    let mut pause = Pause::default();
    let mut group = Group::new(writes);
    group.admit(session);
    if group.open == 0 {
        return group.results.into_iter().flatten().collect();
    }
    loop {
        let before = group.open;
        let trouble = group.attempt(session, tokens).await;
        if group.open == 0 {
            return group.results.into_iter().flatten().collect();
        }
        if group.open < before && trouble.is_none() {
            pause = Pause::default();
        }
        let time = pause.next();
        if Instant::now() + time > until {
            group.give_up(&trouble.unwrap_or_else(outrun));
        } else {
            sleep(time).await;
        }
    }
}

fn outrun() -> Error {
    Error::new(ErrorKind::Overloaded, "others change the item faster than the write can be settled")
}

/// The writes of a group.
struct Group<V> {
    chains: Vec<Chain<V>>,
    results: Vec<Option<Result<Verdict, Error>>>,
    /// How many have no result yet.
    open: usize,
}

/// The writes to one item that are not settled.
struct Chain<V> {
    key: Key,
    /// The writes, and where their results go.
    writes: VecDeque<(usize, Write)>,
    /// What is there, as far as is known.
    state: Option<State<V>>,
    /// Whether the short way was tried.
    put: bool,
    /// What may have happened, and why nobody knows.
    doubts: Vec<(Doubt<V>, Error)>,
    /// The token of a swap that may happen once more.
    token: Option<Token>,
}

/// Something that may have happened.
enum Doubt<V> {
    Put(Token),
    Swap(Plan<V>),
}

/// What a look at the item says about a doubt.
enum Finding {
    /// It happened; these are the verdicts.
    Happened(Vec<Verdict>),
    /// It has not happened, and may be repeated: under the token, if there is one.
    Repeatable(Option<Token>),
    /// It cannot be told whether the first so many writes happened.
    Unknown(usize),
}

impl<V: Clone + PartialEq> Group<V> {
    fn new(writes: Vec<Write>) -> Self {
        let open = writes.len();
        let mut chains: Vec<Chain<V>> = Vec::with_capacity(open);
        let mut places: HashMap<Key, usize> = HashMap::with_capacity(open);
        for (at, write) in writes.into_iter().enumerate() {
            let place = *places.entry(write.key.clone()).or_insert_with(|| {
                chains.push(Chain::new(write.key.clone()));
                chains.len() - 1
            });
            chains[place].writes.push_back((at, write));
        }
        Self { chains, results: (0..open).map(|_| None).collect(), open }
    }

    /// Refuses the items that the engine cannot hold.
    fn admit<S: Session>(&mut self, session: &S) {
        for chain in &mut self.chains {
            chain.writes.retain(|(place, write)| {
                let (Change::Put(item) | Change::Replace { item, .. }) = &write.change else {
                    return true;
                };
                let admitted = session.admit(item);
                let refused = admitted.err().map(|error| {
                    self.results[*place] = Some(Err(error));
                    self.open -= 1;
                });
                refused.is_none()
            });
        }
        self.chains.retain(|chain| !chain.writes.is_empty());
    }

    /// Brings the writes forward as far as one attempt goes. Returns what went wrong, if that may
    /// pass by itself.
    async fn attempt<S>(&mut self, session: &mut S, tokens: &Tokens) -> Option<Error>
    where
        S: Session<Version = V>,
    {
        let trouble = match self.put(session, tokens).await {
            Some(trouble) => Some(trouble),
            None => match self.read(session).await {
                Some(trouble) => Some(trouble),
                None => self.swap(session, tokens).await,
            },
        };
        self.chains.retain(|chain| !chain.writes.is_empty());
        trouble.filter(|trouble| {
            let passes = trouble.retry() != Retry::Never;
            if !passes {
                self.give_up(trouble);
            }
            passes
        })
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
                        Told::Did(outcome) => self.settle(at, [Ok(Ok(outcome))]),
                        Told::Exists(stored) => {
                            chain.state = Some(State { stored: Some(stored), ..State::default() });
                        }
                        Told::Absent => chain.state = Some(State::default()),
                        Told::Raced => {}
                        Told::Failed(Failure::Refused(error)) if is_final(&error) => {
                            self.refuse(at, 1, &error);
                        }
                        Told::Failed(Failure::Refused(error)) => {
                            chain.put = false;
                            trouble = Some(error);
                        }
                        Told::Failed(Failure::Lost(error)) => {
                            chain.doubts.push((Doubt::Put(token), error.clone()));
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
                    chain.doubts.push((Doubt::Put(token), error.clone()));
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
                    self.clear_up(at, &state);
                    self.chains[at].state = Some(state);
                }
            }
        }
        None
    }

    /// Finds out what became of what may have happened to an item.
    fn clear_up(&mut self, at: usize, state: &State<V>) {
        let mut tokens = None;
        for number in 0..self.chains[at].doubts.len() {
            let (doubt, error) = &self.chains[at].doubts[number];
            match doubt.judge(state) {
                Finding::Repeatable(token) => tokens = token,
                Finding::Happened(verdicts) => {
                    self.settle(at, verdicts.into_iter().map(Ok).collect::<Vec<_>>());
                    self.chains[at].doubts.clear();
                    return;
                }
                Finding::Unknown(count) => {
                    let error = unknown(error);
                    self.settle(at, vec![Err(error); count]);
                    self.chains[at].doubts.clear();
                    return;
                }
            }
        }
        self.chains[at].token = tokens;
    }

    /// Decides what is known, and makes it true.
    async fn swap<S>(&mut self, session: &mut S, tokens: &Tokens) -> Option<Error>
    where
        S: Session<Version = V>,
    {
        let mut plans = Vec::new();
        // Creations under one key are writes to several items with one answer: one at a time.
        let mut places = HashSet::new();
        for at in 0..self.chains.len() {
            let chain = &mut self.chains[at];
            let Some(state) = chain.state.take().filter(|_| !chain.writes.is_empty()) else {
                continue;
            };
            let token = chain.token.take().unwrap_or_else(|| tokens.next());
            let plan = plan(&chain.key, chain.first(S::ANSWERS_MAX), &state, token);
            match &plan.swap {
                None => self.settle(at, plan.verdicts.into_iter().map(Ok).collect::<Vec<_>>()),
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
        let mut trouble = None;
        for ((at, plan), swapped) in plans.into_iter().zip(swapped) {
            match swapped {
                Swapped::Done => {
                    self.settle(at, plan.verdicts.into_iter().map(Ok).collect::<Vec<_>>());
                    self.chains[at].doubts.clear();
                }
                Swapped::Moved => {}
                Swapped::Failed(Failure::Refused(error)) if is_final(&error) => {
                    self.refuse(at, plan.verdicts.len(), &error);
                }
                Swapped::Failed(Failure::Refused(error)) => trouble = Some(error),
                Swapped::Failed(Failure::Lost(error)) => {
                    self.chains[at].doubts.push((Doubt::Swap(plan), error.clone()));
                    trouble = Some(error);
                }
            }
        }
        trouble
    }

    /// Gives the first writes to an item their results.
    fn settle(&mut self, at: usize, results: impl IntoIterator<Item = Result<Verdict, Error>>) {
        for result in results {
            if let Some((place, _)) = self.chains[at].writes.pop_front() {
                self.results[place] = Some(result);
                self.open -= 1;
            }
        }
    }

    /// Gives everybody the error, or the news that nobody knows.
    fn give_up(&mut self, error: &Error) {
        for at in 0..self.chains.len() {
            self.refuse(at, self.chains[at].writes.len(), error);
        }
    }

    /// Gives the first writes to an item the error, or the news that nobody knows.
    fn refuse(&mut self, at: usize, count: usize, error: &Error) {
        let error = match self.chains[at].doubts.first() {
            Some((_, doubt)) => unknown(doubt),
            None => error.clone(),
        };
        self.settle(at, vec![Err(error); count]);
        self.chains[at].doubts.clear();
    }
}

/// Tells whether a failure says nothing about the writes to other items, and is no better in a
/// moment: an engine that is full still takes deletions.
fn is_final(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Full | ErrorKind::TooLarge)
}

fn unknown(cause: &Error) -> Error {
    let message = "the answer was lost, and whether the write happened cannot be told any more";
    Error::with_source(ErrorKind::Unknown, message, cause.clone())
}

impl<V> Chain<V> {
    fn new(key: Key) -> Self {
        Self {
            key,
            writes: VecDeque::with_capacity(1),
            state: None,
            put: false,
            doubts: Vec::new(),
            token: None,
        }
    }

    /// Tells whether this is a put that needs no look at the item.
    fn is_plain(&self) -> bool {
        !self.put && self.writes.len() == 1 && self.as_put(Token([0; Token::BYTES])).is_some()
    }

    fn as_put(&self, token: Token) -> Option<Put<'_>> {
        match &self.writes.front()?.1 {
            Write { key, precondition, change: Change::Put(item), idempotency: None }
                if precondition.is_empty() =>
            {
                Some(Put { key, item, token })
            }
            _ => None,
        }
    }

    /// Returns the first writes, as many as have to leave at most so many answers.
    fn first(&self, answers_max: usize) -> impl Iterator<Item = &Write> {
        let mut answers = 0;
        self.writes.iter().map(|(_, write)| write).take_while(move |write| {
            answers += usize::from(write.idempotency.is_some());
            answers <= answers_max
        })
    }

    /// Returns where answers to the writes are remembered.
    fn places(&self) -> Vec<ReplayKey> {
        let places = self.writes.iter().filter_map(|(_, write)| write.idempotency);
        places.map(|idempotency| idempotency.key).collect()
    }
}

impl<V: PartialEq> Doubt<V> {
    fn judge(&self, state: &State<V>) -> Finding {
        let stored = state.stored.as_ref();
        match self {
            Self::Put(token) => match stored.filter(|stored| stored.token == *token) {
                Some(stored) if stored.created => {
                    Finding::Happened(vec![Ok(Outcome::Created(stored.item.clone()))])
                }
                Some(stored) => Finding::Happened(vec![Ok(Outcome::Updated(stored.item.clone()))]),
                None => Finding::Unknown(1),
            },
            Self::Swap(plan) => {
                let Some(swap) = &plan.swap else { return Finding::Repeatable(None) };
                let marked = matches!(swap.next, Next::Item(_))
                    && stored.is_some_and(|stored| stored.token == swap.token);
                let remembered = swap
                    .answers
                    .iter()
                    .any(|answer| state.answers.get(&answer.key) == Some(&answer.remembered));
                let untouched = swap.expected.is_some()
                    && swap.expected.as_ref() == stored.map(|stored| &stored.version);
                if marked || remembered {
                    Finding::Happened(plan.verdicts.clone())
                } else if !swap.answers.is_empty() {
                    Finding::Repeatable(None)
                } else if untouched {
                    Finding::Repeatable(Some(swap.token))
                } else {
                    Finding::Unknown(plan.verdicts.len())
                }
            }
        }
    }
}
