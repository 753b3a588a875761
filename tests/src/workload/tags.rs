//! What items are, and what the service calls that.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::history::Value;

/// Values of one client; its number stands before them.
pub(super) const VALUES: Value = 1_000_000;

/// Bytes of a hash that are in a tag.
const HASH_BYTES: usize = 16;

/// Returns the item of a value, as it is put and shown.
pub(super) fn item(value: Value) -> String {
    format!(r#"{{"name":"{}","size":{value}}}"#, value / VALUES)
}

/// Returns the `ETag` of an item: the beginning of its BLAKE3 hash.
pub(super) fn tag(value: Value) -> String {
    let hash = blake3::hash(item(value).as_bytes());
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash.as_bytes()[..HASH_BYTES]))
}

/// The values that clients have put, by their tags: the outcome of a line shows no more of an item than its tag.
/// Cheap to clone: all clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Tags(Arc<Mutex<BTreeMap<String, Value>>>);

impl Tags {
    /// Notes a value that is to be put.
    pub(super) fn note(&self, value: Value) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(tag(value), value);
    }

    /// Returns the value that has this tag.
    ///
    /// # Panics
    /// If no client put it.
    pub(super) fn value(&self, tag: &str) -> Value {
        let values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *values.get(tag).unwrap_or_else(|| panic!("the tag of an item that no client put: {tag}"))
    }
}
