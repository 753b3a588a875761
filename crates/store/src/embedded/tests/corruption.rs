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
    let query = domain::PageQuery {
        collection: key("0").collection,
        after: None,
        items_max: 1_000,
    };
    match store.tree().list(&query) {
        Ok(page) if page.items.len() != ITEMS => {
            Err(format!("{} items are listed", page.items.len()))
        }
        Ok(page) => match page
            .items
            .iter()
            .find(|(id, found)| *found != item(id.as_str().parse().unwrap()))
        {
            Some(wrong) => Err(format!("{wrong:?} is listed")),
            None => Ok(()),
        },
        Err(_) => Ok(()),
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found)
        } else {
            found.push(path)
        }
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
        let used = fs::read(&path)
            .unwrap()
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        for _ in 0..8.min(used) {
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
    assert_eq!(
        get(&store, "short").expect_err("it is damaged").kind(),
        ErrorKind::Corrupt
    );
    assert_eq!(
        apply(&store, put("short", 1))
            .expect_err("it is damaged")
            .kind(),
        ErrorKind::Corrupt
    );
    assert_eq!(
        get(&store, "1").unwrap(),
        Some(item(1)),
        "the others are not"
    );
}
