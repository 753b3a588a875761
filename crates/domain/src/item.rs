//! An item as it is kept and sent.

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::etag::{ETag, hash128};
use crate::json::canonical;
use crate::order::Order;

/// What two items have in common when they are equal as JSON: the first 128 bits of the BLAKE3
/// hash of the canonical form, in which member order, string escapes and number spelling do not
/// count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest([u8; Digest::BYTES]);

impl Digest {
    /// Length in bytes.
    pub const BYTES: usize = 16;

    /// Takes a digest back from the bytes that a back end kept.
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

/// A JSON object with its validator, and the token of the write that made it what it is, if that had one.
/// Cheap to clone: clones share the representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    representation: Bytes,
    etag: ETag,
    digest: Digest,
    order: Option<Order>,
}

impl Item {
    /// Makes an item of an object that already satisfies its collection's schema.
    ///
    /// The representation is minified; member order and number text are kept.
    #[must_use]
    pub fn new(object: &Map<String, Value>) -> Self {
        let representation =
            serde_json::to_vec(object).expect("a JSON object is always serialisable");
        let etag = ETag::of(&representation);
        let digest = match canonical::of(object, representation.len()) {
            canonical if canonical == representation => Digest(*etag.as_bytes()),
            canonical => Digest(hash128(&canonical)),
        };
        Self { representation: representation.into(), etag, digest, order: None }
    }

    /// Puts an item together again from the parts that a back end kept, without an order
    /// token. Nothing is checked.
    #[must_use]
    pub const fn from_parts(representation: Bytes, etag: ETag, digest: Digest) -> Self {
        Self { representation, etag, digest, order: None }
    }

    /// Returns the same item with another order token.
    #[must_use]
    pub fn with_order(self, order: Option<Order>) -> Self {
        Self { order, ..self }
    }

    /// Returns the minified JSON object, in UTF-8.
    #[must_use]
    pub const fn representation(&self) -> &Bytes {
        &self.representation
    }

    /// Returns the validator of the representation.
    #[must_use]
    pub const fn etag(&self) -> ETag {
        self.etag
    }

    /// Returns the digest by which items are compared as JSON.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the order token: that of the latest write that had one. It is no part of the JSON, and so
    /// counts neither for the tag nor for [`equals`](Self::equals).
    #[must_use]
    pub const fn order(&self) -> Option<Order> {
        self.order
    }

    /// Tells whether both are equal as JSON: member order and number spelling do not count.
    #[must_use]
    pub fn equals(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}
