//! An engine in memory, whose sessions fail as a script says.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{
    Count, Item, ItemId, Key, Keyspace, Moment, Outcome, Page, PageQuery, Remembered, ReplayKey,
    SnapshotEntry, SnapshotQuery, State, Verdict, Version, Write,
};

use tokio::sync::Semaphore;

use super::super::session::{
    CurrentState, Failure, Next, Put, PutResult, ReadRequest, Session, SnapshotSession, StoredItem,
    Swap, SwapResult,
};
use super::super::token::Token;
use super::gate::Gate;
use super::script::{Fault, Step};
use crate::error::{Error, ErrorKind};

/// The engine: what all sessions share.
#[derive(Clone, Debug, Default)]
pub(super) struct Engine(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub(super) items: HashMap<Key, StoredItem<u64>>,
    pub(super) answers: HashMap<ReplayKey, Remembered>,
    /// What the next calls meet with: one step for a read or a put, one for each swap.
    pub(super) script: VecDeque<Step>,
    /// Requests whose answer was lost and that are carried out later, after so many more steps.
    zombies: Vec<(usize, Request)>,
    /// The token of each change that was made, in order.
    pub(super) changes: Vec<(Key, Token)>,
    /// What others did, and when.
    pub(super) by_others: Vec<(u64, Write, Verdict)>,
    /// How many calls there were.
    pub(super) calls: usize,
    /// The largest number of items in one call.
    pub(super) most: usize,
    /// What calls that write wait for, if they have to wait.
    gate: Option<Arc<Semaphore>>,
    /// What others hold.
    pub(super) held: HashSet<Key>,
    /// What never can be read.
    pub(super) damaged: Option<Key>,
    version: u64,
    time: u64,
}

#[derive(Clone, Debug)]
enum Request {
    Put(Key, Item, Token),
    Swap(Swap<u64>),
}

impl Engine {
    pub(super) fn script(&self, steps: impl IntoIterator<Item = impl Into<Step>>) {
        self.inner().script.extend(steps.into_iter().map(Into::into));
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        // A session that panics does so on purpose.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets calls that write wait until the gate is opened, or dropped.
    pub(super) fn close_gate(&self) -> Gate {
        let gate = Gate::default();
        self.inner().gate = Some(gate.waits());
        gate
    }

    pub(super) fn session(&self) -> Scripted {
        Scripted(self.clone())
    }

    pub(super) fn item(&self, key: &Key) -> Option<Item> {
        self.inner().items.get(key).and_then(|stored| stored.state.item().cloned())
    }

    /// How often something changed.
    pub(super) fn changes(&self) -> usize {
        self.inner().changes.len()
    }

    /// Another client of the engine writes.
    pub(super) fn write(&self, write: Write) {
        self.inner().write(write);
    }

    /// Returns a moment that is later than everything before.
    pub(super) fn now(&self) -> u64 {
        self.inner().tick()
    }

    /// Carries out what was lost and is still on its way.
    pub(super) fn finish(&self) {
        let mut inner = self.inner();
        let zombies = std::mem::take(&mut inner.zombies);
        zombies.into_iter().for_each(|(_, request)| drop(inner.carry_out(&request)));
    }
}

impl Inner {
    fn tick(&mut self) -> u64 {
        self.time += 1;
        self.time
    }

    /// Goes on by a step, and returns what is wrong with it.
    fn step(&mut self) -> Fault {
        self.tick();
        let zombies = std::mem::take(&mut self.zombies).into_iter();
        let (due, later): (Vec<_>, Vec<_>) = zombies.partition(|zombie| zombie.0 == 0);
        self.zombies = later;
        self.zombies.iter_mut().for_each(|zombie| zombie.0 -= 1);
        due.into_iter().for_each(|(_, request)| drop(self.carry_out(&request)));
        let Step { others, fault } = self.script.pop_front().unwrap_or_default();
        others.into_iter().for_each(|write| self.write(write));
        self.tick();
        fault
    }

    fn write(&mut self, write: Write) {
        let state = CurrentState {
            stored: self.items.get(&write.key).cloned(),
            answers: self.answers.clone(),
        };
        let number = self.tick();
        let token = Token((u128::MAX - u128::from(number)).to_be_bytes());
        let plan = super::super::plan::plan(&write.key, [&write], &state, token);
        if let Some(swap) = plan.swap {
            assert!(self.carry_out(&Request::Swap(swap)).is_some(), "no other write is in between");
        }
        self.by_others.push((number, write, plan.verdicts[0].clone()));
    }

    /// Carries a request out, if its conditions hold.
    fn carry_out(&mut self, request: &Request) -> Option<Outcome> {
        match request {
            Request::Put(key, item, token) => self.put(key, item, *token),
            Request::Swap(swap) => self.swap(swap).then_some(Outcome::Deleted),
        }
    }

    /// Puts an item. A tombstone has to be decided on, and the token of an item stays.
    fn put(&mut self, key: &Key, item: &Item, token: Token) -> Option<Outcome> {
        let outcome = match self.items.get(key).map(|stored| &stored.state) {
            Some(State::Item(stored)) if stored.equals(item) => {
                return Some(Outcome::Unchanged(stored.clone()));
            }
            Some(State::Item(stored)) => Outcome::Updated(item.clone().with_order(stored.order())),
            Some(_) => return None,
            None => Outcome::Created(item.clone()),
        };
        if let Outcome::Created(item) | Outcome::Updated(item) = &outcome {
            let created = matches!(outcome, Outcome::Created(_));
            self.change(key, State::Item(item.clone()), created, token);
        }
        Some(outcome)
    }

    fn swap(&mut self, swap: &Swap<u64>) -> bool {
        let there = self.items.get(&swap.key).map(|stored| stored.version);
        let free = |answer: &super::super::session::Answer| {
            let there = self.answers.get(&answer.key);
            there.is_none() || there == answer.instead_of.as_ref()
        };
        if there != swap.expected || !swap.answers.iter().all(free) {
            return false;
        }
        for answer in &swap.answers {
            self.answers.insert(answer.key, answer.remembered.clone());
        }
        match &swap.next {
            Next::Same => self.changes.push((swap.key.clone(), swap.token)),
            Next::Item(item) => {
                let created = there.is_none();
                self.change(&swap.key, State::Item(item.clone()), created, swap.token);
            }
            Next::Nothing => self.change(&swap.key, State::Absent, false, swap.token),
            Next::Deleted(order) => {
                self.change(&swap.key, State::Deleted(*order), false, swap.token);
            }
        }
        true
    }

    fn change(&mut self, key: &Key, state: State, created: bool, token: Token) {
        self.version += 1;
        self.changes.push((key.clone(), token));
        if state == State::Absent {
            self.items.remove(key);
            return;
        }
        let stored = StoredItem { state, token, created, version: self.version };
        self.items.insert(key.clone(), stored);
    }

    /// Meets one request with a fault. What is returned happened, and its answer arrives.
    fn meet(&mut self, fault: &Fault, request: &Request) -> Result<Option<Outcome>, Failure> {
        match fault {
            Fault::None | Fault::Exists => return Ok(self.carry_out(request)),
            Fault::Raced | Fault::Held => return Ok(None),
            Fault::Refused(kind) => return Err(Failure::Refused(refused(*kind))),
            Fault::LostBefore => {}
            Fault::LostAfter | Fault::LostHalf => drop(self.carry_out(request)),
            Fault::LostUntil(steps) => self.zombies.push((*steps, request.clone())),
            Fault::Panic => panic!("the session panics, as the script says"),
        }
        Err(Failure::Lost(Error::new(ErrorKind::Unavailable, "the answer was lost")))
    }
}

fn refused(kind: ErrorKind) -> Error {
    Error::new(kind, "the engine refuses")
}

/// A session with the engine.
#[derive(Clone, Debug)]
pub(super) struct Scripted(Engine);

impl Scripted {
    /// Lets others go first, and waits at the gate.
    async fn pass(&self) {
        tokio::task::yield_now().await;
        let gate = self.0.inner().gate.clone();
        if let Some(gate) = gate {
            // An open gate is a closed semaphore: no session waits for it any more.
            let _ = gate.acquire().await;
        }
    }
}

/// A snapshot of the engine's items, in chunks of two.
pub(super) struct ScriptedSnapshot {
    engine: Engine,
    items: Option<BTreeMap<ItemId, SnapshotEntry>>,
}

impl SnapshotSession for ScriptedSnapshot {
    async fn chunk(&mut self, query: &SnapshotQuery) -> Result<Vec<SnapshotEntry>, Error> {
        tokio::task::yield_now().await;
        let mut inner = self.engine.inner();
        inner.calls += 1;
        match inner.step() {
            Fault::Refused(kind) => return Err(refused(kind)),
            Fault::Panic => panic!("the session panics, as the script says"),
            _ => {}
        }
        let items = self.items.get_or_insert_with(|| {
            let items = inner.items.iter().filter_map(|(key, stored)| {
                let version = Version::from(stored.version);
                let (id, item) = (key.id.clone(), stored.state.item()?.clone());
                Some((id.clone(), SnapshotEntry { id, item, version }))
            });
            items.collect()
        });
        let behind = query.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let chunk = items.range::<ItemId, _>((behind, Bound::Unbounded)).take(2);
        Ok(chunk.map(|(_, entry)| entry.clone()).collect())
    }
}

impl Session for Scripted {
    type Version = u64;

    type Snapshot = ScriptedSnapshot;

    fn snapshot(&self) -> ScriptedSnapshot {
        ScriptedSnapshot { engine: self.0.clone(), items: None }
    }

    async fn read(&mut self, wanted: &[ReadRequest<'_>]) -> Result<Vec<CurrentState<u64>>, Error> {
        tokio::task::yield_now().await;
        let mut inner = self.0.inner();
        inner.calls += 1;
        match inner.step() {
            Fault::None | Fault::Raced | Fault::Held | Fault::Exists => {}
            Fault::Refused(kind) => return Err(refused(kind)),
            Fault::Panic => panic!("the session panics, as the script says"),
            _ => return Err(refused(ErrorKind::Unavailable)),
        }
        if wanted.iter().any(|one| one.item.is_some() && one.item == inner.damaged.as_ref()) {
            return Err(refused(ErrorKind::Corrupt));
        }
        let states = wanted.iter().map(|one| CurrentState {
            stored: one.item.and_then(|key| inner.items.get(key)).cloned(),
            answers: one
                .answers
                .iter()
                .filter_map(|key| Some((*key, inner.answers.get(key)?.clone())))
                .collect(),
        });
        Ok(states.collect())
    }

    async fn put(&mut self, puts: &[Put<'_>]) -> Result<Vec<PutResult<u64>>, Failure> {
        self.pass().await;
        let mut inner = self.0.inner();
        inner.calls += 1;
        inner.most = inner.most.max(puts.len());
        let fault = inner.step();
        let mut told = Vec::new();
        let mut failure = None;
        for (at, put) in puts.iter().enumerate() {
            if fault == Fault::Exists
                && let Some(stored) = inner.items.get(put.key)
            {
                told.push(PutResult::Exists(stored.clone()));
                continue;
            }
            if fault == Fault::Held || inner.held.contains(put.key) {
                told.push(PutResult::Held);
                continue;
            }
            let fault =
                if fault == Fault::LostHalf && at % 2 == 1 { Fault::LostBefore } else { fault };
            let request = Request::Put(put.key.clone(), put.item.clone(), put.token);
            match inner.meet(&fault, &request) {
                Ok(outcome) => told.push(outcome.map_or(PutResult::Raced, PutResult::Did)),
                Err(failed) => failure = Some(failed),
            }
        }
        failure.map_or(Ok(told), Err)
    }

    async fn swap(&mut self, swaps: &[&Swap<u64>]) -> Vec<SwapResult> {
        self.pass().await;
        let mut inner = self.0.inner();
        inner.calls += 1;
        inner.most = inner.most.max(swaps.len());
        let swapped = swaps.iter().map(|swap| {
            let fault = inner.step();
            if fault == Fault::Held || inner.held.contains(&swap.key) {
                return SwapResult::Held;
            }
            match inner.meet(&fault, &Request::Swap((*swap).clone())) {
                Ok(Some(_)) => SwapResult::Done,
                Ok(None) => SwapResult::Moved,
                Err(failure) => SwapResult::Failed(failure),
            }
        });
        swapped.collect()
    }

    async fn list(&mut self, query: &PageQuery) -> Result<Page, Error> {
        tokio::task::yield_now().await;
        Page::collect(std::iter::empty(), query.items_max)
    }

    async fn count(&mut self, _: &PageQuery) -> Result<Count, Error> {
        Ok(Count::default())
    }

    async fn collection_after(&mut self, _: Option<&Keyspace>) -> Result<Option<Keyspace>, Error> {
        Ok(None)
    }

    async fn check(&mut self) -> Result<(), Error> {
        match self.0.inner().step() {
            Fault::None => Ok(()),
            _ => Err(refused(ErrorKind::Unavailable)),
        }
    }

    async fn forget(&mut self, now: Moment) -> Result<(), Error> {
        self.0.inner().answers.retain(|_, remembered| now < remembered.until);
        Ok(())
    }
}
