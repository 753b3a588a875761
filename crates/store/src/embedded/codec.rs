//! How keys and items lie on disk. A change here is a new store format.
//!
//! - key: collection name, `0x00`, id. No collection name has a `0x00`, so collections do not mix,
//!   and within one the keys ascend by the bytes of the ids.
//! - value: 16 bytes of `ETag`, 16 bytes of digest, the representation.

use bytes::Bytes;
use domain::{
    COLLECTION_NAME_BYTES_MAX, CollectionName, Digest, ETag, ITEM_ID_BYTES_MAX, Item, ItemId, Key,
};
use fjall::Slice;

use crate::error::{Error, ErrorKind};

/// Longest key.
const KEY_BYTES_MAX: usize = COLLECTION_NAME_BYTES_MAX + 1 + ITEM_ID_BYTES_MAX;

/// Bytes before the representation.
const HEADER_BYTES: usize = ETag::BYTES + Digest::BYTES;

/// A key on the stack: a point read allocates nothing for it.
pub(super) struct KeyBytes {
    bytes: [u8; KEY_BYTES_MAX],
    len: usize,
}

impl KeyBytes {
    /// The key of an item.
    pub(super) fn of(key: &Key) -> Self {
        let mut this = Self { bytes: [0; KEY_BYTES_MAX], len: 0 };
        this.push(key.collection.as_str().as_bytes());
        this.push(&[0]);
        this.push(key.id.as_str().as_bytes());
        this
    }

    /// A key that is followed by those of a whole collection: its name and `separator`. With
    /// `0x00` it comes before the first, with `0x01` after the last.
    pub(super) fn edge(collection: &CollectionName, separator: u8) -> Self {
        let mut this = Self { bytes: [0; KEY_BYTES_MAX], len: 0 };
        this.push(collection.as_str().as_bytes());
        this.push(&[separator]);
        this
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        self.bytes[self.len..end].copy_from_slice(bytes);
        self.len = end;
    }
}

impl AsRef<[u8]> for KeyBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Takes the id out of a key of `collection`.
pub(super) fn decode_id(key: &[u8], collection: &CollectionName) -> Result<ItemId, Error> {
    let id = key.get(collection.as_str().len() + 1..).and_then(|id| str::from_utf8(id).ok());
    id.and_then(|id| ItemId::new(id).ok())
        .ok_or_else(|| corrupt("a stored key is not one that Shelf writes"))
}

/// Puts an item into the form in which it is stored. Copies the representation once.
pub(super) fn encode_item(item: &Item) -> Slice {
    let mut value = Vec::with_capacity(HEADER_BYTES + item.representation().len());
    value.extend_from_slice(item.etag().as_bytes());
    value.extend_from_slice(item.digest().as_bytes());
    value.extend_from_slice(item.representation());
    value.into()
}

/// Takes an item out of its stored form. The representation shares its memory.
pub(super) fn decode_item(value: Slice) -> Result<Item, Error> {
    let value = Bytes::from(value);
    let header =
        value.first_chunk::<HEADER_BYTES>().ok_or_else(|| corrupt("a stored item is too short"))?;
    let (etag, digest) = header.split_at(ETag::BYTES);
    let (Ok(etag), Ok(digest)) = (etag.try_into(), digest.try_into()) else {
        return Err(corrupt("a stored item is too short"));
    };
    let (etag, digest) = (ETag::from_bytes(etag), Digest::from_bytes(digest));
    Ok(Item::from_parts(value.slice(HEADER_BYTES..), etag, digest))
}

fn corrupt(message: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_comes_back_from_its_stored_form() {
        let object = serde_json::from_str(r#"{"size":6,"name":"Fighters"}"#).unwrap();
        let item = Item::new(&object);
        assert_eq!(decode_item(encode_item(&item)).unwrap(), item);
    }

    #[test]
    fn a_value_that_is_too_short_is_corrupt() {
        for len in 0..HEADER_BYTES {
            let error = decode_item(vec![7; len].into()).expect_err("it is refused");
            assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
    }

    #[test]
    fn a_key_that_holds_no_id_is_corrupt() {
        let collection = CollectionName::new("a").unwrap();
        for key in [&b"a"[..], b"a\0", b"a\0\xff", b"a\0/", b"a\0."] {
            assert_eq!(
                decode_id(key, &collection).expect_err("it is refused").kind(),
                ErrorKind::Corrupt
            );
        }
        assert_eq!(decode_id(b"a\0b", &collection).unwrap().as_str(), "b");
    }

    #[test]
    fn the_edges_of_a_collection_enclose_all_its_keys_and_no_others() {
        let name = CollectionName::new("a").unwrap();
        let (first, last) = (KeyBytes::edge(&name, 0), KeyBytes::edge(&name, 1));
        for (collection, id, inside) in
            [("a", " ", true), ("a", "\u{10ffff}", true), ("a-", "x", false), ("a0", "x", false)]
        {
            let key = Key {
                collection: CollectionName::new(collection).unwrap(),
                id: ItemId::new(id).unwrap(),
            };
            let bytes = KeyBytes::of(&key);
            assert_eq!(
                first.as_ref() < bytes.as_ref() && bytes.as_ref() < last.as_ref(),
                inside,
                "{collection} {id}"
            );
        }
    }
}
