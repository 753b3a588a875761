//! Damage is reported, never answered.

use std::fs;
use std::path::{Path, PathBuf};

use super::lifetime::copy_folder;
use super::*;
use crate::error::ErrorKind;

const ITEMS: usize = 40;

/// Checks that a store of [`ITEMS`] gives the right bytes or says that it cannot.
fn right_or_refused(directory: &Path) -> Result<(), String> {
    let Ok(store) = Embedded::open(directory, &Options::default()) else {
        return Ok(());
    };
    for n in 0..ITEMS {
        match get(&store, &n.to_string()) {
            Ok(Some(found)) if found == item(n) => {}
            Err(error) if error.kind() == ErrorKind::Corrupt => {}
            other => return Err(format!("item {n} is {other:?}")),
        }
    }
    let query =
        domain::PageQuery { collection: key("0").collection, after: None, items_max: 1_000 };
    match store.tree().list(&query) {
        Ok(page) if page.items.len() != ITEMS => {
            Err(format!("{} items are listed", page.items.len()))
        }
        Ok(page) => {
            match page.items.iter().find(|(id, found)| *found != item(id.as_str().parse().unwrap()))
            {
                Some(wrong) => Err(format!("{wrong:?} is listed")),
                None => Ok(()),
            }
        }
        Err(_) => Ok(()),
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// Flips a byte at some places of every file of a closed store, one at a time.
fn flip_everywhere(filled: &Path) {
    let mut paths = Vec::new();
    files(filled, &mut paths);
    let mut state = 42_u64;
    for path in paths {
        let name = path.strip_prefix(filled).unwrap();
        // What fjall allocates in advance is zeros, which nobody reads.
        let used =
            fs::read(&path).unwrap().iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        for _ in 0..6.min(used) {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let at = (state >> 33) as usize % used;
            let damaged = directory();
            copy_folder(filled, damaged.path());
            let mut bytes = fs::read(&path).unwrap();
            bytes[at] ^= 1 << (state >> 61);
            fs::write(damaged.path().join(name), bytes).unwrap();
            if let Err(wrong) = right_or_refused(damaged.path()) {
                panic!("with byte {at} of {} flipped {wrong}", name.display());
            }
        }
    }
}

fn filled() -> tempfile::TempDir {
    let directory = directory();
    let store = open(&directory);
    for n in 0..ITEMS {
        apply(&store, put(&n.to_string(), n)).unwrap().unwrap();
    }
    directory
}

#[test]
fn a_flipped_byte_in_a_closed_store_is_never_answered() {
    let directory = filled();
    right_or_refused(directory.path()).unwrap();
    flip_everywhere(directory.path());
}

#[test]
fn a_flipped_byte_in_a_closed_store_with_tables_is_never_answered() {
    let directory = filled();
    let store = open(&directory);
    store.tree().write_out();
    drop(store);
    right_or_refused(directory.path()).unwrap();
    flip_everywhere(directory.path());
}

#[test]
fn a_value_that_shelf_did_not_write_is_corrupt() {
    let directory = filled();
    let store = open(&directory);
    let tree = store.tree();
    let mut batch = tree.batch(1);
    tree.add(&mut batch, b"items\0short".into(), Some(b"short".into()));
    batch.commit().unwrap();
    tree.publish();
    assert_eq!(get(&store, "short").expect_err("it is damaged").kind(), ErrorKind::Corrupt);
    assert_eq!(
        apply(&store, put("short", 1)).expect_err("it is damaged").kind(),
        ErrorKind::Corrupt
    );
    assert_eq!(get(&store, "1").unwrap(), Some(item(1)), "the others are not");
}

/// Fills a store and returns what a crash would leave of it, with the number of journal bytes that
/// are written.
fn crashed() -> (tempfile::TempDir, usize) {
    let (directory, copy) = (directory(), super::directory());
    let store = open(&directory);
    for n in 0..ITEMS {
        apply(&store, put(&n.to_string(), n)).unwrap().unwrap();
    }
    copy_folder(directory.path(), copy.path());
    let journal = fs::read(copy.path().join("engine/0.jnl")).unwrap();
    let written = journal.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    // Without what is allocated in advance a copy is quick.
    fs::write(copy.path().join("engine/0.jnl"), &journal[..written]).unwrap();
    (copy, written)
}

#[test]
fn a_journal_damaged_before_its_last_batch_is_not_taken_for_a_torn_one() {
    let (crashed, written) = crashed();
    let journal = fs::read(crashed.path().join("engine/0.jnl")).unwrap();
    let last_batch = written * (ITEMS - 1) / ITEMS - 20;
    for at in (0..last_batch).step_by(37) {
        let damaged = directory();
        copy_folder(crashed.path(), damaged.path());
        let mut journal = journal.clone();
        journal[at] ^= 1 << (at % 8);
        fs::write(damaged.path().join("engine/0.jnl"), journal).unwrap();
        if let Err(wrong) = right_or_refused(damaged.path()) {
            panic!("with byte {at} of the journal flipped {wrong}");
        }
    }
}

#[test]
fn a_torn_last_batch_is_forgotten_and_the_others_are_kept() {
    let (crashed, written) = crashed();
    let journal = fs::read(crashed.path().join("engine/0.jnl")).unwrap();
    for cut in [1, 3, 4, 12, 40, 80] {
        for padding in [0, 4_096] {
            let torn = directory();
            copy_folder(crashed.path(), torn.path());
            let mut journal = journal[..written - cut].to_vec();
            journal.resize(journal.len() + padding, 0);
            fs::write(torn.path().join("engine/0.jnl"), journal).unwrap();
            let store = open(&torn);
            for n in 0..ITEMS - 1 {
                assert_eq!(get(&store, &n.to_string()).unwrap(), Some(item(n)));
            }
            assert_eq!(
                get(&store, &(ITEMS - 1).to_string()).unwrap(),
                None,
                "as if it had not been sent"
            );
            apply(&store, put("new", 1)).unwrap().unwrap();
            drop(store);
            assert_eq!(get(&open(&torn), "new").unwrap(), Some(item(1)));
        }
    }
}

/// A disk writes the pages of a batch in any order: the end can be there without the middle.
#[test]
fn a_last_batch_with_a_hole_is_forgotten() {
    let (crashed, written) = crashed();
    let path = crashed.path().join("engine/0.jnl");
    let mut journal = fs::read(&path).unwrap();
    journal[written - 40..written - 20].fill(0);
    fs::write(&path, journal).unwrap();
    let store = open(&crashed);
    assert_eq!(get(&store, &(ITEMS - 2).to_string()).unwrap(), Some(item(ITEMS - 2)));
    assert_eq!(get(&store, &(ITEMS - 1).to_string()).unwrap(), None);
}
