//! Backups of a store in use.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::super::backup;
use super::lifetime::keyed;
use super::*;
use crate::embedded::BackupError;

/// A writer that waits for each answer leaves what a backup can hold: all writes up to some
/// one, with what is remembered of each.
#[test]
fn a_backup_of_a_busy_store_holds_all_writes_up_to_one() {
    let (directory, backups) = (directory(), super::directory());
    let store = open(&directory);
    let (acknowledged, ends) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                let n = acknowledged.load(Ordering::Relaxed);
                apply(&store, keyed(n, u64::MAX)).unwrap().unwrap();
                acknowledged.store(n + 1, Ordering::Relaxed);
            }
        });
        for round in 0..3 {
            let to = backups.path().join(round.to_string());
            let before = acknowledged.load(Ordering::Relaxed);
            backup(directory.path(), &to).unwrap();
            let after = acknowledged.load(Ordering::Relaxed);
            check_backup(&to, before, after);
        }
        ends.store(true, Ordering::Relaxed);
    });
    let all = acknowledged.load(Ordering::Relaxed);
    drop(store);
    let store = open(&directory);
    assert_eq!(get(&store, &(all - 1).to_string()).unwrap(), Some(item(all - 1)));
}

fn check_backup(path: &std::path::Path, acknowledged_before: usize, acknowledged_after: usize) {
    let store = Embedded::open(path, &Options::default()).unwrap();
    let mut held = 0;
    while get(&store, &held.to_string()).unwrap() == Some(item(held)) {
        held += 1;
    }
    assert!((acknowledged_before..=acknowledged_after + 1).contains(&held));
    for n in 0..=acknowledged_after + 1 {
        let is_held = get(&store, &n.to_string()).unwrap().is_some();
        let key = keyed(n, 0).idempotency.unwrap().key;
        let is_remembered = runtime().block_on(store.recall(&key)).unwrap().is_some();
        assert_eq!((is_held, is_remembered), (n < held, n < held), "{n} of {held}");
    }
    apply(&store, put("new", 1)).unwrap().unwrap();
    drop(store);
    let store = Embedded::open(path, &Options::default()).unwrap();
    assert_eq!(get(&store, "new").unwrap(), Some(item(1)));
}

#[test]
fn a_store_that_no_process_has_open_is_backed_up_too() {
    let (directory, to) = (directory(), super::directory());
    apply(&open(&directory), put("a", 1)).unwrap().unwrap();
    backup(directory.path(), to.path()).unwrap();
    assert_eq!(get(&open(&to), "a").unwrap(), Some(item(1)));
    assert_eq!(get(&open(&directory), "a").unwrap(), Some(item(1)));
}

/// What the original loses, or changes, the backup keeps.
#[test]
fn a_backup_does_not_change_with_the_store() {
    let (directory, to) = (directory(), super::directory());
    let store = open(&directory);
    for n in 0..50 {
        apply(&store, put(&n.to_string(), n)).unwrap().unwrap();
    }
    backup(directory.path(), to.path()).unwrap();
    for n in 0..50 {
        let write = Write { change: Change::Delete, ..put(&n.to_string(), n) };
        apply(&store, write).unwrap().unwrap();
    }
    store.engine().write_out();
    store.engine().merge_everything();
    drop(store);
    let copy = open(&to);
    for n in 0..50 {
        assert_eq!(get(&copy, &n.to_string()).unwrap(), Some(item(n)));
    }
}

#[test]
fn a_refused_backup_says_why_and_leaves_nothing() {
    let (directory, to) = (directory(), super::directory());
    let refusal = backup(directory.path(), to.path()).unwrap_err();
    assert!(matches!(refusal, BackupError::NoStore { .. }), "{refusal}");
    let store = open(&directory);
    fs::write(to.path().join("mine"), "kept").unwrap();
    let refusal = backup(directory.path(), to.path()).unwrap_err().to_string();
    assert!(refusal.contains("is not empty"), "{refusal}");
    assert_eq!(fs::read_dir(to.path()).unwrap().count(), 1);
    let refusal = backup(directory.path(), std::path::Path::new("/proc/shelf/backup")).unwrap_err();
    assert!(refusal.to_string().contains("could not be written"), "{refusal}");
    drop(store);
}

#[test]
fn a_directory_with_a_long_path_has_backups_too() {
    let (parent, to) = (directory(), super::directory());
    let path = parent.path().join("x".repeat(200));
    let store = Embedded::open(&path, &Options::default()).unwrap();
    apply(&store, put("a", 1)).unwrap().unwrap();
    backup(&path, to.path()).unwrap();
    assert_eq!(get(&open(&to), "a").unwrap(), Some(item(1)));
}
