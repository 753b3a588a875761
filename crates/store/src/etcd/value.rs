//! The values under the store's keys. A change here is a new store format.
//!
//! - item: 16 bytes of the token of the write that made it what it is, and the item in the form of
//!   the [codec](crate::codec).
//! - tombstone: the token likewise, and the tombstone in the form of the codec.
//! - answer: `0` and the answer in the form of the codec; or `1` and 16 bytes of its digest, when it
//!   is so large that item and answer might not fit into one request. Then its form stands under a
//!   key of its own, which is made of that digest and of the lease that both end with.
//!
//! The value of an answer follows from the answer alone, so that it can be compared.

use bytes::Bytes;
use domain::{Item, ReplayKey, State};

use super::message::KeyValue;
use crate::codec::{decode_item, decode_tombstone, encode_tombstone, is_tombstone, push_item};
use crate::error::{Error, ErrorKind};
use crate::remote::session::StoredItem;
use crate::remote::token::Token;
use crate::tombstone::{Tombstone, TombstoneTime};

/// The largest form of an answer that stands in its value. Most items are far smaller; and with
/// [`ANSWERS_MAX`](super::swap::ANSWERS_MAX) answers of this size there is room for an item of
/// [`ITEM_BYTES_MAX`](super::swap::ITEM_BYTES_MAX) in the same request.
pub(super) const INLINE_BYTES_MAX: usize = 8 << 10;

const INLINE: u8 = 0;
const ASIDE: u8 = 1;

/// What the value of an answer says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AnswerValue {
    /// The answer's form.
    Inline(Bytes),
    /// The digest of the answer's form, which is elsewhere.
    Aside([u8; 16]),
}

/// Returns the value of an item.
pub(super) fn of_item(token: Token, item: &Item) -> Bytes {
    let mut value = Vec::with_capacity(Token::BYTES + 32 + item.representation().len());
    value.extend_from_slice(&token.0);
    push_item(&mut value, item);
    value.into()
}

/// Returns the value of a tombstone.
pub(super) fn of_tombstone(token: Token, tombstone: Tombstone) -> Bytes {
    [&token.0[..], &encode_tombstone(tombstone)].concat().into()
}

/// Reads an item, unless the value is that of a tombstone.
pub(super) fn item(kv: &KeyValue) -> Result<Option<Item>, Error> {
    let form = kv.value.slice(Token::BYTES.min(kv.value.len())..);
    if is_tombstone(&form) { Ok(None) } else { decode_item(&form).map(Some) }
}

/// Reads an item or a tombstone from its key and value.
pub(super) fn stored(kv: &KeyValue, time: TombstoneTime) -> Result<StoredItem<i64>, Error> {
    let token = kv.value.first_chunk().ok_or_else(|| damaged("a stored item is too short"))?;
    let state = match item(kv)? {
        Some(item) => State::Item(item),
        None => time.state(decode_tombstone(&kv.value[Token::BYTES..])?),
    };
    Ok(StoredItem {
        state,
        token: Token(*token),
        created: kv.create_revision == kv.mod_revision,
        version: kv.mod_revision,
    })
}

/// Returns the value of an answer whose form is `form`, and the digest if the form stands elsewhere.
pub(super) fn of_answer(key: &ReplayKey, form: &[u8]) -> (Bytes, Option<[u8; 16]>) {
    if form.len() <= INLINE_BYTES_MAX {
        return ([&[INLINE], form].concat().into(), None);
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(key.as_bytes()).update(form);
    let mut digest = [0; 16];
    digest.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    ([&[ASIDE], &digest[..]].concat().into(), Some(digest))
}

/// Reads the value of an answer.
pub(super) fn answer(value: &Bytes) -> Result<AnswerValue, Error> {
    match value.split_first() {
        Some((&INLINE, _)) => Ok(AnswerValue::Inline(value.slice(1..))),
        Some((&ASIDE, digest)) if digest.len() == 16 => {
            Ok(AnswerValue::Aside(digest.try_into().map_err(|_| unreadable())?))
        }
        _ => Err(unreadable()),
    }
}

fn unreadable() -> Error {
    damaged("a stored answer is not one that Shelf writes")
}

fn damaged(message: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, message)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;

    fn read(value: Bytes) -> Result<StoredItem<i64>, Error> {
        let time = TombstoneTime::new(Clock::of_process(), Duration::from_secs(60));
        stored(
            &KeyValue { value, create_revision: 3, mod_revision: 3, ..KeyValue::default() },
            time,
        )
    }

    #[test]
    fn items_of_a_version_without_tokens_are_read_and_tombstones_are_told_apart() {
        let item = Item::new(&serde_json::from_str(r#"{"size":6}"#).unwrap());
        let token = Token([7; Token::BYTES]);
        let (etag, digest) = (item.etag(), item.digest());
        let old = [&token.0[..], etag.as_bytes(), digest.as_bytes(), item.representation()];
        assert_eq!(read(old.concat().into()).unwrap().state, State::Item(item.clone()));
        let ordered = item.with_order(Some("5".parse().unwrap()));
        assert_eq!(read(of_item(token, &ordered)).unwrap().state, State::Item(ordered));
        let time = TombstoneTime::new(Clock::of_process(), Duration::from_secs(60));
        let value = of_tombstone(token, time.tombstone("5".parse().unwrap()));
        let stored = read(value.clone()).unwrap();
        assert_eq!((stored.state, stored.token), (State::Deleted("5".parse().unwrap()), token));
        for len in 0..value.len() {
            assert!(read(value.slice(..len)).is_err(), "{len}");
        }
    }
}
