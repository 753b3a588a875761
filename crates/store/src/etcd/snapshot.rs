//! Reads a collection at one revision.

use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;
use domain::{SnapshotEntry, SnapshotQuery, Version};

use super::cluster::Cluster;
use super::list::{FIRST, MOST, after, not_asked_for};
use super::message::RangeRequest;
use super::value;
use crate::codec::decode_id;
use crate::error::{Error, ErrorKind};
use crate::remote::session::SnapshotSession;
use crate::snapshot::{Chunk, SNAPSHOT_CHUNK_BYTES_MAX};

/// A snapshot. It holds nothing in etcd, which keeps each revision until it is compacted.
pub(super) struct EtcdSnapshot {
    cluster: Rc<Cluster>,
    /// The revision that is read, as soon as the first answer tells it.
    revision: i64,
    /// Where the next read begins; nothing before the first, empty behind the last item.
    next: Option<Bytes>,
    /// What was read and not returned.
    read: VecDeque<SnapshotEntry>,
    /// Items and tombstones that were read, and their bytes: how many fit a chunk follows from these.
    items: usize,
    bytes: usize,
}

impl EtcdSnapshot {
    pub(super) fn new(cluster: Rc<Cluster>) -> Self {
        Self { cluster, revision: 0, next: None, read: VecDeque::new(), items: 0, bytes: 0 }
    }

    /// Reads about as many items as fit a chunk by the average of those that were seen.
    async fn read(&mut self, query: &SnapshotQuery) -> Result<(), Error> {
        let (keys, collection) = (&self.cluster.keys, &query.collection);
        let first = || match &query.after {
            None => keys.edge(collection, 0),
            Some(id) => after(&keys.place(collection, id.as_str())),
        };
        let key = self.next.clone().unwrap_or_else(first);
        let limit = match self.bytes.checked_div(self.items) {
            None => FIRST,
            Some(average) => (SNAPSHOT_CHUNK_BYTES_MAX / average.max(1)).clamp(1, MOST),
        };
        let range = RangeRequest {
            key,
            range_end: keys.edge(collection, 1),
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
            revision: self.revision,
            ..RangeRequest::default()
        };
        let found = self.cluster.transport.range(&range).await.map_err(|failure| {
            if failure.is_compacted() {
                let message = "etcd has compacted the revision that the snapshot reads";
                return Error::with_source(ErrorKind::Expired, message, Error::from(failure));
            }
            failure.into()
        })?;
        if self.revision == 0 {
            self.revision = found.header.revision;
        }
        for kv in &found.kvs {
            let key = self.cluster.keys.strip_items(&kv.key).ok_or_else(not_asked_for)?;
            let id = decode_id(key, collection)?;
            self.items += 1;
            let Some(item) = value::item(kv)? else { continue };
            self.bytes += item.representation().len();
            let version = Version::from(kv.mod_revision);
            self.read.push_back(SnapshotEntry { id, item, version });
        }
        let last = found.kvs.last().filter(|_| found.more);
        self.next = Some(last.map_or_else(Bytes::new, |last| after(&last.key)));
        Ok(())
    }
}

impl SnapshotSession for EtcdSnapshot {
    async fn chunk(&mut self, query: &SnapshotQuery) -> Result<Vec<SnapshotEntry>, Error> {
        // What was read can be tombstones alone.
        while self.read.is_empty() && self.next.as_ref().is_none_or(|next| !next.is_empty()) {
            self.read(query).await?;
        }
        let mut chunk = Chunk::default();
        while !chunk.is_full()
            && let Some(entry) = self.read.pop_front()
        {
            chunk.push(entry);
        }
        Ok(chunk.take())
    }
}
