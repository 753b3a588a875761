//! What holds for every text that is read as a cursor, an id, a prefix, a tag or an order token.

use domain::{
    COLLECTION_NAME_BYTES_MAX, CURSOR_BYTES_MAX, CollectionName, Cursor, ETag, ITEM_ID_BYTES_MAX,
    IdPrefix, ItemId, KEYSPACE_BYTES_MAX, Keyspace, Order,
};

/// Reads `text` as each of them, and panics if what is accepted does not come back as it was.
pub(crate) fn check(text: &str) {
    if let Ok(cursor) = text.parse::<Cursor>() {
        assert!(text.len() <= CURSOR_BYTES_MAX);
        assert_eq!(cursor.to_string(), text, "a cursor has one text");
    }
    if let Ok(etag) = text.parse::<ETag>() {
        assert_eq!(etag.to_string(), text, "a tag has one text");
        assert_eq!(ETag::from_bytes(*etag.as_bytes()), etag);
    }
    if let Ok(order) = text.parse::<Order>() {
        let written = order.to_string();
        assert_eq!(written.parse(), Ok(order), "{text}");
        assert_eq!(Order::from_bytes(order.to_bytes()), Some(order), "{text}");
        let mut json = Vec::new();
        order.push_json(&mut json);
        let json = serde_json::from_slice(&json).expect("it is JSON");
        assert_eq!(Order::from_json(&json), Ok(order), "{text}");
    }
    let id = ItemId::new(text);
    assert_eq!(id.is_ok(), is_id(text), "{text:?}");
    if let Ok(id) = id {
        assert_eq!(id.as_str(), text);
        for cursor in [Cursor::After(id.clone()), Cursor::At(id)] {
            let written = cursor.to_string();
            assert!(written.len() <= CURSOR_BYTES_MAX);
            assert_eq!(written.parse(), Ok(cursor));
        }
    }
    let prefix = IdPrefix::new(text);
    assert_eq!(prefix.is_ok(), is_beginning(text), "{text:?}");
    if let Ok(prefix) = prefix {
        assert!(prefix.matches(text));
        if let Some(end) = prefix.end() {
            assert!(end.as_str() > text && !prefix.matches(&end));
            assert!(format!("{text}\u{10ffff}") < end);
        }
    }
    let name = CollectionName::new(text);
    if let Ok(name) = &name {
        assert_eq!(name.as_str(), text);
        assert!((1..=COLLECTION_NAME_BYTES_MAX).contains(&text.len()));
        assert!(
            text.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        );
    }
    match Keyspace::new(text) {
        Ok(keyspace) => {
            assert_eq!(keyspace.as_str(), text);
            assert!(text.len() <= KEYSPACE_BYTES_MAX);
            assert!(CollectionName::new(keyspace.name()).is_ok());
            assert_eq!(keyspace.has_incarnation(), name.is_err());
        }
        Err(_) => assert!(name.is_err(), "every name is a keyspace"),
    }
}

/// The grammar of ids, as its documentation states it.
fn is_id(text: &str) -> bool {
    is_beginning(text)
        && !text.starts_with('/')
        && !text.ends_with('/')
        && text.split('/').all(|part| part != "." && part != "..")
}

fn is_beginning(text: &str) -> bool {
    (1..=ITEM_ID_BYTES_MAX).contains(&text.len())
        && !text.contains(|c: char| c.is_control() || c == '\\')
}
