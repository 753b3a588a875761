//! Pages.

use bytes::Bytes;
use domain::{Item, ItemId, Key, PAGE_BYTES_MAX, Page, PageQuery, PageStart};

use super::cluster::Cluster;
use super::message::{KeyValue, RangeRequest};
use super::value;
use crate::codec::decode_id;
use crate::error::{Error, ErrorKind};

/// How many items are read first, when nothing is known of their size.
const FIRST: usize = 16;

/// Most items that are read at a time. If each of them is as large as an item can be, while those
/// before were small, the answer still is one that the transport takes.
const MOST: usize = 128;

/// Reads a page.
///
/// etcd cuts by the number of items and not by their bytes. So a page is read in pieces, each of
/// about as many items as still fit by the average of those that were seen.
pub(super) async fn page(cluster: &Cluster, query: &PageQuery) -> Result<Page, Error> {
    let collection = &query.collection;
    let key =
        |id: &ItemId| cluster.keys.item(&Key { collection: collection.clone(), id: id.clone() });
    let mut next = match &query.start {
        PageStart::First => cluster.keys.edge(collection, 0),
        PageStart::After(id) => after(&key(id)),
        PageStart::At(id) => key(id),
    };
    let end = cluster.keys.edge(collection, 1);
    // One more than the page holds, to know whether there is more.
    let items_max = query.items_max + 1;
    let mut entries: Vec<(ItemId, Item)> = Vec::new();
    let mut bytes = 0;
    loop {
        let limit = piece(entries.len(), bytes).min(items_max - entries.len());
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
        for kv in &found.kvs {
            let entry = entry(cluster, query, kv)?;
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
fn after(key: &[u8]) -> Bytes {
    [key, &[0]].concat().into()
}

fn entry(cluster: &Cluster, query: &PageQuery, kv: &KeyValue) -> Result<(ItemId, Item), Error> {
    let key = cluster.keys.strip_items(&kv.key).ok_or_else(|| {
        Error::new(ErrorKind::Corrupt, "etcd returned a key that was not asked for")
    })?;
    Ok((decode_id(key, &query.collection)?, value::stored(kv)?.item))
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
