//! Where a tree is damaged: from the last key that can be read to the first one behind.
//!
//! Relied on in `lsm-tree` 3.1.10 beyond its documentation: the iterator of a table goes on with the
//! next block when one could not be read (`table/iter.rs`), and a block is looked up by its last key
//! in an index that is not part of it. So a table tells its first key behind damage, and whether a
//! key would be looked for in the damaged block.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Bound::{self, Excluded, Included};

use lsm_tree::{InternalValue, Slice, Table};

use super::error::{guarded, read_failed};
use crate::codec::KEY_BYTES_MAX;
use crate::error::{Error, ErrorKind};

/// No id has a smaller byte.
pub(super) const LEAST_BYTE: u8 = b' ';

/// Most keys that are passed in search of damage: so many removals in a row are rare, and the search
/// ends if the damage was a read that fails once only.
const PASSED_MAX: usize = 1 << 20;

/// Keys that cannot be read because one or more adjacent blocks of a table are damaged.
pub(super) struct Damage {
    /// The last key before that a table holds. `None` when there is none from the start on.
    pub(super) last_before: Option<Slice>,
    /// The first key that would not be looked for in the damaged blocks.
    pub(super) behind: Vec<u8>,
}

/// Finds the damage that an iterator over these tables meets first, between `start` and `end`.
pub(super) fn find<'a>(
    tables: impl Iterator<Item = &'a Table>,
    start: Bound<&[u8]>,
    end: &[u8],
) -> Result<Option<Damage>, Error> {
    let (Included(first) | Excluded(first)) = start else { return Ok(None) };
    let range = (start.map(Slice::from), Excluded(Slice::from(end)));
    let mut open = Vec::new();
    // The tables by the key that comes next. As in the tree, a table is not looked into before its
    // first key is due.
    let mut next = BinaryHeap::new();
    for table in tables {
        let keys = &table.metadata.key_range;
        if **keys.max() < *first || **keys.min() >= *end {
            continue;
        }
        let mut entries = table.range(range.clone());
        if **keys.min() > *first {
            next.push(Reverse((keys.min().clone(), open.len())));
        } else {
            match advance(&mut entries)? {
                ReadStep::Key(key) => next.push(Reverse((key, open.len()))),
                ReadStep::Damaged => {
                    let behind = behind(table, entries, first.to_vec(), end)?;
                    return Ok(Some(Damage { last_before: None, behind }));
                }
                ReadStep::End => {}
            }
        }
        open.push((table, entries));
    }
    for _ in 0..PASSED_MAX {
        let Some(Reverse((key, at))) = next.pop() else { break };
        match advance(&mut open[at].1)? {
            ReadStep::Key(key) => next.push(Reverse((key, at))),
            ReadStep::Damaged => {
                let (table, entries) = open.swap_remove(at);
                let behind = behind(table, entries, key.to_vec(), end)?;
                return Ok(Some(Damage { last_before: Some(key), behind }));
            }
            ReadStep::End => {}
        }
    }
    Ok(None)
}

/// Returns the first key behind the damage that `entries` of a table have just met, after `before`.
fn behind(
    table: &Table,
    mut entries: impl Iterator<Item = lsm_tree::Result<InternalValue>>,
    before: Vec<u8>,
    end: &[u8],
) -> Result<Vec<u8>, Error> {
    let mut damaged = 0..table.metadata.data_block_count;
    let found = loop {
        match advance(&mut entries)? {
            ReadStep::Key(key) => break Some(key),
            ReadStep::Damaged if damaged.next().is_some() => {}
            ReadStep::Damaged | ReadStep::End => break None,
        }
    };
    let Some(found) = found else {
        let mut behind = table.metadata.key_range.max().to_vec();
        behind.push(LEAST_BYTE);
        return Ok(behind.min(end.to_vec()));
    };
    // Other tables may hold keys between the damaged block and the next one.
    let (mut low, mut high) = (before, found.to_vec());
    while let Some(middle) = between(&low, &high) {
        let from = (Included(Slice::from(&*middle)), Excluded(Slice::from(end)));
        match advance(&mut table.range(from))? {
            ReadStep::Damaged => low = middle,
            ReadStep::Key(_) | ReadStep::End => high = middle,
        }
    }
    Ok(high)
}

enum ReadStep {
    Key(Slice),
    Damaged,
    End,
}

fn advance(
    entries: &mut impl Iterator<Item = lsm_tree::Result<InternalValue>>,
) -> Result<ReadStep, Error> {
    match guarded(|| entries.next().transpose().map_err(read_failed)) {
        Ok(Some(entry)) => Ok(ReadStep::Key(entry.key.user_key)),
        Ok(None) => Ok(ReadStep::End),
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok(ReadStep::Damaged),
        Err(error) => Err(error),
    }
}

/// Returns a key about halfway between two others, or `None` when no key that Shelf writes lies
/// between them. Repeated, it comes to that in at most some nine steps for each byte of a key.
fn between(low: &[u8], high: &[u8]) -> Option<Vec<u8>> {
    /// Stands for the end of a key, which comes before any byte.
    const NONE: u8 = LEAST_BYTE - 1;
    let byte = |key: &[u8], at: usize| key.get(at).map_or(NONE, |byte| (*byte).max(NONE));
    let shared = low.iter().zip(high).take_while(|(low, high)| low == high).count();
    let (lower, upper) = (byte(low, shared), byte(high, shared));
    let key = if upper.saturating_sub(lower) > 1 {
        [&high[..shared], &[lower.midpoint(upper)]].concat()
    } else if high.len() > shared + 1 {
        high[..=shared].to_vec()
    } else if low.len() > shared {
        // Behind `low`, up to where the byte at `shared` changes.
        let at = (shared + 1..=low.len()).find(|at| byte(low, *at) < u8::MAX)?;
        [&low[..at], &[byte(low, at).midpoint(u8::MAX).max(byte(low, at) + 1)]].concat()
    } else {
        return None;
    };
    (key.len() <= KEY_BYTES_MAX && *low < *key && *key < *high).then_some(key)
}

/// Returns a key that comes before `key` and after all others that do.
pub(super) fn just_before(key: &[u8]) -> Vec<u8> {
    let Some((last, rest)) = key.split_last() else { return Vec::new() };
    let mut before = rest.to_vec();
    if let Some(last) = last.checked_sub(1) {
        before.push(last);
        before.resize(KEY_BYTES_MAX, u8::MAX);
    }
    before
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks for `sought` as damage is looked for, and counts the steps.
    fn bisect(low: &str, sought: &str, high: &str) -> (Vec<u8>, usize) {
        let (mut low, mut high) = (low.as_bytes().to_vec(), high.as_bytes().to_vec());
        for steps in 0.. {
            let Some(middle) = between(&low, &high) else { return (high, steps) };
            assert!(low < middle && middle < high, "{low:?} {middle:?} {high:?}");
            if *middle <= *sought.as_bytes() { low = middle } else { high = middle }
        }
        unreachable!("it ends")
    }

    #[test]
    fn bisection_finds_the_place_behind_a_key() {
        let long = "x".repeat(120);
        for (low, sought, high) in [
            ("i\0", "i\0a", "i\0b"),
            ("i\0a", "i\0a", "i\0a "),
            ("i\0a", "i\0a", "i\0a z"),
            ("i\0a", "i\0a ", "i\0a  z"),
            ("i\0k0100", "i\0k0199", "i\0k0200"),
            ("i\0a", "i\0\u{10ffff}\u{10ffff}", "i\u{1}"),
            ("i\0", "i\0ab ~!", "i\0ac"),
            ("i\0az", "i\0azzz", "i\0b"),
            ("i\0", &format!("i\0{long}"), "i\0y"),
        ] {
            let (found, steps) = bisect(low, sought, high);
            assert_eq!(found, format!("{sought} ").as_bytes(), "{low:?} {sought:?} {high:?}");
            assert!(steps <= 9 * (sought.len() + 1), "{steps} steps for {sought:?}");
        }
    }

    #[test]
    fn bisection_ends_among_keys_that_shelf_did_not_write() {
        for (low, high) in [("i\0a", "i\0a\u{1}b"), ("i\0\u{1}", "i\0\u{2}"), ("b", "a"), ("", "")]
        {
            bisect(low, low, high);
            bisect(low, high, high);
        }
        let (found, _) = bisect("a", &"b".repeat(KEY_BYTES_MAX), "c");
        assert!(found.len() <= KEY_BYTES_MAX);
    }

    #[test]
    fn just_before_a_key_is_behind_all_others_before_it() {
        for (other, key) in [("i\0a", "i\0b"), ("i\0a\u{10ffff}", "i\0b"), ("i\0a", "i\0a ")] {
            let before = just_before(key.as_bytes());
            assert!(*other.as_bytes() <= *before && *before < *key.as_bytes(), "{other:?} {key:?}");
        }
        assert_eq!(just_before(b"i\0"), b"i");
    }
}
