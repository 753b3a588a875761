//! Requests and answers of etcd's key-value API, in the JSON of its gateway.
//!
//! Only the fields that a store needs. An unknown field of an answer is ignored, so a newer etcd
//! can say more.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::wire::{base64_bytes, int64, uint64};

/// The longest list of comparisons or operations that etcd takes, by default (`--max-txn-ops`).
pub(crate) const TXN_OPS_MAX: usize = 128;

/// The largest request that etcd takes, by default (`--max-request-bytes`): 1.5 MiB, counted in the
/// encoding of Protocol Buffers, which adds a few bytes to each key and value. base64 and the rest
/// of the JSON do not count.
pub(crate) const REQUEST_BYTES_MAX: usize = 3 << 19;

/// What every answer begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct ResponseHeader {
    /// The member that answered. Zero in answers inside a transaction.
    #[serde(deserialize_with = "uint64::deserialize")]
    pub(crate) member_id: u64,
    /// The revision of the whole cluster when it was answered.
    #[serde(deserialize_with = "int64::deserialize")]
    pub(crate) revision: i64,
}

/// Reads a key or a range of keys. Linearizable: it sees every write that was answered before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct RangeRequest {
    /// The first key.
    #[serde(with = "base64_bytes")]
    pub(crate) key: Bytes,
    /// The key after the last one. Empty: `key` alone.
    #[serde(with = "base64_bytes", skip_serializing_if = "Bytes::is_empty")]
    pub(crate) range_end: Bytes,
    /// How many at most; 0 is no limit. They come in ascending byte order.
    #[serde(with = "int64", skip_serializing_if = "int64::is_zero")]
    pub(crate) limit: i64,
    /// As of which revision; 0 is now.
    #[serde(with = "int64", skip_serializing_if = "int64::is_zero")]
    pub(crate) revision: i64,
    /// Leaves the values out.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) keys_only: bool,
    /// Returns the number of keys alone.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) count_only: bool,
}

/// What a range holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct RangeResponse {
    /// Its revision is the one that was read.
    pub(crate) header: ResponseHeader,
    /// The keys and values, ascending.
    pub(crate) kvs: Vec<KeyValue>,
    /// Whether the limit cut some off.
    pub(crate) more: bool,
    /// How many keys the range has, also beyond the limit.
    #[serde(deserialize_with = "int64::deserialize")]
    pub(crate) count: i64,
}

/// A key and what etcd knows of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct KeyValue {
    /// The key.
    #[serde(deserialize_with = "base64_bytes::deserialize")]
    pub(crate) key: Bytes,
    /// The value.
    #[serde(deserialize_with = "base64_bytes::deserialize")]
    pub(crate) value: Bytes,
    /// The revision that created it, after its last deletion.
    #[serde(deserialize_with = "int64::deserialize")]
    pub(crate) create_revision: i64,
    /// The revision that wrote it last.
    #[serde(deserialize_with = "int64::deserialize")]
    pub(crate) mod_revision: i64,
    /// The lease it ends with; 0 is none.
    #[serde(deserialize_with = "int64::deserialize")]
    pub(crate) lease: i64,
}

/// Does `success` when everything in `compare` holds, and `failure` otherwise; as one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Txn {
    /// What has to hold. Nothing holds always.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) compare: Vec<Compare>,
    /// What is done then.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) success: Vec<Op>,
    /// What is done otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) failure: Vec<Op>,
}

impl Txn {
    /// Tells whether it can write, in any of its branches.
    pub(crate) fn can_write(&self) -> bool {
        self.success.iter().chain(&self.failure).any(|op| match op {
            Op::Range(_) => false,
            Op::Put(_) | Op::Delete(_) => true,
        })
    }
}

/// A condition on one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Compare {
    #[serde(with = "base64_bytes")]
    key: Bytes,
    result: Relation,
    #[serde(flatten)]
    target: Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Relation {
    Equal,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "target")]
enum Target {
    #[serde(rename = "CREATE")]
    Created {
        #[serde(with = "int64")]
        create_revision: i64,
    },
    #[serde(rename = "MOD")]
    Modified {
        #[serde(with = "int64")]
        mod_revision: i64,
    },
    #[serde(rename = "VALUE")]
    Holds {
        #[serde(with = "base64_bytes")]
        value: Bytes,
    },
}

impl Compare {
    const fn equal(key: Bytes, target: Target) -> Self {
        Self { key, result: Relation::Equal, target }
    }

    /// Holds when there is no such key.
    pub(crate) const fn absent(key: Bytes) -> Self {
        Self::created(key, 0)
    }

    /// Holds when the key was created by that revision.
    pub(crate) const fn created(key: Bytes, create_revision: i64) -> Self {
        Self::equal(key, Target::Created { create_revision })
    }

    /// Holds when the key was written last by that revision; 0 is an absent key.
    pub(crate) const fn modified(key: Bytes, mod_revision: i64) -> Self {
        Self::equal(key, Target::Modified { mod_revision })
    }

    /// Holds when the key is there and has that value.
    pub(crate) const fn holds(key: Bytes, value: Bytes) -> Self {
        Self::equal(key, Target::Holds { value })
    }
}

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Op {
    /// Reads.
    #[serde(rename = "request_range")]
    Range(RangeRequest),
    /// Writes a key.
    #[serde(rename = "request_put")]
    Put(PutRequest),
    /// Deletes.
    #[serde(rename = "request_delete_range")]
    Delete(DeleteRequest),
}

/// Writes one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct PutRequest {
    /// The key.
    #[serde(with = "base64_bytes")]
    pub(crate) key: Bytes,
    /// The value.
    #[serde(with = "base64_bytes", skip_serializing_if = "Bytes::is_empty")]
    pub(crate) value: Bytes,
    /// The lease it shall end with; 0 is none. An unknown lease fails the whole transaction.
    #[serde(with = "int64", skip_serializing_if = "int64::is_zero")]
    pub(crate) lease: i64,
}

/// Deletes a key or a range of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct DeleteRequest {
    /// The first key.
    #[serde(with = "base64_bytes")]
    pub(crate) key: Bytes,
    /// The key after the last one. Empty: `key` alone.
    #[serde(with = "base64_bytes", skip_serializing_if = "Bytes::is_empty")]
    pub(crate) range_end: Bytes,
}

/// What a transaction did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct TxnResponse {
    /// Its revision is that of the write, or of what was read when nothing was written.
    pub(crate) header: ResponseHeader,
    /// Whether the comparisons held.
    pub(crate) succeeded: bool,
    /// One for each operation of the branch, in order.
    pub(crate) responses: Vec<OpResponse>,
}

/// What one operation of a transaction did.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum OpResponse {
    /// What was read.
    #[serde(rename = "response_range")]
    Range(RangeResponse),
    /// A key was written.
    #[serde(rename = "response_put")]
    Put(PutResponse),
    /// Keys were deleted, or there were none.
    #[serde(rename = "response_delete_range")]
    Delete(DeleteResponse),
}

/// A key was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct PutResponse {
    /// Its revision is that of the write.
    pub(crate) header: ResponseHeader,
}

/// Keys were deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct DeleteResponse {
    /// Its revision is that of the deletion.
    pub(crate) header: ResponseHeader,
    /// How many.
    #[serde(deserialize_with = "int64::deserialize")]
    pub(crate) deleted: i64,
}

/// A lease: keys that were put with it vanish with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct LeaseResponse {
    /// What [`PutRequest::lease`] takes.
    #[serde(rename = "ID", deserialize_with = "int64::deserialize")]
    pub(crate) id: i64,
}

/// How a member sees itself and its cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Status {
    /// The member that answered.
    pub(crate) header: ResponseHeader,
    /// etcd's version.
    pub(crate) version: String,
    /// The leader's member id; 0 when the member knows of none.
    #[serde(deserialize_with = "uint64::deserialize")]
    pub(crate) leader: u64,
    /// How many bytes the database takes on this member.
    #[serde(rename = "dbSize", deserialize_with = "int64::deserialize")]
    pub(crate) db_bytes: i64,
    /// What ails it: `etcdserver: no leader`, `memberID:.. alarm:NOSPACE`, `.. alarm:CORRUPT`.
    pub(crate) errors: Vec<String>,
}

/// How the gateway says no.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct ErrorAnswer {
    /// What etcd says, which is the only thing that tells some failures apart.
    pub(super) message: String,
    /// The code of gRPC.
    pub(super) code: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}
