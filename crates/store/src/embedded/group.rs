//! Writes that share one sync.

use std::collections::HashMap;

use domain::{
    Decision, Remembered, ReplayKey, State, Verdict, Version, Write, decide, decide_version,
};
use lsm_tree::Slice;
use tokio::sync::oneshot::Sender;

use super::engine::{Engine, Entry, TreeName};
use crate::codec::{KeyBytes, encode_remembered, push_item};
use crate::error::{Error, ErrorKind};
use crate::size::write_bytes;

/// A group ends at this many bytes: what one commit and one sync cost is then spread over enough,
/// and what the engine holds twice for a moment stays small beside its memtables.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// A group ends at this many writes, so that the first of them is not kept waiting for long: they
/// take about 10 ms, no more than a slow sync.
const GROUP_WRITES_MAX: usize = 4_096;

/// Writes that were decided and not yet committed, and the callers that wait for them.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// The state that the group leaves behind, of each id that it changes. All entries of a group
    /// have one sequence number in the trees, so an id may be in it only once.
    changes: HashMap<Slice, State>,
    /// What the group's writes leave to be remembered, by idempotency key.
    remembered: HashMap<ReplayKey, Remembered>,
    writes: usize,
    bytes: usize,
    /// Whether a large job is in it.
    pub(super) is_large: bool,
    answers: Vec<DecidedJob>,
    /// An item in the form in which it is stored; used again for each.
    form: Vec<u8>,
}

/// A job whose writes were all decided.
#[derive(Debug)]
struct DecidedJob {
    reply: Sender<Vec<Result<Verdict, Error>>>,
    results: Vec<Result<Verdict, Error>>,
    /// The results before this one belong to earlier groups of the same job.
    own: usize,
}

/// What there is where an item can be, and the version of an item.
type ReadState = Result<(State, Option<Version>), Error>;

impl Group {
    /// Tells whether the group should be committed before it takes another write.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= GROUP_BYTES_MAX || self.writes >= GROUP_WRITES_MAX
    }

    /// Reads what there is where `writes` write, unless the group changes it. In the order of the keys that
    /// takes half the time: one search goes much the same way as the one before.
    pub(super) fn read(&self, engine: &Engine, writes: &[Write]) -> Vec<Option<ReadState>> {
        let mut order: Vec<_> = (0..writes.len()).collect();
        order.sort_unstable_by(|one, other| writes[*one].key.cmp(&writes[*other].key));
        let mut states: Vec<_> = writes.iter().map(|_| None).collect();
        for at in order {
            let key = KeyBytes::of(&writes[at].key);
            if !self.changes.contains_key(key.as_ref()) {
                states[at] = Some(engine.state(&key));
            }
        }
        states
    }

    /// Decides what a write does after all the writes that were decided before.
    ///
    /// `state` is what was [read](Self::read) for it since the last group ended, if anything was.
    /// `may_grow` is false when the disk has no room: what would need some is refused then.
    pub(super) fn decide(
        &mut self,
        engine: &Engine,
        state: Option<ReadState>,
        write: &Write,
        may_grow: bool,
    ) -> Result<Verdict, Error> {
        self.writes += 1;
        self.bytes += write_bytes(write);
        let key = KeyBytes::of(&write.key);
        let remembered = write.idempotency.map(|own| self.recall(engine, &own.key)).transpose()?;
        let remembered = remembered.flatten();
        let Decision { verdict, effect } = match self.changes.get(key.as_ref()) {
            Some(changed) => decide(changed, remembered.as_ref(), write),
            None => {
                let (state, version) = state.unwrap_or_else(|| engine.state(&key))?;
                decide_version(&state, version, remembered.as_ref(), write)
            }
        };
        let answer = verdict.as_ref().ok().and_then(|outcome| write.remember(outcome));
        let answer = write.idempotency.zip(answer);
        let change = effect.into_state();
        let grows = match &change {
            Some(State::Item(_)) => true,
            // Deletions are what a full disk needs.
            Some(State::Deleted(_)) => verdict.is_err(),
            Some(State::Absent) | None => false,
        };
        if !may_grow && (answer.is_some() || grows) {
            return Err(Error::new(ErrorKind::Full, "the disk has no room left"));
        }
        if let Some(change) = change {
            self.changes.insert(Slice::from(key.as_ref()), change);
        }
        if let Some((own, answer)) = answer {
            self.remembered.insert(own.key, answer);
        }
        Ok(verdict)
    }

    fn recall(&self, engine: &Engine, key: &ReplayKey) -> Result<Option<Remembered>, Error> {
        match self.remembered.get(key) {
            Some(answer) => Ok(Some(answer.clone())),
            None => engine.recall(key),
        }
    }

    /// Takes the results of a job to send them when the group has ended.
    pub(super) fn answer(
        &mut self,
        reply: Sender<Vec<Result<Verdict, Error>>>,
        results: Vec<Result<Verdict, Error>>,
        own: usize,
    ) {
        self.answers.push(DecidedJob { reply, results, own });
    }

    /// Takes what the group leaves to be made durable.
    pub(super) fn take_entries(&mut self, engine: &Engine) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(self.changes.len() + self.remembered.len());
        for (key, state) in self.changes.drain() {
            if let State::Deleted(order) = state {
                entries.push(engine.tombstone(&key, order));
            }
            let value = state.item().map(|item| {
                self.form.clear();
                push_item(&mut self.form, item);
                Slice::from(self.form.as_slice())
            });
            entries.push(Entry { tree: TreeName::Items, key, value });
        }
        entries.extend(self.remembered.drain().map(|(key, answer)| {
            let value = Some(encode_remembered(&answer).into());
            Entry { tree: TreeName::Answers, key: key.as_bytes().into(), value }
        }));
        // In the order of the keys they are near each other in the memtables too.
        entries.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        entries
    }

    /// Tells whether no write was decided.
    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// Tells whether there is anything to make durable.
    pub(super) fn is_unchanged(&self) -> bool {
        self.changes.is_empty() && self.remembered.is_empty()
    }

    /// Returns about how many bytes the group's writes hold.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Ends the group: sends the results to all callers.
    pub(super) fn end(&mut self, committed: &Result<(), Error>) {
        for DecidedJob { reply, mut results, own } in self.answers.drain(..) {
            settle(&mut results[own..], committed);
            // A caller that went away misses the answer, and nothing else.
            drop(reply.send(results));
        }
        self.changes.clear();
        self.remembered.clear();
        (self.writes, self.bytes, self.is_large) = (0, 0, false);
    }

    /// Forgets the group. The callers learn that the outcome is unknown.
    pub(super) fn abandon(&mut self) {
        *self = Self::default();
    }
}

/// Makes results of a group true: when it could not be committed, every verdict in it fell on a
/// state that may not last, also that nothing was to be done.
pub(super) fn settle(results: &mut [Result<Verdict, Error>], committed: &Result<(), Error>) {
    if let Err(error) = committed {
        for result in results.iter_mut().filter(|result| result.is_ok()) {
            *result = Err(error.clone());
        }
    }
}
