//! Pages of items, also where a tree is damaged.
//!
//! A page ends before what cannot be read. One that would begin there is an error, which tells where
//! reading can go on.

use std::iter;
use std::ops::Bound::{self, Excluded, Included};
use std::sync::Arc;

use domain::{IdPrefix, Item, ItemId, Keyspace, Page, PageQuery};
use lsm_tree::{AbstractTree as _, AnyTree, Guard, Slice};

use super::damage::{self, LEAST_BYTE};
use super::error::{guarded, read_failed};
use super::snapshot::Snapshot;
use super::{Engine, TreeName};
use crate::codec::{KeyBytes, decode_id, decode_item};
use crate::error::{Error, ErrorKind, Resume};

/// Damaged places that one call passes in search of an item that can be read. Each takes some
/// milliseconds.
const PLACES_MAX: usize = 64;

/// What a list looks at.
pub(super) trait View {
    /// The entries between two keys.
    fn range(&self, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Entries;

    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, lsm_tree::Error>;
}

/// Keys and values, in ascending order of the keys.
pub(super) type Entries = Box<dyn Iterator<Item = lsm_tree::Result<(Slice, Slice)>> + Send>;

/// A tree as a snapshot shows it.
struct TreeView<'a> {
    tree: &'a AnyTree,
    snapshot: Arc<Snapshot>,
}

/// A collection as it is seen.
pub(super) struct Listing<'a, V> {
    pub(super) tree: &'a AnyTree,
    pub(super) view: V,
    pub(super) collection: &'a Keyspace,
    /// Behind the last key.
    pub(super) end: &'a [u8],
}

/// Why a page has no first item.
struct UnreadableEntry {
    error: Error,
    /// The first key that the damage does not concern, if that is known.
    behind: Option<Vec<u8>>,
}

impl Engine {
    /// Returns a page of items.
    pub(in crate::embedded) fn list(&self, query: &PageQuery) -> Result<Page, Error> {
        let Some((start, end)) = range(query) else { return Ok(Page::default()) };
        let tree = self.tree(TreeName::Items);
        let view = TreeView { tree, snapshot: self.snapshots.hold() };
        let listing = Listing { tree, view, collection: &query.collection, end: &end };
        listing.page(start.as_ref().map(Vec::as_slice), query.items_max)
    }
}

/// Returns the keys of a query: where they begin, and what comes behind the last; nothing if there can be none.
pub(super) fn range(query: &PageQuery) -> Option<(Bound<Vec<u8>>, Vec<u8>)> {
    let edge = |separator| KeyBytes::edge(&query.collection, separator);
    // An end can be longer than a key.
    let key = |id: &str| [edge(0).as_ref(), id.as_bytes()].concat();
    let start = match query.first() {
        Bound::Unbounded => Included(edge(0).as_ref().to_vec()),
        Excluded(id) => Excluded(key(id)),
        Included(id) => Included(key(id)),
    };
    let end = query.prefix.as_ref().and_then(IdPrefix::end);
    let end = end.map_or_else(|| edge(1).as_ref().to_vec(), |end| key(&end));
    match &start {
        Included(first) | Excluded(first) if *first >= end => None,
        _ => Some((start, end)),
    }
}

impl View for TreeView<'_> {
    fn range(&self, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Entries {
        let entries = self.tree.range::<&[u8], _>((from, to), self.snapshot.number(), None);
        Box::new(entries.map(Guard::into_inner))
    }

    fn get(&self, key: &[u8]) -> Result<Option<Slice>, lsm_tree::Error> {
        self.tree.get(key, self.snapshot.number())
    }
}

impl<V: View> Listing<'_, V> {
    pub(super) fn page(&self, start: Bound<&[u8]>, items_max: usize) -> Result<Page, Error> {
        let UnreadableEntry { error, mut behind } = match self.read(start, items_max) {
            Ok(page) => return Ok(page),
            Err(unreadable) => unreadable,
        };
        for _ in 0..PLACES_MAX {
            let Some(key) = &behind else { return Err(error) };
            if **key >= *self.end {
                // Not to be read: the damaged block can hold the next collection's first items.
                return Err(error.with_resume(Resume::End));
            }
            match self.read(Included(key), 1) {
                Ok(page) => {
                    let first = page.items.into_iter().next();
                    let resume = first.map_or(Resume::End, |(id, _)| Resume::At(id));
                    return Err(error.with_resume(resume));
                }
                Err(next) => behind = next.behind,
            }
        }
        // The next call passes as many again.
        let id = behind.and_then(|key| decode_id(&key, self.collection).ok());
        Err(match id {
            Some(id) => error.with_resume(Resume::At(id)),
            None => error,
        })
    }

    /// Reads a page of the items before the first that cannot be read.
    fn read(&self, start: Bound<&[u8]>, items_max: usize) -> Result<Page, UnreadableEntry> {
        let end = Excluded(self.end);
        let page = catch(|| Page::collect(self.entries(start, end), items_max));
        match page {
            Err(UnreadableEntry { error, behind: None }) if error.kind() == ErrorKind::Corrupt => {
                self.read_up_to_damage(start, items_max, error)
            }
            page => page,
        }
    }

    /// As [`read`](Self::read), after that has met a damaged table. The tree's iterator reads ahead,
    /// and so fails up to two items too early.
    fn read_up_to_damage(
        &self,
        start: Bound<&[u8]>,
        items_max: usize,
        error: Error,
    ) -> Result<Page, UnreadableEntry> {
        let version = self.tree.current_version();
        let found = damage::find(version.iter_tables(), start, self.end);
        let Ok(Some(damage)) = found else { return Err(UnreadableEntry { error, behind: None }) };
        let unreadable =
            || UnreadableEntry { error: error.clone(), behind: Some(damage.behind.clone()) };
        let Some(last) = &damage.last_before else { return Err(unreadable()) };
        let before = damage::just_before(last);
        let is_empty = match start {
            Included(start) | Excluded(start) => &*before <= start,
            Bound::Unbounded => false,
        };
        let page = catch(|| {
            let entries =
                (!is_empty).then(|| self.entries(start, Included(&before))).into_iter().flatten();
            let last = iter::once_with(|| self.entry(last)).filter_map(Result::transpose);
            let entries = entries.chain(last).chain(iter::once_with(|| Err(unreadable())));
            Page::collect(entries, items_max)
        });
        page.map_err(|_| unreadable())
    }

    fn entries(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
    ) -> impl Iterator<Item = Result<(ItemId, Item), UnreadableEntry>> {
        self.view.range(from, to).map(|entry| {
            let (key, value) = entry.map_err(UnreadableEntry::from)?;
            self.decode(&key, value)
        })
    }

    fn entry(&self, key: &Slice) -> Result<Option<(ItemId, Item)>, UnreadableEntry> {
        let value = self.view.get(key).map_err(UnreadableEntry::from)?;
        value.map(|value| self.decode(key, value)).transpose()
    }

    fn decode(&self, key: &Slice, value: Slice) -> Result<(ItemId, Item), UnreadableEntry> {
        let decoded = decode_id(key, self.collection)
            .and_then(|id| decode_item(&value.into()).map(|item| (id, item)));
        decoded.map_err(|error| UnreadableEntry {
            error,
            behind: Some([key, &[LEAST_BYTE][..]].concat()),
        })
    }
}

impl From<lsm_tree::Error> for UnreadableEntry {
    fn from(error: lsm_tree::Error) -> Self {
        Self { error: read_failed(error), behind: None }
    }
}

/// As [`guarded`].
fn catch(read: impl FnOnce() -> Result<Page, UnreadableEntry>) -> Result<Page, UnreadableEntry> {
    guarded(|| Ok(read())).unwrap_or_else(|error| Err(UnreadableEntry { error, behind: None }))
}
