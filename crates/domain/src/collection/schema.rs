//! Checks on a schema when its collection is declared.

use jsonschema::error::{ValidationError, ValidationErrorKind};
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use super::cost::Costs;
use super::limits::{self, PATTERN_CACHE_BYTES};
use super::metaschema;
use super::pattern::{Patterns, Translated};
use super::places::{Place, Places, Unresolved};
use super::unique;
use crate::json::excerpt::{EXCERPT_CHARS_MAX, excerpt};
use crate::json::pointer;

/// The one dialect that is understood.
pub(super) const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Longest detail, in characters.
const DETAIL_CHARS_MAX: usize = 300;

/// A schema that a collection cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the schema is invalid at {pointer:?}: {detail}")]
pub struct InvalidSchema {
    /// The place in the schema, as a JSON Pointer (RFC 6901), at most 1,024 bytes: a longer one is
    /// cut back to an enclosing value.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

impl InvalidSchema {
    pub(super) fn new(pointer: impl Into<String>, detail: impl std::fmt::Display) -> Self {
        Self {
            pointer: pointer::bounded(pointer.into()),
            detail: excerpt(detail, DETAIL_CHARS_MAX),
        }
    }
}

/// Returns the options that every validator is compiled with.
///
/// Patterns run on the `regex` engine, whose time is linear in the text, so that no value can make
/// a pattern blow up; look-around and back-references are refused by it. The schema is to have been
/// [`Translated`] for it.
pub(super) fn options() -> jsonschema::ValidationOptions<'static> {
    let options = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex().dfa_size_limit(PATTERN_CACHE_BYTES))
        .offline();
    unique::in_place_of_own(options)
}

/// A schema that is sound.
#[derive(Debug)]
pub(super) struct Compiled<'s> {
    pub(super) validator: Validator,
    pub(super) costs: Costs,
    pub(super) places: Places<'s>,
    /// What the validator was compiled from.
    pub(super) translated: Translated<'s>,
}

/// Checks `schema` and compiles it.
pub(super) fn compile<'s>(schema: &'s Value) -> Result<Compiled<'s>, InvalidSchema> {
    if !schema.is_object() {
        return Err(InvalidSchema::new("", "a collection's schema is a JSON object"));
    }
    limits::check_size(schema)?;
    if let Some(dialect) = schema.get("$schema") {
        check_dialect(dialect).map_err(|detail| InvalidSchema::new("/$schema", detail))?;
    }
    metaschema::check(schema)?;
    if schema.get("type").is_some_and(|types| !names_object(types)) {
        return Err(InvalidSchema::new("/type", "items are objects, which this type leaves out"));
    }
    let places = Places::of(schema)?;
    for place in places.iter() {
        check_place(place, &places)?;
    }
    places.refuse_loops()?;
    let translated = Translated::of(&places)?;
    let costs = Costs::of(&places, &translated)?;
    let validator = options()
        .build(&translated.schema)
        .map_err(|error| uncompilable(&error, &translated.patterns))?;
    Ok(Compiled { validator, costs, places, translated })
}

fn check_dialect(dialect: &Value) -> Result<(), String> {
    match dialect {
        Value::String(dialect) if dialect.trim_end_matches('#') == DIALECT => Ok(()),
        _ => Err(format!("only {DIALECT} is understood")),
    }
}

fn names_object(types: &Value) -> bool {
    match types {
        Value::Array(list) => list.iter().any(names_object),
        name => name == "object",
    }
}

/// Checks what the metaschema cannot: that nothing outside the document is needed.
fn check_place(place: &Place<'_>, places: &Places<'_>) -> Result<(), InvalidSchema> {
    let Value::Object(keywords) = place.schema else {
        return Ok(());
    };
    let at = |keyword: &str| format!("{}/{keyword}", place.pointer);
    if let Some(dialect) = keywords.get("$schema") {
        // In a schema without a URI of its own it has no meaning.
        if !place.pointer.is_empty() && !keywords.contains_key("$id") {
            return Err(InvalidSchema::new(
                at("$schema"),
                "$schema stands at the root or beside $id",
            ));
        }
        check_dialect(dialect).map_err(|detail| InvalidSchema::new(at("$schema"), detail))?;
    }
    for keyword in ["$ref", "$dynamicRef"] {
        let Some(Value::String(reference)) = keywords.get(keyword) else {
            continue;
        };
        places.resolve(place, reference).map_err(|why| {
            let why = match why {
                Unresolved::Malformed => "is no URI reference",
                Unresolved::Outside => {
                    "is outside this document, and nothing is fetched; use \"#/$defs/..\""
                }
                Unresolved::Nowhere => "leads nowhere in this document",
            };
            InvalidSchema::new(at(keyword), format_args!("{reference:?} {why}"))
        })?;
    }
    Ok(())
}

fn uncompilable(error: &ValidationError<'_>, patterns: &Patterns) -> InvalidSchema {
    let pointer = error.schema_path().as_str();
    match error.kind() {
        ValidationErrorKind::Format { format } if format == "regex" => {
            let pattern = error.instance().as_str().map_or("", |engine| patterns.author(engine));
            let pattern = excerpt(format_args!("{pattern:?}"), EXCERPT_CHARS_MAX);
            let why = "is too large, or has look-around, a back-reference or a property of characters that is not supported";
            InvalidSchema::new(pointer, format_args!("the pattern {pattern} {why}"))
        }
        _ => InvalidSchema::new(pointer, error),
    }
}
