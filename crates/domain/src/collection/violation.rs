//! What a value does wrong.

use jsonschema::Validator;
use jsonschema::error::{ValidationError, ValidationErrorKind};
use serde::Serialize;
use serde_json::Value;

use super::cost::{Costs, Listing};
use super::pattern::Patterns;
use crate::json::excerpt::{EXCERPT_CHARS_MAX, excerpt};
use crate::json::pointer;

/// Most violations that are listed: more than a person reads, and an answer of them stays small.
pub const VIOLATIONS_MAX: usize = 100;

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

/// Lists what `value`, which is not valid, does wrong, as far as that can be afforded.
pub(super) fn list(
    validator: &Validator,
    costs: &Costs,
    patterns: &Patterns,
    value: &Value,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    let first = || validator.validate(value).err();
    let errors: &mut dyn Iterator<Item = _> = match costs.listing(value) {
        Listing::All => &mut validator.iter_errors(value),
        Listing::First => &mut first().into_iter(),
        Listing::Nothing => {
            let detail = "the item breaks the schema, and is too large for it to say where";
            return vec![Violation::new(String::new(), detail)];
        }
    };
    for error in errors {
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
