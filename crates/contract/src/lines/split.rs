//! From bytes as they come to lines.

use bytes::Bytes;

/// A line, as it was sent but for its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its number; the first is 1.
    pub number: u64,
    /// Its text.
    pub text: Result<&'a [u8], LineTooLong>,
}

/// The line is longer than is allowed. It was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTooLong;

/// Splits a stream of bytes into lines. A line that lies within one piece is not copied.
#[derive(Debug)]
pub struct LineSplitter {
    bytes_max: usize,
    piece: Bytes,
    /// Where in the piece the next line begins.
    at: usize,
    /// The beginning of a line that does not end in its piece.
    begun: Begun,
    /// How many lines have ended.
    ended: u64,
}

#[derive(Debug)]
enum Begun {
    /// It has these bytes so far; none if no line has begun.
    Text(Vec<u8>),
    /// It is too long already.
    TooLong,
    /// It has ended, and was returned.
    Returned(Vec<u8>),
}

impl LineSplitter {
    /// Splits lines of up to `bytes_max` bytes, without their ends.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, piece: Bytes::new(), at: 0, begun: Begun::Text(Vec::new()), ended: 0 }
    }

    /// Takes the next piece. All lines of the one before have been returned.
    pub fn push(&mut self, piece: Bytes) {
        debug_assert!(self.at == self.piece.len(), "the lines before are to be read first");
        (self.piece, self.at) = (piece, 0);
    }

    /// Returns the next line that has ended.
    pub fn next_line(&mut self) -> Option<Line<'_>> {
        self.forget_returned();
        let rest = &self.piece[self.at..];
        let Some(length) = memchr::memchr(b'\n', rest) else {
            self.begun.extend(rest, self.bytes_max);
            self.at = self.piece.len();
            return None;
        };
        let text = &rest[..length];
        self.at += length + 1;
        self.ended += 1;
        let text = if self.begun.is_empty() {
            if length <= self.bytes_max { Ok(text) } else { Err(LineTooLong) }
        } else {
            self.begun.extend(text, self.bytes_max);
            self.begun.end()
        };
        Some(Line { number: self.ended, text })
    }

    /// Returns what stands behind the last end of a line, when no piece follows.
    pub fn rest(&mut self) -> Option<Line<'_>> {
        self.forget_returned();
        if self.begun.is_empty() {
            return None;
        }
        self.ended += 1;
        Some(Line { number: self.ended, text: self.begun.end() })
    }

    fn forget_returned(&mut self) {
        if let Begun::Returned(text) = &mut self.begun {
            text.clear();
            self.begun = Begun::Text(std::mem::take(text));
        }
    }
}

impl Begun {
    fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }

    fn extend(&mut self, bytes: &[u8], bytes_max: usize) {
        match self {
            Self::Text(text) if text.len() + bytes.len() <= bytes_max => {
                text.extend_from_slice(bytes);
            }
            _ => *self = Self::TooLong,
        }
    }

    /// Ends the line.
    fn end(&mut self) -> Result<&[u8], LineTooLong> {
        match std::mem::replace(self, Self::TooLong) {
            Self::Text(text) => {
                *self = Self::Returned(text);
                let Self::Returned(text) = self else { unreachable!("it was set") };
                Ok(text)
            }
            Self::TooLong | Self::Returned(_) => {
                *self = Self::Text(Vec::new());
                Err(LineTooLong)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Splits a text that comes in pieces of this size.
    fn split(text: &[u8], piece_bytes: usize) -> Vec<(u64, Option<String>)> {
        let mut splitter = LineSplitter::new(4);
        let mut lines = Vec::new();
        let owned = |line: Line<'_>| {
            (line.number, line.text.ok().map(|text| String::from_utf8_lossy(text).into_owned()))
        };
        for piece in text.chunks(piece_bytes) {
            splitter.push(Bytes::copy_from_slice(piece));
            while let Some(line) = splitter.next_line() {
                lines.push(owned(line));
            }
        }
        lines.extend(splitter.rest().map(owned));
        assert!(splitter.rest().is_none(), "it was returned");
        lines
    }

    #[test]
    fn lines_are_the_same_in_pieces_of_any_size() {
        let lines = |texts: &[Option<&str>]| {
            let numbered = (1..).zip(texts);
            numbered.map(|(number, text)| (number, text.map(str::to_owned))).collect::<Vec<_>>()
        };
        for (text, expected) in [
            ("", &[][..]),
            ("\n", &[Some("")]),
            ("a", &[Some("a")]),
            ("a\n", &[Some("a")]),
            (
                "a\r\n\nbcde\nfghij\nk\nlmnop",
                &[Some("a\r"), Some(""), Some("bcde"), None, Some("k"), None],
            ),
            ("abcdefghijk\nabcd", &[None, Some("abcd")]),
        ] {
            for piece_bytes in 1..=text.len().max(1) {
                assert_eq!(split(text.as_bytes(), piece_bytes), lines(expected), "{text:?}");
            }
        }
    }
}
