//! The writes of a group to one item, and what is known of it.

use std::collections::VecDeque;
use std::time::Duration;

use domain::{Change, Item, Key, ReplayKey, Verdict, Version, Write};
use tokio::time::Instant;

use super::call::ReplySlot;
use super::in_doubt::{DoubtFinding, WritesInDoubt};
use super::plan::{Plan, plan};
use super::session::{CurrentState, Put};
use super::token::{Token, Tokens};
use crate::error::{Error, ErrorKind};
use crate::size::write_bytes;

/// The writes to one item that are not settled.
pub(super) struct Chain<V> {
    pub(super) key: Key,
    /// The writes, and where their results go.
    pub(super) writes: VecDeque<(ReplySlot, Write)>,
    /// What is there, as far as is known.
    pub(super) state: Option<CurrentState<V>>,
    /// Whether the short way was tried.
    pub(super) put: bool,
    /// What may have happened.
    pub(super) doubts: WritesInDoubt<V>,
    /// Whether another client of the engine holds the item.
    pub(super) held: bool,
    /// What is to be tried once more, as it was.
    again: Option<Plan<V>>,
}

impl<V: Copy + PartialEq + Into<Version>> Chain<V> {
    pub(super) fn new(key: Key) -> Self {
        Self {
            key,
            writes: VecDeque::with_capacity(1),
            state: None,
            put: false,
            doubts: WritesInDoubt::default(),
            held: false,
            again: None,
        }
    }

    /// Gives the first writes their results.
    pub(super) fn settle(&mut self, settled: impl IntoIterator<Item = Result<Verdict, Error>>) {
        for result in settled {
            if let Some((slot, _)) = self.writes.pop_front() {
                slot.fill(result);
            }
        }
    }

    /// Returns when the first of the writes was accepted.
    pub(super) fn since(&self) -> Option<Instant> {
        self.writes.front().map(|(slot, _)| slot.since())
    }

    /// Returns how many bytes the writes hold.
    pub(super) fn bytes(&self) -> usize {
        self.writes.iter().map(|(_, write)| write_bytes(write)).sum()
    }

    /// Gives the error to the first writes, as far as they have waited for longer than patience
    /// lasts.
    pub(super) fn expire(&mut self, patience: Duration, error: &Error) {
        let late = |(slot, _): &&(ReplySlot, Write)| slot.since().elapsed() > patience;
        let count = self.writes.iter().take_while(late).count();
        if count > 0 {
            // What is in doubt together is given up together.
            self.refuse(count.max(self.doubts.writes()), error);
        }
    }

    /// Finds out what became of what may have happened.
    pub(super) fn clear_up(&mut self, state: &CurrentState<V>) {
        let unknown = unknown(self.doubts.cause());
        self.again = None;
        let settled: Vec<_> = match self.doubts.judge(state) {
            DoubtFinding::Nothing => return,
            DoubtFinding::Repeat(plan) => return self.again = Some(plan),
            DoubtFinding::Happened(verdicts) => {
                verdicts.into_iter().map(|verdict| verdict.ok_or_else(|| unknown.clone())).collect()
            }
            DoubtFinding::Unknown(count) => vec![Err(unknown); count],
        };
        self.settle(settled);
        self.doubts.clear();
    }

    /// Refuses the writes of items that the engine does not admit.
    pub(super) fn admit(&mut self, admit: impl Fn(&Item) -> Result<(), Error>) {
        for (slot, write) in std::mem::take(&mut self.writes) {
            let refused = match &write.change {
                Change::Put(item) | Change::Replace { item, .. } => admit(item).err(),
                Change::Delete => None,
            };
            match refused {
                Some(error) => slot.fill(Err(error)),
                None => self.writes.push_back((slot, write)),
            }
        }
    }

    /// Decides what is to be done about the item as it was read, which is forgotten. It leaves at
    /// most so many answers to be remembered.
    pub(super) fn plan(&mut self, answers_max: usize, tokens: &Tokens) -> Option<Plan<V>> {
        let state = self.state.take().filter(|_| !self.writes.is_empty())?;
        if let Some(again) = self.again.take() {
            return Some(again);
        }
        let mut answers = 0;
        let writes = self.writes.iter().map(|(_, write)| write).take_while(|write| {
            answers += usize::from(write.idempotency.is_some());
            answers <= answers_max
        });
        let plan = plan(&self.key, writes, &state, tokens.next());
        let Some(count) = self.doubts.outlive(&plan, &state) else { return Some(plan) };
        let unknown = unknown(self.doubts.cause());
        self.settle(vec![Err(unknown); count]);
        self.doubts.clear();
        None
    }

    /// Tells whether this is a put that needs no look at the item.
    pub(super) fn is_plain(&self) -> bool {
        !self.put
            && self.writes.len() == 1
            && self.doubts.writes() == 0
            && self.as_put(Token([0; Token::BYTES])).is_some()
    }

    /// Returns the first write, if it is a put without a precondition, an order token and a key.
    pub(super) fn as_put(&self, token: Token) -> Option<Put<'_>> {
        match &self.writes.front()?.1 {
            Write {
                key,
                precondition,
                change: Change::Put(item),
                unchanged_since: None,
                order: None,
                idempotency: None,
                ..
            } if precondition.is_empty() => Some(Put { key, item, token }),
            _ => None,
        }
    }

    /// Returns where answers to the writes are remembered.
    pub(super) fn places(&self) -> Vec<ReplayKey> {
        let places = self.writes.iter().filter_map(|(_, write)| write.idempotency);
        places.map(|idempotency| idempotency.key).collect()
    }

    /// Answers all writes with the error, or with `unknown` if they may have happened.
    pub(super) fn give_up(&mut self, error: &Error) {
        self.refuse(self.writes.len(), error);
    }

    /// Answers the first writes with the error, or with `unknown` if they may have happened.
    pub(super) fn refuse(&mut self, count: usize, error: &Error) {
        let doubtful = self.doubts.writes().min(count);
        let unknown = unknown(self.doubts.cause());
        self.settle(vec![Err(unknown); doubtful]);
        self.settle(vec![Err(error.clone()); count - doubtful]);
        self.doubts.clear();
    }
}

fn unknown(cause: Option<&Error>) -> Error {
    let message = "the answer was lost, and it is unknown whether the write happened";
    match cause {
        Some(cause) => Error::with_source(ErrorKind::Unknown, message, cause.clone()),
        None => Error::new(ErrorKind::Unknown, message),
    }
}
