//! How many items there are, and which collections hold some.

use std::ops::Bound::{Excluded, Included, Unbounded};

use domain::{Count, Keyspace, PageQuery};
use lsm_tree::{AbstractTree as _, Guard as _};

use super::error::read_failed;
use super::list::range;
use super::{Engine, TreeName};
use crate::codec::{KeyBytes, decode_collection, decode_id};
use crate::error::Error;

impl Engine {
    /// Counts items up to a number. It reads the blocks that hold them and decodes the last id alone.
    pub(in crate::embedded) fn count(&self, query: &PageQuery) -> Result<Count, Error> {
        let Some((start, end)) = range(query) else { return Ok(Count::default()) };
        let snapshot = self.snapshots.hold();
        let bounds = (start.as_ref().map(Vec::as_slice), Excluded(end.as_slice()));
        let entries = self.tree(TreeName::Items).range::<&[u8], _>(bounds, snapshot.number(), None);
        let (mut items, mut last) = (0, None);
        for entry in entries.take(query.items_max) {
            last = Some(entry.key().map_err(read_failed)?);
            items += 1;
        }
        let last = last.filter(|_| items == query.items_max);
        let last = last.map(|key| decode_id(&key, &query.collection)).transpose()?;
        Ok(Count { items, last })
    }

    /// Returns the first collection behind `after` that holds an item.
    pub(in crate::embedded) fn collection_after(
        &self,
        after: Option<&Keyspace>,
    ) -> Result<Option<Keyspace>, Error> {
        let snapshot = self.snapshots.hold();
        let start = after.map(|name| KeyBytes::edge(name, 1));
        let start = start.as_ref().map_or(Unbounded, |start| Included(start.as_ref()));
        let bounds = (start, Unbounded);
        let mut entries =
            self.tree(TreeName::Items).range::<&[u8], _>(bounds, snapshot.number(), None);
        let first = entries.next().map(|entry| entry.key().map_err(read_failed)).transpose()?;
        first.map(|key| decode_collection(&key)).transpose()
    }
}
