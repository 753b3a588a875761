//! Short forms of what a client sent, for messages.

use std::fmt::{self, Write as _};

/// Longest text that a message quotes, in characters: enough to recognise the place, too little to
/// send a body back.
pub(crate) const EXCERPT_CHARS_MAX: usize = 60;

/// Returns the beginning of what `shown` displays, at most `chars_max` characters, with `…` where
/// it was cut. Displaying stops there, so that the cost does not depend on the length.
pub(crate) fn excerpt(shown: impl fmt::Display, chars_max: usize) -> String {
    let mut bounded = Bounded { text: String::new(), chars_left: chars_max };
    if write!(bounded, "{shown}").is_err() {
        bounded.text.push('…');
    }
    bounded.text
}

struct Bounded {
    text: String,
    chars_left: usize,
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        match more.char_indices().nth(self.chars_left) {
            Some((at, _)) => {
                self.text.push_str(&more[..at]);
                self.chars_left = 0;
                Err(fmt::Error)
            }
            None => {
                self.text.push_str(more);
                self.chars_left -= more.chars().count();
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_cut_between_characters() {
        assert_eq!(excerpt("abc", 3), "abc");
        assert_eq!(excerpt("abcd", 3), "abc…");
        assert_eq!(excerpt("üüüü", 3), "üüü…");
        assert_eq!(excerpt(format_args!("{}{}", "ab", "cd"), 3), "abc…");
        assert_eq!(excerpt("", 0), "");
    }
}
