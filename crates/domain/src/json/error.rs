//! Why a text is no I-JSON.

use super::excerpt::{EXCERPT_CHARS_MAX, excerpt};
use super::number::NUMBER_BYTES_MAX;
use super::parse::DEPTH_MAX;
use super::pointer;

/// The first place where a text is no I-JSON. It displays as `duplicate member "name" at byte 23`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct Error {
    /// The value in which it was found, or the duplicate member, as a JSON Pointer (RFC 6901); at
    /// most 1,024 bytes: a longer one is cut back to an enclosing value.
    pub pointer: String,
    /// The offset of the offending byte in the text.
    pub offset: usize,
    /// What is wrong there.
    pub kind: ErrorKind,
}

impl Error {
    /// Says what is wrong, where, and what to do about it.
    #[must_use]
    pub fn detail(&self) -> String {
        format!("{self}: {}", self.kind.advice())
    }
}

/// What is wrong with a text that is no I-JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is empty or white space.
    #[error("no value")]
    Empty,
    /// The text starts with U+FEFF (RFC 8259 §8.1).
    #[error("a byte order mark")]
    ByteOrderMark,
    /// The text is not UTF-8 (RFC 8259 §8.1).
    #[error("invalid UTF-8")]
    InvalidUtf8,
    /// The text ends within a value.
    #[error("the text ends unfinished")]
    UnexpectedEnd,
    /// Another character stands where the grammar wants something.
    #[error("expected {expected}, found {found:?}")]
    Unexpected {
        /// What the grammar wants.
        expected: &'static str,
        /// What stands there.
        found: char,
    },
    /// More than white space follows the value.
    #[error("more text after the value")]
    TrailingText,
    /// Arrays and objects are nested more than [`DEPTH_MAX`] deep.
    #[error("more than {DEPTH_MAX} levels of nesting")]
    TooDeep,
    /// An object has a member twice (RFC 7493 §2.3); names are compared after unescaping.
    #[error("duplicate member {name:?}")]
    DuplicateMember {
        /// Its name, cut after 60 characters.
        name: String,
    },
    /// `NaN` or an infinity, which JSON has no number for (RFC 8259 §6).
    #[error("NaN or infinity")]
    NotFinite,
    /// A number with needless zeros in front (RFC 8259 §6).
    #[error("a number with a leading zero")]
    LeadingZero,
    /// A number longer than [`NUMBER_BYTES_MAX`].
    #[error("a number of more than {NUMBER_BYTES_MAX} characters")]
    NumberTooLong,
    /// A number beyond the range of a double (RFC 7493 §2.2).
    #[error("a number outside the range of a double")]
    NumberOutOfRange,
    /// A control character that is not escaped (RFC 8259 §7).
    #[error("control character U+{0:04X} in a string")]
    ControlCharacter(u8),
    /// A backslash that starts no escape (RFC 8259 §7).
    #[error("an unknown escape")]
    InvalidEscape,
    /// An escaped surrogate without its other half (RFC 7493 §2.1).
    #[error("a lone surrogate")]
    LoneSurrogate,
    /// A code point that is set aside as no character (RFC 7493 §2.1).
    #[error("noncharacter U+{0:04X} in a string")]
    Noncharacter(u32),
}

impl ErrorKind {
    /// Says how to make it right.
    const fn advice(&self) -> &'static str {
        match self {
            Self::Empty => "send one JSON value",
            Self::ByteOrderMark => "send UTF-8 without a byte order mark",
            Self::InvalidUtf8 => "send the text in UTF-8",
            Self::UnexpectedEnd => "send the whole text; it may have been cut off",
            Self::Unexpected { .. } => "send JSON as RFC 8259 defines it",
            Self::TrailingText => "send one JSON value and nothing after it",
            Self::TooDeep => "nest arrays and objects less deeply",
            Self::DuplicateMember { .. } => "send each member once",
            Self::NotFinite => "send null or leave the member out",
            Self::LeadingZero => "write the number without it, or as a string",
            Self::NumberTooLong => "write fewer digits, or send the number as a string",
            Self::NumberOutOfRange => "send the number as a string",
            Self::ControlCharacter(_) => "escape it, as in \\n or \\u0000",
            Self::InvalidEscape => {
                "after a backslash comes one of \" \\ / b f n r t, or u and four hex digits"
            }
            Self::LoneSurrogate => "escape both halves of the pair, or send the character itself",
            Self::Noncharacter(_) => "leave it out",
        }
    }
}

/// An error on its way out of the parser: every level it passes adds its step.
#[derive(Debug)]
pub(super) struct Fault {
    offset: usize,
    kind: ErrorKind,
    /// The steps from the innermost to the outermost.
    path: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Member(String),
    Element(usize),
}

impl Fault {
    /// Boxed, so that the parser's results stay small.
    #[cold]
    pub(super) fn new(offset: usize, kind: ErrorKind) -> Box<Self> {
        Box::new(Self { offset, kind, path: Vec::new() })
    }

    #[cold]
    pub(super) fn duplicate(offset: usize, name: &str) -> Box<Self> {
        let kind = ErrorKind::DuplicateMember { name: excerpt(name, EXCERPT_CHARS_MAX) };
        Self::new(offset, kind).in_member(name)
    }

    /// Moves the offset from a part of the text to the whole.
    #[cold]
    pub(super) fn shifted(mut self: Box<Self>, by: usize) -> Box<Self> {
        self.offset += by;
        self
    }

    #[cold]
    pub(super) fn in_member(mut self: Box<Self>, name: &str) -> Box<Self> {
        self.path.push(Step::Member(name.to_owned()));
        self
    }

    #[cold]
    pub(super) fn in_element(mut self: Box<Self>, index: usize) -> Box<Self> {
        self.path.push(Step::Element(index));
        self
    }

    #[cold]
    pub(super) fn into_error(self) -> Error {
        let mut pointer = String::new();
        for step in self.path.iter().rev() {
            match step {
                Step::Member(name) => pointer::push_member(&mut pointer, name),
                Step::Element(index) => pointer::push_index(&mut pointer, *index),
            }
        }
        Error { pointer: pointer::bounded(pointer), offset: self.offset, kind: self.kind }
    }
}
