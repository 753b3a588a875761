//! Snapshots.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::{Change, SnapshotEntry};
use futures_util::StreamExt as _;

use super::kit::*;
use crate::error::ErrorKind;
use crate::snapshot::{SNAPSHOT_CHUNK_ITEMS_MAX, Snapshot};

/// Some chunks' worth of items.
const COUNT: usize = 3 * SNAPSHOT_CHUNK_ITEMS_MAX + 17;

fn name(number: usize) -> String {
    format!("{number:05}")
}

async fn fill(store: &Subject, numbers: impl Iterator<Item = usize>) {
    let writes = numbers.map(|n| put(&name(n), &numbered(n))).collect();
    assert!(all(store, writes).await.iter().all(Result::is_ok));
}

async fn next(snapshot: &mut Snapshot) -> Vec<SnapshotEntry> {
    snapshot.next().await.expect("there is more").expect("the store works")
}

fn ids(entries: &[SnapshotEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.id.as_str()).collect()
}

pub(crate) async fn an_empty_collection_has_an_empty_snapshot(store: Subject) {
    assert_eq!(snapshot_items(&store).await, []);
    all(&store, vec![write(key_in("itemsz", "0"), Change::Put(numbered(0)))]).await;
    assert_eq!(snapshot_items(&store).await, []);
    assert_eq!(read_all(snapshot(&store, "items", Some("x"))).await, []);
}

pub(crate) async fn a_snapshot_holds_everything_in_ascending_order(store: Subject) {
    fill(&store, (0..COUNT).rev()).await;
    let expected: Vec<_> = (0..COUNT).map(|n| (id(&name(n)), numbered(n))).collect();
    assert_eq!(snapshot_items(&store).await, expected);
}

pub(crate) async fn a_snapshot_begins_after_an_id(store: Subject) {
    fill(&store, 0..4).await;
    all(&store, vec![write(key_in("itemsz", "0"), Change::Put(numbered(0)))]).await;
    for (after, expected) in [
        ("0", &["00000", "00001", "00002", "00003"][..]),
        ("00001", &["00002", "00003"]),
        ("000011", &["00002", "00003"]),
        ("00003", &[]),
        ("\u{10ffff}", &[]),
    ] {
        let entries = read_all(snapshot(&store, "items", Some(after))).await;
        assert_eq!(ids(&entries), expected, "{after}");
    }
}

pub(crate) async fn large_items_come_in_small_chunks(store: Subject) {
    let large = item(&format!(r#"{{"name":"{}"}}"#, "x".repeat(200 << 10)));
    let writes = (0..20).map(|n| put(&name(n), &large)).collect();
    assert!(all(&store, writes).await.iter().all(Result::is_ok));
    let items = snapshot_items(&store).await;
    assert!(items.len() == 20 && items.iter().all(|(_, item)| *item == large));
}

pub(crate) async fn order_tokens_are_seen_and_tombstones_are_not(store: Subject) {
    fill(&store, 0..1).await;
    let token = |n: usize| (n + 1).to_string();
    let writes = (1..500).flat_map(|n| {
        let put = ordered(put(&name(n), &numbered(n)), &token(n));
        let delete = (n % 100 > 0).then(|| ordered(delete(&name(n)), &token(n)));
        [put].into_iter().chain(delete)
    });
    assert!(all(&store, writes.collect()).await.iter().all(Result::is_ok));
    let items = snapshot_items(&store).await;
    assert_eq!(items, list_all(&store, "items", 1_000).await);
    let orders: Vec<_> = items.iter().map(|(_, item)| item.order()).collect();
    let expected = [100, 200, 300, 400].map(|n| Some(token(n).parse().unwrap()));
    assert_eq!((orders[0], &orders[1..]), (None, &expected[..]));
}

pub(crate) async fn later_writes_are_not_seen(store: Subject) {
    fill(&store, (0..COUNT).map(|n| 2 * n)).await;
    let mut reading = snapshot(&store, "items", None);
    let mut entries = next(&mut reading).await;
    // Before and behind the place that was read: changed, deleted, deleted and created, created.
    let changes = [0, 2 * COUNT - 1_000].into_iter().flat_map(|from| {
        (0..100).flat_map(move |n| {
            let even = from + 8 * n;
            [
                put(&name(even), &numbered(even + 1)),
                delete(&name(even + 2)),
                delete(&name(even + 4)),
                put(&name(even + 4), &numbered(even + 5)),
                put(&name(even + 1), &numbered(even)),
            ]
        })
    });
    assert!(all(&store, changes.collect()).await.iter().all(Result::is_ok));
    entries.extend(read_all(reading).await);
    let items = entries.into_iter().map(|entry| (entry.id, entry.item));
    assert!(items.eq((0..COUNT).map(|n| (id(&name(2 * n)), numbered(2 * n)))));
    assert_eq!(snapshot_items(&store).await, list_all(&store, "items", 1_000).await);
}

pub(crate) async fn a_snapshot_is_of_one_moment_while_others_write(store: Subject) {
    const SPREAD: usize = 2 * SNAPSHOT_CHUNK_ITEMS_MAX;
    fill(&store, 0..SPREAD).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        async move {
            let mut round = 1;
            while !stop.load(Ordering::Relaxed) {
                // One after the other, from the last to the first: a view that has a write has all
                // that were before it, so the numbers fall from the first item to the last.
                for n in [3, 2, 1, 0] {
                    let last = name(n * (SPREAD / 4));
                    one(&store, put(&last, &numbered(SPREAD + round))).await.unwrap();
                }
                round += 1;
            }
            round
        }
    });
    for _ in 0..20 {
        let entries = snapshot_items(&store).await;
        assert_eq!(entries.len(), SPREAD);
        let rounds: Vec<usize> = (0..4)
            .map(|n| {
                let item = &entries[n * (SPREAD / 4)].1;
                let text = str::from_utf8(item.representation()).unwrap();
                let size: usize = text[8..text.len() - 1].parse().unwrap();
                size.saturating_sub(SPREAD)
            })
            .collect();
        let ordered = rounds.windows(2).all(|pair| pair[0] <= pair[1]);
        assert!(ordered && rounds[3] - rounds[0] <= 1, "{rounds:?}");
    }
    stop.store(true, Ordering::Relaxed);
    assert!(writer.await.unwrap() > 1);
}

pub(crate) async fn two_snapshots_are_read_at_once(store: Subject) {
    fill(&store, 0..COUNT).await;
    let mut first = snapshot(&store, "items", None);
    let mut first_entries = next(&mut first).await;
    fill(&store, COUNT..COUNT + 1).await;
    let mut second = snapshot(&store, "items", None);
    let mut second_entries = next(&mut second).await;
    one(&store, delete(&name(COUNT - 1))).await.unwrap();
    second_entries.extend(read_all(second).await);
    first_entries.extend(read_all(first).await);
    assert_eq!((first_entries.len(), second_entries.len()), (COUNT, COUNT + 1));
    let items = |entries: Vec<SnapshotEntry>| entries.into_iter().map(|one| (one.id, one.item));
    assert!(items(first_entries).eq(items(second_entries).take(COUNT)));
}

pub(crate) async fn a_dropped_snapshot_leaves_room_for_others(store: Subject) {
    fill(&store, 0..COUNT).await;
    for round in 0..30 {
        let mut dropped = snapshot(&store, "items", None);
        if round % 3 > 0 {
            // A store may notice a moment later that one was dropped.
            while let Some(Err(error)) = dropped.next().await {
                assert_eq!(error.kind(), ErrorKind::Overloaded);
                tokio::task::yield_now().await;
                dropped = snapshot(&store, "items", None);
            }
        }
    }
}

pub(crate) async fn too_many_snapshots_are_refused(store: Subject) {
    fill(&store, 0..COUNT).await;
    let mut open = Vec::new();
    for _ in 0..64 {
        let mut one = snapshot(&store, "items", None);
        match one.next().await.expect("it is not empty") {
            Ok(_) => open.push(one),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Overloaded);
                assert!(one.next().await.is_none(), "the error ends it");
                break;
            }
        }
    }
    assert!(open.len() >= 2);
    for one in open {
        read_all(one).await;
    }
}
