//! What the keywords of one schema take for one value.

use serde_json::Value;

use super::graph::{Mode, asserts};
use crate::collection::pattern::Translated;
use crate::collection::places::Place;
use crate::json::measure::Measure;

/// What to evaluate a keyword takes, in steps. A step takes a nanosecond at most where this was
/// measured, and about half of it for most keywords.
const KEYWORD: u64 = 8;

/// What to divide a short number exactly takes.
const DIVISION: u64 = 4_000;

/// What to compare a short number takes, and one in an array or object, which may be compared with a
/// long one.
const COMPARISON: u64 = 40;
const COMPARISON_WITHIN: u64 = 20_000;

/// What to try one place of a pattern at one character takes.
const POSITION: u64 = 10;

/// What each element below an array with `uniqueItems` takes, and each of its bytes.
const UNIQUE: u64 = 40;
const UNIQUE_BYTE: u64 = 4;

/// What to check a text against a format takes, and for each of its bytes.
const FORMAT: u64 = 500;
const FORMAT_BYTE: u64 = 100;

/// Most members of `properties` that the validator looks up in each object; of more it looks up the
/// object's members.
const LOOKED_UP_MAX: usize = 40;

/// Fewest strings of an `enum` that the validator makes a set of.
const STRING_SET_MIN: usize = 10;

/// Keywords that compute with numbers.
const LIMITS: [&str; 5] =
    ["multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];

/// Most zeros that the exponent of a number stands for: numbers are within the range of doubles.
const EXPONENT_DIGITS: u64 = 308;

/// Digits up to which doubles are compared.
const DOUBLE_DIGITS: u64 = 15;

/// What the keywords of some schemas take, in steps, by the parts of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    /// For a value of any type.
    pub(super) value: u64,
    /// For an object, beside what its members take.
    pub(super) object: u64,
    pub(super) member: u64,
    pub(super) name_byte: u64,
    pub(super) element: u64,
    /// For each byte of a string or a number.
    pub(super) text_byte: u64,
    /// How often a number is divided, compared for equality, and compared with a limit.
    divisions: u64,
    comparisons: u64,
    limits: u64,
    /// Most digits of the numbers that it is divided by and compared with.
    digits: u64,
    /// For each value and byte in an array, at any depth.
    pub(super) array_value: u64,
    pub(super) array_byte: u64,
    /// How many errors there can be for a value of any type, and for an object.
    pub(super) errors: u64,
    pub(super) object_errors: u64,
    /// What they take in memory beside what every error does.
    pub(super) error_bytes: u64,
    /// Whether an error holds a copy of the value.
    pub(super) error_copies: bool,
}

impl Own {
    /// Returns what dividing a number and comparing it takes.
    pub(super) fn computing(&self, number: &str) -> u64 {
        let bytes = number.len() as u64;
        let has_exponent = number.contains(['e', 'E']);
        let is_long = has_exponent || bytes.max(self.digits) > DOUBLE_DIGITS;
        let digits = bytes + self.digits + if has_exponent { EXPONENT_DIGITS } else { 0 };
        self.computing_exactly(digits, is_long)
    }

    /// Returns the most that [`computing`](Self::computing) is for each byte: that of a short number
    /// with an exponent.
    pub(super) const fn computing_byte_max(&self) -> u64 {
        self.computing_exactly(self.digits + EXPONENT_DIGITS + 3, true) / 3
    }

    /// With exact numbers it takes the square of their digits; only limits take less.
    const fn computing_exactly(&self, digits: u64, is_long: bool) -> u64 {
        let exactly = DIVISION + digits * digits / 2;
        let divided = self.divisions.saturating_mul(exactly);
        if !is_long {
            return divided;
        }
        let compared = self.comparisons.saturating_mul(exactly);
        let limited = self.limits.saturating_mul(DIVISION + 8 * digits);
        divided.saturating_add(compared).saturating_add(limited)
    }
}

/// Returns how many digits a number has when its exponent is written out, at most.
fn digits(number: &str) -> u64 {
    number.len() as u64 + if number.contains(['e', 'E']) { EXPONENT_DIGITS } else { 0 }
}

impl Own {
    /// Returns what a schema takes by itself.
    pub(super) fn of(place: &Place<'_>, translated: &Translated<'_>, mode: Mode) -> Self {
        let Value::Object(keywords) = place.schema else {
            return Self {
                value: KEYWORD,
                errors: u64::from(mode == Mode::Errors),
                ..Self::default()
            };
        };
        let length = |keyword: &str| match keywords.get(keyword) {
            Some(Value::Array(list)) => list.len() as u64,
            Some(Value::Object(map)) => map.len() as u64,
            _ => 0,
        };
        let mut own =
            Self { value: KEYWORD * (1 + keywords.len().min(64) as u64), ..Self::default() };
        let patterns: Vec<_> = place.map("patternProperties");
        // With `additionalProperties` names are matched once more.
        let rounds = if keywords.contains_key("additionalProperties") { 2 } else { 1 };
        own.member = KEYWORD * (2 + rounds * patterns.len() as u64);
        let positions = |pattern: &str| 1_u64.saturating_add(translated.positions(pattern));
        own.name_byte = patterns.iter().fold(0, |sum: u64, (pattern, _)| {
            sum.saturating_add(POSITION.saturating_mul(rounds * positions(pattern)))
        });
        if mode == Mode::Mark {
            return own;
        }
        let dependent = place.keyword("dependentRequired").and_then(Value::as_object);
        let dependent = dependent.into_iter().flatten();
        let names = dependent.map(|(_, names)| 1 + names.as_array().map_or(0, Vec::len) as u64);
        let names = names.sum::<u64>() + length("required");
        let looked_up = length("properties").min(LOOKED_UP_MAX as u64);
        own.object = KEYWORD * (looked_up + names + length("dependentSchemas"));
        own.element = KEYWORD;
        if let Some(Value::String(pattern)) = keywords.get("pattern") {
            own.text_byte = POSITION.saturating_mul(positions(pattern));
        }
        own.text_byte += 1;
        if keywords.contains_key("format") {
            own.value += FORMAT;
            own.text_byte += FORMAT_BYTE;
        }
        own.divisions = u64::from(keywords.contains_key("multipleOf"));
        for keyword in LIMITS {
            if let Some(Value::Number(number)) = keywords.get(keyword) {
                own.limits += u64::from(keyword != "multipleOf");
                own.digits = own.digits.max(digits(number.as_str()));
            }
        }
        let constant = keywords.get("const").into_iter();
        let listed = keywords.get("enum").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        // A list of strings alone is a set in the validator.
        let is_set = listed.len() >= STRING_SET_MIN && listed.iter().all(Value::is_string);
        own.text_byte += u64::from(is_set);
        for value in constant.chain(listed.iter().filter(|_| !is_set)) {
            own.value = own.value.saturating_add(comparison(value, 0));
            if let Value::Number(number) = value {
                own.comparisons += 1;
                own.digits = own.digits.max(digits(number.as_str()));
            }
        }
        if keywords.get("uniqueItems") == Some(&Value::Bool(true)) {
            (own.array_value, own.array_byte) = (UNIQUE, UNIQUE_BYTE);
        }
        if mode == Mode::Errors {
            own.errors =
                keywords.iter().filter(|(keyword, value)| asserts(keyword, value)).count() as u64;
            own.object_errors = names;
            let copied = [keywords.get("not"), keywords.get("const")].into_iter().flatten();
            own.error_bytes = copied.map(bytes_held).sum();
            own.error_copies = own.array_value > 0;
        }
        if mode != Mode::Valid {
            // Most keywords are judged before the error is made.
            own = Self {
                errors: own.errors,
                object_errors: own.object_errors,
                error_bytes: own.error_bytes,
                ..own.plus(own, 1)
            };
        }
        own
    }

    /// Adds what `other` takes so many times.
    pub(super) fn plus(self, other: Self, times: u64) -> Self {
        let sum = |own: u64, other: u64| own.saturating_add(other.saturating_mul(times));
        Self {
            value: sum(self.value, other.value),
            object: sum(self.object, other.object),
            member: sum(self.member, other.member),
            name_byte: sum(self.name_byte, other.name_byte),
            element: sum(self.element, other.element),
            text_byte: sum(self.text_byte, other.text_byte),
            divisions: sum(self.divisions, other.divisions),
            comparisons: sum(self.comparisons, other.comparisons),
            limits: sum(self.limits, other.limits),
            digits: self.digits.max(other.digits),
            array_value: sum(self.array_value, other.array_value),
            array_byte: sum(self.array_byte, other.array_byte),
            errors: sum(self.errors, other.errors),
            object_errors: sum(self.object_errors, other.object_errors),
            error_bytes: sum(self.error_bytes, other.error_bytes),
            error_copies: self.error_copies || other.error_copies,
        }
    }
}

/// Returns what it takes to compare a value with one of the schema that is so deep in another.
fn comparison(value: &Value, level: usize) -> u64 {
    match value {
        Value::Number(_) if level > 0 => COMPARISON_WITHIN,
        Value::Number(_) => COMPARISON,
        Value::String(text) => KEYWORD / 4 + text.len() as u64 / 8,
        Value::Array(elements) => {
            KEYWORD + elements.iter().map(|value| comparison(value, level + 1)).sum::<u64>()
        }
        Value::Object(members) => {
            let member = |value| KEYWORD + comparison(value, level + 1);
            KEYWORD + members.values().map(member).sum::<u64>()
        }
        _ => KEYWORD,
    }
}

/// Returns about what a value takes in memory.
pub(super) fn bytes_held(value: &Value) -> u64 {
    let Measure { values, bytes, .. } = Measure::of(value);
    (values * 100 + bytes) as u64
}
