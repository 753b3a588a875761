//! Pages, counts, and what collections there are.

use std::ops::Bound;

use bytes::Bytes;
use domain::{Count, IdPrefix, Item, ItemId, Keyspace, PAGE_BYTES_MAX, Page, PageQuery};

use super::cluster::{Cluster, ranges};
use super::message::{KeyValue, Op, RangeRequest, Txn};
use super::value;
use crate::codec::{decode_collection, decode_id};
use crate::error::{Error, ErrorKind};

/// How many items are read first, when nothing is known of their size.
pub(super) const FIRST: usize = 16;

/// Most items that are read at a time. If each of them is as large as an item can be, while those
/// before were small, the answer still is one that the transport takes.
pub(super) const MOST: usize = 128;

/// Reads a page.
///
/// etcd cuts by the number of items and not by their bytes. So a page is read in pieces, each of
/// about as many items as still fit by the average of those that were seen.
pub(super) async fn page(cluster: &Cluster, query: &PageQuery) -> Result<Page, Error> {
    let Some((mut next, end)) = range(cluster, query) else { return Ok(Page::default()) };
    // One more than the page holds, to know whether there is more.
    let items_max = query.items_max + 1;
    let mut entries: Vec<(ItemId, Item)> = Vec::new();
    let (mut seen, mut bytes) = (0, 0);
    loop {
        let limit = piece(seen, bytes).min(items_max - entries.len());
        let range = RangeRequest {
            key: next.clone(),
            range_end: end.clone(),
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
            ..RangeRequest::default()
        };
        let found = cluster.transport.range(&range).await?;
        if let Some(last) = found.kvs.last() {
            next = after(&last.key);
        }
        seen += found.kvs.len();
        for kv in &found.kvs {
            let Some(entry) = entry(cluster, query, kv)? else { continue };
            bytes += entry.1.representation().len();
            entries.push(entry);
        }
        let whole = entries.len() >= items_max || !found.more || found.kvs.is_empty();
        // The item after the one that fills the page is the one more.
        let full = bytes_before_last(bytes, &entries) >= PAGE_BYTES_MAX;
        if whole || full {
            return Page::collect(entries.into_iter().map(Ok), query.items_max);
        }
    }
}

/// Counts all items at once: etcd has its keys in memory and returns their number alone. Among them are
/// tombstones, whose marks are counted at the same revision.
pub(super) async fn count(cluster: &Cluster, query: &PageQuery) -> Result<Count, Error> {
    let Some((first, end)) = range(cluster, query) else { return Ok(Count::default()) };
    let marks = cluster.keys.deletion(&first).zip(cluster.keys.deletion(&end));
    let (first_mark, end_mark) = marks.ok_or_else(not_asked_for)?;
    let count = |(key, range_end)| {
        Op::Range(RangeRequest { key, range_end, count_only: true, ..RangeRequest::default() })
    };
    let success = [(first, end), (first_mark, end_mark)].map(count).to_vec();
    let answer = cluster.transport.txn(&Txn { success, ..Txn::default() }).await?;
    let counts = ranges(answer.responses, 2)?;
    let items = usize::try_from(counts[0].count - counts[1].count)
        .map_err(|_| Error::new(ErrorKind::Corrupt, "etcd returned an invalid number of keys"))?;
    Ok(Count { items, last: None })
}

/// Returns the first collection behind `after` that holds an item. Where it begins with tombstones, these are
/// passed.
pub(super) async fn collection_after(
    cluster: &Cluster,
    after: Option<&Keyspace>,
) -> Result<Option<Keyspace>, Error> {
    let (first, range_end) = cluster.keys.all_items();
    let mut key = after.map_or(first, |name| cluster.keys.edge(name, 1));
    let mut limit = 1;
    loop {
        let range_end = range_end.clone();
        let range = RangeRequest { key, range_end, limit, ..RangeRequest::default() };
        let found = cluster.transport.range(&range).await?;
        for kv in &found.kvs {
            if value::item(kv)?.is_some() {
                let key = cluster.keys.strip_items(&kv.key).ok_or_else(not_asked_for)?;
                return decode_collection(key).map(Some);
            }
        }
        match found.kvs.last() {
            Some(last) if found.more => key = self::after(&last.key),
            _ => return Ok(None),
        }
        limit = MOST as i64;
    }
}

/// Returns the keys of a query, from the first to the one behind the last; nothing if there can be none.
fn range(cluster: &Cluster, query: &PageQuery) -> Option<(Bytes, Bytes)> {
    let (collection, keys) = (&query.collection, &cluster.keys);
    let first = match query.first() {
        Bound::Unbounded => keys.edge(collection, 0),
        Bound::Excluded(id) => after(&keys.place(collection, id)),
        Bound::Included(id) => keys.place(collection, id),
    };
    let end = query.prefix.as_ref().and_then(IdPrefix::end);
    let end = end.map_or_else(|| keys.edge(collection, 1), |end| keys.place(collection, &end));
    (first < end).then_some((first, end))
}

pub(super) fn not_asked_for() -> Error {
    Error::new(ErrorKind::Corrupt, "etcd returned a key that was not asked for")
}

fn bytes_before_last(bytes: usize, entries: &[(ItemId, Item)]) -> usize {
    bytes - entries.last().map_or(0, |(_, item)| item.representation().len())
}

/// Returns how many items to read, after so many that had so many bytes.
fn piece(items: usize, bytes: usize) -> usize {
    if items == 0 {
        return FIRST;
    }
    let average = (bytes / items).max(1);
    let left = PAGE_BYTES_MAX.saturating_sub(bytes);
    (left / average + 1).clamp(1, MOST)
}

/// The first key that comes after this one.
pub(super) fn after(key: &[u8]) -> Bytes {
    [key, &[0]].concat().into()
}

/// Returns the item under a key, unless that is a tombstone.
fn entry(
    cluster: &Cluster,
    query: &PageQuery,
    kv: &KeyValue,
) -> Result<Option<(ItemId, Item)>, Error> {
    let key = cluster.keys.strip_items(&kv.key).ok_or_else(not_asked_for)?;
    let id = decode_id(key, &query.collection)?;
    Ok(value::item(kv)?.map(|item| (id, item)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_fit_the_page_by_what_was_seen() {
        assert_eq!(piece(0, 0), FIRST);
        assert_eq!(piece(16, 16 * 100), MOST);
        assert_eq!(piece(16, 16 << 10 << 7), 17);
        assert_eq!(piece(4, PAGE_BYTES_MAX - 1), 1);
        assert_eq!(piece(4, PAGE_BYTES_MAX * 2), 1);
        assert_eq!(piece(1, 0), MOST);
    }
}
