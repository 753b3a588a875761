//! JSON Pointers (RFC 6901) as errors name places with.

use std::borrow::Cow;

/// Longest pointer that an answer carries, in bytes. Member names may be as long as a body, and a
/// hundred violations must not send each of them back.
pub(crate) const POINTER_BYTES_MAX: usize = 1_024;

/// Appends the reference token of a member (RFC 6901 §3: `~` becomes `~0`, `/` becomes `~1`).
pub(crate) fn push_member(pointer: &mut String, name: &str) {
    pointer.push('/');
    for character in name.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

/// Appends the reference token of an array element.
pub(crate) fn push_index(pointer: &mut String, index: usize) {
    pointer.push('/');
    pointer.push_str(&index.to_string());
}

/// Returns the pointer of a member of the object at `parent`.
pub(crate) fn member(parent: &str, name: &str) -> String {
    let mut pointer = String::with_capacity(parent.len() + 1 + name.len());
    pointer.push_str(parent);
    push_member(&mut pointer, name);
    pointer
}

/// Undoes the escapes of one reference token; `None` when a `~` is followed by neither 0 nor 1
/// (RFC 6901 §3).
pub(crate) fn unescape(token: &str) -> Option<Cow<'_, str>> {
    if !token.contains('~') {
        return Some(Cow::Borrowed(token));
    }
    let mut name = String::with_capacity(token.len());
    let mut rest = token;
    while let Some((before, after)) = rest.split_once('~') {
        name.push_str(before);
        name.push(match after.as_bytes().first()? {
            b'0' => '~',
            b'1' => '/',
            _ => return None,
        });
        rest = &after[1..];
    }
    name.push_str(rest);
    Some(Cow::Owned(name))
}

/// Cuts a pointer that is longer than [`POINTER_BYTES_MAX`] back to the nearest enclosing value
/// whose pointer is not, so that what is left is still true.
pub(crate) fn bounded(mut pointer: String) -> String {
    if pointer.len() > POINTER_BYTES_MAX {
        let enclosing =
            pointer.as_bytes()[..=POINTER_BYTES_MAX].iter().rposition(|byte| *byte == b'/');
        pointer.truncate(enclosing.unwrap_or(0));
        pointer.shrink_to_fit();
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_come_back() {
        for name in ["", "a", "~", "/", "~1", "a/b~c", "~01", "ü/日"] {
            let pointer = member("/x", name);
            assert_eq!(unescape(&pointer[3..]).as_deref(), Some(name));
        }
        assert_eq!(member("", "a/b~c"), "/a~1b~0c");
    }

    #[test]
    fn a_tilde_must_be_followed_by_0_or_1() {
        for token in ["~", "~2", "a~", "~~0"] {
            assert_eq!(unescape(token), None, "{token}");
        }
    }

    #[test]
    fn long_pointers_end_at_an_enclosing_value() {
        assert_eq!(bounded("/a/b".into()), "/a/b");
        let fits = format!("/a/{}", "x".repeat(POINTER_BYTES_MAX - 3));
        assert_eq!(bounded(fits.clone()), fits);
        assert_eq!(bounded(format!("{fits}x")), "/a");
        assert_eq!(bounded(format!("{fits}/x")), fits);
        assert_eq!(bounded(format!("/{}", "ü".repeat(POINTER_BYTES_MAX))), "");
    }
}
