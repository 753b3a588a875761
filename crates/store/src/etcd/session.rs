//! A lane's way to the cluster.

use std::collections::HashMap;
use std::rc::Rc;

use bytes::Bytes;
use domain::{Count, Item, Keyspace, Moment, Outcome, Page, PageQuery, ReplayKey};

use super::cluster::{Cluster, READ_KEYS_MAX, look};
use super::commit::{Batch, CommitResult, Committer};
use super::failure::{Cause, EtcdFailure};
use super::list;
use super::message::{Compare, KeyValue, Op, PutRequest, RangeRequest};
use super::snapshot::EtcdSnapshot;
use super::swap::{ANSWERS_MAX, ITEM_BYTES_MAX, OP_BYTES, chunks, failed, swap_all};
use super::value::{self, AnswerValue};
use crate::codec::decode_remembered;
use crate::error::{Error, ErrorKind};
use crate::remote::session::{
    CurrentState, Failure, Put, PutResult, ReadRequest, Session, Swap, SwapResult,
};
use crate::tombstone::TombstoneTime;

/// A session. What it needs of connections is the transport's.
#[derive(Debug)]
pub(super) struct EtcdSession {
    cluster: Rc<Cluster>,
    committer: Committer,
    absence: AbsenceRate,
}

/// The share of recent puts whose item was not there yet.
#[derive(Clone, Copy, Debug)]
struct AbsenceRate(f64);

impl EtcdSession {
    pub(super) fn new(cluster: Rc<Cluster>) -> Self {
        let committer = Committer::new(Rc::clone(&cluster));
        Self { cluster, committer, absence: AbsenceRate(1.0) }
    }

    /// Looks at the items that are to be put; what is to be done is decided then.
    async fn look_first(&mut self, puts: &[Put<'_>]) -> Result<Vec<PutResult<i64>>, EtcdFailure> {
        let keys: Vec<_> = puts.iter().map(|put| self.cluster.keys.item(put.key)).collect();
        let found = self.cluster.fetch(&keys).await.map_err(EtcdFailure::without_effect)?;
        found.iter().for_each(|kv| self.absence.learn(kv.is_none()));
        let time = self.cluster.tombstone_time;
        Ok(found.iter().map(|kv| put_result(kv.as_ref(), time)).collect())
    }

    /// Creates all items, or tells what is there if there is any of them.
    async fn create(&mut self, puts: &[&Put<'_>]) -> Result<Vec<PutResult<i64>>, EtcdFailure> {
        let mut batch = Batch::default();
        for put in puts {
            let key = self.cluster.keys.item(put.key);
            let value = value::of_item(put.token, put.item);
            batch.compare.push(Compare::absent(key.clone()));
            batch.failure.push(look(key.clone()));
            batch.success.push(Op::Put(PutRequest { key, value, lease: 0 }));
        }
        Ok(match self.committer.commit(&batch).await? {
            CommitResult::Done => {
                puts.iter().for_each(|_| self.absence.learn(true));
                let outcome = |put: &&Put<'_>| PutResult::Did(Outcome::Created(put.item.clone()));
                puts.iter().map(outcome).collect()
            }
            CommitResult::Refused(seen) => {
                let found = seen.iter().map(|range| range.kvs.first());
                found.clone().for_each(|kv| self.absence.learn(kv.is_none()));
                let time = self.cluster.tombstone_time;
                found.map(|kv| put_result(kv, time)).collect()
            }
        })
    }

    async fn answers(
        &self,
        found: Vec<(ReplayKey, KeyValue)>,
    ) -> Result<HashMap<ReplayKey, domain::Remembered>, Error> {
        let mut answers = HashMap::with_capacity(found.len());
        let (mut aside, mut bodies) = (Vec::new(), Vec::new());
        for (key, kv) in found {
            match value::answer(&kv.value)? {
                AnswerValue::Inline(form) => {
                    answers.insert(key, decode_remembered(&form)?);
                }
                AnswerValue::Aside(digest) => {
                    aside.push(key);
                    bodies.push(self.cluster.keys.body(&digest, kv.lease));
                }
            }
        }
        // One whose body has gone has itself gone meanwhile: they end together.
        for (key, body) in aside.into_iter().zip(self.cluster.fetch(&bodies).await?) {
            if let Some(body) = body {
                answers.insert(key, decode_remembered(&body.value)?);
            }
        }
        Ok(answers)
    }
}

/// Tells a put what is there.
fn put_result(kv: Option<&KeyValue>, time: TombstoneTime) -> PutResult<i64> {
    match kv.map(|kv| value::stored(kv, time)) {
        None => PutResult::Absent,
        Some(Ok(stored)) => PutResult::Exists(stored),
        Some(Err(error)) => PutResult::Failed(Failure::Refused(error)),
    }
}

impl AbsenceRate {
    fn learn(&mut self, was_absent: bool) {
        self.0 += (f64::from(u8::from(was_absent)) - self.0) / 32.0;
    }

    /// Tells whether it is likely that none of `count` items is there.
    fn all(self, count: usize) -> bool {
        self.0.powi(i32::try_from(count).unwrap_or(i32::MAX)) > 0.5
    }
}

impl Session for EtcdSession {
    /// The revision that wrote the item last: it never comes again.
    type Version = i64;

    type Snapshot = EtcdSnapshot;

    const ANSWERS_MAX: usize = ANSWERS_MAX;

    fn snapshot(&self) -> EtcdSnapshot {
        EtcdSnapshot::new(Rc::clone(&self.cluster))
    }

    fn admit(&self, item: &Item) -> Result<(), Error> {
        let bytes = item.representation().len();
        if bytes <= ITEM_BYTES_MAX {
            return Ok(());
        }
        let message = format!(
            "the item has {bytes} bytes, and one in etcd may have {ITEM_BYTES_MAX} at most"
        );
        Err(Error::new(ErrorKind::TooLarge, message))
    }

    /// Answers are read after the items, or with the last of them.
    async fn read(&mut self, wanted: &[ReadRequest<'_>]) -> Result<Vec<CurrentState<i64>>, Error> {
        let keys = &self.cluster.keys;
        let items = wanted.iter().filter_map(|one| one.item).map(|key| keys.item(key));
        let places: Vec<_> = wanted.iter().flat_map(|one| one.answers).copied().collect();
        let answers = places.iter().map(|key| keys.answer(key));
        let all: Vec<Bytes> = items.chain(answers).collect();
        let mut found = self.cluster.fetch(&all).await?.into_iter();
        let time = self.cluster.tombstone_time;
        let mut states: Vec<CurrentState<i64>> = Vec::with_capacity(wanted.len());
        for one in wanted {
            let kv = one.item.and_then(|_| found.next()).flatten();
            let stored = kv.as_ref().map(|kv| value::stored(kv, time)).transpose()?;
            states.push(CurrentState { stored, ..CurrentState::default() });
        }
        let found = places.into_iter().zip(found).filter_map(|(key, kv)| Some((key, kv?)));
        let answers = self.answers(found.collect()).await?;
        for (state, one) in states.iter_mut().zip(wanted) {
            let own = one.answers.iter().filter_map(|key| Some((*key, answers.get(key)?.clone())));
            state.answers = own.collect();
        }
        Ok(states)
    }

    /// Creates what is likely to be absent, in one round trip. If it is likely that some of it is
    /// there, that would be a transaction for nothing, with a sync of its own; a look costs less.
    async fn put(&mut self, puts: &[Put<'_>]) -> Result<Vec<PutResult<i64>>, Failure> {
        if !self.absence.all(puts.len().min(READ_KEYS_MAX)) {
            return self.look_first(puts).await.map_err(failed);
        }
        let cluster = Rc::clone(&self.cluster);
        let size = |put: &&Put<'_>| {
            let key = cluster.keys.item(put.key).len();
            (1, OP_BYTES + 3 * key + put.item.representation().len())
        };
        let mut all = Vec::with_capacity(puts.len());
        let mut stopped: Option<Failure> = None;
        let chunks = chunks(puts, size);
        let chunks = chunks.iter().flat_map(|chunk| chunk.chunks(READ_KEYS_MAX));
        for chunk in chunks {
            if let Some(failure) = &stopped {
                all.extend(chunk.iter().map(|_| PutResult::Failed(failure.clone())));
                continue;
            }
            match self.create(chunk).await {
                Ok(results) => all.extend(results),
                // One by one they may not be; a swap finds that out.
                Err(failure) if *failure.cause() == Cause::TooLarge => {
                    all.extend(chunk.iter().map(|_| PutResult::Raced));
                }
                Err(failure) => {
                    let failure = failed(failure);
                    all.extend(chunk.iter().map(|_| PutResult::Failed(failure.clone())));
                    let (Failure::Refused(error) | Failure::Lost(error)) = failure;
                    stopped = Some(Failure::Refused(error));
                }
            }
        }
        Ok(all)
    }

    async fn swap(&mut self, swaps: &[&Swap<i64>]) -> Vec<SwapResult> {
        swap_all(&self.cluster, &mut self.committer, swaps).await
    }

    async fn list(&mut self, query: &PageQuery) -> Result<Page, Error> {
        list::page(&self.cluster, query).await
    }

    async fn count(&mut self, query: &PageQuery) -> Result<Count, Error> {
        list::count(&self.cluster, query).await
    }

    async fn collection_after(
        &mut self,
        after: Option<&Keyspace>,
    ) -> Result<Option<Keyspace>, Error> {
        list::collection_after(&self.cluster, after).await
    }

    /// A member tells of the cluster's alarms, and a read of its majority.
    async fn check(&mut self) -> Result<(), Error> {
        let format = RangeRequest { key: self.cluster.keys.format(), ..RangeRequest::default() };
        let transport = &self.cluster.transport;
        let (format, status) = tokio::try_join!(transport.range(&format), transport.status())?;
        if let Some(trouble) = status.trouble() {
            return Err(trouble.into());
        }
        if format.kvs.is_empty() {
            return Err(Error::new(ErrorKind::Corrupt, "the key with the store's format is gone"));
        }
        Ok(())
    }

    /// Leases see to it.
    async fn forget(&mut self, _: Moment) -> Result<(), Error> {
        Ok(())
    }
}
