//! Damage is reported, never answered.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::engine::{Entry, TreeName};
use super::super::journal::BLOCK_BYTES;
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
        start: domain::PageStart::First,
        prefix: None,
        items_max: 1_000,
    };
    match store.engine().list(&query) {
        // It ends before the damage.
        Ok(page) if !page.more && page.items.len() != ITEMS => {
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
        // Most of the journal is zeroes.
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
    store.engine().write_out();
    drop(store);
    right_or_refused(directory.path()).unwrap();
    flip_everywhere(directory.path());
}

#[test]
fn a_value_that_shelf_did_not_write_is_corrupt() {
    let directory = filled();
    let store = open(&directory);
    let key = b"items\0short".into();
    let entry = Entry { tree: TreeName::Items, key, value: Some(b"short".into()) };
    let number = store.engine().next_number();
    store.engine().commit([entry], number, 1, 0);
    assert_eq!(get(&store, "short").expect_err("it is damaged").kind(), ErrorKind::Corrupt);
    assert_eq!(
        apply(&store, put("short", 1)).expect_err("it is damaged").kind(),
        ErrorKind::Corrupt
    );
    assert_eq!(get(&store, "1").unwrap(), Some(item(1)), "the others are not");
}

/// Fills a store and returns what a crash would leave of it, with the places of the blocks of the
/// journal that hold its items. Empty frames, which follow an idle moment, may be among them.
fn crashed() -> (tempfile::TempDir, Vec<usize>) {
    let (directory, copy) = (directory(), super::directory());
    let store = open(&directory);
    for n in 0..ITEMS {
        apply(&store, put(&n.to_string(), n)).unwrap().unwrap();
    }
    copy_folder(directory.path(), copy.path());
    let journal = fs::read(copy.path().join(SEGMENT)).unwrap();
    let blocks = journal.chunks_exact(BLOCK_BYTES).enumerate().skip(1);
    let frames = blocks.filter(|(_, block)| block.windows(4).any(|bytes| bytes == b"size"));
    let frames: Vec<_> = frames.map(|(place, _)| place * BLOCK_BYTES).collect();
    assert_eq!(frames.len(), ITEMS, "each is a group");
    (copy, frames)
}

const SEGMENT: &str = "journal/0.segment";

#[test]
fn a_journal_damaged_before_its_last_group_is_not_taken_for_a_torn_one() {
    let (crashed, frames) = crashed();
    let journal = fs::read(crashed.path().join(SEGMENT)).unwrap();
    for at in (0..frames[frames.len() - 2]).step_by(1_037) {
        let damaged = directory();
        copy_folder(crashed.path(), damaged.path());
        let mut journal = journal.clone();
        journal[at] ^= 1 << (at % 8);
        fs::write(damaged.path().join(SEGMENT), journal).unwrap();
        if let Err(wrong) = right_or_refused(damaged.path()) {
            panic!("with byte {at} of the journal flipped {wrong}");
        }
    }
}

/// The file system may have written a part of the last block only, in any order.
#[test]
fn a_torn_last_group_is_left_out_and_the_others_are_kept() {
    let (crashed, frames) = crashed();
    let journal = fs::read(crashed.path().join(SEGMENT)).unwrap();
    let last = frames[ITEMS - 1];
    for wiped in [0..512, 0..BLOCK_BYTES, 40..60, BLOCK_BYTES - 100..BLOCK_BYTES, 512..BLOCK_BYTES]
    {
        let torn = directory();
        copy_folder(crashed.path(), torn.path());
        let mut journal = journal.clone();
        journal[last + BLOCK_BYTES..].fill(0);
        journal[last + wiped.start..last + wiped.end].fill(0);
        // Where there were zeroes all is as before.
        let is_torn = journal[last..last + BLOCK_BYTES]
            != fs::read(crashed.path().join(SEGMENT)).unwrap()[last..last + BLOCK_BYTES];
        fs::write(torn.path().join(SEGMENT), journal).unwrap();
        let store = open(&torn);
        for n in 0..ITEMS - 1 {
            assert_eq!(get(&store, &n.to_string()).unwrap(), Some(item(n)));
        }
        let left = get(&store, &(ITEMS - 1).to_string()).unwrap();
        assert_eq!(left.is_none(), is_torn, "as if it had not been sent");
        apply(&store, put("new", 1)).unwrap().unwrap();
        drop(store);
        assert_eq!(get(&open(&torn), "new").unwrap(), Some(item(1)));
    }
}

#[test]
fn a_segment_that_was_cut_off_is_refused_with_its_name() {
    let (crashed, frames) = crashed();
    for len in [0, 100, BLOCK_BYTES, frames[3], frames[ITEMS - 1]] {
        let cut = directory();
        copy_folder(crashed.path(), cut.path());
        let segment = fs::File::options().write(true).open(cut.path().join(SEGMENT)).unwrap();
        segment.set_len(len as u64).unwrap();
        let error = Embedded::open(cut.path(), &Options::default()).expect_err("it is refused");
        let cause = std::error::Error::source(&error).expect("there is a cause").to_string();
        assert!(cause.contains("0.segment"), "{cause}");
    }
}
