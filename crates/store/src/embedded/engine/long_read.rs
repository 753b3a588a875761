//! Reading a collection as it was at one moment, for longer than a list takes.
//!
//! A reader holds the files and memtables of that moment, and not its number: files that are merged
//! later need not keep what it shows, and memtables that are written out later can go.
//!
//! Relied on in `lsm-tree` 3.1.10 beyond its documentation: a super version keeps its memtables and
//! files, and changes in nothing but that its active memtable gets entries with higher numbers.

use std::io;
use std::ops::Bound::{self, Excluded, Included};
use std::sync::Arc;

use domain::{Keyspace, PageQuery, PageStart, SnapshotEntry, SnapshotQuery, Version};
use lsm_tree::{AbstractTree as _, AnyTree, InternalValue, Slice, Tree};

use super::error::{guarded, read_failed};
use super::list::{Entries, Listing, View, range};
use super::snapshot::Snapshot;
use super::{Engine, TreeName};
use crate::codec::{KeyBytes, decode_id, decode_item};
use crate::error::{Error, ErrorKind, Resume};
use crate::snapshot::{Chunk, SNAPSHOT_CHUNK_ITEMS_MAX};

/// What stands for the versions of items beside damage. It equals none, so they count as changed.
const UNKNOWN: Version = Version::from_bytes([0xff; Version::BYTES]);

/// Reads the items of a collection from a snapshot.
pub(in crate::embedded) struct SnapshotReader {
    view: FixedView,
    collection: Keyspace,
    /// Where the next chunk begins; `None` behind the last item.
    start: Option<Bound<Vec<u8>>>,
    /// Behind the last key.
    end: Vec<u8>,
    /// The entries from the start on, if they are being read.
    entries: Option<NumberedEntries>,
}

/// What the tree of the items held at one moment: all groups below a number.
struct FixedView {
    number: u64,
    range: RangeOf,
}

/// Returns the entries between two keys of a version of a tree, whose type has no name outside of
/// `lsm-tree`.
type RangeOf = Box<dyn Fn(Bound<&[u8]>, Bound<&[u8]>) -> NumberedEntries + Send>;

/// Entries with the numbers of the groups that wrote them.
type NumberedEntries = Box<dyn Iterator<Item = lsm_tree::Result<InternalValue>> + Send>;

/// A fixed view, and the tree as it is now.
struct ViewInTree<'a> {
    view: &'a FixedView,
    tree: &'a AnyTree,
    /// What readers of the tree look through now.
    now: Arc<Snapshot>,
}

impl Engine {
    /// Opens a snapshot of what readers see now.
    pub(in crate::embedded) fn open_snapshot(
        &self,
        query: SnapshotQuery,
    ) -> Result<SnapshotReader, Error> {
        let AnyTree::Standard(tree) = self.tree(TreeName::Items) else {
            return Err(Error::new(ErrorKind::Internal, "the tree is not of the kind it was made"));
        };
        // The version that a number shows goes when the number is no longer held.
        let held = self.snapshots.hold();
        let number = held.number();
        let version = tree.get_version_history_lock().get_version_for_snapshot(number);
        let range_of = move |from: Bound<&[u8]>, to: Bound<&[u8]>| -> NumberedEntries {
            let (version, range) = (version.clone(), (from, to));
            Box::new(Tree::create_internal_range::<&[u8], _>(version, &range, number, None))
        };
        let view = FixedView { number, range: Box::new(range_of) };
        let SnapshotQuery { collection, after } = query;
        let start = after.map_or(PageStart::First, PageStart::After);
        let keys = PageQuery { collection, start, prefix: None, items_max: 1 };
        let (start, end) = range(&keys).unzip();
        let end = end.unwrap_or_default();
        Ok(SnapshotReader { view, collection: keys.collection, start, end, entries: None })
    }

    /// Returns the next chunk of a snapshot, an empty one behind its last item. After an error that
    /// tells where it goes on, the next call returns what follows.
    pub(in crate::embedded) fn read_snapshot(
        &self,
        reader: &mut SnapshotReader,
    ) -> Result<Vec<SnapshotEntry>, Error> {
        match guarded(|| reader.next_chunk()) {
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                let tree = self.tree(TreeName::Items);
                reader.read_past_damage(tree, self.snapshots.hold())
            }
            chunk => chunk,
        }
    }
}

impl SnapshotReader {
    /// Reads the items before the first that cannot be read.
    fn next_chunk(&mut self) -> Result<Vec<SnapshotEntry>, Error> {
        let Some(start) = &self.start else { return Ok(Vec::new()) };
        // A chunk that ends early leaves none behind.
        let entries = self.entries.take();
        let mut entries = entries.unwrap_or_else(|| {
            (self.view.range)(start.as_ref().map(Vec::as_slice), Excluded(&self.end))
        });
        let (mut chunk, mut last) = (Chunk::default(), None);
        while !chunk.is_full() {
            let entry = match entries.next() {
                None => {
                    self.start = None;
                    return Ok(chunk.take());
                }
                Some(entry) => entry.map_err(read_failed),
            };
            let entry = entry.and_then(|InternalValue { key, value }| {
                let id = decode_id(&key.user_key, &self.collection)?;
                let (item, version) = (decode_item(&value.into())?, Version::from(key.seqno));
                Ok((key.user_key, SnapshotEntry { id, item, version }))
            });
            match entry {
                Ok((key, entry)) => {
                    chunk.push(entry);
                    last = Some(key);
                }
                // What precedes the error is returned first. The next chunk meets it at its beginning.
                Err(error) => match last {
                    None => return Err(error),
                    Some(last) => {
                        self.start = Some(Excluded(last.to_vec()));
                        return Ok(chunk.take());
                    }
                },
            }
        }
        self.start = last.map(|last| Excluded(last.to_vec()));
        self.entries = Some(entries);
        Ok(chunk.take())
    }

    /// As [`next_chunk`](Self::next_chunk), after that has met damage.
    fn read_past_damage(
        &mut self,
        tree: &AnyTree,
        now: Arc<Snapshot>,
    ) -> Result<Vec<SnapshotEntry>, Error> {
        self.entries = None;
        let Some(start) = self.start.take() else { return Ok(Vec::new()) };
        let view = ViewInTree { view: &self.view, tree, now };
        let listing = Listing { tree, view, collection: &self.collection, end: &self.end };
        let key = |id: &str| [KeyBytes::edge(&self.collection, 0).as_ref(), id.as_bytes()].concat();
        match listing.page(start.as_ref().map(Vec::as_slice), SNAPSHOT_CHUNK_ITEMS_MAX) {
            Ok(page) => {
                self.start = page.items.last().map(|(id, _)| Excluded(key(id.as_str())));
                let items = page.items.into_iter();
                Ok(items.map(|(id, item)| SnapshotEntry { id, item, version: UNKNOWN }).collect())
            }
            Err(error) => {
                if let Some(Resume::At(id)) = error.resume() {
                    self.start = Some(Included(key(id.as_str())));
                }
                Err(error)
            }
        }
    }
}

impl View for ViewInTree<'_> {
    fn range(&self, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Entries {
        let entries = (self.view.range)(from, to);
        Box::new(entries.map(|entry| entry.map(|entry| (entry.key.user_key, entry.value))))
    }

    /// The key is one that the view has. It is read from the tree, where it may have changed.
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, lsm_tree::Error> {
        let entry = self.tree.get_internal_entry(key, self.now.number())?;
        match entry.filter(|entry| entry.key.seqno < self.view.number) {
            Some(entry) => Ok(Some(entry.value)),
            None => {
                let message = "the entry before the damage has changed since the snapshot";
                Err(io::Error::new(io::ErrorKind::InvalidData, message).into())
            }
        }
    }
}
