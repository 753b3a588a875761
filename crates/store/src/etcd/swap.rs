//! Swaps: their conditions and changes, and how many of them become one transaction.
//!
//! The swaps of a batch stand side by side in one flat transaction, which happens as a whole or not
//! at all. If a condition of one of them does not hold, the transaction reads the keys of all
//! conditions instead; a swap whose condition fails is reported as moved, and the others are sent again. Nested
//! transactions would decide for themselves, but they are charged to no quota and judged by no role.

use std::collections::VecDeque;

use bytes::Bytes;
use domain::{Moment, Remembered};

use super::cluster::{Cluster, look};
use super::commit::{BATCH_BYTES_MAX, BATCH_OPS_MAX, Batch, CommitResult, Committer};
use super::failure::{Cause, EtcdFailure};
use super::leases::LeaseClass;
use super::message::{Compare, DeleteRequest, Op, PutRequest, RangeRequest, RangeResponse, Txn};
use super::value::{self, INLINE_BYTES_MAX};
use crate::codec::encode_remembered;
use crate::error::Error;
use crate::remote::http::{AttemptFailure, Effect};
use crate::remote::session::{self, Next, Swap, SwapResult};
use crate::tombstone::Tombstone;

/// How many answers one swap may leave. More requests with a key of their own for the same item are
/// settled one round trip later.
pub(super) const ANSWERS_MAX: usize = 16;

/// What an operation and its comparison take beside keys and values, in the encoding.
pub(super) const OP_BYTES: usize = 64;

/// What three keys take at most: those of a comparison, of a put, and of a read. A key has the prefix
/// of the store, the name of a collection and an id.
const THREE_KEYS_BYTES_MAX: usize = 3 * (128 + 16 + 64 + 128);

/// The largest item: what is left of a request when as many answers as may be stand beside it, each
/// in place of an old one.
pub(super) const ITEM_BYTES_MAX: usize = BATCH_BYTES_MAX
    - ANSWERS_MAX * (2 * INLINE_BYTES_MAX + OP_BYTES + THREE_KEYS_BYTES_MAX)
    - (2 << 10);

/// How often the swaps that can go on are sent again without those that cannot. Then they are read
/// and decided anew, which takes less than many more rounds.
const ROUNDS_MAX: usize = 4;

/// A swap in the words of etcd.
#[derive(Debug)]
pub(super) struct PreparedSwap {
    /// Its place among the swaps.
    at: usize,
    conditions: Vec<KeyCondition>,
    change: ItemChange,
    answers: Vec<NewAnswer>,
    bytes: usize,
}

/// What a swap does to an item.
#[derive(Debug)]
struct ItemChange {
    ops: Vec<Op>,
    /// The tombstone that is left, whose keys are put on a lease.
    tombstone: Option<Tombstone>,
}

/// What has to hold of one key for a swap to happen.
#[derive(Debug)]
enum KeyCondition {
    /// It was written last by that revision; 0 is that it is not there.
    Version(Bytes, i64),
    /// It has that value.
    Value(Bytes, Bytes),
}

/// An answer that a swap leaves.
#[derive(Debug)]
struct NewAnswer {
    key: Bytes,
    value: Bytes,
    until: Moment,
    /// Which lease it ends with.
    class: LeaseClass,
    /// What does not fit into the value, and its digest.
    body: Option<([u8; 16], Bytes)>,
}

impl PreparedSwap {
    pub(super) fn of(cluster: &Cluster, at: usize, swap: &Swap<i64>) -> Self {
        let keys = &cluster.keys;
        let key = keys.item(&swap.key);
        let mut conditions = Vec::with_capacity(1 + swap.answers.len());
        conditions.push(KeyCondition::Version(key.clone(), swap.expected.unwrap_or(0)));
        let mut bytes = OP_BYTES + 3 * key.len();
        let change = ItemChange::of(cluster, key, swap);
        bytes += change.bytes();
        let mut answers = Vec::with_capacity(swap.answers.len());
        for answer in &swap.answers {
            let key = keys.answer(&answer.key);
            let form = |remembered: &Remembered| Bytes::from(encode_remembered(remembered));
            conditions.push(match &answer.instead_of {
                None => KeyCondition::Version(key.clone(), 0),
                Some(old) => {
                    let (old, _) = value::of_answer(&answer.key, &form(old));
                    bytes += old.len();
                    KeyCondition::Value(key.clone(), old)
                }
            });
            let form = form(&answer.remembered);
            let (value, digest) = value::of_answer(&answer.key, &form);
            bytes += OP_BYTES + 3 * key.len() + value.len();
            let body = digest.map(|digest| (digest, form));
            let until = answer.remembered.until;
            answers.push(NewAnswer { key, value, until, class: LeaseClass::of(until), body });
        }
        Self { at, conditions, change, answers, bytes }
    }

    /// How many operations it takes in the longest list.
    fn ops(&self) -> usize {
        self.conditions.len().max(self.change.ops.len() + self.answers.len())
    }

    /// Tells whether it removes an item and does nothing else.
    fn only_deletes(&self) -> bool {
        let deletes = self.change.ops.iter().all(|op| matches!(op, Op::Delete(_)));
        deletes && !self.change.ops.is_empty() && self.answers.is_empty()
    }

    /// Returns what it puts on leases, except for the bodies of answers: the class, until when, and how many keys.
    fn leased(&self) -> impl Iterator<Item = (LeaseClass, Moment, usize)> {
        // A body is a key too.
        let answers = self
            .answers
            .iter()
            .map(|answer| (answer.class, answer.until, 1 + usize::from(answer.body.is_some())));
        let tombstone = self.change.tombstone.iter();
        let keys = self.change.ops.len();
        answers.chain(tombstone.map(move |stone| (LeaseClass::Tombstone, stone.until, keys)))
    }

    fn holds(&self, seen: &mut impl Iterator<Item = RangeResponse>) -> bool {
        let seen = seen.by_ref().take(self.conditions.len());
        // Every condition takes its own, also after one that does not hold.
        self.conditions.iter().zip(seen).filter(|(condition, seen)| !condition.holds(seen)).count()
            == 0
    }
}

impl ItemChange {
    fn of(cluster: &Cluster, key: Bytes, swap: &Swap<i64>) -> Self {
        let delete = |key| Op::Delete(DeleteRequest { key, range_end: Bytes::new() });
        let put = |key, value| Op::Put(PutRequest { key, value, lease: 0 });
        let mark = cluster.keys.deletion(&key);
        let was_marked = mark.clone().filter(|_| swap.replaces_tombstone);
        let (mut ops, mut tombstone) = (Vec::with_capacity(1), None);
        match &swap.next {
            Next::Same => {}
            Next::Item(item) => {
                ops.push(put(key, value::of_item(swap.token, item)));
                ops.extend(was_marked.map(delete));
            }
            Next::Nothing => {
                ops.push(delete(key));
                ops.extend(was_marked.map(delete));
            }
            Next::Deleted(order) => {
                let stone = cluster.tombstone_time.tombstone(*order);
                ops.push(put(key, value::of_tombstone(swap.token, stone)));
                ops.extend(mark.map(|mark| put(mark, Bytes::new())));
                tombstone = Some(stone);
            }
        }
        Self { ops, tombstone }
    }

    /// How many bytes it takes beside a key of the item.
    fn bytes(&self) -> usize {
        let value = |op: &Op| match op {
            Op::Put(put) => put.value.len(),
            Op::Range(_) | Op::Delete(_) => 0,
        };
        let marks = self.ops.iter().skip(1).map(|_| OP_BYTES + THREE_KEYS_BYTES_MAX / 3);
        self.ops.iter().map(value).sum::<usize>() + marks.sum::<usize>()
    }

    /// Returns the operations; keys of a tombstone are attached to `lease`.
    fn on_lease(&self, lease: i64) -> impl Iterator<Item = Op> {
        let is_tombstone = self.tombstone.is_some();
        self.ops.iter().cloned().map(move |op| match op {
            Op::Put(put) if is_tombstone => Op::Put(PutRequest { lease, ..put }),
            op => op,
        })
    }
}

impl KeyCondition {
    fn compare(&self) -> Compare {
        match self {
            Self::Version(key, revision) => Compare::modified(key.clone(), *revision),
            Self::Value(key, value) => Compare::holds(key.clone(), value.clone()),
        }
    }

    fn look(&self) -> Op {
        match self {
            Self::Version(key, _) => Op::Range(RangeRequest {
                key: key.clone(),
                keys_only: true,
                ..RangeRequest::default()
            }),
            Self::Value(key, _) => look(key.clone()),
        }
    }

    fn holds(&self, seen: &RangeResponse) -> bool {
        let seen = seen.kvs.first();
        match self {
            Self::Version(_, revision) => seen.map_or(0, |kv| kv.mod_revision) == *revision,
            Self::Value(_, value) => seen.is_some_and(|kv| kv.value == *value),
        }
    }
}

/// Carries out all swaps, as few transactions as they fit into.
pub(super) async fn swap_all(
    cluster: &Cluster,
    committer: &mut Committer,
    swaps: &[&Swap<i64>],
) -> Vec<SwapResult> {
    let prepared = swaps.iter().enumerate().map(|(at, swap)| PreparedSwap::of(cluster, at, swap));
    let mut waiting = VecDeque::from(chunks(prepared, |one| (one.ops(), one.bytes)));
    let mut results = vec![SwapResult::Moved; swaps.len()];
    while let Some(chunk) = waiting.pop_front() {
        let places: Vec<_> = chunk.iter().map(|one| one.at).collect();
        match swap_chunk(cluster, committer, chunk, &mut results).await {
            Ok(()) => {}
            Err((ChunkFailure::TooLarge, chunk)) => {
                waiting.extend(chunk.into_iter().map(|one| vec![one]));
            }
            Err((ChunkFailure::Failed { failure, stop }, _)) => {
                places.iter().for_each(|at| results[*at] = SwapResult::Failed(failure.clone()));
                if stop {
                    // The others would wait as long, one after the other, for the same.
                    let (session::Failure::Refused(error) | session::Failure::Lost(error)) =
                        failure;
                    let rest = waiting.into_iter().flatten();
                    let failed = SwapResult::Failed(session::Failure::Refused(error));
                    rest.for_each(|one| results[one.at] = failed.clone());
                    return results;
                }
            }
        }
    }
    results
}

/// Why a chunk was not carried out.
enum ChunkFailure {
    /// It is too large together.
    TooLarge,
    Failed {
        failure: session::Failure,
        /// Whether others would fail as well.
        stop: bool,
    },
}

/// Carries out swaps as one transaction, without those that were outrun.
async fn swap_chunk(
    cluster: &Cluster,
    committer: &mut Committer,
    mut open: Vec<PreparedSwap>,
    results: &mut [SwapResult],
) -> Result<(), (ChunkFailure, Vec<PreparedSwap>)> {
    let mut unmarked = false;
    for _ in 0..ROUNDS_MAX {
        if open.is_empty() {
            return Ok(());
        }
        let committed = if unmarked {
            committer.commit_unmarked(&batch(&open, [0; LeaseClass::ALL.len()])).await
        } else {
            commit(cluster, committer, &open).await
        };
        let failure = match committed {
            Ok(CommitResult::Done) => {
                open.iter().for_each(|one| results[one.at] = SwapResult::Done);
                return Ok(());
            }
            Ok(CommitResult::Refused(seen)) => {
                let mut seen = seen.into_iter();
                open.retain(|one| one.holds(&mut seen));
                continue;
            }
            Err(failure) => failure,
        };
        match failure.cause() {
            Cause::TooLarge if open.len() > 1 => return Err((ChunkFailure::TooLarge, open)),
            _ if failure.is_lost_lease() => {}
            Cause::Full if failure.effect() == Effect::Nothing && !unmarked => {
                let error = failed(failure);
                let (deletions, rest): (Vec<_>, Vec<_>) =
                    open.into_iter().partition(PreparedSwap::only_deletes);
                rest.iter().for_each(|one| results[one.at] = SwapResult::Failed(error.clone()));
                (open, unmarked) = (deletions, true);
            }
            _ => {
                let stop = failure.is_of_member();
                return Err((ChunkFailure::Failed { failure: failed(failure), stop }, open));
            }
        }
    }
    Ok(())
}

async fn commit(
    cluster: &Cluster,
    committer: &mut Committer,
    open: &[PreparedSwap],
) -> Result<CommitResult, EtcdFailure> {
    let mut leases = [0; LeaseClass::ALL.len()];
    for (lease, class) in leases.iter_mut().zip(LeaseClass::ALL) {
        let answers =
            || open.iter().flat_map(|one| &one.answers).filter(|answer| answer.class == class);
        let leased = || open.iter().flat_map(PreparedSwap::leased).filter(|one| one.0 == class);
        let Some(until) = leased().map(|(_, until, _)| until).max() else { continue };
        let keys = leased().map(|(_, _, keys)| keys).sum();
        *lease = committer.lease(class, until, keys).await.map_err(EtcdFailure::without_effect)?;
        let bodies = answers().filter_map(|answer| answer.body.as_ref());
        for bodies in chunks(bodies, |(_, form)| (1, form.len() + OP_BYTES)) {
            let puts = bodies.into_iter().map(|(digest, form)| {
                let (key, value) = (cluster.keys.body(digest, *lease), form.clone());
                Op::Put(PutRequest { key, value, lease: *lease })
            });
            // A body means nothing before an answer refers to it: a lost write has no effect.
            let txn = Txn { success: puts.collect(), ..Txn::default() };
            cluster.write(&txn).await.map_err(EtcdFailure::without_effect)?;
        }
    }
    committer.commit(&batch(open, leases)).await
}

/// Makes a batch whose answers and tombstones are attached to the leases of their classes, in the order of
/// [`LeaseClass::ALL`].
fn batch(open: &[PreparedSwap], leases: [i64; LeaseClass::ALL.len()]) -> Batch {
    let mut batch = Batch::default();
    for one in open {
        batch.compare.extend(one.conditions.iter().map(KeyCondition::compare));
        batch.failure.extend(one.conditions.iter().map(KeyCondition::look));
        batch.success.extend(one.change.on_lease(leases[LeaseClass::Tombstone as usize]));
        batch.success.extend(one.answers.iter().map(|answer| {
            let (key, value) = (answer.key.clone(), answer.value.clone());
            Op::Put(PutRequest { key, value, lease: leases[answer.class as usize] })
        }));
    }
    batch
}

/// Sorts things into as few batches as they fit into, in order. `size` tells how many operations and
/// bytes one takes; one that is larger than a batch by itself is alone.
pub(super) fn chunks<T>(
    all: impl IntoIterator<Item = T>,
    size: impl Fn(&T) -> (usize, usize),
) -> Vec<Vec<T>> {
    let mut chunks: Vec<Vec<T>> = Vec::new();
    let (mut ops, mut bytes) = (0, 0);
    for one in all {
        let (own_ops, own_bytes) = size(&one);
        let fits = ops + own_ops <= BATCH_OPS_MAX && bytes + own_bytes <= BATCH_BYTES_MAX;
        match chunks.last_mut().filter(|_| fits) {
            Some(chunk) => {
                chunk.push(one);
                (ops, bytes) = (ops + own_ops, bytes + own_bytes);
            }
            None => {
                chunks.push(vec![one]);
                (ops, bytes) = (own_ops, own_bytes);
            }
        }
    }
    chunks
}

/// Says to the lanes what a failed write means.
pub(super) fn failed(failure: EtcdFailure) -> session::Failure {
    let effect = failure.effect();
    // What is unknown is for the lanes to say, when they have looked.
    let error = Error::from(failure.without_effect());
    match effect {
        Effect::Nothing => session::Failure::Refused(error),
        Effect::Possible => session::Failure::Lost(error),
    }
}
