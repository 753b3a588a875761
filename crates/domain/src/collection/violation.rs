//! What a value does wrong.

use jsonschema::Validator;
use jsonschema::error::{ValidationError, ValidationErrorKind};
use serde::Serialize;
use serde_json::Value;

use super::pattern::Patterns;
use crate::json::excerpt::{EXCERPT_CHARS_MAX, excerpt};
use crate::json::pointer;

/// Most violations that are listed: more than a person reads, and an answer of them stays small.
pub const VIOLATIONS_MAX: usize = 100;

/// Most memory that the violations of one value may take while they are collected: 16 MiB. The
/// validator makes all of them before it hands out the first, so that without a bound a body of
/// 1 MiB could take two hundred times its size, and gigabytes when its names are long.
const COLLECTED_BYTES_MAX: usize = 16 << 20;

/// What a violation takes beside its pointer, measured with `jsonschema` 0.60.
const VIOLATION_BYTES: usize = 400;

/// Longest detail, in characters; what the value contains is quoted in 60 of them at most.
const DETAIL_CHARS_MAX: usize = 200;

/// A rule of the schema that a value breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The offending place in the value, as a JSON Pointer (RFC 6901), at most 1,024 bytes: a
    /// longer one is cut back to an enclosing value. For a missing member it is the object that
    /// lacks it, for a member that is not allowed the member.
    pub pointer: String,
    /// What is wrong there, at most 201 characters.
    pub detail: String,
}

impl Violation {
    pub(super) fn new(pointer: String, detail: impl std::fmt::Display) -> Self {
        Self { pointer: pointer::bounded(pointer), detail: excerpt(detail, DETAIL_CHARS_MAX) }
    }
}

/// Lists what `value`, which is not valid, does wrong.
pub(super) fn list(validator: &Validator, patterns: &Patterns, value: &Value) -> Vec<Violation> {
    let mut violations = Vec::new();
    if collected_bytes(value, 0) > COLLECTED_BYTES_MAX {
        if let Err(error) = validator.validate(value) {
            push(&error, patterns, &mut violations);
        }
        violations.truncate(VIOLATIONS_MAX);
        return violations;
    }
    for error in validator.iter_errors(value) {
        push(&error, patterns, &mut violations);
        if violations.len() >= VIOLATIONS_MAX {
            violations.truncate(VIOLATIONS_MAX);
            break;
        }
    }
    violations
}

fn push(error: &ValidationError<'_>, patterns: &Patterns, violations: &mut Vec<Violation>) {
    let place = error.instance_path().as_str();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            for name in unexpected.iter().take(VIOLATIONS_MAX) {
                let quoted = excerpt(name, EXCERPT_CHARS_MAX);
                let detail = format_args!("member {quoted:?} is not allowed");
                violations.push(Violation::new(pointer::member(place, name), detail));
            }
        }
        ValidationErrorKind::Required { property } => {
            violations.push(Violation::new(
                place.to_owned(),
                format_args!("member {property} is missing"),
            ));
        }
        ValidationErrorKind::Enum { options } => {
            let quoted = excerpt(error.instance(), EXCERPT_CHARS_MAX);
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let relation = if options.len() == 1 { "is not" } else { "is none of" };
            let detail = format!("{quoted} {relation} {}", listed(options));
            violations.push(Violation::new(place.to_owned(), detail));
        }
        ValidationErrorKind::Pattern { pattern } => {
            let quoted = excerpt(error.instance(), EXCERPT_CHARS_MAX);
            let pattern = patterns.author(pattern);
            let detail = format_args!("{quoted} does not match \"{pattern}\"");
            violations.push(Violation::new(place.to_owned(), detail));
        }
        _ => {
            let quoted = excerpt(error.instance(), EXCERPT_CHARS_MAX);
            violations.push(Violation::new(place.to_owned(), error.masked_with(quoted)));
        }
    }
}

/// Lists the values of an `enum`, as many as fit; of those that do not it says how many they are.
fn listed(options: &[Value]) -> String {
    /// What the offending value, the words around and the number of the others take.
    const OTHERS_CHARS: usize = EXCERPT_CHARS_MAX + 32;
    let (mut text, mut chars) = (String::new(), 0);
    for (at, option) in options.iter().enumerate() {
        let option = excerpt(option, EXCERPT_CHARS_MAX);
        chars += option.chars().count() + ", ".len();
        if at > 0 && chars > DETAIL_CHARS_MAX - OTHERS_CHARS {
            return format!("{text} and {} more", options.len() - at);
        }
        text = if at == 0 { option } else { format!("{text}, {option}") };
    }
    text
}

/// Adds up what one violation of each part of `value` would take; its own pointer has
/// `pointer_bytes`.
fn collected_bytes(value: &Value, pointer_bytes: usize) -> usize {
    /// The digits of an index and the slash before it.
    const INDEX_BYTES: usize = 8;
    let parts: usize = match value {
        Value::Array(elements) => elements
            .iter()
            .map(|element| collected_bytes(element, pointer_bytes + INDEX_BYTES))
            .sum(),
        Value::Object(members) => {
            let member = |(name, member): (&String, _)| {
                collected_bytes(member, pointer_bytes + 1 + name.len())
            };
            members.iter().map(member).sum()
        }
        _ => 0,
    };
    VIOLATION_BYTES + pointer_bytes + parts
}
