//! Each fault happens once, to one call.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use domain::{Change, CollectionName, Item, ItemId, Key, Outcome, Write};
use futures_util::future::join_all;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::{ErrorKind, Options, Reply, Store, open};

fn store() -> (Arc<dyn Store>, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("faulty:{}?store=memory:", directory.path().display());
    (open(&url, &Options::default()).unwrap(), directory)
}

fn next(directory: &TempDir, fault: &str) {
    fs::write(directory.path().join("next"), fault).unwrap();
}

fn key() -> Key {
    Key { collection: CollectionName::new("items").unwrap(), id: ItemId::new("foo").unwrap() }
}

fn put() -> Write {
    let item = Item::new(&serde_json::from_str("{}").unwrap());
    Write::new(key(), Change::Put(item))
}

#[tokio::test]
async fn each_kind_of_failure_happens_once_and_does_nothing() {
    let (store, directory) = store();
    for (text, kind) in [
        ("unavailable\n", ErrorKind::Unavailable),
        ("overloaded", ErrorKind::Overloaded),
        ("full", ErrorKind::Full),
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
