//! What header fields are made of (RFC 9110 §5.6).

use std::borrow::Cow;

/// Splits a value at a separator that does not stand within a quoted string.
pub(super) fn split_unquoted(value: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut is_quoted, mut is_escaped) = (false, false);
        let end = text.bytes().position(|byte| {
            if is_escaped {
                is_escaped = false;
                return false;
            }
            match byte {
                b'"' => is_quoted = !is_quoted,
                b'\\' if is_quoted => is_escaped = true,
                _ => return !is_quoted && byte == separator,
            }
            false
        });
        let part = end.map_or(text, |end| &text[..end]);
        rest = end.map(|end| &text[end + 1..]);
        Some(part)
    })
}

/// Returns what a token or a quoted string says, or `None` if it is neither.
pub(super) fn word(text: &str) -> Option<Cow<'_, str>> {
    let Some(quoted) = text.strip_prefix('"') else {
        return (!text.is_empty() && text.bytes().all(is_token_byte))
            .then_some(Cow::Borrowed(text));
    };
    let inner = quoted.strip_suffix('"')?;
    if !inner.contains(['\\', '"']) {
        return Some(Cow::Borrowed(inner));
    }
    let mut said = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        said.push(match character {
            '\\' => characters.next()?,
            '"' => return None,
            character => character,
        });
    }
    Some(Cow::Owned(said))
}

/// `tchar` of RFC 9110 §5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_within_quotes_separate_nothing() {
        let split = |value| split_unquoted(value, b',').collect::<Vec<_>>();
        assert_eq!(split(""), [""]);
        assert_eq!(split("a,b"), ["a", "b"]);
        assert_eq!(split(r#"a="b,c", d"#), [r#"a="b,c""#, " d"]);
        assert_eq!(split(r#"a="\",b",c"#), [r#"a="\",b""#, "c"]);
        assert_eq!(split(r#"a="b,c"#), [r#"a="b,c"#]);
        assert_eq!(split(r"a\,b"), [r"a\", "b"]);
    }

    #[test]
    fn words_are_tokens_and_quoted_strings() {
        assert_eq!(word("minimal").as_deref(), Some("minimal"));
        assert_eq!(word(r#""a b""#).as_deref(), Some("a b"));
        assert_eq!(word(r#""a\"\\b""#).as_deref(), Some(r#"a"\b"#));
        assert_eq!(word(r#""""#).as_deref(), Some(""));
        for text in ["", "a b", r#"""#, r#""a"#, r#""a"b""#, r#""a\""#, "a\""] {
            assert_eq!(word(text), None, "{text}");
        }
    }
}
