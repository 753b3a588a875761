//! A change of one key, and its form in the journal:
//!
//! ```text
//! tree    u8    0 items, 1 answers
//! key     u16   length of the key
//! value   u32   length of the value, or 0xffffffff for a removal
//! key, value
//! ```

use std::sync::Arc;

use lsm_tree::{InternalValue, Memtable, Slice, ValueType};

use super::super::journal::Frame;
use crate::error::{Error, ErrorKind};

/// Stands for the length of the value where a key is removed.
const REMOVAL: u32 = u32::MAX;

/// Bytes before the key.
const HEAD_BYTES: usize = 7;

/// Which tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::embedded) enum TreeName {
    /// The items.
    Items = 0,
    /// The remembered answers, and the tombstones.
    Answers = 1,
}

impl TreeName {
    /// Returns the name of the tree's folder.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Items => "items",
            Self::Answers => "answers",
        }
    }
}

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::embedded) struct Entry {
    pub(in crate::embedded) tree: TreeName,
    pub(in crate::embedded) key: Slice,
    /// `None` removes the key.
    pub(in crate::embedded) value: Option<Slice>,
}

impl Entry {
    /// Appends the entry to a frame.
    pub(in crate::embedded) fn push_to(&self, frame: &mut Frame) {
        let key_bytes = u16::try_from(self.key.len()).expect("keys are short");
        let value_bytes = self.value.as_ref().map_or(REMOVAL, |value| {
            u32::try_from(value.len()).expect("the queue takes no values of 4 GiB")
        });
        let mut head = [0; HEAD_BYTES];
        head[0] = self.tree as u8;
        head[1..3].copy_from_slice(&key_bytes.to_le_bytes());
        head[3..].copy_from_slice(&value_bytes.to_le_bytes());
        frame.push(&head);
        frame.push(&self.key);
        if let Some(value) = &self.value {
            frame.push(value);
        }
    }

    /// Inserts the entry into the memtable of its tree, under the number of its group. Returns how
    /// many bytes the memtable grew by.
    pub(super) fn insert_into(self, memtables: &[Arc<Memtable>; 2], number: u64) -> u64 {
        let change = match self.value {
            Some(value) => {
                InternalValue::from_components(self.key, value, number, ValueType::Value)
            }
            None => InternalValue::new_tombstone(self.key, number),
        };
        memtables[self.tree as usize].insert(change).0
    }

    /// Takes the first entry of a payload, and returns what follows it.
    pub(super) fn take(payload: &[u8]) -> Result<(Self, &[u8]), Error> {
        let foreign = || {
            Error::new(ErrorKind::Corrupt, "the journal holds a change that Shelf did not write")
        };
        let (head, rest) = payload.split_first_chunk::<HEAD_BYTES>().ok_or_else(foreign)?;
        let tree = match head[0] {
            0 => TreeName::Items,
            1 => TreeName::Answers,
            _ => return Err(foreign()),
        };
        let key_bytes = usize::from(u16::from_le_bytes([head[1], head[2]]));
        let (key, rest) = rest.split_at_checked(key_bytes).ok_or_else(foreign)?;
        let (value, rest) = match u32::from_le_bytes([head[3], head[4], head[5], head[6]]) {
            REMOVAL => (None, rest),
            bytes => {
                let (value, rest) = rest.split_at_checked(bytes as usize).ok_or_else(foreign)?;
                (Some(value.into()), rest)
            }
        };
        Ok((Self { tree, key: key.into(), value }, rest))
    }
}
