//! Where in etcd things are: every key begins with the store's prefix.
//!
//! | key | value |
//! |---|---|
//! | `PREFIX/format` | the store format, as text |
//! | `PREFIX/items/` and the key of the [codec](crate::codec) | [an item](super::value), or its tombstone on a lease |
//! | `PREFIX/deletions/` and the same key | nothing: an item's tombstone stands in its place, on the same lease |
//! | `PREFIX/answers/` and 16 bytes | [an answer](super::value) that is remembered, on a lease |
//! | `PREFIX/bodies/`, 16 bytes, 8 bytes of lease | what is too large to stand in an answer, on its lease |
//! | `PREFIX/marks/` and 16 bytes | the last transaction of [a lane](super::commit), on a lease |

use bytes::Bytes;
use domain::{Key, Keyspace, ReplayKey};

use crate::codec::KeyBytes;

/// The keys of one store.
#[derive(Debug)]
pub(super) struct Keys {
    items: String,
    deletions: String,
    answers: String,
    bodies: String,
    marks: String,
    format: Bytes,
}

impl Keys {
    /// The keys of the store whose keys begin with `prefix` and a slash.
    pub(super) fn new(prefix: &str) -> Self {
        let under = |name: &str| format!("{prefix}/{name}/");
        Self {
            items: under("items"),
            deletions: under("deletions"),
            answers: under("answers"),
            bodies: under("bodies"),
            marks: under("marks"),
            format: format!("{prefix}/format").into(),
        }
    }

    /// Where the store format is.
    pub(super) fn format(&self) -> Bytes {
        self.format.clone()
    }

    /// Where an item is.
    pub(super) fn item(&self, key: &Key) -> Bytes {
        join(&self.items, &[KeyBytes::of(key).as_ref()])
    }

    /// What comes before the first item of a collection (`0x00`), or after the last (`0x01`).
    pub(super) fn edge(&self, collection: &Keyspace, separator: u8) -> Bytes {
        join(&self.items, &[KeyBytes::edge(collection, separator).as_ref()])
    }

    /// Where an item with this id would be, or what only bounds ids.
    pub(super) fn place(&self, collection: &Keyspace, id: &str) -> Bytes {
        join(&self.items, &[KeyBytes::edge(collection, 0).as_ref(), id.as_bytes()])
    }

    /// What marks that a tombstone stands where an item can be. etcd counts keys without their values, so that
    /// tombstones are counted by these.
    pub(super) fn deletion(&self, item: &[u8]) -> Option<Bytes> {
        self.strip_items(item).map(|key| join(&self.deletions, &[key]))
    }

    /// The range of all items.
    pub(super) fn all_items(&self) -> (Bytes, Bytes) {
        let first = self.items.as_bytes();
        let (last, rest) = first.split_last().expect("it ends with a slash");
        (first.to_vec().into(), [rest, &[last + 1]].concat().into())
    }

    /// Takes the store's own part off the key of an item.
    pub(super) fn strip_items<'a>(&self, key: &'a [u8]) -> Option<&'a [u8]> {
        key.strip_prefix(self.items.as_bytes())
    }

    /// Where an answer is remembered.
    pub(super) fn answer(&self, key: &ReplayKey) -> Bytes {
        join(&self.answers, &[&key.as_bytes()[..]])
    }

    /// Where the body of an answer is that ends with `lease`.
    pub(super) fn body(&self, digest: &[u8; 16], lease: i64) -> Bytes {
        join(&self.bodies, &[digest, &lease.to_be_bytes()])
    }

    /// Where a lane leaves its mark.
    pub(super) fn mark(&self, name: &[u8; 16]) -> Bytes {
        join(&self.marks, &[name])
    }
}

fn join(prefix: &str, parts: &[&[u8]]) -> Bytes {
    let length = prefix.len() + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut key = Vec::with_capacity(length);
    key.extend_from_slice(prefix.as_bytes());
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key.into()
}
