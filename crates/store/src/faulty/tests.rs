//! Each fault happens once, to one call. A bug is there from the start, and stays.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use domain::{Change, Item, ItemId, Key, Keyspace, Outcome, SnapshotQuery, Write};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::{ErrorKind, OpenError, Options, Reply, Store, open};

fn store() -> (Arc<dyn Store>, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (open_in(&directory).unwrap(), directory)
}

fn open_in(directory: &TempDir) -> Result<Arc<dyn Store>, OpenError> {
    let url = format!("faulty:{}?store=memory:", directory.path().display());
    open(&url, &Options::default())
}

fn next(directory: &TempDir, fault: &str) {
    fs::write(directory.path().join("next"), fault).unwrap();
}

fn key() -> Key {
    Key { collection: Keyspace::new("items").unwrap(), id: ItemId::new("foo").unwrap() }
}

fn put() -> Write {
    put_item(item(0))
}

fn item(size: usize) -> Item {
    Item::new(&serde_json::from_str(&format!("{{\"size\":{size}}}")).unwrap())
}

fn put_item(item: Item) -> Write {
    Write::new(key(), Change::Put(item))
}

#[tokio::test]
async fn each_kind_of_failure_happens_once_and_does_nothing() {
    let (store, directory) = store();
    for (text, kind) in [
        ("unavailable\n", ErrorKind::Unavailable),
        ("overloaded", ErrorKind::Overloaded),
        ("full", ErrorKind::Full),
        ("too-large", ErrorKind::TooLarge),
        ("corrupt", ErrorKind::Corrupt),
        ("poisoned", ErrorKind::Poisoned),
        ("internal", ErrorKind::Internal),
    ] {
        next(&directory, text);
        let results = store.apply(vec![put(), put()]).await;
        assert!(
            results.len() == 2
                && results
                    .iter()
                    .all(|result| result.as_ref().is_err_and(|error| error.kind() == kind))
        );
        next(&directory, text);
        assert_eq!(store.check().await.expect_err("it fails").kind(), kind);
        assert_eq!(store.get(&key()).await.unwrap(), None);
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left behind");
}

#[tokio::test]
async fn an_unknown_outcome_hides_a_write_that_happened() {
    let (store, directory) = store();
    next(&directory, "unknown");
    let results = store.apply(vec![put()]).await;
    assert_eq!(results[0].as_ref().expect_err("it is hidden").kind(), ErrorKind::Unknown);
    assert!(matches!(store.apply(vec![put()]).await[0], Ok(Ok(Outcome::Unchanged(_)))));
    next(&directory, "unknown");
    assert_eq!(store.get(&key()).await.expect_err("it is hidden").kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_stalled_call_never_answers_and_others_do() {
    let (store, directory) = store();
    next(&directory, "stall");
    let stalled = store.get(&key());
    assert!(matches!(store.get(&key()), Reply::Ready(Ok(None))));
    assert!(timeout(Duration::from_millis(10), stalled).await.is_err());
}

#[test]
#[should_panic(expected = "a rehearsed fault")]
fn a_panic_is_a_panic() {
    let (store, directory) = store();
    next(&directory, "panic");
    drop(store.get(&key()));
}

#[tokio::test]
async fn a_word_that_is_no_fault_is_refused_with_the_known_ones() {
    let (store, directory) = store();
    next(&directory, "explode");
    let message = store.check().await.expect_err("it is refused").to_string();
    assert!(message.contains("explode") && message.contains("stall"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_calls_gets_the_fault() {
    let (store, directory) = store();
    for _ in 0..20 {
        next(&directory, "corrupt");
        let calls = (0..16).map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { usize::from(store.check().await.is_err()) })
        });
        assert_eq!(join_all(calls).await.into_iter().map(Result::unwrap).sum::<usize>(), 1);
    }
}

#[cfg(feature = "planted-bugs")]
mod planted {
    use domain::Tags;

    use super::*;

    /// Opens a store with a bug.
    fn planted(bug: &str) -> (Arc<dyn Store>, TempDir) {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("bug"), bug).unwrap();
        (open_in(&directory).unwrap(), directory)
    }

    #[test]
    fn a_word_that_is_no_bug_is_refused_with_the_known_ones() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("bug"), "segfault").unwrap();
        let error = open_in(&directory).expect_err("it is refused");
        let OpenError::Io { source, .. } = error else { panic!("{error}") };
        let message = source.to_string();
        assert!(message.contains("segfault") && message.contains("stale-read"), "{message}");
    }

    #[tokio::test]
    async fn two_updates_by_one_tag_both_pass_where_updates_are_lost() {
        let (store, _directory) = planted("lost-update");
        store.apply(vec![put_item(item(0))]).await;
        let updates = [1, 2].map(|size| {
            let mut write = put_item(item(size));
            write.precondition.if_match = Some(Tags::Listed(vec![item(0).etag()]));
            store.apply(vec![write])
        });
        for results in join_all(updates).await {
            assert!(matches!(results[0], Ok(Ok(Outcome::Updated(_)))), "{results:?}");
        }
    }

    #[tokio::test]
    async fn two_creators_are_both_told_so_where_creations_are_doubled() {
        let (store, _directory) = planted("double-create");
        let creations = [1, 2].map(|size| {
            let mut write = put_item(item(size));
            write.precondition.if_none_match = Some(Tags::Any);
            store.apply(vec![write])
        });
        for results in join_all(creations).await {
            assert!(matches!(results[0], Ok(Ok(Outcome::Created(_)))), "{results:?}");
        }
    }

    #[tokio::test]
    async fn some_reads_see_the_item_before_its_last_write_where_reads_are_stale() {
        let (store, _directory) = planted("stale-read");
        store.apply(vec![put_item(item(0)), put_item(item(1))]).await;
        let mut stale = 0;
        for _ in 0..100 {
            let seen = store.get(&key()).await.unwrap().expect("it exists");
            stale += usize::from(seen == item(0));
        }
        assert_eq!(stale, 10);
    }

    #[tokio::test]
    async fn some_acknowledged_writes_are_not_there_where_writes_are_dropped() {
        let (store, _directory) = planted("dropped-write");
        let mut dropped = 0;
        for size in 0..100 {
            let results = store.apply(vec![put_item(item(size))]).await;
            assert!(matches!(results[0], Ok(Ok(Outcome::Created(_) | Outcome::Updated(_)))));
            dropped += usize::from(store.get(&key()).await.unwrap() != Some(item(size)));
        }
        assert_eq!(dropped, 5);
    }

    #[tokio::test]
    async fn a_late_write_brings_the_item_back_where_deletions_forget_their_token() {
        let (store, _directory) = planted("no-tombstone");
        let ordered = |write: Write, token: &str| Write { order: token.parse().ok(), ..write };
        let delete = Write { change: Change::Delete, ..put_item(item(0)) };
        let writes = [
            ordered(put_item(item(0)), "1"),
            ordered(delete, "3"),
            ordered(put_item(item(1)), "2"),
        ];
        let results = store.apply(writes.to_vec()).await;
        assert!(matches!(results[2], Ok(Ok(Outcome::Created(_)))), "{results:?}");
    }

    #[tokio::test]
    async fn the_first_of_two_writes_stays_where_groups_are_reversed() {
        let (store, _directory) = planted("reversed-group");
        let results = store.apply(vec![put_item(item(0)), put_item(item(1))]).await;
        assert!(matches!(results[0], Ok(Ok(Outcome::Updated(_)))), "{results:?}");
        assert_eq!(store.get(&key()).await.unwrap(), Some(item(0)));
    }
}

#[tokio::test]
async fn a_fault_meets_one_chunk_of_a_snapshot() {
    let (store, directory) = store();
    store.apply(vec![put()]).await.remove(0).unwrap().unwrap();
    let query = SnapshotQuery { collection: key().collection, after: None };
    let mut snapshot = store.snapshot(query);
    assert_eq!(snapshot.next().await.unwrap().unwrap().len(), 1);
    next(&directory, "expired");
    assert_eq!(snapshot.next().await.unwrap().expect_err("as asked").kind(), ErrorKind::Expired);
    assert!(snapshot.next().await.is_none(), "the error ends it");
}
