//! Writes that demand that their item has not changed since a snapshot was read.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{Outcome, Refusal, SnapshotEntry, Write};

use super::kit::*;
use crate::snapshot::SNAPSHOT_CHUNK_ITEMS_MAX;

async fn entries(store: &Subject) -> HashMap<String, SnapshotEntry> {
    let entries = read_all(snapshot(store, "items", None)).await;
    entries.into_iter().map(|entry| (entry.id.as_str().to_owned(), entry)).collect()
}

pub(crate) async fn an_item_that_did_not_change_is_deleted(store: Subject) {
    all(&store, ["a", "b", "c"].map(|name| put(name, &numbered(1))).to_vec()).await;
    let seen = entries(&store).await;
    // None of this changes an item that was seen.
    let writes = vec![
        put("a", &numbered(1)),
        if_match(put("a", &numbered(2)), &[]),
        replace("a", numbered(2).etag(), &numbered(3)),
        put("d", &numbered(1)),
        delete("c"),
    ];
    all(&store, writes).await;
    let again = entries(&store).await;
    for entry in [&seen["a"], &again["b"]] {
        let write = unchanged_since(delete(entry.id.as_str()), entry);
        assert_eq!(one(&store, write.clone()).await, Ok(Outcome::Deleted));
        assert_eq!(one(&store, write).await, Err(Refusal::NotFound));
    }
    let gone = unchanged_since(delete("c"), &seen["c"]);
    assert_eq!(one(&store, gone).await, Err(Refusal::NotFound));
    assert_eq!(list_all(&store, "items", 10).await, [(id("d"), numbered(1))]);
}

pub(crate) async fn an_item_that_changed_is_not_deleted(store: Subject) {
    let names = ["changed", "back", "again", "ordered"];
    all(&store, names.map(|name| put(name, &numbered(1))).to_vec()).await;
    let seen = entries(&store).await;
    for writes in [
        vec![put("changed", &numbered(2)), put("back", &numbered(2)), delete("again")],
        vec![put("back", &numbered(1)), put("again", &numbered(1))],
        // Its order token is a change as well.
        vec![ordered(put("ordered", &numbered(1)), "5")],
    ] {
        assert!(all(&store, writes).await.iter().all(Result::is_ok));
    }
    let current = entries(&store).await;
    for name in names {
        let late = unchanged_since(delete(name), &seen[name]);
        assert_eq!(one(&store, late).await, Err(Refusal::Moved), "{name}");
        let write = unchanged_since(delete(name), &current[name]);
        assert_eq!(one(&store, write).await, Ok(Outcome::Deleted), "{name}");
    }
}

pub(crate) async fn a_put_can_demand_it_too(store: Subject) {
    one(&store, put("a", &numbered(1))).await.unwrap();
    let seen = &entries(&store).await["a"];
    let write = |number| unchanged_since(put("a", &numbered(number)), seen);
    assert_eq!(one(&store, write(1)).await, Ok(Outcome::Unchanged(numbered(1))));
    assert_eq!(one(&store, write(2)).await, Ok(Outcome::Updated(numbered(2))));
    assert_eq!(one(&store, write(3)).await, Err(Refusal::Moved));
    one(&store, delete("a")).await.unwrap();
    assert_eq!(one(&store, write(4)).await, Err(Refusal::Moved));
    assert_eq!(get(&store, "a").await, None);
}

pub(crate) async fn what_one_call_changed_has_changed_for_its_later_writes(store: Subject) {
    one(&store, put("a", &numbered(1))).await.unwrap();
    let seen = &entries(&store).await["a"];
    let late = || unchanged_since(delete("a"), seen);
    let writes = vec![put("a", &numbered(2)), late(), put("a", &numbered(1)), late()];
    let verdicts = all(&store, writes).await;
    assert_eq!((&verdicts[1], &verdicts[3]), (&Err(Refusal::Moved), &Err(Refusal::Moved)));
    let seen = &entries(&store).await["a"];
    let twice = || unchanged_since(delete("a"), seen);
    let verdicts = all(&store, vec![put("a", &numbered(1)), twice(), twice()]).await;
    assert_eq!(verdicts[1..], [Ok(Outcome::Deleted), Err(Refusal::NotFound)]);
}

/// Of each item either the deletion or the change that others make comes first, and a change is never
/// deleted.
pub(crate) async fn of_many_deletions_and_changes_each_item_sees_one(store: Subject) {
    const COUNT: usize = SNAPSHOT_CHUNK_ITEMS_MAX / 2;
    let name = |n: usize| format!("{n:04}");
    all(&store, (0..COUNT).map(|n| put(&name(n), &numbered(n))).collect()).await;
    let seen = entries(&store).await;
    let changes = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for n in (0..COUNT).rev() {
                // Changed, and changed back.
                for number in [n + 1, n] {
                    one(&store, put(&name(n), &numbered(number))).await.unwrap();
                }
            }
        }
    });
    let deletions: Vec<Write> =
        (0..COUNT).map(|n| unchanged_since(delete(&name(n)), &seen[&name(n)])).collect();
    let mut deleted = 0;
    for writes in deletions.chunks(16) {
        for verdict in all(&store, writes.to_vec()).await {
            match verdict {
                Ok(Outcome::Deleted) => deleted += 1,
                verdict => assert_eq!(verdict, Err(Refusal::Moved)),
            }
        }
    }
    changes.await.unwrap();
    assert!(deleted > 0);
    // What was deleted was created again by the changes, and nothing after them was deleted.
    assert_eq!(list_all(&store, "items", 1_000).await.len(), COUNT);
}
