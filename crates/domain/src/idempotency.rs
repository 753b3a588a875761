//! Requests that are safe to repeat: what their answers are remembered under, and for how long.
//!
//! The field is that of draft-ietf-httpapi-idempotency-key-header-07. A write that carries a key
//! is remembered together with what it did, in the same atomic step. When the request comes again,
//! it is told what the first one was told, and does nothing: also when the item has changed since.
//!
//! Only what was done is remembered. A write that was refused left nothing behind, so that the
//! same request may be tried again under its key.

use crate::etag::hash128_of;
use crate::id::{Key, Keyspace};

/// A moment in time: milliseconds since the beginning of 1970 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

/// Where an answer is remembered: a hash of the client's key and of its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplayKey([u8; ReplayKey::BYTES]);

impl ReplayKey {
    /// Length in bytes: the first 128 bits of a BLAKE3 hash.
    pub const BYTES: usize = 16;

    /// Returns the place of a request to one item. `principal` is who asks, empty if nobody says.
    #[must_use]
    pub fn of_item(key: &Key, principal: &str, text: &str) -> Self {
        Self::new(&key.collection, key.id.as_str(), principal, text)
    }

    /// Returns the place of a request that makes an item whose id the service chooses.
    #[must_use]
    pub fn of_creation(collection: &Keyspace, principal: &str, text: &str) -> Self {
        // No item has an empty id.
        Self::new(collection, "", principal, text)
    }

    fn new(collection: &Keyspace, id: &str, principal: &str, text: &str) -> Self {
        Self(hash128_of([collection.as_str(), id, principal, text].map(str::as_bytes)))
    }

    /// Takes a place back from the bytes that a back end kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes that a back end keeps.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// What tells a repeated request from another one under the same key: a hash of all that says what
/// the request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; Fingerprint::BYTES]);

impl Fingerprint {
    /// Length in bytes: the first 128 bits of a BLAKE3 hash.
    pub const BYTES: usize = 16;

    /// Computes the fingerprint of a request that consists of `parts`. Their borders count.
    #[must_use]
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self(hash128_of(parts))
    }

    /// Takes a fingerprint back from the bytes that a back end kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes that a back end keeps.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// What makes a write safe to repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Where the answer is remembered.
    pub key: ReplayKey,
    /// What the request is.
    pub fingerprint: Fingerprint,
    /// When it came. What was to be remembered until then is forgotten.
    pub now: Moment,
    /// How long its answer is to be remembered.
    pub until: Moment,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ItemId;

    #[test]
    fn the_scope_of_a_key_is_the_item_and_the_principal() {
        let name = |text| Keyspace::new(text).unwrap();
        let key =
            |collection, id| Key { collection: name(collection), id: ItemId::new(id).unwrap() };
        let places = [
            ReplayKey::of_item(&key("a", "b"), "", "k"),
            ReplayKey::of_item(&key("a", "b"), "", "l"),
            ReplayKey::of_item(&key("a", "b"), "k", ""),
            ReplayKey::of_item(&key("a", "bk"), "", ""),
            ReplayKey::of_item(&key("ab", "k"), "", ""),
            ReplayKey::of_creation(&name("a"), "", "k"),
            ReplayKey::of_creation(&name("a"), "b", "k"),
        ];
        for (at, place) in places.iter().enumerate() {
            assert!(!places[at + 1..].contains(place), "{at}");
        }
        assert_eq!(places[0], ReplayKey::of_item(&key("a", "b"), "", "k"));
    }

    #[test]
    fn the_borders_of_a_requests_parts_count() {
        let of = |parts: &[&'static str]| Fingerprint::of(parts.iter().map(|part| part.as_bytes()));
        assert_ne!(of(&["PUT", "/a"]), of(&["PUT/", "a"]));
        assert_ne!(of(&["", "a"]), of(&["a", ""]));
        assert_eq!(of(&["PUT", "/a"]), of(&["PUT", "/a"]));
    }
}
