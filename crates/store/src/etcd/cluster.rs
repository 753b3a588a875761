//! What all sessions of a store share.

use std::cell::Cell;

use bytes::Bytes;

use super::failure::{Cause, EtcdFailure};
use super::keys::Keys;
use super::message::{KeyValue, Op, OpResponse, RangeRequest, RangeResponse, Txn, TxnResponse};
use super::transport::Transport;
use crate::remote::http::{AttemptFailure, Effect};
use crate::tombstone::TombstoneTime;

/// How many keys are read with one transaction. A transaction could hold twice as many, and their
/// values hundreds of MiB; this many of the largest items still fit into one answer.
pub(super) const READ_KEYS_MAX: usize = 64;

/// A cluster and the store in it.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) transport: Transport,
    pub(super) keys: Keys,
    pub(super) tombstone_time: TombstoneTime,
    /// Whether a member failed since one was last seen to work.
    shaken: Cell<bool>,
}

impl Cluster {
    pub(super) fn new(transport: Transport, keys: Keys, tombstone_time: TombstoneTime) -> Self {
        Self { transport, keys, tombstone_time, shaken: Cell::new(false) }
    }

    /// Carries a transaction out that writes.
    ///
    /// After a failure it first waits for a member that works. A write to one that has not noticed
    /// that its leader is gone would be lost, and that is only known after a long time.
    pub(super) async fn write(&self, txn: &Txn) -> Result<TxnResponse, EtcdFailure> {
        if self.shaken.get() {
            self.settle_down().await?;
        }
        let answer = self.transport.txn(txn).await;
        if let Err(failure) = &answer
            && failure.is_of_member()
        {
            self.shaken.set(true);
        }
        answer
    }

    /// Waits for a member that works.
    pub(super) async fn settle_down(&self) -> Result<(), EtcdFailure> {
        self.transport.probe(self.keys.format()).await?;
        self.shaken.set(false);
        Ok(())
    }

    /// Reads keys; the later ones are never older than the earlier ones.
    pub(super) async fn fetch(&self, keys: &[Bytes]) -> Result<Vec<Option<KeyValue>>, EtcdFailure> {
        let mut found = Vec::with_capacity(keys.len());
        for keys in keys.chunks(READ_KEYS_MAX) {
            let success = keys.iter().map(|key| look(key.clone())).collect();
            let answer = self.transport.txn(&Txn { success, ..Txn::default() }).await?;
            let seen = ranges(answer.responses, keys.len())?;
            found.extend(seen.into_iter().map(|mut range| range.kvs.pop()));
        }
        Ok(found)
    }
}

/// Reads one key.
pub(super) fn look(key: Bytes) -> Op {
    Op::Range(RangeRequest { key, ..RangeRequest::default() })
}

/// Takes the answers of `count` reads out of those of a transaction.
pub(super) fn ranges(
    responses: Vec<OpResponse>,
    count: usize,
) -> Result<Vec<RangeResponse>, EtcdFailure> {
    let ranges: Vec<_> = responses
        .into_iter()
        .filter_map(|response| match response {
            OpResponse::Range(range) => Some(range),
            _ => None,
        })
        .collect();
    if ranges.len() == count {
        Ok(ranges)
    } else {
        Err(EtcdFailure::new(Cause::Unreadable, Effect::Nothing))
    }
}
