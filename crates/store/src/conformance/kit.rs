//! Short words for the cases.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use domain::{
    Change, ETag, Fingerprint, IdPrefix, Idempotency, Item, ItemId, Key, Keyspace, Moment, Order,
    Page, PageQuery, PageStart, Precondition, Remembered, ReplayKey, SnapshotEntry, SnapshotQuery,
    Tags, Verdict, Write,
};
use futures_util::StreamExt as _;

use crate::snapshot::{SNAPSHOT_CHUNK_BYTES_MAX, SNAPSHOT_CHUNK_ITEMS_MAX, Snapshot};
use crate::store::Store;

/// The store under judgement.
pub(super) type Subject = Arc<dyn Store>;

pub(super) fn collection(name: &str) -> Keyspace {
    Keyspace::new(name).unwrap()
}

pub(super) fn id(text: &str) -> ItemId {
    ItemId::new(text).unwrap()
}

/// A key in the collection `items`.
pub(super) fn key(text: &str) -> Key {
    key_in("items", text)
}

pub(super) fn key_in(name: &str, text: &str) -> Key {
    Key { collection: collection(name), id: id(text) }
}

/// An item of this JSON object.
pub(super) fn item(json: &str) -> Item {
    Item::new(&serde_json::from_str(json).unwrap())
}

/// An item that differs from that of any other number.
pub(super) fn numbered(number: usize) -> Item {
    item(&format!(r#"{{"size":{number}}}"#))
}

/// A write without preconditions.
pub(super) fn write(key: Key, change: Change) -> Write {
    Write::new(key, change)
}

pub(super) fn put(text: &str, item: &Item) -> Write {
    write(key(text), Change::Put(item.clone()))
}

pub(super) fn delete(text: &str) -> Write {
    write(key(text), Change::Delete)
}

pub(super) fn replace(text: &str, basis: ETag, item: &Item) -> Write {
    write(key(text), Change::Replace { basis, item: item.clone() })
}

pub(super) fn if_match(write: Write, tags: &[ETag]) -> Write {
    let precondition =
        Precondition { if_match: Some(Tags::Listed(tags.to_vec())), ..write.precondition };
    Write { precondition, ..write }
}

pub(super) fn if_match_any(write: Write) -> Write {
    let precondition = Precondition { if_match: Some(Tags::Any), ..write.precondition };
    Write { precondition, ..write }
}

pub(super) fn if_none_match_any(write: Write) -> Write {
    let precondition = Precondition { if_none_match: Some(Tags::Any), ..write.precondition };
    Write { precondition, ..write }
}

pub(super) fn order(text: &str) -> Order {
    text.parse().unwrap()
}

/// Gives a write an order token.
pub(super) fn ordered(write: Write, token: &str) -> Write {
    Write { order: Some(order(token)), ..write }
}

/// Gives a write an idempotency key: the request `fingerprint`, made at `now`, is remembered under
/// `place` for `milliseconds`.
pub(super) fn keyed(
    write: Write,
    place: ReplayKey,
    fingerprint: u8,
    now: u64,
    milliseconds: u64,
) -> Write {
    let idempotency = Idempotency {
        key: place,
        fingerprint: Fingerprint::from_bytes([fingerprint; Fingerprint::BYTES]),
        now: Moment(now),
        until: Moment(now + milliseconds),
    };
    Write { idempotency: Some(idempotency), ..write }
}

/// A moment an hour from now, in milliseconds since 1970. A case that plays with time does so in
/// the future, where no back end has begun to tidy up.
pub(super) fn soon() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap() + 3_600_000
}

/// Demands that the item has not changed since a snapshot entry was read.
pub(super) fn unchanged_since(write: Write, entry: &SnapshotEntry) -> Write {
    Write { unchanged_since: Some(entry.version), ..write }
}

/// Applies one write.
pub(super) async fn one(store: &Subject, write: Write) -> Verdict {
    let mut verdicts = all(store, vec![write]).await;
    assert_eq!(verdicts.len(), 1);
    verdicts.remove(0)
}

/// Applies writes together.
pub(super) async fn all(store: &Subject, writes: Vec<Write>) -> Vec<Verdict> {
    store.apply(writes).await.into_iter().map(|result| result.expect("the store works")).collect()
}

/// Reads from `items`.
pub(super) async fn get(store: &Subject, text: &str) -> Option<Item> {
    store.get(&key(text)).await.expect("the store works")
}

/// Reads what is remembered.
pub(super) async fn recall(store: &Subject, place: &ReplayKey) -> Option<Remembered> {
    store.recall(place).await.expect("the store works")
}

pub(super) async fn page(store: &Subject, name: &str, start: PageStart, items_max: usize) -> Page {
    let query = PageQuery { collection: collection(name), start, prefix: None, items_max };
    store.list(query).await.expect("the store works")
}

/// Counts the items of a collection whose ids have a prefix, in steps of `items_max`.
pub(super) async fn count(
    store: &Subject,
    name: &str,
    prefix: Option<&IdPrefix>,
    items_max: usize,
) -> usize {
    let (mut items, mut start) = (0, PageStart::First);
    loop {
        let (collection, prefix) = (collection(name), prefix.cloned());
        let query = PageQuery { collection, start, prefix, items_max };
        let step = store.count(query).await.expect("the store works");
        items += step.items;
        match step.last {
            Some(last) => start = PageStart::After(last),
            None => return items,
        }
    }
}

/// Opens a snapshot.
pub(super) fn snapshot(store: &Subject, name: &str, after: Option<&str>) -> Snapshot {
    store.snapshot(SnapshotQuery { collection: collection(name), after: after.map(id) })
}

/// Reads a snapshot to its end, or what is left of it.
pub(super) async fn read_all(mut snapshot: Snapshot) -> Vec<SnapshotEntry> {
    let mut entries: Vec<SnapshotEntry> = Vec::new();
    while let Some(chunk) = snapshot.next().await {
        let chunk = chunk.expect("the store works");
        assert!((1..=SNAPSHOT_CHUNK_ITEMS_MAX).contains(&chunk.len()));
        let bytes = chunk[..chunk.len() - 1].iter().map(|one| one.item.representation().len());
        assert!(bytes.sum::<usize>() < SNAPSHOT_CHUNK_BYTES_MAX, "but for the last item");
        entries.extend(chunk);
    }
    assert!(entries.windows(2).all(|pair| pair[0].id < pair[1].id), "ids ascend");
    entries
}

/// Reads a snapshot of `items` from its beginning.
pub(super) async fn snapshot_items(store: &Subject) -> Vec<(ItemId, Item)> {
    let entries = read_all(snapshot(store, "items", None)).await;
    entries.into_iter().map(|entry| (entry.id, entry.item)).collect()
}

/// Follows the pages of a collection to the end.
pub(super) async fn list_all(store: &Subject, name: &str, items_max: usize) -> Vec<(ItemId, Item)> {
    let mut items: Vec<(ItemId, Item)> = Vec::new();
    let mut start = PageStart::First;
    loop {
        let next = page(store, name, start, items_max).await;
        start = next.next().map_or(PageStart::First, Into::into);
        assert!(next.items.len() <= items_max);
        assert!(!next.more || !next.items.is_empty(), "a page that promises more holds something");
        items.extend(next.items);
        if !next.more {
            return items;
        }
    }
}
