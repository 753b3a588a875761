//! Lists and snapshots go on behind damage.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use domain::{Page, PageQuery, PageStart, SnapshotQuery};
use futures_util::StreamExt as _;

use super::super::engine::{Entry, TreeName};
use super::*;
use crate::error::{ErrorKind, Resume};

const ITEMS: usize = 3_000;

fn id(number: usize) -> String {
    format!("{number:06}")
}

fn put_all(store: &Embedded, numbers: impl Iterator<Item = usize>) {
    let writes = numbers.map(|number| put(&id(number), number)).collect();
    let results = runtime().block_on(store.apply(writes));
    assert!(results.into_iter().all(|result| result.unwrap().is_ok()));
}

fn page(store: &Embedded, start: PageStart, items_max: usize) -> Result<Page, Error> {
    let query = PageQuery { collection: key("0").collection, start, prefix: None, items_max };
    runtime().block_on(store.list(query))
}

/// Follows all pages, and the places at which errors say that reading goes on. Returns the numbers
/// of the items, and how many errors there were.
fn list(store: &Embedded, items_max: usize) -> (Vec<usize>, usize) {
    let (mut listed, mut errors) = (Vec::new(), 0);
    let mut start = PageStart::First;
    loop {
        match page(store, start, items_max) {
            Ok(page) => {
                for (id, found) in &page.items {
                    let number = id.as_str().parse().unwrap();
                    assert_eq!(*found, item(number));
                    listed.push(number);
                }
                let Some(next) = page.next() else { break };
                start = next.into();
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt);
                errors += 1;
                match error.resume().expect("it says where reading goes on") {
                    Resume::At(id) => start = PageStart::At(id.clone()),
                    Resume::End => break,
                }
                let page = page(store, start.clone(), 1).expect("it can be read there");
                let PageStart::At(id) = &start else { unreachable!("it is") };
                assert_eq!(page.items[0].0, *id, "the item that was named is there");
            }
        }
    }
    assert!(listed.is_sorted_by(|one, other| one < other), "ascending, and nothing twice");
    assert_eq!(snapshot(store), (listed.clone(), errors), "a snapshot has what a list has");
    (listed, errors)
}

/// As [`list`], by one snapshot.
fn snapshot(store: &Embedded) -> (Vec<usize>, usize) {
    let (mut read, mut errors) = (Vec::new(), 0);
    let query = SnapshotQuery { collection: key("0").collection, after: None };
    for chunk in runtime().block_on(store.snapshot(query).collect::<Vec<_>>()) {
        match chunk {
            Ok(chunk) => read.extend(chunk.into_iter().map(|entry| {
                let number = entry.id.as_str().parse().unwrap();
                assert_eq!(entry.item, item(number));
                number
            })),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt);
                assert!(error.resume().is_some(), "it says where reading goes on");
                errors += 1;
            }
        }
    }
    (read, errors)
}

/// Returns the numbers of items that cannot be read one by one.
fn unreadable(store: &Embedded, numbers: impl Iterator<Item = usize>) -> BTreeSet<usize> {
    let is_unreadable = |number: &usize| match get(store, &id(*number)) {
        Ok(found) => {
            assert_eq!(found, Some(item(*number)));
            false
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            true
        }
    };
    numbers.filter(is_unreadable).collect()
}

fn tables(directory: &Path) -> Vec<PathBuf> {
    let tables = directory.join("trees/items/tables");
    fs::read_dir(tables).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Flips a byte of the stored form of an item. New tables are not compressed.
fn flip(table: &Path, number: usize) {
    let mut bytes = fs::read(table).unwrap();
    let (etag, item) = (*item(number).etag().as_bytes(), id(number));
    let at = bytes.windows(etag.len()).position(|window| *window == etag);
    let at = at.unwrap_or_else(|| panic!("{item} is not in {}", table.display()));
    bytes[at] ^= 1;
    fs::write(table, bytes).unwrap();
}

/// Returns the directory of a closed store with [`ITEMS`] items in one table file.
fn filled() -> TempDir {
    let directory = directory();
    let store = open(&directory);
    put_all(&store, 0..ITEMS);
    store.engine().write_out();
    drop(store);
    assert_eq!(tables(directory.path()).len(), 1);
    directory
}

/// Checks that exactly the items of the blocks that hold these items are missing.
fn only_damaged_blocks_are_missing(damaged: &[usize], errors_expected: Range<usize>) {
    let directory = filled();
    for number in damaged {
        flip(&tables(directory.path())[0], *number);
    }
    let store = open(&directory);
    let missing = unreadable(&store, 0..ITEMS);
    assert!(damaged.iter().all(|number| missing.contains(number)));
    let blocks = damaged.len();
    assert!((2 * blocks..200 * blocks).contains(&missing.len()), "{} are missing", missing.len());
    let expected: Vec<_> = (0..ITEMS).filter(|number| !missing.contains(number)).collect();
    for items_max in [1, 2, 7, 100, 1_000] {
        let (listed, errors) = list(&store, items_max);
        assert!(listed == expected, "{damaged:?}, pages of {items_max}: {} items", listed.len());
        assert!(errors_expected.contains(&errors), "{errors} errors for {damaged:?}");
    }
}

#[test]
fn a_list_goes_on_behind_a_damaged_block() {
    only_damaged_blocks_are_missing(&[ITEMS / 2], 1..2);
}

#[test]
fn a_list_goes_on_behind_each_of_two_damaged_blocks() {
    only_damaged_blocks_are_missing(&[1_000, 2_000], 2..3);
}

#[test]
fn a_list_goes_on_behind_damaged_blocks_that_are_near_each_other() {
    // Side by side, and with a block between them.
    for distance in [30, 60, 90, 120] {
        only_damaged_blocks_are_missing(&[1_000, 1_000 + distance], 1..3);
    }
}

#[test]
fn a_list_begins_behind_a_damaged_first_block() {
    only_damaged_blocks_are_missing(&[0], 1..2);
}

#[test]
fn a_list_ends_at_a_damaged_last_block() {
    only_damaged_blocks_are_missing(&[ITEMS - 1], 1..2);
}

#[test]
fn a_damaged_block_that_holds_items_of_two_collections_concerns_both() {
    let directory = directory();
    let store = open(&directory);
    let other = Keyspace::new("j").unwrap();
    let other_key =
        |number| Key { collection: other.clone(), id: ItemId::new(&id(number)).unwrap() };
    put_all(&store, 0..500);
    let others = (0..500).map(|number| Write::new(other_key(number), Change::Put(item(number))));
    runtime().block_on(store.apply(others.collect()));
    store.engine().write_out();
    drop(store);
    // Both collections have these items; those of the first come first.
    flip(&tables(directory.path())[0], 499);

    let store = open(&directory);
    let missing = unreadable(&store, 0..500);
    let (listed, errors) = list(&store, 100);
    assert_eq!(errors, 1);
    let readable: Vec<_> = (0..500).filter(|number| !missing.contains(number)).collect();
    assert_eq!(listed, readable, "unreadable one by one: {missing:?}");

    let query =
        |start| PageQuery { collection: other.clone(), start, prefix: None, items_max: 1_000 };
    let list = |start| runtime().block_on(store.list(query(start)));
    let error = list(PageStart::First).expect_err("its first block is damaged");
    let Some(Resume::At(first)) = error.resume() else { panic!("{error:?}") };
    let page = list(PageStart::At(first.clone())).unwrap();
    let is_readable = |number: &usize| runtime().block_on(store.get(&other_key(*number))).is_ok();
    let ids = page.items.iter().map(|(id, _)| id.as_str().parse::<usize>().unwrap());
    assert!(ids.eq((0..500).filter(is_readable)));
}

#[test]
fn a_list_of_nothing_that_can_be_read_says_so() {
    let directory = filled();
    let table = &tables(directory.path())[0];
    // A block holds more than five.
    (0..ITEMS).step_by(5).for_each(|number| flip(table, number));
    let store = open(&directory);
    assert_eq!(unreadable(&store, 0..ITEMS).len(), ITEMS);
    let error = page(&store, PageStart::First, 10).expect_err("it is damaged");
    assert_eq!(error.resume(), Some(&Resume::End));
}

/// Where a block ends is known to the byte: what others hold right behind it is listed. What they
/// hold between the ids of the block is not, because the block may have said that it is gone.
#[test]
fn a_list_goes_on_with_what_other_tables_hold_right_behind_the_damage() {
    let directory = directory();
    let store = open(&directory);
    put_all(&store, (0..ITEMS).step_by(2));
    store.engine().write_out();
    let [table] = &tables(directory.path())[..] else { panic!("there is one") };
    // Half of the others are in a table, half in the journal and in memory.
    put_all(&store, (1..ITEMS).step_by(4));
    store.engine().write_out();
    put_all(&store, (3..ITEMS).step_by(4));
    drop(store);
    for number in [1_000, 2_000] {
        flip(table, number);
    }
    let store = open(&directory);
    let missing = unreadable(&store, 0..ITEMS);
    let (first, second): (Vec<_>, Vec<_>) = missing.iter().partition(|number| **number < 1_500);
    let not_listed = |block: &[usize]| block[0] - 1..*block.last().unwrap() + 1;
    let not_listed = [not_listed(&first), not_listed(&second)];
    let expected: Vec<_> =
        (0..ITEMS).filter(|number| !not_listed.iter().any(|them| them.contains(number))).collect();
    for items_max in [1, 10, 1_000] {
        let (listed, errors) = list(&store, items_max);
        assert_eq!(errors, 2);
        assert!(listed == expected, "{not_listed:?} are not listed, in pages of {items_max}");
    }
}

/// A newer version of an item that stands beside the damaged block hides the older one.
#[test]
fn a_list_shows_no_older_version_from_behind_the_damage() {
    let directory = directory();
    let store = open(&directory);
    // The first table has older versions of everything.
    let older = (0..ITEMS).map(|number| put(&id(number), number + 1)).collect();
    runtime().block_on(store.apply(older));
    store.engine().write_out();
    put_all(&store, 0..ITEMS);
    store.engine().write_out();
    drop(store);
    let table = tables(directory.path())
        .into_iter()
        .max_by_key(|table| table.file_name().unwrap().to_str().unwrap().parse::<u64>().unwrap());
    flip(&table.unwrap(), 1_500);
    let store = open(&directory);
    let missing = unreadable(&store, 0..ITEMS);
    let (listed, errors) = list(&store, 100);
    assert_eq!(errors, 1);
    assert!((0..ITEMS).filter(|number| !missing.contains(number)).eq(listed));
}

#[test]
fn a_list_goes_on_behind_values_that_shelf_did_not_write() {
    let directory = directory();
    let store = open(&directory);
    put_all(&store, 0..100);
    for key in [
        &b"items\0"[..],
        b"items\x00000000",
        b"items\x00000050",
        b"items\x00000051",
        b"items\0\x01",
        b"items\0~",
    ] {
        let entry = Entry { tree: TreeName::Items, key: key.into(), value: Some(b"short".into()) };
        let number = store.engine().next_number();
        // They count to a frame that was written.
        store.engine().commit([entry], number, 1, 0);
    }
    let expected: Vec<_> = (1..50).chain(52..100).collect();
    for items_max in [1, 7, 100] {
        assert_eq!(list(&store, items_max), (expected.clone(), 3));
    }
}
