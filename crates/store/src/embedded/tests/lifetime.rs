//! What is left when the store is closed, and what keeps it open.

use std::fs;
use std::time::Duration;

use domain::{
    Change, Fingerprint, Idempotency, Moment, Outcome, PageQuery, PageStart, Refusal, ReplayKey,
};

use super::*;

#[test]
fn everything_acknowledged_is_there_after_reopening() {
    let directory = directory();
    for round in 0..4 {
        let store = open(&directory);
        for n in 0..round * 100 {
            assert_eq!(get(&store, &n.to_string()).unwrap(), (n % 3 > 0).then(|| item(n)), "{n}");
        }
        for n in round * 100..(round + 1) * 100 {
            assert!(matches!(apply(&store, put(&n.to_string(), n)), Ok(Ok(Outcome::Created(_)))));
            if n % 3 == 0 {
                let delete = Write { change: Change::Delete, ..put(&n.to_string(), n) };
                assert_eq!(apply(&store, delete).unwrap(), Ok(Outcome::Deleted));
            }
        }
    }
}

#[test]
fn everything_survives_being_written_out_and_merged() {
    const ITEMS: usize = 300;
    let directory = directory();
    for round in 0..3 {
        let store = open(&directory);
        // Enough files for some to be merged, over the same ids.
        for part in 0..4 {
            let writes =
                (0..ITEMS).filter(|n| n % 4 == part).map(|n| put(&n.to_string(), n + round));
            let results = runtime().block_on(store.apply(writes.collect()));
            assert!(results.into_iter().all(|result| result.unwrap().is_ok()));
            store.engine().write_out();
        }
        for n in 0..ITEMS {
            assert_eq!(get(&store, &n.to_string()).unwrap(), Some(item(n + round)), "{n}");
        }
    }
    let store = open(&directory);
    for n in 0..ITEMS {
        assert_eq!(get(&store, &n.to_string()).unwrap(), Some(item(n + 2)), "{n}");
    }
}

#[test]
fn dropping_the_store_keeps_what_was_accepted() {
    let directory = directory();
    for round in 0..10 {
        let store = open(&directory);
        for n in 0..50 {
            // The test does not wait for the answers.
            drop(store.apply(vec![put(&format!("{round}-{n}"), n)]));
        }
        drop(store);
        let store = open(&directory);
        for n in 0..50 {
            assert_eq!(get(&store, &format!("{round}-{n}")).unwrap(), Some(item(n)));
        }
    }
}

#[tokio::test]
async fn a_scan_in_flight_does_not_keep_the_directory_open() {
    let directory = directory();
    for _ in 0..20 {
        let store = open(&directory);
        store.apply((0..1_000).map(|n| put(&n.to_string(), n)).collect()).await;
        let query = PageQuery {
            collection: Keyspace::new("items").unwrap(),
            start: PageStart::First,
            prefix: None,
            items_max: 1_000,
        };
        let scan = store.list(query);
        drop(store);
        match scan.await {
            Ok(page) => assert_eq!(page.items.len(), 1_000),
            Err(error) => assert_eq!(error.kind(), crate::ErrorKind::Unavailable),
        }
    }
}

#[test]
fn a_copy_of_an_open_store_opens_with_everything_acknowledged() {
    // What a crash leaves: files that no process closed.
    let (directory, copy) = (directory(), super::directory());
    let store = open(&directory);
    for n in 0..200 {
        apply(&store, put(&n.to_string(), n)).unwrap().unwrap();
    }
    copy_folder(directory.path(), copy.path());
    let copied = open(&copy);
    for n in 0..200 {
        assert_eq!(get(&copied, &n.to_string()).unwrap(), Some(item(n)));
    }
}

pub(super) fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A put that is remembered until a moment, in milliseconds since 1970.
pub(super) fn keyed(n: usize, until: u64) -> Write {
    let write = put(&n.to_string(), n);
    let idempotency = Idempotency {
        key: ReplayKey::of_item(&write.key, "", "k"),
        fingerprint: Fingerprint::from_bytes([0; 16]),
        now: Moment(0),
        until: Moment(until),
    };
    Write { idempotency: Some(idempotency), ..write }
}

#[test]
fn what_is_remembered_is_there_after_reopening() {
    let directory = directory();
    for round in 0..3 {
        let store = open(&directory);
        for n in 0..50 {
            let outcome = apply(&store, keyed(n, u64::MAX)).unwrap().unwrap();
            assert_eq!(matches!(outcome, Outcome::Replayed(_)), round > 0, "{n} in round {round}");
        }
        store.engine().write_out();
    }
}

#[test]
fn what_is_over_is_forgotten_when_files_are_merged() {
    let directory = directory();
    let store = open(&directory);
    let writes: Vec<_> =
        (0..50).map(|n| keyed(n, if n % 2 == 0 { 1_000 } else { u64::MAX })).collect();
    let places: Vec<_> = writes.iter().map(|write| write.idempotency.unwrap().key).collect();
    let results = runtime().block_on(store.apply(writes));
    assert!(results.into_iter().all(|result| result.unwrap().is_ok()));
    store.engine().write_out();
    store.engine().merge_everything();
    for (n, place) in places.iter().enumerate() {
        let remembered = runtime().block_on(store.recall(place)).unwrap();
        assert_eq!(remembered.is_some(), n % 2 == 1, "{n}");
        assert_eq!(get(&store, &n.to_string()).unwrap(), Some(item(n)), "the items stay");
    }
}

fn ordered(write: Write, token: &str) -> Write {
    Write { order: token.parse().ok(), ..write }
}

#[test]
fn tombstones_are_there_after_reopening() {
    let directory = directory();
    for round in 0..3 {
        let store = open(&directory);
        for n in 0..50 {
            let text = n.to_string();
            let delete = Write { change: Change::Delete, ..put(&text, n) };
            let put = apply(&store, ordered(put(&text, n), "4")).unwrap();
            if round == 0 {
                assert!(matches!(put, Ok(Outcome::Created(_))), "{put:?}");
                assert_eq!(apply(&store, ordered(delete, "5")).unwrap(), Ok(Outcome::Deleted));
            } else {
                assert_eq!(put, Ok(Outcome::Stale(None)));
            }
            assert_eq!(get(&store, &text).unwrap(), None);
        }
        if round == 1 {
            store.engine().write_out();
            store.engine().merge_everything();
        }
    }
}

#[test]
fn a_tombstone_whose_time_is_over_counts_no_more_and_goes_when_files_are_merged() {
    let directory = directory();
    let path = directory.path();
    let options = Options { deletions_time: Duration::ZERO, ..Options::default() };
    let store = Embedded::open(path, &options).unwrap();
    let delete = |n: usize| Write { change: Change::Delete, ..put(&n.to_string(), n) };
    let deletions = (0..50).map(|n| ordered(delete(n), "5")).collect();
    let results = runtime().block_on(store.apply(deletions));
    assert!(results.into_iter().all(|result| result.unwrap() == Err(Refusal::NotFound)));
    let late = apply(&store, ordered(put("0", 0), "4")).unwrap();
    assert!(matches!(late, Ok(Outcome::Created(_))), "{late:?}");
    let tombstone = |n: usize| store.engine().has_tombstone(&put(&n.to_string(), n).key);
    store.engine().write_out();
    assert!((0..50).all(tombstone));
    store.engine().merge_everything();
    assert!(!(0..50).any(tombstone));
    assert!(get(&store, "0").unwrap().is_some(), "the items stay");
}
