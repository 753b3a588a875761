//! Snapshots of a collection, in ascending byte order of the ids.

use crate::id::{ItemId, Keyspace};
use crate::item::Item;

/// Tells a state of an item from every other state that the item had or will have, also from one
/// with the same bytes.
///
/// It means something only to the store that made it, for as long as that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version([u8; Version::BYTES]);

impl Version {
    /// Length in bytes.
    pub const BYTES: usize = 16;

    /// Makes a version of the bytes by which a store tells states apart.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// A number by which a store tells states apart.
impl From<u64> for Version {
    fn from(number: u64) -> Self {
        Self(u128::from(number).to_le_bytes())
    }
}

/// A number by which a store tells states apart, and that is never negative.
impl From<i64> for Version {
    fn from(number: i64) -> Self {
        Self::from(number.unsigned_abs())
    }
}

/// What part of a collection to read from a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotQuery {
    /// The collection.
    pub collection: Keyspace,
    /// Items with a greater id only. There need not be an item with this one.
    pub after: Option<ItemId>,
}

/// An item as a snapshot shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotEntry {
    /// Its id.
    pub id: ItemId,
    /// The item.
    pub item: Item,
    /// What tells this state of the item from every other one.
    pub version: Version,
}
