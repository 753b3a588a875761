//! How long snapshots live, and what they hold.

use std::fs;
use std::time::Duration;

use domain::{SnapshotEntry, SnapshotQuery};
use futures_util::StreamExt as _;

use super::*;
use crate::error::ErrorKind;
use crate::snapshot::{SNAPSHOT_CHUNK_ITEMS_MAX, Snapshot};

const ITEMS: usize = 2 * SNAPSHOT_CHUNK_ITEMS_MAX + 10;

fn put_all(store: &Embedded, offset: usize) {
    let writes = (0..ITEMS).map(|number| put(&format!("{number:05}"), number + offset)).collect();
    let results = runtime().block_on(store.apply(writes));
    assert!(results.into_iter().all(|result| result.unwrap().is_ok()));
}

fn snapshot(store: &Embedded) -> Snapshot {
    store.snapshot(SnapshotQuery { collection: key("0").collection, after: None })
}

fn next(snapshot: &mut Snapshot) -> Option<Result<Vec<SnapshotEntry>, Error>> {
    runtime().block_on(snapshot.next())
}

fn tables(directory: &TempDir) -> usize {
    fs::read_dir(directory.path().join("trees/items/tables")).unwrap().count()
}

#[test]
fn a_snapshot_outlives_the_merge_of_its_files_and_frees_them_at_its_end() {
    let directory = directory();
    let store = open(&directory);
    put_all(&store, 0);
    store.engine().write_out();
    // A part is in memory, and written out while the snapshot is read.
    put_all(&store, 1);
    let mut snapshot = snapshot(&store);
    let mut entries = next(&mut snapshot).unwrap().unwrap();
    for round in 2..5 {
        put_all(&store, round);
        store.engine().write_out();
        store.engine().merge_everything();
    }
    let with_snapshot = tables(&directory);
    while let Some(chunk) = next(&mut snapshot) {
        entries.extend(chunk.unwrap());
    }
    let items = entries.into_iter().map(|entry| entry.item);
    assert!(items.eq((0..ITEMS).map(|number| item(number + 1))));
    assert!(tables(&directory) < with_snapshot, "its files are gone");
}

#[test]
fn a_snapshot_does_not_keep_merges_from_dropping_old_values() {
    let directory = directory();
    let store = open(&directory);
    put_all(&store, 0);
    let mut snapshot = snapshot(&store);
    next(&mut snapshot).unwrap().unwrap();
    for round in 1..4 {
        put_all(&store, round);
        store.engine().write_out();
    }
    store.engine().merge_everything();
    assert_eq!(store.engine().stored_entries(), ITEMS as u64);
}

#[test]
fn a_snapshot_ends_when_its_time_is_over() {
    let directory = directory();
    let options = Options { snapshot_time_max: Duration::ZERO, ..Options::default() };
    let store = Embedded::open(directory.path(), &options).unwrap();
    put_all(&store, 0);
    let mut snapshot = snapshot(&store);
    let error = next(&mut snapshot).unwrap().expect_err("it had no time");
    assert_eq!(error.kind(), ErrorKind::Expired);
    assert!(next(&mut snapshot).is_none());
}

#[test]
fn a_store_closes_while_a_snapshot_is_open() {
    let directory = directory();
    let store = open(&directory);
    put_all(&store, 0);
    let mut snapshot = snapshot(&store);
    next(&mut snapshot).unwrap().unwrap();
    drop(store);
    let store = open(&directory);
    let error = next(&mut snapshot).unwrap().expect_err("its store was closed");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(next(&mut snapshot).is_none());
    assert_eq!(get(&store, "00000").unwrap(), Some(item(0)));
}
