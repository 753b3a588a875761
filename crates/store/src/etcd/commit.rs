//! Transactions whose outcome is always found out.
//!
//! When an answer is lost, the transaction may have happened, and may still happen during a
//! look at its keys: a member can hold it back for seconds. So each lane has a **mark**, a key that no
//! other lane writes. Every transaction of the lane demands that the mark is as the lane left it, and writes its
//! own number there. When an answer is lost, the lane moves the mark itself, under the same demand:
//!
//! - If that succeeds the transaction has not happened, and never will: it demands a mark that is
//!   gone. So it can be sent again.
//! - If it does not, the mark was moved before, and its number says by what: the transaction, or an
//!   earlier attempt to move it.
//!
//! It costs a comparison and a small put beside those of the transaction. The mark ends with a lease,
//! because it is not removed when the process dies.

use std::rc::Rc;

use domain::Moment;
use tokio::time::Instant;
use uuid::Uuid;

use super::cluster::{Cluster, look, ranges};
use super::failure::{Cause, EtcdFailure};
use super::leases::{LeaseClass, Leases};
use super::message::{Compare, Op, PutRequest, RangeResponse, Txn};
use crate::remote::http::{AttemptFailure, Effect};

/// How many comparisons and operations of each branch a [`Batch`] may have: the mark takes one more.
pub(super) const BATCH_OPS_MAX: usize = super::message::TXN_OPS_MAX - 1;

/// How many bytes of keys and values it may have. The rest is for the mark and for what the encoding
/// adds.
pub(super) const BATCH_BYTES_MAX: usize = super::message::REQUEST_BYTES_MAX - (8 << 10);

/// How often a transaction is sent that surely did not happen. The second time goes to a member that
/// has just shown that it works.
const ATTEMPTS_MAX: usize = 3;

/// What is to happen as one, and what is to be read if it does not.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// What has to hold.
    pub(super) compare: Vec<Compare>,
    /// What is done then.
    pub(super) success: Vec<Op>,
    /// What is read otherwise; only ranges.
    pub(super) failure: Vec<Op>,
}

/// What came of a batch.
#[derive(Debug)]
pub(super) enum CommitResult {
    /// It happened.
    Done,
    /// Something does not hold, and nothing happened. One answer for each read.
    Refused(Vec<RangeResponse>),
}

/// Carries out the transactions of one lane, one after the other.
#[derive(Debug)]
pub(super) struct Committer {
    cluster: Rc<Cluster>,
    leases: Leases,
    mark: Option<Mark>,
}

/// The key that only this lane writes.
#[derive(Clone, Debug)]
struct Mark {
    name: [u8; 16],
    /// The revision that wrote it last.
    revision: i64,
    /// The number of the next transaction.
    number: u64,
}

/// What became of a transaction whose answer was lost.
enum TxnOutcome {
    Happened,
    Averted,
}

impl Committer {
    pub(super) fn new(cluster: Rc<Cluster>) -> Self {
        Self { cluster, leases: Leases::default(), mark: None }
    }

    /// Returns a lease for `keys` keys of a class that are to be there until a moment at least.
    pub(super) async fn lease(
        &mut self,
        class: LeaseClass,
        until: Moment,
        keys: usize,
    ) -> Result<i64, EtcdFailure> {
        self.leases.until(&self.cluster.transport, class, until, keys).await
    }

    /// Carries out a batch.
    ///
    /// # Errors
    /// With [`Effect::Nothing`] it has not happened and never will. With [`Effect::Possible`] the
    /// cluster could not be asked within the time of a call.
    pub(super) async fn commit(&mut self, batch: &Batch) -> Result<CommitResult, EtcdFailure> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let lease = self
                .lease(LeaseClass::Long, Moment(0), 0)
                .await
                .map_err(EtcdFailure::without_effect)?;
            let mut mark = match self.mark.take() {
                Some(mark) => mark,
                None => match self.make_mark(lease).await {
                    Ok(mark) => mark,
                    Err(failure) if failure.is_lost_lease() && attempts < ATTEMPTS_MAX => {
                        self.leases.forget();
                        if batch.has_lease() {
                            return Err(failure);
                        }
                        continue;
                    }
                    Err(failure) => return Err(failure.without_effect()),
                },
            };
            let number = mark.next();
            let txn = batch.marked(&self.cluster, &mark, number, lease);
            let failure = match self.cluster.write(&txn).await {
                Ok(answer) if answer.succeeded => {
                    mark.revision = answer.header.revision;
                    self.mark = Some(mark);
                    return Ok(CommitResult::Done);
                }
                Ok(answer) => {
                    let mut seen = ranges(answer.responses, batch.failure.len() + 1)?;
                    if mark.is_at(&seen.remove(0)) {
                        self.mark = Some(mark);
                        return Ok(CommitResult::Refused(seen));
                    }
                    // The mark is gone, with its lease or by other hands; the next is a new one.
                    if attempts == ATTEMPTS_MAX {
                        return Err(EtcdFailure::new(Cause::Busy, Effect::Nothing));
                    }
                    continue;
                }
                Err(failure) => failure,
            };
            if failure.effect() == Effect::Nothing {
                self.mark = Some(mark);
                if failure.is_lost_lease() {
                    self.leases.forget();
                    if attempts < ATTEMPTS_MAX && !batch.has_lease() {
                        continue;
                    }
                }
                return Err(failure);
            }
            match self.find_out(&mut mark, number, lease, &failure).await {
                Ok(fate) => {
                    self.mark = Some(mark);
                    match fate {
                        TxnOutcome::Happened => return Ok(CommitResult::Done),
                        TxnOutcome::Averted
                            if attempts < ATTEMPTS_MAX && failure.is_of_member() => {}
                        TxnOutcome::Averted => return Err(failure.without_effect()),
                    }
                }
                // The state of the mark is unknown; the next transaction makes a new one.
                Err(_) => return Err(failure),
            }
        }
    }

    /// Makes a mark, before the first transaction that demands it: one that demanded its absence
    /// could still happen when the mark has come and gone with its lease.
    async fn make_mark(&self, lease: i64) -> Result<Mark, EtcdFailure> {
        let mut mark = Mark { name: *Uuid::new_v4().as_bytes(), revision: 0, number: 0 };
        let number = mark.next();
        let txn = Batch::default().marked(&self.cluster, &mark, number, lease);
        mark.revision = self.cluster.write(&txn).await?.header.revision;
        Ok(mark)
    }

    /// Carries out a batch without a mark. A full database takes nothing that puts anything, and
    /// deletions are what it needs.
    pub(super) async fn commit_unmarked(&self, batch: &Batch) -> Result<CommitResult, EtcdFailure> {
        let Batch { compare, success, failure } = batch;
        let (compare, success, failure) = (compare.clone(), success.clone(), failure.clone());
        let answer = self.cluster.write(&Txn { compare, success, failure }).await?;
        if answer.succeeded {
            return Ok(CommitResult::Done);
        }
        Ok(CommitResult::Refused(ranges(answer.responses, batch.failure.len())?))
    }

    /// Finds out what became of the transaction `number`, for as long as a call may take.
    async fn find_out(
        &self,
        mark: &mut Mark,
        number: u64,
        lease: i64,
        failure: &EtcdFailure,
    ) -> Result<TxnOutcome, EtcdFailure> {
        if *failure.cause() == Cause::Full {
            // That was an answer: it is not on its way any more. And the mark cannot be moved.
            return self.look_at(mark, number).await;
        }
        let until = Instant::now() + self.cluster.transport.timeout();
        loop {
            let moved = match self.cluster.settle_down().await {
                Ok(()) => self.move_mark(mark, number, lease).await,
                Err(failure) => Err(failure),
            };
            match moved {
                Err(failure) if failure.is_of_member() && Instant::now() < until => {}
                moved => return moved,
            }
        }
    }

    async fn move_mark(
        &self,
        mark: &mut Mark,
        number: u64,
        lease: i64,
    ) -> Result<TxnOutcome, EtcdFailure> {
        let own = mark.next();
        let txn = Batch::default().marked(&self.cluster, mark, own, lease);
        let answer = self.cluster.write(&txn).await?;
        if answer.succeeded {
            mark.revision = answer.header.revision;
            return Ok(TxnOutcome::Averted);
        }
        let seen = ranges(answer.responses, 1)?;
        mark.judge(&seen[0], number)
    }

    async fn look_at(&self, mark: &mut Mark, number: u64) -> Result<TxnOutcome, EtcdFailure> {
        let key = self.cluster.keys.mark(&mark.name);
        let txn = Txn { success: vec![look(key)], ..Txn::default() };
        let seen = ranges(self.cluster.transport.txn(&txn).await?.responses, 1)?;
        if mark.is_at(&seen[0]) {
            return Ok(TxnOutcome::Averted);
        }
        mark.judge(&seen[0], number)
    }
}

impl Batch {
    /// Adds what the mark demands and leaves behind. Its read is the first.
    fn marked(&self, cluster: &Cluster, mark: &Mark, number: u64, lease: i64) -> Txn {
        let key = cluster.keys.mark(&mark.name);
        let value = number.to_be_bytes().to_vec().into();
        let put = Op::Put(PutRequest { key: key.clone(), value, lease });
        Txn {
            compare: with(Compare::modified(key.clone(), mark.revision), &self.compare),
            success: with(put, &self.success),
            failure: with(look(key), &self.failure),
        }
    }

    fn has_lease(&self) -> bool {
        self.success.iter().any(|op| matches!(op, Op::Put(put) if put.lease != 0))
    }
}

fn with<T: Clone>(first: T, rest: &[T]) -> Vec<T> {
    let mut all = Vec::with_capacity(1 + rest.len());
    all.push(first);
    all.extend_from_slice(rest);
    all
}

impl Mark {
    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn is_at(&self, seen: &RangeResponse) -> bool {
        seen.kvs.first().map_or(0, |kv| kv.mod_revision) == self.revision
    }

    /// Takes over where the mark is, and says whether the transaction `number` moved it there.
    fn judge(&mut self, seen: &RangeResponse, number: u64) -> Result<TxnOutcome, EtcdFailure> {
        let Some(kv) = seen.kvs.first() else {
            return Err(EtcdFailure::new(Cause::Unreadable, Effect::Possible));
        };
        self.revision = kv.mod_revision;
        if kv.value[..] == number.to_be_bytes() {
            Ok(TxnOutcome::Happened)
        } else {
            Ok(TxnOutcome::Averted)
        }
    }
}
