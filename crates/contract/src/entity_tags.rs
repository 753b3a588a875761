//! Entity tags in conditional fields (RFC 9110 §8.8.3, §13.1).

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

use crate::refusals::InvalidHeader;

/// Most tags in one conditional field: far more than a client that tracks one item needs, few
/// enough that comparing them costs nothing.
const ENTITY_TAGS_MAX: usize = 100;

/// The value of a conditional field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntityTags {
    /// `*`
    Any,
    /// At least one tag.
    Listed(Vec<EntityTag>),
}

/// One entity tag (RFC 9110 §8.8.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTag {
    /// Whether it is marked `W/`.
    pub weak: bool,
    /// The opaque tag with its quotes, as it was sent.
    pub quoted: String,
}

impl EntityTags {
    /// Returns the value of a conditional field, if there is one.
    ///
    /// # Errors
    /// [`InvalidHeader`] if it is malformed.
    pub fn of(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, InvalidHeader> {
        let mut values = headers.get_all(name).iter();
        let Some(first) = values.next() else {
            return Ok(None);
        };
        let lines = std::iter::once(first).chain(values).map(HeaderValue::as_bytes);
        Self::read(lines).map(Some).map_err(|detail| InvalidHeader::new(name, detail))
    }

    /// Reads the value of a conditional field, which may come in several lines.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, &'static str> {
        const MALFORMED: &str =
            "write `*`, or entity tags in double quotes with commas between them";
        let mut tags = Vec::new();
        let mut is_any = false;
        let mut count = 0;
        for line in lines {
            count += 1;
            if line.trim_ascii() == b"*" {
                is_any = true;
            } else {
                read_list(line, &mut tags).ok_or(MALFORMED)?;
            }
        }
        match tags.len() {
            0 if is_any && count == 1 => Ok(Self::Any),
            1..=ENTITY_TAGS_MAX if !is_any => Ok(Self::Listed(tags)),
            1.. if !is_any => Err("it has more than 100 entity tags"),
            _ => Err(MALFORMED),
        }
    }
}

/// Reads `1#entity-tag`; empty list elements are allowed (RFC 9110 §5.6.1.2).
fn read_list(mut rest: &[u8], tags: &mut Vec<EntityTag>) -> Option<()> {
    loop {
        rest = rest.trim_ascii_start();
        let Some(first) = rest.first() else {
            return Some(());
        };
        if *first == b',' {
            rest = &rest[1..];
            continue;
        }
        let after_mark = rest.strip_prefix(b"W/");
        let quoted = after_mark.unwrap_or(rest);
        let inner = quoted.strip_prefix(b"\"")?;
        let length = inner.iter().position(|byte| *byte == b'"')?;
        // etagc: no space, no control character (RFC 9110 §8.8.3).
        if inner[..length].iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
            return None;
        }
        let (tag, after) = quoted.split_at(length + 2);
        tags.push(EntityTag {
            weak: after_mark.is_some(),
            quoted: String::from_utf8_lossy(tag).into_owned(),
        });
        rest = after.trim_ascii_start();
        if !matches!(rest.first(), None | Some(b',')) {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::IF_MATCH;

    use super::*;

    fn read(value: &str) -> Option<EntityTags> {
        let mut headers = HeaderMap::new();
        headers.insert(IF_MATCH, value.parse().unwrap());
        EntityTags::of(&headers, &IF_MATCH).ok().flatten()
    }

    fn tag(weak: bool, quoted: &str) -> EntityTag {
        EntityTag { weak, quoted: quoted.into() }
    }

    #[test]
    fn lists_follow_the_grammar() {
        assert_eq!(read("*"), Some(EntityTags::Any));
        assert_eq!(read("\"a\""), Some(EntityTags::Listed(vec![tag(false, "\"a\"")])));
        assert_eq!(
            read(", W/\"a,b\" ,,\"\""),
            Some(EntityTags::Listed(vec![tag(true, "\"a,b\""), tag(false, "\"\"")]))
        );
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for value in [
            "",
            ",",
            "a",
            "\"a",
            "\"a\"b",
            "\"a\" \"b\"",
            "w/\"a\"",
            "\"a b\"",
            "*, \"a\"",
            "\"a\", *",
        ] {
            assert_eq!(read(value), None, "{value}");
        }
        let many = vec!["\"a\""; ENTITY_TAGS_MAX + 1].join(",");
        assert_eq!(read(&many), None);
    }
}
