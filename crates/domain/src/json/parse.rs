//! The parser.

use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::error::{Error, ErrorKind, Fault};
use super::{number, string};

/// Deepest nesting of arrays and objects: a scalar has depth 0, `[]` has depth 1. No item is known
/// to need a tenth of it, and every recursion over a value is safe on any thread's stack.
pub const DEPTH_MAX: usize = 64;

/// Parses one I-JSON value (RFC 8259 within RFC 7493).
///
/// Member order and the text of numbers are kept. The time is linear in the length of `text`
/// for every content, and the recursion is at most [`DEPTH_MAX`] deep. The value may be of any
/// type.
///
/// # Errors
/// [`Error`] names the first place that is wrong: no JSON at all, a byte order mark, text after
/// the value, a duplicate member, a lone surrogate or noncharacter, a number that is longer than
/// [`NUMBER_BYTES_MAX`](super::NUMBER_BYTES_MAX) or that no double comes near (RFC 7493 §2.2: it
/// overflows to infinity, or vanishes to zero without being zero), or nesting beyond
/// [`DEPTH_MAX`].
///
/// # Examples
/// ```
/// let error = domain::json::parse(br#"{"name":"Fighters","name":"Foo"}"#).unwrap_err();
/// assert_eq!(error.to_string(), r#"duplicate member "name" at byte 19"#);
/// assert_eq!(error.pointer, "/name");
/// ```
pub fn parse(text: &[u8]) -> Result<Value, Error> {
    match str::from_utf8(text) {
        Ok(text) => document(text),
        Err(invalid) => Err(Fault::new(invalid.valid_up_to(), ErrorKind::InvalidUtf8)),
    }
    .map_err(|fault| fault.into_error())
}

fn document(text: &str) -> Result<Value, Box<Fault>> {
    if text.starts_with('\u{FEFF}') {
        return Err(Fault::new(0, ErrorKind::ByteOrderMark));
    }
    let mut parser = Parser { text, at: 0, depth: 0 };
    if parser.peek().is_none() {
        return Err(Fault::new(parser.at, ErrorKind::Empty));
    }
    let value = parser.value()?;
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(Fault::new(parser.at, ErrorKind::TrailingText)),
    }
}

struct Parser<'a> {
    text: &'a str,
    /// The next byte. It always stands between two characters of the text.
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    /// Skips white space and returns the byte that follows it.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    fn value(&mut self) -> Result<Value, Box<Fault>> {
        match self.peek() {
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn nested(
        &mut self,
        read: fn(&mut Self) -> Result<Value, Box<Fault>>,
    ) -> Result<Value, Box<Fault>> {
        if self.depth == DEPTH_MAX {
            return Err(Fault::new(self.at, ErrorKind::TooDeep));
        }
        self.at += 1;
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<Value, Box<Fault>> {
        let mut members = Map::new();
        if self.skip(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a member name in quotes"));
            }
            let start = self.at;
            let name = self.string()?;
            match members.entry(name) {
                Entry::Occupied(first) => return Err(Fault::duplicate(start, first.key())),
                Entry::Vacant(place) => match self.member() {
                    Ok(value) => place.insert(value),
                    Err(fault) => return Err(fault.in_member(place.key())),
                },
            };
            if !self.another(b'}', "',' or '}'")? {
                return Ok(Value::Object(members));
            }
        }
    }

    /// Reads what follows a member's name.
    #[inline]
    fn member(&mut self) -> Result<Value, Box<Fault>> {
        if self.skip(b':') { self.value() } else { Err(self.unexpected("':'")) }
    }

    fn array(&mut self) -> Result<Value, Box<Fault>> {
        let mut elements = Vec::new();
        if self.skip(b']') {
            return Ok(Value::Array(elements));
        }
        loop {
            match self.value() {
                Ok(value) => elements.push(value),
                Err(fault) => return Err(fault.in_element(elements.len())),
            }
            if !self.another(b']', "',' or ']'")? {
                return Ok(Value::Array(elements));
            }
        }
    }

    /// Reads what follows an element or member: a comma, or the end of the array or object.
    #[inline]
    fn another(&mut self, end: u8, expected: &'static str) -> Result<bool, Box<Fault>> {
        if self.skip(b',') {
            Ok(true)
        } else if self.skip(end) {
            Ok(false)
        } else {
            Err(self.unexpected(expected))
        }
    }

    #[inline]
    fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    #[inline]
    fn string(&mut self) -> Result<String, Box<Fault>> {
        let (string, length) =
            string::read(&self.text[self.at..]).map_err(|fault| fault.shifted(self.at))?;
        self.at += length;
        Ok(string)
    }

    #[inline]
    fn number(&mut self) -> Result<Value, Box<Fault>> {
        let rest = &self.text[self.at..];
        let length = number::scan(rest).map_err(|fault| fault.shifted(self.at))?;
        self.at += length;
        debug_assert!(serde_json::from_str::<Number>(&rest[..length]).is_ok(), "it is a number");
        // The one way to a number with its text as it was sent: `Number::from_str` would write an
        // exponent anew. `serde_json` keeps this function for its macro and its tests.
        Ok(Value::Number(Number::from_string_unchecked(rest[..length].to_owned())))
    }

    fn literal(&mut self, word: &'static str, value: Value) -> Result<Value, Box<Fault>> {
        let rest = &self.text[self.at..];
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(value);
        }
        // Names the first character that differs.
        self.at += rest.bytes().zip(word.bytes()).take_while(|(is, should)| is == should).count();
        Err(self.unexpected(word))
    }

    #[cold]
    fn unexpected(&self, expected: &'static str) -> Box<Fault> {
        let rest = &self.text[self.at..];
        let kind = match rest.chars().next() {
            None => ErrorKind::UnexpectedEnd,
            Some('N' | 'I') if rest.starts_with("NaN") || rest.starts_with("Infinity") => {
                ErrorKind::NotFinite
            }
            Some(found) => ErrorKind::Unexpected { expected, found },
        };
        Fault::new(self.at, kind)
    }
}

#[cfg(test)]
mod tests;
