//! Writes that share one sync.

use std::collections::HashMap;

use domain::{Item, Outcome, Verdict, Write, decide};
use fjall::Slice;
use tokio::sync::oneshot::Sender;

use super::codec::{KeyBytes, encode_item};
use super::queue::bytes;
use super::tree::Tree;
use crate::error::{Error, ErrorKind};

/// A group ends at this many bytes: what one commit and one sync cost is then spread over enough,
/// and what the engine holds twice for a moment stays small beside its memtables.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// A group ends at this many writes, so that the first of them is not kept waiting for long: they
/// take about 10 ms, no more than a slow sync.
const GROUP_WRITES_MAX: usize = 4_096;

/// Writes that were decided and not yet committed, and those who wait for them.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// The state that the group leaves behind, of each id that it changes. fjall gives all entries
    /// of a batch one sequence number, so an id may be in a batch only once.
    changes: HashMap<Slice, Option<Item>>,
    writes: usize,
    bytes: usize,
    answers: Vec<Answer>,
}

/// A job whose writes were all decided.
#[derive(Debug)]
struct Answer {
    reply: Sender<Vec<Result<Verdict, Error>>>,
    results: Vec<Result<Verdict, Error>>,
    /// The results before this one belong to earlier groups of the same job.
    own: usize,
}

impl Group {
    /// Tells whether the group should be committed before it takes another write.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= GROUP_BYTES_MAX || self.writes >= GROUP_WRITES_MAX
    }

    /// Decides what a write does after all the writes that were decided before.
    ///
    /// `may_grow` is false when the disk has no room: what would need some is refused then.
    pub(super) fn decide(
        &mut self,
        tree: &Tree,
        write: &Write,
        may_grow: bool,
    ) -> Result<Verdict, Error> {
        self.writes += 1;
        self.bytes += bytes(write);
        let key = KeyBytes::of(&write.key);
        let verdict = match self.changes.get(key.as_ref()) {
            Some(changed) => decide(changed.as_ref(), write),
            None => decide(tree.get_latest(key.as_ref())?.as_ref(), write),
        };
        let change = match &verdict {
            Ok(Outcome::Created(_) | Outcome::Updated(_)) if !may_grow => {
                return Err(Error::new(ErrorKind::Full, "the disk has no room left"));
            }
            Ok(Outcome::Created(item) | Outcome::Updated(item)) => Some(item.clone()),
            Ok(Outcome::Deleted) => None,
            Ok(Outcome::Unchanged(_)) | Err(_) => return Ok(verdict),
        };
        self.changes.insert(Slice::from(key.as_ref()), change);
        Ok(verdict)
    }

    /// Takes the results of a job to send them when the group has ended.
    pub(super) fn answer(
        &mut self,
        reply: Sender<Vec<Result<Verdict, Error>>>,
        results: Vec<Result<Verdict, Error>>,
        own: usize,
    ) {
        self.answers.push(Answer { reply, results, own });
    }

    /// Hands the changes to fjall.
    pub(super) fn commit(&mut self, tree: &Tree) -> fjall::Result<()> {
        let mut batch = tree.batch(self.changes.len());
        for (key, item) in self.changes.drain() {
            tree.add(&mut batch, key, item.as_ref().map(encode_item));
        }
        batch.commit()
    }

    /// Tells whether there is anything to make durable.
    pub(super) fn is_unchanged(&self) -> bool {
        self.changes.is_empty()
    }

    /// Ends the group: tells everybody who waits how it went.
    pub(super) fn end(&mut self, committed: &Result<(), Error>) {
        for Answer { reply, mut results, own } in self.answers.drain(..) {
            settle(&mut results[own..], committed);
            // A caller that went away misses the answer, and nothing else.
            drop(reply.send(results));
        }
        self.changes.clear();
        (self.writes, self.bytes) = (0, 0);
    }

    /// Forgets the group. Those who wait learn that the outcome is unknown.
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
