//! Names: of collections, of items, and the two together.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Longest collection name, in bytes: the length of a DNS label (RFC 1035 §2.3.4), so that a name
/// can become a host name, a metric label or a table name unchanged.
pub const COLLECTION_NAME_BYTES_MAX: usize = 63;

/// Longest item id, in bytes of UTF-8: room for a SHA-512 in hex, and three such ids still fit a
/// B-tree page key of the smallest limit among the back ends.
pub const ITEM_ID_BYTES_MAX: usize = 128;

/// The name of a collection: `[a-z][a-z0-9-]{0,62}`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CollectionName(Arc<str>);

impl CollectionName {
    /// Checks `name` against the grammar of collection names.
    ///
    /// # Errors
    /// [`InvalidCollectionName`] when it is empty, too long, or has a byte that is not allowed.
    pub fn new(name: &str) -> Result<Self, InvalidCollectionName> {
        let legal = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let starts_with_letter = name.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
        if starts_with_letter && name.len() <= COLLECTION_NAME_BYTES_MAX && name.bytes().all(legal)
        {
            Ok(Self(name.into()))
        } else {
            Err(InvalidCollectionName)
        }
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The length of an incarnation, in characters: 64 random bits, of which no two collections of one name
/// have the same ones.
const INCARNATION_CHARS: usize = 16;

/// Longest keyspace, in bytes.
pub const KEYSPACE_BYTES_MAX: usize = COLLECTION_NAME_BYTES_MAX + "@".len() + INCARNATION_CHARS;

/// Where a store keeps the items of a collection. Cheap to clone.
///
/// The keyspace of a collection that is configured is its name. One that is declared at run time has a
/// keyspace of its own each time that it is created, `NAME@INCARNATION`: what is left of an earlier
/// collection, or is written to it by a replica that has not heard of its deletion, never shows up in a
/// later one of the same name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keyspace(Arc<str>);

impl Keyspace {
    /// Takes a keyspace back from its text.
    ///
    /// # Errors
    /// [`InvalidKeyspace`] when it is neither a collection's name nor one with an incarnation.
    pub fn new(text: &str) -> Result<Self, InvalidKeyspace> {
        let (name, incarnation) = text
            .split_once('@')
            .map_or((text, None), |(name, incarnation)| (name, Some(incarnation)));
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_legal = incarnation.is_none_or(|incarnation| {
            incarnation.len() == INCARNATION_CHARS && incarnation.bytes().all(hex)
        });
        CollectionName::new(name).map_err(|_| InvalidKeyspace)?;
        if is_legal { Ok(Self(text.into())) } else { Err(InvalidKeyspace) }
    }

    /// Makes the keyspace of a collection that is created now. `random` tells it from all others of that
    /// name.
    #[must_use]
    pub fn of_incarnation(name: &CollectionName, random: u64) -> Self {
        Self(format!("{name}@{random:016x}").into())
    }

    /// Returns the keyspace as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name of the collection.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once('@').map_or(&*self.0, |(name, _)| name)
    }

    /// Tells whether it belongs to a collection that was declared at run time.
    #[must_use]
    pub fn has_incarnation(&self) -> bool {
        self.0.contains('@')
    }
}

impl From<&CollectionName> for Keyspace {
    fn from(name: &CollectionName) -> Self {
        Self(Arc::clone(&name.0))
    }
}

/// The id of an item: 1 to 128 bytes of UTF-8 without control characters or `\`. Ids are compared byte
/// for byte; nothing is normalised.
///
/// An id may hold `/`, as a DOI, a path or a URL does, but neither begins nor ends with one, and no part
/// between slashes is `.` or `..`. In a path its slashes are written as `%2F`. So a proxy that decodes
/// a path and removes its dot segments (RFC 3986 §6.2) reaches no item at all, and never another one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(Box<str>);

impl ItemId {
    /// Checks `id`, which is already percent-decoded.
    ///
    /// # Errors
    /// [`InvalidItemId`] names the first rule that `id` breaks.
    pub fn new(id: &str) -> Result<Self, InvalidItemId> {
        if id.is_empty() {
            return Err(InvalidItemId::Empty);
        }
        if id.len() > ITEM_ID_BYTES_MAX {
            return Err(InvalidItemId::TooLong { bytes: id.len() });
        }
        // Most ids are plain ASCII without a slash, and need no closer look.
        let plain = |byte: u8| (b' '..=b'~').contains(&byte) && !matches!(byte, b'/' | b'\\');
        if !id.bytes().all(plain) {
            let refused = |(_, c): &(usize, char)| c.is_control() || *c == '\\';
            if let Some((at, character)) = id.char_indices().find(refused) {
                return Err(InvalidItemId::Character { at, character });
            }
            if id.starts_with('/') || id.ends_with('/') {
                return Err(InvalidItemId::OuterSlash);
            }
        }
        if id.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(InvalidItemId::DotSegment);
        }
        Ok(Self(id.into()))
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Ids compare and hash as their text does.
impl Borrow<str> for ItemId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Where an item lives: its collection and its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The collection that holds the item.
    pub collection: Keyspace,
    /// The item's id within the collection.
    pub id: ItemId,
}

/// A collection name that breaks the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a collection name is a lower-case letter followed by at most 62 of a-z, 0-9 and '-'")]
pub struct InvalidCollectionName;

/// Text that is no keyspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a keyspace is the name of a collection, and `@` and 16 hexadecimal digits if that was declared at run time"
)]
pub struct InvalidKeyspace;

/// An item id that breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidItemId {
    /// There is no id at all.
    #[error("the id is empty")]
    Empty,
    /// The id is longer than [`ITEM_ID_BYTES_MAX`].
    #[error("the id has {bytes} bytes, {ITEM_ID_BYTES_MAX} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The id begins or ends with `/`, which proxies add to paths and remove from them.
    #[error("the id begins or ends with '/'")]
    OuterSlash,
    /// The id, or a part of it between slashes, is `.` or `..`, which clients and proxies remove from
    /// paths (RFC 3986 §5.2.4).
    #[error("'.' and '..' are not allowed as an id, nor as a part of one between slashes")]
    DotSegment,
    /// The id has a control character or `\`.
    #[error("the id has {character:?} at byte {at}, which is not allowed")]
    Character {
        /// The byte offset of the character.
        at: usize,
        /// The character.
        character: char,
    },
}

impl fmt::Debug for CollectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for CollectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Keyspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Keyspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collection_names_follow_the_grammar() {
        for name in ["a", "items", "a-1", &"x".repeat(63)] {
            assert!(CollectionName::new(name).is_ok(), "{name}");
        }
        for name in ["", "-a", "1a", "A", "a_b", "a.b", "é", &"x".repeat(64)] {
            assert!(CollectionName::new(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_keyspace_is_a_name_with_or_without_an_incarnation() {
        let name = CollectionName::new("books").unwrap();
        let plain = Keyspace::from(&name);
        assert_eq!(
            (plain.as_str(), plain.name(), plain.has_incarnation()),
            ("books", "books", false)
        );
        let later = Keyspace::of_incarnation(&name, 0xab);
        assert_eq!(later.as_str(), "books@00000000000000ab");
        assert_eq!((later.name(), later.has_incarnation()), ("books", true));
        for keyspace in [&plain, &later] {
            assert_eq!(Keyspace::new(keyspace.as_str()).as_ref(), Ok(keyspace));
        }
        let longest = Keyspace::of_incarnation(&CollectionName::new(&"x".repeat(63)).unwrap(), 1);
        assert_eq!(longest.as_str().len(), KEYSPACE_BYTES_MAX);
        for text in
            ["", "@00000000000000ab", "books@", "books@ab", "books@00000000000000AB", "Books"]
        {
            assert!(Keyspace::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn item_ids_are_any_text_but_relative_paths_and_controls() {
        for id in [
            "a",
            "...",
            "a b",
            "ü",
            "日本",
            "a%2F",
            "\"",
            "a/b",
            "10.1000/182",
            "https://example.org/a",
            "a/.b/..c/d../e.",
            &"x".repeat(128),
        ] {
            assert!(ItemId::new(id).is_ok(), "{id}");
        }
        let refused = [
            ("", InvalidItemId::Empty),
            (".", InvalidItemId::DotSegment),
            ("..", InvalidItemId::DotSegment),
            ("/", InvalidItemId::OuterSlash),
            ("/a", InvalidItemId::OuterSlash),
            ("ü/", InvalidItemId::OuterSlash),
            ("./a", InvalidItemId::DotSegment),
            ("a/../b", InvalidItemId::DotSegment),
            ("a/.", InvalidItemId::DotSegment),
            ("ü/..", InvalidItemId::DotSegment),
            ("a\\", InvalidItemId::Character { at: 1, character: '\\' }),
            ("\0", InvalidItemId::Character { at: 0, character: '\0' }),
            ("a\u{85}", InvalidItemId::Character { at: 1, character: '\u{85}' }),
            (&"x".repeat(129), InvalidItemId::TooLong { bytes: 129 }),
        ];
        for (id, why) in refused {
            assert_eq!(ItemId::new(id), Err(why));
        }
    }
}
