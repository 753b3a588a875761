//! The beginning that ids have in common.

use std::fmt;

use crate::id::ITEM_ID_BYTES_MAX;

/// How ids begin that a list or a count is limited to: 1 to [`ITEM_ID_BYTES_MAX`] bytes of UTF-8 without
/// control characters or `\`. It need not be an id itself. Compared byte for byte, as ids are.
#[derive(Clone, PartialEq, Eq)]
pub struct IdPrefix(Box<str>);

impl IdPrefix {
    /// Checks `prefix`, which is already percent-decoded.
    ///
    /// # Errors
    /// [`InvalidIdPrefix`] names the first rule that `prefix` breaks.
    pub fn new(prefix: &str) -> Result<Self, InvalidIdPrefix> {
        if prefix.is_empty() {
            return Err(InvalidIdPrefix::Empty);
        }
        if prefix.len() > ITEM_ID_BYTES_MAX {
            return Err(InvalidIdPrefix::TooLong { bytes: prefix.len() });
        }
        match prefix.char_indices().find(|(_, c)| c.is_control() || *c == '\\') {
            Some((at, character)) => Err(InvalidIdPrefix::Character { at, character }),
            None => Ok(Self(prefix.into())),
        }
    }

    /// Returns the prefix as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether an id begins with the prefix.
    #[must_use]
    pub fn matches(&self, id: &str) -> bool {
        id.as_bytes().starts_with(self.0.as_bytes())
    }

    /// Returns the least text, in the order of bytes, that is greater than every text with the prefix;
    /// nothing if there is none. It can be longer than an id and hold characters that no id has.
    ///
    /// UTF-8 sorts by bytes as its characters sort by number, so the last character that has a
    /// successor is replaced by it. A bound made of bytes alone would be no text, which SQL needs.
    #[must_use]
    pub fn end(&self) -> Option<String> {
        let mut end = self.0.to_string();
        while let Some(last) = end.pop() {
            if let Some(next) = successor(last) {
                end.push(next);
                return Some(end);
            }
        }
        None
    }
}

/// Returns the next character. Between U+D7FF and U+E000 there are only surrogates, which are none.
fn successor(character: char) -> Option<char> {
    match character {
        '\u{d7ff}' => Some('\u{e000}'),
        _ => char::from_u32(u32::from(character) + 1),
    }
}

/// A prefix that no id can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdPrefix {
    /// It would limit nothing.
    #[error("empty; leave it out to get all items")]
    Empty,
    /// It is longer than an id.
    #[error("{bytes} bytes long, and ids have at most {ITEM_ID_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It has a control character or `\`.
    #[error("no beginning of an id: it has {character:?} at byte {at}")]
    Character {
        /// The byte offset of the character.
        at: usize,
        /// The character.
        character: char,
    },
}

impl fmt::Debug for IdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(prefix: &str) -> Option<String> {
        IdPrefix::new(prefix).unwrap().end()
    }

    #[test]
    fn the_end_is_the_least_text_behind_the_prefix() {
        for (prefix, expected) in [
            ("a", "b"),
            ("a~", "a\u{7f}"),
            ("\u{7ff}", "\u{800}"),
            ("\u{ffff}", "\u{10000}"),
            ("x\u{d7ff}", "x\u{e000}"),
            ("x\u{10ffff}", "y"),
            ("x\u{10ffff}\u{10ffff}", "y"),
        ] {
            assert_eq!(end(prefix).as_deref(), Some(expected), "{prefix:?}");
        }
        assert_eq!(end("\u{10ffff}\u{10ffff}"), None);
    }

    #[test]
    fn what_has_the_prefix_lies_between_it_and_its_end() {
        let characters = ["a", "~", "\u{bf}", "\u{7ff}", "\u{d7ff}", "\u{e000}", "\u{10ffff}"];
        let texts: Vec<String> = characters
            .iter()
            .flat_map(|one| characters.iter().map(move |other| format!("{one}{other}")))
            .chain(characters.iter().map(|one| (*one).to_owned()))
            .collect();
        for prefix in &texts {
            let prefix = IdPrefix::new(prefix).unwrap();
            let end = prefix.end();
            for text in &texts {
                let between = text.as_str() >= prefix.as_str()
                    && end.as_ref().is_none_or(|end| text.as_str() < end.as_str());
                assert_eq!(between, prefix.matches(text), "{prefix:?} {text:?}");
            }
        }
    }

    #[test]
    fn what_no_id_begins_with_is_refused() {
        for prefix in [".", "..", "/", "a/", "ü", &"x".repeat(128)] {
            assert!(IdPrefix::new(prefix).is_ok(), "{prefix}");
        }
        for (prefix, why) in [
            ("", InvalidIdPrefix::Empty),
            ("a\\", InvalidIdPrefix::Character { at: 1, character: '\\' }),
            ("ü\0", InvalidIdPrefix::Character { at: 2, character: '\0' }),
            (&"x".repeat(129), InvalidIdPrefix::TooLong { bytes: 129 }),
        ] {
            assert_eq!(IdPrefix::new(prefix), Err(why));
        }
    }
}
