//! The bytes in which back ends keep keys, items and remembered answers. A change here is a new
//! store format.
//!
//! - key of an item: keyspace, `0x00`, id. No keyspace has a `0x00`, so collections
//!   do not mix, and within one the keys ascend by the bytes of the ids.
//! - item: 16 bytes of `ETag`, 16 bytes of digest, the representation. An item with an order token has the
//!   byte `0x01` and the 16 bytes of the token before the representation, which begins with `{`.
//! - tombstone: 8 bytes of the moment until which it is kept (little-endian), the 16 bytes of the token. It is
//!   shorter than any item.
//! - remembered answer: 8 bytes of the moment until which it is kept (little-endian), 16 bytes of
//!   fingerprint, a byte for the kind of outcome, a byte for the length of the id, the id, the item
//!   if the outcome has one.

use bytes::Bytes;
use domain::{
    Digest, ETag, Fingerprint, ITEM_ID_BYTES_MAX, Item, ItemId, KEYSPACE_BYTES_MAX, Key, Keyspace,
    Moment, Order, Outcome, Remembered, ReplayKey,
};

use crate::error::{Error, ErrorKind};
use crate::tombstone::Tombstone;

/// Longest key.
pub(crate) const KEY_BYTES_MAX: usize = KEYSPACE_BYTES_MAX + 1 + ITEM_ID_BYTES_MAX;

/// Zeros at the end of the key of a tombstone.
const TOMBSTONE_KEY_BYTES: usize = ReplayKey::BYTES;

/// Bytes before the representation.
const HEADER_BYTES: usize = ETag::BYTES + Digest::BYTES;

/// Bytes before the representation of an item with an order token.
const ORDERED_HEADER_BYTES: usize = HEADER_BYTES + 1 + Order::BYTES;

/// Stands before the order token of an item that has one.
const ORDERED: u8 = 1;

/// Bytes of a tombstone.
const TOMBSTONE_BYTES: usize = UNTIL_BYTES + Order::BYTES;

/// Bytes of the moment until which an answer is remembered.
const UNTIL_BYTES: usize = 8;

/// Bytes before the id of a remembered answer.
const REMEMBERED_HEADER_BYTES: usize = UNTIL_BYTES + Fingerprint::BYTES + 2;

/// A key on the stack: a point read allocates nothing for it.
pub(crate) struct KeyBytes {
    bytes: [u8; KEY_BYTES_MAX + TOMBSTONE_KEY_BYTES],
    len: usize,
}

impl KeyBytes {
    /// The key of an item.
    pub(crate) fn of(key: &Key) -> Self {
        let mut this = Self::empty();
        this.push(key.collection.as_str().as_bytes());
        this.push(&[0]);
        this.push(key.id.as_str().as_bytes());
        this
    }

    /// The key of the tombstone of an item, among those of answers: that of the item, and zeros, which make it
    /// longer than any of an answer.
    pub(crate) fn of_tombstone(item: &[u8]) -> Self {
        let mut this = Self::empty();
        this.push(item);
        this.len += TOMBSTONE_KEY_BYTES;
        this
    }

    /// A key that is followed by those of a whole collection: its keyspace and `separator`. With
    /// `0x00` it comes before the first, with `0x01` after the last.
    pub(crate) fn edge(collection: &Keyspace, separator: u8) -> Self {
        let mut this = Self::empty();
        this.push(collection.as_str().as_bytes());
        this.push(&[separator]);
        this
    }

    const fn empty() -> Self {
        Self { bytes: [0; KEY_BYTES_MAX + TOMBSTONE_KEY_BYTES], len: 0 }
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

/// Takes the collection out of a key of any item.
pub(crate) fn decode_collection(key: &[u8]) -> Result<Keyspace, Error> {
    let name = key.split(|byte| *byte == 0).next().and_then(|name| str::from_utf8(name).ok());
    name.and_then(|name| Keyspace::new(name).ok()).ok_or_else(foreign_key)
}

/// Takes the id out of a key of `collection`.
pub(crate) fn decode_id(key: &[u8], collection: &Keyspace) -> Result<ItemId, Error> {
    let id = key.get(collection.as_str().len() + 1..).and_then(|id| str::from_utf8(id).ok());
    id.and_then(|id| ItemId::new(id).ok()).ok_or_else(foreign_key)
}

fn foreign_key() -> Error {
    corrupt("a stored key is not one that Shelf writes")
}

/// Appends the stored form of an item.
pub(crate) fn push_item(value: &mut Vec<u8>, item: &Item) {
    value.extend_from_slice(item.etag().as_bytes());
    value.extend_from_slice(item.digest().as_bytes());
    if let Some(order) = item.order() {
        value.push(ORDERED);
        value.extend_from_slice(&order.to_bytes());
    }
    value.extend_from_slice(item.representation());
}

/// Takes an item out of its stored form. The representation shares its memory.
pub(crate) fn decode_item(value: &Bytes) -> Result<Item, Error> {
    let header =
        value.first_chunk::<HEADER_BYTES>().ok_or_else(|| corrupt("a stored item is too short"))?;
    let (etag, digest) = header.split_at(ETag::BYTES);
    let (Ok(etag), Ok(digest)) = (etag.try_into(), digest.try_into()) else {
        return Err(corrupt("a stored item is too short"));
    };
    let (etag, digest) = (ETag::from_bytes(etag), Digest::from_bytes(digest));
    let (order, representation) = match value[HEADER_BYTES..].split_first() {
        Some((&ORDERED, rest)) => {
            let order = rest.first_chunk().copied().and_then(Order::from_bytes);
            let order = order.ok_or_else(|| corrupt("a stored item has no order token"))?;
            (Some(order), HEADER_BYTES + 1 + Order::BYTES)
        }
        _ => (None, HEADER_BYTES),
    };
    Ok(Item::from_parts(value.slice(representation..), etag, digest).with_order(order))
}

/// Returns the stored form of a tombstone.
pub(crate) fn encode_tombstone(tombstone: Tombstone) -> [u8; TOMBSTONE_BYTES] {
    let mut value = [0; TOMBSTONE_BYTES];
    value[..UNTIL_BYTES].copy_from_slice(&tombstone.until.0.to_le_bytes());
    value[UNTIL_BYTES..].copy_from_slice(&tombstone.order.to_bytes());
    value
}

/// Tells whether this is the stored form of a tombstone, and not that of an item.
#[cfg(feature = "etcd")]
pub(crate) fn is_tombstone(value: &[u8]) -> bool {
    value.len() == TOMBSTONE_BYTES
}

/// Takes a tombstone out of its stored form.
pub(crate) fn decode_tombstone(value: &[u8]) -> Result<Tombstone, Error> {
    let parts = value.split_first_chunk().and_then(|(until, order)| {
        let order = Order::from_bytes(order.try_into().ok()?)?;
        Some(Tombstone { until: Moment(u64::from_le_bytes(*until)), order })
    });
    parts.ok_or_else(|| corrupt("a stored deletion is not one that Shelf writes"))
}

/// Puts a remembered answer into the form in which it is stored.
pub(crate) fn encode_remembered(remembered: &Remembered) -> Vec<u8> {
    let Remembered { fingerprint, until, id, outcome } = remembered;
    let (kind, item) = match outcome {
        Outcome::Created(item) => (0, Some(item)),
        Outcome::Updated(item) => (1, Some(item)),
        Outcome::Unchanged(item) => (2, Some(item)),
        Outcome::Deleted => (3, None),
        Outcome::Stale(Some(item)) => (4, Some(item)),
        Outcome::Stale(None) => (5, None),
        Outcome::Replayed(_) => unreachable!("what was answered from memory is not remembered"),
    };
    let id = id.as_str().as_bytes();
    let item_bytes = item.map_or(0, |item| ORDERED_HEADER_BYTES + item.representation().len());
    let mut value = Vec::with_capacity(REMEMBERED_HEADER_BYTES + id.len() + item_bytes);
    value.extend_from_slice(&until.0.to_le_bytes());
    value.extend_from_slice(fingerprint.as_bytes());
    value.push(kind);
    value.push(u8::try_from(id.len()).expect("an id has at most 128 bytes"));
    value.extend_from_slice(id);
    item.into_iter().for_each(|item| push_item(&mut value, item));
    value
}

/// Tells until when a stored answer is remembered.
pub(crate) fn remembered_until(value: &[u8]) -> Option<Moment> {
    value.first_chunk().map(|until| Moment(u64::from_le_bytes(*until)))
}

/// Takes a remembered answer out of its stored form.
pub(crate) fn decode_remembered(value: &Bytes) -> Result<Remembered, Error> {
    let damaged = || corrupt("a stored answer is not one that Shelf writes");
    let until = remembered_until(value).ok_or_else(damaged)?;
    let rest = &value[UNTIL_BYTES..];
    let (fingerprint, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
    let ([kind, id_bytes], rest) = rest.split_first_chunk().ok_or_else(damaged)?;
    let id = rest.get(..usize::from(*id_bytes)).and_then(|id| str::from_utf8(id).ok());
    let id = id.and_then(|id| ItemId::new(id).ok()).ok_or_else(damaged)?;
    let item = || decode_item(&value.slice(REMEMBERED_HEADER_BYTES + usize::from(*id_bytes)..));
    let outcome = match kind {
        0 => Outcome::Created(item()?),
        1 => Outcome::Updated(item()?),
        2 => Outcome::Unchanged(item()?),
        3 => Outcome::Deleted,
        4 => Outcome::Stale(Some(item()?)),
        5 => Outcome::Stale(None),
        _ => return Err(damaged()),
    };
    Ok(Remembered { fingerprint: Fingerprint::from_bytes(*fingerprint), until, id, outcome })
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
        let mut form = Vec::new();
        push_item(&mut form, &item);
        assert_eq!(decode_item(&form.into()).unwrap(), item);
    }

    #[test]
    fn an_order_token_stands_before_the_representation() {
        let item = Item::new(&serde_json::from_str(r#"{"size":6}"#).unwrap());
        let mut plain = Vec::new();
        push_item(&mut plain, &item);
        for order in ["0", "2026-01-31T12:00:00.5Z"] {
            let item = item.clone().with_order(Some(order.parse().unwrap()));
            let mut form = Vec::new();
            push_item(&mut form, &item);
            assert_eq!(form.len(), plain.len() + 1 + Order::BYTES);
            assert_eq!(decode_item(&form.clone().into()).unwrap(), item);
            let error =
                decode_item(&form[..HEADER_BYTES + 9].to_vec().into()).expect_err("cut off");
            assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
        // The form before there were tokens.
        let old = [&plain[..HEADER_BYTES], br#"{"size":6}"#].concat();
        assert_eq!(decode_item(&old.into()).unwrap(), item);
    }

    #[test]
    fn a_tombstone_comes_back_from_its_stored_form() {
        let tombstone = Tombstone { until: Moment(1 << 40), order: "7".parse().unwrap() };
        let form = encode_tombstone(tombstone);
        assert_eq!(decode_tombstone(&form).unwrap(), tombstone);
        assert_eq!(remembered_until(&form), Some(tombstone.until));
        for len in 0..form.len() {
            assert!(decode_tombstone(&form[..len]).is_err());
        }
        let key = Key { collection: Keyspace::new("a").unwrap(), id: ItemId::new("b").unwrap() };
        let key = KeyBytes::of_tombstone(KeyBytes::of(&key).as_ref());
        assert_eq!(key.as_ref(), [&b"a\0b"[..], &[0; 16]].concat());
        assert!(key.as_ref().len() > ReplayKey::BYTES);
    }

    #[test]
    fn a_remembered_answer_comes_back_from_its_stored_form() {
        let item = Item::new(&serde_json::from_str(r#"{"size":6}"#).unwrap());
        let outcomes = [
            Outcome::Created(item.clone()),
            Outcome::Updated(item.clone()),
            Outcome::Unchanged(item.clone()),
            Outcome::Deleted,
            Outcome::Stale(Some(item.with_order(Some("7".parse().unwrap())))),
            Outcome::Stale(None),
        ];
        for outcome in outcomes {
            let remembered = Remembered {
                fingerprint: Fingerprint::from_bytes([7; 16]),
                until: Moment(1 << 40),
                id: ItemId::new("\u{e9}").unwrap(),
                outcome,
            };
            let stored = Bytes::from(encode_remembered(&remembered));
            assert_eq!(remembered_until(&stored), Some(remembered.until));
            assert_eq!(decode_remembered(&stored).unwrap(), remembered);
            for len in 0..REMEMBERED_HEADER_BYTES + 2 {
                let error = decode_remembered(&stored.slice(..len)).expect_err("it is cut off");
                assert_eq!(error.kind(), ErrorKind::Corrupt);
            }
        }
    }

    #[test]
    fn a_value_that_is_too_short_is_corrupt() {
        for len in 0..HEADER_BYTES {
            let error = decode_item(&vec![7; len].into()).expect_err("it is refused");
            assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
    }

    #[test]
    fn a_key_that_holds_no_id_is_corrupt() {
        let collection = Keyspace::new("a").unwrap();
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
        let name = Keyspace::new("a").unwrap();
        let (first, last) = (KeyBytes::edge(&name, 0), KeyBytes::edge(&name, 1));
        for (collection, id, inside) in
            [("a", " ", true), ("a", "\u{10ffff}", true), ("a-", "x", false), ("a0", "x", false)]
        {
            let key = Key {
                collection: Keyspace::new(collection).unwrap(),
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
