//! What holds for every text that is read as JSON. `serde_json` is the oracle.

use std::collections::HashSet;
use std::fmt;

use domain::Item;
use domain::json::{DEPTH_MAX, Error, ErrorKind, NUMBER_BYTES_MAX, parse};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// `serde_json` reads an object with such a member as a number or as raw text.
const MAGIC_PREFIX: &str = "$serde_json::private::";

/// Reads `text`, and panics if what comes of it is not what has to come of it.
pub(crate) fn check(text: &[u8]) {
    let reference = serde_json::from_slice::<Value>(text);
    match parse(text) {
        Ok(value) => {
            let magic = holds(&value, 0);
            if let Err(error) = serde_json::from_slice::<Unique>(text) {
                panic!("{value} was accepted: {error}");
            }
            match reference {
                Ok(reference) if !magic => {
                    assert_eq!(without_plus(&value), without_plus(&reference));
                }
                Err(error) if !magic => panic!("{value} was accepted: {error}"),
                _ => {}
            }
            round_trip(&value);
        }
        Err(error) => refused(text, &error, reference.is_ok()),
    }
}

/// Writes a value, and reads what was written.
fn round_trip(value: &Value) {
    let written = value.to_string();
    let read = parse(written.as_bytes()).expect("what is written can be read");
    assert_eq!(read.to_string(), written);
    assert_eq!(&read, value);
    if let Value::Object(members) = value {
        let item = Item::new(members);
        let again = parse(item.representation()).expect("a representation can be read");
        let again = Item::new(again.as_object().expect("it is an object"));
        assert_eq!(item.representation(), again.representation());
        assert!(item.equals(&again) && item.etag() == again.etag());
    }
}

/// Holds a refusal against what `serde_json` says of the same text.
fn refused(text: &[u8], error: &Error, accepted_by_reference: bool) {
    let Error { pointer, offset, kind } = error;
    assert!(*offset <= text.len());
    assert!(pointer.is_empty() || pointer.starts_with('/'));
    assert!(error.detail().len() < 1_024, "a message does not send the text back");
    if !accepted_by_reference {
        return;
    }
    match kind {
        ErrorKind::DuplicateMember { .. } => {
            assert!(serde_json::from_slice::<Unique>(text).is_err(), "{error}");
        }
        ErrorKind::TooDeep
        | ErrorKind::NumberTooLong
        | ErrorKind::NumberOutOfRange
        | ErrorKind::Noncharacter(_) => {}
        _ => panic!("{error}, but serde_json accepts it"),
    }
}

/// Checks that a value has nothing that is refused. Tells whether `serde_json` reads it differently.
fn holds(value: &Value, depth: usize) -> bool {
    assert!(depth <= DEPTH_MAX);
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => {
            let text = number.as_str();
            let double: f64 = text.parse().expect("a number is a number");
            let digits = text.split(['e', 'E']).next().unwrap_or_default();
            let is_zero = !digits.contains(|digit| matches!(digit, '1'..='9'));
            assert!(double.is_finite() && (double != 0.0 || is_zero), "{text}");
            assert!(text.len() <= NUMBER_BYTES_MAX);
            false
        }
        Value::String(string) => {
            no_noncharacter(string);
            false
        }
        Value::Array(elements) => {
            assert!(depth < DEPTH_MAX);
            elements.iter().fold(false, |magic, element| holds(element, depth + 1) | magic)
        }
        Value::Object(members) => {
            assert!(depth < DEPTH_MAX);
            members.iter().fold(false, |magic, (name, member)| {
                no_noncharacter(name);
                holds(member, depth + 1) | name.starts_with(MAGIC_PREFIX) | magic
            })
        }
    }
}

fn no_noncharacter(string: &str) {
    let refused = |c: char| {
        matches!(u32::from(c) & 0xFFFF, 0xFFFE | 0xFFFF) || ('\u{FDD0}'..='\u{FDEF}').contains(&c)
    };
    assert!(!string.contains(refused), "{string:?}");
}

/// Writes a value without what `serde_json` changes in the text of numbers.
fn without_plus(value: &Value) -> String {
    match value {
        Value::Number(number) => number.as_str().replace('E', "e").replace("e+", "e"),
        Value::Array(elements) => {
            elements.iter().map(|element| without_plus(element) + ",").collect()
        }
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| format!("{name:?}:{},", without_plus(value)))
            .collect(),
        other => other.to_string(),
    }
}

/// Any value in which no object has a member twice, as `serde_json` reads it.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self, A::Error> {
        while elements.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    /// `serde_json` shows long numbers and fractions as objects of one member, too.
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !names.insert(name) {
                return Err(serde::de::Error::custom("a member stands there twice"));
            }
            members.next_value::<Self>()?;
        }
        Ok(self)
    }
}
