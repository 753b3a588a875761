//! Entity tags of encoded answers.

use std::borrow::Cow;

use http::header::IF_NONE_MATCH;
use http::{HeaderMap, HeaderValue};

use super::Coding;
use crate::entity_tags::{EntityTag, EntityTags};

/// Splits a tag in its quotes into that of the content, without its closing quote, and the coding that
/// it names.
fn split(quoted: &str) -> Option<(&str, Coding)> {
    let (content, name) = quoted.strip_suffix('"')?.rsplit_once('-')?;
    let coding = Coding::ALL.into_iter().find(|coding| coding.name() == name)?;
    Some((content, coding))
}

/// Returns the tag of the content, if a tag is that of an encoded answer.
fn of_content(quoted: &str) -> Option<String> {
    split(quoted).map(|(content, _)| format!("{content}\""))
}

impl EntityTag {
    /// Returns the tag of the content in its quotes: without the name of a content coding, if it is the
    /// tag of an encoded answer.
    #[must_use]
    pub fn of_content(&self) -> Cow<'_, str> {
        match of_content(&self.quoted) {
            Some(content) => Cow::Owned(content),
            None => Cow::Borrowed(&self.quoted),
        }
    }
}

/// Returns the tag of a representation when it is encoded. `tag` is not the tag of an encoded one.
pub(super) fn encoded(tag: &HeaderValue, coding: Coding) -> Option<HeaderValue> {
    let content = tag.to_str().ok()?.strip_suffix('"')?;
    HeaderValue::try_from(format!("{content}-{}\"", coding.name())).ok()
}

/// The tags of encoded answers in an `If-None-Match`.
#[derive(Debug)]
pub(super) struct EncodedTags(Vec<String>);

impl EncodedTags {
    /// Returns them, if there are any.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let known = headers.get_all(IF_NONE_MATCH).iter().any(|line| {
            // The name of a coding and the closing quote.
            line.as_bytes().windows(6).any(|end| matches!(end, b"-gzip\"" | b"-zstd\""))
        });
        if !known {
            return None;
        }
        // What is malformed is refused further in.
        let Ok(Some(EntityTags::Listed(tags))) = EntityTags::of(headers, &IF_NONE_MATCH) else {
            return None;
        };
        let encoded = tags.into_iter().map(|tag| tag.quoted).filter(|tag| split(tag).is_some());
        Some(Self(encoded.collect()))
    }

    /// Leaves those that an answer with this coding can have. An answer with another coding is another
    /// representation, which the client does not say that it has.
    pub(super) fn retain(&mut self, selected: Option<Coding>) {
        self.0.retain(|tag| split(tag).is_some_and(|(_, coding)| Some(coding) == selected));
    }

    /// Writes the field anew, without the tags of other encoded answers.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        let Ok(Some(EntityTags::Listed(tags))) = EntityTags::of(headers, &IF_NONE_MATCH) else {
            return;
        };
        let tags =
            tags.iter().filter(|tag| split(&tag.quoted).is_none() || self.0.contains(&tag.quoted));
        let tags: Vec<_> = tags
            .map(|tag| if tag.weak { format!("W/{}", tag.quoted) } else { tag.quoted.clone() })
            .collect();
        headers.remove(IF_NONE_MATCH);
        if let Ok(value) = HeaderValue::try_from(tags.join(", "))
            && !tags.is_empty()
        {
            headers.insert(IF_NONE_MATCH, value);
        }
    }

    /// Returns the listed tag of an encoded answer with this content.
    pub(super) fn matching(&self, content: &HeaderValue) -> Option<HeaderValue> {
        let listed = self
            .0
            .iter()
            .find(|tag| of_content(tag).is_some_and(|tag| tag.as_bytes() == content.as_bytes()));
        listed.and_then(|tag| HeaderValue::from_str(tag).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_tag_of_an_encoded_answer_names_its_content() {
        let content = HeaderValue::from_static("\"a-b\"");
        for coding in Coding::ALL {
            let tag = encoded(&content, coding).unwrap();
            assert_eq!(of_content(tag.to_str().unwrap()).unwrap().as_bytes(), content.as_bytes());
        }
        for tag in ["\"a\"", "\"a-br\"", "\"gzip\"", "\"a-gzip-b\"", ""] {
            assert_eq!(of_content(tag), None, "{tag}");
        }
    }

    #[test]
    fn a_tag_of_another_coding_is_not_asked_for() {
        let mut headers = headers("\"a-gzip\", \"a-zstd\", W/\"b\"");
        let mut tags = EncodedTags::of(&headers).unwrap();
        tags.retain(Some(Coding::Gzip));
        tags.write(&mut headers);
        assert_eq!(headers[IF_NONE_MATCH], "\"a-gzip\", W/\"b\"");
        let content = HeaderValue::from_static("\"a\"");
        assert_eq!(tags.matching(&content).unwrap(), "\"a-gzip\"");
        tags.retain(None);
        tags.write(&mut headers);
        assert_eq!(headers[IF_NONE_MATCH], "W/\"b\"");
        assert_eq!(tags.matching(&content), None);
    }

    #[test]
    fn a_field_without_such_tags_is_left_alone() {
        for value in ["*", "\"a\"", "\"a-gzip", "\"a-gzip\" \"b\""] {
            assert!(EncodedTags::of(&headers(value)).is_none(), "{value}");
        }
    }
}
